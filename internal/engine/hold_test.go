package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
)

func (h *house) holdOn(t *testing.T, s hold.Scope) (hold.Hold, hold.Report) {
	t.Helper()
	placed, r, err := h.PlaceHold(t.Context(), hold.Hold{
		Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: s,
		Review: clock.DateOf(h.now().AddDate(1, 0, 0)), PlacedBy: "Nasreen Malik",
	})
	if err != nil {
		t.Fatal(err)
	}
	return placed, r
}

func (h *house) answer(t *testing.T, key, answer string) {
	t.Helper()
	var id string
	h.bot.mu.Lock()
	for _, e := range h.bot.ledger {
		if e.Prompt != nil {
			id = e.Prompt.ID
		}
	}
	h.bot.mu.Unlock()
	h.bot.events <- chat.Event{Key: key, Kind: chat.Answered, Chat: room, At: time.Now(), Member: "sam", Prompt: id, Answer: answer}
}

// lastShown is the prompt as its member was shown it last.
func (f *faulty) lastShown() bots.Prompt {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.ledger) - 1; i >= 0; i-- {
		if f.ledger[i].Prompt != nil {
			return *f.ledger[i].Prompt
		}
	}
	return bots.Prompt{}
}

func offers(p bots.Prompt, answer string) bool {
	for _, a := range p.Answers {
		if a.ID == answer {
			return true
		}
	}
	return false
}

func TestAHoldRefusesADeletionThatWasAlreadyAskedFor(t *testing.T) {
	bot := newFaulty()
	var mu sync.Mutex
	busy := true
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == bots.Delete && busy {
			return false, bots.Busy{After: 10 * time.Millisecond}
		}
		return true, nil
	}
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the prompt offers deletion", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
	h.answer(t, "a1", prompt.AnswerDelete)
	until(t, "deletion was tried", func() bool { bot.mu.Lock(); defer bot.mu.Unlock(); return bot.calls > 2 })
	h.holdOn(t, hold.Scope{Chats: []chat.ID{room}})
	mu.Lock()
	busy = false
	mu.Unlock()
	until(t, "the deletion has ended", func() bool {
		deeds, err := h.store.Trail(t.Context(), room, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deeds {
			if d.Kind == engine.Kind(bots.Delete) && d.Outcome == engine.Held {
				return true
			}
		}
		return false
	})
	until(t, "the member is told why", func() bool { return strings.Contains(bot.lastShown().Note, "hold") })
	if n := bot.count(bots.Delete); n != 0 {
		t.Errorf("%d messages were deleted under a hold", n)
	}
}

func TestAHoldSoftensOpenPromptsAndCapturesOnArrival(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the prompt offers deletion", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
	placed, r := h.holdOn(t, hold.Scope{Members: []hold.Member{{Account: "faulty", ID: "sam"}}})
	if !r.Settled() || len(r.Done)+len(r.Unknown) != 0 {
		t.Errorf("the report is %+v, want nothing under way", r)
	}
	until(t, "the prompt is softened", func() bool {
		p := bot.lastShown()
		return !offers(p, prompt.AnswerDelete) && !offers(p, prompt.AnswerDeleted) && strings.Contains(p.Body, "hold")
	})
	h.post("m2", "the boats are tied up")
	h.post("m3", "SECRET: decision: move the convoy at dawn because the bridge is out")
	h.bot.events <- chat.Event{Key: "m2e", Kind: chat.Edited, Chat: room, At: time.Now(), Member: "sam", Name: "Sam", Message: "m2", Revision: 1, Text: "the boats are gone"}
	h.bot.events <- chat.Event{Key: "m4", Kind: chat.Posted, Chat: room, At: time.Now(), Member: "priya", Name: "Priya", Message: "m4", Text: "not held"}
	until(t, "two revisions are filed", func() bool {
		all, err := h.store.Records(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		filed := 0
		for _, f := range all {
			if f.Receipt.Where != "" {
				filed++
			}
			if m := f.Record.Messages[0].ID; m != "m2" {
				t.Fatalf("message %s was captured", m)
			}
		}
		return filed == 2
	})
	if _, err := h.store.Sealed(t.Context(), "record/none"); err == nil {
		t.Error("a text that was never sealed opens")
	}
	if _, err := h.ReleaseHold(t.Context(), placed.ID, "Nasreen Malik", "the inquiry has ended"); err != nil {
		t.Fatal(err)
	}
	until(t, "the prompt asks again", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
	if n := bot.count(bots.Delete); n != 0 {
		t.Errorf("the release deleted %d messages", n)
	}
}

// stored waits until a hold is in the store.
func (h *house) stored(t *testing.T) {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if all, err := h.store.Holds(t.Context()).All(); err == nil && len(all) > 0 {
			return
		}
	}
	t.Error("no hold was stored")
}

// A hold waits for a call that is under way, and reports what it destroyed.
func TestAHoldWaitsForACallThatIsUnderWay(t *testing.T) {
	bot := newFaulty()
	reached, let := make(chan struct{}), make(chan struct{})
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Delete {
			close(reached)
			<-let
		}
		return true, nil
	}
	h := start(t, bot)
	letGo := sync.OnceFunc(func() { close(let) })
	defer letGo()
	h.post("m1", sensitive)
	until(t, "the prompt offers deletion", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
	h.answer(t, "a1", prompt.AnswerDelete)
	<-reached
	impatient, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() {
		defer giveUp()
		h.stored(t)
		time.Sleep(time.Second) // it looks every 20 ms what is under way
	}()
	placed, r, err := h.PlaceHold(impatient, hold.Hold{
		Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: hold.Scope{All: true},
		Review: clock.DateOf(h.now().AddDate(1, 0, 0)), PlacedBy: "Nasreen Malik",
	})
	if err == nil || r.Settled() || len(r.Open) != 1 || placed.ID == "" {
		t.Fatalf("a hold was said to be in force while a call was under way: %+v %v", r, err)
	}
	letGo()
	_, r = h.holdOn(t, hold.Scope{All: true})
	if len(r.Done) != 1 || r.Done[0].Message != "m1" {
		t.Errorf("the report of the second hold is %+v, want m1 destroyed", r)
	}
}

// A call whose outcome is not known is reported to whoever places a hold.
func TestAHoldReportsUnknownOutcomes(t *testing.T) {
	bot := newFaulty()
	broke := make(chan struct{}, 100)
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Delete {
			broke <- struct{}{}
			return false, errors.New("the line broke")
		}
		return true, nil
	}
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the prompt offers deletion", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
	h.answer(t, "a1", prompt.AnswerDelete)
	<-broke
	_, r := h.holdOn(t, hold.Scope{All: true})
	if len(r.Unknown) == 0 || r.Unknown[0].Message != "m1" {
		t.Errorf("the report is %+v, want m1 unknown", r)
	}
}

// An undeclared jump of the clock stops what destroys until a person confirms
// (DESIGN invariant 15); a declared one does not.
func TestAJumpOfTheClockStopsWhatDestroys(t *testing.T) {
	for _, c := range []struct {
		name     string
		jump     time.Duration
		declared bool
	}{{"ahead", 2 * time.Hour, false}, {"back", -2 * time.Hour, false}, {"declared", 72 * time.Hour, true}} {
		t.Run(c.name, func(t *testing.T) {
			bot := newFaulty()
			h := start(t, bot)
			h.post("m1", sensitive)
			until(t, "the prompt offers deletion", func() bool { return offers(bot.lastShown(), prompt.AnswerDelete) })
			if c.declared {
				if err := h.MoveClock(t.Context(), "Nasreen Malik", c.jump, func() error { h.shift(c.jump); return nil }); err != nil {
					t.Fatal(err)
				}
			} else {
				h.shift(c.jump)
			}
			h.answer(t, "a1", prompt.AnswerDelete)
			if !c.declared {
				until(t, "the trouble shows", func() bool { return h.Troubles()["clock"] != "" })
				time.Sleep(50 * time.Millisecond)
				if n := bot.count(bots.Delete); n != 0 {
					t.Fatalf("%d messages were deleted on a clock that jumped", n)
				}
				if err := h.ConfirmClock(t.Context(), ""); err == nil {
					t.Error("nobody confirmed the clock, and it was taken")
				}
				if err := h.ConfirmClock(t.Context(), "Nasreen Malik"); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "the message is deleted", func() bool { return bot.count(bots.Delete) == 1 })
			if h.Troubles()["clock"] != "" {
				t.Error("the trouble stays after the clock was confirmed")
			}
		})
	}
}
