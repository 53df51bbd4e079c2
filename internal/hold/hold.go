// Package hold says what must not be disposed of: holds placed for a matter,
// what they cover, and the fence around every destroying call (DESIGN
// invariant 3).
//
// It holds values and pure functions over rows. It must not do I/O, read a
// clock or know a platform; and where it cannot tell whether something is
// held, its answer is that it is.
package hold

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

// Hold suspends the disposal of what its scope covers, for a matter, until it
// is released.
type Hold struct {
	ID      string
	Matter  string // what it is for: "Millbrook flood"
	Owner   string // the named person who reviews and releases it
	Reason  string
	Review  clock.Date // by when the owner looks whether it is still needed
	Scope   Scope
	Request string    // the information request that placed it, if one did
	Since   time.Time // from when the matter claims what is covered, such as the receipt of a request; zero: from Placed

	Placed   time.Time
	PlacedBy string

	Released   time.Time // zero: in force
	ReleasedBy string
	Why        string // why it was released
}

// Scope says what a hold covers: everything, or what was sent in one of the
// chats, or by one of the members or people in any chat.
type Scope struct {
	All     bool
	Chats   []chat.ID
	Members []Member
	People  []string // ids of the directory
}

// Member is a person as one account sees them.
type Member struct {
	Account chat.Account
	ID      chat.MemberID
}

// Subject is what may be covered: a message, by where and by whom it was sent.
type Subject struct {
	Chat   chat.ID
	Member chat.MemberID
	Person string // id of the directory; empty where the member is not matched to a person
}

// Empty reports whether the scope names nothing.
func (s Scope) Empty() bool {
	return !s.All && len(s.Chats) == 0 && len(s.Members) == 0 && len(s.People) == 0
}

// Covers reports whether the scope covers the subject. A scope that names
// nothing was damaged on its way here, and covers everything.
func (s Scope) Covers(sub Subject) bool {
	return s.All || s.Empty() ||
		slices.Contains(s.Chats, sub.Chat) ||
		slices.Contains(s.Members, Member{sub.Chat.Account, sub.Member}) ||
		(sub.Person != "" && slices.Contains(s.People, sub.Person))
}

// Active reports whether the hold is in force at an instant of our clock. A
// hold that is not released is in force whatever the clock says.
func (h Hold) Active(at time.Time) bool { return h.Released.IsZero() || h.Released.After(at) }

// String names the hold for people: "hold 9 (Millbrook flood)".
func (h Hold) String() string { return fmt.Sprintf("hold %s (%s)", h.ID, h.Matter) }

// Claims gives from when the matter claims what the hold covers.
func (h Hold) Claims() time.Time {
	if h.Since.IsZero() {
		return h.Placed
	}
	return h.Since
}

// Check reports everything that is wrong with a hold, all at once.
func (h Hold) Check() error {
	var faults []error
	need := func(ok bool, say string) {
		if !ok {
			faults = append(faults, fmt.Errorf("hold %s: %s", h.ID, say))
		}
	}
	need(strings.TrimSpace(h.ID) != "", "it needs an id")
	need(strings.TrimSpace(h.Matter) != "", "name the matter that it is for")
	need(strings.TrimSpace(h.Owner) != "", "name the person who owns it, who reviews and releases it")
	need(strings.TrimSpace(h.Reason) != "", "say why it is placed")
	need(strings.TrimSpace(h.PlacedBy) != "", "say who places it")
	need(!h.Placed.IsZero(), "say when it is placed")
	need(!h.Scope.Empty(), "say what it covers: everything, or chats, members or people")
	need(!h.Scope.All || (len(h.Scope.Chats)+len(h.Scope.Members)+len(h.Scope.People)) == 0,
		"it covers everything, so it names no chats, members or people besides")
	for _, c := range h.Scope.Chats {
		need(c.Account != "" && c.Local != "", "a chat is named by its account and its own id")
	}
	for _, m := range h.Scope.Members {
		need(m.Account != "" && m.ID != "", "a member is named by account and id")
	}
	need(!slices.Contains(h.Scope.People, ""), "a person is named by their id in the directory")
	switch {
	case h.Review.IsZero():
		need(false, "name the date by which it is reviewed")
	case !h.Placed.IsZero():
		need(clock.DateOf(h.Placed).Before(h.Review), "its review date is not after the day on which it is placed")
	}
	need(h.Since.IsZero() || !h.Since.After(h.Placed), "it claims from a time after it was placed")
	if !h.Released.IsZero() {
		need(h.ReleasedBy != "" && h.Why != "", "a released hold says who released it and why")
		need(!h.Released.Before(h.Placed), "it was released before it was placed")
	}
	return errors.Join(faults...)
}

// Release ends a hold. What it covered returns to its schedule; nothing is
// disposed of by the release itself.
func (h Hold) Release(by, why string, now time.Time) (Hold, error) {
	switch {
	case !h.Released.IsZero():
		return h, fmt.Errorf("%s was released by %s on %s", h, h.ReleasedBy, clock.DateOf(h.Released))
	case strings.TrimSpace(by) == "" || strings.TrimSpace(why) == "":
		return h, fmt.Errorf("%s: say who releases it and why", h)
	}
	h.Released, h.ReleasedBy, h.Why = now, by, why
	if h.Released.Before(h.Placed) { // our clock was set back since
		h.Released = h.Placed
	}
	return h, nil
}

// Rescope replaces a hold by one with another scope and an id of its own. The
// new one is stored, and its fences waited for, before the old one is released:
// there is no moment at which neither covers.
func (h Hold) Rescope(id string, to Scope, by, why string, now time.Time) (placed, released Hold, err error) {
	if released, err = h.Release(by, fmt.Sprintf("replaced by hold %s: %s", id, why), now); err != nil {
		return Hold{}, h, err
	}
	if strings.TrimSpace(why) == "" || id == h.ID {
		return Hold{}, h, fmt.Errorf("%s: another scope needs an id of its own and a reason", h)
	}
	placed = h
	placed.ID, placed.Scope, placed.Placed, placed.PlacedBy, placed.Since = id, to, now, by, h.Claims()
	if placed.Since.After(now) {
		placed.Since = now
	}
	if err := placed.Check(); err != nil {
		return Hold{}, h, err
	}
	return placed, released, nil
}

// Covers gives the holds that are in force at an instant of our clock and
// cover the subject. They may overlap: each alone is enough.
func Covers(holds []Hold, sub Subject, at time.Time) []Hold {
	var out []Hold
	for _, h := range holds {
		if h.Active(at) && h.Scope.Covers(sub) {
			out = append(out, h)
		}
	}
	return out
}

// ReviewDue lists the holds in force whose review date has come, the longest
// overdue first. It releases nothing: a hold ends only by a person.
func ReviewDue(holds []Hold, now time.Time, zone *time.Location) []Hold {
	today := clock.DateOf(now.In(zone))
	var out []Hold
	for _, h := range holds {
		if h.Active(now) && !today.Before(h.Review) {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b Hold) int {
		if a.Review.Before(b.Review) {
			return -1
		}
		if b.Review.Before(a.Review) {
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return out
}

// ErrUnreadable is the reason to keep everything where the holds cannot be
// read.
var ErrUnreadable = errors.New("the holds cannot be read, so everything counts as held")

// Set is all holds as they were read together. The zero Set was not read, and
// holds everything.
type Set struct {
	holds []Hold
	read  bool
}

// NewSet is made of what was read. With an error it holds everything.
func NewSet(holds []Hold, err error) Set {
	return Set{holds: slices.Clone(holds), read: err == nil}
}

// All gives the holds, or ErrUnreadable.
func (s Set) All() ([]Hold, error) {
	if !s.read {
		return nil, ErrUnreadable
	}
	return s.holds, nil
}

// Covering gives the holds that cover the subject at an instant of our clock,
// or ErrUnreadable. Only no hold and no error together mean "not held".
func (s Set) Covering(sub Subject, at time.Time) ([]Hold, error) {
	if !s.read {
		return nil, ErrUnreadable
	}
	return Covers(s.holds, sub, at), nil
}

// LastRelease gives the latest release, up to an instant, of a hold that
// covered the subject; ok is false where there is none.
func (s Set) LastRelease(sub Subject, at time.Time) (h Hold, ok bool) {
	for _, x := range s.holds {
		if !x.Active(at) && x.Scope.Covers(sub) && (!ok || x.Released.After(h.Released)) {
			h, ok = x, true
		}
	}
	return h, ok
}
