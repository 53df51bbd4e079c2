package discord

import (
	"slices"
	"time"

	"chaperone/internal/chat"
)

const (
	deliverMost = 200    // events in one delivery
	holdMost    = 20_000 // events of a chat that are held; more of them are read again later
	retryFirst  = 50 * time.Millisecond
	retryLast   = time.Second
	recentMost  = 2_000 // keys of a chat that are remembered, so that nothing is delivered twice in one life
)

// lane is the order of one chat: what was missed first, then what came.
type lane struct {
	local  string
	events []chat.Event
	after  []func() // what is done once everything before it is stored, by place in events
	busy   bool
	behind bool         // something may have been missed: to be caught up with before anything else
	swept  bool         // it was caught up with since the start
	ready  bool         // it is known whether the chat is new: the lane moves
	head   []chat.Event // goes before everything: that the bot is in the chat
	mark   time.Time    // of the newest message that was stored in this life
	recent map[string]bool
	order  []string
}

// line puts an event at the end of its chat's lane. done, where there is one,
// is called once the event is stored.
func (b *Bot) line(local string, ev chat.Event, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life == nil {
		return
	}
	n := b.lane(local)
	if len(n.events) >= holdMost && done == nil {
		n.behind = true
	} else {
		n.events, n.after = append(n.events, ev), append(n.after, done)
	}
	b.kick(n)
}

// lane finds or makes the lane of a chat. The caller holds the lock.
func (b *Bot) lane(local string) *lane {
	n := b.lanes[local]
	if n == nil {
		n = &lane{local: local, recent: map[string]bool{}, behind: true}
		b.lanes[local] = n
	}
	return n
}

// kick makes sure that a lane moves. The caller holds the lock.
func (b *Bot) kick(n *lane) {
	if l := b.life; l != nil && n.ready && !n.busy && (n.behind || len(n.events) > 0) {
		n.busy = true
		l.work.Go(func() { b.move(l, n) })
	}
}

// move delivers everything of a lane, in order.
func (b *Bot) move(l *life, n *lane) {
	for wait := retryFirst; l.ctx.Err() == nil; {
		b.mu.Lock()
		behind, head := n.behind, n.head
		n.behind = false
		now := slices.Clone(n.events[:min(len(n.events), deliverMost)])
		if !behind && len(now) == 0 {
			n.busy = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		var err error
		if len(head) > 0 {
			if err = b.hand(l, n, head); err == nil {
				b.mu.Lock()
				n.head = nil
				b.mu.Unlock()
			}
		}
		if err != nil {
			// what follows waits
		} else if behind {
			err = b.catchUp(l, n)
		} else if err = b.hand(l, n, now); err == nil {
			b.mu.Lock()
			after := n.after[:len(now)]
			n.events, n.after = n.events[len(now):], n.after[len(now):]
			b.mu.Unlock()
			for _, done := range after {
				if done != nil {
					done()
				}
			}
		}
		if err == nil {
			wait = retryFirst
			continue
		}
		if behind {
			b.mu.Lock()
			n.behind = true
			b.mu.Unlock()
		}
		b.o.Log.Debug("events are delivered again", "chat", b.id(n.local), "err", plain(err))
		sleep(l.ctx, wait)
		wait = min(2*wait, retryLast)
	}
}

// hand delivers events that were not delivered before in this life. Only the
// lane's own move calls it.
func (b *Bot) hand(l *life, n *lane, events []chat.Event) error {
	fresh := slices.DeleteFunc(slices.Clone(events), func(e chat.Event) bool { return n.recent[e.Key] })
	if len(fresh) > 0 {
		if err := l.deliver(l.ctx, fresh); err != nil {
			return err
		}
	}
	for _, e := range fresh {
		n.recent[e.Key] = true
		n.order = append(n.order, e.Key)
		if e.Kind == chat.Posted && e.At.After(n.mark) {
			n.mark = e.At
		}
	}
	for len(n.order) > recentMost {
		delete(n.recent, n.order[0])
		n.order = n.order[1:]
	}
	return nil
}
