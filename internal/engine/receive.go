package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/failpoint"
)

// contextWindow is how long after its arrival a message may still be context
// for a later one (DESIGN invariant 5).
const contextWindow = 10 * time.Minute

// noticeWait is how long a delivery waits for the notice of its chat.
const noticeWait = 5 * time.Second

// errNoNotice means that events were refused because nothing may be stored
// about a chat before its notice stands there. The platform delivers again.
var errNoNotice = errors.New("the notice has not been posted in this chat yet: nothing is read there before it is")

// Said is a message within the context window.
type Said struct {
	Member chat.MemberID
	At     time.Time // when we received it
	Text   string
}

// room is what the engine holds about one chat while it runs.
type room struct {
	id      chat.ID
	mu      sync.Mutex // held from reading to storing, whoever changes the chat's prompts
	recent  []Said     // what was said within the context window; mu
	warm    bool       // recent has been read from the store; mu
	noticed chan struct{}

	welcomed time.Time // when those who joined were last told with a line; mu

	// Guarded by the engine's lock.
	settling, again, open bool
}

// room finds or makes the room of a chat.
func (e *Engine) room(id chat.ID) *room {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.chats[id]
	if r == nil {
		r = &room{id: id, noticed: make(chan struct{})}
		e.chats[id] = r
	}
	return r
}

// Receive makes events durable; the platform is told that they arrived only
// after it returned nil (DESIGN invariant 1). Messages of a chat whose notice
// has not been posted are held back, for a moment, and then refused.
func (e *Engine) Receive(ctx context.Context, events []chat.Event) error {
	events, err := e.hears(escaped(events))
	if err != nil {
		return err
	}
	now, later, err := e.split(ctx, events)
	if err != nil {
		return err
	}
	if err := e.store(ctx, now); err != nil || len(later) == 0 {
		return err
	}
	// What came with the invitation was said before anybody was asked.
	if later, err = e.hears(later); err != nil || len(later) == 0 {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, noticeWait)
	defer cancel()
	for _, ev := range later {
		select {
		case <-e.room(ev.Chat).noticed:
		case <-wait.Done():
			return errNoNotice
		}
	}
	return e.store(ctx, later)
}

// split parts events that may be stored now from those that wait for a notice.
func (e *Engine) split(ctx context.Context, events []chat.Event) (now, later []chat.Event, err error) {
	held := map[chat.ID]bool{}
	for _, ev := range events {
		id := ev.Chat
		open, err := e.mayRead(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		member := ev.Kind == chat.Added || ev.Kind == chat.Joined || ev.Kind == chat.Left || ev.Kind == chat.Removed || ev.Kind == chat.Missed
		if open || (member && !held[id]) {
			now = append(now, ev)
			continue
		}
		if !held[id] {
			// A chat nobody told us of is made known, so that its notice is posted.
			now = append(now, chat.Event{Key: "first seen", Kind: chat.Added, Chat: id, At: ev.At})
		}
		held[id] = true
		later = append(later, ev)
	}
	return now, later, nil
}

// mayRead reports whether the notice of a chat has been posted.
func (e *Engine) mayRead(ctx context.Context, id chat.ID) (bool, error) {
	r := e.room(id)
	select {
	case <-r.noticed:
		return true, nil
	default:
	}
	load, err := e.o.Store.Take(ctx, id, 0)
	if err != nil {
		return false, err
	}
	if load.Chat.Noticed {
		e.opened(r)
	}
	return load.Chat.Noticed, nil
}

// opened lets deliveries of a chat through from now on.
func (e *Engine) opened(r *room) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !r.open {
		r.open = true
		close(r.noticed)
	}
}

// store makes events durable and wakes what takes them further.
func (e *Engine) store(ctx context.Context, events []chat.Event) error {
	if len(events) == 0 {
		return nil
	}
	failpoint.Hit("receive.begun")
	if err := e.receive(ctx, events); err != nil {
		e.trouble("store", err)
		return err
	}
	failpoint.Hit("receive.stored")
	if err := e.witness(ctx, events); err != nil {
		e.trouble("store", err)
	}
	e.trouble("store", nil)
	e.stirred(events)
	e.count(func(c *Counts) { c.Received += int64(len(events)) })
	last := chat.ID{}
	for _, ev := range events {
		if ev.Chat == last {
			continue
		}
		last = ev.Chat
		e.wake(last)
		select {
		case <-e.room(last).noticed:
		default:
			nudge(e.poke) // its notice is due
		}
	}
	return nil
}
