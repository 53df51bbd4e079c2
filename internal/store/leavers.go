package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
)

// departures stores what was decided about leavers, with the prompts and
// actions of the same settlement.
func (t *tx) departures(row chatRow, in engine.Settlement) error {
	for _, d := range in.Leavers {
		if d.Withdrawn {
			if err := t.withdraw(d.Step.Key(), in.Now); err != nil {
				return err
			}
			continue
		}
		st := d.Step
		if err := t.exec(`INSERT INTO leavers (key, chat, member, shown, person, leaves, due, because) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET shown = excluded.shown, due = excluded.due, because = excluded.because`,
			st.Key(), row.n, string(st.Member), string(st.As), string(st.Person), st.Leaves.String(), millis(st.Due), st.Because); err != nil {
			return err
		}
		if d.Prompt != "" {
			if err := t.exec("UPDATE leavers SET told = ?, prompt = ? WHERE key = ?", millis(in.Now), d.Prompt, st.Key()); err != nil {
				return err
			}
		}
		if d.Action != "" {
			if err := t.exec("UPDATE leavers SET action = ?, agreed = ? WHERE key = ?", d.Action, bit(st.Agreed), st.Key()); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdraw ends what was planned for a step and has not begun.
func (t *tx) withdraw(key string, now time.Time) error {
	if err := t.exec(`UPDATE actions SET outcome = ?, ended = ? WHERE outcome = '' AND started = 0 AND key = (SELECT action FROM leavers WHERE key = ? AND action <> '')`,
		string(engine.NotNeeded), millis(now), key); err != nil {
		return err
	}
	return t.exec("UPDATE leavers SET told = 0, prompt = '' WHERE key = ?", key)
}

// departed notes in the roll that a removal has ended.
func (t *tx) departed(n int64, f engine.Finished) error {
	a := f.Action
	if a.Kind != "remove" || (f.Outcome != engine.Done && f.Outcome != engine.Gone) {
		return nil
	}
	if f.Outcome == engine.Done {
		if err := t.exec("UPDATE leavers SET removed = ? WHERE action = ?", millis(f.Now), a.Key); err != nil {
			return err
		}
	}
	return t.part(n, f.Now, a.Chat.Account, a.Member)
}

// Leaving implements engine.Leavings.
func (s *Store) Leaving(ctx context.Context) (out engine.Leaving, err error) {
	if out.Memory, err = s.memory(ctx); err != nil {
		return out, err
	}
	var brake []byte
	if err = s.read.QueryRowContext(ctx, "SELECT body FROM brake").Scan(&brake); err == nil {
		err = json.Unmarshal(brake, &out.Brake)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return out, err
	}
	if out.Leavers, err = s.leavers(ctx); err != nil {
		return out, err
	}
	if out.Approvals, err = s.approvals(ctx); err != nil {
		return out, err
	}
	if out.Reinstated, err = s.reinstated(ctx); err != nil {
		return out, err
	}
	out.Alarms, err = s.alarms(ctx)
	return out, err
}

// part is how much of a memory is one row, in bytes.
const part = 1 << 20

// memory reads what is remembered of the directory.
func (s *Store) memory(ctx context.Context) (m directory.Memory, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM directory_memory ORDER BY part")
	if err != nil {
		return m, err
	}
	parts, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil || len(parts) == 0 {
		return m, err
	}
	if err := m.UnmarshalBinary(bytes.Join(parts, nil)); err != nil {
		return m, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return m, nil
}

// remember stores it.
func (t *tx) remember(memory []byte) error {
	if err := t.exec("DELETE FROM directory_memory"); err != nil {
		return err
	}
	n := 0
	for b := range slices.Chunk(memory, part) {
		if err := t.exec("INSERT INTO directory_memory (part, body) VALUES (?, ?)", n, b); err != nil {
			return err
		}
		n++
	}
	return nil
}

func (s *Store) leavers(ctx context.Context) ([]engine.Leaver, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.account, c.id, l.member, l.shown, l.person, l.leaves, l.due, l.because, l.told, coalesce(p.id, ''), l.agreed, l.removed,
			coalesce(w.ended, 0), coalesce(p.body, ''), l.action, coalesce(a.started, 0), coalesce(a.outcome, ''), coalesce(a.ended, 0)
		FROM leavers l JOIN chats c ON c.n = l.chat LEFT JOIN prompts p ON p.id = l.prompt
		LEFT JOIN actions w ON l.prompt <> '' AND w.key = 'whisper/' || l.prompt || '/1' LEFT JOIN actions a ON l.action <> '' AND a.key = l.action ORDER BY l.key`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Leaver
	for rows.Next() {
		var l engine.Leaver
		var leaves string
		var body []byte
		var due, told, removed, shown, started, ended int64
		if err := rows.Scan(&l.Step.Chat.Account, &l.Step.Chat.Local, &l.Step.Member, &l.Step.As, &l.Step.Person, &leaves, &due, &l.Step.Because, &told,
			&l.Prompt, &l.Step.Agreed, &removed, &shown, &body, &l.Action, &started, &l.Outcome, &ended); err != nil {
			return nil, err
		}
		if err := l.Step.Leaves.UnmarshalText([]byte(leaves)); err != nil {
			return nil, fmt.Errorf("%w: a leaver cannot be read", ErrDamaged)
		}
		if len(body) > 0 {
			var p prompt.Prompt
			if err := json.Unmarshal(body, &p); err != nil {
				return nil, fmt.Errorf("%w: a prompt cannot be read", ErrDamaged)
			}
			l.Contested = p.Answer == prompt.AnswerWrong
		}
		l.Step.Due, l.Told, l.Shown, l.Started = fromMillis(due), fromMillis(told), fromMillis(shown), started > 0
		l.Ended, l.Removed = fromMillis(ended), fromMillis(removed)
		out = append(out, l)
	}
	return out, rows.Err()
}

func (s *Store) approvals(ctx context.Context) ([]directory.Approval, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT key, officer, at FROM approvals ORDER BY at, key, officer")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []directory.Approval
	for rows.Next() {
		var a directory.Approval
		var at int64
		if err := rows.Scan(&a.Key, &a.By, &at); err != nil {
			return nil, err
		}
		a.At = fromMillis(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

func (s *Store) reinstated(ctx context.Context) ([]directory.Reinstatement, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM reinstatements ORDER BY at, person")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []directory.Reinstatement
	for rows.Next() {
		var body []byte
		var r directory.Reinstatement
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, fmt.Errorf("%w: a reinstatement cannot be read", ErrDamaged)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func (s *Store) alarms(ctx context.Context) ([]engine.Alarm, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT kind, account, chat, member, person, since, text FROM alarms ORDER BY since, kind, account, chat, member, person")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Alarm
	for rows.Next() {
		var a engine.Alarm
		var at int64
		if err := rows.Scan(&a.Kind, &a.Chat.Account, &a.Chat.Local, &a.Member, &a.Person, &at, &a.Text); err != nil {
			return nil, err
		}
		a.Since = fromMillis(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

// SaveTurn implements engine.Leavings.
func (s *Store) SaveTurn(ctx context.Context, now time.Time, in engine.Turn) (news []directory.Alarm, err error) {
	var memory []byte
	if in.Memory != nil {
		if memory, err = in.Memory.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	standing, err := s.alarms(ctx)
	if err != nil {
		return nil, err
	}
	err = s.write.do(ctx, func(t *tx) error {
		if memory != nil {
			if err := t.remember(memory); err != nil {
				return err
			}
		}
		for m, p := range in.Known {
			if err := t.exec("UPDATE members SET person = ? WHERE account = ? AND id = ?", string(p), string(m.Account), string(m.ID)); err != nil {
				return err
			}
		}
		for _, r := range in.Over {
			if err := t.exec("DELETE FROM reinstatements WHERE person = ? AND leaves = ?", string(r.Person), r.Leaves.String()); err != nil {
				return err
			}
		}
		if err := t.personLanguages(in.Languages); err != nil {
			return err
		}
		if in.Trusted {
			news, err = t.alarm(now, standing, in.Alarms)
		}
		return err
	})
	return news, err
}

// alarm brings the list of alarms up to date, and gives those that are new.
func (t *tx) alarm(now time.Time, standing []engine.Alarm, alarms []directory.Alarm) (news []directory.Alarm, err error) {
	key := func(a directory.Alarm) directory.Alarm { a.Text = ""; return a }
	was := map[directory.Alarm]string{}
	for _, a := range standing {
		was[key(a.Alarm)] = a.Text
	}
	for _, a := range alarms {
		text, stood := was[key(a)]
		delete(was, key(a))
		if !stood {
			news = append(news, a)
		} else if text == a.Text {
			continue
		}
		if err := t.exec(`INSERT INTO alarms (kind, account, chat, member, person, since, text) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (kind, account, chat, member, person) DO UPDATE SET text = excluded.text`,
			string(a.Kind), string(a.Chat.Account), a.Chat.Local, string(a.Member), string(a.Person), millis(now), a.Text); err != nil {
			return nil, err
		}
	}
	for a := range was {
		if err := t.exec("DELETE FROM alarms WHERE kind = ? AND account = ? AND chat = ? AND member = ? AND person = ?",
			string(a.Kind), string(a.Chat.Account), a.Chat.Local, string(a.Member), string(a.Person)); err != nil {
			return nil, err
		}
	}
	return news, nil
}

// Approve implements engine.Leavings. A later yes of the same person counts
// from then on.
func (s *Store) Approve(ctx context.Context, now time.Time, all []directory.Approval) error {
	return s.write.do(ctx, func(t *tx) error {
		for _, a := range all {
			if err := t.exec("INSERT INTO approvals (key, officer, at) VALUES (?, ?, ?) ON CONFLICT (key, officer) DO UPDATE SET at = excluded.at",
				a.Key, a.By, millis(a.At)); err != nil {
				return err
			}
			of := audit.OfRun
			if strings.HasPrefix(a.Key, "directory:") {
				of = audit.OfDirectory
			}
			if err := t.log(now, act{by: a.By, right: "role:people", act: audit.Approve, of: of, what: []string{a.Key}, before: "asked", after: "approved", ref: a.Key}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Reinstate implements engine.Leavings.
func (s *Store) Reinstate(ctx context.Context, now time.Time, r directory.Reinstatement, undo bool) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.write.do(ctx, func(t *tx) error {
		x := act{by: r.By, right: "role:people", act: audit.Reinstate, of: audit.OfPerson, what: []string{string(r.Person), r.Leaves.String()}, before: "leaving", after: "stays", ref: "leaver"}
		if undo {
			x.act, x.before, x.after = audit.Approve, "stays", "leaving"
			if err := t.exec("DELETE FROM reinstatements WHERE person = ? AND leaves = ?", string(r.Person), r.Leaves.String()); err != nil {
				return err
			}
			return t.log(now, x)
		}
		if len(r.Return) > 0 {
			x.before, x.after = "removed", "reinstated"
		}
		if err := t.exec("INSERT INTO reinstatements (person, leaves, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (person, leaves) DO UPDATE SET at = excluded.at, body = excluded.body",
			string(r.Person), r.Leaves.String(), millis(r.At), string(b)); err != nil {
			return err
		}
		if err := t.exec(`UPDATE actions SET outcome = ?, ended = ? WHERE outcome = '' AND started = 0 AND key IN (
			SELECT action FROM leavers WHERE person = ? AND leaves = ? AND action <> '')`,
			string(engine.NotNeeded), millis(now), string(r.Person), r.Leaves.String()); err != nil {
			return err
		}
		return t.log(now, x)
	})
}

// SetBrake implements engine.Leavings.
func (s *Store) SetBrake(ctx context.Context, now time.Time, b engine.Brake) error {
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return s.write.do(ctx, func(t *tx) error {
		if err := t.exec("INSERT INTO brake (one, body) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET body = excluded.body", string(body)); err != nil {
			return err
		}
		x := act{by: b.By, right: "role:people", act: audit.Approve, of: audit.OfSetting, what: []string{"leavers"}, before: "stopped", after: "going-on", ref: "leavers"}
		if b.On {
			x.act, x.before, x.after = audit.Refuse, "going-on", "stopped"
		}
		return t.log(now, x)
	})
}
