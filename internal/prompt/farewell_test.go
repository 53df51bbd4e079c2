package prompt_test

import (
	"strings"
	"testing"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/prompt"
)

func TestAFarewellAsksOnceForALastLook(t *testing.T) {
	v := viewer(t)
	until := noon.Add(24 * time.Hour)
	say := func() *prompt.Prompt {
		return prompt.Farewell("p", noon, room, "Flood North", chat.Emergency, "tom", "Tom Ellery", until)
	}
	p := say()
	shown := v.Show(p, all)
	if strings.Contains(strings.ToLower(shown.Title), "leav") || !strings.Contains(shown.Title, "Tom") {
		t.Errorf("the first line is %q: a lock screen shows it", shown.Title)
	}
	if !strings.Contains(shown.Body, "24 November, 12:00") || !strings.Contains(shown.Body, "Thank you") || len(shown.Messages) != 0 {
		t.Errorf("it says %q about %v", shown.Body, shown.Messages)
	}
	if n := len(strings.Fields(shown.Title + " " + shown.Body)); n > 60 {
		t.Errorf("it has %d words", n)
	}
	if !offers(shown, prompt.AnswerLooked) || !offers(shown, prompt.AnswerNote) || !offers(shown, prompt.AnswerWrong) {
		t.Errorf("it offers %v", shown.Answers)
	}
	p.Begin(noon)
	if p.Takes(noon) {
		t.Error("it takes in a flagged message")
	}
	for h := range 400 {
		if reminds(p.Overdue(noon.Add(time.Duration(h) * time.Hour))) {
			t.Fatalf("it reminds after %d hours", h)
		}
	}
	if p.State != prompt.Lapsed {
		t.Errorf("in the end it is %s", p.State)
	}

	p = say()
	p.Hold(true)
	shown = v.Show(p, all)
	if !strings.Contains(shown.Body, "delete nothing") {
		t.Errorf("under a hold it says %q", shown.Body)
	}
	for _, st := range shown.Steps {
		if st.ID == prompt.StepCopies {
			t.Error("under a hold it asks for copies to be deleted")
		}
	}

	p = say()
	w, ok := p.Give(noon, prompt.AnswerNote, "R1", all)
	if !ok || !w.File || !w.Note || len(w.Delete) != 0 || p.State != prompt.Answered {
		t.Errorf("a note was taken as %+v, %t", w, ok)
	}

	p = prompt.Farewell("p", noon, room, "Flood North", chat.Team, "tom", "Tom Ellery", noon)
	if body := v.Show(p, all).Body; strings.Contains(body, "you will be") {
		t.Errorf("to somebody who goes now it says %q", body)
	}
}
