package exports

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// WhatsApp's "Export chat" writes one text file. These layouts are known:
//
//	Android   24/11/2026, 02:14 - Sam Okafor: text
//	          11/24/26, 2:14 PM - Sam Okafor: text      (the space may be U+202F)
//	          24.11.26, 02:14 - Sam Okafor: text
//	iOS       [24/11/2026, 02:14:33] Sam Okafor: text   (U+200E may come first)
//	          [2026-11-24, 2:14:33 p.m.] Sam Okafor: text
//
// A line that does not begin so goes on with the message before it. Day and
// month are told apart by the file as a whole: by a number above 12, else by
// the order in which time does not run backwards, else day first.

// stamp is the date and time of a line, before the order of its date is known.
type stamp struct {
	a, b, c           int // as they stand
	yearFirst         bool
	hour, minute, sec int
}

// parseHead reads the date and time that begin a message and returns what
// follows them.
func parseHead(line string) (stamp, string, bool) {
	p := lineParser{s: strings.TrimLeft(line, "\u200e\u200f\u202a\u202b\u202c\ufeff")}
	ios := p.take("[")
	var t stamp
	var width int
	t.a, width = p.number(4)
	t.yearFirst = width == 4
	sep, ok := p.one("/.-")
	if width == 0 || width == 3 || !ok {
		return t, "", false
	}
	p.skip(" ")
	t.b, width = p.number(2)
	if width == 0 || !p.take(sep) {
		return t, "", false
	}
	p.skip(" ")
	if t.c, width = p.number(4); width == 0 || width == 3 {
		return t, "", false
	}
	if !p.clock(&t) {
		return t, "", false
	}
	if ios {
		if !p.take("]") {
			return t, "", false
		}
		p.skip(" ")
		return t, p.s, true
	}
	p.skip(" \u202f\u00a0")
	if !p.take("-") && !p.take("–") {
		return t, "", false
	}
	if p.s != "" && !strings.HasPrefix(p.s, " ") {
		return t, "", false
	}
	p.skip(" ")
	return t, p.s, true
}

// lineParser takes pieces off the front of a line.
type lineParser struct{ s string }

func (p *lineParser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.s, s)
	if ok {
		p.s = rest
	}
	return ok
}

func (p *lineParser) one(of string) (string, bool) {
	if p.s == "" || !strings.Contains(of, p.s[:1]) {
		return "", false
	}
	c := p.s[:1]
	p.s = p.s[1:]
	return c, true
}

func (p *lineParser) skip(set string) { p.s = strings.TrimLeft(p.s, set) }

func (p *lineParser) number(most int) (n, width int) {
	for width < most && width < len(p.s) && p.s[width] >= '0' && p.s[width] <= '9' {
		n = n*10 + int(p.s[width]-'0')
		width++
	}
	p.s = p.s[width:]
	return n, width
}

// clock reads ", 02:14", ", 2:14:33 PM" and their kin.
func (p *lineParser) clock(t *stamp) bool {
	p.take(",")
	before := len(p.s)
	p.skip(" \u202f\u00a0")
	if len(p.s) == before {
		return false
	}
	var width int
	if t.hour, width = p.number(2); width == 0 {
		return false
	}
	sep, ok := p.one(":.")
	if !ok {
		return false
	}
	if t.minute, width = p.number(2); width != 2 {
		return false
	}
	if p.take(sep) {
		if t.sec, width = p.number(2); width != 2 {
			return false
		}
	}
	rest := p.s
	p.skip(" \u202f\u00a0")
	for _, half := range []struct {
		words []string
		pm    bool
	}{{[]string{"a.m.", "a. m.", "a.\u00a0m.", "am"}, false}, {[]string{"p.m.", "p. m.", "p.\u00a0m.", "pm"}, true}} {
		for _, w := range half.words {
			if len(p.s) >= len(w) && strings.EqualFold(p.s[:len(w)], w) {
				p.s = p.s[len(w):]
				if t.hour < 1 || t.hour > 12 {
					return false
				}
				t.hour %= 12
				if half.pm {
					t.hour += 12
				}
				return true
			}
		}
	}
	p.s = rest
	return true
}

// order says which number of a date is which.
type order int

const (
	dayFirst order = iota
	monthFirst
)

// time gives the moment, in the export's own zone (it names none: UTC stands
// for it), or false for a date that does not exist.
func (t stamp) time(o order) (time.Time, bool) {
	year, month, day := t.c, t.b, t.a
	if t.yearFirst {
		year, month, day = t.a, t.b, t.c
	} else if o == monthFirst {
		month, day = t.a, t.b
	}
	if year < 100 {
		year += 2000
	}
	if month < 1 || month > 12 || day < 1 || t.hour > 23 || t.minute > 59 || t.sec > 60 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, t.hour, t.minute, t.sec, 0, time.UTC)
	return at, at.Day() == day
}

// orderOf decides the order of a file's dates from its beginning, far enough
// for any chat to have seen a day above 12.
func orderOf(beginning []byte) order {
	var back [2]int
	var last [2]time.Time
	for line := range strings.SplitSeq(string(beginning), "\n") {
		t, _, ok := parseHead(line)
		if !ok || t.yearFirst {
			continue
		}
		if t.a > 12 {
			return dayFirst
		}
		if t.b > 12 {
			return monthFirst
		}
		for o := range back {
			if at, ok := t.time(order(o)); ok {
				if at.Before(last[o]) {
					back[o]++
				}
				last[o] = at
			}
		}
	}
	if back[monthFirst] < back[dayFirst] {
		return monthFirst
	}
	return dayFirst
}

// whatsapp reads a WhatsApp export.
func (s *source) whatsapp(yield func(Message, error) bool) {
	w := whatsappReader{s: s, yield: yield, order: orderOf(s.peek(1 << 20))}
	for !w.stopped {
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errLong) {
			w.flush()
			w.broken(err.Error())
			continue
		}
		if err != nil {
			w.flush()
			w.send(Message{}, fmt.Errorf("%s: %w", s.place(), err))
			return
		}
		w.take(string(line))
	}
	w.flush()
}

// whatsappReader gathers the lines of one message.
type whatsappReader struct {
	s       *source
	yield   func(Message, error) bool
	order   order
	open    bool
	now     Message
	text    strings.Builder
	stopped bool
}

func (w *whatsappReader) send(m Message, err error) {
	if !w.stopped && !w.yield(m, err) {
		w.stopped = true
	}
}

func (w *whatsappReader) broken(what string) { w.send(Message{}, &Broken{w.s.place(), what}) }

func (w *whatsappReader) take(line string) {
	t, rest, ok := parseHead(line)
	if !ok {
		w.goOn(line)
		return
	}
	w.flush()
	at, ok := t.time(w.order)
	if !ok {
		w.broken("its date or time does not exist; its text was read all the same")
	}
	w.open = true
	w.now = Message{ID: w.s.place(), At: at, Kind: Said, Line: w.s.line}
	sender, text, spoken := strings.Cut(rest, ": ")
	if !spoken {
		sender, text, spoken = strings.Cut(rest, ":\u200e")
		if !spoken && strings.HasSuffix(rest, ":") {
			sender, text, spoken = strings.TrimSuffix(rest, ":"), "", true
		}
	}
	if !spoken || utf8.RuneCountInString(sender) > 200 || systemLine(sender) {
		w.now.Kind = System
		w.text.WriteString(rest)
		return
	}
	w.now.Sender = strings.Trim(sender, "\u200e\u200f\u202a\u202c\u2068\u2069~ \u00a0\u202f")
	w.text.WriteString(text)
}

// goOn adds a line to the message that is open.
func (w *whatsappReader) goOn(line string) {
	if !w.open {
		if strings.TrimSpace(line) == "" {
			return
		}
		w.broken("no message begins here; the line was read all the same")
		w.send(Message{ID: w.s.place(), Kind: Said, Text: line, Line: w.s.line}, nil)
		return
	}
	if w.text.Len()+len(line) > maxText {
		w.flush()
		w.open = true
		w.now.Line, w.now.ID = w.s.line, w.s.place()
		w.broken("the message is longer than 16 MiB; it was read in parts")
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
	m.Text = w.text.String()
	w.text.Reset()
	w.open = false
	classify(&m)
	w.send(m, nil)
}

var deletedLines = []string{
	"this message was deleted", "you deleted this message", "this message was deleted by admin",
	"dilëwyd y neges hon", "dilëwyd y neges yma",
}

var omitted = []string{
	"<media omitted>", "image omitted", "video omitted", "audio omitted", "sticker omitted", "gif omitted",
	"document omitted", "contact card omitted", "video note omitted", "<cyfryngau wedi'u hepgor>",
}

const editedMark = "<This message was edited>"

// classify tells what a message is from the words that WhatsApp puts in place
// of what it leaves out.
func classify(m *Message) {
	marked := strings.HasPrefix(m.Text, "\u200e")
	plain := strings.TrimSpace(strings.Trim(m.Text, "\u200e\u200f"))
	if cut, ok := strings.CutSuffix(plain, editedMark); ok {
		m.Edited = true
		m.Text = strings.TrimRight(cut, " \u200e")
		plain = m.Text
	}
	if m.Kind == System {
		return
	}
	first, caption, _ := strings.Cut(plain, "\n")
	first = strings.TrimSpace(strings.Trim(first, "\u200e\u200f"))
	lower := strings.ToLower(first)
	for _, d := range deletedLines {
		if strings.HasPrefix(lower, d) && len(lower) <= len(d)+60 {
			m.Kind = Deleted
			return
		}
	}
	for _, o := range omitted {
		if lower == o || strings.HasSuffix(lower, " "+o) || strings.HasSuffix(lower, "\u200e"+o) {
			m.Kind = Media
			return
		}
	}
	if name, ok := attached(first); ok {
		m.Kind, m.Files = Media, []string{name}
		return
	}
	if marked && caption == "" && systemLine(first) {
		m.Kind = System
	}
}

// attached finds the name of an attached file: "<attached: NAME>" on iOS,
// "NAME (file attached)" on Android.
func attached(line string) (string, bool) {
	if _, rest, ok := strings.Cut(line, "<attached: "); ok {
		if name, ok := strings.CutSuffix(rest, ">"); ok {
			return name, true
		}
	}
	if name, ok := strings.CutSuffix(line, " (file attached)"); ok && !strings.Contains(name, "/") {
		return strings.Trim(name, "\u200e"), true
	}
	return "", false
}

var systemWords = []string{
	"end-to-end encrypted", "created group", "created this group", "changed the subject", "changed the group name", "changed this group's icon",
	"changed the group description", "changed the group's settings", "security code", "joined using", "was added", "added you",
	"turned on disappearing messages", "turned off disappearing messages", "updated the message timer", "changed their phone number",
	"changed to ", "now an admin", "no longer an admin", "pinned a message", "started a call", "left the group", "requested to join",
	"deleted this group's icon", "messages and calls are", "removed from the group",
}

// systemLine reports whether the platform speaks, rather than a person whose
// name happens to be followed by a colon.
func systemLine(s string) bool {
	s = strings.ToLower(strings.Trim(s, "\u200e\u200f "))
	for _, w := range systemWords {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
