package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
)

// Decided is what was decided about a message, for pages and contracts.
type Decided struct {
	Message  chat.MessageID
	Revision int64
	Label    string // clean, prompted, watched
	Prompt   string // the prompt it is in, if any
	State    prompt.State
	Record   string // the record it was filed as, if any
}

// Decided looks up what was decided about messages of a chat. A message that
// has not been settled is missing from the answer.
func (s *Store) Decided(ctx context.Context, id chat.ID, messages []chat.MessageID) ([]Decided, error) {
	wanted := make([]string, len(messages))
	for i, m := range messages {
		wanted[i] = string(m)
	}
	rows, err := s.query(ctx, `SELECT m.id, m.revision, m.label, m.prompt, coalesce(p.body ->> 'State', ''),
			coalesce((SELECT r.id FROM records r WHERE r.prompt = m.prompt AND m.prompt <> '' AND r.filed > 0 AND r.body ->> 'form' <> 'reason' ORDER BY r.filed DESC LIMIT 1), '')
		FROM json_each(?) j JOIN messages m ON m.id = j.value AND m.chat = (SELECT n FROM chats WHERE account = ? AND id = ?)
		LEFT JOIN prompts p ON p.id = m.prompt`, list(wanted), string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(d *Decided) []any {
		return []any{&d.Message, &d.Revision, &d.Label, &d.Prompt, &d.State, &d.Record}
	})
}

// Deed is one thing that was done, or is planned, in a chat.
type Deed struct {
	Kind    engine.Kind
	At      time.Time // when it ended; when it is due, while unfinished
	Outcome engine.Outcome
	Record  string
}

// Trail lists what was done in a chat, the newest first.
func (s *Store) Trail(ctx context.Context, id chat.ID, limit int) ([]Deed, error) {
	rows, err := s.query(ctx, `SELECT kind, CASE WHEN outcome = '' THEN due ELSE ended END, outcome, record FROM actions
		WHERE chat = (SELECT n FROM chats WHERE account = ? AND id = ?) AND kind <> 'revise' ORDER BY ended DESC LIMIT ?`,
		string(id.Account), id.Local, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Deed
	for rows.Next() {
		var d Deed
		var at int64
		if err := rows.Scan(&d.Kind, &at, &d.Outcome, &d.Record); err != nil {
			return nil, err
		}
		d.At = fromMillis(at)
		out = append(out, d)
	}
	return out, rows.Err()
}

// NextReminder is when the clock next has something to do with a prompt of the
// chat; the zero time when it has nothing.
func (s *Store) NextReminder(ctx context.Context, id chat.ID) (time.Time, error) {
	var due int64
	err := s.queryOne(ctx, `SELECT coalesce(min(due), 0) FROM prompts
		WHERE waiting = 1 AND due > 0 AND chat = (SELECT n FROM chats WHERE account = ? AND id = ?)`,
		[]any{string(id.Account), id.Local}, &due)
	return fromMillis(due), err
}

// Filed is a record with its receipt; a receipt without a place is a record
// that is still being filed.
type Filed struct {
	Record  record.Record
	Receipt record.Receipt
}

// Records lists the captures, the newest first.
func (s *Store) Records(ctx context.Context, limit int) ([]Filed, error) {
	rows, err := s.query(ctx, "SELECT body, receipt FROM records ORDER BY captured DESC LIMIT ?", limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Filed
	for rows.Next() {
		var f Filed
		var body, receipt []byte
		if err := rows.Scan(&body, &receipt); err != nil {
			return nil, err
		}
		if err := f.decode(body, receipt); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// Record looks one capture up. record.ErrNotFound when there is none.
func (s *Store) Record(ctx context.Context, id string) (Filed, error) {
	var f Filed
	var body, receipt []byte
	err := s.queryOne(ctx, "SELECT body, receipt FROM records WHERE id = ?",
		[]any{id}, &body, &receipt)
	if errors.Is(err, sql.ErrNoRows) {
		return f, record.ErrNotFound
	} else if err != nil {
		return f, err
	}
	return f, f.decode(body, receipt)
}

func (f *Filed) decode(body, receipt []byte) error {
	if err := json.Unmarshal(body, &f.Record); err != nil || len(receipt) == 0 {
		return err
	}
	return json.Unmarshal(receipt, &f.Receipt)
}

// Aside is an event that could not be scanned, without its text.
type Aside struct {
	Chat     chat.ID
	Message  chat.MessageID
	Received time.Time
	Tries    int
}

// SetAside lists the events that could not be scanned, the newest first.
func (s *Store) SetAside(ctx context.Context, limit int) ([]Aside, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, e.message, e.received, e.tries FROM events e
		JOIN chats c ON c.n = e.chat WHERE e.state = 2 ORDER BY e.seq DESC LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Aside
	for rows.Next() {
		var a Aside
		var at int64
		if err := rows.Scan(&a.Chat.Account, &a.Chat.Local, &a.Message, &at, &a.Tries); err != nil {
			return nil, err
		}
		a.Received = fromMillis(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

// Waits counts the prompts that wait for their members, and how many of them
// have been escalated. It counts prompts, never people.
func (s *Store) Waits(ctx context.Context) (open, escalated int, err error) {
	err = s.queryOne(ctx, `SELECT count(*), count(*) FILTER (WHERE body ->> 'State' = 'escalated') FROM prompts WHERE waiting = 1`,
		nil, &open, &escalated)
	return open, escalated, err
}
