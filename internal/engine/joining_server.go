package engine

import (
	"context"
	"slices"

	"chaperone/internal/chat"
)

// A server has many chats and one administrator who added the bot: they are
// asked about the first, and the others take over the answers. Until then
// nothing is read in any of them.

// Follow is the joining of a chat whose server was asked about another.
func Follow(ev chat.Event, first Joining) Joining {
	return Joining{Chat: ev.Chat, Name: ev.Name, Server: ev.Server, First: &first.Chat, Administrator: first.Administrator, State: Asking, Kind: ev.ChatKind}
}

// takeOver lets chats take over the answers of the first of their server, once
// there are some.
func (e *Engine) takeOver(ctx context.Context) error {
	if _, _, err := e.joining(chat.ID{}); err != nil {
		return err
	}
	e.joins.mu.Lock()
	var due []Joining
	for _, j := range e.joins.all {
		if j.First == nil || j.State != Asking {
			continue
		}
		first, ok := e.joins.all[*j.First]
		if !ok || first.State == Asking {
			continue
		}
		j.Step, j.Kind, j.People, j.Administrators, j.Answers, j.Records = first.Step, first.Kind, first.People, first.Administrators, first.Answers, first.Records
		if j.State = Watching; first.State == Refused {
			j.State = Refused
		}
		due = append(due, j)
	}
	e.joins.mu.Unlock()
	for _, j := range due {
		now := e.o.Now()
		if j.State == Watching {
			j.Since, j.Due = now, now.Add(watchFor)
		}
		if err := e.saveJoining(ctx, now, j, "", []Action{e.plannedNotice(j.Chat, j.State == Refused)}); err != nil {
			return err
		}
		nudge(e.poke)
	}
	if len(due) > 0 {
		e.joined(chat.ID{}) // reads them anew
	}
	return nil
}

// watched is what would have been done in a chat since it is watched, and in
// those that took over its answers.
func (e *Engine) watched(ctx context.Context, j Joining) (Would, error) {
	w, err := e.o.Store.Watched(ctx, j.Chat, j.Since)
	if err != nil || j.Server == "" {
		return w, err
	}
	for _, other := range e.Joinings() {
		if other.First == nil || *other.First != j.Chat {
			continue
		}
		o, err := e.o.Store.Watched(ctx, other.Chat, other.Since)
		if err != nil {
			return w, err
		}
		w.Read, w.Asked = w.Read+o.Read, w.Asked+o.Asked
		for _, key := range o.About {
			if !slices.Contains(w.About, key) {
				w.About = append(w.About, key)
			}
		}
	}
	return w, nil
}
