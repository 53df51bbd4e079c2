package store

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Why a data folder is not opened. Each is told apart from the others, and its
// message says what to do.
var (
	ErrInUse    = errors.New("the data folder is in use by another Chaperone")
	ErrWrongKey = errors.New("the key does not fit this data folder")
	ErrNoKey    = errors.New("the key of this data folder is missing")
	ErrForeign  = errors.New("the folder holds something that is not Chaperone's")
	ErrDamaged  = errors.New("the data folder is damaged")
)

// The files of a data folder.
const (
	identityFile = "identity.json"
	lockFile     = "lock"
	databaseFile = "chaperone.db"
	ringFile     = "keys"
)

// home is a data folder that this process owns.
type home struct {
	dir    string
	lock   *flock.Flock
	master []byte
	id     identity
	fresh  bool // nothing was there before, or its making was interrupted
}

// identity says whose folder this is, and which key fits.
type identity struct {
	Product     string    `json:"product"`
	Format      int       `json:"format"`
	Created     time.Time `json:"created"`
	Fingerprint string    `json:"key_fingerprint"`
	Ready       bool      `json:"ready"`              // the folder was made to the end
	Database    string    `json:"database,omitempty"` // the name that the server's database bears which the rows live in
}

// openHome takes the folder, creating it and its key where neither is there.
func openHome(dir, keyFile string) (*home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	id, err := readIdentity(dir)
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, lock: flock.New(filepath.Join(dir, lockFile))}
	if ok, err := h.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	} else if !ok {
		return nil, fmt.Errorf("%w: %s. Stop that one, or choose another folder with --data", ErrInUse, dir)
	}
	if err := h.unlockKey(id, keyFile); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *home) close() error { return h.lock.Unlock() }

// readIdentity returns nil for a folder that is empty but for a lock.
func readIdentity(dir string) (*identity, error) {
	b, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			switch name := e.Name(); {
			case name == lockFile, name == identityFile+".new":
			case name == databaseFile || name == ringFile:
				return nil, fmt.Errorf("%w: %s is missing from %s. Restore the folder from a backup", ErrDamaged, identityFile, dir)
			default:
				return nil, fmt.Errorf("%w: %s. Choose an empty folder with --data", ErrForeign, dir)
			}
		}
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var id identity
	if err := json.Unmarshal(b, &id); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read. Restore the folder from a backup", ErrDamaged, filepath.Join(dir, identityFile))
	}
	if id.Product != "chaperone" {
		return nil, fmt.Errorf("%w: %s. Choose another folder with --data", ErrForeign, dir)
	}
	if id.Format != 1 {
		return nil, fmt.Errorf("%w: %s was written by a newer version (format %d). Use that version", ErrForeign, dir, id.Format)
	}
	return &id, nil
}

// unlockKey reads the key, or for a new folder makes one, and holds it against
// the folder's fingerprint.
func (h *home) unlockKey(id *identity, keyFile string) error {
	key, err := readKey(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && id != nil:
		return fmt.Errorf("%w: %s is not there. Put the key file back, or name it with --key-file; without it the data cannot be opened, and no new key is made", ErrNoKey, keyFile)
	case errors.Is(err, fs.ErrNotExist):
		if key, err = makeKey(keyFile); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	h.master = key
	print, err := fingerprint(key)
	if err != nil {
		return err
	}
	if id == nil {
		h.fresh = true
		h.id = identity{Product: "chaperone", Format: 1, Created: time.Now().UTC(), Fingerprint: print}
		return h.writeIdentity()
	}
	if !hmac.Equal([]byte(id.Fingerprint), []byte(print)) {
		return fmt.Errorf("%w: %s belongs to another folder than %s. Name the right one with --key-file; nothing was changed", ErrWrongKey, keyFile, h.dir)
	}
	h.id, h.fresh = *id, !id.Ready
	return nil
}

func (h *home) writeIdentity() error {
	b, err := json.MarshalIndent(h.id, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(h.dir, identityFile), append(b, '\n'))
}

// made marks the folder as made to the end.
func (h *home) made() error {
	h.id.Ready = true
	return h.writeIdentity()
}

// present refuses a folder that has lost one of its files.
func (h *home) present(names ...string) error {
	for _, name := range append(names, filepath.Join(h.dir, ringFile)) {
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("%w: %s is missing. Restore the folder from a backup", ErrDamaged, name)
		}
	}
	return nil
}

// clear removes what an interrupted making left behind.
func (h *home) clear(names ...string) error {
	for _, name := range append(names, filepath.Join(h.dir, ringFile)) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

const keyPrefix = "chaperone-key-1:"

func readKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), keyPrefix)
	key, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%w: %s is not a key file of Chaperone. Name the right one with --key-file", ErrWrongKey, path)
	}
	return key, nil
}

func makeKey(path string) ([]byte, error) {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(rand.Reader, key); err != nil {
		return nil, err
	}
	text := keyPrefix + base64.RawStdEncoding.EncodeToString(key) + "\n"
	return key, replaceFile(path, []byte(text))
}

// fingerprint is what a key can be recognised by and not worked out from.
func fingerprint(key []byte) (string, error) {
	b, err := derive(key, "fingerprint")
	return hex.EncodeToString(b[:16]), err
}

// derive makes the key for one purpose from the master key.
func derive(master []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, master, nil, "chaperone "+purpose, keySize)
}
