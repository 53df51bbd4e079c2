package practice_test

import (
	"errors"
	"path/filepath"
	"testing"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

// TestARoomInWhichOnlySendersDelete stands for platforms that let no bot
// delete: the ability says so, the call is refused, the sender's own deletion
// works, and a restart forgets none of it.
func TestARoomInWhichOnlySendersDelete(t *testing.T) {
	file := filepath.Join(t.TempDir(), "practice.jsonl")
	p := open(t, file, practice.Options{})
	id := chat.ID{Account: "practice", Local: "harbour"}
	if err := p.NewRoom(practice.NewRoom{ID: "harbour", Kind: chat.Team, Members: []practice.Member{{ID: "sam"}}, Senders: true}); err != nil {
		t.Fatal(err)
	}
	m, err := p.Say("harbour", "sam", "the boats are in", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		able, err := p.Abilities(t.Context(), id)
		if err != nil || able[bots.Delete].Level != bots.No || able[bots.Delete].Why == "" || able[bots.Whisper].Level != bots.Yes {
			t.Fatalf("the abilities are %v (%v)", able, err)
		}
		if _, err := p.Do(t.Context(), bots.Effect{Kind: bots.Delete, Chat: id, Message: m, Key: "d1"}); !errors.Is(err, bots.ErrUnsupported) {
			t.Fatalf("deleting was answered with %v", err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		p = open(t, file, practice.Options{})
	}
	if err := p.Unsay("harbour", m, "sam"); err != nil {
		t.Errorf("the sender's own deletion: %v", err)
	}
}
