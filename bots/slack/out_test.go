package slack

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/slack/lab"
	"chaperone/internal/chat"
)

func whisper(b *Bot, id string) bots.Effect {
	return bots.Effect{Key: "whisper/" + id, Kind: bots.Whisper, Chat: b.id(flood), Member: sam, Prompt: &bots.Prompt{
		ID: id, Title: "Hello Sam, about <!channel> & your message.", Body: strings.Repeat("long ", 1000), State: "open",
		Steps: []bots.Step{{ID: "one", Text: strings.Repeat("x", 200)}, {ID: "two", Text: "Two.", Done: true}},
		Answers: []bots.Answer{
			{ID: "note", Label: strings.Repeat("Keep ", 40), WantsText: true, Expected: true}, {ID: "wrong", Label: "This is wrong", More: true},
		},
		Found: []string{"NHS number, ending 43"}, Policy: "A policy", Ask: "Morag",
	}}
}

// TestWhatSlackAnswers: a busy Slack has done nothing; a lost answer is looked
// for, also by a bot that remembers nothing.
func TestWhatSlackAnswers(t *testing.T) {
	l, api := workspace(t, quick())
	b := newBot(t, api, nil)
	live(t, b, &store{})
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	e := whisper(b, "p1")
	l.Fail(lab.Fault{Method: "chat.postMessage", After: 7})
	if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.Busy{After: 7 * time.Second}) {
		t.Errorf("429 with 7 seconds was answered with %v", err)
	}
	if _, sent, err := b.Sent(t.Context(), e); sent || err != nil {
		t.Errorf("after 429: sent %t, %v", sent, err)
	}
	l.Fail(lab.Fault{Method: "chat.postMessage", Status: 503})
	if _, err := b.Do(t.Context(), e); err == nil {
		t.Error("503 was taken for success")
	}
	l.Fail(lab.Fault{Method: "chat.postMessage", Status: 599}) // it has its effect
	if _, err := b.Do(t.Context(), e); err == nil {
		t.Error("a lost answer was taken for success")
	}
	again := newBot(t, api, nil)
	if err := again.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, sent, err := again.Sent(t.Context(), e)
	if !sent || err != nil || made == "" {
		t.Fatalf("after a lost answer: sent %t, %q, %v", sent, made, err)
	}
	e.Kind, e.Key = bots.Revise, "revise/p1"
	if at, err := again.Do(t.Context(), e); err != nil || at != made {
		t.Errorf("revised as %q, %v; want %q", at, err, made)
	}
	if n := len(l.Sees(sam)); n != 1 {
		t.Errorf("Sam sees %d messages", n)
	}
}

// TestAHastyPersonAnswersOnce: a modal that is sent off twice is one answer.
func TestAHastyPersonAnswersOnce(t *testing.T) {
	l, api := workspace(t, patient())
	b := newBot(t, api, nil)
	s := &store{}
	live(t, b, s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	if _, err := b.Do(t.Context(), whisper(b, "p1")); err != nil {
		t.Fatal(err)
	}
	prompt := l.Sees(sam)[0]
	if prompt.Text != "Hello Sam, about &lt;!channel&gt; &amp; your message." {
		t.Errorf("the first line is %q", prompt.Text)
	}
	if err := l.Press(sam, prompt.TS, "answer/note", nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the box is open", func() bool { return len(l.Modals(sam)) == 1 })
	box := l.Modals(sam)[0].ID
	for range 2 {
		if err := l.Submit(sam, box, map[string]string{"text": "<why> & how"}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the answer arrived and the box is closed", func() bool {
		return len(s.of(chat.Answered, flood)) == 1 && len(l.Modals(sam)) == 0
	})
	if a := s.of(chat.Answered, flood)[0]; a.Text != "<why> & how" || a.Answer != "note" || a.Prompt != "p1" || a.Member != sam {
		t.Errorf("answered as %+v", a)
	}
	if err := l.Press(sam, prompt.TS, "steps", []string{"one"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the ticks arrived", func() bool { return len(s.of(chat.Ticked, flood)) == 2 })
	for _, e := range s.of(chat.Ticked, flood) {
		if e.Done != (e.Step == "one") {
			t.Errorf("step %s is done: %t", e.Step, e.Done)
		}
	}
}

// TestABotThatHasNotConnectedYetFindsWhatItSent: after a crash the engine looks
// before the connection stands.
func TestABotThatHasNotConnectedYetFindsWhatItSent(t *testing.T) {
	l, api := workspace(t, quick())
	s := &store{}
	b := newBot(t, api, nil)
	stop := live(t, b, s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	e := bots.Effect{Key: "k1", Kind: bots.Whisper, Chat: b.id(flood), Member: sam, Prompt: &bots.Prompt{ID: "p1", Title: "Hello", State: "open"}}
	if _, err := b.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, sent, err := newBot(t, api, nil).Sent(t.Context(), e); !sent || err != nil {
		t.Errorf("sent: %t, %v", sent, err)
	}
}
