package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/control"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/rules"
)

func (a *App) policyCalls(t control.Table) {
	t["policy.list"] = looks(access.See, a.policyList)
	t["policy.simulate"] = looks(access.Machine, a.policySimulate) // it reads files on this machine
}

// Adopted is a pack as pages and commands show it.
type Adopted struct {
	ID      string       `json:"id"`
	Title   string       `json:"title"`
	Version string       `json:"version"`
	Owner   string       `json:"owner"`
	Review  string       `json:"review"`
	Overdue bool         `json:"overdue"`
	Source  string       `json:"source"`
	Of      string       `json:"of,omitempty"` // the organisation that adopted it; empty: ours
	Rows    []AdoptedRow `json:"rows"`
	NotHere []NotHere    `json:"not_here,omitempty"`
}

// AdoptedRow is a row that can be read aloud.
type AdoptedRow struct {
	ID      string   `json:"id"`
	When    string   `json:"when"`
	Outcome string   `json:"outcome"`
	Words   string   `json:"words"` // of the outcome
	Duties  string   `json:"duties"`
	Line    string   `json:"line"`
	Source  []string `json:"source"`
}

// NotHere is what of a policy is no row.
type NotHere struct {
	Source []string `json:"source"`
	Why    string   `json:"why"`
}

// View turns a pack into what people read.
func View(p policy.Pack, now time.Time) Adopted {
	v := Adopted{ID: p.ID, Title: p.Title, Version: p.Version, Owner: p.Owner, Review: p.Review, Overdue: p.Overdue(now), Source: p.Source, Rows: []AdoptedRow{}}
	for _, r := range p.All() {
		v.Rows = append(v.Rows, AdoptedRow{ID: r.ID, When: r.Words(), Outcome: string(r.Outcome), Words: r.Outcome.Words(), Duties: r.DutyWords(), Line: r.Line, Source: r.Source})
	}
	for _, n := range p.NotHere {
		v.NotHere = append(v.NotHere, NotHere{Source: n.Source, Why: n.Why})
	}
	return v
}

// Policies is what is adopted, by whom, and what is excepted from it.
type Policies struct {
	Packs      []Adopted   `json:"packs"`
	Exceptions []Exception `json:"exceptions"`
	Chats      []Standing  `json:"chats"`
}

// Exception is a dated permission as it stands now.
type Exception struct {
	ID     string    `json:"id"`
	What   string    `json:"what"`
	Chats  string    `json:"chats"`
	Owner  string    `json:"owner"`
	Reason string    `json:"reason"`
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until"`
	State  string    `json:"state"` // to come, in force, ended
}

// Standing is what the packs say of ordinary talk in one chat.
type Standing struct {
	Chat     string `json:"chat"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Audience string `json:"audience"`
	Outcome  string `json:"outcome"`
	Words    string `json:"words"`
	Line     string `json:"line"`
}

func (a *App) policyList(ctx context.Context, _ struct{}) (Policies, error) {
	now := a.now()
	out := Policies{Packs: []Adopted{}, Exceptions: []Exception{}, Chats: []Standing{}}
	ours, circumstances := a.engine.Policies()
	for _, p := range ours {
		out.Packs = append(out.Packs, View(p, now))
	}
	for _, o := range circumstances.Organisations {
		for _, p := range o.Packs {
			v := View(p, now)
			v.Of = o.Name
			out.Packs = append(out.Packs, v)
		}
	}
	for _, x := range circumstances.Exceptions {
		out.Exceptions = append(out.Exceptions, exception(x, now))
	}
	chats, err := a.chatList(ctx, struct{}{})
	if err != nil {
		return out, err
	}
	for _, c := range chats {
		id, err := chatID(c.ID)
		if err != nil {
			return out, err
		}
		facts, err := a.engine.Standing(ctx, id, c.Kind)
		if err != nil {
			return out, err
		}
		d := policy.Decide(ours, policy.Situation{Facts: facts})
		s := Standing{Chat: c.ID, Name: c.Name, Kind: string(c.Kind), Audience: policy.AudienceWords(facts.Audience), Outcome: string(d.Outcome), Words: d.Outcome.Words()}
		for _, sp := range d.Spoke {
			if sp.Outcome == d.Outcome {
				s.Line = sp.Pack + ": " + sp.Text
			}
		}
		out.Chats = append(out.Chats, s)
	}
	return out, nil
}

func exception(x policy.Exception, now time.Time) Exception {
	v := Exception{ID: x.ID, Chats: x.In(), Owner: x.Owner, Reason: x.Reason, From: x.From, Until: x.Until, State: "in force"}
	switch {
	case x.State != "":
		v.What = "permits the channel: " + string(x.State)
	default:
		v.What = fmt.Sprintf("lets pass, of %s: %s", x.Pack, strings.Join(x.Rows, ", "))
	}
	if now.Before(x.From) {
		v.State = "to come"
	} else if !x.Stands(now) {
		v.State = "ended"
	}
	return v
}

// Simulate is a change of packs to be tried on what is stored.
type Simulate struct {
	From []string `json:"from,omitempty"` // packs as they are; none: those that are adopted
	To   []string `json:"to"`             // … and as they would be: ids, or whole paths of files
	Days int      `json:"days,omitempty"`
}

func (a *App) policySimulate(ctx context.Context, in Simulate) (policy.Simulation, error) {
	was, _ := a.engine.Policies()
	var err error
	if len(in.From) > 0 {
		if was, err = Packs(in.From); err != nil {
			return policy.Simulation{}, err
		}
	}
	now, err := Packs(in.To)
	if err != nil {
		return policy.Simulation{}, err
	}
	past, err := a.store.Past(ctx, a.since(Lately{Days: in.Days}))
	if err != nil {
		return policy.Simulation{}, err
	}
	list, err := rules.LoadDir(a.c.RulesDir)
	if err != nil {
		return policy.Simulation{}, err
	}
	class := map[string]rules.Class{}
	for _, r := range list {
		class[r.ID] = r.Class
	}
	var cases []policy.Case
	for _, p := range past {
		c := policy.Case{Chat: p.Chat.String(), Place: string(p.Message), Member: string(p.Member), At: p.At}
		c.Facts = p.Facts
		for _, f := range p.Findings {
			if slices.Contains(f.Because, engine.NotSensitive) {
				continue // its sender judged it, and nobody is asked again
			}
			if f.Class == "" {
				f.Class = class[f.Rule]
			}
			c.Findings = append(c.Findings, f)
		}
		cases = append(cases, c)
	}
	return policy.Simulate(was, now, cases), nil
}
