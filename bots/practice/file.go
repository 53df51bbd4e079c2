package practice

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// ErrFull means that the platform's own file cannot grow.
var ErrFull = errors.New("the practice platform's file cannot grow: make room on the disk; nothing was changed")

// op is one line of the file: one thing that happened on the platform. The
// state of the platform is what its lines, in order, add up to.
type op struct {
	Op      string         `json:"op"` // room, join, leave, post, edit, delete, react, answer, tick, ack, call, clock
	At      time.Time      `json:"at"`
	Room    string         `json:"room,omitempty"`
	Kind    chat.Kind      `json:"kind,omitempty"`
	Name    string         `json:"name,omitempty"`
	Member  chat.MemberID  `json:"member,omitempty"`
	Message chat.MessageID `json:"message,omitempty"`
	Reply   chat.MessageID `json:"reply,omitempty"`
	Text    []byte         `json:"text,omitempty"` // bytes, so that invalid UTF-8 comes back as it was
	Prompt  string         `json:"prompt,omitempty"`
	Answer  string         `json:"answer,omitempty"`
	Step    string         `json:"step,omitempty"`
	Done    bool           `json:"done,omitempty"`
	Seq     int64          `json:"seq,omitempty"`    // ack: the last event acknowledged
	Offset  time.Duration  `json:"offset,omitempty"` // clock
	Call    *Entry         `json:"call,omitempty"`
	Shown   *bots.Prompt   `json:"shown,omitempty"`
}

// file is the append-only file. A written line survives the end of the process;
// the disk is synced every second, so a power cut may cost the last moment of
// this platform (and never anything of the product's own store).
type file struct {
	f    *os.File
	size int64
	quit chan struct{}
	idle sync.WaitGroup
}

const syncEvery = time.Second

// openFile reads every line into apply and drops a last line that a kill cut
// short. A line that cannot be read before the last is an error: nothing is
// guessed.
func openFile(path string, apply func(op) error) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("practice platform: %w", err)
	}
	l := &file{f: f, quit: make(chan struct{})}
	if err := l.replay(apply); err != nil {
		return nil, errors.Join(fmt.Errorf("practice platform: %s: %w. Move the file away to begin with empty rooms", path, err), f.Close())
	}
	l.idle.Go(l.syncNowAndThen)
	return l, nil
}

func (l *file) replay(apply func(op) error) error {
	r := bufio.NewReaderSize(l.f, 1<<16)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 { // cut short by a kill: it was never confirmed to anybody
				if err := l.f.Truncate(l.size); err != nil {
					return err
				}
			}
			_, err := l.f.Seek(l.size, io.SeekStart)
			return err
		} else if err != nil {
			return err
		}
		var o op
		if err := json.Unmarshal(line, &o); err != nil {
			return fmt.Errorf("line %d cannot be read", n)
		}
		if err := apply(o); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		l.size += int64(len(line))
	}
}

// write adds a line. The caller holds the platform's lock. A line that does not
// fit leaves no trace.
func (l *file) write(o op) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if n, err := l.f.Write(b); err != nil || n < len(b) {
		err = errors.Join(ErrFull, l.f.Truncate(l.size))
		if _, seekErr := l.f.Seek(l.size, io.SeekStart); seekErr != nil {
			err = errors.Join(err, seekErr)
		}
		return err
	}
	l.size += int64(len(b))
	return nil
}

func (l *file) syncNowAndThen() {
	t := time.NewTicker(syncEvery)
	defer t.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-t.C:
			_ = l.f.Sync() // what does not fit was refused when it was written
		}
	}
}

func (l *file) close() error {
	select {
	case <-l.quit:
		return nil
	default:
	}
	close(l.quit)
	l.idle.Wait()
	return errors.Join(l.f.Sync(), l.f.Close())
}
