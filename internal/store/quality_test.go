package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// Answers are counted by rule, once for a prompt, and say nothing of people.
func TestAnswersAreCountedByRule(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := s.Receive(t.Context(), noon, []chat.Event{posted("m0", "hello")}); err != nil {
		t.Fatal(err)
	}
	var asked []engine.Shown
	ask := func(answer string, at time.Time, found ...string) {
		p := prompt.New(fmt.Sprintf("20261123-P%09d", len(asked)), at, room, "Flood North", chat.Team, "sam", "Sam")
		it := prompt.Item{Message: chat.MessageID(fmt.Sprint("m", len(asked))), At: at, Kind: "personal", Outcome: policy.MustNot, Duties: []policy.Duty{policy.Ask, policy.Remove}}
		for _, rule := range found {
			it.Found = append(it.Found, prompt.Found{Rule: rule, Category: "uk_nhs"})
		}
		p.Flag(at, it)
		switch answer {
		case "":
		case "gone":
			p.Gone(at, it.Message)
		default:
			if _, ok := p.Give(at, answer, "", prompt.Can{}); !ok {
				t.Fatalf("%q is not taken", answer)
			}
		}
		asked = append(asked, engine.Shown{Prompt: p})
	}
	ask(prompt.AnswerDeleted, noon, "uk-nhs", "uk-nhs", "phone")
	ask(prompt.AnswerNotSensitive, noon, "phone")
	ask(prompt.AnswerWrong, noon, "phone")
	ask("gone", noon, "uk-nhs")
	ask("", noon, "phone")                                        // still waits
	ask(prompt.AnswerWrong, noon.Add(-100*24*time.Hour), "phone") // too long ago
	settle(t, s, engine.Settlement{Chat: room, Now: noon, Prompts: asked})
	got, err := s.Answers(t.Context(), noon.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := []Answers{{Rule: "phone", Asked: 3, Agreed: 1, NotSensitive: 1, Wrong: 1}, {Rule: "uk-nhs", Asked: 2, Agreed: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStoredFindingsAreCountedByRuleAndSeverity(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := s.Receive(t.Context(), noon, []chat.Event{posted("m0", "hello")}); err != nil {
		t.Fatal(err)
	}
	message := func(id string, found ...rules.Finding) engine.Message {
		return engine.Message{ID: chat.MessageID(id), Member: "sam", At: noon, Label: "prompted", Findings: found}
	}
	phone := rules.Finding{Rule: "phone", Severity: rules.Caution}
	serious := rules.Finding{Rule: "phone", Severity: rules.Serious}
	settle(t, s, engine.Settlement{Chat: room, Now: noon, Messages: []engine.Message{message("m1", phone, phone), message("m2", phone, serious), message("m3")}})
	got, err := s.Found(t.Context(), noon.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := []Found{
		{Rule: "phone", Severity: rules.Caution, Findings: 3, Messages: 2, First: noon, Last: noon},
		{Rule: "phone", Severity: rules.Serious, Findings: 1, Messages: 1, First: noon, Last: noon},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if later, err := s.Found(t.Context(), noon.Add(time.Hour)); err != nil || len(later) != 0 {
		t.Errorf("an hour later: %v, %v", later, err)
	}
}
