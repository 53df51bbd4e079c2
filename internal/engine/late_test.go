package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/record/folder"
)

// asked gives the newest prompt that a member was shown.
func (f *faulty) asked(who chat.MemberID) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := ""
	for _, e := range f.ledger {
		if e.Kind == bots.Whisper && e.Member == who {
			id = e.Prompt.ID
		}
	}
	return id
}

// Whoever answers in their own words when the question is closed is told that
// nothing came of them. A hasty hand that sends the same answer twice is told
// nothing, nor is one without words.
func TestWordsThatComeTooLate(t *testing.T) {
	filer, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bot := newFaulty()
	h := startAs(t, bot, bot, nil, func(o *engine.Options) { o.Filer = filer })
	n := 0
	answer := func(prompt, answer, text string) {
		t.Helper()
		n++
		bot.events <- chat.Event{
			Key: fmt.Sprint("answer", n), Kind: chat.Answered, Chat: room, At: time.Now(), Member: "sam", Prompt: prompt, Answer: answer, Text: text,
		}
	}
	ask := func(message string) string {
		t.Helper()
		before := bot.asked("sam")
		h.post(message, "We decided to close the north gate because the gauge is over 4 metres.")
		until(t, "sam is asked", func() bool {
			if err := h.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			return bot.asked("sam") != before
		})
		return bot.asked("sam")
	}
	first := ask("m1")
	answer(first, "note", "North gate closed.")
	answer(first, "note", "North gate closed.")
	answer(first, "not-sensitive", "")
	second := ask("m2")
	answer(second, "not-sensitive", "")
	answer(second, "wrong", "")
	answer(second, "note", "North gate closed, gauge over 4 metres.")
	until(t, "sam is told", func() bool {
		if err := h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(bot.told("sam")) > 0
	})
	if got := bot.told("sam"); len(got) != 1 || !strings.Contains(got[0], "that question was closed") || strings.Contains(got[0], "gauge") {
		t.Errorf("sam was told %q", got)
	}
}
