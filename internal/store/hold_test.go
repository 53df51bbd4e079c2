package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/hold/holdtest"
	"chaperone/internal/record"
	"chaperone/internal/retention"
	"chaperone/internal/store/storetest"
	"chaperone/rules"
)

// ledger plays holdtest's games on the store: each method is one transaction
// of the real thing.
type ledger struct{ s *Store }

func (l ledger) Place(ctx context.Context, h hold.Hold) error   { return l.s.PlaceHold(ctx, h) }
func (l ledger) Release(ctx context.Context, h hold.Hold) error { return l.s.ReleaseHold(ctx, h) }

func (l ledger) Start(ctx context.Context, want hold.Fence, now time.Time, within time.Duration) (f hold.Fence, err error) {
	err = l.s.write.do(ctx, func(t *tx) error {
		f, err = t.fence(want.ID, want, now, within)
		return err
	})
	return f, err
}

func (l ledger) Finish(ctx context.Context, id string, o hold.Outcome, now time.Time) error {
	return l.s.write.do(ctx, func(t *tx) error { return t.closeFence(id, o, now) })
}

func (l ledger) Read(ctx context.Context) ([]hold.Hold, []hold.Fence, error) {
	holds, err := l.s.Holds(ctx).All()
	if err != nil {
		return nil, nil, err
	}
	fences, err := l.s.Fences(ctx, time.Unix(0, 0))
	return holds, fences, err
}

// empty begins the next game.
func (l ledger) empty(t *testing.T) {
	if err := l.s.write.do(t.Context(), func(t *tx) error {
		for _, table := range []string{"holds", "fences", "audit_entries", "audit_hashes"} {
			if err := t.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// newLedger opens a store that does not wait for the disk: these games are
// about transactions, not about power cuts.
func newLedger(t *testing.T) ledger {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if storetest.Database(t, s.home.dir) == "" {
		if _, err := s.write.conn.ExecContext(t.Context(), "PRAGMA synchronous = OFF"); err != nil {
			t.Fatal(err)
		}
	}
	return ledger{s}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, s)
	}
	return n
}

// No held message is destroyed, whatever happens in whichever order (RELIABILITY
// criterion 4). CHAPERONE_SEEDS says how many interleavings, 1,000,000 with
// CHAPERONE_SOAK=1; CHAPERONE_SEED replays one.
func TestSoakHoldsOverTheStore(t *testing.T) {
	short := uint64(200)
	if os.Getenv("CHAPERONE_SOAK") != "" {
		short = 1_000_000
	}
	first, seeds := uint64(time.Now().UnixNano()), number(t, "CHAPERONE_SEEDS", short)
	if one := number(t, "CHAPERONE_SEED", 0); one != 0 {
		first, seeds = one, 1
	}
	l := newLedger(t)
	began := time.Now()
	var sum holdtest.Result
	for i := range seeds {
		l.empty(t)
		r, err := holdtest.Run(t.Context(), first+i, l, holdtest.Fenced)
		if err != nil {
			t.Fatalf("%v\nCHAPERONE_SEED=%d replays it", err, first+i)
		}
		sum.Destroyed += r.Destroyed
		sum.Refused += r.Refused
		sum.Held += r.Held
		sum.Reported += r.Reported
		sum.Late += r.Late
		if (i+1)%10_000 == 0 {
			t.Logf("%d interleavings in %s", i+1, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d interleavings from seed %d in %s: %+v", seeds, first, time.Since(began).Round(time.Millisecond), sum)
	if seeds >= 200 && (sum.Destroyed < 10 || sum.Refused < 10 || sum.Held < 10) {
		t.Errorf("too little happened to prove anything: %+v", sum)
	}
}

// The judge finds a sweep in two steps, select and then delete, within 1,000
// seeds on this store too.
func TestATwoStepSweepIsCaught(t *testing.T) {
	l := newLedger(t)
	for seed := range uint64(1000) {
		l.empty(t)
		if _, err := holdtest.Run(t.Context(), seed, l, holdtest.TwoSteps); err != nil {
			t.Logf("found: %v", err)
			return
		}
	}
	t.Error("not found within 1,000 seeds")
}

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
	l := ledger{s}
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
	if err := s.BeginRuns(t.Context(), noon, "keep", d, []engine.Run{run}); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginRuns(t.Context(), noon, "keep", d.Add(1), []engine.Run{{Schedule: "keep", Date: d.Add(1), State: retention.Planned, Slot: noon}, run}); err == nil {
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
