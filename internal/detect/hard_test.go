package detect_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chaperone/internal/detect"
)

// hardTexts are made to be dear: endings without beginnings, runs that nearly
// match, signals without values and values without signals.
func hardTexts(n int) map[string]string {
	r := rand.New(rand.NewPCG(5, 5))
	random := func(alphabet string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	fill := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	return map[string]string{
		"digits":              random("0123456789"),
		"digits and spaces":   random("0123456789 -"),
		"one one one":         fill("1 "),
		"a@a.a@":              fill("a@a.a@"),
		"eyJ":                 fill("-eyJaaa"),
		"letters":             fill("a"),
		"capitals":            fill("A"),
		"passwords":           fill("password "),
		"password and words":  fill("password for the "),
		"deciders":            fill("board gold pm "),
		"nhs numbers":         fill("nhs 999 000 0123 "),
		"cards without check": fill("card 4111 1111 1111 1112 "),
		"names":               fill("Rhiannon Williams "),
		"rule alphabet":       random("0123456789 -./,:=@_abcdeginorstuABCDEGINORSTU'\n"),
		"links":               fill("http://a.example/b "),
		"quotes":              fill("the password is \""),
		"full width":          fill("９９９ "),
		"accents":             fill("ŵŷé "),
		"emoji":               fill("🙂9"),
		"one word":            fill("one two three "),
		"flat one":            fill("flat 1 a "),
		"health":              fill("dementia oxygen "),
		"base64":              random("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
		"bytes":               random("\x00\x01\x80\xff\xfe \n"),
	}
}

// TestHardTexts wants any text scanned within a bound of processor time, and no growth beyond the length.
func TestHardTexts(t *testing.T) {
	set := builtin(t)
	spend := func(text string) time.Duration {
		best := time.Hour
		for range 3 {
			start := cpu()
			if _, err := set.Scan(context.Background(), text, detect.Context{}); err != nil {
				t.Fatal(err)
			}
			best = min(best, cpu()-start)
		}
		return best
	}
	small, large := hardTexts(16<<10), hardTexts(128<<10)
	for name := range small {
		s, l := spend(small[name]), spend(large[name])
		t.Logf("%-20s %7.1f ns/B at 16 KiB, %7.1f at 128 KiB", name, float64(s)/float64(16<<10), float64(l)/float64(128<<10))
		if l > 2*time.Second {
			t.Errorf("%s: 128 KiB take %s", name, l)
		}
		if l > 60*s && l > 100*time.Millisecond {
			t.Errorf("%s: eight times the length takes %.0f times as long", name, float64(l)/float64(s))
		}
	}
}

// TestLongText wants a text of megabytes read whole.
func TestLongText(t *testing.T) {
	set := builtin(t)
	text := strings.Repeat("The rota for next week is on the intranet. ", 100_000) + "NHS number 999 000 0123"
	found := scan(t, set, text, detect.Context{})
	if len(found) != 1 || text[found[0].Start:found[0].End] != "999 000 0123" {
		t.Errorf("found %v", found)
	}
	if _, err := set.Scan(context.Background(), strings.Repeat("x", detect.MaxText+1), detect.Context{}); err == nil {
		t.Error("a text beyond the bound is not refused")
	}
}
