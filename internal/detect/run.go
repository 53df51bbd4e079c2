package detect

import (
	"context"
	"regexp/syntax"
	"slices"
	"sync/atomic"
)

// hit says that a pattern may end at a place.
type hit struct {
	pattern uint16
	end     int32
}

// effort counts what finding candidates takes, in numbers that are the same on
// every machine. Its unit is a byte that is stepped over.
type effort struct {
	read   int // bytes read by an automaton, of all patterns or of one
	made   int // instructions followed to make states that were not there
	checks int // values checked
}

// mayAdd is how many states a text may have added by its i-th byte before the
// rest of it is read without remembering: a text made to be hard costs itself
// time, and not everybody their memory. The first talk that a set reads adds
// one in some ten bytes, later talk one in some hundred.
func mayAdd(i int) int { return 4096 + i/8 }

// reader is an automaton on its way through a text.
type reader struct {
	a     *automaton
	m     *memory
	row   uint32
	built int // states that it added
}

func (a *automaton) reader() reader {
	return reader{a: a, m: a.cur.Load(), row: a.startRow(prevNone)}
}

// turn takes the transition v at text[i], which is unknown or noteworthy. It
// says false when the text has added more states than it may.
func (r *reader) turn(text string, i int, v uint32, out []hit, e *effort) ([]hit, bool) {
	if v == 0 {
		if r.built++; r.built > mayAdd(i) {
			return out, false
		}
		r.m, v = r.a.step(r.m, r.row, r.a.class[text[i]], e)
	}
	r.row = v &^ noteworthy
	if v&noteworthy != 0 {
		out = r.a.note(r.m.states[r.row/r.a.stride].Load().ended, i, out)
	}
	return out, true
}

// finish gives the patterns that end where the text does.
func (r *reader) finish(text string, out []hit) []hit {
	return r.a.note(r.a.finals(r.m.states[r.row/r.a.stride].Load()), len(text), out)
}

// note appends the hits of the parts that end at a place.
func (a *automaton) note(ended []uint16, at int, out []hit) []hit {
	for _, part := range ended {
		for _, p := range a.patterns[part] {
			out = append(out, hit{p, int32(at)})
		}
	}
	return out
}

// alone reads text from i on to its end.
func (r *reader) alone(ctx context.Context, text string, i int, out []hit, e *effort) ([]hit, error) {
	for i < len(text) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		for stop := min(i+checkEvery, len(text)); i < stop; i++ {
			v := atomic.LoadUint32(&r.m.next[r.row+uint32(r.a.class[text[i]])])
			if int32(v) > 0 {
				r.row = v
				continue
			}
			var ok bool
			if out, ok = r.turn(text, i, v, out, e); !ok {
				return r.a.simulate(ctx, text, i, r.m.states[r.row/r.a.stride].Load(), out, e)
			}
		}
	}
	return r.finish(text, out), nil
}

// union is two automata that together look for all patterns of a layer: those
// that begin at the beginning of a word, and those that may begin inside one.
// In one automaton each state of the ones would be there once for each state
// of the others. Read side by side, they cost little more than one: neither
// waits for what the other loads.
type union [2]*automaton

// newUnion joins the parts that the patterns of a layer are looked for by.
// Patterns may share one.
func newUnion(parts []*syntax.Regexp) union {
	of := map[string][]uint16{}
	for n, part := range parts {
		of[part.String()] = append(of[part.String()], uint16(n))
	}
	var words, others []numbered
	for n, part := range parts {
		sharing := of[part.String()]
		if sharing[0] != uint16(n) {
			continue
		}
		if prog := mustProg(part); beginsInsideWords(prog) {
			others = append(others, numbered{prog, sharing})
		} else {
			words = append(words, numbered{prog, sharing})
		}
	}
	return union{newAutomaton(words, true, unionStates), newAutomaton(others, true, unionStates)}
}

// beginsInsideWords says whether a match may begin between two characters of a
// word.
func beginsInsideWords(prog *syntax.Prog) bool {
	a := automaton{}
	a.add(prog, 0)
	b := newBuilder(&a)
	b.closure(a.starts, flags(prevWord, prevWord))
	return slices.ContainsFunc(b.takes, func(pc uint32) bool {
		return a.insts[pc].set[0]&ofKind[prevWord][0] != 0 || a.insts[pc].set[1]&ofKind[prevWord][1] != 0
	})
}

// hits appends to out every place where a pattern may end, until ctx does. The
// places of each pattern are in order.
func (u union) hits(ctx context.Context, text string, out []hit, e *effort) ([]hit, error) {
	e.read += len(text)
	words, others := u[0].reader(), u[1].reader()
	for i := 0; i < len(text); {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		for stop := min(i+checkEvery, len(text)); i < stop; i++ {
			var v, w uint32
			if i, v, w = both(&words, &others, text[:stop], i); i == stop {
				break
			}
			var ok bool
			if out, ok = words.turn(text, i, v, out, e); !ok {
				return apart(ctx, text, i, &words, i, &others, out, e)
			}
			if out, ok = others.turn(text, i, w, out, e); !ok {
				return apart(ctx, text, i, &others, i+1, &words, out, e)
			}
		}
	}
	return others.finish(text, words.finish(text, out)), nil
}

// both reads on while both know where to go and nothing is noteworthy. It
// gives the place where that ends and the transitions there.
func both(words, others *reader, text string, i int) (int, uint32, uint32) {
	class, class2 := &words.a.class, &others.a.class
	next, next2 := words.m.next, others.m.next
	row, row2 := words.row, others.row
	var v, w uint32
	for ; i < len(text); i++ {
		c := text[i]
		v = atomic.LoadUint32(&next[row+uint32(class[c])])
		w = atomic.LoadUint32(&next2[row2+uint32(class2[c])])
		if int32((v-1)|(w-1)) < 0 { // 0, or with the bit
			break
		}
		row, row2 = v, w
	}
	words.row, others.row = row, row2
	return i, v, w
}

// apart reads on with each reader alone: with the one that may add no more
// states from one place, and with the other from another.
func apart(ctx context.Context, text string, from int, spent *reader, at int, other *reader, out []hit, e *effort) ([]hit, error) {
	out, err := spent.a.simulate(ctx, text, from, spent.m.states[spent.row/spent.a.stride].Load(), out, e)
	if err != nil {
		return out, err
	}
	return other.alone(ctx, text, at, out, e)
}

// checkEvery is how many bytes are read between two looks at the context.
const checkEvery = 64 << 10

// simulate reads text from i on without remembering states: slower by the
// number of instructions that are alive, but in bounded memory.
func (a *automaton) simulate(ctx context.Context, text string, i int, s *state, out []hit, e *effort) ([]hit, error) {
	b := newBuilder(a)
	defer func() { e.made += b.followed }()
	s = &state{begun: s.begun, pcs: slices.Clone(s.pcs), prev: s.prev}
	for ; i < len(text); i++ {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return out, err
			}
		}
		n := b.advance(s, a.class[text[i]])
		out = a.note(n.ended, i, out)
		s.begun, s.pcs, s.prev = n.begun, append(s.pcs[:0], n.pcs...), n.prev
	}
	return a.note(b.finals(s), len(text), out), nil
}

// matches says whether text[start:end] is a match.
func (a *automaton) matches(text string, start, end int, e *effort) bool {
	found := false
	a.ends(text, start, end, e, func(at int) bool {
		found = at == end
		return !found
	})
	return found
}

// ends calls f with the end of every match that begins at start, shortest
// first, until f returns false. It reads at most one byte past limit.
func (a *automaton) ends(text string, start, limit int, e *effort, f func(end int) bool) {
	m := a.cur.Load()
	row := a.startRow(before(text, start))
	i := start
	for ; i < len(text) && i <= limit; i++ {
		class := a.class[text[i]]
		v := atomic.LoadUint32(&m.next[row+uint32(class)])
		if v == 0 {
			m, v = a.step(m, row, class, e)
		}
		row = v &^ noteworthy
		if v&noteworthy == 0 {
			continue
		}
		s := m.states[row/a.stride].Load()
		if len(s.ended) > 0 && !f(i) || a.dead(s) {
			e.read += i + 1 - start
			return
		}
	}
	e.read += i - start
	if limit >= len(text) && len(a.finals(m.states[row/a.stride].Load())) > 0 {
		f(len(text))
	}
}

// before is what stands before a place in a text.
func before(text string, at int) prevKind {
	if at == 0 {
		return prevNone
	}
	return kindOf(text[at-1])
}
