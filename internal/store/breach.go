package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/breach"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// past remembers that members were in a chat, before they are taken off its
// list.
func (t *tx) past(n int64, now time.Time, and string, args ...any) error {
	return t.exec(`INSERT INTO stays (chat, member, since, until, joined) SELECT chat, member, since, ?, joined FROM memberships WHERE chat = ?`+and+`
		ON CONFLICT (chat, member, since) DO UPDATE SET until = excluded.until`, append([]any{millis(now), n}, args...)...)
}

// Visibility implements engine.Breaches.
func (s *Store) Visibility(ctx context.Context, id chat.ID, messages []chat.MessageID) (sights []breach.Sight, present []breach.Presence, err error) {
	names := make([]string, len(messages))
	for i, m := range messages {
		names[i] = string(m)
	}
	rows, err := s.query(ctx, `SELECT m.id, m.at, m.gone FROM messages m JOIN chats c ON c.n = m.chat WHERE c.account = ? AND c.id = ?
		AND m.id IN (SELECT value FROM json_each(?)) ORDER BY m.at`, string(id.Account), id.Local, list(names))
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x breach.Sight
		var at, gone int64
		if err := rows.Scan(&x.Message, &at, &gone); err != nil {
			return nil, nil, err
		}
		x.From, x.Until = fromMillis(at), fromMillis(gone)
		sights = append(sights, x)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	present, err = s.presences(ctx, id)
	return sights, present, err
}

// presences lists who is, and who was, in a chat.
func (s *Store) presences(ctx context.Context, id chat.ID) ([]breach.Presence, error) {
	rows, err := s.query(ctx, `SELECT p.member, p.since, p.until, p.joined FROM (
			SELECT m.member, m.since, 0 AS until, m.joined FROM memberships m JOIN chats c ON c.roster = m.chat WHERE c.account = ? AND c.id = ?
			UNION SELECT s.member, s.since, s.until, s.joined FROM stays s JOIN chats c ON s.chat IN (c.n, c.roster) WHERE c.account = ? AND c.id = ?
		) AS p ORDER BY p.since, p.member`, string(id.Account), id.Local, string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []breach.Presence
	for rows.Next() {
		var p breach.Presence
		var since, until int64
		if err := rows.Scan(&p.Member, &since, &until, &p.Came); err != nil {
			return nil, err
		}
		p.Since, p.Until = fromMillis(since), fromMillis(until)
		out = append(out, p)
	}
	return out, rows.Err()
}

// Breaches implements engine.Breaches.
func (s *Store) Breaches(ctx context.Context) ([]breach.Record, error) {
	rows, err := s.query(ctx, "SELECT body FROM breaches ORDER BY id DESC")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []breach.Record
	for rows.Next() {
		var b []byte
		var r breach.Record
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("%w: a breach record cannot be read", ErrDamaged)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// breach stores what was done about a breach, with its audit entry.
func (t *tx) breach(row chatRow, in engine.Settlement) error {
	a := in.Breach
	if a == nil {
		return nil
	}
	before := "none"
	if err := t.row("SELECT state FROM breaches WHERE id = ?", []any{a.Record.ID}, &before); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	b, err := json.Marshal(a.Record)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO breaches (id, prompt, chat, state, closed, body) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, closed = excluded.closed, body = excluded.body`,
		a.Record.ID, a.Record.Prompt, row.n, string(a.Record.State), millis(a.Record.Ended), string(b)); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM breach_members WHERE breach = ?", a.Record.ID); err != nil {
		return err
	}
	for _, m := range a.Seen {
		if err := t.exec("INSERT INTO breach_members (breach, member, external, sure) VALUES (?, ?, ?, ?)",
			a.Record.ID, string(m.Member), string(m.Standing), bit(m.Sure)); err != nil {
			return err
		}
	}
	if err := t.exec("INSERT INTO breach_weighed (prompt) VALUES (?) ON CONFLICT (prompt) DO NOTHING", a.Record.Prompt); err != nil {
		return err
	}
	return t.log(in.Now, act{
		by: a.By, right: "role:governance", act: audit.Breach, of: audit.OfMatter, what: []string{"breach", a.Record.ID},
		before: before, after: a.What, ref: "breach:" + a.Record.ID,
	})
}

// Unweighed implements engine.Breaches.
func (s *Store) Unweighed(ctx context.Context) ([]engine.Shown, error) {
	rows, err := s.query(ctx, `SELECT p.shown, p.busy, p.view, p.body FROM prompts p
		WHERE NOT EXISTS (SELECT 1 FROM breach_weighed w WHERE w.prompt = p.id) ORDER BY p.id`)
	if err != nil {
		return nil, err
	}
	return scanPrompts(rows)
}

// Weighed implements engine.Breaches.
func (s *Store) Weighed(ctx context.Context, prompts []string) error {
	return s.write.do(ctx, func(t *tx) error {
		for _, p := range prompts {
			if err := t.exec("INSERT INTO breach_weighed (prompt) VALUES (?) ON CONFLICT (prompt) DO NOTHING", p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Seen lists who could have seen what a breach record is about, as of the last
// act. It is empty once their time has passed.
func (s *Store) Seen(ctx context.Context, id string) ([]breach.Seen, error) {
	rows, err := s.query(ctx, "SELECT member, external, sure FROM breach_members WHERE breach = ? ORDER BY external, member", id)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(x *breach.Seen) []any { return []any{&x.Member, &x.Standing, &x.Sure} })
}

// forgetStays lets go who was in which chat, and who could have seen what a
// closed breach record is about, but for what a hold covers.
func (t *tx) forgetStays(until time.Time, chats, members string) error {
	free := ` IN (SELECT c.n FROM chats c WHERE c.account || '/' || c.id NOT IN (SELECT value FROM json_each(?)))`
	if err := t.exec(`DELETE FROM stays WHERE until < ? AND chat NOT IN (SELECT h.roster FROM chats h WHERE h.account || '/' || h.id IN (SELECT value FROM json_each(?))) AND chat`+free+`
		AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.n = stays.chat AND c.account || '/' || stays.member IN (SELECT value FROM json_each(?)))`,
		millis(until), chats, chats, members); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM breach_members WHERE breach IN (SELECT id FROM breaches WHERE closed > 0 AND closed < ? AND chat`+free+`)`, millis(until), chats); err != nil {
		return err
	}
	return t.exec("DELETE FROM breach_weighed WHERE NOT EXISTS (SELECT 1 FROM prompts p WHERE p.id = breach_weighed.prompt) AND NOT EXISTS (SELECT 1 FROM breaches b WHERE b.prompt = breach_weighed.prompt)")
}
