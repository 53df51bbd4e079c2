package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/pressly/goose/v3"
)

// writer is the single writer. Requests that arrive together are committed
// together: one sync of the disk serves all of them.
type writer struct {
	rows  database
	says  dialect
	home  *home
	db    *sql.DB
	conn  *sql.Conn
	ring  *ring
	queue chan *request
	done  chan struct{}
	stop  sync.Once
	stmts map[string]*sql.Stmt
	next  uint64 // the next unused key of the ring
	chats map[string]chatRow
	met   map[string]bool    // who was seen in which chat, as chat number/member
	out   chan struct{}      // closed when another process has written
	step  func(query string) // tests look at each statement before it is run; nil else
}

type request struct {
	ctx context.Context
	fn  func(*tx) error
	end chan error
}

// most is how many requests share a commit.
const most = 128

// newWriter claims the database and brings it up to date. Nothing is written
// before start.
func newWriter(ctx context.Context, rows database, h *home) (*writer, error) {
	w := &writer{
		rows: rows, says: rows.dialect(), home: h, queue: make(chan *request, most), done: make(chan struct{}),
		stmts: map[string]*sql.Stmt{}, out: make(chan struct{}),
	}
	var err error
	if w.db, err = rows.open(h); err != nil {
		return nil, err
	}
	if w.conn, err = rows.claim(ctx, h, w.db); err == nil {
		err = w.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

//go:embed migrations/*/*.sql
var migrations embed.FS

// migrate brings the database up to date.
func (w *writer) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, w.says.folder)
	if err != nil {
		return err
	}
	up, err := goose.NewProvider(w.says.goose, w.db, files)
	if err != nil {
		return err
	}
	if _, err := up.Up(ctx); err != nil {
		return fmt.Errorf("bringing the database up to date: %w", err)
	}
	return nil
}

// start begins to write, with the keys of the ring.
func (w *writer) start(ctx context.Context, r *ring) error {
	if err := w.resume(ctx); err != nil {
		return err
	}
	w.ring = r
	go w.run()
	return nil
}

// resume reads what the writer has to know of the rows.
func (w *writer) resume(ctx context.Context) error {
	w.chats = nil
	return w.conn.QueryRowContext(ctx, "SELECT next FROM ring").Scan(&w.next)
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
		if w.ring != nil { // it was started
			w.queue <- nil
			<-w.done
		}
		err = w.drop()
		err = errors.Join(err, w.db.Close())
	})
	return err
}

// drop lets go of the connection and what was prepared on it.
func (w *writer) drop() error {
	var err error
	for _, st := range w.stmts {
		err = errors.Join(err, st.Close())
	}
	clear(w.stmts)
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
	}
	w.conn = nil
	return err
}

// commit carries out a batch in one transaction, each request in a savepoint
// of its own, so that one that fails does not undo the others.
func (w *writer) commit(batch []*request) {
	ctx := context.Background()
	if w.says.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.says.within)
		defer cancel()
	}
	errs := make([]error, len(batch))
	err := w.begin(ctx)
	next := w.next
	if err == nil {
		for i := 0; i < len(batch) && err == nil; i++ {
			errs[i], err = w.savepoint(ctx, batch[i])
		}
		if err == nil && w.next != next {
			err = w.exec(ctx, "UPDATE ring SET next = ?", int64(w.next))
		}
		if err == nil {
			err = w.exec(ctx, "COMMIT")
		}
		if err != nil {
			_ = w.exec(ctx, "ROLLBACK") // the database may have rolled back by itself
		}
	}
	if err != nil {
		w.next, w.chats, w.met = next, nil, nil
	}
	for i, r := range batch {
		r.end <- errors.Join(err, errs[i])
	}
}

// begin opens the transaction, with keys enough for any batch. Where the
// connection was lost, another is claimed before anything is written.
func (w *writer) begin(ctx context.Context) error {
	var err error
	for range 2 {
		if w.conn == nil {
			if err = w.reclaim(ctx); err != nil {
				return err
			}
		}
		if !w.ring.has(w.next + spare/2) {
			if err = w.ring.replace(w.everything(), w.next); err != nil {
				return err
			}
		}
		if w.chats == nil {
			w.chats = map[string]chatRow{}
		}
		err = w.exec(ctx, w.says.begin)
		if !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) {
			return err
		}
		_ = w.drop() // it is gone: closing it says so again
	}
	return err
}

// exec runs a statement beside those of the requests.
func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	if w.step != nil {
		w.step(query)
	}
	_, err := w.conn.ExecContext(ctx, query, args...)
	return err
}

// reclaim puts another connection in the place of a lost one. It fails where
// another process has claimed the database since.
func (w *writer) reclaim(ctx context.Context) error {
	select {
	case <-w.out:
		return ErrInUse
	default:
	}
	conn, err := w.rows.claim(ctx, w.home, w.db)
	if errors.Is(err, ErrInUse) {
		close(w.out)
	}
	if err != nil {
		return err
	}
	w.conn = conn
	if err = w.resume(ctx); err != nil {
		_ = w.drop()
	}
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

// savepoint carries out one request. broken means that the whole transaction
// cannot go on.
func (w *writer) savepoint(ctx context.Context, r *request) (failed, broken error) {
	if err := r.ctx.Err(); err != nil {
		return err, nil
	}
	t := &tx{w: w, ctx: context.WithoutCancel(r.ctx)}
	if w.says.within > 0 {
		t.ctx = ctx
	}
	if err := t.exec("SAVEPOINT r"); err != nil {
		return nil, err
	}
	if err := r.fn(t); err != nil {
		w.chats, w.met = map[string]chatRow{}, nil // they may know of rows that are now undone
		return err, errors.Join(t.exec("ROLLBACK TO r"), t.exec("RELEASE r"))
	}
	return nil, t.exec("RELEASE r")
}

// tx is the writer's transaction, as one request sees it.
type tx struct {
	w   *writer
	ctx context.Context
}

// gate keeps out, until the end of the transaction, every other transaction
// that asked for it, of whichever process: whoever asks what is held, places a
// hold, or adds to the audit log. It stands before the reading, so that what
// the others stored is seen.
func (t *tx) gate() error {
	if t.w.says.gate == "" {
		return nil
	}
	return t.exec(t.w.says.gate)
}

// stmt prepares a statement once for the life of the connection.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if t.w.step != nil {
		t.w.step(query)
	}
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

// change is exec that tells how many rows it changed.
func (t *tx) change(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
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
