package detect

import (
	"context"
	"slices"
	"sync/atomic"
)

// hit says that a pattern may end at a place.
type hit struct {
	pattern uint16
	end     int32
}

// effort counts what a scan does, in numbers that are the same on every
// machine. Its unit is a byte that is stepped over.
type effort struct {
	read   int // bytes read by an automaton, of all patterns or of one, or looked at for words
	made   int // instructions followed to make states that were not there
	checks int // values checked
}

// stateBudget is how many states one text may add before the rest of it is
// read without remembering: a text made to be hard costs itself time, and not
// everybody their memory.
const stateBudget = 4096

// hits appends to out every place where a pattern of a floating automaton
// ends, until ctx does.
func (a *automaton) hits(ctx context.Context, text string, out []hit, e *effort) ([]hit, error) {
	e.read += len(text)
	m := a.cur.Load()
	row := a.startRow(prevNone)
	built := 0
	for lo := 0; lo < len(text); lo += checkEvery {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		hi := min(lo+checkEvery, len(text))
		next := m.next
		for i := lo; i < hi; i++ {
			class := a.class[text[i]]
			v := atomic.LoadUint32(&next[row+uint32(class)])
			if int32(v) > 0 {
				row = v
				continue
			}
			if v == 0 {
				if built++; built > stateBudget {
					return a.simulate(ctx, text, i, m.states[row/a.stride].Load(), out, e)
				}
				m, v = a.step(m, row, class, e)
				next = m.next
			}
			row = v &^ noteworthy
			if v&noteworthy != 0 {
				for _, p := range m.states[row/a.stride].Load().ended {
					out = append(out, hit{p, int32(i)})
				}
			}
		}
	}
	for _, p := range a.finals(m.states[row/a.stride].Load()) {
		out = append(out, hit{p, int32(len(text))})
	}
	return out, nil
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
		for _, p := range n.ended {
			out = append(out, hit{p, int32(i)})
		}
		s.begun, s.pcs, s.prev = n.begun, append(s.pcs[:0], n.pcs...), n.prev
	}
	for _, p := range b.finals(s) {
		out = append(out, hit{p, int32(len(text))})
	}
	return out, nil
}

// longest gives the end of the longest match of an anchored automaton that
// begins at start and ends by limit, or -1. The text outside is still seen by
// anchors and word boundaries.
func (a *automaton) longest(text string, start, limit int, e *effort) int {
	end := -1
	a.ends(text, start, limit, e, func(at int) bool {
		end = at
		return true
	})
	return end
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
