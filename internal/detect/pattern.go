package detect

import (
	"errors"
	"regexp/syntax"
	"sync"
)

// pattern is one expression of one rule.
type pattern struct {
	rule   int
	expr   string
	whole  *lazy
	least  int   // bytes from the beginning of a match to its hit, at least
	reach  int   // and at most
	before *lazy // where a group marks the value: what stands before it,
	value  *lazy // the value,
	after  *lazy // what stands after it,
	rest   *lazy // and value and after together

	once sync.Once // at its first hit
	shape
}

// shape is what looking for the beginnings of matches needs to know of an
// expression.
type shape struct {
	first [4][2]uint64 // by the kind of byte before, the bytes that a match can begin with
	most  int          // longest match in bytes; window where it has no bound
	open  bool         // has no bound
	bytes [2]uint64    // that a match can have
	loops [2]uint64    // where reach has no bound: what its loops take,
	fixed int          // and how many bytes there are outside of them
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
	l.once.Do(func() { l.a = newAutomaton([]numbered{{prog: mustProg(l.re)}}, false, anchoredStates) })
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

// compilePattern makes a pattern of an expression, and the part that the
// automaton of all rules looks for.
func compilePattern(expr string, rule int) (*pattern, *syntax.Regexp, error) {
	re, err := parse(expr)
	if err != nil {
		return nil, nil, err
	}
	p := &pattern{rule: rule, expr: expr, whole: &lazy{re: re}}
	if err := p.splitAtValue(re); err != nil {
		return nil, nil, err
	}
	var part *syntax.Regexp
	part, p.least, p.reach = trigger(re)
	return p, widen(part), nil
}

// study works out the shape, once.
func (p *pattern) study() {
	p.once.Do(func() {
		re := p.whole.re
		if p.most = maxLen(re); p.most < 0 || p.most > window {
			p.most, p.open = window, true
		}
		a := p.whole.get()
		p.findFirst(a)
		for i := range a.insts {
			p.bytes[0] |= a.insts[i].set[0]
			p.bytes[1] |= a.insts[i].set[1]
		}
		if p.reach < 0 || p.reach > p.most {
			p.reach = p.most
			p.fixed, p.loops = outsideLoops(re)
		}
	})
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

// next gives the first match that begins in text[from:until], the longest
// from there, or until and -1. The shorter ones are left in found.
func (p *pattern) next(text string, from, until int, found *endings, e *effort) (start, stop int) {
	p.study()
	whole := p.whole.get()
	if from >= until {
		return until, -1
	}
	e.read += until - from
	for prev := before(text, from); from < until; from++ {
		c := text[from]
		first := &p.first[prev]
		prev = kindOf(c)
		if c < 128 && first[c>>6]>>(c&63)&1 == 1 {
			found.n = 0
			whole.ends(text, from, min(from+p.most, len(text)), e, found.add)
			if stop := found.last(0); found.n > 0 && stop > from {
				return from, stop
			}
		}
	}
	return until, -1
}

// earliest is where a match may begin, from on, that has its hit at end.
func (p *pattern) earliest(text string, from, end int) int {
	p.study()
	from = max(from, end-p.reach)
	if p.bytes[' '>>6]>>(' '&63)&1 == 0 { // it is within a word, or an address
		at := end
		for at > from && text[at-1] < 128 && p.bytes[text[at-1]>>6]>>(text[at-1]&63)&1 == 1 {
			at--
		}
		return at
	}
	if p.reach < p.most || p.loops == [2]uint64{} {
		return from
	}
	at := end
	for fixed := 0; at > from; at-- {
		if c := text[at-1]; c >= 128 || p.loops[c>>6]>>(c&63)&1 == 0 {
			if fixed++; fixed > p.fixed {
				break
			}
		}
	}
	return at
}

// outsideLoops is how many bytes a match can have outside of the repeats
// without a bound, and which bytes it can have inside of them.
func outsideLoops(re *syntax.Regexp) (fixed int, loops [2]uint64) {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus:
		return 0, anyOf(mustProg(re))
	case syntax.OpRepeat:
		if re.Max < 0 {
			return 0, anyOf(mustProg(re))
		}
		fixed, loops = outsideLoops(re.Sub[0])
		return fixed * re.Max, loops
	case syntax.OpConcat, syntax.OpAlternate, syntax.OpCapture, syntax.OpQuest:
		for _, sub := range re.Sub {
			n, set := outsideLoops(sub)
			if re.Op == syntax.OpConcat {
				fixed += n
			} else {
				fixed = max(fixed, n)
			}
			loops[0] |= set[0]
			loops[1] |= set[1]
		}
		return fixed, loops
	}
	return maxLen(re), loops
}

// anyOf gives the ASCII bytes that matches of an expression can have.
func anyOf(prog *syntax.Prog) (set [2]uint64) {
	for i := range prog.Inst {
		switch in := &prog.Inst[i]; in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			s := asciiOf(in)
			set[0] |= s[0]
			set[1] |= s[1]
		}
	}
	return set
}

// endings are the ends of the matches from one beginning: the last of them.
type endings struct {
	at [32]int
	n  int // how many there were
}

func (e *endings) add(end int) bool {
	e.at[e.n%len(e.at)] = end
	e.n++
	return true
}

// last gives the end that was added so many before the last.
func (e *endings) last(before int) int {
	return e.at[(e.n-1-before+len(e.at))%len(e.at)]
}

// locate gives the value of the match text[start:end]: the shortest
// surroundings before it, then the longest value.
func (p *pattern) locate(text string, start, end int, spent *effort) (int, int) {
	if p.value == nil {
		return start, end
	}
	from, to := -1, -1
	rest, after := p.rest.get(), p.after.get()
	p.before.get().ends(text, start, end, spent, func(e int) bool {
		if rest.matches(text, e, end, spent) {
			from = e
		}
		return from < 0
	})
	if from < 0 {
		return start, end
	}
	p.value.get().ends(text, from, end, spent, func(e int) bool {
		if after.matches(text, e, end, spent) {
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
func (p *pattern) findFirst(a *automaton) {
	b := newBuilder(a)
	for prev := range prevKind(4) {
		for _, c := range [...]byte{'\n', 'a', ' '} { // one of each kind
			b.closure(a.starts, flags(prev, kindOf(c)))
			for _, pc := range b.takes {
				p.first[prev][0] |= a.insts[pc].set[0] & ofKind[kindOf(c)][0]
				p.first[prev][1] |= a.insts[pc].set[1] & ofKind[kindOf(c)][1]
			}
		}
	}
}

// ofKind holds the ASCII bytes of each kind.
var ofKind = func() (sets [4][2]uint64) {
	for c := range byte(128) {
		sets[kindOf(c)][c>>6] |= 1 << (c & 63)
	}
	return sets
}()

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
