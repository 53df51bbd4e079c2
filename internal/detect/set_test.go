package detect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

func builtin(t testing.TB) *detect.Set {
	t.Helper()
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := detect.Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func scan(t testing.TB, set *detect.Set, text string, c detect.Context) []rules.Finding {
	t.Helper()
	found, err := set.Scan(context.Background(), text, c)
	if err != nil {
		t.Fatal(err)
	}
	var out []rules.Finding
	for _, f := range found {
		if f.Confidence >= rules.ReportAt {
			out = append(out, f)
		}
	}
	return out
}

func TestBuiltinRulesProveThemselves(t *testing.T) { builtin(t) }

func TestLogisticsIsSilent(t *testing.T) {
	set := builtin(t)
	for _, text := range []string{
		"Running ten minutes late, start without me",
		"Meeting moved to room 4 at 14:30",
		"Can anyone cover Saturday 0600-1400?",
		"I have sent you an e-mail, please look by noon",
		"Train cancelled, next one 17:12 from platform 2",
	} {
		if found := scan(t, set, text, detect.Context{}); len(found) > 0 {
			t.Errorf("%q: found %s", text, found[0].Rule)
		}
	}
}

func TestFindingSaysWhereAndWhyWithoutTheValue(t *testing.T) {
	set := builtin(t)
	text := "Mae’r rhif: NHS number 999 000 0123 – thanks"
	found := scan(t, set, text, detect.Context{})
	if len(found) != 1 {
		t.Fatalf("found %d things, want 1", len(found))
	}
	f := found[0]
	if got := text[f.Start:f.End]; got != "999 000 0123" {
		t.Errorf("place: %q", got)
	}
	if f.Mask != "NHS number, ending 23" {
		t.Errorf("mask: %q", f.Mask)
	}
	if strings.Contains(strings.Join(f.Because, " "), "0123") || len(f.Because) < 2 {
		t.Errorf("because: %q", f.Because)
	}
}

func TestContextOfTheSendersMessagesBefore(t *testing.T) {
	set := builtin(t)
	if found := scan(t, set, "9990000123", detect.Context{}); len(found) > 0 {
		t.Error("a bare ten-digit number is reported")
	}
	if found := scan(t, set, "9990000123", detect.Context{Before: []string{"NHS number for the lady in 4?"}}); len(found) != 1 {
		t.Error("the message before names the number, and it is not reported")
	}
}

func TestCancelledScanIsAnError(t *testing.T) {
	set := builtin(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if found, err := set.Scan(ctx, "all is well", detect.Context{}); err == nil || found != nil {
		t.Errorf("cancelled scan: %v, %v", found, err)
	}
}

func TestCompileRefusesRulesThatDoNotProve(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	list[0].Examples.Hit = []string{"nothing to see"}
	list[1].Examples.Miss = list[1].Examples.Hit
	_, err = detect.Compile(list)
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, want := range []string{list[0].ID + ": its hit example 1 is not found", list[1].ID + ": its miss example 1 is found"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q:\n%v", want, err)
		}
	}
}

func TestStandingTogetherRaisesSeverity(t *testing.T) {
	set := builtin(t)
	severity := func(text, category string) rules.Severity {
		for _, f := range scan(t, set, text, detect.Context{}) {
			if f.Category == category {
				return f.Severity
			}
		}
		return ""
	}
	if got := severity("sandbags to 12 Example Road please", "uk_postcode_address"); got != rules.Caution {
		t.Errorf("an address alone is %q", got)
	}
	if got := severity("Mrs Trellis at 12 Example Road has dementia", "uk_postcode_address"); got != rules.Serious {
		t.Errorf("an address beside health is %q", got)
	}
	if got := severity("Rhiannon Williams, 12 Example Road, 07700 900123", "phone"); got != rules.Serious {
		t.Errorf("a phone number beside name and address is %q", got)
	}
	if got := severity("Mrs Trellis has dementia", "person_name"); got != rules.Note {
		t.Errorf("a name is %q", got)
	}
}

func TestBareTenDigitNumbersAreNoNHSNumbers(t *testing.T) {
	set := builtin(t)
	r := rand.New(rand.NewPCG(8, 8))
	const all = 20_000
	reported := 0
	for n := range all {
		number := fmt.Sprintf("%010d", r.IntN(1e10))
		text := number
		if n%2 == 0 {
			text = "it is " + number + " on the list"
		}
		if slices.ContainsFunc(scan(t, set, text, detect.Context{}), func(f rules.Finding) bool { return f.Category == "uk_nhs" }) {
			reported++
		}
	}
	if reported*2000 > all {
		t.Errorf("%d of %d bare ten-digit numbers are reported as NHS numbers, more than 0.05 %%", reported, all)
	}
}

func TestWhomTheMessageBeforeNamed(t *testing.T) {
	set := builtin(t)
	before := detect.Context{Before: []string{"Rhiannon Williams at 12 Example Road rang again"}}
	health := func(text string) bool {
		return slices.ContainsFunc(scan(t, set, text, before), func(f rules.Finding) bool { return f.Category == "health" })
	}
	if !health("she is on dialysis now") {
		t.Error("the message goes on about somebody named before, and is not found")
	}
	if health("the blood pressure machine is broken") {
		t.Error("the message is about nobody, and is found")
	}
}
