// Package whatsapp is a bot on WhatsApp: a device that is linked to a number of
// the organisation's own, through a library that speaks the protocol of linked
// devices.
//
// It is the only package that knows the library, and must not decide anything
// or log what people say. It never writes to anybody by itself: what it sends
// are effects (out.go).
package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// ErrNotLinked means that no phone has linked the bot, or that it was unlinked.
var ErrNotLinked = errors.New("no phone has linked the bot: run chaperone link whatsapp and scan the code with the phone of the bot's number")

// errUnlinked means that it was linked until now.
var errUnlinked = fmt.Errorf("the phone has unlinked the bot, or WhatsApp has: %w", ErrNotLinked)

// errOutdated is what version drift looks like.
var errOutdated = errors.New("WhatsApp refuses this version of the client: set bots.whatsapp.client_version to a newer one, or update Chaperone")

// Bot is the linked device. It fulfils bots.Bot, bots.Reconciler, bots.Roster,
// bots.Backlog, bots.Conversant,
// bots.Greeted and bots.Pulse.
type Bot struct {
	o    Options
	web  *http.Client // nil is the library's own
	box  *sqlstore.Container
	book *book
	ring *ring
	now  atomic.Pointer[whatsmeow.Client] // another after the bot was unlinked

	linkedTo atomic.Pointer[string]    // the number that is linked; the library's own may change at any time
	last     atomic.Pointer[string]    // the number that was linked last
	session  atomic.Pointer[session]   // nil while Run does not run
	offered  atomic.Pointer[time.Time] // until when the codes to link by count; nil while there are none
	failed   atomic.Int32              // times in a row that Run ended by itself
	cipher   sync.Mutex                // held while a message is encrypted or decrypted
	one      sync.Mutex                // held by whoever connects: Run, or Link
	patience time.Duration             // how long one chat is tried before others go on
	answer   bots.Answerer             // of what is said to the bot alone
	hurry    chan struct{}             // it has been linked, and Run need not wait
	guarded  *store.Device             // held by whoever connects

	mu      sync.Mutex
	groups  map[types.JID]*types.GroupInfo // as last heard
	changes map[types.JID]int              // of groups, since the program started
	up      chan struct{}                  // closed while the bot is connected
	replied map[chat.MemberID][]time.Time  // in private, lately
	next    time.Time                      // when the next effect may be carried out
	media   mediaAsks
}

// quiet keeps the library under the library from writing to standard output.
type quiet struct{}

func (quiet) Debug(string, string)   {}
func (quiet) Info(string, string)    {}
func (quiet) Warning(string, string) {}
func (quiet) Error(string, string)   {}
func (quiet) Configure(string)       {}

var silence = sync.OnceFunc(func() {
	var l logger.Loggable = quiet{}
	logger.Setup(&l)
})

// New opens the bot's database. The bot need not be linked yet.
func New(ctx context.Context, o Options) (*Bot, error) {
	o.fill()
	silence()
	if err := o.apply(); err != nil {
		return nil, err
	}
	b := &Bot{
		o: o, box: sqlstore.NewWithDB(o.DB, "sqlite3", nil), groups: map[types.JID]*types.GroupInfo{}, changes: map[types.JID]int{},
		up: make(chan struct{}), hurry: make(chan struct{}, 1), patience: retryFor, replied: map[chat.MemberID][]time.Time{},
	}
	var err error
	if b.web, err = o.dialler(); err != nil {
		return nil, err
	}
	if b.ring, err = openRing(o.KeyFile, o.Now); err != nil {
		return nil, err
	}
	if err := b.box.Upgrade(ctx); err != nil {
		return nil, fmt.Errorf("the bot's WhatsApp database: %w", err)
	}
	if b.book, err = openBook(ctx, o.DB); err != nil {
		return nil, fmt.Errorf("the bot's WhatsApp database: %w", err)
	}
	last, err := b.book.number(ctx)
	if err != nil {
		return nil, fmt.Errorf("the bot's WhatsApp database: %w", err)
	}
	b.last.Store(&last)
	d, err := b.box.GetFirstDevice(ctx)
	if err != nil {
		return nil, fmt.Errorf("the bot's WhatsApp database: %w", err)
	}
	b.nowLinked(d.GetJID().User)
	b.become(d)
	return b, nil
}

// become makes the client that speaks for a device.
func (b *Bot) become(d *store.Device) {
	c := whatsmeow.NewClient(d, nil)
	if b.web != nil {
		c.SetPreLoginHTTPClient(b.web)
		c.SetWebsocketHTTPClient(b.web)
	}
	c.SetMediaHTTPClient(mediaClient(b.web))
	// An event is acknowledged when it is stored and not before, and what was
	// decrypted but not stored can be had again: decrypting works once.
	c.SynchronousAck = true
	c.EnableDecryptedEventBuffer = true
	c.EnableAutoReconnect = false                                                                          // Run does
	c.PreRetryCallback = func(*events.Receipt, types.MessageID, int, *waE2E.Message) bool { return false } // onceMore does
	c.AddEventHandlerWithSuccessStatus(func(e any) bool {
		if b.client() != c { // a connection that is over
			return !kept(e)
		}
		return b.handle(e)
	})
	b.now.Store(c)
}

// nowLinked notes which number the bot is linked to; empty is none.
func (b *Bot) nowLinked(number string) { b.linkedTo.Store(&number) }

// forgetDevices forgets every device that was ever linked. They are read anew:
// the library may be at the one in use.
func (b *Bot) forgetDevices(ctx context.Context) error {
	b.nowLinked("")
	all, err := b.box.GetAllDevices(ctx)
	for _, d := range all {
		err = errors.Join(err, d.Delete(ctx))
	}
	return err
}

func (b *Bot) client() *whatsmeow.Client { return b.now.Load() }

func (b *Bot) device() *store.Device { return b.client().Store }

// Close closes the bot's database. Run must have ended.
func (b *Bot) Close() error { return b.o.DB.Close() }

// Number is the number that the bot is linked to, in digits; empty while it is
// not linked.
func (b *Bot) Number() string {
	return *b.linkedTo.Load()
}

// Hello implements bots.Greeted. It stays the same while the bot is not linked,
// so that notices do.
func (b *Bot) Hello() string {
	number := *b.last.Load()
	if number == "" {
		return ""
	}
	return "https://wa.me/" + number + "?text=hello"
}

// Account implements bots.Bot.
func (b *Bot) Account() chat.Account { return Name }

// Keeps implements bots.Backlog: WhatsApp keeps what is sent to a linked device
// for two weeks, and unlinks it then.
func (b *Bot) Keeps() time.Duration { return 14 * 24 * time.Hour }

const (
	answerWithin  = 30 * time.Second // the server
	connectWithin = 10 * time.Second // an effect waits for a connection that is being made
	longestPause  = time.Minute      // between two connections that failed
)

// Run implements bots.Bot. It is one connection: when that ends, so does Run.
func (b *Bot) Run(ctx context.Context, deliver bots.Deliver) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.hurry:
	case <-time.After(min(time.Second<<min(b.failed.Load(), 10)-time.Second, longestPause)):
	}
	if !b.one.TryLock() {
		return errors.New("the WhatsApp account is connected already, or is being linked")
	}
	defer b.one.Unlock()
	b.failed.Add(1)
	if b.Number() == "" {
		return ErrNotLinked
	}
	s := &session{
		ctx: ctx, deliver: deliver, patience: b.patience, stalled: map[chat.ID]bool{}, ended: make(chan error, 1),
		caughtUp: make(chan struct{}), pleas: map[plea]int{}, renewed: map[types.JID]bool{},
	}
	b.session.Store(s)
	defer b.down()
	defer func() { cancel(); s.talks.Wait() }()
	defer s.close()
	if err := b.book.prune(ctx, b.o.Now()); err != nil {
		return err
	}
	d, err := b.box.GetFirstDevice(ctx) // read anew: the library may still be at the last one
	if err != nil {
		return err
	}
	if d.ID == nil {
		b.nowLinked("")
		return errUnlinked
	}
	b.guard(d)
	go b.keepErasing(ctx)
	hangUp, err := b.connect(ctx, d)
	if err != nil {
		return err
	}
	defer hangUp()
	select {
	case <-ctx.Done():
		b.failed.Store(0)
		return ctx.Err()
	case err := <-s.ended:
		err = b.lastWords(ctx, s, err)
		if errors.As(err, new(lasting)) {
			b.failed.Store(10)
		}
		if errors.Is(err, ErrNotLinked) { // the library may not have had the time
			err = errors.Join(err, b.forgetDevices(context.WithoutCancel(ctx)))
		}
		return err
	}
}

// connect connects as a device, with a client of its own: what came over one
// connection and was not taken yet, the library would take at the beginning of the
// next, before what came earlier and is sent again. The library takes the end of its context for a
// lost connection, and races with itself where it is disconnected at the same
// time: hangUp disconnects it first.
func (b *Bot) connect(ctx context.Context, d *store.Device) (hangUp func(), err error) {
	wire, cancel := context.WithCancel(context.WithoutCancel(ctx))
	dialled := context.AfterFunc(ctx, cancel)
	defer dialled()
	b.become(d)
	c := b.client()
	if err := c.ConnectContext(wire); err != nil {
		cancel()
		return nil, fmt.Errorf("WhatsApp cannot be reached: %w", err)
	}
	return func() { c.Disconnect(); cancel() }, nil
}

// lastWords is why the server did not let the bot in, where it said so before it
// ended the connection; else err. The library may stop reading at the end and
// leave what came before it: of a connection that was let in, messages would be
// taken late, so there it stays left.
func (b *Bot) lastWords(ctx context.Context, s *session, err error) error {
	if b.Connected() {
		return err
	}
	late, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	go b.client().DangerousInternals().HandlerQueueLoop(ctx, late)
	select {
	case why := <-s.ended:
		return why
	case <-late.Done():
		return err
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// connected is called when the server has let the bot in.
func (b *Bot) connected(s *session) {
	b.mu.Lock()
	if b.session.Load() != s {
		b.mu.Unlock()
		return
	}
	select {
	case <-b.up: // the library has connected once more by itself
	default:
		close(b.up) // at once: what waits to be delivered may wait for a notice
	}
	b.mu.Unlock()
	err := b.syncChats(s)
	if err == nil {
		err = b.tellOwn(s)
	}
	if err != nil {
		_ = pause(s.ctx, time.Second) // where the connection ended, its end says why
		s.end(fmt.Errorf("the list of chats: %w", err))
		return
	}
	b.failed.Store(0)
}

// lasting is the end of a connection that another one soon would end in too.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

// ended tells whether an event ends the connection, and how a person is told.
func (b *Bot) ended(e any) error {
	switch e := e.(type) {
	case *events.Disconnected:
		return errors.New("the connection to WhatsApp was lost")
	case *events.KeepAliveTimeout:
		return errors.New("WhatsApp does not answer any more")
	case *events.StreamReplaced:
		return lasting{errors.New("another program has connected as this device: stop it, or link this one anew")}
	case *events.LoggedOut:
		return errUnlinked
	case *events.TemporaryBan:
		return lasting{fmt.Errorf("WhatsApp has restricted the number for %s: the bot neither reads nor writes until then", e.Expire)}
	case *events.ClientOutdated:
		return lasting{errOutdated}
	case *events.ConnectFailure:
		return fmt.Errorf("WhatsApp refused the connection (%d)", e.Reason)
	case *events.StreamError:
		return fmt.Errorf("WhatsApp ended the connection (%s)", e.Code)
	}
	return nil
}

// connection waits until the bot is connected. Nothing has
// happened where it is not.
func (b *Bot) connection(ctx context.Context) error {
	b.mu.Lock()
	up := b.up
	b.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
	case <-time.After(connectWithin):
	}
	return bots.Busy{After: 5 * time.Second}
}

// Connected implements bots.Pulse.
func (b *Bot) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.up:
		return true
	default:
		return false
	}
}

// down notes that the bot is not connected any more.
func (b *Bot) down() {
	b.session.Store(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.up:
		b.up = make(chan struct{})
	default: // it never was
	}
}
