package store

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/record"
	"chaperone/internal/retention"
	"chaperone/rules"
)

func sample(id string) hold.Hold {
	return hold.Hold{
		ID: id, Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: hold.Scope{All: true},
		Review: clock.DateOf(noon.AddDate(1, 0, 0)), Placed: noon, PlacedBy: "Nasreen Malik",
	}
}

// Every act has its entry, in the transaction of the act; the export verifies
// without the store, and holds no name.
func TestActsAreInTheAuditLog(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	h := sample("20261123-AAAA")
	if err := s.PlaceHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if err := s.PlaceHold(t.Context(), h); err == nil {
		t.Error("the same hold was placed twice")
	}
	h, err := h.Release("Nasreen Malik", "the inquiry has ended", noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReleaseHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	key, err := s.ExportAudit(t.Context(), noon.Add(2*time.Hour), "Nasreen Malik", &out)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Verify(bytes.NewReader(out.Bytes()), key, nil)
	if err != nil || !rep.OK() || rep.Entries != 3 {
		t.Errorf("the export has %d entries and problems %v (%v), want 3 and none", rep.Entries, rep.Problems, err)
	}
	if strings.Contains(out.String(), "Nasreen") || strings.Contains(out.String(), "Millbrook") {
		t.Error("the log names a person or a matter")
	}
	changed := strings.Replace(out.String(), `"after":"released"`, `"after":"kept"`, 1)
	if rep, err := audit.Verify(strings.NewReader(changed), key, nil); err != nil || rep.OK() {
		t.Errorf("an altered export verifies (%v)", err)
	}
}

// A hold that cannot be read holds everything.
func TestUnreadableHoldsHold(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := s.PlaceHold(t.Context(), sample("h1")); err != nil {
		t.Fatal(err)
	}
	if err := s.write.do(t.Context(), func(t *tx) error { return t.exec("UPDATE holds SET body = '{', released = 0") }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Holds(t.Context()).All(); err == nil {
		t.Error("a damaged hold was read")
	}
	l := ledger{[]*Store{s}}
	want := hold.Fence{ID: "f1", Message: "m1", Subject: hold.Subject{Chat: room, Member: "sam"}}
	if _, err := l.Start(t.Context(), want, noon, time.Second); err == nil {
		t.Error("a fence was opened although the holds cannot be read")
	}
}

// Findings are forgotten after ninety days, but not about what a hold covers;
// and after its release they are.
func TestWhatAHoldCoversIsNotForgotten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	other := chat.ID{Account: "practice", Local: "rest-centre-team"}
	for id, members := range map[chat.ID][]chat.MemberID{room: {"tom"}, other: {"sam", "priya"}} {
		for _, m := range members {
			if err := s.Settle(t.Context(), engine.Settlement{Chat: id, Now: noon, Messages: []engine.Message{{
				ID: chat.MessageID("m-" + m), Member: m, At: noon, Label: "prompted", Class: engine.Flagged,
				Findings: []rules.Finding{{Rule: "uk-nhs", Category: "uk_nhs", Mask: "NHS number, ending 43"}},
			}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := sample("h1")
	h.Scope = hold.Scope{Chats: []chat.ID{room}, Members: []hold.Member{{Account: "practice", ID: "sam"}}}
	if err := s.PlaceHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	left := func(now time.Time) (out []string) {
		if err := s.Erase(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		rows, err := s.read.QueryContext(t.Context(), "SELECT message FROM decisions ORDER BY message")
		if err != nil {
			t.Fatal(err)
		}
		out, err = collect(rows, func(v *string) []any { return []any{v} })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	later := noon.Add(91 * 24 * time.Hour)
	if diff := cmp.Diff([]string{"m-sam", "m-tom"}, left(later)); diff != "" {
		t.Errorf("under a hold (-want +left):\n%s", diff)
	}
	h, err := h.Release("Nasreen Malik", "ended", later)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReleaseHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if got := left(later.Add(time.Minute)); len(got) != 0 {
		t.Errorf("after the release %v are left", got)
	}
}

// A date has one run, whoever begins it.
func TestADateHasOneRun(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	d := clock.Date{Year: 2026, Month: 11, Day: 23}
	run := engine.Run{Schedule: "keep", Date: d, State: retention.Planned, Slot: noon}
	if err := s.BeginRuns(t.Context(), noon, "keep", d, []engine.Run{run}, engine.RunAct{}); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginRuns(t.Context(), noon, "keep", d.Add(1), []engine.Run{{Schedule: "keep", Date: d.Add(1), State: retention.Planned, Slot: noon}, run}, engine.RunAct{}); err == nil {
		t.Error("a second run of the date was stored")
	}
	all, err := s.Runs(t.Context(), "keep")
	if err != nil || len(all) != 1 {
		t.Errorf("there are %d runs (%v), want 1: the transaction failed whole", len(all), err)
	}
	if last, err := s.LastRun(t.Context(), "keep"); err != nil || last != d {
		t.Errorf("the last date is %v (%v), want %v", last, err, d)
	}
}

// The text that a hold captured goes with its key once it is filed, and the
// text of an undo after 30 days: no key is left that opens what the files may
// still hold of them.
func TestSealedTextsGoWithTheirKeys(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	rec := record.Record{ID: "20261123-AAAA", Messages: []record.Message{{ID: "m1"}}, CapturedAt: noon}
	if err := s.Settle(t.Context(), engine.Settlement{
		Chat: room, Now: noon,
		Messages: []engine.Message{{ID: "m2", Member: "sam", At: noon, Label: "clean", Class: engine.Routine}},
		Arrivals: []engine.Arrival{{Record: rec, Text: "the boats are tied up"}},
		Actions: []engine.Action{
			{Key: "file/" + rec.ID, Kind: engine.File, Chat: room, Record: rec.ID, Due: noon},
			{Key: "dispose/keep/2026-11-23/x/m2", Kind: "delete", Chat: room, Member: "sam", Message: "m2", Due: noon},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, files, err := s.Content(t.Context(), rec.ID); err != nil || len(files) != 1 || string(files[0].Data) != "the boats are tied up" {
		t.Fatalf("the captured text is %v (%v)", files, err)
	}
	day := clock.Date{Year: 2026, Month: 11, Day: 23}
	if err := s.BeginRuns(t.Context(), noon, "keep", day, []engine.Run{{Schedule: "keep", Date: day, State: retention.Underway, Slot: noon}}, engine.RunAct{}); err != nil {
		t.Fatal(err)
	}
	due, _, err := s.Due(t.Context(), noon, 10)
	if err != nil {
		t.Fatal(err)
	}
	slots := map[uint64]bool{}
	for _, a := range due {
		if a.Kind == "delete" {
			a.Undo = "the hall opens at 02:30"
		}
		if err := s.Start(t.Context(), noon, &a); err != nil {
			t.Fatal(err)
		}
		for n := range sealedSlots(t, s) {
			slots[n] = true
		}
		f := engine.Finished{Action: a, Now: noon, Outcome: engine.Done}
		if a.Kind == engine.File {
			f.Receipt = &record.Receipt{Where: "there", FiledAt: noon}
		}
		if err := s.Finish(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := s.Sealed(t.Context(), "undo/dispose/keep/2026-11-23/x/m2"); err != nil || text != "the hall opens at 02:30" {
		t.Errorf("the text for undo is %q (%v)", text, err)
	}
	if err := s.Erase(t.Context(), noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := len(sealedSlots(t, s)); n != 1 {
		t.Errorf("%d texts are sealed away after the record was filed, want the one for undo", n)
	}
	if err := s.Erase(t.Context(), noon.Add(31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(slots) != 2 {
		t.Fatalf("%d keys were seen, want 2", len(slots))
	}
	for n := range slots {
		if s.ring.has(n) {
			t.Errorf("key %d is still there after 31 days", n)
		}
	}
}

func sealedSlots(t *testing.T, s *Store) map[uint64]bool {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "SELECT slot FROM sealed")
	if err != nil {
		t.Fatal(err)
	}
	all, err := collect(rows, func(n *uint64) []any { return []any{n} })
	if err != nil {
		t.Fatal(err)
	}
	out := map[uint64]bool{}
	for _, n := range all {
		out[n] = true
	}
	return out
}
