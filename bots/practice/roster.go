package practice

import (
	"context"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Members implements bots.Roster.
func (p *Platform) Members(_ context.Context, id chat.ID) ([]bots.Member, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r := p.rooms[id.Local]
	if r == nil || id.Account != account {
		return nil, bots.ErrGone
	}
	var out []bots.Member
	for _, m := range r.members() {
		out = append(out, bots.Member{ID: m.ID, Name: m.Name, Owner: m.Owner, Admin: m.Admin, Phone: m.Phone, Email: m.Email})
	}
	return out, nil
}
