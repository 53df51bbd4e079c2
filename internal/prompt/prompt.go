// Package prompt is the life of one prompt: a private question to a member
// about the flagged messages they sent to one chat within two minutes. It is
// opened, put off, shown, reminded of, ticked, answered, put right, escalated or
// lapsed. What others are told because of prompts is a prompt too, a Telling.
//
// It is a pure state machine: the clock is an argument, and it does no I/O. It
// never holds any text of a message; what it knows of a finding is its rule,
// category and mask.
package prompt

import (
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// Window is how long after its first message a prompt takes in further flagged
// messages of the same member in the same chat (platform time).
const Window = 2 * time.Minute

// State is where a prompt stands. The names are those of the practice contract.
type State string

// The states. Open and Escalated wait for the member; the others are ends,
// which a further flagged revision of a covered message may undo.
const (
	Open      State = "open"
	PutRight  State = "put-right" // seen by the bot: deleted, or edited so that nothing is found
	Answered  State = "answered"
	Escalated State = "escalated" // no answer in time: the person who answers for the chat sees it
	Lapsed    State = "lapsed"
	Withdrawn State = "withdrawn" // the member has left, or the bot took it back
)

// ItemState is what became of one flagged message.
type ItemState string

// The states of an item.
const (
	Flagged ItemState = "flagged"
	Deleted ItemState = "deleted"
	Edited  ItemState = "edited" // an edit left nothing to find
)

// Item is one flagged message that a prompt covers.
type Item struct {
	Message  chat.MessageID
	Revision int64
	At       time.Time // platform time of the message
	State    ItemState
	Kind     string // which text asks about it
	Outcome  policy.Outcome
	Duties   []policy.Duty
	Lines    []policy.Line
	Found    []Found
	Files    int // that were posted with it
}

// Found is what a prompt may say about a finding: never the value.
type Found struct {
	Rule     string
	Category string
	Mask     string
	Class    rules.Class
	Severity rules.Severity
	In       *rules.In // the file that it is in; nil: the message itself
}

// Prompt is one private question and everything that has become of it.
type Prompt struct {
	ID       string
	Chat     chat.ID
	ChatName string
	ChatKind chat.Kind
	Member   chat.MemberID
	Name     string // as the platform showed the member
	State    State
	Opened   time.Time // our clock
	Items    []Item
	Ticked   map[string]time.Time
	Answer   string
	Closed   time.Time // our clock; zero while it waits
	Record   string    // the record that an accepted capture became
	Filed    bool
	Reminded time.Time
	Due      time.Time // when the clock next has something to do with it; zero is never
	Version  int64     // rises with everything the member should see
	Run      string    // the run of a retention schedule that asks; empty: none
	Held     bool      // a hold covers its messages: they are kept, and nobody is asked to delete them
	Until    time.Time // of a farewell: when the member is taken out of the chat; zero: it is none

	From      chat.MemberID // who wrote the messages, where the member is asked in their place
	FromName  string        // as the platform showed them
	Telling   *Telling      // what the member is told; nil: it asks about messages
	Later     time.Time     // it is not shown before; zero: it waits for nothing
	Spent     bool          // the member was asked enough on that day: it goes into a digest
	Digested  time.Time     // a digest named it: it is shown when the member asks for it
	Shut      bool          // the member lets nobody write to them privately
	Asked     time.Time     // the member asked for somebody
	More      bool          // the member asked to be told more
	Claimed   time.Time     // the member claimed exceptional circumstances
	Claim     string        // the record of their reason
	Delegated time.Time     // their delegate was told
	Governed  time.Time     // information governance was told
	Refused   bool          // the platform did not let the bot delete what the member wanted deleted
	Raised    time.Time     // it was brought before the chat's administrators
}

// New opens a prompt with its first flagged message.
func New(id string, now time.Time, in chat.ID, name string, kind chat.Kind, member chat.MemberID, memberName string) *Prompt {
	return &Prompt{
		ID: id, Chat: in, ChatName: name, ChatKind: kind, Member: member, Name: memberName,
		State: Open, Opened: now, Ticked: map[string]time.Time{},
	}
}

// farewell is the kind of the text of a farewell.
const farewell = "farewell"

// Farewell opens the prompt that asks a leaver for a last look before they are
// taken out of a chat. It is about no message.
func Farewell(id string, now time.Time, in chat.ID, name string, kind chat.Kind, member chat.MemberID, memberName string, until time.Time) *Prompt {
	p := New(id, now, in, name, kind, member, memberName)
	p.Until, p.Due, p.Version = until, until.Add(linger), 1
	p.Items = []Item{{At: now, State: Flagged, Kind: farewell, Outcome: policy.WithRegard, Duties: []policy.Duty{policy.Ask}}}
	return p
}

// linger is how long a farewell stays open after its time, where the removal
// waits for somebody.
const linger = 7 * 24 * time.Hour

// Leaving reports whether the prompt is a farewell.
func (p *Prompt) Leaving() bool { return !p.Until.IsZero() }

// Waiting reports whether the prompt still waits for the member.
func (p *Prompt) Waiting() bool { return p.State == Open || p.State == Escalated }

// Takes reports whether a further flagged message, sent at the given platform
// time, belongs to this prompt rather than to a new one.
func (p *Prompt) Takes(at time.Time) bool {
	return p.State == Open && !p.Leaving() && p.Telling == nil && len(p.Items) > 0 && at.Sub(p.Items[0].At).Abs() <= Window
}

// Author is who wrote the messages.
func (p *Prompt) Author() chat.MemberID {
	if p.From != "" {
		return p.From
	}
	return p.Member
}

// Covers reports whether the prompt is about the message.
func (p *Prompt) Covers(m chat.MessageID) bool { return p.item(m) != nil }

func (p *Prompt) item(m chat.MessageID) *Item {
	for i := range p.Items {
		if p.Items[i].Message == m {
			return &p.Items[i]
		}
	}
	return nil
}

// Flag adds a flagged message, or a new revision of a covered one. A prompt
// that had ended opens again, because something is there again.
func (p *Prompt) Flag(now time.Time, it Item) {
	it.State = Flagged
	if old := p.item(it.Message); old != nil {
		*old = it
	} else {
		p.Items = append(p.Items, it)
	}
	if !p.Waiting() {
		p.State, p.Answer, p.Closed = Open, "", time.Time{}
		if p.Filed {
			p.Record, p.Filed = "", false // what is there now may need a record of its own
		}
	}
	if p.Due.IsZero() {
		p.Due = now.Add(p.ladder().remind)
		if !p.Reminded.IsZero() { // a prompt reminds once, however often it opens again
			p.Due = now.Add(p.ladder().escalate)
		}
		if now.Before(p.Later) {
			p.Due = p.Later
		}
	}
	p.Version++
}

// Gone notes that a covered message was deleted.
func (p *Prompt) Gone(now time.Time, m chat.MessageID) { p.resolve(now, m, Deleted) }

// Clean notes that a covered message was edited and nothing is found in it.
func (p *Prompt) Clean(now time.Time, m chat.MessageID) { p.resolve(now, m, Edited) }

func (p *Prompt) resolve(now time.Time, m chat.MessageID, to ItemState) {
	it := p.item(m)
	if it == nil || it.State == Deleted || it.State == to {
		return
	}
	it.State = to
	p.Version++
	if !p.outstanding() && (p.Waiting() || p.State == Answered) {
		p.end(now, PutRight)
	}
}

// outstanding reports whether any covered message still asks for something.
// Deleting a message does not discharge the duty to keep what it decided.
func (p *Prompt) outstanding() bool {
	for _, it := range p.Items {
		if it.State == Flagged && slices.Contains(it.Duties, policy.Remove) {
			return true
		}
		if it.State != Edited && slices.Contains(it.Duties, policy.Capture) && !p.Filed && !p.secret() {
			return true
		}
	}
	return false
}

// duties joins the duties of the messages that still ask for something.
func (p *Prompt) duties() []policy.Duty {
	var all []policy.Duty
	for _, it := range p.Items {
		for _, d := range it.Duties {
			if !slices.Contains(all, d) && !(it.State == Edited) {
				all = append(all, d)
			}
		}
	}
	return all
}

// Kind names the text that asks: that of the covered message with the
// strictest outcome, the gravest of them where several are as strict.
func (p *Prompt) Kind() string {
	kind, rank := "", -1
	for _, it := range p.Items {
		if r := it.Outcome.Rank(); r > rank || (r == rank && gravity(it.Kind) < gravity(kind)) {
			kind, rank = it.Kind, r
		}
	}
	return kind
}

// gravity orders kinds that are as strict: SECRET comes before everything, and
// people before papers.
func gravity(kind string) int {
	order := []string{"secret", "emergency", "personal", "photo", "credential", "misdirected", "marked", "exceptional", "channel", "care", "significant", "drift"}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// Tick notes that the member did, or undid, a step.
func (p *Prompt) Tick(now time.Time, step string, done bool) bool {
	if !p.Waiting() || !slices.Contains(p.steps(), step) {
		return false
	}
	if _, was := p.Ticked[step]; was == done {
		return false
	}
	if done {
		p.Ticked[step] = now
	} else {
		delete(p.Ticked, step)
	}
	p.Version++
	return true
}

// FiledNow notes that the record of an accepted capture has been filed. One
// that a later capture has followed changes nothing: that one is still to come.
func (p *Prompt) FiledNow(now time.Time, record string) {
	if record != p.Record {
		return
	}
	p.Filed = true
	p.Version++
	if p.Waiting() && !p.outstanding() {
		p.end(now, PutRight)
	}
}

// Withdraw takes the prompt back: nothing is asked of the member any more.
func (p *Prompt) Withdraw(now time.Time) {
	if p.Waiting() {
		p.end(now, Withdrawn)
		p.Version++
	}
}

func (p *Prompt) end(now time.Time, s State) {
	p.State, p.Closed, p.Due = s, now, time.Time{}
}

// Hold notes whether a hold covers the prompt's messages, and reports whether
// that is news to the member (DESIGN invariant 3).
func (p *Prompt) Hold(held bool) bool {
	if p.Held == held {
		return false
	}
	p.Held = held
	p.Version++
	return true
}

// Refuse notes that the bot may not delete what the member wanted deleted.
func (p *Prompt) Refuse() {
	if !p.Refused {
		p.Refused = true
		p.Version++
	}
}

// Holds reports whether the texts of the covered messages are still needed:
// while an open prompt offers to capture them, and until an accepted capture
// has been filed (DESIGN invariant 5).
func (p *Prompt) Holds() bool {
	if p.Record != "" && !p.Filed {
		return true
	}
	return p.Waiting() && p.Captures()
}

// Captures reports whether the prompt offers to keep its messages as a record.
func (p *Prompt) Captures() bool {
	for _, it := range p.Items {
		if slices.Contains(it.Duties, policy.Capture) || slices.Contains(it.Duties, policy.Offer) {
			return !p.secret()
		}
	}
	return false
}

// secret reports whether any covered message brought the duty to report: such
// a prompt captures nothing (DESIGN invariant 12).
func (p *Prompt) secret() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return slices.Contains(it.Duties, policy.Report) })
}
