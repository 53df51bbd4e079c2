package engine

import (
	"context"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Gap is a stretch of a chat that the bot cannot vouch for (DESIGN invariant 9).
type Gap struct {
	Chat    chat.ID
	Kind    chat.Gap
	Since   time.Time // zero: from the beginning of the chat
	Until   time.Time // zero: it has not ended
	Message chat.MessageID
	Later   bool // what was said was delivered afterwards: nothing is missing
}

// away notes that this program was not running from when it last looked at the
// clock until now.
func (e *Engine) away(ctx context.Context, since, now time.Time) error {
	if since.IsZero() || now.Sub(since) < saveWatchEvery {
		return nil // it looks no more often than that
	}
	for account, bot := range e.bots {
		keeper, ok := bot.(bots.Backlog)
		later := ok && (keeper.Keeps() == 0 || now.Sub(since) <= keeper.Keeps())
		if err := e.o.Store.Away(ctx, account, since, now, later); err != nil {
			return err
		}
	}
	return nil
}

// Gaps lists the stretches of a chat that the bot cannot vouch for, or with a
// zero id those of every chat, the oldest first.
func (e *Engine) Gaps(ctx context.Context, id chat.ID) ([]Gap, error) { return e.o.Store.Gaps(ctx, id) }
