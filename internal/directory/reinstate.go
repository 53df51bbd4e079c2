package directory

import (
	"fmt"
	"slices"
	"time"

	"chaperone/internal/chat"
)

// Reinstatement lets a removed person in again, or keeps one in who was to be
// removed. While it stands the same leaving date removes nobody; another date
// does.
type Reinstatement struct {
	Person PersonID
	Leaves Date
	By     string // the named person who decided
	Why    string // in their words; may be empty
	At     time.Time
	Return []Return // where they go back to; empty for one who was not removed
}

// Says tells of the reinstatement, for a person to read.
func (r Reinstatement) Says() string {
	if len(r.Return) == 0 {
		return fmt.Sprintf("%s decided that they stay.", r.By)
	}
	return fmt.Sprintf("They were let in again by %s.", r.By)
}

// Return is a member to be let into a chat again.
type Return struct {
	Chat   chat.ID
	Member chat.MemberID
}

// Reinstate undoes in one step every removal of a person for their last
// leaving. With nothing to undo it is an error that says so.
func Reinstate(person PersonID, removed []Removal, by string, now time.Time) (Reinstatement, error) {
	if by == "" {
		return Reinstatement{}, fmt.Errorf("letting %s in again needs the name of who decides it", person)
	}
	r := Reinstatement{Person: person, By: by, At: now}
	var last time.Time
	for _, x := range removed {
		if x.Step.Person == person && x.At.After(last) {
			last, r.Leaves = x.At, x.Step.Leaves
		}
	}
	if last.IsZero() {
		return Reinstatement{}, fmt.Errorf("%s was not removed from any chat", person)
	}
	for _, x := range removed {
		back := Return{x.Step.Chat, x.Step.As}
		if x.Step.Person == person && x.Step.Leaves == r.Leaves && !slices.Contains(r.Return, back) {
			r.Return = append(r.Return, back)
		}
	}
	return r, nil
}
