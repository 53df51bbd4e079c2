// Package retention says what is disposed of when, and why everything else
// stays: schedules as data, the plan of one run, who must approve it, and the
// certificate of what was done.
//
// It holds values and pure functions. It must not do I/O, read a clock, or
// carry the text of a message; and what it does not know for certain is a
// reason to keep. A blank setting destroys nothing.
package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

// Class is the kind of record that a schedule speaks of, as the organisation
// names it, such as "routine".
type Class string

// Any stands in a schedule for every class that is known.
const Any Class = "any"

// Secret is the class of what is marked SECRET or above. Of it nothing is ever
// filed (DESIGN invariant 12).
const Secret Class = "secret"

// Disposal is what happens when the period is over (S3, R41).
type Disposal string

// The disposals. The empty one is none.
const (
	Destroy  Disposal = "destroy"
	Transfer Disposal = "transfer" // hand over to the archive, and only with its receipt remove from the chat
)

// Trigger says from when the period counts.
type Trigger string

// The triggers.
const (
	Sent   Trigger = "sent"   // when the message was sent, by the platform's time
	Closed Trigger = "closed" // when the chat or incident that it belongs to was closed
)

// Schedule is one line of a retention schedule, bound to chats and to a time
// at which it runs.
type Schedule struct {
	ID           string
	Title        string
	Chats        Selector
	Class        Class
	Trigger      Trigger
	Period       Period // zero: nothing is ever disposed of
	Disposal     Disposal
	When         clock.Schedule
	Cap          Cap
	AfterRelease Period // what a released hold covered stays at least this long after
	Owner        string // the named person by whose standing authority runs under the cap are made
	Authority    string // the line of the organisation's retention schedule that says so
	Acting       bool   // false: runs are planned and counted, and nothing is done
}

// Selector says in which chats a schedule applies.
type Selector struct {
	All    bool        `yaml:"all"`
	Kinds  []chat.Kind `yaml:"kinds"`
	Only   []string    `yaml:"only"`   // chats as chat.ID writes them: account/local
	Except []string    `yaml:"except"` // likewise; wins
}

// Covers reports whether the selector names the chat.
func (s Selector) Covers(id chat.ID, kind chat.Kind) bool {
	name := id.String()
	return !slices.Contains(s.Except, name) && (s.All || slices.Contains(s.Kinds, kind) || slices.Contains(s.Only, name))
}

// Cap is how many messages of one chat a run may dispose of before two named
// people must approve it: the larger of the two figures.
type Cap struct {
	Messages int `yaml:"messages"` // 0: 3
	Percent  int `yaml:"percent"`  // of the chat's messages; 0: 2
}

// The cap where a schedule names none.
const (
	DefaultMessages = 3
	DefaultPercent  = 2
)

// Of gives the cap for a chat with that many messages.
func (c Cap) Of(messages int) int {
	least, percent := c.Messages, c.Percent
	if least == 0 {
		least = DefaultMessages
	}
	if percent == 0 {
		percent = DefaultPercent
	}
	return max(least, messages*percent/100)
}

// defaultAfterRelease is how long what a released hold covered stays at least,
// where a schedule names nothing: a release never purges at once.
var defaultAfterRelease = Period{Days: 7}

// Rest gives how long what a released hold covered stays at least.
func (s Schedule) Rest() Period {
	if s.AfterRelease.IsZero() {
		return defaultAfterRelease
	}
	return s.AfterRelease
}

// Covers reports whether the schedule speaks of the message.
func (s Schedule) Covers(m Message) bool {
	return m.Class != "" && (s.Class == m.Class || s.Class == Any) && s.Chats.Covers(m.Chat, m.Kind)
}

// Over gives the instant at which the message's period is over. ok is false
// where there is none: the schedule has no period, or what starts it has not
// happened.
func (s Schedule) Over(m Message) (at time.Time, ok bool) {
	start := m.At
	if s.Trigger == Closed {
		start = m.Closed
	}
	if s.Period.IsZero() || start.IsZero() || s.When.IsZero() {
		return time.Time{}, false
	}
	return s.Period.After(start.In(s.When.Zone())), true
}

// setting lists everything about the schedule that a plan depends on. A plan
// made under other settings is another plan.
func (s Schedule) setting() string {
	zone := ""
	if !s.When.IsZero() {
		zone = s.When.Zone().String()
	}
	return fmt.Sprintf("%q %v %q %q %q %q %q %q %q %d %d %q %q %q %v", s.ID, s.Chats.All, s.Chats.Kinds, s.Chats.Only, s.Chats.Except,
		s.Class, s.Trigger, s.Period, s.Disposal, s.Cap.Messages, s.Cap.Percent, s.Rest(), s.When.String()+" "+zone, s.Owner+"\x00"+s.Authority, s.Acting)
}

// String names the schedule for people.
func (s Schedule) String() string {
	if s.Title != "" {
		return s.Title
	}
	return s.ID
}

// verb says what the disposal does, in a certificate or a plan.
func (d Disposal) verb() string {
	switch d {
	case Destroy:
		return "destroyed"
	case Transfer:
		return "transferred"
	}
	return strings.TrimSpace(string(d))
}
