package whatsapp

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

// TestFortnight lets the bot be away for 14 days, in which people write to several
// groups. Meanwhile its one-time keys run out, somebody registers anew with other
// keys, members are removed and the others begin other chains of keys, and some
// of what waits is spoilt. Nothing is lost, nothing comes twice, and what could not
// be read is declared and comes again. 4,000 messages with CHAPERONE_SOAK.
func TestFortnight(t *testing.T) {
	messages := 120
	if os.Getenv("CHAPERONE_SOAK") != "" {
		messages = 4000
	}
	w, j := newWorld(t, true), &journal{}
	groups := []string{w.group}
	for k := range 3 {
		g, err := w.lab.AddGroup(lab.NewGroup{Subject: fmt.Sprint("Ward ", k), Hidden: k%2 == 0, Admins: []string{office}, Members: []string{sam, priya}})
		done(t, err)
		groups = append(groups, g.String())
	}
	stop := w.run(t, j)
	want := map[string]int{}
	for i, g := range groups {
		s := fmt.Sprint("before ", i)
		want[s] = i
		w.say(t, sam, g, s)
		j.wait(t, "what came before", text(s))
	}
	stop()
	const fortnight = 14 * 24 * time.Hour
	done(t, w.lab.Fault(lab.Fault{Kind: lab.LoseKeys, Number: office, Device: 1}))
	for i := range messages {
		ago := fortnight - fortnight*time.Duration(i)/time.Duration(messages)
		done(t, w.lab.Fault(lab.Fault{Kind: lab.Clock, Code: -int(ago.Seconds())}))
		who, g := []string{sam, priya}[i%2], groups[(i/2)%len(groups)]
		switch i {
		case messages / 3:
			done(t, w.people[priya].Reinstall(t.Context()))
		case messages / 2:
			done(t, w.people[office].Change(t.Context(), groups[3], whatsmeow.ParticipantChangeRemove, priya))
			done(t, w.people[sam].Rekey(t.Context(), groups[3]))
		case messages * 2 / 3:
			done(t, w.people[sam].Reinstall(t.Context()))
		}
		if i >= messages/2 && g == groups[3] {
			who = sam
		}
		s := fmt.Sprint("meanwhile ", i)
		want[s] = i
		w.say(t, who, g, s)
	}
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Clock}))
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Garble, Number: office, Device: 1, Count: messages / 20, Code: messages * 9 / 10})) // of phones that still have them
	waited := w.lab.Waiting(office, 1)
	w.open(t)
	began := time.Now()
	w.run(t, j)
	for got, end := -1, time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if n := len(j.all(chat.Posted)); n > got { // as long as something comes
			got, end = n, time.Now().Add(30*time.Second)
		}
		if got >= len(want) || time.Now().After(end) {
			break
		}
	}
	took := time.Since(began)
	came := map[chat.MessageID]bool{}
	for _, e := range j.all(chat.Posted) {
		if came[e.Message] {
			t.Errorf("%q came twice", e.Text)
		}
		came[e.Message] = true
		delete(want, e.Text)
	}
	for s := range want {
		t.Errorf("%q was lost", s)
	}
	declared := 0
	for _, e := range j.all(chat.Missed) {
		if declared++; e.Gap != chat.Undecrypted || !came[e.Message] {
			t.Errorf("a gap is left: %+v", e)
		}
	}
	if declared < messages/20 {
		t.Errorf("%d gaps were declared, and %d messages were spoilt", declared, messages/20)
	}
	t.Logf("%d messages, %d stanzas waited: all there after %v, %d of them declared as gaps and sent once more", len(came), waited, took.Round(time.Millisecond), declared)
}
