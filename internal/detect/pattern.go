package detect

import (
	"errors"
	"math"
	"regexp/syntax"
	"slices"
	"sync"
)

// pattern is one expression of one rule.
type pattern struct {
	rule   int
	expr   string
	whole  *lazy
	first  [2]uint64 // the ASCII bytes that a match can begin with
	most   int       // longest match in bytes; window where it has no bound
	open   bool      // has no bound
	before *lazy     // where a group marks the value: what stands before it,
	value  *lazy     // the value,
	after  *lazy     // what stands after it,
	rest   *lazy     // and value and after together
}

// window is how far a match of a pattern without a bound may reach.
const window = 16 << 10

// lazy is an anchored automaton that is made when it is first needed.
type lazy struct {
	once sync.Once
	re   *syntax.Regexp
	a    *automaton
}

// anchoredStates bounds the memory of the automaton of one pattern.
const anchoredStates = 4096

func (l *lazy) get() *automaton {
	l.once.Do(func() { l.a = newAutomaton([]*syntax.Prog{mustProg(l.re)}, false, anchoredStates) })
	return l.a
}

// mustProg compiles what was parsed: an expression that parses compiles.
func mustProg(re *syntax.Regexp) *syntax.Prog {
	p, err := syntax.Compile(re.Simplify())
	if err != nil {
		panic("detect: a parsed expression does not compile: " + err.Error())
	}
	return p
}

func parse(expr string) (*syntax.Regexp, error) { return syntax.Parse(expr, syntax.Perl) }

// compilePattern makes a pattern of an expression, and the wider one that the
// automaton of all rules looks for.
func compilePattern(expr string, rule int) (*pattern, *syntax.Prog, error) {
	re, err := parse(expr)
	if err != nil {
		return nil, nil, err
	}
	p := &pattern{rule: rule, expr: expr, whole: &lazy{re: re}}
	if p.most = maxLen(re); p.most < 0 || p.most > window {
		p.most, p.open = window, true
	}
	if err := p.splitAtValue(re); err != nil {
		return nil, nil, err
	}
	again, err := parse(expr)
	if err != nil {
		return nil, nil, err
	}
	p.findFirst(mustProg(re))
	return p, mustProg(widen(trigger(again))), nil
}

// splitAtValue finds the group that marks the value.
func (p *pattern) splitAtValue(re *syntax.Regexp) error {
	if re.MaxCap() == 0 {
		return nil
	}
	if re.Op == syntax.OpCapture {
		re = &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{re}}
	}
	if re.MaxCap() > 1 || re.Op != syntax.OpConcat {
		return errGroup
	}
	for i, sub := range re.Sub {
		if sub.Op != syntax.OpCapture {
			continue
		}
		join := func(subs []*syntax.Regexp) *lazy {
			return &lazy{re: &syntax.Regexp{Op: syntax.OpConcat, Sub: subs, Flags: re.Flags}}
		}
		p.before, p.value = join(re.Sub[:i]), join(re.Sub[i:i+1])
		p.after, p.rest = join(re.Sub[i+1:]), join(re.Sub[i:])
		return nil
	}
	return errGroup
}

var errGroup = errors.New("the one group that marks the value must stand by itself, not inside another or a choice")

// next gives the first match that begins in text[from:before], the longest
// from there, or before and -1.
func (p *pattern) next(text string, from, before int) (start, stop int) {
	whole := p.whole.get()
	for ; from < before; from++ {
		if p.beginsWith(text[from]) {
			if stop := whole.longest(text, from, min(from+p.most, len(text))); stop > from {
				return from, stop
			}
		}
	}
	return before, -1
}

// locate gives the value of the match text[start:end]: the shortest
// surroundings before it, then the longest value.
func (p *pattern) locate(text string, start, end int) (int, int) {
	if p.value == nil {
		return start, end
	}
	from, to := -1, -1
	rest, after := p.rest.get(), p.after.get()
	p.before.get().ends(text, start, end, func(e int) bool {
		if rest.matches(text, e, end) {
			from = e
		}
		return from < 0
	})
	if from < 0 {
		return start, end
	}
	p.value.get().ends(text, from, end, func(e int) bool {
		if after.matches(text, e, end) {
			to = e
		}
		return true
	})
	if to <= from {
		return start, end
	}
	return from, to
}

// findFirst fills in the bytes that a match can begin with.
func (p *pattern) findFirst(prog *syntax.Prog) {
	a := automaton{}
	a.add(prog, 0)
	b := builder{seen: make([]uint32, len(a.insts))}
	a.closure(&b, a.starts, ^syntax.EmptyOp(0))
	for _, pc := range b.takes {
		p.first[0] |= a.insts[pc].set[0]
		p.first[1] |= a.insts[pc].set[1]
	}
}

func (p *pattern) beginsWith(c byte) bool { return c < 128 && p.first[c>>6]>>(c&63)&1 == 1 }

// trigger gives the part of re that the automaton of all rules looks for. An
// expression such as "keyword, some words, value" would put that automaton in
// a state of its own for every place among the words, times all that the other
// rules see there. Its beginning or its end alone finds every match as well,
// as long as it is a word of some length; locating looks at the whole.
func trigger(re *syntax.Regexp) *syntax.Regexp {
	if re.Op != syntax.OpConcat {
		return re
	}
	first := slices.IndexFunc(re.Sub, isGap)
	if first < 0 {
		return re
	}
	last := len(re.Sub) - 1
	for !isGap(re.Sub[last]) {
		last--
	}
	chosen, best := re, 2
	for _, part := range [...][]*syntax.Regexp{re.Sub[:first], re.Sub[last+1:]} {
		if n := literals(part); n >= best {
			chosen, best = &syntax.Regexp{Op: syntax.OpConcat, Sub: part, Flags: re.Flags}, n+1
		}
	}
	return chosen
}

// isGap says whether re stands for some words: an optional or repeated thing
// with repeated classes of characters in it.
func isGap(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpQuest, syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return slices.ContainsFunc(re.Sub, holdsRun)
	}
	return false
}

// holdsRun says whether re has a long run of one class of characters in it.
func holdsRun(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		if (re.Op != syntax.OpRepeat || re.Max < 0 || re.Max > 4) && re.Sub[0].Op == syntax.OpCharClass {
			return true
		}
	}
	return slices.ContainsFunc(re.Sub, holdsRun)
}

// literals is the least number of letters and marks in any match of parts.
func literals(parts []*syntax.Regexp) int {
	n := 0
	for _, re := range parts {
		switch re.Op {
		case syntax.OpLiteral:
			for _, r := range re.Rune {
				if r != ' ' {
					n++
				}
			}
		case syntax.OpConcat, syntax.OpCapture:
			n += literals(re.Sub)
		case syntax.OpPlus:
			n += literals(re.Sub)
		case syntax.OpRepeat:
			n += re.Min * literals(re.Sub)
		case syntax.OpAlternate:
			least := math.MaxInt
			for _, s := range re.Sub {
				least = min(least, literals([]*syntax.Regexp{s}))
			}
			n += least
		}
	}
	return n
}

// widen turns counted repeats with much room into open ones. The result
// matches more, which locating puts right, with far fewer states.
func widen(re *syntax.Regexp) *syntax.Regexp {
	for i, s := range re.Sub {
		re.Sub[i] = widen(s)
	}
	if re.Op == syntax.OpRepeat && re.Max >= 0 && re.Max-re.Min >= 4 {
		re.Max = -1
	}
	return re
}

// maxLen is the longest text that re matches, or -1 where there is no bound.
func maxLen(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpStar, syntax.OpPlus:
		return -1
	case syntax.OpCapture, syntax.OpQuest:
		return maxLen(re.Sub[0])
	case syntax.OpRepeat:
		n := maxLen(re.Sub[0])
		if n < 0 || re.Max < 0 {
			return -1
		}
		return n * re.Max
	case syntax.OpConcat, syntax.OpAlternate:
		total := 0
		for _, s := range re.Sub {
			n := maxLen(s)
			if n < 0 {
				return -1
			}
			if re.Op == syntax.OpConcat {
				total += n
			} else {
				total = max(total, n)
			}
		}
		return total
	}
	return 0
}
