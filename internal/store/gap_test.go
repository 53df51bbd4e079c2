package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// What the bot could not see is on the record: before its notice, while it was
// out of the chat, while nobody listened, and what was deleted out of its sight.
func TestGapsAreOnTheRecord(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	receive := func(now time.Time, events ...chat.Event) {
		t.Helper()
		for i := range events {
			events[i].Chat = room
		}
		if err := s.Receive(t.Context(), now, events); err != nil {
			t.Fatal(err)
		}
	}
	receive(at(0), chat.Event{Key: "1", Kind: chat.Added, At: at(0), Name: "Flood", ChatKind: chat.Team})
	due, _, err := s.Due(t.Context(), at(0), 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d actions are due, %v", len(due), err)
	}
	if err := s.Finish(t.Context(), engine.Finished{Action: due[0], Outcome: engine.Done, Now: at(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	missed := chat.Event{Key: "2", Kind: chat.Missed, At: at(3 * time.Minute), Since: at(2 * time.Minute), Gap: chat.Undecrypted, Message: "m0"}
	receive(at(3*time.Minute), missed)
	receive(at(3*time.Minute), missed) // delivered again
	settle := engine.Settlement{Chat: room, Now: at(4 * time.Minute), Messages: []engine.Message{
		{ID: "m1", Member: "sam", At: at(4 * time.Minute), Label: "clean"}, {ID: "m2", Member: "sam", At: at(4 * time.Minute), Label: "clean"},
		{ID: "m1", Deleted: true, By: "sam", At: at(5 * time.Minute)},
		{ID: "m2", Deleted: true, By: "priya", At: at(5 * time.Minute)},
		{ID: "m3", Deleted: true, By: "sam", At: at(5 * time.Minute)},
	}}
	if err := s.Settle(t.Context(), settle); err != nil {
		t.Fatal(err)
	}
	if err := s.Away(t.Context(), room.Account, at(time.Hour), at(2*time.Hour), true); err != nil {
		t.Fatal(err)
	}
	receive(at(3*time.Hour), chat.Event{Key: "3", Kind: chat.Removed, At: at(3 * time.Hour)})
	if err := s.Away(t.Context(), room.Account, at(4*time.Hour), at(5*time.Hour), false); err != nil {
		t.Fatal(err) // it was not in the chat: that gap says so already
	}
	receive(at(6*time.Hour), chat.Event{Key: "4", Kind: chat.Added, At: at(6 * time.Hour), Name: "Flood", ChatKind: chat.Team})
	got, err := s.Gaps(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Gap{
		{Chat: room, Kind: chat.NotThere, Until: at(time.Minute)},
		{Chat: room, Kind: chat.Undecrypted, Since: at(2 * time.Minute), Until: at(3 * time.Minute), Message: "m0"},
		{Chat: room, Kind: chat.ByOthers, Since: at(5 * time.Minute), Until: at(5 * time.Minute), Message: "m2"},
		{Chat: room, Kind: chat.Unseen, Since: at(5 * time.Minute), Until: at(5 * time.Minute), Message: "m3"},
		{Chat: room, Kind: chat.Offline, Since: at(time.Hour), Until: at(2 * time.Hour), Later: true},
		{Chat: room, Kind: chat.NotThere, Since: at(3 * time.Hour), Until: at(6 * time.Hour)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the gaps (-want +got):\n%s", diff)
	}
	if all, err := s.Gaps(t.Context(), chat.ID{}); err != nil || len(all) != len(want) {
		t.Errorf("%d gaps of all chats, %v", len(all), err)
	}
}
