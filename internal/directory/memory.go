package directory

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Memory is what is remembered of the last directory that was trusted: enough
// to see that the next one is broken, and nobody's name, number or address
// beyond those of members.
type Memory struct {
	At     time.Time        `json:"at"`
	First  time.Time        `json:"first"`  // the list that was only learned; leavers are planned from any other
	People []Trace          `json:"people"` // in order of ID
	Owners map[string]Owner `json:"owners"` // who had each number and address of a member
}

// Equal reports whether both remember the same.
func (m Memory) Equal(o Memory) bool {
	return m.At.Equal(o.At) && m.First.Equal(o.First) && slices.Equal(m.People, o.People) &&
		maps.EqualFunc(m.Owners, o.Owners, func(a, b Owner) bool { return a.Person == b.Person && a.Since.Equal(b.Since) })
}

// Trace is what is remembered of one person.
type Trace struct {
	ID     uint64 `json:"id"`   // hash of the key
	Face   uint16 `json:"face"` // hash of numbers and addresses, too short to find them again from it
	Leaves Date   `json:"leaves,omitzero"`
}

func hashID(id PersonID) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return h.Sum64()
}

// face is the same for the same numbers and addresses in any order.
func face(p *Person) uint16 {
	var sum uint64
	for _, list := range [][]string{p.Phones, p.Emails} {
		for _, x := range list {
			h := fnv.New64a()
			_, _ = h.Write([]byte(x))
			sum += h.Sum64()
		}
	}
	return uint16(sum ^ sum>>16 ^ sum>>32 ^ sum>>48)
}

// traced is a trace with the place of its person in the list.
type traced struct {
	Trace
	at int32
}

func traces(people []Person) []traced {
	list := make([]traced, len(people))
	for i := range people {
		p := &people[i]
		list[i] = traced{Trace{hashID(p.ID), face(p), p.Leaves}, int32(i)}
	}
	slices.SortFunc(list, func(a, b traced) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Has reports whether a person is remembered with a leaving date.
func (m Memory) Has(id PersonID, leaves Date) bool {
	t, ok := m.find(id)
	return ok && t.Leaves == leaves
}

// find gives the trace of a person.
func (m Memory) find(id PersonID) (Trace, bool) {
	h := hashID(id)
	i, ok := slices.BinarySearchFunc(m.People, h, func(t Trace, h uint64) int { return cmp.Compare(t.ID, h) })
	if !ok {
		return Trace{}, false
	}
	return m.People[i], true
}

// Facts is what was seen in a directory, in numbers.
type Facts struct {
	AsOf      time.Time `json:"as_of"`
	People    int       `json:"people"`
	Joined    int       `json:"joined"`    // not there before
	Missing   int       `json:"missing"`   // there before, without a leaving date, and gone now
	Leaving   int       `json:"leaving"`   // with a leaving date that is new or another
	Withdrawn int       `json:"withdrawn"` // whose leaving date is gone
	Changed   int       `json:"changed"`   // with other numbers or addresses
	Moved     int       `json:"moved"`     // numbers and addresses of members that went to another person
	Members   int       `json:"members"`
	Matched   int       `json:"matched"` // members joined to a person
}

// change is a directory compared with what is remembered.
type change struct {
	Facts
	digest  string              // of the list: what people approve when they approve it
	twice   int                 // keys that stand more than once
	swapped int                 // leaving dates that went from one person to another
	working int                 // people who have not left
	odd     map[PersonID]string // leavers that a person must look at, and why
	next    []Trace
}

// compare holds a directory against the memory of the last one. With trust,
// for a first directory or one that two people confirmed, nobody looks odd.
func compare(s Snapshot, before Memory, now time.Time, r Rules, trust bool) change {
	list := traces(s.People)
	c := change{Facts: Facts{AsOf: s.At, People: len(s.People)}, odd: map[PersonID]string{}}
	c.next = make([]Trace, 0, len(list))
	h := sha256.New()
	buf := make([]byte, 0, 16)
	lost, won := map[Date]int{}, map[Date]int{}
	i := 0
	for j, t := range list {
		if j > 0 && list[j-1].ID == t.ID {
			c.twice++
			continue
		}
		_, _ = h.Write(appendTrace(buf[:0], t.Trace))
		for ; i < len(before.People) && before.People[i].ID < t.ID; i++ {
			c.gone(before.People[i], now, r)
		}
		p := &s.People[t.at]
		if p.Leaves.IsZero() || effective(p, r.Zone).After(now) {
			c.working++
		}
		var was *Trace
		if i < len(before.People) && before.People[i].ID == t.ID {
			was = &before.People[i]
			i++
		}
		if !trust {
			c.person(p, was, t.Trace, before.At, now, r)
		} else {
			c.next = append(c.next, t.Trace)
		}
		if was != nil && !was.Leaves.IsZero() && t.Leaves.IsZero() {
			lost[was.Leaves]++
		}
		if !t.Leaves.IsZero() && was != nil && was.Leaves.IsZero() {
			won[t.Leaves]++
		}
	}
	for ; i < len(before.People); i++ {
		c.gone(before.People[i], now, r)
	}
	for d, n := range lost {
		c.swapped += min(n, won[d])
	}
	c.digest = hex.EncodeToString(h.Sum(nil)[:16])
	slices.SortFunc(c.next, func(a, b Trace) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

func appendTrace(b []byte, t Trace) []byte {
	for i := range 8 {
		b = append(b, byte(t.ID>>(8*i)))
	}
	return append(b, byte(t.Face), byte(t.Face>>8), byte(t.Leaves.year), byte(t.Leaves.year>>8), t.Leaves.month, t.Leaves.day)
}

// remembered is how long after a leaving its date is remembered of a person
// whose row is gone.
const remembered = 90 * 24 * time.Hour

// gone counts a person who is not in the list any more. One with a leaving
// date is remembered for a while: the date was seen.
func (c *change) gone(was Trace, now time.Time, r Rules) {
	switch {
	case was.Leaves.IsZero():
		c.Missing++
	case now.Sub(was.Leaves.End(r.Zone)) < remembered:
		c.next = append(c.next, was)
	}
}

// person compares one person with what is remembered of them, which may be
// nothing. A leaver who looks odd is remembered as before, so that they go on
// looking odd until someone has looked.
func (c *change) person(p *Person, was *Trace, t Trace, then, now time.Time, r Rules) {
	dated := !p.Leaves.IsZero() && (was == nil || was.Leaves != p.Leaves)
	left := dated && !effective(p, r.Zone).After(now)
	if was == nil {
		c.Joined++
		if left {
			c.Leaving++
			c.odd[p.ID] = "they were first seen in the directory as having left"
			return
		}
		c.next = append(c.next, t)
		return
	}
	if was.Face != t.Face {
		c.Changed++
	}
	switch {
	case dated:
		c.Leaving++
		if was.Face != t.Face {
			c.odd[p.ID] = "their numbers or addresses changed together with the leaving date"
		} else if effective(p, r.Zone).Before(then.Add(-r.Backdated)) {
			c.odd[p.ID] = "the leaving date lies long before a directory that still had them as staff"
		}
	case p.Leaves.IsZero() && !was.Leaves.IsZero():
		c.Withdrawn++
	}
	if _, odd := c.odd[p.ID]; odd {
		t = *was
	}
	c.next = append(c.next, t)
}

// faults says what makes the directory as a whole look broken, in words for
// an administrator. Two people can say that it is right all the same.
func (c *change) faults(before Memory, r Rules) []string {
	var list []string
	say := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	most := r.most(len(before.People))
	say(c.Missing > most, "%d people of %d are gone without a leaving date: the list looks cut off or filtered.", c.Missing, len(before.People))
	say(c.Leaving > most || c.Leaving > 1 && 2*c.Leaving > len(before.People),
		"%d people have a new leaving date at once: a column may stand in the wrong place.", c.Leaving)
	say(c.Withdrawn > most, "%d leaving dates are gone at once: a column may be missing.", c.Withdrawn)
	say(c.Changed > most, "%d people have other numbers or addresses at once: the keys may belong to other rows.", c.Changed)
	say(c.swapped > 0, "%d leaving dates went from one person to another: rows and columns may have come apart.", c.swapped)
	say(c.Moved > r.most(len(before.Owners)), "%d numbers or addresses went to another person at once: the keys may belong to other rows.", c.Moved)
	say(c.working == 0, "Everyone in the list has left: a column may stand in the wrong place.")
	return list
}
