package main

import (
	"context"
	"fmt"
	"log"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"chaperone/internal/detect"
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
		{name: "Go regexp, rule by rule, patterns alone", share: b.share(800), scan: func(text string) int { return matches(all, text, func(*gated) bool { return true }) }},
		{name: "keywords and digits, then Go regexp, patterns alone", share: b.share(100), scan: func(text string) int {
			low, digits := strings.ToLower(text), digitsIn(text)
			return matches(all, text, func(g *gated) bool { return g.open(low, digits) })
		}},
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
	re       *regexp.Regexp
	keywords []string
	digits   int
}

func compileAll(exprs []string) (out []*gated) {
	for _, e := range exprs {
		parsed, err := syntax.Parse(e, syntax.Perl)
		if err != nil {
			log.Fatal(err)
		}
		re := regexp.MustCompile(e)
		re.Longest()
		out = append(out, &gated{re, keywords(parsed), leastDigits(parsed)})
	}
	return out
}

func (g *gated) open(low string, digits int) bool {
	return digits >= g.digits && (g.keywords == nil || slices.ContainsFunc(g.keywords, func(k string) bool { return strings.Contains(low, k) }))
}

// matches looks for expressions in the text as the rules read it.
func matches(all []*gated, text string, open func(*gated) bool) (n int) {
	text = detect.Normalised(text)
	for _, g := range all {
		if open(g) {
			n += len(g.re.FindAllStringIndex(text, -1))
		}
	}
	return n
}

func digitsIn(text string) (n int) {
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n
}

// leastDigits is how many digits every match has at least.
func leastDigits(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpCharClass:
		if len(re.Rune) > 0 && re.Rune[0] >= '0' && re.Rune[len(re.Rune)-1] <= '9' {
			return 1
		}
	case syntax.OpCapture, syntax.OpPlus:
		return leastDigits(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * leastDigits(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, s := range re.Sub {
			n += leastDigits(s)
		}
		return n
	case syntax.OpAlternate:
		n := leastDigits(re.Sub[0])
		for _, s := range re.Sub[1:] {
			n = min(n, leastDigits(s))
		}
		return n
	}
	return 0
}

// keywords gives lower-case literals of which every match holds one, or nil.
func keywords(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if k := strings.ToLower(string(re.Rune)); len(k) >= 3 {
			return []string{k}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return keywords(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return keywords(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, s := range re.Sub {
			if k := keywords(s); k != nil && (best == nil || len(k) < len(best)) {
				best = k
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, s := range re.Sub {
			k := keywords(s)
			if k == nil {
				return nil
			}
			all = append(all, k...)
		}
		return all
	}
	return nil
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
