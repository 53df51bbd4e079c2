package discord

import (
	"context"
	"time"

	"github.com/bwmarrin/discordgo"
)

// Deletions that come together are one call where Discord allows it: of up to a
// hundred messages of a channel, none of them older than a fortnight. Older ones
// go one by one.

const (
	gather   = 150 * time.Millisecond // deletions of a channel wait so long for others
	bulkMost = 100
	bulkAge  = 14*24*time.Hour - 10*time.Minute // with room for clocks that differ
)

// deletions are those that go together.
type deletions struct {
	ids  []string
	by   time.Time // the earliest of their deadlines
	done chan struct{}
	err  error
}

const whyDelete = "Chaperone: agreed with its sender, or due by the schedule"

// erase deletes a message, with others where others come. In a direct
// conversation only one at a time can be.
func (b *Bot) erase(ctx context.Context, in place) error {
	alone := func() error {
		return b.call(ctx, "DELETE", discordgo.EndpointChannelMessage(in.channel, in.message), nil, nil, because(whyDelete))
	}
	if b.o.Now().Sub(at(in.message)) >= bulkAge || b.channel(in.channel) == nil {
		return alone()
	}
	d, first := b.join(ctx, in)
	if first {
		sleep(ctx, b.gather)
		b.mu.Lock()
		if b.going[in.channel] == d {
			delete(b.going, in.channel)
		}
		b.mu.Unlock()
		if len(d.ids) > 1 {
			d.err = b.bulk(ctx, in.channel, d)
			close(d.done)
			return d.err
		}
		close(d.done)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return alone()
	}
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return ctx.Err() // it may have happened: it is looked for
	}
}

// join adds a message to the deletions of its channel, and reports whether it is
// the first.
func (b *Bot) join(ctx context.Context, at place) (d *deletions, first bool) {
	by, limited := ctx.Deadline()
	if !limited {
		by = time.Now().Add(time.Minute)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d = b.going[at.channel]
	if first = d == nil || len(d.ids) >= bulkMost; first {
		d = &deletions{by: by, done: make(chan struct{})}
		b.going[at.channel] = d
	}
	d.ids = append(d.ids, at.message)
	if by.Before(d.by) {
		d.by = by
	}
	return d, first
}

// bulk deletes messages together. Where one of them turns out to be too old,
// each is told so and goes alone when it is tried again.
func (b *Bot) bulk(ctx context.Context, channel string, d *deletions) error {
	ctx, cancel := context.WithDeadline(ctx, d.by)
	defer cancel()
	return b.call(ctx, "POST", discordgo.EndpointChannelMessagesBulkDelete(channel), m{"messages": d.ids}, nil, because(whyDelete))
}
