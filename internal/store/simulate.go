package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// Past is what was found in one message as it last read, and in which
// circumstances.
type Past struct {
	Chat     chat.ID
	Message  chat.MessageID
	Member   chat.MemberID
	At       time.Time
	Facts    policy.Facts
	Findings []rules.Finding // without a class where it was not kept
}

// Past lists the messages in which something was found since a time. It is what
// a change of policies is held against.
func (s *Store) Past(ctx context.Context, since time.Time) ([]Past, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, c.kind, m.id, m.member, m.at, d.body
		FROM decisions d JOIN messages m ON m.chat = d.chat AND m.id = d.message AND m.revision = d.revision JOIN chats c ON c.n = d.chat
		WHERE d.decided >= ? ORDER BY d.n`, millis(since))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Past
	for rows.Next() {
		var p Past
		var kind chat.Kind
		var at int64
		var raw []byte
		if err := rows.Scan(&p.Chat.Account, &p.Chat.Local, &kind, &p.Message, &p.Member, &at, &raw); err != nil {
			return nil, err
		}
		var b body
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("%w: a decision cannot be read (%v)", ErrDamaged, err)
		}
		p.At, p.Facts, p.Findings = fromMillis(at), b.Facts, b.Findings
		if p.Facts.Chat == "" {
			p.Facts.Chat = kind
		}
		for i := range p.Findings {
			if i < len(b.Classes) {
				p.Findings[i].Class = b.Classes[i]
			}
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
