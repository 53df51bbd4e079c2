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

// Two calls that show the same prompt would race: the later one, if it arrived
// first, would be overwritten, and both would show the same.
func TestAPromptIsShownByOneCallAtATime(t *testing.T) {
	e := New(Options{})
	list := []Action{
		{ID: 1, Kind: "revise", Prompt: "p"}, {ID: 2, Kind: "remind", Prompt: "p"},
		{ID: 3, Kind: "whisper", Prompt: "q"}, {ID: 4, Kind: "delete", Prompt: "p"},
	}
	first := e.lift(list)
	if len(first) != 3 || first[0].ID != 1 || first[1].ID != 3 || first[2].ID != 4 {
		t.Fatalf("took %v, want all but action 2", first)
	}
	e.land(first[0])
	if next := e.lift(list); len(next) != 1 || next[0].ID != 2 {
		t.Errorf("took %v after the first call ended, want action 2", next)
	}
}
