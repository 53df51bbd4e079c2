package rules

import (
	"regexp"
	"regexp/syntax"
	"testing"
)

func TestMatchesNothing(t *testing.T) {
	for _, p := range []string{"", "a", "a*", "(?:a|b?)c?", `^$`, `^a?$`, `\b`, `\B`, `\b|a`, `(?m:^)\z`, `(?:a*b)?\A`, `x{0,3}y{0}`, `[^a]`} {
		re, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := matchesNothing(prog), regexp.MustCompile(p).MatchString(""); got != want {
			t.Errorf("%s: got %v, want %v", p, got, want)
		}
	}
}
