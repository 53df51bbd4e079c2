package detect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

// What the files of testdata/fresh hold was written each before anybody looked
// at what the rules make of it, in the manner of councils, resilience forums
// and government teams: what deserves a prompt, decisions, and ordinary talk.
// Nothing is mended for one line of them alone.
const (
	deserving = "deserving"
	decided   = "decision"
	ordinary  = "ordinary"
)

// fresh reads a file of messages, "kind | message" a line.
func fresh(t testing.TB, path string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		kind, text, ok := strings.Cut(line, " | ")
		if !ok || kind != deserving && kind != decided && kind != ordinary {
			t.Fatalf("%s: a line is deserving, decision or ordinary, a bar and a message: %q", path, line)
		}
		out[kind] = append(out[kind], strings.ReplaceAll(text, `\n`, "\n"))
	}
	return out
}

// asking are the rules whose findings ask somebody something, as the policies
// take them: a name or an address that by itself says little does not.
func asking(found []rules.Finding) (out []string) {
	for _, f := range found {
		switch f.Class {
		case rules.Personal, rules.Special, rules.Credential:
			if f.Severity != rules.Caution && f.Severity != rules.Serious {
				continue
			}
		case rules.Suspicious:
			if f.Severity != rules.Serious {
				continue
			}
		case rules.Official, rules.Logistical, rules.ForRelease:
			continue
		}
		out = append(out, f.Rule)
	}
	return out
}

// TestFreshTalk holds what the rules have learnt since: in a hundred, so many
// that deserve a prompt or are decisions are asked about at least, and so many
// that are ordinary at most. At first sight it was less, as QUALITY.md says.
func TestFreshTalk(t *testing.T) {
	set := builtin(t)
	files, err := filepath.Glob("testdata/fresh*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages to read: %v", err)
	}
	for _, path := range files {
		right := map[string]int{}
		all := fresh(t, path)
		for _, kind := range []string{deserving, decided, ordinary} {
			for _, text := range all[kind] {
				asked := asking(scan(t, set, text, detect.Context{}))
				if (len(asked) > 0) == (kind != ordinary) {
					right[kind]++
				} else {
					t.Logf("%s: %q: %v", kind, text, asked)
				}
			}
			if want := map[string]int{deserving: 95, decided: 85, ordinary: 97}[kind]; 100*right[kind] < want*len(all[kind]) {
				t.Errorf("%s: less than %d in a hundred right", kind, want)
			}
			t.Logf("%s: %s: %d of %d right (%.1f %%)", path, kind, right[kind], len(all[kind]), 100*float64(right[kind])/float64(len(all[kind])))
		}
	}
}
