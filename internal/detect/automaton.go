package detect

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
)

// automaton runs one or many patterns over bytes at the cost of one table
// look-up a byte. automaton.md explains it, with a drawing.
//
// It is built from the patterns' instructions (a nondeterministic automaton)
// and remembers, as texts lead there, which sets of instructions can be
// reached: those are its states. States and transitions are shared by all
// goroutines: read without a lock, added under one.
type automaton struct {
	insts    []inst
	starts   []uint32   // where each pattern begins
	patterns [][]uint16 // the numbers that each pattern has outside
	floating bool       // patterns may begin at every byte, not at the first only
	class    [256]uint8
	example  []byte     // one byte of each class,
	kind     []prevKind // and its kind
	stride   uint32     // the length of a row: the number of classes
	most     int        // states before the memory is dropped and begun anew

	begins [4][]uint16 // by the kind of byte before and the class of the next, which of begun
	begun  []begun

	mu    sync.Mutex
	cur   atomic.Pointer[memory]
	build *builder
}

// inst is one instruction of a pattern. Its out and arg are places in insts.
type inst struct {
	op      syntax.InstOp
	out     uint32
	arg     uint32
	pattern uint16
	set     [2]uint64 // the ASCII bytes it takes
}

func (in *inst) takes(c byte) bool { return c < 128 && in.set[c>>6]>>(c&63)&1 == 1 }

// state is a set of instructions, what kind of byte came before, and which
// patterns end there.
type state struct {
	begun uint16   // those that wait because a pattern began at the byte before
	pcs   []uint32 // those that wait besides, in order
	prev  prevKind
	ended []uint16 // patterns that end before the byte that led here
}

// begun is what beginning anew adds at one kind of place: where the patterns
// go on that begin with a byte of one class after one kind of byte.
type begun struct {
	pcs  []uint32
	has  []uint64 // the same as bits
	kind prevKind // of the byte that they began with
}

func (b *begun) holds(pc uint32) bool {
	return int(pc>>6) < len(b.has) && b.has[pc>>6]>>(pc&63)&1 == 1
}

// prevKind is what an anchor or word boundary needs to know of the byte before.
type prevKind uint8

const (
	prevNone prevKind = iota // the text begins here
	prevNewline
	prevWord
	prevOther
)

func kindOf(c byte) prevKind { return kinds[c] }

// kinds is kindOf as a table: it is asked for every byte that is looked at.
var kinds = func() (table [256]prevKind) {
	for c := range table {
		table[c] = findKind(byte(c))
	}
	return table
}()

func findKind(c byte) prevKind {
	switch {
	case c == '\n':
		return prevNewline
	case c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return prevWord
	}
	return prevOther
}

// numbered is a program and the numbers of the patterns it stands for.
type numbered struct {
	prog     *syntax.Prog
	patterns []uint16
}

// newAutomaton joins patterns. With floating set a pattern may begin anywhere.
func newAutomaton(progs []numbered, floating bool, most int) *automaton {
	a := together(progs, floating, most)
	classify(a)
	a.ready()
	return a
}

func together(progs []numbered, floating bool, most int) *automaton {
	a := &automaton{floating: floating, most: most}
	size := 0
	for _, p := range progs {
		size += len(p.prog.Inst)
	}
	a.insts = make([]inst, 0, size)
	for n, p := range progs {
		a.add(p.prog, uint16(n))
		a.patterns = append(a.patterns, p.patterns)
	}
	return a
}

// ready makes the first states.
func (a *automaton) ready() {
	a.build = newBuilder(a)
	a.prepareStarts()
	room := 0
	if a.floating {
		room = firstCells
	}
	a.cur.Store(a.newMemory(room))
}

// firstCells are those that the automaton of all rules begins with: the first
// hour of talk fills them, and growing lays out anew what is there.
const firstCells = 1 << 16

func (a *automaton) add(p *syntax.Prog, pattern uint16) {
	base := uint32(len(a.insts))
	for i := range p.Inst {
		in := &p.Inst[i]
		x := inst{op: in.Op, out: base + in.Out, arg: in.Arg, pattern: pattern}
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			x.op, x.arg = syntax.InstAlt, base+in.Arg
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			x.op, x.set = syntax.InstRune, asciiOf(in)
		}
		a.insts = append(a.insts, x)
	}
	a.starts = append(a.starts, base+uint32(p.Start))
}

// asciiOf gives the ASCII bytes that an instruction takes.
func asciiOf(in *syntax.Inst) (set [2]uint64) {
	put := func(c rune) {
		if c < 128 {
			set[c>>6] |= 1 << (c & 63)
		}
	}
	switch {
	case in.Op == syntax.InstRuneAny || in.Op == syntax.InstRuneAnyNotNL:
		set = [2]uint64{^uint64(0), ^uint64(0)}
		if in.Op == syntax.InstRuneAnyNotNL {
			set[0] &^= 1 << '\n'
		}
	case len(in.Rune) == 1:
		put(in.Rune[0])
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				put(r)
			}
		}
	default:
		for i := 0; i+1 < len(in.Rune); i += 2 {
			for c := in.Rune[i]; c <= min(in.Rune[i+1], 127); c++ {
				put(c)
			}
		}
	}
	return set
}

// classify puts bytes that no instruction of some automata and no boundary
// tells apart into one class, so that a row has some tens of entries and not
// 256.
func classify(all ...*automaton) {
	sets := map[[2]uint64]bool{}
	for _, a := range all {
		for i := range a.insts {
			if a.insts[i].op == syntax.InstRune {
				sets[a.insts[i].set] = true
			}
		}
	}
	var class [256]uint8
	for c := range class {
		class[c] = uint8(kindOf(byte(c)))
	}
	for set := range sets {
		var split [256][2]uint16 // by the class so far, out of the set or in it: the new class and 1
		n := uint16(0)
		for c := range class {
			in := 0
			if c < 128 {
				in = int(set[c>>6] >> (c & 63) & 1)
			}
			to := &split[class[c]][in]
			if *to == 0 {
				n++
				*to = n
			}
			class[c] = uint8(*to - 1)
		}
	}
	example := renumber(&class)
	kind := make([]prevKind, len(example))
	for n := 1; n < len(kind); n++ {
		kind[n] = kindOf(example[n])
	}
	for _, a := range all {
		a.class, a.example, a.kind = class, example, kind
		a.stride = uint32(len(example))
	}
}

// endOfText is the class of what comes after the last byte.
const endOfText = 0

// renumber gives the classes that are common in texts the low numbers, so that
// what is used of a row lies together, and gives one byte of each.
func renumber(class *[256]uint8) (example []byte) {
	var common [256]float64
	first := map[uint8]byte{}
	for c := 255; c >= 0; c-- {
		if c < 128 {
			common[class[c]] += shares[afterOther][c]
		}
		first[class[c]] = byte(c)
	}
	order := slices.SortedFunc(maps.Keys(first), func(x, y uint8) int {
		return cmp.Or(cmp.Compare(common[y], common[x]), cmp.Compare(first[x], first[y]))
	})
	number := map[uint8]uint8{}
	example = []byte{0} // endOfText has none
	for _, class := range order {
		number[class] = uint8(len(example))
		example = append(example, first[class])
	}
	for c := range class {
		class[c] = number[class[c]]
	}
	return example
}

// hash gives equal states the same number.
func (a *automaton) hash(seed maphash.Seed, s *state) uint64 {
	key := append(a.build.key[:0], byte(s.prev))
	key = binary.LittleEndian.AppendUint16(key, s.begun)
	key = binary.LittleEndian.AppendUint16(key, uint16(len(s.ended)))
	for _, p := range s.ended {
		key = binary.LittleEndian.AppendUint16(key, p)
	}
	for _, pc := range s.pcs {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	a.build.key = key
	return maphash.Bytes(seed, key)
}

func (a *automaton) dead(s *state) bool { return !a.floating && len(s.pcs) == 0 }

// step finds the transition for a byte of a class from row of m, which may be
// older than the current memory, and returns the memory that its result is in.
func (a *automaton) step(m *memory, row uint32, class uint8, e *effort) (*memory, uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	followed := a.build.followed
	defer func() { e.made += a.build.followed - followed }()
	cur, from := a.current(m, row)
	if v := cur.at(from.row, class); v != 0 {
		return cur, v
	}
	next := a.build.advance(&from.state, class)
	slices.Sort(next.pcs)
	to := a.intern(cur, next)
	return cur, cur.link(from, class, to, len(to.ended) > 0 || a.dead(&to.state))
}

// current gives the current memory, with room for two more states, and the
// state there of a row of m, which may be older. The caller holds the lock.
func (a *automaton) current(m *memory, row uint32) (*memory, *node) {
	cur, from := a.cur.Load(), m.nodes[row].Load()
	if len(cur.all)+2 > a.most || cur.full() {
		cur = a.grow(cur)
	}
	if cur != m {
		from = a.intern(cur, &from.state)
	}
	return cur, from
}

// grow gives the memory more room, or drops it when it has reached its bound:
// readers go on in the old one until they meet something unknown.
func (a *automaton) grow(old *memory) *memory {
	if len(old.all)+2 <= a.most {
		room := len(old.cells)
		if 3*old.left < room { // laying out anew would not make enough of it
			room *= 2
		}
		for ; room <= max(cellsForState*a.most, len(old.cells)); room *= 2 {
			if m := a.rebuilt(old, room); m != nil && int(m.room()) > room/3 {
				a.cur.Store(m)
				return m
			}
		}
	}
	m := a.newMemory(len(old.cells))
	a.cur.Store(m)
	return m
}

// cellsForState bounds a memory by its cells, too: most states have few.
const cellsForState = 24
