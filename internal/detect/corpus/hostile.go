package corpus

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// Hostile gives texts of n bytes that are made to be dear, by name: endings
// without beginnings, runs that nearly match, signals without values and
// values without signals, and what evades in bulk.
func Hostile(n int) map[string]string {
	r := rand.New(rand.NewPCG(5, 5))
	random := func(alphabet string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	pick := func(of ...string) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(of[r.IntN(len(of))])
		}
		return b.String()[:n]
	}
	fill := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	words := func(of string) string { return pick(strings.SplitAfter(of+" ", " ")...) }
	everything := []string{"999 000 0123 ", "AB 12 34 56 C ", "4111 1111 1111 1112 ", "07700 900", "GB82 WEST ", "password ", "Mrs ", "Rhiannon ", "dementia ", "12 Example Road ",
		"AB1 2DE ", "SECRET ", "board agreed ", "http://a.example/", "she ", "\u200b", "9", "０", "🙂", "code is ", "04/05/19", "\n", ". ", "eyJ"}
	return map[string]string{
		"digits":                random("0123456789"),
		"digits and spaces":     random("0123456789 -"),
		"digits and line ends":  random("0123456789\n"),
		"digits, every mark":    random("0123456789 .,-()/_\n+"),
		"few digits, marks":     random("01 .,-()/_\n+"),
		"one one one":           fill("1 "),
		"a@a.a@":                fill("a@a.a@"),
		"eyJ":                   fill("-eyJaaa"),
		"letters":               fill("a"),
		"capitals":              fill("A"),
		"passwords":             fill("password "),
		"password and words":    fill("password for the "),
		"deciders":              fill("board gold pm "),
		"nhs numbers":           fill("nhs 999 000 0123 "),
		"cards without check":   fill("card 4111 1111 1111 1112 "),
		"names":                 fill("Rhiannon Williams "),
		"rule alphabet":         random("0123456789 -./,:=@_abcdeginorstuABCDEGINORSTU'\n"),
		"links":                 fill("http://a.example/b "),
		"one link":              "http://" + fill("a.b/c-1.")[:n-7],
		"quotes":                fill("the password is \""),
		"full width":            fill("９９９ "),
		"accents":               fill("ŵŷé "),
		"Welsh":                 words("mae'r claf yn ŵyr i Siân ac mae ganddi ddementia ar ôl y cwymp yn Llanfair tŷ ysbyty meddyg"),
		"emoji":                 fill("🙂9"),
		"emoji between digits":  pick("🙂", "9", "8", "0", "7️⃣"),
		"zero width":            pick("\u200b", "9", "\u200d", "0", "\ufeff", "1"),
		"look-alikes":           pick("А", "В", "С", "О", "р", "а", "ѕ", "ѡ", "0", " "),
		"ligatures":             pick("ﬃ", "ﬁ", "㎏", "½", "Ⅷ", "ﷺ"),
		"one word":              fill("one two three "),
		"numbers in words":      words("one two double three nine dim un dau oh zero triple"),
		"flat one":              fill("flat 1 a "),
		"health":                fill("dementia oxygen "),
		"she has":               fill("she has dementia. "),
		"base64":                random("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
		"base64 of text":        base64.StdEncoding.EncodeToString([]byte(fill("the password is ")))[:n],
		"hex":                   random("0123456789abcdef"),
		"hex and colons":        random("0123456789abcdef:-."),
		"bytes":                 random("\x00\x01\x80\xff\xfe \n"),
		"any bytes":             random(allBytes()),
		"markup":                fill("<@U01ABCDEF> *x* `y` <http://a.b|c> :smile: "),
		"open markup":           fill("<@<#<!<:"),
		"entities":              fill("&amp;&lt;&#39;&nbsp;"),
		"ampersands":            fill("&"),
		"capital words":         words("SECRET OFFICIAL SENSITIVE TOP UK EYES ONLY STRAP PERSONAL COMMERCIAL NATO RESTRICTED"),
		"long words":            random("abcdefghijklmnopqrstuvwxyz"),
		"long words, marks":     random("abcdefghijklmnopqrstuvwxyz.-_"),
		"letters and digits":    random("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "),
		"short capitals":        random("AB C1 2"),
		"coordinates":           random("0123456789.,NSEW -"),
		"addresses":             fill("12 Example Road, Anytown AB1 2DE. "),
		"half addresses":        fill("12 Exampl "),
		"titles":                fill("Mrs Mr Dr "),
		"no full stop":          words("she he mrs his dementia agreed the board with their number is at road password"),
		"mixed":                 pick(everything...),
		"mixed, no line breaks": pick(everything[:len(everything)-4]...),
	}
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}
