package discord_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// in is a channel as the engine names it.
func in(channel lab.ID) chat.ID { return chat.ID{Account: discord.Account, Local: channel.String()} }

// TestAPromptSaysWhyItAsks: what was found, by its mask, whose policy asks and
// who answers questions stand in every prompt, however long the rest is.
func TestAPromptSaysWhyItAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	ready(t, w, b)
	for i, more := range []string{"", strings.Repeat("How it is done on a telephone. ", 120)} {
		p := &bots.Prompt{
			ID: fmt.Sprint("2026-", i), Title: "Hello Sam, about your message.", Body: "It may include an NHS number.", State: "open",
			Found: []string{"NHS number, ending 43", "House and street"}, Policy: "Details that identify a person never go in a chat.", Ask: "Morag Sinclair, 01632 960120", More: more,
		}
		e := bots.Effect{Key: p.ID, Kind: bots.Whisper, Chat: in(w.general), Member: chat.MemberID(w.sam.String()), Prompt: p}
		if _, err := b.Do(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		all := w.Seen(w.sam, w.Direct(w.sam, w.app.ID))
		said := strings.ReplaceAll(all[len(all)-1].Content, `\`, "")
		for _, want := range append(p.Found, p.Policy, p.Ask) {
			if !strings.Contains(said, "\n-# "+want) {
				t.Errorf("it lacks %q: %s", want, said)
			}
		}
		if n := utf8.RuneCountInString(all[len(all)-1].Content); n > 2000 {
			t.Errorf("it has %d characters", n)
		}
	}
}

// TestAServerOfClosedDoors (D9): where nobody takes direct messages each is called
// by a line, at once and every time, and refusals stay far from what opens the
// circuit; whoever is known to take them gets theirs.
func TestAServerOfClosedDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	now := time.Now()
	b := w.bot(t, discord.Options{Now: func() time.Time { return now }})
	b.Reveal(func(context.Context, chat.ID, chat.MemberID) ([]bots.Prompt, error) { return nil, nil })
	ready(t, w, b)
	whisper := func(who lab.ID, n int) error {
		p := &bots.Prompt{ID: fmt.Sprint("p-", who, "-", n), Title: "Hello", State: "open"}
		_, err := b.Do(t.Context(), bots.Effect{Key: p.ID, Kind: bots.Whisper, Chat: in(w.general), Member: chat.MemberID(who.String()), Prompt: p})
		return err
	}
	if err := whisper(w.priya, 0); err != nil {
		t.Fatal(err)
	}
	const people = 80
	var closed []lab.ID
	for i := range people {
		who := w.Person(fmt.Sprint("person-", i))
		w.Join(w.guild, who)
		w.NoDirect(who, true)
		closed = append(closed, who)
	}
	for n := range 2 {
		for _, who := range closed {
			if err := whisper(who, n); err != nil {
				t.Fatalf("question %d of %s: %v", n, who, err)
			}
		}
	}
	if err := whisper(w.priya, 1); err != nil || len(w.prompts(w.priya)) != 2 {
		t.Errorf("Priya, who takes them, sees %d questions (%v)", len(w.prompts(w.priya)), err)
	}
	refused := func() (n int) {
		for _, c := range w.Calls() {
			if c.Status == 403 {
				n++
			}
		}
		return n
	}
	lines := len(w.Seen(w.sam, w.general))
	if n := refused(); n > 20 || lines != 2*people {
		t.Errorf("%d calls were refused, and %d lines stand", n, lines)
	}
	// What cannot be said by a line waits until doors may be tried again, and a
	// door that is known to be closed is not.
	tell := func(who lab.ID) error {
		_, err := b.Do(t.Context(), bots.Effect{Key: fmt.Sprint("t-", who, now), Kind: bots.Tell, Chat: in(w.general), Member: chat.MemberID(who.String()), Text: "hello"})
		return err
	}
	if _, busy := errors.AsType[bots.Busy](tell(w.sam)); !busy {
		t.Error("somebody nobody knows was tried")
	}
	if err := tell(closed[0]); !errors.Is(err, bots.ErrForbidden) {
		t.Errorf("a door known to be closed: %v", err)
	}
	n := refused()
	now = now.Add(11 * time.Minute)
	if err := tell(w.sam); err != nil {
		t.Errorf("after a while: %v", err)
	}
	w.NoDirect(closed[0], false)
	now = now.Add(7 * time.Hour)
	if err := whisper(closed[0], 2); err != nil || len(w.prompts(closed[0])) != 1 || refused() != n {
		t.Errorf("somebody who takes them again sees %d questions (%v), %d were refused", len(w.prompts(closed[0])), err, refused()-n)
	}
}
