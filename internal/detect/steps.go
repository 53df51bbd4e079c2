package detect

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// builder makes states of an automaton out of others. It remembers where each
// instruction leads, so that a state costs about what it holds.
type builder struct {
	a     *automaton
	leads [][]uint32 // by instruction and class, the place of a list in lists; 0 while unknown
	anew  [][]uint32 // the same by begun and class
	lists []uint32   // lists one after the other, the length of each before it
	room  int        // what leads and lists may still take, in entries

	next   state  // what is being made
	merged rounds // instructions that are in out
	out    []uint32
	ended  []uint16
	key    []byte

	walked rounds // instructions that a walk has met
	stack  []uint32
	takes  []uint32 // those of a closure that wait for a byte
	closed []uint16 // patterns that are at their end in a closure

	followed int // instructions and entries of lists, over all
}

// rounds says of many things whether they were met in this round.
type rounds struct {
	last []uint32
	now  uint32
}

func (r *rounds) meet(n uint32) (first bool) {
	first = r.last[n] != r.now
	r.last[n] = r.now
	return first
}

// ending marks an entry of a list that is not an instruction but a pattern
// which ends before the byte.
const ending = uint32(1) << 31

// builderRoom bounds the memory of a builder, in entries of four bytes.
const builderRoom = 2 << 20

func newBuilder(a *automaton) *builder {
	b := &builder{a: a, merged: rounds{last: make([]uint32, len(a.insts))}, walked: rounds{last: make([]uint32, len(a.insts))}}
	b.forget()
	return b
}

// forget drops what is remembered.
func (b *builder) forget() {
	b.leads, b.anew = make([][]uint32, len(b.a.insts)), make([][]uint32, len(b.a.begun))
	b.lists = []uint32{0, 0} // so that no list has place 0, and place 1 is the empty one
	b.room = builderRoom
}

// advance makes the state after a byte of a class, its instructions in no
// order. What it gives lives until the builder's next use.
func (b *builder) advance(s *state, class uint8) *state {
	if b.room < 0 {
		b.forget()
	}
	next := &b.next
	next.prev, next.begun = b.a.kind[class], 0
	if b.a.floating {
		next.begun = b.a.begins[s.prev][class]
	}
	b.merged.now++
	b.out, b.ended = b.out[:0], b.ended[:0]
	b.merge(b.followBegun(s.begun, class), next.begun)
	for _, pc := range s.pcs {
		b.merge(b.follow(pc, s.prev, class), next.begun)
	}
	slices.Sort(b.ended)
	next.pcs, next.ended = b.out, slices.Compact(b.ended)
	return next
}

// merge adds the entries of a list to out and ended, except those instructions
// that wait in any case because a pattern began.
func (b *builder) merge(list []uint32, except uint16) {
	b.followed += 1 + len(list)
	for _, x := range list {
		switch {
		case x&ending != 0:
			b.ended = append(b.ended, uint16(x))
		case b.merged.meet(x) && !b.a.begun[except].holds(x):
			b.out = append(b.out, x)
		}
	}
}

// follow gives where one instruction leads with a byte of a class.
func (b *builder) follow(pc uint32, prev prevKind, class uint8) []uint32 {
	row := b.leads[pc]
	if row == nil {
		n := int(b.a.stride)
		if b.looksAround(pc) {
			n *= 4
		}
		row = make([]uint32, n)
		b.leads[pc] = row
		b.room -= n
	}
	at := uint32(class)
	if len(row) > int(b.a.stride) {
		at += uint32(prev) * b.a.stride
	}
	if row[at] == 0 {
		b.closure([]uint32{pc}, flags(prev, b.a.kind[class]))
		row[at] = b.keep(b.outs(class))
	}
	return b.list(row[at])
}

// followBegun gives where the patterns that just began lead.
func (b *builder) followBegun(n uint16, class uint8) []uint32 {
	if n == 0 {
		return nil
	}
	row := b.anew[n]
	if row == nil {
		row = make([]uint32, b.a.stride)
		b.anew[n] = row
		b.room -= len(row)
	}
	if row[class] == 0 {
		from := &b.a.begun[n]
		b.closure(from.pcs, flags(from.kind, b.a.kind[class]))
		row[class] = b.keep(b.outs(class))
	}
	return b.list(row[class])
}

func (b *builder) list(place uint32) []uint32 {
	return b.lists[place+1 : place+1+b.lists[place]]
}

// keep adds out and ended to the lists, as one.
func (b *builder) keep(out []uint32, ended []uint16) uint32 {
	if len(out)+len(ended) == 0 {
		return 1
	}
	place := uint32(len(b.lists))
	b.lists = append(b.lists, uint32(len(out)+len(ended)))
	b.lists = append(b.lists, out...)
	for _, p := range ended {
		b.lists = append(b.lists, ending|uint32(p))
	}
	b.room -= 1 + len(out) + len(ended)
	return place
}

// outs gives where the instructions of the last closure go on that take a byte
// of a class, and the patterns that are at their end before it.
func (b *builder) outs(class uint8) ([]uint32, []uint16) {
	if class == endOfText {
		return nil, b.closed
	}
	var out []uint32
	c := b.a.example[class]
	for _, pc := range b.takes {
		if in := &b.a.insts[pc]; in.takes(c) {
			out = append(out, in.out)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), b.closed
}

// closure follows everything that takes no byte, leaving in b the instructions
// that wait for one and the patterns that are at their end.
func (b *builder) closure(pcs []uint32, flags syntax.EmptyOp) {
	b.takes, b.closed = b.takes[:0], b.closed[:0]
	b.walk(pcs, func(in *inst) bool { return syntax.EmptyOp(in.arg)&^flags == 0 })
}

// looksAround says whether it matters to an instruction what stands beside it.
func (b *builder) looksAround(pc uint32) bool {
	found := false
	b.walk([]uint32{pc}, func(*inst) bool {
		found = true
		return true
	})
	return found
}

// walk follows everything that takes no byte, through those anchors and
// boundaries that hold.
func (b *builder) walk(pcs []uint32, holds func(*inst) bool) {
	b.walked.now++
	b.stack = b.stack[:0]
	visit := func(pc uint32) {
		if b.walked.meet(pc) {
			b.stack = append(b.stack, pc)
		}
	}
	for _, pc := range pcs {
		visit(pc)
	}
	for len(b.stack) > 0 {
		b.followed++
		pc := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		switch in := &b.a.insts[pc]; in.op {
		case syntax.InstAlt:
			visit(in.out)
			visit(in.arg)
		case syntax.InstCapture, syntax.InstNop:
			visit(in.out)
		case syntax.InstEmptyWidth:
			if holds(in) {
				visit(in.out)
			}
		case syntax.InstMatch:
			b.closed = append(b.closed, in.pattern)
		case syntax.InstRune:
			b.takes = append(b.takes, pc)
		}
	}
}

// prepareStarts works out, once, what beginning anew adds at each kind of
// place, so that making a state need not look at every pattern.
func (a *automaton) prepareStarts() {
	a.begun = []begun{{}}
	if a.floating {
		known := map[string]uint16{}
		for prev := range prevKind(4) {
			a.begins[prev] = make([]uint16, len(a.example))
			for kind := range prevKind(4) {
				a.build.closure(a.starts, flags(prev, kind))
				for class := 1; class < len(a.kind); class++ {
					if a.kind[class] == kind {
						a.begins[prev][class] = a.begin(known, kind, uint8(class))
					}
				}
			}
		}
	}
	a.build.forget()
}

// begin gives the begun for a class after the closure that was made last.
func (a *automaton) begin(known map[string]uint16, kind prevKind, class uint8) uint16 {
	pcs, _ := a.build.outs(class)
	key := fmt.Sprint(kind, pcs)
	n, ok := known[key]
	if !ok {
		n = uint16(len(a.begun))
		known[key] = n
		has := make([]uint64, len(a.insts)/64+1)
		for _, pc := range pcs {
			has[pc>>6] |= 1 << (pc & 63)
		}
		a.begun = append(a.begun, begun{pcs, has, kind})
	}
	return n
}

// flags are the anchors that hold between two neighbouring bytes.
func flags(prev, next prevKind) syntax.EmptyOp {
	var f syntax.EmptyOp
	if prev == prevNone {
		f |= syntax.EmptyBeginText
	}
	if prev == prevNone || prev == prevNewline {
		f |= syntax.EmptyBeginLine
	}
	if next == prevNone {
		f |= syntax.EmptyEndText
	}
	if next == prevNone || next == prevNewline {
		f |= syntax.EmptyEndLine
	}
	if (prev == prevWord) != (next == prevWord) {
		return f | syntax.EmptyWordBoundary
	}
	return f | syntax.EmptyNoWordBoundary
}
