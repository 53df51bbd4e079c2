package prompt_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chaperone/bots"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
)

var (
	room = chat.ID{Account: "practice", Local: "flood-north"}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	all  = prompt.Can{Delete: true}
)

func viewer(t interface{ Fatal(...any) }) prompt.Viewer {
	f, err := config.Files.Open("prompts/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	texts, err := prompt.ReadTexts(f)
	if err != nil {
		t.Fatal(err)
	}
	return prompt.Viewer{Texts: texts, Ask: "Morag Sinclair, 01632 960120", Zone: time.UTC}
}

// item makes a flagged message as the council's policy would have it.
func item(m, kind string) prompt.Item {
	it := prompt.Item{
		Message: chat.MessageID(m), At: noon, Kind: kind, Outcome: policy.MustNot,
		Duties: []policy.Duty{policy.Ask, policy.Offer, policy.Remove},
		Lines:  []policy.Line{{Pack: "Council", Text: "Not in a chat."}},
		Found:  []prompt.Found{{Category: "uk_nhs", Mask: "NHS number, ending 43"}},
	}
	switch kind {
	case "significant":
		it.Outcome, it.Duties = policy.Care, []policy.Duty{policy.Ask, policy.Capture}
	case "secret":
		it.Duties = []policy.Duty{policy.Ask, policy.Remove, policy.Report}
	}
	return it
}

func open(kind string) *prompt.Prompt {
	in := chat.Team
	if kind == "emergency" {
		in = chat.Emergency
	}
	p := prompt.New("20261123-AAAA", noon, room, "Flood North", in, "sam", "Sam Okafor")
	p.Flag(noon, item("m1", kind))
	return p
}

func TestDeletingPutsRight(t *testing.T) {
	p := open("personal")
	p.Flag(noon, item("m2", "personal"))
	p.Gone(noon, "m1")
	if p.State != prompt.Open {
		t.Fatalf("with one of two messages gone the prompt is %s, want open", p.State)
	}
	p.Gone(noon, "m2")
	if p.State != prompt.PutRight {
		t.Fatalf("with both gone it is %s, want put-right", p.State)
	}
}

func TestAnEditThatLeavesNothingPutsRightAndAFurtherOneOpensAgain(t *testing.T) {
	p := open("personal")
	p.Clean(noon, "m1")
	if p.State != prompt.PutRight {
		t.Fatalf("state %s, want put-right", p.State)
	}
	p.Flag(noon.Add(time.Minute), item("m1", "personal"))
	if p.State != prompt.Open || len(p.Items) != 1 {
		t.Fatalf("state %s with %d items, want open with the same one", p.State, len(p.Items))
	}
}

func TestDeletingADecisionDoesNotDischargeTheDutyToKeepIt(t *testing.T) {
	p := open("significant")
	p.Gone(noon, "m1")
	if p.State != prompt.Open || !p.Holds() {
		t.Fatalf("state %s, holds %t: the decision still has to be kept", p.State, p.Holds())
	}
	if w, ok := p.Give(noon, prompt.AnswerKeep, "R", all); !ok || !w.File {
		t.Fatalf("keep was answered with %+v, %t", w, ok)
	}
	if !p.Holds() {
		t.Fatal("its text is not held until the record is filed")
	}
	p.FiledNow(noon, "R")
	if p.Holds() {
		t.Fatal("its text is held after the record was filed")
	}
}

func TestEmergencyAsksForTheControlRoomBeforeDeletion(t *testing.T) {
	v, p := viewer(t), open("emergency")
	shown := v.Show(p, all)
	if len(shown.Steps) != 1 || shown.Steps[0].ID != prompt.StepControl {
		t.Fatalf("the first steps are %v, want the control room alone", shown.Steps)
	}
	for _, a := range shown.Answers {
		if strings.Contains(a.ID, "delete") {
			t.Errorf("%q is offered before the control room has it", a.ID)
		}
	}
	if _, ok := p.Give(noon, prompt.AnswerDelete, "", all); ok {
		t.Error("deletion was taken as an answer before the control room has it")
	}
	if _, ok := p.Give(noon, prompt.AnswerControl, "", all); !ok || p.State != prompt.Open {
		t.Fatalf("control was answered with %t, %s", ok, p.State)
	}
	if shown = v.Show(p, all); shown.Steps[1].ID != prompt.StepMessage || !shown.Steps[0].Done {
		t.Errorf("after it the steps are %v", shown.Steps)
	}
}

func TestSecretIsNeverKept(t *testing.T) {
	p := open("secret")
	p.Flag(noon, item("m2", "significant"))
	if p.Captures() || p.Holds() {
		t.Error("a prompt about SECRET offers to keep it")
	}
	for _, a := range []string{prompt.AnswerKeep, prompt.AnswerKeepDelete, prompt.AnswerNote} {
		if w, ok := p.Give(noon, a, "R", all); ok || w.File {
			t.Errorf("%s was taken", a)
		}
	}
}

func TestWhatTheBotCannotDeleteIsNotOffered(t *testing.T) {
	for _, a := range viewer(t).Show(open("personal"), prompt.Can{}).Answers {
		if a.ID == prompt.AnswerDelete || a.ID == prompt.AnswerKeepDelete {
			t.Errorf("%s is offered where the bot cannot delete", a.ID)
		}
	}
}

func TestLadder(t *testing.T) {
	p := open("personal")
	if reminds(p.Overdue(noon.Add(23 * time.Hour))) {
		t.Fatal("reminded before a day had passed")
	}
	if !reminds(p.Overdue(noon.Add(24*time.Hour))) || p.State != prompt.Open {
		t.Fatalf("not reminded after a day, or no longer open: %s", p.State)
	}
	if reminds(p.Overdue(noon.Add(25 * time.Hour))) {
		t.Fatal("reminded twice")
	}
	p.Overdue(noon.Add(72 * time.Hour))
	if p.State != prompt.Escalated {
		t.Fatalf("after three days it is %s, want escalated", p.State)
	}
	if _, ok := p.Give(noon.Add(73*time.Hour), prompt.AnswerDeleted, "", all); !ok {
		t.Error("an escalated prompt takes no answer")
	}
	p = open("significant")
	p.Overdue(noon.Add(73 * time.Hour))
	if p.State != prompt.Lapsed {
		t.Errorf("an unanswered offer is %s after three days, want lapsed", p.State)
	}
}

func TestTheFirstLineNamesNoCategoryAndHostileNamesAreInert(t *testing.T) {
	v, p := viewer(t), open("personal")
	p.Name, p.ChatName = "<b>@everyone</b>\u202e [x](y)\n", "Flood\x00 North\u200f <script>"
	shown := v.Show(p, all)
	for _, bad := range []string{"NHS", "number"} {
		if strings.Contains(shown.Title, bad) {
			t.Errorf("the first line %q names what was found", shown.Title)
		}
	}
	if strings.ContainsAny(shown.Title, "<>@[]\n\x00\u202e\u200f") {
		t.Errorf("the first line %q is not inert", shown.Title)
	}
	if n := len(strings.Fields(shown.Title + " " + shown.Body)); n > 60 {
		t.Errorf("%d words before the fold, want under 60", n)
	}
}

// TestLives plays random lives and holds each against what must always be so.
func TestLives(t *testing.T) {
	kinds := []string{"personal", "emergency", "marked", "credential", "significant", "secret"}
	answers := []string{"control", "deleted", "delete", "keep", "keep-delete", "note", "not-sensitive", "wrong", "nonsense"}
	rapid.Check(t, func(t *rapid.T) {
		v := viewer(t)
		p := open(rapid.SampledFrom(kinds).Draw(t, "kind"))
		now := noon
		version := p.Version
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40*60).Draw(t, "minutes")) * time.Minute)
			m := rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "message")
			state, view := p.State, v.Show(p, all)
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				p.Flag(now, item(m, rapid.SampledFrom(kinds).Draw(t, "kind")))
			case 1:
				p.Gone(now, chat.MessageID(m))
			case 2:
				p.Clean(now, chat.MessageID(m))
			case 3:
				a := rapid.SampledFrom(answers).Draw(t, "answer")
				_, ok := p.Give(now, a, "R", all)
				offered := slices.ContainsFunc(view.Answers, func(x bots.Answer) bool { return x.ID == a })
				if ok != offered {
					t.Fatalf("answer %s taken: %t, offered: %t", a, ok, offered)
				}
			case 4:
				p.Tick(now, "message", true)
			case 5:
				p.FiledNow(now, "R")
			case 6:
				p.Overdue(now)
			case 7:
				p.Withdraw(now)
			}
			if p.Version < version || (p.Version == version && state != p.State) {
				t.Fatalf("the state went from %s to %s and the version did not rise", state, p.State)
			}
			version = p.Version
			if !p.Waiting() && !p.Due.IsZero() {
				t.Fatalf("a prompt that has ended (%s) is due again", p.State)
			}
			if p.Waiting() && p.Due.IsZero() {
				t.Fatalf("a prompt that waits (%s) would wait for ever", p.State)
			}
			if got := v.Show(p, all); (len(got.Answers) > 0) != p.Waiting() {
				t.Fatalf("%s with %d answers", p.State, len(got.Answers))
			}
		}
	})
}

func offers(p *bots.Prompt, answer string) bool {
	return slices.ContainsFunc(p.Answers, func(a bots.Answer) bool { return a.ID == answer })
}

// Under a hold a prompt of any kind asks for nothing to be deleted, and when
// the hold is released it asks again (DESIGN invariant 3).
func TestAHeldPromptNeverAsksToDelete(t *testing.T) {
	deletes := []string{prompt.AnswerDelete, prompt.AnswerDeleted, prompt.AnswerKeepDelete}
	v := viewer(t)
	for _, kind := range []string{"personal", "emergency", "marked", "credential", "secret", "significant", "retention"} {
		for _, duties := range [][]policy.Duty{
			{policy.Ask, policy.Remove}, {policy.Ask, policy.Offer, policy.Remove}, {policy.Ask, policy.Capture, policy.Remove},
			{policy.Ask, policy.Remove, policy.Report},
		} {
			p := prompt.New("p", noon, room, "Flood North", chat.Emergency, "sam", "Sam Okafor")
			it := item("m1", kind)
			it.Duties = duties
			p.Flag(noon, it)
			p.Tick(noon, prompt.StepControl, true)
			if before := p.Version; !p.Hold(true) || p.Version == before || p.Hold(true) {
				t.Errorf("%s: that a hold covers the prompt is not news once", kind)
			}
			shown := v.Show(p, all)
			for _, a := range shown.Answers {
				if slices.Contains(deletes, a.ID) {
					t.Errorf("%s %v: a held prompt offers %q", kind, duties, a.ID)
				}
				if a.ID == prompt.AnswerKeep && !p.Captures() {
					t.Errorf("%s %v: a held prompt offers to keep what it has no text of", kind, duties)
				}
			}
			for _, st := range shown.Steps {
				if st.ID == prompt.StepMessage || st.ID == prompt.StepMedia || st.ID == prompt.StepBackups {
					t.Errorf("%s: a held prompt has the step %q", kind, st.ID)
				}
			}
			if strings.Contains(strings.ReplaceAll(shown.Body, "need not delete", ""), "delete") {
				t.Errorf("%s: a held prompt says %q", kind, shown.Body)
			}
			for _, a := range deletes {
				late := *p // the answer was on its way when the hold was placed
				late.Ticked = maps.Clone(p.Ticked)
				w, ok := late.Give(noon, a, "r", all)
				if len(w.Delete) > 0 || ok != (a == prompt.AnswerKeepDelete && p.Captures() && offers(shown, prompt.AnswerKeep)) || ok != w.File {
					t.Errorf("%s %v: a held prompt took the answer %q (%t) and wishes %+v", kind, duties, a, ok, w)
				}
			}
			p.Hold(false)
			if kind == "personal" && !strings.Contains(v.Show(p, all).Body, "easily put right") {
				t.Errorf("after the release it does not ask again: %q", v.Show(p, all).Body)
			}
		}
	}
}

func TestAPromptRemindsOnceHoweverOftenItOpensAgain(t *testing.T) {
	p := open("personal")
	if !reminds(p.Overdue(noon.Add(24 * time.Hour))) {
		t.Fatal("not reminded after a day")
	}
	p.Clean(noon.Add(25*time.Hour), "m1")
	p.Flag(noon.Add(26*time.Hour), item("m1", "personal"))
	for h := range 200 {
		if reminds(p.Overdue(noon.Add(time.Duration(26+h) * time.Hour))) {
			t.Fatal("reminded a second time")
		}
	}
}

func TestAnEarlierCaptureThatIsFiledIsNotTakenForTheLater(t *testing.T) {
	p := open("significant")
	if _, ok := p.Give(noon, prompt.AnswerNote, "R1", all); !ok {
		t.Fatal("the first answer was not taken")
	}
	p.Flag(noon, item("m1", "significant"))
	if _, ok := p.Give(noon, prompt.AnswerNote, "R2", all); !ok {
		t.Fatal("the second answer was not taken")
	}
	p.FiledNow(noon, "R1")
	if p.Filed || !p.Holds() {
		t.Error("after the first record was filed the texts of the second are not held")
	}
	p.FiledNow(noon, "R2")
	if !p.Filed || p.Holds() {
		t.Error("after the second was filed something is still held")
	}
}

func reminds(climbed []prompt.Rung) bool { return slices.Contains(climbed, prompt.Member) }

// SECRET is never kept, so that a decision beside it asks for no record once
// both are gone.
func TestWhatMayNotBeKeptIsPutRightByDeletion(t *testing.T) {
	p := open("secret")
	p.Flag(noon, item("m2", "significant"))
	p.Gone(noon, "m1")
	p.Gone(noon, "m2")
	if p.State != prompt.PutRight {
		t.Errorf("with both gone it is %s, want put-right", p.State)
	}
}
