package discord

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	overlap  = 10 * time.Minute // read again, for what was delivered out of order
	lookBack = 48 * time.Hour   // after a start, for edits and deletions of what is older
	checks   = 200              // messages of a chat that are looked for one by one
)

// takeStock learns which chats of a server the bot is in, and lets each be
// caught up with.
func (b *Bot) takeStock(l *life, id string) {
	for wait := time.Second; l.ctx.Err() == nil; wait = min(2*wait, retryMost) {
		err := b.stock(l, id)
		if err == nil || l.ctx.Err() != nil {
			return
		}
		b.o.Log.Warn("Discord: the chats could not be looked through; trying again", "err", plain(err))
		sleep(l.ctx, pause(err, wait))
	}
}

func pause(err error, wait time.Duration) time.Duration {
	if busy, ok := errors.AsType[bots.Busy](err); ok {
		return busy.After
	}
	return wait
}

func (b *Bot) stock(l *life, id string) error {
	var known []chat.ID
	if b.o.Memory != nil {
		var err error
		if known, err = b.o.Memory.Chats(l.ctx, Account); err != nil {
			return err
		}
	}
	if err := b.threads(l.ctx, id); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.guilds[id]
	if g == nil {
		return nil
	}
	for local, c := range b.channels {
		if c.Guild != id || !c.talk() || !g.sees(b.me, c) {
			continue
		}
		if b.from[local] == "" {
			b.from[local] = "0"
			if c.Last != "" {
				b.from[local] = c.Last
			}
		}
		n := b.lane(local)
		if !slices.Contains(known, b.id(local)) && !n.ready {
			ev := b.added(c)
			ev.Key = "here"
			n.head = append(n.head, ev)
		}
		n.ready = true
		b.kick(n)
	}
	for _, k := range known { // what is not there any more
		if c := b.channels[k.Local]; c != nil && c.Guild == id && !g.sees(b.me, c) {
			b.say(k.Local, b.left(k.Local))
		}
	}
	return nil
}

// threads learns the active threads of a server; archived ones are looked for
// by their channels.
func (b *Bot) threads(ctx context.Context, id string) error {
	var list struct {
		Threads []*channel `json:"threads"`
	}
	if err := b.get(ctx, discordgo.EndpointGuildActiveThreads(id), &list); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range list.Threads {
		t.Guild = id
		b.channels[t.ID] = t
	}
	return nil
}

// catchUp delivers what was missed in a chat and its threads.
func (b *Bot) catchUp(l *life, n *lane) error {
	id := b.id(n.local)
	b.mu.Lock()
	floor := b.from[n.local]
	b.mu.Unlock()
	since := n.mark
	if since.IsZero() && b.o.Memory != nil {
		began, newest, err := b.o.Memory.Seen(l.ctx, id)
		if err != nil {
			return err
		}
		if since = newest; since.IsZero() {
			since = began
		}
	}
	if since.IsZero() && floor == "" {
		return nil // nothing was read here yet, and nothing older is to be
	}
	from := floor // nothing was stored yet: what came since the bot first looked
	back := from
	if !since.IsZero() {
		from = after(since.Add(-overlap))
		back = from
		if !n.swept && b.o.Memory != nil {
			back = after(since.Add(-lookBack))
		}
	}
	found, err := b.since(l.ctx, n.local, back, since)
	if errors.Is(err, bots.ErrGone) || errors.Is(err, bots.ErrForbidden) {
		return nil // the bot is not there any more, or may not read what was
	}
	if err != nil {
		return err
	}
	var events []chat.Event
	for _, x := range found {
		for _, ev := range b.standing(n.local, &x) {
			if newer(x.ID, from) || ev.Kind == chat.Edited && ev.At.After(since.Add(-overlap)) {
				events = append(events, ev)
			}
		}
	}
	if !n.swept && b.o.Memory != nil && !since.IsZero() {
		gone, err := b.vanished(l.ctx, id, since.Add(-lookBack), found)
		if err != nil {
			return err
		}
		events = append(events, gone...)
	}
	coming := b.coming(n)
	events = slices.DeleteFunc(events, func(ev chat.Event) bool { return coming[ev.Key] || coming["posted/"+of(ev.Message)] })
	slices.SortStableFunc(events, func(x, y chat.Event) int { return x.At.Compare(y.At) })
	for part := range slices.Chunk(events, deliverMost) {
		if err := b.hand(l, n, part); err != nil {
			return err
		}
	}
	n.swept = true
	return nil
}

// coming are the keys of what the gateway told meanwhile: that follows by
// itself, each as it was when it happened.
func (b *Bot) coming(n *lane) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := map[string]bool{}
	for _, ev := range n.events {
		keys[ev.Key] = true
	}
	return keys
}

// of is the id of a message without its thread.
func of(m chat.MessageID) string { return placeOf("", m).message }

// since reads what stands in a channel and its threads after an id.
func (b *Bot) since(ctx context.Context, local, from string, since time.Time) ([]message, error) {
	b.mu.Lock()
	var places []string
	c := b.channels[local]
	for id, t := range b.channels {
		if t.Thread != nil && t.Parent == local && (t.Last == "" || newer(t.Last, from)) {
			places = append(places, id)
		}
	}
	b.mu.Unlock()
	if c == nil {
		return nil, bots.ErrGone
	}
	if c.Type != kindForum {
		places = append(places, local)
	}
	if !since.IsZero() {
		old, err := b.archived(ctx, local, since)
		if err != nil && !errors.Is(err, bots.ErrForbidden) {
			return nil, err
		}
		places = append(places, old...)
	}
	slices.Sort(places)
	var all []message
	for _, p := range slices.Compact(places) {
		found, err := b.pages(ctx, p, from)
		if errors.Is(err, bots.ErrGone) && p != local {
			continue // the thread went meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// archived lists the threads of a channel that were archived since a time.
func (b *Bot) archived(ctx context.Context, local string, since time.Time) ([]string, error) {
	var out []string
	for before := ""; ; {
		q := url.Values{"limit": {"100"}}
		if before != "" {
			q.Set("before", before)
		}
		var list struct {
			Threads []*channel `json:"threads"`
			More    bool       `json:"has_more"`
		}
		if err := b.get(ctx, discordgo.EndpointChannelPublicArchivedThreads(local)+"?"+q.Encode(), &list); err != nil {
			return out, err
		}
		for _, t := range list.Threads {
			if t.Thread == nil || t.Thread.Since.Before(since.Add(-overlap)) {
				return out, nil // the latest come first
			}
			b.mu.Lock()
			t.Parent = local
			b.channels[t.ID] = t
			b.mu.Unlock()
			out = append(out, t.ID)
			before = t.Thread.Since.Format(time.RFC3339Nano)
		}
		if !list.More || len(list.Threads) == 0 {
			return out, nil
		}
	}
}

// pages reads every message of a channel after an id, the oldest first.
func (b *Bot) pages(ctx context.Context, channel, from string) ([]message, error) {
	var all []message
	for {
		q := url.Values{"limit": {"100"}, "after": {from}}
		var page []message
		err := b.get(ctx, discordgo.EndpointChannelMessages(channel)+"?"+q.Encode(), &page)
		if busy, ok := errors.AsType[bots.Busy](err); ok {
			sleep(ctx, busy.After)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		slices.Reverse(page) // Discord gives the newest first
		all = append(all, page...)
		if len(page) < 100 {
			return all, nil
		}
		from = page[len(page)-1].ID
	}
}

// vanished is what was stored and stands there no longer.
func (b *Bot) vanished(ctx context.Context, id chat.ID, since time.Time, found []message) ([]chat.Event, error) {
	stood, err := b.o.Memory.Standing(ctx, id, since)
	if err != nil {
		return nil, err
	}
	there := map[chat.MessageID]bool{}
	for _, x := range found {
		there[messageID(id.Local, x.Channel, x.ID)] = true
	}
	var out []chat.Event
	looked := 0
	for _, m := range stood {
		if there[m] || looked >= checks {
			continue
		}
		looked++
		_, err := b.Fetch(ctx, id, m)
		switch {
		case errors.Is(err, bots.ErrGone):
			at := placeOf(id.Local, m)
			out = append(out, deleted(chat.Event{Chat: id, At: b.o.Now().UTC()}, id.Local, at.channel, at.message))
		case err != nil:
			return nil, fmt.Errorf("looking for what was deleted: %w", err)
		}
	}
	return out, nil
}
