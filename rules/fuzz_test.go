package rules

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead wants every file of rules read or refused with a reason, never a
// crash, and nothing loaded that Check would refuse.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("packs/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 6000 {
			f.Add(data)
		}
	}
	f.Add([]byte("rules: [{id: a, override: true, patterns: ['{x}']}]\nparts: {x: '{x}'}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoader()
		l.own = true // an organisation's: ours are checked by the tests
		l.read("fuzz.yaml", data)
		list, err := l.finish()
		if err != nil {
			return
		}
		for _, r := range list {
			if bad := Check(r); len(bad) > 0 {
				t.Fatalf("rule %q loads and is bad: %v", r.ID, bad)
			}
		}
	})
}

// FuzzValidators wants every check to answer for every value.
func FuzzValidators(f *testing.F) {
	for _, v := range []string{"", "999 000 0123", "AB123456C", "GB82WEST12345698765432", "98/302431V", "12 March 1944", "http://a.b/c", "Mrs O'Neil-Jones", "\xff\x00"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, check := range Validators() {
			check.Check(v)
			if check.Next != nil {
				check.Next(v)
			}
		}
	})
}
