package discord

import (
	"context"
	"errors"
	"maps"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Whoever takes no direct messages answers each with a refusal, and refusals
// count towards the ban of the address. So a door that was found closed is not
// tried again for a while, and where many were, doors that nobody knows are not
// tried either: the line in the chat calls those members at once.

const (
	closedFor   = 6 * time.Hour // a door that was found closed is taken to be
	strangeMost = circuitMost / 2
)

// door is what is known of whether a member takes direct messages.
type door struct {
	open bool
	at   time.Time
}

// found notes whether a member takes direct messages.
func (b *Bot) found(who chat.MemberID, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	b.doors[string(who)] = door{open, now}
	if len(b.doors)%1000 == 0 { // what is not true any more goes
		maps.DeleteFunc(b.doors, func(_ string, d door) bool { return now.Sub(d.at) >= closedFor })
	}
}

// mayKnock says whether a direct message to a member may be tried. What was found
// open or closed holds for a while; a door that nobody knows is tried unless many
// were found closed of late, which is Busy until they are fewer.
func (b *Bot) mayKnock(who chat.MemberID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	if d, known := b.doors[string(who)]; known && now.Sub(d.at) < closedFor {
		if d.open {
			return nil
		}
		return errors.Join(errClosed, bots.ErrForbidden)
	}
	closed, first := 0, now
	for _, d := range b.doors {
		if !d.open && now.Sub(d.at) < circuitWindow {
			closed++
			if d.at.Before(first) {
				first = d.at
			}
		}
	}
	if closed >= strangeMost {
		return bots.Busy{After: circuitWindow - now.Sub(first)}
	}
	return nil
}

// sendAlone sends a message to a member alone, and gives where it stands.
func (b *Bot) sendAlone(ctx context.Context, who chat.MemberID, what m) (place, error) {
	if err := b.mayKnock(who); err != nil {
		return place{}, err
	}
	dm, err := b.conversation(ctx, who)
	if err != nil {
		return place{}, err
	}
	made, err := b.post(ctx, dm, what)
	if closed := errors.Is(err, errClosed); err == nil || closed {
		b.found(who, !closed)
	}
	return place{dm, made.ID}, err
}
