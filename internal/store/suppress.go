package store

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// Judged implements engine.Suppressions.
func (s *Store) Judged(ctx context.Context, now time.Time, id chat.ID) (j engine.Judged, err error) {
	var n int64
	var slot uint64
	err = s.queryOne(ctx, "SELECT c.n, k.slot FROM chats c JOIN suppression_keys k ON k.chat = c.n WHERE c.account = ? AND c.id = ?",
		[]any{string(id.Account), id.Local}, &n, &slot)
	if errors.Is(err, sql.ErrNoRows) {
		n, slot, err = s.suppressionKey(ctx, now, id)
	}
	if err != nil {
		return j, err
	}
	j.Slot = slot
	if j.Key, err = s.ring.recogniser(slot); err != nil {
		return j, err
	}
	rows, err := s.query(ctx, "SELECT mark FROM suppressions WHERE chat = ? AND ended = 0 AND until > ?", n, millis(now))
	if err != nil {
		return j, err
	}
	marks, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return j, err
	}
	j.Is = make(map[engine.Mark]bool, len(marks))
	for _, b := range marks {
		m, err := markOf(b)
		if err != nil {
			return j, err
		}
		j.Is[m] = true
	}
	j.Asked, err = s.askedIn(ctx, n)
	return j, err
}

// suppressionKey finds or makes the key by which things are recognised in a
// chat.
func (s *Store) suppressionKey(ctx context.Context, now time.Time, id chat.ID) (n int64, slot uint64, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		row, err := t.chat(id, now)
		if err != nil {
			return err
		}
		n = row.n
		err = t.row("SELECT slot FROM suppression_keys WHERE chat = ?", []any{n}, &slot)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if slot, err = t.slot(); err != nil {
			return err
		}
		return t.exec("INSERT INTO suppression_keys (chat, slot) VALUES (?, ?)", n, int64(slot))
	})
	return n, slot, err
}

// recogniser is the key of keyed digests that a number of the ring stands for.
func (r *ring) recogniser(num uint64) ([]byte, error) {
	r.mu.Lock()
	key := r.keys[num]
	r.mu.Unlock()
	if key == nil {
		return nil, errErased
	}
	return hkdf.Key(sha256.New, key, nil, "chaperone recognise", keySize)
}

func markOf(b []byte) (m engine.Mark, err error) {
	if len(b) != len(m) {
		return m, fmt.Errorf("%w: a suppression cannot be read", ErrDamaged)
	}
	return engine.Mark(b), nil
}

func (s *Store) askedIn(ctx context.Context, n int64) ([]engine.Marked, error) {
	rows, err := s.query(ctx, `SELECT a.prompt, a.message, a.mark, a.category, a.rule, a.whole FROM asked_marks a JOIN prompts p ON p.id = a.prompt
		WHERE p.chat = ? AND p.waiting = 1`, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Marked
	for rows.Next() {
		var a engine.Marked
		var mark []byte
		if err := rows.Scan(&a.Prompt, &a.Message, &mark, &a.Category, &a.Rule, &a.Whole); err != nil {
			return nil, err
		}
		if a.Mark, err = markOf(mark); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// suppressions stores what was judged in a batch, and what its prompts ask
// about for as long as they wait.
func (t *tx) suppressions(row chatRow, in engine.Settlement) error {
	if len(in.Marked)+len(in.Suppress) > 0 {
		var slot uint64
		if err := t.row("SELECT slot FROM suppression_keys WHERE chat = ?", []any{row.n}, &slot); err != nil || slot != in.Slot {
			return fmt.Errorf("the key by which things are recognised was forgotten a moment ago: the batch is made again (%v)", err)
		}
	}
	revised := map[[2]string]bool{}
	for _, a := range in.Marked {
		of := [2]string{a.Prompt, string(a.Message)}
		if !revised[of] {
			revised[of] = true
			if err := t.exec("DELETE FROM asked_marks WHERE prompt = ? AND message = ?", of[0], of[1]); err != nil {
				return err
			}
		}
		if err := t.exec(`INSERT INTO asked_marks (prompt, message, mark, category, rule, whole) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (prompt, message, mark) DO NOTHING`,
			a.Prompt, string(a.Message), a.Mark[:], a.Category, a.Rule, bit(a.Whole)); err != nil {
			return err
		}
	}
	for _, x := range in.Suppress {
		if err := t.exec(`INSERT INTO suppressions (id, chat, mark, category, rule, whole, owner, prompt, since, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			x.ID, row.n, x.Mark[:], x.Category, x.Rule, bit(x.Whole), string(x.Owner), x.Prompt, millis(x.Since), millis(x.Until)); err != nil {
			return err
		}
	}
	for _, m := range in.Silenced {
		if err := t.exec("UPDATE suppressions SET times = times + 1 WHERE chat = ? AND mark = ? AND ended = 0 AND until > ?", row.n, m[:], millis(in.Now)); err != nil {
			return err
		}
	}
	for _, sh := range in.Prompts {
		if sh.Waiting() {
			continue
		}
		if err := t.exec("DELETE FROM asked_marks WHERE prompt = ?", sh.ID); err != nil {
			return err
		}
	}
	return nil
}

// Suppressions implements engine.Suppressions.
func (s *Store) Suppressions(ctx context.Context, now time.Time, all bool) ([]engine.Suppression, error) {
	rows, err := s.query(ctx, `SELECT s.id, c.account, c.id, s.mark, s.category, s.rule, s.whole, s.owner, s.prompt, s.since, s.until, s.times, s.ended, s.ended_by, s.why
		FROM suppressions s JOIN chats c ON c.n = s.chat WHERE ? = 1 OR (s.ended = 0 AND s.until > ?) ORDER BY s.since DESC, s.id`, bit(all), millis(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Suppression
	for rows.Next() {
		var x engine.Suppression
		var mark []byte
		var since, until, ended int64
		if err := rows.Scan(&x.ID, &x.Chat.Account, &x.Chat.Local, &mark, &x.Category, &x.Rule, &x.Whole, &x.Owner, &x.Prompt,
			&since, &until, &x.Times, &ended, &x.EndedBy, &x.Why); err != nil {
			return nil, err
		}
		if x.Mark, err = markOf(mark); err != nil {
			return nil, err
		}
		x.Since, x.Until, x.Ended = fromMillis(since), fromMillis(until), fromMillis(ended)
		out = append(out, x)
	}
	return out, rows.Err()
}

// EndSuppression implements engine.Suppressions.
func (s *Store) EndSuppression(ctx context.Context, now time.Time, id, by, why string) error {
	return s.write.do(ctx, func(t *tx) error {
		n, err := t.change("UPDATE suppressions SET ended = ?, ended_by = ?, why = ? WHERE id = ? AND ended = 0 AND until > ?", millis(now), by, why, id, millis(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no suppression %q stands. List them with: chaperone suppressions list", id)
		}
		return t.log(now, act{
			by: by, right: "role:governance", act: audit.Configure, of: audit.OfSetting, what: []string{"suppression", id},
			before: "suppressed", after: "asked", ref: "suppression:" + id,
		})
	})
}

// forgetSuppressions lets judgements go whose time has passed, with what prompts
// that are gone asked about, and the keys of chats that have none.
func (t *tx) forgetSuppressions(now time.Time, keep func(retention.Own, time.Time) time.Time) error {
	n, err := t.change("DELETE FROM suppressions WHERE until <= ? OR (ended > 0 AND ended < ?)", millis(now), millis(keep(retention.Prompts, now)))
	if err != nil {
		return err
	}
	if err := t.exec("DELETE FROM asked_marks WHERE NOT EXISTS (SELECT 1 FROM prompts p WHERE p.id = asked_marks.prompt AND p.waiting = 1)"); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM suppression_keys WHERE NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.chat = suppression_keys.chat)
		AND NOT EXISTS (SELECT 1 FROM asked_marks a JOIN prompts p ON p.id = a.prompt WHERE p.chat = suppression_keys.chat)`); err != nil {
		return err
	}
	return t.forgot(now, retention.Judgements, n)
}

// Taught writes down that a person changed a rule by an example.
func (s *Store) Taught(ctx context.Context, now time.Time, by, rule string) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.log(now, act{
			by: by, right: "role:operator", act: audit.Configure, of: audit.OfSetting, what: []string{"rule", rule},
			before: "as-before", after: "taught", ref: "rule:" + rule,
		})
	})
}
