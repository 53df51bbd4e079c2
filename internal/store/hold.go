package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/hold"
)

// Holds reads all holds together. What cannot be read holds everything.
func (s *Store) Holds(ctx context.Context) hold.Set {
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM holds ORDER BY placed, id")
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

// inForce reads, inside the transaction, the holds that may be in force.
func (t *tx) inForce(now time.Time) hold.Set {
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
	rows, err := s.read.QueryContext(ctx, fenceColumns+"WHERE (closed = 0 OR outcome <> 'not-done') AND (closed = 0 OR outcome = 'unknown' OR closed >= ?)", since.UnixNano())
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
	f, err := hold.MayStart(t.inForce(now), about, want, now, within)
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
