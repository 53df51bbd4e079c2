package engine

import "testing"

// A list of due actions may be older than the end of one of them: it was read
// while that one was under way, and is looked at when it has ended. Taking it
// again would send a prompt twice.
func TestAnActionIsNotTakenAgainFromAnOldList(t *testing.T) {
	e := New(Options{})
	e.forgetLanded()
	list := []Action{{ID: 1}, {ID: 2}}
	if n := len(e.lift(list[:1])); n != 1 {
		t.Fatalf("took %d actions, want 1", n)
	}
	e.land(list[0])
	if again := e.lift(list); len(again) != 1 || again[0].ID != 2 {
		t.Errorf("took %v from a list that was read before action 1 ended, want action 2 alone", again)
	}
	e.forgetLanded() // as before the next list is read: what it holds now is due again
	if again := e.lift(list); len(again) != 1 || again[0].ID != 1 {
		t.Errorf("took %v from a new list, want action 1, which is to be tried again", again)
	}
}
