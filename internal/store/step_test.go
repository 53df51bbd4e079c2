package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
	"chaperone/internal/store/storetest"
)

// These games let three sessions on one PostgreSQL database take their steps
// one statement at a time, in an order that the seed alone decides: a placer of
// holds and two sweepers, with no lock that keeps them apart but the gate
// (RELIABILITY T7).

// player is one session, and what its script is about to do.
type player struct {
	s       *Store
	pid     int
	about   chan string   // it stands before this statement or call
	proceed chan struct{} // it may take it
	ended   chan error
	before  string // where it stands; empty while it runs or waits for a lock
	done    bool
}

func (a *player) step(what string) {
	a.about <- what
	<-a.proceed
}

// stage is one database with its players.
type stage struct {
	players []*player
	watch   *pgx.Conn
}

func newStage(t *testing.T, gated bool) *stage {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	address := storetest.Postgres(t)
	st := &stage{}
	for _, s := range sessions(t, dir, address, 3) {
		a := &player{s: s, about: make(chan string), proceed: make(chan struct{}), ended: make(chan error, 1)}
		if err := s.write.conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&a.pid); err != nil {
			t.Fatal(err)
		}
		if !gated {
			s.write.says.gate = ""
		}
		st.players = append(st.players, a)
	}
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	st.watch = c
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	return st
}

// settled waits until an player that runs stands again, has ended, or waits for
// a lock that another one holds.
func (st *stage) settled(ctx context.Context, a *player) error {
	for a.before == "" && !a.done {
		select {
		case a.before = <-a.about:
			return nil
		case err := <-a.ended:
			a.done = true
			return err
		case <-time.After(time.Millisecond):
		}
		var blocked bool
		if err := st.watch.QueryRow(ctx, "SELECT cardinality(pg_blocking_pids($1)) > 0", a.pid).Scan(&blocked); err != nil || blocked {
			return err
		}
	}
	return nil
}

// play runs each player's script, one statement of one of them at a time.
func (st *stage) play(ctx context.Context, r *rand.Rand, scripts []func(*player) error) error {
	for i, a := range st.players {
		a.done, a.before = false, ""
		a.s.write.step = a.step
		go func() { a.ended <- scripts[i](a) }()
	}
	var failed error
	for {
		var ready []*player
		live := false
		for _, a := range st.players {
			failed = errors.Join(failed, st.settled(ctx, a))
			live = live || !a.done
			if a.before != "" {
				ready = append(ready, a)
			}
		}
		if !live {
			break
		}
		if len(ready) == 0 { // whoever waits for a lock gets it in a moment
			continue
		}
		a := ready[r.IntN(len(ready))]
		a.before = ""
		a.proceed <- struct{}{}
	}
	for _, a := range st.players {
		a.s.write.step = nil
	}
	return failed
}

// errTwice is the fault that is not about a hold.
var errTwice = errors.New("two calls about it are under way")

// trial is one game: what happened on the platform, and what people were told.
// Only one player runs at a time but where one waits for a lock, so a lock of its
// own is not needed for what scripts note between their statements.
type trial struct {
	ctx      context.Context
	now      time.Time
	subjects map[string]hold.Subject
	gone     map[string]bool
	flying   map[string]bool
	slipped  []string // destroyed since the hold was stored and before people were told
	h        hold.Hold
	stored   bool
	told     bool
	reported map[string]bool
	res      struct{ destroyed, refused, busy int }
}

// place stores a hold, waits for what is under way, and tells people.
func (g *trial) place(a *player) error {
	if err := a.s.PlaceHold(g.ctx, g.h); err != nil {
		return err
	}
	g.stored = true
	for range 200 {
		a.step("look for fences")
		fences, err := a.s.Fences(g.ctx, g.h.Placed.Add(-hold.Slack))
		if err != nil {
			return err
		}
		r := hold.Wait(g.h, fences, g.now)
		if !r.Settled() {
			continue
		}
		for _, f := range append(r.Done, r.Unknown...) {
			g.reported[f.Message] = true
		}
		for _, m := range g.slipped {
			if !g.reported[m] {
				return fmt.Errorf("%s was destroyed while the hold was being placed, and nobody was told", m)
			}
		}
		g.told = true
		return nil
	}
	return nil // the sweepers are slow: people are not told yet
}

// sweep destroys messages, each behind a fence.
func (g *trial) sweep(name string, messages []string) func(*player) error {
	return func(a *player) error {
		for i, m := range messages {
			want := hold.Fence{ID: fmt.Sprintf("%s-%d", name, i), Message: m, Subject: g.subjects[m]}
			var f hold.Fence
			err := a.s.write.do(g.ctx, func(t *tx) (err error) {
				f, err = t.fence(want.ID, want, g.now, time.Minute)
				return err
			})
			var held *hold.Held
			switch {
			case errors.As(err, &held):
				g.res.refused++
				continue
			case errors.Is(err, hold.ErrUnderWay):
				g.res.busy++
				continue
			case err != nil:
				return err
			}
			if g.flying[m] {
				return fmt.Errorf("%s: %w", m, errTwice)
			}
			g.flying[m] = true
			a.step("call")
			o := hold.NotDone
			if !g.gone[m] {
				o, g.gone[m] = hold.Done, true
				g.res.destroyed++
				switch covered := g.h.Scope.Covers(g.subjects[m]); {
				case covered && g.told && !g.reported[m]:
					return fmt.Errorf("%s was destroyed after people were told of the hold", m)
				case covered && g.stored && !g.told:
					g.slipped = append(g.slipped, m)
				}
			}
			g.flying[m] = false
			if err := a.s.write.do(g.ctx, func(t *tx) error { return t.closeFence(f.ID, o, g.now) }); err != nil {
				return err
			}
		}
		return nil
	}
}

// playSeed plays the game of a seed.
func (st *stage) playSeed(ctx context.Context, seed uint64) (*trial, error) {
	r := rand.New(rand.NewPCG(seed, 0))
	all := []*Store{st.players[0].s}
	if err := (ledger{all}).empty(ctx, seed); err != nil {
		return nil, err
	}
	g := &trial{
		ctx: ctx, now: noon, subjects: map[string]hold.Subject{}, gone: map[string]bool{}, flying: map[string]bool{}, reported: map[string]bool{},
		h: sample("h1"),
	}
	if r.IntN(2) == 0 {
		g.h.Scope = hold.Scope{Members: []hold.Member{{Account: room.Account, ID: "sam"}}}
	}
	g.h.Review = clock.DateOf(noon.AddDate(1, 0, 0))
	messages := []string{"m0", "m1"}
	for i, m := range messages {
		g.subjects[m] = hold.Subject{Chat: room, Member: []chat.MemberID{"sam", "priya"}[i%2]}
	}
	return g, st.play(ctx, r, []func(*player) error{g.place, g.sweep("b", messages), g.sweep("c", []string{"m1", "m0"}[r.IntN(2):])})
}

// No interleaving of statements lets a held message go, and no two calls about
// one message are under way.
func TestSoakSessionsStatementByStatement(t *testing.T) {
	first, n := seeds(t, 60, 20_000)
	st := newStage(t, true)
	began := time.Now()
	var destroyed, refused, busy int
	for i := range n {
		g, err := st.playSeed(t.Context(), first+i)
		if err != nil {
			t.Fatalf("seed %d: %v\nCHAPERONE_SEED=%d replays it", first+i, err, first+i)
		}
		destroyed, refused, busy = destroyed+g.res.destroyed, refused+g.res.refused, busy+g.res.busy
	}
	took := time.Since(began)
	t.Logf("%d interleavings from seed %d in %s, %.0f a second: %d destroyed, %d held, %d under way", n, first, took.Round(time.Millisecond), float64(n)/took.Seconds(), destroyed, refused, busy)
	if n >= 60 && min(destroyed, refused, busy) < 5 {
		t.Error("too little happened to prove anything")
	}
}

// A judge that finds nothing proves nothing: without the gate each fault is
// found within 1,000 seeds.
func TestWithoutTheGateFaultsAreFound(t *testing.T) {
	st := newStage(t, false)
	var held, twice error
	for seed := uint64(0); seed < 1000 && (held == nil || twice == nil); seed++ {
		_, err := st.playSeed(t.Context(), seed)
		switch {
		case errors.Is(err, errTwice):
			twice = fmt.Errorf("seed %d: %w", seed, err)
		case err != nil:
			held = fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	t.Logf("found: %v; %v", held, twice)
	if held == nil || twice == nil {
		t.Error("not found within 1,000 seeds")
	}
}
