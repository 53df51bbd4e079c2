package discord

import "time"

// Gather sets how long a deletion waits for others.
func (b *Bot) Gather(d time.Duration) { b.gather = d }
