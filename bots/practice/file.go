package practice

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// ErrFull means that the platform's own file cannot grow.
var ErrFull = errors.New("the practice platform's file cannot grow: make room on its disk; nothing was changed")

// op is one line of the file: one thing that happened on the platform. The
// state of the platform is what its lines, in order, add up to.
type op struct {
	Op      string          `json:"op"` // begin, room, join, leave, post, edit, delete, react, answer, tick, ack, call, clock
	At      time.Time       `json:"at"`
	Room    string          `json:"room,omitempty"`
	Kind    chat.Kind       `json:"kind,omitempty"`
	Member  chat.MemberID   `json:"member,omitempty"`
	Message chat.MessageID  `json:"message,omitempty"`
	Text    json.RawMessage `json:"text,omitempty"` // a JSON string, which readers are given as it stands
	Call    json.RawMessage `json:"call,omitempty"` // an Entry, likewise
	Name    string          `json:"name,omitempty"`
	Members []Member        `json:"members,omitempty"`
	Reply   chat.MessageID  `json:"reply,omitempty"`
	Prompt  string          `json:"prompt,omitempty"`
	Answer  string          `json:"answer,omitempty"`
	Step    string          `json:"step,omitempty"`
	Done    bool            `json:"done,omitempty"`
	Seq     int64           `json:"seq,omitempty"`    // ack: the last event acknowledged; edit: the revision it makes
	Offset  time.Duration   `json:"offset,omitempty"` // clock
	Shown   *bots.Prompt    `json:"shown,omitempty"`
	Version int             `json:"version,omitempty"` // begin
	Senders bool            `json:"senders,omitempty"` // room: only a message's sender can delete it
	Choices []string        `json:"choices,omitempty"` // call: what can be answered with one tap
}

// version is the form of the file that this package writes.
const version = 1

// span is a piece of the file.
type span struct {
	off  int64
	size uint32
}

// sumLen is the length of what stands before an operation in its line:
// {"sum":"1a2b3c4d", in place of the operation's own opening brace.
const sumLen = len(`{"sum":"00000000",`)

// encode makes the line of an operation.
func encode(o *op) ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	line := make([]byte, 0, sumLen+len(b))
	line = fmt.Appendf(line, `{"sum":"%08x",`, checksum(b[1:]))
	line = append(line, b[1:]...)
	return append(line, '\n'), nil
}

// decode reads a line, without its line feed.
func decode(line []byte) (op, error) {
	var o op
	if len(line) <= sumLen || string(line[:sumLen]) != fmt.Sprintf(`{"sum":"%08x",`, checksum(line[sumLen:])) {
		return o, errors.New("is not what was written")
	}
	return o, json.Unmarshal(line, &o)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// within finds the value of a key in a line: the span of the line, narrowed.
// The key with its quotes cannot stand inside a JSON string.
func (s span) within(line []byte, key string, value json.RawMessage) span {
	at := bytes.Index(line, []byte(`"`+key+`":`))
	if at < 0 || len(value) == 0 {
		return span{}
	}
	return span{s.off + int64(at+len(key)+3), uint32(len(value))}
}

// file is the append-only file. It only ever holds whole lines: what could not
// be written whole is cut off before anything else is written. A written line
// survives the end of the process; the disk is synced every second, so that a
// power cut may cost the last moment of this platform, which keeps nobody's
// only copy of anything.
type file struct {
	f    *os.File
	path string
	size int64
	torn bool // something stands behind size
	quit chan struct{}
	idle sync.WaitGroup
}

const syncEvery = time.Second

// openFile reads every line into apply.
func openFile(path string, apply func(*op, []byte, span) error) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("practice platform: %w", err)
	}
	l := &file{f: f, path: path, quit: make(chan struct{})}
	if err = l.replay(apply); err == nil && l.size == 0 {
		err = l.begin(apply)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("practice platform: %s: %w", path, err), f.Close())
	}
	l.idle.Go(l.syncNowAndThen)
	return l, nil
}

func (l *file) begin(apply func(*op, []byte, span) error) error {
	o := op{Op: "begin", Version: version, At: time.Now().UTC()}
	line, err := encode(&o)
	if err != nil {
		return err
	}
	if err := l.append(line); err != nil {
		return err
	}
	return apply(&o, line, span{})
}

func (l *file) replay(apply func(*op, []byte, span) error) error {
	r := bufio.NewReaderSize(l.f, 1<<18)
	var long []byte
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], line...)
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = r.ReadSlice('\n')
				long = append(long, line...)
			}
			line = long
		}
		if errors.Is(err, io.EOF) {
			return l.drop(len(line), n)
		} else if err != nil {
			return err
		}
		o, err := decode(line[:len(line)-1])
		if err == nil {
			err = apply(&o, line, span{l.size, uint32(len(line))})
		}
		if err == nil && n == 1 && o.Op != "begin" {
			err = errors.New("does not begin a practice file")
		}
		if err != nil {
			return fmt.Errorf("line %d %w. Nothing was changed. Put back a copy of the file. Move the file away to begin with empty rooms", n, err)
		}
		l.size += int64(len(line))
	}
}

// drop cuts off a last line that was never finished. A file that is nothing
// but such a line is somebody else's, unless it could be the beginning of ours.
func (l *file) drop(n, line int) error {
	if n == 0 {
		return nil
	}
	if line == 1 && n > 0 {
		head := make([]byte, min(n, len(`{"sum":"`)))
		if _, err := l.f.ReadAt(head, 0); err != nil || !bytes.HasPrefix([]byte(`{"sum":"`), head) {
			return errors.New("is not a practice file. Choose another folder. Move the file away to begin with empty rooms")
		}
	}
	return l.f.Truncate(l.size)
}

// append adds a whole line. What does not fit leaves no trace.
func (l *file) append(line []byte) error {
	if l.torn {
		if err := l.f.Truncate(l.size); err != nil {
			return errors.Join(ErrFull, err)
		}
		l.torn = false
	}
	if _, err := l.f.WriteAt(line, l.size); err != nil {
		l.torn = l.f.Truncate(l.size) != nil
		return errors.Join(ErrFull, err)
	}
	l.size += int64(len(line))
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

// read gives a piece of the file.
func (l *file) read(s span) ([]byte, error) {
	b := make([]byte, s.size)
	if _, err := l.f.ReadAt(b, s.off); err != nil {
		return nil, fmt.Errorf("practice platform: %w", err)
	}
	return b, nil
}

// reader reads pieces of the file that lie near one another.
type reader struct {
	l   *file
	off int64
	b   []byte
}

// ahead is how much is read at once.
const ahead = 64 << 10

// read gives a piece, which the next call may overwrite.
func (r *reader) read(s span) ([]byte, error) {
	from, to := s.off-r.off, s.off-r.off+int64(s.size)
	if from >= 0 && to <= int64(len(r.b)) {
		return r.b[from:to], nil
	}
	if want := max(ahead, int(s.size)); cap(r.b) < want {
		r.b = make([]byte, want)
	}
	r.b = r.b[:cap(r.b)]
	n, err := r.l.f.ReadAt(r.b, s.off)
	r.off, r.b = s.off, r.b[:n]
	if n < int(s.size) {
		return nil, fmt.Errorf("practice platform: %w", err)
	}
	return r.b[:s.size], nil
}

// line gives the operation of a line.
func (l *file) line(s span) (op, error) {
	b, err := l.read(s)
	if err != nil {
		return op{}, err
	}
	o, err := decode(bytes.TrimSuffix(b, []byte("\n")))
	if err != nil {
		err = fmt.Errorf("practice platform: %s: the line at byte %d %w", l.path, s.off, err)
	}
	return o, err
}

func (l *file) close() error {
	close(l.quit)
	l.idle.Wait()
	return errors.Join(l.f.Sync(), l.f.Close())
}
