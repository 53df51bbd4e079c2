package store

import (
	"context"
	"time"

	"chaperone/internal/chat"
)

// ReadUntil tells since when a chat has been read, which is zero where it is not,
// and the time of the newest message that was stored.
func (s *Store) ReadUntil(ctx context.Context, id chat.ID) (began, newest time.Time, err error) {
	var read, settled, waiting int64
	err = s.queryOne(ctx, `SELECT
			COALESCE((SELECT MAX(g.until) FROM gaps g JOIN chats c ON c.n = g.chat WHERE c.account = ? AND c.id = ? AND c.noticed = 1 AND g.kind = ?), 0),
			COALESCE((SELECT MAX(m.at) FROM messages m JOIN chats c ON c.n = m.chat WHERE c.account = ? AND c.id = ?), 0),
			COALESCE((SELECT MAX(e.at) FROM events e JOIN chats c ON c.n = e.chat WHERE c.account = ? AND c.id = ? AND e.kind = ?), 0)`,
		[]any{string(id.Account), id.Local, string(chat.NotThere), string(id.Account), id.Local, string(id.Account), id.Local, string(chat.Posted)},
		&read, &settled, &waiting)
	return fromMillis(read), fromMillis(max(settled, waiting)), err
}

// Standing lists the messages of a chat since a time that nobody is known to
// have deleted.
func (s *Store) Standing(ctx context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error) {
	rows, err := s.query(ctx, `SELECT m.id FROM messages m JOIN chats c ON c.n = m.chat
		WHERE c.account = ? AND c.id = ? AND m.deleted = 0 AND m.at >= ? ORDER BY m.at`, string(id.Account), id.Local, millis(since))
	if err != nil {
		return nil, err
	}
	return collect(rows, func(m *chat.MessageID) []any { return []any{m} })
}
