package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// Holds reads all holds together. What cannot be read holds everything.
func (s *Store) Holds(ctx context.Context) hold.Set {
	rows, err := s.query(ctx, "SELECT body FROM holds ORDER BY placed, id")
	if err != nil {
		return hold.NewSet(nil, err)
	}
	return hold.NewSet(scanHolds(rows))
}

// scanHolds reads holds. One that cannot be read makes all of them unreadable.
func scanHolds(rows *sql.Rows) ([]hold.Hold, error) {
	defer rows.Close()
	var out []hold.Hold
	for rows.Next() {
		var body []byte
		var h hold.Hold
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &h); err != nil {
			return nil, fmt.Errorf("%w: a hold cannot be read", ErrDamaged)
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// PlaceHold stores a hold with its audit entry. Only once the fences about what
// it covers are settled (Fences, hold.Wait) does it keep everything.
func (s *Store) PlaceHold(ctx context.Context, h hold.Hold) error {
	return s.write.do(ctx, func(t *tx) error { return t.placeHold(h) })
}

func (t *tx) placeHold(h hold.Hold) error {
	if err := h.Check(); err != nil {
		return err
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := t.gate(); err != nil {
		return err
	}
	if err := t.exec("INSERT INTO holds (id, placed, body) VALUES (?, ?, ?)", h.ID, h.Placed.UnixNano(), string(b)); err != nil {
		return fmt.Errorf("placing %s: %w", h, err)
	}
	return t.log(h.Placed, act{
		by: h.PlacedBy, right: "matter:" + h.ID, act: audit.Hold, of: audit.OfMatter, what: []string{h.ID},
		before: "none", after: "held", ref: h.ID,
	})
}

// ReleaseHold stores that a hold was released, with its audit entry.
func (s *Store) ReleaseHold(ctx context.Context, h hold.Hold) error {
	return s.write.do(ctx, func(t *tx) error { return t.releaseHold(h) })
}

func (t *tx) releaseHold(h hold.Hold) error {
	if h.Released.IsZero() {
		return fmt.Errorf("%s has not been released", h)
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	var released int64
	if err := t.row("SELECT released FROM holds WHERE id = ?", []any{h.ID}, &released); err != nil {
		return fmt.Errorf("releasing %s: %w", h, err)
	}
	if released != 0 {
		return fmt.Errorf("%s was released already", h)
	}
	if err := t.exec("UPDATE holds SET released = ?, body = ? WHERE id = ?", h.Released.UnixNano(), string(b), h.ID); err != nil {
		return err
	}
	return t.log(h.Released, act{
		by: h.ReleasedBy, right: "matter:" + h.ID, act: audit.Release, of: audit.OfMatter, what: []string{h.ID},
		before: "held", after: "released", ref: h.ID,
	})
}

// inForce reads, inside the transaction, the holds that may be in force. None
// is placed before the transaction ends.
func (t *tx) inForce(now time.Time) hold.Set {
	if err := t.gate(); err != nil {
		return hold.NewSet(nil, err)
	}
	st, err := t.stmt("SELECT body FROM holds WHERE released = 0 OR released > ?")
	if err != nil {
		return hold.NewSet(nil, err)
	}
	rows, err := st.QueryContext(t.ctx, now.UnixNano())
	if err != nil {
		return hold.NewSet(nil, err)
	}
	return hold.NewSet(scanHolds(rows))
}

const fenceColumns = "SELECT id, account, chat, message, member, person, opened, deadline, closed, outcome FROM fences "

// Fences reads the fences that hold.Wait asks about: those that are open, of
// unknown outcome, or closed since an instant.
func (s *Store) Fences(ctx context.Context, since time.Time) ([]hold.Fence, error) {
	rows, err := s.query(ctx, fenceColumns+"WHERE (closed = 0 OR outcome <> 'not-done') AND (closed = 0 OR outcome = 'unknown' OR closed >= ?)", since.UnixNano())
	if err != nil {
		return nil, err
	}
	return scanFences(rows)
}

func scanFences(rows *sql.Rows) ([]hold.Fence, error) {
	defer rows.Close()
	var out []hold.Fence
	for rows.Next() {
		var f hold.Fence
		var opened, deadline, closed int64
		if err := rows.Scan(&f.ID, &f.Subject.Chat.Account, &f.Subject.Chat.Local, &f.Message, &f.Subject.Member, &f.Subject.Person,
			&opened, &deadline, &closed, &f.Outcome); err != nil {
			return nil, err
		}
		f.Opened, f.Deadline, f.Closed = fromNanos(opened), fromNanos(deadline), fromNanos(closed)
		out = append(out, f)
	}
	return out, rows.Err()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// fence opens the fence before a destroying call, or says why there is none
// (hold.MayStart). It reads the holds in the same transaction.
func (t *tx) fence(action string, want hold.Fence, now time.Time, within time.Duration) (hold.Fence, error) {
	return t.fenceFrom(t.inForce(now), action, want, now, within)
}

func (t *tx) fenceFrom(holds hold.Set, action string, want hold.Fence, now time.Time, within time.Duration) (hold.Fence, error) {
	st, err := t.stmt(fenceColumns + "WHERE account = ? AND chat = ? AND message = ?")
	if err != nil {
		return hold.Fence{}, err
	}
	id := want.Subject.Chat
	rows, err := st.QueryContext(t.ctx, string(id.Account), id.Local, want.Message)
	if err != nil {
		return hold.Fence{}, err
	}
	about, err := scanFences(rows)
	if err != nil {
		return hold.Fence{}, err
	}
	f, err := hold.MayStart(holds, about, want, now, within)
	if err != nil {
		return hold.Fence{}, err
	}
	return f, t.exec(`INSERT INTO fences (id, action, account, chat, message, member, person, opened, deadline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.ID, action, string(id.Account), id.Local, f.Message, string(f.Subject.Member), f.Subject.Person, f.Opened.UnixNano(), f.Deadline.UnixNano())
}

// closeFence stores how a fenced call ended.
func (t *tx) closeFence(id string, o hold.Outcome, now time.Time) error {
	var f hold.Fence
	var closed int64
	if err := t.row("SELECT id, closed, outcome FROM fences WHERE id = ?", []any{id}, &f.ID, &closed, &f.Outcome); err != nil {
		return fmt.Errorf("fence %s: %w", id, err)
	}
	f.Closed = fromNanos(closed)
	f, err := f.Close(o, now)
	if err != nil {
		return err
	}
	return t.exec("UPDATE fences SET closed = ?, outcome = ? WHERE id = ?", f.Closed.UnixNano(), string(f.Outcome), id)
}

// startDestroying opens the fence of an attempt and logs it.
func (t *tx) startDestroying(now time.Time, a *engine.Action) error {
	var n int64
	var outcome engine.Outcome
	if err := t.row("SELECT outcome FROM actions WHERE id = ?", []any{a.ID}, &outcome); err != nil {
		return err
	}
	if outcome != "" {
		return fmt.Errorf("action %s has ended: %s", a.Key, outcome) // cancelled a moment ago
	}
	if err := t.row("SELECT count(*) FROM fences WHERE action = ?", []any{a.Key}, &n); err != nil {
		return err
	}
	if err := t.stands(*a); err != nil {
		return err
	}
	person, err := t.person(hold.Member{Account: a.Chat.Account, ID: a.Member})
	if err != nil {
		return err
	}
	want := hold.Fence{
		ID: fmt.Sprintf("%s#%d", a.Key, n+1), Message: string(a.Message), Subject: hold.Subject{Chat: a.Chat, Member: a.Member, Person: string(person)},
	}
	if a.Message == "" {
		want.Message = "member:" + string(a.Member)
	}
	holds := t.inForce(now)
	if a.Kind == "remove" {
		// A hold preserves information, not membership (DESIGN invariant 3): what
		// a member wrote stays in the chat and in what was captured when they are
		// taken out, and one who was dismissed must not stay in for a hold's sake.
		// The removal has a fence all the same, for its deadline and its outcome;
		// and where the holds cannot be read, nothing at all is begun.
		if _, err := holds.All(); err != nil {
			return err
		}
		holds = hold.NewSet(nil, nil)
	}
	f, err := t.fenceFrom(holds, a.Key, want, now, engine.FenceFor)
	if err != nil {
		return err
	}
	a.Fence = f.ID
	if err := t.undo(now, *a); err != nil {
		return err
	}
	return t.log(now, destroying(*a, present, "fenced"))
}

// present is the state of what has not been destroyed.
const present = "present"

// destroying is the audit entry about an attempt to destroy, or its end.
func destroying(a engine.Action, before, after string) act {
	x := act{
		by: "chaperone:engine", right: authority(a), act: audit.Destroy, of: audit.OfMessage,
		what: []string{string(a.Chat.Account), a.Chat.Local, string(a.Message)}, before: before, after: after, ref: a.Fence,
	}
	if a.Kind != "delete" {
		x.act, x.of, x.what[2] = audit.Remove, audit.OfMember, string(a.Member)
	}
	if x.ref == "" {
		x.ref = a.Key
	}
	return x
}

// authority says by what right an action is done: its member's answer to a
// prompt, or a run of a schedule, as its key says.
func authority(a engine.Action) string {
	if a.Prompt != "" {
		return "prompt:" + a.Prompt
	}
	return a.Key
}

// endDestroying closes the fence of an attempt that did not end its action.
func (t *tx) endDestroying(now time.Time, a engine.Action, o hold.Outcome) error {
	if err := t.closeFence(a.Fence, o, now); err != nil {
		return err
	}
	return t.log(now, destroying(a, "fenced", string(o)))
}

// ended closes the fences of an action that has ended, and logs how. What
// earlier attempts did is told by the end where it says so, and not known else.
func (t *tx) ended(f engine.Finished) error {
	a, o := f.Action, hold.NotDone
	switch f.Outcome {
	case engine.Done:
		o = hold.Done
	case engine.Unknown:
		o = hold.Unknown
	}
	st, err := t.stmt(fenceColumns + "WHERE action = ?")
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(t.ctx, a.Key)
	if err != nil {
		return err
	}
	fences, err := scanFences(rows)
	if err != nil {
		return err
	}
	gone := f.Outcome == engine.Done || f.Outcome == engine.Gone || f.Outcome == engine.Unknown
	for _, x := range fences {
		end := o
		switch {
		case !x.Open() && x.Outcome != hold.Unknown:
			continue
		case x.ID != a.Fence && o != hold.Done:
			end = hold.Unknown
		}
		if err := t.closeFence(x.ID, end, f.Now); err != nil {
			return err
		}
		gone = gone || end == hold.Unknown
	}
	if !gone { // nothing is to be given back
		if err := t.exec("DELETE FROM sealed WHERE key = ?", "undo/"+a.Key); err != nil {
			return err
		}
	}
	before := "fenced"
	if len(fences) == 0 {
		before = present
	}
	return t.log(f.Now, destroying(a, before, string(f.Outcome)))
}

// AbandonFences implements engine.Holds.
func (s *Store) AbandonFences(ctx context.Context, now time.Time) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.exec("UPDATE fences SET closed = ?, outcome = ? WHERE closed = 0", now.UnixNano(), string(hold.Unknown))
	})
}

// Watch implements engine.Timepiece.
func (s *Store) Watch(ctx context.Context) (w engine.Watch, err error) {
	var body []byte
	err = s.read.QueryRowContext(ctx, "SELECT body FROM clock_watch").Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return w, nil
	} else if err != nil {
		return w, err
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return w, fmt.Errorf("%w: what is known about the clock cannot be read", ErrDamaged)
	}
	return w, nil
}

// SetWatch implements engine.Timepiece.
func (s *Store) SetWatch(ctx context.Context, now time.Time, w engine.Watch, by string) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return s.write.do(ctx, func(t *tx) error {
		if err := t.exec("INSERT INTO clock_watch (one, body) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET body = excluded.body", string(b)); err != nil || by == "" {
			return err
		}
		x := act{by: by, right: "role:operator", act: audit.Clock, of: audit.OfSetting, what: []string{"clock"}, before: "waiting", after: "confirmed", ref: "clock"}
		if w.Moving != 0 {
			x.before, x.after = "declared", "moved:"+w.Moving.String()
		}
		return t.log(now, x)
	})
}
