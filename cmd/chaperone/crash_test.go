package main_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCrash kills the real binary at every named step of the path, again and
// again, and holds it against what the platform and the record system saw
// (DESIGN invariants 1, 2 and 4). CHAPERONE_SOAK=1 runs 5,000 kills instead of
// 200, CHAPERONE_SEED repeats a run.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	kills, each, labs := 200, 10, 4
	if os.Getenv("CHAPERONE_SOAK") != "" {
		kills, each, labs = 5000, 300, 100
	}
	seed := seed(t)
	binary := build(t, "failpoint")
	steps := append(slices.DeleteFunc(failpoints(t), func(s string) bool { return disposes(s) || departs(s) || joins(s) }), anytime)
	kills = max(kills, each*len(steps))
	done := make(chan map[string]int, labs)
	t.Run("labs", func(t *testing.T) {
		for i := range labs {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) {
				t.Parallel()
				w := newWorld(newLab(t, binary), seed+uint64(i), i%4 == 3)
				from, to := i*kills/labs, (i+1)*kills/labs
				at := map[string]int{}
				for k := from; k < to && !t.Failed(); k++ {
					step := steps[k%len(steps)]
					w.cycle(t, step)
					at[step]++
					if n := k - from + 1; n%50 == 0 {
						t.Logf("%d kills", n)
					}
				}
				done <- at
				w.conclude(t)
			})
		}
	})
	close(done)
	total, at := 0, map[string]int{}
	for m := range done {
		for step, n := range m {
			at[step] += n
			total += n
		}
	}
	t.Logf("%d kills: %v", total, at)
	for _, step := range steps {
		if at[step] < each && !t.Failed() {
			t.Errorf("%s was hit %d times, want at least %d", step, at[step], each)
		}
	}
}

// TestCrashCatchesANaiveRunner proves that the test above can fail: a runner
// that sends again without looking is found out by the same checks.
func TestCrashCatchesANaiveRunner(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	w := newWorld(newLab(t, build(t, "failpoint")), seed(t), false)
	w.env = []string{"CHAPERONE_NAIVE=1"}
	for range 10 {
		w.cycle(t, "act.called")
	}
	faults := w.examine(t)
	t.Logf("the naive runner: %d faults, such as %q", len(faults), faults[:min(len(faults), 3)])
	if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, repeated) }) {
		t.Errorf("10 kills of a naive runner after its calls, and no repeat was found: the checks are worth nothing")
	}
}

func seed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAPERONE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAPERONE_SEED: %v", err)
		}
	}
	t.Logf("CHAPERONE_SEED=%d repeats this run's choices", seed)
	return seed
}

// disposes tells the steps of holds, retention and the clock: those are
// TestCrashOfDisposals'.
func disposes(step string) bool {
	kind, _, _ := strings.Cut(step, ".")
	return kind == "hold" || kind == "run" || kind == "clock" || kind == "transfer"
}

// anytime is the step that is no step: a kill at any moment.
const anytime = "anytime"

var hit = regexp.MustCompile(`failpoint\.Hit\("([^"]+)"\)`)

// failpoints lists the named steps as the sources have them.
func failpoints(t *testing.T) []string {
	found := map[string]bool{}
	for _, root := range []string{"../../internal", "../../bots"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range hit.FindAllSubmatch(b, -1) {
				found[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 8 {
		t.Fatalf("only %d steps are named: %v", len(found), found)
	}
	return slices.Sorted(maps.Keys(found))
}

// repeated begins every fault that is about something that happened twice.
const repeated = "repeated: "

// sensitive tells by a text of these tests whether it must prompt.
func sensitive(text string) bool {
	return strings.Contains(text, "NI number") || strings.HasPrefix(text, "Decision:")
}

func cleanText(tally string) string {
	return "boats are tied up at the slipway, tally " + tally
}

func personalText(r *rand.Rand, tally string) string {
	return fmt.Sprintf("payroll asks again: her NI number is AB%06dC, tally %s", r.IntN(1e6), tally)
}

func decisionText(tally string) string {
	return "Decision: close the rest centre tonight because the river is falling, tally " + tally
}

var tallyForm = regexp.MustCompile(`tally ([a-z]+)`)

func tallyOf(text string) string {
	if m := tallyForm.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
