package audit

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// soak reports whether the long forms run (make soak).
func soak() bool { return os.Getenv("CHAPERONE_SOAK") != "" }

// seed gives the seed of a random test, and prints it; CHAPERONE_SEED replays one.
func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if v := os.Getenv("CHAPERONE_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("CHAPERONE_SEED: %v", err)
		}
		s = n
	}
	t.Logf("replay with CHAPERONE_SEED=%d", s)
	return s
}

// Criterion 10: every alteration, deletion, reordering, truncation and
// rollback is found from the last witnessed checkpoint.
func TestEveryTamperingIsFound(t *testing.T) {
	rounds := 3000
	if soak() {
		rounds = 100_000
	}
	s := seed(t)
	r := mrand.New(mrand.NewPCG(s, 18))
	counts := map[string]int{}
	var j *journal
	var good []byte
	for i := range rounds {
		if i%200 == 0 {
			j = filled(t, 8+r.IntN(50), 2+r.IntN(9))
			good = j.export()
		}
		how := tamperings[r.IntN(len(tamperings))]
		file := how.do(r, j.clone(), bytes.Clone(good))
		if bytes.Equal(file, good) {
			continue // what was done amounts to nothing
		}
		counts[how.name]++
		rep := verify(t, file, j.verifying, j.open(len(j.checkpoints)-1))
		if rep.OK() {
			t.Fatalf("round %d: %s was not found (%d entries)", i, how.name, len(j.rows))
		}
		for _, p := range rep.Problems {
			if p.Text == "" || p.First > p.Last {
				t.Fatalf("round %d: %s: a problem that says nothing: %+v", i, how.name, p)
			}
		}
	}
	for _, how := range tamperings {
		if counts[how.name] == 0 {
			t.Errorf("%s never happened", how.name)
		}
	}
	t.Logf("found all of %v", counts)
}

var tamperings = []struct {
	name string
	do   func(r *mrand.Rand, j *journal, file []byte) []byte
}{
	// Someone who can change the file.
	{"byte of the file", func(r *mrand.Rand, _ *journal, f []byte) []byte {
		f[r.IntN(len(f))] ^= byte(1 + r.IntN(255))
		return f
	}},
	{"byte put in", func(r *mrand.Rand, _ *journal, f []byte) []byte {
		at := r.IntN(len(f) + 1)
		return bytes.Join([][]byte{f[:at], {byte(r.IntN(256))}, f[at:]}, nil)
	}},
	{"bytes taken out", func(r *mrand.Rand, _ *journal, f []byte) []byte {
		at := r.IntN(len(f))
		return append(f[:at:at], f[min(len(f), at+1+r.IntN(30)):]...)
	}},
	{"file cut off", func(r *mrand.Rand, _ *journal, f []byte) []byte { return f[:r.IntN(len(f))] }},
	{"line taken out", lines(func(r *mrand.Rand, l [][]byte) [][]byte {
		at := r.IntN(len(l))
		return append(l[:at:at], l[at+1:]...)
	})},
	{"lines swapped", lines(func(r *mrand.Rand, l [][]byte) [][]byte {
		a, b := r.IntN(len(l)), r.IntN(len(l))
		l[a], l[b] = l[b], l[a]
		return l
	})},
	{"line moved", lines(func(r *mrand.Rand, l [][]byte) [][]byte {
		a, b := r.IntN(len(l)), r.IntN(len(l))
		x := l[a]
		l = append(l[:a:a], l[a+1:]...)
		return append(l[:b:b], append([][]byte{x}, l[b:]...)...)
	})},
	{"line doubled", lines(func(r *mrand.Rand, l [][]byte) [][]byte {
		at := r.IntN(len(l))
		return append(l[:at:at], append([][]byte{l[at]}, l[at:]...)...)
	})},
	{"lines at the end taken out", lines(func(r *mrand.Rand, l [][]byte) [][]byte { return l[:r.IntN(len(l))] })},

	// Someone who can change the database, but not sign.
	{"row rewritten, tree rebuilt", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		rewrite(r, j)
		j.rebuild()
		return j.file()
	}},
	{"row deleted, rest renumbered", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		at := r.IntN(len(j.rows))
		j.rows = append(j.rows[:at:at], j.rows[at+1:]...)
		renumber(j)
		j.rebuild()
		return j.file()
	}},
	{"rows swapped, renumbered", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		a, b := r.IntN(len(j.rows)), r.IntN(len(j.rows))
		j.rows[a], j.rows[b] = j.rows[b], j.rows[a]
		renumber(j)
		j.rebuild()
		return j.file()
	}},
	{"row put in", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		at := r.IntN(len(j.rows) + 1)
		data, _ := entry(9999).Encode()
		j.rows = append(j.rows[:at:at], append([][]byte{data}, j.rows[at:]...)...)
		renumber(j)
		j.rebuild()
		return j.file()
	}},
	{"database put back", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		back(r, j)
		return j.file()
	}},
	{"last checkpoint dropped", func(_ *mrand.Rand, j *journal, _ []byte) []byte {
		j.checkpoints = j.checkpoints[:len(j.checkpoints)-1]
		return j.file()
	}},

	// Someone who has the signing key too: found because a copy is elsewhere.
	{"row rewritten, all signed anew", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		rewrite(r, j)
		j.rebuild()
		resign(j)
		return j.file()
	}},
	{"database put back, carried on and signed", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		back(r, j)
		for range r.IntN(60) {
			j.add(entry(5000 + r.IntN(1000)))
		}
		for range 1 + r.IntN(6) {
			j.sign()
		}
		return j.file()
	}},
	{"other log under the same key", func(r *mrand.Rand, j *journal, _ []byte) []byte {
		j.rows, j.hashes, j.checkpoints = nil, nil, nil
		for i := range 5 + r.IntN(80) {
			j.add(entry(700 + i))
			if r.IntN(5) == 0 {
				j.sign()
			}
		}
		j.sign()
		return j.file()
	}},
}

func lines(change func(*mrand.Rand, [][]byte) [][]byte) func(*mrand.Rand, *journal, []byte) []byte {
	return func(r *mrand.Rand, _ *journal, f []byte) []byte {
		l := bytes.SplitAfter(f, []byte("\n"))
		return bytes.Join(change(r, l[:len(l)-1]), nil)
	}
}

// file is the export as a program would write it that does not mind whether
// anything fits; the honest one refuses some of these.
func (j *journal) file() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s%s\n", headHead, j.verifying, headTail)
	left := j.checkpoints
	due := func(n int) {
		for len(left) > 0 {
			c, err := Parse(left[0])
			if err != nil || (c.Size > int64(n) && n < len(j.rows)) {
				return
			}
			line, _ := checkpointLine(left[0])
			b.Write(append(line, '\n'))
			left = left[1:]
		}
	}
	due(0)
	for i, data := range j.rows {
		fmt.Fprintf(&b, "%s%s%s%s%s\n", entryHead, data, entryLeaf, tlog.RecordHash(data), entryTail)
		due(i + 1)
	}
	return b.Bytes()
}

func rewrite(r *mrand.Rand, j *journal) {
	at := r.IntN(len(j.rows))
	e, err := Decode(j.rows[at])
	if err != nil {
		j.t.Fatal(err)
	}
	switch r.IntN(4) {
	case 0:
		e.Actor = "officer:somebody-else"
	case 1:
		e.At = e.At.Add(time.Millisecond)
	case 2:
		e.After = "kept"
	default:
		e.Digest[r.IntN(32)] ^= 1
	}
	j.rows[at], err = e.Encode()
	if err != nil {
		j.t.Fatal(err)
	}
}

func renumber(j *journal) {
	for i, data := range j.rows {
		e, err := Decode(data)
		if err != nil {
			j.t.Fatal(err)
		}
		e.Index = int64(i)
		j.rows[i], _ = e.Encode()
	}
}

// back puts the database back to what it was at an earlier checkpoint.
func back(r *mrand.Rand, j *journal) {
	n := r.IntN(len(j.checkpoints))
	size := int64(0)
	if n > 0 {
		size = j.open(n - 1).Size
	}
	j.rows, j.checkpoints = j.rows[:size], j.checkpoints[:n]
	j.rebuild()
}

func resign(j *journal) {
	old := j.checkpoints
	j.checkpoints = nil
	for _, signed := range old {
		was, _ := Parse(signed)
		c, err := Next(origin, was.Number-1, was.Size, was.At, j)
		if err != nil {
			j.t.Fatal(err)
		}
		again, err := c.Sign(j.signing)
		if err != nil {
			j.t.Fatal(err)
		}
		j.checkpoints = append(j.checkpoints, again)
	}
}

// Verifying 1,000,000 entries takes less than 30 s, in memory that does not
// grow with the log.
func TestVerifyMillion(t *testing.T) {
	n := 20_000
	if soak() {
		n = 1_000_000
	}
	signing, verifying, err := NewKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	go func() { out.CloseWithError(writeLong(out, n, signing, verifying)) }()
	begin := time.Now()
	rep, err := Verify(in, verifying, nil)
	took := time.Since(begin)
	if err != nil || !rep.OK() || rep.Proved != int64(n) {
		t.Fatalf("%v, %+v", err, rep)
	}
	t.Logf("%d entries written and verified in %v", n, took)
	if took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// writeLong writes an export of n entries without keeping any of it.
func writeLong(w io.Writer, n int, signing, verifying string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(out, "%s%s%s\n", headHead, verifying, headTail)
	var tree edge
	number := int64(0)
	for i := range n {
		e := entry(i)
		e.Index = int64(i)
		data, err := e.Encode()
		if err != nil {
			return err
		}
		leaf := tlog.RecordHash(data)
		if err := tree.add(leaf); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s%s%s%s%s\n", entryHead, data, entryLeaf, leaf, entryTail)
		if (i+1)%1000 != 0 && i != n-1 {
			continue
		}
		c, err := Next(origin, number, tree.size, start, &tree)
		if err != nil {
			return err
		}
		number++
		signed, err := c.Sign(signing)
		if err != nil {
			return err
		}
		line, err := checkpointLine(signed)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", line)
	}
	return out.Flush()
}
