package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a statement about the log at one moment: so many entries,
// with this root. Once a copy of it is somewhere out of reach (with an
// officer, a mailbox, a printed page), nothing before it can be changed
// unseen: then it is witnessed.
type Checkpoint struct {
	Origin string    // names the log: "chaperone/<installation>/audit"
	Number int64     // 1 for the first, and then one more each time
	Size   int64     // number of entries
	Root   tlog.Hash // of the tree over them
	At     time.Time // when it was made; our clock
}

// NewKey makes a pair of keys for a log. The signing key is a secret; the
// verifying key belongs with everyone who may want to check. The origin is
// letters, digits, dots, slashes and hyphens.
func NewKey(random io.Reader, origin string) (signing, verifying string, err error) {
	if !isWord(origin) || strings.ContainsAny(origin, "+") {
		return "", "", fmt.Errorf("audit: %q cannot name a log: use letters, digits, dots, slashes and hyphens", origin)
	}
	return note.GenerateKey(random, origin)
}

// Next gives the checkpoint after number previous (0 for none) over the first
// size entries.
func Next(origin string, previous, size int64, at time.Time, hashes tlog.HashReader) (Checkpoint, error) {
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: root of %d entries: %w", size, err)
	}
	return Checkpoint{Origin: origin, Number: previous + 1, Size: size, Root: root, At: at.UTC().Truncate(time.Millisecond)}, nil
}

// Sign gives the checkpoint as a signed note: its lines, an empty line, and
// the signature line.
func (c Checkpoint) Sign(signing string) ([]byte, error) {
	s, err := note.NewSigner(signing)
	if err != nil {
		return nil, errors.New("audit: the signing key cannot be read")
	}
	if s.Name() != c.Origin {
		return nil, fmt.Errorf("audit: the signing key is for %q, not for %q", s.Name(), c.Origin)
	}
	return note.Sign(&note.Note{Text: c.text()}, s)
}

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\nnumber %d\nat %s\n", c.Origin, c.Size, c.Root, c.Number, c.At.UTC().Format(timeForm))
}

// Open reads a signed checkpoint and checks its signature with the verifying
// key. It accepts exactly what Sign writes.
func Open(signed []byte, verifying string) (Checkpoint, error) {
	v, err := note.NewVerifier(verifying)
	if err != nil {
		return Checkpoint{}, errors.New("the verifying key cannot be read")
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, errors.New("the signature is not by the key of this log")
	}
	// A note may say the same in several ways: more signatures, another
	// spelling of base64. Only what Sign writes is ours.
	if want := fmt.Sprintf("%s\n\u2014 %s %s\n", n.Text, n.Sigs[0].Name, n.Sigs[0].Base64); want != string(signed) {
		return Checkpoint{}, errors.New("it must carry one signature, by the key of this log, and nothing else")
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return Checkpoint{}, errors.New("the signature is not in its usual spelling")
	}
	c, err := parse(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("it speaks of the log %q, and its key is for %q", c.Origin, v.Name())
	}
	return c, nil
}

// Parse reads a signed checkpoint without checking the signature, for a copy
// that is trusted because of where it was kept.
func Parse(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("this is not a checkpoint")
	}
	return parse(text + "\n")
}

func parse(text string) (Checkpoint, error) {
	bad := errors.New("this is not a checkpoint of a Chaperone audit log")
	lines := strings.Split(text, "\n")
	if len(lines) != 6 {
		return Checkpoint{}, bad
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	number, err3 := strconv.ParseInt(strings.TrimPrefix(lines[3], "number "), 10, 64)
	at, err4 := time.Parse(timeForm, strings.TrimPrefix(lines[4], "at "))
	if errors.Join(err1, err2, err3, err4) != nil {
		return Checkpoint{}, bad
	}
	c := Checkpoint{Origin: lines[0], Number: number, Size: size, Root: root, At: at}
	if size < 0 || number < 1 || !isWord(c.Origin) || c.text() != text {
		return Checkpoint{}, bad
	}
	return c, nil
}
