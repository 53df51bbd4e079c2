package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chaperone/config"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// DefaultPolicies are adopted where the configuration names none: the councils'
// policy and its section about emergency groups.
func DefaultPolicies() []string { return []string{"council", "emergency"} }

// Packs reads packs: those that come with the product by their id, any other by
// the name of its file. None named reads DefaultPolicies.
func Packs(adopted []string) ([]policy.Pack, error) {
	if len(adopted) == 0 {
		adopted = DefaultPolicies()
	}
	var packs []policy.Pack
	var faults []error
	for i, name := range adopted {
		if slices.Contains(adopted[:i], name) {
			continue
		}
		p, err := ReadPack(name)
		if err == nil && slices.ContainsFunc(packs, func(q policy.Pack) bool { return q.ID == p.ID }) {
			err = fmt.Errorf("two packs are called %q: give one of them an id of its own", p.ID)
		}
		faults = append(faults, err)
		packs = append(packs, p)
	}
	return packs, errors.Join(faults...)
}

// ReadPack reads one pack, by its id or the name of its file.
func ReadPack(name string) (policy.Pack, error) {
	open := func() (io.ReadCloser, error) { return os.Open(name) }
	if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" {
		known := OurPacks()
		if !slices.Contains(known, name) {
			return policy.Pack{}, fmt.Errorf("there is no policy pack %q: choose among %s, or name a .yaml file", name, strings.Join(known, ", "))
		}
		open = func() (io.ReadCloser, error) { return config.Files.Open(path.Join("policies", name+".yaml")) }
	}
	f, err := open()
	if err != nil {
		return policy.Pack{}, err
	}
	defer f.Close()
	p, err := policy.ReadPack(f)
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// OurPacks lists the packs that come with the product.
func OurPacks() []string {
	entries, err := config.Files.ReadDir("policies")
	if err != nil {
		return nil // cannot be: they are in the program
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out
}

// said checks that every prompt that a pack names has a text.
func said(packs []policy.Pack, texts *prompt.Texts) error {
	var faults []error
	for _, p := range packs {
		for _, r := range p.All() {
			if _, known := texts.Kinds[r.Prompt]; r.Prompt != "" && !known {
				faults = append(faults, fmt.Errorf("policy pack %q, row %s: there is no prompt text %q", p.ID, r.ID, r.Prompt))
			}
		}
	}
	return errors.Join(faults...)
}

// circumstances completes what the configuration says with the packs of other
// organisations, and checks the exceptions against every pack that is adopted.
func (c Config) circumstances(ours []policy.Pack) (engine.Circumstances, error) {
	out := c.Circumstances
	all := slices.Clone(ours)
	out.Organisations = slices.Clone(out.Organisations)
	for i, o := range out.Organisations {
		names := c.PoliciesOf[o.Name]
		if len(names) == 0 {
			continue
		}
		packs, err := Packs(names)
		if err != nil {
			return out, fmt.Errorf("organisation %q: %w", o.Name, err)
		}
		out.Organisations[i].Packs = packs
		all = append(all, packs...)
	}
	out.Ratings = map[string]policy.Channel{"whatsapp": policy.EndToEnd}
	maps.Copy(out.Ratings, c.Circumstances.Ratings)
	return out, policy.CheckExceptions(out.Exceptions, all)
}

// TestExample holds the message of a worked example against the rules and the
// pack: what the rules find in it has to bring the row that the example names.
// It says what is wrong; empty: nothing is.
func TestExample(ctx context.Context, set *detect.Set, p policy.Pack, e policy.Example) (string, error) {
	facts := e.Situation()
	found, err := set.Scan(ctx, e.Message, detect.Context{Kind: facts.Chat})
	if err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
	found = append(found, engine.Seen(e.Message, time.Now(), time.UTC, func() (policy.Audience, int) { return facts.Audience, 0 })...)
	facts.Information = ""
	d := policy.Decide([]policy.Pack{p}, policy.Situation{Facts: facts, Findings: found})
	if !slices.ContainsFunc(d.Spoke, func(s policy.Spoken) bool { return s.Row == e.Row }) {
		var spoke []string
		for _, s := range d.Spoke {
			spoke = append(spoke, fmt.Sprintf("%s (%s)", s.Row, s.Information))
		}
		return fmt.Sprintf("example %q: of what the rules find in its message %s speaks, and not %s", e.Say, strings.Join(spoke, ", "), e.Row), nil
	}
	return "", nil
}
