package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chaperone/internal/prompt"
)

// Asking lists the prompts that were opened since a time, the oldest first.
func (s *Store) Asking(ctx context.Context, since time.Time) ([]prompt.Prompt, error) {
	rows, err := s.query(ctx, "SELECT body FROM prompts ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []prompt.Prompt
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var p prompt.Prompt
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fmt.Errorf("%w: a prompt cannot be read (%v)", ErrDamaged, err)
		}
		if !p.Opened.Before(since) {
			out = append(out, p)
		}
	}
	return out, rows.Err()
}
