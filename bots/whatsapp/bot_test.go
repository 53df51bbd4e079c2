package whatsapp

import (
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum"

	"chaperone/bots"
	"chaperone/bots/botstest"
	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

const sam, priya, office = "447700900001", "447700900002", "447700900099"

// world is a lab with two people and the bot, linked to the office's phone, in
// one group.
type world struct {
	lab    *lab.Lab
	bot    *Bot
	db     *sql.DB
	people map[string]*lab.Person
	keys   string
	later  atomic.Int64 // how far the bot's clock is ahead
	group  string
	chat   chat.ID
}

func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openDB makes the bot's file, encrypted as the product's is, or in the clear so
// that a test can look into it.
func openDB(t testing.TB, path string, clear bool) *sql.DB {
	t.Helper()
	name, key := "file:"+path+"?vfs=adiantum&_txlock=immediate", `PRAGMA hexkey='`+strings.Repeat("0f", 32)+`';`
	if clear {
		name, key = "file:"+path+"?_txlock=immediate", ""
	}
	db, err := driver.Open(name, func(c *sqlite3.Conn) error {
		return c.Exec(key + `PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA synchronous=OFF`)
	})
	done(t, err)
	t.Cleanup(func() { done(t, db.Close()) })
	return db
}

func newWorld(t *testing.T, hidden bool) *world {
	t.Helper()
	return newWorldOn(t, hidden, openDB(t, filepath.Join(t.TempDir(), "whatsapp.db"), false))
}

func newWorldOn(t *testing.T, hidden bool, db *sql.DB) *world {
	t.Helper()
	l, err := lab.New("127.0.0.1:0")
	done(t, err)
	t.Cleanup(func() {
		done(t, l.Close())
		for _, n := range l.Notes() {
			t.Error(n)
		}
	})
	w := &world{lab: l, db: db, people: map[string]*lab.Person{}}
	for number, name := range map[string]string{sam: "Sam", priya: "Priya", office: "Office"} {
		w.people[number], err = l.AddPerson(t.Context(), number, name)
		done(t, err)
	}
	w.keys = filepath.Join(t.TempDir(), "keys")
	w.open(t)
	w.link(t)
	j, err := l.AddGroup(lab.NewGroup{Subject: "Flood north", Hidden: hidden, Admins: []string{office}, Members: []string{sam, priya}})
	done(t, err)
	w.group, w.chat = j.String(), chatID(j)
	return w
}

// open makes the bot from what stands in its files.
func (w *world) open(t *testing.T) {
	t.Helper()
	root := lab.Root()
	var err error
	w.bot, err = New(t.Context(), Options{
		DB: w.db, KeyFile: w.keys, URL: w.lab.URL(), NoiseRoot: hex.EncodeToString(root[:]), Now: func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) },
	})
	done(t, err)
}

func (w *world) link(t *testing.T) {
	t.Helper()
	done(t, w.bot.Link(t.Context(), "Aisha Rahman", func(code string, _ time.Duration) {
		if err := w.lab.ScanQR(office, code); err != nil {
			t.Error(err)
		}
	}))
}

func (w *world) id(number string) chat.MemberID { return memberID(w.lab.Hidden(number)) }

func (w *world) numberOf(m chat.MemberID) string {
	for n := range w.people {
		if w.id(n) == m {
			return n
		}
	}
	return ""
}

// settled waits until a device has what was sent to it; not for ever, because
// some bots refuse.
func (w *world) settled(number string, device uint16, most time.Duration) {
	for end := time.Now().Add(most); w.lab.Waiting(number, device) > 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
}

// private lists what the office wrote to somebody alone.
func (w *world) private(number string) (out []lab.Seen) {
	w.settled(number, 0, 30*time.Second)
	for _, s := range w.people[number].Seen() {
		if s.From == office && !strings.HasSuffix(s.Chat, "@g.us") {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) harness(t *testing.T) botstest.Harness {
	w.say(t, sam, office, "hello") // or Sam could not be told anything
	return botstest.Harness{
		Bot: w.bot, Chat: w.chat, Sam: w.id(sam), Priya: w.id(priya),
		Say: func(t *testing.T, who chat.MemberID, text string) chat.MessageID {
			id, err := w.people[w.numberOf(who)].Say(t.Context(), w.group, text)
			done(t, err)
			w.settled(office, 1, 2*time.Second)
			return messageID(id, who)
		},
		Edit: func(t *testing.T, who chat.MemberID, m chat.MessageID, text string) {
			stanza, _, _ := splitMessage(m)
			done(t, w.people[w.numberOf(who)].Edit(t.Context(), w.group, stanza, text))
		},
		Delete: func(t *testing.T, who chat.MemberID, m chat.MessageID) {
			stanza, _, _ := splitMessage(m)
			done(t, w.people[w.numberOf(who)].Revoke(t.Context(), w.group, w.numberOf(who), stanza))
		},
		Prompts: func(t *testing.T, who chat.MemberID) (out []string) {
			for _, s := range w.private(w.numberOf(who)) {
				p, err := w.bot.book.shownAs(t.Context(), s.ID)
				done(t, err)
				if s.Kind == lab.SeenText && p != nil && !slices.Contains(out, p.prompt) {
					out = append(out, p.prompt)
				}
			}
			return out
		},
		Calls: func(t *testing.T, k bots.Kind) (n int) {
			for _, number := range []string{sam, priya} { // the office's own phone sees all of it too
				for _, s := range w.private(number) {
					is := map[bots.Kind]bool{
						bots.Whisper: s.Kind == lab.SeenText && s.About == "", bots.Remind: s.Kind == lab.SeenText && s.About != "", bots.Revise: s.Kind == lab.SeenEdit,
					}
					if is[k] {
						n++
					}
				}
			}
			if k == bots.Post {
				for _, s := range w.people[sam].Seen() {
					if s.Chat == w.group && s.From == office && s.Kind == lab.SeenText {
						n++
					}
				}
			}
			return n
		},
		Members: func(*testing.T) (out []chat.MemberID) {
			j := groupJID(w.chat)
			for _, n := range w.lab.Members(j) {
				if n != office {
					out = append(out, w.id(n))
				}
			}
			return out
		},
	}
}

func TestBot(t *testing.T) {
	for name, hidden := range map[string]bool{"Numbers": false, "HiddenIds": true} {
		t.Run(name, func(t *testing.T) {
			botstest.Run(t, func(t *testing.T) botstest.Harness { return newWorld(t, hidden).harness(t) })
		})
	}
}
