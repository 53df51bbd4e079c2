package retention

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

// Undo is how long what the bot destroyed stays sealed for undo.
const Undo = 30 * 24 * time.Hour

// Outcome says how a planned disposal of one message ended.
type Outcome string

// The outcomes of a disposal.
const (
	Destroyed   Outcome = "destroyed"   // the bot deleted it
	Transferred Outcome = "transferred" // the archive gave its receipt
	BySomebody  Outcome = "gone"        // it was not there any more
	SenderDid   Outcome = "sender-deleted"
	SenderAsked Outcome = "sender-asked" // and it is still there
	KeptForHold Outcome = "held"         // a hold came in the way
	NotAllowed  Outcome = "refused"      // the platform refused
	Unclear     Outcome = "unknown"      // it may have been deleted; a person looks
	NotReached  Outcome = "not-reached"  // the run was stopped before
)

var outcomes = []Outcome{Destroyed, Transferred, BySomebody, SenderDid, SenderAsked, KeptForHold, NotAllowed, Unclear, NotReached}

// Certificate is the proof of one run, for the record system and the audit
// log. It names no sender and holds no text.
type Certificate struct {
	Schedule  string     `json:"schedule"`
	Title     string     `json:"title"`
	Authority string     `json:"authority"`
	Owner     string     `json:"owner"`
	Class     Class      `json:"class"`
	Period    Period     `json:"period"`
	Disposal  Disposal   `json:"disposal"`
	Date      clock.Date `json:"date"`
	Plan      string     `json:"plan"` // its digest
	Planned   time.Time  `json:"planned"`
	Approvals []Approval `json:"approvals"`
	Started   time.Time  `json:"started"`
	Ended     time.Time  `json:"ended"`
	UndoUntil time.Time  `json:"undo_until"`
	Counts    []Count    `json:"counts"`
	Stayed    []Count    `json:"stayed"`
	Chats     []Extent   `json:"chats"`
	Items     string     `json:"items"` // digest over each message's chat, id and outcome
}

// Count is how many messages had an outcome, or stayed for a reason.
type Count struct {
	What string `json:"what"`
	N    int    `json:"n"`
}

// Extent is what left one chat, from the first message to the last.
type Extent struct {
	Chat  string    `json:"chat"`
	N     int       `json:"n"`
	Files int       `json:"files"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// Certify makes the certificate of a run that has ended. Each message that the
// plan disposes of must have its outcome, and no other may have one.
func Certify(p Plan, approvals []Approval, outcome func(chat.ID, chat.MessageID) (Outcome, bool), started, ended time.Time) (Certificate, error) {
	s := p.Schedule
	c := Certificate{
		Schedule: s.ID, Title: s.Title, Authority: s.Authority, Owner: s.Owner, Class: s.Class, Period: s.Period, Disposal: s.Disposal,
		Date: p.Date, Plan: p.Digest(), Planned: p.Now.UTC(), Approvals: slices.Clone(approvals), Started: started.UTC(), Ended: ended.UTC(), UndoUntil: ended.UTC().Add(Undo),
	}
	counts, stayed := map[Outcome]int{}, map[Reason]int{}
	h := sha256.New()
	for _, i := range p.Items {
		o, has := outcome(i.Chat, i.ID)
		if i.Way == Stays {
			if has {
				return Certificate{}, fmt.Errorf("message %s in %s was to stay, and ended as %s: no certificate says that this was right", i.ID, i.Chat, o)
			}
			stayed[i.Reason]++
			continue
		}
		if !has || !slices.Contains(outcomes, o) {
			return Certificate{}, fmt.Errorf("message %s in %s has no outcome yet: a run is certified when all have", i.ID, i.Chat)
		}
		counts[o]++
		fmt.Fprintf(h, "%q %q %q %s\n", i.Chat.Account, i.Chat.Local, i.ID, o)
		if o == Destroyed || o == Transferred || o == SenderDid {
			c.extend(i)
		}
	}
	for _, o := range outcomes {
		if counts[o] > 0 {
			c.Counts = append(c.Counts, Count{string(o), counts[o]})
		}
	}
	for r, n := range stayed {
		c.Stayed = append(c.Stayed, Count{string(r), n})
	}
	slices.SortFunc(c.Stayed, func(a, b Count) int { return cmp.Compare(a.What, b.What) })
	c.Items = hex.EncodeToString(h.Sum(nil))
	return c, nil
}

// extend adds a message to what left its chat. Items come chat by chat.
func (c *Certificate) extend(i Item) {
	name, at := i.Chat.String(), i.At.UTC()
	if len(c.Chats) == 0 || c.Chats[len(c.Chats)-1].Chat != name {
		c.Chats = append(c.Chats, Extent{Chat: name, From: at})
	}
	e := &c.Chats[len(c.Chats)-1]
	e.N++
	e.Files += i.Files
	e.To = at
}

// Digest names the certificate by everything in it.
func (c Certificate) Digest() (string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Text writes the certificate for people.
func (c Certificate) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Certificate of disposal")
	line("Run of %s, schedule %s: %s", c.Date, c.Schedule, c.Title)
	line("Messages of class %s, kept %s, then %s.", c.Class, c.Period, c.Disposal.verb())
	line("Authority: %s. Owner: %s.", c.Authority, c.Owner)
	line("Plan %s, made %s.", Short(c.Plan), moment(c.Planned))
	for _, a := range c.Approvals {
		line("Approved by %s, %s: %d messages.", a.By, moment(a.At), a.Count)
	}
	line("Run from %s to %s. What the bot destroyed can be undone until %s.", moment(c.Started), moment(c.Ended), moment(c.UndoUntil))
	for _, n := range c.Counts {
		line("  %-15s %d", n.What, n.N)
	}
	for _, e := range c.Chats {
		line("From %s: %d messages, %d files, sent from %s to %s.", e.Chat, e.N, e.Files, moment(e.From), moment(e.To))
	}
	for _, n := range c.Stayed {
		line("Stayed, %s: %d", n.What, n.N)
	}
	return b.String()
}

func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }
