package store

import (
	"context"
	"time"

	"chaperone/internal/hold"
)

// How long things are kept where nothing longer is decided.
const (
	keepAside     = 14 * 24 * time.Hour // an event that could not be scanned
	keepEvents    = 30 * 24 * time.Hour // that an event was seen (its text is long gone)
	keepDecisions = 90 * 24 * time.Hour // findings about what somebody wrote, and ended prompts (invariant 13)
	atATime       = 2000                // rows that leave in one transaction
)

// Erase implements engine.Eraser: keys go that nothing needs any more, and
// rows whose time has passed.
func (s *Store) Erase(ctx context.Context, now time.Time) error {
	old := now.Add(-contextWindow).UnixMilli()/epochLength.Milliseconds() - 1 // the last stretch whose context window has passed
	var wanted map[uint64]bool
	var next uint64
	err := s.write.do(ctx, func(t *tx) error {
		t.w.chats = map[string]chatRow{} // a forgotten stretch must not be sealed into again
		if err := t.exec(`DELETE FROM epochs WHERE epoch <= ? AND NOT EXISTS (
			SELECT 1 FROM events WHERE events.chat = epochs.chat AND events.state = 0 AND events.slot = epochs.slot)`, old); err != nil {
			return err
		}
		if err := t.exec("UPDATE events SET slot = 0, text = NULL, state = 1 WHERE state = 2 AND received < ?", millis(now.Add(-keepAside))); err != nil {
			return err
		}
		gone, _, err := t.forgetUndo(now, "", atATime)
		if err == nil {
			err = t.logForgotten(now, "chaperone:retention", "own:undo", "undo", "own:undo", gone)
		}
		if err != nil {
			return err
		}
		if err := t.checkpointHourly(now); err != nil {
			return err
		}
		next = t.w.next
		wanted, err = t.wanted()
		return err
	})
	if err != nil {
		return err
	}
	if s.ring.holdsMoreThan(wanted, next) {
		if err := s.ring.replace(wanted, next); err != nil {
			return err
		}
	}
	return s.forgetRows(ctx, now)
}

// forgetRows lets rows go whose time has passed, but for findings and prompts
// about what a hold covers. Where the holds cannot be read, all of those stay.
func (s *Store) forgetRows(ctx context.Context, now time.Time) error {
	if err := s.write.do(ctx, func(t *tx) error {
		return t.exec("DELETE FROM events WHERE seq IN (SELECT seq FROM (SELECT seq, received, state FROM events ORDER BY seq LIMIT ?) AS oldest WHERE received < ? AND state = 1)",
			atATime, millis(now.Add(-keepEvents)))
	}); err != nil {
		return err
	}
	return s.write.do(ctx, func(t *tx) error {
		all, chats, members := heldNames(t.inForce(now), now)
		if all {
			return nil
		}
		if err := t.forgetPrompts(now.Add(-keepDecisions), chats, members); err != nil {
			return err
		}
		return t.exec(`DELETE FROM decisions WHERE n IN (SELECT d.n FROM decisions d JOIN chats c ON c.n = d.chat
			LEFT JOIN messages m ON m.chat = d.chat AND m.id = d.message
			WHERE d.decided < ? AND c.account || '/' || c.id NOT IN (SELECT value FROM json_each(?))
			AND c.account || '/' || coalesce(m.member, '') NOT IN (SELECT value FROM json_each(?)) LIMIT ?)`,
			millis(now.Add(-keepDecisions)), chats, members, atATime)
	})
}

// forgetPrompts lets prompts go that ended before a time, with all that is
// kept of them.
func (t *tx) forgetPrompts(until time.Time, chats, members string) error {
	const ended = `SELECT p.id FROM prompts p JOIN chats c ON c.n = p.chat
		WHERE p.waiting = 0 AND p.busy = 0 AND p.slot = 0 AND p.body ->> 'Closed' < ?
		AND c.account || '/' || c.id NOT IN (SELECT value FROM json_each(?))
		AND c.account || '/' || p.member NOT IN (SELECT value FROM json_each(?)) ORDER BY p.id LIMIT ?`
	for _, query := range []string{
		"DELETE FROM prompt_messages WHERE prompt IN (" + ended + ")",
		"DELETE FROM kept WHERE prompt IN (" + ended + ")",
		"DELETE FROM prompts WHERE id IN (" + ended + ")",
	} {
		if err := t.exec(query, until.UTC().Format(time.RFC3339), chats, members, atATime); err != nil {
			return err
		}
	}
	return nil
}

// heldNames lists the chats and members that holds in force cover, as
// account/id, for json_each. all is true where everything is covered, or where
// that cannot be known.
func heldNames(set hold.Set, now time.Time) (all bool, chats, members string) {
	holds, err := set.All()
	if err != nil {
		return true, "", ""
	}
	var c, m []string
	for _, h := range holds {
		if !h.Active(now) {
			continue
		}
		if h.Scope.All || h.Scope.Empty() || len(h.Scope.People) > 0 { // nobody is matched to a person yet
			return true, "", ""
		}
		for _, id := range h.Scope.Chats {
			c = append(c, id.String())
		}
		for _, id := range h.Scope.Members {
			m = append(m, string(id.Account)+"/"+string(id.ID))
		}
	}
	return false, list(c), list(m)
}

// wanted lists the numbers of all keys that something still needs.
func (t *tx) wanted() (map[uint64]bool, error) {
	st, err := t.stmt("SELECT slot FROM epochs UNION SELECT slot FROM prompts WHERE slot > 0 UNION SELECT slot FROM events WHERE state = 2 AND slot > 0 UNION SELECT slot FROM sealed")
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx)
	if err != nil {
		return nil, err
	}
	slots, err := collect(rows, func(n *uint64) []any { return []any{n} })
	wanted := make(map[uint64]bool, len(slots))
	for _, n := range slots {
		wanted[n] = true
	}
	return wanted, err
}

// holdsMoreThan reports whether a key could be dropped.
func (r *ring) holdsMoreThan(wanted map[uint64]bool, next uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for num := range r.keys {
		if num < next && !wanted[num] {
			return true
		}
	}
	return false
}
