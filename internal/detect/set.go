// Package detect finds in the text of a message what the rules describe: it
// normalises the text, finds candidates for all rules, and weighs each by its
// form, its check and its surroundings.
//
// It must not decide what is done about a finding, must not keep or log text,
// and must not say "clean" of a text that it did not read to the end.
package detect

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Context is what is known around a message.
type Context struct {
	Before []string // earlier messages of the same sender, oldest first
	Kind   chat.Kind
}

// Set is a compiled set of rules. It is safe for concurrent use and never
// changes; to use other rules, compile another set and swap it in.
type Set struct {
	rules []compiled
}

// compiled is one rule, ready to use.
type compiled struct {
	rules.Rule
	patterns []*regexp.Regexp
	check    rules.Validator
	words    *wordSet
	also     *wordSet
	against  *wordSet
	never    *wordSet
}

// Compile builds a set and proves it: each rule must find something in each of
// its hits and nothing in any of its misses. Every fault of every rule is
// reported at once.
func Compile(list []rules.Rule) (*Set, error) {
	var faults []error
	s := &Set{}
	seen := map[string]bool{}
	for _, r := range list {
		for _, reason := range rules.Check(r) {
			faults = append(faults, fault(r, "%s", reason))
		}
		if seen[r.ID] {
			faults = append(faults, fault(r, "this id is used twice"))
		}
		seen[r.ID] = true
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	for _, r := range list {
		s.rules = append(s.rules, compile(r))
	}
	if faults = s.prove(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

func fault(r rules.Rule, format string, args ...any) error {
	return rules.Fault{File: r.File, Line: r.Line, Rule: r.ID, Reason: fmt.Sprintf(format, args...)}
}

func compile(r rules.Rule) compiled {
	c := compiled{Rule: r, check: rules.Validators()[r.Validate]}
	for _, p := range r.Patterns {
		re := regexp.MustCompile(p)
		re.Longest()
		c.patterns = append(c.patterns, re)
	}
	c.words = newWordSet(r.Context.Words)
	c.also = newWordSet(r.Context.Also)
	c.against = newWordSet(r.Context.Against)
	c.never = newWordSet(r.Context.Never)
	return c
}

// prove scans every example.
func (s *Set) prove() []error {
	var faults []error
	for i := range s.rules {
		r := &s.rules[i]
		for n, text := range r.Examples.Hit {
			if ok, err := s.finds(r.ID, text); err != nil || !ok {
				faults = append(faults, fault(r.Rule, "its hit example %d is not found%s", n+1, because(err)))
			}
		}
		for n, text := range r.Examples.Miss {
			if ok, err := s.finds(r.ID, text); err != nil || ok {
				faults = append(faults, fault(r.Rule, "its miss example %d is found%s", n+1, because(err)))
			}
		}
	}
	return faults
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func (s *Set) finds(id, text string) (bool, error) {
	found, err := s.Scan(context.Background(), text, Context{})
	for _, f := range found {
		if f.Rule == id && f.Confidence >= rules.ReportAt {
			return true, err
		}
	}
	return false, err
}

// Scan finds everything in text, however unsure; callers leave out what is
// under rules.ReportAt. When it returns an error the text is not known to be
// clean, and the findings are nil.
func (s *Set) Scan(ctx context.Context, text string, c Context) ([]rules.Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("scan: the text has %d bytes, more than the %d that are read at once: split it", len(text), MaxText)
	}
	v := normalise(text)
	found, err := s.candidates(ctx, &v)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	sc := scorer{set: s, v: &v, before: c.Before}
	return sc.weigh(found), nil
}

// MaxText is the longest text, in bytes, that Scan reads at once.
const MaxText = 256 << 20

// candidate is one match of one pattern, before anything is weighed.
type candidate struct {
	rule       int
	start, end int // the value, in the view
}

// candidates gives every match of every pattern whose value passes its check.
func (s *Set) candidates(ctx context.Context, v *view) ([]candidate, error) {
	var out []candidate
	for i := range s.rules {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		r := &s.rules[i]
		for _, re := range r.patterns {
			for _, m := range re.FindAllStringSubmatchIndex(v.text, -1) {
				c := candidate{rule: i, start: m[0], end: m[1]}
				if len(m) > 2 && m[2] >= 0 {
					c.start, c.end = m[2], m[3]
				}
				if r.check.Check == nil || r.check.Check(v.text[c.start:c.end]) {
					out = append(out, c)
				}
			}
		}
	}
	return out, nil
}
