package retention

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

// Digest names the plan by what it does: its run, its settings, and each
// message whose period is over with its way and reason, those that stay
// included. Messages whose period is running are left out, so that a chat in
// which people go on talking does not make each plan another.
func (p Plan) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "chaperone plan 1\n%s\n%s\n%d\n", p.Schedule.setting(), p.Date, p.Now.UnixNano())
	for _, i := range p.Items {
		if i.Over {
			fmt.Fprintf(h, "%q %q %q %d %s %s %q\n", i.Chat.Account, i.Chat.Local, i.ID, i.Revision, i.Way, i.Reason, i.Ref)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Short is the beginning of a digest as pages show it: "7F3A 91C2".
func Short(digest string) string {
	s := strings.ToUpper(digest[:min(8, len(digest))])
	if len(s) <= 4 {
		return s
	}
	return s[:4] + " " + s[4:]
}

// Recheck prepares the plan again from what is there now, as of the moment at
// which it was made: only what the world changed makes a difference, not that
// time went by.
func Recheck(p Plan, s Situation) Plan {
	s.Now, s.Date = p.Now, p.Date
	return Prepare(s)
}

// Same reports whether two plans do the same for the same reasons.
func Same(a, b Plan) bool { return a.Digest() == b.Digest() }

// Remaining gives the plan without what is done already: what a resumed run,
// or the next stage of one, must find.
func (p Plan) Remaining(done func(chat.ID, chat.MessageID) bool) Plan {
	p.Items = slices.DeleteFunc(slices.Clone(p.Items), func(i Item) bool { return done(i.Chat, i.ID) })
	p.Above = p.above()
	return p
}

// Stage gives the next messages to be deleted or transferred, up to n of them.
func (p Plan) Stage(n int) []Item {
	var out []Item
	for _, i := range p.Items {
		if len(out) == n {
			break
		}
		if i.Way == Goes || i.Way == Transfers {
			out = append(out, i)
		}
	}
	return out
}

// Difference is a message that a run finds otherwise than planned.
type Difference struct {
	Chat           chat.ID
	Message        chat.MessageID
	Planned, Found string // in words; empty where it is not there
}

// Changed is the error of a run that finds something else than its plan. It
// stops, and somebody plans again.
type Changed struct {
	Settings    bool // the schedule itself, or the run, is another
	Differences []Difference
}

func (c *Changed) Error() string {
	if c.Settings {
		return "the schedule was changed since the plan was made, so nothing more is done"
	}
	n := len(c.Differences)
	if n == 0 {
		return "what was found differs from the plan, so nothing more is done"
	}
	d, differ := c.Differences[0], "1 message differs"
	if n > 1 {
		differ = fmt.Sprintf("%d messages differ", n)
	}
	return fmt.Sprintf("%s from the plan, so nothing more is done; the first is %s in %s: planned %q, found %q", differ, d.Message, d.Chat, d.Planned, d.Found)
}

// Compare is nil where found does the same as planned, and *Changed otherwise.
func Compare(planned, found Plan) error {
	if Same(planned, found) {
		return nil
	}
	c := &Changed{Settings: planned.Schedule.setting() != found.Schedule.setting() || planned.Date != found.Date || !planned.Now.Equal(found.Now)}
	was := map[key]Item{}
	for _, i := range planned.Items {
		if i.Over {
			was[key{i.Chat, i.ID}] = i
		}
	}
	for _, i := range found.Items {
		k := key{i.Chat, i.ID}
		w, known := was[k]
		delete(was, k)
		switch {
		case !i.Over && !known:
		case !known:
			c.Differences = append(c.Differences, Difference{i.Chat, i.ID, "", i.String()})
		case w.Way != i.Way || w.Reason != i.Reason || w.Ref != i.Ref || w.Revision != i.Revision || !i.Over:
			c.Differences = append(c.Differences, Difference{i.Chat, i.ID, w.words(), i.words()})
		}
	}
	for _, i := range planned.Items { // in the plan's order
		if _, missing := was[key{i.Chat, i.ID}]; missing && i.Over {
			c.Differences = append(c.Differences, Difference{i.Chat, i.ID, i.words(), ""})
		}
	}
	return c
}

// words is String with what else counts as a difference.
func (i Item) words() string {
	if i.Revision > 0 {
		return fmt.Sprintf("%s (revision %d)", i, i.Revision)
	}
	return i.String()
}

// Approval is one named person's yes to one plan.
type Approval struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Digest string    `json:"digest"` // of the plan that they read
	Count  int       `json:"count"`  // how many messages it will dispose of, as they typed it
}

// Approve records a person's yes. They type how many messages the plan will
// dispose of, and nobody says yes twice.
func (p Plan) Approve(given []Approval, by string, count int, at time.Time) ([]Approval, error) {
	by = strings.TrimSpace(by)
	switch want := p.Disposed(); {
	case by == "":
		return given, errors.New("an approval has a name")
	case count != want:
		return given, fmt.Errorf("the plan disposes of %d messages, not %d: read it again", want, count)
	}
	d := p.Digest()
	for _, a := range given {
		if a.Digest == d && strings.EqualFold(a.By, by) {
			return given, fmt.Errorf("%s has approved this plan already; the second yes is another person's", a.By)
		}
	}
	return append(slices.Clone(given), Approval{By: by, At: at, Digest: d, Count: count}), nil
}

// Disposed gives how many messages the plan leads to the end of: those that go
// or are transferred, and those that their senders are asked to delete.
func (p Plan) Disposed() int { return p.Count(Goes) + p.Count(Asks) + p.Count(Transfers) }

// Needs gives how many people must approve the plan: two where it is above a
// cap, and otherwise none besides the schedule's owner, whose standing
// authority it runs under.
func (p Plan) Needs() int {
	if len(p.Above) > 0 {
		return 2
	}
	return 0
}

// Permit is nil where the plan may be carried out now. It asks everything but
// what the world looks like: that is Recheck and Compare, before each stage,
// and the hold fence, before each message.
func (p Plan) Permit(given []Approval, w clock.Watch) error {
	s := p.Schedule
	if !s.Acting {
		return ErrNotActing
	}
	if s.Period.IsZero() || s.Disposal == "" {
		return errors.New("no period, no disposal: nothing is done")
	}
	if s.Owner == "" || s.Authority == "" {
		return errors.New("the schedule names no owner or no authority, so nothing is done")
	}
	if err := w.MayDestroy(); err != nil {
		return err
	}
	digest, names := p.Digest(), map[string]bool{}
	for _, a := range given {
		if name := strings.ToLower(strings.TrimSpace(a.By)); name != "" && a.Digest == digest && a.Count == p.Disposed() {
			names[name] = true
		}
	}
	if have, need := len(names), p.Needs(); have < need {
		a := p.Above[0]
		return fmt.Errorf("%d messages of %s are above its cap of %d: %d of %d people have approved plan %s", a.Count, a.Chat, a.Cap, have, need, Short(digest))
	}
	return nil
}

// State is how far a run has come.
type State string

// The states of a run.
const (
	Planned  State = "planned"   // it has a plan, and may have approvals
	Underway State = "underway"  // some of it may be done
	Stopped  State = "stopped"   // by a person or because something differed; what is left needs a new plan
	Finished State = "finished"  // every message has its outcome
	MadeGood State = "made-good" // its date was missed; a later run did its work
)

// May reports whether a run may go from one state to another. A run that was
// stopped or has finished stays so; its date has had its run.
func (s State) May(to State) bool {
	switch s {
	case "":
		return to == Planned || to == MadeGood
	case Planned:
		return to == Underway || to == Stopped || to == Finished // finished: there was nothing to do
	case Underway:
		return to == Stopped || to == Finished
	}
	return false
}

// Effect tells what a change of a schedule does, from a plan under the old and
// one under the new settings: how many messages would be disposed of that
// stayed, and how many would stay (R45).
func Effect(before, after Plan) (more, fewer int) {
	was := map[key]bool{}
	for _, i := range before.Items {
		was[key{i.Chat, i.ID}] = i.Way != Stays
	}
	for _, i := range after.Items {
		switch goes := i.Way != Stays; {
		case goes && !was[key{i.Chat, i.ID}]:
			more++
		case !goes && was[key{i.Chat, i.ID}]:
			fewer++
		}
	}
	return more, fewer
}
