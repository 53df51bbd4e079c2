package document

import (
	"encoding/xml"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// workbook takes a workbook of Office, sheet after sheet.
func (a *archive) workbook() error {
	shared, whole, err := a.sharedStrings()
	if err != nil {
		return err
	}
	defer func() { a.r.cut = a.r.cut || !whole }()
	dates, err := a.dateStyles()
	if err != nil {
		return err
	}
	for _, n := range a.names {
		switch dir := path.Dir(n); {
		case path.Ext(n) != ".xml":
		case dir == "xl/worksheets":
			if err := a.worksheet(n, shared, dates); err != nil {
				return err
			}
		case dir == "xl" && strings.HasPrefix(path.Base(n), "comments"), dir == "xl/threadedComments", dir == "xl/drawings":
			if err := a.loose(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// loose takes what stands in a part, wherever.
func (a *archive) loose(name string) error {
	var out strings.Builder
	err := a.walk(name, func(xml.StartElement) {}, func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			out.WriteString(s + "\n")
		}
		a.r.cut = a.r.cut || out.Len() > a.r.left
	}, func(string) {})
	a.r.add(Part{Text: out.String()})
	return err
}

// sharedStrings are the texts that cells name by number, as far as there is
// room for them.
func (a *archive) sharedStrings() (all []string, whole bool, err error) {
	var one strings.Builder
	size, in, sounds := 0, 0, 0
	err = a.walk("xl/sharedStrings.xml", func(e xml.StartElement) {
		switch e.Name.Local {
		case "t":
			in++
		case "rPh": // how it is spoken
			sounds++
		}
	}, func(s string) {
		if in > 0 && sounds == 0 {
			if size += len(s); size <= a.r.limits.Text {
				one.WriteString(s)
			}
		}
	}, func(name string) {
		switch name {
		case "t":
			in--
		case "rPh":
			sounds--
		case "si":
			all = append(all, one.String())
			one.Reset()
		}
	})
	return all, size <= a.r.limits.Text, err
}

// dateStyles are the styles of cells whose numbers are dates.
func (a *archive) dateStyles() (map[int]bool, error) {
	formats, out := map[string]bool{}, map[int]bool{}
	for _, n := range []int{14, 15, 16, 17, 22} {
		formats[strconv.Itoa(n)] = true
	}
	n, in := 0, false
	return out, a.walk("xl/styles.xml", func(e xml.StartElement) {
		switch e.Name.Local {
		case "numFmt":
			code := strings.ToLower(attr(e, "formatCode"))
			formats[attr(e, "numFmtId")] = strings.Contains(code, "yy") || strings.Contains(code, "d") && strings.Contains(code, "m") && !strings.Contains(code, "red")
		case "cellXfs":
			in = true
		case "xf":
			if in {
				out[n] = formats[attr(e, "numFmtId")]
				n++
			}
		}
	}, func(string) {}, func(name string) { in = in && name != "cellXfs" })
}

// mostColumns is how many columns of a sheet are read.
const mostColumns = 1000

// worksheet takes one sheet.
func (a *archive) worksheet(name string, shared []string, dates map[int]bool) error {
	t := a.r.sheet(Place{Sheet: number(name)})
	var cells []string
	var value strings.Builder
	var typ string
	row, col, style, in := 0, 0, 0, false
	err := a.walk(name, func(e xml.StartElement) {
		switch e.Name.Local {
		case "row":
			row++
			if n, err := strconv.Atoi(attr(e, "r")); err == nil && n > 0 {
				row = n
			}
			cells, col = cells[:0], 0
		case "c":
			typ = attr(e, "t")
			style, _ = strconv.Atoi(attr(e, "s")) // none is the first
			col++
			if n := column(attr(e, "r")); n > 0 {
				col = n
			}
			value.Reset()
		case "v", "t":
			in = true
		}
	}, func(s string) {
		if in && value.Len() < a.r.left {
			value.WriteString(s)
		}
	}, func(name string) {
		switch name {
		case "v", "t":
			in = false
		case "c":
			if col <= mostColumns {
				for len(cells) < col {
					cells = append(cells, "")
				}
				cells[col-1] = cell(value.String(), typ, shared, dates[style])
			} else {
				a.r.cut = true
			}
		case "row":
			t.row(row, cells)
			t.full()
		}
	})
	t.end()
	return err
}

// column is the number of a column that is named as in B12.
func column(ref string) int {
	n := 0
	for _, c := range ref {
		if c < 'A' || c > 'Z' || n > mostColumns {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	return n
}

// cell is what a cell shows.
func cell(v, typ string, shared []string, date bool) string {
	switch typ {
	case "s":
		if n, err := strconv.Atoi(v); err == nil && n >= 0 && n < len(shared) {
			return shared[n]
		}
		return ""
	case "b", "e":
		return ""
	case "str", "inlineStr", "d":
		return v
	}
	n, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil:
		return v
	case date && n >= 1 && n < 2_958_466: // until the end of 9999
		return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(n)).Format("02/01/2006")
	case n == math.Trunc(n) && math.Abs(n) < 1e15:
		return strconv.FormatInt(int64(n), 10)
	}
	return v
}

// openDocument takes a file of OpenDocument.
func (a *archive) openDocument() (Kind, error) {
	kind, locked := Other, false
	err := a.walk("META-INF/manifest.xml", func(e xml.StartElement) {
		locked = locked || e.Name.Local == "encryption-data"
		if m := attr(e, "media-type"); attr(e, "full-path") == "/" {
			kind = KindOf("", strings.TrimSuffix(m, "-template"))
		}
	}, func(string) {}, func(string) {})
	switch {
	case err != nil:
		return kind, err
	case locked:
		return kind, ErrLocked
	case !kind.Readable():
		return kind, ErrKind
	}
	if kind == Sheet {
		return kind, a.openSheets()
	}
	return kind, a.openFlow(kind == Slides)
}

// openFlow takes the paragraphs of a text, or of slides.
func (a *archive) openFlow(slides bool) error {
	var out strings.Builder
	at, in := Place{}, 0
	err := a.walk("content.xml", func(e xml.StartElement) {
		switch e.Name.Local {
		case "p", "h":
			in++
		case "tab", "s":
			out.WriteByte(' ')
		case "line-break":
			out.WriteByte('\n')
		case "page":
			if slides {
				at.Slide++
			}
		}
	}, func(s string) {
		if in > 0 {
			out.WriteString(s)
		}
		a.r.cut = a.r.cut || out.Len() > a.r.left
	}, func(name string) {
		switch name {
		case "p", "h":
			in--
			out.WriteByte('\n')
		case "page":
			a.r.add(Part{Place: at, Text: out.String()})
			out.Reset()
		}
	})
	a.r.add(Part{Place: at, Text: out.String()})
	if err == nil {
		err = a.loose("styles.xml") // headers and footers
	}
	return err
}

// openSheets takes the sheets of a spreadsheet. A cell that is repeated is told
// once.
func (a *archive) openSheets() error {
	var t *sheet
	var cells []string
	var value strings.Builder
	number, row, next, in, times := 0, 0, 0, 0, 1
	err := a.walk("content.xml", func(e xml.StartElement) {
		switch e.Name.Local {
		case "table":
			number++
			t, row, next = a.r.sheet(Place{Sheet: number}), 0, 1
		case "table-row":
			row, cells = next, cells[:0]
			next = row + max(1, atoi(attr(e, "number-rows-repeated")))
		case "table-cell", "covered-table-cell":
			value.Reset()
			times = max(1, atoi(attr(e, "number-columns-repeated")))
		case "p":
			in++
			if value.Len() > 0 {
				value.WriteByte(' ')
			}
		}
	}, func(s string) {
		if in > 0 && value.Len() < a.r.left {
			value.WriteString(s)
		}
	}, func(name string) {
		switch name {
		case "p":
			in--
		case "table-cell", "covered-table-cell":
			cells = append(cells, value.String())
			for range min(times-1, mostColumns-min(len(cells), mostColumns)) {
				cells = append(cells, "")
			}
			if len(cells) > mostColumns {
				cells, a.r.cut = cells[:mostColumns], true
			}
		case "table-row":
			if t != nil {
				t.row(row, cells)
				t.full()
			}
		case "table":
			if t != nil {
				t.end()
				t = nil
			}
		}
	})
	if t != nil {
		t.end()
	}
	return err
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return min(n, 1<<20)
}
