package store

import (
	"slices"
	"testing"
	"time"

	"chaperone/internal/chat"
)

func TestReadUntilAndStanding(t *testing.T) {
	s := open(t, t.TempDir())
	id := chat.ID{Account: "slack", Local: "C0FLOOD001"}
	began, newest, err := s.ReadUntil(t.Context(), id)
	if err != nil || !began.IsZero() || !newest.IsZero() {
		t.Fatalf("of a chat that nobody knows: %v, %v (%v)", began, newest, err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	said := chat.Event{Key: "posted/1", Kind: chat.Posted, Chat: id, At: now, Member: "sam", Message: "1", Text: "hello"}
	if err := s.Receive(t.Context(), now, []chat.Event{said}); err != nil {
		t.Fatal(err)
	}
	if began, newest, err = s.ReadUntil(t.Context(), id); err != nil || !began.IsZero() || !newest.Equal(now) {
		t.Errorf("before the notice: %v, %v (%v), want nothing read and %v", began, newest, err, now)
	}
	if standing, err := s.Standing(t.Context(), id, now.Add(-time.Hour)); err != nil || !slices.Equal(standing, nil) {
		t.Errorf("what is not settled stands as %v (%v)", standing, err)
	}
}
