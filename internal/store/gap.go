package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// gap notes a stretch that the bot cannot vouch for. The same key twice is the
// same stretch.
func (t *tx) gap(chatN int64, key string, g engine.Gap) error {
	return t.exec("INSERT INTO gaps (chat, key, kind, since, until, message, later) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, key) DO NOTHING",
		chatN, key, string(g.Kind), millis(g.Since), millis(g.Until), string(g.Message), bit(g.Later))
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// reads ends the stretch during which the bot was not in a chat.
func (t *tx) reads(chatN int64, now time.Time) error {
	return t.exec("UPDATE gaps SET until = ? WHERE chat = ? AND until = 0", millis(now), chatN)
}

// gapsOf notes what an event tells of the bot's own sight.
func (t *tx) gapsOf(row chatRow, ev *chat.Event, now time.Time) error {
	switch ev.Kind {
	case chat.Added:
		var noticed bool
		if err := t.row("SELECT noticed FROM chats WHERE n = ?", []any{row.n}, &noticed); err != nil || !noticed {
			return err
		}
		return t.reads(row.n, now)
	case chat.Removed:
		return t.gap(row.n, "removed/"+ev.Key, engine.Gap{Kind: chat.NotThere, Since: ev.At})
	case chat.Missed:
		return t.gap(row.n, "missed/"+ev.Key, engine.Gap{Kind: ev.Gap, Since: ev.Since, Until: ev.At, Message: ev.Message})
	}
	return nil
}

// deleted notes a deletion that the sender of the message and the bot had no
// part in, or that came before the message was read.
func (t *tx) deleted(row chatRow, m engine.Message) error {
	var sender string
	var ours bool
	err := t.row(`SELECT m.member, EXISTS (SELECT 1 FROM actions a WHERE a.chat = m.chat AND a.message = m.id AND a.kind = 'delete' AND a.started > 0)
		FROM messages m WHERE m.chat = ? AND m.id = ?`, []any{row.n, string(m.ID)}, &sender, &ours)
	g := engine.Gap{Kind: chat.ByOthers, Since: m.At, Until: m.At, Message: m.ID}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		g.Kind = chat.Unseen
	case err != nil:
		return err
	case ours || m.By == "" || string(m.By) == sender:
		return nil
	}
	return t.gap(row.n, "deleted/"+string(m.ID), g)
}

// Away implements engine.Gaps.
func (s *Store) Away(ctx context.Context, account chat.Account, since, until time.Time, later bool) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.exec(`INSERT INTO gaps (chat, key, kind, since, until, message, later)
			SELECT n, ?, ?, ?, ?, '', ? FROM chats WHERE account = ? AND NOT EXISTS (SELECT 1 FROM gaps g WHERE g.chat = chats.n AND g.until = 0)
			ON CONFLICT (chat, key) DO NOTHING`,
			fmt.Sprintf("offline/%d", millis(since)), string(chat.Offline), millis(since), millis(until), bit(later), string(account))
	})
}

// Gaps implements engine.Gaps.
func (s *Store) Gaps(ctx context.Context, id chat.ID) ([]engine.Gap, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, g.kind, g.since, g.until, g.message, g.later FROM gaps g JOIN chats c ON c.n = g.chat
		WHERE ? = '' OR (c.account = ? AND c.id = ?) ORDER BY c.account, c.id, g.since, g.n`, id.Local, string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Gap
	for rows.Next() {
		var g engine.Gap
		var since, until int64
		if err := rows.Scan(&g.Chat.Account, &g.Chat.Local, &g.Kind, &since, &until, &g.Message, &g.Later); err != nil {
			return nil, err
		}
		g.Since, g.Until = fromMillis(since), fromMillis(until)
		out = append(out, g)
	}
	return out, rows.Err()
}
