package practice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	deliverMost = 200
	retryFirst  = 50 * time.Millisecond
	retryMost   = time.Second
)

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
	var all []*room
	for _, id := range p.order {
		all = append(all, p.rooms[id])
	}
	p.mu.Unlock()
	for _, r := range all {
		p.kick(r)
	}
	<-ctx.Done()
	p.work.Wait()
	p.mu.Lock()
	p.running, p.deliver = nil, nil
	p.mu.Unlock()
	return ctx.Err()
}

// kick makes sure that a room's events are being delivered.
func (p *Platform) kick(r *room) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.busy || p.running == nil || p.running.Err() != nil || len(r.events) == 0 {
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
		n := min(len(r.events), deliverMost)
		if n == 0 || ctx.Err() != nil {
			r.busy = false
			p.mu.Unlock()
			return
		}
		batch := append([]chat.Event(nil), r.events[:n]...)
		seq := r.acked + int64(n)
		p.mu.Unlock()
		err := deliver(ctx, batch)
		if err == nil {
			_, err = p.record(op{Op: "ack", Room: r.id, Seq: seq}, nil)
		}
		if err == nil {
			wait = retryFirst
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

// Abilities implements bots.Bot: the practice platform can do everything.
func (p *Platform) Abilities(_ context.Context, id chat.ID) (bots.Abilities, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id.Account != account || p.rooms[id.Local] == nil {
		return nil, bots.ErrGone
	}
	able := bots.Abilities{}
	for _, k := range bots.Kinds {
		able[k] = bots.Ability{Level: bots.Yes}
	}
	return able, nil
}

// Do implements bots.Bot. Every call is in the ledger before it returns, also
// one that has no effect.
func (p *Platform) Do(_ context.Context, e bots.Effect) (chat.MessageID, error) {
	var result error
	entry := Entry{Effect: e.Kind, Room: e.Chat.Local, Member: e.Member, Message: e.Message, Key: e.Key, Outcome: "done"}
	o, err := p.record(op{Op: "call", Room: e.Chat.Local, Call: &entry, Text: []byte(e.Text)}, func(o *op) error {
		entry.At = o.At
		if e.Prompt != nil {
			shown := *e.Prompt
			o.Shown, entry.Prompt, entry.Messages = &shown, shown.ID, shown.Messages
		}
		if result = p.refuses(e); result != nil {
			entry.Outcome = result.Error()
		} else if e.Kind == bots.Post {
			entry.Made = p.rooms[e.Chat.Local].nextID()
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return o.Call.Made, result
}

// refuses says why a call has no effect, if so.
func (p *Platform) refuses(e bots.Effect) error {
	r := p.rooms[e.Chat.Local]
	if r == nil || e.Chat.Account != account {
		return bots.ErrGone
	}
	switch e.Kind {
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Prompt == nil {
			return bots.ErrUnsupported
		}
		if !r.member(e.Member) {
			return bots.ErrGone
		}
		if old := p.prompts[e.Prompt.ID]; e.Kind != bots.Whisper && (old == nil || old.member != e.Member) {
			return bots.ErrGone
		}
	case bots.Post:
	case bots.Delete:
		if m := r.index[e.Message]; m == nil || m.state == "deleted" {
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

// called applies a call of the bot.
func (p *Platform) called(o op, r *room) error {
	if o.Call == nil {
		return fmt.Errorf("%w: a call without its entry", errInvalid)
	}
	e := *o.Call
	p.ledger = append(p.ledger, e)
	if e.Outcome != "done" || r == nil {
		return nil
	}
	if e.Key != "" {
		p.keys[e.Key] = len(p.ledger) - 1
	}
	switch e.Effect {
	case bots.Whisper, bots.Revise, bots.Remind:
		if o.Shown == nil {
			return fmt.Errorf("%w: a call without its prompt", errInvalid)
		}
		pr := p.prompts[o.Shown.ID]
		if pr == nil {
			pr = &prompt{room: e.Room, member: e.Member, at: e.At}
			p.prompts[o.Shown.ID] = pr
			p.asked[e.Member] = append(p.asked[e.Member], o.Shown.ID)
		}
		pr.shown = *o.Shown
		pr.reminded = pr.reminded || e.Effect == bots.Remind
	case bots.Post:
		r.post(op{Message: e.Made, Text: o.Text, At: o.At})
	case bots.Delete:
		m := r.index[e.Message]
		if m == nil {
			return fmt.Errorf("%w: message of a call", errUnknown)
		}
		m.text, m.state = "", "deleted"
		r.event(chat.Event{Kind: chat.Deleted, At: o.At, Message: e.Message})
	case bots.Remove:
		r.leave(e.Member)
		r.event(chat.Event{Kind: chat.Left, At: o.At, Member: e.Member})
	}
	return nil
}

// Sent implements bots.Reconciler: the ledger knows every key.
func (p *Platform) Sent(_ context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.keys[e.Key]
	if !ok {
		return "", false, nil
	}
	return p.ledger[at].Made, true, nil
}

func (r *room) nextID() chat.MessageID { return chat.MessageID(fmt.Sprintf("m%d", r.made+1)) }
