package engine

import (
	"context"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/retention"
)

// Progress is a run with what has become of its messages so far.
type Progress struct {
	Run
	Asked   Asked
	outcome map[place]retention.Outcome
}

// Asked counts what senders were asked to delete themselves. It counts lists
// and messages, never people.
type Asked struct {
	Lists    int // one for each sender and chat
	Complete int // lists of which every message is gone
	Messages int
	Gone     int
}

// Outcome is what became of one message of the run; empty: nothing yet.
func (p Progress) Outcome(id chat.ID, m chat.MessageID) retention.Outcome {
	return p.outcome[place{id, m}]
}

// LookAtRun tells how far a run is. It changes nothing.
func (e *Engine) LookAtRun(ctx context.Context, schedule string, date clock.Date) (Progress, error) {
	r, err := e.run(ctx, schedule, date)
	if err != nil {
		return Progress{}, err
	}
	out := Progress{Run: r}
	if out.outcome, _, err = e.outcomes(ctx, r); err != nil {
		return out, err
	}
	asked, err := e.o.Store.Asked(ctx, r.Ref())
	for _, sh := range asked {
		gone := 0
		for _, it := range sh.Items {
			if it.State == prompt.Deleted {
				gone++
			}
		}
		out.Asked.Lists++
		out.Asked.Messages += len(sh.Items)
		out.Asked.Gone += gone
		if gone == len(sh.Items) {
			out.Asked.Complete++
		}
	}
	return out, err
}

// Covered is what a hold covers now, and what slipped while it was placed.
type Covered struct {
	Chats   []CoveredChat
	Prompts int // open prompts that ask for no deletion because of it
	Report  hold.Report
}

// CoveredChat is a chat with messages that a hold covers.
type CoveredChat struct {
	Chat     chat.ID
	Messages int
}

// LookUnderHold tells what a hold covers. It changes nothing.
func (e *Engine) LookUnderHold(ctx context.Context, id string) (hold.Hold, Covered, error) {
	var out Covered
	h, err := e.hold(ctx, id)
	if err != nil {
		return h, out, err
	}
	all, err := e.o.Store.Messages(ctx)
	if err != nil {
		return h, out, err
	}
	at := map[chat.ID]int{}
	for _, m := range all {
		if !h.Scope.Covers(hold.Subject{Chat: m.Chat, Member: m.Sender, Person: m.Person}) {
			continue
		}
		i, seen := at[m.Chat]
		if !seen {
			i = len(out.Chats)
			at[m.Chat] = i
			out.Chats = append(out.Chats, CoveredChat{Chat: m.Chat})
		}
		out.Chats[i].Messages++
	}
	open, err := e.o.Store.Open(ctx)
	if err != nil {
		return h, out, err
	}
	for _, sh := range open {
		if sh.Held && h.Scope.Covers(hold.Subject{Chat: sh.Chat, Member: sh.Author()}) {
			out.Prompts++
		}
	}
	fences, err := e.o.Store.Fences(ctx, h.Placed.Add(-hold.Slack))
	if err != nil {
		return h, out, err
	}
	if !h.Released.IsZero() { // what went after its release is no slip
		kept := fences[:0]
		for _, f := range fences {
			if f.Opened.Before(h.Released) {
				kept = append(kept, f)
			}
		}
		fences = kept
	}
	out.Report = hold.Wait(h, fences, e.o.Now())
	return h, out, nil
}
