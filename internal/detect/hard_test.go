package detect_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

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

// TestHundredMegabytes wants a message of 100 MB scanned whole, with no more
// memory than a few times what it needs to be read.
func TestHundredMegabytes(t *testing.T) {
	set := builtin(t)
	line := "The rota for next week is on the intranet. Bring a coat, the hall is cold. "
	text := strings.Repeat(line, 100<<20/len(line)) + "NHS number 999 000 0123"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := scan(t, set, text, detect.Context{})
	runtime.ReadMemStats(&after)
	if len(found) != 1 || text[found[0].Start:found[0].End] != "999 000 0123" {
		t.Errorf("found %v", found)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("a clean message of 100 MB costs %d MB of memory", grown>>20)
	}
}

// Bytes that are no text change no place.
func TestInvalidTextKeepsPlaces(t *testing.T) {
	set := builtin(t)
	for _, text := range []string{"\xff\xfe NHS number 999 000 0123 \xc3", "caf\xe9 \xf0\x9f NHS number 999 000 0123", "\xed\xa0\x80\xed\xb0\x80NHS number 999\xff000 0123", strings.Repeat("\x80", 5000) + " NHS number 999 000 0123"} {
		found := scan(t, set, text, detect.Context{})
		i := strings.Index(text, "999")
		if len(found) != 1 || found[0].Start != i || found[0].End != i+len("999 000 0123") {
			t.Errorf("%.40q: found %v, want one at %d", text, found, i)
		}
	}
}

// FuzzFindings wants no more than two characters of any value in a finding: not in
// its mask, and none in what speaks for it.
func FuzzFindings(f *testing.F) {
	set := builtin(f)
	for _, text := range []string{"NHS number 999 000 0123", "the wifi password is Harbour1889!", "ring Mrs Trellis on 07700 900123", "IBAN GB82 WEST 1234 5698 7654 32", "pwd: ending 99", "12 Example Road, Anytown AB1 2DE"} {
		f.Add(text)
	}
	titles := map[string]string{}
	list, err := rules.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range list {
		titles[r.ID] = r.Title
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := set.Scan(context.Background(), text, detect.Context{All: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range found {
			shown, ok := strings.CutPrefix(m.Mask, titles[m.Rule])
			shown = strings.TrimPrefix(shown, ", ending ")
			if !ok || len(shown) > 2 {
				t.Fatalf("rule %s shows %q", m.Rule, m.Mask)
			}
			if m.Class == rules.Credential && shown != "" {
				t.Fatalf("rule %s shows %d characters of a credential", m.Rule, len(shown))
			}
			if m.Start < 0 || m.End < m.Start || m.End > len(text) {
				t.Fatalf("rule %s: place %d-%d in %d bytes", m.Rule, m.Start, m.End, len(text))
			}
		}
	})
}
