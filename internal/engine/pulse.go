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

// recovered leaves out of what is not well the connections that are up again, and
// keeps why the others are not, whatever became of an action meanwhile; it asks
// the bots what hinders them. The caller holds the lock.
func (e *Engine) recovered() {
	for a, b := range e.bots {
		part := "account " + string(a)
		if h, ok := b.(bots.Hindered); ok {
			what := part + " as it is set up"
			delete(e.troubles, what)
			if why := h.Hindered(); why != "" {
				e.troubles[what] = why
			}
		}
		p, ok := b.(bots.Pulse)
		switch why := e.ends[a]; {
		case !ok || why == "":
		case !p.Connected():
			e.troubles[part] = why
		case e.troubles[part] == why:
			delete(e.troubles, part)
		}
	}
}
