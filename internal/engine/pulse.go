package engine

import (
	"chaperone/bots"
	"chaperone/internal/chat"
)

// lost notes why a bot's connection ended.
func (e *Engine) lost(a chat.Account, why error) {
	e.trouble("account "+string(a), why)
	e.mu.Lock()
	defer e.mu.Unlock()
	if why != nil {
		e.ends[a] = why.Error()
	}
}

// recovered leaves out of what is not well the connections that are up again.
// The caller holds the lock.
func (e *Engine) recovered() {
	for a, b := range e.bots {
		part := "account " + string(a)
		if p, ok := b.(bots.Pulse); ok && e.ends[a] != "" && e.troubles[part] == e.ends[a] && p.Connected() {
			delete(e.troubles, part)
		}
	}
}
