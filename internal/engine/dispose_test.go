package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/retention"
)

// monthly keeps routine messages for 30 days and acts at two on each day.
func monthly(t *testing.T, change string) retention.Schedule {
	t.Helper()
	text := `schedules:
  - {id: keep, title: Team chats, class: routine, chats: {all: true}, period: 30 days, disposal: destroy, cap: {messages: 100},
     cron: "0 2 * * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.2, acting: true}
`
	all, err := retention.Read(strings.NewReader(strings.Replace(text, change[:strings.Index(change, "=")], change[strings.Index(change, "=")+1:], 1)))
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// fetching is a platform that gives out the texts of messages.
type fetching struct{ *faulty }

func (fetching) Fetch(_ context.Context, _ chat.ID, m chat.MessageID) (string, error) {
	return "the text of " + string(m), nil
}

func (h *house) posts(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		h.post(fmt.Sprintf("m%d", i+1), "the boats are tied up at the slipway")
	}
	until(t, "all are settled", func() bool {
		all, err := h.store.Messages(t.Context())
		return err == nil && len(all) == n
	})
}

func (h *house) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if err := h.MoveClock(t.Context(), "Nasreen Malik", d, func() error { h.shift(d); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// runs gives the runs that did work, the newest first.
func (h *house) runs(t *testing.T) (out []engine.Run) {
	t.Helper()
	all, err := h.store.Runs(t.Context(), "keep")
	if err != nil {
		t.Fatal(err)
	}
	dates := map[string]bool{}
	for _, r := range all {
		if dates[r.Date.String()] {
			t.Errorf("the date %s has two runs", r.Date)
		}
		dates[r.Date.String()] = true
		if r.State != retention.MadeGood {
			out = append(out, r)
		}
	}
	return out
}

func count(c *retention.Certificate, what retention.Outcome) int {
	for _, n := range c.Counts {
		if n.What == string(what) {
			return n.N
		}
	}
	return 0
}

func TestARunDisposesOfWhatItsPlanSays(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot, monthly(t, "="))
	h.posts(t, 45) // more than two stages
	h.advance(t, 31*24*time.Hour)
	if n := bot.count(bots.Delete); n != 45 {
		t.Errorf("%d messages were deleted, want 45", n)
	}
	r := h.runs(t)[0]
	if r.State != retention.Finished || r.Certificate == nil || count(r.Certificate, retention.Destroyed) != 45 {
		t.Errorf("the run is %s (%s) with %+v", r.State, r.Why, r.Certificate)
	}
	h.advance(t, 24*time.Hour)
	if n := len(h.runs(t)); n != 2 {
		t.Errorf("%d runs after another day, want 2", n)
	}
}

func TestAHoldInTheMiddleOfARunStopsIt(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot, monthly(t, "="))
	h.posts(t, 45)
	reached, let := make(chan struct{}, 100), make(chan struct{})
	bot.mu.Lock()
	first := true
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Delete && first {
			first = false
			reached <- struct{}{}
			<-let
		}
		return true, nil
	}
	bot.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); h.advance(t, 31*24*time.Hour) }()
	<-reached
	placing := make(chan hold.Report)
	go func() { _, r := h.holdOn(t, hold.Scope{Chats: []chat.ID{room}}); placing <- r }()
	h.stored(t)
	close(let)
	report := <-placing
	before := bot.count(bots.Delete)
	<-ended
	if after := bot.count(bots.Delete); after != before {
		t.Errorf("%d messages were deleted after the hold was in force", after-before)
	}
	if before == 0 || before > 20 || len(report.Done) == 0 {
		t.Errorf("%d were deleted before, and %d reported", before, len(report.Done))
	}
	r := h.runs(t)[0]
	if r.State != retention.Stopped || r.Certificate == nil {
		t.Fatalf("the run is %s (%s)", r.State, r.Why)
	}
	c := r.Certificate
	if count(c, retention.Destroyed) != before || count(c, retention.NotReached)+count(c, retention.KeptForHold) != 45-before {
		t.Errorf("%d were deleted and the certificate says %+v", before, c.Counts)
	}
}

// Where the bot cannot delete, each sender is asked, with all their messages
// in one prompt, and what they delete is tracked.
func TestSendersAreAskedWhereTheBotCannotDelete(t *testing.T) {
	bot := newFaulty()
	bot.able[bots.Delete] = bots.Ability{Why: "only the sender can"}
	h := start(t, bot, monthly(t, "="))
	h.posts(t, 3)
	h.advance(t, 31*24*time.Hour)
	if n := bot.count(bots.Delete); n != 0 {
		t.Fatalf("%d messages were deleted by a bot that cannot", n)
	}
	p := bot.lastShown()
	if bot.count(bots.Whisper) != 1 || len(p.Messages) != 3 || !strings.Contains(p.Body, "The time for which they are kept is over") {
		t.Fatalf("%d whispers, the last about %v: %s", bot.count(bots.Whisper), p.Messages, p.Body)
	}
	if r := h.runs(t)[0]; r.State != retention.Finished || count(r.Certificate, retention.SenderAsked) != 3 {
		t.Errorf("the run is %s with %+v", r.State, r.Certificate)
	}
	for i := range 3 {
		h.bot.events <- chat.Event{Key: fmt.Sprintf("d%d", i), Kind: chat.Deleted, Chat: room, At: time.Now(), Member: "sam", Message: chat.MessageID(fmt.Sprintf("m%d", i+1))}
	}
	until(t, "the prompt is put right", func() bool { return bot.lastShown().State == "put-right" })
	h.advance(t, 24*time.Hour)
	if n := bot.count(bots.Whisper); n != 1 {
		t.Errorf("the next run asked again: %d whispers", n)
	}
}

// What the clock's jump froze is not done by a run either.
func TestARunWaitsForTheClock(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot, monthly(t, "="))
	h.posts(t, 2)
	h.shift(31 * 24 * time.Hour) // nobody declared it
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := h.runs(t)[0]
	if n := bot.count(bots.Delete); n != 0 || r.State != retention.Planned || !strings.Contains(r.Why, "a person must confirm the clock") {
		t.Fatalf("%d were deleted, and the run is %s: %s", n, r.State, r.Why)
	}
	if err := h.ConfirmClock(t.Context(), "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
	until(t, "both are deleted", func() bool { return bot.count(bots.Delete) == 2 })
}

// No period, no disposal; and a schedule that watches does nothing.
func TestASettingThatIsBlankDestroysNothing(t *testing.T) {
	for _, change := range []string{"period: 30 days, disposal: destroy, =", "acting: true=acting: false", "class: routine=class: decision"} {
		t.Run(change, func(t *testing.T) {
			bot := newFaulty()
			if strings.HasPrefix(change, "period") {
				s := monthly(t, "="+"")
				s.Period, s.Disposal = retention.Period{}, ""
				h := start(t, bot, s)
				h.posts(t, 2)
				h.advance(t, 400*24*time.Hour)
			} else {
				h := start(t, bot, monthly(t, change))
				h.posts(t, 2)
				h.advance(t, 400*24*time.Hour)
			}
			if n := bot.count(bots.Delete) + bot.count(bots.Whisper); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

// What a run destroyed can be given back for 30 days as far as the bot has its
// text, and then nothing of it is left. Of SECRET nothing is kept.
func TestUndoGivesBackTheTextsForThirtyDays(t *testing.T) {
	bot := newFaulty()
	s := monthly(t, "class: routine=class: any")
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{s})
	h.post("s1", "SECRET: the convoy moves at dawn")
	until(t, "it is asked about", func() bool { return bot.count(bots.Whisper) == 1 })
	h.answer(t, "a1", "wrong")
	until(t, "it is answered", func() bool { return bot.lastShown().State == "answered" })
	h.post("m1", "the boats are tied up at the slipway")
	until(t, "it is settled", func() bool { all, err := h.store.Messages(t.Context()); return err == nil && len(all) == 2 })
	h.advance(t, 31*24*time.Hour)
	if n := bot.count(bots.Delete); n != 2 {
		t.Fatalf("%d messages were deleted, want 2", n)
	}
	r := h.runs(t)[0]
	u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik")
	if err != nil || u.Posted != 1 || u.Without != 1 {
		t.Fatalf("the undo gives back %+v (%v), want one, and one without its text", u, err)
	}
	if _, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
	h.advance(t, 0)
	var posted []string
	bot.mu.Lock()
	for _, e := range bot.ledger {
		if e.Kind == bots.Post && strings.HasPrefix(e.Key, "restore/") {
			posted = append(posted, e.Text)
		}
	}
	bot.mu.Unlock()
	if len(posted) != 1 || !strings.HasSuffix(posted[0], "the text of m1") {
		t.Errorf("the bot posted %q", posted)
	}
	h.advance(t, 31*24*time.Hour)
	if u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || u.Posted != 0 || u.Without != 2 {
		t.Errorf("after 30 days the undo gives back %+v (%v)", u, err)
	}
}
