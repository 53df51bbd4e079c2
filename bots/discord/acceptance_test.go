package discord_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// The list of acceptance tests, D1 to D12, and where each is:
//
//	D1  TestABurstKeepsItsOrder
//	D2  TestNoCutLosesAnything, TestAMissedHeartbeatLosesNothing; with kill -9 TestKillsOnPlatforms in cmd/chaperone
//	D3  TestWhatWasMissedIsCaughtUpWith; the script forum.txtar
//	D4  TestWithoutTheContentIntentNothingCountsAsRead, TestOneIdentifyAMinute, TestARefusedTokenEndsTheRun; the script unread.txtar
//	D5  TestOnlyTheYoungGoTogether; with a hold and by the schedule the script retention.txtar; in the lab TestBulkDeletionIsForTheYoung
//	D6  TestClosedDirectMessagesAreForbidden, TestAServerOfClosedDoors; the script closed.txtar
//	D7  the script leavers.txtar; in the lab TestKickingNeedsTheHigherRole
//	D8  TestBlocking; the script block.txtar
//	D9  TestTheCircuitOpensBeforeTheBan, TestAServerOfClosedDoors
//	D10 in the lab TestAttachmentsExpire; what is read in files is with what reads them
//	D11 TestWitness in the lab
//	D12 every test and script here: the lab holds each answer against Discord's description (gate.go)
//
// And what else Discord limits: TestAnEffectIsOneMessage (a nonce of 25 letters),
// TestWhatIsShownAloneCannotBeChangedForEver and in the lab TestAnInteractionEnds
// (three seconds, and a quarter of an hour).

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

// TestAMissedHeartbeatLosesNothing (D2): a line that is dead, and neither end says
// so, is given up; what was said meanwhile arrives, in order and once.
func TestAMissedHeartbeatLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, lab.Options{Beat: 100 * time.Millisecond}, lab.IntentMembers|lab.IntentContent)
	r := new(running)
	r.start(t, w.bot(t, discord.Options{Memory: r, Now: quick()}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	var want []string
	speak := func(n int) {
		for range n {
			want = append(want, fmt.Sprint("message ", len(want)))
			say(t, w, w.sam, w.general, want[len(want)-1])
		}
	}
	speak(5)
	w.Deafen()
	speak(20)
	until(t, "all arrived", func() bool { return len(r.of(chat.Posted)) >= len(want) })
	speak(5)
	until(t, "what followed arrived", func() bool { return len(r.of(chat.Posted)) >= len(want) })
	if got := r.texts(); !slices.Equal(got, want) {
		t.Errorf("they arrived as %q", got)
	}
}

// TestOnlyTheYoungGoTogether (D5): what is younger than a fortnight goes in one
// call, and what is older one by one.
func TestOnlyTheYoungGoTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	b.Gather(2 * time.Second)
	start(t, b)
	until(t, "it listens", func() bool { return w.Connected() > 0 })
	const day = 24 * time.Hour
	young, old := []lab.ID{}, []lab.ID{}
	for _, age := range []time.Duration{time.Hour, 3 * day, 13*day + 23*time.Hour, 14*day + time.Minute, 400 * day} {
		m, err := w.SayMore(w.sam, w.general, lab.Words{Text: "the gauge", Ago: age})
		if err != nil {
			t.Fatal(err)
		}
		if age < 14*day {
			young = append(young, m)
		} else {
			old = append(old, m)
		}
	}
	stays := say(t, w, w.sam, w.general, "stays")
	until(t, "it knows the channel", func() bool { _, err := b.Abilities(t.Context(), in(w.general)); return err == nil })
	var work sync.WaitGroup
	for _, m := range slices.Concat(young, old) {
		work.Go(func() {
			if _, err := b.Do(t.Context(), bots.Effect{Key: m.String(), Kind: bots.Delete, Chat: in(w.general), Message: chat.MessageID(m.String())}); err != nil {
				t.Errorf("%s: %v", m, err)
			}
		})
	}
	work.Wait()
	if left := w.Seen(w.sam, w.general); len(left) != 1 || left[0].ID != stays {
		t.Errorf("%d messages are left", len(left))
	}
	var together, alone int
	for _, c := range w.Calls() {
		switch c.Route {
		case "POST /channels/{channel}/messages/bulk-delete":
			together++
			for _, m := range young {
				if !strings.Contains(c.Body, m.String()) {
					t.Errorf("%s did not go with the others", m)
				}
			}
		case "DELETE /channels/{channel}/messages/{message}":
			alone++
		default:
			continue
		}
		if c.Reason == "" || c.Status >= 300 {
			t.Errorf("%s gave the reason %q and ended with %d", c.Route, c.Reason, c.Status)
		}
	}
	if together != 1 || alone != len(old) {
		t.Errorf("%d calls for several and %d for one", together, alone)
	}
}

// TestAnEffectIsOneMessage: keys are longer than a nonce may be, and those that
// begin alike are told apart.
func TestAnEffectIsOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	ready(t, w, b)
	post := func(key string) {
		t.Helper()
		if _, err := b.Do(t.Context(), bots.Effect{Key: key, Kind: bots.Post, Chat: in(w.general), Text: "the notice"}); err != nil {
			t.Fatal(err)
		}
	}
	long := "notice/discord/" + strings.Repeat("1", 40)
	post(long + "/a")
	post(long + "/a")
	post(long + "/b")
	if got := w.Seen(w.sam, w.general); len(got) != 2 {
		t.Errorf("%d messages stand there", len(got))
	}
	for _, c := range w.Calls() {
		var body struct{ Nonce string }
		if c.Route == "POST /channels/{channel}/messages" && (json.Unmarshal([]byte(c.Body), &body) != nil || body.Nonce == "" || len(body.Nonce) > 25) {
			t.Errorf("the nonce is %q", body.Nonce)
		}
	}
}

// TestWhatIsShownAloneCannotBeChangedForEver: a prompt that somebody alone was
// shown in a channel is brought up to date for a quarter of an hour; then nothing
// is tried, and its line goes all the same.
func TestWhatIsShownAloneCannotBeChangedForEver(t *testing.T) {
	t.Parallel()
	var by atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	w := newWorldAt(t, lab.Options{Now: now}, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{Now: now})
	p := &bots.Prompt{ID: "p1", Title: "Hello", State: "open"}
	b.Reveal(func(context.Context, chat.ID, chat.MemberID) ([]bots.Prompt, error) { return []bots.Prompt{*p}, nil })
	start(t, b)
	until(t, "it listens", func() bool { return w.Connected() > 0 })
	w.NoDirect(w.sam, true)
	until(t, "it knows the channel", func() bool { _, err := b.Abilities(t.Context(), in(w.general)); return err == nil })
	do := func(k bots.Kind, note string) {
		t.Helper()
		p.Note = note
		if _, err := b.Do(t.Context(), bots.Effect{Key: "k" + note, Kind: k, Chat: in(w.general), Member: chat.MemberID(w.sam.String()), Prompt: p}); err != nil {
			t.Fatal(err)
		}
	}
	do(bots.Whisper, "")
	line := w.Seen(w.priya, w.general)[0]
	row := line.Components[0].(map[string]any)["components"].([]any)[0].(map[string]any)
	if _, err := w.Press(w.sam, w.general, line.ID, row["custom_id"].(string)); err != nil {
		t.Fatal(err)
	}
	alone := func() string {
		for _, m := range w.SeenAlone(w.sam) {
			if strings.Contains(m.Content, "Ref. p1") {
				return m.Content
			}
		}
		return ""
	}
	until(t, "Sam alone is shown it", func() bool { return alone() != "" })
	until(t, "the change is shown", func() bool { do(bots.Revise, "first"); return strings.Contains(alone(), "first") })
	by.Store(int64(16 * time.Minute))
	p.State = "put-right"
	do(bots.Revise, "second")
	if strings.Contains(alone(), "second") || len(w.Seen(w.priya, w.general)) != 0 {
		t.Errorf("Sam sees %q, and Priya %d messages", alone(), len(w.Seen(w.priya, w.general)))
	}
	for _, c := range w.Calls() {
		if c.Status == 401 {
			t.Errorf("%s was refused", c.Route)
		}
	}
}
