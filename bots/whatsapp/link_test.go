package whatsapp

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/whatsapp/lab"
)

func TestDigits(t *testing.T) {
	for in, want := range map[string]string{
		"+44 7700 900142": "447700900142", "0044 (7700) 900-142": "447700900142", "447700900142": "447700900142", "+44\u00a07700\u00a0900142": "447700900142",
		"07700 900142": "", "12345": "", "": "", "the office": "", "+44 7700 900142 900142": "", "+44٧٧٠٠900142": "",
	} {
		if got, err := Digits(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v", in, got, err)
		}
	}
}

// TestLinkingByCode: an unmodified client shows eight characters, and the phone
// on which they are typed links it. A wrong one does not, and costs nothing.
func TestLinkingByCode(t *testing.T) {
	l, err := lab.New("127.0.0.1:0")
	done(t, err)
	t.Cleanup(func() {
		done(t, l.Close())
		for _, n := range l.Notes() {
			t.Error(n)
		}
	})
	w := &world{lab: l, db: openDB(t, filepath.Join(t.TempDir(), "whatsapp.db"), false), people: map[string]*lab.Person{}, keys: filepath.Join(t.TempDir(), "keys")}
	for number, name := range map[string]string{sam: "Sam", office: "Office"} {
		w.people[number], err = l.AddPerson(t.Context(), number, name)
		done(t, err)
	}
	w.open(t)
	linked := make(chan error, 1)
	go func() { linked <- w.bot.Link(t.Context(), "Aisha Rahman", func(string, time.Duration) {}) }()
	if _, _, err := w.bot.Code(t.Context(), "07700 900099"); err == nil || !strings.Contains(err.Error(), "country code") {
		t.Errorf("a number without its country: %v", err)
	}
	if _, _, err := w.bot.Code(t.Context(), "+44 1632 960999"); err == nil || !strings.Contains(err.Error(), "knows no account") {
		t.Errorf("a number that nobody has: %v", err)
	}
	done(t, l.Fault(lab.Fault{Kind: lab.Refuse, Number: sam, Code: 429}))
	if _, _, err := w.bot.Code(t.Context(), sam); err == nil || !strings.Contains(err.Error(), "no further code for now") {
		t.Errorf("a number that asked too often: %v", err)
	}
	code, until, err := w.bot.Code(t.Context(), "+44 7700 900099")
	done(t, err)
	if len(code) != 9 || code[4] != '-' || time.Until(until) > 3*time.Minute || !until.After(time.Now()) {
		t.Errorf("the code is %q until %s", code, until)
	}
	wrong := strings.Map(func(r rune) rune {
		if r == '-' {
			return r
		}
		return rune("23456789"[(int(r)+1)%8])
	}, code)
	if err := l.TypeCode(t.Context(), office, wrong); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong code was answered with %v", err)
	}
	if err := l.TypeCode(t.Context(), sam, code); err == nil {
		t.Error("the code counts on another phone")
	}
	done(t, l.TypeCode(t.Context(), office, strings.ToLower(code)))
	done(t, <-linked)
	if w.bot.Number() != office {
		t.Fatalf("it is linked to %q", w.bot.Number())
	}
	if by, _, err := w.bot.book.linkedBy(t.Context()); err != nil || by != "Aisha Rahman" {
		t.Errorf("the risk was accepted by %q, %v", by, err)
	}
	j := &journal{}
	w.run(t, j)
	g, err := l.AddGroup(lab.NewGroup{Subject: "Flood north", Hidden: true, Admins: []string{office}, Members: []string{sam}})
	done(t, err)
	w.say(t, sam, g.String(), "good morning")
	j.wait(t, "a message", text("good morning"))
}

// TestAPromptAsItIsRead: phones fold a long text, so that the answers stand
// before what explains them.
func TestAPromptAsItIsRead(t *testing.T) {
	said := render(&bots.Prompt{
		Title: "Hello Sam, about your message.", Body: "It may include a number.", Found: []string{"NHS number, masked, ending 43"}, Policy: "Council, row 4", Ask: "Questions: Morag Sinclair",
		Steps:   []bots.Step{{ID: "a", Text: "Delete it", Help: "iPhone: press and hold.\nAndroid: press and hold."}, {ID: "b", Text: "Tell Priya", Help: "By telephone.", Done: true}},
		Answers: []bots.Answer{{ID: "x", Label: "I have deleted it", Expected: true}, {ID: "y", Label: "This is wrong", WantsText: true}},
	}, 4)
	want := `Hello Sam, about your message.

It may include a number.

• Delete it
✓ Tell Priya

Answer with a number:
4  I have deleted it
5  This is wrong (write your words behind the number)
👍 on this message means 4.

NHS number, masked, ending 43

Council, row 4

Questions: Morag Sinclair

• Delete it
iPhone: press and hold.
Android: press and hold.`
	if said != want {
		t.Errorf("it reads\n%s\nand not\n%s", said, want)
	}
}

// TestRestrictedTonight: what a restriction of the number looks like to whoever
// looks after it. The connection is lost with it, so it is said until it is heard.
func TestRestrictedTonight(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		over := make(chan error, 1)
		go func() { over <- w.bot.Run(ctx, j.take) }()
		var err error
		for said := false; !said; {
			select {
			case err = <-over:
				said = true
			case <-time.After(200 * time.Millisecond):
				_ = w.lab.Fault(lab.Fault{Kind: lab.Banned, Number: office, Device: 1, Code: 3600}) // it may not be connected
			}
		}
		if strings.Contains(err.Error(), "restricted the number") && errors.As(err, new(lasting)) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the last it said was %v", err)
		}
	}
}

// What reaches the engine, and the test of each:
//
//	messages, captions, polls, contacts, places, lists, view-once, in any wrapper   TestNoTextSlipsThrough
//	edits, of captions too; comments; a group's name and description                TestNoTextSlipsThrough
//	replies, reactions, documents, deletions by senders and administrators          TestWhatPeoplePost
//	who joins and leaves, and the bot itself                                        TestBot, TestAnAdministratorNoMore, TestAddedMeanwhile
//	who may do what, as administrators change                                       TestAnAdministratorNoMore
//	what cannot be decrypted, and comes again                                       TestWhatCannotBeReadIsDeclaredAndComesAgain
//	what nobody could read: newer kinds, what linked devices are not given          TestWhatIsUnknownIsDeclared
//	answers by number and by reaction                                               TestAnswers
//
// What does not: votes in polls, read receipts, disappearing-timer changes,
// requests to join, and the history at linking.
