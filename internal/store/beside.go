package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Beside opens an encrypted file of its own in the data folder, for a part that
// keeps its rows itself, and makes it where it is not there. Its key comes from
// the folder's, and is another for each name.
func (s *Store) Beside(name string) (*sql.DB, error) {
	key, err := derive(s.home.master, "file "+name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.home.dir, name)
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil { // so that it is nobody else's to read
		if err := f.Close(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return openSealed(path, key, `
		PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;
		PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON`)
}
