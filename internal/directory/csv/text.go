package csv

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// open finds out how the file is written, and reads its first line.
func open(file io.ReadSeeker, separator string) (*table, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size > maxSize {
		return nil, whole("the file is larger than %d MB, more than any directory", maxSize>>20)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	how, lines, err := survey(file)
	if err != nil {
		return nil, err
	}
	if lines == 0 {
		return nil, whole("the file is empty")
	}
	if _, err := file.Seek(int64(how.skip), io.SeekStart); err != nil {
		return nil, err
	}
	var in io.Reader = file
	if how.decoder != nil {
		in = how.decoder.NewDecoder().Reader(file)
	}
	head, in, err := firstLine(in)
	if err != nil {
		return nil, err
	}
	comma, err := comma(head, separator)
	if err != nil {
		return nil, err
	}
	t := &table{rows: csv.NewReader(in), encoding: how.name, guess: lines}
	t.rows.Comma = comma
	t.rows.ReuseRecord = true
	columns, err := t.rows.Read()
	if err == io.EOF {
		return nil, whole("the file is empty")
	}
	if err != nil {
		return nil, t.fault(err)
	}
	for _, c := range columns {
		t.columns = append(t.columns, strings.TrimSpace(c))
	}
	return t, nil
}

func whole(format string, args ...any) error {
	f := &Faults{}
	f.add(0, "", format, args...)
	return f
}

// written is how a file is encoded.
type written struct {
	name    string
	decoder encoding.Encoding // nil for UTF-8
	skip    int               // bytes before the text
}

// survey reads the file once: which encoding fits all of it, and how many
// lines it has at most.
func survey(r io.Reader) (written, int, error) {
	buf := make([]byte, 64<<10)
	var how written
	valid, undefined, lines, first := true, false, 0, true
	kept := 0 // bytes of a character that goes on in the next block
	for {
		n, err := io.ReadFull(r, buf[kept:])
		block := buf[:kept+n]
		end := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return how, 0, err
		}
		fresh := block[kept:]
		if first {
			how = mark(block)
			first = false
		}
		if how.decoder == nil && bytes.IndexByte(fresh, 0) >= 0 {
			return how, 0, whole("this is not a text file: save the directory as CSV, in UTF-8")
		}
		lines += bytes.Count(fresh, []byte{'\n'})
		undefined = undefined || holdsUndefined(fresh)
		kept = 0
		if valid && !utf8.Valid(block) {
			cut := incomplete(block)
			valid = !end && utf8.Valid(block[:cut])
			if valid {
				kept = copy(buf, block[cut:])
			}
		}
		if end {
			if len(block) > 0 && block[len(block)-1] != '\n' {
				lines++
			}
			break
		}
	}
	if how.decoder == nil && !valid {
		if undefined {
			return how, 0, whole("the text is neither UTF-8 nor Windows-1252: save the directory as CSV, in UTF-8")
		}
		how = written{name: "Windows-1252", decoder: charmap.Windows1252}
	}
	return how, lines, nil
}

// mark reads the byte order mark that a file may begin with.
func mark(b []byte) written {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return written{name: "UTF-8 with a mark", skip: 3}
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return written{name: "UTF-16", decoder: unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)}
	}
	return written{name: "UTF-8"}
}

// holdsUndefined reports bytes that Windows-1252 has no character for.
func holdsUndefined(b []byte) bool {
	for _, c := range b {
		switch c {
		case 0x81, 0x8d, 0x8f, 0x90, 0x9d:
			return true
		}
	}
	return false
}

// incomplete gives where a character begins that the block ends within.
func incomplete(b []byte) int {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return i
			}
			break
		}
	}
	return len(b)
}

// firstLine reads the first line and gives a reader that still has it.
func firstLine(in io.Reader) (string, io.Reader, error) {
	var head []byte
	buf := make([]byte, 4096)
	for len(head) < 64<<10 {
		n, err := in.Read(buf)
		head = append(head, buf[:n]...)
		if err == io.EOF || bytes.IndexByte(buf[:n], '\n') >= 0 {
			break
		}
		if err != nil {
			return "", nil, err
		}
	}
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	return string(line), io.MultiReader(bytes.NewReader(head), in), nil
}

// comma gives the separator: the one that is named, or the one that stands
// most often in the first line.
func comma(head, named string) (rune, error) {
	if named != "" {
		switch r, n := utf8.DecodeRuneInString(named); {
		case named == `\t` || named == "tab":
			return '\t', nil
		case n != len(named) || strings.ContainsRune("\"\r\n\uFFFD", r):
			return 0, fmt.Errorf("the separator must be one character such as , ; or tab")
		default:
			return r, nil
		}
	}
	best, most := ',', 0
	for _, c := range ",;\t|" {
		if n := strings.Count(head, string(c)); n > most {
			best, most = c, n
		}
	}
	return best, nil
}
