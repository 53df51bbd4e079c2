package lane

import (
	"cmp"
	"context"
	"slices"
	"time"

	"chaperone/internal/chat"
)

// move delivers everything of a lane, in order. There is one at a time.
func (s *Lanes) move(n *lane) {
	for wait := retryFirst; s.ctx.Err() == nil; {
		more, err := s.step(n)
		if !more {
			return
		}
		if err == nil {
			wait = retryFirst
			continue
		}
		s.mu.Lock()
		n.tell()
		s.mu.Unlock()
		s.o.Log.Debug("events are delivered again", "chat", chat.ID{Account: s.o.Account, Local: n.chat.Local}, "err", s.o.Plain(err))
		sleep(s.ctx, wait)
		wait = min(2*wait, retryMost)
	}
}

// step does the next thing of a lane, and reports whether there was one.
func (s *Lanes) step(n *lane) (more bool, err error) {
	s.mu.Lock()
	heads, behind, anew := slices.Clone(n.heads), n.behind, n.anew
	now := n.next()
	if len(heads) == 0 && !behind && n.found == 0 {
		n.tell()
	}
	if len(heads) == 0 && !behind && len(now) == 0 {
		n.busy = false
		s.mu.Unlock()
		return false, nil
	}
	if len(heads) == 0 && behind {
		n.behind, n.anew = false, false
		n.chat.Looked = n.chat.Looked && !anew
	}
	s.mu.Unlock()
	switch {
	case len(heads) > 0:
		if err = s.deliver(n, heads); err == nil {
			s.mu.Lock()
			n.heads = n.heads[len(heads):]
			s.mu.Unlock()
		}
	case behind:
		var found []chat.Event
		found, err = s.o.CatchUp(s.ctx, &n.chat)
		s.mu.Lock()
		if err == nil {
			n.chat.Looked = true
			s.merge(n, found)
		} else {
			n.behind, n.anew = true, n.anew || anew
		}
		s.mu.Unlock()
	default:
		err = s.pass(n, now)
	}
	return true, err
}

// tell lets those go who wait until what was missed is delivered. The caller
// holds the lock.
func (n *lane) tell() {
	for _, w := range n.waiters {
		close(w)
	}
	n.waiters = nil
}

// next is what is delivered next. The caller holds the lock.
func (n *lane) next() []*entry {
	events := 0
	for i, e := range n.entries {
		if events += len(e.events); i > 0 && events > deliverMost {
			return slices.Clone(n.entries[:i])
		}
	}
	return slices.Clone(n.entries)
}

// pass delivers what stands first in a lane and tells whom it concerns.
func (s *Lanes) pass(n *lane, now []*entry) error {
	var events []chat.Event
	for _, e := range now {
		events = append(events, e.events...)
	}
	if s.o.Name != nil {
		s.o.Name(s.ctx, events)
	}
	if err := s.deliver(n, events); err != nil {
		return err
	}
	s.mu.Lock()
	n.entries = n.entries[len(now):]
	var done []func()
	for _, e := range now {
		for _, ev := range e.events {
			if n.queued[ev.Key] == e {
				delete(n.queued, ev.Key)
			}
		}
		if e.found {
			n.found--
		} else {
			s.held--
		}
		done = append(done, e.done...)
	}
	s.mu.Unlock()
	for _, f := range done {
		f()
	}
	return nil
}

// deliver hands over what was not delivered before in this life.
func (s *Lanes) deliver(n *lane, events []chat.Event) error {
	fresh := slices.DeleteFunc(slices.Clone(events), func(ev chat.Event) bool { return n.recent[ev.Key] })
	if len(fresh) > 0 {
		if err := s.o.Deliver(s.ctx, fresh); err != nil {
			return err
		}
	}
	for _, ev := range fresh {
		n.recent[ev.Key] = true
		n.order = append(n.order, ev.Key)
		if ev.Kind != chat.Posted {
			continue
		}
		if ev.At.After(n.chat.Mark) {
			n.chat.Mark = ev.At
		}
		if n.chat.Began.IsZero() {
			n.chat.Began = ev.At
		}
	}
	for len(n.order) > recentMost {
		delete(n.recent, n.order[0])
		n.order = n.order[1:]
	}
	return nil
}

// merge puts what was looked for in its place. What came by itself meanwhile
// and is no newer goes where it belongs among it, as it came: it says what was
// said then, where the platform shows only what stands there now. The caller
// holds the lock.
func (s *Lanes) merge(n *lane, found []chat.Event) {
	var until time.Time // all that was said up to then is here
	for _, ev := range found {
		if said(ev) && ev.At.After(until) {
			until = ev.At
		}
	}
	var early, late []*entry
	var told []*entry // found, and no message: after the messages
	for _, e := range n.entries {
		if e.said() && !e.events[0].At.After(until) {
			early = append(early, e)
		} else {
			late = append(late, e)
		}
	}
	for _, ev := range found {
		if n.queued[ev.Key] != nil || n.recent[ev.Key] {
			continue
		}
		e := &entry{events: []chat.Event{ev}, found: true}
		n.note(e)
		n.found++
		if said(ev) {
			early = append(early, e)
		} else {
			told = append(told, e)
		}
	}
	slices.SortStableFunc(early, func(x, y *entry) int { return order(x.events[0], y.events[0]) })
	n.entries = slices.Concat(early, told, late)
}

// order is that of two messages or edits.
func order(x, y chat.Event) int {
	return cmp.Or(x.At.Compare(y.At), cmp.Compare(len(x.Message), len(y.Message)), cmp.Compare(x.Message, y.Message), cmp.Compare(x.Revision, y.Revision))
}

// said reports whether somebody said something, at a time that the platform
// vouches for.
func said(ev chat.Event) bool { return ev.Kind == chat.Posted || ev.Kind == chat.Edited }

func (e *entry) said() bool {
	return !slices.ContainsFunc(e.events, func(ev chat.Event) bool { return !said(ev) })
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
