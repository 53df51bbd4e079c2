package exports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// walker goes through one JSON document and holds no more than one value of it
// at a time. It finds where values begin and end by their brackets and quotes
// alone, so that one broken value does not keep it from the next; what a value
// says is encoding/json's to read.
type walker struct {
	s    *source
	out  *sink
	line int
	at   int64 // bytes taken
	n    int   // values taken
	buf  []byte
}

func (s *source) walk(out *sink) *walker {
	if head, _ := s.r.Peek(3); string(head) == "\ufeff" { // no part of the JSON
		_, _ = s.r.Discard(3)
	}
	return &walker{s: s, out: out, line: 1}
}

var (
	errStopped = errors.New("nobody listens any more")
	errShape   = errors.New("another kind of JSON value was expected")
	errLarge   = errors.New("a value here is larger than 4 MiB and was not read")
)

// run calls f and reports what kept it from the end of the document.
func (w *walker) run(f func() error) {
	err := f()
	switch {
	case w.out.stopped || errors.Is(err, errStopped):
	case err == nil:
		if _, more := w.next(); !errors.Is(more, io.EOF) {
			w.out.broken(w.place(), "something follows the end of the export; it was not read")
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		w.out.broken(w.place(), "the file ends in the middle; what stands before was read")
	case errors.Is(err, errShape):
		w.out.broken(w.place(), "this is not the JSON that was expected; nothing after it was read")
	default:
		w.out.broken(w.place(), "it cannot be read to its end: "+reason(err))
	}
}

func (w *walker) place() string { return fmt.Sprintf("%s:%d: byte %d", w.s.name, w.line, w.at) }

// drop takes n bytes.
func (w *walker) drop(n int) {
	b, _ := w.s.r.Peek(n)
	w.line += bytes.Count(b, []byte("\n"))
	w.at += int64(n)
	_, _ = w.s.r.Discard(n)
}

// chunk gives the bytes that lie ready.
func (w *walker) chunk() ([]byte, error) {
	if _, err := w.s.r.Peek(1); err != nil {
		return nil, err
	}
	return w.s.r.Peek(w.s.r.Buffered())
}

// next gives the first byte that is no white space, without taking it.
func (w *walker) next() (byte, error) {
	for {
		b, err := w.chunk()
		if err != nil {
			return 0, err
		}
		for i, c := range b {
			if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				w.drop(i)
				return c, nil
			}
		}
		w.drop(len(b))
	}
}

// object calls f for each field, which takes the value.
func (w *walker) object(f func(key string) error) error {
	if err := w.open('{'); err != nil {
		return err
	}
	for {
		switch c, err := w.next(); {
		case err != nil:
			return err
		case c == '}':
			w.drop(1)
			return nil
		case c == ',':
			w.drop(1)
			continue
		case c != '"':
			return errShape
		}
		raw, err := w.raw(true)
		if err != nil {
			return err
		}
		var key string
		if json.Unmarshal(raw, &key) != nil {
			return errShape
		}
		if err := w.open(':'); err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
	}
}

// array calls f for each element, which takes it.
func (w *walker) array(f func() error) error {
	if err := w.open('['); err != nil {
		return err
	}
	for {
		if w.out.stopped {
			return errStopped
		}
		switch c, err := w.next(); {
		case err != nil:
			return err
		case c == ']':
			w.drop(1)
			return nil
		case c == ',':
			w.drop(1)
			continue
		case c == '}' || c == ':':
			w.out.broken(w.place(), "the JSON is broken here; reading goes on at the next value")
			if err := w.resume(); err != nil {
				return err
			}
			continue
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// resume passes over what is broken, to the next object or the list's end.
func (w *walker) resume() error {
	for {
		b, err := w.chunk()
		if err != nil {
			return err
		}
		if i := bytes.IndexAny(b, "{]"); i >= 0 {
			w.drop(i)
			return nil
		}
		w.drop(len(b))
	}
}

func (w *walker) open(want byte) error {
	c, err := w.next()
	if err == nil && c != want {
		return errShape
	}
	if err == nil {
		w.drop(1)
	}
	return err
}

// raw takes one value and gives its bytes, valid until the next call. A value
// that is too large is taken to its end, and errLarge comes back.
func (w *walker) raw(keep bool) ([]byte, error) {
	w.buf = w.buf[:0]
	if cap(w.buf) > 4<<20 {
		w.buf = nil // one large value does not cost memory for ever
	}
	if _, err := w.next(); err != nil {
		return nil, err
	}
	var e extent
	large := false
	for {
		b, err := w.chunk()
		if err != nil {
			if errors.Is(err, io.EOF) && e.bare {
				return w.buf, nil
			}
			return nil, errors.Join(err, io.ErrUnexpectedEOF)
		}
		n, ended := e.scan(b)
		if len(w.buf)+n > maxText {
			large = true
			w.buf = w.buf[:0]
		} else if keep && !large {
			w.buf = append(w.buf, b[:n]...)
		}
		w.drop(n)
		switch {
		case ended && large && keep:
			return nil, errLarge
		case ended:
			return w.buf, nil
		}
	}
}

// extent finds the end of one JSON value.
type extent struct {
	depth           int
	quoted, escaped bool
	bare            bool // a number, true, false or null
}

// scan reads on, and tells how many bytes belong to the value and whether it
// ends there.
func (e *extent) scan(b []byte) (n int, ended bool) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case e.escaped:
			e.escaped = false
		case e.quoted:
			if c == '\\' {
				e.escaped = true
			} else if c == '"' {
				e.quoted = false
				if e.depth == 0 {
					return i + 1, true
				}
			}
		case c == '"':
			e.quoted = true
		case c == '{' || c == '[':
			e.depth++
		case c == '}' || c == ']':
			if e.depth == 0 {
				return i, true // the end of what a bare value stands in
			}
			if e.depth--; e.depth == 0 {
				return i + 1, true
			}
		case e.depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return i, true
		case e.depth == 0:
			e.bare = true
		}
	}
	return len(b), false
}

// value takes one value into v, and reports whether anything of it could be
// understood. What could not is reported.
func (w *walker) value(v any) (bool, error) {
	w.n++
	raw, err := w.raw(true)
	if errors.Is(err, errLarge) {
		w.out.broken(w.place(), errLarge.Error())
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = json.Unmarshal(raw, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		w.out.broken(w.place(), "a part of the value before this place is not written as expected: "+wrong.Field)
		return wrong.Field != "", nil
	case err != nil:
		w.out.broken(w.place(), "the value before this place is broken and was not read")
		return false, nil
	}
	return true, nil
}

// skip takes one value and forgets it.
func (w *walker) skip() error {
	_, err := w.raw(false)
	return err
}

// elements reads a document that is a list of T, or an object with such a list
// under one of the names. Fields beside the list are given to other, which may
// be nil, and must take them.
func elements[T any](w *walker, names []string, other func(key string) error, f func(T)) error {
	list := func() error {
		return w.array(func() error {
			var v T
			ok, err := w.value(&v)
			if ok {
				f(v)
			}
			return err
		})
	}
	if c, err := w.next(); err != nil {
		return err
	} else if c == '[' {
		return list()
	}
	return w.object(func(key string) error {
		for _, n := range names {
			if n == key {
				return list()
			}
		}
		if other == nil {
			return w.skip()
		}
		return other(key)
	})
}
