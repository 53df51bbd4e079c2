// Package exports reads what people save from their chats: exports of the
// platforms' own making, e-mail, and plain text, from files, folders and zip
// archives. Every reader streams: memory stays flat however large the input.
//
// It must not scan or judge, and never writes a file. What it cannot read it
// reports with its place, and goes on: nothing is skipped in silence.
package exports

import (
	"fmt"
	"io"
	"iter"
	"time"
)

// Kind says what a message of an export is.
type Kind string

// The kinds. The text of every kind is there to be scanned.
const (
	Said    Kind = "said"
	Media   Kind = "media"   // a file, named or omitted, perhaps with a caption
	Deleted Kind = "deleted" // only that something was deleted is left
	Joined  Kind = "joined"  // somebody came in
	Left    Kind = "left"    // somebody went or was removed
	System  Kind = "system"  // the platform speaks about something else: settings, calls
)

// Message is one message of an export. It is the one record that every reader
// makes, whatever the platform.
type Message struct {
	ID      string // of the export, or its place
	Chat    string // what the export calls the chat; untrusted
	Sender  string // as the export names them; empty when the platform speaks; untrusted
	At      time.Time
	Kind    Kind
	Text    string   // as people read it: mark-up of the platform is resolved
	ReplyTo string   // the id of the message that it answers, where the export says so
	Files   []string // names of attached files
	Who     []string // who joined or left, where the export names them; untrusted
	Edited  bool
	Private bool   // the chat is one of few people, and called by their names
	File    string // where it stands: the file, with "archive!" before one in an archive
	Line    int    // and the line where it begins, from 1; 0 where lines say nothing
}

// Place names where the message stands.
func (m Message) Place() string {
	if m.Line == 0 {
		return m.File
	}
	return fmt.Sprintf("%s:%d", m.File, m.Line)
}

// Broken is a place that could not be read. Reading goes on after it.
type Broken struct {
	Place string // file, and line where there is one
	What  string
}

func (b *Broken) Error() string { return b.Place + ": " + b.What }

// Gap is something that the export does not hold or that is not looked into,
// such as pictures. It is no fault, but no answer may go out without it.
type Gap struct {
	Place string
	What  string
}

func (g *Gap) Error() string { return g.Place + ": " + g.What }

// Format is a kind of input.
type Format string

// The formats that are read.
const (
	Auto       Format = "auto" // by content
	JSONL      Format = "jsonl"
	Text       Format = "text"
	WhatsApp   Format = "whatsapp"
	Slack      Format = "slack"
	Discord    Format = "discord"
	Teams      Format = "teams"
	Signal     Format = "signal"
	Telegram   Format = "telegram"
	Mattermost Format = "mattermost"
	Matrix     Format = "matrix"
	Mbox       Format = "mbox"
	EML        Format = "eml"
	HTML       Format = "html"

	unreadable Format = "" // no text
)

// Formats lists what --input takes.
var Formats = []Format{Auto, JSONL, Text, WhatsApp, Slack, Discord, Teams, Signal, Telegram, Mattermost, Matrix, Mbox, EML, HTML}

// Bounds on one thing that is held in memory.
const (
	maxText = 4 << 20  // one line, one message, one JSON value
	sniffed = 64 << 10 // what is looked at to tell the format
)

// Read reads one stream. name stands in places and ids. Errors are *Broken
// and *Gap, after which reading goes on, and at the end perhaps one of another
// kind.
func Read(name string, r io.Reader, as Format) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		out := &sink{yield: yield}
		size := int64(sniffed)
		if l, ok := r.(interface{ Len() int }); ok {
			size = int64(l.Len())
		}
		s := newSource(name, r, size)
		if isZip(s.peek(4)) {
			readZipStream(name, s.r, as, out)
			return
		}
		s.read(as, out)
	}
}

// ReadFile reads a file, every chat in a zip archive, or every file of a
// folder. count is told how many bytes were read, for a progress bar; it may
// be nil.
func ReadFile(name string, as Format, count func(int)) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		readPath(name, as, count, &sink{yield: yield})
	}
}

// many says "1 picture was" and "2 pictures were".
func many(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s was", what)
	}
	return fmt.Sprintf("%d %ss were", n, what)
}

// sink takes what a reader finds, and remembers that nobody listens any more.
type sink struct {
	yield   func(Message, error) bool
	stopped bool
	n       int                    // messages handed over
	faults  int                    // what could not be read, or is declared
	named   int                    // files that they name and that are not there
	has     func(file string) bool // whether a file is there; nil where nothing can be
}

// send hands a message over and reports whether to go on.
func (k *sink) send(m Message) bool {
	k.n++
	for _, f := range m.Files {
		if k.has == nil || !k.has(f) {
			k.named++
		}
	}
	return k.fail(m, nil)
}

func (k *sink) fail(m Message, err error) bool {
	if err != nil {
		k.faults++
	}
	if !k.stopped && !k.yield(m, err) {
		k.stopped = true
	}
	return !k.stopped
}

// broken reports what could not be read.
func (k *sink) broken(place, what string) bool {
	return k.fail(Message{}, &Broken{place, what})
}

// gap declares what is not there or is not looked into.
func (k *sink) gap(place, what string) bool { return k.fail(Message{}, &Gap{place, what}) }
