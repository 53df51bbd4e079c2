package holdtest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"chaperone/internal/hold"
)

// memory is a Ledger whose every method is one transaction.
type memory struct {
	holds  []hold.Hold
	fences []hold.Fence
}

func (m *memory) Place(_ context.Context, h hold.Hold) error {
	m.holds = append(m.holds, h)
	return nil
}

func (m *memory) Release(_ context.Context, h hold.Hold) error {
	i := slices.IndexFunc(m.holds, func(x hold.Hold) bool { return x.ID == h.ID })
	m.holds[i] = h
	return nil
}

func (m *memory) Start(_ context.Context, want hold.Fence, now time.Time, within time.Duration) (hold.Fence, error) {
	f, err := hold.MayStart(hold.NewSet(m.holds, nil), m.fences, want, now, within)
	if err == nil {
		m.fences = append(m.fences, f)
	}
	return f, err
}

func (m *memory) Finish(_ context.Context, id string, o hold.Outcome, now time.Time) error {
	i := slices.IndexFunc(m.fences, func(f hold.Fence) bool { return f.ID == id })
	f, err := m.fences[i].Close(o, now)
	if err == nil {
		m.fences[i] = f
	}
	return err
}

func (m *memory) Read(context.Context) ([]hold.Hold, []hold.Fence, error) {
	return m.holds, m.fences, nil
}

// number reads a setting of the test run from the environment.
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

// No held message is destroyed, whatever happens in whichever order.
// CHAPERONE_SEEDS says how many interleavings, 1,000,000 with CHAPERONE_SOAK=1;
// CHAPERONE_SEED replays one.
func TestSoakFenced(t *testing.T) {
	short := uint64(20_000)
	if os.Getenv("CHAPERONE_SOAK") != "" {
		short = 1_000_000
	}
	first, seeds := uint64(time.Now().UnixNano()), number(t, "CHAPERONE_SEEDS", short)
	if one := number(t, "CHAPERONE_SEED", 0); one != 0 {
		first, seeds = one, 1
	}
	var sum Result
	for seed := first; seed < first+seeds; seed++ {
		r, err := Run(t.Context(), seed, &memory{}, Fenced)
		if err != nil {
			t.Fatalf("%v\nCHAPERONE_SEED=%d replays it", err, seed)
		}
		sum.Add(r)
	}
	t.Logf("%d interleavings from seed %d: %+v", seeds, first, sum)
	if seeds >= 1000 && min(sum.Destroyed, sum.Refused, sum.Held, sum.Reported, sum.Late) < int(seeds/1000) {
		t.Errorf("too little happened to prove anything: %+v", sum)
	}
}

// A judge that finds nothing proves nothing: each planted fault is found
// within 1,000 seeds.
func TestPlantedFaultsAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		way  Way
	}{{"two steps", TwoSteps}, {"no wait", NoWait}, {"sleepy", Sleepy}, {"reckless", Reckless}} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(1000) {
				if _, err := Run(t.Context(), seed, &memory{}, c.way); err != nil {
					t.Logf("found: %v", err)
					return
				}
			}
			t.Error("not found within 1,000 seeds")
		})
	}
}

// A seed decides everything.
func TestSeedsReplay(t *testing.T) {
	for seed := range uint64(100) {
		a, b := &memory{}, &memory{}
		ra, _ := Run(t.Context(), seed, a, Fenced)
		rb, _ := Run(t.Context(), seed, b, Fenced)
		if ra != rb || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("seed %d went two ways", seed)
		}
	}
}
