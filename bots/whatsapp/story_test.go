package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"chaperone/bots"
	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

// journal takes what a bot delivers, as long as it is not deaf.
type journal struct {
	mu     sync.Mutex
	events []chat.Event
	keys   map[string]int
	refuse func(chat.Event) bool
}

func (j *journal) take(_ context.Context, events []chat.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		if j.refuse != nil && j.refuse(e) {
			return errors.New("not stored")
		}
	}
	for _, e := range events {
		if j.keys == nil {
			j.keys = map[string]int{}
		}
		if j.keys[e.Chat.Local+" "+e.Key]++; j.keys[e.Chat.Local+" "+e.Key] == 1 { // as the store passes over what it knows
			j.events = append(j.events, e)
		}
	}
	return nil
}

func (j *journal) all(k chat.EventKind) (out []chat.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

// wait waits for an event.
func (j *journal) wait(t *testing.T, what string, ok func(chat.Event) bool) chat.Event {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		j.mu.Lock()
		i := slices.IndexFunc(j.events, ok)
		if i >= 0 {
			defer j.mu.Unlock()
			return j.events[i]
		}
		j.mu.Unlock()
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func text(s string) func(chat.Event) bool {
	return func(e chat.Event) bool { return e.Kind == chat.Posted && e.Text == s }
}

// run keeps the bot connected, as the engine does, until stop.
func (w *world) run(t *testing.T, j *journal) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	bot := w.bot
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			if err := bot.Run(ctx, j.take); ctx.Err() == nil {
				t.Logf("the connection ended: %v", err)
			}
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-over }) }
	t.Cleanup(stop)
	return stop
}

func (w *world) say(t *testing.T, number, to, text string) string {
	t.Helper()
	id, err := w.people[number].Say(t.Context(), to, text)
	done(t, err)
	return id
}

// ask shows Sam a prompt with three answers.
func (w *world) ask(t *testing.T, id string) (chat.MessageID, error) {
	t.Helper()
	return w.bot.Do(t.Context(), bots.Effect{
		Key: "ask " + id, Kind: bots.Whisper, Chat: w.chat, Member: w.id(sam),
		Prompt: &bots.Prompt{ID: id, Title: "Hello Sam, about " + id + ".", State: "open", Answers: []bots.Answer{
			{ID: "keep", Label: "Keep it"}, {ID: "deleted", Label: "I have deleted it", Expected: true}, {ID: "note", Label: "Keep a note instead", WantsText: true},
		}},
	})
}

func TestAnswers(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	private := w.lab.Hidden(office).String()
	shown := map[string]string{}
	for _, id := range []string{"one", "two", "three"} {
		made, err := w.ask(t, id)
		done(t, err)
		stanza, _, _ := splitMessage(made)
		shown[id] = stanza
	}
	answered := func(prompt, answer, words string) {
		t.Helper()
		e := j.wait(t, "the answer "+answer+" to "+prompt, func(e chat.Event) bool { return e.Kind == chat.Answered && e.Prompt == prompt && e.Answer == answer })
		if e.Text != words || e.Member != w.id(sam) || e.Chat != w.chat || e.At.IsZero() {
			t.Errorf("it arrived as %+v", e)
		}
	}
	w.say(t, sam, private, "7 or so people, thank you") // the seventh is "keep" of the third
	answered("three", "keep", "")
	w.say(t, sam, private, "2")
	answered("one", "deleted", "")
	w.say(t, sam, private, "6) Meeting moved to nine")
	answered("two", "note", "Meeting moved to nine")
	done(t, w.people[sam].React(t.Context(), office, office, shown["two"], "👍🏽"))
	answered("two", "deleted", "")
	done(t, w.people[sam].React(t.Context(), office, office, shown["three"], "7️⃣"))
	w.say(t, sam, private, "9")
	w.say(t, sam, private, "Kept in the file of the rest centre")
	answered("three", "note", "Kept in the file of the rest centre")
	n := len(j.all(chat.Answered))
	for _, nothing := range []string{"what is this?", "17", "0", "999 123 4543", "2nd thoughts"} {
		w.say(t, sam, private, nothing)
	}
	w.say(t, priya, private, "1")
	w.settled(office, 1, 30*time.Second)
	if got := j.all(chat.Answered); len(got) != n {
		t.Errorf("these are no answers, and arrived as such: %+v", got[n:])
	}
	if got := j.all(chat.Posted); len(got) != 0 {
		t.Errorf("what was said to the bot alone arrived as said in a chat: %+v", got)
	}
}

func TestOneMemberWhateverTheAddress(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	other, err := w.lab.AddGroup(lab.NewGroup{Subject: "Depot", Hidden: false, Admins: []string{office}, Members: []string{sam}})
	done(t, err)
	w.run(t, j)
	w.say(t, sam, w.group, "by the hidden id")
	w.say(t, sam, other.String(), "by the number")
	a, b := j.wait(t, "the first", text("by the hidden id")), j.wait(t, "the second", text("by the number"))
	if a.Member != b.Member || a.Chat == b.Chat {
		t.Errorf("Sam is %s and %s", a.Member, b.Member)
	}
	who, err := w.bot.Members(t.Context(), chatID(other))
	done(t, err)
	i := slices.IndexFunc(who, func(m bots.Member) bool { return m.ID == a.Member })
	if i < 0 || who[i].Phone != "+"+sam || who[i].Admin {
		t.Errorf("the list is %+v", who)
	}
}

func TestWhatCannotBeReadIsDeclaredAndComesAgain(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	w.say(t, sam, w.group, "first")
	j.wait(t, "the first", text("first"))
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Garble, Number: office, Device: 1, Count: 1}))
	id := w.say(t, sam, w.group, "second")
	missed := j.wait(t, "the gap", func(e chat.Event) bool { return e.Kind == chat.Missed })
	if missed.Gap != chat.Undecrypted || missed.Message != messageID(id, w.id(sam)) || missed.Since.IsZero() {
		t.Errorf("the gap is %+v", missed)
	}
	if e := j.wait(t, "it once more", text("second")); e.Message != missed.Message {
		t.Errorf("it came as %s", e.Message)
	}
}

func TestNothingIsLostOrSaidTwice(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	stop := w.run(t, j)
	var want []string
	for i := range 60 {
		want = append(want, fmt.Sprint("message ", i))
		w.say(t, []string{sam, priya}[i%2], w.group, want[i])
		switch {
		case i%20 == 5:
			done(t, w.lab.Fault(lab.Fault{Kind: lab.Duplicate, Number: office, Device: 1, Count: 2}))
		case i%20 == 9:
			j.wait(t, "a message", text(want[i]))
			_ = w.lab.Fault(lab.Fault{Kind: lab.Cut, Number: office, Device: 1}) // it may not be connected
		case i%20 == 15: // as after a crash: a new bot from the same files
			stop()
			w.open(t)
			stop = w.run(t, j)
		}
	}
	for _, s := range want {
		j.wait(t, s, text(s))
	}
	seen := map[chat.MessageID]bool{}
	for _, e := range j.all(chat.Posted) {
		if seen[e.Message] {
			t.Errorf("%q arrived twice", e.Text)
		}
		seen[e.Message] = true
	}
	if len(seen) != len(want) {
		t.Errorf("%d of %d arrived", len(seen), len(want))
	}
}

func TestAChatThatCannotBeStoredHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, true)
	w.bot.patience = time.Second
	other, err := w.lab.AddGroup(lab.NewGroup{Subject: "Depot", Hidden: true, Admins: []string{office}, Members: []string{sam}})
	done(t, err)
	j := &journal{refuse: func(e chat.Event) bool { return e.Chat == w.chat && e.Kind == chat.Posted }}
	stop := w.run(t, j)
	w.say(t, sam, w.group, "not yet")
	w.say(t, sam, w.group, "nor this")
	w.say(t, sam, other.String(), "elsewhere")
	j.wait(t, "what was said elsewhere", text("elsewhere"))
	stop()
	j.mu.Lock()
	j.refuse = nil
	j.mu.Unlock()
	w.run(t, j)
	j.wait(t, "the first of the chat", text("not yet"))
	j.wait(t, "the second of the chat", text("nor this"))
	if got := j.all(chat.Posted); got[1].Text != "not yet" || got[2].Text != "nor this" {
		t.Errorf("they arrived as %q and %q", got[1].Text, got[2].Text)
	}
}

func TestARefusedFirstWordIsNotRepeated(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Cold, Number: sam}))
	sent := func() (n int) {
		for _, s := range w.lab.Traffic() {
			if s.Device == 1 && s.Tag == "message" && !strings.HasSuffix(s.To, "@g.us") {
				n++
			}
		}
		return n
	}
	for range 3 {
		if _, err := w.ask(t, "p"); !errors.Is(err, bots.ErrForbidden) {
			t.Fatalf("a first word was answered with %v", err)
		}
	}
	if n := sent(); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	w.say(t, sam, office, "hello")
	w.settled(office, 1, 30*time.Second)
	made, err := w.ask(t, "p")
	if err != nil || made == "" {
		t.Errorf("after Sam had written: %v", err)
	}
	if got := w.private(sam); len(got) != 1 {
		t.Errorf("Sam reads %+v", got)
	}
}

func TestABudgetOfFirstWords(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.bot.o.ColdADay = 1
	w.run(t, j)
	_, err := w.ask(t, "p")
	done(t, err)
	e := bots.Effect{Key: "q", Kind: bots.Whisper, Chat: w.chat, Member: w.id(priya), Prompt: &bots.Prompt{ID: "q", Title: "Hello Priya."}}
	var busy bots.Busy
	if _, err := w.bot.Do(t.Context(), e); !errors.As(err, &busy) || busy.After < 23*time.Hour {
		t.Errorf("beyond the budget it was answered with %v", err)
	}
	w.later.Store(int64(25 * time.Hour))
	_, err = w.bot.Do(t.Context(), e)
	done(t, err)
}

func TestTooLate(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	id := w.say(t, sam, w.group, "old")
	e := j.wait(t, "the message", text("old"))
	w.later.Store(int64(49 * time.Hour))
	if _, err := w.bot.Do(t.Context(), bots.Effect{Key: "d", Kind: bots.Delete, Chat: w.chat, Message: e.Message}); !errors.Is(err, bots.ErrTooLate) {
		t.Errorf("deleting after two days was answered with %v", err)
	}
	for _, s := range w.people[priya].Seen() {
		if s.Kind == lab.SeenRevoke && s.About == id {
			t.Error("it was tried all the same")
		}
	}
}

func TestAnAdministratorNoMore(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	done(t, w.people[office].Change(t.Context(), w.group, whatsmeow.ParticipantChangePromote, priya))
	w.run(t, j)
	_, err := w.bot.Abilities(t.Context(), w.chat)
	done(t, err)
	done(t, w.people[priya].Change(t.Context(), w.group, whatsmeow.ParticipantChangeDemote, office))
	w.settled(office, 1, 30*time.Second)
	able, err := w.bot.Abilities(t.Context(), w.chat)
	done(t, err)
	if able[bots.Delete].Level != bots.No || able[bots.Delete].Why == "" || able[bots.Remove].Level != bots.No || able[bots.Whisper].Level != bots.Yes {
		t.Errorf("the abilities are %+v", able)
	}
	done(t, w.people[priya].Change(t.Context(), w.group, whatsmeow.ParticipantChangeRemove, office))
	j.wait(t, "its own leaving", func(e chat.Event) bool { return e.Kind == chat.Removed && e.Chat == w.chat })
	if _, err := w.bot.Abilities(t.Context(), w.chat); !errors.Is(err, bots.ErrGone) {
		t.Errorf("afterwards: %v", err)
	}
	done(t, w.people[priya].Change(t.Context(), w.group, whatsmeow.ParticipantChangeAdd, office))
	j.wait(t, "its return, and who added it", func(e chat.Event) bool { return e.Kind == chat.Added && e.Key == "in/2" && e.Member == w.id(priya) })
}

func TestWhatPeoplePost(t *testing.T) {
	w, j, ctx := newWorld(t, true), &journal{}, t.Context()
	w.run(t, j)
	first := w.say(t, sam, w.group, "first")
	j.wait(t, "the first", text("first"))
	_, err := w.people[priya].Poll(ctx, w.group, "Who has sandbags?", []string{"I", "not I"})
	done(t, err)
	j.wait(t, "a poll", text("Who has sandbags?\nI\nnot I"))
	_, err = w.people[priya].Share(ctx, w.group, "list.pdf", "application/pdf", "the list of residents", []byte("%PDF-1.4"))
	done(t, err)
	j.wait(t, "a caption", text("list.pdf\nthe list of residents"))
	_, err = w.people[priya].Reply(ctx, w.group, sam, first, "a reply")
	done(t, err)
	if e := j.wait(t, "a reply", text("a reply")); e.ReplyTo != messageID(first, w.id(sam)) || e.Name != "Priya" {
		t.Errorf("it arrived as %+v", e)
	}
	done(t, w.people[priya].React(ctx, w.group, sam, first, "👍"))
	j.wait(t, "a reaction", func(e chat.Event) bool {
		return e.Kind == chat.Reacted && e.Text == "👍" && e.Message == messageID(first, w.id(sam)) && e.Member == w.id(priya)
	})
	for i := range 2 {
		done(t, w.people[sam].Edit(ctx, w.group, first, fmt.Sprint("edit ", i)))
	}
	for i := range 2 {
		j.wait(t, "an edit", func(e chat.Event) bool {
			return e.Kind == chat.Edited && e.Text == fmt.Sprint("edit ", i) && e.Revision == int64(i+1) && e.Message == messageID(first, w.id(sam))
		})
	}
	// An edit that names somebody else's message is one of the sender's own.
	done(t, w.people[priya].Edit(ctx, w.group, first, "not mine"))
	if e := j.wait(t, "a false edit", func(e chat.Event) bool { return e.Kind == chat.Edited && e.Text == "not mine" }); e.Message == messageID(first, w.id(sam)) {
		t.Error("Priya has edited a message of Sam's")
	}
	done(t, w.people[office].Revoke(ctx, w.group, sam, first))
	j.wait(t, "an administrator's deletion", func(e chat.Event) bool {
		return e.Kind == chat.Deleted && e.Message == messageID(first, w.id(sam)) && e.Member == w.id(office)
	})
	done(t, w.people[priya].Leave(ctx, w.group))
	j.wait(t, "a leaving", func(e chat.Event) bool { return e.Kind == chat.Left && e.Member == w.id(priya) })
}

// TestWhatThePhoneCouldNotRead: the phone asks for it once more, after the bot
// has been restarted. Nobody gets what was for somebody else.
func TestWhatThePhoneCouldNotRead(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	stop := w.run(t, j)
	_, err := w.ask(t, "p")
	done(t, err)
	w.private(sam)
	w.people[sam].Disconnect()
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Garble, Number: sam, Count: 2}))
	id, err := w.ask(t, "q")
	done(t, err)
	_, err = w.bot.Do(t.Context(), bots.Effect{Key: "notice", Kind: bots.Post, Chat: w.chat, Text: "The rest centre is open"})
	done(t, err)
	stop()
	w.open(t)
	done(t, w.people[sam].Connect(t.Context()))
	w.run(t, j)
	for _, text := range []string{"about q", "The rest centre is open"} {
		_, err = w.people[sam].Wait(t.Context(), func(s lab.Seen) bool { return s.Kind == lab.SeenText && strings.Contains(s.Text, text) })
		done(t, err)
	}
	stanza, _, _ := splitMessage(id)
	to, m, err := w.bot.book.sent(t.Context(), stanza)
	done(t, err)
	if m == nil {
		t.Fatal("the prompt is not kept")
	}
	for number, want := range map[string]bool{sam: true, priya: false} {
		for _, j := range []types.JID{types.NewJID(number, types.DefaultUserServer), w.lab.Hidden(number)} {
			asked := &events.Receipt{MessageSource: types.MessageSource{Chat: j, Sender: j}}
			if ok, err := w.bot.wasFor(t.Context(), asked, to); err != nil || ok != want {
				t.Errorf("%s may have Sam's prompt: %v, %v", j, ok, err)
			}
		}
	}
}

func TestUnlinkedAndLinkedAgain(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	w.say(t, sam, w.group, "before")
	j.wait(t, "a message", text("before"))
	done(t, w.lab.Fault(lab.Fault{Kind: lab.LoggedOut, Number: office, Device: 1}))
	for end := time.Now().Add(30 * time.Second); w.bot.Number() != "" && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	if n := w.bot.Number(); n != "" {
		t.Fatalf("it still believes to be linked to %s", n)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // Run may be about to notice
		err := w.bot.Link(t.Context(), "Aisha Rahman", func(code string, _ time.Duration) {
			if err := w.lab.ScanQR(office, code); err != nil {
				t.Error(err)
			}
		})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	w.say(t, sam, w.group, "after")
	j.wait(t, "a message", text("after"))
}

func TestWhatIsSaidToTheBotAloneIsAnswered(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	asked := make(chan bots.Private, 100)
	w.bot.Converse(func(_ context.Context, p bots.Private) ([]bots.Reply, error) {
		asked <- p
		return []bots.Reply{{Text: "You said " + p.Text + ".", Choices: []string{"help", "status"}}, {Text: "That is all."}}, nil
	})
	w.run(t, j)
	_, err := w.ask(t, "p")
	done(t, err)
	w.say(t, sam, office, "help")
	for _, want := range []string{"You said help.\n\nYou can answer: help · status", "That is all."} {
		_, err := w.people[sam].Wait(t.Context(), func(s lab.Seen) bool { return s.From == office && s.Text == want })
		done(t, err)
	}
	if p := <-asked; p.Member != w.id(sam) || p.Name != "Sam" || p.Account != Name || p.Text != "help" {
		t.Errorf("it was asked %+v", p)
	}
	w.say(t, sam, office, "2") // an answer, and no conversation
	j.wait(t, "the answer", func(e chat.Event) bool { return e.Kind == chat.Answered && e.Answer == "deleted" })
	for range 2 * repliesAMinute { // as another program would that answers every answer
		w.say(t, sam, office, "and you?")
	}
	w.say(t, priya, office, "help")
	_, err = w.people[priya].Wait(t.Context(), func(s lab.Seen) bool { return s.From == office && s.Text == "That is all." })
	done(t, err)
	close(asked)
	n := 0
	for p := range asked {
		if p.Member == w.id(sam) {
			n++
		}
	}
	if n >= repliesAMinute {
		t.Errorf("Sam was answered %d times more", n)
	}
}

// TestNoTextStays looks into every file of the bot, in the clear, for what was
// said, while it waits to be stored and afterwards; and for the key that it was
// sealed with.
func TestNoTextStays(t *testing.T) {
	dir := t.TempDir()
	deaf := &journal{refuse: func(e chat.Event) bool { return e.Kind == chat.Posted && e.Text == "the canary waits" }}
	w := newWorldOn(t, true, openDB(t, filepath.Join(dir, "whatsapp.db"), true))
	w.bot.patience = time.Second
	stop := w.run(t, deaf)
	look := func(when string, words ...string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		done(t, err)
		all := []byte{}
		for _, f := range append(files, w.keys) {
			b, err := os.ReadFile(f)
			done(t, err)
			all = append(all, b...)
		}
		if !bytes.Contains(all, []byte(w.lab.Hidden(sam).User)) {
			t.Fatal("the search finds nothing at all")
		}
		for _, word := range words {
			if bytes.Contains(all, []byte(word)) {
				t.Errorf("%s %q stands in a file", when, word)
			}
		}
	}
	w.say(t, sam, w.group, "the canary sings")
	deaf.wait(t, "a message", text("the canary sings"))
	w.say(t, sam, w.group, "the canary waits")
	var sealed int
	for end := time.Now().Add(30 * time.Second); sealed == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		done(t, w.db.QueryRow(`SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL`).Scan(&sealed))
	}
	if sealed != 1 {
		t.Fatalf("%d texts wait", sealed)
	}
	look("while it waits", "the canary sings", "the canary waits")
	old := w.bot.ring.keys[len(w.bot.ring.keys)-1].ID
	stop()
	w.later.Store(int64(20 * time.Minute))
	w.open(t) // the key is read back from its file
	j := &journal{}
	w.run(t, j)
	j.wait(t, "what waited", text("the canary waits"))
	w.settled(office, 1, 30*time.Second)
	done(t, w.bot.ring.drop(t.Context(), w.db))
	if _, there := w.bot.ring.find(old); there {
		t.Error("the key of what was said is still there")
	}
	b, err := os.ReadFile(w.keys)
	done(t, err)
	if bytes.Contains(b, []byte(old)) {
		t.Error("the key of what was said stands in its file")
	}
	look("afterwards", "the canary sings", "the canary waits")
}
