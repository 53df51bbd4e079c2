package whatsapp

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

// TestAddedMeanwhile adds the bot to groups while it is away and while it
// connects: the engine is told of each once, and by whom it was added, because
// they are asked about the group before anything is read there.
func TestAddedMeanwhile(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	add := func(k int) string {
		g, err := w.lab.AddGroup(lab.NewGroup{Subject: fmt.Sprint("Ward ", k), Hidden: k%2 == 0, Admins: []string{sam}, Members: []string{priya, office}})
		done(t, err)
		return g.User
	}
	var groups []string
	for k := range 20 {
		groups = append(groups, add(k))
	}
	other, err := w.lab.AddGroup(lab.NewGroup{Subject: "Depot", Hidden: true, Admins: []string{sam, priya}})
	done(t, err)
	done(t, w.people[priya].Change(t.Context(), other.String(), whatsmeow.ParticipantChangeAdd, office))
	stop := w.run(t, j)
	for k := range 20 {
		groups = append(groups, add(20+k))
		if k%7 == 0 {
			time.Sleep(5 * time.Millisecond) // so that some come before it is connected, and some after
		}
	}
	for _, g := range groups {
		j.wait(t, "the group", func(e chat.Event) bool { return e.Kind == chat.Added && e.Chat.Local == g })
	}
	if e := j.wait(t, "the depot", func(e chat.Event) bool { return e.Kind == chat.Added && e.Chat.Local == other.User }); e.Member != w.id(priya) {
		t.Errorf("Priya added it, and not %q", e.Member)
	}
	stop()
	w.open(t)
	w.run(t, j)
	w.say(t, sam, w.group, "after")
	j.wait(t, "what is said after a restart", text("after"))
	times := map[string]int{}
	for _, e := range j.all(chat.Added) {
		if times[e.Chat.Local]++; e.Chat != w.chat && e.Chat.Local != other.User && e.Member != w.id(sam) {
			t.Errorf("%s was added by %q", e.Name, e.Member)
		}
	}
	for _, g := range groups {
		if times[g] != 1 {
			t.Errorf("the engine was told %d times of one group", times[g])
		}
	}
}

// TestInAGroupBefore links a number that is in a group already, of which no
// message tells: whoever made the group is asked about it.
func TestInAGroupBefore(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	root := lab.Root()
	bot, err := New(t.Context(), Options{
		DB: openDB(t, filepath.Join(t.TempDir(), "whatsapp.db"), false), KeyFile: filepath.Join(t.TempDir(), "keys"),
		URL: w.lab.URL(), NoiseRoot: hex.EncodeToString(root[:]),
	})
	done(t, err)
	done(t, bot.Link(t.Context(), "Aisha Rahman", func(code string, _ time.Duration) {
		if err := w.lab.ScanQR(priya, code); err != nil {
			t.Error(err)
		}
	}))
	w.bot = bot
	w.run(t, j)
	e := j.wait(t, "the group", func(e chat.Event) bool { return e.Kind == chat.Added && e.Chat == w.chat })
	if e.Member != w.id(office) {
		t.Errorf("it was added by %q", e.Member)
	}
}
