package whatsapp

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
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

// TestLeftMeanwhile lets the bot's number leave groups while the list that has
// them is read: the engine is not told that the bot is there.
func TestLeftMeanwhile(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	var groups []string
	for k := range 12 {
		g, err := w.lab.AddGroup(lab.NewGroup{Subject: fmt.Sprint("Ward ", k), Hidden: true, Admins: []string{office}, Members: []string{sam}})
		done(t, err)
		groups = append(groups, g.String())
	}
	w.settled(office, 1, 0)
	stop := w.run(t, j) // what told of the groups is taken
	for _, g := range groups {
		j.wait(t, "the group", func(e chat.Event) bool { return e.Kind == chat.Added && e.Chat.Local+"@g.us" == g })
	}
	stop()
	_, err := w.db.ExecContext(t.Context(), `DELETE FROM chaperone_chats`) // as if it knew none of them
	done(t, err)
	w.open(t)
	again, asked, left := &journal{}, make(chan struct{}), make(chan struct{})
	var once sync.Once
	again.refuse = func(chat.Event) bool {
		once.Do(func() { close(asked); <-left })
		time.Sleep(2 * time.Millisecond) // so that what comes meanwhile has its turn in between
		return false
	}
	w.run(t, again)
	<-asked // the list is there, and the first group of it is told of
	for _, g := range groups {
		done(t, w.people[office].Leave(t.Context(), g))
	}
	close(left)
	for end := time.Now().Add(30 * time.Second); (w.lab.Waiting(office, 1) > 0 || w.bot.failed.Load() != 0) && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	in, err := w.bot.book.chats(t.Context())
	done(t, err)
	if _, there := in[w.chat.Local]; len(in) != 1 || !there {
		t.Errorf("the bot is in %v, and should be in %s alone", in, w.chat.Local)
	}
}
