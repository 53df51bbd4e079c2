package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// What a call may have shown is the prompt as it was when the call began. A
// message that came after that still has to be shown.
func TestWhatCameAfterAnInterruptedCallIsStillShown(t *testing.T) {
	bot := newFaulty()
	failed := make(chan struct{})
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		select {
		case <-failed:
			return true, nil
		default:
		}
		if e.Kind != bots.Whisper {
			return true, nil
		}
		close(failed)
		return true, errors.New("the line broke after the prompt had arrived")
	}
	h := start(t, bot)
	h.post("m1", sensitive)
	<-failed
	h.post("m2", sensitive)
	until(t, "both are settled", func() bool {
		found, err := h.store.Decided(t.Context(), room, []chat.MessageID{"m1", "m2"})
		return err == nil && len(found) == 2
	})
	h.shift(time.Minute) // the interrupted call is due again
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	bot.mu.Lock()
	defer bot.mu.Unlock()
	last := bot.ledger[len(bot.ledger)-1]
	if last.Prompt == nil || !slices.Contains(last.Prompt.Messages, "m2") {
		t.Errorf("the last of %d calls is a %s that does not show the second message", len(bot.ledger), last.Kind)
	}
}

// A reminder shows the prompt as it is. A revision that was planned before it
// has nothing left to show.
func TestARevisionThatShowsNothingNewIsNotSent(t *testing.T) {
	bot := newFaulty()
	tried, broken := 0, true
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Revise && broken {
			tried++
			return false, errors.New("the line broke")
		}
		return true, nil
	}
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the prompt is shown", func() bool { return bot.count(bots.Whisper) == 1 })
	h.post("m2", sensitive)
	until(t, "the revision has failed", func() bool { bot.mu.Lock(); defer bot.mu.Unlock(); return tried > 0 })
	for _, d := range []time.Duration{25 * time.Hour, time.Hour} {
		h.shift(d)
		if err := h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		bot.mu.Lock()
		broken = false
		bot.mu.Unlock()
	}
	if n := bot.count(bots.Remind); n != 1 {
		t.Fatalf("%d reminders, want 1", n)
	}
	if n := bot.count(bots.Revise); n != 0 {
		t.Errorf("%d revisions show what the reminder has shown", n)
	}
}

// Nobody lets a prompt lapse that was never put to them: while it cannot be
// shown, its time does not run.
func TestAPromptDoesNotLapseBeforeItWasShown(t *testing.T) {
	bot := newFaulty()
	tried, broken := 0, true
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Whisper && broken {
			tried++
			return false, errors.New("the platform is down")
		}
		return true, nil
	}
	h := start(t, bot)
	h.post("m1", "Decision: close the rest centre at 18:00 because the river is falling")
	until(t, "the prompt was tried", func() bool { bot.mu.Lock(); defer bot.mu.Unlock(); return tried > 0 })
	for range 20 { // days
		h.shift(24 * time.Hour)
		if err := h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	bot.mu.Lock()
	broken = false
	bot.mu.Unlock()
	h.shift(time.Hour)
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := bot.count(bots.Whisper); n != 1 {
		t.Errorf("%d whispers after the platform came back, want 1", n)
	}
	if n := bot.count(bots.Remind); n != 0 {
		t.Errorf("%d reminders of what was shown a moment ago", n)
	}
	h.shift(25 * time.Hour)
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := bot.count(bots.Remind); n != 1 {
		t.Errorf("%d reminders a day after it was shown, want 1", n)
	}
}
