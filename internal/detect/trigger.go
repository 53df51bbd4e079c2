package detect

import (
	"math"
	"regexp/syntax"
	"slices"
	"unicode"
)

// trigger gives the part of re that the automaton of all rules looks for, and
// how many bytes there are at least and at most (-1: any number) from the
// beginning of a match of re to the end of that part. Every match of re holds a match of the part, so looking for the
// part misses nothing; locating looks at the whole.
//
// The part matters: an expression such as "keyword, some words, value" would
// put the automaton in a state of its own for every place among the words,
// times all that the other rules see there. The part is the stretch of re that
// is expected to cost least: waiting for its end on ordinary text, and being
// found where there is no match of the whole.
func trigger(re *syntax.Regexp) (part *syntax.Regexp, least, most int) {
	k := reckoner{expected: map[reckoned]expectation{}, trims: map[*syntax.Regexp]*syntax.Regexp{}}
	p := k.part(re)
	if p.atLeast == 0 {
		return re, minLen(re), maxLen(re)
	}
	return p.re, p.from, p.upTo
}

// stretch is a part of an expression with what it costs.
type stretch struct {
	re      *syntax.Regexp
	cost    float64
	found   float64 // how often it is found at one byte of ordinary text
	open    bool    // what may follow it in a match has no bound
	from    int     // the least length from where the whole begins to where the part ends
	upTo    int     // the greatest, or -1
	atLeast int     // the least length of the part
}

// reckoner remembers what it reckoned of each expression after each kind of
// character, and each expression trimmed.
type reckoner struct {
	expected map[reckoned]expectation
	trims    map[*syntax.Regexp]*syntax.Regexp
}

type reckoned struct {
	re    *syntax.Regexp
	after after
}

// after is what kind of character stands before: what comes next hangs on it.
type after uint8

const (
	afterOther after = iota
	afterLetter
	afterDigit
)

func afterOf(c byte) after {
	switch {
	case c >= '0' && c <= '9':
		return afterDigit
	case isWordByte(c):
		return afterLetter
	}
	return afterOther
}

// stretchOf is a stretch that has so many bytes before it. Where others without
// a bound follow, each time that it is found costs the reading of what they
// may be.
func (k reckoner) stretchOf(re *syntax.Regexp, e expectation, open bool, least, most int) stretch {
	re = k.trimmed(re)
	length := minLen(re)
	return stretch{re, e.cost(open), e.matches, open, least + length, plus(most, maxLen(re)), length}
}

// before says that others without a bound follow the stretch.
func (s stretch) before(open bool) stretch {
	if open && !s.open {
		s.open = true
		s.cost += openHit * s.found
	}
	return s
}

// bounding is re with a boundary after it. A choice takes it into each
// alternative, and what ends in any number of something does without: a
// boundary comes there sooner or later.
func bounding(re, boundary *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus:
		return []*syntax.Regexp{re}
	case syntax.OpCapture:
		return bounding(re.Sub[0], boundary)
	case syntax.OpConcat:
		if n := len(re.Sub); n > 0 {
			return append(slices.Clone(re.Sub[:n-1]), bounding(re.Sub[n-1], boundary)...)
		}
	case syntax.OpAlternate:
		either := &syntax.Regexp{Op: syntax.OpAlternate, Flags: re.Flags}
		for _, sub := range re.Sub {
			either.Sub = append(either.Sub, concat(sub, bounding(sub, boundary)...))
		}
		return []*syntax.Regexp{either}
	}
	return []*syntax.Regexp{re, boundary}
}

// trimmed leaves out what a match of re may have at its end and need not: where
// re is found, it is found without. It gives re itself where there is nothing
// to leave out.
func (k reckoner) trimmed(re *syntax.Regexp) *syntax.Regexp {
	if len(re.Sub) == 0 {
		return re
	}
	out, known := k.trims[re]
	if !known {
		out = k.trim(re)
		k.trims[re] = out
	}
	return out
}

func (k reckoner) trim(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpStar, syntax.OpQuest:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch, Flags: re.Flags}
	case syntax.OpPlus, syntax.OpCapture:
		return k.trimmed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min != re.Max {
			return &syntax.Regexp{Op: syntax.OpRepeat, Sub: re.Sub, Min: re.Min, Max: re.Min, Flags: re.Flags}
		}
	case syntax.OpAlternate:
		subs := re.Sub
		for i, sub := range re.Sub {
			if t := k.trimmed(sub); t != sub {
				if &subs[0] == &re.Sub[0] {
					subs = slices.Clone(re.Sub)
				}
				subs[i] = t
			}
		}
		if &subs[0] == &re.Sub[0] {
			return re
		}
		return &syntax.Regexp{Op: syntax.OpAlternate, Sub: subs, Flags: re.Flags}
	case syntax.OpConcat:
		subs := re.Sub
		if n := len(subs); n > 1 && subs[n-1].Op == syntax.OpWordBoundary {
			subs = append(slices.Clone(subs[:n-2]), bounding(subs[n-2], subs[n-1])...)
		}
		for n := len(subs); n > 0; n-- {
			last := k.trimmed(subs[n-1])
			switch {
			case last.Op == syntax.OpEmptyMatch: // left out
			case n == len(re.Sub) && last == re.Sub[n-1] && &subs[0] == &re.Sub[0]:
				return re
			default:
				return concat(re, slices.Concat(subs[:n-1], []*syntax.Regexp{last})...)
			}
		}
		return &syntax.Regexp{Op: syntax.OpEmptyMatch, Flags: re.Flags}
	}
	return re
}

// What a part costs, in bytes that could be read instead: for each byte at
// which an open end of it is waited for, and for each time that it is found.
const (
	waits    = 1
	falseHit = 500
	openHit  = 2 * falseHit // more, where the match may go on and on
)

// part finds the cheapest part of re of which every match of re holds one.
func (k reckoner) part(re *syntax.Regexp) stretch {
	best := k.stretchOf(re, k.expect(k.trimmed(re), afterOther), false, 0, 0)
	try := func(s stretch) {
		if s.atLeast > 0 && (s.cost < best.cost || best.atLeast == 0) {
			best = s
		}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		try(k.part(re.Sub[0]))
	case syntax.OpRepeat:
		if re.Min > 0 {
			try(k.part(re.Sub[0]))
		}
	case syntax.OpAlternate:
		if size(re) < manyAlternatives {
			try(k.partOfEach(re))
		}
	case syntax.OpConcat:
		before, upTo := 0, 0
		open := make([]bool, len(re.Sub)+1) // whether what stands from here on has no bound
		for i := len(re.Sub) - 1; i >= 0; i-- {
			open[i] = open[i+1] || maxLen(re.Sub[i]) < 0
		}
		for i := range re.Sub {
			inner := k.part(bounded(re, i))
			inner.from, inner.upTo = before+inner.from, plus(upTo, inner.upTo)
			try(inner.before(open[i+1]))
			e, subs := expectation{matches: 1}, re.Sub[i:]
			if endApart(re.Sub[:i]) && allEdges(re.Sub[i], true, isWordChar) {
				subs = slices.Concat([]*syntax.Regexp{wordBoundary}, subs)
			}
			for j := range subs {
				shortest := e.then(k.expect(k.trimmed(subs[j]), e.after))
				e = e.then(k.expect(subs[j], e.after))
				open := open[len(re.Sub)-len(subs)+j+1]
				if best.atLeast == 0 || shortest.cost(open) < best.cost {
					try(k.stretchOf(concat(re, subs[:j+1]...), shortest, open, before, upTo))
				}
			}
			before, upTo = before+minLen(re.Sub[i]), plus(upTo, maxLen(re.Sub[i]))
		}
	}
	return best
}

// manyAlternatives are the words of a gazetteer: they are looked for whole.
const manyAlternatives = 10_000

// size is how many things an expression is made of.
func size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += size(sub)
	}
	return n
}

// wordBoundary stands before a part where the expression has a boundary there
// in any case: a part that begins inside words costs states within every word.
var wordBoundary = &syntax.Regexp{Op: syntax.OpWordBoundary}

func isWordChar(r rune) bool  { return r < 128 && kindOf(byte(r)) == prevWord }
func isSeparator(r rune) bool { return r < 128 && kindOf(byte(r)) != prevWord }

// endApart says whether things in a row end in a separator, at the beginning
// of a line, or at a boundary of a word, whatever they match.
func endApart(subs []*syntax.Regexp) bool {
	if len(subs) == 0 {
		return false
	}
	others, last := subs[:len(subs)-1], subs[len(subs)-1]
	switch last.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary:
		return true
	case syntax.OpEmptyMatch:
		return endApart(others)
	case syntax.OpQuest, syntax.OpStar:
		return allEdges(last.Sub[0], false, isSeparator) && endApart(others)
	case syntax.OpRepeat:
		return allEdges(last.Sub[0], false, isSeparator) && (last.Min > 0 || endApart(others))
	case syntax.OpCapture, syntax.OpConcat:
		return endApart(slices.Concat(others, last.Sub))
	case syntax.OpAlternate:
		return !slices.ContainsFunc(last.Sub, func(s *syntax.Regexp) bool { return !endApart(append(slices.Clone(others), s)) })
	}
	return allEdges(last, false, isSeparator)
}

// allEdges says whether every match of re has at least one character, and all
// that it can begin with (or end with) are of a kind.
func allEdges(re *syntax.Regexp, first bool, kind func(rune) bool) bool {
	edge := func(n int) int {
		if first {
			return 0
		}
		return n - 1
	}
	switch re.Op {
	case syntax.OpLiteral:
		return kind(re.Rune[edge(len(re.Rune))])
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= min(re.Rune[i+1], unicode.MaxASCII); r++ {
				if !kind(r) {
					return false
				}
			}
		}
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return allEdges(re.Sub[0], first, kind)
	case syntax.OpRepeat:
		return re.Min > 0 && allEdges(re.Sub[0], first, kind)
	case syntax.OpConcat:
		return allEdges(re.Sub[edge(len(re.Sub))], first, kind)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !allEdges(s, first, kind) })
	}
	return false
}

func concat(like *syntax.Regexp, subs ...*syntax.Regexp) *syntax.Regexp {
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: subs, Flags: like.Flags}
}

// bounded gives the i-th thing of a sequence. A choice takes the boundary
// before and after it along, into each alternative.
func bounded(re *syntax.Regexp, i int) *syntax.Regexp {
	sub := re.Sub[i]
	for sub.Op == syntax.OpCapture {
		sub = sub.Sub[0]
	}
	if sub.Op != syntax.OpAlternate {
		return sub
	}
	apart := endApart(re.Sub[:i])
	last := i+1 < len(re.Sub) && re.Sub[i+1].Op == syntax.OpWordBoundary
	either := &syntax.Regexp{Op: syntax.OpAlternate, Flags: sub.Flags}
	for _, s := range sub.Sub {
		subs := []*syntax.Regexp{s}
		if s.Op == syntax.OpConcat {
			subs = s.Sub
		}
		if apart && (re.Sub[i-1].Op == syntax.OpWordBoundary || allEdges(s, true, isWordChar)) {
			subs = slices.Concat([]*syntax.Regexp{wordBoundary}, subs)
		}
		if last {
			subs = slices.Concat(subs, re.Sub[i+1:i+2])
		}
		either.Sub = append(either.Sub, concat(s, subs...))
	}
	return either
}

// partOfEach takes the cheapest part of every alternative.
func (k reckoner) partOfEach(re *syntax.Regexp) stretch {
	out := stretch{from: math.MaxInt, atLeast: math.MaxInt}
	either := &syntax.Regexp{Op: syntax.OpAlternate, Flags: re.Flags}
	for _, sub := range re.Sub {
		p := k.part(sub)
		either.Sub = append(either.Sub, p.re)
		out.cost, out.found, out.open = out.cost+p.cost, out.found+p.found, out.open || p.open
		out.from, out.atLeast = min(out.from, p.from), min(out.atLeast, p.atLeast)
		if out.upTo >= 0 && (p.upTo < 0 || p.upTo > out.upTo) {
			out.upTo = p.upTo
		}
	}
	out.re = either
	return out
}

// plus adds lengths of which -1 is any.
func plus(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// expectation is what an expression does, in the mean, to an automaton that
// begins it at one byte of ordinary text.
type expectation struct {
	matches float64 // how many matches begin there
	waiting float64 // at how many bytes it is inside something repeated
	after   after   // what kind of character it ends in
}

// cost is what it costs to look for what is expected so; open says that what
// follows has no bound.
func (e expectation) cost(open bool) float64 {
	cost := waits*e.waiting + falseHit*e.matches
	if open {
		cost += openHit * e.matches
	}
	return cost
}

// expect reckons what re does after a kind of character. It knows no words,
// only how common each character is.
func (k reckoner) expect(re *syntax.Regexp, last after) expectation {
	e, known := k.expected[reckoned{re, last}]
	if !known {
		e = k.reckon(re, last)
		k.expected[reckoned{re, last}] = e
	}
	return e
}

func (k reckoner) reckon(re *syntax.Regexp, last after) expectation {
	switch re.Op {
	case syntax.OpLiteral:
		e := expectation{matches: 1, after: last}
		for _, r := range re.Rune {
			e = e.then(one([]rune{r, r}, e.after, re.Flags&syntax.FoldCase != 0))
		}
		return e
	case syntax.OpCharClass:
		return one(re.Rune, last, false)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return expectation{matches: 1, after: afterLetter}
	case syntax.OpWordBoundary:
		return expectation{matches: 0.35, after: last}
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return expectation{matches: 0.02, after: last}
	case syntax.OpQuest:
		return k.times(re.Sub[0], 0, 1, last)
	case syntax.OpStar:
		return k.times(re.Sub[0], 0, -1, last)
	case syntax.OpPlus:
		return k.times(re.Sub[0], 1, -1, last)
	case syntax.OpRepeat:
		return k.times(re.Sub[0], re.Min, re.Max, last)
	case syntax.OpCapture:
		return k.expect(re.Sub[0], last)
	case syntax.OpConcat:
		e := expectation{matches: 1, after: last}
		for _, sub := range re.Sub {
			e = e.then(k.expect(sub, e.after))
		}
		return e
	case syntax.OpAlternate:
		var e expectation
		for _, sub := range re.Sub {
			s := k.expect(sub, last)
			e.matches += math.Pow(s.matches, 1/likely)
			e.waiting += s.waiting
			e.after = s.after
		}
		e.matches = math.Pow(e.matches, likely)
		return e
	}
	return expectation{matches: 1, after: last}
}

// then expects one thing after another.
func (e expectation) then(next expectation) expectation {
	return expectation{e.matches * next.matches, e.waiting + e.matches*next.waiting, next.after}
}

// times expects a thing again and again; a most of -1 is no bound.
func (k reckoner) times(re *syntax.Regexp, least, most int, last after) expectation {
	const few, long = 3, 64 // long is as good as no bound
	if most < 0 || most > long {
		most = max(long, least)
	}
	out := expectation{after: last}
	reached := 1.0
	for n := 0; ; n++ {
		if n >= least {
			out.matches += reached
		}
		if n == most {
			return out
		}
		e := k.expect(re, out.after)
		out.waiting += reached * e.waiting
		out.after = e.after
		reached *= min(e.matches, 0.98)
		if most > few {
			out.waiting += reached
		}
	}
}

// one expects one character of some ranges.
func one(ranges []rune, last after, fold bool) expectation {
	var e expectation
	most := 0.0
	add := func(r rune) {
		share := shares[last][r]
		if e.matches += share; share > most {
			most, e.after = share, afterOf(byte(r))
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], unicode.MaxASCII); r++ {
			add(r)
			if fold {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					if f <= unicode.MaxASCII {
						add(f)
					}
				}
			}
		}
	}
	if last == afterLetter {
		e.matches = math.Pow(e.matches, likely)
	}
	e.matches = min(e.matches, 1)
	if e.after == afterOther {
		e.waiting = acrossWords * e.matches
	}
	return e
}

// acrossWords is how much longer a part waits for crossing from one word to
// the next: it doubles the states of all that may begin there.
const acrossWords = 1

// likely is the power that makes of a share how often a character comes after
// a letter: words are not made at random.
const likely = 0.6

// shares says how much of an ordinary text is each character, after each kind
// of character: digits stand together.
var shares = func() (tables [3][128]float64) {
	for c := range tables[0] {
		tables[afterOther][c] = 0.002
	}
	t := &tables[afterOther]
	t[' '], t['.'], t[','] = 0.17, 0.01, 0.01
	for c := '0'; c <= '9'; c++ {
		t[c] = 0.004
	}
	// By how common they are in English, in parts of ten thousand.
	for i, n := range [...]float64{900, 700, 650, 600, 550, 550, 500, 500, 450, 330, 300, 230, 200, 200, 180, 170, 170, 160, 160, 120, 80, 70, 15, 10, 10, 10} {
		small := "etaonisrhldumcwgyfpbvkxjqz"[i]
		t[small], t[small-'a'+'A'] = n/1e4, n/2e5
	}
	for c := range t {
		tables[afterLetter][c], tables[afterDigit][c] = t[c], 2*t[c]
		switch afterOf(byte(c)) {
		case afterDigit:
			tables[afterLetter][c], tables[afterDigit][c] = 0.0001, 0.05
		case afterLetter:
			tables[afterDigit][c] = t[c] / 4
		}
	}
	return tables
}()

// widen makes of re one that matches more, which locating puts right, and
// needs far fewer states: counted repeats with room become open ones.
func widen(re *syntax.Regexp) *syntax.Regexp {
	out := *re
	for i, s := range re.Sub {
		if w := widen(s); w != s {
			if &out.Sub[0] == &re.Sub[0] {
				out.Sub = slices.Clone(re.Sub)
			}
			out.Sub[i] = w
		}
	}
	const room = 3
	if re.Op == syntax.OpRepeat && re.Max >= 0 && re.Max-re.Min >= room {
		out.Max = -1
		return &out
	}
	if len(re.Sub) > 0 && &out.Sub[0] != &re.Sub[0] {
		return &out
	}
	return re
}

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
