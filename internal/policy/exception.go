package policy

import (
	"errors"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// Exception is a dated permission to do otherwise than a pack says (R18), or
// to use a channel that a pack prohibits for a time (R54). It ends itself.
type Exception struct {
	ID     string
	Pack   string   // whose rows it lets pass; empty: it only permits
	Rows   []string // which of them
	State  State    // Transition or Outage, where it permits the channel for a time
	Chats  []chat.ID
	Owner  string
	Reason string
	From   time.Time // zero: since ever
	Until  time.Time // it ends at this moment
}

// longest is how long an exception may last: what stays longer is policy.
const longest = 366 * 24 * time.Hour

// Check says what is wrong with an exception.
func (x Exception) Check() error {
	var faults []error
	fault := func(what string) { faults = append(faults, errors.New("exception "+x.ID+": "+what)) }
	if x.ID == "" || x.Owner == "" || x.Reason == "" || x.Until.IsZero() {
		fault("id, owner, reason and until are all needed: who answers for it, why, and when does it end?")
	}
	if len(x.Chats) == 0 {
		fault("name the chats that it is for")
	}
	switch {
	case x.State == "" && (x.Pack == "" || len(x.Rows) == 0):
		fault("name the pack and its rows, or say what it permits: transition or outage")
	case x.State != "" && x.State != Transition && x.State != Outage:
		fault("it permits transition or outage, and nothing else")
	case x.State != "" && (x.Pack != "" || len(x.Rows) > 0):
		fault("it either lets rows of a pack pass or permits a state: write two")
	}
	if !x.Until.IsZero() && !x.Until.After(x.From) {
		fault("it ends before it begins")
	} else if !x.From.IsZero() && x.Until.Sub(x.From) > longest {
		fault("it lasts longer than a year: what stays that long belongs into the pack")
	}
	return errors.Join(faults...)
}

// Stands reports whether the exception is in force at a time.
func (x Exception) Stands(now time.Time) bool {
	return !now.Before(x.From) && now.Before(x.Until)
}

func (x Exception) lifts(pack, row string) bool {
	return x.Pack == pack && x.State == "" && slices.Contains(x.Rows, row)
}

// InForce gives the exceptions that stand at a time in a chat, and the state
// that they permit: Normal where they permit none.
func InForce(all []Exception, now time.Time, in chat.ID) ([]Exception, State) {
	var out []Exception
	state := Normal
	for _, x := range all {
		if !x.Stands(now) || !slices.Contains(x.Chats, in) {
			continue
		}
		out = append(out, x)
		if x.State != "" {
			state = state.Later(x.State)
		}
	}
	return out, state
}

// CheckExceptions says what is wrong with exceptions, given the packs that they
// may name.
func CheckExceptions(all []Exception, packs []Pack) error {
	var faults []error
	for _, x := range all {
		if err := x.Check(); err != nil {
			faults = append(faults, err)
		}
		if x.Pack == "" {
			continue
		}
		i := slices.IndexFunc(packs, func(p Pack) bool { return p.ID == x.Pack })
		if i < 0 {
			faults = append(faults, errors.New("exception "+x.ID+": no adopted pack is called "+x.Pack))
			continue
		}
		for _, row := range x.Rows {
			j := slices.IndexFunc(packs[i].All(), func(r *Row) bool { return r.ID == row })
			switch {
			case j < 0:
				faults = append(faults, errors.New("exception "+x.ID+": pack "+x.Pack+" has no row "+row))
			case slices.ContainsFunc(packs[i].All()[j].boxes, func(b box) bool { return b[ofInformation]&1 != 0 }):
				faults = append(faults, errors.New("exception "+x.ID+": row "+row+" is about SECRET, and nothing lets that pass"))
			}
		}
	}
	return errors.Join(faults...)
}

// In says for which chats an exception is, in words.
func (x Exception) In() string {
	names := make([]string, len(x.Chats))
	for i, c := range x.Chats {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}
