package store

import (
	"context"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
)

// Present implements engine.Rosters: who is in one chat, by the id under which
// they are known, with whom they are known to be.
func (s *Store) Present(ctx context.Context, id chat.ID) ([]engine.Present, error) {
	rows, err := s.query(ctx, `SELECT ms.member, COALESCE(p.id, ms.member), COALESCE(p.name, ''), COALESCE(p.bot, 0), COALESCE(p.guest, ''),
			COALESCE(p.phone, ''), COALESCE(p.email, ''), CASE WHEN COALESCE(p.link, '') <> '' THEN p.link ELSE COALESCE(p.person, '') END
		FROM memberships ms JOIN chats c ON c.roster = ms.chat
		LEFT JOIN member_ids i ON i.account = c.account AND i.id = ms.member
		LEFT JOIN members p ON p.account = c.account AND p.id = COALESCE(i.member, ms.member)
		WHERE c.account = ? AND c.id = ? ORDER BY ms.member`, string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Present
	for rows.Next() {
		p := engine.Present{Member: directory.Member{Account: id.Account}}
		var listed chat.MemberID
		if err := rows.Scan(&listed, &p.ID, &p.Name, &p.Bot, &p.Guest, &p.Phone, &p.Email, &p.Person); err != nil {
			return nil, err
		}
		if listed != p.ID {
			p.Also = []chat.MemberID{listed}
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
