package store

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// torn is a file system that writes the blocks of a write-ahead log in two
// halves, as an operating system may when a reader comes between.
type torn struct{ vfs.VFS }

func (v torn) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(v.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, flags, err
	}
	return tornLog{f}, flags, nil
}

type tornLog struct{ vfs.File }

func (l tornLog) WriteAt(p []byte, off int64) (int, error) {
	half := len(p) / 2
	if _, err := l.File.WriteAt(p[:half], off); err != nil {
		return 0, err
	}
	time.Sleep(50 * time.Microsecond)
	if _, err := l.File.WriteAt(p[half:], off+int64(half)); err != nil {
		return half, err
	}
	return len(p), nil
}

// Whoever reads the log, or moves it into the database, while it grows, reads
// what was written.
func TestTheLogIsReadWhole(t *testing.T) {
	const name = "torn"
	vfs.Register(name, adiantum.Wrap(&wholeBlocks{VFS: torn{vfs.Find("")}}, nil))
	t.Cleanup(func() { vfs.Unregister(name) })
	db, err := driver.Open("file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "a.db"))+"?vfs="+name+"&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(fmt.Sprintf("PRAGMA hexkey='%064x'; PRAGMA busy_timeout=30000; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0", 7))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)"); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	quit := make(chan struct{})
	for _, query := range []string{"SELECT sum(length(v)) IS NULL FROM t", "PRAGMA wal_checkpoint(PASSIVE)"} {
		readers.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				rows, err := db.Query(query)
				if err == nil {
					for rows.Next() {
					}
					err = rows.Err()
					_ = rows.Close()
				}
				if err != nil {
					t.Errorf("%s: %v", query, err)
					return
				}
			}
		})
	}
	for i := range 400 {
		if _, err := db.Exec("INSERT OR REPLACE INTO t VALUES (?, randomblob(300))", i%100); err != nil {
			t.Error(err)
			break
		}
	}
	close(quit)
	readers.Wait()
	var found string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
		t.Errorf("the database is damaged: %v", err)
	}
}
