package lab

import (
	"encoding/json"
	"strconv"
)

// Permissions is a set of permission bits. On the wire it is a decimal string.
type Permissions uint64

// The permissions that a bot of this kind meets.
const (
	Kick           Permissions = 1 << 1
	Administrator  Permissions = 1 << 3
	ManageChannels Permissions = 1 << 4
	ManageGuild    Permissions = 1 << 5
	AddReactions   Permissions = 1 << 6
	ViewAudit      Permissions = 1 << 7
	View           Permissions = 1 << 10
	Send           Permissions = 1 << 11
	ManageMessages Permissions = 1 << 13
	AttachFiles    Permissions = 1 << 15
	ReadHistory    Permissions = 1 << 16
	ManageThreads  Permissions = 1 << 34
	SendInThreads  Permissions = 1 << 38
	Moderate       Permissions = 1 << 40

	// Everyone is what an ordinary guild lets everyone do.
	Everyone = AddReactions | View | Send | AttachFiles | ReadHistory | SendInThreads
	all      = ^Permissions(0) >> 12
)

// Has reports whether all of want are there.
func (p Permissions) Has(want Permissions) bool { return p&want == want }

// MarshalJSON implements json.Marshaler.
func (p Permissions) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatUint(uint64(p), 10))
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Permissions) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := strconv.ParseUint(s, 10, 64)
	*p = Permissions(v)
	return err
}

// may computes what a user may do in a channel: the roles joined, then the
// channel's overwrites for everyone, for roles and for the member. A thread
// has its parent's. In a direct conversation its two ends may read and write.
func (l *Lab) may(user ID, c *Channel) Permissions {
	if c.Type == Direct {
		for _, u := range c.Recipients {
			if u.ID == user {
				return View | Send | ReadHistory | AddReactions | AttachFiles
			}
		}
		return 0
	}
	g := l.guilds[c.Guild]
	m := g.member(user)
	if m == nil {
		return 0
	}
	if c.thread() && c.Parent != nil {
		if parent := l.channels[*c.Parent]; parent != nil {
			c = parent
		}
	}
	base := l.base(g, m)
	if base.Has(Administrator) {
		return all
	}
	p := overwrite(base, c.Overwrites, g.ID)
	var allow, deny Permissions
	for _, o := range c.Overwrites {
		for _, r := range m.Roles {
			if o.Type == 0 && o.ID == r {
				allow, deny = allow|o.Allow, deny|o.Deny
			}
		}
	}
	p = p&^deny | allow
	p = overwrite(p, c.Overwrites, user)
	if !p.Has(View) {
		return 0
	}
	return p
}

// base is what a member's roles give in the guild at large.
func (l *Lab) base(g *Guild, m *Member) Permissions {
	if m.User.ID == g.Owner {
		return all
	}
	var p Permissions
	if r := g.role(g.ID); r != nil {
		p = r.Permissions
	}
	for _, id := range m.Roles {
		if r := g.role(id); r != nil {
			p |= r.Permissions
		}
	}
	if p.Has(Administrator) {
		return all
	}
	return p
}

func overwrite(p Permissions, list []Overwrite, id ID) Permissions {
	for _, o := range list {
		if o.ID == id {
			p = p&^o.Deny | o.Allow
		}
	}
	return p
}
