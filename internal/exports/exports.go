// Package exports reads what people save from their chats: exports of the
// platforms' own making, and plain text. Every reader streams: memory stays
// flat however large the input.
//
// It must not scan or judge. What it cannot read it reports with its place, and
// goes on: nothing is skipped in silence.
package exports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"
	"time"
)

// Kind says what a message of an export is.
type Kind string

// The kinds. The text of every kind is there to be scanned.
const (
	Said    Kind = "said"
	Media   Kind = "media"   // a file, named or omitted, perhaps with a caption
	Deleted Kind = "deleted" // only that something was deleted is left
	System  Kind = "system"  // the platform speaks: joins, leaves, settings
)

// Message is one message of an export.
type Message struct {
	ID     string // of the export, or its place
	Sender string // as the export names them; empty when the platform speaks
	At     time.Time
	Kind   Kind
	Text   string
	Files  []string
	Edited bool
	Line   int // where it begins, from 1
}

// Broken is a place that could not be read. Reading goes on after it.
type Broken struct {
	Place string // file, and line where there is one
	What  string
}

func (b *Broken) Error() string { return b.Place + ": " + b.What }

// maxText bounds one line and one message.
const maxText = 16 << 20

// Format is a kind of input.
type Format string

// The formats that are read.
const (
	Auto     Format = "auto"
	JSONL    Format = "jsonl"
	Text     Format = "text"
	WhatsApp Format = "whatsapp"
)

// Formats lists what --input takes.
var Formats = []Format{Auto, JSONL, Text, WhatsApp}

// Read reads one stream. name stands in places and ids. Every error that it
// yields is a *Broken, except the last, which ends the reading.
func Read(name string, r io.Reader, as Format) iter.Seq2[Message, error] {
	in := &source{name: name, r: bufio.NewReaderSize(r, 1<<20)}
	if as == Auto {
		as = in.detect()
	}
	switch as {
	case JSONL:
		return in.jsonl
	case WhatsApp:
		return in.whatsapp
	default:
		return in.text
	}
}

// ReadFile reads one file, or every chat in one zip archive. opened is told the
// bytes as they are read, for a progress bar; it may be nil.
func ReadFile(name string, as Format, opened func(io.Reader) io.Reader) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer f.Close()
		if opened == nil {
			opened = func(r io.Reader) io.Reader { return r }
		}
		head := make([]byte, 4)
		n, _ := io.ReadFull(f, head)
		if string(head[:n]) == "PK\x03\x04" || string(head[:n]) == "PK\x05\x06" {
			readZip(name, f, as, opened, yield)
			return
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			yield(Message{}, err)
			return
		}
		for m, err := range Read(name, opened(f), as) {
			if !yield(m, err) {
				return
			}
		}
	}
}

// Limits on archives: what people really have is far below them.
const (
	maxEntries = 100_000
	maxRatio   = 200
	ratioFrom  = 64 << 20 // bytes from which the ratio is judged
)

func readZip(name string, f *os.File, as Format, opened func(io.Reader) io.Reader, yield func(Message, error) bool) {
	info, err := f.Stat()
	if err != nil {
		yield(Message{}, err)
		return
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		yield(Message{}, fmt.Errorf("%s: the archive cannot be read: %w", name, err))
		return
	}
	if len(z.File) > maxEntries {
		yield(Message{}, fmt.Errorf("%s: the archive has %d entries, more than %d: unpack what you need of it", name, len(z.File), maxEntries))
		return
	}
	found := false
	for _, e := range z.File {
		if !strings.EqualFold(path.Ext(e.Name), ".txt") {
			continue
		}
		found = true
		place := name + "!" + e.Name
		if e.UncompressedSize64 > ratioFrom && e.UncompressedSize64 > maxRatio*max(e.CompressedSize64, 1) {
			if !yield(Message{}, &Broken{place, "it unpacks to far more than a chat does: refused"}) {
				return
			}
			continue
		}
		r, err := e.Open()
		if err != nil {
			if !yield(Message{}, &Broken{place, "it cannot be unpacked: " + err.Error()}) {
				return
			}
			continue
		}
		for m, err := range Read(place, opened(r), as) {
			if err != nil && !errors.As(err, new(*Broken)) {
				err = &Broken{place, "it cannot be read to its end: " + err.Error()}
			}
			if !yield(m, err) {
				r.Close()
				return
			}
		}
		r.Close()
	}
	if !found {
		yield(Message{}, &Broken{name, "the archive holds no chat (.txt) that can be read"})
	}
}

// source is one stream, read line by line.
type source struct {
	name string
	r    *bufio.Reader
	line int
	buf  []byte
}

func (s *source) place() string { return fmt.Sprintf("%s:%d", s.name, s.line) }

var errLong = errors.New("the line is longer than 16 MiB")

// next gives the next line without its end. A line that is too long is read
// past and answered with errLong; the end of the input with io.EOF.
func (s *source) next() ([]byte, error) {
	s.buf = s.buf[:0]
	long := false
	for {
		part, err := s.r.ReadSlice('\n')
		if len(s.buf)+len(part) > maxText {
			long = true
			s.buf = s.buf[:0]
		} else if !long {
			s.buf = append(s.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(s.buf) == 0 && !long) {
			return nil, err
		}
		break
	}
	s.line++
	if s.line == 1 {
		s.buf = bytes.TrimPrefix(s.buf, []byte("\ufeff"))
	}
	if long {
		return nil, errLong
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(s.buf, []byte("\n")), []byte("\r")), nil
}

// peek gives the first lines, for telling what the input is.
func (s *source) peek(most int) []byte {
	b, _ := s.r.Peek(most)
	return bytes.TrimPrefix(b, []byte("\ufeff"))
}

// detect tells the format from the content.
func (s *source) detect() Format {
	first := s.peek(64 << 10)
	lines := bytes.SplitN(first, []byte("\n"), 40)
	for _, l := range lines {
		l = bytes.TrimSpace(l)
		if len(l) == 0 {
			continue
		}
		if l[0] == '{' {
			if _, err := parseJSON(l); err == nil || (len(lines) == 1 && bytes.Contains(l, []byte(`"text"`))) {
				return JSONL
			}
		}
		break
	}
	for _, l := range lines {
		if _, _, ok := parseHead(string(l)); ok {
			return WhatsApp
		}
	}
	return Text
}

// text reads each line as a message.
func (s *source) text(yield func(Message, error) bool) {
	for {
		line, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errLong):
			if !yield(Message{}, &Broken{s.place(), err.Error()}) {
				return
			}
			continue
		case err != nil:
			yield(Message{}, fmt.Errorf("%s: %w", s.place(), err))
			return
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !yield(Message{ID: s.place(), Kind: Said, Text: string(line), Line: s.line}, nil) {
			return
		}
	}
}
