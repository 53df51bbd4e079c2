package detect_test

import (
	"testing"

	"chaperone/internal/detect"
)

// TestWhatSpeaksAgainst holds that ordinary talk stays quiet whatever slips of
// the fingers are in it, whom it is said to, and what was said just before.
func TestWhatSpeaksAgainst(t *testing.T) {
	set := builtin(t)
	for _, c := range []struct {
		before, text string
		asked        bool
	}{
		{"", "Nadia nearly died laughing", false},
		{"", "Nadia neraly died laughing", false},
		{"", "Nadia nearrly died laughing", false},
		{"", "Nadia died last night", true},
		{"", "pool car AB12 CDE is in bay 3", false},
		{"", "poool car AB12 CDE is in bay 3", false},
		{"", "blue car AB12 CDE is in bay 3", true},
		{"", "duty phnoe is 07700 900123, Nadia has it", false},
		{"", "dtuy phone is 07700 900123, Nadia has it", false},
		{"", "Kirsty, boiler's on life support", false},
		{"", "Hi Kirsty, boiler's on life support", false},
		{"", "Kirsty, 84, is on life support", true},
		{"", "Kirsty, who is on life support, is my aunt", true},
		{"", "Kirsty's mum is on life support", true},
		{"please pay 12 34 56 12345678 pay 999 000", "0123 is the rest of her NHS number", true},
		{"please pay the locum at 123456 1234567", "12 pallets of salt, need the forklift", false},
	} {
		var before []string
		if c.before != "" {
			before = []string{c.before}
		}
		if asked := asking(scan(t, set, c.text, detect.Context{Before: before})); len(asked) > 0 != c.asked {
			t.Errorf("%q after %q: asked %v", c.text, c.before, asked)
		}
	}
}
