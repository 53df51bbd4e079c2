package whatsapp

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// WhatsApp does not say when it is too late: phones ignore what comes later.
// These are what is publicly known of phones, less a margin.
const (
	deleteWithin = 48*time.Hour - 10*time.Minute
	editWithin   = 14 * time.Minute
)

// Abilities implements bots.Bot.
func (b *Bot) Abilities(ctx context.Context, id chat.ID) (bots.Abilities, error) {
	if id.Account != Name {
		return nil, fmt.Errorf("%q is no WhatsApp chat: %w", id.Account, bots.ErrGone)
	}
	if err := b.connection(ctx); err != nil {
		return nil, err
	}
	g, err := b.group(ctx, groupJID(id))
	if err != nil {
		return nil, err
	}
	return b.able(g), nil
}

func (b *Bot) able(g *types.GroupInfo) bots.Abilities {
	admin := b.administers(g)
	able := bots.Abilities{
		bots.Whisper: {Level: bots.Yes},
		bots.Revise:  {Level: bots.Yes, Within: editWithin},
		bots.Remind:  {Level: bots.Yes},
		bots.Post:    {Level: bots.Yes},
		bots.Delete:  {Level: bots.Yes, Within: deleteWithin},
		bots.Remove:  {Level: bots.Yes},
		bots.Tell:    {Level: bots.Yes, AfterHello: true},
	}
	if !admin {
		why := "The bot is no administrator of this group. Make it one, in the group's settings on a phone."
		able[bots.Delete], able[bots.Remove] = bots.Ability{Why: why}, bots.Ability{Why: why}
		if g.IsAnnounce {
			able[bots.Post] = bots.Ability{Why: "In this group only administrators may write, and the bot is none."}
		}
	}
	return able
}

// administers reports whether the bot is an administrator of the group.
func (b *Bot) administers(g *types.GroupInfo) bool {
	for _, p := range g.Participants {
		if b.isOwn(p.JID) {
			return p.IsAdmin || p.IsSuperAdmin
		}
	}
	return false
}
