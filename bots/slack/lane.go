package slack

import (
	"slices"
	"time"

	"chaperone/internal/chat"
)

const (
	deliverMost = 200    // events in one delivery
	holdMost    = 20_000 // envelopes that are held at a time
	retryFirst  = 50 * time.Millisecond
	retryMost   = time.Second
	recentMost  = 2_000 // keys of a chat that are remembered, so that nothing is delivered twice in one life
)

// lane is the order of one chat: what was missed first, then what came, each
// acknowledged once it is stored.
type lane struct {
	local   string
	entries []*entry
	hello   *chat.Event // that the bot is there: before anything else
	busy    bool
	behind  bool      // something may have been missed: to be caught up with before anything else
	catches bool      // that is being done
	swept   bool      // it was caught up with since the start
	began   time.Time // since when the chat is read; nothing older is
	mark    time.Time // of the newest message that was delivered
	recent  map[string]bool
	order   []string
}

// entry is one envelope: what it means, and whom to tell once that is stored.
type entry struct {
	events []chat.Event
	acks   []func()
}

// line puts events at the end of their chat's lane. What waits there already
// is acknowledged together with the first of its kind.
func (b *Bot) line(l *life, local string, events []chat.Event, ack func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life != l {
		return
	}
	n := b.lane(local)
	for _, e := range n.entries {
		if e.events[0].Key == events[0].Key {
			e.acks = append(e.acks, ack)
			return
		}
	}
	if b.waiting >= holdMost { // Slack sends it again, and it is looked for
		n.behind = true
		b.kick(l, n)
		return
	}
	b.waiting++
	n.entries = append(n.entries, &entry{events, []func(){ack}})
	b.kick(l, n)
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
func (b *Bot) kick(l *life, n *lane) {
	if n.busy || b.life != l || (len(n.entries) == 0 && !n.behind) {
		return
	}
	n.busy = true
	l.work.Go(func() { b.move(l, n) })
}

// move delivers everything of a lane, in order.
func (b *Bot) move(l *life, n *lane) {
	wait := retryFirst
	for l.ctx.Err() == nil {
		b.mu.Lock()
		behind, now := n.behind, n.entries[:min(len(n.entries), deliverMost)]
		now = slices.Clone(now)
		if !behind && len(now) == 0 {
			n.busy = false
			b.mu.Unlock()
			return
		}
		n.behind, n.catches = false, behind
		b.mu.Unlock()
		var err error
		if behind {
			err = b.catchUp(l, n)
		} else {
			err = b.deliver(l, n, now)
		}
		b.mu.Lock()
		n.catches, n.behind = false, n.behind || behind && err != nil
		b.mu.Unlock()
		if err == nil {
			wait = retryFirst
			continue
		}
		b.o.Log.Debug("events are delivered again", "chat", b.id(n.local), "err", plain(err))
		sleep(l.ctx, wait)
		wait = min(2*wait, retryMost)
	}
}

// deliver hands over what came, and acknowledges it.
func (b *Bot) deliver(l *life, n *lane, now []*entry) error {
	var events []chat.Event
	for _, e := range now {
		b.name(l.ctx, e.events)
		events = append(events, e.events...)
	}
	if err := b.hand(l, n, events); err != nil {
		return err
	}
	b.mu.Lock()
	n.entries = n.entries[len(now):]
	b.waiting -= len(now)
	var acks []func()
	for _, e := range now {
		acks = append(acks, e.acks...)
	}
	b.mu.Unlock()
	for _, ack := range acks {
		ack()
	}
	return nil
}

// hand delivers events that were not delivered before in this life.
func (b *Bot) hand(l *life, n *lane, events []chat.Event) error {
	fresh := slices.DeleteFunc(slices.Clone(events), func(e chat.Event) bool { return n.recent[e.Key] })
	if len(fresh) > 0 {
		if err := l.deliver(l.ctx, fresh); err != nil {
			return err
		}
	}
	for _, e := range fresh { // only this lane's own move reads and writes these
		n.recent[e.Key] = true
		n.order = append(n.order, e.Key)
		if e.Kind == chat.Posted && e.At.After(n.mark) {
			n.mark = e.At
		}
		if n.began.IsZero() && e.Kind == chat.Posted {
			n.began = e.At
		}
	}
	for len(n.order) > recentMost {
		delete(n.recent, n.order[0])
		n.order = n.order[1:]
	}
	return nil
}
