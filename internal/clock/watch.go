package clock

import (
	"errors"
	"fmt"
	"time"
)

// Most is how far our clock may move by itself before destroying stops: over
// an hour either way (DESIGN invariant 15).
const Most = time.Hour

// Agree is how near a platform's clock must be to ours to vouch for it.
const Agree = 10 * time.Minute

// ErrClock is wrapped by every refusal of a Watch.
var ErrClock = errors.New("our clock is not vouched for")

// Jumped reports whether the wall clock moved by more than Most between two
// readings, compared with the time that really went by. elapsed is measured by
// a clock that nobody can set.
func Jumped(before, now time.Time, elapsed time.Duration) bool {
	return jump(before, now, elapsed).Abs() > Most
}

// jump compares readings of the wall alone: what else time.Time carries would
// compare the unsettable clock with itself.
func jump(before, now time.Time, elapsed time.Duration) time.Duration {
	return now.Round(0).Sub(before.Round(0)) - elapsed
}

// Watch is what is known about our own clock; it is stored, so that a restart
// does not forget it. The zero Watch vouches for nothing until Restart.
type Watch struct {
	Expect time.Time // what the wall clock ought to have shown when it was last looked at
	Frozen time.Time // since when destroying waits, by our clock; zero: it does not
	Jump   time.Duration
	Asleep bool // frozen because nobody looked for over an hour: a platform's time is enough
}

// Tick looks at the clock. elapsed is the time since the last look by a clock
// that nobody can set. Small steps add up: what ought to be shown moves on by
// elapsed alone.
func (w Watch) Tick(now time.Time, elapsed time.Duration) Watch {
	expect := w.Expect.Add(elapsed)
	if j := jump(w.Expect, now, elapsed); j.Abs() > Most && !w.frozenByJump() {
		w.Frozen, w.Jump, w.Asleep = now.Round(0), j, false
	}
	w.Expect = expect
	return w
}

// Restart looks at the clock for the first time after a start, when nothing
// tells how long we were away. Backwards by more than Most is a jump. Forwards
// by more may be downtime or a jump: destroying waits until a platform's time
// (Witness) or a person (Confirm) says that the clock is right. At the very
// first start there is nothing to compare with, and the clock is taken as it is.
func (w Watch) Restart(now time.Time) Watch {
	first, away := w.Expect.IsZero(), now.Round(0).Sub(w.Expect)
	if !first && away.Abs() > Most && !w.frozenByJump() {
		w.Frozen, w.Jump, w.Asleep = now.Round(0), away, away > 0
	}
	w.Expect = now.Round(0)
	return w
}

// Witness compares our clock with the time that a platform's server gave just
// now. It ends the wait after downtime where both agree, and nothing else: a
// jump that was seen happening is for a person.
func (w Watch) Witness(platform, now time.Time) Watch {
	if w.Asleep && platform.Sub(now.Round(0)).Abs() <= Agree {
		w.Frozen, w.Jump, w.Asleep = time.Time{}, 0, false
	}
	return w
}

// Declare says that the clock is about to be moved, or was just moved, by this
// much on purpose. The declaration belongs in the audit log.
func (w Watch) Declare(move time.Duration) Watch {
	w.Expect = w.Expect.Add(move)
	return w
}

// Confirm says that a named person looked and finds our clock right.
func (w Watch) Confirm(by string, now time.Time) (Watch, error) {
	if by == "" {
		return w, errors.New("say who confirms that the clock is right")
	}
	return Watch{Expect: now.Round(0)}, nil
}

// MayDestroy is nil where our clock is vouched for, and says what to do
// otherwise. It wraps ErrClock.
func (w Watch) MayDestroy() error {
	switch {
	case w.Expect.IsZero():
		return fmt.Errorf("%w: it was never looked at", ErrClock)
	case w.Frozen.IsZero():
		return nil
	case w.Asleep:
		return fmt.Errorf("%w: nobody looked at it for %s; it waits for a platform's time, or for a person to confirm the clock", ErrClock, span(w.Jump))
	case w.Jump < 0:
		return fmt.Errorf("%w: it jumped back by %s; a person must confirm the clock", ErrClock, span(w.Jump))
	default:
		return fmt.Errorf("%w: it jumped ahead by %s; a person must confirm the clock", ErrClock, span(w.Jump))
	}
}

func (w Watch) frozenByJump() bool { return !w.Frozen.IsZero() && !w.Asleep }

// span is a length of time as people say it: "157 days", "3 hours".
func span(d time.Duration) string {
	d = d.Abs().Round(time.Minute)
	n, unit := int64(d/time.Minute), "minute"
	switch {
	case d >= 48*time.Hour:
		n, unit = int64(d.Round(time.Hour)/(24*time.Hour)), "day"
	case d >= 2*time.Hour:
		n, unit = int64(d.Round(time.Hour)/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
