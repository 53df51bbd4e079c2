package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/internal/control"
)

// TestCrashOfDisposals kills the real binary while it places holds and carries
// out retention runs, again and again, and holds what it destroyed against the
// holds, the periods, the certificates and the audit log (DESIGN invariants 2,
// 3, 8 and 15). CHAPERONE_SOAK=1 kills more often, CHAPERONE_SEED repeats a run.
func TestCrashOfDisposals(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	each := 4
	if os.Getenv("CHAPERONE_SOAK") != "" {
		each = 100
	}
	w := newCustody(t, seed(t))
	w.settle(t)
	steps := append(slices.DeleteFunc(failpoints(t), func(s string) bool { return !disposes(s) }), "act.started", "act.called", "act.stored", anytime)
	for range each {
		for _, step := range steps {
			w.cycle(t, step)
		}
	}
	w.conclude(t)
}

// custody is a platform whose messages come to the end of their time, and the
// officers who hold some of them.
type custody struct {
	l     *lab
	rng   *rand.Rand
	rooms int
	kills int

	held    map[string]*heldRoom // rooms whose hold is never released
	passing map[string]string    // room to the id of a hold that may be released
}

// heldRoom is what is known about a room under a hold.
type heldRoom struct {
	id     string
	placed time.Time       // by the demo's clock
	told   bool            // the command said that it is in force
	slips  map[string]bool // messages that the command named as deleted or perhaps deleted
}

const schedules = `bots:
  practice: {enabled: true, new_rooms: act}
retention:
  - {id: keep, title: Team chats, class: routine, chats: {kinds: [team]}, period: 30 days, disposal: destroy, cap: {messages: 100000},
     cron: "0 2 1 * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.2, acting: true}
  - {id: hand, title: Partner chats, class: routine, chats: {kinds: [partner]}, period: 30 days, disposal: transfer, cap: {messages: 100000},
     cron: "0 2 1 * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.3, acting: true}
`

const keptFor = 30 * 24 * time.Hour

func newCustody(t *testing.T, seed uint64) *custody {
	w := &custody{
		l: newLab(t, build(t, "failpoint")), rng: rand.New(rand.NewPCG(seed, 7)), held: map[string]*heldRoom{}, passing: map[string]string{},
	}
	if err := os.WriteFile(w.config(), []byte(schedules), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *custody) config() string { return filepath.Join(w.l.dir, "chaperone.yaml") }

// command runs one command against the lab's data folder.
func (w *custody) command(args ...string) ([]byte, error) {
	cmd := exec.Command(w.l.binary, append(args, "--config", w.config(), "--data", w.l.data(), "--key-file", filepath.Join(w.l.dir, "key"))...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w: %s", args[0]+" "+args[1], err, exit.Stderr)
	}
	return out, err
}

// settle has a room held before anything is killed: chance might hold none.
func (w *custody) settle(t *testing.T) {
	t.Helper()
	if err := w.l.startWith([]string{"--config", w.config()}); err != nil {
		t.Fatal(err)
	}
	for len(w.held) == 0 && w.l.alive() {
		w.act(t)
		w.hold(t, false)
	}
	w.l.kill()
}

func (w *custody) cycle(t *testing.T, step string) {
	t.Helper()
	var env []string
	if step != anytime {
		most := 3
		if disposes(step) {
			most = 1
		}
		env = append(env, fmt.Sprintf("CHAPERONE_FAILPOINT=%s:%d", step, 1+w.rng.IntN(most)))
	}
	switch err := w.l.startWith([]string{"--config", w.config()}, env...); {
	case err == nil:
	case errors.Is(err, errDied) && w.l.killed():
		return
	default:
		t.Fatalf("starting for %s: %v\n%s", step, err, w.l.tail())
	}
	giveUp := time.AfterFunc(2*time.Minute, w.l.kill)
	if step == anytime {
		giveUp.Reset(time.Duration(100+w.rng.IntN(1000)) * time.Millisecond)
	}
	for w.l.alive() {
		switch {
		case step == "hold.released" && w.rng.IntN(2) == 0:
			w.release()
		case strings.HasPrefix(step, "hold.") && w.rng.IntN(2) == 0:
			w.hold(t, step == "hold.released")
		default:
			w.act(t)
		}
	}
	if late := !giveUp.Stop(); late && step != anytime {
		clock, _ := w.command("clock", "show")
		runs, _ := w.command("retention", "list")
		t.Fatalf("%s was not reached within two minutes: %s%s\n%s", step, clock, runs[:min(len(runs), 1000)], w.l.tail())
	}
	if !w.l.killed() {
		t.Fatalf("the process ended by itself: %v\n%s", w.l.err, w.l.tail())
	}
	w.kills++
}

// act is one thing that people do. The process may die at any point of it.
func (w *custody) act(t *testing.T) {
	switch n := w.rng.IntN(10); {
	case n < 1 && w.rooms < 3+w.kills || w.rooms == 0:
		kind := "team"
		if transferred(w.room(w.rooms)) {
			kind = "partner"
		}
		err := w.l.call("POST", "/rooms", roomView{ID: w.room(w.rooms), Kind: kind, Members: []memberView{{ID: "sam", Name: "Sam"}}}, nil)
		if err == nil || refused(err) { // it was made, now or by a call whose answer was lost
			w.rooms++
		}
	case n < 6:
		for range 4 {
			_, _ = w.l.post(w.room(w.rng.IntN(w.rooms)), "sam", "the boats are tied up at the slipway")
		}
	case n < 8:
		_ = w.l.advance(31 * 24 * time.Hour)
	case n < 9:
		w.hold(t, w.rng.IntN(3) == 0)
	default:
		w.release()
	}
}

// transferred reports whether what is said in a room goes to the archive first.
func transferred(room string) bool {
	return strings.HasSuffix(room, "1") || strings.HasSuffix(room, "4")
}

// release ends one of the holds that may be released.
func (w *custody) release() {
	for room, id := range w.passing {
		if _, err := w.command("hold", "release", id, "--why", "ended", "--by", "Nasreen Malik"); err == nil {
			delete(w.passing, room)
		} else if strings.Contains(err.Error(), "was released by") { // and the process died before it said so
			delete(w.passing, room)
		}
		return
	}
}

func (w *custody) room(n int) string { return fmt.Sprintf("room%d", n) }

// hold places a hold on a room, while runs are under way in it.
func (w *custody) hold(t *testing.T, passing bool) {
	if w.rooms == 0 {
		return
	}
	room := w.room(w.rng.IntN(w.rooms))
	if w.held[room] != nil || w.passing[room] != "" || strings.HasSuffix(room, "1") {
		return // the last: else nothing may be left to hand over, and no step of that is reached
	}
	moving := make(chan struct{})
	go func() { defer close(moving); _ = w.l.advance(31 * 24 * time.Hour) }()
	time.Sleep(time.Duration(w.rng.IntN(80)) * time.Millisecond)
	// Asked over the socket as the command does, and sooner than a process starts.
	out, err := control.Ask(t.Context(), w.l.data(), control.Request{Call: "hold.place", By: "Nasreen Malik", Args: json.RawMessage(
		`{"chats":["practice/` + room + `"],"matter":"Millbrook flood","reason":"public inquiry","review":"2099-06-01"}`)})
	<-moving
	if err != nil {
		return // whether it is stored is looked up in the end
	}
	var p struct {
		Hold struct {
			ID     string
			Placed time.Time
		}
		Settled       bool
		Done, Unknown []string
	}
	if err := json.Unmarshal(out, &p); err != nil || !p.Settled {
		t.Errorf("the command said %s (%v)", out, err)
		return
	}
	if passing {
		w.passing[room] = p.Hold.ID
		return
	}
	h := &heldRoom{id: p.Hold.ID, placed: p.Hold.Placed, told: true, slips: map[string]bool{}}
	for _, s := range append(p.Done, p.Unknown...) {
		h.slips[s[strings.LastIndexByte(s, ' ')+1:]] = true
	}
	w.held[room] = h
}

// conclude lets everything come to its end, and examines it.
func (w *custody) conclude(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	if err := w.l.startWith([]string{"--config", w.config()}); err != nil {
		t.Fatalf("the last start: %v\n%s", err, w.l.tail())
	}
	// Every move of the clock was declared, and a crash in the middle of one
	// leaves it either moved and declared, or neither.
	if out, err := w.command("clock", "show", "--json"); err != nil || !strings.Contains(string(out), `"vouched": true`) {
		t.Fatalf("the clock is not vouched for: %s (%v)", out, err)
	}
	if n := strings.Count(w.l.output(), "nothing is destroyed until"); n > 0 {
		t.Errorf("%d of %d starts did not vouch for a clock whose moves were declared", n, w.kills)
	}
	for range 2 {
		if err := w.l.advance(31 * 24 * time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	ledger, err := w.l.ledger()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]time.Time{}
	for n := range w.rooms {
		var all []struct {
			ID string    `json:"id"`
			At time.Time `json:"at"`
		}
		if err := w.l.call("GET", "/rooms/"+w.room(n)+"/messages", nil, &all); err != nil && !refused(err) {
			t.Fatal(err)
		}
		for _, m := range all {
			sent[w.room(n)+" "+m.ID] = m.At
		}
	}
	w.l.stop(t)
	deletions := w.examineDeletions(t, ledger, sent)
	w.examineRuns(t, deletions)
	w.examineProof(t, deletions)
	if deletions < 50 || len(w.held) == 0 {
		t.Errorf("%d deletions and %d held rooms: too little happened to prove anything", deletions, len(w.held))
	}
	t.Logf("%d kills, %d rooms, %d messages, %d deletions, %d rooms held", w.kills, w.rooms, len(sent), deletions, len(w.held))
}

// examineDeletions: each message went once, not before its time, and never
// under a hold that the officer was told is in force.
func (w *custody) examineDeletions(t *testing.T, ledger []ledgerView, sent map[string]time.Time) int {
	times := map[string]int{}
	archived := w.archived(t)
	for _, e := range ledger {
		if e.Effect != "delete" || e.Outcome != "done" {
			continue
		}
		where := e.Room + " " + e.Message
		if times[where]++; times[where] > 1 {
			t.Errorf("%s was deleted %d times", where, times[where])
		}
		if transferred(e.Room) && !archived[where] {
			t.Errorf("%s was deleted, and the archive has not had it", where)
		}
		at, known := sent[where]
		if !known || e.At.Sub(at) < keptFor {
			t.Errorf("%s was deleted %v after it was sent, and is kept for %v", where, e.At.Sub(at), keptFor)
		}
		if h := w.held[e.Room]; h != nil && e.At.After(h.placed) && !h.slips[e.Message] {
			t.Errorf("%s was deleted %v after hold %s was placed, and nobody was told", where, e.At.Sub(h.placed), h.id)
		}
	}
	return len(times)
}

// examineRuns: each date has one run, every run has come to its end, and the
// certificates count what the platform saw.
func (w *custody) examineRuns(t *testing.T, deletions int) {
	out, err := w.command("retention", "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Runs []struct {
			Schedule, Date, State, Why string
			Certificate                *struct {
				Counts []struct {
					What string
					N    int
				}
			}
		}
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	dates, counted, states := map[string]bool{}, 0, map[string]int{}
	handed := 0
	for _, r := range slices.Concat(all[0].Runs, all[1].Runs) {
		if dates[r.Schedule+r.Date] {
			t.Errorf("the date %s has two runs of %s", r.Date, r.Schedule)
		}
		dates[r.Schedule+r.Date] = true
		if states[r.State]++; r.State == "underway" || r.State == "planned" {
			t.Errorf("the run of %s is still %s: %s", r.Date, r.State, r.Why)
		}
		if r.Certificate == nil {
			continue
		}
		for _, n := range r.Certificate.Counts {
			switch n.What {
			case "destroyed":
				counted += n.N
			case "transferred":
				handed += n.N
			}
		}
	}
	if counted != deletions {
		t.Errorf("the certificates count %d deletions, and the platform saw %d", counted, deletions)
	}
	if filed := len(w.archived(t)); handed != filed || filed == 0 {
		t.Errorf("the certificates count %d transfers, and the archive has %d messages", handed, filed)
	}
	t.Logf("runs: %v, %d messages transferred", states, handed)
}

// archived lists what the archive has been given, as room and message. Each is
// there once.
func (w *custody) archived(t *testing.T) map[string]bool {
	out := map[string]bool{}
	err := filepath.WalkDir(w.l.records(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "manifest.json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m struct {
			Chat     string
			Messages []struct{ ID string }
			Policy   []struct{ Pack string }
		}
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		if len(m.Policy) == 1 && m.Policy[0].Pack == "Retention" {
			where := m.Chat + " " + m.Messages[0].ID
			if out[where] {
				t.Errorf("%s was transferred twice", where)
			}
			out[where] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// examineProof: the audit log verifies without the data, and has one entry
// about each message that was destroyed.
func (w *custody) examineProof(t *testing.T, deletions int) {
	file := filepath.Join(w.l.dir, "log.jsonl")
	if _, err := w.command("audit", "export", file, "--by", "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(w.l.binary, "audit", "verify", file).CombinedOutput(); err != nil {
		t.Errorf("the audit log: %v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, `"act":"destroy","object":"message"`) && strings.Contains(line, `"after":"done"`) {
			ended++
		}
	}
	if ended != deletions {
		t.Errorf("the audit log has %d entries about destroyed messages, and the platform saw %d deletions", ended, deletions)
	}
}
