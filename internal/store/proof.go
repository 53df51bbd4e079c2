package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"chaperone/internal/audit"
)

// act is an audit entry in the making. by is a person's name, or the part of
// the program that acts, as "chaperone:engine"; the log holds no name.
type act struct {
	by            string
	right         string
	act           audit.Act
	of            audit.Object
	what          []string
	before, after string
	ref           string
}

// log appends an entry to the audit log, in the transaction of the act that it
// is about: no audit, no action.
func (t *tx) log(at time.Time, a act) error {
	key, err := derive(t.w.home.master, "audit digests")
	if err != nil {
		return err
	}
	digest, err := audit.ObjectDigest(key, a.of, a.what...)
	if err != nil {
		return err
	}
	actor, err := actor(key, a.by)
	if err != nil {
		return err
	}
	if err := t.gate(); err != nil { // entries are numbered one after the other
		return err
	}
	var next int64
	if err := t.row("SELECT coalesce(max(n), -1) + 1 FROM audit_entries", nil, &next); err != nil {
		return err
	}
	row, err := audit.Append(next, audit.Entry{
		At: at, Actor: actor, Authority: word(a.right), Act: a.act, Object: a.of, Digest: digest,
		Before: word(a.before), After: word(a.after), Ref: word(a.ref),
	}, tlog.HashReaderFunc(t.hashes))
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO audit_entries (n, body) VALUES (?, ?)", row.Index, row.Bytes); err != nil {
		return err
	}
	for i, h := range row.Hashes {
		if err := t.exec("INSERT INTO audit_hashes (n, hash) VALUES (?, ?)", row.First+int64(i), h[:]); err != nil {
			return err
		}
	}
	return nil
}

// actor names who acted without their name: whoever has the key and the name
// can tell that it is they.
func actor(key []byte, by string) (string, error) {
	if len(by) > 10 && by[:10] == "chaperone:" {
		return word(by), nil
	}
	d, err := audit.ObjectDigest(key, audit.OfPerson, by)
	return "person:" + hex.EncodeToString(d[:8]), err
}

// word makes an identifier fit for the log: what may not stand there becomes a
// hyphen, and it is cut at its end.
func word(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '@', c == '+', c == '=', c == '#', c == '-':
		default:
			b[i] = '-'
		}
	}
	return string(b[:min(len(b), 200)])
}

// hashes reads tree hashes inside the transaction.
func (t *tx) hashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		var b []byte
		if err := t.row("SELECT hash FROM audit_hashes WHERE n = ?", []any{n}, &b); err != nil || len(b) != len(out[i]) {
			return nil, fmt.Errorf("%w: hash %d of the audit log is missing (%v)", ErrDamaged, n, err)
		}
		out[i] = tlog.Hash(b)
	}
	return out, nil
}

// auditKeys are the keys of the log.
type auditKeys struct{ origin, verifying, signing string }

// auditKeys reads the keys of the log, and makes them at their first use.
func (t *tx) auditKeys() (k auditKeys, err error) {
	secret, err := derive(t.w.home.master, "audit signing")
	if err != nil {
		return k, err
	}
	box, err := newAEAD(secret)
	if err != nil {
		return k, err
	}
	var sealed []byte
	err = t.row("SELECT origin, verifying, signing FROM audit_key", nil, &k.origin, &k.verifying, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		print, err := fingerprint(t.w.home.master)
		if err != nil {
			return k, err
		}
		k.origin = "chaperone/" + print[:12] + "/audit"
		if k.signing, k.verifying, err = audit.NewKey(rand.Reader, k.origin); err != nil {
			return k, err
		}
		return k, t.exec("INSERT INTO audit_key (one, origin, verifying, signing) VALUES (1, ?, ?, ?)",
			k.origin, k.verifying, box.Seal(nil, nil, []byte(k.signing), []byte(k.origin)))
	} else if err != nil {
		return k, err
	}
	plain, err := box.Open(nil, nil, sealed, []byte(k.origin))
	if err != nil {
		return k, fmt.Errorf("%w: the signing key of the audit log does not open", ErrDamaged)
	}
	k.signing = string(plain)
	return k, nil
}

// checkpoint signs the log as it is, where something was added since the last
// checkpoint. force makes one also of an empty log.
func (t *tx) checkpoint(now time.Time, force bool) error {
	k, err := t.auditKeys()
	if err != nil {
		return err
	}
	var size, number, covered int64
	if err := t.row("SELECT coalesce(max(n), -1) + 1 FROM audit_entries", nil, &size); err != nil {
		return err
	}
	if err := t.row("SELECT coalesce(max(number), 0), coalesce(max(size), 0) FROM audit_checkpoints", nil, &number, &covered); err != nil {
		return err
	}
	if covered == size && (!force || number > 0) {
		return nil
	}
	c, err := audit.Next(k.origin, number, size, now, tlog.HashReaderFunc(t.hashes))
	if err != nil {
		return err
	}
	signed, err := c.Sign(k.signing)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO audit_checkpoints (number, size, at, signed) VALUES (?, ?, ?, ?)", c.Number, c.Size, millis(now), signed)
}

// checkpointHourly signs the log where something was added and the last
// checkpoint is an hour old, by whichever clock.
func (t *tx) checkpointHourly(now time.Time) error {
	var size, covered, at int64
	if err := t.row("SELECT coalesce(max(n), -1) + 1 FROM audit_entries", nil, &size); err != nil || size == 0 {
		return err
	}
	if err := t.row("SELECT coalesce(max(size), 0), coalesce(max(at), 0) FROM audit_checkpoints", nil, &covered, &at); err != nil {
		return err
	}
	if size == covered || now.Sub(fromMillis(at)).Abs() < time.Hour {
		return nil
	}
	return t.checkpoint(now, false)
}

// ExportAudit writes the whole audit log, with a checkpoint that covers the
// entry about this export. It gives the verifying key, which belongs with
// whoever may want to check.
func (s *Store) ExportAudit(ctx context.Context, now time.Time, by string, w io.Writer) (verifying string, err error) {
	var size, last int64
	err = s.write.do(ctx, func(t *tx) error {
		if err := t.log(now, act{
			by: by, right: "role:operator", act: audit.Export, of: audit.OfLog, what: []string{"audit"},
			before: "none", after: "exported", ref: "audit",
		}); err != nil {
			return err
		}
		if err := t.checkpoint(now, true); err != nil {
			return err
		}
		k, err := t.auditKeys()
		verifying = k.verifying
		if err == nil {
			err = t.row("SELECT max(number), max(size) FROM audit_checkpoints", nil, &last, &size)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return verifying, audit.Write(w, verifying,
		s.blobs(ctx, "SELECT body FROM audit_entries WHERE n < ? ORDER BY n", size),
		s.blobs(ctx, "SELECT signed FROM audit_checkpoints WHERE number <= ? ORDER BY number", last))
}

// blobs streams one column.
func (s *Store) blobs(ctx context.Context, query string, arg int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rows, err := s.read.QueryContext(ctx, query, arg)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var b []byte
			if err := rows.Scan(&b); !yield(b, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}
