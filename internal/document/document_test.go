package document_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/internal/document"
	"chaperone/internal/document/documenttest"
)

// TestMain lets the test be the program that reads PDFs.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "read-pdf" {
		os.Exit(document.ReadPDF(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func limits(t testing.TB) document.Limits {
	l := document.DefaultLimits
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.PDF = []string{self, os.Args[0], "read-pdf"}
	return l
}

// place finds where a text stands in a content.
func place(c document.Content, what string) (document.Place, bool) {
	for i := range c.Parts {
		if at := strings.Index(c.Parts[i].Text, what); at >= 0 {
			return c.Parts[i].At(at), true
		}
	}
	return document.Place{}, false
}

func TestEveryKindIsReadWithThePlaceOfWhatItSays(t *testing.T) {
	table := []string{"Name|NHS number", "Ada Thornbury|999 123 4543", "Idris Vale|999 000 0018"}
	for name, want := range map[string]struct {
		lines []string
		kind  document.Kind
		at    document.Place
	}{
		"list.csv":   {table, document.Sheet, document.Place{Row: 3}},
		"list.xlsx":  {table, document.Sheet, document.Place{Sheet: 1, Row: 3}},
		"list.ods":   {table, document.Sheet, document.Place{Sheet: 1, Row: 3}},
		"note.docx":  {[]string{"The first page", "\f", "NHS number: 999 000 0018"}, document.Paper, document.Place{Page: 2}},
		"note.odt":   {[]string{"A line", "NHS number: 999 000 0018"}, document.Paper, document.Place{}},
		"talk.pptx":  {[]string{"Welcome", "NHS number: 999 000 0018"}, document.Slides, document.Place{Slide: 2}},
		"note.pdf":   {[]string{"A line", "NHS number: 999 000 0018", "Another"}, document.PDF, document.Place{Page: 1}},
		"note.txt":   {[]string{"A line", "NHS number: 999 000 0018"}, document.Text, document.Place{}},
		"page.html":  {[]string{"A line", "NHS number: 999 000 0018"}, document.Web, document.Place{}},
		"mail.eml":   {[]string{"A line", "NHS number: 999 000 0018"}, document.Mail, document.Place{}},
		"data.json":  {[]string{`{"NHS number: 999 000 0018": 1}`}, document.Text, document.Place{}},
		"UPPER.XLSX": {nil, "", document.Place{}},
	} {
		if want.lines == nil {
			if document.KindOf(name, "") != document.Sheet {
				t.Errorf("%s is of no kind", name)
			}
			continue
		}
		c, err := document.Read(context.Background(), name, "", documenttest.File(name, want.lines...), limits(t))
		if err != nil || c.Kind != want.kind || c.Cut {
			t.Errorf("%s: kind %q, cut %v, %v", name, c.Kind, c.Cut, err)
			continue
		}
		if at, found := place(c, "NHS number: 999 000 0018"); !found || at != want.at {
			t.Errorf("%s: found %v at %+v, not %+v, in %+v", name, found, at, want.at, c.Parts)
		}
	}
}

func TestLinesOfAPDFDoNotRunTogether(t *testing.T) {
	c, err := document.Read(context.Background(), "a.pdf", "", documenttest.PDF([]string{"ends with 999", "000 0018 begins"}), limits(t))
	if _, found := place(c, "999\n000"); err != nil || !found {
		t.Errorf("%+v, %v", c.Parts, err)
	}
}

func TestDatesOfCellsAreRead(t *testing.T) {
	b := documenttest.Zip("xl/workbook.xml", `<workbook/>`, "xl/styles.xml", `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet2.xml", `<worksheet><sheetData><row r="5"><c r="C5" s="1"><v>31503</v></c><c r="D5" t="inlineStr"><is><t>born</t></is></c></row></sheetData></worksheet>`)
	c, err := document.Read(context.Background(), "a.xlsx", "", b, limits(t))
	if at, found := place(c, "01/04/1986; born"); err != nil || !found || at != (document.Place{Sheet: 2, Row: 5}) {
		t.Errorf("%+v at %+v, %v", c.Parts, at, err)
	}
}

func TestWhatCannotBeReadIsToldWhy(t *testing.T) {
	office := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 100)
	secret := "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"
	manifest := `<manifest><file-entry full-path="/" media-type="application/vnd.oasis.opendocument.text"/><file-entry full-path="content.xml"><encryption-data/></file-entry></manifest>`
	locked := documenttest.PDF([]string{"locked"})
	locked = []byte(strings.Replace(string(locked), "trailer<<", "trailer<</Encrypt<</Filter/Standard/V 1/R 2/O(0123456789abcdef0123456789abcdef)/U(0123456789abcdef0123456789abcdef)/P -44>>/ID[(a)(a)]", 1))
	for name, want := range map[string]struct {
		file string
		data []byte
		err  error
	}{
		"a picture":               {"a.jpg", []byte("\xff\xd8\xff\xe0"), document.ErrKind},
		"an archive":              {"a.zip", documenttest.Zip("a.txt", "x"), document.ErrKind},
		"an archive as a text":    {"a.txt", documenttest.Zip("a.txt", "x"), document.ErrKind},
		"Office of old":           {"a.doc", []byte(office), document.ErrKind},
		"Office with a password":  {"a.xlsx", []byte(office + secret), document.ErrLocked},
		"OpenDocument likewise":   {"a.odt", documenttest.Zip("mimetype", "x", "content.xml", "x", "META-INF/manifest.xml", manifest), document.ErrLocked},
		"PDF likewise":            {"a.pdf", locked, document.ErrLocked},
		"no PDF":                  {"a.pdf", []byte("%PDF-1.4\nnothing"), document.ErrBroken},
		"a PDF of pictures":       {"a.pdf", documenttest.PDF(nil), document.ErrKind},
		"a text of no characters": {"a.txt", []byte("a\x00b"), document.ErrBroken},
		"no Word":                 {"a.docx", []byte("hello"), document.ErrBroken},
		"half of an archive":      {"a.docx", documenttest.Docx("hello")[:60], document.ErrBroken},
		"a bomb":                  {"a.docx", documenttest.Zip("word/document.xml", "<w:t>"+strings.Repeat("<a/>", 3<<20)), document.ErrLarge},
	} {
		if c, err := document.Read(context.Background(), want.file, "", want.data, limits(t)); !errors.Is(err, want.err) {
			t.Errorf("%s: %v (%q, %d parts), not %v", name, err, c.Kind, len(c.Parts), want.err)
		}
	}
}

func TestALongTextIsCutAndSaysSo(t *testing.T) {
	l := limits(t)
	l.Text = 1000
	for _, name := range []string{"a.txt", "a.csv", "a.docx", "a.xlsx", "a.ods", "a.odt", "a.html", "a.pptx", "a.eml"} {
		lines := make([]string, 200)
		for i := range lines {
			lines[i] = "A line of ordinary words"
		}
		c, err := document.Read(context.Background(), name, "", documenttest.File(name, lines...), l)
		size := 0
		for _, p := range c.Parts {
			size += len(p.Text)
		}
		if err != nil || !c.Cut || size == 0 || size > l.Text {
			t.Errorf("%s: %d bytes, cut %v, %v", name, size, c.Cut, err)
		}
	}
}

func TestAFileThatTakesTooLongIsLeft(t *testing.T) {
	l := limits(t)
	l.Time = time.Nanosecond
	for _, name := range []string{"a.docx", "a.xlsx", "a.pdf", "a.csv"} {
		if _, err := document.Read(context.Background(), name, "", documenttest.File(name, "a", "b"), l); !errors.Is(err, document.ErrSlow) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// seeds are small files of the kinds that a fuzz test is about.
func seeds(f *testing.F, names ...string) {
	for _, n := range names {
		f.Add(documenttest.File(n, "Name|Number", "Ada|999 000 0018"))
	}
}

func fuzz(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, data []byte) {
		l := document.Limits{Text: 1 << 20, Expanded: 8 << 20, Time: 5 * time.Second}
		c, err := document.Read(context.Background(), name, "", data, l)
		size := 0
		for i := range c.Parts {
			p := &c.Parts[i]
			size += len(p.Text)
			p.At(len(p.Text) / 2)
		}
		if size > l.Text || err != nil && size > 0 {
			t.Errorf("%d bytes of text, %v", size, err)
		}
		if errors.Is(err, document.ErrSlow) {
			t.Errorf("%d bytes took too long", len(data))
		}
	})
}

func FuzzArchives(f *testing.F) {
	seeds(f, "a.docx", "a.xlsx", "a.pptx", "a.odt", "a.ods")
	fuzz(f, "a.docx")
}
func FuzzTables(f *testing.F) { seeds(f, "a.csv", "a.txt"); fuzz(f, "a.csv") }
func FuzzMail(f *testing.F)   { seeds(f, "a.eml"); fuzz(f, "a.eml") }
func FuzzPages(f *testing.F)  { seeds(f, "a.html"); fuzz(f, "a.html") }

// FuzzPDF reads as the product does, by another program: what a file can do to
// that one must not reach this one.
func FuzzPDF(f *testing.F) {
	seeds(f, "a.pdf")
	self := limits(f).PDF
	f.Fuzz(func(t *testing.T, data []byte) {
		l := document.Limits{Text: 1 << 20, Expanded: 8 << 20, Time: 700 * time.Millisecond, PDF: self}
		_, err := document.Read(context.Background(), "a.pdf", "", data, l)
		known := []error{nil, document.ErrKind, document.ErrLocked, document.ErrBroken, document.ErrLarge, document.ErrSlow}
		if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
			t.Errorf("the reading program ended otherwise: %v", err)
		}
	})
}
