package slack

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// channel is what is known of a channel, until it is forgotten.
type channel struct {
	id, name, creator                                  string
	private, general, archived, shared, readOnly, ours bool
	adminSees                                          bool
	until                                              time.Time
}

// remember is how long a channel is known without asking again. What Slack
// tells of changes makes it forgotten at once.
const remember = 10 * time.Minute

// kind is what a chat is for, as far as Slack says.
func (c *channel) kind() chat.Kind {
	if c.shared {
		return chat.Partner
	}
	return chat.Team
}

func fromSlack(c *slack.Channel) *channel {
	return &channel{
		id: c.ID, name: c.Name, creator: c.Creator, private: c.IsPrivate || c.IsGroup && !c.IsChannel, general: c.IsGeneral, archived: c.IsArchived,
		shared: c.IsExtShared, readOnly: c.IsReadOnly, ours: c.IsMember,
	}
}

// channel looks a channel up.
func (b *Bot) channel(ctx context.Context, local string) (*channel, error) {
	b.mu.Lock()
	c := b.channels[local]
	b.mu.Unlock()
	if c != nil && b.o.Now().Before(c.until) {
		return c, nil
	}
	got, err := b.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: local})
	if err != nil {
		return nil, outcome(err)
	}
	c = fromSlack(got)
	if b.admin != nil {
		_, err := b.admin.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: local})
		switch name := word(err); {
		case err == nil:
			c.adminSees = true
		case name == "":
			return nil, outcome(err) // not known now
		}
	}
	c.until = b.o.Now().Add(remember)
	b.mu.Lock()
	b.channels[local] = c
	b.mu.Unlock()
	return c, nil
}

// recall keeps what a list says of a channel, so that a large workspace is not
// looked up one by one. It does not say who may post, which shows when it is
// refused, nor what an administrator sees.
func (b *Bot) recall(c channel) {
	if b.admin != nil {
		return
	}
	c.until = b.o.Now().Add(remember)
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.channels[c.id]; old == nil || !b.o.Now().Before(old.until) {
		b.channels[c.id] = &c
	}
}

func (b *Bot) forget(local string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.channels, local)
}

// mine lists the channels that the bot is in.
func (b *Bot) mine(ctx context.Context) ([]*channel, error) {
	var out []*channel
	p := &slack.GetConversationsForUserParameters{Types: b.types(), Limit: pageSize}
	if len(p.Types) == 0 {
		return nil, fmt.Errorf("slack: the app may read no channels: give it channels:read")
	}
	for {
		if err := b.pace.wait(ctx, "users.conversations"); err != nil {
			return nil, err
		}
		list, next, err := b.api.GetConversationsForUserContext(ctx, p)
		if err != nil {
			return nil, outcome(err)
		}
		for i := range list {
			if !list[i].IsArchived {
				c := fromSlack(&list[i])
				c.ours = true
				out = append(out, c)
				b.recall(*c)
			}
		}
		if next == "" {
			return out, nil
		}
		p.Cursor = next
	}
}

// types are those of the conversations that the bot may know of.
func (b *Bot) types() []string {
	var out []string
	if b.may("channels:read") {
		out = append(out, "public_channel")
	}
	if b.may("groups:read") {
		out = append(out, "private_channel")
	}
	return out
}

// may reports whether the bot's token has a scope; where Slack did not say
// which it has, it is tried.
func (b *Bot) may(scope string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.scopes) == 0 || slices.Contains(b.scopes, scope)
}

// Abilities implements bots.Bot.
func (b *Bot) Abilities(ctx context.Context, id chat.ID) (bots.Abilities, error) {
	if id.Account != Account {
		return nil, fmt.Errorf("there is no such Slack channel: %w", bots.ErrGone)
	}
	if b.whole(id.Local) {
		return b.wholeAbilities(), nil
	}
	c, err := b.channel(ctx, id.Local)
	if err != nil {
		return nil, err
	}
	no := func(why string) bots.Ability { return bots.Ability{Why: why} }
	yes := bots.Ability{Level: bots.Yes}
	able := bots.Abilities{bots.Delete: b.deletes(c), bots.Remove: b.removes(c), bots.Post: yes}
	for _, k := range []bots.Kind{bots.Whisper, bots.Revise, bots.Remind, bots.Tell} {
		able[k] = b.privately()
	}
	switch {
	case !c.ours:
		able[bots.Post], able[bots.Remove] = no("Chaperone is not in this channel."), no("Chaperone is not in this channel.")
	case !b.may("chat:write"):
		able[bots.Post] = no("The Slack app has not been given chat:write.")
	case c.archived:
		able[bots.Post] = no("This channel is archived.")
	case c.readOnly:
		able[bots.Post] = no("Only administrators may post in this channel.")
	}
	return able, nil
}

// privately says whether the bot can write to people alone.
func (b *Bot) privately() bots.Ability {
	for _, scope := range []string{"chat:write", "im:write"} {
		if !b.may(scope) {
			return bots.Ability{Why: "The Slack app has not been given " + scope + "."}
		}
	}
	return bots.Ability{Level: bots.Yes}
}

// deletes says whether messages of members can be deleted in a channel.
func (b *Bot) deletes(c *channel) bots.Ability {
	switch {
	case c.archived:
		return bots.Ability{Why: "This channel is archived: nothing in it can be changed."}
	case b.o.Delete == ByAdministrator && c.adminSees:
		return bots.Ability{Level: bots.Yes}
	case b.o.Delete == ByAdministrator:
		return bots.Ability{Why: "The administrator whose token is used is not in this private channel, so senders are asked to delete."}
	case b.o.Delete == BySender && len(b.senders) > 0:
		return bots.Ability{Level: bots.Yes}
	}
	return bots.Ability{Why: "On Slack a bot cannot delete what others wrote, so senders are asked to."}
}

// removes says whether members can be removed from a channel.
func (b *Bot) removes(c *channel) bots.Ability {
	scope := "channels:manage"
	if c.private {
		scope = "groups:write"
	}
	switch {
	case c.general:
		return bots.Ability{Why: "Slack lets nobody be removed from the channel that everybody is in. Deactivate the account instead."}
	case c.archived:
		return bots.Ability{Why: "This channel is archived: nobody can be removed from it."}
	case !b.may(scope):
		return bots.Ability{Why: "The Slack app has not been given " + scope + "."}
	}
	return bots.Ability{Level: bots.Yes}
}
