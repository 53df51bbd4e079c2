package detect_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

// life reads testdata/life.txt: messages as people write them, and what must
// be found in them.
func life(t testing.TB) (out []struct{ categories, text string }) {
	t.Helper()
	data, err := os.ReadFile("testdata/life.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		categories, text, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("testdata/life.txt: no bar in %q", line)
		}
		out = append(out, struct{ categories, text string }{categories, strings.ReplaceAll(text, `\n`, "\n")})
	}
	return out
}

// alerts leaves out what never prompts by itself: names.
func alerts(found []rules.Finding) []string {
	var out []string
	for _, f := range found {
		if f.Category != "person_name" {
			out = append(out, f.Rule)
		}
	}
	return out
}

func TestLife(t *testing.T) {
	set := builtin(t)
	for _, m := range life(t) {
		found := scan(t, set, m.text, detect.Context{})
		if m.categories == "-" {
			if a := alerts(found); len(a) > 0 {
				t.Errorf("%q: found %v, want nothing", m.text, a)
			}
			continue
		}
		for _, want := range strings.Split(m.categories, ",") {
			if !slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Category == want }) {
				t.Errorf("%q: %s is not found, only %v", m.text, want, alerts(found))
			}
		}
	}
}
