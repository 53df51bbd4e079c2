package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// The lines of an export. The first names the format and the verifying key;
// then come entries in order, each with its leaf hash, and after the entries
// that it covers each signed checkpoint. The last line is a checkpoint of all.
const (
	headHead  = `{"chaperone_audit":1,"key":"`
	headTail  = `"}`
	entryHead = `{"entry":`
	entryLeaf = `,"leaf":"`
	entryTail = `"}`
	checkHead = `{"checkpoint":`
	checkTail = `}`
)

// Write exports a whole log to w: one JSON object a line. Entries are canonical
// bytes in order from index 0; checkpoints are signed, in order of number, and
// the last one covers every entry. It streams; it checks only what would make
// a file that nobody could verify.
func Write(w io.Writer, verifying string, entries, checkpoints iter.Seq2[[]byte, error]) error {
	out := bufio.NewWriterSize(w, 1<<16)
	next, stop := iter.Pull2(checkpoints)
	defer stop()
	fmt.Fprintf(out, "%s%s%s\n", headHead, verifying, headTail)

	e := exporter{out: out, key: verifying, next: next}
	if err := e.pull(); err != nil {
		return err
	}
	if err := e.due(0); err != nil {
		return err
	}
	size := int64(0)
	for data, err := range entries {
		if err != nil {
			return fmt.Errorf("audit: read entry %d: %w", size, err)
		}
		fmt.Fprintf(out, "%s%s%s%s%s\n", entryHead, data, entryLeaf, tlog.RecordHash(data), entryTail)
		size++
		if err := e.due(size); err != nil {
			return err
		}
	}
	if e.waiting != nil || e.covered != size || e.written == 0 {
		return fmt.Errorf("audit: the last checkpoint does not cover the log as it is (%d entries): make one, then export", size)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("audit: write the export: %w", err)
	}
	return nil
}

// exporter merges checkpoints in between the entries.
type exporter struct {
	out     *bufio.Writer
	key     string
	next    func() ([]byte, error, bool)
	waiting []byte // the checkpoint that comes next, or nil
	size    int64  // what it covers
	covered int64  // what the last written one covers
	written int
}

func (e *exporter) pull() error {
	signed, err, ok := e.next()
	e.waiting = nil
	if !ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: read a checkpoint: %w", err)
	}
	c, err := Open(signed, e.key)
	if err != nil {
		return fmt.Errorf("audit: checkpoint after number %d: %w", e.written, err)
	}
	e.waiting, e.size = signed, c.Size
	return nil
}

// due writes the checkpoints that cover exactly the entries written so far.
func (e *exporter) due(size int64) error {
	for e.waiting != nil && e.size <= size {
		line, err := checkpointLine(e.waiting)
		if err != nil {
			return err
		}
		if _, err := e.out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("audit: write the export: %w", err)
		}
		e.covered = e.size
		e.written++
		if err := e.pull(); err != nil {
			return err
		}
	}
	return nil
}

func checkpointLine(signed []byte) ([]byte, error) {
	text, err := json.Marshal(string(signed))
	if err != nil {
		return nil, fmt.Errorf("audit: write a checkpoint: %w", err)
	}
	return bytes.Join([][]byte{[]byte(checkHead), text, []byte(checkTail)}, nil), nil
}

// edge is the right edge of the tree: the few hashes that the next entry and
// the root are made from. It lets a log of any length be hashed in a few
// hundred bytes.
type edge struct {
	size int64
	at   [64]int64 // which node stands at each level
	hash [64]tlog.Hash
}

// ReadHashes gives hashes of the edge; others are not known here.
func (e *edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		if e.at[level] != n+1 {
			return nil, errors.New("audit: this hash is not at the edge of the tree")
		}
		out[i] = e.hash[level]
	}
	return out, nil
}

// add puts one more leaf into the tree.
func (e *edge) add(leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(e.size, leaf, e)
	if err != nil {
		return err
	}
	for level, h := range hashes {
		e.at[level], e.hash[level] = e.size>>level+1, h
	}
	e.size++
	return nil
}

func (e *edge) root() (tlog.Hash, error) { return tlog.TreeHash(e.size, e) }
