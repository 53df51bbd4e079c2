package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"chaperone/internal/chat"
)

// Rules is how leavers are dealt with. Use DefaultRules and change from there.
type Rules struct {
	Ahead      time.Duration  // how long before the leaving takes effect the farewell is sent
	Grace      time.Duration  // at least this long between farewell and removal; dismissals have none
	StaleAfter time.Duration  // an older directory removes nobody
	Backdated  time.Duration  // a leaving that is newly dated this far back is looked at by a person
	Approval   time.Duration  // how long the approvals of two people count
	Approve    bool           // every removal waits for a named person
	Floor      int            // so many people at once are never too many …
	Percent    int            // … nor so many in a hundred of a group
	Hourly     int            // but more than so many people within an hour are
	Zone       *time.Location // of the organisation: when a day ends
}

// DefaultRules are those of the requirements (criterion 6).
func DefaultRules(zone *time.Location) Rules {
	return Rules{
		Ahead: 24 * time.Hour, Grace: 24 * time.Hour, StaleAfter: 25 * time.Hour, Backdated: 31 * 24 * time.Hour,
		Approval: 24 * time.Hour, Floor: 3, Percent: 2, Hourly: 10, Zone: zone,
	}
}

// most is how many of n are not yet too many at once.
func (r Rules) most(n int) int { return max(r.Floor, n*r.Percent/100) }

// effective is when a leaving takes effect: after the last day, or for the
// dismissed at its beginning. The person has a leaving date.
func effective(p *Person, zone *time.Location) time.Time {
	if p.Dismissed {
		return p.Leaves.Start(zone)
	}
	return p.Leaves.End(zone)
}

// Chat is a chat that leavers are removed from.
type Chat struct {
	ID             chat.ID
	Kind           chat.Kind
	Watched        bool       // not switched on: what would be done there is told, and nothing done
	Administrators []string   // as the configuration names them: by member id, person or name
	Beside         [][]string // those of other chats that whoever is removed from this one is out of too
	Members        []Membership
	Whole          bool // a whole workspace: being removed from it ends an account, and two people have to agree to each
}

// Membership is one member in one chat, by any of their ids.
type Membership struct {
	Member chat.MemberID
	Owner  bool // the chat is theirs; it must be handed over first
	Admin  bool // an administrator of it, as the platform says
}

// Step is one member to be told, or removed, from one chat.
type Step struct {
	Chat    chat.ID
	Member  chat.MemberID // the first id of the member
	As      chat.MemberID // the id that the chat lists them by
	Person  PersonID
	Leaves  Date
	Due     time.Time // when the removal is due
	Because string    // leaving and match, for a person to read
	Agreed  bool      // two people approved the removal: it does not count towards the limits
}

// Key names the step for ever: the same member, chat, person and leaving date
// have the same key. Approvals and stored notices go by it.
func (s Step) Key() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %s", s.Chat.Account, s.Chat.Local, s.Member, s.Person, s.Leaves))
	return hex.EncodeToString(h[:16])
}

// Notice is a farewell that was sent.
type Notice struct {
	Step Step
	At   time.Time
}

// Removal is a removal that was carried out.
type Removal struct {
	Step     Step
	At       time.Time
	Approved bool // by two people: it does not count towards the limits
}

// Approval is a named person's yes to a step or to a directory.
type Approval struct {
	Key string // of the step, or of the question
	By  string // the officer, as signed in
	At  time.Time
}

// Situation is everything that a plan may depend on.
type Situation struct {
	Now        time.Time
	Frozen     string // why nobody may be removed now at all, such as a clock jump
	Failed     string // why the directory could not be read
	Directory  Snapshot
	Before     Memory
	Chats      []Chat
	Members    []Member
	Protected  map[PersonID]string // who stays, and why: an incident lead, the accountable owner
	Incident   bool                // an incident is open: nobody leaves an emergency chat
	Notices    []Notice            // sent and not withdrawn
	Contested  []string            // keys of steps whose leaver answered that the farewell is wrong
	Removed    []Removal           // of the last hour at least
	Approvals  []Approval
	Reinstated []Reinstatement
	Rules      Rules
}

// Question asks people for their approval.
type Question struct {
	Key    string // what an approval of all of it names; each step can be approved by its own key
	People int    // how many different people must say yes: 1 or 2
	Why    string
	Steps  []Step // empty when it is about the directory as a whole
}

// Waiting is a leaver who stays for now, and why.
type Waiting struct {
	Step  Step
	Until time.Time // zero: until someone acts
	Why   string
}

// AlarmKind is a kind of alarm. The names are closed.
type AlarmKind string

// The kinds of alarm, beside the doubts of a match.
const (
	Gone      AlarmKind = "gone"       // their row is gone, without a leaving date
	Undated   AlarmKind = "undated"    // dismissed, without a date
	Owns      AlarmKind = "owns"       // a leaver to whom a chat belongs
	LastAdmin AlarmKind = "last-admin" // a leaver who is one of the last two administrators
	Guarded   AlarmKind = "guarded"    // a leaver who is protected

	// Raised by who carries a plan out.
	Cannot AlarmKind = "cannot" // the platform does not let the bot remove them
	Unsure AlarmKind = "unsure" // nobody knows whether the removal arrived
	Back   AlarmKind = "back"   // removed, and in the chat again
)

// Alarm tells an administrator about a member whom the planner leaves alone.
type Alarm struct {
	Kind   AlarmKind
	Chat   chat.ID
	Member chat.MemberID
	Person PersonID
	Text   string
}

// Plan is what is to be done about leavers now.
type Plan struct {
	Stopped   []string // why nobody is removed, except those whom two people approved; empty else
	Unusable  string   // why there is no directory to plan from; empty where there is
	Trusted   bool     // the directory looks whole, or two people said so: Matches, Alarms and Memory are news
	Notices   []Step   // farewells to be sent now, before anything of Removals
	Removals  []Step
	Would     []Step   // of chats that are only watched: what would be done there now
	Withdrawn []Notice // farewells of people who stay after all
	Questions []Question
	Waiting   []Waiting
	Alarms    []Alarm
	Facts     Facts
	Matches   []Matched // of members who were joined to a person; without texts
	Memory    Memory    // what is to be remembered; as before when the directory was not trusted
}
