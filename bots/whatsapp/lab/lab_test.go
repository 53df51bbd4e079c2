package lab

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

const (
	sam, priya, lee, office = "447700900001", "447700900002", "447700900003", "447700900099"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	l, err := New("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range l.Notes() {
			t.Error(n)
		}
	})
	return l
}

func person(t *testing.T, l *Lab, number, name string) *Person {
	t.Helper()
	p, err := l.AddPerson(t.Context(), number, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newGroup(t *testing.T, l *Lab, hidden bool, admin string, members ...string) string {
	t.Helper()
	j, err := l.AddGroup(NewGroup{Subject: "Flood north", Hidden: hidden, Admins: []string{admin}, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	return j.String()
}

// must gives what a call returned, which has to have succeeded.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func see(t *testing.T, p *Person, what string, ok func(Seen) bool) Seen {
	t.Helper()
	s, err := p.Wait(t.Context(), ok)
	if err != nil {
		t.Fatalf("%s: %v; it saw %+v", what, err, p.Seen())
	}
	return s
}

func says(text string) func(Seen) bool {
	return func(s Seen) bool { return s.Kind == SeenText && s.Text == text }
}

// unreadable fails where any of the texts went over the wire as it is, or as
// hexadecimal or base 64.
func unreadable(t *testing.T, l *Lab, texts ...string) {
	t.Helper()
	for _, s := range l.Traffic() {
		for _, w := range texts {
			forms := []string{w, hex.EncodeToString([]byte(w)), base64.RawStdEncoding.EncodeToString([]byte(w))}
			if slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(s.XML, f) }) {
				t.Errorf("the server could read %q in a stanza %s of %s", w, s.Tag, s.Number)
			}
		}
	}
}

func TestPrivate(t *testing.T) {
	l := newLab(t)
	a, b := person(t, l, sam, "Sam"), person(t, l, priya, "Priya")
	must(a.Say(t.Context(), priya, "hello Priya"))
	if got := see(t, b, "a message", says("hello Priya")); got.From != sam || got.Chat != sam+"@s.whatsapp.net" {
		t.Errorf("it arrived as %+v", got)
	}
	must(b.Say(t.Context(), l.Hidden(sam).String(), "hello Sam"))
	if got := see(t, a, "a message by the hidden id", says("hello Sam")); got.From != priya {
		t.Errorf("it arrived as %+v", got)
	}
	unreadable(t, l, "hello Priya", "hello Sam")
}

func TestGroup(t *testing.T) {
	for name, hidden := range map[string]bool{"Numbers": false, "HiddenIds": true} {
		t.Run(name, func(t *testing.T) { testGroup(t, hidden) })
	}
}

func testGroup(t *testing.T, hidden bool) {
	l, ctx := newLab(t), t.Context()
	a, b, c := person(t, l, sam, "Sam"), person(t, l, priya, "Priya"), person(t, l, lee, "Lee")
	g := newGroup(t, l, hidden, sam, priya, lee)
	see(t, b, "the group", func(s Seen) bool { return s.Kind == SeenGroup })
	first := must(a.Say(ctx, g, "water at the bridge"))
	if got := see(t, b, "a message", says("water at the bridge")); got.From != sam || got.ID != first || got.Chat != g {
		t.Errorf("it arrived as %+v", got)
	}
	done(t, a.Edit(ctx, g, first, "water at both bridges"))
	see(t, b, "an edit", func(s Seen) bool {
		return s.Kind == SeenEdit && s.About == first && s.Text == "water at both bridges"
	})
	must(b.Reply(ctx, g, sam, first, "on my way"))
	see(t, a, "a reply", func(s Seen) bool { return s.Text == "on my way" && s.About == first })
	done(t, b.React(ctx, g, sam, first, "👍"))
	see(t, a, "a reaction", func(s Seen) bool { return s.Kind == SeenReaction && s.About == first && s.Text == "👍" })
	must(c.Poll(ctx, g, "who has sandbags", []string{"me", "not me"}))
	see(t, b, "a poll", says("who has sandbags"))
	must(c.Share(ctx, g, "list.pdf", "application/pdf", "the list", []byte("%PDF-1.4 of the list")))
	see(t, a, "a document", says("the list"))
	done(t, b.Read(ctx, g, sam, first))
	see(t, a, "a receipt", func(s Seen) bool { return s.Kind == SeenRead && s.About == first && s.From == priya })
	if err := b.Revoke(ctx, g, sam, first); err == nil {
		t.Error("somebody who is no administrator deleted another's message")
	}
	said := must(b.Say(ctx, g, "wrong chat"))
	see(t, a, "a message", says("wrong chat"))
	done(t, a.Revoke(ctx, g, priya, said))
	see(t, c, "an administrator's deletion", func(s Seen) bool { return s.Kind == SeenRevoke && s.About == said && s.From == sam })
	if err := b.Change(ctx, g, whatsmeow.ParticipantChangeRemove, lee); err == nil {
		t.Error("somebody who is no administrator removed a member")
	}
	done(t, a.Change(ctx, g, whatsmeow.ParticipantChangeRemove, lee))
	for _, p := range []*Person{a, b, c} {
		see(t, p, "the leaving", func(s Seen) bool { return s.Kind == SeenLeave && s.From == lee })
	}
	must(a.Say(ctx, g, "without Lee"))
	see(t, b, "a message", says("without Lee"))
	if slices.ContainsFunc(c.Seen(), says("without Lee")) {
		t.Error("somebody who was removed still reads the group")
	}
	if _, err := c.Say(ctx, g, "let me in"); err == nil {
		t.Error("somebody who was removed still writes to the group")
	}
	done(t, b.Leave(ctx, g))
	see(t, a, "the leaving", func(s Seen) bool { return s.Kind == SeenLeave && s.From == priya })
	unreadable(t, l, "water at the bridge", "water at both bridges", "on my way", "the list", "who has sandbags")
}

func TestWhatWaitsArrives(t *testing.T) {
	l, ctx := newLab(t), t.Context()
	a, b := person(t, l, sam, "Sam"), person(t, l, priya, "Priya")
	g := newGroup(t, l, true, sam, priya)
	must(a.Say(ctx, g, "one"))
	see(t, b, "the first", says("one"))
	b.Disconnect()
	must(a.Say(ctx, g, "two"))
	must(a.Say(ctx, priya, "three"))
	done(t, b.Connect(ctx))
	see(t, b, "the second", says("two"))
	see(t, b, "the third", says("three"))
	eventually(t, "everything is acknowledged", func() bool { return l.Waiting(priya, 0) == 0 })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestFaults(t *testing.T) {
	l, ctx := newLab(t), t.Context()
	a, b := person(t, l, sam, "Sam"), person(t, l, priya, "Priya")
	g := newGroup(t, l, true, sam, priya)
	must(a.Say(ctx, g, "before"))
	see(t, b, "what came before", says("before"))

	done(t, l.Fault(Fault{Kind: Garble, Number: priya, Count: 1}))
	must(a.Say(ctx, g, "garbled"))
	see(t, b, "something unreadable", func(s Seen) bool { return s.Kind == SeenUnreadable })
	see(t, b, "it once more, readable", says("garbled"))

	done(t, l.Fault(Fault{Kind: Reverse, Number: priya, Count: 2}))
	must(a.Say(ctx, g, "first"))
	must(a.Say(ctx, g, "second"))
	see(t, b, "the first of two", says("first"))
	see(t, b, "the second of two", says("second"))
	order := ""
	for _, s := range b.Seen() {
		if s.Text == "first" || s.Text == "second" {
			order += s.Text + " "
		}
	}
	if order != "second first " {
		t.Errorf("the order was %q", order)
	}

	done(t, l.Fault(Fault{Kind: Cold, Number: priya}))
	if _, err := a.Say(ctx, priya, "cold"); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("a message to somebody who never wrote was answered with %v", err)
	}
	must(b.Say(ctx, sam, "hello"))
	see(t, a, "the first word", says("hello"))
	must(a.Say(ctx, priya, "warm"))
	see(t, b, "an answer", says("warm"))

	done(t, l.Fault(Fault{Kind: Cut, Number: priya}))
	must(a.Say(ctx, g, "after the cut"))
	see(t, b, "what came after it", says("after the cut"))
	done(t, l.Fault(Fault{Kind: Duplicate, Number: priya, Count: 1}))
	must(a.Say(ctx, g, "twice"))
	see(t, b, "what was sent twice", says("twice"))
	if err := l.Fault(Fault{Kind: Cut, Number: "440000000000"}); err == nil {
		t.Error("a fault of nobody was accepted")
	}
}

// companion is an unmodified client that is to be linked.
func companion(t *testing.T, l *Lab) (*whatsmeow.Client, chan any) {
	t.Helper()
	db, err := driver.Open("file:"+t.TempDir()+"/companion.db?_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; PRAGMA journal_mode=WAL`)
	})
	done(t, err)
	box := sqlstore.NewWithDB(db, "sqlite3", nil)
	done(t, box.Upgrade(t.Context()))
	c := whatsmeow.NewClient(box.NewDevice(), nil)
	c.SetPreLoginHTTPClient(l.clients)
	c.SetWebsocketHTTPClient(l.clients)
	happened := make(chan any, 1000)
	c.AddEventHandler(func(e any) { happened <- e })
	t.Cleanup(func() { c.Disconnect(); _ = box.Close() })
	return c, happened
}

func next[E any](t *testing.T, happened chan any, ok func(E) bool) E {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case e := <-happened:
			if x, is := e.(E); is && ok(x) {
				return x
			}
		case <-late:
			t.Fatalf("waited in vain for a %T", *new(E))
		}
	}
}

func every[E any](E) bool { return true }

func TestLinking(t *testing.T) {
	l, ctx := newLab(t), context.Background()
	a := person(t, l, sam, "Sam")
	phone := person(t, l, office, "Office")
	g := newGroup(t, l, true, office, sam)
	must(a.Say(ctx, g, "before the device"))
	see(t, phone, "a message", says("before the device"))
	c, happened := companion(t, l)
	done(t, c.Connect())
	code := next(t, happened, every[*events.QR]).Codes[0]
	if err := l.ScanQR(office, "2@nothing,a,b,c"); err == nil {
		t.Error("a code of somewhere else was accepted")
	}
	done(t, l.ScanQR(office, code))
	next(t, happened, every[*events.PairSuccess])
	next(t, happened, every[*events.Connected])
	if err := l.ScanQR(office, code); err == nil {
		t.Error("a code was accepted twice")
	}
	if got := l.Devices(office); !slices.Equal(got, []uint16{0, 1}) {
		t.Fatalf("the devices are %v", got)
	}
	must(a.Say(ctx, g, "to all devices"))
	see(t, phone, "a message", says("to all devices"))
	m := next(t, happened, func(e *events.Message) bool { return words(e.Message) == "to all devices" })
	if m.Info.Sender.User != l.Hidden(sam).User || m.Info.SenderAlt.User != sam {
		t.Errorf("it came from %s, who is %s", m.Info.Sender, m.Info.SenderAlt)
	}
	j, err := types.ParseJID(g)
	done(t, err)
	if _, err := c.SendMessage(ctx, j, plain("from the device")); err != nil {
		t.Fatal(err)
	}
	if got := see(t, a, "a message of the device", says("from the device")); got.From != office {
		t.Errorf("it came as %+v", got)
	}
	see(t, phone, "a message of one's own device", says("from the device"))
	done(t, l.Fault(Fault{Kind: LoggedOut, Number: office, Device: 1}))
	next(t, happened, every[*events.LoggedOut])
	must(a.Say(ctx, g, "to the phone alone"))
	see(t, phone, "a message", says("to the phone alone"))
	unreadable(t, l, "to all devices", "from the device")
}

// TestTheServerReadsWhatItMay holds the search for texts against one that is
// there: a group's subject is not encrypted.
func TestTheServerReadsWhatItMay(t *testing.T) {
	l := newLab(t)
	a := person(t, l, sam, "Sam")
	g := newGroup(t, l, true, sam)
	subject := "the canary of the north " + strings.Repeat("and of the south ", 20)
	done(t, a.Rename(t.Context(), g, subject))
	for _, s := range l.Traffic() {
		if strings.Contains(s.XML, subject) {
			return
		}
	}
	t.Error("the traffic does not show it")
}

func TestOnlyOnLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.org:80"} {
		if l, err := New(address); err == nil {
			_ = l.Close()
			t.Errorf("a lab was opened at %s", address)
		}
	}
}

func TestAClientThatTrustsSomebodyElseHangsUp(t *testing.T) {
	l := newLab(t)
	ours := l.chain
	l.chain = append([]byte(nil), ours...)
	l.chain[len(l.chain)-1] ^= 1 // of the leaf's signature
	c, _ := companion(t, l)
	if err := c.Connect(); err == nil || !strings.Contains(err.Error(), "cert") {
		t.Errorf("it was answered with %v", err)
	}
}
