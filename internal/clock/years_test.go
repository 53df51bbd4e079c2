package clock

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Ten years in every zone of the IANA list, with downtime of up to 60 days:
// each date that clocks there showed has exactly one run, at the right instant
// (RELIABILITY criterion 5). The dates are found without this package, by
// walking through time.
func TestTenYearsInEveryZone(t *testing.T) {
	names := zoneNames(t)
	if testing.Short() {
		names = names[:40]
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAPERONE_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (CHAPERONE_SEED=%d replays it), %d zones", seed, seed, len(names))
	for i, name := range names {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		begin := time.Date(1995+r.IntN(60), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		tenYears(t, r, name, begin)
	}
}

func tenYears(t *testing.T, r *rand.Rand, name string, begin time.Time) {
	t.Helper()
	z := zone(t, name)
	hour, minute := r.IntN(24), r.IntN(60)
	if r.IntN(2) == 0 {
		hour = []int{0, 1, 2, 3, 23}[r.IntN(5)] // where zones change
	}
	expr := fmt.Sprintf("%d %d * * *", minute, hour)
	s, err := Parse(expr, z)
	if err != nil {
		t.Fatal(err)
	}
	at := func() string { return fmt.Sprintf("%s %q from %s", name, expr, begin.Format(time.DateOnly)) }
	end := begin.AddDate(10, 0, 0)
	last := s.Begin(begin)
	ran := map[Date]time.Time{}
	for now := begin; now.Before(end); {
		for _, run := range s.Due(last, now) { // a crash between two of them repeats neither: last is stored with each
			if _, twice := ran[run.Date]; twice {
				t.Fatalf("%s: %v ran twice", at(), run.Date)
			}
			if run.Slot.After(now) || run.Slot.Before(begin) {
				t.Fatalf("%s: %v came due at %v, now is %v", at(), run.Date, run.Slot, now)
			}
			ran[run.Date], last = run.Slot, run.Date
			if r.IntN(200) == 0 {
				break
			}
		}
		if r.IntN(50) == 0 {
			now = now.Add(time.Hour + time.Duration(r.Int64N(int64(60*24*time.Hour))))
		} else {
			now = now.Add(time.Duration(r.Int64N(int64(30 * time.Hour))))
		}
	}
	for _, run := range s.Due(last, end) {
		ran[run.Date] = run.Slot
	}
	shown := map[Date]bool{} // every date on a wall there, by walking
	for u := begin.Add(-48 * time.Hour); u.Before(end.Add(48 * time.Hour)); u = u.Add(time.Hour) {
		shown[DateOf(u.In(z))] = true
	}
	for d := range shown {
		wall := d.wall(hour, minute)
		slot, done := ran[d]
		if !done {
			// Not run: then its first instant must lie outside the ten years.
			if a := first(wall, z); a.After(begin) && !a.After(end) {
				t.Fatalf("%s: %v never ran", at(), d)
			}
			continue
		}
		if onWall(slot).Before(wall) {
			t.Fatalf("%s: %v ran at %v, too early", at(), d, slot)
		}
		for _, earlier := range []time.Duration{time.Second, time.Minute, 29 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour} {
			if !onWall(slot.Add(-earlier)).Before(wall) {
				t.Fatalf("%s: %v ran at %v, %s late", at(), d, slot, earlier)
			}
		}
	}
	if len(ran) < 3650 {
		t.Fatalf("%s: %d runs in ten years", at(), len(ran))
	}
	for d := range ran {
		if !shown[d] {
			t.Fatalf("%s: %v ran, a date that no clock showed", at(), d)
		}
	}
}

// onWall gives what a clock on the wall shows at t, written as if in UTC.
func onWall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func zoneNames(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// The list of zones is the one that the Go in use carries.
func TestZoneListIsWhole(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command to ask for its zones")
	}
	r, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Skip("this Go has no list of zones")
	}
	defer r.Close()
	listed := map[string]bool{}
	for _, n := range zoneNames(t) {
		listed[n] = true
	}
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") && !listed[f.Name] {
			t.Errorf("testdata/zones.txt lacks %s", f.Name)
		}
	}
}
