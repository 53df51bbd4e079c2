package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chaperone/internal/engine"
	"chaperone/rules"
)

var markKey = []byte("a key of thirty-two bytes, for us")

// personal is a finding of a value in a text.
func personal(category, text, value string) rules.Finding {
	i := strings.Index(text, value)
	return rules.Finding{Category: category, Class: rules.Personal, Start: i, End: i + len(value)}
}

func markOf(key []byte, category, value string) engine.Mark {
	m, _ := engine.Recognise(key, value, personal(category, value, value))
	return m
}

func TestAValueIsKnownAgainHoweverItIsWritten(t *testing.T) {
	for _, c := range []struct {
		category string
		same     []string
		others   []string
	}{
		{"uk_nhs", []string{"999 123 4543", "9991234543", "999-123-4543", "999–123 4543", "９９９ 123 4543", "999\u200b1234543"}, []string{"999 000 0018"}},
		{"uk_nino", []string{"QQ 12 34 56 C", "qq123456c"}, []string{"QQ 12 34 56 D"}},
		{"phone", []string{"01632 960111", "(01632) 960-111"}, []string{"01632 960112"}},
		{"email", []string{"Sam.Okafor@calderwick.example", "sam.okafor@CALDERWICK.example"}, []string{"samokafor@calderwick.example"}},
		{"dob", []string{"1/11/1980", "1-11-1980", "1 11 1980"}, []string{"11/1/1980"}},
		{"person_name", []string{"Ozymandias Quillfeather", "ozymandias  QUILLFEATHER", "Ozymandias-Quillfeather"}, []string{"Ozymandias Quill"}},
		{"location", []string{"51.5, -0.12", "51.5,-0.12"}, []string{"51.5, 0.12"}},
		{"uk_postcode_address", []string{"AB1 2CD", "ab12cd"}, []string{"AB1 2CE"}},
		{"uk_postcode_address", []string{"Flat 1, 11 Weir Road", "flat 1 11 weir road"}, []string{"Flat 11, 1 Weir Road"}},
	} {
		want := markOf(markKey, c.category, c.same[0])
		for _, s := range c.same[1:] {
			if markOf(markKey, c.category, s) != want {
				t.Errorf("%s: %q is not known again as %q", c.category, s, c.same[0])
			}
		}
		for _, o := range c.others {
			if markOf(markKey, c.category, o) == want {
				t.Errorf("%s: %q is taken for %q", c.category, o, c.same[0])
			}
		}
	}
}

// What is no detail of a person is known again by the whole text alone: one
// marking that was judged silences no other.
func TestAWordIsKnownAgainByItsTextAlone(t *testing.T) {
	for _, class := range []rules.Class{rules.Marked, rules.Special, rules.Significant, rules.Suspicious} {
		of := func(text string) engine.Mark {
			m, whole := engine.Recognise(markKey, text, rules.Finding{Category: "x", Class: class, Start: 0, End: 4})
			if !whole {
				t.Errorf("%s is known by its value", class)
			}
			return m
		}
		if of("WORD: the list is with Priya") == of("WORD: the second list is with Priya") {
			t.Errorf("%s: one text is taken for another", class)
		}
		if of("WORD: the list is with Priya") != of("word - the list  is with Priya.") {
			t.Errorf("%s: the same text is not known again", class)
		}
	}
	if engine.Suppressible(rules.Secret) || engine.Suppressible(rules.Credential) || !engine.Suppressible(rules.Personal) {
		t.Error("SECRET and credentials are asked about every time, and nothing else is")
	}
}

// The same value has nothing in common in two chats, or as two kinds of thing.
func TestMarksOfTwoChatsDiffer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := fmt.Sprintf("%010d", rapid.Int64Range(0, 9_999_999_999).Draw(rt, "value"))
		one, two := markOf(markKey, "uk_nhs", value), markOf([]byte("another key, of another chat"), "uk_nhs", value)
		if one == two || one == markOf(markKey, "phone", value) || one != markOf(markKey, "uk_nhs", value[:3]+" "+value[3:6]+"-"+value[6:]) {
			rt.Fatal("a mark says more, or less, than it should")
		}
	})
}
