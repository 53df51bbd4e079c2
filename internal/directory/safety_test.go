package directory_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"chaperone/internal/directory"
	"chaperone/internal/directory/directorytest"
)

var begin = time.Date(2026, 11, 9, 6, 0, 0, 0, time.UTC)

// Criterion 6: no broken directory removes anyone who has not left.
func TestBrokenDirectoriesRemoveNobodyWrongly(t *testing.T) {
	worlds := 200
	if os.Getenv("CHAPERONE_SOAK") != "" {
		worlds = 10_000
	}
	s := seed(t)
	removals, naive := 0, 0
	for n := range worlds {
		r := rand.New(rand.NewPCG(s, uint64(n)))
		w := directorytest.NewTown(r, begin)
		w.Receive(directorytest.Text(w.Rows()), w.Now)
		w.Run(2, time.Hour, nil) // learned
		w.Now = begin.Add(24 * time.Hour)
		w.SomeLeave(r.IntN(5))
		file, name, stale := w.Broken(false)
		for range 2 {
			w.Receive(file, w.Now.Add(-stale))
			naive += w.Careless()
			w.Run(24, time.Hour, nil)
		}
		// Then a true one, which must not be read with what the broken one left behind.
		w.Receive(directorytest.Text(w.Rows()), w.Now)
		w.Run(24, time.Hour, nil)
		w.Receive(directorytest.Text(w.Rows()), w.Now)
		w.Run(24, time.Hour, nil)
		if len(w.Wrong) > 0 {
			t.Fatalf("world %d, %s: %d wrong, such as %s", n, name, len(w.Wrong), w.Wrong[0])
		}
		removals += len(w.Removed)
	}
	t.Logf("%d worlds: %d removals, none wrong; a careless planner would have made %d wrong ones", worlds, removals, naive)
	if removals < worlds/10 {
		t.Errorf("only %d removals: the planner is safe because it does nothing", removals)
	}
	if naive < worlds {
		t.Errorf("a careless planner made only %d wrong removals: the test has no teeth", naive)
	}
}

// Criterion 6: with correct files 99.9 % of true leavers are out within 60
// minutes of the moment they are due.
func TestTrueLeaversAreOut(t *testing.T) {
	worlds := 8
	if os.Getenv("CHAPERONE_SOAK") != "" {
		worlds = 300
	}
	s := seed(t)
	due, out := 0, 0
	for n := range worlds {
		r := rand.New(rand.NewPCG(s, uint64(n)))
		w := directorytest.NewTown(r, begin)
		w.Situation.Incident = false
		clear(w.Situation.Protected)
		for i := range w.Situation.Chats {
			for j := range w.Situation.Chats[i].Members {
				m := &w.Situation.Chats[i].Members[j]
				*m = directory.Membership{Member: m.Member} // administrators are people of another list here
			}
		}
		w.Receive(directorytest.Text(w.Rows()), w.Now)
		w.Run(1, time.Hour, nil)
		start := w.Situation
		start.Chats = slices.Clone(start.Chats)
		for range 10 {
			w.SomeLeave(r.IntN(5))
			w.Receive(directorytest.Text(w.Rows()), w.Now)
			w.Run(24, 15*time.Minute, func(p directory.Plan) { answer(w, p) })
		}
		if len(w.Wrong) > 0 {
			t.Fatalf("world %d: %s", n, w.Wrong[0])
		}
		d, late := w.OutInTime(start)
		due, out = due+d, out+d-len(late)
		for _, x := range late {
			t.Log(x)
		}
	}
	t.Logf("%d of %d true leavers out within 60 minutes", out, due)
	if due < worlds || float64(out) < 0.999*float64(due) {
		t.Errorf("%d of %d", out, due)
	}
}

// answer has two people approve what is asked, ten minutes later.
func answer(t *directorytest.Town, p directory.Plan) {
	for _, q := range p.Questions {
		for _, by := range []string{"ig-1", "ig-2"} {
			t.Situation.Approvals = append(t.Situation.Approvals, directory.Approval{Key: q.Key, By: by, At: t.Now.Add(10 * time.Minute)})
			for _, st := range q.Steps {
				t.Situation.Approvals = append(t.Situation.Approvals, directory.Approval{Key: st.Key(), By: by, At: t.Now.Add(10 * time.Minute)})
			}
		}
	}
}

func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if v := os.Getenv("CHAPERONE_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("CHAPERONE_SEED: %v", err)
		}
		s = n
	}
	t.Logf("replay with CHAPERONE_SEED=%d", s)
	return s
}
