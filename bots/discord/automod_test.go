package discord_test

import (
	"strings"
	"testing"

	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// D8: foreign rules stay, also where they leave no room; a change is written
// once; what is not wanted any more is taken away.
func TestBlocking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	other := w.Application("other", lab.IntentContent)
	w.Install(other, w.guild, lab.ManageGuild)
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := w.AddRule(w.guild, other.User.ID, "Chaperone: "+name, "kitten"); err != nil {
			t.Fatal(err)
		}
	}
	w.Grant(w.guild, w.app.User.ID, w.Role(w.guild, "may", lab.ManageGuild))
	blocks := func(patterns ...string) (out []discord.Block) {
		for _, p := range patterns {
			out = append(out, discord.Block{Name: "one-" + p, Patterns: []string{p}})
		}
		return out
	}
	writes := func() (n int) {
		for _, c := range w.Calls() {
			if strings.Contains(c.Route, "auto-moderation") && !strings.HasPrefix(c.Route, "GET") {
				n++
			}
		}
		return n
	}
	looks := func() (n int) {
		for _, c := range w.Calls() {
			if c.Route == "GET /guilds/{guild}/auto-moderation/rules" {
				n++
			}
		}
		return n
	}
	live := func(want int, list []discord.Block) {
		t.Helper()
		before := looks()
		r := start(t, w.bot(t, discord.Options{Block: list}))
		until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 && looks() > before })
		until(t, "the rules are so", func() bool { return len(w.Rules(w.guild)) == want })
		r.stop()
	}
	live(6, blocks("x1", "x2", "x3")) // two fit
	n := writes()
	live(6, blocks("x1", "x2", "x3"))
	if writes() != n {
		t.Errorf("a second look made %d writes", writes()-n)
	}
	live(5, blocks("x2"))
	live(4, nil)
	for _, name := range w.Rules(w.guild) {
		if strings.Contains(name, "one-") {
			t.Errorf("%s is there", name)
		}
	}
	if err := discord.CheckBlocks(blocks("1", "2", "3", "4", "5", "6", "7")); err == nil {
		t.Error("seven rules were taken")
	}
	if err := discord.CheckBlocks(blocks(strings.Repeat("x", 300))); err == nil {
		t.Error("a pattern of 300 characters was taken")
	}
}
