package discord

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Server implements bots.Servers. A server may have a thousand channels and fifty
// thousand members: members of the same roles may do the same in a channel, unless
// it says something of one of them alone, and channels with the same exceptions
// have the same members. So it is worked out once for each kind of both.
func (b *Bot) Server(ctx context.Context, id chat.ID) (bots.Server, error) {
	if err := b.known(ctx, id.Local); err != nil {
		return bots.Server{}, err
	}
	c := b.channel(id.Local)
	if id.Account != Account || c == nil {
		return bots.Server{}, fmt.Errorf("there is no Discord channel %q: %w", id.Local, bots.ErrGone)
	}
	list, err := b.members(ctx, c.Guild)
	if err != nil {
		return bots.Server{}, err
	}
	b.mu.Lock()
	known := b.guilds[c.Guild]
	if known == nil {
		b.mu.Unlock()
		return bots.Server{}, bots.ErrGone
	}
	known.list = nil // it is large, and kept elsewhere
	g := &guild{ID: known.ID, Owner: known.Owner, Roles: slices.Clone(known.Roles)}
	same, like := map[string][]chat.ID{}, map[string]*channel{}
	for local, c := range b.channels {
		if c.Guild == g.ID && c.talk() && known.sees(b.me, c) {
			key := exceptions(c)
			same[key], like[key] = append(same[key], b.id(local)), c
		}
	}
	b.mu.Unlock() // what follows may take a while
	slices.SortFunc(list, func(x, y member) int { return cmp.Compare(x.User.ID, y.User.ID) })
	out := bots.Server{ID: g.ID, Members: make([]bots.Member, 0, len(list))}
	for _, who := range list {
		out.Members = append(out.Members, g.listed(who, g.may(who, nil)))
	}
	kinds := kindsOf(g, list)
	audiences := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(same)) {
		sits, sign := g.sits(list, kinds, like[key])
		if at, there := audiences[sign]; there && slices.Equal(out.Audiences[at].Members, sits) {
			out.Audiences[at].Chats = append(out.Audiences[at].Chats, same[key]...)
			continue
		}
		audiences[sign] = len(out.Audiences)
		out.Audiences = append(out.Audiences, bots.Audience{Chats: same[key], Members: sits})
	}
	for _, a := range out.Audiences {
		slices.SortFunc(a.Chats, func(x, y chat.ID) int { return cmp.Compare(x.Local, y.Local) })
	}
	return out, nil
}

// listed is a member as the platform vouches for them.
func (g *guild) listed(who member, p permissions) bots.Member {
	return bots.Member{ID: chat.MemberID(who.User.ID), Name: who.shown(), Bot: who.User.Bot, Owner: who.User.ID == g.Owner, Admin: p.has(administrator)}
}

// exceptions names what a channel says of who may do what in it.
func exceptions(c *channel) string {
	parts := make([]string, len(c.Overwrites))
	for i, o := range c.Overwrites {
		parts[i] = fmt.Sprint(o.ID, " ", o.Allow&int64(view), " ", o.Deny&int64(view))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// kindsOf gives for each member one who has the same roles: they may do the same
// wherever a channel says nothing of either alone. The owner is like nobody.
func kindsOf(g *guild, list []member) []int {
	first := map[string]int{}
	out := make([]int, len(list))
	for i, who := range list {
		roles := slices.Sorted(slices.Values(who.Roles))
		key := strings.Join(roles, ",")
		if who.User.ID == g.Owner {
			key = "owner"
		}
		if _, there := first[key]; !there {
			first[key] = i
		}
		out[i] = first[key]
	}
	return out
}

// sits lists the places of those who see a channel, and signs that list shortly.
func (g *guild) sits(list []member, kinds []int, c *channel) (sits []int, sign string) {
	alone := map[string]bool{}
	for _, o := range c.Overwrites {
		alone[o.ID] = true
	}
	sees := map[int]bool{} // by kind
	for i, who := range list {
		var may bool
		if alone[who.User.ID] {
			may = g.may(who, c).has(view)
		} else if known, there := sees[kinds[i]]; there {
			may = known
		} else {
			probe := member{Roles: who.Roles}
			if who.User.ID == g.Owner {
				probe = who
			}
			may = g.may(probe, c).has(view)
			sees[kinds[i]] = may
		}
		if may {
			sits = append(sits, i)
		}
	}
	if len(sits) == 0 {
		return nil, "0"
	}
	return sits, fmt.Sprint(len(sits), " ", sits[0], " ", sits[len(sits)-1])
}

var _ bots.Servers = (*Bot)(nil)
