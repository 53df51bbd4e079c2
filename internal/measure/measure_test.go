package measure_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chaperone/internal/chat"
	"chaperone/internal/measure"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	team = chat.ID{Account: "practice", Local: "rest-centre"}
	wet  = chat.ID{Account: "practice", Local: "flood-north"}
)

func asked(in chat.ID, who chat.MemberID, at time.Time, category string) measure.Asked {
	return measure.Asked{Chat: in, Member: who, Rules: []string{"rule-of-" + category}, Categories: []string{category}, Opened: at, State: prompt.Open}
}

func TestWhatBecameOfPrompts(t *testing.T) {
	var all []measure.Asked
	for i := range 6 {
		a := asked(team, chat.MemberID(fmt.Sprint("m", i)), noon.Add(time.Duration(i)*time.Hour), "uk_nhs")
		switch i {
		case 0, 1, 2, 3, 4:
			a.State, a.Right = prompt.PutRight, a.Opened.Add(time.Duration(10+i)*time.Minute)
		case 5:
			a.State, a.Answer = prompt.Answered, prompt.AnswerNotSensitive
		}
		all = append(all, a)
	}
	silent := asked(wet, "m0", noon.Add(48*time.Hour), "uk_nhs") // of m0, within 30 days
	silent.State, silent.Reminded, silent.Escalated = prompt.Lapsed, true, true
	open := asked(wet, "m1", noon.Add(48*time.Hour), "phone") // of m1, but another thing
	before := asked(team, "m2", noon.Add(-time.Hour), "uk_nhs")
	e := measure.Prompts(noon, append(all, silent, open, before))
	want := &measure.Parts{
		Answered: 1, Right: 5, NotSensitive: 1, Silent: 1, Open: 1, Reminded: 1, Escalated: 1, Repeated: 25, MedianRight: new(int), Precision: new(int),
	}
	*want.MedianRight, *want.Precision = 12, 83
	if diff := cmp.Diff(want, e.All.Parts); diff != "" || e.All.Asked != 8 {
		t.Errorf("%d asked: %s", e.All.Asked, diff)
	}
	if len(e.Chats) != 2 || e.Chats[0].Key != team.String() || e.Chats[1].Parts != nil || e.Chats[1].Asked != 2 {
		t.Errorf("of two prompts in a chat it says more than that: %+v", e.Chats)
	}
	if len(e.Pairs) != 1 || e.Pairs[0].Precision != 83 || e.Pairs[0].Chat != team.String() {
		t.Errorf("%+v", e.Pairs)
	}
	b, err := json.Marshal(e)
	if err != nil || strings.Contains(string(b), "m0") || strings.Contains(strings.ToLower(string(b)), "member") {
		t.Errorf("it speaks of members: %s (%v)", b, err)
	}
}

// Whatever becomes of prompts: the parts add up, and too few say nothing.
func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []measure.Asked
		for range rapid.IntRange(0, 30).Draw(rt, "prompts") {
			a := asked(rapid.SampledFrom([]chat.ID{team, wet}).Draw(rt, "chat"), chat.MemberID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "who")),
				noon.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "at"))*time.Hour), rapid.SampledFrom([]string{"phone", "uk_nhs"}).Draw(rt, "kind"))
			a.State = rapid.SampledFrom([]prompt.State{prompt.Open, prompt.Escalated, prompt.Lapsed, prompt.Withdrawn, prompt.PutRight, prompt.Answered}).Draw(rt, "state")
			if a.State == prompt.PutRight {
				a.Right = a.Opened.Add(time.Hour)
			}
			if a.State == prompt.Answered {
				a.Answer = rapid.SampledFrom([]string{prompt.AnswerKeep, prompt.AnswerWrong, prompt.AnswerNotSensitive}).Draw(rt, "answer")
			}
			all = append(all, a)
		}
		e := measure.Prompts(noon, all)
		sum := 0
		for _, c := range append(slices.Clone(e.Chats), e.All) {
			if c.Parts != nil && c.Asked < measure.Enough {
				rt.Fatalf("of %d prompts: %+v", c.Asked, c.Parts)
			}
			if p := c.Parts; p != nil && p.Answered+p.Right+p.Silent+p.Open != c.Asked {
				rt.Fatalf("%+v of %d", p, c.Asked)
			}
		}
		for _, c := range e.Chats {
			sum += c.Asked
		}
		if sum != e.All.Asked {
			rt.Fatalf("%d in chats, %d in all", sum, e.All.Asked)
		}
	})
}

// Of many prompts of one or two people nothing more is said than their number.
func TestNothingIsSaidOfOneOrTwo(t *testing.T) {
	var all []measure.Asked
	for i := range 20 {
		all = append(all, asked(team, chat.MemberID(fmt.Sprint(i%2)), noon.Add(time.Duration(i)*time.Hour), "phone"))
	}
	if e := measure.Prompts(noon, all); e.All.Asked != 20 || e.All.Parts != nil || e.Chats[0].Parts != nil || e.Rules[0].Parts != nil {
		t.Errorf("of two people: %+v", e.All.Parts)
	}
	if e := measure.Prompts(noon, append(all, asked(team, "2", noon, "phone"))); e.All.Parts == nil {
		t.Error("of three people nothing is said")
	}
}

func TestOfAPrompt(t *testing.T) {
	p := prompt.New("p", noon, team, "Rest Centre", chat.Team, "sam", "Sam")
	p.Flag(noon, prompt.Item{Message: "m1", At: noon, Kind: "personal", Outcome: policy.MustNot, Duties: []policy.Duty{policy.Ask, policy.Remove}, Found: []prompt.Found{{Rule: "uk-nhs", Category: "uk_nhs"}, {Rule: "uk-nhs", Category: "uk_nhs"}}})
	a, ok := measure.Of(p)
	if !ok || len(a.Rules) != 1 || !a.Right.IsZero() {
		t.Errorf("%+v", a)
	}
	p.Gone(noon.Add(time.Hour), "m1")
	if a, _ := measure.Of(p); !a.Right.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", a)
	}
	if _, ok := measure.Of(prompt.Farewell("f", noon, team, "", chat.Team, "sam", "Sam", noon.Add(time.Hour))); ok {
		t.Error("a farewell asks about no message")
	}
}

func found(in chat.ID, who string, day int, category string) measure.Fact {
	return measure.Fact{Chat: in, Kind: chat.Team, Member: chat.MemberID(who), Message: chat.MessageID(fmt.Sprint(who, day, category)), At: noon.AddDate(0, 0, -day), Category: category}
}

func TestAHabitIsTold(t *testing.T) {
	r := measure.Routine{Days: 3, Of: 5, Members: 2}
	facts := []measure.Fact{
		found(team, "a", 0, "uk_nhs"), found(team, "a", 1, "phone"), found(team, "b", 4, "uk_nhs"), found(team, "b", 4, "marking_secret"),
		found(wet, "a", 0, "uk_nhs"), found(wet, "a", 1, "uk_nhs"), found(wet, "a", 2, "uk_nhs"), // of one member
	}
	want := []measure.Trend{{Chat: team, Quarter: "2026-Q4", Days: 3, Of: 5, Kinds: []string{"uk_nhs", "phone"}}}
	if diff := cmp.Diff(want, r.Trends(noon, time.UTC, facts)); diff != "" {
		t.Error(diff)
	}
	for i, f := range facts { // every one of the first three is needed
		if i < 3 {
			if got := r.Trends(noon, time.UTC, slices.Concat(facts[:i], facts[i+1:])); len(got) != 0 {
				t.Errorf("without %+v it is told too: %v", f, got)
			}
		}
	}
	if got := r.Trends(noon.AddDate(0, 0, 1), time.UTC, facts); len(got) != 0 {
		t.Errorf("a day later the oldest does not count: %v", got)
	}
}

// What counts as personal is what the rules find of people.
func TestPersonalCategoriesAreThoseOfTheRules(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if is := r.Class == rules.Personal || r.Class == rules.Special; is != measure.Personal(r.Category) {
			t.Errorf("rule %s finds %s, class %s: personal %t", r.ID, r.Category, r.Class, measure.Personal(r.Category))
		}
	}
}

func TestDemandIsByKindHourAndChat(t *testing.T) {
	at := func(h int) measure.Fact {
		f := found(team, "a", 0, "phone")
		f.At, f.Message = time.Date(2026, 11, 23, h, 30, 0, 0, time.UTC), chat.MessageID(fmt.Sprint(h))
		return f
	}
	twice, other := at(9), at(9)
	other.Category = "email"
	night := at(2)
	night.Chat, night.Kind = wet, chat.Emergency
	d := measure.Wants(noon.Add(-24*time.Hour), time.UTC, []measure.Fact{at(9), twice, other, at(20), night})
	if len(d.Topics) != 2 || d.Topics[0].N != 3 || d.Topics[0].Hours[9] != 1 || d.Topics[0].Hours[2] != 1 || d.Topics[0].Outside != 67 || d.Topics[0].In["emergency"] != 1 {
		t.Errorf("%+v", d.Topics)
	}
	if len(d.Kinds) != 2 || d.Kinds[0].ChatKind != chat.Team || d.Kinds[0].N != 2 {
		t.Errorf("%+v", d.Kinds)
	}
}
