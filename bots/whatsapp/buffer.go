package whatsapp

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"

	"chaperone/bots/whatsapp/sessions"
)

// Decrypting works once, so the library keeps what it decrypted in its own
// table until it is stored elsewhere. Emptying a row erases nothing: the text
// stays in the pages of the file. What stands there is therefore sealed under a
// key of ten minutes, and the keys stand in one small file that is replaced: a
// key is gone as soon as nothing that it sealed is waiting.

// epoch is how long one key seals.
const epoch = 10 * time.Minute

// ring is the keys that seal what waits. It fulfils nothing by itself; buffer
// uses it.
type ring struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	keys []epochKey // the last is the current one
}

type epochKey struct {
	ID   string // eight characters, which what it sealed begins with
	Key  []byte
	From time.Time
}

func openRing(path string, now func() time.Time) (*ring, error) {
	r := &ring{path: path, now: now}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &r.keys); err != nil {
		return nil, fmt.Errorf("%s is damaged: what was decrypted and not stored is lost, and the file can be removed", filepath.Base(path))
	}
	return r, nil
}

// write replaces the file.
func (r *ring) write() error {
	b, err := json.Marshal(r.keys)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// current gives the key that seals now, and makes one where there is none, or
// none that is young enough.
func (r *ring) current() (epochKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.keys); n > 0 && r.now().Sub(r.keys[n-1].From).Abs() < epoch {
		return r.keys[n-1], nil
	}
	k := epochKey{ID: rand.Text()[:8], Key: make([]byte, 32), From: r.now()}
	_, _ = rand.Read(k.Key) // the standard library's source of randomness does not fail
	r.keys = append(r.keys, k)
	if err := r.write(); err != nil {
		r.keys = r.keys[:len(r.keys)-1]
		return epochKey{}, err
	}
	return k, nil
}

func (r *ring) find(id string) (epochKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return epochKey{}, false
}

// drop forgets the keys that seal nothing that waits, but for a current one.
func (r *ring) drop(ctx context.Context, db *sql.DB) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := db.QueryContext(ctx, `SELECT DISTINCT substr(plaintext, 1, 8) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL`)
	if err != nil {
		return err
	}
	defer rows.Close()
	needed := map[string]bool{}
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		needed[string(id)] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var left []epochKey
	for i, k := range r.keys {
		young := i == len(r.keys)-1 && r.now().Sub(k.From).Abs() < epoch
		if needed[k.ID] || young {
			left = append(left, k)
		}
	}
	if len(left) == len(r.keys) {
		return nil
	}
	r.keys = left
	return r.write()
}

func (k epochKey) aead() (cipher.AEAD, error) {
	b, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// buffer is the library's table, with what stands in it sealed.
type buffer struct {
	store.EventBuffer
	ring *ring
}

// PutBufferedEvent implements store.EventBuffer.
func (b *buffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plain []byte, at time.Time) error {
	k, err := b.ring.current()
	if err != nil {
		return err
	}
	a, err := k.aead()
	if err != nil {
		return err
	}
	return b.EventBuffer.PutBufferedEvent(ctx, hash, append([]byte(k.ID), a.Seal(nil, nil, plain, hash[:])...), at)
}

// GetBufferedEvent implements store.EventBuffer.
func (b *buffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	e, err := b.EventBuffer.GetBufferedEvent(ctx, hash)
	if err != nil || e == nil || e.Plaintext == nil {
		return e, err
	}
	if len(e.Plaintext) < 8 {
		return nil, errors.New("what was decrypted cannot be read")
	}
	k, ok := b.ring.find(string(e.Plaintext[:8]))
	if !ok {
		return nil, errors.New("the key of what was decrypted is gone")
	}
	a, err := k.aead()
	if err != nil {
		return nil, err
	}
	e.Plaintext, err = a.Open(nil, nil, e.Plaintext[8:], hash[:])
	return e, err
}

// guard puts the seal on a device's table, and guards its sessions. A device that
// is being linked has its tables once the phone has vouched for it.
func (b *Bot) guard(d *store.Device) {
	if b.guarded == d || d.EventBuffer == nil || d.ID == nil {
		return
	}
	b.guarded = d
	d.EventBuffer = &buffer{d.EventBuffer, b.ring}
	sessions.Guard(d, &b.cipher)
}

// keepErasing forgets keys that are not needed any more, until ctx ends.
func (b *Bot) keepErasing(ctx context.Context) {
	t := time.NewTicker(epoch / 2)
	defer t.Stop()
	for {
		if err := b.ring.drop(ctx, b.o.DB); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("keys of texts that are stored elsewhere could not be erased; it is tried again", "account", Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
