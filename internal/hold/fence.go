package hold

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// Longest is the longest time that one destroying call may be given: so
	// long may placing a hold have to wait for it.
	Longest = 2 * time.Minute
	// Slack is waited after a fence's deadline before its call counts as ended
	// with an unknown outcome. It is more than clocks of processes that share
	// a database may differ.
	Slack = 10 * time.Second
)

// Outcome says how a fenced call ended. The empty Outcome is: not yet.
type Outcome string

// The outcomes of a fenced call.
const (
	Done    Outcome = "done"     // it destroyed
	NotDone Outcome = "not-done" // it did not, and will not
	Unknown Outcome = "unknown"  // it may have
)

// Fence is the row that stands before one destroying call. It is committed
// before the call and closed after it:
//
//	destroyer                               whoever places a hold
//	one transaction: read the holds and     one transaction: store the hold
//	  the fences, MayStart, store the Fence  then: read the fences, Wait, again
//	MayCall, then call until Deadline        until Settled; only now say "held"
//	one transaction: Close, store
//
// The two transactions must exclude each other, or one could miss the other's
// row. With SQLite's single writer they do. On PostgreSQL both lock one row
// kept for that purpose before they read (MayStart's FOR SHARE, the hold's FOR
// UPDATE), at READ COMMITTED.
type Fence struct {
	ID       string // of the attempt: an action and its try
	Message  string
	Subject  Subject
	Opened   time.Time
	Deadline time.Time // the call is given up by then
	Closed   time.Time // zero: open
	Outcome  Outcome
}

// Held is the error that a hold stands in the way.
type Held struct{ Holds []Hold }

func (h *Held) Error() string {
	names := make([]string, len(h.Holds))
	for i, x := range h.Holds {
		names[i] = x.String()
	}
	return "kept for " + strings.Join(names, " and ")
}

// ErrUnderWay is the error that another call may be destroying the same message.
var ErrUnderWay = errors.New("another call about this message is under way")

// MayStart decides whether a destroying call may start, and gives the fence to
// commit first. fences are those about the same message; want has ID, Message
// and Subject. The errors are *Held, ErrUnreadable, ErrUnderWay, or say what is
// wrong with want; with any of them nothing may be destroyed.
func MayStart(holds Set, fences []Fence, want Fence, now time.Time, within time.Duration) (Fence, error) {
	if want.ID == "" || want.Message == "" || want.Subject.Chat.Local == "" {
		return Fence{}, errors.New("a fence names its attempt, message and chat")
	}
	if within <= 0 || within > Longest {
		return Fence{}, fmt.Errorf("a destroying call has up to %s, not %s", Longest, within)
	}
	covering, err := holds.Covering(want.Subject, now)
	if err != nil {
		return Fence{}, err
	}
	if len(covering) > 0 {
		return Fence{}, &Held{covering}
	}
	for _, f := range fences {
		if f.ID == want.ID {
			return Fence{}, fmt.Errorf("attempt %s has a fence already; another try has an id of its own", want.ID)
		}
		if f.Message == want.Message && f.Subject.Chat == want.Subject.Chat && f.Open() && !f.Expired(now) {
			return Fence{}, ErrUnderWay
		}
	}
	want.Opened, want.Deadline, want.Closed, want.Outcome = now, now.Add(within), time.Time{}, ""
	return want, nil
}

// Open reports whether nothing is known yet about how the call ended.
func (f Fence) Open() bool { return f.Closed.IsZero() }

// Expired reports whether the call must have ended by now, one way or another.
func (f Fence) Expired(now time.Time) bool { return now.After(f.Deadline.Add(Slack)) }

// MayCall reports whether the call may be made now, and until when. Whoever
// slept over the deadline begins again with a new fence.
func (f Fence) MayCall(now time.Time) (time.Time, bool) {
	return f.Deadline, f.Open() && !now.Before(f.Opened) && now.Before(f.Deadline)
}

// Close records how the call ended. An unknown outcome may be told later, once
// the platform was asked; any other stands.
func (f Fence) Close(o Outcome, now time.Time) (Fence, error) {
	if o != Done && o != NotDone && o != Unknown {
		return f, fmt.Errorf("%q is no outcome of a fenced call", o)
	}
	if !f.Open() && f.Outcome != Unknown && f.Outcome != o {
		return f, fmt.Errorf("fence %s was closed as %s and cannot become %s", f.ID, f.Outcome, o)
	}
	f.Closed, f.Outcome = now, o
	return f, nil
}

// Report is what whoever places a hold must know before "held" is true.
type Report struct {
	Open    []Fence   // calls under way
	Until   time.Time // when the last of these must have ended
	Done    []Fence   // destroyed what the hold covers, since the matter claims it
	Unknown []Fence   // may have: a person looks
}

// Settled reports whether nothing is under way any more: the hold now keeps
// everything that it covers and that is not listed in the report.
func (r Report) Settled() bool { return len(r.Open) == 0 }

// Wait looks which calls about what the hold covers were under way when it was
// stored. It is asked again, with the fences read anew, until Settled. fences
// may be all of them, or those that are open, of unknown outcome, or closed
// since the hold claims what it covers, less Slack. Asked again later it knows more about unknown outcomes.
func Wait(h Hold, fences []Fence, now time.Time) Report {
	var r Report
	for _, f := range fences {
		if !h.Scope.Covers(f.Subject) {
			continue
		}
		switch {
		case f.Open() && !f.Expired(now):
			r.Open = append(r.Open, f)
			if end := f.Deadline.Add(Slack); end.After(r.Until) {
				r.Until = end
			}
		case f.Open(), f.Outcome == Unknown: // however long ago: it may yet arrive
			r.Unknown = append(r.Unknown, f)
		case f.Outcome == Done && !f.Closed.Before(h.Claims().Add(-Slack)):
			r.Done = append(r.Done, f)
		}
	}
	return r
}
