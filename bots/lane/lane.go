// Package lane keeps the order of the chats of one account, each for itself:
// what was missed first, then what came, and each delivered once in a life.
//
// It knows no platform and asks none: what was missed it is told by CatchUp. It
// must not decide, count or log what an event says.
package lane

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	deliverMost = 200    // events in one delivery
	holdMost    = 20_000 // that are held at a time, in all chats
	recentMost  = 2_000  // keys of a chat that are remembered
	retryFirst  = 50 * time.Millisecond
	retryMost   = time.Second
)

// Chat is what its lane knows of a chat. Began and Mark are CatchUp's to write
// too, where it knows better.
type Chat struct {
	Local  string
	Began  time.Time // since when the chat is read, nothing older is; zero where it is not known
	Mark   time.Time // of the newest message that was delivered in this life
	Looked bool      // it was caught up with since the start
}

// Options is everything that Lanes are made from.
type Options struct {
	Account chat.Account
	Deliver bots.Deliver
	// CatchUp reads what was missed in a chat. Of messages and edits it gives
	// all up to the newest of them, whatever is delivered by itself meanwhile.
	CatchUp func(context.Context, *Chat) ([]chat.Event, error)
	Name    func(context.Context, []chat.Event) // fills in names; nil is nothing to fill in
	Plain   func(error) error                   // takes out of an error what may be secret
	Shut    bool                                // a lane moves only once it was opened
	Log     *slog.Logger
}

// Lanes are those of one life of one account.
type Lanes struct {
	o    Options
	ctx  context.Context
	work sync.WaitGroup

	mu      sync.Mutex
	lanes   map[string]*lane
	held    int
	stopped bool
}

// lane is the order of one chat.
type lane struct {
	entries []*entry
	queued  map[string]*entry // by the keys of their events
	heads   []chat.Event      // before everything: that the bot is in the chat
	open    bool
	busy    bool
	behind  bool            // something may have been missed: to be looked for before anything else
	anew    bool            // as after a start
	found   int             // entries that were looked for and wait
	waiters []chan struct{} // are closed once what was missed is delivered

	chat   Chat // this and what follows is the mover's own
	recent map[string]bool
	order  []string
}

// entry is what is delivered together, and whom to tell once it is stored.
type entry struct {
	events []chat.Event
	done   []func()
	found  bool
}

// New makes lanes that end with ctx.
func New(ctx context.Context, o Options) *Lanes {
	return &Lanes{o: o, ctx: ctx, lanes: map[string]*lane{}}
}

// Wait ends the lanes, whose context must have ended, and returns when nothing
// moves any more.
func (s *Lanes) Wait() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.work.Wait()
}

// Put sets events at the end of their chat's lane. done, which may be nil, is
// called once they are stored. What waits there already is not put twice. Where
// too much waits they are not taken: they will be looked for, and done is not
// called.
func (s *Lanes) Put(local string, events []chat.Event, done func()) {
	if len(events) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lane(local)
	if same := n.holds(events); same != nil {
		if done != nil {
			same.done = append(same.done, done)
		}
		return
	}
	if s.held >= holdMost {
		n.behind, n.anew = true, true
		s.kick(n)
		return
	}
	e := &entry{events: slices.Clone(events)}
	if done != nil {
		e.done = []func(){done}
	}
	s.held++
	n.entries = append(n.entries, e)
	n.note(e)
	s.kick(n)
}

// holds finds what was queued with all of these events; nil where one is new.
func (n *lane) holds(events []chat.Event) *entry {
	var last *entry
	for _, ev := range events {
		if last = n.queued[ev.Key]; last == nil {
			return nil
		}
	}
	return last
}

func (n *lane) note(e *entry) {
	for _, ev := range e.events {
		n.queued[ev.Key] = e
	}
}

// Head puts an event before everything else in its chat: that the bot is there.
func (s *Lanes) Head(local string, ev chat.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lane(local)
	n.heads = append(n.heads, ev)
	s.kick(n)
}

// Shut reports whether a lane was not opened yet.
func (s *Lanes) Shut(local string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.lane(local).open
}

// Open lets a lane move.
func (s *Lanes) Open(local string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lane(local)
	n.open = true
	s.kick(n)
}

// Behind says that something may have been missed in every chat; anew, that it
// may have been anything, as after a start.
func (s *Lanes) Behind(anew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.lanes {
		n.behind, n.anew = true, n.anew || anew
	}
}

// Stir lets every lane look for what it may have missed.
func (s *Lanes) Stir() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.lanes {
		s.kick(n)
	}
}

// Empty reports whether there was never anything in any chat.
func (s *Lanes) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lanes) == 0
}

// Fresh reports whether a chat was not caught up with since the start.
func (s *Lanes) Fresh(local string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lane(local)
	return n.anew || !n.chat.Looked
}

// Catch returns once what was missed in a chat is delivered, or could not be
// for now: then its lane goes on trying. It waits for no lane that is shut.
func (s *Lanes) Catch(local string) {
	s.mu.Lock()
	n := s.lane(local)
	s.kick(n)
	if !n.open || !n.behind && n.found == 0 && !n.busy {
		s.mu.Unlock()
		return
	}
	done := make(chan struct{})
	n.waiters = append(n.waiters, done)
	s.mu.Unlock()
	select {
	case <-done:
	case <-s.ctx.Done():
	}
}

// lane finds or makes the lane of a chat. The caller holds the lock.
func (s *Lanes) lane(local string) *lane {
	n := s.lanes[local]
	if n == nil {
		n = &lane{chat: Chat{Local: local}, queued: map[string]*entry{}, recent: map[string]bool{}, open: !s.o.Shut, behind: true, anew: true}
		s.lanes[local] = n
	}
	return n
}

// kick makes sure that a lane moves. The caller holds the lock.
func (s *Lanes) kick(n *lane) {
	if s.stopped || !n.open || n.busy || !n.behind && len(n.heads) == 0 && len(n.entries) == 0 {
		return
	}
	n.busy = true
	s.work.Go(func() { s.move(n) })
}
