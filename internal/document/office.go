package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mostEntries is how many files an archive may hold.
const mostEntries = 10_000

// zipped reads what is kept as an archive: the files of Office and
// OpenDocument. An archive of other files is not opened.
func (r *reader) zipped(data []byte) (Kind, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return Archive, ErrBroken
	}
	if len(z.File) > mostEntries {
		return Archive, ErrLarge
	}
	a := &archive{r: r, files: map[string]*zip.File{}}
	for _, f := range z.File {
		a.names = append(a.names, f.Name)
		a.files[f.Name] = f
	}
	slices.SortFunc(a.names, naturally)
	switch {
	case a.files["word/document.xml"] != nil:
		return Paper, a.paper()
	case a.files["xl/workbook.xml"] != nil:
		return Sheet, a.workbook()
	case a.files["ppt/presentation.xml"] != nil:
		return Slides, a.slides()
	case a.files["content.xml"] != nil && a.files["mimetype"] != nil:
		return a.openDocument()
	}
	return Archive, ErrKind
}

// naturally orders names with numbers in them as people count.
func naturally(a, b string) int {
	if c := strings.Compare(strings.TrimRight(stem(a), "0123456789"), strings.TrimRight(stem(b), "0123456789")); c != 0 {
		return c
	}
	return number(a) - number(b)
}

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// number is the number that the name of a part ends with.
func number(name string) int {
	s := stem(name)
	n, err := strconv.Atoi(s[len(strings.TrimRight(s, "0123456789")):])
	if err != nil {
		return 0
	}
	return n
}

// archive is an archive in the reading.
type archive struct {
	r     *reader
	names []string
	files map[string]*zip.File
}

// bounded ends reading when it has taken long enough, or when what comes out
// is more than anybody wrote.
type bounded struct {
	r    *reader
	from io.Reader
	in   int64 // of the part as it is compressed
	out  int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if err := b.r.ctx.Err(); err != nil {
		return 0, ErrSlow
	}
	n, err := b.from.Read(p)
	b.out += int64(n)
	b.r.grow -= int64(n)
	if b.r.grow < 0 || b.out > smallPart && b.out > mostGrowth*max(b.in, 1) {
		return 0, ErrLarge
	}
	return n, err
}

// walk reads one part of the archive as XML. A part that is not there has
// nothing in it.
func (a *archive) walk(name string, start func(xml.StartElement), text func(string), end func(string)) error {
	f := a.files[name]
	if f == nil {
		return nil
	}
	if f.Flags&1 != 0 {
		return ErrLocked
	}
	in, err := f.Open()
	if err != nil {
		return ErrBroken
	}
	defer in.Close()
	b := &bounded{r: a.r, from: in, in: int64(f.CompressedSize64)}
	d := xml.NewDecoder(b)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	depth := 0
	for !a.r.full() {
		t, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, ErrLarge), errors.Is(err, ErrSlow):
			return err
		case err != nil:
			return a.r.broken()
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > 10_000 {
				return ErrBroken
			}
			start(t)
		case xml.EndElement:
			depth--
			end(t.Name.Local)
		case xml.CharData:
			text(string(t))
		}
	}
	return nil
}

// attr is an attribute of an element, whatever its prefix.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// flow takes a part of flowing text: of the elements named, what is in them,
// and a line for each paragraph.
func (a *archive) flow(name string, at Place) error {
	var out strings.Builder
	var page, in int
	page = at.Page
	err := a.walk(name, func(e xml.StartElement) {
		switch e.Name.Local {
		case "t", "delText", "instrText":
			in++
		case "tab":
			out.WriteByte('\t')
		case "br", "cr":
			out.WriteByte('\n')
			if attr(e, "type") != "page" {
				return
			}
			fallthrough
		case "lastRenderedPageBreak":
			if page > 0 && out.Len() > 0 {
				a.r.add(Part{Place: Place{Page: page}, Text: out.String()})
				out.Reset()
				page++
			}
		}
	}, func(s string) {
		if in > 0 {
			out.WriteString(s)
		}
		a.r.cut = a.r.cut || out.Len() > a.r.left
	}, func(name string) {
		switch name {
		case "t", "delText", "instrText":
			in--
		case "p":
			out.WriteByte('\n')
		case "tc":
			out.WriteByte(' ')
		}
	})
	at.Page = page
	a.r.add(Part{Place: at, Text: out.String()})
	return err
}

// paper takes a document of Office: its pages, as they were when it was saved,
// and whatever stands beside them.
func (a *archive) paper() error {
	if err := a.flow("word/document.xml", Place{Page: 1}); err != nil {
		return err
	}
	for _, n := range a.names {
		base := path.Base(n)
		if path.Dir(n) != "word" || path.Ext(n) != ".xml" {
			continue
		}
		for _, what := range []string{"header", "footer", "footnotes", "endnotes", "comments"} {
			if strings.HasPrefix(base, what) {
				if err := a.flow(n, Place{}); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// slides takes a presentation of Office.
func (a *archive) slides() error {
	for _, n := range a.names {
		switch dir := path.Dir(n); {
		case path.Ext(n) != ".xml":
		case dir == "ppt/slides", dir == "ppt/notesSlides", dir == "ppt/comments":
			if err := a.flow(n, Place{Slide: number(n)}); err != nil {
				return err
			}
		}
	}
	return nil
}
