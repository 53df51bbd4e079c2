package detect

import (
	"math"
	"regexp/syntax"
	"strings"
	"unicode"
)

// trigger gives the part of re that the automaton of all rules looks for, and
// the least number of bytes from the beginning of a match of re to the end of
// that part. Every match of re holds a match of the part, so looking for the
// part misses nothing; locating looks at the whole.
//
// The part matters: an expression such as "keyword, some words, value" would
// put the automaton in a state of its own for every place among the words,
// times all that the other rules see there. The part is the stretch of re that
// is expected to cost least: waiting for its end on ordinary text, and being
// found where there is no match of the whole.
func trigger(re *syntax.Regexp) (*syntax.Regexp, int) {
	p := part(re)
	if p.atLeast == 0 {
		return re, minLen(re)
	}
	return p.re, p.from
}

// stretch is a part of an expression with what it costs.
type stretch struct {
	re      *syntax.Regexp
	cost    float64
	from    int // the least length from where the whole begins to where the part ends
	atLeast int // the least length of the part
}

// falseHit is what one hit costs that is no match, in units of one more
// instruction that waits at one byte.
const falseHit = 1000

// part finds the cheapest part of re of which every match of re holds one.
func part(re *syntax.Regexp) stretch {
	e := expect(re)
	best := stretch{re: re, cost: e.waiting + falseHit*e.matches, from: minLen(re), atLeast: minLen(re)}
	try := func(s stretch) {
		if s.atLeast > 0 && (s.cost < best.cost || best.atLeast == 0) {
			best = s
		}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		try(part(re.Sub[0]))
	case syntax.OpRepeat:
		if re.Min > 0 {
			try(part(re.Sub[0]))
		}
	case syntax.OpAlternate:
		try(partOfEach(re))
	case syntax.OpConcat:
		before := 0
		for i := range re.Sub {
			inner := part(re.Sub[i])
			inner.from += before
			try(inner)
			for j := i + 1; j < len(re.Sub); j++ {
				run := &syntax.Regexp{Op: syntax.OpConcat, Sub: re.Sub[i : j+1], Flags: re.Flags}
				e, n := expect(run), minLen(run)
				try(stretch{run, e.waiting + falseHit*e.matches, before + n, n})
			}
			before += minLen(re.Sub[i])
		}
	}
	return best
}

// partOfEach takes the cheapest part of every alternative.
func partOfEach(re *syntax.Regexp) stretch {
	out := stretch{from: math.MaxInt, atLeast: math.MaxInt}
	either := &syntax.Regexp{Op: syntax.OpAlternate, Flags: re.Flags}
	for _, sub := range re.Sub {
		p := part(sub)
		either.Sub = append(either.Sub, p.re)
		out.cost += p.cost
		out.from, out.atLeast = min(out.from, p.from), min(out.atLeast, p.atLeast)
	}
	out.re = either
	return out
}

// expectation is what an expression does to an automaton that begins it at
// one byte of ordinary text, in the mean.
type expectation struct {
	matches float64 // how many matches begin there
	waiting float64 // how many instructions wait, summed over the bytes that follow
}

// expect reckons as if the bytes of a text did not depend on each other. They
// do, but the stretches that this is to tell apart are powers of ten apart.
func expect(re *syntax.Regexp) expectation {
	switch re.Op {
	case syntax.OpLiteral:
		e := expectation{matches: 1}
		for _, r := range re.Rune {
			e = e.then(one(share(r, re.Flags&syntax.FoldCase != 0)))
		}
		return e
	case syntax.OpCharClass:
		all := 0.0
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= min(re.Rune[i+1], unicode.MaxASCII); r++ {
				all += share(r, false)
			}
		}
		return one(min(all, 1))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return one(1)
	case syntax.OpWordBoundary:
		return expectation{matches: 0.35}
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return expectation{matches: 0.02}
	case syntax.OpQuest:
		return expect(re.Sub[0]).times(0, 1)
	case syntax.OpStar:
		return expect(re.Sub[0]).times(0, -1)
	case syntax.OpPlus:
		return expect(re.Sub[0]).times(1, -1)
	case syntax.OpRepeat:
		return expect(re.Sub[0]).times(re.Min, re.Max)
	case syntax.OpCapture:
		return expect(re.Sub[0])
	case syntax.OpConcat:
		e := expectation{matches: 1}
		for _, sub := range re.Sub {
			e = e.then(expect(sub))
		}
		return e
	case syntax.OpAlternate:
		var e expectation
		for _, sub := range re.Sub {
			s := expect(sub)
			e.matches += s.matches
			e.waiting += s.waiting
		}
		return e
	}
	return expectation{matches: 1}
}

// one expects one byte of a class that makes up this share of a text.
func one(share float64) expectation { return expectation{matches: share, waiting: share} }

// then expects one thing after another.
func (e expectation) then(next expectation) expectation {
	return expectation{e.matches * next.matches, e.waiting + e.matches*next.waiting}
}

// times expects a thing again and again; a most of -1 is no bound.
func (e expectation) times(least, most int) expectation {
	const long = 64 // as good as no bound
	if most < 0 || most > long {
		most = max(long, least)
	}
	var out expectation
	reached := 1.0
	for n := 0; ; n++ {
		if n >= least {
			out.matches += reached
		}
		if n == most {
			return out
		}
		out.waiting += reached * e.waiting
		reached *= min(e.matches, 1)
	}
}

// share is how much of an ordinary text is this character.
func share(r rune, fold bool) float64 {
	s := shareOf(r)
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			s += shareOf(f)
		}
	}
	return s
}

func shareOf(r rune) float64 {
	switch {
	case r > unicode.MaxASCII:
		return 0
	case r == ' ':
		return 0.17
	case r >= '0' && r <= '9':
		return 0.012 // more than there are: they stand together
	case r == '.' || r == ',':
		return 0.01
	case r >= 'A' && r <= 'Z':
		return shareOf(r-'A'+'a') / 20
	case r >= 'a' && r <= 'z':
		place := strings.IndexRune("etaonisrhldumcwgyfpbvkxjqz", r)
		return [...]float64{0.09, 0.07, 0.065, 0.06, 0.055, 0.055, 0.05, 0.05, 0.045, 0.033, 0.03, 0.023, 0.02, 0.02, 0.018, 0.017, 0.017, 0.016, 0.016, 0.012, 0.008, 0.007, 0.0015, 0.001, 0.001, 0.001}[place]
	}
	return 0.002
}

// widen makes of re one that matches more, which locating puts right, and
// needs far fewer states: counted repeats with room become open ones, and a
// number may begin inside a number.
func widen(re *syntax.Regexp) *syntax.Regexp {
	for i, s := range re.Sub {
		re.Sub[i] = widen(s)
	}
	if re.Op == syntax.OpRepeat && re.Max >= 0 && re.Max-re.Min >= widenFrom {
		re.Max = -1
	}
	return re
}

// widenFrom is the room from which a counted repeat is made an open one.
const widenFrom = 3

// minLen is the length of the shortest text that re matches.
func minLen(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return minLen(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * minLen(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, s := range re.Sub {
			n += minLen(s)
		}
		return n
	case syntax.OpAlternate:
		n := math.MaxInt
		for _, s := range re.Sub {
			n = min(n, minLen(s))
		}
		return n
	}
	return 0
}
