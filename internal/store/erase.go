package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"chaperone/internal/hold"
	"chaperone/internal/retention"
)

// atATime is how many rows leave in one transaction.
const atATime = 2000

// KeepOwn says how long the product's own data stay. It is called before the
// store is used.
func (s *Store) KeepOwn(p retention.OwnPeriods) { s.own = p }

// Erase implements engine.Eraser: what is kept for a time goes when that has
// passed, and keys that nothing needs any more.
func (s *Store) Erase(ctx context.Context, now time.Time) error {
	if err := s.write.do(ctx, func(t *tx) error {
		if err := t.forgetAside(s.own.Before(retention.SetAside, now), now); err != nil {
			return err
		}
		if err := t.forgetSuppressions(now, s.own.Before); err != nil {
			return err
		}
		if err := t.forgetAsked(now); err != nil {
			return err
		}
		gone, _, err := t.forgetUndo(now, "", atATime)
		return errors.Join(err, t.forgot(now, retention.UndoText, int64(gone)))
	}); err != nil {
		return err
	}
	return errors.Join(s.EraseKeys(ctx, now), s.forgetRows(ctx, now))
}

// EraseKeys implements engine.Eraser.
func (s *Store) EraseKeys(ctx context.Context, now time.Time) error {
	old := now.Add(-contextWindow).UnixMilli()/epochLength.Milliseconds() - 1 // the last stretch whose context window has passed
	var wanted map[uint64]bool
	var next uint64
	err := s.write.do(ctx, func(t *tx) error {
		t.w.chats = map[string]chatRow{} // a forgotten stretch must not be sealed into again
		if err := t.exec(`DELETE FROM epochs WHERE epoch <= ? AND NOT EXISTS (
			SELECT 1 FROM events WHERE events.chat = epochs.chat AND events.state = 0 AND events.slot = epochs.slot)`, old); err != nil {
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
		return s.ring.replace(wanted, next)
	}
	return nil
}

// forgot writes down how much of the product's own data went because its time
// had passed.
func (t *tx) forgot(now time.Time, kind retention.Own, n int64) error {
	return t.logForgotten(now, "chaperone:retention", "own:"+string(kind), string(kind), "own:"+string(kind), int(n))
}

// unheld is a condition on c.account, c.id and a member: that no hold covers
// what stands there. Its parameters are what heldNames gives.
func unheld(member string) string {
	return ` c.account || '/' || c.id NOT IN (SELECT value FROM json_each(?))
		AND c.account || '/' || ` + member + ` NOT IN (SELECT value FROM json_each(?))`
}

// forgetAside lets the texts go of what could not be scanned before a time.
func (t *tx) forgetAside(until, now time.Time) error {
	all, chats, members := heldNames(t.inForce(now), now, t.membersOf)
	if all {
		return nil
	}
	n, err := t.change(`UPDATE events SET slot = 0, text = NULL, files = NULL, state = 1 WHERE state = 2 AND received < ? AND seq IN (
		SELECT e.seq FROM events e JOIN chats c ON c.n = e.chat WHERE e.state = 2 AND`+unheld("e.member")+`)`, millis(until), chats, members)
	return errors.Join(err, t.forgot(now, retention.SetAside, n))
}

// forgetRows lets rows go whose time has passed, but for findings and prompts
// about what a hold covers. Where the holds cannot be read, all of those stay.
func (s *Store) forgetRows(ctx context.Context, now time.Time) error {
	if err := s.write.do(ctx, func(t *tx) error {
		return t.exec("DELETE FROM events WHERE seq IN (SELECT seq FROM (SELECT seq, received, state FROM events ORDER BY seq LIMIT ?) AS oldest WHERE received < ? AND state = 1)",
			atATime, millis(s.own.Before(retention.Arrivals, now)))
	}); err != nil {
		return err
	}
	return s.write.do(ctx, func(t *tx) error {
		all, chats, members := heldNames(t.inForce(now), now, t.membersOf)
		if all {
			return nil
		}
		if err := t.forgetPrompts(s.own.Before(retention.Prompts, now), now, chats, members); err != nil {
			return err
		}
		if err := t.forgetPeople(s.own.Before(retention.People, now), now); err != nil {
			return err
		}
		if err := t.forgetStays(s.own.Before(retention.People, now), chats, members); err != nil {
			return err
		}
		if err := t.forgetWords(s.own.Before(retention.Prompts, now)); err != nil {
			return err
		}
		if err := t.forgetReadings(s.own.Before(retention.Findings, now), chats, members); err != nil {
			return err
		}
		n, err := t.change(`DELETE FROM decisions WHERE n IN (SELECT d.n FROM decisions d JOIN chats c ON c.n = d.chat
			LEFT JOIN messages m ON m.chat = d.chat AND m.id = d.message
			WHERE d.decided < ? AND`+unheld("coalesce(m.member, '')")+` LIMIT ?)`,
			millis(s.own.Before(retention.Findings, now)), chats, members, atATime)
		return errors.Join(err, t.forgot(now, retention.Findings, n))
	})
}

// forgetPrompts lets prompts go that ended before a time, with all that is
// kept of them.
func (t *tx) forgetPrompts(until, now time.Time, chats, members string) error {
	ended := `SELECT p.id FROM prompts p JOIN chats c ON c.n = p.chat
		WHERE p.waiting = 0 AND p.busy = 0 AND p.slot = 0 AND p.body ->> 'Closed' < ? AND` + unheld("p.member") + ` ORDER BY p.id LIMIT ?`
	var n int64
	for _, query := range []string{
		"DELETE FROM prompt_messages WHERE prompt IN (" + ended + ")",
		"DELETE FROM kept WHERE prompt IN (" + ended + ")",
		"DELETE FROM prompts WHERE id IN (" + ended + ")",
	} {
		var err error
		if n, err = t.change(query, until.UTC().Format(time.RFC3339), chats, members, atATime); err != nil {
			return err
		}
	}
	return t.forgot(now, retention.Prompts, n)
}

// heldNames lists the chats and members that holds in force cover, as
// account/id, for json_each. all is true where everything is covered, or where
// that cannot be known.
func heldNames(set hold.Set, now time.Time, membersOf func(person string) ([]hold.Member, error)) (all bool, chats, members string) {
	holds, err := set.All()
	if err != nil {
		return true, "", ""
	}
	var c, m []string
	for _, h := range holds {
		if !h.Active(now) {
			continue
		}
		if h.Scope.All || h.Scope.Empty() {
			return true, "", ""
		}
		for _, p := range h.Scope.People {
			known, err := membersOf(p)
			if err != nil {
				return true, "", ""
			}
			h.Scope.Members = append(slices.Clip(h.Scope.Members), known...)
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
	st, err := t.stmt("SELECT slot FROM epochs UNION SELECT slot FROM prompts WHERE slot > 0 UNION SELECT slot FROM events WHERE state = 2 AND slot > 0 UNION SELECT slot FROM sealed UNION SELECT slot FROM suppression_keys UNION SELECT slot FROM readings WHERE slot > 0")
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
