package practice

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// message is one message of a room: where its text stands in the file, and
// little more, so that a room of any size is light.
type message struct {
	at       int64 // Unix milliseconds
	text     span
	num      uint32 // its id is "m" and this
	sender   int32  // place among the room's people; -1 is the bot
	reply    uint32
	revision uint32
	asked    uint32 // the revision up to which decision is the bot's
	state    state
	decision decision
}

type state uint8

const (
	posted state = iota
	edited
	deleted
)

func (s state) String() string { return [...]string{"posted", "edited", "deleted"}[s] }

type decision uint8

const (
	pending decision = iota
	clean
	watched
	prompted
)

func (d decision) String() string { return [...]string{"pending", "clean", "watched", "prompted"}[d] }

func (m *message) id() chat.MessageID { return messageID(m.num) }

func messageID(num uint32) chat.MessageID {
	return chat.MessageID("m" + strconv.FormatUint(uint64(num), 10))
}

// person is somebody who is or was in a room.
type person struct {
	Member
	gone bool
}

// reaction is a person's reaction to a message.
type reaction struct {
	member chat.MemberID
	sign   string
}

// pendingEvent is an event that the bot has not acknowledged: where it stands
// in the file, and which of that line's events it is.
type pendingEvent struct {
	span
	nth int32
}

// room is one room.
type room struct {
	id, name  string
	kind      chat.Kind
	senders   bool     // only a message's sender can delete it
	people    []person // everybody who ever was in it, in the order they came
	places    map[chat.MemberID]int
	messages  []message // in the order of their numbers
	reactions map[uint32][]reaction
	asides    map[uint32]Decided // of messages that were not decided clean
	cleanSay  string             // the margin beside a clean message
	acked     int64              // the last event the bot acknowledged
	pending   []pendingEvent     // those after it
	busy      bool               // a delivery is under way
	version   int64              // how often what pages show has changed, in this run
}

// prompt is a prompt as its member sees it. Its words stand in the file.
type prompt struct {
	id       string
	room     *room
	member   chat.MemberID
	at       time.Time // when it was first shown
	shown    span      // the line that showed it last
	state    string
	open     bool // it can be answered
	reminded int
	ticks    map[string]bool // what the member ticked since
	sent     string          // the answer that the member gave since
}

func (r *room) chat() chat.ID { return chat.ID{Account: account, Local: r.id} }

// find gives a message of the room by its id, or nil.
func (r *room) find(id chat.MessageID) *message {
	if i := r.index(id); i >= 0 {
		return &r.messages[i]
	}
	return nil
}

func (r *room) index(id chat.MessageID) int {
	if len(id) < 2 || id[0] != 'm' || id[1] == '0' || id[1] == '+' {
		return -1
	}
	n, err := strconv.ParseUint(string(id[1:]), 10, 32)
	if err != nil {
		return -1
	}
	i, ok := slices.BinarySearchFunc(r.messages, uint32(n), func(m message, n uint32) int { return int(int64(m.num) - int64(n)) })
	if !ok {
		return -1
	}
	return i
}

// member reports whether somebody is in the room now.
func (r *room) member(id chat.MemberID) bool {
	i, ok := r.places[id]
	return ok && !r.people[i].gone
}

func (r *room) members() []Member {
	out := []Member{}
	for _, m := range r.people {
		if !m.gone {
			out = append(out, m.Member)
		}
	}
	return out
}

func (r *room) sender(m *message) Member {
	if m.sender < 0 {
		return Member{}
	}
	return r.people[m.sender].Member
}

// apply changes the state by one operation, whose line stands at s. The caller
// holds the lock, or is reading the file. An operation that does not follow
// from those before it is an error and changes nothing.
func (p *Platform) apply(o *op, line []byte, s span) error {
	switch o.Op {
	case "begin":
		if o.Version != version {
			return fmt.Errorf("is of form %d, which this version of Chaperone does not know", o.Version)
		}
		return nil
	case "clock":
		p.offset.Store(int64(o.Offset))
		return nil
	case "room":
		return p.applyRoom(o, s)
	case "call":
		return p.applyCall(o, line, s)
	}
	r := p.rooms[o.Room]
	if r == nil {
		return fmt.Errorf("speaks of room %q, which is not there", o.Room)
	}
	if o.Op == "ack" {
		n := o.Seq - r.acked
		if n < 0 || n > int64(len(r.pending)) {
			return fmt.Errorf("acknowledges event %d of room %q, which is not there", o.Seq, o.Room)
		}
		r.pending, r.acked = r.pending[n:], o.Seq
		if len(r.pending) == 0 {
			r.pending = nil
		}
		return nil
	}
	if err := p.applyPerson(o, r, line, s); err != nil {
		return err
	}
	r.pending = append(r.pending, pendingEvent{span: s})
	return nil
}

func (p *Platform) applyRoom(o *op, s span) error {
	if o.Room == "" || p.rooms[o.Room] != nil {
		return fmt.Errorf("makes room %q a second time", o.Room)
	}
	r := &room{
		id: o.Room, name: o.Name, kind: o.Kind, senders: o.Senders, places: map[chat.MemberID]int{},
		reactions: map[uint32][]reaction{}, asides: map[uint32]Decided{},
	}
	r.pending = append(r.pending, pendingEvent{span: s})
	for i, m := range o.Members {
		if !r.join(m) {
			return fmt.Errorf("has member %q twice", m.ID)
		}
		r.pending = append(r.pending, pendingEvent{span: s, nth: int32(i + 1)})
	}
	p.rooms[o.Room] = r
	p.order = append(p.order, o.Room)
	return nil
}

// join lets somebody in, or in again. It reports whether they were not in.
func (r *room) join(m Member) bool {
	i, ok := r.places[m.ID]
	switch {
	case !ok:
		r.places[m.ID] = len(r.people)
		r.people = append(r.people, person{Member: m})
	case r.people[i].gone:
		r.people[i] = person{Member: m}
	default:
		return false
	}
	return true
}

func (r *room) leave(id chat.MemberID) bool {
	if !r.member(id) {
		return false
	}
	r.people[r.places[id]].gone = true
	return true
}

// applyPerson applies what a person did.
func (p *Platform) applyPerson(o *op, r *room, line []byte, s span) error {
	m := r.find(o.Message)
	missing := fmt.Errorf("is about message, member or prompt %q, which is not there", string(o.Message)+o.Prompt)
	switch o.Op {
	case "join":
		m := Member{ID: o.Member, Name: o.Name}
		if len(o.Members) == 1 && o.Members[0].ID == o.Member {
			m = o.Members[0]
		}
		if !r.join(m) {
			return fmt.Errorf("lets in member %q a second time", o.Member)
		}
	case "leave":
		if !r.leave(o.Member) {
			return fmt.Errorf("lets member %q leave, who is not there", o.Member)
		}
	case "post":
		sender, ok := r.places[o.Member]
		if !ok {
			return missing
		}
		return p.post(r, o, int32(sender), s.within(line, "text", o.Text))
	case "edit", "delete":
		if m == nil || m.state == deleted {
			return missing
		}
		if o.Op == "delete" {
			m.text, m.state = span{}, deleted
			return nil
		}
		m.text, m.state, m.revision = s.within(line, "text", o.Text), edited, m.revision+1
	case "react":
		if m == nil {
			return missing
		}
		r.reactions[m.num] = append(r.reactions[m.num], reaction{o.Member, unquote(o.Text)})
	case "answer", "tick":
		pr := p.prompts[o.Prompt]
		if pr == nil || pr.member != o.Member || pr.room != r {
			return missing
		}
		if o.Op == "answer" {
			pr.sent = o.Answer
		} else {
			pr.tick(o.Step, o.Done)
		}
	default:
		return fmt.Errorf("has an operation %q that this version of Chaperone does not know", o.Op)
	}
	return nil
}

func (pr *prompt) tick(step string, done bool) {
	if pr.ticks == nil {
		pr.ticks = map[string]bool{}
	}
	pr.ticks[step] = done
}

// post adds a message. Numbers rise over all rooms, so that an id names one
// message of the platform.
func (p *Platform) post(r *room, o *op, sender int32, text span) error {
	num, err := strconv.ParseUint(string(o.Message[min(1, len(o.Message)):]), 10, 32)
	if err != nil || uint32(num) <= p.made {
		return fmt.Errorf("posts message %q out of order", o.Message)
	}
	m := message{num: uint32(num), sender: sender, at: o.At.UnixMilli(), text: text}
	if o.Reply != "" {
		if to := r.find(o.Reply); to != nil {
			m.reply = to.num
		}
	}
	p.made = m.num
	r.messages = append(r.messages, m)
	return nil
}

// applyCall applies a call of the bot.
func (p *Platform) applyCall(o *op, line []byte, s span) error {
	var e Entry
	if err := json.Unmarshal(o.Call, &e); err != nil {
		return errors.New("holds a call that cannot be read")
	}
	if e.Outcome == done {
		if err := p.effect(o, &e, line, s); err != nil {
			return err
		}
	}
	if _, again := p.keys[e.Key]; e.Key != "" && !again {
		p.keys[e.Key] = len(p.ledger)
	}
	p.ledger = append(p.ledger, s.within(line, "call", o.Call))
	return nil
}

// effect applies a call that had an effect.
func (p *Platform) effect(o *op, e *Entry, line []byte, s span) error {
	r := p.rooms[o.Room]
	if r == nil {
		return fmt.Errorf("speaks of room %q, which is not there", o.Room)
	}
	switch e.Effect {
	case bots.Whisper, bots.Revise, bots.Remind:
		return p.show(o, e, r, s)
	case bots.Tell:
		p.told(e.Member, privateLine{at: o.At, bot: true, room: r.id, text: unquote(o.Text), choices: o.Choices})
		return nil
	case bots.Post:
		o.Message = e.Made
		return p.post(r, o, -1, s.within(line, "text", o.Text))
	case bots.Delete:
		m := r.find(e.Message)
		if m == nil || m.state == deleted {
			return fmt.Errorf("deletes message %q, which is not there", e.Message)
		}
		m.text, m.state = span{}, deleted
	case bots.Remove:
		if !r.leave(e.Member) {
			return fmt.Errorf("removes member %q, who is not there", e.Member)
		}
	default:
		return fmt.Errorf("has an effect %q that this version of Chaperone does not know", e.Effect)
	}
	r.pending = append(r.pending, pendingEvent{span: s})
	return nil
}

// show applies a whisper, a revision or a reminder.
func (p *Platform) show(o *op, e *Entry, r *room, s span) error {
	if o.Shown == nil {
		return errors.New("shows no prompt")
	}
	pr := p.prompts[o.Shown.ID]
	switch {
	case pr == nil && e.Effect != bots.Whisper, pr != nil && (pr.member != e.Member || pr.room != r):
		return fmt.Errorf("is about prompt %q, which is not that member's", o.Shown.ID)
	case pr == nil:
		pr = &prompt{id: o.Shown.ID, room: r, member: e.Member, at: o.At}
		p.prompts[pr.id] = pr
		p.asked[e.Member] = append(p.asked[e.Member], pr)
	}
	pr.shown, pr.state, pr.ticks, pr.sent = s, o.Shown.State, nil, ""
	pr.open = len(o.Shown.Answers) > 0 && (pr.state == "open" || pr.state == "escalated")
	if e.Effect == bots.Remind {
		pr.reminded++
	}
	return nil
}

// quote and unquote turn text into the JSON string of the file and back.
// Invalid UTF-8 becomes replacement characters, as on any platform that speaks
// JSON.
func quote(s string) (json.RawMessage, error) { return json.Marshal(s) }

func unquote(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
