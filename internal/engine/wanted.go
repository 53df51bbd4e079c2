package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/rules"
)

// Waiting lists the prompts that wait for a member in a chat and that were
// shown, or are being shown: nothing comes before its time.
func (e *Engine) Waiting(ctx context.Context, id chat.ID, member chat.MemberID) ([]bots.Prompt, error) {
	id.Local, member = chat.Escape(id.Local), chat.MemberID(chat.Escape(string(member)))
	all, err := e.o.Store.Open(ctx)
	if err != nil {
		return nil, err
	}
	var out []bots.Prompt
	for _, sh := range all {
		if sh.Chat != id || sh.Member != member || !sh.Waiting() || sh.Shown == 0 && !sh.Busy {
			continue
		}
		sh.Held = e.covered(ctx, e.o.Store.Holds(ctx), id, sh.Author(), e.o.Now())
		out = append(out, *e.to(ctx, id, member).Show(sh.Prompt, e.can(id)))
	}
	return out, nil
}

// Chosen is a message that a member chose to keep, as it was stored.
type Chosen struct {
	ID       chat.MessageID
	Sender   chat.MemberID
	Name     string
	At       time.Time
	Revision int64
	Deleted  bool
	Kept     bool // by somebody's choice before, as it now reads
}

// What is told to whoever chose a message.
const (
	tellCaptured = "captured"
	tellWatching = "captured_watching"
	tellUnread   = "captured_unread"
	tellSecret   = "captured_secret"
)

// tellLate is told to whoever wrote an answer to a prompt that had ended.
const tellLate = "answered_late"

// CaptureKey names the filing of a message that somebody chose. The same
// message as it reads is kept once, whoever chooses it.
func CaptureKey(id chat.ID, m chat.MessageID, revision int64) string {
	return fmt.Sprintf("capture/%s/%s/%d", id, m, revision)
}

// wanted keeps a message because a member asks for it, and tells them what
// became of that. Where a prompt to them offers it already, they answered it.
// It reports false where the message could not be scanned: nobody may keep what
// is SECRET (DESIGN invariant 12), so what is not known is not kept. Nothing is
// kept of a chat that is only watched.
func (b *batch) wanted(ctx context.Context, ev chat.Event) bool {
	say := func(what, after string) bool {
		b.s.Actions = append(b.s.Actions, Action{
			Key: tellKey(what, ev.Key), Kind: Tell, Chat: b.room.id, Member: ev.Member, Message: ev.Message, After: after, Due: b.now,
		})
		return true
	}
	m, standing := b.chosen(ev)
	switch {
	case !standing || ev.Text == "" || !b.load.Chat.Noticed:
		return say(tellUnread, "")
	case !b.e.o.Setting(b.room.id).Acting && !b.held(m.Sender):
		return say(tellWatching, "")
	}
	found, err := b.scan(ctx, ev)
	if err != nil {
		return false
	}
	found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
	about := ev
	about.Member = m.Sender
	d := b.decide(about, b.seen(about, found))
	if classOf(d) == Secret || slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Class == rules.Secret }) {
		return say(tellSecret, "")
	}
	if sh := b.covering(ev.Message); sh != nil && sh.Member == ev.Member && sh.Offers(prompt.AnswerKeep, b.can) {
		b.answered(chat.Event{Kind: chat.Answered, Chat: ev.Chat, At: ev.At, Member: ev.Member, Prompt: sh.ID, Answer: prompt.AnswerKeep})
		return true // the prompt says what became of it
	}
	key := CaptureKey(b.room.id, m.ID, m.Revision)
	if !m.Kept {
		r := record.Record{
			ID: b.e.o.NewID(b.now), Account: b.room.id.Account, Chat: b.room.id.Local, ChatName: b.load.Chat.Name, ChatKind: b.load.Chat.Kind,
			Method: string(b.room.id.Account), CapturedBy: ev.Member, CapturedAt: b.now.UTC(), Form: record.Verbatim,
			Messages: []record.Message{{ID: m.ID, Sender: m.Sender, Name: m.Name, SentAt: m.At.UTC(), Revision: m.Revision, Left: len(ev.Files)}},
			Lines:    append([]policy.Line{}, d.Lines...),
		}
		b.s.Arrivals = append(b.s.Arrivals, Arrival{Record: r, Text: ev.Text})
		b.s.Actions = append(b.s.Actions, Action{
			Key: key, Kind: File, Chat: b.room.id, Member: ev.Member, Message: ev.Message, Record: r.ID, Due: b.now,
		})
		b.keptNow(m)
	}
	return say(tellCaptured, key)
}

// chosen finds a message that a member chose: as it was stored before this
// batch, or in it, or where it is older than the notice as the platform tells
// of it. It reports false where it is known to be deleted.
func (b *batch) chosen(ev chat.Event) (c Chosen, standing bool) {
	id := ev.Message
	c, standing = Chosen{ID: id, Sender: chat.MemberID(ev.Answer), At: ev.At, Revision: ev.Revision}, true
	for _, m := range b.load.Chosen {
		if m.ID == id {
			c, standing = m, !m.Deleted
		}
	}
	for _, m := range b.s.Messages {
		switch {
		case m.ID != id:
		case m.Deleted:
			standing = false
		case m.Unknown:
			c.Revision, c.Kept = m.Revision, false
		default:
			c = Chosen{ID: id, Sender: m.Member, Name: c.Name, At: m.At, Revision: m.Revision, Kept: c.Kept && c.Revision == m.Revision}
			standing = true
		}
	}
	if c.Name == "" {
		for _, s := range b.present() {
			if s.Member.ID == c.Sender {
				c.Name = s.Member.Name
			}
		}
	}
	return c, standing
}

// keptNow notes that a message is kept from now on.
func (b *batch) keptNow(m Chosen) {
	m.Kept = true
	for i := range b.load.Chosen {
		if b.load.Chosen[i].ID == m.ID {
			b.load.Chosen[i] = m
			return
		}
	}
	b.load.Chosen = append(b.load.Chosen, m)
}
