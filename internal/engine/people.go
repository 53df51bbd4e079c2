package engine

import (
	"context"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/hold"
)

// People is where members are kept, and who they are known to be.
type People interface {
	// Roll lists every chat with its members, and every member of them.
	Roll(ctx context.Context) (Roll, error)
	// SetRoster stores who is in a chat, as its platform listed them at a time.
	SetRoster(ctx context.Context, now, listed time.Time, id chat.ID, seats []Seat) error
	// Person gives the person that a member is known to be, by a confirmed
	// link or by the last directory that was trusted; empty: not known.
	Person(ctx context.Context, m hold.Member) (directory.PersonID, error)
	// MembersOf lists the members who are known to be a person.
	MembersOf(ctx context.Context, p directory.PersonID) ([]hold.Member, error)
	// LinkMember stores that a named person confirmed who a member is; an empty
	// person takes it back.
	LinkMember(ctx context.Context, now time.Time, m hold.Member, p directory.PersonID, by string) error
}

// Servers is where it is kept who sits in the chats of a server.
type Servers interface {
	// SetServer stores who is in the chats of a server, as its platform listed
	// them at a time. The chats of one audience share a list.
	SetServer(ctx context.Context, now, listed time.Time, s Server) error
}

// Server is who sits in a server, each once, and in which of its chats.
type Server struct {
	Account   chat.Account
	ID        string // empty: it is no server
	Seats     []Seat
	Audiences []Audience
}

// Audience is chats in which the same people sit.
type Audience struct {
	Chats []chat.ID
	Sits  []int // their places among the seats
}

// Chats lists the chats that the store knows.
type Chats interface {
	ChatIDs(ctx context.Context) ([]chat.ID, error)
}

// Seat is a member in one chat, as its platform lists them. The times of their
// proofs are the store's.
type Seat struct {
	directory.Membership
	Who directory.Member
}

// Roll is who is in which chat.
type Roll struct {
	Members []directory.Member
	Known   map[hold.Member]directory.PersonID // whom the last trusted directory matched them to
	Chats   []RollChat
}

// RollChat is a chat on the roll.
type RollChat struct {
	directory.Chat
	Name   string
	Server string // of whose chats it is one; empty: of none
	List   int64  // chats of one list have the same members
}

// Leavings is where leavers are kept, from the farewell to the removal and
// back.
type Leavings interface {
	// Leaving gives everything that a plan goes on from.
	Leaving(ctx context.Context) (Leaving, error)
	// SaveTurn stores what a trusted directory taught, and gives the alarms
	// that are new.
	SaveTurn(ctx context.Context, now time.Time, t Turn) ([]directory.Alarm, error)
	// Approve stores a named person's yes.
	Approve(ctx context.Context, now time.Time, all []directory.Approval) error
	// Reinstate stores that a leaver stays or comes back, and ends what was
	// planned against them and has not begun; with undo it takes that back.
	Reinstate(ctx context.Context, now time.Time, r directory.Reinstatement, undo bool) error
	// SetBrake stores that every removal is stopped, or may go on.
	SetBrake(ctx context.Context, now time.Time, b Brake) error
}

// Leaving is everything that a plan about leavers goes on from.
type Leaving struct {
	Memory     directory.Memory
	Leavers    []Leaver
	Approvals  []directory.Approval
	Reinstated []directory.Reinstatement
	Alarms     []Alarm
	Brake      Brake
}

// Leaver is one step of a leaver out of a chat, and how far it has come.
type Leaver struct {
	Step      directory.Step
	Told      time.Time // when the farewell was planned; zero: none stands
	Shown     time.Time // when the attempt to show it had ended; zero: it is on its way
	Prompt    string
	Contested bool // its member answered that it is wrong
	Action    string
	Started   bool
	Outcome   Outcome // of the removal; empty while it is unfinished
	Ended     time.Time
	Removed   time.Time // zero: they were not
}

// Alarm is something that administrators should look at.
type Alarm struct {
	directory.Alarm
	Since time.Time
}

// Brake stops every removal. The zero Brake stops none.
type Brake struct {
	On  bool      `json:"on"`
	By  string    `json:"by"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Turn is what a turn of the leavers' watch learned from a directory.
type Turn struct {
	Memory  *directory.Memory // nil: as it was
	Known   map[hold.Member]directory.PersonID
	Alarms  []directory.Alarm
	Over    []directory.Reinstatement // of leaving dates that are long gone
	Trusted bool                      // else Known and Alarms stay as they were

	Languages map[directory.PersonID]string // of those who are members; nil: as they were
}

// Departure is what is decided about one step of a leaver, to be stored with
// its prompt and actions.
type Departure struct {
	Step      directory.Step
	Prompt    string // of the farewell that is said now
	Action    string // key of the removal that is planned now
	Withdrawn bool   // the farewell is taken back
}
