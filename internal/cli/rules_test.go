package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chaperone/internal/store"
	"chaperone/rules"
)

func runRules(args ...string) (string, error) {
	c := rulesCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage = true
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestRulesListAndTest(t *testing.T) {
	out, err := runRules("list")
	if err != nil || !strings.Contains(out, "uk-nhs") {
		t.Errorf("list: %v\n%s", err, out)
	}
	out, err = runRules("test")
	if err != nil || !strings.Contains(out, "rules hold") {
		t.Errorf("test: %v\n%s", err, out)
	}
}

func TestRulesTestRefusesAnExampleThatFails(t *testing.T) {
	dir := t.TempDir()
	own := "rules:\n  - id: uk-nhs\n    override: true\n    examples: {hit: ['nothing here'], miss: ['nor here']}\n"
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := runRules("test", "--rules", dir)
	if err == nil || !strings.Contains(err.Error(), "own.yaml:2: rule uk-nhs: its hit example 1 is not found") {
		t.Errorf("got %v", err)
	}
}

func TestRulesExplain(t *testing.T) {
	out, err := runRules("explain", "uk-nhs")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"uk-nhs: NHS number", "its check digit fits", "signals are the words", "Found", "Left alone"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if _, err := runRules("explain", "no-such-rule"); err == nil || !strings.Contains(err.Error(), "rules list") {
		t.Errorf("an unknown rule: %v", err)
	}
}

func TestRulesSimulateShowsWhatComesAndGoes(t *testing.T) {
	dir, chats := t.TempDir(), t.TempDir()
	own := `rules:
  - id: email
    off: true
  - id: uk-nhs-grouped
    override: true
    severity: note
  - id: tenancy-ref
    category: gov_ref
    title: tenancy reference
    class: personal
    severity: caution
    patterns: ['\bTEN-\d{6}\b']
    context: {alone: 0.9}
    examples: {hit: ['TEN-123456'], miss: ['TEN-12']}
    source: housing service
`
	write := func(path, text string) string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(filepath.Join(dir, "own.yaml"), own)
	file := write(filepath.Join(chats, "chat.jsonl"), `{"id":"1","text":"see TEN-123456"}
{"id":"2","text":"write to someone@example.com"}
{"id":"3","text":"999 000 0123"}
`)
	out, err := runRules("simulate", "--rules", dir, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tenancy-ref: 1 more, 0 fewer", "email: 0 more, 1 fewer", "note instead of serious", "3 messages read, 3 findings would change."} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "123456") || strings.Contains(out, "someone@") {
		t.Errorf("it shows a value:\n%s", out)
	}
}

// Stored findings show what a change of rules means where no text is kept.
func TestStoredChanges(t *testing.T) {
	rule := func(id string, severity rules.Severity, pattern string) rules.Rule {
		return rules.Rule{ID: id, Severity: severity, Patterns: []string{pattern}}
	}
	found := []store.Found{
		{Rule: "gone", Severity: rules.Note, Findings: 3, Messages: 2}, {Rule: "milder", Severity: rules.Serious, Findings: 4, Messages: 4},
		{Rule: "other", Severity: rules.Note, Findings: 1, Messages: 1}, {Rule: "same", Severity: rules.Note, Findings: 7, Messages: 5},
	}
	before := []rules.Rule{rule("gone", rules.Note, "a"), rule("milder", rules.Serious, "b"), rule("other", rules.Note, "c"), rule("same", rules.Note, "d")}
	after := []rules.Rule{rule("milder", rules.Note, "b"), rule("other", rules.Note, "x"), rule("same", rules.Note, "d")}
	changes, kept := storedChanges(found, before, after)
	var out bytes.Buffer
	tellStored(&out, changes, kept, 90)
	for _, want := range []string{"- gone: 3 findings in 2 messages", "~ milder: 4 findings in 4 messages", "would be note instead of serious", "? other: 1 finding in 1 message", "7 stored findings of the last 90 days would stay as they are."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
}
