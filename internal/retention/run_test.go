package retention

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
)

var steady = clock.Watch{}.Restart(now)

func many(t fataler, goes, stays int) Situation {
	t.Helper()
	s := situation(t)
	for n := range goes {
		s.Messages = append(s.Messages, message(fmt.Sprintf("old%03d", n), 91))
	}
	for n := range stays {
		s.Messages = append(s.Messages, message(fmt.Sprintf("new%03d", n), 5))
	}
	return s
}

func TestCap(t *testing.T) {
	for _, c := range []struct {
		cap         Cap
		goes, stays int
		needs       int
	}{
		{Cap{}, 0, 10, 0},
		{Cap{}, 3, 0, 0},
		{Cap{}, 4, 0, 2},
		{Cap{}, 3, 97, 0},
		{Cap{}, 4, 196, 0},
		{Cap{}, 4, 195, 2}, // 2 % of 199 is 3
		{Cap{Messages: 500}, 500, 0, 0},
		{Cap{Messages: 500}, 501, 0, 2},
		{Cap{Messages: 1}, 2, 0, 2},
		{Cap{Messages: 1, Percent: 100}, 40, 0, 0},
		{Cap{Percent: 50}, 20, 20, 0},
		{Cap{Percent: 50}, 21, 19, 2},
	} {
		s := many(t, c.goes, c.stays)
		s.Schedule.Cap = c.cap
		if got := Prepare(s).Needs(); got != c.needs {
			t.Errorf("%+v: %d need %d people, want %d", c, c.goes, got, c.needs)
		}
		for i := range s.Messages {
			s.Messages[i].Delete = BySender
		}
		if got := Prepare(s).Needs(); got != c.needs {
			t.Errorf("%+v: asking the senders needs %d people, want %d", c, got, c.needs)
		}
	}
}

func TestCapIsOfEachChat(t *testing.T) {
	s := many(t, 2, 0)
	for n := range 10_000 {
		m := message(fmt.Sprintf("r%d", n), 5)
		m.Chat = roads
		s.Messages = append(s.Messages, m)
	}
	s.Messages = append(s.Messages, message("old3", 91), message("old4", 91))
	p := Prepare(s)
	if d := cmp.Diff([]Above{{rest, 4, 3}}, p.Above); d != "" {
		t.Errorf("a large chat raises the cap of a small one: %s", d)
	}
}

func TestPermit(t *testing.T) {
	few, lots := Prepare(many(t, 2, 0)), Prepare(many(t, 40, 0))
	yes := func(p Plan, names ...string) (out []Approval) {
		for _, n := range names {
			out = append(out, Approval{By: n, At: now, Digest: p.Digest(), Count: p.Disposed()})
		}
		return out
	}
	tomorrow := many(t, 40, 0)
	tomorrow.Date = tomorrow.Date.Add(1)
	other := yes(Prepare(tomorrow), "Nasreen Malik", "Helen Carrick")
	miscounted := yes(lots, "Nasreen Malik", "Helen Carrick")
	miscounted[1].Count--
	change := func(p Plan, f func(*Schedule)) Plan { f(&p.Schedule); return p }
	for _, c := range []struct {
		name  string
		p     Plan
		given []Approval
		w     clock.Watch
		want  string
	}{
		{"under the cap", few, nil, steady, ""},
		{"above it, alone", lots, nil, steady, "0 of 2 people have approved"},
		{"above it, one", lots, yes(lots, "Nasreen Malik"), steady, "1 of 2"},
		{"above it, one twice", lots, yes(lots, "Nasreen Malik", " nasreen malik"), steady, "1 of 2"},
		{"above it, nobody", lots, yes(lots, "", " "), steady, "0 of 2"},
		{"above it, two", lots, yes(lots, "Nasreen Malik", "Helen Carrick"), steady, ""},
		{"two for another plan", lots, other, steady, "0 of 2"},
		{"one of them miscounted", lots, miscounted, steady, "1 of 2"},
		{"watching", change(few, func(s *Schedule) { s.Acting = false }), nil, steady, "only watches"},
		{"no period", change(few, func(s *Schedule) { s.Period = Period{} }), nil, steady, "no period"},
		{"no disposal", change(few, func(s *Schedule) { s.Disposal = "" }), nil, steady, "no period"},
		{"no owner", change(few, func(s *Schedule) { s.Owner = "" }), nil, steady, "no owner"},
		{"no authority", change(few, func(s *Schedule) { s.Authority = "" }), nil, steady, "no authority"},
		{"clock jumped", few, nil, steady.Tick(now.Add(2*time.Hour), 0), "a person must confirm the clock"},
		{"clock unknown", few, nil, clock.Watch{}, "never looked at"},
	} {
		err := c.p.Permit(c.given, c.w)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestApprove(t *testing.T) {
	p := Prepare(many(t, 40, 0))
	given, err := p.Approve(nil, "Nasreen Malik", 40, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		by    string
		count int
	}{"nobody": {" ", 40}, "wrong number": {"Helen Carrick", 41}, "same person": {"nasreen malik ", 40}} {
		if got, err := p.Approve(given, try.by, try.count, now); err == nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	given, err = p.Approve(given, "Helen Carrick", 40, now)
	if err != nil || p.Permit(given, steady) != nil {
		t.Errorf("two people: %v, %v", err, p.Permit(given, steady))
	}
	wider := Prepare(many(t, 41, 0))
	if wider.Permit(given, steady) == nil {
		t.Error("approvals of one plan let another through")
	}
	if _, err := wider.Approve(given, "Nasreen Malik", 41, now); err != nil {
		t.Errorf("she may approve the new plan: %v", err)
	}
}

// A run works in stages, may be stopped and resumed between any two messages,
// and never does what is not in its plan.
func TestRunInStages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		p := Prepare(s)
		size := rapid.IntRange(1, 4).Draw(t, "stage")
		newHold := rapid.IntRange(0, 20).Draw(t, "hold after")
		done := map[chat.MessageID]bool{}
		isDone := func(_ chat.ID, m chat.MessageID) bool { return done[m] }
		placed := false
		for range 50 {
			left := p.Remaining(isDone)
			there := s
			there.Messages = nil
			for _, m := range s.Messages {
				if !done[m.ID] {
					there.Messages = append(there.Messages, m)
				}
			}
			if err := Compare(left, Recheck(left, there)); err != nil {
				if !placed {
					t.Fatalf("stopped without a reason: %v", err)
				}
				return
			}
			stage := left.Stage(size)
			if len(stage) == 0 {
				if want := p.Count(Goes) + p.Count(Transfers); len(done) != want {
					t.Fatalf("%d done of %d", len(done), want)
				}
				return
			}
			for _, i := range stage {
				if done[i.ID] || i.Way == Stays || i.Way == Asks {
					t.Fatalf("%s", i)
				}
				done[i.ID] = true
				if len(done) == newHold { // killed here, and a hold comes
					holds, _ := s.Holds.All()
					s.Holds = hold.NewSet(append(holds, held("new", scope(t))), nil)
					placed = true
					break
				}
			}
		}
		t.Fatal("it never ended")
	})
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	s := many(t, 2, 1)
	p := Prepare(s)
	gone := s
	gone.Messages = s.Messages[1:]
	var c *Changed
	if err := Compare(p, Recheck(p, gone)); !errors.As(err, &c) || len(c.Differences) != 1 || c.Differences[0].Message != "old000" || c.Differences[0].Found != "" {
		t.Errorf("gone: %v", err)
	}
	more := s
	more.Messages = append(more.Messages[:3:3], message("late", 100))
	err := Compare(p, Recheck(p, more))
	if !errors.As(err, &c) || len(c.Differences) != 1 || c.Differences[0].Planned != "" || !strings.Contains(err.Error(), "late") {
		t.Errorf("late: %v", err)
	}
	s.Holds = hold.NewSet([]hold.Hold{held("9", hold.Scope{All: true})}, nil)
	if err := Compare(p, Recheck(p, s)); !errors.As(err, &c) || len(c.Differences) != 2 || !strings.Contains(c.Differences[0].Found, "releases hold 9") {
		t.Errorf("held: %v", err)
	}
}

func TestState(t *testing.T) {
	all := []State{"", Planned, Underway, Stopped, Finished, MadeGood}
	var got []string
	for _, from := range all {
		for _, to := range all {
			if from.May(to) {
				got = append(got, string(from)+">"+string(to))
			}
		}
	}
	want := []string{">planned", ">made-good", "planned>underway", "planned>stopped", "planned>finished", "underway>stopped", "underway>finished"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCertificate(t *testing.T) {
	s := many(t, 3, 2)
	s.Messages[0].Files = 2
	s.Messages[2].Delete = BySender
	p := Prepare(s)
	how := map[chat.MessageID]Outcome{"old000": Destroyed, "old001": KeptForHold, "old002": SenderDid}
	look := func(_ chat.ID, m chat.MessageID) (Outcome, bool) { o, ok := how[m]; return o, ok }
	approvals := []Approval{{By: "Nasreen Malik", At: now, Digest: p.Digest(), Count: 3}}
	c, err := Certify(p, approvals, look, now, now.Add(20*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Count{{"destroyed", 1}, {"sender-deleted", 1}, {"held", 1}}, c.Counts); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Count{{"period-running", 2}}, c.Stayed); d != "" {
		t.Error(d)
	}
	if len(c.Chats) != 1 || c.Chats[0].N != 2 || c.Chats[0].Files != 2 || c.Plan != p.Digest() || !c.UndoUntil.Equal(now.Add(20*time.Minute+Undo)) {
		t.Errorf("%+v", c)
	}
	text := c.Text()
	for _, want := range []string{"Certificate of disposal", "Retention schedule 2026, line 4", "Approved by Nasreen Malik", "destroyed       1", "29 December 2026", "kept 90 days, then destroyed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "tom") {
		t.Error("the certificate names a sender")
	}
	digest, err := c.Digest()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Certificate
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d, _ := back.Digest(); d != digest {
		t.Errorf("read back, its digest is another:\n%s", cmp.Diff(c, back))
	}
	how["old001"] = Destroyed
	if o, _ := Certify(p, approvals, look, now, now); o.Items == c.Items {
		t.Error("another outcome, and the same digest of items")
	}
	delete(how, "old001")
	if _, err := Certify(p, approvals, look, now, now); err == nil || !strings.Contains(err.Error(), "old001") {
		t.Errorf("an outcome is missing: %v", err)
	}
	how["old001"], how["new000"] = Destroyed, Destroyed
	if _, err := Certify(p, approvals, look, now, now); err == nil || !strings.Contains(err.Error(), "was to stay") {
		t.Errorf("what was to stay was destroyed: %v", err)
	}
}

// Nightly runs on a clock that somebody or something sets: from
// the moment it is over an hour off nothing is permitted, until a person says
// that it is right (RELIABILITY criterion 5).
func TestNothingGoesOnAClockThatJumped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Prepare(many(t, 2, 0))
		w, wall, off := clock.Watch{}.Restart(now), now, time.Duration(0)
		frozen := false
		for range rapid.IntRange(1, 60).Draw(t, "nights") {
			jump := time.Duration(0)
			if rapid.IntRange(0, 9).Draw(t, "jumps") == 0 {
				jump = time.Duration(rapid.Int64Range(-int64(90_000*time.Hour), int64(90_000*time.Hour)).Draw(t, "by"))
			}
			wall, off = wall.Add(24*time.Hour+jump), off+jump
			w = w.Tick(wall, 24*time.Hour)
			frozen = frozen || off.Abs() > time.Hour
			if err := p.Permit(nil, w); (err != nil) != frozen {
				t.Fatalf("off by %s, frozen %v: %v", off, frozen, err)
			}
			if frozen && rapid.IntRange(0, 3).Draw(t, "confirmed") == 0 {
				var err error
				if w, err = w.Confirm("Nasreen Malik", wall); err != nil {
					t.Fatal(err)
				}
				frozen, off = false, 0
			}
		}
	})
}
