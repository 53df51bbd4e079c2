package house

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// requirements is how many there are. They keep their numbers for ever.
const requirements = 76

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// Every requirement is proved by a test that is there, or put off with a reason
// until a day that has not come.
func TestEveryRequirementIsProvedOrPutOff(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "requirements.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Tests   []string `yaml:"tests"`
		Until   string   `yaml:"until"`
		Because string   `yaml:"because"`
	}
	if err := yaml.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	there := proofs(t)
	for n := 1; n <= requirements; n++ {
		id := fmt.Sprintf("R%d", n)
		r, ok := all[id]
		delete(all, id)
		switch {
		case !ok:
			t.Errorf("%s has neither a test nor a deferral", id)
		case (len(r.Tests) > 0) == (r.Until != "" || r.Because != ""):
			t.Errorf("%s: name tests, or put it off, and not both", id)
		case len(r.Tests) == 0:
			until, err := time.Parse(time.DateOnly, r.Until)
			if err != nil || r.Because == "" {
				t.Errorf("%s is put off without a day or a reason", id)
			} else if time.Now().After(until.AddDate(0, 0, 1)) {
				t.Errorf("%s was put off until %s: %s", id, r.Until, r.Because)
			}
		}
		for _, name := range r.Tests {
			if !there[name] {
				t.Errorf("%s: there is no test %s", id, name)
			}
		}
	}
	for id := range all {
		t.Errorf("there is no requirement %s", id)
	}
}

// proofs lists the names of every test function and script.
func proofs(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(p, ".txtar") && strings.Contains(filepath.ToSlash(p), "testdata/script/") {
			out[filepath.Base(p)] = true
		}
		if !strings.HasSuffix(p, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(p)
		for _, m := range testFunction.FindAllSubmatch(b, -1) {
			out[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
