package detect

import (
	"cmp"
	"context"
	"encoding/binary"
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

// mayAdd is how many states a reader may have added after i bytes before it
// reads on without remembering: a text made to be hard costs itself time, and
// not everybody their memory. The first talk that a set reads adds one in some
// ten bytes, later talk one in some hundred.
func mayAdd(i int) int { return 1536 + i/8 }

// union is two automata that together look for all patterns of a layer: those
// that begin at the beginning of a word, and those that may begin inside one.
// In one automaton each state of the ones would be there once for each state
// of the others. Both have the same classes.
type union [2]*automaton

// newUnion joins the parts that the patterns of a layer are looked for by.
// Patterns may share one.
func newUnion(parts []*syntax.Regexp) union {
	of := map[string][]uint16{}
	keys := make([]string, len(parts))
	var key []byte
	for n, part := range parts {
		key = spell(key[:0], part)
		keys[n] = string(key)
		of[keys[n]] = append(of[keys[n]], uint16(n))
	}
	var words, others []numbered
	for n, part := range parts {
		sharing := of[keys[n]]
		if sharing[0] != uint16(n) {
			continue
		}
		if prog := mustProg(part); beginsInsideWords(prog) {
			others = append(others, numbered{prog, sharing})
		} else {
			words = append(words, numbered{prog, sharing})
		}
	}
	u := union{together(words, true, unionStates), together(others, true, unionStates)}
	classify(u[0], u[1])
	u[0].ready()
	u[1].ready()
	return u
}

// spell appends to key what tells an expression from others. Printing it as an
// expression would cost more than all else at a start.
func spell(key []byte, re *syntax.Regexp) []byte {
	for _, n := range [...]int{int(re.Op), int(re.Flags), re.Min, re.Max, len(re.Rune), len(re.Sub)} {
		key = binary.AppendVarint(key, int64(n))
	}
	for _, r := range re.Rune {
		key = binary.AppendVarint(key, int64(r))
	}
	for _, sub := range re.Sub {
		key = spell(key, sub)
	}
	return key
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

// search is where a union looks for hits, and what it found.
type search struct {
	hits  []hit   // the places of each pattern are in order
	lanes [4]lane // the first half of the text for either automaton, then the second
	spent effort
}

// look fills in every place of a text where a pattern may end, until ctx does.
//
// Following one automaton through a text is waiting: where to look next hangs
// on what was just loaded. So the text is read in four places at once, by
// either automaton from its beginning and from its middle. What begins in the
// first half and ends in the second is found by the first lane reading on,
// until it has arrived in the state that the second lane had there: from there
// on both find the same.
func (u union) look(ctx context.Context, text string, s *search) error {
	s.hits = s.hits[:0]
	s.spent.read += len(text)
	half := len(text) / 2
	for n := range s.lanes {
		s.lanes[n].start(u[n%2], text, n/2*half)
	}
	if err := s.together(ctx, text, half); err != nil {
		return err
	}
	for n := range u {
		first, second := &s.lanes[n], &s.lanes[n+2]
		if err := first.read(ctx, text, half, &s.spent); err != nil {
			return err
		}
		known := 0
		if first.walker != nil { // it would never know that it has arrived
			if err := first.read(ctx, text, len(text), &s.spent); err != nil {
				return err
			}
			first.step(endOfText, &s.spent)
			known = len(second.hits)
		} else {
			if err := second.read(ctx, text, len(text), &s.spent); err != nil {
				return err
			}
			second.step(endOfText, &s.spent)
			var err error
			if known, err = first.join(ctx, text, second, &s.spent); err != nil {
				return err
			}
		}
		s.hits = append(append(s.hits, first.hits...), second.hits[known:]...)
	}
	return nil
}

// checkEvery is how many bytes are read between two looks at the context.
const checkEvery = 64 << 10

// together reads with all four lanes until the first two have arrived at the
// middle, or one of them may add no more states.
func (s *search) together(ctx context.Context, text string, half int) error {
	for i := 0; i < half; {
		if err := ctx.Err(); err != nil {
			return err
		}
		for stop := min(i+checkEvery, half); i < stop; i++ {
			if i = s.known(text, half, i, stop); i == stop {
				break
			}
			slow := false
			for n := range s.lanes {
				s.lanes[n].at = n/2*half + i
				l := &s.lanes[n]
				l.step(l.a.class[text[l.at]], &s.spent)
				slow = slow || l.walker != nil
			}
			if slow {
				return nil
			}
		}
	}
	for n := range s.lanes {
		s.lanes[n].at = n/2*half + half
	}
	return nil
}

// known reads on from text[i] and text[half+i] while all four lanes know where
// to go and nothing is noteworthy, but not up to stop. It gives the place where
// that ends.
func (s *search) known(text string, half, i, stop int) int {
	l := &s.lanes
	class := &l[0].a.class
	next, next2 := l[0].m.cells, l[1].m.cells
	if l[0].m != l[2].m || l[1].m != l[3].m {
		for n := range l {
			l[n].refresh() // one has found its memory full, and the other not
		}
		return i
	}
	row, row2, row3, row4 := l[0].row, l[1].row, l[2].row, l[3].row
	first, second := text[:stop], text[half:][:stop]
	for ; i < len(first) && i < len(second); i++ {
		c, d := uint32(class[first[i]]), uint32(class[second[i]])
		v := atomic.LoadUint32(&next[row+c])
		w := atomic.LoadUint32(&next2[row2+c])
		x := atomic.LoadUint32(&next[row3+d])
		y := atomic.LoadUint32(&next2[row4+d])
		if ((v^c)|(w^c)|(x^d)|(y^d))&cellBits != 0 { // of another class, or noteworthy
			break
		}
		row, row2, row3, row4 = v>>rowShift, w>>rowShift, x>>rowShift, y>>rowShift
	}
	l[0].row, l[1].row, l[2].row, l[3].row = row, row2, row3, row4
	return i
}

// lane is an automaton on its way through a text.
type lane struct {
	a      *automaton
	m      *memory
	row    uint32
	from   int     // where it began
	at     int     // where it is
	built  int     // states that it added
	walker *walker // when it may add no more
	hits   []hit
}

func (l *lane) start(a *automaton, text string, at int) {
	l.a, l.m, l.row = a, a.cur.Load(), a.startRow(before(text, at))
	l.from, l.at, l.built, l.walker, l.hits = at, at, 0, nil, l.hits[:0]
}

// step reads the next byte, which is of a class.
func (l *lane) step(class uint8, e *effort) {
	if l.walker == nil {
		v := l.m.at(l.row, class)
		if v != 0 && v&noteworthy == 0 {
			l.row = v >> rowShift
			l.at++
			return
		}
		l.turn(v, class, e)
	}
	if l.walker != nil {
		l.note(l.walker.step(class, e))
	}
	l.at++
}

// turn takes a transition that is unknown or noteworthy. Where it would add
// more states than it may, it begins to read without remembering.
func (l *lane) turn(v uint32, class uint8, e *effort) {
	if v == 0 {
		if l.built++; l.built > mayAdd(l.at-l.from) {
			l.walker = l.a.walk(&l.m.nodes[l.row].Load().state)
			return
		}
		l.m, v = l.a.step(l.m, l.row, class, e)
	}
	l.row = v >> rowShift
	if v&noteworthy != 0 {
		l.note(l.m.nodes[l.row].Load().ended)
	}
}

// refresh goes over into the current memory.
func (l *lane) refresh() {
	if l.walker == nil && l.m != l.a.cur.Load() {
		l.a.mu.Lock()
		m, n := l.a.current(l.m, l.row)
		l.m, l.row = m, n.row
		l.a.mu.Unlock()
	}
}

// read reads on to a place.
func (l *lane) read(ctx context.Context, text string, until int, e *effort) error {
	for n := 1; l.at < until; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		l.step(l.a.class[text[l.at]], e)
	}
	return nil
}

// note adds the hits of the parts that end where the lane is.
func (l *lane) note(ended []uint16) {
	for _, part := range ended {
		for _, p := range l.a.patterns[part] {
			l.hits = append(l.hits, hit{p, int32(l.at)})
		}
	}
}

// join reads on into what another lane of the same automaton has read, until it
// has arrived in the state in which the other was there. It gives how many of
// the other's hits it has found itself by then.
func (l *lane) join(ctx context.Context, text string, other *lane, e *effort) (int, error) {
	l.refresh()
	same := lane{a: l.a, m: l.m, row: l.a.startRow(before(text, l.at))} // the other, once more
	lost := l.walker != nil                                             // the other's way is not known any more
	for n := 1; l.at < len(text) && (lost || l.row != same.row || l.m != same.m); n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
		if !lost && l.m == same.m {
			if l.beside(&same, text[:min(l.at+checkEvery/1024, len(text))]); l.at == len(text) || l.row == same.row {
				break
			}
		}
		class := l.a.class[text[l.at]]
		if !lost {
			v := same.m.at(same.row, class)
			same.row = v >> rowShift
			lost = v == 0
		}
		l.step(class, e)
		lost = lost || l.walker != nil
		if !lost && l.m != same.m {
			same.refresh()
			l.refresh()
		}
	}
	if l.at == len(text) {
		l.step(endOfText, e)
		return len(other.hits), nil
	}
	n, _ := slices.BinarySearchFunc(other.hits, l.at, func(h hit, at int) int { return cmp.Compare(int(h.end), at) })
	return n, nil
}

// beside reads on together with another lane that is in the same place and
// memory, while they are in two states, both are known to go on, and nothing is
// noteworthy.
func (l *lane) beside(other *lane, text string) {
	class, cells := &l.a.class, l.m.cells
	row, row2, at := l.row, other.row, l.at
	for ; at < len(text) && row != row2; at++ {
		c := uint32(class[text[at]])
		v, w := atomic.LoadUint32(&cells[row+c]), atomic.LoadUint32(&cells[row2+c])
		if ((v^c)|(w^c))&cellBits != 0 {
			break
		}
		row, row2 = v>>rowShift, w>>rowShift
	}
	l.row, other.row, l.at = row, row2, at
}

// walker reads without remembering states: slower by the number of
// instructions that wait, but in bounded memory.
type walker struct {
	b *builder
	s state
}

func (a *automaton) walk(from *state) *walker {
	return &walker{b: newBuilder(a), s: state{begun: from.begun, pcs: slices.Clone(from.pcs), prev: from.prev}}
}

// step reads one byte, of a class, and gives the parts that end before it.
func (w *walker) step(class uint8, e *effort) []uint16 {
	followed := w.b.followed
	n := w.b.advance(&w.s, class)
	e.made += w.b.followed - followed
	w.s.begun, w.s.pcs, w.s.prev = n.begun, append(w.s.pcs[:0], n.pcs...), n.prev
	return n.ended
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
	i, limit := start, min(limit, len(text))
	for ; i <= limit; i++ {
		class := uint8(endOfText)
		if i < len(text) {
			class = a.class[text[i]]
		}
		v := m.at(row, class)
		if v == 0 {
			m, v = a.step(m, row, class, e)
		}
		row = v >> rowShift
		if v&noteworthy == 0 {
			continue
		}
		s := m.nodes[row].Load()
		if len(s.ended) > 0 && !f(i) || a.dead(&s.state) {
			e.read += i + 1 - start
			return
		}
	}
	e.read += i - start
}

// before is what stands before a place in a text.
func before(text string, at int) prevKind {
	if at == 0 {
		return prevNone
	}
	return kindOf(text[at-1])
}
