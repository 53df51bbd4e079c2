package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// LastRun implements engine.Runs.
func (s *Store) LastRun(ctx context.Context, schedule string) (clock.Date, error) {
	var last string
	err := s.read.QueryRowContext(ctx, "SELECT last FROM schedules WHERE id = ?", schedule).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && last == "") {
		return clock.Date{}, nil
	} else if err != nil {
		return clock.Date{}, err
	}
	return clock.ParseDate(last)
}

// plan is what is stored of a retention.Plan: its schedule is the
// configuration's, and the run's digest says what that was.
type plan struct {
	Date  clock.Date
	Now   time.Time
	Items []retention.Item
	Above []retention.Above
}

// BeginRuns implements engine.Runs. The primary key of a run is its schedule
// and local date: the second run of a date fails, and the whole with it.
func (s *Store) BeginRuns(ctx context.Context, now time.Time, schedule string, last clock.Date, runs []engine.Run, a engine.RunAct) error {
	return s.write.do(ctx, func(t *tx) error {
		for _, r := range runs {
			b, err := json.Marshal(plan{r.Plan.Date, r.Plan.Now, r.Plan.Items, r.Plan.Above})
			if err != nil {
				return err
			}
			made := ""
			if r.State == retention.MadeGood {
				made = r.MadeGood.String()
			}
			if err := t.exec("INSERT INTO runs (schedule, date, state, slot, made_good, digest, plan) VALUES (?, ?, ?, ?, ?, ?, ?)",
				r.Schedule, r.Date.String(), string(r.State), millis(r.Slot), made, r.Digest, string(b)); err != nil {
				return fmt.Errorf("the run of %s on %s: %w", r.Schedule, r.Date, err)
			}
			if a.By != "" {
				if err := t.logRun(now, r, "", a); err != nil {
					return err
				}
			}
		}
		return t.exec(`INSERT INTO schedules (id, last) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET last = CASE WHEN excluded.last > schedules.last THEN excluded.last ELSE schedules.last END`, schedule, last.String())
	})
}

// SaveRun implements engine.Runs.
func (s *Store) SaveRun(ctx context.Context, now time.Time, r engine.Run, a engine.RunAct) error {
	return s.write.do(ctx, func(t *tx) error {
		var state retention.State
		if err := t.row("SELECT state FROM runs WHERE schedule = ? AND date = ?", []any{r.Schedule, r.Date.String()}, &state); err != nil {
			return err
		}
		if state != r.State && !state.May(r.State) {
			return fmt.Errorf("the run of %s is %s", r.Date, state)
		}
		approvals, err := json.Marshal(r.Approvals)
		if err != nil {
			return err
		}
		certificate := ""
		if r.Certificate != nil {
			b, err := json.Marshal(r.Certificate)
			if err != nil {
				return err
			}
			certificate = string(b)
		}
		if err := t.exec("UPDATE runs SET state = ?, approvals = ?, why = ?, started = ?, ended = ?, certificate = ? WHERE schedule = ? AND date = ?",
			string(r.State), string(approvals), r.Why, millis(r.Started), millis(r.Ended), certificate, r.Schedule, r.Date.String()); err != nil {
			return err
		}
		return t.logRun(now, r, state, a)
	})
}

// logRun writes down what a person did to a run, and that it began or ended,
// with the digest of its plan or certificate.
func (t *tx) logRun(now time.Time, r engine.Run, was retention.State, a engine.RunAct) error {
	x := act{by: a.By, right: "schedule:" + r.Schedule, of: audit.OfRun, what: []string{r.Schedule, r.Date.String()}, before: string(was), after: string(r.State), ref: r.Ref()}
	switch a.What {
	case "approve":
		x.act, x.before, x.after = audit.Approve, "plan:"+r.Digest, "approved"
	case "begin":
		x.act, x.before, x.after = audit.Approve, "none", "plan:"+r.Digest
	case "stop":
		x.act = audit.Refuse
	case "undo":
		x.act, x.after = audit.Undo, "undone"
	default:
		if was == r.State {
			return nil
		}
		x.by, x.act = "chaperone:retention", audit.Destroy
		if r.State == retention.Stopped {
			x.act = audit.Refuse
		}
	}
	if x.by == "" {
		return errors.New("an act has a name")
	}
	if r.State == retention.Underway && a.What == "" {
		x.before = "plan:" + r.Digest
	}
	if r.Certificate != nil && a.What != "undo" {
		d, err := r.Certificate.Digest()
		if err != nil {
			return err
		}
		x.after = "certificate:" + d
	}
	return t.log(now, x)
}

// Runs implements engine.Runs.
func (s *Store) Runs(ctx context.Context, schedule string, states ...retention.State) ([]engine.Run, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT schedule, date, state, slot, made_good, digest, plan, approvals, why, started, ended, certificate
		FROM runs WHERE (? = '' OR schedule = ?) AND (? = '[]' OR state IN (SELECT value FROM json_each(?))) ORDER BY date DESC, schedule`,
		schedule, schedule, list(words(states)), list(words(states)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []engine.Run
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func words(states []retention.State) []string {
	var out []string
	for _, s := range states {
		out = append(out, string(s))
	}
	return out
}

func scanRun(rows *sql.Rows) (r engine.Run, err error) {
	var date, made string
	var slot, started, ended int64
	var body, approvals, certificate []byte
	if err := rows.Scan(&r.Schedule, &date, &r.State, &slot, &made, &r.Digest, &body, &approvals, &r.Why, &started, &ended, &certificate); err != nil {
		return r, err
	}
	r.Slot, r.Started, r.Ended = fromMillis(slot), fromMillis(started), fromMillis(ended)
	var p plan
	err = errors.Join(r.Date.UnmarshalText([]byte(date)), r.MadeGood.UnmarshalText([]byte(made)),
		json.Unmarshal(body, &p), json.Unmarshal(approvals, &r.Approvals))
	if len(certificate) > 0 {
		err = errors.Join(err, json.Unmarshal(certificate, &r.Certificate))
	}
	if err != nil {
		return r, fmt.Errorf("%w: a run cannot be read (%v)", ErrDamaged, err)
	}
	r.Plan = retention.Plan{Date: p.Date, Now: p.Now, Items: p.Items, Above: p.Above}
	return r, nil
}

// Messages implements engine.Disposals. Whether a record of a decision is due
// is known only while the prompt about it is, or its record.
func (s *Store) Messages(ctx context.Context) ([]retention.Message, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.account, c.id, c.kind, m.id, m.revision, m.member, m.at, m.class,
			coalesce(p.waiting, 0), m.prompt, m.label,
			EXISTS (SELECT 1 FROM records r WHERE r.prompt = m.prompt AND m.prompt <> '' AND r.filed > 0 AND r.body ->> 'form' <> 'reason'), t.message IS NOT NULL,
			coalesce(CASE WHEN w.link <> '' THEN w.link ELSE w.person END, '')
		FROM messages m JOIN chats c ON c.n = m.chat LEFT JOIN prompts p ON p.id = m.prompt
		LEFT JOIN (SELECT chat, message, max(version) AS version FROM actions WHERE kind = 'transfer' AND outcome = 'done' GROUP BY chat, message) t
			ON t.chat = m.chat AND t.message = m.id AND t.version >= m.revision
		LEFT JOIN member_ids i ON i.account = c.account AND i.id = m.member
		LEFT JOIN members w ON w.account = c.account AND w.id = coalesce(i.member, m.member)
		WHERE m.deleted = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []retention.Message
	for rows.Next() {
		m := retention.Message{Record: retention.NoRecord}
		var at int64
		var waiting, filed bool
		var promptID, label string
		if err := rows.Scan(&m.Chat.Account, &m.Chat.Local, &m.Kind, &m.ID, &m.Revision, &m.Sender, &at, &m.Class, &waiting, &promptID, &label, &filed, &m.Transferred, &m.Person); err != nil {
			return nil, err
		}
		m.At = fromMillis(at)
		if waiting {
			m.Prompt = promptID
		}
		switch {
		case filed:
			m.Record = retention.RecordFiled
		case m.Class == engine.Decision:
			m.Record = retention.RecordDue
		case m.Class == "":
			m.Record = ""
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// span gives the range of keys that begin with a prefix. Keys are ASCII here.
func span(prefix string) (from, to string) { return prefix, prefix + "\U0010FFFF" }

// Outcomes implements engine.Disposals.
func (s *Store) Outcomes(ctx context.Context, prefix string) (map[string]engine.Outcome, error) {
	from, to := span(prefix)
	rows, err := s.read.QueryContext(ctx, "SELECT key, outcome FROM actions WHERE key >= ? AND key < ?", from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]engine.Outcome{}
	for rows.Next() {
		var key string
		var o engine.Outcome
		if err := rows.Scan(&key, &o); err != nil {
			return nil, err
		}
		out[key] = o
	}
	return out, rows.Err()
}

// Asked implements engine.Disposals.
func (s *Store) Asked(ctx context.Context, run string) ([]engine.Shown, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT shown, busy, view, body FROM prompts WHERE body ->> 'Run' = ?", run)
	if err != nil {
		return nil, err
	}
	return scanPrompts(rows)
}

// Cancel implements engine.Disposals.
func (s *Store) Cancel(ctx context.Context, now time.Time, prefix string) error {
	from, to := span(prefix)
	return s.write.do(ctx, func(t *tx) error {
		return t.exec("UPDATE actions SET outcome = ?, ended = ? WHERE key >= ? AND key < ? AND outcome = '' AND started = 0",
			string(engine.NotNeeded), millis(now), from, to)
	})
}

// Stands implements engine.Standings.
func (s *Store) Stands(ctx context.Context, a engine.Action) error {
	return s.write.do(ctx, func(t *tx) error { return t.stands(a) })
}

// stands is Stands, inside the transaction. An edit that has arrived and was not
// looked at yet counts: nobody knows what the message says now.
func (t *tx) stands(a engine.Action) error {
	if !strings.HasPrefix(a.Key, "dispose/") {
		return nil
	}
	var n int
	const begins = "'dispose/' || schedule || '/' || date || '/'"
	err := t.row(`SELECT count(*) FROM messages m JOIN chats c ON c.n = m.chat
		WHERE c.account = ? AND c.id = ? AND m.id = ? AND m.revision = ?
		AND EXISTS (SELECT 1 FROM runs WHERE state = ? AND substr(?, 1, length(`+begins+`)) = `+begins+`)
		AND NOT EXISTS (SELECT 1 FROM events e WHERE e.chat = m.chat AND e.state = 0 AND e.message = m.id AND e.kind = ?)`,
		[]any{string(a.Chat.Account), a.Chat.Local, string(a.Message), a.Version, string(retention.Underway), a.Key, string(chat.Edited)}, &n)
	if err == nil && n == 0 {
		err = engine.ErrOtherwise
	}
	return err
}

// undo seals away what an action of a run is about to destroy. Of what is
// marked SECRET nothing is kept (DESIGN invariant 12).
func (t *tx) undo(now time.Time, a engine.Action) error {
	if a.Undo == "" {
		return nil
	}
	var class retention.Class
	err := t.row("SELECT class FROM messages WHERE chat = (SELECT n FROM chats WHERE account = ? AND id = ?) AND id = ?",
		[]any{string(a.Chat.Account), a.Chat.Local, string(a.Message)}, &class)
	if err != nil || !slices.Contains([]retention.Class{engine.Routine, engine.Decision, engine.Flagged}, class) {
		return err
	}
	return t.sealAway("undo/"+a.Key, a.Undo, now.Add(retention.Undo))
}

var _ engine.Store = (*Store)(nil)

// Configure implements engine.Runs.
func (s *Store) Configure(ctx context.Context, now time.Time, settings map[string]string) error {
	was, err := s.settings(ctx)
	if err != nil {
		return err
	}
	for id := range was {
		if _, still := settings[id]; !still {
			settings[id] = ""
		}
	}
	return s.write.do(ctx, func(t *tx) error {
		for _, id := range slices.Sorted(maps.Keys(settings)) {
			if was[id] == settings[id] {
				continue
			}
			if err := t.exec("INSERT INTO schedules (id, last, setting) VALUES (?, '', ?) ON CONFLICT (id) DO UPDATE SET setting = excluded.setting", id, settings[id]); err != nil {
				return err
			}
			before, err := t.settingWord(was[id])
			if err != nil {
				return err
			}
			after, err := t.settingWord(settings[id])
			if err != nil {
				return err
			}
			if err := t.log(now, act{
				by: "chaperone:configuration", right: "file:configuration", act: audit.Configure, of: audit.OfSetting,
				what: []string{"schedule", id}, before: before, after: after, ref: "schedule:" + id,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// settingWord is a setting as the log says it. A digest of a part that names
// people is said under a key: a name is short enough to be guessed.
func (t *tx) settingWord(setting string) (string, error) {
	if !strings.HasPrefix(setting, "sha256:") {
		return cmp.Or(setting, "none"), nil
	}
	key, err := derive(t.w.home.master, "audit digests")
	if err != nil {
		return "", err
	}
	d, err := audit.ObjectDigest(key, audit.OfSetting, setting)
	return "keyed:" + hex.EncodeToString(d[:16]), err
}

// settings gives the digest of each schedule as it last was.
func (s *Store) settings(ctx context.Context) (map[string]string, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT id, setting FROM schedules")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, setting string
		if err := rows.Scan(&id, &setting); err != nil {
			return nil, err
		}
		out[id] = setting
	}
	return out, rows.Err()
}
