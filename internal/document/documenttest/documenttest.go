// Package documenttest makes files for tests, of every kind that is read, as
// small as programs that write them would accept.
//
// What is in them is invented by whoever calls it. It must not be used outside
// of tests.
package documenttest

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"fmt"
	"path"
	"strings"
)

// File makes a file with these lines in it, of the kind that the name ends with.
// In tables a line's cells are parted by a bar.
func File(name string, lines ...string) []byte {
	switch path.Ext(name) {
	case ".docx":
		return Docx(lines...)
	case ".xlsx":
		return Xlsx(rows(lines))
	case ".pptx":
		return Pptx(lines...)
	case ".odt":
		return Odt(lines...)
	case ".ods":
		return Ods(rows(lines))
	case ".pdf":
		return PDF(lines)
	case ".csv":
		return []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "|", ",") + "\n")
	case ".html":
		return []byte("<!doctype html><title>A page</title><p>" + strings.Join(escaped(lines), "<p>"))
	case ".eml":
		return []byte("From: Sam Okafor <sam@calderwick.example>\r\nTo: team@calderwick.example\r\nSubject: The list\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
			strings.Join(lines, "\r\n") + "\r\n")
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

func rows(lines []string) [][]string {
	var out [][]string
	for _, l := range lines {
		out = append(out, strings.Split(l, "|"))
	}
	return out
}

func escaped(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(l)) // a buffer does not fail
		out[i] = b.String()
	}
	return out
}

// Zip makes an archive: names and contents in turn.
func Zip(parts ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = w.Write([]byte(parts[i+1]))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Docx makes a document of Word, a paragraph for each line; "\f" begins a page.
func Docx(lines ...string) []byte {
	var b strings.Builder
	for _, l := range escaped(lines) {
		if l == "&#xC;" || l == "\uFFFD" {
			b.WriteString(`<w:p><w:r><w:br w:type="page"/></w:r></w:p>`)
			continue
		}
		half := len(l) / 2 // Word parts words into runs as it likes
		for half > 0 && l[half]&0xc0 == 0x80 {
			half--
		}
		if strings.Contains(l, "&") {
			half = 0
		}
		b.WriteString(`<w:p><w:r><w:t xml:space="preserve">` + l[:half] + `</w:t></w:r><w:r><w:t xml:space="preserve">` + l[half:] + `</w:t></w:r></w:p>`)
	}
	return Zip("[Content_Types].xml", `<Types/>`,
		"word/document.xml", `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`+b.String()+`</w:body></w:document>`)
}

// Xlsx makes a workbook of Excel with one sheet, its texts shared.
func Xlsx(rows [][]string) []byte {
	var shared, cells strings.Builder
	n := 0
	for i, row := range rows {
		fmt.Fprintf(&cells, `<row r="%d">`, i+1)
		for j, c := range escaped(row) {
			fmt.Fprintf(&cells, `<c r="%c%d" t="s"><v>%d</v></c>`, 'A'+j, i+1, n)
			fmt.Fprintf(&shared, `<si><t>%s</t></si>`, c)
			n++
		}
		cells.WriteString(`</row>`)
	}
	return Zip("[Content_Types].xml", `<Types/>`, "xl/workbook.xml", `<workbook/>`,
		"xl/sharedStrings.xml", `<sst>`+shared.String()+`</sst>`, "xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+cells.String()+`</sheetData></worksheet>`)
}

// Pptx makes a presentation of PowerPoint, a slide for each line.
func Pptx(lines ...string) []byte {
	parts := []string{"[Content_Types].xml", `<Types/>`, "ppt/presentation.xml", `<p:presentation/>`}
	for i, l := range escaped(lines) {
		parts = append(parts, fmt.Sprintf("ppt/slides/slide%d.xml", i+1), `<p:sld><a:p><a:r><a:t>`+l+`</a:t></a:r></a:p></p:sld>`)
	}
	return Zip(parts...)
}

const manifest = `<manifest:manifest><manifest:file-entry manifest:full-path="/" manifest:media-type="%s"/></manifest:manifest>`

// Odt makes a text of OpenDocument.
func Odt(lines ...string) []byte {
	const media = "application/vnd.oasis.opendocument.text"
	var b strings.Builder
	for _, l := range escaped(lines) {
		b.WriteString(`<text:p>` + l + `</text:p>`)
	}
	return Zip("mimetype", media, "META-INF/manifest.xml", fmt.Sprintf(manifest, media),
		"content.xml", `<office:document-content><office:body><office:text>`+b.String()+`</office:text></office:body></office:document-content>`)
}

// Ods makes a spreadsheet of OpenDocument with one sheet.
func Ods(rows [][]string) []byte {
	const media = "application/vnd.oasis.opendocument.spreadsheet"
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(`<table:table-row>`)
		for _, c := range escaped(row) {
			b.WriteString(`<table:table-cell><text:p>` + c + `</text:p></table:table-cell>`)
		}
		b.WriteString(`</table:table-row>`)
	}
	return Zip("mimetype", media, "META-INF/manifest.xml", fmt.Sprintf(manifest, media),
		"content.xml", `<office:document-content><office:body><office:spreadsheet><table:table>`+b.String()+`</table:table></office:spreadsheet></office:body></office:document-content>`)
}

// PDF makes a PDF of pages; each line of a page is set apart.
func PDF(pages ...[]string) []byte {
	var b bytes.Buffer
	var at []int
	object := func(body string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	b.WriteString("%PDF-1.4\n")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object("<</Type/Catalog/Pages 2 0 R>>")
	object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(pages)))
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
	for i, lines := range pages {
		var text strings.Builder
		text.WriteString("BT /F1 11 Tf 72 760 Td\n")
		for _, l := range lines {
			text.WriteString("(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(l) + ") Tj 0 -14 Td\n")
		}
		text.WriteString("ET")
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		_, _ = z.Write([]byte(text.String())) // a buffer does not fail
		_ = z.Close()
		object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>", 5+2*i))
		object(fmt.Sprintf("<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream", packed.Len(), packed.String()))
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}
