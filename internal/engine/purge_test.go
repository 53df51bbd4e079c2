package engine_test

import (
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
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
