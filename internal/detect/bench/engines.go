package main

import (
	"context"
	"fmt"
	"log"
	"regexp"
	"regexp/syntax"
	"slices"

	"chaperone/internal/detect"
	"chaperone/internal/detect/gate"
	"chaperone/rules"

	gitleaks "github.com/zricethezav/gitleaks/v8/detect"
)

// expressions gives the patterns of all rules that may be reported.
func (b *bench) expressions() (out []string) {
	for _, r := range b.list {
		if r.Class != rules.Logistical {
			out = append(out, r.Patterns...)
		}
	}
	return out
}

// engines compares the whole scan with other ways of only finding the same
// patterns.
func (b *bench) engines() error {
	exprs := b.expressions()
	ours, err := detect.CompilePatterns(exprs)
	if err != nil {
		return err
	}
	all := compileAll(exprs)
	patterns := &engine{name: "its patterns alone, normalising included", share: 1, scan: counting(ours)}
	engines := []*engine{
		{name: "**the whole scan**: normalising, patterns, checks, context", share: 1, scan: func(text string) int { return len(b.scan(text)) }},
		patterns,
		{name: "Go regexp, rule by rule, patterns alone", share: b.share(800), scan: func(text string) int { return matches(all, text, false) }},
		{name: "keywords and digits, then Go regexp, patterns alone", share: b.share(400), scan: func(text string) int { return matches(all, text, true) }},
	}
	if e, note := hyperscan(exprs, ours); e != nil {
		e.share = b.share(10)
		engines = append(engines, e)
		defer fmt.Fprintln(b.to, "\n"+note)
	} else {
		defer fmt.Fprintln(b.to, "\n"+note)
	}
	b.compare(fmt.Sprintf("## The built-in rules, %d patterns", len(exprs)), patterns, engines...)
	return nil
}

// share is one in n of the messages, for engines that would take hours, but
// not less than 200 messages.
func (b *bench) share(n int) int { return max(1, min(n, len(b.messages)/200)) }

func counting(p *detect.Patterns) func(string) int {
	return func(text string) int {
		n, err := p.Count(context.Background(), text)
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
}

// gated is an expression behind what every match of it must hold.
type gated struct {
	re   *regexp.Regexp
	gate gate.Gate
}

func compileAll(exprs []string) (out []gated) {
	for _, e := range exprs {
		parsed, err := syntax.Parse(e, syntax.Perl)
		if err != nil {
			log.Fatal(err)
		}
		re := regexp.MustCompile(e)
		re.Longest()
		out = append(out, gated{re, gate.Of(parsed)})
	}
	return out
}

// matches looks for expressions in the text as the rules read it.
func matches(all []gated, text string, gates bool) (n int) {
	text = detect.Normalised(text)
	holds := gate.Text{}
	if gates {
		holds = gate.Read(text)
	}
	for _, g := range all {
		if !gates || g.gate.Open(holds) {
			n += len(g.re.FindAllStringIndex(text, -1))
		}
	}
	return n
}

// secrets compares the engine with the gitleaks library on gitleaks' rules.
func (b *bench) secrets() error {
	d, err := gitleaks.NewDetectorDefaultConfig()
	if err != nil {
		return err
	}
	var exprs []string
	for _, id := range slices.Sorted(keysOf(d.Config.Rules)) {
		if re := d.Config.Rules[id].Regex; re != nil {
			exprs = append(exprs, re.String())
		}
	}
	ours, err := detect.CompilePatterns(exprs)
	if err != nil {
		return err
	}
	patterns := &engine{name: "**this engine**: normalising and patterns", share: 1, scan: counting(ours)}
	b.compare(fmt.Sprintf("## The rules of gitleaks 8.30.1, %d patterns", len(exprs)), patterns, patterns,
		&engine{name: "gitleaks, message by message", share: b.share(20), scan: func(text string) int { return len(d.DetectString(text)) }})
	fmt.Fprintln(b.to, "\nLeft out on this engine's side: entropy, allowlists, decoding and reports. On messages they hardly run: a keyword gate stands before them.")
	return nil
}
