package corpus

import (
	"encoding/base64"
	"maps"
	"math/rand/v2"
	"strings"
)

// Hostile gives texts of n bytes that are made to be dear, by name: endings
// without beginnings, runs that nearly match, signals without values and
// values without signals, and what evades in bulk.
func Hostile(n int) map[string]string {
	w := writer{rand.New(rand.NewPCG(5, 5)), n}
	texts := w.runs()
	maps.Copy(texts, w.mixtures())
	return texts
}

// writer writes texts of n bytes.
type writer struct {
	r *rand.Rand
	n int
}

// random is made of any bytes of an alphabet.
func (w writer) random(alphabet string) string {
	b := make([]byte, w.n)
	for i := range b {
		b[i] = alphabet[w.r.IntN(len(alphabet))]
	}
	return string(b)
}

// pick is made of any of some pieces.
func (w writer) pick(of ...string) string {
	var b strings.Builder
	for b.Len() < w.n {
		b.WriteString(of[w.r.IntN(len(of))])
	}
	return b.String()[:w.n]
}

func (w writer) words(of string) string { return w.pick(strings.SplitAfter(of+" ", " ")...) }

// fill is one piece over and over.
func (w writer) fill(s string) string { return strings.Repeat(s, w.n/len(s)+1)[:w.n] }

// mixtures are texts of pieces in any order.
func (w writer) mixtures() map[string]string {
	everything := []string{"999 000 0123 ", "AB 12 34 56 C ", "4111 1111 1111 1112 ", "07700 900", "GB82 WEST ", "password ", "Mrs ", "Rhiannon ", "dementia ", "12 Example Road ",
		"AB1 2DE ", "SECRET ", "board agreed ", "http://a.example/", "she ", "\u200b", "9", "０", "🙂", "code is ", "04/05/19", "\n", ". ", "eyJ"}
	return map[string]string{
		"digits":                w.random("0123456789"),
		"digits and spaces":     w.random("0123456789 -"),
		"digits and line ends":  w.random("0123456789\n"),
		"digits, every mark":    w.random("0123456789 .,-()/_\n+"),
		"few digits, marks":     w.random("01 .,-()/_\n+"),
		"rule alphabet":         w.random("0123456789 -./,:=@_abcdeginorstuABCDEGINORSTU'\n"),
		"Welsh":                 w.words("mae'r claf yn ŵyr i Siân ac mae ganddi ddementia ar ôl y cwymp yn Llanfair tŷ ysbyty meddyg"),
		"emoji between digits":  w.pick("🙂", "9", "8", "0", "7️⃣"),
		"zero width":            w.pick("\u200b", "9", "\u200d", "0", "\ufeff", "1"),
		"look-alikes":           w.pick("А", "В", "С", "О", "р", "а", "ѕ", "ѡ", "0", " "),
		"ligatures":             w.pick("ﬃ", "ﬁ", "㎏", "½", "Ⅷ", "ﷺ"),
		"numbers in words":      w.words("one two double three nine dim un dau oh zero triple"),
		"base64":                w.random("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
		"hex":                   w.random("0123456789abcdef"),
		"hex and colons":        w.random("0123456789abcdef:-."),
		"bytes":                 w.random("\x00\x01\x80\xff\xfe \n"),
		"any bytes":             w.random(allBytes()),
		"capital words":         w.words("SECRET OFFICIAL SENSITIVE TOP UK EYES ONLY STRAP PERSONAL COMMERCIAL NATO RESTRICTED"),
		"long words":            w.random("abcdefghijklmnopqrstuvwxyz"),
		"long words, marks":     w.random("abcdefghijklmnopqrstuvwxyz.-_"),
		"letters and digits":    w.random("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "),
		"short capitals":        w.random("AB C1 2"),
		"coordinates":           w.random("0123456789.,NSEW -"),
		"no full stop":          w.words("she he mrs his dementia agreed the board with their number is at road password"),
		"mixed":                 w.pick(everything...),
		"mixed, no line breaks": w.pick(everything[:len(everything)-4]...),
	}
}

// runs are texts of one piece over and over.
func (w writer) runs() map[string]string {
	return map[string]string{
		"one one one":         w.fill("1 "),
		"a@a.a@":              w.fill("a@a.a@"),
		"eyJ":                 w.fill("-eyJaaa"),
		"letters":             w.fill("a"),
		"capitals":            w.fill("A"),
		"passwords":           w.fill("password "),
		"password and words":  w.fill("password for the "),
		"deciders":            w.fill("board gold pm "),
		"nhs numbers":         w.fill("nhs 999 000 0123 "),
		"cards without check": w.fill("card 4111 1111 1111 1112 "),
		"names":               w.fill("Rhiannon Williams "),
		"links":               w.fill("http://a.example/b "),
		"one link":            "http://" + w.fill("a.b/c-1.")[:w.n-7],
		"quotes":              w.fill("the password is \""),
		"full width":          w.fill("９９９ "),
		"accents":             w.fill("ŵŷé "),
		"emoji":               w.fill("🙂9"),
		"one word":            w.fill("one two three "),
		"flat one":            w.fill("flat 1 a "),
		"health":              w.fill("dementia oxygen "),
		"she has":             w.fill("she has dementia. "),
		"base64 of text":      base64.StdEncoding.EncodeToString([]byte(w.fill("the password is ")))[:w.n],
		"markup":              w.fill("<@U01ABCDEF> *x* `y` <http://a.b|c> :smile: "),
		"open markup":         w.fill("<@<#<!<:"),
		"entities":            w.fill("&amp;&lt;&#39;&nbsp;"),
		"ampersands":          w.fill("&"),
		"addresses":           w.fill("12 Example Road, Anytown AB1 2DE. "),
		"half addresses":      w.fill("12 Exampl "),
		"titles":              w.fill("Mrs Mr Dr "),
	}
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}
