package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	mrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

const origin = "chaperone/test/audit"

// journal is a log as a store keeps it: rows, tree hashes, signed checkpoints.
type journal struct {
	t           testing.TB
	signing     string
	verifying   string
	rows        [][]byte
	hashes      []tlog.Hash
	checkpoints [][]byte
}

func newJournal(t testing.TB) *journal {
	t.Helper()
	s, v, err := NewKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	return &journal{t: t, signing: s, verifying: v}
}

func (j *journal) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(j.hashes)) {
			return nil, errors.New("no such hash")
		}
		out[i] = j.hashes[x]
	}
	return out, nil
}

func (j *journal) add(e Entry) {
	j.t.Helper()
	row, err := Append(int64(len(j.rows)), e, j)
	if err != nil {
		j.t.Fatal(err)
	}
	if row.First != int64(len(j.hashes)) || row.Leaf != row.Hashes[0] {
		j.t.Fatalf("hashes of entry %d begin at %d, and %d are stored", row.Index, row.First, len(j.hashes))
	}
	j.rows = append(j.rows, row.Bytes)
	j.hashes = append(j.hashes, row.Hashes...)
}

func (j *journal) sign() {
	j.t.Helper()
	c, err := Next(origin, int64(len(j.checkpoints)), int64(len(j.rows)), start.Add(time.Duration(len(j.rows))*time.Second), j)
	if err != nil {
		j.t.Fatal(err)
	}
	signed, err := c.Sign(j.signing)
	if err != nil {
		j.t.Fatal(err)
	}
	j.checkpoints = append(j.checkpoints, signed)
}

func (j *journal) clone() *journal {
	c := *j
	c.rows = append([][]byte(nil), j.rows...)
	c.hashes = append([]tlog.Hash(nil), j.hashes...)
	c.checkpoints = append([][]byte(nil), j.checkpoints...)
	return &c
}

// rebuild hashes the rows anew, as someone would who changed them.
func (j *journal) rebuild() {
	j.hashes = nil
	for i, data := range j.rows {
		list, err := tlog.StoredHashes(int64(i), data, j)
		if err != nil {
			j.t.Fatal(err)
		}
		j.hashes = append(j.hashes, list...)
	}
}

func (j *journal) export() []byte {
	j.t.Helper()
	var b bytes.Buffer
	if err := Write(&b, j.verifying, each(j.rows), each(j.checkpoints)); err != nil {
		j.t.Fatal(err)
	}
	return b.Bytes()
}

func (j *journal) open(n int) *Checkpoint {
	j.t.Helper()
	c, err := Open(j.checkpoints[n], j.verifying)
	if err != nil {
		j.t.Fatal(err)
	}
	return &c
}

func each(list [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func entry(i int) Entry {
	d, err := ObjectDigest([]byte("0123456789abcdef"), OfMessage, fmt.Sprint(i))
	if err != nil {
		panic(err)
	}
	return Entry{
		At: start.Add(time.Duration(i) * time.Second), Actor: "chaperone:retention", Authority: "policy:council/keep-team",
		Act: acts[i%len(acts)], Object: OfMessage, Digest: d, Before: "posted", After: "deleted", Ref: fmt.Sprintf("run-%d", i/10),
	}
}

// filled gives a log of n entries with a checkpoint after every few and at the end.
func filled(t testing.TB, n, every int) *journal {
	j := newJournal(t)
	fill(j, n, every)
	return j
}

func fill(j *journal, n, every int) {
	for i := range n {
		j.add(entry(i))
		if (i+1)%every == 0 || i == n-1 {
			j.sign()
		}
	}
}

func verify(t testing.TB, file []byte, key string, w *Checkpoint) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(file), key, w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEntryIsCanonical(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringMatching(`[A-Za-z0-9._:/@+=#-]{1,200}`)
		e := Entry{
			Index: rapid.Int64Min(0).Draw(rt, "index"), At: time.UnixMilli(rapid.Int64Range(946684800000, 4102444800000).Draw(rt, "at")).UTC(),
			Actor: word.Draw(rt, "actor"), Authority: word.Draw(rt, "authority"),
			Act: rapid.SampledFrom(acts).Draw(rt, "act"), Object: rapid.SampledFrom(objects).Draw(rt, "object"),
			Before: word.Draw(rt, "before"), After: word.Draw(rt, "after"), Ref: word.Draw(rt, "ref"),
		}
		copy(e.Digest[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "digest"))
		data, err := e.Encode()
		if err != nil {
			rt.Fatal(err)
		}
		back, err := Decode(data)
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(e, back); d != "" {
			rt.Fatal(d)
		}
	})
}

// No sentence fits into an entry, and what is refused is not repeated in the error.
func TestEntryHoldsNoText(t *testing.T) {
	for name, change := range map[string]func(*Entry){
		"actor":     func(e *Entry) { e.Actor = "Siân told me her code" },
		"authority": func(e *Entry) { e.Authority = "because of the canary" },
		"before":    func(e *Entry) { e.Before = "the canary sings" },
		"after":     func(e *Entry) { e.After = `canary"` },
		"ref":       func(e *Entry) { e.Ref = "" },
		"act":       func(e *Entry) { e.Act = "improve" },
		"object":    func(e *Entry) { e.Object = "mood" },
		"time":      func(e *Entry) { e.At = time.Time{} },
		"long":      func(e *Entry) { e.Ref = strings.Repeat("x", maxWord+1) },
	} {
		t.Run(name, func(t *testing.T) {
			e := entry(1)
			change(&e)
			_, err := e.Encode()
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error repeats the text: %v", err)
			}
		})
	}
}

func TestDecodeRefusesOtherForms(t *testing.T) {
	good, err := entry(3).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "{}", string(good) + " ", strings.Replace(string(good), `"act"`, `"Act"`, 1),
		strings.Replace(string(good), `{"index":0`, `{"index":00`, 1), strings.Replace(string(good), `"ref"`, `"note":"x","ref"`, 1),
		strings.Replace(string(good), ".000Z", "Z", 1), strings.Replace(string(good), `:"posted"`, `:"p\u006fsted"`, 1),
	} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

func TestObjectDigestKeepsPartsApart(t *testing.T) {
	key := []byte("0123456789abcdef")
	a, _ := ObjectDigest(key, OfMember, "ab", "c")
	b, _ := ObjectDigest(key, OfMember, "a", "bc")
	c, _ := ObjectDigest(key, OfPerson, "ab", "c")
	d, _ := ObjectDigest([]byte("fedcba9876543210"), OfMember, "ab", "c")
	if a == b || a == c || a == d {
		t.Error("two things have one digest")
	}
	if _, err := ObjectDigest([]byte("short"), OfMember, "x"); err == nil {
		t.Error("a short key was accepted")
	}
}

// The right edge gives the same roots as the whole table of hashes.
func TestEdge(t *testing.T) {
	j := newJournal(t)
	var e edge
	for i := range 300 {
		j.add(entry(i))
		if err := e.add(tlog.RecordHash(j.rows[i])); err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(int64(i+1), j)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.root()
		if err != nil || got != want {
			t.Fatalf("root of %d entries: %v, %v", i+1, got, err)
		}
	}
}

func TestCheckpointForms(t *testing.T) {
	j := filled(t, 7, 3)
	signed := j.checkpoints[1]
	c := j.open(1)
	if c.Size != 6 || c.Number != 2 || c.Origin != origin {
		t.Errorf("read back as %+v", c)
	}
	unsigned, err := Parse(signed)
	if err != nil || unsigned != *c {
		t.Errorf("Parse: %+v, %v", unsigned, err)
	}
	lines := strings.SplitAfter(string(signed), "\n")
	sig := lines[len(lines)-2]
	for name, bad := range map[string]string{
		"two signatures": string(signed) + sig,
		"other spelling": strings.Replace(string(signed), "number 2", "number 02", 1),
		"no signature":   strings.TrimSuffix(string(signed), sig),
		"text after":     string(signed) + "x",
	} {
		if _, err := Open([]byte(bad), j.verifying); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Open(signed, newJournal(t).verifying); err == nil {
		t.Error("accepted under another key")
	}
	if _, _, err := NewKey(rand.Reader, "two words"); err == nil {
		t.Error("an origin with a space was accepted")
	}
}

func TestWriteNeedsTheLastCheckpoint(t *testing.T) {
	j := filled(t, 5, 10)
	j.add(entry(5))
	err := Write(&bytes.Buffer{}, j.verifying, each(j.rows), each(j.checkpoints))
	if err == nil || !strings.Contains(err.Error(), "6 entries") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyGood(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 100} {
		j := filled(t, n, 7)
		for w := range j.checkpoints {
			r := verify(t, j.export(), j.verifying, j.open(w))
			if !r.OK() || r.Witness != "fits" || r.Proved != int64(n) || r.Entries != int64(n) || r.OwnKey {
				t.Fatalf("%d entries, witness %d: %+v", n, w, r)
			}
		}
		r := verify(t, j.export(), "", nil)
		if !r.OK() || !r.OwnKey || r.Witness != "none" || !r.From.Equal(start) {
			t.Fatalf("with its own key: %+v", r)
		}
	}
	empty := newJournal(t)
	empty.sign()
	if r := verify(t, empty.export(), empty.verifying, empty.open(0)); !r.OK() || r.Witness != "fits" {
		t.Errorf("an empty log: %+v", r)
	}
}

// What is found says where.
func TestVerifySaysWhere(t *testing.T) {
	j := filled(t, 30, 10) // lines: 1 head, 2-11 entries 0-9, 12 checkpoint, 13-22, 23, 24-33, 34
	lines := func() [][]byte { return bytes.SplitAfter(j.export(), []byte("\n")) }
	drop := func(l [][]byte, n int) [][]byte { return append(l[:n-1:n-1], l[n:]...) }
	for name, test := range map[string]struct {
		change func() []byte
		want   []Problem
	}{
		"altered word": {
			func() []byte {
				l := lines()
				l[14] = bytes.Replace(l[14], []byte("deleted"), []byte("present"), 1)
				return bytes.Join(l, nil)
			},
			[]Problem{{Altered, 15, 12, 12, "Entry 12 (line 15) was altered: it does not fit its own hash."}},
		},
		"altered with its hash": {
			func() []byte {
				c := j.clone()
				c.rows[12] = bytes.Replace(c.rows[12], []byte("deleted"), []byte("present"), 1)
				return c.export()
			},
			[]Problem{{Altered, 23, 10, 19, "Something in entries 10 to 19 was altered: checkpoint 2 (line 23) does not fit them."}},
		},
		"deleted line": {
			func() []byte { return bytes.Join(drop(lines(), 15), nil) },
			[]Problem{{Missing, 15, 12, 12, "Entries 12 to 12 are missing before line 15."}},
		},
		"deleted checkpoint": {
			func() []byte { return bytes.Join(drop(lines(), 12), nil) },
			[]Problem{{Missing, 22, -1, -1, "Checkpoints 1 to 1 are missing before line 22."}},
		},
		"cut off": {
			func() []byte { return bytes.Join(lines()[:30], nil) },
			[]Problem{
				{CutOff, 0, 20, 26, "No checkpoint covers entries 20 to 26: the end of the file is missing."},
				{RolledBack, 0, -1, -1, "The file ends at checkpoint 2; number 3 was witnessed on 2026-11-22T09:00:30Z: it was rolled back."},
				{RolledBack, 0, 27, 29, "The log ends at 27 entries; 30 were witnessed on 2026-11-22T09:00:30Z: it was rolled back."},
			},
		},
		"not an export": {
			func() []byte { return []byte("staff,phone\n") },
			[]Problem{
				{Unreadable, 1, -1, -1, "This is not an export of a Chaperone audit log: its first line is another."},
				{CutOff, 0, -1, -1, "There is no checkpoint in the file that can be trusted, so nothing in it is proved."},
				{RolledBack, 0, 0, 29, "The log ends at 0 entries; 30 were witnessed on 2026-11-22T09:00:30Z: it was rolled back."},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := verify(t, test.change(), j.verifying, j.open(2))
			if d := cmp.Diff(test.want, r.Problems); d != "" {
				t.Error(d)
			}
		})
	}
}

// A whole database put back to yesterday is perfect in itself: only a witness tells.
func TestRollbackNeedsAWitness(t *testing.T) {
	j := filled(t, 40, 10)
	old := j.clone()
	old.rows, old.checkpoints = old.rows[:20], old.checkpoints[:2]
	old.rebuild()
	if r := verify(t, old.export(), old.verifying, nil); !r.OK() {
		t.Fatalf("an older export is no export: %+v", r.Problems)
	}
	r := verify(t, old.export(), old.verifying, j.open(3))
	if r.OK() || r.Witness != "broken" || r.Problems[0].Kind != RolledBack {
		t.Errorf("not found: %+v", r)
	}
	// And someone with the signing key goes on from there.
	for i := range 30 {
		old.add(entry(1000 + i))
	}
	old.sign()
	old.sign()
	r = verify(t, old.export(), old.verifying, j.open(3))
	if r.OK() || r.Problems[0].Kind != RolledBack || r.Problems[0].First != 20 {
		t.Errorf("the fork was not found: %+v", r)
	}
}

func FuzzVerify(f *testing.F) {
	// Every worker process must have the same file, so the key is fixed.
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	verifying, err := note.NewEd25519VerifierKey(origin, private.Public().(ed25519.PublicKey))
	if err != nil {
		f.Fatal(err)
	}
	id := strings.Split(verifying, "+")[1]
	seed := base64.StdEncoding.EncodeToString(append([]byte{1}, private.Seed()...))
	j := &journal{t: f, verifying: verifying, signing: "PRIVATE+KEY+" + origin + "+" + id + "+" + seed}
	fill(j, 12, 5)
	good := j.export()
	w := j.open(2)
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Add(good[:len(good)/2])
	f.Add([]byte(entryHead + "\n" + checkHead + checkTail))
	r := mrand.New(mrand.NewPCG(1, 2))
	for range 20 {
		x := bytes.Clone(good)
		x[r.IntN(len(x))] ^= byte(1 + r.IntN(255))
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rep := verify(t, file, j.verifying, w)
		// Nobody has the key, so what verifies is the very file that was written.
		if rep.OK() && !bytes.Equal(file, good) {
			t.Fatalf("another file verifies: %q", file)
		}
		verify(t, file, "", nil)
	})
}
