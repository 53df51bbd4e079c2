package store

import (
	"context"
	"time"
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
		if err := t.exec("DELETE FROM sealed WHERE until > 0 AND until < ?", millis(now)); err != nil {
			return err
		}
		if err := t.checkpointHourly(now); err != nil {
			return err
		}
		var err error
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
	if err := s.forgetPrompts(ctx, now.Add(-keepDecisions)); err != nil {
		return err
	}
	for _, old := range []struct {
		query string
		until time.Time
	}{
		{"DELETE FROM events WHERE seq IN (SELECT seq FROM (SELECT seq, received, state FROM events ORDER BY seq LIMIT ?2) WHERE received < ?1 AND state = 1)", now.Add(-keepEvents)},
		{"DELETE FROM decisions WHERE n IN (SELECT n FROM decisions WHERE decided < ?1 LIMIT ?2)", now.Add(-keepDecisions)},
	} {
		if err := s.write.do(ctx, func(t *tx) error { return t.exec(old.query, millis(old.until), atATime) }); err != nil {
			return err
		}
	}
	return nil
}

// forgetPrompts lets prompts go that ended before a time, with all that is
// kept of them.
func (s *Store) forgetPrompts(ctx context.Context, until time.Time) error {
	return s.write.do(ctx, func(t *tx) error {
		const ended = `SELECT id FROM prompts WHERE waiting = 0 AND busy = 0 AND slot = 0 AND body ->> 'Closed' < ?1 ORDER BY id LIMIT ?2`
		for _, query := range []string{
			"DELETE FROM prompt_messages WHERE prompt IN (" + ended + ")",
			"DELETE FROM kept WHERE prompt IN (" + ended + ")",
			"DELETE FROM prompts WHERE id IN (" + ended + ")",
		} {
			if err := t.exec(query, until.UTC().Format(time.RFC3339), atATime); err != nil {
				return err
			}
		}
		return nil
	})
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
