package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
