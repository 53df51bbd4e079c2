package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"chaperone/internal/audit"
)

// auditExport writes an export of a small log, its key and its checkpoint.
func auditExport(t *testing.T) (file, key, checkpoint string) {
	t.Helper()
	dir := t.TempDir()
	signing, verifying, err := audit.NewKey(rand.Reader, "chaperone/test/audit")
	if err != nil {
		t.Fatal(err)
	}
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var rows [][]byte
	for i := range int64(4) {
		row, err := audit.Append(i, audit.Entry{
			At: at, Actor: "officer:ig-1", Authority: "matter:7", Act: audit.Hold, Object: audit.OfChat,
			Before: "none", After: "held", Ref: "hold-7",
		}, read)
		if err != nil {
			t.Fatal(err)
		}
		rows, hashes = append(rows, row.Bytes), append(hashes, row.Hashes...)
	}
	c, err := audit.Next("chaperone/test/audit", 0, 4, at, read)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.Sign(signing)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := audit.Write(&b, verifying, seq(rows), seq([][]byte{signed})); err != nil {
		t.Fatal(err)
	}
	file, key, checkpoint = filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "key"), filepath.Join(dir, "checkpoint")
	for name, data := range map[string][]byte{file: b.Bytes(), key: []byte(verifying + "\n"), checkpoint: signed} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, key, checkpoint
}

func seq(list [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func runAudit(args ...string) (string, error) {
	var out bytes.Buffer
	c := auditCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append([]string{"verify"}, args...))
	c.SetOut(&out)
	err := c.Execute()
	return out.String(), err
}

func TestAuditVerify(t *testing.T) {
	file, key, checkpoint := auditExport(t)
	out, err := runAudit(file, "--key", key, "--checkpoint", checkpoint)
	if err != nil || !strings.Contains(out, "verifies: 4 entries") || !strings.Contains(out, "agrees with the checkpoint") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runAudit(file)
	if err != nil || !strings.Contains(out, "the key that it brings itself") {
		t.Errorf("%v\n%s", err, out)
	}

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, bytes.Replace(data, []byte("matter:7"), []byte("matter:8"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = runAudit(bad, "--key", key)
	var exit exitError
	if !errors.As(err, &exit) || exit.code != 1 || !strings.Contains(out, "Entry 0 (line 2) was altered") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runAudit(bad, "--json")
	var rep audit.Report
	if err == nil || json.Unmarshal([]byte(out), &rep) != nil || rep.Count != 1 || rep.Problems[0].Kind != audit.Altered {
		t.Errorf("%v\n%s", err, out)
	}

	for _, args := range [][]string{{file + ".not"}, {file, "--key", "nothing"}, {file, "--checkpoint", file}, {}} {
		if _, err := runAudit(args...); err == nil || errors.As(err, &exit) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
