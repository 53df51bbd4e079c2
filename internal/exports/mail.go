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

// maxMail bounds one message of e-mail, attachments included.
const maxMail = 64 << 20

// eml reads one message.
func (s *source) eml(out *sink) { s.mail(out, io.LimitReader(s.r, maxMail), s.name, 1) }

// mbox reads one message after another. "From " at the beginning of a line
// after an empty one begins the next.
func (s *source) mbox(out *sink) {
	var b bytes.Buffer
	begun, empty, long, n := 0, true, false, 0
	flush := func() {
		if begun == 0 {
			return
		}
		n++
		place := fmt.Sprintf("%s:%d", s.name, begun)
		if long {
			out.broken(place, "the message is longer than 64 MiB: only its beginning was read")
		}
		s.mail(out, &b, place, begun)
		b.Reset()
		long = false
	}
	s.lines(out, func(line []byte) {
		if empty && bytes.HasPrefix(line, []byte("From ")) {
			flush()
			begun, empty = s.line, false
			return
		}
		empty = len(line) == 0
		if begun == 0 {
			if !empty {
				out.broken(s.place(), "no message begins here; the line was not read")
			}
			return
		}
		if b.Len()+len(line) > maxMail {
			long = true
			return
		}
		if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
			line = line[1:]
		}
		b.Write(line)
		b.WriteString("\r\n")
	})
	flush()
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
	if len(m.Files) > 0 {
		out.gap(place, many(len(m.Files), "attached file")+" not looked into")
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
