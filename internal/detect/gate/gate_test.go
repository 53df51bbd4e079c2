package gate

import (
	"regexp/syntax"
	"testing"
)

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		open       bool
	}{
		{`(?i:\bNHS (?:no|number)\b)`, "my nhs NUMBER", true},
		{`(?i:\bNHS (?:no|number)\b)`, "my number", false},
		{`\b\d(?:[ -]?\d){9}\b`, "12345 6789", false},
		{`\b\d(?:[ -]?\d){9}\b`, "12345 67890", true},
		{`(?:cat|dog|[a-z]{3})`, "x", true}, // nothing can be said
		{`(?:cat|dog)s?`, "DOG", true},
		{`(?:cat|dog)s?`, "cow", false},
		{`a*`, "", true},
	} {
		re, err := syntax.Parse(c.expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := Of(re).Open(Read(c.text)); got != c.open {
			t.Errorf("%s on %q: %v, want %v", c.expr, c.text, got, c.open)
		}
	}
}
