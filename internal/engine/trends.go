package engine

import (
	"context"
	"errors"
	"time"

	"chaperone/internal/measure"
)

// Trends is what habits are worked out from, and where they are reported.
type Trends interface {
	// Facts lists what was found in which message since a time.
	Facts(ctx context.Context, since time.Time) ([]measure.Fact, error)
	// SaveTrends reports them, each once for its chat and quarter, and tells
	// how many are new.
	SaveTrends(ctx context.Context, now time.Time, all []measure.Trend) (int, error)
}

// learn looks at what was asked and how it went: at breaches each time, at
// habits once a day.
func (e *Engine) learn(ctx context.Context) error {
	err := e.breaches(ctx)
	now := e.o.Now()
	day := now.UTC().Format(time.DateOnly)
	e.breach.Lock()
	defer e.breach.Unlock()
	if e.trended == day {
		return err
	}
	r := measure.DefaultRoutine()
	facts, factsErr := e.o.Store.Facts(ctx, now.AddDate(0, 0, -r.Of-1))
	if factsErr != nil {
		return errors.Join(err, factsErr)
	}
	if found := r.Trends(now, e.zone(), facts); len(found) > 0 {
		news, saveErr := e.o.Store.SaveTrends(ctx, now, found)
		if saveErr != nil {
			return errors.Join(err, saveErr)
		}
		if news > 0 {
			e.o.Log.Warn("personal details are handled as a routine in a chat: somebody should give it a proper home", "chats", news)
		}
	}
	e.trended = day
	return err
}

// zone is where days begin.
func (e *Engine) zone() *time.Location {
	if e.o.Viewer.Zone != nil {
		return e.o.Viewer.Zone
	}
	return time.UTC
}
