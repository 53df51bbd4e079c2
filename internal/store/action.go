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
	"chaperone/internal/hold"
	"chaperone/internal/record"
)

// Due implements engine.Ledger. An action that comes after another is not due
// before that one is done.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]engine.Action, time.Time, error) {
	rows, err := s.query(ctx, `SELECT a.id, a.key, a.kind, c.account, c.id, a.member, a.message, a.prompt, a.record, a.after, a.due, a.started > 0, a.tries, a.version
		FROM actions a JOIN chats c ON c.n = a.chat
		WHERE a.outcome = '' AND a.due <= ? AND (a.after = '' OR EXISTS (SELECT 1 FROM actions b WHERE b.key = a.after AND b.outcome = 'done'))
		ORDER BY a.due, a.id LIMIT ?`, millis(now), limit)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer rows.Close()
	var out []engine.Action
	for rows.Next() {
		var a engine.Action
		var due int64
		if err := rows.Scan(&a.ID, &a.Key, &a.Kind, &a.Chat.Account, &a.Chat.Local, &a.Member, &a.Message, &a.Prompt, &a.Record,
			&a.After, &due, &a.Started, &a.Tries, &a.Version); err != nil {
			return nil, time.Time{}, err
		}
		a.Due = fromMillis(due)
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, time.Time{}, err
	}
	var next int64
	err = s.queryOne(ctx, "SELECT due FROM actions WHERE outcome = '' AND due > ? ORDER BY due LIMIT 1",
		[]any{millis(now)}, &next)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return out, fromMillis(next), err
}

// Start implements engine.Ledger. The fence of an action that destroys, and the
// audit entry about the attempt, are in the same transaction: no audit, no
// action.
func (s *Store) Start(ctx context.Context, now time.Time, a *engine.Action) error {
	return s.write.do(ctx, func(t *tx) error {
		if a.Kind.Destroys() {
			if err := t.startDestroying(now, a); err != nil {
				return err
			}
		}
		if a.Ask != nil {
			if err := t.ask(now, a); err != nil {
				return err
			}
		}
		return t.exec("UPDATE actions SET started = ?, version = ? WHERE id = ?", millis(now), a.Version, a.ID)
	})
}

// Later implements engine.Ledger.
func (s *Store) Later(ctx context.Context, now time.Time, a engine.Action) error {
	return s.write.do(ctx, func(t *tx) error {
		if a.Fence != "" {
			o := hold.NotDone
			if a.Called {
				o = hold.Unknown // the call failed, and may have arrived
			}
			if err := t.endDestroying(now, a, o); err != nil {
				return err
			}
		}
		if !a.Started {
			return t.exec("UPDATE actions SET due = ?, tries = ?, started = 0 WHERE id = ?", millis(a.Due), a.Tries, a.ID)
		}
		return t.exec("UPDATE actions SET due = ?, tries = ? WHERE id = ?", millis(a.Due), a.Tries, a.ID)
	})
}

// Finish implements engine.Ledger.
func (s *Store) Finish(ctx context.Context, f engine.Finished) error {
	return s.write.do(ctx, func(t *tx) error {
		a := f.Action
		row, err := t.chat(a.Chat, f.Now)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE actions SET outcome = ?, ended = ?, made = ?, version = ? WHERE id = ?",
			string(f.Outcome), millis(f.Now), string(f.Made), a.Version, a.ID); err != nil {
			return err
		}
		if a.Kind.Destroys() {
			if err := errors.Join(t.ended(f), t.departed(row.n, f)); err != nil {
				return err
			}
		}
		if err := t.noticed(row.n, f); err != nil {
			return err
		}
		if f.Receipt != nil {
			b, err := json.Marshal(f.Receipt)
			if err != nil {
				return err
			}
			if err := t.exec("UPDATE records SET filed = ?, receipt = ? WHERE id = ?", millis(f.Now), string(b), a.Record); err != nil {
				return err
			}
			if err := t.exec("DELETE FROM sealed WHERE key = ?", "record/"+a.Record); err != nil {
				return err
			}
		}
		if f.Prompt != nil {
			if err := t.prompt(row.n, *f.Prompt); err != nil {
				return err
			}
		}
		return t.actions(row, engine.Settlement{Chat: a.Chat, Now: f.Now, Actions: f.Next})
	})
}

// Content implements engine.Ledger: the record and its files, the first named
// message.txt and each further one by its place.
func (s *Store) Content(ctx context.Context, id string) (record.Record, []record.File, error) {
	var r record.Record
	var b []byte
	var promptID string
	if err := s.queryOne(ctx, "SELECT prompt, body FROM records WHERE id = ?",
		[]any{id}, &promptID, &b); err != nil {
		return r, nil, fmt.Errorf("record %s: %w", id, err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, nil, fmt.Errorf("%w: record %s cannot be read", ErrDamaged, id)
	}
	if r.Form == record.Breach {
		text, err := s.Sealed(ctx, "record/"+id)
		return r, []record.File{{Name: "report.txt", Data: []byte(text)}}, err
	}
	texts, err := s.contentOf(ctx, promptID, r)
	if errors.Is(err, errErased) {
		return r, nil, fmt.Errorf("record %s: %w", id, engine.ErrNoText)
	} else if err != nil {
		return r, nil, fmt.Errorf("record %s: %w", id, err)
	}
	note, noted := texts[noteOf(id)]
	if r.Form == record.Note || r.Form == record.Reason {
		if !noted {
			return r, nil, fmt.Errorf("record %s: its note is not kept", id)
		}
		return r, []record.File{{Name: string(r.Form) + ".txt", Data: []byte(note.text)}}, nil
	}
	var files []record.File
	for i := range r.Messages {
		k, ok := texts[r.Messages[i].ID]
		if !ok {
			return r, nil, fmt.Errorf("record %s: the text of message %d is not kept", id, i+1)
		}
		name := "message.txt"
		if i > 0 {
			name = fmt.Sprintf("message-%d.txt", i+1)
		}
		r.Messages[i].File, r.Messages[i].Revision = name, k.revision // an edit may have come after the yes
		files = append(files, record.File{Name: name, Data: []byte(k.text)})
	}
	if noted && r.Rationale != "" {
		files = append(files, record.File{Name: r.Rationale, Data: []byte(note.text)})
	}
	return r, files, nil
}

// contentOf opens the texts of a record: those that a prompt keeps, or the one
// that a hold captured on arrival.
func (s *Store) contentOf(ctx context.Context, promptID string, r record.Record) (map[chat.MessageID]kept, error) {
	if promptID != "" || len(r.Messages) == 0 {
		return s.texts(ctx, promptID)
	}
	text, err := s.Sealed(ctx, "record/"+r.ID)
	return map[chat.MessageID]kept{r.Messages[0].ID: {text: text, revision: r.Messages[0].Revision}}, err
}

// kept is a text that a prompt keeps, and the revision that it is of.
type kept struct {
	text     string
	revision int64
}

// texts opens what a prompt keeps.
func (s *Store) texts(ctx context.Context, promptID string) (map[chat.MessageID]kept, error) {
	rows, err := s.query(ctx, "SELECT k.message, k.revision, p.slot, k.text FROM kept k JOIN prompts p ON p.id = k.prompt WHERE k.prompt = ?", promptID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[chat.MessageID]kept{}
	for rows.Next() {
		var m chat.MessageID
		var k kept
		var slot uint64
		var sealed []byte
		if err := rows.Scan(&m, &k.revision, &slot, &sealed); err != nil {
			return nil, err
		}
		if k.text, err = s.unseal(slot, sealed); err != nil {
			return nil, err
		}
		out[m] = k
	}
	return out, rows.Err()
}
