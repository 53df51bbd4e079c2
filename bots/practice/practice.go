// Package practice is the built-in platform: real rooms with real members and
// messages, kept in a file of its own, spoken to over HTTP, and joined by a bot
// like any other. It needs no account and sends nothing anywhere. It serves
// demonstration, training, rehearsal, and the tests of everything else.
//
// It stands for a platform's servers: it must not decide anything, never looks
// into messages, and counts every call the bot makes, repeats included.
package practice

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// account is the practice platform's one account.
const account chat.Account = "practice"

// Options is what a platform may be given beside its file. All are optional.
type Options struct {
	Log *slog.Logger
	// AfterClock is called when the clock was moved, and returns when what
	// fell due is done.
	AfterClock func(context.Context) error
	// Decided tells what the bot decided about messages of a room.
	Decided func(context.Context, chat.ID, []chat.MessageID) (map[chat.MessageID]Decided, error)
	// Trail tells what the bot did in a room.
	Trail func(context.Context, chat.ID) ([]Act, error)

	// Frame puts a page into the console's frame: its navigation, styles and headers.
	Frame func(w http.ResponseWriter, r *http.Request, title string, body template.HTML)
}

// Decided is what the bot decided about a message, up to a revision.
type Decided struct {
	Revision int64
	Decision string // clean, prompted, watched
	Aside    string // in words, for the margin
	Record   string // the number of the record it was kept as
}

// Act is one thing that the bot did in a room, or will do.
type Act struct {
	At    time.Time
	Text  string
	Link  string
	Later bool
}

// Member is somebody in a room.
type Member struct {
	ID   chat.MemberID `json:"id"`
	Name string        `json:"name"`
}

// NewRoom describes a room to be made.
type NewRoom struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"` // what people see; the id when empty
	Kind    chat.Kind `json:"kind"`
	Members []Member  `json:"members"`
}

// Entry is one call that the bot made. Every call is an entry, repeats too.
type Entry struct {
	At       time.Time        `json:"at"`
	Effect   bots.Kind        `json:"effect"`
	Room     string           `json:"room"`
	Member   chat.MemberID    `json:"member"`
	Message  chat.MessageID   `json:"message"`
	Key      string           `json:"key"`
	Prompt   string           `json:"prompt,omitempty"`
	Messages []chat.MessageID `json:"messages,omitempty"`
	Made     chat.MessageID   `json:"made,omitempty"`
	Outcome  string           `json:"outcome"` // done, or why not
}

// message is one message of a room as the platform has it.
type message struct {
	id       chat.MessageID
	sender   chat.MemberID // "" is the bot
	text     string
	at       time.Time
	reply    chat.MessageID
	revision int64
	state    string // posted, edited, deleted
	reacted  []string
	decided  Decided // what the bot decided, as last asked
}

// room is one room.
type room struct {
	id, name string
	kind     chat.Kind
	members  []Member
	messages []*message
	index    map[chat.MessageID]*message
	made     int64 // messages made so far
	seq      int64 // events made so far
	acked    int64 // the last event the bot acknowledged
	events   []chat.Event
	busy     bool // a delivery is under way
	version  int64
}

// prompt is a prompt as its member sees it.
type prompt struct {
	room     string
	member   chat.MemberID
	shown    bots.Prompt
	at       time.Time
	reminded bool
}

// Platform is the practice platform. It fulfils bots.Bot and bots.Reconciler.
type Platform struct {
	o      Options
	file   *file
	offset atomic.Int64 // of the demo's clock, in nanoseconds

	mu       sync.Mutex
	rooms    map[string]*room
	order    []string
	prompts  map[string]*prompt
	asked    map[chat.MemberID][]string // prompt ids by member, in order
	ledger   []Entry
	keys     map[string]int // effect keys to ledger places
	deliver  bots.Deliver
	running  context.Context
	work     sync.WaitGroup
	watchers map[chan struct{}]struct{}
	closing  bool
}

// Open reads the platform's file, or begins a new one.
func Open(path string, o Options) (*Platform, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Platform{
		o: o, rooms: map[string]*room{}, prompts: map[string]*prompt{}, asked: map[chat.MemberID][]string{},
		keys: map[string]int{}, watchers: map[chan struct{}]struct{}{},
	}
	var err error
	p.file, err = openFile(path, p.apply)
	return p, err
}

// Close closes the file. Run must have ended.
func (p *Platform) Close() error {
	p.CloseStreams()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.file.close()
}

// Now is the demo's clock: real time and the declared moves.
func (p *Platform) Now() time.Time { return time.Now().Add(time.Duration(p.offset.Load())) }

// Why a request of a person is refused.
var (
	errUnknown   = errors.New("there is no such room, member, message or prompt")
	errForbidden = errors.New("only the sender can do that to a message")
	errTaken     = errors.New("there is one of that id already")
	errInvalid   = errors.New("the request is not complete or not understood")
	errOver      = errors.New("the prompt is not open any more")
)

// record checks, writes and applies one operation. When it returns, the
// operation survives the end of the process. check runs under the lock and may complete the operation.
func (p *Platform) record(o op, check func(*op) error) (op, error) {
	p.mu.Lock()
	o.At = p.Now().UTC()
	if check != nil {
		if err := check(&o); err != nil {
			p.mu.Unlock()
			return o, err
		}
	}
	err := p.file.write(o)
	if err == nil {
		err = p.apply(o)
	}
	r := p.rooms[o.Room]
	p.mu.Unlock()
	if err != nil {
		return o, err
	}
	if r != nil && o.Op != "ack" {
		p.kick(r)
		p.Touch(chat.ID{Account: account, Local: o.Room})
	}
	return o, nil
}

// apply changes the state by one operation. The caller holds the lock, or is
// reading the file.
func (p *Platform) apply(o op) error {
	if o.Op == "clock" {
		p.offset.Store(int64(o.Offset))
		return nil
	}
	if o.Op == "room" {
		r := &room{id: o.Room, name: o.Name, kind: o.Kind, index: map[chat.MessageID]*message{}}
		p.rooms[o.Room] = r
		p.order = append(p.order, o.Room)
		r.event(chat.Event{Kind: chat.Added, At: o.At, Name: o.Name, ChatKind: o.Kind})
		return nil
	}
	r := p.rooms[o.Room]
	if o.Op == "call" {
		return p.called(o, r)
	}
	if r == nil {
		return fmt.Errorf("%w: room of %q", errUnknown, o.Op)
	}
	m := r.index[o.Message]
	if m == nil && (o.Op == "edit" || o.Op == "delete" || o.Op == "react") {
		return fmt.Errorf("%w: message of %q", errUnknown, o.Op)
	}
	ev := chat.Event{At: o.At, Member: o.Member, Message: o.Message, Text: string(o.Text)}
	switch o.Op {
	case "join":
		r.members = append(r.members, Member{ID: o.Member, Name: o.Name})
		ev.Kind, ev.Name = chat.Joined, o.Name
	case "leave":
		r.leave(o.Member)
		ev.Kind = chat.Left
	case "post":
		r.post(o)
		ev.Kind, ev.ReplyTo, ev.Name = chat.Posted, o.Reply, r.nameOf(o.Member)
	case "edit":
		m.text, m.state, m.revision = string(o.Text), "edited", m.revision+1
		ev.Kind, ev.Revision, ev.Name = chat.Edited, m.revision, r.nameOf(o.Member)
	case "delete":
		m.text, m.state = "", "deleted"
		ev.Kind = chat.Deleted
	case "react":
		m.reacted = append(m.reacted, string(o.Text))
		ev.Kind = chat.Reacted
	case "answer":
		ev.Kind, ev.Prompt, ev.Answer = chat.Answered, o.Prompt, o.Answer
	case "tick":
		ev.Kind, ev.Prompt, ev.Step, ev.Done = chat.Ticked, o.Prompt, o.Step, o.Done
	case "ack":
		r.ack(o.Seq)
		return nil
	default:
		return fmt.Errorf("%w: %q", errInvalid, o.Op)
	}
	r.event(ev)
	return nil
}

// event queues an event for the bot. Its key is its number in the room and its
// time, which stay the same whenever the file is read, and are not given again
// should a power cut cost the file its end.
func (r *room) event(ev chat.Event) {
	r.seq++
	ev.Key = fmt.Sprintf("%d-%x", r.seq, ev.At.UnixNano())
	ev.Chat = chat.ID{Account: account, Local: r.id}
	r.events = append(r.events, ev)
}

func (r *room) ack(seq int64) {
	if n := seq - r.acked; n > 0 && n <= int64(len(r.events)) {
		r.events = append([]chat.Event(nil), r.events[n:]...)
		r.acked = seq
	}
}

func (r *room) post(o op) {
	m := &message{id: o.Message, sender: o.Member, text: string(o.Text), at: o.At, reply: o.Reply, state: "posted"}
	r.messages = append(r.messages, m)
	r.index[m.id] = m
	r.made++
}

func (r *room) leave(id chat.MemberID) {
	for i, m := range r.members {
		if m.ID == id {
			r.members = append(r.members[:i:i], r.members[i+1:]...)
			return
		}
	}
}

func (r *room) member(id chat.MemberID) bool {
	for _, m := range r.members {
		if m.ID == id {
			return true
		}
	}
	return false
}

func (r *room) nameOf(id chat.MemberID) string {
	for _, m := range r.members {
		if m.ID == id {
			return m.Name
		}
	}
	return string(id)
}
