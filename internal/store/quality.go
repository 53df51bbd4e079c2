package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/prompt"
	"chaperone/rules"
)

// Answers counts what became of the prompts in which a rule had a finding:
// how right the rule was, by those who wrote the messages. Counts are by rule,
// never by person.
type Answers struct {
	Rule         string `json:"rule"`
	Asked        int    `json:"asked"`         // prompts that ended
	Agreed       int    `json:"agreed"`        // kept, deleted or put right
	NotSensitive int    `json:"not_sensitive"` // the sender's judgement that nothing is in it
	Wrong        int    `json:"wrong"`         // the sender said that it is wrong
	Open         int    `json:"open"`          // ended without an answer
}

// Answers lists the rules whose prompts ended since a time, by rule.
func (s *Store) Answers(ctx context.Context, since time.Time) ([]Answers, error) {
	rows, err := s.query(ctx, "SELECT body FROM prompts WHERE waiting = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	by := map[string]*Answers{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var p prompt.Prompt
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fmt.Errorf("%w: a prompt cannot be read (%v)", ErrDamaged, err)
		}
		if !p.Closed.Before(since) {
			count(by, &p)
		}
	}
	out := make([]Answers, 0, len(by))
	for _, a := range by {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Answers) int { return strings.Compare(a.Rule, b.Rule) })
	return out, rows.Err()
}

// count adds one prompt to every rule that had a finding in it.
func count(by map[string]*Answers, p *prompt.Prompt) {
	seen := map[string]bool{}
	for _, it := range p.Items {
		for _, f := range it.Found {
			if seen[f.Rule] {
				continue
			}
			seen[f.Rule] = true
			a := by[f.Rule]
			if a == nil {
				a = &Answers{Rule: f.Rule}
				by[f.Rule] = a
			}
			a.Asked++
			switch {
			case p.Answer == prompt.AnswerNotSensitive:
				a.NotSensitive++
			case p.Answer == prompt.AnswerWrong:
				a.Wrong++
			case p.State == prompt.PutRight || p.State == prompt.Answered:
				a.Agreed++
			default:
				a.Open++
			}
		}
	}
}

// Found counts the stored findings of one rule and severity.
type Found struct {
	Rule     string         `json:"rule"`
	Severity rules.Severity `json:"severity"`
	Findings int            `json:"findings"`
	Messages int            `json:"messages"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
}

// Found lists what was found since a time, by rule and severity. It is what a
// change of rules is held against where no text is kept.
func (s *Store) Found(ctx context.Context, since time.Time) ([]Found, error) {
	rows, err := s.query(ctx, "SELECT decided, body FROM decisions WHERE decided >= ? ORDER BY decided", millis(since))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type kind struct {
		rule     string
		severity rules.Severity
	}
	by := map[kind]*Found{}
	for rows.Next() {
		var at int64
		var raw []byte
		if err := rows.Scan(&at, &raw); err != nil {
			return nil, err
		}
		var b body
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("%w: a decision cannot be read (%v)", ErrDamaged, err)
		}
		here := map[kind]bool{}
		for _, f := range b.Findings {
			k := kind{f.Rule, f.Severity}
			have := by[k]
			if have == nil {
				have = &Found{Rule: f.Rule, Severity: f.Severity, First: fromMillis(at)}
				by[k] = have
			}
			have.Findings++
			have.Last = fromMillis(at)
			if !here[k] {
				here[k] = true
				have.Messages++
			}
		}
	}
	out := make([]Found, 0, len(by))
	for _, f := range by {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Found) int {
		return strings.Compare(a.Rule+" "+string(a.Severity), b.Rule+" "+string(b.Severity))
	})
	return out, rows.Err()
}
