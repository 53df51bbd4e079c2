// Package engine is the one path that everything takes: events are received,
// settled and acted upon, in this order, and every step is stored before the
// next begins (DESIGN section 1).
//
//	Receive   a batch of events is durable; only now is it acknowledged
//	Settle    one chat at a time, in order: scan, decide, store
//	Act       take a due action, store that it starts, call, store its outcome
//
// It reaches scanning, storage, platforms and record systems only through the
// small interfaces below. It must not know SQL or a platform, and it never
// logs a text, a name or a matched value.
package engine

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/detect"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/internal/retention"
	"chaperone/rules"
)

// Inbox is where events wait until they are settled.
type Inbox interface {
	// Receive makes events durable. Events that are known by their key are
	// passed over. A chat that is new gets its notice as a due action.
	Receive(ctx context.Context, now time.Time, events []chat.Event) error
	// Waiting lists the chats with unsettled events.
	Waiting(ctx context.Context) ([]chat.ID, error)
	// Take loads the next unsettled events of a chat, with what is needed to
	// decide about them.
	Take(ctx context.Context, id chat.ID, most int) (Load, error)
	// Recent loads what was said in a chat within the context window.
	Recent(ctx context.Context, id chat.ID, since time.Time) ([]Said, error)
	// Settle stores everything that was decided about a batch, in one
	// transaction.
	Settle(ctx context.Context, s Settlement) error
}

// Ledger is where actions wait until they are due, and where their outcomes
// stay for good.
type Ledger interface {
	// Due lists unfinished actions that are due, oldest first, and says when
	// the next one will be.
	Due(ctx context.Context, now time.Time, most int) ([]Action, time.Time, error)
	// Start stores that an attempt begins, with the version of the prompt
	// shown. Of an action that destroys it opens the fence in the same
	// transaction, and notes it in the action; the errors of hold.MayStart
	// are told apart.
	Start(ctx context.Context, now time.Time, a *Action) error
	// Finish stores how an attempt ended and everything that follows from it.
	Finish(ctx context.Context, f Finished) error
	// Later stores that an action is to be tried again at its new due time.
	Later(ctx context.Context, now time.Time, a Action) error
	// Content loads what a record is made of.
	Content(ctx context.Context, recordID string) (record.Record, []record.File, error)
}

// Prompts is where prompts live between the steps of the path.
type Prompts interface {
	Prompt(ctx context.Context, id string) (Shown, error)
	// Overdue lists the prompts that the clock has something to do with.
	Overdue(ctx context.Context, now time.Time, most int) ([]Shown, time.Time, error)
	// Open lists the prompts that wait for their members.
	Open(ctx context.Context) ([]Shown, error)
}

// Holds is where holds are kept, and the fences that a hold waits for.
type Holds interface {
	// Holds reads all holds together; what cannot be read holds everything.
	Holds(ctx context.Context) hold.Set
	PlaceHold(ctx context.Context, h hold.Hold) error
	ReleaseHold(ctx context.Context, h hold.Hold) error
	// Fences reads those that are open, of unknown outcome, or closed since.
	Fences(ctx context.Context, since time.Time) ([]hold.Fence, error)
	// AbandonFences closes the fences that an ended process left open: nobody
	// knows how their calls ended.
	AbandonFences(ctx context.Context, now time.Time) error
}

// Timepiece is where the watch over our own clock is kept.
type Timepiece interface {
	Watch(ctx context.Context) (Watch, error)
	// SetWatch stores it; with a name in by, as that person's act.
	SetWatch(ctx context.Context, now time.Time, w Watch, by string) error
}

// Watch is what is known about our own clock, and the declared move that is
// being made.
type Watch struct {
	clock.Watch
	Moving time.Duration
}

// Colleagues is what the store knows of those who are told because of prompts of
// others.
type Colleagues interface {
	// Told gives what a member was last told of a matter in a chat.
	Told(ctx context.Context, id chat.ID, member chat.MemberID, what prompt.What) (Shown, bool, error)
	// Sitting lists who is in a chat.
	Sitting(ctx context.Context, id chat.ID) ([]Sitter, error)
	// SeatsOf lists the chats that a member is in.
	SeatsOf(ctx context.Context, m hold.Member) ([]chat.ID, error)
	// Claims lists the claims of exceptional circumstances in a chat that one
	// report is about.
	Claims(ctx context.Context, id chat.ID, of string) ([]Claim, error)
}

// Runs is where the runs of retention schedules are kept, one for each date.
type Runs interface {
	// LastRun gives the last date for which a schedule has a run; zero: it has
	// never been seen.
	LastRun(ctx context.Context, schedule string) (clock.Date, error)
	// BeginRuns stores new runs of a schedule and its last date, in one
	// transaction; with a name in a, as that person's act. A date that has a run
	// already is an error.
	BeginRuns(ctx context.Context, now time.Time, schedule string, last clock.Date, runs []Run, a RunAct) error
	// SaveRun stores what became of a run; with a name in by, as that
	// person's act.
	SaveRun(ctx context.Context, now time.Time, r Run, a RunAct) error
	// Configure writes down which schedules are other than they were when the
	// program last ran; settings holds a digest of each.
	Configure(ctx context.Context, now time.Time, settings map[string]string) error
	// Runs lists runs, the newest first; those in a state, where one is named.
	Runs(ctx context.Context, schedule string, states ...retention.State) ([]Run, error)
}

// Disposals is what plans and runs are made from.
type Disposals interface {
	// Messages lists what the store knows of every message that stands in a
	// chat. What it does not know is left blank.
	Messages(ctx context.Context) ([]retention.Message, error)
	// Outcomes gives the outcome of each action whose key begins so; empty
	// while it is unfinished.
	Outcomes(ctx context.Context, prefix string) (map[string]Outcome, error)
	// Asked lists the prompts that a run opened.
	Asked(ctx context.Context, run string) ([]Shown, error)
	// Sealed opens one text that was sealed away.
	Sealed(ctx context.Context, key string) (string, error)
	// Cancel ends the actions whose key begins so and that have not started.
	Cancel(ctx context.Context, now time.Time, prefix string) error
}

// Standings tells whether what a run planned still stands.
type Standings interface {
	// Stands is nil where the run that planned an action is under way, and the
	// message is the revision that it planned for; ErrOtherwise where not. Start
	// asks the same of what destroys.
	Stands(ctx context.Context, a Action) error
}

// Gaps is where the stretches are kept that the bot cannot vouch for (DESIGN
// invariant 9). Receive and Settle note those that events tell of.
type Gaps interface {
	// Away notes, for every chat of an account that the bot sits in, that
	// nobody listened for a while; later: all of it was delivered afterwards.
	Away(ctx context.Context, account chat.Account, since, until time.Time, later bool) error
	// Gaps lists those of a chat, or with a zero id of all, the oldest first.
	Gaps(ctx context.Context, id chat.ID) ([]Gap, error)
}

// Eraser forgets what is no longer needed.
type Eraser interface {
	// Erase forgets what was kept for a time that has passed, and what EraseKeys
	// forgets.
	Erase(ctx context.Context, now time.Time) error
	// EraseKeys forgets the keys of texts that nothing needs any more.
	EraseKeys(ctx context.Context, now time.Time) error
	// Purge forgets the texts that a run destroyed before their time, as a
	// named person says, and then whatever nothing needs any more. held tells
	// how many stay because a hold covers them.
	Purge(ctx context.Context, now time.Time, run, by string) (gone, held int, err error)
}

// Store is all of it; internal/store fulfils it.
type Store interface {
	Inbox
	Ledger
	Prompts
	Colleagues
	Holds
	Timepiece
	Runs
	Disposals
	Standings
	Gaps
	Chats
	People
	Servers
	Rosters
	Leavings
	Suppressions
	Breaches
	Trends
	Wording
	Desk
	Joinings
	Readings
	Eraser
}

// Scanner finds; internal/detect fulfils it.
type Scanner interface {
	Scan(ctx context.Context, text string, c detect.Context) ([]rules.Finding, error)
}

// Chat is what the bot knows of a chat it sits in.
type Chat struct {
	ID      chat.ID
	Name    string
	Kind    chat.Kind
	Noticed bool // the notice that the bot reads here has been posted (invariant 10)
}

// Pending is one unsettled event.
type Pending struct {
	Seq   int64
	Tries int
	Event chat.Event
}

// Shown is a prompt together with what its member has been shown of it.
type Shown struct {
	*prompt.Prompt
	Shown int64  // the version last shown; 0 is never
	Busy  bool   // an action that will show the current version is unfinished
	View  string // digest of what was last shown; empty is not known
}

// Load is what Take returns.
type Load struct {
	Chat    Chat
	Events  []Pending
	Prompts []Shown // those of the members and messages that the events speak of
	Chosen  []Chosen
	Read    map[chat.MessageID]Known // of the files of messages that were edited
}

// Settlement is everything that was decided about a batch of one chat's events.
type Settlement struct {
	Chat     chat.ID
	Now      time.Time
	Done     []int64
	Retry    []int64 // failed once more, to be tried again
	Aside    []int64 // failed too often: set aside where an administrator sees it
	Messages []Message
	Prompts  []Shown
	Keep     []Keep
	Records  []Accepted
	Arrivals []Arrival
	Leavers  []Departure
	Claims   []Claim
	Actions  []Action
	Marked   []Marked      // what its prompts ask about
	Suppress []Suppression // what is not asked about again
	Silenced []Mark        // … and was found
	Slot     uint64        // of the key of these marks
	Breach   *BreachAct    // what was done about a breach
	Readings []Reading     // of files that were posted
}

// Message is what was decided about one revision of one message.
type Message struct {
	ID       chat.MessageID
	Member   chat.MemberID
	At       time.Time
	Revision int64
	Deleted  bool          // only this is new, and By; nothing else of the row changes
	By       chat.MemberID // who deleted it
	Again    bool          // it takes the place of what was decided about the same revision
	Unknown  bool          // it was edited and could not be scanned: only this and Revision are new
	Label    string
	Class    retention.Class // what a schedule calls it; empty: not known
	Prompt   string
	Decision policy.Decision
	Findings []rules.Finding
}

// Keep is the text of a message that an open prompt offers to capture.
type Keep struct {
	Prompt   string
	Message  chat.MessageID
	Name     string
	At       time.Time
	Revision int64
	Text     string
}

// Accepted is a capture that a member accepted; Note holds their own words
// where they chose to keep the substance.
type Accepted struct {
	Record record.Record
	Prompt string
	Note   string
}

// Arrival is a message that becomes a record without its sender being asked: a
// hold captures it as it arrives, or it is transferred at its end.
type Arrival struct {
	Record record.Record
	Text   string
	Unread bool // Text is yet to be read
}

// Kind is a kind of action: an effect on a platform, or filing a record.
type Kind string

// The kinds of action that are not named as their effects of bots are.
const (
	File    Kind = "file"    // file an accepted capture
	Inform  Kind = "inform"  // tell somebody because of a prompt of somebody else
	Reports Kind = "report"  // report that exceptional circumstances were claimed
	Line    Kind = "line"    // say to a chat that somebody could not be reached
	Restore Kind = "restore" // post again what the bot destroyed
)

// Action is something to be done.
type Action struct {
	ID      int64
	Key     string
	Kind    Kind
	Chat    chat.ID
	Member  chat.MemberID
	Message chat.MessageID
	Prompt  string
	Record  string
	After   string // key of the action that must be done first
	Due     time.Time
	Started bool
	Tries   int
	Version int64  // of the prompt, as rendered when it was started; of a run's message, the revision that was planned for
	View    string // digest of the prompt, as rendered now

	// Of the attempt under way, not stored with the action.
	Fence  string // the fence that was opened for it
	Called bool   // the call was made
	Undo   string // what it is about to destroy, to be sealed for undo
	Ask    *Ask   // the budget that it counts against; nil: none
	Posted Posted // the notice that it posts
}

// Destroys reports whether an action of the kind takes something away that a
// hold may cover.
func (k Kind) Destroys() bool { return k == Kind(bots.Delete) || k == Kind(bots.Remove) }

// Outcome is how an action ended. It is kept for good.
type Outcome string

// The outcomes.
const (
	Done        Outcome = "done"
	Gone        Outcome = "gone"
	Unsupported Outcome = "unsupported"
	Forbidden   Outcome = "forbidden"
	TooLate     Outcome = "too-late"
	NotNeeded   Outcome = "not-needed" // what it was for had ended before it began
	Unknown     Outcome = "unknown"    // interrupted, and the platform cannot be asked
	Held        Outcome = "held"       // a hold covers it: nothing was destroyed
)

// Finished is how an action ended, and what follows from it.
type Finished struct {
	Action  Action
	Now     time.Time
	Outcome Outcome
	Made    chat.MessageID
	Receipt *record.Receipt
	Prompt  *Shown // where the end of the action changed its prompt
	PutOff  prompt.Wait
	Next    []Action // further actions that follow
}

// Options is what an engine is made of.
type Options struct {
	Store     Store
	Scanner   Scanner
	Packs     []policy.Pack
	Viewer    prompt.Viewer
	Pace      prompt.Pace
	Officers  Officers
	Filer     record.Filer
	Reporter  Reporter // nil: reports are filed as records
	Bots      []bots.Bot
	Setting   func(chat.ID) Setting
	Schedules []retention.Schedule
	Own       retention.OwnPeriods
	Settings  map[string]string // a digest of each further part of the configuration
	Directory *Directory        // where people come from; nil: nobody is known to leave
	Files     Files             // how the files are read that people post
	Words     Notice            // what chats are told before anything is read there
	Now       func() time.Time
	NewID     func(time.Time) string // a new, unguessable record or prompt number
	Changed   func(chat.ID)          // told after something about a chat was stored
	Log       *slog.Logger

	Circumstances Circumstances // whom and what the conditions of policies are about
}

// Setting is what an administrator has set for a chat. The zero value watches,
// and takes the kind that the platform gives.
type Setting struct {
	Acting         bool // switched on, rather than watched (DESIGN invariant 8)
	Kind           chat.Kind
	Administrators []string // as the configuration names them
	Contacts       Contacts
	Incident       bool     // an incident is declared
	Named          bool     // the configuration names the chat, and so says everything about it
	Union          bool     // a trade union's: nothing of it is ever read
	Stands         string   // the named person who answers for it, day and night
	Assessment     string   // reference of its impact assessment
	Languages      []string // that the chat is written to in; empty: those of the organisation

	Audience policy.Audience // what members of whom nothing is known count as; empty: unknown
}

// Engine runs the path.
type Engine struct {
	o        Options
	bots     map[chat.Account]bots.Bot
	ctx      context.Context // ends when the engine stops
	work     sync.WaitGroup
	poke     chan struct{} // wakes the runner
	tick     chan struct{} // wakes the clock
	mu       sync.Mutex
	chats    map[chat.ID]*room
	flying   map[int64]bool  // actions under way in this process; false: ended since the list of due ones was last read
	aloft    int             // how many are under way
	showing  map[string]bool // prompts that one of them shows
	troubles map[string]string
	ends     map[chat.Account]string // why connections ended last
	counts   Counts
	clock    timekeeper
	disposal sync.Mutex // held while runs of schedules move on
	leaving  departing
	breach   sync.Mutex // held while a breach record changes, and over trended
	trended  string     // the day on which habits were last looked at
	people   acquainted
	joins    joinings
	files    filing
}

// Counts is what an engine has done since it started.
type Counts struct {
	Received, Settled, Prompted, Aside, Acted int64
}

// New makes an engine; Run starts it.
func New(o Options) *Engine {
	e := &Engine{
		o: o, bots: map[chat.Account]bots.Bot{}, chats: map[chat.ID]*room{}, flying: map[int64]bool{}, showing: map[string]bool{},
		troubles: map[string]string{}, ends: map[chat.Account]string{}, poke: make(chan struct{}, 1), tick: make(chan struct{}, 1),
		clock: timekeeper{ready: make(chan struct{})}, files: filing{wake: make(chan struct{}, 1), under: map[string]bool{}},
	}
	if o.Reporter == nil {
		e.o.Reporter = filed{o.Filer}
	}
	for _, b := range o.Bots {
		e.bots[b.Account()] = b
		e.introduce(b)
	}
	e.o.Setting = e.withJoining(o.Setting)
	return e
}

// Run runs the path until ctx ends, and returns when all of it stands still.
// What an earlier process left unsettled or unfinished is taken up first.
func (e *Engine) Run(ctx context.Context) error {
	e.ctx = ctx
	if err := e.begin(ctx); err != nil {
		return err
	}
	waiting, err := e.o.Store.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		e.wake(id)
	}
	e.work.Go(e.runActions)
	e.work.Go(e.runClock)
	e.work.Go(e.runFiles)
	for _, b := range e.o.Bots {
		e.work.Go(func() { e.runBot(b) })
	}
	<-ctx.Done()
	e.work.Wait()
	return nil
}

// begin looks at the clock and clears what an earlier process left behind.
func (e *Engine) begin(ctx context.Context) error {
	if err := e.o.Store.AbandonFences(ctx, e.o.Now()); err != nil {
		return err
	}
	if err := e.restartClock(ctx); err != nil {
		return err
	}
	settings := map[string]string{}
	for _, s := range e.o.Schedules {
		settings[s.ID] = retention.Plan{Schedule: s}.Digest() // of nothing but its settings
	}
	for part, digest := range e.o.Settings {
		settings["part:"+part] = digest
	}
	for kind, period := range e.o.Own {
		settings["own:"+string(kind)] = strings.ReplaceAll(period.String(), " ", "-")
	}
	if err := e.o.Store.Configure(ctx, e.o.Now(), settings); err != nil {
		return err
	}
	if err := e.forfeit(ctx); err != nil {
		return err
	}
	if err := e.renew(ctx); err != nil {
		return err
	}
	return e.erase(ctx)
}

// runBot keeps a bot connected.
func (e *Engine) runBot(b bots.Bot) {
	for e.ctx.Err() == nil {
		err := b.Run(e.ctx, e.Receive)
		if e.ctx.Err() != nil {
			return
		}
		e.lost(b.Account(), err)
		e.o.Log.Warn("the connection ended; connecting again", "account", b.Account(), "err", err)
		e.sleep(time.Second)
	}
}

// sleep waits, or less when the engine stops.
func (e *Engine) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-e.ctx.Done():
	case <-t.C:
	}
}

// trouble notes, or with nil clears, what is not well with a part.
func (e *Engine) trouble(part string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		delete(e.troubles, part)
		return
	}
	e.troubles[part] = err.Error()
}

// Troubles lists what is not well, by part; empty when all is.
func (e *Engine) Troubles() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recovered()
	out := make(map[string]string, len(e.troubles))
	for part, what := range e.troubles {
		out[part] = what
	}
	return out
}

// Counts tells what was done since the start.
func (e *Engine) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

func (e *Engine) count(add func(*Counts)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add(&e.counts)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
