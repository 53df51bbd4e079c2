package discord_test

import (
	"fmt"
	"strings"
	"testing"
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
