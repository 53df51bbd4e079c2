package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
)

// ask counts a prompt against its member's budget, in the transaction that
// starts to show it. Where the budget has no room it is an *engine.PutOff.
func (t *tx) ask(now time.Time, a *engine.Action) error {
	pace := a.Ask.Pace
	st, err := t.stmt("SELECT at FROM asked WHERE account = ? AND member = ? AND at >= ? AND prompt <> ?")
	if err != nil {
		return err
	}
	since := pace.Day(now)
	if b := now.Add(-pace.Between); b.Before(since) {
		since = b
	}
	rows, err := st.QueryContext(t.ctx, string(a.Chat.Account), string(a.Member), millis(since), a.Prompt)
	if err != nil {
		return err
	}
	stamps, err := collect(rows, func(n *int64) []any { return []any{n} })
	if err != nil {
		return err
	}
	asked := make([]time.Time, len(stamps))
	for i, n := range stamps {
		asked[i] = fromMillis(n)
	}
	if w := a.Ask.Allow(now, asked); !w.Until.IsZero() {
		return &engine.PutOff{Wait: w}
	}
	return t.exec("INSERT INTO asked (prompt, account, member, at) VALUES (?, ?, ?, ?) ON CONFLICT (prompt) DO UPDATE SET at = excluded.at",
		a.Prompt, string(a.Chat.Account), string(a.Member), millis(now))
}

// forgetAsked lets go what no budget counts any more.
func (t *tx) forgetAsked(now time.Time) error {
	return t.exec("DELETE FROM asked WHERE at < ?", millis(now.Add(-48*time.Hour)))
}

// claims stores that exceptional circumstances were claimed.
func (t *tx) claims(row chatRow, in engine.Settlement) error {
	for _, c := range in.Claims {
		b, err := json.Marshal(c.Lines)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO claims (record, chat, day, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (record) DO NOTHING",
			c.Record, row.n, c.Of, millis(c.At), string(b)); err != nil {
			return err
		}
	}
	return nil
}

// Claims implements engine.Colleagues.
func (s *Store) Claims(ctx context.Context, id chat.ID, of string) ([]engine.Claim, error) {
	rows, err := s.query(ctx, `SELECT record, at, body FROM claims WHERE day = ? AND chat = (SELECT n FROM chats WHERE account = ? AND id = ?) ORDER BY at, record`,
		of, string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Claim
	for rows.Next() {
		c := engine.Claim{Of: of}
		var at int64
		var b []byte
		if err := rows.Scan(&c.Record, &at, &b); err != nil {
			return nil, err
		}
		c.At, c.Lines = fromMillis(at), []policy.Line{}
		if err := json.Unmarshal(b, &c.Lines); err != nil {
			return nil, fmt.Errorf("%w: a claim cannot be read", ErrDamaged)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// Told implements engine.Colleagues.
func (s *Store) Told(ctx context.Context, id chat.ID, member chat.MemberID, what prompt.What) (engine.Shown, bool, error) {
	rows, err := s.query(ctx, `SELECT shown, busy, view, body FROM prompts WHERE member = ? AND about = ? AND chat = (SELECT n FROM chats WHERE account = ? AND id = ?)
		ORDER BY body ->> 'Opened' DESC LIMIT 1`, string(member), string(what), string(id.Account), id.Local)
	if err != nil {
		return engine.Shown{}, false, err
	}
	found, err := scanPrompts(rows)
	if err != nil || len(found) == 0 {
		return engine.Shown{}, false, err
	}
	return found[0], true, nil
}

// Sitting implements engine.Colleagues.
func (s *Store) Sitting(ctx context.Context, id chat.ID) ([]engine.Sitter, error) {
	rows, err := s.query(ctx, `SELECT p.member, coalesce(m.name, ''), p.admin + p.owner > 0, coalesce(nullif(m.link, ''), m.person, ''), coalesce(m.bot, 0) > 0
		FROM memberships p JOIN chats c ON c.roster = p.chat
		LEFT JOIN members m ON m.account = c.account AND m.id = coalesce((SELECT i.member FROM member_ids i WHERE i.account = c.account AND i.id = p.member), p.member)
		WHERE c.account = ? AND c.id = ? ORDER BY p.member`, string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(x *engine.Sitter) []any { return []any{&x.Member, &x.Name, &x.Admin, &x.Person, &x.Bot} })
}

// SeatsOf implements engine.Colleagues.
func (s *Store) SeatsOf(ctx context.Context, m hold.Member) ([]chat.ID, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id FROM memberships p JOIN chats c ON c.roster = p.chat WHERE c.account = ? AND p.member = ? ORDER BY p.since, c.n`,
		string(m.Account), string(m.ID))
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *chat.ID) []any { return []any{&id.Account, &id.Local} })
}
