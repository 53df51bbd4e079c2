// Package breach is the life of one record of a personal data breach: proposed
// or opened from a prompt, counted, decided, handed over and closed, under the
// clock of 72 hours that runs from when the organisation became aware; and the
// receipt of who could have seen what was said, and for how long.
//
// It is pure: no clock, no I/O. It records facts and decides nothing; and it
// must not hold any text of a message, or say more of people than how many.
package breach

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// Thresholds, by name.
const (
	Within  = 72 * time.Hour   // UK GDPR Article 33(1): to tell the Commissioner, where it is to be told
	Warning = 48 * time.Hour   // when the organisation hears that a day is left
	Stayed  = 15 * time.Minute // visible to people outside for so long, a record is proposed
)

// State is where a record stands.
type State string

// The states.
const (
	Proposed State = "proposed" // by the bot: a person opens it, or says why it is none
	Open     State = "open"
	Closed   State = "closed"
)

// Alarm is what the clock says.
type Alarm string

// The alarms.
const (
	Quiet  Alarm = ""
	DayOff Alarm = "48-hours" // less than a day is left
	Late   Alarm = "72-hours" // the time is over
)

// Record is one breach, as counts and decisions.
type Record struct {
	ID       string           `json:"id"`
	Prompt   string           `json:"prompt"` // that it was opened from
	Chat     chat.ID          `json:"chat"`
	ChatName string           `json:"chat_name"`
	ChatKind chat.Kind        `json:"chat_kind"`
	Sender   chat.MemberID    `json:"sender"`
	Messages []chat.MessageID `json:"messages"`
	Kinds    []string         `json:"kinds"` // categories of what was found
	State    State            `json:"state"`
	Made     time.Time        `json:"made"` // when the record was proposed or opened
	Opened   time.Time        `json:"opened,omitzero"`
	OpenedBy string           `json:"opened_by,omitempty"`
	Aware    time.Time        `json:"aware,omitzero"`  // from when the 72 hours run
	People   *int             `json:"people"`          // whose data they are, as a person counted; nil: nobody has yet
	Exposure Exposure         `json:"exposure"`        // as of the last act, or now
	Decision *Decision        `json:"decision"`        // nil: none yet
	Told     *Told            `json:"told,omitempty"`  // the Commissioner was told
	Handed   []Handed         `json:"handed,omitzero"` // to the data protection officer, the newest last
	Alarmed  Alarm            `json:"alarmed,omitempty"`
	Ended    time.Time        `json:"ended,omitzero"`
	EndedBy  string           `json:"ended_by,omitempty"`
	Why      string           `json:"why,omitempty"`
}

// Decision is whether the Commissioner is to be told, by whom and why.
type Decision struct {
	Notify bool      `json:"notify"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Told says that the Commissioner was told.
type Told struct {
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Reference string    `json:"reference,omitempty"`
	Late      string    `json:"late,omitempty"` // why later than 72 hours
}

// Handed says that a report was handed over.
type Handed struct {
	Record string    `json:"record"` // number of the filed report
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Clock is how the 72 hours stand.
type Clock struct {
	Runs  bool          // it runs: neither stopped nor not begun
	Aware time.Time     // zero: it has not begun
	Due   time.Time     //
	Left  time.Duration // under zero when late
	Alarm Alarm
}

// Clock tells how the 72 hours stand. They run until the decision that nobody
// need be told, or until the Commissioner was.
func (r Record) Clock(now time.Time) Clock {
	if r.Aware.IsZero() {
		return Clock{}
	}
	c := Clock{Aware: r.Aware, Due: r.Aware.Add(Within), Runs: r.State == Open}
	at := now
	switch {
	case r.Told != nil:
		c.Runs, at = false, r.Told.At
	case r.Decision != nil && !r.Decision.Notify:
		c.Runs, at = false, r.Decision.At
	case r.State == Closed:
		at = r.Ended
	}
	c.Left = c.Due.Sub(at)
	switch {
	case !c.Runs:
	case c.Left <= 0:
		c.Alarm = Late
	case c.Left <= Within-Warning:
		c.Alarm = DayOff
	}
	return c
}

// Used is the share of the 72 hours that is gone, in per cent.
func (c Clock) Used() int {
	if c.Aware.IsZero() {
		return 0
	}
	return min(100, max(0, int(100*(Within-c.Left)/Within)))
}

var errWho = errors.New("say who you are: it is kept with what you do")

// OpenBy opens a record, or takes a proposed one up. aware is when the
// organisation became aware, which is never after now and not before it was
// said.
func (r Record) OpenBy(by string, aware, now time.Time) (Record, error) {
	switch {
	case strings.TrimSpace(by) == "":
		return r, errWho
	case r.State == Open || r.State == Closed:
		return r, fmt.Errorf("the record is %s already", r.State)
	case aware.After(now):
		return r, errors.New("the organisation cannot have become aware later than now")
	case aware.Before(r.Exposure.From.Truncate(time.Minute)):
		return r, errors.New("the organisation cannot have become aware before it was said")
	}
	r.State, r.Opened, r.OpenedBy, r.Aware = Open, now, by, aware
	return r, nil
}

// Count notes how many people's data they are, as a person counted.
func (r Record) Count(n int) (Record, error) {
	if err := r.open(); err != nil {
		return r, err
	}
	if n < 0 {
		return r, errors.New("say how many people it is about: nought or more")
	}
	r.People = &n
	return r, nil
}

func (r Record) open() error {
	switch r.State {
	case Open:
		return nil
	case Proposed:
		return errors.New("the record is only proposed: open it first")
	}
	return errors.New("the record is closed")
}

// Decide notes whether the Commissioner is to be told. A later decision takes
// the place of an earlier one, until somebody was told.
func (r Record) Decide(d Decision) (Record, error) {
	if err := r.open(); err != nil {
		return r, err
	}
	d.Reason = strings.TrimSpace(d.Reason)
	switch {
	case strings.TrimSpace(d.By) == "":
		return r, errWho
	case d.Reason == "":
		return r, errors.New("say why: the decision is kept with its reason")
	case r.Told != nil:
		return r, errors.New("the Commissioner has been told: the decision stands")
	}
	r.Decision = &d
	return r, nil
}

// Tell notes that the Commissioner was told. After the 72 hours it needs the
// reason for the delay.
func (r Record) Tell(t Told, now time.Time) (Record, error) {
	if err := r.open(); err != nil {
		return r, err
	}
	switch {
	case strings.TrimSpace(t.By) == "":
		return r, errWho
	case r.Decision == nil || !r.Decision.Notify:
		return r, errors.New("first comes the decision to tell the Commissioner")
	case t.At.After(now) || t.At.Before(r.Aware):
		return r, errors.New("the Commissioner was told between when you became aware and now")
	case t.At.After(r.Aware.Add(Within)) && strings.TrimSpace(t.Late) == "":
		return r, errors.New("this is later than 72 hours: say why")
	}
	r.Told = &t
	return r, nil
}

// HandOver notes that the report was handed to the data protection officer.
func (r Record) HandOver(h Handed) (Record, error) {
	switch {
	case r.State == Proposed:
		return r, errors.New("the record is only proposed: open it first")
	case strings.TrimSpace(h.By) == "":
		return r, errWho
	case r.People == nil:
		return r, errors.New("say first how many people it is about: the report has to")
	}
	r.Handed = append(r.Handed[:len(r.Handed):len(r.Handed)], h)
	return r, nil
}

// Close ends a record. One that is open needs its decision, and where somebody
// is to be told, that they were; one that is proposed needs only why it is no
// breach.
func (r Record) Close(by, why string, now time.Time) (Record, error) {
	why = strings.TrimSpace(why)
	switch {
	case strings.TrimSpace(by) == "":
		return r, errWho
	case r.State == Closed:
		return r, errors.New("the record is closed already")
	case why == "":
		return r, errors.New("say why it is closed")
	case r.State == Proposed:
	case r.Decision == nil:
		return r, errors.New("decide first whether the Commissioner is to be told")
	case r.Decision.Notify && r.Told == nil:
		return r, errors.New("say first when the Commissioner was told, or decide otherwise")
	case r.People == nil:
		return r, errors.New("say first how many people it is about")
	}
	r.State, r.Ended, r.EndedBy, r.Why = Closed, now, by, why
	return r, nil
}

// Propose reports whether a record is proposed: what was found is serious and
// about a person, and people outside could see it for long enough.
func Propose(serious bool, e Exposure) bool {
	return serious && e.External > 0 && e.Seconds >= int64(Stayed/time.Second)
}
