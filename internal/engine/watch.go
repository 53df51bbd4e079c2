package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/failpoint"
)

// timekeeper is the watch over our own clock (DESIGN invariant 15).
type timekeeper struct {
	mu    sync.Mutex
	watch Watch
	seen  time.Time // when it was last looked at, by a clock that nobody can set
	saved time.Time // when it was last stored, likewise
	ready chan struct{}
}

// saveWatchEvery is how often the watch is stored where nothing happened.
const saveWatchEvery = time.Minute

// restartClock looks at the clock for the first time after a start. A declared
// move that was interrupted counts where it explains what the clock shows.
func (e *Engine) restartClock(ctx context.Context) error {
	k := &e.clock
	k.mu.Lock()
	defer k.mu.Unlock()
	w, err := e.o.Store.Watch(ctx)
	if err != nil {
		return err
	}
	now, last := e.o.Now(), w.Expect
	if moved := w.Declare(w.Moving).Restart(now); w.Moving != 0 && moved.MayDestroy() == nil && w.Watch.MayDestroy() == nil {
		w.Watch, last = moved, last.Add(w.Moving)
	} else {
		w.Watch = w.Restart(now)
	}
	w.Moving = 0
	k.watch, k.seen, k.saved = w, time.Now(), time.Now()
	close(k.ready)
	is := w.MayDestroy()
	e.trouble("clock", is)
	if is != nil {
		e.o.Log.Error("the clock is not vouched for: nothing is destroyed until it is", "err", is)
	}
	if err := e.away(ctx, last, now); err != nil {
		return err
	}
	return e.o.Store.SetWatch(ctx, now, w, "")
}

// look looks at the clock.
func (e *Engine) look(ctx context.Context) error {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	return e.lookLocked(ctx)
}

func (e *Engine) lookLocked(ctx context.Context) error {
	k := &e.clock
	if k.seen.IsZero() {
		return nil // not started
	}
	now, was := e.o.Now(), k.watch.MayDestroy()
	k.watch.Watch = k.watch.Tick(now, time.Since(k.seen))
	k.seen = time.Now()
	is := k.watch.MayDestroy()
	if (was == nil) == (is == nil) && time.Since(k.saved) < saveWatchEvery {
		return nil
	}
	e.trouble("clock", is)
	if is != nil && was == nil {
		e.o.Log.Error("the clock moved: nothing is destroyed until a person confirms it", "err", is)
	}
	k.saved = time.Now()
	return e.o.Store.SetWatch(ctx, now, k.watch, "")
}

// vouched is nil where our clock is vouched for, so that something may be
// destroyed because of it.
func (e *Engine) vouched(ctx context.Context) error {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	if err := e.lookLocked(ctx); err != nil {
		return err
	}
	return e.clock.watch.MayDestroy()
}

// Clock tells what is known about our own clock.
func (e *Engine) Clock(ctx context.Context) (Watch, error) {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	if e.clock.seen.IsZero() {
		return e.o.Store.Watch(ctx)
	}
	return e.clock.watch, e.lookLocked(ctx)
}

// ConfirmClock says that a named person looked and finds our clock right.
func (e *Engine) ConfirmClock(ctx context.Context, by string) error {
	k := &e.clock
	k.mu.Lock()
	defer k.mu.Unlock()
	now := e.o.Now()
	w, err := k.watch.Confirm(by, now)
	if err != nil {
		return err
	}
	if err := e.o.Store.SetWatch(ctx, now, Watch{Watch: w}, by); err != nil {
		return err
	}
	if !k.seen.IsZero() {
		k.seen = time.Now()
	}
	k.watch = Watch{Watch: w}
	e.trouble("clock", nil)
	nudge(e.poke)
	nudge(e.tick)
	return nil
}

// MoveClock makes a declared move of the clock. The declaration is stored
// before the clock is moved and settled after it, so that a crash at any point
// leaves it either moved and declared, or neither.
func (e *Engine) MoveClock(ctx context.Context, by string, d time.Duration, move func() error) error {
	k := &e.clock
	if d == 0 {
		return move() // nothing is moved, and nothing is to be declared
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := e.lookLocked(ctx); err != nil {
		return err
	}
	k.watch.Moving = d
	if err := e.o.Store.SetWatch(ctx, e.o.Now(), k.watch, by); err != nil {
		k.watch.Moving = 0
		return err
	}
	failpoint.Hit("clock.declared")
	err := move()
	failpoint.Hit("clock.moved")
	k.watch.Moving = 0
	if err == nil {
		k.watch.Watch = k.watch.Declare(d)
	}
	return errors.Join(err, e.o.Store.SetWatch(ctx, e.o.Now(), k.watch, ""))
}

// witness lets a platform's time vouch for our clock after a downtime.
func (e *Engine) witness(ctx context.Context, events []chat.Event) error {
	k := &e.clock
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.watch.Asleep {
		return nil
	}
	now := e.o.Now()
	for _, ev := range events {
		k.watch.Watch = k.watch.Witness(ev.At, now)
	}
	if k.watch.Asleep {
		return nil
	}
	e.trouble("clock", nil)
	return e.o.Store.SetWatch(ctx, now, k.watch, "")
}
