package engine_test

import (
	"strings"
	"testing"
	"time"

	"chaperone/internal/breach"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// A deletion that the platform tells of late takes a proposed record back: it
// counts when the message went, not when we heard of it.
func TestALateDeletionTakesAProposalBack(t *testing.T) {
	h := start(t, newFaulty())
	outsiders(t, h)
	sent := h.now()
	h.bot.events <- chat.Event{Key: "m1", Kind: chat.Posted, Chat: room, At: sent, Member: "sam", Name: "Sam Okafor", Message: "m1", Text: "NHS number 999 123 4543"}
	until(t, "the prompt is there", func() bool { return len(h.shown(t)) == 1 })
	h.advance(t, 20*time.Minute)
	all, err := h.BreachRecords(t.Context())
	if err != nil || len(all) != 1 || all[0].State != breach.Proposed || all[0].Exposure.External != 1 || all[0].Exposure.Colleagues != 1 {
		t.Fatalf("%+v (%v)", all, err)
	}
	h.bot.events <- chat.Event{Key: "d1", Kind: chat.Deleted, Chat: room, At: sent.Add(2 * time.Minute), Member: "sam", Message: "m1"}
	until(t, "the deletion is settled", func() bool { return len(h.shown(t)) == 0 })
	h.advance(t, time.Minute)
	if all, err = h.BreachRecords(t.Context()); err != nil || len(all) != 1 || all[0].State != breach.Closed || !strings.Contains(all[0].Why, "sooner") {
		t.Fatalf("%+v (%v)", all, err)
	}
}

// outsiders puts a colleague and somebody else into the room, and says who is
// which, as a trusted directory would.
func outsiders(t *testing.T, h *house) {
	t.Helper()
	seat := func(id chat.MemberID) engine.Seat {
		return engine.Seat{Membership: directory.Membership{Member: id}, Who: directory.Member{Account: room.Account, ID: id, Name: string(id)}}
	}
	now := h.now()
	if err := h.store.SetRoster(t.Context(), now, now, room, []engine.Seat{seat("sam"), seat("priya"), seat("ext")}); err != nil {
		t.Fatal(err)
	}
	known := map[hold.Member]directory.PersonID{{Account: room.Account, ID: "sam"}: "s1", {Account: room.Account, ID: "priya"}: "s2"}
	if _, err := h.store.SaveTurn(t.Context(), now, engine.Turn{Trusted: true, Known: known}); err != nil {
		t.Fatal(err)
	}
}

// shown lists the prompts that wait.
func (h *house) shown(t *testing.T) []engine.Shown {
	t.Helper()
	all, err := h.store.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
