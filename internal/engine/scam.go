package engine

import (
	"context"
	"slices"
	"strconv"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// scamEvery is how often, at most, those who look after a chat hear of scams.
const scamEvery = time.Hour

// scam tells those who look after a chat of a message that may be a scam: alone,
// without its text, and not the one who posted it (R22). It waits for the
// morning where nobody works at night.
func (b *batch) scam(ev chat.Event, found []rules.Finding) {
	e := b.e
	if b.load.Chat.Kind == chat.Private || !slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Class == rules.Suspicious }) {
		return
	}
	all, err := e.lookAfter(e.ctx, b.room.id)
	if err != nil {
		b.fault = err
		return
	}
	due := b.now
	if until, quiet := e.o.Pace.Quiet(b.now); quiet && b.load.Chat.Kind != chat.Emergency {
		due = until
	}
	hour := strconv.FormatInt(due.UnixMilli()/scamEvery.Milliseconds(), 10)
	for _, a := range all {
		if a.Member == ev.Member || a.Bot {
			continue
		}
		b.s.Actions = append(b.s.Actions, Action{
			Key: tellKey(tellScam, string(a.Member)+"/"+b.room.id.String()+"/"+hour), Kind: Tell, Chat: b.room.id, Member: a.Member, Due: due,
		})
	}
}

// renderScam says so.
func (e *Engine) renderScam(ctx context.Context, v prompt.Viewer, a Action) (string, []string, error) {
	load, err := e.o.Store.Take(ctx, a.Chat, 0)
	if err != nil {
		return "", nil, err
	}
	return v.Texts.Say("scam", prompt.Values{Chat: prompt.Inert(load.Chat.Name, 60)}), nil, nil
}
