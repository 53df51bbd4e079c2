package practice

import (
	"fmt"
	"net/http"
	"time"

	"chaperone/internal/chat"
)

const (
	streamPause = 50 * time.Millisecond // between two lines of a stream: what changes meanwhile is one change
	streamBeat  = 20 * time.Second      // a line at least so often, so that a dead reader is noticed
)

// Touch says that what the pages show of a room has changed.
func (p *Platform) Touch(id chat.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[id.Local]; r != nil {
		r.version++
		p.wake()
	}
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

// mark names what pages show of a room now: this run, and how often the room
// has changed in it. A page whose mark is of another run has missed something
// and loads whole.
func (p *Platform) mark(roomID string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if r := p.rooms[roomID]; r != nil {
		return fmt.Sprintf("%s.%d", p.epoch, r.version)
	}
	return p.epoch + ".0"
}

// stream tells one page its room's mark, at once and whenever it changes. It
// carries nothing else: what the page shows, it fetches as its member.
func (p *Platform) stream(w http.ResponseWriter, r *http.Request) {
	told, stop := p.watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	last := ""
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		line := ": still here\n\n"
		if now := p.mark(r.PathValue("room")); now != last {
			line, last = "retry: 1000\ndata: "+now+"\n\n", now
		}
		if _, err := fmt.Fprint(w, line); err != nil || out.Flush() != nil {
			return
		}
		time.Sleep(streamPause)
		for waiting := true; waiting; {
			select {
			case <-r.Context().Done():
				return
			case _, open := <-told:
				if !open {
					return
				}
				waiting = p.mark(r.PathValue("room")) == last
			case <-beat.C:
				waiting = false
			}
		}
	}
}
