package detect

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/unicode/norm"
)

// view is a text as the rules read it: plain ASCII where the original has
// anything that looks like ASCII, with a way back to the original bytes.
type view struct {
	text   string
	pieces []piece // where text comes from; nil when it is the original
	size   int     // length of the original, where there are pieces
}

// piece says where the bytes of a view from one place on come from: each from
// a byte of its own, one after the other, or all from the same bytes.
type piece struct {
	at       int32 // the place in the view
	from, to int32 // the bytes of the original that the first one comes from
}

// original gives the place in the original text of text[start:end].
func (v *view) original(start, end int) (int, int) {
	if v.pieces == nil || start >= end {
		return start, end
	}
	from, _ := v.source(start)
	_, to := v.source(end - 1)
	return from, to
}

// source gives the bytes of the original that text[i] comes from.
func (v *view) source(i int) (from, to int) {
	n, found := slices.BinarySearchFunc(v.pieces, i, func(p piece, i int) int { return cmp.Compare(int(p.at), i) })
	if !found {
		n--
	}
	p := v.pieces[n]
	if p.to-p.from != 1 {
		return int(p.from), int(p.to)
	}
	from = int(p.from) + i - int(p.at)
	return from, from + 1
}

// length is the length of the original text.
func (v *view) length() int {
	if v.pieces == nil {
		return len(v.text)
	}
	return v.size
}

// Stand-ins for what has no ASCII reading. Neither is a word character.
const (
	otherSymbol = 0x1a
	otherLetter = 0x1b
)

// normalise reads text the way a person does: full-width forms, look-alike
// letters, accents, typographic dashes and spaces become ASCII; characters of
// no width vanish. Plain ASCII, the common case, is returned as it is.
func normalise(text string) view {
	var b viewBuilder
	return b.view(text)
}

// viewBuilder writes a view. What it has written is good until it writes the
// next one.
type viewBuilder struct {
	text   []byte
	pieces []piece
}

// view is normalise in the builder's own memory.
func (b *viewBuilder) view(text string) view {
	if isPlain(text) {
		return view{text: text}
	}
	b.text, b.pieces = slices.Grow(b.text[:0], len(text)), b.pieces[:0]
	for i := 0; i < len(text); {
		if n := plainRun(text[i:]); n > 0 {
			b.addRun(text[i:i+n], i)
			i += n
			continue
		}
		if text[i] < utf8.RuneSelf {
			i += b.addASCII(text, i)
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		b.addRune(r, n, i)
		i += n
	}
	return b.done(len(text))
}

// done gives what was written as a view of a text of so many bytes. The view
// has the builder's memory: a copy of every text that is not plain would be
// half the cost of reading it.
func (b *viewBuilder) done(size int) view {
	if len(b.text) == 0 {
		return view{pieces: []piece{{}}, size: size}
	}
	return view{text: unsafe.String(&b.text[0], len(b.text)), pieces: b.pieces, size: size}
}

// forget wipes what was written: nothing of a text stays behind.
func (b *viewBuilder) forget() {
	clear(b.text)
	b.text = b.text[:0]
	if cap(b.text) > keptView {
		*b = viewBuilder{}
	}
}

// keptView is the memory for a view that is kept for the next one.
const keptView = 64 << 10

// isPlain says whether text is its own view: ASCII, with nothing that reads as
// something else.
func isPlain(text string) bool { return plainRun(text) == len(text) }

// plainRun is how many bytes at the beginning of text are their own view.
func plainRun(text string) int {
	i := 0
	for ; i+32 <= len(text); i += 32 {
		t := text[i : i+32]
		if odd(t[:8])|odd(t[8:16])|odd(t[16:24])|odd(t[24:]) != 0 {
			break
		}
	}
	for i < len(text) {
		if i+8 <= len(text) && odd(text[i:i+8]) == 0 {
			i += 8
			continue
		}
		if !plain[text[i]] {
			return i
		}
		i++
	}
	return i
}

// odd looks at eight bytes at a time: the highest bit of one is set where it is
// above ASCII, under the space, or &, and now and then where it is not.
func odd(text string) uint64 {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	w := binary.LittleEndian.Uint64([]byte(text))
	and := w ^ ones*'&'
	return (w | (w - ones*' ') | (and-ones)&^and) & high
}

// plain says which bytes read as themselves.
var plain = func() (table [256]bool) {
	for c := range byte(utf8.RuneSelf) {
		table[c] = c >= ' ' && c != '&' || c == '\n'
	}
	return table
}()

func (b *viewBuilder) add(c byte, from, to int) {
	at := int32(len(b.text))
	b.text = append(b.text, c)
	if n := len(b.pieces); n > 0 && to-from == 1 {
		last := &b.pieces[n-1]
		if last.to-last.from == 1 && int(last.from+at-last.at) == from {
			return
		}
	}
	b.pieces = append(b.pieces, piece{at, int32(from), int32(to)})
}

// addRun adds text that is its own view and stands at a place.
func (b *viewBuilder) addRun(text string, at int) {
	b.add(text[0], at, at+1)
	b.text = append(b.text, text[1:]...)
}

// addASCII adds the character at text[i], or the one that an HTML entity there
// stands for (Slack escapes &, < and >), and says how many bytes it took.
func (b *viewBuilder) addASCII(text string, i int) int {
	c := text[i]
	switch {
	case c == '&':
		for _, e := range [...]struct {
			name string
			is   byte
		}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&nbsp;", ' '}} {
			if strings.HasPrefix(text[i:], e.name) {
				b.add(e.is, i, i+len(e.name))
				return len(e.name)
			}
		}
	case c == '\t' || c == '\v' || c == '\f':
		c = ' '
	case c == '\r':
		if i+1 < len(text) && text[i+1] == '\n' {
			return 1
		}
		c = '\n'
	case c < ' ' && c != '\n':
		c = otherSymbol
	}
	b.add(c, i, i+1)
	return 1
}

// addRune adds what a character above ASCII reads as.
func (b *viewBuilder) addRune(r rune, n, at int) {
	switch {
	case r == utf8.RuneError && n == 1:
		b.add(otherSymbol, at, at+1)
	case r >= 0x1f18a && r <= 0x1faff: // emoji, which are common and nothing else
		b.add(otherSymbol, at, at+n)
	case int(r) < len(readings()):
		for _, c := range readings()[r] {
			if c == 0 {
				break
			}
			b.add(c, at, at+n)
		}
	default:
		for _, c := range reading(r, nil) {
			b.add(c, at, at+n)
		}
	}
}

// readings holds what the characters of Europe's alphabets and typographers
// read as, in at most three bytes.
var readings = sync.OnceValue(func() *[0x2100][3]byte {
	var table [0x2100][3]byte
	for r := range table {
		copy(table[r][:], reading(rune(r), nil))
	}
	return &table
})

// reading appends what a character reads as: nothing where it has no width.
func reading(r rune, out []byte) []byte {
	if invisible(r) {
		return out
	}
	if c := fold(r); c != 0 {
		return append(out, c)
	}
	var buf [4 * utf8.UTFMax]byte
	before := len(out)
	for _, d := range string(norm.NFKD.AppendString(buf[:0], string(r))) {
		if c := fold(d); c != 0 {
			out = append(out, c)
		}
	}
	switch {
	case len(out) > before:
	case unicode.IsLetter(r):
		out = append(out, otherLetter)
	default:
		out = append(out, otherSymbol)
	}
	return out
}

// invisible says whether a character has no width of its own: joiners, marks,
// direction controls, variation selectors, keycaps.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.M, r) || r == 0x115f || r == 0x3164
}

// fold gives the ASCII character that r looks like, or 0.
func fold(r rune) byte {
	switch {
	case r < utf8.RuneSelf:
		return byte(r)
	case r >= 0xff01 && r <= 0xff5e: // full-width forms
		return byte(r - 0xff01 + '!')
	case r == 0x2028 || r == 0x2029 || r == 0x85:
		return '\n'
	case unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Pd, r) || r == 0x2212 || r == 0x2043:
		return '-'
	case unicode.Is(unicode.Sc, r):
		return '$'
	case unicode.IsDigit(r):
		return '0' + byte(digitValue(r))
	}
	return lookAlike(r)
}

// digitValue is the value of a decimal digit of any script: scripts hold their
// ten digits in one run, and each run begins at a multiple of ten from the
// first of its range.
func digitValue(r rune) rune {
	zero := r
	for zero > 0 && unicode.IsDigit(zero-1) && r-zero < 9 {
		zero--
	}
	if r >= 0x1d7ce && r <= 0x1d7ff { // five mathematical alphabets side by side
		return (r - 0x1d7ce) % 10
	}
	return r - zero
}

// lookAlike gives the Latin letter or mark that a reader takes r for, or 0.
func lookAlike(r rune) byte {
	for i := range likeness {
		if strings.ContainsRune(likeness[i].others, r) {
			return likeness[i].is
		}
	}
	return 0
}

// likeness is the table of lookAlike: each Latin character, and those of other
// scripts and typographers that are read as it.
var likeness = [...]struct {
	is     byte
	others string
}{
	{'A', "АΑᎪ"},
	{'a', "аαɑ"},
	{'B', "ВΒᏴ"},
	{'b', "Ьв"},
	{'C', "СϹⅭ"},
	{'c', "сϲ"},
	{'D', "ᎠĐ"},
	{'d', "ԁđ"},
	{'E', "ЕΕ"},
	{'e', "еεҽ"},
	{'F', "Ϝ"},
	{'G', "Ԍ"},
	{'g', "ɡց"},
	{'H', "НΗ"},
	{'h', "һ"},
	{'I', "ІΙӀ"},
	{'i', "іıι"},
	{'J', "Ј"},
	{'j', "ј"},
	{'K', "КΚ"},
	{'k', "кκ"},
	{'L', "ᏞŁ"},
	{'l', "ӏł"},
	{'M', "МΜ"},
	{'m', "м"},
	{'N', "Ν"},
	{'n', "пη"},
	{'O', "ОΟØՕ"},
	{'o', "оοøσօ"},
	{'P', "РΡ"},
	{'p', "рρ"},
	{'q', "ԛ"},
	{'S', "Ѕ"},
	{'s', "ѕß"},
	{'T', "ТΤ"},
	{'t', "тτ"},
	{'u', "υս"},
	{'v', "νѵ"},
	{'W', "Ԝ"},
	{'w', "ԝω"},
	{'X', "ХΧ"},
	{'x', "хχ"},
	{'Y', "УΥҮ"},
	{'y', "уγү"},
	{'Z', "Ζ"},
	{'3', "Зз"},
	{'\'', "‘’ʼ′‛`´"},
	{'"', "“”„″«»"},
	{'.', "•·∙‧․。…"},
	{'/', "⁄∕"},
	{'|', "¦│"},
}
