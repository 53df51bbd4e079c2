package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress draws a bar on a terminal, and nothing elsewhere.
type progress struct {
	mu    sync.Mutex
	drawn bool
	w     io.Writer
	quit  chan struct{}
	ended chan struct{}
}

func startProgress(w io.Writer, bar func() string) *progress {
	if !terminal(w) {
		return &progress{}
	}
	p := &progress{w: w, quit: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				p.draw("\r"+bar()+"\x1b[K", true)
			case <-p.quit:
				p.draw("\r\x1b[K", false)
				return
			}
		}
	}()
	return p
}

func (p *progress) draw(s string, drawn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if drawn || p.drawn {
		fmt.Fprint(p.w, s)
	}
	p.drawn = drawn
}

// say writes a line where the bar is, and leaves the bar to be drawn again.
func (p *progress) say(w io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
	fmt.Fprintln(w, line)
}

func (p *progress) stop() {
	if p.quit != nil {
		close(p.quit)
		<-p.ended
	}
}

// bar says how far the reading is.
func (s *scan) bar() string {
	const width, mb = 24, 1e6
	read := s.read.Load()
	if s.total == 0 {
		return fmt.Sprintf("Reading: %.1f MB, %d found", float64(read)/mb, s.found.Load())
	}
	part := min(float64(read)/float64(s.total), 1)
	full := int(part * width)
	return fmt.Sprintf("Reading %s%s %3.0f%%  %.1f of %.1f MB, %d found", strings.Repeat("█", full), strings.Repeat("░", width-full),
		100*part, min(float64(read), float64(s.total))/mb, float64(s.total)/mb, s.found.Load())
}
