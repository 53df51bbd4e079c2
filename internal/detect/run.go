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

// stateBudget is how many states one text may add before the rest of it is
// read without remembering: a text made to be hard costs itself time, and not
// everybody their memory.
const stateBudget = 4096

// hits appends to out every place where a pattern of a floating automaton
// ends, until ctx does.
func (a *automaton) hits(ctx context.Context, text string, out []hit) ([]hit, error) {
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
					return a.simulate(ctx, text, i, m.states[row/a.stride].Load(), out)
				}
				m, v = a.step(m, row, class)
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
	for _, p := range m.states[row/a.stride].Load().final {
		out = append(out, hit{p, int32(len(text))})
	}
	return out, nil
}

// checkEvery is how many bytes are read between two looks at the context.
const checkEvery = 64 << 10

// simulate reads text from i on without remembering states: slower by the
// number of instructions that are alive, but in bounded memory.
func (a *automaton) simulate(ctx context.Context, text string, i int, s *state, out []hit) ([]hit, error) {
	b := &builder{seen: make([]uint32, len(a.insts))}
	pcs, prev := append([]uint32(nil), s.pcs...), s.prev
	for ; i < len(text); i++ {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return out, err
			}
		}
		n := a.advance(b, pcs, prev, text[i])
		for _, p := range n.ended {
			out = append(out, hit{p, int32(i)})
		}
		pcs, prev = append(pcs[:0], n.pcs...), n.prev
	}
	a.closure(b, pcs, flags(prev, prevNone))
	slices.Sort(b.ended)
	for _, p := range slices.Compact(b.ended) {
		out = append(out, hit{p, int32(len(text))})
	}
	return out, nil
}

// longest gives the end of the longest match of an anchored automaton that
// begins at start and ends by limit, or -1. The text outside is still seen by
// anchors and word boundaries.
func (a *automaton) longest(text string, start, limit int) int {
	end := -1
	a.ends(text, start, limit, func(e int) bool {
		end = e
		return true
	})
	return end
}

// matches says whether text[start:end] is a match.
func (a *automaton) matches(text string, start, end int) bool {
	found := false
	a.ends(text, start, end, func(e int) bool {
		found = e == end
		return !found
	})
	return found
}

// ends calls f with the end of every match that begins at start, shortest
// first, until f returns false. It reads at most one byte past limit.
func (a *automaton) ends(text string, start, limit int, f func(end int) bool) {
	prev := prevNone
	if start > 0 {
		prev = kindOf(text[start-1])
	}
	m := a.cur.Load()
	row := a.startRow(prev)
	for i := start; i < len(text) && i <= limit; i++ {
		class := a.class[text[i]]
		v := atomic.LoadUint32(&m.next[row+uint32(class)])
		if v == 0 {
			m, v = a.step(m, row, class)
		}
		row = v &^ noteworthy
		if v&noteworthy == 0 {
			continue
		}
		s := m.states[row/a.stride].Load()
		if len(s.ended) > 0 && !f(i) || a.dead(s) {
			return
		}
	}
	if limit >= len(text) && len(m.states[row/a.stride].Load().final) > 0 {
		f(len(text))
	}
}
