package exports

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Pages hold chats in many layouts: transcripts of eDiscovery, and what
// Telegram, Element and DiscordChatExporter write as HTML. One reader knows
// them by what they share:
//
//	elements called sender, author, from name … and time, date, timestamp …
//	(a time may stand in datetime="" or title="")
//	tables with columns such as Time, From and Message
//	lines such as "From: Sam Okafor" and "Sam Okafor 24/11/2026 02:14"
//
// What follows is theirs until the next. A page where none of this is found
// is read block by block, and says so; everything in it is scanned either way.

// page reads one page.
type page struct {
	s      *source
	out    *sink
	z      *html.Tokenizer
	blocks blocks
	order  order // of the numbers of dates
	n      int   // messages
	heads  int   // senders or times that were told
	sender string
	at     time.Time
	spoken bool     // something was said since the sender or the time was told
	mark   *mark    // the element that may tell one
	row    []string // cells of the row that is open; nil outside, and in rows of several blocks
	cell   int      // where its last cell begins in the block
	names  map[int]role
	whole  bool // the page was opened by a tag that has to be closed
}

// role is what an element of a page tells.
type role int

const (
	nothing role = iota
	tellsSender
	tellsTime
	tellsText
)

// mark is an element that may tell the sender or the time.
type mark struct {
	role  role
	tag   string
	depth int // of elements of the same name in it
	when  string
	name  string // what stands before a time in the same block and may be a name
}

func (s *source) html(out *sink) {
	p := page{s: s, out: out, z: html.NewTokenizer(s.r)}
	p.z.SetMaxBuf(maxText)
	p.habits()
	for !out.stopped {
		kind := p.z.Next()
		if kind == html.ErrorToken {
			break
		}
		p.token(kind)
	}
	if p.inRow() {
		p.row = append(p.row, p.blocks.from(p.cell))
		p.endRow()
	}
	p.unmark()
	p.flush()
	switch err := p.z.Err(); {
	case out.stopped:
	case err != nil && err.Error() != "EOF":
		out.broken(s.name, "it cannot be read to its end: "+reason(err))
	case p.whole:
		out.broken(s.name, "the page ends in the middle; what stands before was read")
	}
	if p.heads == 0 && p.n > 0 {
		out.gap(s.name, "who wrote and when is not told in a way that is known: the page was read block by block")
	}
}

func (p *page) token(kind html.TokenType) {
	var tag string
	var class []string
	var when string
	if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
		raw, more := p.z.TagName()
		tag = string(raw)
		if more && p.blocks.silent == 0 {
			class, when = p.attributes()
		}
	}
	if tag == "html" {
		p.whole = kind == html.StartTagToken
	}
	if p.mark != nil && tag == p.mark.tag && kind != html.SelfClosingTagToken {
		if kind == html.StartTagToken {
			p.mark.depth++
		} else if p.mark.depth--; p.mark.depth == 0 {
			p.unmark()
		}
	}
	p.table(tag, kind)
	if ended := p.blocks.token(p.z, kind, tag); ended && !p.inRow() {
		p.unmarked() // what tells a name is one block
		p.flush()
	} else if ended {
		p.blocks.text.WriteByte('\n')
	}
	if kind != html.StartTagToken || p.mark != nil {
		return
	}
	if r := roleOf(tag, class); r != nothing && !p.inRow() {
		p.mark = &mark{role: r, tag: tag, depth: 1, when: when}
		if name := p.blocks.peek(); r == tellsTime && aName.MatchString(name) {
			p.mark.name = name
			p.blocks.text.Reset()
		}
		p.flush()
	}
}

// attributes gives what an element is called, and the time that it carries.
func (p *page) attributes() (class []string, when string) {
	for {
		key, value, more := p.z.TagAttr()
		switch string(key) {
		case "class", "id", "data-tid", "itemprop", "role", "data-role":
			class = append(class, string(value[:min(len(value), 400)]))
		case "datetime", "data-timestamp", "data-time":
			when = string(value[:min(len(value), 100)])
		case "title":
			if when == "" {
				when = string(value[:min(len(value), 100)])
			}
		}
		if !more {
			return class, when
		}
	}
}

// roleOf tells what an element is by what it is called.
func roleOf(tag string, called []string) role {
	if tag == "time" {
		return tellsTime
	}
	if tag != "span" && tag != "div" && tag != "td" && tag != "p" && tag != "a" && tag != "b" && tag != "strong" && tag != "h3" && tag != "h4" && tag != "h5" {
		return nothing
	}
	for _, c := range called {
		for word := range strings.FieldsSeq(strings.ToLower(c)) {
			word = strings.Map(func(r rune) rune {
				if r == '-' || r == '_' {
					return -1
				}
				return r
			}, word)
			for _, w := range []string{"sender", "sendername", "author", "authorname", "fromname", "username", "displayname", "from", "sentby", "createdby"} {
				if strings.HasSuffix(word, w) {
					return tellsSender
				}
			}
			for _, w := range []string{"timestamp", "time", "date", "datetime", "senton", "sentat", "createdat"} {
				if strings.HasSuffix(word, w) {
					return tellsTime
				}
			}
		}
	}
	return nothing
}

// unmark takes what the element tells, where it is a name or a time; else it
// is text like every other.
func (p *page) unmark() {
	m := p.mark
	if m == nil {
		return
	}
	text := p.blocks.peek()
	if m.role == tellsSender && isName(text) {
		p.mark = nil
		p.blocks.text.Reset()
		p.tell(text, time.Time{})
		return
	}
	for _, t := range []string{m.when, text} {
		if at, ok := p.when(t); ok && m.role == tellsTime && utf8.RuneCountInString(text) < 60 {
			p.mark = nil
			p.blocks.text.Reset()
			p.tell(m.name, at)
			p.at = at
			return
		}
	}
	p.unmarked()
}

// unmarked takes what was thought to tell something for text.
func (p *page) unmarked() {
	if m := p.mark; m != nil && m.name != "" {
		text := p.blocks.text.String()
		p.blocks.text.Reset()
		p.blocks.text.WriteString(html.EscapeString(m.name) + " " + text)
	}
	p.mark = nil
}

// isName reports whether a text can be what people or accounts are called.
func isName(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 100 && !strings.Contains(s, "\n")
}

// tell notes a sender or a time. A sender after something was said begins a
// message whose time is still to come.
func (p *page) tell(sender string, at time.Time) {
	p.flush()
	p.heads++
	if sender != "" {
		if p.spoken {
			p.at = time.Time{}
		}
		p.sender = sender
	}
	if !at.IsZero() {
		p.at = at
	}
	p.spoken = false
}

// flush hands over the block that is open.
func (p *page) flush() {
	if text := p.blocks.take(); text != "" && !p.headLine(text) {
		p.say(p.sender, p.at, text)
	}
}

func (p *page) say(sender string, at time.Time, text string) {
	p.n++
	p.spoken = true
	p.out.send(Message{ID: p.s.name + "#" + itoa(p.n), Chat: p.s.chat, Sender: sender, At: at, Kind: Said, Text: text, File: p.s.name})
}

var (
	labelled = regexp.MustCompile(`^(?i)(from|sender|author|sent by|sent|sent on|date|time|timestamp|created)\s*:\s*(\S.*)$`)
	aTime    = `(\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}\S*(?: ?(?:UTC|GMT|Z))?|(?:\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}|\d{1,2} [A-Z][a-z]{2,8} \d{4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}),? (?:at )?\d{1,2}:\d{2}(?::\d{2})?(?:[ \x{202f}]?[AaPp]\.?[Mm]\.?)?(?: ?\(?(?:UTC|GMT|Z)\)?)?(?: ?[+-]\d{2}:?\d{2})?)`
	nameTime = regexp.MustCompile(`^(\S[^\n]{0,99}?)[\s,|·–-]+[\[(]?` + aTime + `[\])]?:?$`)
	timeName = regexp.MustCompile(`^[\[(]?` + aTime + `[\])]?[\s,|·–-]+(\S[^\n]{0,99}?):?$`)
	aName    = regexp.MustCompile(`^(?:\p{Lu}[\p{L}\p{M}'’.-]*(?: (?:\p{Lu}[\p{L}\p{M}'’.-]*|de|van|von|al|bin|\([^)]{1,40}\)|<[^<>\s]{3,80}>)){0,4}|[^\s@]{1,64}@[^\s@]{3,80})$`)
)

// headLine takes a line that tells who wrote what follows, and when.
func (p *page) headLine(text string) bool {
	if len(text) > 300 || strings.Contains(text, "\n") {
		return false
	}
	if m := labelled.FindStringSubmatch(text); m != nil {
		if at, ok := p.when(m[2]); ok {
			p.tell("", at)
			return true
		}
		if l := strings.ToLower(m[1]); (l == "from" || l == "sender" || l == "author" || l == "sent by") && aName.MatchString(m[2]) {
			p.tell(m[2], time.Time{})
			return true
		}
		return false
	}
	name, when := "", ""
	if m := nameTime.FindStringSubmatch(text); m != nil {
		name, when = m[1], m[2]
	} else if m := timeName.FindStringSubmatch(text); m != nil {
		name, when = m[2], m[1]
	}
	if name == "" || !aName.MatchString(name) {
		return false
	}
	at, ok := p.when(when)
	if ok {
		p.tell(name, at)
		p.at = at // and not the time of the one before
	}
	return ok
}

// columnRole tells what a column of a table holds by what it is called.
func columnRole(name string) role {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "from", "sender", "author", "name", "user", "sent by", "sender name", "from name", "display name":
		return tellsSender
	case "time", "date", "sent", "timestamp", "date/time", "datetime", "sent on", "date sent", "created", "time (utc)", "date (utc)", "timestamp (utc)":
		return tellsTime
	case "message", "text", "body", "content", "message text", "message body":
		return tellsText
	}
	return nothing
}

func (p *page) inRow() bool { return p.row != nil && p.names != nil }

// table gathers the cells of a row, and reads it when the columns are known.
func (p *page) table(tag string, kind html.TokenType) {
	end := kind == html.EndTagToken
	switch tag {
	case "table":
		if p.inRow() {
			p.endRow()
		}
		p.row, p.names = nil, nil
	case "tr":
		if p.row != nil {
			p.endRow()
		}
		p.row = nil
		if !end {
			p.flush()
			p.row, p.cell = []string{}, 0
		}
	case "td", "th":
		if p.row == nil || len(p.row) > 50 {
			return
		}
		if end {
			p.row = append(p.row, p.blocks.from(p.cell))
		}
		p.cell = p.blocks.text.Len()
	}
}

// endRow reads a row by its columns, or learns what the columns are called.
func (p *page) endRow() {
	row := p.row
	p.row = nil
	if p.names == nil {
		known := map[int]role{}
		for i, c := range row {
			if r := columnRole(c); r != nothing {
				known[i] = r
			}
		}
		if len(known) >= 2 && strings.Join(row, " ") == strings.ReplaceAll(p.blocks.peek(), "\n", " ") {
			p.names = known
			p.blocks.text.Reset()
			p.heads++
		}
		return
	}
	p.blocks.text.Reset()
	var sender string
	var at time.Time
	var text []string
	for i, c := range row {
		switch p.names[i] {
		case tellsSender:
			if sender == "" && isName(c) {
				sender = c
				continue
			}
		case tellsTime:
			if t, ok := p.when(c); ok {
				at = t
				continue
			}
		}
		text = append(text, c)
	}
	if t := joined(text); t != "" || sender != "" {
		p.say(sender, at, t)
	}
}

// months and their kin, as pages write them.
var longTimes = []string{
	"2 January 2006 15:04:05", "2 January 2006 15:04", "2 January 2006 3:04:05 PM", "2 January 2006 3:04 PM",
	"January 2 2006 15:04:05", "January 2 2006 15:04", "January 2 2006 3:04:05 PM", "January 2 2006 3:04 PM",
	"2 Jan 2006 15:04:05", "2 Jan 2006 15:04", "2 Jan 2006 3:04:05 PM", "2 Jan 2006 3:04 PM",
	"Jan 2 2006 15:04:05", "Jan 2 2006 15:04", "Jan 2 2006 3:04:05 PM", "Jan 2 2006 3:04 PM", "2006-01-02 15:04",
}

var (
	zoneAfter = regexp.MustCompile(`[\s ]*\(?(?:UTC|GMT|Z)?[\s ]*([+-]\d{2}):?(\d{2})?\)?$|[\s ]+\(?(?:UTC|GMT|Z)\)?$`)
	weekday   = regexp.MustCompile(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? `)
)

// when reads a time as pages write it.
func (p *page) when(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 8 || len(s) > 100 || strings.IndexFunc(s, unicode.IsDigit) < 0 {
		return time.Time{}, false
	}
	if at := anyTime(s); !at.IsZero() {
		return at, true
	}
	var offset time.Duration
	if m := zoneAfter.FindStringSubmatchIndex(s); m != nil && strings.Contains(s[:m[0]], ":") {
		if m[2] >= 0 {
			if d, err := time.Parse("-0700", s[m[2]:m[3]]+firstOf(s[max(m[4], 0):max(m[5], 0)], "00")); err == nil {
				_, seconds := d.Zone()
				offset = time.Duration(seconds) * time.Second
			}
		}
		s = s[:m[0]]
	}
	if at := anyTime(s); !at.IsZero() {
		return at.Add(-offset), true
	}
	l := lineParser{s: s}
	var t stamp
	if l.date(&t) && l.between() && l.clock(&t) && strings.Trim(l.s, spaces+marks) == "" {
		at, ok := t.time(p.order)
		return at.Add(-offset), ok
	}
	s = strings.ReplaceAll(strings.ReplaceAll(weekday.ReplaceAllString(s, ""), ",", ""), " at ", " ")
	s = strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
	for _, layout := range longTimes {
		if at, err := time.Parse(layout, s); err == nil {
			return at.Add(-offset), true
		}
	}
	return time.Time{}, false
}

var numericTime = regexp.MustCompile(`\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},?[ \x{202f}]{1,2}\d{1,2}:\d{2}(?::\d{2})?(?:[ \x{202f}][AP]M)?`)

// habits learns from the first 64 KiB in which order dates are written, and
// says so when nothing tells.
func (p *page) habits() {
	var h habit
	for _, found := range numericTime.FindAll(p.s.peek(sniffed), 2000) {
		l := lineParser{s: string(found)}
		var t stamp
		if l.date(&t) && l.between() && l.clock(&t) {
			t.plain = strings.HasSuffix(string(found), "M") && strings.Contains(string(found), "/")
			h.add(t)
		}
	}
	var told bool
	if p.order, told = h.order(); h.heads > 0 && !told && !h.sameAnyway() {
		p.out.gap(p.s.name, "no date tells day and month apart for certain: they are read "+p.order.words())
	}
}

// blocks gathers the text between the tags that begin a new block.
type blocks struct {
	text   strings.Builder
	silent int // depth within script and style
}

// token takes one token and reports whether a block ended.
func (b *blocks) token(z *html.Tokenizer, kind html.TokenType, tag string) bool {
	switch kind {
	case html.TextToken:
		if b.silent == 0 {
			b.text.Write(z.Text())
		}
	case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
		switch tag {
		case "script", "style":
			if kind == html.StartTagToken {
				b.silent++
			} else if b.silent > 0 {
				b.silent--
			}
		case "br":
			b.text.WriteByte('\n')
		case "td", "th", "span", "time", "dd", "dt":
			b.text.WriteByte(' ')
		case "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "section", "article", "table", "ul", "ol", "dl", "body", "title", "pre", "html":
			return true
		}
	}
	return b.text.Len() > maxText/2
}

// take gives the block's text, entities resolved and white space collapsed.
func (b *blocks) take() string {
	text := b.peek()
	b.text.Reset()
	return text
}

func (b *blocks) peek() string { return collapsed(b.text.String()) }

// from gives the text of the block from one place on.
func (b *blocks) from(at int) string { return collapsed(b.text.String()[min(at, b.text.Len()):]) }

func collapsed(s string) string {
	var lines []string
	for l := range strings.SplitSeq(html.UnescapeString(s), "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// htmlText gives the text of a short piece of HTML, a line for each block.
func htmlText(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	z := html.NewTokenizer(strings.NewReader(s))
	var b blocks
	var lines []string
	for {
		kind := z.Next()
		tag := ""
		if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
			raw, _ := z.TagName()
			tag = string(raw)
		}
		if kind == html.ErrorToken || b.token(z, kind, tag) {
			if t := b.take(); t != "" {
				lines = append(lines, t)
			}
		}
		if kind == html.ErrorToken {
			return strings.Join(lines, "\n")
		}
	}
}
