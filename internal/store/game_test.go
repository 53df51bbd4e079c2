package store

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/memdb"

	"chaperone/internal/hold"
	"chaperone/internal/hold/holdtest"
	"chaperone/internal/store/storetest"
)

// ledger plays holdtest's games on the store: each method is one transaction
// of the real thing. Several sessions on one database take turns, as processes
// do that share it.
type ledger struct{ sessions []*Store }

// turn gives the session whose turn it is with a thing: the one that opens a
// fence is seldom the one that closes it.
func (l ledger) turn(id string, then int) *Store {
	return l.sessions[(int(id[len(id)-1])+then)%len(l.sessions)]
}

func (l ledger) Place(ctx context.Context, h hold.Hold) error {
	return l.turn(h.ID, 0).PlaceHold(ctx, h)
}

func (l ledger) Release(ctx context.Context, h hold.Hold) error {
	return l.turn(h.ID, 1).ReleaseHold(ctx, h)
}

func (l ledger) Start(ctx context.Context, want hold.Fence, now time.Time, within time.Duration) (f hold.Fence, err error) {
	err = l.turn(want.ID, 0).write.do(ctx, func(t *tx) error {
		f, err = t.fence(want.ID, want, now, within)
		return err
	})
	return f, err
}

func (l ledger) Finish(ctx context.Context, id string, o hold.Outcome, now time.Time) error {
	return l.turn(id, 1).write.do(ctx, func(t *tx) error { return t.closeFence(id, o, now) })
}

func (l ledger) Read(ctx context.Context) ([]hold.Hold, []hold.Fence, error) {
	holds, err := l.sessions[0].Holds(ctx).All()
	if err != nil {
		return nil, nil, err
	}
	fences, err := l.sessions[0].Fences(ctx, time.Unix(0, 0))
	return holds, fences, err
}

// empty begins the next game. The audit log goes on, and begins anew now and
// then.
func (l ledger) empty(ctx context.Context, game uint64) error {
	tables := []string{"holds", "fences"}
	if game%500 == 0 {
		tables = append(tables, "audit_entries", "audit_hashes")
	}
	return l.sessions[0].write.do(ctx, func(t *tx) error {
		for _, table := range tables {
			if err := t.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return nil
	})
}

// newLedger opens two sessions on a PostgreSQL database where the tests run
// there, and else a store in memory: these games are about transactions, not
// about power cuts.
func newLedger(t testing.TB) ledger {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if address := storetest.Database(t, dir); address != "" {
		return ledger{sessions(t, dir, address, 2)}
	}
	return ledger{[]*Store{openRows(t, dir, inMemory{})}}
}

// onServer opens two sessions on a PostgreSQL database.
func onServer(t testing.TB) ledger {
	t.Helper()
	return ledger{sessions(t, filepath.Join(t.TempDir(), "data"), storetest.Postgres(t), 2)}
}

// inMemory is a SQLite database that goes with its last connection.
type inMemory struct{ file }

func (inMemory) open(h *home) (*sql.DB, error) {
	return driver.Open("file:/"+h.id.Fingerprint+"?vfs=memdb&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec("PRAGMA busy_timeout=5000; PRAGMA journal_mode=MEMORY; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY")
	})
}

func (inMemory) beside(_ *sql.DB, quit <-chan struct{}) { <-quit }

func openRows(t testing.TB, dir string, rows database) *Store {
	t.Helper()
	s, err := openFolder(t.Context(), dir, dir+".key", rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sessions opens stores on one database that no lock keeps apart, as if the
// one that holds it had been lost; each on its own copy of the data folder.
func sessions(t testing.TB, dir, address string, n int) []*Store {
	t.Helper()
	s, err := OpenOn(t.Context(), dir, dir+".key", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var out []*Store
	for i := range n {
		copied := dir + "-" + strconv.Itoa(i)
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		srv, err := newServer(address)
		if err != nil {
			t.Fatal(err)
		}
		srv.alone = false
		s, err := openFolder(t.Context(), copied, dir+".key", srv)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		out = append(out, s)
	}
	return out
}

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

// seeds says which games are played: as many as CHAPERONE_SEEDS says, or the
// long number with CHAPERONE_SOAK=1, or the one that CHAPERONE_SEED replays.
func seeds(t *testing.T, short, long uint64) (first, n uint64) {
	if os.Getenv("CHAPERONE_SOAK") != "" {
		short = long
	}
	if one := number(t, "CHAPERONE_SEED", 0); one != 0 {
		return one, 1
	}
	return uint64(time.Now().UnixNano()), number(t, "CHAPERONE_SEEDS", short)
}

// No held message is destroyed, whatever happens in whichever order (RELIABILITY
// criterion 4). Each core plays on a store of its own.
func TestSoakHoldsOverTheStore(t *testing.T) { playMany(t, 200, 1_000_000, newLedger) }

// Nor where two sessions share a database that no lock keeps apart.
func TestSoakHoldsOverPostgreSQL(t *testing.T) { playMany(t, 40, 100_000, onServer) }

func playMany(t *testing.T, short, long uint64, made func(testing.TB) ledger) {
	first, n := seeds(t, short, long)
	began := time.Now()
	var next atomic.Uint64
	var mu sync.Mutex
	var sum holdtest.Result
	var players sync.WaitGroup
	for range min(uint64(runtime.GOMAXPROCS(0)), n) {
		l := made(t)
		players.Go(func() {
			for i := next.Add(1) - 1; i < n && !t.Failed(); i = next.Add(1) - 1 {
				r, err := l.play(t.Context(), i, first+i, holdtest.Fenced)
				if err != nil {
					t.Errorf("%v\nCHAPERONE_SEED=%d replays it", err, first+i)
				}
				mu.Lock()
				sum.Add(r)
				mu.Unlock()
				if (i+1)%10_000 == 0 {
					t.Logf("%d interleavings in %s", i+1, time.Since(began).Round(time.Second))
				}
			}
		})
	}
	players.Wait()
	took := time.Since(began)
	t.Logf("%d interleavings from seed %d in %s, %.0f a second: %+v", n, first, took.Round(time.Millisecond), float64(n)/took.Seconds(), sum)
	if n >= 40 && min(sum.Destroyed, sum.Refused, sum.Held) < 10 {
		t.Errorf("too little happened to prove anything: %+v", sum)
	}
}

func (l ledger) play(ctx context.Context, game, seed uint64, way holdtest.Way) (holdtest.Result, error) {
	if err := l.empty(ctx, game); err != nil {
		return holdtest.Result{}, err
	}
	return holdtest.Run(ctx, seed, l, way)
}

// The judge finds a sweep in two steps, select and then delete, within 1,000
// seeds on this store too.
func TestATwoStepSweepIsCaught(t *testing.T) { caught(t, newLedger(t)) }

func TestATwoStepSweepIsCaughtOnPostgreSQL(t *testing.T) { caught(t, onServer(t)) }

func caught(t *testing.T, l ledger) {
	for seed := range uint64(1000) {
		if _, err := l.play(t.Context(), seed, seed, holdtest.TwoSteps); err != nil {
			t.Logf("found: %v", err)
			return
		}
	}
	t.Error("not found within 1,000 seeds")
}
