package practice

import (
	"context"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Fetch implements bots.Fetcher.
func (p *Platform) Fetch(_ context.Context, id chat.ID, message chat.MessageID) (string, error) {
	p.mu.RLock()
	var text span
	there := false
	if r := p.rooms[id.Local]; r != nil && id.Account == account {
		if found := r.find(message); found != nil && found.state != deleted {
			text, there = found.text, true
		}
	}
	p.mu.RUnlock()
	if !there {
		return "", bots.ErrGone
	}
	if text.size == 0 {
		return "", nil
	}
	b, err := p.file.read(text)
	if err != nil {
		return "", err
	}
	return unquote(b), nil
}

// Keeps implements bots.Backlog: what the bot has not acknowledged is kept.
func (p *Platform) Keeps() time.Duration { return 0 }
