package slack

import (
	"cmp"
	"context"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// person is what is known of somebody, until then.
type person struct {
	name, email string
	bot         bool
	until       time.Time
}

const (
	knowFor   = time.Hour // somebody who was found
	unknowFor = time.Minute
	oneByOne  = 20 // members that are looked up singly; more are listed together
)

func (b *Bot) known(id string) (person, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.people[id]
	return p, ok && b.o.Now().Before(p.until)
}

func (b *Bot) learn(u *slack.User) person {
	p := person{
		name: cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name), bot: u.IsBot || u.IsAppUser || u.ID == "USLACKBOT",
		until: b.o.Now().Add(knowFor),
	}
	if u.RealName != "" {
		p.name = u.RealName
	}
	// An address from another organisation is theirs to vouch for.
	if !u.IsStranger && u.TeamID == b.self().team {
		p.email = u.Profile.Email
	}
	b.mu.Lock()
	b.people[u.ID] = p
	b.mu.Unlock()
	return p
}

// person looks somebody up; what cannot be learnt now is left empty.
func (b *Bot) person(ctx context.Context, id string) person {
	if p, ok := b.known(id); ok || id == "" {
		return p
	}
	u, err := b.api.GetUserInfoContext(ctx, id)
	if err == nil {
		return b.learn(u)
	}
	p := person{until: b.o.Now().Add(unknowFor)}
	b.mu.Lock()
	b.people[id] = p
	b.mu.Unlock()
	return p
}

// name fills in what the platform shows for the members of events.
func (b *Bot) name(ctx context.Context, events []chat.Event) {
	for i := range events {
		switch ev := &events[i]; ev.Kind {
		case chat.Posted, chat.Edited, chat.Joined:
			if ev.Name == "" {
				ev.Name = b.person(ctx, string(ev.Member)).name
			}
		}
	}
}

// inside lists who is in a channel.
func (b *Bot) inside(ctx context.Context, local string) (map[string]bool, error) {
	out := map[string]bool{}
	p := &slack.GetUsersInConversationParameters{ChannelID: local, Limit: 1000}
	for {
		ids, next, err := b.api.GetUsersInConversationContext(ctx, p)
		if err != nil {
			return nil, outcome(err)
		}
		for _, id := range ids {
			out[id] = true
		}
		if next == "" {
			return out, nil
		}
		p.Cursor = next
	}
}

// Members implements bots.Roster.
func (b *Bot) Members(ctx context.Context, id chat.ID) ([]bots.Member, error) {
	if b.whole(id.Local) {
		return b.everybody(ctx)
	}
	there, err := b.inside(ctx, id.Local)
	if err != nil {
		return nil, err
	}
	c, err := b.channel(ctx, id.Local)
	if err != nil {
		return nil, err
	}
	missing := 0
	for u := range there {
		if _, ok := b.known(u); !ok {
			missing++
		}
	}
	if missing > oneByOne {
		all, err := b.api.GetUsersContext(ctx)
		if err != nil {
			return nil, outcome(err)
		}
		for i := range all {
			b.learn(&all[i])
		}
	}
	out := make([]bots.Member, 0, len(there))
	for u := range there {
		p := b.person(ctx, u)
		out = append(out, bots.Member{
			ID: chat.MemberID(u), Name: p.name, Email: p.email, Bot: p.bot || u == b.self().user, Owner: u == c.creator,
		})
	}
	return out, nil
}
