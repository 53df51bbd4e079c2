package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
)

// database is where the rows live: an encrypted SQLite file in the data
// folder, or a PostgreSQL server. All SQL of this package but theirs is written
// once, as SQLite reads it; the server's driver translates (translate).
//
// The texts are sealed with keys of the ring, which lies in the data folder
// with either. So erasing is dropping a key with either: PostgreSQL keeps dead
// rows until it vacuums, and its logs and standbys keep them longer, but what
// they keep no key opens.
type database interface {
	// prepare refuses a folder that does not go with such a database, and
	// clears what an interrupted making left behind.
	prepare(h *home) error
	// open gives a pool of connections.
	open(h *home) (*sql.DB, error)
	// claim takes a connection to write over, or says why nothing may be
	// written. It is called again where that connection was lost.
	claim(ctx context.Context, h *home, db *sql.DB) (*sql.Conn, error)
	// beside does what is to be done beside the commits, until quit.
	beside(read *sql.DB, quit <-chan struct{})
	dialect() dialect
}

// dialect is what the writer says differently to the two databases.
type dialect struct {
	goose  goose.Dialect
	folder string // of migrations
	begin  string // a writing transaction
	// gate excludes, until the end of the transaction, every other one that
	// asked for it: see tx.gate. Empty where writing transactions exclude each
	// other anyway.
	gate   string
	within time.Duration // how long a commit may take before its connection is given up; 0: as long as it takes
}

// refusal is a reason not to open, or not to write, in words of its own.
type refusal struct {
	kind error
	say  string
}

func (r refusal) Error() string { return r.say }
func (r refusal) Unwrap() error { return r.kind }

// damaged says that the rows are not as they were left.
func damaged(err error) error {
	return fmt.Errorf("%w: the database does not open (%v). Restore the folder from a backup; nothing was changed", ErrDamaged, err)
}
