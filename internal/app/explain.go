package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// Sample is a message to be explained.
type Sample struct {
	Text   string    `json:"text"`
	Kind   chat.Kind `json:"kind"`
	Name   string    `json:"name"`
	Before []string  `json:"before"` // earlier messages of the same sender, oldest first

	Audience policy.Audience   `json:"audience"` // what is left out counts as unknown
	Device   policy.Device     `json:"device"`
	Role     policy.Role       `json:"role"`
	State    policy.State      `json:"state"`
	Channel  policy.Channel    `json:"channel"`
	Person   policy.Protection `json:"person"`
	People   int               `json:"people"` // how many read the chat
}

// facts are those that policies are held against.
func (m Sample) facts() policy.Facts {
	return policy.Facts{Chat: m.Kind, Audience: m.Audience, Device: m.Device, Role: m.Role, State: m.State, Channel: m.Channel, Person: m.Person}
}

// Explanation is what would be found, decided and asked. It holds no text of
// the message.
type Explanation struct {
	Findings []rules.Finding `json:"findings"`
	Outcome  policy.Outcome  `json:"outcome"`
	Duties   []policy.Duty   `json:"duties"`
	Policy   []policy.Line   `json:"policy"`
	Prompt   *bots.Prompt    `json:"prompt,omitempty"`

	Facts policy.Facts    `json:"facts"` // the circumstances that it was explained for
	Spoke []policy.Spoken `json:"spoke"` // every row of every pack that spoke
}

// Explain goes the way of a message as far as the prompt, and keeps nothing.
func Explain(ctx context.Context, c Config, m Sample) (Explanation, error) {
	packs, viewer, set, err := parts(c)
	if err != nil {
		return Explanation{}, err
	}
	found, err := set.Scan(ctx, m.Text, detect.Context{Before: m.Before, Kind: m.Kind})
	if err != nil {
		return Explanation{}, err
	}
	found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
	audience := func() (policy.Audience, int) { return cmp.Or(m.Audience, policy.UnknownAudience), m.People }
	found = append(found, engine.Seen(m.Text, time.Now(), viewer.Zone, audience)...)
	d := policy.Decide(packs, policy.Situation{Facts: m.facts(), Findings: found})
	e := Explanation{Findings: found, Outcome: d.Outcome, Duties: d.Duties, Policy: d.Lines, Facts: m.facts(), Spoke: d.Spoke}
	if d.Acts() {
		now := time.Now()
		p := prompt.New("example", now, chat.ID{}, "the chat", m.Kind, "sender", m.Name)
		it := prompt.Item{Message: "1", At: now, Kind: d.Prompt, Outcome: d.Outcome, Duties: d.Duties, Lines: d.Lines}
		for _, f := range found {
			if slices.Contains(d.Classes, f.Class) {
				it.Found = append(it.Found, prompt.Found{Rule: f.Rule, Category: f.Category, Mask: f.Mask})
			}
		}
		p.Flag(now, it)
		e.Prompt = viewer.Show(p, prompt.Can{Delete: true})
	}
	return e, nil
}

// Check opens nothing and starts nothing: it says what of a configuration
// could not be started.
func Check(c Config) error {
	_, _, _, err := parts(c)
	return err
}

// parts builds what needs no data folder.
func parts(c Config) ([]policy.Pack, prompt.Viewer, *detect.Set, error) {
	packs, err := Packs(c.Policies)
	if err != nil {
		return nil, prompt.Viewer{}, nil, err
	}
	viewer, err := texts(c)
	if err == nil {
		err = said(packs, viewer.Texts)
	}
	if err == nil {
		_, err = c.circumstances(packs)
	}
	if err != nil {
		return nil, viewer, nil, err
	}
	set, err := scanner(c.RulesDir)
	return packs, viewer, set, err
}
