// Package document reads the text out of files that people post: plain text,
// tables, web pages, mail, Office and OpenDocument files, PDF.
//
// It is given bytes and gives text with the place that it stands at. What it is
// given may be made to harm: everything that it expands is bounded in size and
// time. It must not fetch anything, follow a link, open an archive within an
// archive, or write to a disk, and no error of it holds anything of a file.
package document

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"path"
	"strings"
	"time"
)

// Kind is what sort of file it is, as people would say.
type Kind string

// The kinds that can be read, and those that cannot.
const (
	Text   Kind = "text"
	Sheet  Kind = "sheet" // a spreadsheet or a table
	Paper  Kind = "document"
	Slides Kind = "slides"
	PDF    Kind = "pdf"
	Web    Kind = "page"
	Mail   Kind = "mail"

	Picture   Kind = "picture"
	Recording Kind = "recording" // sound or film
	Archive   Kind = "archive"
	Other     Kind = "file"
)

// Kinds lists those that can be read.
var Kinds = []Kind{Text, Sheet, Paper, Slides, PDF, Web, Mail}

// Place is where in a file something stands. What is 0 is not known.
type Place struct {
	Page  int
	Sheet int
	Slide int
	Row   int
}

// Part is a stretch of text of a file.
type Part struct {
	Place Place
	Text  string
	Rows  []int // of each line of Text, the number of its row; nil: lines have none
}

// At is the place of what begins at a byte of the part's text.
func (p *Part) At(offset int) Place {
	out := p.Place
	if line := strings.Count(p.Text[:min(max(offset, 0), len(p.Text))], "\n"); line < len(p.Rows) {
		out.Row = p.Rows[line]
	}
	return out
}

// Content is what a file says.
type Content struct {
	Kind  Kind
	Parts []Part
	Cut   bool // there is more that was not read
}

// Why a file cannot be read.
var (
	ErrKind   = errors.New("files of this kind are not read")
	ErrLocked = errors.New("the file is locked with a password")
	ErrBroken = errors.New("the file is damaged or not what it says it is")
	ErrLarge  = errors.New("the file is too large")
	ErrSlow   = errors.New("the file took too long to read")
)

// Limits bound what one file may cost.
type Limits struct {
	Text     int           // bytes of text that are taken out of it
	Expanded int64         // bytes that its compressed parts may grow to, all together
	Time     time.Duration // that reading it may take
	PDF      []string      // the command that reads a PDF as ReadPDF does; without one it is read here
}

// DefaultLimits are those of a file that a person would read.
var DefaultLimits = Limits{Text: 16 << 20, Expanded: 128 << 20, Time: 20 * time.Second}

// most is how many times its size a part of an archive may grow to, once it is
// larger than a few megabytes: nothing that people write repeats itself so.
const (
	mostGrowth = 300
	smallPart  = 8 << 20
)

// names are the kinds of files, by what their names end with.
var names = map[string]Kind{
	".txt": Text, ".text": Text, ".log": Text, ".md": Text, ".markdown": Text, ".json": Text, ".jsonl": Text, ".ndjson": Text, ".xml": Text, ".yaml": Text, ".yml": Text,
	".ini": Text, ".sql": Text, ".ics": Text, ".vcf": Text, ".srt": Text, ".csv": Sheet, ".tsv": Sheet, ".html": Web, ".htm": Web, ".eml": Mail, ".docx": Paper, ".docm": Paper, ".dotx": Paper, ".odt": Paper,
	".xlsx": Sheet, ".xlsm": Sheet, ".xltx": Sheet, ".ods": Sheet, ".pptx": Slides, ".pptm": Slides, ".ppsx": Slides, ".odp": Slides, ".pdf": PDF,
	".jpg": Picture, ".jpeg": Picture, ".png": Picture, ".gif": Picture, ".webp": Picture, ".heic": Picture, ".tif": Picture, ".tiff": Picture, ".bmp": Picture, ".svg": Picture,
	".mp3": Recording, ".mp4": Recording, ".m4a": Recording, ".mov": Recording, ".ogg": Recording, ".opus": Recording, ".wav": Recording, ".webm": Recording, ".avi": Recording,
	".zip": Archive, ".7z": Archive, ".rar": Archive, ".gz": Archive, ".tar": Archive, ".tgz": Archive,
}

// types are the kinds of files, by their media types.
var types = map[string]Kind{
	"application/json": Text, "application/xml": Text, "text/csv": Sheet, "text/tab-separated-values": Sheet, "text/html": Web, "application/xhtml+xml": Web, "message/rfc822": Mail,
	"application/pdf":          PDF,
	"application/vnd.ms-excel": Sheet, // browsers call a CSV so
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   Paper,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         Sheet,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": Slides,
	"application/vnd.oasis.opendocument.text":                                   Paper,
	"application/vnd.oasis.opendocument.spreadsheet":                            Sheet,
	"application/vnd.oasis.opendocument.presentation":                           Slides,
	"application/zip": Archive,
}

// KindOf tells the kind of a file by its name, else by its media type.
func KindOf(name, media string) Kind {
	if k, known := names[strings.ToLower(path.Ext(name))]; known {
		return k
	}
	media, _, _ = mime.ParseMediaType(media) // what cannot be parsed is of no kind
	if k, known := types[media]; known {
		return k
	}
	switch major, _, _ := strings.Cut(media, "/"); major {
	case "text":
		return Text
	case "image":
		return Picture
	case "audio", "video":
		return Recording
	}
	return Other
}

// Readable reports whether files of the kind can be read.
func (k Kind) Readable() bool {
	switch k {
	case Text, Sheet, Paper, Slides, PDF, Web, Mail:
		return true
	}
	return false
}

// Read reads a file. What it holds counts, before what its name says it is.
func Read(ctx context.Context, name, media string, data []byte, l Limits) (c Content, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.Time)
	defer cancel()
	defer func() {
		if recover() != nil {
			c, err = Content{}, ErrBroken
		}
		if ctx.Err() != nil && err != nil {
			err = ErrSlow
		}
	}()
	r := &reader{ctx: ctx, limits: l, left: l.Text, grow: l.Expanded}
	kind, err := r.read(KindOf(name, media), name, data)
	if err != nil {
		return Content{}, err
	}
	return Content{Kind: kind, Parts: r.parts, Cut: r.cut}, nil
}

// reader is the reading of one file.
type reader struct {
	ctx    context.Context
	limits Limits
	left   int   // bytes of text that may still be taken
	grow   int64 // bytes that may still be expanded
	depth  int   // of mail in which the file was
	parts  []Part
	cut    bool
}

func (r *reader) read(kind Kind, name string, data []byte) (Kind, error) {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return r.zipped(data)
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")): // an Office file of old, or a new one with a password
		if kind.Readable() && !strings.EqualFold(path.Ext(name), ".xls") && bytes.Contains(data, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k")) {
			return kind, ErrLocked
		}
		return kind, ErrKind
	case bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")):
		return PDF, r.pdf(data)
	}
	if !kind.Readable() {
		return kind, ErrKind
	}
	if kind == Mail {
		return kind, r.mail(data)
	}
	text, ok := decode(data)
	if !ok {
		return kind, ErrBroken
	}
	switch kind {
	case Text:
		r.lines(text)
		return kind, nil
	case Sheet:
		return kind, r.table(text, name)
	case Web:
		return kind, r.web(text)
	}
	return kind, ErrBroken // it says that it is of Office, and is not
}

// add adds a stretch of text, as far as there is room.
func (r *reader) add(p Part) {
	if len(p.Text) > r.left {
		p.Text, r.cut = strings.ToValidUTF8(p.Text[:r.left], ""), true
	}
	r.left -= len(p.Text)
	if strings.TrimSpace(p.Text) != "" {
		r.parts = append(r.parts, p)
	}
}

// full reports whether there is no room for more text.
func (r *reader) full() bool {
	if r.left <= 0 {
		r.cut = true
	}
	return r.cut
}
