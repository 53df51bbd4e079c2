package detect

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

// Bounds on what any text may ask of a scan, in bytes read instead of time, so
// that they hold on every machine alike. Two thousand for each byte of 64 KiB
// are about a tenth of a second.
const (
	mostEffort = 2000 // for each byte of a text, the making of states included
	mostGrowth = 2.3  // for twice the text,
	cheap      = 200  // unless it stays under this for each byte
)

// total is an effort in bytes read: following an instruction costs about as
// much as reading two bytes, a check as reading fifty.
func (e effort) total() int { return e.read + 2*e.made + 50*e.checks }

// forget makes a set as it was before it saw any text.
func (s *Set) forget() {
	for _, l := range []*layer{&s.loud, &s.quiet} {
		for _, a := range l.union {
			a.build.forget()
			a.cur.Store(a.newMemory(64))
		}
		for _, p := range l.patterns {
			for _, part := range []**lazy{&p.whole, &p.before, &p.value, &p.after, &p.rest} {
				if *part != nil {
					*part = &lazy{re: (*part).re}
				}
			}
		}
	}
}

// spend scans a text with a set that has seen nothing, and gives the effort.
func spend(t *testing.T, set *Set, text string) (effort, time.Duration) {
	t.Helper()
	set.forget()
	w := set.scratch.New().(*scratch)
	start := cpuNow()
	v := w.builder.view(text)
	if _, err := set.scan(context.Background(), &v, w, Context{Before: []string{text[:100]}, All: true}); err != nil {
		t.Fatal(err)
	}
	return w.spent, cpuNow() - start
}

func cpuNow() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHardTexts wants every text scanned within a bound of work for its length,
// and twice the text for about twice the work. Times are only shown.
func TestHardTexts(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 10
	whole, half := corpus.Hostile(size), corpus.Hostile(size/2)
	type row struct {
		name        string
		whole, half effort
		took        time.Duration
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		h, _ := spend(t, set, half[name])
		w, took := spend(t, set, whole[name])
		rows = append(rows, row{name, w, h, took})
		if w.total() > mostEffort*size {
			t.Errorf("%s: the work of reading %d bytes for each byte, want at most %d", name, w.total()/size, mostEffort)
		}
		if growth := float64(w.total()) / float64(max(h.total(), cheap*size/2)); growth > mostGrowth {
			t.Errorf("%s: twice the text takes %.2f times the work, want at most %.1f", name, growth, mostGrowth)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.whole.total(), a.whole.total()) })
	t.Logf("%-24s %10s %10s %10s %8s %8s %8s", "64 KiB of", "read/B", "made/B", "checks/KiB", "total/B", "growth", "ms here")
	for _, r := range rows {
		t.Logf("%-24s %10.1f %10.1f %10.1f %8d %8.2f %8.1f", r.name, float64(r.whole.read)/size, float64(r.whole.made)/size,
			float64(r.whole.checks)/(size>>10), r.whole.total()/size, float64(r.whole.total())/float64(r.half.total()), float64(r.took.Microseconds())/1000)
	}
}
