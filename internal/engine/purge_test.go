package engine_test

import (
	"context"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
	"chaperone/internal/retention"
)

// What was destroyed before a hold is kept for it where undo still has it: by
// time it does not go, nor by giving up undo, until the hold is released.
func TestAHoldKeepsWhatUndoHas(t *testing.T) {
	bot := newFaulty()
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{monthly(t, "=")})
	h.posts(t, 3)
	h.advance(t, 31*24*time.Hour)
	if n := bot.count(bots.Delete); n != 3 {
		t.Fatalf("%d messages were deleted, want 3", n)
	}
	r := h.runs(t)[0]
	held, _ := h.holdOn(t, hold.Scope{Chats: []chat.ID{room}})
	h.advance(t, 60*24*time.Hour)
	if gone, kept, err := h.PurgeRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || gone != 0 || kept != 3 {
		t.Fatalf("under the hold %d texts went and %d stayed, %v", gone, kept, err)
	}
	if u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || u.Posted != 3 {
		t.Errorf("under the hold the undo gives back %+v (%v)", u, err)
	}
	if _, err := h.ReleaseHold(t.Context(), held.ID, "Nasreen Malik", "it has ended"); err != nil {
		t.Fatal(err)
	}
	if gone, kept, err := h.PurgeRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || gone+kept != 3 || kept != 0 {
		t.Fatalf("after the hold %d texts went and %d stayed, %v", gone, kept, err)
	}
	if u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || u.Posted != 0 || u.Without != 3 {
		t.Errorf("after the purge the undo gives back %+v (%v)", u, err)
	}
}

// An information request freezes deletion from its receipt: what went between
// then and its registration is named, and is kept where undo still has it.
func TestARequestClaimsFromItsReceipt(t *testing.T) {
	bot := newFaulty()
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{monthly(t, "=")})
	h.posts(t, 3)
	before := h.now()
	h.advance(t, 31*24*time.Hour)
	h.advance(t, time.Hour) // beyond the slack between clocks
	for _, c := range []struct {
		received time.Time
		done     int
	}{{h.now(), 0}, {before, 3}} {
		_, r, err := h.PlaceHold(t.Context(), hold.Hold{
			Matter: "Request 2026/114", Request: "2026/114", Owner: "Nasreen Malik", Reason: "information request", Scope: hold.Scope{Chats: []chat.ID{room}},
			Since: c.received, Review: clock.DateOf(h.now().AddDate(1, 0, 0)), PlacedBy: "Nasreen Malik",
		})
		if err != nil || len(r.Done) != c.done {
			t.Errorf("received %s: %d deletions are named, want %d (%v)", c.received, len(r.Done), c.done, err)
		}
	}
	h.advance(t, 60*24*time.Hour)
	if u, err := h.UndoRun(t.Context(), "keep", h.runs(t)[len(h.runs(t))-1].Date, "Nasreen Malik"); err != nil || u.Posted != 3 {
		t.Errorf("the undo gives back %+v (%v)", u, err)
	}
}

// A hold that was stored is never told of as one that was not, whatever could
// not be read afterwards.
func TestAStoredHoldIsToldOf(t *testing.T) {
	h := start(t, newFaulty())
	gone, cancel := context.WithCancel(t.Context())
	stored := false
	for try := 0; try < 200 && !stored; try++ { // until the end comes after the storing
		gone, cancel = context.WithCancel(t.Context())
		go func() { time.Sleep(time.Duration(try) * 50 * time.Microsecond); cancel() }()
		placed, r, err := h.PlaceHold(gone, hold.Hold{
			Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: hold.Scope{All: true},
			Review: clock.DateOf(h.now().AddDate(1, 0, 0)), PlacedBy: "Nasreen Malik",
		})
		all, err2 := h.store.Holds(t.Context()).All()
		if err2 != nil {
			t.Fatal(err2)
		}
		stored = len(all) > 0
		if told := placed.ID != ""; told != stored && err != nil {
			t.Fatalf("stored: %v, told: %v, %+v (%v)", stored, told, r, err)
		}
	}
	cancel()
	if !stored {
		t.Error("no hold was ever stored")
	}
}

// What is kept for undo does not go because our clock jumped: that it is over is
// known only once a person has confirmed the clock.
func TestAJumpOfTheClockErasesNothing(t *testing.T) {
	bot := newFaulty()
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{monthly(t, "=")})
	h.posts(t, 3)
	h.advance(t, 31*24*time.Hour)
	r := h.runs(t)[0]
	h.shift(40 * 24 * time.Hour) // nobody declared it
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || u.Posted != 3 {
		t.Errorf("after a jump of the clock the undo gives back %+v (%v), want 3", u, err)
	}
	if err := h.ConfirmClock(t.Context(), "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, err := h.UndoRun(t.Context(), "keep", r.Date, "Nasreen Malik"); err != nil || u.Without != 3 {
		t.Errorf("once the clock is confirmed the undo gives back %+v (%v), want nothing", u, err)
	}
}
