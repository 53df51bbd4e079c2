package engine

import (
	"context"
	"errors"
	"time"

	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

const (
	eraseEvery   = time.Minute            // how often what is no longer needed is forgotten
	disposeEvery = 100 * time.Millisecond // runs are looked at no oftener
	settleIn     = 30 * time.Second       // after a start, before prompts move up their ladder
)

// runClock does what falls due with time.
func (e *Engine) runClock() {
	erased := e.o.Now()
	began := time.Now()
	var disposed, slot time.Time // when runs were last looked at, and when they next come due
	pause := disposeEvery        // until they are looked at again
	for e.ctx.Err() == nil {
		next, err := e.ladders(time.Since(began))
		if err == nil {
			err = e.look(e.ctx)
		}
		if err == nil {
			if since := time.Since(disposed); since >= pause {
				start := time.Now()
				slot, err = e.dispose(e.ctx)
				disposed = time.Now()
				pause = max(disposeEvery, 4*disposed.Sub(start)) // a large plan leaves most of the time to others
			} else if len(e.o.Schedules) > 0 { // every end of a deletion wakes us
				slot = e.o.Now().Add(pause - since)
			}
			if !slot.IsZero() && (next.IsZero() || slot.Before(next)) {
				next = slot
			}
		}
		if err == nil {
			var at time.Time
			if at, err = e.depart(e.ctx, false); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		if err == nil {
			var at time.Time
			if at, err = e.weeks(e.ctx); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		if now := e.o.Now(); err == nil && now.Sub(erased).Abs() >= eraseEvery {
			erased = now
			err = errors.Join(e.erase(e.ctx), e.learn(e.ctx))
		}
		if err != nil && e.ctx.Err() == nil {
			e.trouble("store", err)
			e.o.Log.Error("what falls due could not be done; it is tried again", "err", err)
		}
		wait := eraseEvery
		if !next.IsZero() {
			wait = min(max(next.Sub(e.o.Now()), 10*time.Millisecond), wait)
		}
		t := time.NewTimer(wait)
		select {
		case <-e.ctx.Done():
		case <-e.tick:
		case <-t.C:
		}
		t.Stop()
	}
}

// ladders moves prompts up their ladder, but not in the first moments after a
// start: what platforms held back comes then, and it may be the answer.
func (e *Engine) ladders(since time.Duration) (time.Time, error) {
	if since < settleIn {
		return e.o.Now().Add(settleIn - since), nil
	}
	return e.overdue(e.ctx)
}

// overdue moves every prompt up its ladder as far as the clock says.
func (e *Engine) overdue(ctx context.Context) (next time.Time, err error) {
	for {
		due, next, err := e.o.Store.Overdue(ctx, e.o.Now(), batchSize)
		if err != nil || len(due) == 0 {
			return next, err
		}
		for _, sh := range due {
			if err := e.climb(ctx, sh); err != nil {
				return next, err
			}
		}
	}
}

// climb moves one prompt up its ladder.
func (e *Engine) climb(ctx context.Context, sh Shown) error {
	r := e.room(sh.Chat)
	r.mu.Lock()
	defer r.mu.Unlock()
	sh, err := e.o.Store.Prompt(ctx, sh.ID) // as it is now that nobody else changes it
	if err != nil {
		return err
	}
	now := e.o.Now()
	s := Settlement{Chat: sh.Chat, Now: now}
	s.Actions = e.rise(&sh, now)
	s.Prompts = append(s.Prompts, sh)
	if err := e.o.Store.Settle(ctx, s); err != nil {
		return err
	}
	nudge(e.poke)
	e.changed(sh.Chat)
	return nil
}

// CatchUp does everything that is due now, and returns when it is done. A
// declared move of the clock calls it.
func (e *Engine) CatchUp(ctx context.Context) error {
	for {
		if _, err := e.overdue(ctx); err != nil {
			return err
		}
		if _, err := e.dispose(ctx); err != nil {
			return err
		}
		if _, err := e.depart(ctx, true); err != nil {
			return err
		}
		if _, err := e.weeks(ctx); err != nil {
			return err
		}
		nudge(e.poke)
		nudge(e.files.wake)
		idle, err := e.idle(ctx)
		if err != nil {
			return err
		}
		if idle {
			return errors.Join(e.erase(ctx), e.learn(ctx))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// idle reports whether nothing is unsettled, due or under way.
func (e *Engine) idle(ctx context.Context) (bool, error) {
	e.mu.Lock()
	flying := e.aloft
	e.mu.Unlock()
	if flying > 0 || e.leaving.news.Load() || !e.leaving.mu.TryLock() { // locked: a plan is being made
		return false, nil
	}
	e.leaving.mu.Unlock()
	waiting, err := e.o.Store.Waiting(ctx)
	if err != nil || len(waiting) > 0 {
		return false, err
	}
	due, _, err := e.o.Store.Due(ctx, e.o.Now(), 1)
	if err != nil || len(due) > 0 {
		return false, err
	}
	under, err := e.o.Store.Runs(ctx, "", retention.Underway)
	return len(under) == 0, err
}

// erase forgets what is no longer needed. That the time of something is over
// is known only by a clock that is vouched for (DESIGN invariant 15).
func (e *Engine) erase(ctx context.Context) error {
	switch err := e.vouched(ctx); {
	case errors.Is(err, clock.ErrClock):
		return e.o.Store.EraseKeys(ctx, e.o.Now())
	case err != nil:
		return err
	}
	return e.o.Store.Erase(ctx, e.o.Now())
}
