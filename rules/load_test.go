package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chaperone/rules"
)

func TestBuiltin(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		for _, reason := range rules.Check(r) {
			t.Errorf("rule %s: %s", r.ID, reason)
		}
		if len(r.Examples.Hit) < 3 || len(r.Examples.Miss) < 3 {
			t.Errorf("rule %s has %d hits and %d misses, fewer than three of each", r.ID, len(r.Examples.Hit), len(r.Examples.Miss))
		}
	}
}

const good = `
rules:
  - id: local-ref
    category: gov_ref
    title: tenancy reference
    class: personal
    severity: caution
    patterns: ['\bTEN-\d{6}\b']
    context: {alone: 0.9}
    examples: {hit: ['TEN-123456'], miss: ['TEN-12']}
    source: housing service
`

func load(t *testing.T, files map[string]string) ([]rules.Rule, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return rules.LoadDir(dir)
}

func find(list []rules.Rule, id string) *rules.Rule {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

func TestLoadDirAddsOverridesAndSwitchesOff(t *testing.T) {
	list, err := load(t, map[string]string{"own.yaml": good + `
  - id: email
    off: true
  - id: uk-nhs
    override: true
    severity: note
`})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(list, "local-ref"); r == nil {
		t.Error("the organisation's own rule is missing")
	}
	if find(list, "email") != nil {
		t.Error("email is still on")
	}
	r := find(list, "uk-nhs")
	if r == nil || r.Severity != rules.Note || len(r.Patterns) == 0 || r.Validate != "nhs-any" {
		t.Errorf("uk-nhs should change its severity and keep the rest: %+v", r)
	}
}

// Every fault of every file is reported, each with its file and line.
func TestLoadDirReportsAllFaults(t *testing.T) {
	bad := strings.ReplaceAll(good, "local-ref", "local-two")
	_, err := load(t, map[string]string{
		"a.yaml": strings.Replace(good, `{alone: 0.9}`, `{alone: 0.2}`, 1),
		"b.yaml": strings.Replace(bad, `'\bTEN-\d{6}\b'`, `'(?=x)'`, 1) + strings.TrimPrefix(bad, "\nrules:"),
		"c.yaml": strings.Replace(strings.ReplaceAll(good, "local-ref", "local-three"), "    source:", "    validate: magic\n    source:", 1),
		"d.yaml": strings.Replace(strings.ReplaceAll(good, "local-ref", "local-four"), "['TEN-12']", "[]", 1),
		"e.yaml": strings.Replace(strings.ReplaceAll(good, "local-ref", "local-five"), "    title:", "    colour: red\n    title:", 1),
		"f.yaml": strings.ReplaceAll(good, "local-ref", "uk-nino"),
		"g.yaml": "rules: {",
		"h.yaml": "rules:\n  - id: no-such\n    off: true\n",
	})
	if err == nil {
		t.Fatal("eight bad files load")
	}
	for _, want := range []string{"a.yaml:3: rule local-ref: it can never be reported", "b.yaml:3: rule local-two: pattern", "b.yaml:13: rule local-two: this id is used twice",
		"c.yaml:3: rule local-three: there is no validator called \"magic\"", "d.yaml:3: rule local-four: it needs at least one hit and one miss",
		"e.yaml:", "colour", "f.yaml:3: rule uk-nino: a built-in rule has this id", "g.yaml", "h.yaml:2: rule no-such: there is no built-in rule"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q:\n%v", want, err)
		}
	}
}

// Each kind of fault is told by file, line and reason, so that somebody who
// never saw a regular expression engine can put it right.
func TestLoadDirTellsEachFault(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, c := range map[string]struct{ file, want string }{
		"unknown check":           {with("    source:", "    validate: mod-97\n    source:"), `own.yaml:3: rule local-ref: there is no validator called "mod-97"`},
		"look-ahead":              {with(`'\bTEN-\d{6}\b'`, `'TEN(?=-)'`), "patterns are RE2: no look-around, no back-references"},
		"back-reference":          {with(`'\bTEN-\d{6}\b'`, `'(T)\1'`), "patterns are RE2: no look-around, no back-references"},
		"contradicting anchors":   {with(`'\bTEN-\d{6}\b'`, `'TEN\b6'`), "it can match nothing"},
		"end before the end":      {with(`'\bTEN-\d{6}\b'`, `'TEN\z-'`), "it can match nothing"},
		"letters never read":      {with(`'\bTEN-\d{6}\b'`, `'ДОМ-\d{6}'`), "texts are never read as"},
		"empty class":             {with(`'\bTEN-\d{6}\b'`, `'TEN[^\x00-\x{10FFFF}]'`), "it can match nothing"},
		"empty text":              {with(`'\bTEN-\d{6}\b'`, `'(TEN)?'`), "it matches the empty text"},
		"same id twice":           {good + strings.TrimPrefix(good, "\nrules:"), "own.yaml:13: rule local-ref: this id is used twice"},
		"unknown list":            {with(`'\bTEN-\d{6}\b'`, `'\b{streets}\b'`), `there is no list or part called "streets"`},
		"part within itself":      {"parts: {a: '{b}', b: '{a}'}" + with(`'\bTEN-\d{6}\b'`, `'{a}'`), "its parts contain each other"},
		"unknown category":        {with("gov_ref", "tenancy"), `"tenancy" is no category`},
		"confidence out of reach": {with("alone: 0.9", "alone: 9"), "confidence is between 0 and 1"},
	} {
		if _, err := load(t, map[string]string{"own.yaml": c.file}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// Two files that give one name to different things would change each other's
// rules without a word.
func TestANameOfAListOrPartIsGivenOnce(t *testing.T) {
	use := strings.Replace(good, `'\bTEN-\d{6}\b'`, `'{street-kinds} \d'`, 1)
	other := strings.ReplaceAll(use, "local-ref", "local-two")
	for name, files := range map[string]map[string]string{
		"two parts":       {"a.yaml": "parts: {street-kinds: lane}" + use, "b.yaml": "parts: {street-kinds: close}" + other},
		"two lists":       {"a.yaml": "lists: {street-kinds: [lane]}" + use, "b.yaml": "lists: {street-kinds: [close]}" + other},
		"a list and part": {"a.yaml": "lists: {street-kinds: [lane]}" + use, "b.yaml": "parts: {street-kinds: close}" + other},
	} {
		if _, err := load(t, files); err == nil || !strings.Contains(err.Error(), "b.yaml: the name street-kinds is given twice") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := load(t, map[string]string{"own.yaml": "lists: {social: [kettle]}" + good}); err != nil {
		t.Errorf("an organisation's list in the place of ours: %v", err)
	}
}

// What people write with accents is read as texts are: without them.
func TestAccentsInRulesAreRead(t *testing.T) {
	list, err := load(t, map[string]string{"own.yaml": "lists: {tai: [tŷ, plas’r]}" + strings.NewReplacer(`'\bTEN-\d{6}\b'`, `'\b{tai} \d'`, "{alone: 0.9}", "{alone: 0.9, against: [siôn]}").Replace(good)})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(list, "local-ref"); !strings.Contains(r.Patterns[0], "ty") || r.Context.Against[0] != "sion" {
		t.Errorf("pattern %q, against %q", r.Patterns[0], r.Context.Against)
	}
}
