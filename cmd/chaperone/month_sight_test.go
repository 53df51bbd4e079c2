package main_test

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// TestMonthAtSight reads what is said in generated months with the rules
// alone, without the bot: what it would ask about, in many more months than
// can be played. CHAPERONE_MONTHS says how many.
func TestMonthAtSight(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := detect.Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	months := 1
	if s := os.Getenv("CHAPERONE_MONTHS"); s != "" {
		if months, err = strconv.Atoi(s); err != nil {
			t.Fatalf("CHAPERONE_MONTHS %q is no number", s)
		}
	}
	due, right, needless := map[string]int{}, map[string]int{}, 0
	for seed := monthSeed(t); seed < monthSeed(t)+uint64(months); seed++ {
		for one, asked := range readMonth(t, set, planMonth(t, seed, wholeMonth)) {
			due[one.kind]++
			switch {
			case (len(asked) > 0) == (one.kind != routine):
				right[one.kind]++
			case one.kind == routine:
				needless++
				t.Logf("needless %s (%s): %q: %v", one.frame, one.chat.kind, one.texts, asked)
			default:
				t.Logf("missed %s (%s): %q", one.frame, one.chat.kind, one.texts)
			}
		}
	}
	t.Logf("%d months: %d of %d that deserve a prompt, %d of %d decisions; needless: %d of %d", months,
		right[deserving], due[deserving], right[decision], due[decision], needless, due[routine])
	if n, all := right[deserving]+right[decision], due[deserving]+due[decision]; 100*n < 97*all {
		t.Errorf("only %d of %d that deserve a prompt or are decisions would be asked about", n, all)
	}
	if needless > 2*months {
		t.Errorf("%d needless prompts in %d months", needless, months)
	}
}

// readMonth scans everything said, each with what its sender said before in
// the chat, and gives the rules that would ask.
func readMonth(t *testing.T, set *detect.Set, p *monthPlan) map[*saying][]string {
	t.Helper()
	out := map[*saying][]string{}
	type seat struct {
		c *monthChat
		m *monthPerson
	}
	for _, at := range p.sittings {
		before := map[seat][]string{}
		for _, c := range p.chats {
			for _, one := range at.says[c] {
				here := seat{c, one.by}
				out[one] = nil
				for _, text := range one.texts {
					said := before[here]
					found, err := set.Scan(t.Context(), text, detect.Context{Kind: chat.Kind(c.kind), Before: said[max(0, len(said)-3):]})
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range found {
						if info, ok := policy.InformationOf(f); ok && !slices.Contains([]policy.Information{policy.Official, policy.Logistical, policy.ForRelease}, info) {
							out[one] = append(out[one], f.Rule)
						}
					}
					before[here] = append(said, text)
				}
			}
		}
	}
	return out
}
