package exports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // e-mail in other encodings than UTF-8
	"github.com/emersion/go-message/mail"
)

func itoa(n int) string { return strconv.Itoa(n) }

// E-mail: single messages (.eml) and mbox files of many. The text is the
// subject and the plain part of the body, or the text of its HTML; attached
// files are named and not opened.

// eml reads one message.
func (s *source) eml(out *sink) { s.mail(out, s.r, s.name, 1) }

// mbox reads one message after another, each straight from the stream.
func (s *source) mbox(out *sink) {
	m := mbox{s: s, out: out, empty: true}
	for !out.stopped && m.begin() {
		line := s.line
		s.mail(out, &m, fmt.Sprintf("%s:%d", s.name, line), line)
		_, _ = io.Copy(io.Discard, &m)
	}
}

// mbox gives the messages of an mbox one by one. "From " at the beginning of a
// line after an empty one begins the next.
type mbox struct {
	s     *source
	out   *sink
	rest  []byte // of a line that was read
	empty bool   // the line before was empty
	begun bool   // the line that begins the next message was read
	ended bool   // and the stream is at its end
}

// begin goes to the next message.
func (m *mbox) begin() bool {
	for !m.begun && !m.ended && !m.out.stopped {
		if line, ok := m.line(); ok && len(line) > 0 {
			m.out.broken(m.s.place(), "no message begins here; the line was not read")
		}
	}
	begun := m.begun
	m.begun = false
	return begun
}

// line gives the next line of a message, or false where it ends.
func (m *mbox) line() ([]byte, bool) {
	for !m.ended {
		line, err := m.s.next()
		switch {
		case errors.Is(err, errLong):
			m.out.broken(m.s.place(), err.Error())
			m.empty = false
		case err != nil:
			m.ended = true
			if !errors.Is(err, io.EOF) {
				m.out.broken(m.s.place(), "it cannot be read to its end: "+reason(err))
			}
		case m.empty && bytes.HasPrefix(line, []byte("From ")):
			m.empty, m.begun = false, true
			return nil, false
		default:
			m.empty = len(line) == 0
			return line, true
		}
	}
	return nil, false
}

// Read gives the bytes of one message.
func (m *mbox) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.begun || m.out.stopped {
			return 0, io.EOF
		}
		line, ok := m.line()
		if !ok {
			return 0, io.EOF
		}
		if quoted := bytes.TrimLeft(line, ">"); len(quoted) < len(line) && bytes.HasPrefix(quoted, []byte("From ")) {
			line = line[1:]
		}
		m.rest = append(append(m.rest[:0], line...), '\r', '\n')
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// mail reads one message. Errors of the parser quote what it could not read,
// so they are not passed on.
func (s *source) mail(out *sink, r io.Reader, place string, line int) {
	e, err := message.Read(r)
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		out.broken(place, "this is not a message of e-mail")
		return
	}
	mr := mail.NewReader(e)
	m := Message{ID: place, Chat: s.chat, Kind: Said, File: s.name, Line: line}
	if id, err := mr.Header.MessageID(); err == nil && id != "" {
		m.ID = id
	}
	m.At, _ = mr.Header.Date()
	m.At = m.At.UTC()
	subject, err := mr.Header.Subject()
	if err != nil {
		subject = mr.Header.Get("Subject")
	}
	if from, err := mr.Header.AddressList("From"); err == nil && len(from) > 0 {
		m.Sender = firstOf(from[0].Name, from[0].Address)
	} else {
		m.Sender = mr.Header.Get("From")
	}
	plain, rich, why := parts(mr, &m)
	if strings.TrimSpace(plain) == "" {
		plain = htmlText(rich)
	}
	m.Text = strings.TrimSpace(subject + "\n\n" + strings.ReplaceAll(plain, "\r\n", "\n"))
	out.send(m)
	if why != "" {
		out.broken(place, why)
	}
}

// parts gathers the text of a message, and says what kept it from the end.
func parts(mr *mail.Reader, m *Message) (plain, rich, why string) {
	for n := 0; ; n++ {
		p, err := mr.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return plain, rich, ""
		case p == nil, err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err):
			return plain, rich, "a part of it is broken: the parts after it were not read"
		case n > 1000:
			return plain, rich, "it has more than 1,000 parts: the rest was not read"
		}
		switch h := p.Header.(type) {
		case *mail.AttachmentHeader:
			name, _ := h.Filename()
			m.Files = append(m.Files, firstOf(name, "a file"))
		case *mail.InlineHeader:
			kind, _, _ := h.ContentType()
			if !strings.HasPrefix(kind, "text/") && kind != "" {
				m.Files = append(m.Files, firstOf(kind, "a file"))
				continue
			}
			text, err := io.ReadAll(io.LimitReader(p.Body, maxText+1))
			if len(text) > maxText {
				text, why = text[:maxText], "its text is longer than 4 MiB: only the beginning was read"
			} else if err != nil {
				why = "a part of it is broken: what stands after it was not read"
			}
			if kind == "text/html" {
				rich += string(text)
			} else {
				plain += string(text)
			}
		}
		if why != "" {
			return plain, rich, why
		}
	}
}
