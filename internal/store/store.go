// Package store keeps what the path needs to survive a crash: events, what was
// decided about them, prompts, actions and their outcomes, in one encrypted
// SQLite file with a single writer; and the texts, sealed, for as long as they
// are needed and not longer.
//
// It holds SQL and keys, and no decision: what is stored is what engine and
// the nouns say. It must not log or return a text in an error.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // whole-file encryption
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Store is one open data folder. It fulfils engine.Store.
type Store struct {
	home  *home
	ring  *ring
	write *writer
	read  *sql.DB
	stmts sync.Map      // query to *sql.Stmt: each is prepared once for each connection
	quit  chan struct{} // ends what goes on beside the commits
	idle  sync.WaitGroup
	once  sync.Once
}

// Open takes the data folder, creating it where it does not exist. keyFile
// holds the key that seals it. The errors of this package tell apart why a
// folder is refused.
func Open(ctx context.Context, dir, keyFile string) (*Store, error) {
	h, err := openHome(dir, keyFile)
	if err != nil {
		return nil, err
	}
	s := &Store{home: h}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	path := filepath.Join(s.home.dir, databaseFile)
	if err := s.prepare(path); err != nil {
		return err
	}
	ringKey, err := derive(s.home.master, "key ring")
	if err != nil {
		return err
	}
	seal, err := newAEAD(ringKey)
	if err != nil {
		return err
	}
	if s.home.fresh {
		if err := os.WriteFile(path, nil, 0o600); err != nil { // so that it is nobody else's to read
			return err
		}
	}
	db, err := s.openDB(path)
	if err != nil {
		return err
	}
	if err := s.ready(ctx, db); err != nil {
		return errors.Join(err, db.Close())
	}
	if s.ring, err = openRing(filepath.Join(s.home.dir, ringFile), seal, s.home.fresh); err != nil {
		return errors.Join(err, db.Close())
	}
	if s.write, err = newWriter(ctx, db, s.ring, s.home.master); err != nil {
		return errors.Join(err, db.Close())
	}
	if s.read, err = s.openDB(path); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	s.quit = make(chan struct{})
	s.idle.Go(func() { s.checkpoint(s.quit) })
	if s.home.fresh {
		return s.home.made()
	}
	return nil
}

// prepare clears what an interrupted making left behind, and refuses a folder
// that has lost its database or its keys.
func (s *Store) prepare(path string) error {
	ringPath := filepath.Join(s.home.dir, ringFile)
	if s.home.fresh {
		for _, name := range []string{path, path + "-wal", path + "-shm", ringPath} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	for _, name := range []string{path, ringPath} {
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("%w: %s is missing. Restore the folder from a backup", ErrDamaged, name)
		}
	}
	return nil
}

// openDB is the one place that knows the driver. The key is given by pragma on
// each new connection, so that it stands in no name or address.
func (s *Store) openDB(path string) (*sql.DB, error) {
	key, err := derive(s.home.master, "database")
	if err != nil {
		return nil, err
	}
	return driver.Open("file:"+filepath.ToSlash(path)+"?vfs=adiantum&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA hexkey='` + hex.EncodeToString(key) + `';
			PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL;
			PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000`)
	})
}

// query reads rows. Preparing a query costs as much as running it.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// queryOne reads one row into values; sql.ErrNoRows when there is none.
func (s *Store) queryOne(ctx context.Context, query string, args []any, into ...any) error {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(into...)
}

func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts.Load(query); ok {
		return st.(*sql.Stmt), nil
	}
	st, err := s.read.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if before, was := s.stmts.LoadOrStore(query, st); was {
		return before.(*sql.Stmt), st.Close()
	}
	return st, nil
}

// checkBelow is the size up to which the whole database is checked at start;
// a larger one is checked as it is read.
const checkBelow = 64 << 20

// ready refuses a damaged database and brings a sound one up to date.
func (s *Store) ready(ctx context.Context, db *sql.DB) error {
	damaged := func(err error) error {
		return fmt.Errorf("%w: the database does not open (%v). Restore the folder from a backup; nothing was changed", ErrDamaged, err)
	}
	if info, err := os.Stat(filepath.Join(s.home.dir, databaseFile)); !s.home.fresh && err == nil {
		check := "PRAGMA quick_check"
		if info.Size() > checkBelow {
			check = "SELECT CASE WHEN count(*) > 0 THEN 'ok' ELSE 'empty' END FROM sqlite_schema"
		}
		var found string
		if err := db.QueryRowContext(ctx, check).Scan(&found); err != nil {
			return damaged(err)
		}
		if found != "ok" {
			return damaged(errors.New("its check failed"))
		}
	}
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	up, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	if _, err := up.Up(ctx); err != nil {
		return fmt.Errorf("bringing the database up to date: %w", err)
	}
	return nil
}

// Close lets go of the folder. What was stored stays stored.
func (s *Store) Close() error {
	var err error
	if s.quit != nil {
		s.once.Do(func() { close(s.quit) })
		s.idle.Wait()
	}
	if s.read != nil {
		s.stmts.Range(func(_, st any) bool {
			err = errors.Join(err, st.(*sql.Stmt).Close())
			return true
		})
		err = errors.Join(err, s.read.Close())
	}
	if s.write != nil {
		err = errors.Join(err, s.write.close())
	}
	return errors.Join(err, s.home.close())
}

// writer is the single writer. Requests that arrive together are committed
// together: one sync of the disk serves all of them.
type writer struct {
	db     *sql.DB
	conn   *sql.Conn
	ring   *ring
	master []byte
	queue  chan *request
	done   chan struct{}
	stop   sync.Once
	stmts  map[string]*sql.Stmt
	next   uint64 // the next unused key of the ring
	chats  map[string]chatRow
}

type request struct {
	ctx context.Context
	fn  func(*tx) error
	end chan error
}

// most is how many requests share a commit.
const most = 128

func newWriter(ctx context.Context, db *sql.DB, r *ring, master []byte) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		db: db, conn: conn, ring: r, master: master, queue: make(chan *request, most), done: make(chan struct{}),
		stmts: map[string]*sql.Stmt{},
	}
	if err := conn.QueryRowContext(ctx, "SELECT next FROM ring").Scan(&w.next); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// errClosed is returned to whoever writes after Close.
var errClosed = errors.New("the store is closed")

// do runs fn inside a transaction and returns when it is durable.
func (w *writer) do(ctx context.Context, fn func(*tx) error) error {
	r := &request{ctx: ctx, fn: fn, end: make(chan error, 1)}
	select {
	case w.queue <- r:
	case <-w.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.end:
		return err
	case <-w.done:
		return errClosed
	}
}

func (w *writer) run() {
	defer close(w.done)
	for r := range w.queue {
		if r == nil {
			return
		}
		batch := []*request{r}
	gather:
		for len(batch) < most {
			select {
			case more := <-w.queue:
				if more == nil {
					w.commit(batch)
					return
				}
				batch = append(batch, more)
			default:
				break gather
			}
		}
		w.commit(batch)
	}
}

func (w *writer) close() error {
	var err error
	w.stop.Do(func() {
		w.queue <- nil
		<-w.done
		for _, st := range w.stmts {
			err = errors.Join(err, st.Close())
		}
		err = errors.Join(err, w.conn.Close(), w.db.Close())
	})
	return err
}

// commit carries out a batch in one transaction, each request in a savepoint
// of its own, so that one that fails does not undo the others.
func (w *writer) commit(batch []*request) {
	ctx := context.Background()
	errs := make([]error, len(batch))
	next := w.next
	err := w.begin(ctx)
	if err == nil {
		for i, r := range batch {
			errs[i] = w.savepoint(r)
		}
		if w.next != next {
			_, err = w.conn.ExecContext(ctx, "UPDATE ring SET next = ?", int64(w.next))
		}
		if err == nil {
			_, err = w.conn.ExecContext(ctx, "COMMIT")
		}
		if err != nil {
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK") // SQLite may have rolled back by itself
		}
	}
	if err != nil {
		w.next, w.chats = next, nil
	}
	for i, r := range batch {
		r.end <- errors.Join(err, errs[i])
	}
}

// begin opens the transaction, with keys enough for any batch.
func (w *writer) begin(ctx context.Context) error {
	if !w.ring.has(w.next + spare/2) {
		if err := w.ring.replace(w.everything(), w.next); err != nil {
			return err
		}
	}
	if w.chats == nil {
		w.chats = map[string]chatRow{}
	}
	_, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	return err
}

// everything lists all numbers of the ring: topping up drops none.
func (w *writer) everything() map[uint64]bool {
	w.ring.mu.Lock()
	defer w.ring.mu.Unlock()
	all := make(map[uint64]bool, len(w.ring.keys))
	for num := range w.ring.keys {
		all[num] = true
	}
	return all
}

func (w *writer) savepoint(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	t := &tx{w: w, ctx: context.WithoutCancel(r.ctx)}
	if err := t.exec("SAVEPOINT r"); err != nil {
		return err
	}
	if err := r.fn(t); err != nil {
		w.chats = map[string]chatRow{} // it may know of rows that are now undone
		return errors.Join(err, t.exec("ROLLBACK TO r"), t.exec("RELEASE r"))
	}
	return t.exec("RELEASE r")
}

// tx is the writer's transaction, as one request sees it.
type tx struct {
	w   *writer
	ctx context.Context
}

// stmt prepares a statement once for the life of the connection.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st := t.w.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		t.w.stmts[query] = st
	}
	return st, err
}

func (t *tx) exec(query string, args ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(t.ctx, args...)
	return err
}

func (t *tx) row(query string, args []any, into ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(t.ctx, args...).Scan(into...)
}

// slot takes a key from the ring that has never sealed anything.
func (t *tx) slot() (uint64, error) {
	num := t.w.next
	if !t.w.ring.has(num) {
		return 0, errors.New("no spare key is left in the ring")
	}
	t.w.next++
	return num, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
