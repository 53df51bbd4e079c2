package policy

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// box is a set of combinations: of each condition, which of its values.
type box [conditions]uint16

func everything() box {
	var b box
	for i := range b {
		b[i] = 1<<len(closed[i].values) - 1
	}
	return b
}

// meets reports whether two boxes have a combination in common.
func (b box) meets(o box) bool {
	for i := range b {
		if b[i]&o[i] == 0 {
			return false
		}
	}
	return true
}

// size is how many combinations are in a box.
func (b box) size() int {
	n := 1
	for _, bitsOf := range b {
		n *= bits.OnesCount16(bitsOf)
	}
	return n
}

// String tells the box as conditions, without those that may be anything.
func (b box) String() string {
	var parts []string
	for i, set := range b {
		if set == everything()[i] {
			continue
		}
		var names []string
		for n, v := range closed[i].values {
			if set&(1<<n) != 0 {
				names = append(names, v)
			}
		}
		parts = append(parts, closed[i].name+" "+strings.Join(names, " or "))
	}
	if len(parts) == 0 {
		return "any case"
	}
	return strings.Join(parts, ", ")
}

// proof walks over every combination of the closed values. Values that no row
// tells apart are walked over together, so that a table is proved in no time.
type proof struct {
	rows    []*Row
	parts   [conditions][]uint16
	reached map[string]bool
	clash   map[string]box // rows that speak of the same combination, and an example of one
	clashes []string       // in the order in which they were met
	left    []box          // what no row is about
}

// most bounds what is reported of one kind.
const most = 20

// prove finds overlapping and unreachable rows and combinations that no row is
// about, and gives the last row whatever is left.
func (c *checker) prove() {
	p := proof{reached: map[string]bool{}, clash: map[string]box{}}
	for i := range c.pack.Rows {
		p.rows = append(p.rows, &c.pack.Rows[i])
	}
	for d := range p.parts {
		p.parts[d] = c.tellApart(d)
	}
	p.walk(0, p.rows, box{})
	left := merge(p.left)
	if c.pack.Else != nil {
		c.pack.Else.boxes = left
		if len(left) == 0 {
			c.fault(", row %s: it can never speak: the rows before it are about everything", c.pack.Else.ID)
		}
		left = nil
	}
	for _, key := range p.clashes {
		c.fault(", rows %s: they overlap: more than one speaks of %s", key, p.clash[key])
	}
	for _, r := range p.rows {
		if !p.reached[r.ID] {
			c.fault(", row %s: it can never speak: the pack is not about such a case", r.ID)
		}
	}
	for i, b := range left {
		if i == most {
			c.fault(": and %d more that no row is about", len(left)-most)
			break
		}
		c.fault(": no row is about %s (%d combinations). Say it in a row, or in anything_else", b, b.size())
	}
}

// tellApart groups the values of a condition that every row treats alike.
func (c *checker) tellApart(d int) []uint16 {
	groups := map[string]int{}
	var out []uint16
	for n := range closed[d].values {
		bit := uint16(1) << n
		if c.pack.scope[d]&bit == 0 {
			continue
		}
		var key strings.Builder
		for i := range c.pack.Rows {
			if c.pack.Rows[i].boxes[0][d]&bit != 0 {
				fmt.Fprintf(&key, "%d ", i)
			}
		}
		at, known := groups[key.String()]
		if !known {
			at = len(out)
			groups[key.String()] = at
			out = append(out, 0)
		}
		out[at] |= bit
	}
	return out
}

// walk goes through the parts of one condition after another, with the rows
// that are still about the combination.
func (p *proof) walk(d int, rows []*Row, at box) {
	if len(rows) == 0 {
		for i := d; i < conditions; i++ {
			for _, part := range p.parts[i] {
				at[i] |= part
			}
		}
		p.left = append(p.left, at)
		return
	}
	if d == conditions {
		p.speak(rows, at)
		return
	}
	for _, part := range p.parts[d] {
		still := make([]*Row, 0, len(rows))
		for _, r := range rows {
			if r.boxes[0][d]&part != 0 {
				still = append(still, r)
			}
		}
		at[d] = part
		p.walk(d+1, still, at)
	}
}

// speak notes which rows speak of a combination.
func (p *proof) speak(rows []*Row, at box) {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.ID
		p.reached[r.ID] = true
	}
	if len(rows) < 2 || len(p.clashes) >= most {
		return
	}
	key := strings.Join(names, " and ")
	if _, known := p.clash[key]; !known {
		p.clash[key] = at
		p.clashes = append(p.clashes, key)
	}
}

// merge joins boxes that differ in one condition only, until none do.
func merge(all []box) []box {
	for again := true; again; {
		again = false
		for d := conditions - 1; d >= 0; d-- {
			at := map[box]int{}
			var out []box
			for _, b := range all {
				key := b
				key[d] = 0
				if i, known := at[key]; known {
					out[i][d] |= b[d]
					again = true
					continue
				}
				at[key] = len(out)
				out = append(out, b)
			}
			all = out
		}
	}
	return all
}

// safe refuses rows that would break what holds for every policy: SECRET is
// permitted nowhere, nobody is asked about a message in which nothing was
// found, and what is not known is not treated more mildly than the worst.
func (c *checker) safe() {
	all := c.pack.All()
	for _, r := range all {
		for n, v := range closed[ofInformation].values {
			about := slices.ContainsFunc(r.boxes, func(b box) bool { return b[ofInformation]&(1<<n) != 0 })
			switch info := Information(v); {
			case !about:
			case info == Secret && r.Outcome != MustNot:
				c.fault(", row %s: SECRET and above are never permitted on any channel: the outcome is must-not", r.ID)
			case info.quiet() && slices.Contains(r.Duties, Ask):
				c.fault(", row %s: nobody is asked about %s information: nothing was found in it", r.ID, info)
			}
		}
	}
	for _, x := range []struct {
		of             int
		unknown, worst string
	}{{ofAudience, string(UnknownAudience), string(ThePublic)}, {ofDevice, string(UnknownDevice), string(Private)}} {
		unknown := uint16(1) << slices.Index(closed[x.of].values, x.unknown)
		worst := uint16(1) << slices.Index(closed[x.of].values, x.worst)
		for _, mild := range all {
			for _, strict := range all {
				if mild.Outcome.Rank() < strict.Outcome.Rank() && mild.alike(strict, x.of, unknown, worst) {
					c.fault(", row %s: an %s %s would be treated more mildly than %s, which row %s is about", mild.ID, x.unknown, closed[x.of].name, x.worst, strict.ID)
				}
			}
		}
	}
}

// alike reports whether one row is about a value of a condition in a case in
// which the other is about another value.
func (r *Row) alike(o *Row, of int, value, other uint16) bool {
	for _, a := range r.boxes {
		for _, b := range o.boxes {
			if a[of]&value == 0 || b[of]&other == 0 {
				continue
			}
			a, b := a, b
			a[of], b[of] = 1, 1
			if a.meets(b) {
				return true
			}
		}
	}
	return false
}
