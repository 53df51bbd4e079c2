package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/record/folder"
)

// told is what was told to a member, in order.
func (f *faulty) told(who chat.MemberID) (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.ledger {
		if e.Kind == bots.Tell && e.Member == who {
			all = append(all, e.Text)
		}
	}
	return all
}

// A message that somebody wants kept becomes one record, under the name of
// whoever wrote it; they are told so, and everybody else who wants it later.
func TestAMessageThatSomebodyWantsIsKeptOnce(t *testing.T) {
	bot := newFaulty()
	dir := t.TempDir()
	filer, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := startAs(t, bot, bot, nil, func(o *engine.Options) { o.Filer = filer })
	n := 0
	want := func(who chat.MemberID, message, text, says string) {
		t.Helper()
		n++
		before := len(bot.told(who))
		bot.events <- chat.Event{
			Key: fmt.Sprint("want", n), Kind: chat.Wanted, Chat: room, At: time.Now(), Member: who, Message: chat.MessageID(message), Answer: "sam", Text: text,
		}
		until(t, "they are told "+says, func() bool {
			if err := h.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(bot.told(who)) > before
		})
		if got := bot.told(who)[before]; !strings.Contains(got, says) {
			t.Errorf("%s was told %q, want %q", who, got, says)
		}
	}
	records := func() (files []string) {
		all, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	text := "the boats are tied up at the slipway"
	h.post("m1", text)
	want("priya", "m1", text, "kept the message")
	kept := records()
	want("priya", "m1", text, "kept the message")
	want("tom", "m1", text, "kept the message")
	if now := records(); len(kept) == 0 || len(now) != len(kept) {
		t.Errorf("one message became %q, and then %q", kept, now)
	}
	want("tom", "m2", "OFFICIAL SECRET: SECRET UK EYES ONLY the plan", "never keep")
	want("tom", "m3", "", "did not keep")
	bot.events <- chat.Event{Key: "gone", Kind: chat.Deleted, Chat: room, At: time.Now(), Member: "sam", Message: "m1"}
	want("tom", "m1", text, "did not keep")
	if now := records(); len(now) != len(kept) {
		t.Errorf("what is not to be kept was kept: %q", now)
	}
	found := false
	for _, f := range kept {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a folder
		}
		found = found || strings.Contains(string(b), `"sam"`) && strings.Contains(string(b), `"priya"`)
	}
	if !found {
		t.Errorf("the record tells neither who wrote it nor who wanted it: %q", kept)
	}
}
