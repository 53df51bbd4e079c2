package engine

import (
	"context"
	"slices"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
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

// wanted keeps a message as a record because somebody in its chat asks for it.
// SECRET is never kept (DESIGN invariant 12), and nothing is done in a chat
// that is only watched.
func (b *batch) wanted(ev chat.Event, found []rules.Finding) {
	found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
	author := chat.MemberID(ev.Answer)
	if ev.Text == "" || !b.e.o.Setting(b.room.id).Acting || !b.load.Chat.Noticed {
		return
	}
	about := ev
	about.Member = author
	if slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Class == rules.Secret }) || classOf(b.decide(about, found)) == Secret {
		return
	}
	name := ""
	for _, s := range b.present() {
		if s.Member.ID == author {
			name = s.Member.Name
		}
	}
	r := record.Record{
		ID: b.e.o.NewID(b.now), Account: b.room.id.Account, Chat: b.room.id.Local, ChatName: b.load.Chat.Name, ChatKind: b.load.Chat.Kind,
		Method: string(b.room.id.Account), CapturedBy: ev.Member, CapturedAt: b.now.UTC(), Form: record.Verbatim,
		Messages: []record.Message{{ID: ev.Message, Sender: author, Name: name, SentAt: ev.At.UTC(), Revision: ev.Revision}},
		Lines:    []policy.Line{},
	}
	b.s.Arrivals = append(b.s.Arrivals, Arrival{Record: r, Text: ev.Text})
	b.s.Actions = append(b.s.Actions, Action{
		Key: "file/" + r.ID, Kind: File, Chat: b.room.id, Member: author, Message: ev.Message, Record: r.ID, Due: b.now,
	})
}
