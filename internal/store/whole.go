package store

import (
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum" // whole-file encryption
)

// sealedFiles is the name of the file system that encrypts.
const sealedFiles = "sealed"

var register = sync.OnceFunc(func() {
	vfs.Register(sealedFiles, adiantum.Wrap(&wholeBlocks{VFS: vfs.Find("")}, nil))
})

// openSealed is the one place that knows the driver. The key is given by pragma
// on each new connection, so that it stands in no name or address.
func openSealed(path string, key []byte, pragmas string) (*sql.DB, error) {
	register()
	return driver.Open("file:"+filepath.ToSlash(path)+"?vfs="+sealedFiles+"&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA hexkey='` + hex.EncodeToString(key) + `';` + pragmas)
	})
}

// wholeBlocks lets nobody read a block of a write-ahead log while it is being
// written.
//
// The pages of the log are not aligned to the blocks that are encrypted, so
// adding a page writes the block again that holds the end of the page before.
// SQLite takes for granted that what it does not change can be read meanwhile,
// and without encryption it can. But an operating system may give a reader half
// of the old block and half of the new one, which then decrypt to nothing that
// makes sense: a query fails with "database disk image is malformed", or the
// rubbish is moved from the log into the database.
//
// All connections are of this process (the lock on the folder keeps others
// out), so a lock in memory suffices.
type wholeBlocks struct {
	vfs.VFS
	mu sync.RWMutex // over every log: a block takes microseconds, and no sync is waited for under it
}

func (b *wholeBlocks) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(b.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, flags, err
	}
	return &wholeLog{File: f, mu: &b.mu}, flags, nil
}

type wholeLog struct {
	vfs.File
	mu *sync.RWMutex
}

func (l *wholeLog) ReadAt(p []byte, off int64) (int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.File.ReadAt(p, off)
}

func (l *wholeLog) WriteAt(p []byte, off int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.File.WriteAt(p, off)
}
