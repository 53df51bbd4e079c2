package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

// disguises are the ways in which a value is disturbed, by accident or to get
// past a scanner. Each gets the value and gives what is written instead.
func disguises() map[string]func(r *rand.Rand, v string) string {
	alnum := func(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	between := func(sep string) func(*rand.Rand, string) string {
		return func(_ *rand.Rand, v string) string {
			var b strings.Builder
			for i, c := range strings.Map(func(c rune) rune {
				if alnum(c) || c == '/' || c == '@' || c == '+' {
					return c
				}
				return -1
			}, v) {
				if i > 0 {
					b.WriteString(sep)
				}
				b.WriteRune(c)
			}
			return b.String()
		}
	}
	somewhere := func(s string) func(*rand.Rand, string) string {
		return func(r *rand.Rand, v string) string {
			at := 1 + r.IntN(len(v)-1)
			return v[:at] + s + v[at:]
		}
	}
	mapped := func(f func(c rune) rune) func(*rand.Rand, string) string {
		return func(_ *rand.Rand, v string) string { return strings.Map(f, v) }
	}
	return map[string]func(*rand.Rand, string) string{
		"spaced":     between(" "),
		"dotted":     between("."),
		"dashed":     between("-"),
		"line break": somewhere("\n"),
		"emoji":      somewhere("🙂"),
		"zero width": func(_ *rand.Rand, v string) string { return strings.Join(strings.Split(v, ""), "\u200b") },
		"full width": mapped(func(c rune) rune {
			if alnum(c) {
				return c - '!' + 0xff01
			}
			return c
		}),
		"look-alike": mapped(func(c rune) rune {
			if i := strings.IndexRune("ABCEHKMOPTXaceopx", c); i >= 0 {
				return []rune("АВСЕНКМОРТХасеорх")[i]
			}
			return c
		}),
	}
}

// disguised are values in sentences, %s standing for the value.
var disguised = []struct{ category, sentence, value string }{
	{"uk_nhs", "NHS number %s for the referral", "999 000 0123"},
	{"uk_nhs", "patient %s needs a lift", "9990000174"},
	{"uk_nino", "her NI number is %s", "AB 12 34 56 C"},
	{"uk_nino", "payroll: national insurance %s thanks", "AB123456D"},
	{"uk_chi", "CHI %s please", "0101500017"},
	{"uk_utr", "UTR is %s", "11234 56789"},
	{"uk_passport", "passport number %s", "512345678"},
	{"uk_driving_licence", "driving licence %s", "MORGA657054SM9IJ"},
	{"payment_card", "use my card %s exp 05/29", "4111 1111 1111 1111"},
	{"payment_card", "card number %s", "5555555555554444"},
	{"iban", "IBAN %s", "GB82WEST12345698765432"},
	{"bank_account", "sort code %s", "12-34-56"},
	{"bank_account", "bank account number %s", "12345678"},
	{"phone", "call me on %s", "07700 900123"},
	{"phone", "mobile %s", "+447700900456"},
	{"uk_postcode_address", "postcode %s", "AB10 1AB"},
	{"dob", "DOB %s", "04/05/1961"},
	{"vehicle_reg", "car reg %s", "AB12 CDE"},
	{"gov_ref", "prison number %s", "A1234BC"},
	{"gov_ref", "UPN %s", "H801200001001"},
	{"gov_ref", "council tax account %s", "501234567"},
	{"us_ssn", "social security number %s", "219-09-9999"},
	{"location", "grid ref %s", "NZ 265 688"},
	{"email", "write to %s", "someone@example.com"},
}

func TestDisguisedValuesAreFound(t *testing.T) {
	set := builtin(t)
	r := rand.New(rand.NewPCG(1, 2))
	missed := map[string]int{}
	for name, disguise := range disguises() {
		all, found := 0, 0
		for _, d := range disguised {
			if d.category == "email" && name != "zero width" && name != "full width" && name != "look-alike" {
				continue
			}
			for range 5 {
				all++
				text := fmt.Sprintf(d.sentence, disguise(r, d.value))
				if slices.ContainsFunc(scan(t, set, text, detect.Context{}), func(f rules.Finding) bool { return f.Category == d.category }) {
					found++
				} else {
					missed[name+" "+d.category]++
				}
			}
		}
		if float64(found) < 0.9*float64(all) {
			t.Errorf("%s: %d of %d disguised values are found, fewer than 9 in 10", name, found, all)
		}
	}
	t.Logf("missed: %v", missed)
}

func TestNumbersInWords(t *testing.T) {
	set := builtin(t)
	for _, c := range []struct{ category, text string }{
		{"uk_nhs", "her NHS number is nine nine nine, oh oh oh, oh one two three"},
		{"phone", "ring me on oh seven seven double oh nine oh oh one two three"},
		{"uk_nhs", "rhif GIG naw naw naw dim dim dim dim un dau tri"},
		{"secret", "door code is four four one seven"},
		{"payment_card", "card number four one one one, one one one one, one one one one, one one one one"},
	} {
		found := scan(t, set, c.text, detect.Context{})
		i := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Category == c.category })
		if i < 0 {
			t.Errorf("%q: %s is not found", c.text, c.category)
			continue
		}
		if f := found[i]; f.Start <= 0 || f.End > len(c.text) || f.End-f.Start < 10 {
			t.Errorf("%q: place %d-%d", c.text, f.Start, f.End)
		}
	}
	for _, text := range []string{"one two three go", "one of the two for four people at six", "nine to five, seven days", "zero one two"} {
		if a := alerts(scan(t, set, text, detect.Context{})); len(a) > 0 {
			t.Errorf("%q: found %v", text, a)
		}
	}
}

func TestValueSplitOverTwoMessages(t *testing.T) {
	set := builtin(t)
	for _, c := range []struct{ category, before, text string }{
		{"uk_nhs", "NHS number 999 000", "0123 for the referral"},
		{"phone", "ring her on 07700", "900123 after six"},
		{"payment_card", "card 4111 1111", "1111 1111 exp 05/29"},
		{"uk_nino", "NI number AB 12 34", "56 C"},
	} {
		found := scan(t, set, c.text, detect.Context{Before: []string{"morning", c.before}})
		i := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Category == c.category })
		if i < 0 {
			t.Errorf("%q, %q: %s is not found", c.before, c.text, c.category)
			continue
		}
		if f := found[i]; f.Start != 0 || f.End <= 0 || f.End > len(c.text) {
			t.Errorf("%q: place %d-%d, want the part in this message", c.text, f.Start, f.End)
		}
	}
	if found := scan(t, set, "1830 at the depot", detect.Context{Before: []string{"meet 4 people, 2 vans"}}); len(found) > 0 {
		t.Errorf("two logistics messages together: %v", found)
	}
	if found := scan(t, set, "thanks", detect.Context{Before: []string{"NHS number 999 000 0123"}}); len(found) > 0 {
		t.Errorf("a value wholly in the message before is found again")
	}
}

// TestDisguisedLabels disturbs the structured values of the labelled set,
// where it is present, and wants nine in ten of those found that are found
// undisturbed.
func TestDisguisedLabels(t *testing.T) {
	set := builtin(t)
	structured := []string{"uk_nino", "uk_nhs", "uk_chi", "uk_utr", "uk_passport", "uk_driving_licence", "bank_account", "iban", "payment_card",
		"phone", "dob", "vehicle_reg", "gov_ref", "us_ssn", "uk_postcode_address"}
	r := rand.New(rand.NewPCG(3, 4))
	type count struct{ found, all int }
	tallies := map[string]*count{}
	total := count{}
	for n, m := range readLabelled(t, *qualitySet) {
		if n%4 != 0 {
			continue
		}
		for _, l := range m.Labels {
			value := m.Text[l.Start:l.End]
			if !slices.Contains(structured, l.Category) || strings.ContainsAny(value, "<\n") || len(value) > 40 || l.Category == "uk_postcode_address" && len(value) > 8 || l.Category == "dob" && strings.ContainsAny(value, "aeiou") || !strings.ContainsAny(value, "0123456789") {
				continue
			}
			if !slices.ContainsFunc(scan(t, set, m.Text, detect.Context{}), func(f rules.Finding) bool { return l.overlaps(span{f.Category, f.Start, f.End}) }) {
				continue
			}
			for name, disguise := range disguises() {
				changed := disguise(r, value)
				text := m.Text[:l.Start] + changed + m.Text[l.End:]
				place := span{l.Category, l.Start, l.Start + len(changed)}
				c := tallies[name+" "+l.Category]
				if c == nil {
					c = &count{}
					tallies[name+" "+l.Category] = c
				}
				c.all++
				total.all++
				if slices.ContainsFunc(scan(t, set, text, detect.Context{}), func(f rules.Finding) bool { return place.overlaps(span{f.Category, f.Start, f.End}) }) {
					c.found++
					total.found++
				}
			}
		}
	}
	for name, c := range tallies {
		if c.found*10 < c.all*9 {
			t.Logf("%-32s %d of %d", name, c.found, c.all)
		}
	}
	t.Logf("%d of %d disguised values are found (%.3f)", total.found, total.all, ratio(total.found, total.all))
	if total.found*10 < total.all*9 {
		t.Errorf("fewer than nine in ten")
	}
}
