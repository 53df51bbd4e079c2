package document

import (
	"bytes"
	"errors"
	"io"

	// What mail was written in, in characters of other times.
	_ "github.com/emersion/go-message/charset"
	"github.com/emersion/go-message/mail"
)

// mostParts is how many parts of a mail are looked at.
const mostParts = 200

// mail takes the words of a mail, and the files in it; mail in that mail is
// left.
func (r *reader) mail(data []byte) error {
	if r.depth > 0 {
		r.cut = true
		return nil
	}
	m, err := mail.CreateReader(bytes.NewReader(data))
	if m == nil || err != nil && len(data) == 0 {
		return ErrBroken
	}
	defer m.Close()
	subject, _ := m.Header.Subject() // what cannot be read says nothing
	head := subject
	for _, who := range []string{"From", "To", "Cc"} {
		if list, err := m.Header.Text(who); err == nil && list != "" {
			head += "\n" + list
		}
	}
	r.add(Part{Text: head})
	for range mostParts {
		p, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if p == nil {
			return r.broken()
		}
		body, err := io.ReadAll(io.LimitReader(p.Body, r.grow))
		if err != nil {
			return r.broken()
		}
		if r.grow -= int64(len(body)); r.grow <= 0 {
			return ErrLarge
		}
		r.mailPart(p.Header, body)
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	r.cut = true
	return nil
}

// broken is the end of what can be read of a file of which a part was.
func (r *reader) broken() error {
	if len(r.parts) == 0 {
		return ErrBroken
	}
	r.cut = true
	return nil
}

// mailPart takes a part of a mail. A file in it that cannot be read is left.
func (r *reader) mailPart(h mail.PartHeader, body []byte) {
	media, name := "", ""
	switch h := h.(type) {
	case *mail.InlineHeader:
		media, _, _ = h.ContentType() // none is plain text
		if media == "" {
			media = "text/plain"
		}
	case *mail.AttachmentHeader:
		media, _, _ = h.ContentType()
		name, _ = h.Filename()
	}
	kind := KindOf(name, media)
	r.depth++
	defer func() { r.depth-- }()
	if _, err := r.read(kind, name, body); err != nil && kind != Picture && kind != Recording {
		r.cut = true
	}
}
