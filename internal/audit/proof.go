package audit

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that one entry is in the log, to someone who is to see no other:
// for a disposal certificate. It is JSON.
type Proof struct {
	Entry      json.RawMessage `json:"entry"`      // canonical
	Path       []string        `json:"path"`       // the hashes that lead from it to the root
	Checkpoint string          `json:"checkpoint"` // signed, over the log at some time after the entry
}

// Prove gives the proof of the entry with these canonical bytes under a signed
// checkpoint that covers it.
func Prove(data, signed []byte, verifying string, hashes tlog.HashReader) (Proof, error) {
	e, err := Decode(data)
	if err != nil {
		return Proof{}, fmt.Errorf("audit: prove: %w", err)
	}
	c, err := Open(signed, verifying)
	if err != nil {
		return Proof{}, fmt.Errorf("audit: prove entry %d: %w", e.Index, err)
	}
	if e.Index >= c.Size {
		return Proof{}, fmt.Errorf("audit: checkpoint %d covers %d entries, and not entry %d: make a new one first", c.Number, c.Size, e.Index)
	}
	path, err := tlog.ProveRecord(c.Size, e.Index, hashes)
	if err != nil {
		return Proof{}, fmt.Errorf("audit: prove entry %d: %w", e.Index, err)
	}
	p := Proof{Entry: data, Path: []string{}, Checkpoint: string(signed)}
	for _, h := range path {
		p.Path = append(p.Path, h.String())
	}
	_, _, err = p.Verify(verifying)
	return p, err
}

// Verify checks a proof with the verifying key of the log, and gives the entry
// and the checkpoint that it is proved under.
func (p Proof) Verify(verifying string) (Entry, Checkpoint, error) {
	e, err := Decode(p.Entry)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	c, err := Open([]byte(p.Checkpoint), verifying)
	if err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("the checkpoint cannot be trusted: %w", err)
	}
	path := make(tlog.RecordProof, 0, len(p.Path))
	for _, s := range p.Path {
		h, err := tlog.ParseHash(s)
		if err != nil {
			return Entry{}, Checkpoint{}, errors.New("a hash of the proof cannot be read")
		}
		path = append(path, h)
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, e.Index, tlog.RecordHash(p.Entry)); err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("entry %d is not in the log that checkpoint %d was made of", e.Index, c.Number)
	}
	return e, c, nil
}
