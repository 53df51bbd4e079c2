package practice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	deliverMost      = 200     // events
	deliverBytesMost = 4 << 20 // of the file, unless one alone is more
	retryFirst       = 50 * time.Millisecond
	retryMost        = time.Second
	busyFor          = time.Second // while the file cannot grow
)

// done is the outcome of a call that had its effect.
const done = "done"

// Account implements bots.Bot.
func (p *Platform) Account() chat.Account { return account }

// Run implements bots.Bot: it delivers what was not acknowledged, and then
// whatever happens, each room in its own order.
func (p *Platform) Run(ctx context.Context, deliver bots.Deliver) error {
	p.mu.Lock()
	if p.running != nil {
		p.mu.Unlock()
		return errors.New("the practice account is connected already")
	}
	p.running, p.deliver = ctx, deliver
	for _, r := range p.rooms {
		p.kick(r)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.work.Wait()
	p.mu.Lock()
	p.running, p.deliver = nil, nil
	p.mu.Unlock()
	return ctx.Err()
}

// kick makes sure that a room's events are being delivered. The caller holds
// the lock.
func (p *Platform) kick(r *room) {
	if r.busy || p.running == nil || p.running.Err() != nil || len(r.pending) == 0 {
		return
	}
	r.busy = true
	ctx, deliver := p.running, p.deliver
	p.work.Go(func() { p.deliverAll(ctx, deliver, r) })
}

// deliverAll delivers a room's events in order, and acknowledges those that
// the bot has stored.
func (p *Platform) deliverAll(ctx context.Context, deliver bots.Deliver, r *room) {
	wait := retryFirst
	for {
		p.mu.Lock()
		n := 0
		for size := 0; n < min(len(r.pending), deliverMost) && (n == 0 || size < deliverBytesMost); n++ {
			size += int(r.pending[n].size)
		}
		if n == 0 || ctx.Err() != nil {
			r.busy = false
			p.mu.Unlock()
			return
		}
		batch := append([]pendingEvent(nil), r.pending[:n]...)
		acked := r.acked
		p.mu.Unlock()
		err := p.deliverBatch(ctx, deliver, r, batch, acked)
		if err == nil {
			wait = retryFirst
			continue
		}
		p.o.Log.Debug("events are delivered again", "chat", r.id, "events", n, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

func (p *Platform) deliverBatch(ctx context.Context, deliver bots.Deliver, r *room, batch []pendingEvent, acked int64) error {
	events := make([]chat.Event, 0, len(batch))
	for i, at := range batch {
		o, err := p.file.line(at.span)
		if err != nil {
			return err
		}
		ev, err := p.event(r, &o, int(at.nth))
		if err != nil {
			return err
		}
		// The same whenever the file is read, and not given again should a power
		// cut cost the file its end.
		ev.Key = fmt.Sprintf("%s/%d@%d", r.id, acked+int64(i)+1, ev.At.UnixNano())
		events = append(events, ev)
	}
	if err := deliver(ctx, events); err != nil {
		return err
	}
	return p.submit(&op{Op: "ack", Room: r.id, Seq: acked + int64(len(batch))}, func(*op) error { return nil })
}

// event is what a line of the file means to the bot: the nth event of it.
func (p *Platform) event(r *room, o *op, nth int) (chat.Event, error) {
	ev := chat.Event{Chat: r.chat(), At: o.At, Member: o.Member, Message: o.Message, Text: unquote(o.Text)}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if i, ok := r.places[o.Member]; ok && (o.Op == "post" || o.Op == "edit") {
		ev.Name = r.people[i].Name
	}
	switch o.Op {
	case "room":
		if nth == 0 {
			return chat.Event{Kind: chat.Added, Chat: ev.Chat, At: o.At, Name: o.Name, ChatKind: o.Kind, Member: o.Member}, nil
		}
		m := o.Members[nth-1]
		return chat.Event{Kind: chat.Joined, Chat: ev.Chat, At: o.At, Member: m.ID, Name: m.Name}, nil
	case "join":
		ev.Kind, ev.Name = chat.Joined, o.Name
	case "leave":
		ev.Kind = chat.Left
	case "post":
		ev.Kind, ev.ReplyTo = chat.Posted, o.Reply
	case "edit":
		ev.Kind, ev.Revision = chat.Edited, o.Seq
	case "delete":
		ev.Kind = chat.Deleted
	case "react":
		ev.Kind = chat.Reacted
	case "answer":
		ev.Kind, ev.Prompt, ev.Answer = chat.Answered, o.Prompt, o.Answer
	case "tick":
		ev.Kind, ev.Prompt, ev.Step, ev.Done = chat.Ticked, o.Prompt, o.Step, o.Done
	case "call":
		var e Entry
		if err := json.Unmarshal(o.Call, &e); err != nil {
			return ev, errors.New("a call cannot be read")
		}
		if e.Effect == bots.Delete {
			return chat.Event{Kind: chat.Deleted, Chat: ev.Chat, At: o.At, Message: e.Message}, nil
		}
		return chat.Event{Kind: chat.Left, Chat: ev.Chat, At: o.At, Member: e.Member}, nil
	}
	return ev, nil
}

// Abilities implements bots.Bot: the practice platform can do everything, but
// for rooms that were made to let only senders delete.
func (p *Platform) Abilities(_ context.Context, id chat.ID) (bots.Abilities, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r := p.rooms[id.Local]
	if id.Account != account || r == nil {
		return nil, fmt.Errorf("there is no practice chat %q: %w", id.Local, bots.ErrGone)
	}
	able := bots.Abilities{}
	for _, k := range bots.Kinds {
		able[k] = bots.Ability{Level: bots.Yes}
	}
	if r.senders {
		able[bots.Delete] = bots.Ability{Why: "In this chat only its sender can delete a message."}
	}
	return able, nil
}

// Do implements bots.Bot. Every call is in the ledger before it
// returns, also one that has no effect; keys are written down and suppress
// nothing. While the file cannot grow nothing happens and the bot is asked to
// call again later.
func (p *Platform) Do(_ context.Context, e bots.Effect) (chat.MessageID, error) {
	var refused error
	entry := Entry{Effect: e.Kind, Room: e.Chat.Local, Member: e.Member, Message: e.Message, Key: e.Key}
	o := &op{Op: "call", Room: e.Chat.Local}
	switch {
	case e.Kind == bots.Post, e.Kind == bots.Tell:
		o.Choices = e.Choices
		raw, err := quote(e.Text)
		if err != nil {
			return "", err
		}
		o.Text = raw
	case e.Prompt != nil:
		shown := *e.Prompt
		o.Shown = &shown
		entry.Prompt, entry.Messages = shown.ID, shown.Messages
		if entry.Message == "" && len(shown.Messages) > 0 {
			entry.Message = shown.Messages[0]
		}
	}
	err := p.submit(o, func(o *op) error {
		entry.At, entry.Outcome = o.At, done
		if refused = p.refuses(e); refused != nil {
			entry.Outcome, o.Shown = refused.Error(), nil
		} else if e.Kind == bots.Post {
			entry.Made = p.nextID()
		}
		var err error
		o.Call, err = json.Marshal(entry)
		return err
	})
	if errors.Is(err, ErrFull) {
		return "", bots.Busy{After: busyFor}
	} else if err != nil {
		return "", err
	}
	return entry.Made, refused
}

// refuses says why a call has no effect, if so.
func (p *Platform) refuses(e bots.Effect) error {
	r := p.rooms[e.Chat.Local]
	if r == nil || e.Chat.Account != account {
		return bots.ErrGone
	}
	switch e.Kind {
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Prompt == nil || e.Prompt.ID == "" {
			return bots.ErrUnsupported
		}
		if !r.member(e.Member) {
			return bots.ErrGone
		}
		old := p.prompts[e.Prompt.ID]
		if old == nil && e.Kind != bots.Whisper {
			return bots.ErrGone
		}
		if old != nil && (old.member != e.Member || old.room != r) || r.people[r.places[e.Member]].Shut {
			return bots.ErrForbidden
		}
	case bots.Tell:
		if e.Text == "" {
			return bots.ErrUnsupported
		}
		if !r.member(e.Member) {
			return bots.ErrGone
		}
	case bots.Post:
		if e.Text == "" {
			return bots.ErrUnsupported
		}
	case bots.Delete:
		if r.senders {
			return bots.ErrUnsupported
		}
		if m := r.find(e.Message); m == nil || m.state == deleted {
			return bots.ErrGone
		}
	case bots.Remove:
		if !r.member(e.Member) {
			return bots.ErrGone
		}
	default:
		return bots.ErrUnsupported
	}
	return nil
}

// Sent implements bots.Reconciler: the ledger knows every key, and how its call
// was answered.
func (p *Platform) Sent(_ context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	p.mu.RLock()
	at, ok := p.keys[e.Key]
	var s span
	if ok {
		s = p.ledger[at]
	}
	p.mu.RUnlock()
	if !ok || e.Key == "" {
		return "", false, nil
	}
	b, err := p.file.read(s)
	if err != nil {
		return "", false, err
	}
	var entry Entry
	if err := json.Unmarshal(b, &entry); err != nil {
		return "", false, fmt.Errorf("practice platform: the ledger cannot be read: %w", err)
	}
	for _, refused := range []error{bots.ErrGone, bots.ErrUnsupported, bots.ErrForbidden, bots.ErrTooLate} {
		if entry.Outcome == refused.Error() {
			return "", true, refused
		}
	}
	return entry.Made, true, nil
}
