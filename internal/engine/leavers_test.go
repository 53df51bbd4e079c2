package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/directory/csv"
	"chaperone/internal/directory/directorytest"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/record/folder"
	"chaperone/internal/store"
	"chaperone/internal/store/storetest"
)

// parish is an invented organisation on the practice platform, with the whole
// path behind it: files on a disk, the real store, and the platform's ledger.
type parish struct {
	*engine.Engine
	*directorytest.Town
	platform *practice.Platform
	store    *store.Store
	mu       sync.Mutex // guards the file and asOf
	file     string
	asOf     time.Time
	seen     int // entries of the ledger that were judged
}

// AsOf lets the file be as old as the organisation's clock says.
func (p *parish) AsOf(context.Context) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asOf, nil
}

// People reads the file as it stands.
func (p *parish) People(ctx context.Context) ([]directory.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return csv.Source{Path: p.file, Mapping: p.Mapping}.People(ctx)
}

func newParish(t *testing.T, r *rand.Rand, plain bool) *parish {
	t.Helper()
	p := &parish{file: filepath.Join(t.TempDir(), "people.csv")}
	dir := filepath.Join(t.TempDir(), "data")
	var err error
	if p.store, err = store.OpenOn(t.Context(), dir, dir+".key", storetest.Database(t, dir)); err != nil {
		t.Fatal(err)
	}
	filer, err := folder.New(dir + "-records")
	if err != nil {
		t.Fatal(err)
	}
	p.platform, err = practice.Open(filepath.Join(dir, "practice.jsonl"), practice.Options{
		MoveClock: func(ctx context.Context, by time.Duration, move func() error) error {
			return p.MoveClock(ctx, "test", by, move)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Town = directorytest.NewTown(r, p.platform.Now().UTC())
	p.Situation.Incident = false // none can be declared yet
	if plain {
		clear(p.Situation.Protected)
	}
	p.people(t, plain)
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	f, err := config.Files.Open("prompts/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := prompt.ReadTexts(f)
	if err != nil {
		t.Fatal(err)
	}
	ids := 0
	p.Engine = engine.New(engine.Options{
		Store: p.store, Scanner: set, Filer: filer, Bots: []bots.Bot{p.platform},
		Viewer: prompt.Viewer{Texts: texts, Zone: p.Zone}, Setting: func(chat.ID) engine.Setting { return engine.Setting{Acting: true} },
		Directory: &engine.Directory{Source: p, Rules: p.Situation.Rules, Protected: p.Situation.Protected},
		Now:       p.platform.Now, Log: slog.New(slog.DiscardHandler),
		NewID: func(time.Time) string { ids++; return fmt.Sprint("20261123-TEST", ids) }, // one plan at a time
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	p.write(t, directorytest.Text(p.Rows()), 0)
	go func() { defer close(ended); p.Engine.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended; p.platform.Close(); p.store.Close() })
	return p
}

// people lets everybody into the chats. What was not proved the platform does
// not vouch for.
func (p *parish) people(t *testing.T, plain bool) {
	t.Helper()
	known := map[chat.MemberID]directory.Member{}
	for _, m := range p.Situation.Members {
		for _, id := range append(m.Also, m.ID) {
			known[id] = m
		}
	}
	for i := range p.Situation.Chats {
		c := &p.Situation.Chats[i]
		room := practice.NewRoom{ID: c.ID.Local, Kind: c.Kind}
		seen := map[chat.MemberID]bool{}
		members := c.Members[:0:0]
		for _, ms := range c.Members {
			m := known[ms.Member]
			if seen[m.ID] {
				continue
			}
			seen[m.ID] = true
			if plain {
				ms.Owner, ms.Admin = false, false
			}
			ms.Member = m.ID
			members = append(members, ms)
			x := practice.Member{ID: m.ID, Owner: ms.Owner, Admin: ms.Admin}
			if !m.PhoneAt.IsZero() {
				x.Phone = m.Phone
			}
			if !m.EmailAt.IsZero() {
				x.Email = m.Email
			}
			room.Members = append(room.Members, x)
		}
		c.Members = members
		if err := p.platform.NewRoom(room); err != nil {
			t.Fatal(err)
		}
	}
}

// link confirms those whom somebody confirmed, once everybody was seen.
func (p *parish) link(t *testing.T) {
	t.Helper()
	seats := 0
	in := map[chat.MemberID]bool{}
	for _, c := range p.Situation.Chats {
		for _, m := range c.Members {
			seats++
			in[m.Member] = true
		}
	}
	until(t, "everybody was seen", func() bool {
		roll, err := p.store.Roll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range roll.Chats {
			n += len(c.Members)
		}
		return n == seats
	})
	for _, m := range p.Situation.Members {
		if m.Link != "" && in[m.ID] {
			if err := p.LinkMember(t.Context(), hold.Member{Account: "practice", ID: m.ID}, string(m.Link), "ig-1"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// write puts a file in the place of the directory.
func (p *parish) write(t *testing.T, file []byte, stale time.Duration) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := os.WriteFile(p.file, file, 0o600); err != nil {
		t.Fatal(err)
	}
	p.asOf = p.platform.Now().Add(-stale)
	p.Town.Receive(file, p.asOf)
}

// pass lets time pass, step by step, and judges what the bot did by what is
// really so.
func (p *parish) pass(t *testing.T, hours, every time.Duration, each func()) {
	t.Helper()
	for end := p.Now.Add(hours); p.Now.Before(end); {
		if err := p.platform.Advance(t.Context(), every.String()); err != nil {
			t.Fatal(err)
		}
		p.Now = p.platform.Now().UTC()
		if err := p.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.judge(t)
		if each != nil {
			each()
		}
	}
}

func (p *parish) ledger(t *testing.T) []practice.Entry {
	t.Helper()
	w := httptest.NewRecorder()
	p.platform.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/practice/v1/ledger", nil))
	var all []practice.Entry
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *parish) judge(t *testing.T) {
	t.Helper()
	all := p.ledger(t)
	for _, e := range all[p.seen:] {
		if e.Effect != bots.Remove || e.Outcome != "done" {
			continue
		}
		st := directory.Step{Chat: chat.ID{Account: "practice", Local: e.Room}, Member: e.Member, As: e.Member, Because: e.Key}
		p.Remove(st)
		p.Situation.Removed = append(p.Situation.Removed, directory.Removal{Step: st, At: e.At})
	}
	p.seen = len(all)
}

// answer has two people say yes to everything that is asked, and to what is
// asked because of it.
func (p *parish) answer(t *testing.T) {
	t.Helper()
	for range 5 {
		out, err := p.Outlook(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Plan.Questions) == 0 {
			return
		}
		for _, q := range out.Plan.Questions {
			for _, by := range []string{"ig-1", "ig-2"}[:q.People] {
				if _, err := p.ApproveLeaver(t.Context(), q.Key, by); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.judge(t)
	}
}

// once checks that no step was told or carried out twice.
func (p *parish) once(t *testing.T) {
	t.Helper()
	told, gone := map[string]int{}, map[string]int{}
	for _, e := range p.ledger(t) {
		at := e.Room + "/" + string(e.Member)
		switch e.Effect {
		case bots.Whisper:
			told[e.Prompt]++
		case bots.Remove:
			gone[at]++
		}
	}
	for what, n := range told {
		if n > 1 {
			t.Errorf("the farewell %s was said %d times", what, n)
		}
	}
	for who, n := range gone {
		if n > 1 {
			t.Errorf("%s was removed %d times", who, n)
		}
	}
}

// worlds is how many are played: fewer where each step goes over a network.
func worlds(short, long int) int {
	if os.Getenv("CHAPERONE_ROWS") != "" {
		return max(1, short/20)
	}
	if os.Getenv("CHAPERONE_SOAK") != "" {
		return long
	}
	return short
}

func dice(t *testing.T) uint64 {
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

// Criterion 6 over the whole path: no broken directory on the disk takes
// anybody out of a chat on the platform who has not left.
func TestSoakBrokenDirectoriesRemoveNobodyWrongly(t *testing.T) {
	s := dice(t)
	removals, careless, n := 0, 0, worlds(60, 10_000)
	for i := range n {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			r := rand.New(rand.NewPCG(s, uint64(i)))
			p := newParish(t, r, false)
			p.link(t)
			p.pass(t, 2*time.Hour, time.Hour, nil)
			p.pass(t, 22*time.Hour, 11*time.Hour, nil)
			p.SomeLeave(r.IntN(5))
			file, name, stale := p.Broken(true)
			for range 2 {
				p.write(t, file, stale)
				careless += p.Careless()
				p.pass(t, 24*time.Hour, 6*time.Hour, nil)
			}
			for range 2 {
				p.write(t, directorytest.Text(p.Rows()), 0)
				p.pass(t, 24*time.Hour, 6*time.Hour, nil)
			}
			if len(p.Wrong) > 0 {
				t.Fatalf("%s: %d wrong, such as %s", name, len(p.Wrong), p.Wrong[0])
			}
			p.once(t)
			removals += len(p.Removed)
		})
	}
	t.Logf("%d worlds: %d removals, none wrong; a careless planner would have made %d wrong ones", n, removals, careless)
	if n >= 20 && removals < n/10 {
		t.Errorf("only %d removals: it is safe because it does nothing", removals)
	}
	if n >= 20 && careless < n {
		t.Errorf("a careless planner made only %d wrong removals: the test has no teeth", careless)
	}
}

// With correct files 99.9 % of true leavers are out of the platform's chats
// within 60 minutes of the moment they are due.
func TestSoakTrueLeaversAreOut(t *testing.T) {
	s := dice(t)
	due, out := 0, 0
	for i := range worlds(1, 50) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			r := rand.New(rand.NewPCG(s, uint64(i)))
			p := newParish(t, r, true)
			p.link(t)
			p.pass(t, time.Hour, 30*time.Minute, nil)
			start := p.Situation
			start.Chats = append([]directory.Chat(nil), start.Chats...)
			for range worlds(6, 6) {
				p.SomeLeave(3 + r.IntN(4))
				p.write(t, directorytest.Text(p.Rows()), 0)
				p.pass(t, 24*time.Hour, 30*time.Minute, func() { p.answer(t) })
			}
			if len(p.Wrong) > 0 {
				t.Fatalf("%d wrong, such as %s", len(p.Wrong), p.Wrong[0])
			}
			p.once(t)
			d, late := p.OutInTime(start)
			due, out = due+d, out+d-len(late)
			for _, x := range late {
				t.Log(x)
			}
		})
	}
	t.Logf("%d of %d true leavers out within 60 minutes", out, due)
	if float64(out) < 0.999*float64(due) {
		t.Errorf("%d of %d", out, due)
	}
}
