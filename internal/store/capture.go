package store

import (
	"context"
	"database/sql"
	"errors"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// chosen reads what is stored of the messages that members want kept. Of what was
// never read it is what the platform tells.
func (s *Store) chosen(ctx context.Context, id chat.ID, n int64, events []engine.Pending) ([]engine.Chosen, error) {
	var out []engine.Chosen
	for _, p := range events {
		if p.Event.Kind != chat.Wanted {
			continue
		}
		c := engine.Chosen{ID: p.Event.Message}
		var at int64
		err := s.queryOne(ctx, "SELECT member, at, revision, deleted FROM messages WHERE chat = ? AND id = ?",
			[]any{n, string(c.ID)}, &c.Sender, &at, &c.Revision, &c.Deleted)
		if errors.Is(err, sql.ErrNoRows) {
			c.Revision, at, err = p.Event.Revision, p.Event.At.UnixMilli(), nil
			c.Sender = chat.MemberID(p.Event.Answer)
		}
		if err != nil {
			return nil, err
		}
		c.At = fromMillis(at)
		if c.Name, err = s.MemberName(ctx, hold.Member{Account: id.Account, ID: c.Sender}); err != nil {
			return nil, err
		}
		kept := 0
		err = s.queryOne(ctx, "SELECT count(*) FROM actions WHERE key = ?", []any{engine.CaptureKey(id, c.ID, c.Revision)}, &kept)
		if err != nil {
			return nil, err
		}
		c.Kept = kept > 0
		out = append(out, c)
	}
	return out, nil
}
