package rules_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

func proved(list []rules.Rule) error {
	_, err := detect.Compile(list)
	return err
}

// A built-in rule is taught in a file of its own, again and again; what it had
// before stays.
func TestABuiltInRuleIsTaught(t *testing.T) {
	dir := t.TempDir()
	before, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	was := before[slices.IndexFunc(before, func(r rules.Rule) bool { return r.ID == "phone" })]
	miss := []string{"the zorbot of the depot is 07700 900123", "zorbot again: 07700 900124"}
	if _, _, err := rules.Teach(dir, rules.Lesson{Rule: "phone", Miss: miss[0]}, proved); err == nil {
		t.Fatal("an example that does not hold was taken")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Fatalf("a refused lesson left %v", left)
	}
	for i, m := range miss {
		l := rules.Lesson{Rule: "phone", Miss: m}
		if i == 0 {
			l.Never = []string{"zorbot"}
		}
		file, r, err := rules.Teach(dir, l, proved)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) != "learned.yaml" || len(r.Examples.Miss) != len(was.Examples.Miss)+i+1 || len(r.Examples.Hit) != len(was.Examples.Hit) {
			t.Errorf("%s: %d hits and %d misses", file, len(r.Examples.Hit), len(r.Examples.Miss))
		}
		if len(r.Context.Words) != len(was.Context.Words) || r.Context.Alone != was.Context.Alone || len(r.Context.Never) != len(was.Context.Never)+1 {
			t.Errorf("its context changed: %+v", r.Context.Never)
		}
	}
	if _, _, err := rules.Teach(dir, rules.Lesson{Rule: "phone", Miss: miss[0]}, proved); err == nil {
		t.Error("the same example was taken twice")
	}
	if _, _, err := rules.Teach(dir, rules.Lesson{Rule: "phon", Miss: "x"}, proved); err == nil {
		t.Error("a rule that there is not was taught")
	}
}

// A rule of the organisation's own keeps its file, with the comments in it.
func TestAnOwnRuleIsTaughtInItsOwnFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "depot.yaml")
	if err := os.WriteFile(name, []byte(`# Ours.
title: Depot
rules:
  # the keys of the depot
  - id: depot-key
    category: gov_ref
    title: depot key
    class: personal
    severity: note
    patterns: ['\b(DK-\d{4})\b']
    context: {alone: 0.9}
    source: our own register
    examples:
      hit: ["key DK-1234"]
      miss: ["DK-12345"]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	file, r, err := rules.Teach(dir, rules.Lesson{Rule: "depot-key", Hit: "take DK-4321 with you"}, proved)
	if err != nil || file != name || len(r.Examples.Hit) != 2 {
		t.Fatalf("%s, %d hits, %v", file, len(r.Examples.Hit), err)
	}
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), "# the keys of the depot") || !strings.Contains(string(b), "# Ours.") {
		t.Errorf("comments are lost (%v):\n%s", err, b)
	}
}
