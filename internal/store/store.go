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
	"errors"
	"path/filepath"
	"sync"
	"time"

	"chaperone/internal/retention"
)

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
	own   retention.OwnPeriods // how long the product's own data stay
}

// Open takes the data folder, creating it where it does not exist, with its
// rows in an encrypted file of its own. keyFile holds the key that seals it.
// The errors of this package tell apart why a folder is refused.
func Open(ctx context.Context, dir, keyFile string) (*Store, error) {
	return OpenOn(ctx, dir, keyFile, "")
}

// OpenOn is Open with the rows in a PostgreSQL database, whose address is a
// postgres:// URL. An empty address is Open.
func OpenOn(ctx context.Context, dir, keyFile, address string) (*Store, error) {
	var rows database = file{}
	if address != "" {
		srv, err := newServer(address)
		if err != nil {
			return nil, err
		}
		rows = srv
	}
	return openFolder(ctx, dir, keyFile, rows)
}

func openFolder(ctx context.Context, dir, keyFile string, rows database) (*Store, error) {
	h, err := openHome(dir, keyFile)
	if err != nil {
		return nil, err
	}
	s := &Store{home: h, own: retention.DefaultOwn()}
	if err := s.open(ctx, rows); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, rows database) error {
	if err := rows.prepare(s.home); err != nil {
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
	if s.write, err = newWriter(ctx, rows, s.home); err != nil {
		return err
	}
	if s.ring, err = openRing(filepath.Join(s.home.dir, ringFile), seal, s.home.fresh); err != nil {
		return err
	}
	if err := s.write.start(ctx, s.ring); err != nil {
		return err
	}
	if s.read, err = rows.open(s.home); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	s.quit = make(chan struct{})
	s.idle.Go(func() { rows.beside(s.read, s.quit) })
	if s.home.fresh {
		return s.home.made()
	}
	return nil
}

// Ousted is closed when another process has taken the database over. Nothing
// can be stored any more then.
func (s *Store) Ousted() <-chan struct{} { return s.write.out }

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
