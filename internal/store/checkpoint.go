package store

import (
	"context"
	"time"
)

// Moving the write-ahead log into the database is work of tens of
// milliseconds, and more on a slow disk. SQLite would do it inside whichever
// commit happens to fill the log; here it is done beside the commits, so that no
// message waits for it.
const (
	checkpointEvery = 500 * time.Millisecond
	longLog         = 16 << 10 // pages (64 MiB): from here the log is begun anew, which commits wait for
)

// checkpoint moves the log now and then, until the store is closed. What does
// not succeed, for want of room or because somebody reads, is tried again.
func (s *Store) checkpoint(quit <-chan struct{}) {
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
		if s.read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved) == nil && pages > longLog {
			_ = s.read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &pages, &moved)
		}
	}
}
