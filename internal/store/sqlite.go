package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
)

// file is an encrypted SQLite file in the data folder.
type file struct{}

func (file) dialect() dialect {
	return dialect{goose: goose.DialectSQLite3, folder: "migrations/sqlite", begin: "BEGIN IMMEDIATE"}
}

func (file) path(h *home) string { return filepath.Join(h.dir, databaseFile) }

func (f file) prepare(h *home) error {
	path := f.path(h)
	if !h.fresh {
		if h.id.Database != "" {
			return refusal{ErrForeign, "the rows of the data folder " + h.dir + " live in a PostgreSQL database: name it in the configuration, or with --database"}
		}
		return h.present(path)
	}
	h.id.Database = "" // of a making on a server that was interrupted
	if err := errors.Join(h.writeIdentity(), h.clear(path, path+"-wal", path+"-shm")); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o600) // so that it is nobody else's to read
}

func (f file) open(h *home) (*sql.DB, error) {
	key, err := derive(h.master, "database")
	if err != nil {
		return nil, err
	}
	return openSealed(f.path(h), key, `
		PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL;
		PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000`)
}

// checkBelow is the size up to which the whole database is checked at start;
// a larger one is checked as it is read.
const checkBelow = 64 << 20

// claim refuses a damaged file. The lock on the folder keeps others out.
func (f file) claim(ctx context.Context, h *home, db *sql.DB) (*sql.Conn, error) {
	c, err := db.Conn(ctx)
	if h.fresh {
		return c, err
	}
	if err == nil {
		err = f.check(ctx, h, c)
	} else {
		err = damaged(err)
	}
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

func (f file) check(ctx context.Context, h *home, c *sql.Conn) error {
	info, err := os.Stat(f.path(h))
	if err != nil {
		return err
	}
	check := "PRAGMA quick_check"
	if info.Size() > checkBelow {
		check = "SELECT CASE WHEN count(*) > 0 THEN 'ok' ELSE 'empty' END FROM sqlite_schema"
	}
	var found string
	if err := c.QueryRowContext(ctx, check).Scan(&found); err != nil {
		return damaged(err)
	}
	if found != "ok" {
		return damaged(errors.New("its check failed"))
	}
	return nil
}

// Moving the write-ahead log into the database is work of tens of
// milliseconds, and more on a slow disk. SQLite would do it inside whichever
// commit happens to fill the log; here it is done beside the commits, so that no
// message waits for it.
const (
	checkpointEvery = 500 * time.Millisecond
	longLog         = 16 << 10 // pages (64 MiB): from here the log is begun anew, which commits wait for
)

// beside moves the log now and then. What does not succeed, for want of room or
// because somebody reads, is tried again.
func (file) beside(read *sql.DB, quit <-chan struct{}) {
	t := time.NewTicker(checkpointEvery)
	defer t.Stop()
	for {
		select {
		case <-quit:
			return
		case <-t.C:
		}
		var busy, pages, moved int
		ctx := context.Background()
		if read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved) == nil && pages > longLog {
			_ = read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &pages, &moved)
		}
	}
}
