package discord

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// permissions are what somebody may do in a channel.
type permissions int64

// The permissions that matter here.
const (
	kick           permissions = 1 << 1
	administrator  permissions = 1 << 3
	viewAudit      permissions = 1 << 7
	view           permissions = 1 << 10
	send           permissions = 1 << 11
	manageMessages permissions = 1 << 13
	readHistory    permissions = 1 << 16
	sendInThreads  permissions = 1 << 38
	everything     permissions = -1
)

func (p permissions) has(want permissions) bool { return p&want == want }

// may computes what a member may do in a channel: roles joined, then the
// channel's changes for everyone, for roles, and for the member alone.
func (g *guild) may(who member, c *channel) permissions {
	if who.User.ID == g.Owner {
		return everything
	}
	var p permissions
	for _, r := range g.Roles {
		if r.ID == g.ID || slices.Contains(who.Roles, r.ID) {
			p |= permissions(r.Permissions)
		}
	}
	if p.has(administrator) {
		return everything
	}
	if c == nil {
		return p
	}
	var allow, deny permissions
	for _, o := range c.Overwrites {
		if o.ID == g.ID {
			p = p&^permissions(o.Deny) | permissions(o.Allow)
		} else if slices.Contains(who.Roles, o.ID) {
			allow, deny = allow|permissions(o.Allow), deny|permissions(o.Deny)
		}
	}
	p = p&^deny | allow
	for _, o := range c.Overwrites {
		if o.ID == who.User.ID {
			p = p&^permissions(o.Deny) | permissions(o.Allow)
		}
	}
	return p
}

func (g *guild) sees(me string, c *channel) bool {
	return g.may(member{User: user{ID: me}, Roles: g.own}, c).has(view)
}

// channel is what is known of a channel; nil where the bot is not in it.
func (b *Bot) channel(local string) *channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.channels[local]
}

// known waits until it is known whether the bot is in a channel: before the
// gateway has told of every server, one that is not known may yet come.
func (b *Bot) known(ctx context.Context, local string) error {
	for end := time.Now().Add(connectMost); ; sleep(ctx, connectLook) {
		b.mu.Lock()
		known := b.channels[local] != nil || b.ready && len(b.awaited) == 0
		b.mu.Unlock()
		switch {
		case known:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			return bots.Busy{After: notNow}
		}
	}
}

// Abilities implements bots.Bot.
func (b *Bot) Abilities(ctx context.Context, id chat.ID) (bots.Abilities, error) {
	if id.Account != Account {
		return nil, fmt.Errorf("%q is no Discord channel: %w", id.Account, bots.ErrGone)
	}
	if err := b.known(ctx, id.Local); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channels[id.Local]
	if c == nil || b.guilds[c.Guild] == nil {
		return nil, fmt.Errorf("there is no Discord channel %q: %w", id.Local, bots.ErrGone)
	}
	g := b.guilds[c.Guild]
	p := g.may(member{User: user{ID: b.me}, Roles: g.own}, c)
	yes := bots.Ability{Level: bots.Yes}
	able := bots.Abilities{bots.Whisper: yes, bots.Revise: yes, bots.Remind: yes, bots.Tell: yes, bots.Post: yes, bots.Delete: yes, bots.Remove: yes}
	switch {
	case !p.has(view | send):
		able[bots.Post] = bots.Ability{Why: "Its role may not send messages here: give it Send Messages."}
	}
	if !p.has(manageMessages) {
		able[bots.Delete] = bots.Ability{Why: "Its role may not delete what others wrote: give it Manage Messages."}
	}
	if !p.has(kick) {
		able[bots.Remove] = bots.Ability{Why: "Its role may not remove members: give it Kick Members, and set it above theirs."}
	}
	return able, nil
}

// Keeps implements bots.Backlog: Discord keeps everything.
func (b *Bot) Keeps() time.Duration { return 0 }

const (
	memberPage = 1000
	listFor    = time.Minute // a list of members is taken for true
)

// Members implements bots.Roster.
func (b *Bot) Members(ctx context.Context, id chat.ID) ([]bots.Member, error) {
	if err := b.known(ctx, id.Local); err != nil {
		return nil, err
	}
	c := b.channel(id.Local)
	if id.Account != Account || c == nil {
		return nil, fmt.Errorf("there is no Discord channel %q: %w", id.Local, bots.ErrGone)
	}
	list, err := b.members(ctx, c.Guild)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.guilds[c.Guild]
	if g == nil {
		return nil, bots.ErrGone
	}
	var out []bots.Member
	for _, who := range list {
		if p := g.may(who, c); p.has(view) {
			out = append(out, g.listed(who, p))
		}
	}
	return out, nil
}

// members lists everybody in a server.
func (b *Bot) members(ctx context.Context, id string) ([]member, error) {
	b.mu.Lock()
	g := b.guilds[id]
	if g != nil && g.list != nil && b.o.Now().Sub(g.as) < listFor {
		defer b.mu.Unlock()
		return g.list, nil
	}
	b.mu.Unlock()
	var all []member
	for last := "0"; ; {
		q := url.Values{"limit": {fmt.Sprint(memberPage)}, "after": {last}}
		var page []member
		if err := b.get(ctx, discordgo.EndpointGuildMembers(id)+"?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < memberPage {
			break
		}
		last = slices.MaxFunc(page, func(x, y member) int { return cmp.Or(len(x.User.ID)-len(y.User.ID), cmp.Compare(x.User.ID, y.User.ID)) }).User.ID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.guilds[id]; g != nil {
		g.list, g.as = all, b.o.Now()
	}
	return all, nil
}
