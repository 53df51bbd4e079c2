// Package audit is the tamper-evident log of everything that cannot be taken
// back: a Merkle tree over canonical entries, signed checkpoints of it, a
// file that it is exported to, and a verifier of such a file that needs
// nothing else of the product.
//
// It computes and reads streams; it must not keep rows (internal/store does,
// in the transaction of the act: no audit, no action), read a clock, or let
// an entry carry any text of a message, any matched value, or a person's
// number or name in the clear: what an entry is about is a keyed digest.
package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Act is what was done. The names are closed, and are only ever added to: a
// log of an older version must verify for ever.
type Act string

// The acts.
const (
	Destroy   Act = "destroy"   // a message or record was destroyed
	Transfer  Act = "transfer"  // a record was handed over at the end of its period
	Remove    Act = "remove"    // a member was removed from a chat
	Reinstate Act = "reinstate" // a removed member was let in again
	Hold      Act = "hold"      // a hold was placed or its scope changed
	Release   Act = "release"   // a hold was released
	Export    Act = "export"    // something left the product
	Search    Act = "search"    // held or recorded text was searched
	Approve   Act = "approve"   // a person approved something
	Refuse    Act = "refuse"    // a person, or an interlock, refused something
	Configure Act = "configure" // configuration, a rule or a role was changed
	Undo      Act = "undo"      // what the bot destroyed was given back
	Erase     Act = "erase"     // data about a person were erased
	Clock     Act = "clock"     // a person confirmed or moved the clock
	SignIn    Act = "sign-in"   // somebody signed in to the console
	Breach    Act = "breach"    // a breach record was proposed, opened, decided about, handed over or closed
)

var acts = []Act{
	Destroy, Transfer, Remove, Reinstate, Hold, Release, Export, Search,
	Approve, Refuse, Configure, Undo, Erase, Clock, SignIn, Breach,
}

// Object is the kind of thing that an act was done to. The names are closed.
type Object string

// The kinds of object.
const (
	OfMessage   Object = "message"
	OfMember    Object = "member"
	OfPerson    Object = "person"
	OfChat      Object = "chat"
	OfRecord    Object = "record"
	OfMatter    Object = "matter" // a hold or an information request
	OfRun       Object = "run"    // a run of a schedule, or a batch
	OfSetting   Object = "setting"
	OfDirectory Object = "directory"
	OfLog       Object = "log"
	OfAccount   Object = "account" // somebody who can sign in
)

var objects = []Object{
	OfMessage, OfMember, OfPerson, OfChat, OfRecord, OfMatter, OfRun, OfSetting, OfDirectory, OfLog, OfAccount,
}

// Digest is a keyed digest of what an act was done to. Who has the key can
// tell whether an entry is about a given thing; without the key, or after the
// key has been destroyed, it says nothing.
type Digest [sha256.Size]byte

// ObjectDigest gives the digest of the thing named by parts, such as its
// account, chat and message id. The key is at least 16 bytes; parts are kept
// apart, so that ("ab", "c") and ("a", "bc") differ.
func ObjectDigest(key []byte, kind Object, parts ...string) (Digest, error) {
	if len(key) < 16 {
		return Digest{}, errors.New("audit: the key of object digests has fewer than 16 bytes")
	}
	h := hmac.New(sha256.New, key)
	for _, p := range append([]string{string(kind)}, parts...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return Digest(h.Sum(nil)), nil
}

// Entry is one act. Its words (Actor, Authority, Before, After, Ref) are
// short codes without spaces, so that no sentence fits into one.
type Entry struct {
	Index     int64     // place in the log, from 0; set by Append
	At        time.Time // our clock; kept to the millisecond, in UTC
	Actor     string    // who: "officer:ig-2", "chaperone:retention"
	Authority string    // by what right: "policy:council/2026-11/keep-team", "matter:17"
	Act       Act
	Object    Object
	Digest    Digest
	Before    string // state or digest before: "posted", "sha256:…"; "none" where there was nothing
	After     string // state or digest after
	Ref       string // key of the action or run that it belongs to
}

// maxWord is the greatest length of a word of an entry, in bytes.
const maxWord = 200

// timeForm is the one way a time is written in entries and checkpoints.
const timeForm = "2006-01-02T15:04:05.000Z"

// Check says what is wrong with an entry, or nil.
func (e Entry) Check() error {
	var errs []error
	if !slices.Contains(acts, e.Act) {
		errs = append(errs, fmt.Errorf("unknown act %q", e.Act))
	}
	if !slices.Contains(objects, e.Object) {
		errs = append(errs, fmt.Errorf("unknown kind of object %q", e.Object))
	}
	if e.Index < 0 {
		errs = append(errs, errors.New("the index is negative"))
	}
	if y := e.At.UTC().Year(); y < 2000 || y > 9999 {
		errs = append(errs, errors.New("the time is not set"))
	}
	for _, w := range []struct{ name, word string }{
		{"actor", e.Actor}, {"authority", e.Authority}, {"before", e.Before}, {"after", e.After}, {"ref", e.Ref},
	} {
		if !isWord(w.word) {
			// The word itself stays out of the error: it may be a text that
			// should not be here.
			errs = append(errs, fmt.Errorf("%s must be 1 to %d letters, digits or any of . _ : / @ + = # -", w.name, maxWord))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("audit entry: %w", errors.Join(errs...))
	}
	return nil
}

func isWord(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '@', c == '+', c == '=', c == '#', c == '-':
		default:
			return false
		}
	}
	return true
}

// Encode gives the canonical bytes of an entry: JSON in one fixed form. Two
// entries are equal exactly when their bytes are.
func (e Entry) Encode() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	// No word needs escaping, see isWord.
	return fmt.Appendf(make([]byte, 0, 384),
		`{"index":%d,"at":"%s","actor":"%s","authority":"%s","act":"%s","object":"%s","digest":"%s","before":"%s","after":"%s","ref":"%s"}`,
		e.Index, e.At.UTC().Format(timeForm), e.Actor, e.Authority, e.Act, e.Object,
		base64.StdEncoding.EncodeToString(e.Digest[:]), e.Before, e.After, e.Ref), nil
}

// Decode reads the canonical bytes of an entry. It refuses any other form.
func Decode(data []byte) (Entry, error) {
	var w struct {
		Index                             int64
		At, Actor, Authority, Act, Object string
		Before, After, Ref                string
		Digest                            []byte
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return Entry{}, errors.New("this is not an audit entry")
	}
	at, err := time.Parse(timeForm, w.At)
	if err != nil || len(w.Digest) != sha256.Size {
		return Entry{}, errors.New("this is not an audit entry")
	}
	e := Entry{
		Index: w.Index, At: at, Actor: w.Actor, Authority: w.Authority, Act: Act(w.Act), Object: Object(w.Object),
		Digest: Digest(w.Digest), Before: w.Before, After: w.After, Ref: w.Ref,
	}
	again, err := e.Encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, errors.New("the entry is not in its canonical form")
	}
	return e, nil
}

// Row is what must be stored for one entry, in the transaction of its act.
type Row struct {
	Index  int64       // of the entry
	Bytes  []byte      // canonical; what the leaf is the hash of
	Leaf   tlog.Hash   // also the first of Hashes
	First  int64       // where Hashes begin in the table of tree hashes
	Hashes []tlog.Hash // to be stored at First, First+1, …
}

// Append gives the row of e as the entry at index next, the number of entries
// so far. The table of tree hashes is read through hashes (at most a few dozen
// of them), which must see the rows of every earlier entry.
func Append(next int64, e Entry, hashes tlog.HashReader) (Row, error) {
	e.Index = next
	data, err := e.Encode()
	if err != nil {
		return Row{}, err
	}
	list, err := tlog.StoredHashes(next, data, hashes)
	if err != nil {
		return Row{}, fmt.Errorf("audit: append entry %d: %w", next, err)
	}
	return Row{Index: next, Bytes: data, Leaf: list[0], First: tlog.StoredHashIndex(0, next), Hashes: list}, nil
}
