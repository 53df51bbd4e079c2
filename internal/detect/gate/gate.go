// Package gate says what every match of an expression must hold, so that a
// slow engine need not look at texts without it. Tests and measurements use
// it; the product must not: its automaton is the faster gate.
package gate

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// Gate is what every match of an expression holds.
type Gate struct {
	any    []string // one of these, in lower case; nil is nothing
	digits int      // so many ASCII digits
}

// Of gives the gate of an expression.
func Of(re *syntax.Regexp) Gate { return Gate{literals(re), digits(re)} }

// Text is what a gate needs to know of an ASCII text.
type Text struct {
	low    string
	digits int
}

// Read looks at a text once for all gates.
func Read(text string) Text {
	t := Text{low: strings.ToLower(text)}
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			t.digits++
		}
	}
	return t
}

// Open says whether the text may hold a match.
func (g Gate) Open(t Text) bool {
	return t.digits >= g.digits && (g.any == nil || slices.ContainsFunc(g.any, func(s string) bool { return strings.Contains(t.low, s) }))
}

// shortest is the length from which a literal is worth looking for.
const shortest = 2

// literals gives literals of which every match holds one, or nil.
func literals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if len(re.Rune) >= shortest {
			return []string{strings.ToLower(string(re.Rune))}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, s := range re.Sub {
			if l := literals(s); l != nil && (best == nil || worth(l) > worth(best)) {
				best = l
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, s := range re.Sub {
			l := literals(s)
			if l == nil {
				return nil
			}
			all = append(all, l...)
		}
		return all
	}
	return nil
}

// worth ranks gates: long literals first, then few.
func worth(all []string) int {
	least := len(all[0])
	for _, s := range all {
		least = min(least, len(s))
	}
	return 1000*min(least, 4) - len(all)
}

// digits is how many ASCII digits every match has at least.
func digits(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		n := 0
		for _, r := range re.Rune {
			if r >= '0' && r <= '9' {
				n++
			}
		}
		return n
	case syntax.OpCharClass:
		if len(re.Rune) > 0 && re.Rune[0] >= '0' && re.Rune[len(re.Rune)-1] <= '9' {
			return 1
		}
	case syntax.OpCapture, syntax.OpPlus:
		return digits(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * digits(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, s := range re.Sub {
			n += digits(s)
		}
		return n
	case syntax.OpAlternate:
		n := digits(re.Sub[0])
		for _, s := range re.Sub[1:] {
			n = min(n, digits(s))
		}
		return n
	}
	return 0
}
