package exports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// walker goes through one JSON document and holds no more than one value of
// it at a time.
type walker struct {
	s   *source
	out *sink
	dec *json.Decoder
	in  *bounded
	n   int // values taken
}

// bounded ends a stream whose values are too large to be held.
type bounded struct {
	r    io.Reader
	left int64
}

var errLarge = errors.New("one value in it is larger than 16 MiB: nothing after it was read")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (s *source) walk(out *sink) *walker {
	in := &bounded{r: s.r, left: maxText}
	s.peek(3) // a byte order mark is no JSON
	if head, _ := s.r.Peek(3); string(head) == "\ufeff" {
		s.r.Discard(3)
	}
	return &walker{s: s, out: out, dec: json.NewDecoder(in), in: in}
}

var errStopped = errors.New("nobody listens any more")

// run calls f and reports what kept it from the end of the document.
func (w *walker) run(f func() error) {
	err := f()
	if err == nil {
		if _, more := w.dec.Token(); !errors.Is(more, io.EOF) && !w.out.stopped {
			w.out.broken(w.place(), "something follows the end of the export; it was not read")
		}
		return
	}
	if errors.Is(err, errStopped) || w.out.stopped {
		return
	}
	what := "this is not the JSON that was expected; nothing after it was read"
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errLarge):
		what = errLarge.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		what = "the file ends in the middle; what stands before was read"
	case errors.As(err, &syntax):
		what = "the JSON is broken here; nothing after it was read"
	}
	w.out.broken(w.place(), what)
}

func (w *walker) place() string { return fmt.Sprintf("%s: byte %d", w.s.name, w.dec.InputOffset()) }

var errShape = errors.New("another kind of JSON value was expected")

// object calls f for each field, which takes the value.
func (w *walker) object(f func(key string) error) error {
	if err := w.delim('{'); err != nil {
		return err
	}
	for w.dec.More() {
		w.in.left = maxText
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return errShape
		}
		if err := f(key); err != nil {
			return err
		}
	}
	return w.end()
}

// array calls f for each element, which takes it.
func (w *walker) array(f func() error) error {
	if err := w.delim('['); err != nil {
		return err
	}
	for w.dec.More() {
		if w.out.stopped {
			return errStopped
		}
		w.in.left = maxText
		if err := f(); err != nil {
			return err
		}
	}
	return w.end()
}

func (w *walker) delim(want json.Delim) error {
	t, err := w.dec.Token()
	if err == nil && t != want {
		return errShape
	}
	return err
}

func (w *walker) end() error {
	_, err := w.dec.Token()
	return err
}

// value takes one value into v, and reports whether it could be understood.
// What could not is reported and passed over.
func (w *walker) value(v any) (bool, error) {
	w.n++
	err := w.dec.Decode(v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		w.out.broken(w.place(), "a message before this place is not written as expected: "+wrong.Field)
		return false, nil
	}
	return err == nil, err
}

// skip takes one value and forgets it.
func (w *walker) skip() error {
	depth := 0
	for {
		w.in.left = maxText
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
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
	if w.peek() == '[' {
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

// peek tells the first byte of the document, before anything is taken.
func (w *walker) peek() byte {
	head, _ := w.s.r.Peek(64)
	for _, c := range head {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	return 0
}
