package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Kind is a kind of problem that a verifier finds. The names are closed.
type Kind string

// The kinds of problem.
const (
	Altered    Kind = "altered"     // something is not what was signed
	Missing    Kind = "missing"     // entries or a checkpoint are not there
	Misplaced  Kind = "misplaced"   // something stands in another order
	CutOff     Kind = "cut-off"     // the file ends before its end
	RolledBack Kind = "rolled-back" // the log is shorter than, or another than, what was witnessed
	Forged     Kind = "forged"      // a signature is not by the key of the log
	Unreadable Kind = "unreadable"  // a line is none of the format
)

// Problem is one thing that is wrong, and where.
type Problem struct {
	Kind  Kind   `json:"kind"`
	Line  int64  `json:"line"`  // of the file, from 1; 0 is the file as a whole
	First int64  `json:"first"` // the entries that it concerns; -1 is none
	Last  int64  `json:"last"`
	Text  string `json:"text"` // for a person to read
}

// Report is what a verifier saw.
type Report struct {
	Entries     int64       `json:"entries"`
	Checkpoints int64       `json:"checkpoints"`
	Proved      int64       `json:"proved"`   // entries under the last checkpoint that fits, from 0
	From        time.Time   `json:"from"`     // of the first entry
	To          time.Time   `json:"to"`       // of the last entry
	Latest      *Checkpoint `json:"-"`        // the last checkpoint that fits
	Witness     string      `json:"witness"`  // none, fits, broken
	OwnKey      bool        `json:"own_key"`  // only the key in the file itself was there to check by
	Problems    []Problem   `json:"problems"` // the first hundred
	Count       int64       `json:"count"`    // of all problems
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return r.Count == 0 }

const (
	maxLine     = 64 << 10
	maxProblems = 100
)

// Verify reads an export and says what is wrong with it. With the verifying
// key, which must come from elsewhere than the file, every change by someone
// without the signing key is found; with a witnessed checkpoint also every
// change, by anyone, of what it covers. With an empty key the file is checked
// by the key that it brings itself. The error is about reading only; a broken
// file is a report with problems.
func Verify(r io.Reader, verifying string, witnessed *Checkpoint) (Report, error) {
	v := verifier{key: verifying, witnessed: witnessed, in: bufio.NewReaderSize(r, maxLine)}
	v.Witness = "none"
	if witnessed != nil {
		v.Witness = "broken" // until it has been seen to fit
	}
	if err := v.head(); err != nil {
		return v.Report, err
	}
	v.witness()
	for {
		line, err := v.line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return v.Report, err
		}
		switch {
		case line == nil: // reported by v.line
		case bytes.HasPrefix(line, []byte(entryHead)):
			v.entry(line)
		case bytes.HasPrefix(line, []byte(checkHead)):
			v.checkpoint(line)
		default:
			v.unreadable("is neither an entry nor a checkpoint")
		}
	}
	v.end()
	return v.Report, nil
}

// verifier is the state of one reading.
type verifier struct {
	Report
	key       string
	witnessed *Checkpoint
	in        *bufio.Reader
	n         int64 // lines read
	next      int64 // index of the entry that should come next
	skipped   int64 // unreadable lines since the last readable entry
	tree      edge
	lost      bool // the tree cannot be followed from here on
	number    int64
	covered   int64 // size of the last checkpoint read
	partial   bool  // the last line has no end
}

func (v *verifier) problem(kind Kind, line, first, last int64, format string, args ...any) {
	v.Count++
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, Problem{Kind: kind, Line: line, First: first, Last: last, Text: fmt.Sprintf(format, args...)})
	}
}

// unreadable reports a line that cannot be read at all. It may have been an
// entry or not: what comes next will tell.
func (v *verifier) unreadable(why string) {
	v.problem(Unreadable, v.n, v.next, v.next, "Line %d %s, where entry %d was expected.", v.n, why, v.next)
	v.skipped++
	v.lost = true
}

// line gives the next line without its end; nil for one that was too long to
// be ours, and io.EOF after the last.
func (v *verifier) line() ([]byte, error) {
	line, err := v.in.ReadSlice('\n')
	if len(line) == 0 && err == io.EOF {
		return nil, io.EOF
	}
	v.n++
	switch err {
	case nil:
		return line[:len(line)-1], nil
	case io.EOF:
		v.partial = true
		return line, nil
	case bufio.ErrBufferFull:
		v.unreadable("is longer than any line of an export")
		for err == bufio.ErrBufferFull {
			_, err = v.in.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("read line %d: %w", v.n, err)
		}
		v.partial = err == io.EOF
		return nil, nil
	default:
		return nil, fmt.Errorf("read line %d: %w", v.n, err)
	}
}

// head reads the first line.
func (v *verifier) head() error {
	line, err := v.line()
	if err != nil && err != io.EOF {
		return err
	}
	rest, ok := bytes.CutPrefix(line, []byte(headHead))
	brought, ok2 := bytes.CutSuffix(rest, []byte(headTail))
	if !ok || !ok2 {
		if v.Count == 0 {
			v.problem(Unreadable, 1, -1, -1, "This is not an export of a Chaperone audit log: its first line is another.")
		}
		brought = nil
	}
	switch {
	case v.key == "":
		v.OwnKey = true
		v.key = string(brought)
	case string(brought) != v.key && brought != nil:
		v.problem(Forged, 1, -1, -1, "The file names another key than the one you gave; yours is used.")
	}
	return nil
}

// entry reads one entry line and puts it into the tree.
func (v *verifier) entry(line []byte) {
	// The leaf hash has a fixed length, so its place is known.
	const tail = len(entryLeaf) + 44 + len(entryTail)
	cut := len(line) - tail
	if cut <= len(entryHead) || string(line[cut:cut+len(entryLeaf)]) != entryLeaf || !bytes.HasSuffix(line, []byte(entryTail)) {
		v.unreadable("cannot be read")
		return
	}
	data, leafText := line[len(entryHead):cut], string(line[cut+len(entryLeaf):len(line)-len(entryTail)])
	leaf, badLeaf := tlog.ParseHash(leafText)
	got := tlog.RecordHash(data)
	e, badEntry := Decode(data)
	switch {
	case badEntry != nil && badLeaf != nil:
		v.unreadable("cannot be read")
		return
	case badEntry != nil:
		v.problem(Altered, v.n, v.next, v.next, "Entry %d (line %d) was altered: it can no longer be read.", v.next, v.n)
		e.Index = v.next
	case badLeaf != nil || leafText != leaf.String() || leaf != got:
		v.problem(Altered, v.n, e.Index, e.Index, "Entry %d (line %d) was altered: it does not fit its own hash.", e.Index, v.n)
		if badLeaf != nil {
			leaf = got
		}
	}
	if !v.place(e.Index) {
		return
	}
	v.next = e.Index + 1
	v.skipped = 0
	v.Entries++
	if badEntry == nil {
		if v.From.IsZero() {
			v.From = e.At
		}
		v.To = e.At
	}
	if v.lost {
		return
	}
	// The hash that the line brings is taken: if the tree then fits, only the
	// entry itself was changed, and we know which.
	if err := v.tree.add(leaf); err != nil {
		v.lost = true
		return
	}
	v.witness()
}

// place compares the index of an entry with the one expected, and reports
// whether reading goes on from it.
func (v *verifier) place(index int64) bool {
	switch {
	case index == v.next:
		return true
	case index < v.next:
		v.problem(Misplaced, v.n, index, index, "Entry %d stands again or in another place, at line %d.", index, v.n)
		v.lost = true
		return false
	case index-v.next <= v.skipped: // the unreadable lines, reported already
		v.lost = true
		return true
	default:
		v.problem(Missing, v.n, v.next, index-1, "Entries %d to %d are missing before line %d.", v.next, index-1, v.n)
		v.lost = true
		return true
	}
}

// checkpoint reads one checkpoint line and compares it with the tree.
func (v *verifier) checkpoint(line []byte) {
	rest, ok := bytes.CutSuffix(line[len(checkHead):], []byte(checkTail))
	var signed string
	if !ok || json.Unmarshal(rest, &signed) != nil {
		v.problem(Altered, v.n, -1, -1, "The checkpoint at line %d was altered: it can no longer be read.", v.n)
		return
	}
	if again, err := checkpointLine([]byte(signed)); err != nil || !bytes.Equal(again, line) {
		v.problem(Altered, v.n, -1, -1, "The checkpoint at line %d was altered: it is written in another way.", v.n)
		return
	}
	c, err := Open([]byte(signed), v.key)
	if err != nil {
		v.problem(Forged, v.n, -1, -1, "The checkpoint at line %d cannot be trusted: %s.", v.n, err)
		return
	}
	v.Checkpoints++
	switch {
	case c.Number == v.number+1:
	case c.Number > v.number:
		v.problem(Missing, v.n, -1, -1, "Checkpoints %d to %d are missing before line %d.", v.number+1, c.Number-1, v.n)
	default:
		v.problem(Misplaced, v.n, -1, -1, "Checkpoint %d stands again or in another place, at line %d.", c.Number, v.n)
		return
	}
	v.number = c.Number
	v.fits(c)
}

// fits compares a signed checkpoint with the entries before it.
func (v *verifier) fits(c Checkpoint) {
	from := v.covered
	v.covered = max(v.covered, c.Size)
	switch {
	case c.Size < v.next:
		v.problem(Misplaced, v.n, -1, -1, "Checkpoint %d covers %d entries and stands after %d, at line %d.", c.Number, c.Size, v.next, v.n)
	case c.Size > v.next:
		v.problem(Missing, v.n, v.next, c.Size-1, "Entries %d to %d are missing before checkpoint %d (line %d).", v.next, c.Size-1, c.Number, v.n)
		v.lost, v.next = true, c.Size
	case v.lost:
		// What broke the tree has been said; nothing after it can be proved.
	default:
		root, err := v.tree.root()
		if err != nil || root != c.Root {
			v.problem(Altered, v.n, from, c.Size-1, "Something in entries %d to %d was altered: checkpoint %d (line %d) does not fit them.", from, c.Size-1, c.Number, v.n)
			v.lost = true
			return
		}
		v.Proved = c.Size
		v.Latest = &c
	}
}

// witness compares the tree with the witnessed checkpoint at its size.
func (v *verifier) witness() {
	w := v.witnessed
	if w == nil || v.lost || v.tree.size != w.Size {
		return
	}
	root, err := v.tree.root()
	if err != nil || root != w.Root {
		v.problem(RolledBack, v.n, v.Proved, w.Size-1, "The first %d entries are not those that were witnessed on %s: the log was rewritten.", w.Size, w.At.Format(time.RFC3339))
		return
	}
	v.Witness = "fits"
}

// end judges the file as a whole.
func (v *verifier) end() {
	if v.partial {
		v.problem(CutOff, v.n, -1, -1, "The file ends in the middle of line %d.", v.n)
	}
	switch {
	case v.number == 0:
		v.problem(CutOff, 0, -1, -1, "There is no checkpoint in the file that can be trusted, so nothing in it is proved.")
	case v.covered < v.next:
		v.problem(CutOff, 0, v.covered, v.next-1, "No checkpoint covers entries %d to %d: the end of the file is missing.", v.covered, v.next-1)
	}
	w := v.witnessed
	if w == nil {
		return
	}
	if v.Latest != nil && v.Latest.Origin != w.Origin {
		v.problem(RolledBack, 0, -1, -1, "The witnessed checkpoint is of the log %q, and this is %q.", w.Origin, v.Latest.Origin)
	}
	if v.number > 0 && v.number < w.Number {
		v.problem(RolledBack, 0, -1, -1, "The file ends at checkpoint %d; number %d was witnessed on %s: it was rolled back.", v.number, w.Number, w.At.Format(time.RFC3339))
	}
	if v.next < w.Size {
		v.problem(RolledBack, 0, v.next, w.Size-1, "The log ends at %d entries; %d were witnessed on %s: it was rolled back.", v.next, w.Size, w.At.Format(time.RFC3339))
	} else if v.Witness != "fits" && v.Count == 0 {
		v.problem(RolledBack, 0, -1, -1, "The witnessed checkpoint could not be compared.")
	}
}

// ErrTampered is returned by programs that verify, when a report has problems.
var ErrTampered = errors.New("the audit log does not verify")
