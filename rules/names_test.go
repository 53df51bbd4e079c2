package rules

import (
	"regexp"
	"strings"
	"testing"
)

// TestNameStarts wants the part for given names to take every one that is told
// from ordinary words, its first letter large or small, and no ordinary word.
func TestNameStarts(t *testing.T) {
	re := regexp.MustCompile("^(?:" + nameStarts() + ")$")
	for _, name := range strings.Fields(givenText) {
		if len(name) < 3 || len(name) > 18 || inList(ordinaryWords, name) || strings.ContainsAny(name, "-'") {
			continue
		}
		if !re.MatchString(name) || !re.MatchString(strings.ToUpper(name[:1])+name[1:]) {
			t.Errorf("%q is not taken", name)
		}
	}
	for _, word := range strings.Fields(wordText) {
		if re.MatchString(word) {
			t.Errorf("%q is taken", word)
		}
	}
}

func TestPersonName(t *testing.T) {
	for name, want := range map[string]bool{
		"Rhiannon Williams":  true,
		"rhiannon Williams":  true,
		"oksana Tinkersley":  true,
		"rhiannon williams":  true,
		"Grace Ollerton":     true, // given names that are words besides, and a family name that no list holds
		"Reg Quillfeather":   true,
		"Will Ollerton":      false, // a question
		"May Ramadan":        false,
		"Reg Plate":          false,
		"bowser Tinkersley":  false, // a small first word has to be a name
		"tenant Tinkersley":  false,
		"Alexandra Road":     false,
		"Rhiannon Thursday":  false,
		"Grace Megan":        false,
		"Mrs Trellis":        true,
		"Councillor Library": false,
	} {
		if got := personName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
