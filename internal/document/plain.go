package document

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// decode makes text of bytes: Unicode as it is marked, or else as Windows
// wrote it in western Europe. It reports false where they are no text.
func decode(data []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		b, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		return string(b), err == nil
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", false
	}
	if utf8.Valid(data) {
		return string(data), true
	}
	b, err := charmap.Windows1252.NewDecoder().Bytes(data)
	return string(b), err == nil
}

// lines takes a text as it is; its rows are its lines.
func (r *reader) lines(text string) {
	r.add(Part{Text: text})
}

// table takes a table of separated values.
func (r *reader) table(text, name string) error {
	t := r.sheet(Place{})
	in := csv.NewReader(strings.NewReader(text))
	in.Comma, in.FieldsPerRecord, in.LazyQuotes, in.ReuseRecord = separator(text, name), -1, true, true
	for !t.full() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // no table after all
			r.lines(text)
			return nil
		}
		line, _ := in.FieldPos(0)
		t.row(line, cells)
	}
	t.end()
	return nil
}

// separator is what stands between the cells of a table, by its first line.
func separator(text, name string) rune {
	if strings.EqualFold(path.Ext(name), ".tsv") {
		return '\t'
	}
	first, _, _ := strings.Cut(text, "\n")
	best := ','
	for _, c := range []rune{';', '\t', '|'} {
		if strings.Count(first, string(c)) > strings.Count(first, string(best)) {
			best = c
		}
	}
	return best
}

// sheet is a table in the reading. Each cell is told with the head of its
// column, as a person reads it: a number is a number of something.
type sheet struct {
	r     *reader
	place Place
	heads []string
	begun bool
	text  strings.Builder
	rows  []int
}

func (r *reader) sheet(at Place) *sheet { return &sheet{r: r, place: at} }

// longestHead is how much of the head of a column is told with each cell.
const longestHead = 40

func (t *sheet) row(number int, cells []string) {
	first := !t.begun
	if first && headed(cells) {
		for _, c := range cells {
			t.heads = append(t.heads, strings.ToValidUTF8(oneLine(c)[:min(len(oneLine(c)), longestHead)], ""))
		}
	}
	some := false
	for i, c := range cells {
		if c = oneLine(c); c == "" {
			continue
		}
		if some {
			t.text.WriteString("; ")
		}
		if !first && i < len(t.heads) && t.heads[i] != "" {
			t.text.WriteString(t.heads[i] + ": ")
		}
		t.text.WriteString(c)
		some = true
	}
	if some {
		t.begun = true
		t.text.WriteByte('\n')
		t.rows = append(t.rows, number)
	}
}

// headed reports whether the first row of a table names its columns.
func headed(cells []string) bool {
	named := 0
	for _, c := range cells {
		c = strings.TrimSpace(c)
		if c == "" {
			continue
		}
		if _, err := strconv.ParseFloat(strings.ReplaceAll(c, " ", ""), 64); err == nil {
			return false
		}
		named++
	}
	return named > 0
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (t *sheet) full() bool {
	if t.text.Len() > t.r.left {
		t.r.cut = true
	}
	return t.r.cut
}

func (t *sheet) end() { t.r.add(Part{Place: t.place, Text: t.text.String(), Rows: t.rows}) }

// web takes what a page shows, not how.
func (r *reader) web(text string) error {
	z := html.NewTokenizer(strings.NewReader(text))
	z.SetMaxBuf(1 << 20)
	var out strings.Builder
	hidden := false
	for !r.full() && r.ctx.Err() == nil {
		switch token := z.Next(); token {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return ErrBroken
			}
			r.add(Part{Text: out.String()})
			return nil
		case html.TextToken:
			if !hidden {
				out.WriteString(html.UnescapeString(string(z.Text())))
			}
			r.cut = out.Len() > r.left
		case html.StartTagToken, html.EndTagToken:
			tag, _ := z.TagName()
			switch string(tag) {
			case "script", "style":
				hidden = token == html.StartTagToken
			case "b", "i", "em", "strong", "span", "a", "u", "font", "small", "sub", "sup":
			case "td", "th":
				out.WriteString(" ")
			default:
				out.WriteString("\n")
			}
		}
	}
	r.add(Part{Text: out.String()})
	return r.ctx.Err()
}
