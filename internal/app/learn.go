package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/rules"
)

// learnCalls are about what the product learns from answers.
func (a *App) learnCalls(t control.Table) {
	t["suppressions.list"] = looks(access.Govern, a.suppressionsList)
	t["suppressions.end"] = named(access.Govern, a.suppressionsEnd)
	t["rules.example"] = named(access.Machine, a.rulesExample)
	a.breachCalls(t)
	a.measureCalls(t)
}

// Suppression is a judgement that something is not sensitive in one chat. It
// has no value in it.
type Suppression struct {
	ID       string    `json:"id"`
	Chat     string    `json:"chat"`
	Title    string    `json:"title,omitempty"` // of the chat
	Category string    `json:"category"`
	Says     string    `json:"says"` // the category in words
	Rule     string    `json:"rule"`
	Of       string    `json:"of"`    // value or text
	Owner    string    `json:"owner"` // the member who said so
	Prompt   string    `json:"prompt"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Times    int       `json:"times"` // how often it kept a prompt back
	Ended    time.Time `json:"ended,omitzero"`
	EndedBy  string    `json:"ended_by,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// WhichSuppressions says whether those that ended are listed too.
type WhichSuppressions struct {
	All bool `json:"all,omitempty"`
}

func (a *App) suppressionsList(ctx context.Context, in WhichSuppressions) ([]Suppression, error) {
	all, err := a.engine.Suppressions(ctx, in.All)
	if err != nil {
		return nil, err
	}
	titles, err := a.titles(ctx)
	out := make([]Suppression, 0, len(all))
	for _, s := range all {
		out = append(out, viewSuppression(s, titles))
	}
	return out, err
}

func viewSuppression(s engine.Suppression, titles map[chat.ID]string) Suppression {
	v := Suppression{
		ID: s.ID, Chat: s.Chat.String(), Title: titles[s.Chat], Category: s.Category, Says: kindsInWords([]string{s.Category})[0], Rule: s.Rule, Of: "value",
		Owner: member(s.Chat.Account, s.Owner), Prompt: s.Prompt, Since: s.Since, Until: s.Until, Times: s.Times,
		Ended: s.Ended, EndedBy: s.EndedBy, Why: s.Why,
	}
	if s.Whole {
		v.Of = "text"
	}
	return v
}

// titles are the chats' names as people know them.
func (a *App) titles(ctx context.Context) (map[chat.ID]string, error) {
	known, err := a.store.Chats(ctx)
	out := make(map[chat.ID]string, len(known))
	for _, k := range known {
		out[k.ID] = cmp.Or(k.Name, k.ID.Local)
	}
	return out, err
}

// EndSuppression says which suppression ends, and why.
type EndSuppression struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

func (a *App) suppressionsEnd(ctx context.Context, by string, in EndSuppression) (struct{}, error) {
	if strings.TrimSpace(in.Why) == "" {
		return struct{}{}, errors.New("say why it is asked about again with --why")
	}
	return struct{}{}, a.engine.EndSuppression(ctx, in.ID, by, in.Why)
}

// NewExample is an invented text that a rule is to find, or to leave alone, from
// now on.
type NewExample struct {
	Dir   string   `json:"dir,omitempty"` // of the organisation's rules; empty: the configuration's
	Rule  string   `json:"rule"`
	Hit   string   `json:"hit,omitempty"`
	Miss  string   `json:"miss,omitempty"`
	Never []string `json:"never,omitempty"` // words that rule a finding out, from now on
}

// Taught is what came of a new example.
type Taught struct {
	File string `json:"file"`
	Hits int    `json:"hits"`
	Miss int    `json:"misses"`
}

// rulesExample adds an invented example to a rule of the organisation. What was
// judged in a chat is refused: the rules are a file that many people read.
func (a *App) rulesExample(ctx context.Context, by string, in NewExample) (Taught, error) {
	dir := cmp.Or(in.Dir, a.c.RulesDir)
	text := strings.TrimSpace(in.Hit + in.Miss)
	switch {
	case dir == "":
		return Taught{}, errors.New("name the organisation's rules directory with --rules, or as rules.directory in the configuration")
	case text == "" || (in.Hit != "" && in.Miss != ""):
		return Taught{}, errors.New("write one invented text: --miss TEXT that the rule is to leave alone, or --hit TEXT that it is to find")
	case len(text) > 2000:
		return Taught{}, errors.New("an example is at most 2,000 characters long")
	}
	if was, err := a.engine.Suppressed(ctx, text); err != nil {
		return Taught{}, err
	} else if was {
		return Taught{}, errors.New("this text holds something that somebody wrote and judged: invent another like it, with other numbers and names. Nothing was written")
	}
	file, r, err := rules.Teach(dir, rules.Lesson{Rule: in.Rule, Hit: in.Hit, Miss: in.Miss, Never: in.Never}, func(list []rules.Rule) error {
		_, err := detect.Compile(list)
		return err
	})
	if err != nil {
		return Taught{}, a.unproved(ctx, dir, in, err)
	}
	if err := a.store.Taught(ctx, a.now(), by, in.Rule); err != nil {
		return Taught{}, err
	}
	return Taught{File: file, Hits: len(r.Examples.Hit), Miss: len(r.Examples.Miss)}, nil
}

// unproved says why an example was refused, where it is the example's own
// doing.
func (a *App) unproved(ctx context.Context, dir string, in NewExample, err error) error {
	list, loadErr := rules.LoadDir(dir)
	if loadErr != nil {
		return err
	}
	set, compileErr := detect.Compile(list)
	if compileErr != nil {
		return err
	}
	found, scanErr := set.Scan(ctx, in.Hit+in.Miss, detect.Context{})
	if scanErr != nil {
		return err
	}
	finds := slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Rule == in.Rule && f.Confidence >= rules.ReportAt })
	switch {
	case in.Miss != "" && finds && len(in.Never) == 0:
		return fmt.Errorf("the rule %s still finds this text. Name a word of it that rules a finding out, with --never WORD, or change the rule first. Nothing was written", in.Rule)
	case in.Hit != "" && !finds:
		return fmt.Errorf("the rule %s does not find this text. Change the rule first. Nothing was written", in.Rule)
	}
	return err
}
