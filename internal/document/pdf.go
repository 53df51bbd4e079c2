package document

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ledongthuc/pdf"
)

// A PDF can be made to keep its reader busy for ever, or to fill all memory.
// That cannot be stopped within a program, so that it is read by another one,
// which is ended.

// The limits of the program that reads a PDF.
const (
	mostMemory = 256 << 20
	mostStack  = 64 << 20
	mostPages  = 2000
)

// errMemory is how the reading program ends when it takes too much.
const errMemory = 7

// pdf takes a PDF, by the program that is set for it.
func (r *reader) pdf(data []byte) error {
	var got answer
	if len(r.limits.PDF) == 0 {
		got = readPDF(r.ctx, data, r.left)
	} else {
		var err error
		if got, err = r.otherwise(data); err != nil {
			return err
		}
	}
	for _, p := range got.Parts {
		r.add(p)
	}
	r.cut = r.cut || got.Cut
	for _, err := range []error{ErrLocked, ErrBroken, ErrSlow, ErrKind} {
		if got.Error == err.Error() {
			return err
		}
	}
	return nil
}

// otherwise has another program read it.
func (r *reader) otherwise(data []byte) (answer, error) {
	var got answer
	cmd := exec.CommandContext(r.ctx, r.limits.PDF[0])
	cmd.Args = r.limits.PDF[1:]
	cmd.Env = []string{} // it needs nothing of ours
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(data)
	out := &capped{most: 4*r.limits.Text + 1<<20}
	cmd.Stdout = out
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case r.ctx.Err() != nil:
		return got, ErrSlow
	case errors.As(err, &ended) && ended.ExitCode() == errMemory, out.Len() >= out.most:
		return got, ErrLarge
	case errors.As(err, &ended):
		return got, ErrBroken
	case err != nil: // it could not be begun: not the file's fault
		return got, err
	case json.Unmarshal(out.Bytes(), &got) != nil:
		return got, ErrBroken
	}
	return got, nil
}

// capped keeps as much of what is written to it as it may.
type capped struct {
	bytes.Buffer
	most int
}

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.most {
		_, _ = c.Buffer.Write(p[:c.most-c.Len()]) // a buffer does not fail
		return 0, io.ErrShortWrite
	}
	return c.Buffer.Write(p)
}

// answer is what the reading program says.
type answer struct {
	Parts []Part
	Cut   bool
	Error string
}

// ReadPDF is the reading program: it reads a PDF and writes what is in it. It
// ends itself when it takes too much memory, and gives its exit status.
func ReadPDF(in io.Reader, out io.Writer) int {
	debug.SetMaxStack(mostStack)
	debug.SetMemoryLimit(mostMemory / 2)
	go func() {
		var m runtime.MemStats
		for range time.Tick(50 * time.Millisecond) {
			if runtime.ReadMemStats(&m); m.Sys-m.HeapReleased > mostMemory {
				os.Exit(errMemory)
			}
		}
	}()
	data, err := io.ReadAll(in)
	if err != nil {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), DefaultLimits.Time)
	defer cancel()
	if json.NewEncoder(out).Encode(readPDF(ctx, data, DefaultLimits.Text)) != nil {
		return 1
	}
	return 0
}

// readPDF reads a PDF, page after page.
func readPDF(ctx context.Context, data []byte, most int) (got answer) {
	defer func() {
		if recover() != nil && len(got.Parts) == 0 {
			got.Error = ErrBroken.Error()
		}
	}()
	data = trimmed(data)
	doc, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	switch {
	case errors.Is(err, pdf.ErrInvalidPassword), err != nil && bytes.Contains(data, []byte("/Encrypt")):
		got.Error = ErrLocked.Error()
		return got
	case err != nil:
		got.Error = ErrBroken.Error()
		return got
	}
	pages := doc.NumPage()
	if pages > mostPages {
		pages, got.Cut = mostPages, true
	}
	for n := 1; n <= pages && !got.Cut; n++ {
		if ctx.Err() != nil {
			got.Cut = true
			break
		}
		text, ok := page(doc, n)
		got.Cut = got.Cut || !ok
		if most -= len(text); most < 0 {
			got.Cut = true
			break
		}
		if strings.TrimSpace(text) != "" {
			got.Parts = append(got.Parts, Part{Place: Place{Page: n}, Text: text})
		}
	}
	var fields strings.Builder
	left := mostFields
	filled(doc.Trailer().Key("Root").Key("AcroForm").Key("Fields"), &fields, &left, 0)
	if fields.Len() > 0 && fields.Len() <= most {
		got.Parts = append(got.Parts, Part{Text: fields.String()})
	}
	if len(got.Parts) == 0 && !got.Cut {
		got.Error = ErrKind.Error() // pictures of pages
		if pages == 0 {
			got.Error = ErrBroken.Error()
		}
	}
	return got
}

// trimmed is a PDF without what stands before and after it, which readers of
// PDF pass over.
func trimmed(data []byte) []byte {
	if i := bytes.Index(data[:min(len(data), 2048)], []byte("%PDF-")); i > 0 {
		data = data[i:]
	}
	if i := bytes.LastIndex(data, []byte("%%EOF")); i >= 0 {
		data = data[:i+len("%%EOF")]
	}
	const head = "%PDF-1.7\n" // a later version says what it has that is new
	if len(data) < len(head) {
		return data
	}
	return append([]byte(head), data[len(head):]...)
}

// page is what a page says, in its lines. ok is false where some of it could
// not be read.
func page(doc *pdf.Reader, n int) (text string, ok bool) {
	var out strings.Builder
	defer func() {
		if recover() != nil {
			text, ok = out.String(), false
		}
	}()
	var last pdf.Text
	for i, t := range doc.Page(n).Content().Text {
		size := math.Max(math.Abs(t.FontSize), 1)
		switch {
		case i == 0:
		case math.Abs(t.Y-last.Y) > size/2:
			out.WriteByte('\n')
		case t.X-(last.X+last.W) > size/4 || t.X < last.X-size:
			out.WriteByte(' ')
		}
		out.WriteString(t.S)
		last = t
	}
	return out.String(), true
}

// mostFields is how many fields of a form are looked at.
const mostFields = 10_000

// filled adds what was filled into a form.
func filled(fields pdf.Value, out *strings.Builder, left *int, depth int) {
	for i := 0; i < fields.Len() && *left > 0 && depth < 20; i++ {
		*left--
		f := fields.Index(i)
		if v := f.Key("V").Text(); v != "" {
			out.WriteString(f.Key("T").Text() + ": " + v + "\n")
		}
		filled(f.Key("Kids"), out, left, depth+1)
	}
}
