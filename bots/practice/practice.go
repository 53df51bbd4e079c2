// Package practice is the built-in platform: real rooms with real members and
// messages, kept in a file of its own, spoken to over HTTP and a live page, and
// joined by a bot like any other. It needs no account and sends nothing
// anywhere. It serves demonstration, training, rehearsal, and the tests of
// everything else.
//
// It stands for a platform's servers: it must not decide anything, never looks
// into messages, and counts every call the bot makes, repeats included.
package practice

import (
	"context"
	"crypto/rand"
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
	// MoveClock declares a move of the clock, makes it by calling move, and
	// settles the declaration.
	MoveClock func(ctx context.Context, by time.Duration, move func() error) error
	// AfterClock is called when the clock was moved, and returns when what
	// fell due is done.
	AfterClock func(context.Context) error
	// Decided tells what the bot decided about messages of a room. It is not
	// asked again about what was decided for good.
	Decided func(context.Context, chat.ID, []chat.MessageID) (map[chat.MessageID]Decided, error)
	// Trail tells what the bot did in a room, the oldest first.
	Trail func(context.Context, chat.ID) ([]Act, error)

	// Frame puts a page into the console's frame: its navigation, styles and
	// headers. The body brings its own script and style sheet, from
	// /practice/assets/. Frame must not write a status.
	Frame func(w http.ResponseWriter, r *http.Request, title string, body template.HTML)
	// Zone is the time zone that pages tell the time in; nil is Europe/London.
	Zone *time.Location
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

// Member is somebody in a room. What follows a comma in the name is shown as
// what they do: "Sam Okafor, Welfare".
type Member struct {
	ID    chat.MemberID `json:"id"`
	Name  string        `json:"name"`
	Phone string        `json:"phone,omitempty"` // proved, as real platforms have them
	Email string        `json:"email,omitempty"` // likewise
	Owner bool          `json:"owner,omitempty"`
	Admin bool          `json:"admin,omitempty"`
	Shut  bool          `json:"private_closed,omitempty"` // nobody may write to them privately
}

// NewRoom describes a room to be made.
type NewRoom struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"` // what people see; the id when empty
	Kind    chat.Kind `json:"kind"`
	Members []Member  `json:"members"`
	Senders bool      `json:"senders_delete,omitempty"` // only a message's sender can delete it, as on some platforms
	// AddedBy is the member who added the bot. Where there is one the bot asks
	// them about the room before it reads anything there.
	AddedBy chat.MemberID `json:"added_by,omitempty"`
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

// Platform is the practice platform. It fulfils bots.Bot, bots.Reconciler and
// bots.Conversant.
type Platform struct {
	o     Options
	zone  *time.Location
	epoch string // names this run, so that a page knows when it outlived one

	file   *file
	offset atomic.Int64 // of the demo's clock, in nanoseconds

	mu       sync.RWMutex // guards the file's end and everything below
	closed   bool
	rooms    map[string]*room
	order    []string
	made     uint32    // the last message, in all rooms
	next     uint32    // the last number given to one
	last     time.Time // of the newest operation
	prompts  map[string]*prompt
	asked    map[chat.MemberID][]*prompt // in the order they were first shown
	ledger   []span                      // where each call stands in the file
	keys     map[string]int              // effect keys to places in the ledger
	deliver  bots.Deliver
	running  context.Context
	work     sync.WaitGroup
	watchers map[chan struct{}]struct{}
	closing  bool
	answer   bots.Answerer
	private  map[chat.MemberID][]privateLine
}

// Open reads the platform's file, or begins a new one. A last line that a kill
// cut short was confirmed to nobody and is dropped; a file that is damaged
// anywhere else is refused.
func Open(path string, o Options) (*Platform, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Platform{
		o: o, zone: o.Zone, epoch: rand.Text()[:8],
		rooms: map[string]*room{}, prompts: map[string]*prompt{}, asked: map[chat.MemberID][]*prompt{},
		keys: map[string]int{}, watchers: map[chan struct{}]struct{}{}, private: map[chat.MemberID][]privateLine{},
	}
	if p.zone == nil {
		zone, err := time.LoadLocation("Europe/London")
		if err != nil {
			zone = time.UTC // a machine without time zones
		}
		p.zone = zone
	}
	f, err := openFile(path, p.apply)
	if err != nil {
		return nil, err
	}
	p.file = f
	return p, nil
}

// Close ends the streams and closes the file. Run must have ended.
func (p *Platform) Close() error {
	p.CloseStreams()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return p.file.close()
}

// Now is the demo's clock: real time and the declared moves.
func (p *Platform) Now() time.Time { return time.Now().Add(time.Duration(p.offset.Load())) }

// Moved is how far the demo's clock was moved in all.
func (p *Platform) Moved() time.Duration { return time.Duration(p.offset.Load()) }

// Why a request of a person is refused.
var (
	errUnknown   = errors.New("there is no such room, member, message or prompt")
	errForbidden = errors.New("only the sender can do that to a message")
	errTaken     = errors.New("that is there already")
	errInvalid   = errors.New("the request is not complete or not understood")
	errOver      = errors.New("the prompt is not open any more")
	errLarge     = errors.New("the request is too large")
	errClosed    = errors.New("the practice platform is stopping")
)

// submit checks an operation, writes it and applies it, as one step. When it
// returns, the operation survives the end of the process; with an error,
// nothing has happened. check may complete the operation.
func (p *Platform) submit(o *op, check func(*op) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	o.At = p.Now().UTC()
	if o.At.Before(p.last) { // the machine's clock went back; the order of a room does not
		o.At = p.last
	}
	if err := check(o); err != nil {
		return err
	}
	line, err := encode(o)
	if err != nil {
		return err
	}
	at := span{p.file.size, uint32(len(line))}
	if err := p.file.append(line); err != nil {
		p.o.Log.Error("the practice platform's file cannot grow", "err", err)
		return err
	}
	p.last = o.At
	if err := p.apply(o, line, at); err != nil {
		return fmt.Errorf("the practice platform wrote a line that it does not understand: it %w", err)
	}
	if r := p.rooms[o.Room]; r != nil && o.Op != "ack" {
		r.version++
		p.kick(r)
		p.wake()
	}
	return nil
}
