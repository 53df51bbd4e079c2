package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
)

// epochLength is the stretch of time whose texts of one chat share a key, and
// contextWindow how long after its arrival a text may still be context. The
// key goes when both have passed, so at most ten minutes after the window of
// its first text.
const (
	epochLength   = 10 * time.Minute
	contextWindow = 10 * time.Minute
)

// chatRow is a chat's number and what the writer knows of its current epoch.
type chatRow struct {
	n     int64
	list  int64 // whose list of members it has, mostly its own
	epoch int64
	slot  uint64
}

// chat finds the chat's row, making it with its notice as a due action where
// it is new.
func (t *tx) chat(id chat.ID, now time.Time) (chatRow, error) {
	if row, ok := t.w.chats[id.String()]; ok {
		return row, nil
	}
	var row chatRow
	err := t.row("SELECT n, roster FROM chats WHERE account = ? AND id = ?", []any{string(id.Account), id.Local}, &row.n, &row.list)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.row("INSERT INTO chats (account, id, name, kind) VALUES (?, ?, ?, ?) RETURNING n",
			[]any{string(id.Account), id.Local, "", string(chat.Team)}, &row.n)
		row.list = row.n
		if err == nil {
			err = t.exec("UPDATE chats SET roster = n WHERE n = ?", row.n)
		}
		if err == nil {
			err = t.plan(row.n, engine.Action{Key: fmt.Sprintf("notice/%d", row.n), Kind: "post", Due: now})
		}
		if err == nil {
			err = t.gap(row.n, "before", engine.Gap{Kind: chat.NotThere})
		}
	}
	if err != nil {
		return row, err
	}
	t.w.chats[id.String()] = row
	return row, nil
}

// epochSlot finds the key for texts that arrive in the chat now.
func (t *tx) epochSlot(id chat.ID, row chatRow, now time.Time) (uint64, error) {
	epoch := now.UnixMilli() / epochLength.Milliseconds()
	if row.slot != 0 && row.epoch == epoch {
		return row.slot, nil
	}
	var slot uint64
	err := t.row("SELECT slot FROM epochs WHERE chat = ? AND epoch = ?", []any{row.n, epoch}, &slot)
	if errors.Is(err, sql.ErrNoRows) {
		if slot, err = t.slot(); err == nil {
			err = t.exec("INSERT INTO epochs (chat, epoch, slot) VALUES (?, ?, ?)", row.n, epoch, int64(slot))
		}
	}
	if err != nil {
		return 0, err
	}
	row.epoch, row.slot = epoch, slot
	t.w.chats[id.String()] = row
	return slot, nil
}

// Receive implements engine.Inbox.
func (s *Store) Receive(ctx context.Context, now time.Time, events []chat.Event) error {
	return s.write.do(ctx, func(t *tx) error {
		for i := range events {
			if err := t.receive(now, &events[i]); err != nil {
				return fmt.Errorf("storing an event of %s: %w", events[i].Chat, err)
			}
		}
		return nil
	})
}

func (t *tx) receive(now time.Time, ev *chat.Event) error {
	row, err := t.chat(ev.Chat, now)
	if err != nil {
		return err
	}
	if ev.Kind == chat.Added && ev.ChatKind.Valid() {
		if err := t.exec("UPDATE chats SET name = ?, kind = ?, server = CASE WHEN ? = '' THEN server ELSE ? END WHERE n = ?",
			ev.Name, string(ev.ChatKind), ev.Server, ev.Server, row.n); err != nil {
			return err
		}
	}
	if err := errors.Join(t.gapsOf(row, ev, now), t.meet(row, now, ev), t.beginJoining(row, now, ev)); err != nil {
		return err
	}
	var slot uint64
	var text, files []byte
	if ev.Text != "" || len(ev.Files) > 0 || ev.FilesKept {
		if slot, err = t.epochSlot(ev.Chat, row, now); err != nil {
			return err
		}
		if text, err = t.seal(slot, ev.Text); err != nil {
			return err
		}
		if files, err = t.sealFiles(slot, ev); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO events (chat, key, kind, at, received, member, name, message, revision, prompt, answer, step, done, slot, text, files)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, key) DO NOTHING`,
		row.n, ev.Key, string(ev.Kind), millis(ev.At), millis(now), string(ev.Member), ev.Name, string(ev.Message),
		ev.Revision, ev.Prompt, ev.Answer, ev.Step, ev.Done, int64(slot), text, files)
}

// seal encrypts a text under a key of the ring.
func (t *tx) seal(slot uint64, text string) ([]byte, error) {
	box, err := t.w.ring.box(slot)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, []byte(text), nil), nil
}

// unseal opens a sealed text; an empty slot holds the empty text.
func (s *Store) unseal(slot uint64, text []byte) (string, error) {
	if slot == 0 {
		return "", nil
	}
	box, err := s.ring.box(slot)
	if err != nil {
		return "", err
	}
	plain, err := box.Open(nil, nil, text, nil)
	if err != nil {
		return "", fmt.Errorf("%w: a sealed text does not open", ErrDamaged)
	}
	return string(plain), nil
}

// Waiting implements engine.Inbox.
func (s *Store) Waiting(ctx context.Context) ([]chat.ID, error) {
	rows, err := s.query(ctx, `SELECT account, id FROM chats WHERE n IN (SELECT DISTINCT chat FROM events WHERE state = 0)`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *chat.ID) []any { return []any{&id.Account, &id.Local} })
}

// Take implements engine.Inbox.
func (s *Store) Take(ctx context.Context, id chat.ID, limit int) (engine.Load, error) {
	load := engine.Load{Chat: engine.Chat{ID: id, Kind: chat.Team}}
	var n int64
	err := s.queryOne(ctx, "SELECT n, name, kind, noticed FROM chats WHERE account = ? AND id = ?",
		[]any{string(id.Account), id.Local}, &n, &load.Chat.Name, &load.Chat.Kind, &load.Chat.Noticed)
	if errors.Is(err, sql.ErrNoRows) || limit == 0 || err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return load, err
	}
	if load.Events, err = s.events(ctx, id, n, limit); err != nil || len(load.Events) == 0 {
		return load, err
	}
	if load.Prompts, err = s.concerned(ctx, id, n, load.Events); err != nil {
		return load, err
	}
	if load.Chosen, err = s.chosen(ctx, id, n, load.Events); err != nil {
		return load, err
	}
	load.Read, err = s.fileStates(ctx, n, load.Events)
	return load, err
}

func (s *Store) events(ctx context.Context, id chat.ID, n int64, limit int) ([]engine.Pending, error) {
	rows, err := s.query(ctx, `SELECT seq, tries, key, kind, at, member, name, message, revision, prompt, answer, step, done, slot, text, files
		FROM events WHERE chat = ? AND state = 0 ORDER BY seq LIMIT ?`, n, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Pending
	for rows.Next() {
		p := engine.Pending{Event: chat.Event{Chat: id}}
		ev := &p.Event
		var at int64
		var slot uint64
		var text, files []byte
		if err := rows.Scan(&p.Seq, &p.Tries, &ev.Key, &ev.Kind, &at, &ev.Member, &ev.Name, &ev.Message, &ev.Revision,
			&ev.Prompt, &ev.Answer, &ev.Step, &ev.Done, &slot, &text, &files); err != nil {
			return nil, err
		}
		ev.At = fromMillis(at)
		if ev.Text, err = s.unseal(slot, text); err != nil {
			return nil, err
		}
		if err = s.openFiles(slot, files, ev); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// concerned loads the prompts that events speak of: by number, by the messages
// they cover, and those that wait for one of the members.
func (s *Store) concerned(ctx context.Context, id chat.ID, n int64, events []engine.Pending) ([]engine.Shown, error) {
	var ids, messages, members []string
	add := func(to *[]string, v string) {
		if v != "" && !slices.Contains(*to, v) {
			*to = append(*to, v)
		}
	}
	for _, p := range events {
		add(&ids, p.Event.Prompt)
		add(&members, string(p.Event.Member))
		if p.Event.Kind == chat.Edited || p.Event.Kind == chat.Deleted || p.Event.Kind == chat.Wanted {
			add(&messages, string(p.Event.Message))
		}
	}
	rows, err := s.query(ctx, `SELECT shown, busy, view, body FROM prompts WHERE chat = ? AND id IN (
			SELECT value FROM json_each(?)
			UNION SELECT prompt FROM prompt_messages WHERE chat = ? AND message IN (SELECT value FROM json_each(?))
			UNION SELECT id FROM prompts WHERE chat = ? AND waiting = 1 AND member IN (SELECT value FROM json_each(?))
			UNION SELECT id FROM prompts WHERE chat = ? AND sender IN (SELECT value FROM json_each(?)) AND sender <> '' AND waiting = 1)`,
		n, list(ids), n, list(messages), n, list(members), n, list(members))
	if err != nil {
		return nil, err
	}
	return scanPrompts(rows)
}

// Recent implements engine.Inbox.
func (s *Store) Recent(ctx context.Context, id chat.ID, since time.Time) ([]engine.Said, error) {
	const look = 20_000 // events: far more than one chat says in the window
	rows, err := s.query(ctx, `SELECT member, received, slot, text FROM events
		WHERE seq > (SELECT coalesce(max(seq), 0) - ? FROM events) AND state = 1 AND received > ? AND slot > 0
		AND chat = (SELECT n FROM chats WHERE account = ? AND id = ?) ORDER BY seq`,
		look, millis(since), string(id.Account), id.Local)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Said
	for rows.Next() {
		var said engine.Said
		var at int64
		var slot uint64
		var text []byte
		if err := rows.Scan(&said.Member, &at, &slot, &text); err != nil {
			return nil, err
		}
		said.At = fromMillis(at)
		if said.Text, err = s.unseal(slot, text); errors.Is(err, errErased) {
			continue // its key went a moment ago
		} else if err != nil {
			return nil, err
		}
		out = append(out, said)
	}
	return out, rows.Err()
}

func scanPrompts(rows *sql.Rows) ([]engine.Shown, error) {
	defer rows.Close()
	var out []engine.Shown
	for rows.Next() {
		var sh engine.Shown
		var body []byte
		if err := rows.Scan(&sh.Shown, &sh.Busy, &sh.View, &body); err != nil {
			return nil, err
		}
		sh.Prompt = &prompt.Prompt{}
		if err := json.Unmarshal(body, sh.Prompt); err != nil {
			return nil, fmt.Errorf("%w: a prompt cannot be read", ErrDamaged)
		}
		out = append(out, sh)
	}
	return out, rows.Err()
}

// collect reads rows into values.
func collect[T any](rows *sql.Rows, fields func(*T) []any) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(fields(&v)...); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// list passes strings to json_each, which is how a query takes a list:
// IN (SELECT value FROM json_each(?)).
func list(values []string) string {
	if len(values) == 0 {
		return "[]"
	}
	b, err := json.Marshal(values)
	if err != nil {
		return "[]"
	}
	return strings.ToValidUTF8(string(b), "")
}
