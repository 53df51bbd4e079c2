// Package access says who may do what: the roles, the rights, and the one table
// that joins them. Pages, calls and commands name the right they need; whether
// somebody has it is decided here alone.
//
// It holds values: accounts, links and passkeys among them. It must not know an
// address or a session, and never reads or stores anything.
package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is what an account is for. One account has one role, so that looking
// after the machine, deciding about records, and checking both stay apart.
type Role string

// The roles that an account can have.
const (
	Administrator Role = "administrator"          // keeps it running; reads no captured text
	Governance    Role = "information-governance" // decides about records, holds and disposal
	Auditor       Role = "auditor"                // sees that it was done rightly; changes nothing
)

// What callers are that have no account.
const (
	owner  Role = "owner"  // commands on the machine: the operating system lets them into the folder
	demo   Role = "demo"   // the invented person of the demo
	reader Role = "reader" // whoever sits at the machine, where no sign-in is set up
)

// Roles lists the roles that an account can have.
func Roles() []Role { return []Role{Administrator, Governance, Auditor} }

// ParseRole reads a role.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("%q is no role: write administrator, information-governance or auditor", s)
}

// Title is the role as people read it.
func (r Role) Title() string {
	switch r {
	case Administrator:
		return "administrator"
	case Governance:
		return "information governance"
	case Auditor:
		return "auditor"
	case owner:
		return "owner of the data folder"
	case demo:
		return "an invented person with every right"
	case reader:
		return "you can look, and not act: no sign-in is set up"
	}
	return "nobody"
}

// Right is leave to do one kind of thing.
type Right string

// The rights. A page, call or command needs exactly one.
const (
	Public    Right = "public"    // for everyone who reaches the console: style sheet, health
	Arrive    Right = "arrive"    // for everyone who wants to sign in
	Enter     Right = "enter"     // for everyone who has signed in: their own account and session
	See       Right = "see"       // how it is: holds, schedules, runs, people, proof, without captured text
	ReadText  Right = "read-text" // captured text: records, and what is held
	Hold      Right = "hold"      // place, change and release holds
	Dispose   Right = "dispose"   // start, approve and undo a run of a schedule
	Stop      Right = "stop"      // stop a run: it destroys nothing, so whoever sees the need may
	People    Right = "people"    // confirm a link, approve a removal, reinstate somebody
	Govern    Right = "govern"    // breach records, what is asked about no more, and trends
	Configure Right = "configure" // vouch for the clock, and what else keeps it running
	Export    Right = "export"    // take the audit log and certificates away for checking
	Practise  Right = "practise"  // write in the practice chat
	Rehearse  Right = "rehearse"  // move the practice chat's clock, which makes things due
	Machine   Right = "machine"   // what only the owner of the data folder does: let people in, write files there
)

// matrix says which role has which right. What stands in no row nobody may.
var matrix = map[Right][]Role{
	Public:    {"", Administrator, Governance, Auditor, owner, demo, reader},
	Arrive:    {"", Administrator, Governance, Auditor, owner, demo, reader},
	Enter:     {Administrator, Governance, Auditor, owner, demo, reader},
	See:       {Administrator, Governance, Auditor, owner, demo, reader},
	ReadText:  {Governance, owner, demo, reader},
	Hold:      {Governance, owner, demo},
	Dispose:   {Governance, owner, demo},
	Stop:      {Administrator, Governance, owner, demo},
	People:    {Administrator, Governance, owner, demo},
	Govern:    {Governance, owner, demo},
	Configure: {Administrator, owner, demo},
	Export:    {Governance, Auditor, owner, demo},
	Practise:  {Administrator, Governance, owner, demo, reader},
	Rehearse:  {Administrator, owner, demo, reader},
	Machine:   {owner},
}

// Rights lists every right.
func Rights() []Right {
	return []Right{Public, Arrive, Enter, See, ReadText, Hold, Dispose, Stop, People, Govern, Configure, Export, Practise, Rehearse, Machine}
}

// Says is the right as people read it, after "may".
func (r Right) Says() string {
	switch r {
	case Public, Arrive, Enter, See:
		return "see this page"
	case ReadText:
		return "read captured text"
	case Hold:
		return "place, change and release holds"
	case Dispose:
		return "start, approve and undo disposal"
	case Stop:
		return "stop a run"
	case People:
		return "decide about people and leavers"
	case Govern:
		return "decide about breaches, suppressions and trends"
	case Configure:
		return "change how Chaperone runs"
	case Export:
		return "take the audit log away"
	case Practise:
		return "write in the practice chat"
	case Rehearse:
		return "move the practice chat's clock"
	case Machine:
		return "do this, with a command on the machine that Chaperone runs on"
	}
	return "do this"
}

// Who lists the roles of accounts that have a right.
func Who(r Right) []Role {
	var out []Role
	for _, role := range Roles() {
		if slices.Contains(matrix[r], role) {
			out = append(out, role)
		}
	}
	return out
}

// Caller is who asks for something. The zero Caller has not signed in.
type Caller struct {
	Account string // number of the account; empty where there is none
	Name    string // is kept with what they do
	Role    Role
}

// Owner is whoever gives a command on the machine: the operating system let
// them into the data folder. name is what they say of themselves.
func Owner(name string) Caller { return Caller{Name: strings.TrimSpace(name), Role: owner} }

// Demo is an invented person of the demo, with every right that a page needs.
func Demo(name string) Caller { return Caller{Name: name, Role: demo} }

// Reader is whoever sits at the machine where no sign-in is set up. Nobody
// knows who they are, so they may look and not act.
func Reader() Caller { return Caller{Role: reader} }

// May reports whether the caller has a right.
func (c Caller) May(r Right) bool { return slices.Contains(matrix[r], c.Role) }

// ErrRefused means that the caller has not the right.
var ErrRefused = errors.New("that is not for your role")

// Check refuses a caller without the right, and says who has it.
func (c Caller) Check(r Right) error {
	if c.May(r) {
		return nil
	}
	return fmt.Errorf("%w: %s may %s", ErrRefused, List(Who(r)), r.Says())
}

// List writes roles as people read them.
func List(roles []Role) string {
	if len(roles) == 0 {
		return "only the owner of the data folder"
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = r.Title()
	}
	if last := len(names) - 1; last > 0 {
		return "only " + strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return "only " + names[0]
}
