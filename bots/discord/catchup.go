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
	"chaperone/bots/lane"
	"chaperone/internal/chat"
)

const (
	overlap  = 10 * time.Minute // read again, for what was delivered out of order
	lookBack = 48 * time.Hour   // after a start, for edits and deletions of what is older
	checks   = 200              // messages of a chat that are looked for one by one
	fresh    = time.Minute      // what is so new may have come while others were read
)

// takeStock learns which chats of a server the bot is in, and lets each be
// caught up with.
func (b *Bot) takeStock(l *life, id string) {
	for wait := time.Second; l.ctx.Err() == nil; wait = min(2*wait, retryMost) {
		err := b.stock(l, id)
		if err == nil {
			err = b.moderate(l.ctx, id)
		}
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
	if err := b.adder(l.ctx, id, b.unknown(id, known)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.guilds[id]
	if g == nil {
		return nil
	}
	newest := map[string]string{} // by chat: what was said last, in its threads too
	for local, c := range b.channels {
		if c.Thread != nil {
			local = c.Parent
		}
		if newer(c.Last, newest[local]) {
			newest[local] = c.Last
		}
	}
	for local, c := range b.channels {
		if c.Guild != id || !c.talk() || !g.sees(b.me, c) {
			continue
		}
		if b.from[local] == "" {
			b.from[local] = "0"
			if last := newest[local]; last != "" {
				b.from[local] = last
			}
		}
		if !slices.Contains(known, b.id(local)) && l.lanes.Shut(local) {
			ev := b.added(c)
			ev.Key = "here"
			l.lanes.Head(local, ev)
		}
		l.lanes.Open(local)
	}
	for _, k := range known { // what is not there any more
		if c := b.channels[k.Local]; c != nil && c.Guild == id && !g.sees(b.me, c) && !b.parted[k.Local] {
			b.say(k.Local, b.left(k.Local))
		}
	}
	return nil
}

// missing tells of the chats that were known and stand in no server of the bot's
// any more: they were deleted, or the bot was taken out, while it was away.
func (b *Bot) missing(l *life) {
	if b.o.Memory == nil {
		return
	}
	known, err := b.o.Memory.Chats(l.ctx, Account)
	if err != nil {
		if l.ctx.Err() == nil {
			b.o.Log.Warn("Discord: the chats that were known could not be read", "err", plain(err))
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.awaited) > 0 {
		return // a new session has begun since
	}
	for _, k := range known {
		if b.channels[k.Local] == nil && !b.parted[k.Local] {
			b.say(k.Local, b.left(k.Local))
			l.lanes.Open(k.Local)
		}
	}
}

// unknown reports whether a server has chats that the bot is new in.
func (b *Bot) unknown(id string, known []chat.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := map[string]bool{}
	for _, k := range known {
		old[k.Local] = true
	}
	for local, c := range b.channels {
		if c.Guild == id && c.talk() && !old[local] {
			return true
		}
	}
	return false
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

// catchUp finds what was missed in a chat and its threads.
func (b *Bot) catchUp(ctx context.Context, c *lane.Chat) ([]chat.Event, error) {
	id := b.id(c.Local)
	b.mu.Lock()
	floor := b.from[c.Local]
	b.mu.Unlock()
	if c.Mark.IsZero() && b.o.Memory != nil {
		began, newest, err := b.o.Memory.Seen(ctx, id)
		if err != nil {
			return nil, err
		}
		if c.Mark = newest; newest.IsZero() {
			c.Mark = began
		}
	}
	if c.Mark.IsZero() && floor == "" {
		return nil, nil // nothing was read here yet, and nothing older is to be
	}
	first := !c.Looked && b.o.Memory != nil && !c.Mark.IsZero()
	from := floor // nothing was stored yet: what came since the bot first looked
	back := from
	if !c.Mark.IsZero() {
		from = after(c.Mark.Add(-overlap))
		back = from
	}
	if first {
		back = after(c.Mark.Add(-lookBack))
	}
	found, err := b.since(ctx, c.Local, back, c.Mark)
	if errors.Is(err, bots.ErrGone) || errors.Is(err, bots.ErrForbidden) {
		return nil, nil // the bot is not there any more, or may not read what was
	}
	if err != nil {
		return nil, err
	}
	var events []chat.Event
	for _, x := range found {
		for _, ev := range b.standing(c.Local, &x) {
			if newer(x.ID, from) || ev.Kind == chat.Edited && ev.At.After(c.Mark.Add(-overlap)) {
				events = append(events, ev)
			}
		}
	}
	if first {
		gone, err := b.vanished(ctx, id, c.Mark.Add(-lookBack), found)
		if err != nil {
			return nil, err
		}
		events = append(events, gone...)
	}
	return events, nil
}

// since reads what stands in a channel and its threads after an id: all of it,
// up to the newest.
func (b *Bot) since(ctx context.Context, local, from string, since time.Time) ([]message, error) {
	places, err := b.places(ctx, local, from, since)
	if err != nil {
		return nil, err
	}
	var all []message
	until := map[string]string{} // by place: what was read
	last := ""
	for _, p := range places {
		found, err := b.pages(ctx, p, from)
		if errors.Is(err, bots.ErrGone) && p != local {
			continue // the thread went meanwhile
		}
		if err != nil {
			return nil, err
		}
		until[p] = from
		for _, x := range found {
			all = append(all, x)
			if newer(x.ID, until[p]) {
				until[p] = x.ID
			}
		}
		if newer(until[p], last) {
			last = until[p]
		}
	}
	if len(until) < 2 || time.Since(at(last)) > fresh {
		return all, nil
	}
	// Something was said while this was read: what came before it may stand
	// where was looked already.
	for p, read := range until {
		found, err := b.pages(ctx, p, read)
		if err != nil && !errors.Is(err, bots.ErrGone) {
			return nil, err
		}
		for _, x := range found {
			if !newer(x.ID, last) {
				all = append(all, x)
			}
		}
	}
	return all, nil
}

// places lists where messages of a chat stand that came after an id.
func (b *Bot) places(ctx context.Context, local, from string, since time.Time) ([]string, error) {
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
	return slices.Compact(places), nil
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
		var page messages
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
		last := ""
		if len(page) == 100 {
			last = page[len(page)-1].ID
		}
		if !newer(last, from) {
			return all, nil
		}
		from = last
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
