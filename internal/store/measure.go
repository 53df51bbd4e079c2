package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/measure"
	"chaperone/internal/prompt"
)

// Asking lists the prompts that were opened since a time, the oldest first.
func (s *Store) Asking(ctx context.Context, since time.Time) ([]prompt.Prompt, error) {
	rows, err := s.query(ctx, "SELECT body FROM prompts ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []prompt.Prompt
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var p prompt.Prompt
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fmt.Errorf("%w: a prompt cannot be read (%v)", ErrDamaged, err)
		}
		if !p.Opened.Before(since) {
			out = append(out, p)
		}
	}
	return out, rows.Err()
}

// Facts implements engine.Trends: what was found in which message since a time,
// but for what its sender judged not sensitive.
func (s *Store) Facts(ctx context.Context, since time.Time) ([]measure.Fact, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, c.kind, d.message, m.member, m.at, d.body FROM decisions d JOIN chats c ON c.n = d.chat
		JOIN messages m ON m.chat = d.chat AND m.id = d.message WHERE d.decided >= ? ORDER BY d.n`, millis(since))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []measure.Fact
	for rows.Next() {
		var f measure.Fact
		var at int64
		var raw []byte
		var b body
		if err := rows.Scan(&f.Chat.Account, &f.Chat.Local, &f.Kind, &f.Message, &f.Member, &at, &raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("%w: a decision cannot be read (%v)", ErrDamaged, err)
		}
		f.At = fromMillis(at)
		for _, x := range b.Findings {
			if f.Category = x.Category; !slices.Contains(x.Because, engine.NotSensitive) {
				out = append(out, f)
			}
		}
	}
	return out, rows.Err()
}

// SaveTrends implements engine.Trends.
func (s *Store) SaveTrends(ctx context.Context, now time.Time, all []measure.Trend) (news int, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		news = 0
		for _, x := range all {
			row, err := t.chat(x.Chat, now)
			if err != nil {
				return err
			}
			b, err := json.Marshal(x)
			if err != nil {
				return err
			}
			n, err := t.change("INSERT INTO trends (chat, quarter, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (chat, quarter) DO NOTHING", row.n, x.Quarter, millis(now), string(b))
			if err != nil {
				return err
			}
			news += int(n)
		}
		return nil
	})
	return news, err
}

// Trend is one that was reported, and whether somebody took note.
type Trend struct {
	measure.Trend
	At      time.Time
	Noted   time.Time
	NotedBy string
}

// Trends lists those that were reported, the newest first.
func (s *Store) Trends(ctx context.Context) ([]Trend, error) {
	rows, err := s.query(ctx, "SELECT at, body, noted, noted_by FROM trends ORDER BY at DESC, chat")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Trend
	for rows.Next() {
		var x Trend
		var at, noted int64
		var b []byte
		if err := rows.Scan(&at, &b, &noted, &x.NotedBy); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &x.Trend); err != nil {
			return nil, fmt.Errorf("%w: a trend cannot be read", ErrDamaged)
		}
		x.At, x.Noted = fromMillis(at), fromMillis(noted)
		out = append(out, x)
	}
	return out, rows.Err()
}

// NoteTrend stores that a person took note of one.
func (s *Store) NoteTrend(ctx context.Context, now time.Time, id chat.ID, quarter, by string) error {
	return s.write.do(ctx, func(t *tx) error {
		n, err := t.change("UPDATE trends SET noted = ?, noted_by = ? WHERE noted = 0 AND quarter = ? AND chat = (SELECT n FROM chats WHERE account = ? AND id = ?)",
			millis(now), by, quarter, string(id.Account), id.Local)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no trend of %s in %s waits for somebody. List them with: chaperone prompts trends", id, quarter)
		}
		return t.log(now, act{
			by: by, right: "role:governance", act: audit.Approve, of: audit.OfChat, what: []string{string(id.Account), id.Local, quarter},
			before: "reported", after: "noted", ref: "trend:" + quarter,
		})
	})
}
