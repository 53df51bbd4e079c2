package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// readings stores how far the reading of files is. What one needed to go on is
// forgotten when it is over, or when its message is gone.
func (t *tx) readings(row chatRow, in engine.Settlement) error {
	for _, m := range in.Messages {
		if m.Deleted {
			if err := t.unreadNow(row, m); err != nil {
				return err
			}
		}
	}
	for _, r := range in.Readings {
		if err := t.reading(row, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) reading(row chatRow, r engine.Reading) error {
	var slot uint64
	var sealed []byte
	if !r.Due.IsZero() {
		b, err := json.Marshal(r.Sealed)
		if err != nil {
			return err
		}
		if slot, err = t.slot(); err != nil {
			return err
		}
		if sealed, err = t.seal(slot, string(b)); err != nil {
			return err
		}
	}
	files, err := json.Marshal(r.Files)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO readings (chat, message, revision, member, at, since, due, tries, routine, slot, sealed, files) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (chat, message) DO UPDATE SET revision = excluded.revision, since = excluded.since, due = excluded.due, tries = excluded.tries,
		routine = excluded.routine, slot = excluded.slot, sealed = excluded.sealed, files = excluded.files`,
		row.n, string(r.Message), r.Revision, string(r.Member), millis(r.At), millis(r.Since), millis(r.Due), r.Tries, bit(r.Routine), int64(slot), sealed, string(files)); err != nil {
		return err
	}
	if !r.Due.IsZero() {
		return nil
	}
	if r.Routine {
		if err := t.exec("UPDATE messages SET class = ? WHERE chat = ? AND id = ? AND revision = ? AND class = ''",
			string(engine.Routine), row.n, string(r.Message), r.Revision); err != nil {
			return err
		}
	}
	for i, f := range r.Files {
		if f.Why == "" {
			continue
		}
		key, g := fmt.Sprintf("file/%s/%d/%s", r.Message, i, f.ID), engine.Gap{Kind: f.Why, Since: r.At, Until: r.At, Message: r.Message}
		if f.Why == chat.FilePicture { // told once for a day: of most chats they are the half
			day := r.At.UTC().Truncate(24 * time.Hour)
			key, g = "pictures/"+day.Format(time.DateOnly), engine.Gap{Kind: f.Why, Since: day, Until: day.Add(24 * time.Hour)}
		}
		if err := t.gap(row.n, key, g); err != nil {
			return err
		}
	}
	return nil
}

// unreadNow ends the reading of the files of a message that was deleted.
func (t *tx) unreadNow(row chatRow, m engine.Message) error {
	n, err := t.change("UPDATE readings SET due = 0, slot = 0, sealed = NULL WHERE chat = ? AND message = ? AND due > 0", row.n, string(m.ID))
	if err != nil || n == 0 {
		return err
	}
	return t.gap(row.n, "file/"+string(m.ID)+"/deleted", engine.Gap{Kind: chat.FileGone, Since: m.At, Until: m.At, Message: m.ID})
}

// DueReadings implements engine.Readings.
func (s *Store) DueReadings(ctx context.Context, now time.Time, most int) (due []engine.Reading, next time.Time, err error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, r.message FROM readings r JOIN chats c ON c.n = r.chat
		WHERE r.due > 0 AND r.due <= ? ORDER BY r.due LIMIT ?`, millis(now), most)
	if err != nil {
		return nil, next, err
	}
	if due, err = collect(rows, func(r *engine.Reading) []any { return []any{&r.Chat.Account, &r.Chat.Local, &r.Message} }); err != nil {
		return nil, next, err
	}
	var at int64
	err = s.queryOne(ctx, "SELECT coalesce(min(due), 0) FROM readings WHERE due > ?", []any{max(millis(now), 0)}, &at)
	return due, fromMillis(at), err
}

// Reading implements engine.Readings.
func (s *Store) Reading(ctx context.Context, id chat.ID, message chat.MessageID) (r engine.Reading, load engine.Load, there bool, err error) {
	if load, err = s.Take(ctx, id, 0); err != nil {
		return r, load, false, err
	}
	r = engine.Reading{Chat: id, Message: message}
	var n, at, since, due int64
	var slot uint64
	var sealed, files []byte
	err = s.queryOne(ctx, `SELECT r.chat, r.revision, r.member, r.at, r.since, r.due, r.tries, r.routine, r.slot, r.sealed, r.files
		FROM readings r JOIN chats c ON c.n = r.chat JOIN messages m ON m.chat = r.chat AND m.id = r.message
		WHERE c.account = ? AND c.id = ? AND r.message = ? AND r.due > 0 AND m.deleted = 0 AND m.revision = r.revision`,
		[]any{string(id.Account), id.Local, string(message)}, &n, &r.Revision, &r.Member, &at, &since, &due, &r.Tries, &r.Routine, &slot, &sealed, &files)
	if errors.Is(err, sql.ErrNoRows) {
		return r, load, false, nil
	} else if err != nil {
		return r, load, false, err
	}
	r.At, r.Since, r.Due = fromMillis(at), fromMillis(since), fromMillis(due)
	plain, err := s.unseal(slot, sealed)
	if err != nil {
		return r, load, false, err
	}
	if json.Unmarshal([]byte(plain), &r.Sealed) != nil || json.Unmarshal(files, &r.Files) != nil {
		return r, load, false, fmt.Errorf("%w: the reading of a file cannot be read", ErrDamaged)
	}
	load.Prompts, err = s.concerned(ctx, id, n, []engine.Pending{{Event: chat.Event{Kind: chat.Edited, Member: r.Member, Message: message}}})
	return r, load, true, err
}

// fileStates loads what is known of the files of messages that were edited.
func (s *Store) fileStates(ctx context.Context, n int64, events []engine.Pending) (map[chat.MessageID]engine.Known, error) {
	var ids []string
	for _, p := range events {
		if p.Event.Kind == chat.Edited {
			ids = append(ids, string(p.Event.Message))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := s.query(ctx, "SELECT message, files, slot, sealed FROM readings WHERE chat = ? AND message IN (SELECT value FROM json_each(?))", n, list(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[chat.MessageID]engine.Known{}
	for rows.Next() {
		var m chat.MessageID
		var files, sealed []byte
		var slot uint64
		if err := rows.Scan(&m, &files, &slot, &sealed); err != nil {
			return nil, err
		}
		plain, err := s.unseal(slot, sealed)
		if err != nil {
			return nil, err
		}
		var k engine.Known
		var where engine.Unread
		if json.Unmarshal(files, &k.States) != nil || plain != "" && json.Unmarshal([]byte(plain), &where) != nil {
			return nil, fmt.Errorf("%w: the reading of a file cannot be read", ErrDamaged)
		}
		k.Files = where.Files
		out[m] = k
	}
	return out, rows.Err()
}

// attached is what is sealed of the files of an event.
type attached struct {
	Files []chat.File
	Kept  bool
}

// sealFiles seals where the files of an event are; nothing where it has none.
func (t *tx) sealFiles(slot uint64, ev *chat.Event) ([]byte, error) {
	if len(ev.Files) == 0 && !ev.FilesKept {
		return nil, nil
	}
	b, err := json.Marshal(attached{ev.Files, ev.FilesKept})
	if err != nil {
		return nil, err
	}
	return t.seal(slot, string(b))
}

// openFiles opens what sealFiles sealed.
func (s *Store) openFiles(slot uint64, sealed []byte, ev *chat.Event) error {
	if len(sealed) == 0 {
		return nil
	}
	plain, err := s.unseal(slot, sealed)
	if err != nil {
		return err
	}
	var a attached
	if json.Unmarshal([]byte(plain), &a) != nil {
		return fmt.Errorf("%w: where the files of a message are cannot be read", ErrDamaged)
	}
	ev.Files, ev.FilesKept = a.Files, a.Kept
	return nil
}

// forgetReadings lets go what is known of files that were read before a time.
func (t *tx) forgetReadings(until time.Time, chats, members string) error {
	_, err := t.change(`DELETE FROM readings WHERE (chat, message) IN (SELECT r.chat, r.message FROM readings r JOIN chats c ON c.n = r.chat
		WHERE r.due = 0 AND r.since < ? AND`+unheld("r.member")+` LIMIT ?)`,
		millis(until), chats, members, atATime)
	return err
}
