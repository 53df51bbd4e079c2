package main_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// departs tells the steps of leavers: those are TestCrashOfLeavers'.
func departs(step string) bool { return strings.HasPrefix(step, "leaver.") }

// TestCrashOfLeavers kills the real binary while people leave, again and again:
// every leaver is told once and taken out once, in this order, and nobody else
// is. CHAPERONE_SOAK=1 kills more often, CHAPERONE_SEED repeats a run.
func TestCrashOfLeavers(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	each := 3
	if os.Getenv("CHAPERONE_SOAK") != "" {
		each = 60
	}
	w := newExodus(t, seed(t))
	steps := append(slices.DeleteFunc(failpoints(t), func(s string) bool { return !departs(s) }), "act.started", "act.called", "act.stored", anytime)
	if len(steps) < 7 {
		t.Fatalf("only the steps %v are named", steps)
	}
	for range each {
		for _, step := range steps {
			w.cycle(t, step)
		}
	}
	w.conclude(t)
}

// exodus is an organisation that many people leave.
type exodus struct {
	l       *lab
	rng     *rand.Rand
	leavers []string // last days, by person; empty for who stays
	next    int      // the next person to leave
	kills   int
}

const (
	exodusRooms = 20
	exodusStaff = 1000
)

func newExodus(t *testing.T, seed uint64) *exodus {
	w := &exodus{l: newLab(t, build(t, "failpoint")), rng: rand.New(rand.NewPCG(seed, 11)), leavers: make([]string, exodusStaff)}
	config := fmt.Sprintf(`bots:
  practice: {enabled: true, new_rooms: act}
directory:
  file: %s
  mapping: {id: Key, emails: [Email], leaves: Leaving, dismissed: Dismissed}
`, w.file())
	if err := os.WriteFile(w.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write(t)
	if err := w.l.startWith([]string{"--config", w.config()}); err != nil {
		t.Fatalf("%v\n%s", err, w.l.tail())
	}
	for r := range exodusRooms {
		var members []map[string]string
		for p := r; p < exodusStaff; p += exodusRooms {
			members = append(members, map[string]string{"id": fmt.Sprint("p", p), "email": fmt.Sprintf("p%d@example.org", p)})
		}
		room := map[string]any{"id": fmt.Sprint("room", r), "kind": "team", "members": members}
		if err := w.l.call("POST", "/rooms", room, nil); err != nil {
			t.Fatal(err)
		}
	}
	// Everybody is seen, and the directory learned, a day before anybody leaves.
	for end := time.Now().Add(120 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if out, err := w.command("leavers", "list", "--json"); err == nil && strings.Contains(string(out), fmt.Sprintf(`"matched": %d`, exodusStaff)) {
			break
		} else if time.Now().After(end) {
			t.Fatalf("not everybody is matched: %s (%v)", out, err)
		}
	}
	if err := w.l.advance(36 * time.Hour); err != nil {
		t.Fatal(err)
	}
	w.l.stop(t)
	return w
}

func (w *exodus) file() string   { return filepath.Join(w.l.dir, "people.csv") }
func (w *exodus) config() string { return filepath.Join(w.l.dir, "chaperone.yaml") }

// command runs one command against the lab's data folder.
func (w *exodus) command(args ...string) ([]byte, error) {
	c := custody{l: w.l}
	return c.command(args...)
}

// write puts the directory there as it is now. It is replaced by rename, as it
// should be.
func (w *exodus) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	b.WriteString("Key,Email,Leaving,Dismissed\n")
	for p, day := range w.leavers {
		dismissed := ""
		if day != "" {
			dismissed = "yes"
		}
		fmt.Fprintf(&b, "S%04d,p%d@example.org,%s,%s\n", p, p, day, dismissed)
	}
	if err := os.WriteFile(w.file()+".new", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.file()+".new", w.file()); err != nil {
		t.Fatal(err)
	}
}

// leave lets two more people be dismissed, as of the demo's today.
func (w *exodus) leave(t *testing.T) {
	t.Helper()
	var now struct{ Now time.Time }
	if err := w.l.call("POST", "/clock", map[string]string{"advance": "2h"}, &now); err != nil {
		return // it is gone
	}
	for range 2 {
		if w.next < exodusStaff/2 {
			w.leavers[w.next] = now.Now.UTC().Format(time.DateOnly)
			w.next += 1 + w.rng.IntN(3)
		}
	}
	w.write(t)
	_ = w.l.advance(time.Minute) // it looks at once; where it is killed it is gone
}

func (w *exodus) cycle(t *testing.T, step string) {
	t.Helper()
	var env []string
	if step != anytime {
		env = append(env, fmt.Sprintf("CHAPERONE_FAILPOINT=%s:%d", step, 1+w.rng.IntN(2)))
	}
	switch err := w.l.startWith([]string{"--config", w.config()}, env...); {
	case err == nil:
	case errors.Is(err, errDied) && w.l.killed():
		w.kills++
		return
	default:
		t.Fatalf("starting for %s: %v\n%s", step, err, w.l.tail())
	}
	giveUp := time.AfterFunc(2*time.Minute, w.l.kill)
	if step == anytime {
		giveUp.Reset(time.Duration(100+w.rng.IntN(1000)) * time.Millisecond)
	}
	for w.l.alive() {
		w.leave(t)
	}
	if late := !giveUp.Stop(); late && step != anytime {
		t.Fatalf("%s was not reached within two minutes\n%s", step, w.l.tail())
	}
	if !w.l.killed() {
		t.Fatalf("the process ended by itself: %v\n%s", w.l.err, w.l.tail())
	}
	w.kills++
}

func (w *exodus) conclude(t *testing.T) {
	t.Helper()
	if err := w.l.startWith([]string{"--config", w.config()}); err != nil {
		t.Fatalf("the last start: %v\n%s", err, w.l.tail())
	}
	for range 3 { // more than ten may have been left over for this hour
		if err := w.l.advance(2 * time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	list, err := w.command("leavers", "list")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := w.l.ledger()
	if err != nil {
		t.Fatal(err)
	}
	w.l.stop(t)
	told, gone := map[string]int{}, map[string]int{}
	for _, e := range ledger {
		at := e.Room + " " + e.Member
		switch e.Effect {
		case "whisper":
			if told[at]++; gone[at] > 0 {
				t.Errorf("%s was told after they were taken out", at)
			}
		case "remove":
			if gone[at]++; told[at] == 0 {
				t.Errorf("%s was taken out and not told", at)
			}
		}
	}
	leavers := 0
	for p, day := range w.leavers {
		at := fmt.Sprintf("room%d p%d", p%exodusRooms, p)
		want := 0
		if day != "" {
			want, leavers = 1, leavers+1
		}
		if told[at] != want || gone[at] != want {
			t.Errorf("%s, last day %q, was told %d times and taken out %d times, want %d", at, day, told[at], gone[at], want)
		}
		delete(told, at)
		delete(gone, at)
	}
	if len(told)+len(gone) > 0 {
		t.Errorf("others were told or taken out: %v %v", told, gone)
	}
	if t.Failed() {
		t.Logf("%s", list[:min(len(list), 3000)])
	}
	if leavers < 10 {
		t.Errorf("only %d people left: too little happened to prove anything", leavers)
	}
	t.Logf("%d kills, %d leavers, each told once and then taken out once", w.kills, leavers)
}
