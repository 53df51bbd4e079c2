package detect

import (
	"math"
	"regexp/syntax"
	"slices"
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

func stretchOf(re *syntax.Regexp, before int) stretch {
	e, n := expect(re, false), minLen(re)
	return stretch{re, waits*e.waiting + falseHit*e.matches, before + n, n}
}

// What a part costs, in bytes that could be read instead: for each byte at
// which an open end of it is waited for, and for each time that it is found.
const (
	waits    = 2
	falseHit = 200
)

// part finds the cheapest part of re of which every match of re holds one.
func part(re *syntax.Regexp) stretch {
	best := stretchOf(re, 0)
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
			inner := part(bounded(re, i))
			inner.from += before
			try(inner)
			for j := i + 1; j < len(re.Sub); j++ {
				try(stretchOf(concat(re, re.Sub[i:j+1]...), before))
			}
			before += minLen(re.Sub[i])
		}
	}
	return best
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
	first := i > 0 && re.Sub[i-1].Op == syntax.OpWordBoundary
	last := i+1 < len(re.Sub) && re.Sub[i+1].Op == syntax.OpWordBoundary
	either := &syntax.Regexp{Op: syntax.OpAlternate, Flags: sub.Flags}
	for _, s := range sub.Sub {
		subs := []*syntax.Regexp{s}
		if s.Op == syntax.OpConcat {
			subs = s.Sub
		}
		if first {
			subs = slices.Concat(re.Sub[i-1:i], subs)
		}
		if last {
			subs = slices.Concat(subs, re.Sub[i+1:i+2])
		}
		either.Sub = append(either.Sub, concat(s, subs...))
	}
	return either
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

// expectation is what an expression does, in the mean, to an automaton that
// begins it at one byte of ordinary text.
type expectation struct {
	matches float64 // how many matches begin there
	waiting float64 // at how many bytes it is inside something repeated
	word    bool    // it ends in a letter or digit
}

// expect reckons what re does where a letter or digit stands before, or where
// none does. It knows no words, only how common each character is.
func expect(re *syntax.Regexp, word bool) expectation {
	switch re.Op {
	case syntax.OpLiteral:
		e := expectation{matches: 1, word: word}
		for _, r := range re.Rune {
			e = e.then(one([]rune{r, r}, e.word, re.Flags&syntax.FoldCase != 0))
		}
		return e
	case syntax.OpCharClass:
		return one(re.Rune, word, false)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return expectation{matches: 1, word: true}
	case syntax.OpWordBoundary:
		return expectation{matches: 0.35, word: word}
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return expectation{matches: 0.02, word: word}
	case syntax.OpQuest:
		return times(re.Sub[0], 0, 1, word)
	case syntax.OpStar:
		return times(re.Sub[0], 0, -1, word)
	case syntax.OpPlus:
		return times(re.Sub[0], 1, -1, word)
	case syntax.OpRepeat:
		return times(re.Sub[0], re.Min, re.Max, word)
	case syntax.OpCapture:
		return expect(re.Sub[0], word)
	case syntax.OpConcat:
		e := expectation{matches: 1, word: word}
		for _, sub := range re.Sub {
			e = e.then(expect(sub, e.word))
		}
		return e
	case syntax.OpAlternate:
		var e expectation
		for _, sub := range re.Sub {
			s := expect(sub, word)
			e.matches += s.matches
			e.waiting += s.waiting
			e.word = s.word
		}
		return e
	}
	return expectation{matches: 1, word: word}
}

// then expects one thing after another.
func (e expectation) then(next expectation) expectation {
	return expectation{e.matches * next.matches, e.waiting + e.matches*next.waiting, next.word}
}

// times expects a thing again and again; a most of -1 is no bound.
func times(re *syntax.Regexp, least, most int, word bool) expectation {
	const few, long = 3, 64 // long is as good as no bound
	if most < 0 || most > long {
		most = max(long, least)
	}
	var after, outside *expectation // the same each time: after a word's character, and not
	once := func(word bool) expectation {
		kept := &outside
		if word {
			kept = &after
		}
		if *kept == nil {
			e := expect(re, word)
			*kept = &e
		}
		return **kept
	}
	out := expectation{word: word}
	reached := 1.0
	for n := 0; ; n++ {
		if n >= least {
			out.matches += reached
		}
		if n == most {
			return out
		}
		e := once(out.word)
		out.waiting += reached * e.waiting
		out.word = e.word
		reached *= min(e.matches, 0.98)
		if most > few {
			out.waiting += reached
		}
	}
}

// one expects one character of some ranges.
func one(ranges []rune, word, fold bool) expectation {
	var e expectation
	add := func(r rune) {
		s := share(r)
		if isWordByte(byte(r)) {
			e.word = true
			if word { // words are not made at random
				s = math.Pow(s, 0.6)
			}
		}
		e.matches += s
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], unicode.MaxASCII); r++ {
			add(r)
			if fold {
				for f := unicode.SimpleFold(r); f != r && f <= unicode.MaxASCII; f = unicode.SimpleFold(f) {
					add(f)
				}
			}
		}
	}
	e.matches = min(e.matches, 1)
	return e
}

// share is how much of an ordinary text is this character.
func share(r rune) float64 {
	switch {
	case r == ' ':
		return 0.17
	case r >= '0' && r <= '9':
		return 0.004
	case r == '.' || r == ',':
		return 0.01
	case r >= 'A' && r <= 'Z':
		return share(r-'A'+'a') / 20
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
