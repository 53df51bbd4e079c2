package exports

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// WhatsApp's "Export chat" writes one text file. These layouts are known, each
// with day, month or year first, slashes, dots or dashes, 12 or 24 hours:
//
//	Android   24/11/2026, 02:14 - Sam Okafor: text
//	          11/24/26, 2:14 PM - Sam Okafor: text      (the space may be U+202F)
//	iOS       [24/11/2026, 02:14:33] Sam Okafor: text   (U+200E may come first)
//	          [2026-11-24, 2:14:33 p.m.] Sam Okafor: text
//	old iOS   24/11/2016, 02:14:33: Sam Okafor: text
//
// A line that does not begin so, or begins so in the other layout than most
// lines of the file, goes on with the message before it.

// whatsapp reads a WhatsApp export.
func (s *source) whatsapp(out *sink) {
	h := s.habits()
	order, told := h.order()
	w := whatsappReader{s: s, out: out, order: order, brackets: 2*h.brackets > h.heads, people: map[string]string{}}
	if !told && !h.sameAnyway() {
		out.gap(s.name, "no date tells day and month apart for certain: they are read "+order.words())
	}
	s.lines(out, func(line []byte) { w.take(string(line)) })
	w.flush()
	if w.omitted > 0 {
		out.gap(s.name, many(w.omitted, "picture, sound or other file")+" left out of the export")
	}
}

// habits looks through the whole file, where it can be opened again, or
// through its first MiB.
func (s *source) habits() *habit {
	h := &habit{}
	if s.again != nil {
		if f, err := s.again(); err == nil {
			defer f.Close()
			h.gather(decoded(f, s.size))
			return h
		}
	}
	var first bytes.Buffer
	_, _ = io.CopyN(&first, s.r, 1<<20)
	h.gather(bufio.NewReaderSize(bytesReader(first.Bytes()), int(s.size)))
	s.r = bufio.NewReaderSize(io.MultiReader(&first, s.r), int(s.size))
	return h
}

// gather reads the heads of a stream until they leave no doubt.
func (h *habit) gather(r *bufio.Reader) {
	begins := true
	for {
		line, err := r.ReadSlice('\n')
		if begins && len(line) > 0 {
			if t, _, ok := parseHead(string(line[:min(len(line), 120)])); ok {
				h.add(t)
			}
		}
		begins = !errors.Is(err, bufio.ErrBufferFull)
		if err != nil && begins || h.heads > 2000 && h.heads%500 == 0 && h.sure() {
			return
		}
	}
}

// whatsappReader gathers the lines of one message.
type whatsappReader struct {
	s        *source
	out      *sink
	order    order
	brackets bool
	open     bool
	now      Message
	first    string            // of the message's lines
	text     strings.Builder   // all of them, once there is a second
	people   map[string]string // what they are called, or nothing, by what stands before the colon
	omitted  int
}

func (w *whatsappReader) broken(what string) { w.out.broken(w.s.place(), what) }

func (w *whatsappReader) take(line string) {
	t, rest, ok := parseHead(line)
	if !ok || t.bracket != w.brackets && w.open {
		w.goOn(line)
		return
	}
	w.flush()
	at, ok := t.time(w.order)
	if !ok {
		at = time.Time{}
		w.broken("its date or time does not exist; its text was read all the same")
	}
	w.begin(at)
	sender, text, spoken := strings.Cut(rest, ": ")
	if !spoken {
		if sender, text, spoken = strings.Cut(rest, ":\u200e"); spoken {
			text = "\u200e" + text
		} else if strings.HasSuffix(rest, ":") {
			sender, text, spoken = strings.TrimSuffix(rest, ":"), "", true
		}
	}
	if !spoken || !w.person(sender) {
		w.now.Kind = System
		w.first = rest
		return
	}
	w.now.Sender = w.people[sender]
	w.first = text
}

// person reports whether what stands before a colon is what somebody is called,
// and not the platform speaking; people are few, and looked at once.
func (w *whatsappReader) person(sender string) bool {
	name, known := w.people[sender]
	if !known {
		if utf8.RuneCountInString(sender) <= 200 && phraseKind(sender) == "" {
			name = strings.Trim(sender, marks+spaces+"~")
		}
		if len(w.people) > 10_000 {
			clear(w.people)
		}
		w.people[sender] = name
	}
	return name != ""
}

func (w *whatsappReader) begin(at time.Time) {
	w.open = true
	w.now = Message{ID: w.s.place(), Chat: w.s.chat, At: at, Kind: Said, File: w.s.name, Line: w.s.line}
}

// goOn adds a line to the message that is open.
func (w *whatsappReader) goOn(line string) {
	if !w.open {
		if strings.TrimSpace(line) == "" {
			return
		}
		w.broken("no message begins here; the line was read all the same")
		w.out.send(Message{ID: w.s.place(), Chat: w.s.chat, Kind: Said, Text: line, File: w.s.name, Line: w.s.line})
		return
	}
	if len(w.first)+w.text.Len()+len(line) > maxText {
		sender, at := w.now.Sender, w.now.At
		w.flush()
		w.begin(at)
		w.now.Sender = sender
		w.broken("the message is longer than 4 MiB; it was read in parts")
		w.first = line
		return
	}
	if w.text.Len() == 0 {
		w.text.WriteString(w.first)
	}
	w.text.WriteByte('\n')
	w.text.WriteString(line)
}

// flush hands over the message that is open.
func (w *whatsappReader) flush() {
	if !w.open {
		return
	}
	m := w.now
	m.Text = w.first
	if w.text.Len() > 0 {
		m.Text = w.text.String()
		w.text = strings.Builder{}
	}
	w.open = false
	if classify(&m) {
		w.omitted++
	}
	if m.Kind == Joined || m.Kind == Left {
		m.Who = movers(m.Text)
	}
	if m.Sender == m.Chat && m.Kind != Said && m.Kind != Media && m.Kind != Deleted {
		m.Sender = "" // on iOS the platform speaks in the chat's own name
	}
	w.out.send(m)
}
