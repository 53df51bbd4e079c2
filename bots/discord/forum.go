package discord

import (
	"context"
	"errors"
	"strings"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// A forum has posts and no messages of its own: each is a thread that begins
// with a message. What the bot says to all there is a post of its own.

const (
	postTitle   = "Chaperone reads here" // names neither person nor message
	wantsTag    = 1 << 4                 // the flag of a forum whose posts need one
	postArchive = 10080                  // minutes of silence until the post is put away: the longest there is
)

// begin begins a post in a forum.
func (b *Bot) begin(ctx context.Context, c *channel, what m) (chat.MessageID, error) {
	delete(what, "nonce") // a post has none: after a crash it is looked for
	delete(what, "enforce_nonce")
	in := m{"name": postTitle, "auto_archive_duration": postArchive, "message": what}
	if c.Flags&wantsTag != 0 && len(c.Tags) > 0 {
		in["applied_tags"] = []string{c.Tags[0].ID}
	}
	var made channel
	if err := b.call(ctx, "POST", discordgo.EndpointChannelThreads(c.ID), in, &made); err != nil {
		return "", err
	}
	return messageID(c.ID, made.ID, made.ID), nil
}

// begun finds a post of the bot's own in a forum, by the mark of its effect.
func (b *Bot) begun(ctx context.Context, c *channel, name string) (chat.MessageID, bool, error) {
	if err := b.threads(ctx, c.Guild); err != nil {
		return "", false, err
	}
	b.mu.Lock()
	var posts []string
	for id, t := range b.channels {
		if t.Thread != nil && t.Parent == c.ID && t.Owner == b.me {
			posts = append(posts, id)
		}
	}
	b.mu.Unlock()
	for _, p := range posts {
		found, err := b.own(ctx, p, func(x message) bool { return strings.Contains(string(x.Components), name) })
		if errors.Is(err, bots.ErrGone) {
			continue
		}
		return messageID(c.ID, p, found.ID), err == nil, err
	}
	return "", false, nil
}
