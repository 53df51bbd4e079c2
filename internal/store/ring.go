package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// ring is the key ring: numbered keys in one small file that is replaced by
// rename. The database says what each number seals; a number that nothing in
// the database refers to is dropped, and with it every copy of what it sealed,
// wherever blocks of old files may linger (DESIGN invariant 5). Spare keys
// stand ready, so that sealing never waits for the file.
type ring struct {
	path string
	seal cipher.AEAD // of the file itself, from the master key

	mu   sync.Mutex
	keys map[uint64][]byte
	last uint64 // the highest number in the file
}

const (
	ringMagic = "chaperone keys 1\n"
	spare     = 512
	keySize   = 32
)

// openRing reads the ring, or begins one where the database is new too.
func openRing(path string, seal cipher.AEAD, begin bool) (*ring, error) {
	r := &ring{path: path, seal: seal, keys: map[uint64][]byte{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && begin {
		return r, r.replace(nil, 1)
	} else if err != nil {
		return nil, fmt.Errorf("%w: the key ring cannot be read (%v)", ErrDamaged, err)
	}
	n := len(ringMagic)
	if len(b) < n || string(b[:n]) != ringMagic {
		return nil, fmt.Errorf("%w: the key ring is cut short or overwritten", ErrDamaged)
	}
	plain, err := seal.Open(nil, nil, b[n:], []byte(ringMagic))
	if err != nil || len(plain)%(8+keySize) != 0 {
		return nil, fmt.Errorf("%w: the key ring does not open", ErrDamaged)
	}
	for ; len(plain) > 0; plain = plain[8+keySize:] {
		num := binary.BigEndian.Uint64(plain)
		r.keys[num] = plain[8 : 8+keySize]
		r.last = max(r.last, num)
	}
	return r, nil
}

// replace keeps the wanted numbers and all from next on, adds spare keys, and
// puts the new file in the place of the old one.
func (r *ring) replace(wanted map[uint64]bool, next uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := map[uint64][]byte{}
	for num, key := range r.keys {
		if wanted[num] || num >= next {
			keys[num] = key
		}
	}
	last := max(r.last, next-1)
	for last < next-1+spare {
		last++
		key := make([]byte, keySize)
		if _, err := io.ReadFull(rand.Reader, key); err != nil {
			return err
		}
		keys[last] = key
	}
	plain := make([]byte, 0, len(keys)*(8+keySize))
	for num, key := range keys {
		plain = append(binary.BigEndian.AppendUint64(plain, num), key...)
	}
	if err := replaceFile(r.path, r.seal.Seal([]byte(ringMagic), nil, plain, []byte(ringMagic))); err != nil {
		return fmt.Errorf("key ring: %w", err)
	}
	r.keys, r.last = keys, last
	return nil
}

// has reports whether the number is on the ring.
func (r *ring) has(num uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[num] != nil
}

// errErased means that the key is gone, and so is what it sealed.
var errErased = errors.New("erased: its key is gone")

// box gives the cipher of one key.
func (r *ring) box(num uint64) (cipher.AEAD, error) {
	r.mu.Lock()
	key := r.keys[num]
	r.mu.Unlock()
	if key == nil {
		return nil, errErased
	}
	return newAEAD(key)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// replaceFile writes a file durably and puts it in place by rename.
func replaceFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
