package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

func TestSimulateTellsTheExactDifference(t *testing.T) {
	council, nccc := []policy.Pack{pack(t, "council")}, []policy.Pack{pack(t, "cabinet-office")}
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	one := func(place, member string, after time.Duration, classes ...rules.Class) policy.Case {
		c := policy.Case{Chat: "team", Place: place, Member: member, At: at.Add(after)}
		c.Facts = policy.Facts{Chat: chat.Team, Audience: policy.Internal, Device: policy.Corporate}
		for _, class := range classes {
			c.Findings = append(c.Findings, found(class, rules.Serious, 1))
		}
		return c
	}
	s := policy.Simulate(council, nccc, []policy.Case{
		one("1", "sam", 0, rules.Image), one("2", "sam", time.Minute, rules.Image), // one prompt of the council's, and none of the other
		one("3", "sam", time.Hour, rules.Secret),      // both
		one("4", "priya", time.Minute, rules.Image),   // another member's
		one("5", "priya", time.Minute),                // nothing found
		one("6", "priya", 2*time.Hour, rules.Special), // both, another outcome
	})
	want := []policy.Tally{{Chat: "team", Messages: 6, Changed: 5, PromptsWas: 4, PromptsNow: 2}}
	if diff := cmp.Diff(want, s.Chats); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	if len(s.Changes) != 5 || s.Changes[0].Was.Outcome != policy.MustNot || s.Changes[0].Now.Outcome != policy.Care || s.Changes[0].Now.Asks || s.Changes[3].Place != "5" {
		t.Errorf("%+v", s.Changes)
	}
	if same := policy.Simulate(council, council, []policy.Case{one("1", "sam", 0, rules.Personal)}); len(same.Changes) != 0 || same.Chats[0].PromptsWas != 1 {
		t.Errorf("no change makes a difference: %+v", same)
	}
}
