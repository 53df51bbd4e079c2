package exports

import (
	"strings"
	"time"
	"unicode/utf8"
)

// stamp is the date and time of a line, before the order of its date is known.
type stamp struct {
	a, b, c           int // as they stand
	yearFirst         bool
	bracket           bool // the iOS layout
	plain             bool // no number is padded, AM or PM in capitals: the manner of the United States
	hour, minute, sec int
}

// marks are the invisible signs of direction that stand around dates, names
// and the platform's own words.
const marks = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"

const spaces = " \u00a0\u202f\u2009"

// parseHead reads the date and time that begin a message and returns what
// follows them.
func parseHead(line string) (stamp, string, bool) {
	var t stamp
	if line == "" || line[0] < '0' && line[0] != ' ' || line[0] > '9' && line[0] < 0x80 && line[0] != '[' {
		return t, "", false
	}
	p := lineParser{s: line}
	if line[0] >= utf8.RuneSelf {
		p.s = strings.TrimLeft(line, marks)
	}
	t.bracket = p.take("[")
	if !p.date(&t) || !p.between() || !p.clock(&t) {
		return t, "", false
	}
	p.skip(marks)
	if t.bracket {
		if !p.take("]") {
			return t, "", false
		}
		p.skip(spaces)
		return t, p.s, true
	}
	if p.take(": ") { // iOS before 2018
		return t, p.s, true
	}
	p.skip(spaces)
	if !p.take("-") && !p.take("–") {
		return t, "", false
	}
	if p.s != "" && !strings.HasPrefix(p.s, " ") {
		return t, "", false
	}
	p.skip(spaces)
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
	if p.s == "" || strings.IndexByte(of, p.s[0]) < 0 {
		return "", false
	}
	c := p.s[:1]
	p.s = p.s[1:]
	return c, true
}

// skip passes over spaces and marks; most often there are none.
func (p *lineParser) skip(set string) {
	if p.s != "" && (p.s[0] == ' ' || p.s[0] >= utf8.RuneSelf) {
		p.s = strings.TrimLeft(p.s, set)
	}
}

// number reads a number in European, Arabic, Persian or Devanagari digits.
func (p *lineParser) number(most int) (n, width int) {
	for width < most && p.s != "" {
		if c := p.s[0]; c < utf8.RuneSelf {
			if c < '0' || c > '9' {
				break
			}
			n, p.s = n*10+int(c-'0'), p.s[1:]
			width++
			continue
		}
		r, size := utf8.DecodeRuneInString(p.s)
		zero := rune(0)
		for _, z := range [...]rune{'٠', '۰', '०'} {
			if r >= z && r <= z+9 {
				zero = z
			}
		}
		if zero == 0 {
			break
		}
		n, p.s = n*10+int(r-zero), p.s[size:]
		width++
	}
	return n, width
}

// date reads three numbers between slashes, dots or dashes.
func (p *lineParser) date(t *stamp) bool {
	var width, padded int
	t.a, width = p.number(4)
	t.yearFirst = width == 4
	if width == 2 && t.a < 10 {
		padded++
	}
	p.skip(marks)
	sep, ok := p.one("/.-")
	if width == 0 || width == 3 || !ok {
		return false
	}
	p.skip(marks + " ")
	if t.b, width = p.number(2); width == 0 {
		return false
	}
	if width == 2 && t.b < 10 {
		padded++
	}
	p.skip(marks)
	if !p.take(sep) {
		return false
	}
	p.skip(marks + " ")
	if t.c, width = p.number(4); width == 0 || width == 3 {
		return false
	}
	t.plain = sep == "/" && padded == 0 && width == 2
	return true
}

// between passes over what stands between date and time: a comma, a full
// stop, or a short word such as "at", and spaces.
func (p *lineParser) between() bool {
	p.skip(marks)
	for _, c := range []string{",", "،", "."} {
		if p.take(c) {
			break
		}
	}
	before := len(p.s)
	p.skip(spaces + marks)
	if len(p.s) == before {
		return false
	}
	for _, w := range []string{"at ", "à ", "um ", "kl. ", "kl ", "om ", "alle ", "alle ore ", "a las ", "o ", "v ", "klo ", "am ", "às "} {
		if p.take(w) {
			p.skip(spaces)
			break
		}
	}
	return true
}

// halves are the words for the halves of a day.
var halves = []struct {
	word string
	pm   bool
}{
	{"a.m.", false}, {"p.m.", true}, {"a. m.", false}, {"p. m.", true}, {"a.\u00a0m.", false}, {"p.\u00a0m.", true},
	{"a.\u202fm.", false}, {"p.\u202fm.", true}, {"am", false}, {"pm", true}, {"yb", false}, {"yh", true},
	{"上午", false}, {"下午", true}, {"凌晨", false}, {"早上", false}, {"中午", true}, {"晚上", true},
	{"午前", false}, {"午後", true}, {"오전", false}, {"오후", true}, {"ص", false}, {"م", true},
	{"π.μ.", false}, {"μ.μ.", true}, {"öö", false}, {"ÖÖ", false}, {"ös", true}, {"ÖS", true}, {"de.", false}, {"du.", true},
	{"पूर्वाह्न", false}, {"अपराह्न", true}, {"ق.ظ.", false}, {"ب.ظ.", true}, {"ق.ظ", false}, {"ب.ظ", true},
}

// half takes a word for a half of the day.
func (p *lineParser) half() (pm, found bool) {
	if p.s == "" || p.s[0] == ']' || p.s[0] == '-' || p.s[0] == ':' || p.s[0] >= '0' && p.s[0] <= '9' {
		return false, false
	}
	for _, h := range halves {
		if len(p.s) >= len(h.word) && strings.EqualFold(p.s[:len(h.word)], h.word) {
			p.s = p.s[len(h.word):]
			return h.pm, true
		}
	}
	return false, false
}

// clock reads "02:14", "2:14:33 PM", "下午2:14" and their kin.
func (p *lineParser) clock(t *stamp) bool {
	pm, half := p.half()
	p.skip(spaces)
	var width int
	if t.hour, width = p.number(2); width == 0 {
		return false
	}
	t.plain = t.plain && (width == 1 || t.hour > 9)
	sep, ok := p.one(":.h")
	if !ok {
		return false
	}
	if t.minute, width = p.number(2); width != 2 {
		return false
	}
	if p.take(sep) {
		if t.sec, width = p.number(2); width != 2 {
			if sep != ":" || t.bracket {
				return false
			}
			p.s = sep + p.s // ": " ends the head of old iOS exports
		}
	}
	rest := p.s
	if !half {
		p.skip(spaces)
		t.plain = t.plain && (strings.HasPrefix(p.s, "AM") || strings.HasPrefix(p.s, "PM"))
		if pm, half = p.half(); !half {
			p.s = rest
		}
	}
	if half {
		if t.hour > 12 {
			return false
		}
		t.hour %= 12
		if pm {
			t.hour += 12
		}
	}
	t.plain = t.plain && half
	return true
}

// order says which number of a date is which.
type order int

const (
	dayFirst order = iota
	monthFirst
	yearFirst // with two digits; four digits speak for themselves
	orders
)

// time gives the moment, in the export's own zone (it names none: UTC stands
// for it), or false for a date that does not exist.
func (t stamp) time(o order) (time.Time, bool) {
	year, month, day := t.c, t.b, t.a
	switch {
	case t.yearFirst || o == yearFirst:
		year, month, day = t.a, t.b, t.c
	case o == monthFirst:
		month, day = t.a, t.b
	}
	if year < 100 {
		year += 2000
	} else if year > 2400 && year < 2700 { // the Buddhist calendar
		year -= 543
	}
	if month < 1 || month > 12 || day < 1 || day > 31 || t.hour > 23 || t.minute > 59 || t.sec > 60 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, t.hour, t.minute, t.sec, 0, time.UTC)
	return at, at.Day() == day
}

// habit gathers from the heads of a file how it writes them.
type habit struct {
	heads, brackets, plain int
	seen                   [orders]struct {
		bad, back int
		path      time.Duration // how far time wanders from message to message
		last      time.Time
	}
}

func (h *habit) add(t stamp) {
	h.heads++
	if t.bracket {
		h.brackets++
	}
	if t.plain {
		h.plain++
	}
	for o := range orders {
		s := &h.seen[o]
		at, ok := t.time(o)
		if !ok {
			s.bad++
			continue
		}
		if !s.last.IsZero() {
			step := at.Sub(s.last)
			if step < -24*time.Hour { // what came late over the network steps back less
				s.back++
			}
			s.path += min(step.Abs(), 1000*time.Hour)
		}
		s.last = at
	}
}

// sure reports whether more lines would hardly change the order.
func (h *habit) sure() bool {
	best, _ := h.order()
	for o := range orders {
		if o != best && h.seen[o].bad < h.seen[best].bad+20 {
			return false
		}
	}
	return true
}

// order gives the order that fits best: fewest dates that do not exist, then
// fewest steps back in time, then the shortest way through time, then the day
// first. told is false when only the last two could decide.
func (h *habit) order() (best order, told bool) {
	better := func(a, b order) int {
		x, y := h.seen[a], h.seen[b]
		switch {
		case x.bad != y.bad:
			return y.bad - x.bad
		case x.back != y.back:
			return y.back - x.back
		}
		return 0
	}
	nearer := func(a, b order) bool { return 2*h.seen[a].path < h.seen[b].path }
	for _, o := range []order{monthFirst, yearFirst} {
		if d := better(o, best); d > 0 || d == 0 && o == monthFirst && (nearer(o, best) || h.plain == h.heads && !nearer(best, o)) {
			best = o
		}
	}
	for o := range orders {
		if o != best && o != yearFirst && better(best, o) == 0 {
			return best, false
		}
	}
	return best, true
}

// sameAnyway reports whether no date depends on the order.
func (h *habit) sameAnyway() bool {
	return h.heads == 0 || h.seen[dayFirst].last.Equal(h.seen[monthFirst].last) && h.seen[dayFirst].path == h.seen[monthFirst].path
}

func (o order) words() string {
	if o == monthFirst {
		return "month first"
	}
	return "day first"
}
