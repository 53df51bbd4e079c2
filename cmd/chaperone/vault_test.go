package main_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum"
	"lukechampine.com/adiantum"
)

// vault is what somebody learns who holds the data folder and its key: every
// file, the database and its log in plain, and every key that is left in the
// ring. It knows the formats by itself, so that a fault of the store's own
// reading cannot hide anything.
type vault struct {
	plain map[string][]byte // by file; the database files decrypted
	raw   map[string][]byte
	keys  map[uint64][]byte

	database []byte // the key of the database
}

// openVault reads the folder while nothing runs on it. The practice platform's
// own file stands for somebody else's servers and is left out.
func openVault(t *testing.T, l *lab) *vault {
	t.Helper()
	v := &vault{plain: map[string][]byte{}, raw: map[string][]byte{}, keys: map[uint64][]byte{}}
	text, err := os.ReadFile(filepath.Join(l.dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	master, err := base64.RawStdEncoding.DecodeString(code)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, master, nil, "chaperone "+purpose, 32)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	v.database = derive("database")
	err = filepath.WalkDir(l.data(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "practice") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v.raw[d.Name()], v.plain[d.Name()] = b, b
		if database, _, ok := strings.Cut(d.Name(), ".db"); ok && !strings.HasSuffix(d.Name(), "-shm") {
			key := v.database
			if database != "chaperone" {
				key = derive("file " + database + ".db")
			}
			v.plain[d.Name()] = decrypt(key, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(v.plain["chaperone.db"], []byte("SQLite format 3\x00")) {
		t.Fatalf("the database was not decrypted")
	}
	if err := errors.Join(v.openRing(derive("key ring")), v.waiting()); err != nil {
		t.Fatal(err)
	}
	return v
}

// decrypt undoes the encryption of a database file or log, block by block.
func decrypt(key, b []byte) []byte {
	const block = 4096
	c := adiantum.New(key)
	out := bytes.Clone(b[:len(b)-len(b)%block])
	for at := 0; at < len(out); at += block {
		var tweak [8]byte
		binary.LittleEndian.PutUint64(tweak[:], uint64(at))
		copy(out[at:], c.Decrypt(out[at:at+block], tweak[:]))
	}
	return out
}

func (v *vault) openRing(key []byte) error {
	const magic = "chaperone keys 1\n"
	b, ok := bytes.CutPrefix(v.raw["keys"], []byte(magic))
	if !ok {
		return errors.New("the key ring does not begin as it should")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	plain, err := box.Open(nil, b[:12], b[12:], []byte(magic))
	if err != nil {
		return fmt.Errorf("the key ring: %w", err)
	}
	for ; len(plain) >= 40; plain = plain[40:] {
		v.keys[binary.BigEndian.Uint64(plain)] = plain[8:40]
	}
	return nil
}

// waiting reads the keys that seal what WhatsApp's library has decrypted and
// nobody has stored yet. They stand in the clear.
func (v *vault) waiting() error {
	b, ok := v.raw["whatsapp.keys"]
	if !ok {
		return nil
	}
	var all []struct{ Key []byte }
	err := json.Unmarshal(b, &all)
	for i, k := range all {
		v.keys[1<<63+uint64(i)] = k.Key
	}
	return err
}

// sealedHead is how much of a sealed text is tried at each place: a nonce and
// the first block.
const sealedHead = 12 + aes.BlockSize

// recover tries every key of the ring at every place of every file, and
// returns which of the texts can be read.
func (v *vault) recover(t *testing.T, texts []string) map[string]bool {
	t.Helper()
	s := sought{heads: map[[aes.BlockSize]byte][]string{}}
	for _, text := range texts {
		if len(text) < aes.BlockSize {
			t.Fatalf("a text of %d bytes is too short to be looked for", len(text))
		}
		h := [aes.BlockSize]byte([]byte(text)[:aes.BlockSize])
		s.heads[h] = append(s.heads[h], text)
		s.first[int(h[0])<<8|int(h[1])] = true
	}
	places := v.places()
	var mu sync.Mutex
	found := map[string]bool{}
	work := make(chan []byte)
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			for key := range work {
				for _, text := range s.readable(key, places) {
					mu.Lock()
					found[text] = true
					mu.Unlock()
				}
			}
		})
	}
	for _, key := range v.keys {
		work <- key
	}
	close(work)
	all.Wait()
	return found
}

// places are all places where a sealed text can begin, each with what follows
// it. Sealed bytes look random: 28 of them without a high bit, as in written
// text or empty pages, cannot be. The log holds the same pages many times; of
// places that begin alike the first is enough.
func (v *vault) places() [][]byte {
	var out [][]byte
	seen := map[[sealedHead]byte]bool{}
	for _, b := range v.plain {
		high := -1 // the last place with a high bit
		for at := range b {
			if b[at] >= 0x80 {
				high = at
			}
			from := at + 1 - sealedHead
			if from < 0 || high < from {
				continue
			}
			if w := [sealedHead]byte(b[from : at+1]); !seen[w] {
				seen[w] = true
				out = append(out, b[from:])
			}
		}
	}
	return out
}

// sought is what is looked for, by its first block.
type sought struct {
	heads map[[aes.BlockSize]byte][]string
	first [1 << 16]bool // by the first two bytes
}

// readable returns the texts that the key opens.
func (s *sought) readable(key []byte, places [][]byte) (found []string) {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // every key of the ring has 32 bytes
	}
	var counter, stream, head [aes.BlockSize]byte
	counter[15] = 2 // of the first block that GCM encrypts
	for _, b := range places {
		copy(counter[:12], b)
		block.Encrypt(stream[:], counter[:])
		if !s.first[int(stream[0]^b[12])<<8|int(stream[1]^b[13])] {
			continue
		}
		for i := range head {
			head[i] = stream[i] ^ b[12+i]
		}
		for _, text := range s.heads[head] {
			if len(b) < 12+len(text) {
				continue
			}
			// Whatever it was sealed together with: somebody who reads needs no proof.
			plain := make([]byte, len(text))
			cipher.NewCTR(block, counter[:]).XORKeyStream(plain, b[12:12+len(text)])
			if string(plain) == text {
				found = append(found, text)
			}
		}
	}
	return found
}
