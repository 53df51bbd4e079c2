package practice

import "chaperone/internal/chat"

// Touch says that what the pages show of a room has changed.
func (p *Platform) Touch(id chat.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[id.Local]; r != nil {
		r.version++
	}
	p.wake()
}

func (p *Platform) touchAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rooms {
		r.version++
	}
	p.wake()
}

// wake tells every open stream to look. The caller holds the lock.
func (p *Platform) wake() {
	for c := range p.watchers {
		select {
		case c <- struct{}{}:
		default: // it has been told already
		}
	}
}

// watch gives a channel that is told when a room may have changed, and closed
// when streams are to end.
func (p *Platform) watch() (told chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		close(c)
		return c, func() {}
	}
	p.watchers[c] = struct{}{}
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, c)
	}
}

// CloseStreams ends every open stream, before the server is shut down.
func (p *Platform) CloseStreams() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	p.closing = true
	for c := range p.watchers {
		close(c)
		delete(p.watchers, c)
	}
}

// version is how often a room has changed since the start.
func (p *Platform) version(roomID string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[roomID]; r != nil {
		return r.version
	}
	return 0
}
