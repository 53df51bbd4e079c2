package whatsapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// session is one connection, and what it delivers to.
type session struct {
	ctx      context.Context
	deliver  bots.Deliver
	patience time.Duration
	ended    chan error
	caughtUp chan struct{} // closed when what came while the bot was away has been taken

	talks   sync.WaitGroup // answers in private that are under way
	mu      sync.Mutex     // one delivery at a time: the library hands over one event at a time
	over    bool
	stalled map[chat.ID]bool // chats whose events are left with the server until the next connection
	retry   *time.Timer
	pleas   map[plea]int       // how often devices asked for a message once more
	renewed map[types.JID]bool // devices with which a session was begun anew
}

const (
	retryFirst  = 50 * time.Millisecond
	retryMost   = time.Second
	retryFor    = 15 * time.Second // the bot's patience: then the chat is left, so that others go on
	stalledLeft = 30 * time.Second // until everything that was left is asked for again
)

// end ends the connection; Run returns err.
func (s *session) end(err error) {
	select {
	case s.ended <- err:
	default: // something else ended it before
	}
}

// catchUp notes that what came while the bot was away has been taken. The caller
// holds the lock.
func (s *session) catchUp() {
	select {
	case <-s.caughtUp: // said once more
	default:
		close(s.caughtUp)
	}
}

// close waits for a delivery under way. Nothing is delivered afterwards.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.retry != nil {
		s.retry.Stop()
	}
}

// take delivers events of one chat, again and again for a while. False: they
// are not stored, and must not be acknowledged; nor is anything later of the
// chat. The caller holds the lock.
func (s *session) take(id chat.ID, events ...chat.Event) bool {
	if s.over || s.stalled[id] {
		return false
	}
	if len(events) == 0 {
		return true
	}
	wait := retryFirst
	for late := time.Now().Add(s.patience); ; wait = min(2*wait, retryMost) {
		err := s.deliver(s.ctx, events)
		if err == nil {
			return true
		}
		if s.ctx.Err() != nil {
			return false
		}
		if time.Now().After(late) {
			s.leave(id, err)
			return false
		}
		if pause(s.ctx, wait) != nil {
			return false
		}
	}
}

// leave leaves a chat's events with the server, which sends them again when the
// bot has connected anew.
func (s *session) leave(id chat.ID, why error) {
	s.stalled[id] = true
	if s.retry == nil {
		s.retry = time.AfterFunc(stalledLeft, func() {
			s.end(errors.Join(errors.New("events could not be stored, and are asked for again"), why))
		})
	}
}
