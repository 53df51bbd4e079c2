package discord

import (
	"context"
	"errors"
	"net/url"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Discord does not tell who added the bot to a server. Its audit log does, to
// whoever may see it; else the owner of the server answers for its chats.

const botAdded = "28" // the act of the audit log

// auditMost is how many of the latest bots that were added are looked through.
const auditMost = "100"

// adder finds out once who added the bot to a server, where one of its chats is
// new.
func (b *Bot) adder(ctx context.Context, id string, chats bool) error {
	b.mu.Lock()
	g := b.guilds[id]
	if g == nil || b.adders[id] != "" {
		b.mu.Unlock()
		return nil
	}
	owner, me := g.Owner, b.me
	may := g.may(member{User: user{ID: me}, Roles: g.own}, nil).has(viewAudit)
	b.mu.Unlock()
	if !may {
		b.o.Log.Warn("Discord: who added the bot cannot be seen, and the server's owner is asked about new chats instead: give the bot's role View Audit Log", "server", id)
	}
	if !chats {
		return nil
	}
	who := ""
	if may {
		var log struct {
			Entries []struct {
				By     string `json:"user_id"`
				Target string `json:"target_id"`
			} `json:"audit_log_entries"` // the latest first
		}
		q := url.Values{"action_type": {botAdded}, "limit": {auditMost}}
		err := b.get(ctx, discordgo.EndpointGuildAuditLogs(id)+"?"+q.Encode(), &log)
		if err != nil && !errors.Is(err, bots.ErrForbidden) {
			return err
		}
		for _, e := range log.Entries {
			if e.Target == me && e.By != "" {
				who = e.By
				break
			}
		}
	}
	if who == "" || who == me {
		who = owner
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.adders[id] = who
	return nil
}

// by says who answers for a chat that the bot came into. The caller holds the
// lock.
func (b *Bot) by(ev *chat.Event, c *channel) {
	g := b.guilds[c.Guild]
	if g == nil {
		return
	}
	who := b.adders[g.ID]
	if who == "" {
		who = g.Owner
	}
	ev.Member, ev.Server, ev.ServerName = chat.MemberID(who), g.ID, g.Name
}
