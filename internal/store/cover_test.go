package store

import (
	"path/filepath"
	"testing"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/retention"
)

// aHoldOnAPerson is placed before anybody knows which member that person is.
func aHoldOnAPerson(t *testing.T, s *Store) {
	t.Helper()
	h := sample("h1")
	h.Scope = hold.Scope{People: []string{"e-17"}}
	if err := s.PlaceHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	who := directory.Member{Account: "practice", ID: "sam", Name: "Sam"}
	if err := s.SetRoster(t.Context(), noon, noon, room, []engine.Seat{{Membership: directory.Membership{Member: "sam"}, Who: who}}); err != nil {
		t.Fatal(err)
	}
	if err := s.LinkMember(t.Context(), noon, hold.Member{Account: "practice", ID: "sam"}, "e-17", "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
}

// A hold on a person keeps the undo of what a member sent who was confirmed to
// be that person only after it was placed.
func TestAHoldOnAPersonKeepsTheirUndo(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	const key = "dispose/keep/2026-11-23/x/m2"
	if err := s.Settle(t.Context(), engine.Settlement{
		Chat: room, Now: noon, Actions: []engine.Action{{Key: key, Kind: "delete", Chat: room, Member: "sam", Message: "m2", Due: noon}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.write.do(t.Context(), func(t *tx) error { return t.sealAway("undo/"+key, "the hall opens at 02:30", noon.Add(time.Hour)) }); err != nil {
		t.Fatal(err)
	}
	aHoldOnAPerson(t, s)
	if err := s.Erase(t.Context(), noon.Add(31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if gone, held, err := s.Purge(t.Context(), noon.Add(31*24*time.Hour), "keep/2026-11-23", "Nasreen Malik"); err != nil || gone != 0 || held != 1 {
		t.Errorf("%d texts went and %d stayed (%v), want none and one", gone, held, err)
	}
	if _, err := s.Sealed(t.Context(), "undo/"+key); err != nil {
		t.Errorf("the text that the hold covers is gone: %v", err)
	}
}

// Who a member is that left long ago is kept as long as a hold on that person
// needs it: else what they sent would be covered no more.
func TestAHoldOnAPersonKeepsWhoTheyAre(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	aHoldOnAPerson(t, s)
	if err := s.SetRoster(t.Context(), noon.Add(time.Hour), noon.Add(time.Hour), room, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Erase(t.Context(), noon.Add(200*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Person(t.Context(), hold.Member{Account: "practice", ID: chat.MemberID("sam")}); err != nil || p != "e-17" {
		t.Errorf("the member is known to be %q (%v), want the person that the hold covers", p, err)
	}
}

// What the platform refused to delete was not destroyed, so there is nothing to
// give back and its text is not kept; what may have been destroyed is.
func TestUndoIsOfWhatWasDestroyed(t *testing.T) {
	for outcome, want := range map[engine.Outcome]int{
		engine.Done: 1, engine.Gone: 1, engine.Unknown: 1, engine.Forbidden: 0, engine.TooLate: 0, engine.Unsupported: 0, engine.NotNeeded: 0,
	} {
		for _, before := range []bool{false, true} {
			s := open(t, filepath.Join(t.TempDir(), "data"))
			day := clock.Date{Year: 2026, Month: 11, Day: 23}
			if err := s.BeginRuns(t.Context(), noon, "keep", day, []engine.Run{{Schedule: "keep", Date: day, State: retention.Underway, Slot: noon}}, engine.RunAct{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Settle(t.Context(), engine.Settlement{
				Chat: room, Now: noon,
				Messages: []engine.Message{{ID: "m2", Member: "sam", At: noon, Label: "clean", Class: engine.Routine}},
				Actions:  []engine.Action{{Key: "dispose/keep/2026-11-23/x/m2", Kind: "delete", Chat: room, Member: "sam", Message: "m2", Due: noon}},
			}); err != nil {
				t.Fatal(err)
			}
			attempt := func() engine.Action {
				due, _, err := s.Due(t.Context(), noon, 10)
				if err != nil || len(due) != 2 { // the first is the notice of the chat
					t.Fatal(due, err)
				}
				a := due[1]
				a.Undo = "the hall opens at 02:30"
				if err := s.Start(t.Context(), noon, &a); err != nil {
					t.Fatal(err)
				}
				return a
			}
			want := want
			if before { // an attempt of which nobody knows whether it arrived
				a := attempt()
				a.Started, a.Called, want = true, true, 1
				if err := s.Later(t.Context(), noon, a); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Finish(t.Context(), engine.Finished{Action: attempt(), Now: noon, Outcome: outcome}); err != nil {
				t.Fatal(err)
			}
			if n := len(sealedSlots(t, s)); n != want {
				t.Errorf("%s, tried before %t: %d texts are kept for undo, want %d", outcome, before, n, want)
			}
		}
	}
}
