package prompt

import (
	"testing"
	"time"

	"chaperone/internal/chat"
)

// Chats report side by side; what is told of them reads the same in whichever
// order they did.
func TestADigestReadsTheSameInAnyOrder(t *testing.T) {
	now := time.Date(2026, 3, 2, 16, 0, 0, 0, time.UTC)
	of := []Of{
		{Key: "1", ChatName: "Flood North"}, {Key: "2", ChatName: "Rest Centre Team"},
		{Key: "3", ChatName: "Rest Centre Team"}, {Key: "4", ChatName: "Archive"},
	}
	for range of {
		of = append(of[1:], of[0])
		p := Tell("p", now, chat.ID{Account: "practice", Local: "flood-north"}, chat.Team, "sam", "Sam", AboutDigest)
		for _, o := range of {
			p.Add(now, o)
		}
		if got, want := p.Telling.chats(), "Rest Centre Team (2), Archive (1), Flood North (1)"; got != want {
			t.Errorf("a digest names its chats as %q, want %q", got, want)
		}
	}
}
