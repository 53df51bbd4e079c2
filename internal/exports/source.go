package exports

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// source is one stream.
type source struct {
	name  string // in places
	chat  string // the chat's name, when the content does not say it
	r     *bufio.Reader
	again func() (io.ReadCloser, error) // opens the content anew; nil where it can be read only once
	has   func(file string) bool        // whether a file that a message names lies beside it; nil where nothing can
	size  int64                         // what it is said to hold, at most sniffed; only buffers are made by it
	line  int
	buf   []byte
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// newSource reads a stream of about size bytes: an export may be a hundred
// thousand small files, and a large buffer for each would cost more than they.
func newSource(name string, r io.Reader, size int64) *source {
	size = min(max(size+1, 4<<10), sniffed)
	return &source{name: name, chat: chatName(name), size: size, r: decoded(r, size)}
}

// decoded turns UTF-16 with a byte order mark into UTF-8. Everything else is
// left as it is, so that offsets are those of the file.
func decoded(r io.Reader, size int64) *bufio.Reader {
	b := bufio.NewReaderSize(r, int(size))
	head, _ := b.Peek(2)
	if s := string(head); s == "\xff\xfe" || s == "\xfe\xff" {
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
		return bufio.NewReaderSize(transform.NewReader(b, utf16.NewDecoder()), sniffed)
	}
	return b
}

func (s *source) place() string { return s.name + ":" + strconv.Itoa(s.line) }

var errLong = errors.New("the line is longer than 4 MiB and was not read")

// next gives the next line without its end. A line that is too long is read
// past and answered with errLong; the end of the input with io.EOF.
func (s *source) next() ([]byte, error) {
	s.buf = s.buf[:0]
	if cap(s.buf) > 4<<20 {
		s.buf = nil // one long line does not cost memory for ever
	}
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

// lines calls f with every line, reports those that cannot be read, and stops
// when nobody listens.
func (s *source) lines(out *sink, f func(line []byte)) {
	for !out.stopped {
		line, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errLong):
			out.broken(s.place(), err.Error())
		case err != nil:
			out.broken(s.place(), "it cannot be read to its end: "+reason(err))
			return
		default:
			f(line)
		}
	}
}

// peek gives the beginning of the stream without taking it.
func (s *source) peek(most int) []byte {
	b, _ := s.r.Peek(most)
	return bytes.TrimPrefix(b, []byte("\ufeff"))
}

// read reads the stream as what it is, or as what the caller says, and says
// which files its messages name.
func (s *source) read(as Format, out *sink) {
	head, named, n, faults := s.peek(sniffed), out.named, out.n, out.faults
	if len(head) == 0 {
		s.nothing(out)
		return
	}
	auto, looks := as == Auto, sniff(head)
	if auto {
		as = looks
	}
	beside := (as == WhatsApp || as == Telegram || as == Mattermost) && s.has != nil // these name files by their paths
	if beside {
		out.has = s.has
	}
	s.readAs(as, auto, head, out)
	out.has = nil
	switch {
	case out.n > n || out.faults > faults || out.stopped:
	case as != looks && !emptyJSON(head):
		out.broken(s.name, "nothing in it is a message as "+string(as)+" writes them; leave out --input, and its kind is told from what it holds")
	default:
		out.gap(s.name, "it holds no messages")
	}
	switch n := out.named - named; {
	case n > 0 && beside:
		out.gap(s.name, many(n, "file")+" named that the export does not hold")
	case n > 0:
		out.gap(s.name, many(n, "file")+" named and not looked into")
	}
}

// nothing says why there is nothing to read.
func (s *source) nothing(out *sink) {
	if _, err := s.r.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		out.broken(s.name, "it cannot be read: "+reason(err))
		return
	}
	out.gap(s.name, "it is empty")
}

func emptyJSON(head []byte) bool {
	all := strings.Join(strings.Fields(string(head[:min(len(head), 100)])), "")
	return all == "[]" || all == "{}"
}

func (s *source) readAs(as Format, auto bool, head []byte, out *sink) {
	switch as {
	case JSONL:
		s.jsonl(out)
	case WhatsApp:
		s.whatsapp(out)
	case Slack:
		s.slack(out)
	case Discord:
		s.discord(out)
	case Teams:
		s.teams(out)
	case Signal:
		s.signal(out)
	case Telegram:
		s.telegram(out)
	case Mattermost:
		s.mattermost(out)
	case Matrix:
		s.matrix(out)
	case Mbox:
		s.mbox(out)
	case EML:
		s.eml(out)
	case HTML:
		s.html(out)
	case unreadable:
		out.broken(s.name, "it is "+nature(head)+", not a chat or text")
	default:
		if auto && emptyJSON(head) {
			return
		}
		if auto && looksJSON(head) {
			out.gap(s.name, "JSON of a kind that is not known: read line by line as text")
		}
		s.text(out)
	}
}

// text reads each line as a message.
func (s *source) text(out *sink) {
	s.lines(out, func(line []byte) {
		if len(bytes.TrimSpace(line)) > 0 {
			out.send(Message{ID: s.place(), Chat: s.chat, Kind: Said, Text: string(line), File: s.name, Line: s.line})
		}
	})
}

// reason gives an error's innermost words: the place is said by the caller.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
