package detect

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// view is a text as the rules read it: plain ASCII where the original has
// anything that looks like ASCII, with a way back to the original bytes.
type view struct {
	text string
	from []int32 // original start of each byte of text; nil when they are the same
	to   []int32 // original end of each byte of text
	size int     // length of the original, where from is set
}

// original gives the place in the original text of text[start:end].
func (v *view) original(start, end int) (int, int) {
	if v.from == nil || start >= end {
		return start, end
	}
	return int(v.from[start]), int(v.to[end-1])
}

// length is the length of the original text.
func (v *view) length() int {
	if v.from == nil {
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
	if isPlain(text) {
		return view{text: text}
	}
	b := viewBuilder{
		text: make([]byte, 0, len(text)),
		from: make([]int32, 0, len(text)),
		to:   make([]int32, 0, len(text)),
	}
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i += b.addASCII(text, i)
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		b.addRune(r, n, i)
		i += n
	}
	return view{text: string(b.text), from: b.from, to: b.to, size: len(text)}
}

// isPlain says whether text is its own view: ASCII, with nothing that reads as
// something else.
func isPlain(text string) bool {
	bits := byte(0)
	for i := 0; i < len(text); i++ {
		bits |= text[i]
	}
	return bits < utf8.RuneSelf && strings.IndexByte(text, '&') < 0 && strings.IndexByte(text, '\t') < 0 && strings.IndexByte(text, '\r') < 0
}

type viewBuilder struct {
	text     []byte
	from, to []int32
}

func (b *viewBuilder) add(c byte, from, to int) {
	b.text = append(b.text, c)
	b.from = append(b.from, int32(from))
	b.to = append(b.to, int32(to))
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

func (b *viewBuilder) addRune(r rune, n, at int) {
	if r == utf8.RuneError && n == 1 {
		b.add(otherSymbol, at, at+1)
		return
	}
	switch {
	case r >= 0x1f18a && r <= 0x1faff: // emoji, which are common and nothing else
		b.add(otherSymbol, at, at+n)
		return
	case r == '‘' || r == '’': // the commonest of all
		b.add('\'', at, at+n)
		return
	}
	if invisible(r) {
		return
	}
	if c := fold(r); c != 0 {
		b.add(c, at, at+n)
		return
	}
	var buf [4 * utf8.UTFMax]byte
	added := false
	for _, d := range string(norm.NFKD.AppendString(buf[:0], string(r))) {
		if c := fold(d); c != 0 {
			b.add(c, at, at+n)
			added = true
		}
	}
	switch {
	case added:
	case unicode.IsLetter(r):
		b.add(otherLetter, at, at+n)
	default:
		b.add(otherSymbol, at, at+n)
	}
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
