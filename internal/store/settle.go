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
	"chaperone/internal/policy"
	"chaperone/rules"
)

// Settle implements engine.Inbox: everything that was decided about a batch,
// in one transaction.
func (s *Store) Settle(ctx context.Context, in engine.Settlement) error {
	return s.write.do(ctx, func(t *tx) error {
		row, err := t.chat(in.Chat, in.Now)
		if err != nil {
			return err
		}
		steps := []func(chatRow, engine.Settlement) error{t.marks, t.messages, t.prompts, t.keep, t.records, t.arrivals, t.claims, t.actions, t.departures, t.suppressions, t.breach, t.readings}
		for _, step := range steps {
			if err := step(row, in); err != nil {
				return fmt.Errorf("settling in %s: %w", in.Chat, err)
			}
		}
		return nil
	})
}

// marks moves events on. The text of an event that is set aside is sealed
// again with a key of its own: the key of its stretch must not stay for it.
func (t *tx) marks(_ chatRow, in engine.Settlement) error {
	for _, seq := range in.Done {
		if err := t.exec("UPDATE events SET state = 1 WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	for _, seq := range in.Retry {
		if err := t.exec("UPDATE events SET tries = tries + 1 WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	for _, seq := range in.Aside {
		if err := t.aside(seq); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) aside(seq int64) error {
	var old uint64
	var sealed []byte
	if err := t.row("SELECT slot, text FROM events WHERE seq = ?", []any{seq}, &old, &sealed); err != nil {
		return err
	}
	box, err := t.w.ring.box(old)
	if err != nil {
		return err
	}
	plain, err := box.Open(nil, nil, sealed, nil)
	if err != nil {
		return fmt.Errorf("%w: a sealed text does not open", ErrDamaged)
	}
	slot, err := t.slot()
	if err != nil {
		return err
	}
	if sealed, err = t.seal(slot, string(plain)); err != nil {
		return err
	}
	return t.exec("UPDATE events SET state = 2, tries = tries + 1, slot = ?, text = ?, files = NULL WHERE seq = ?", int64(slot), sealed, seq)
}

// body is what is kept of a decision. It holds no matched text.
type body struct {
	Outcome  policy.Outcome  `json:"outcome"`
	Duties   []policy.Duty   `json:"duties"`
	Lines    []policy.Line   `json:"policy"`
	Findings []rules.Finding `json:"findings"`
	Classes  []rules.Class   `json:"classes,omitempty"` // of the findings, one for each
	Facts    policy.Facts    `json:"facts"`
}

func classes(found []rules.Finding) []rules.Class {
	out := make([]rules.Class, len(found))
	for i, f := range found {
		out[i] = f.Class
	}
	return out
}

func (t *tx) messages(row chatRow, in engine.Settlement) error {
	for _, m := range in.Messages {
		if m.Unknown {
			if err := t.exec("UPDATE messages SET class = '', revision = ? WHERE chat = ? AND id = ?", m.Revision, row.n, string(m.ID)); err != nil {
				return err
			}
			continue
		}
		if m.Deleted {
			if err := t.deleted(row, m); err != nil {
				return err
			}
			if err := t.exec("UPDATE messages SET deleted = 1, gone = CASE WHEN gone = 0 THEN ? ELSE gone END WHERE chat = ? AND id = ?", millis(m.At), row.n, string(m.ID)); err != nil {
				return err
			}
			continue
		}
		if err := t.exec(`INSERT INTO messages (chat, id, member, at, revision, label, class, prompt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (chat, id) DO UPDATE SET revision = excluded.revision, label = excluded.label, class = excluded.class,
			prompt = CASE WHEN excluded.prompt = '' THEN messages.prompt ELSE excluded.prompt END`,
			row.n, string(m.ID), string(m.Member), millis(m.At), m.Revision, m.Label, string(m.Class), m.Prompt); err != nil {
			return err
		}
		if len(m.Findings) == 0 {
			continue
		}
		b, err := json.Marshal(body{Outcome: m.Decision.Outcome, Duties: m.Decision.Duties, Lines: m.Decision.Lines, Findings: m.Findings, Classes: classes(m.Findings), Facts: m.Decision.Facts})
		if err != nil {
			return err
		}
		if m.Again {
			if err := t.exec("DELETE FROM decisions WHERE chat = ? AND message = ? AND revision = ?", row.n, string(m.ID), m.Revision); err != nil {
				return err
			}
		}
		if err := t.exec("INSERT INTO decisions (chat, message, revision, decided, label, body) VALUES (?, ?, ?, ?, ?, ?)",
			row.n, string(m.ID), m.Revision, millis(in.Now), m.Label, string(b)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) prompts(row chatRow, in engine.Settlement) error {
	for _, sh := range in.Prompts {
		if err := t.prompt(row.n, sh); err != nil {
			return err
		}
	}
	return nil
}

// prompt stores a prompt as it now is. One that needs no texts any more loses
// them, and the key with them.
func (t *tx) prompt(n int64, sh engine.Shown) error {
	b, err := json.Marshal(sh.Prompt)
	if err != nil {
		return err
	}
	about := ""
	if sh.Telling != nil {
		about = string(sh.Telling.What)
	}
	if err := t.exec(`INSERT INTO prompts (id, chat, member, waiting, due, version, shown, busy, view, slot, body, about, sender) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET waiting = excluded.waiting, due = excluded.due, version = excluded.version,
		shown = excluded.shown, busy = excluded.busy, view = excluded.view, body = excluded.body`,
		sh.ID, n, string(sh.Member), sh.Waiting(), millis(sh.Due), sh.Version, sh.Shown, sh.Busy, sh.View, string(b), about, string(sh.From)); err != nil {
		return err
	}
	for _, it := range sh.Items {
		if it.Message == "" { // a farewell is about no message
			continue
		}
		take := "INSERT INTO prompt_messages (chat, message, prompt) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
		if sh.Run != "" { // an earlier prompt about it has ended
			take = "INSERT INTO prompt_messages (chat, message, prompt) VALUES (?, ?, ?) ON CONFLICT (chat, message) DO UPDATE SET prompt = excluded.prompt"
		}
		if err := t.exec(take, n, string(it.Message), sh.ID); err != nil {
			return err
		}
	}
	if sh.Holds() {
		return nil
	}
	var pending int // an earlier capture of the same prompt may still be on its way
	if err := t.row("SELECT count(*) FROM records WHERE prompt = ? AND filed = 0", []any{sh.ID}, &pending); err != nil || pending > 0 {
		return err
	}
	if err := t.exec("DELETE FROM kept WHERE prompt = ?", sh.ID); err != nil {
		return err
	}
	return t.exec("UPDATE prompts SET slot = 0 WHERE id = ? AND slot > 0", sh.ID)
}

// noteOf names the note of a record among the texts that its prompt keeps.
func noteOf(record string) chat.MessageID { return chat.MessageID("note of " + record) }

// keep seals texts again under the key of the prompt that offers to capture
// them, in the transaction that decides to keep them.
func (t *tx) keep(_ chatRow, in engine.Settlement) error {
	holds := map[string]bool{}
	for _, sh := range in.Prompts {
		holds[sh.ID] = sh.Holds()
	}
	for _, k := range in.Keep {
		if !holds[k.Prompt] {
			continue
		}
		if err := t.put(k.Prompt, k.Message, k.Revision, k.Text); err != nil {
			return err
		}
	}
	return nil
}

// put seals one text under the key of its prompt.
func (t *tx) put(promptID string, m chat.MessageID, revision int64, text string) error {
	var slot uint64
	err := t.row("SELECT slot FROM prompts WHERE id = ?", []any{promptID}, &slot)
	if err == nil && slot == 0 {
		if slot, err = t.slot(); err == nil {
			err = t.exec("UPDATE prompts SET slot = ? WHERE id = ?", int64(slot), promptID)
		}
	}
	if err != nil {
		return err
	}
	sealed, err := t.seal(slot, text)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO kept (prompt, message, revision, text) VALUES (?, ?, ?, ?)
		ON CONFLICT (prompt, message) DO UPDATE SET revision = excluded.revision, text = excluded.text`,
		promptID, string(m), revision, sealed)
}

func (t *tx) records(row chatRow, in engine.Settlement) error {
	for _, a := range in.Records {
		b, err := json.Marshal(a.Record)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO records (id, prompt, chat, captured, body) VALUES (?, ?, ?, ?, ?)",
			a.Record.ID, a.Prompt, row.n, millis(a.Record.CapturedAt), string(b)); err != nil {
			return err
		}
		if a.Note != "" {
			if err := t.put(a.Prompt, noteOf(a.Record.ID), 0, a.Note); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrivals stores what holds capture on arrival and what is transferred, each
// text under a key of its own until it is filed.
func (t *tx) arrivals(row chatRow, in engine.Settlement) error {
	for _, a := range in.Arrivals {
		b, err := json.Marshal(a.Record)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO records (id, prompt, chat, captured, body) VALUES (?, '', ?, ?, ?) ON CONFLICT (id) DO NOTHING",
			a.Record.ID, row.n, millis(a.Record.CapturedAt), string(b)); err != nil {
			return err
		}
		if a.Unread {
			continue
		}
		if err := t.sealAway("record/"+a.Record.ID, a.Text, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// sealAway keeps one text under a key of its own, until a time or until
// somebody lets it go.
func (t *tx) sealAway(key, text string, until time.Time) error {
	slot, err := t.slot()
	if err != nil {
		return err
	}
	sealed, err := t.seal(slot, text)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO sealed (key, slot, text, until) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING", key, int64(slot), sealed, millis(until))
}

// Sealed opens one text that was sealed away.
func (s *Store) Sealed(ctx context.Context, key string) (string, error) {
	var slot uint64
	var text []byte
	if err := s.read.QueryRowContext(ctx, "SELECT slot, text FROM sealed WHERE key = ?", key).Scan(&slot, &text); errors.Is(err, sql.ErrNoRows) {
		return "", errErased
	} else if err != nil {
		return "", err
	}
	return s.unseal(slot, text)
}

func (t *tx) actions(row chatRow, in engine.Settlement) error {
	for _, a := range in.Actions {
		if a.Chat != in.Chat && a.Chat != (chat.ID{}) { // what follows in another chat
			other, err := t.chat(a.Chat, in.Now)
			if err != nil {
				return err
			}
			if err := t.plan(other.n, a); err != nil {
				return err
			}
			continue
		}
		if err := t.plan(row.n, a); err != nil {
			return err
		}
	}
	return nil
}

// plan stores an action. The same key twice is the same action.
func (t *tx) plan(n int64, a engine.Action) error {
	return t.exec(`INSERT INTO actions (key, kind, chat, member, message, prompt, record, after, due, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO NOTHING`,
		a.Key, string(a.Kind), n, string(a.Member), string(a.Message), a.Prompt, a.Record, a.After, millis(a.Due), a.Version)
}

// Prompt implements engine.Prompts.
func (s *Store) Prompt(ctx context.Context, id string) (engine.Shown, error) {
	rows, err := s.query(ctx, "SELECT shown, busy, view, body FROM prompts WHERE id = ?", id)
	if err != nil {
		return engine.Shown{}, err
	}
	found, err := scanPrompts(rows)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("there is no prompt %s", id)
	}
	if err != nil {
		return engine.Shown{}, err
	}
	return found[0], nil
}

// Open implements engine.Prompts.
func (s *Store) Open(ctx context.Context) ([]engine.Shown, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT shown, busy, view, body FROM prompts WHERE waiting = 1")
	if err != nil {
		return nil, err
	}
	return scanPrompts(rows)
}

// Overdue implements engine.Prompts.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) ([]engine.Shown, time.Time, error) {
	rows, err := s.query(ctx, "SELECT shown, busy, view, body FROM prompts WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?", millis(now), limit)
	if err != nil {
		return nil, time.Time{}, err
	}
	due, err := scanPrompts(rows)
	if err != nil {
		return nil, time.Time{}, err
	}
	var next int64
	err = s.queryOne(ctx, "SELECT due FROM prompts WHERE due > ? ORDER BY due LIMIT 1",
		[]any{millis(now)}, &next)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return due, fromMillis(next), err
}
