package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
)

// Message is what a plan must know about a message. What is left blank is not
// known, and keeps it.
type Message struct {
	Chat     chat.ID
	Kind     chat.Kind // of the chat
	ID       chat.MessageID
	Revision int64
	Sender   chat.MemberID
	Person   string // id of the directory; empty where the sender is not matched
	At       time.Time
	Closed   time.Time // when what it belongs to was closed; zero: it is open
	Class    Class
	Files    int
	Record   Record
	Delete   Deletable

	Prompt      string    // an open prompt about it; empty: none
	Lapses      time.Time // when that prompt ends at the latest
	Incident    string    // the incident under way in its chat; empty: none
	Transferred bool      // the archive has given its receipt
}

// Record says whether a record of the message is due.
type Record string

// The states of a message's record. The empty one is not known.
const (
	NoRecord    Record = "none"
	RecordDue   Record = "due" // due, and no receipt yet
	RecordFiled Record = "filed"
)

// Deletable says who can delete the message on its platform now.
type Deletable string

// Who can delete a message. The empty one is not known.
const (
	ByBot    Deletable = "bot"
	BySender Deletable = "sender" // nobody else: the sender is asked (R44)
	ByNobody Deletable = "nobody"
)

// Way is what a plan does with a message.
type Way string

// The ways.
const (
	Goes      Way = "goes"      // the bot deletes it
	Transfers Way = "transfers" // it is handed to the archive, and goes with a later run
	Asks      Way = "asks"      // its sender is asked to delete it
	Stays     Way = "stays"
)

// Reason is why a message takes its way.
type Reason string

// The reasons, first those that keep.
const (
	Twice      Reason = "listed-twice"
	Undated    Reason = "undated"
	Unclassed  Reason = "unclassified"
	Elsewhere  Reason = "another-schedule"
	Unlimited  Reason = "no-period"
	Unreadable Reason = "holds-unreadable"
	Held       Reason = "held"
	Open       Reason = "still-open"
	Running    Reason = "period-running"
	Longer     Reason = "longer-schedule"
	Resting    Reason = "hold-released"
	Incident   Reason = "incident"
	Prompted   Reason = "prompt-open"
	Unrecorded Reason = "record-due"
	Unsure     Reason = "not-known-who-can-delete"
	Fixed      Reason = "nobody-can-delete"
	Barred     Reason = "marked-secret"
	Ended      Reason = "period-over"
)

// Item is what a plan does with one message, and why.
type Item struct {
	Message
	Way     Way
	Reason  Reason
	Ref     string    // the holds, the prompt, the incident or the schedule that is the reason
	Until   string    // for what stays: until when, in words
	Because string    // in words
	Due     time.Time // when its period is over; zero: not known
	Over    bool      // its period was over when the plan was made
}

// String says it in one line: "kept until X because Y".
func (i Item) String() string {
	switch i.Way {
	case Stays:
		return "kept until " + i.Until + " because " + i.Because
	case Asks:
		return "its sender is asked to delete it because " + i.Because
	case Transfers:
		return "transferred because " + i.Because
	default:
		return "goes because " + i.Because
	}
}

// Situation is everything that a plan depends on.
type Situation struct {
	Now      time.Time // periods that are over by now count as over
	Date     clock.Date
	Schedule Schedule
	Others   []Schedule // all other schedules: the longest that covers a message keeps it
	Holds    hold.Set
	Messages []Message
}

// Plan says what one run of one schedule does with each message.
type Plan struct {
	Schedule Schedule
	Date     clock.Date // the run
	Now      time.Time  // when it was made
	Items    []Item     // by chat, time and id
	Above    []Above    // chats of which more would go than the cap allows
}

// Above is a chat of which a plan disposes of more than the cap.
type Above struct {
	Chat  chat.ID
	Count int // going, or asked of their senders
	Cap   int
}

type key struct {
	chat    chat.ID
	message chat.MessageID
}

// Prepare plans one run. It decides nothing from what it does not know: such
// messages stay.
func Prepare(s Situation) Plan {
	p := Plan{Schedule: s.Schedule, Date: s.Date, Now: s.Now, Items: make([]Item, 0, len(s.Messages))}
	listed := make(map[key]int, len(s.Messages))
	for _, m := range s.Messages {
		listed[key{m.Chat, m.ID}]++
	}
	for _, m := range s.Messages {
		item := Item{Message: m}
		if due, ok := s.Schedule.Over(m); ok && s.Schedule.Covers(m) {
			item.Due, item.Over = due, !m.At.IsZero() && !m.At.After(s.Now) && !due.After(s.Now)
		}
		if listed[key{m.Chat, m.ID}] > 1 {
			item.stays(Twice, "", "somebody looks", "it is listed twice")
		} else {
			s.judge(&item)
		}
		p.Items = append(p.Items, item)
	}
	slices.SortStableFunc(p.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Chat.Account, b.Chat.Account), cmp.Compare(a.Chat.Local, b.Chat.Local), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	p.Above = p.above()
	return p
}

// judge gives a message its way: the first reason to keep it wins.
func (s Situation) judge(i *Item) {
	for _, keeps := range []func(*Item) bool{s.unknown, s.held, s.running, s.unfinished} {
		if keeps(i) {
			return
		}
	}
	over := fmt.Sprintf("its %s were over on %s", s.Schedule.Period, s.day(i.Due))
	if p := s.Schedule.Period; p.Years+p.Months+p.Days == 1 {
		over = strings.Replace(over, "were", "was", 1)
	}
	i.Reason = Ended
	if s.Schedule.Disposal == Transfer && i.Class == Secret {
		i.stays(Barred, "", "the security officer decides", "it is marked SECRET or above, of which nothing is filed")
		return
	}
	if s.Schedule.Disposal == Transfer && !i.Transferred {
		i.Way, i.Because = Transfers, over+" and the archive has not had it yet"
		return
	}
	i.Because = over + ", no record is due and no hold covers it"
	switch i.Delete {
	case ByBot:
		i.Way = Goes
	case BySender:
		i.Way, i.Because = Asks, over+" and the platform lets only its sender delete it"
	case ByNobody:
		i.stays(Fixed, "", "the platform lets somebody delete it", "nobody can delete it there now")
	default:
		i.stays(Unsure, "", "the platform says who can delete it", "it is not known who can delete it")
	}
}

// unknown keeps what cannot be judged, or is not this schedule's to judge.
func (s Situation) unknown(i *Item) bool {
	switch {
	case i.At.IsZero():
		return i.stays(Undated, "", "its time is known", "its time is not known")
	case i.At.After(s.Now):
		return i.stays(Undated, "", "its time has come", "its time lies in the future")
	case i.Class == "":
		return i.stays(Unclassed, "", "it is classified", "its class is not known")
	case !s.Schedule.Covers(i.Message):
		for _, o := range s.Others {
			if o.Covers(i.Message) {
				return i.stays(Elsewhere, o.ID, "its own schedule disposes of it", fmt.Sprintf("the schedule %s covers it", o))
			}
		}
		return i.stays(Elsewhere, "", "a schedule covers it", "no schedule covers it")
	case s.Schedule.Period.IsZero():
		return i.stays(Unlimited, "", "its schedule has a period", "its schedule has none")
	case s.Schedule.Disposal != Destroy && s.Schedule.Disposal != Transfer:
		return i.stays(Unlimited, "", "its schedule says how to dispose of it", "its schedule does not say so")
	case s.Schedule.When.IsZero():
		return i.stays(Unlimited, "", "its schedule has a time", "its schedule has none")
	}
	return false
}

// held keeps what a hold covers, and for a while what a released one covered.
func (s Situation) held(i *Item) bool {
	subject := hold.Subject{Chat: i.Chat, Member: i.Sender, Person: i.Person}
	covering, err := s.Holds.Covering(subject, s.Now)
	if err != nil {
		return i.stays(Unreadable, "", "the holds can be read", "they cannot be read, and so it counts as held")
	}
	if len(covering) > 0 {
		var refs, until, because []string
		for _, h := range covering {
			refs = append(refs, h.ID)
			until = append(until, fmt.Sprintf("%s releases hold %s", h.Owner, h.ID))
			because = append(because, h.String())
		}
		covers := " covers it"
		if len(covering) > 1 {
			covers = " cover it"
		}
		return i.stays(Held, strings.Join(refs, " "), strings.Join(until, " and "), strings.Join(because, " and ")+covers)
	}
	if h, ok := s.Holds.LastRelease(subject, s.Now); ok && i.Over {
		zone := s.Schedule.When.Zone()
		if rest := s.Schedule.Rest().After(h.Released.In(zone)); rest.After(s.Now) {
			return i.stays(Resting, h.ID, s.day(rest), fmt.Sprintf("%s was released on %s", h, s.day(h.Released)))
		}
	}
	return false
}

// running keeps what has time left, by this schedule or another.
func (s Situation) running(i *Item) bool {
	due, ok := s.Schedule.Over(i.Message)
	switch {
	case !ok:
		return i.stays(Open, "", "what it belongs to is closed", "its period begins only then")
	case due.After(s.Now):
		return i.stays(Running, "", s.day(due), "its "+s.Schedule.Period.String()+" are not over")
	}
	var longest Item
	for _, o := range s.Others {
		if !o.Covers(i.Message) {
			continue
		}
		due, ok := o.Over(i.Message)
		if !ok {
			return i.stays(Longer, o.ID, "somebody sets a period there", fmt.Sprintf("the schedule %s keeps it without end", o))
		}
		if due.After(s.Now) && due.After(longest.Due) {
			longest = Item{Due: due, Ref: o.ID, Because: fmt.Sprintf("the schedule %s keeps it longer", o)}
		}
	}
	return !longest.Due.IsZero() && i.stays(Longer, longest.Ref, s.day(longest.Due), longest.Because)
}

// unfinished keeps what something else must come before.
func (s Situation) unfinished(i *Item) bool {
	switch {
	case i.Incident != "":
		return i.stays(Incident, i.Incident, "the incident "+i.Incident+" is stood down", "it is under way in this chat")
	case i.Prompt != "" && i.Lapses.IsZero():
		return i.stays(Prompted, i.Prompt, "the prompt about it is answered", "that is open")
	case i.Prompt != "":
		return i.stays(Prompted, i.Prompt, "the prompt about it is answered, at the latest "+s.day(i.Lapses), "that is open")
	case i.Record == RecordDue:
		return i.stays(Unrecorded, "", "the record system gives its receipt", "a record of it is due and not filed")
	case i.Record != NoRecord && i.Record != RecordFiled:
		return i.stays(Unrecorded, "", "it is known whether a record is due", "it is not known")
	}
	return false
}

// stays keeps the message, and reports that it does.
func (i *Item) stays(r Reason, ref, until, because string) bool {
	i.Way, i.Reason, i.Ref, i.Until, i.Because = Stays, r, ref, until, because
	return true
}

// day writes an instant's date as people read it, by the schedule's clock.
func (s Situation) day(t time.Time) string {
	if zone := s.Schedule.When.Zone(); zone != nil {
		t = t.In(zone)
	}
	return t.Format("2 January 2006")
}

// above finds the chats of which more would go than the cap allows.
func (p Plan) above() []Above {
	var out []Above
	for start := 0; start < len(p.Items); {
		end, a := start, Above{Chat: p.Items[start].Chat}
		for ; end < len(p.Items) && p.Items[end].Chat == a.Chat; end++ {
			if p.Items[end].disposes() {
				a.Count++
			}
		}
		if a.Cap = p.Schedule.Cap.Of(end - start); a.Count > a.Cap {
			out = append(out, a)
		}
		start = end
	}
	return out
}

// disposes reports whether the item leads to the message's end.
func (i Item) disposes() bool { return i.Way == Goes || i.Way == Asks }

// Count gives how many messages take a way.
func (p Plan) Count(w Way) int {
	n := 0
	for _, i := range p.Items {
		if i.Way == w {
			n++
		}
	}
	return n
}

// Kept is a group of messages that stay for the same reason.
type Kept struct {
	Reason  Reason
	Because string
	Until   string
	Count   int
}

// Kept groups what stays, the largest group first, for a page or a certificate.
func (p Plan) Kept() []Kept {
	at := map[[2]string]int{}
	var out []Kept
	for _, i := range p.Items {
		if i.Way != Stays {
			continue
		}
		k := [2]string{i.Because, i.Until}
		if _, ok := at[k]; !ok {
			at[k] = len(out)
			out = append(out, Kept{Reason: i.Reason, Because: i.Because, Until: i.Until})
		}
		out[at[k]].Count++
	}
	slices.SortStableFunc(out, func(a, b Kept) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// Request asks one sender to delete their own messages in one chat, where the
// platform lets nobody else (R44).
type Request struct {
	Chat     chat.ID
	Sender   chat.MemberID
	Messages []chat.MessageID
}

// Requests lists what senders are asked, each sender's messages of a chat
// together and in order.
func (p Plan) Requests() []Request {
	type who struct {
		chat   chat.ID
		sender chat.MemberID
	}
	at := map[who]int{}
	var out []Request
	for _, i := range p.Items {
		if i.Way != Asks {
			continue
		}
		k := who{i.Chat, i.Sender}
		if _, ok := at[k]; !ok {
			at[k] = len(out)
			out = append(out, Request{Chat: i.Chat, Sender: i.Sender})
		}
		r := &out[at[k]]
		r.Messages = append(r.Messages, i.ID)
	}
	return out
}

// Left gives the messages that are still there, by what the store saw deleted.
func (r Request) Left(gone func(chat.ID, chat.MessageID) bool) []chat.MessageID {
	var left []chat.MessageID
	for _, m := range r.Messages {
		if !gone(r.Chat, m) {
			left = append(left, m)
		}
	}
	return left
}

// ErrNotActing is the error of a run whose schedule only watches.
var ErrNotActing = errors.New("this schedule only watches: switch it on to dispose of anything")
