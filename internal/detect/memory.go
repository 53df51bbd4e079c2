package detect

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// memory is what is known of an automaton's states so far: a comb. Each state
// has a row, which is the place where its cells begin, one for each class of
// bytes. Of most states few transitions are ever met, so rows lie over each
// other like the teeth of combs: a cell says which class it is for, and that is
// whose it is, since no two rows begin at the same place.
//
// A cell is 0 while nothing is known there; else it holds the row of the next
// state, the bit noteworthy when patterns ended on the way or that state is the
// dead one, and the class.
//
// Readers take no lock. A state whose new transition finds its cell taken moves
// to another row; the old one stays as it is for those who stand there, and is
// used by nobody else.
type memory struct {
	cells []uint32
	nodes []atomic.Pointer[node] // by row, the state that has it or had it
	all   []*node                // in the order in which they were made
	index map[uint64]*node       // by a hash of what they are
	seed  maphash.Seed
	width uint32 // of a row: the number of classes
	from  uint32 // where looking for a free row begins
	top   uint32 // no row that shares cells is from here on, and none of their cells
	own   uint32 // from here on states have their cells for themselves
	left  int    // cells in rows that were left

	lists []uint32 // room for the instructions of the next states
	fresh []node   // and for the states
}

// node is a state in a memory. What is not its state belongs to who holds the
// automaton's lock.
type node struct {
	state
	row   uint32
	into  []uint32 // cells that lead here, in rows that were left too
	hash  uint64
	other *node // the next one with the same hash
	moved *node // when all are laid out anew, the same state there
}

const (
	classBits  = 0xff
	noteworthy = 0x100
	cellBits   = classBits | noteworthy
	rowShift   = 9
	mostCells  = 1 << (32 - rowShift)
)

// manyKnown is from how many transitions on a state has its cells for itself.
const manyKnown = 24

// emptyMemory has room for so many cells, with the four starts to come.
func (a *automaton) emptyMemory(room int) *memory {
	room = min(max(room, 16*int(a.stride)), mostCells)
	return &memory{
		cells: make([]uint32, room), nodes: make([]atomic.Pointer[node], room),
		index: map[uint64]*node{}, seed: maphash.MakeSeed(),
		width: a.stride, from: 5 * a.stride, top: 5 * a.stride, own: uint32(room),
	}
}

// newMemory holds the starts.
func (a *automaton) newMemory(room int) *memory {
	m := a.emptyMemory(room)
	var first []uint32
	if !a.floating {
		first = a.starts
	}
	for _, prev := range [...]prevKind{prevNone, prevNewline, prevWord, prevOther} {
		a.intern(m, &state{pcs: first, prev: prev})
	}
	return m
}

// startRow is the row of the state in which a text, or the part of it after a
// byte of this kind, begins. Starts never move.
func (a *automaton) startRow(prev prevKind) uint32 { return (1 + uint32(prev)) * a.stride }

// at gives what is known of a row and a class: 0 where nothing is.
func (m *memory) at(row uint32, class uint8) uint32 {
	v := atomic.LoadUint32(&m.cells[row+uint32(class)])
	if uint8(v) != class || v < 1<<rowShift {
		return 0
	}
	return v
}

// room is how many cells are left.
func (m *memory) room() uint32 { return m.own - min(m.top, m.own) }

// full says whether there may be no room for two more states and a transition.
func (m *memory) full() bool { return m.room() < 4*m.width }

// find gives a row of which the cells of some classes are free.
func (m *memory) find(classes []uint8) uint32 {
	const looking = 64 // rows, at which combs lie close enough
	row := m.from
	for ; row < m.top; row++ {
		if m.nodes[row].Load() == nil && !slices.ContainsFunc(classes, func(c uint8) bool { return m.cells[row+uint32(c)] != 0 }) {
			break
		}
	}
	m.top = max(m.top, row+1)
	if row-m.from > looking {
		m.from = row - looking
	}
	return row
}

// settle gives a state a row for transitions of some classes.
func (m *memory) settle(n *node, classes []uint8) {
	if len(classes) > manyKnown {
		m.own -= m.width
		n.row = m.own
	} else {
		n.row = m.find(classes)
	}
	m.nodes[n.row].Store(n)
}

// put writes a transition into a free cell.
func (m *memory) put(n *node, v uint32) {
	cell := n.row + v&classBits
	atomic.StoreUint32(&m.cells[cell], v)
	if n.row < m.own {
		m.top = max(m.top, cell+1)
	}
	to := m.nodes[v>>rowShift].Load()
	to.into = append(to.into, cell)
}

// classes appends those of which a state's transitions are known.
func (m *memory) classes(n *node, classes []uint8) []uint8 {
	for class := range m.width {
		if m.at(n.row, uint8(class)) != 0 {
			classes = append(classes, uint8(class))
		}
	}
	return classes
}

// link writes down where a state goes on with a class, and gives the cell.
func (m *memory) link(n *node, class uint8, to *node, note bool) uint32 {
	if m.cells[n.row+uint32(class)] != 0 {
		m.move(n, class)
	}
	v := to.row<<rowShift | uint32(class)
	if note {
		v |= noteworthy
	}
	m.put(n, v)
	return v
}

// move gives a state another row, where the cell of one more class is free.
func (m *memory) move(n *node, class uint8) {
	var room [256]uint8
	classes := append(m.classes(n, room[:0]), class)
	old := n.row
	m.left += len(classes) - 1
	m.settle(n, classes)
	for _, c := range classes[:len(classes)-1] {
		m.put(n, m.cells[old+uint32(c)])
	}
	for _, cell := range n.into {
		atomic.StoreUint32(&m.cells[cell], n.row<<rowShift|m.cells[cell]&cellBits)
	}
}

// keep gives a copy of a list. Many lie in one piece of memory: a piece for
// each, and the collector's work on them, would cost as much as making states.
func (m *memory) keep(list []uint32) []uint32 {
	at := len(m.lists)
	if at+len(list) > cap(m.lists) {
		at, m.lists = 0, make([]uint32, 0, max(min(2*cap(m.lists), mostTogether), 64, len(list)))
	}
	m.lists = append(m.lists, list...)
	return m.lists[at:len(m.lists):len(m.lists)]
}

// mostTogether bounds the entries of lists that are given memory at once.
const mostTogether = 1 << 13

// add takes in a state that is not there yet.
func (m *memory) add(s *state, hash uint64, classes []uint8) *node {
	if len(m.fresh) == 0 {
		m.fresh = make([]node, min(len(m.all)+4, mostTogether>>5))
	}
	n := &m.fresh[0]
	m.fresh = m.fresh[1:]
	*n = node{state: *s, hash: hash, other: m.index[hash]}
	if len(m.all) < 4 {
		n.row = (1 + uint32(len(m.all))) * m.width
		m.nodes[n.row].Store(n)
	} else {
		m.settle(n, classes)
	}
	m.index[hash] = n
	m.all = append(m.all, n)
	return n
}

// intern gives the node of a state, adding it where it is new. The caller holds
// the lock, or is the only one that has m.
func (a *automaton) intern(m *memory, s *state) *node {
	hash := a.hash(m.seed, s)
	for n := m.index[hash]; n != nil; n = n.other {
		if n.prev == s.prev && n.begun == s.begun && slices.Equal(n.pcs, s.pcs) && slices.Equal(n.ended, s.ended) {
			return n
		}
	}
	own := &state{begun: s.begun, pcs: m.keep(s.pcs), prev: s.prev, ended: slices.Clone(s.ended)}
	commonest := [...]uint8{1, 2, 3} // it may want their cells first
	return m.add(own, hash, commonest[:])
}

// rebuilt gives the same states and transitions in a memory of their own, close
// together and without rows that were left; nil where there is no room.
func (a *automaton) rebuilt(old *memory, room int) *memory {
	m := a.emptyMemory(room)
	m.seed = old.seed
	var classes [256]uint8
	for _, n := range old.all {
		known := old.classes(n, classes[:0])
		if m.full() {
			return nil
		}
		to := m.add(&n.state, n.hash, known)
		n.moved = to
		for _, c := range known { // so that nobody else takes them
			m.cells[to.row+uint32(c)] = noteworthy
		}
		if to.row < m.own && len(known) > 0 {
			m.top = max(m.top, to.row+uint32(known[len(known)-1])+1)
		}
	}
	for _, n := range old.all {
		for _, c := range old.classes(n, classes[:0]) {
			v := old.at(n.row, c)
			m.put(n.moved, old.nodes[v>>rowShift].Load().moved.row<<rowShift|v&cellBits)
		}
	}
	for _, n := range old.all {
		n.moved = nil
	}
	return m
}
