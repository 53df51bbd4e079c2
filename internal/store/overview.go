package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// Known is a chat that the store knows.
type Known struct {
	ID   chat.ID
	Name string
	Kind chat.Kind
}

// Chats lists the chats, by name.
func (s *Store) Chats(ctx context.Context) ([]Known, error) {
	rows, err := s.query(ctx, "SELECT account, id, name, kind FROM chats ORDER BY name, account, id")
	if err != nil {
		return nil, err
	}
	return collect(rows, func(k *Known) []any { return []any{&k.ID.Account, &k.ID.Local, &k.Name, &k.Kind} })
}

// RunHeads lists the newest runs without what their plans do with single
// messages, which may be a great many.
func (s *Store) RunHeads(ctx context.Context, schedule string, limit int) ([]engine.Run, error) {
	rows, err := s.query(ctx, runHead+"WHERE schedule = ? ORDER BY date DESC LIMIT ?", schedule, limit)
	if err != nil {
		return nil, err
	}
	return scanHeads(rows)
}

// Pending lists the runs that have not ended or were stopped since a time,
// likewise without what they do with single messages.
func (s *Store) Pending(ctx context.Context, since time.Time) ([]engine.Run, error) {
	rows, err := s.query(ctx, runHead+"WHERE state IN ('planned', 'underway') OR (state = 'stopped' AND ended >= ?) ORDER BY slot DESC, schedule", millis(since))
	if err != nil {
		return nil, err
	}
	return scanHeads(rows)
}

const runHead = "SELECT schedule, date, state, slot, made_good, digest, approvals, why, started, ended, certificate FROM runs "

func scanHeads(rows *sql.Rows) ([]engine.Run, error) {
	defer rows.Close()
	var out []engine.Run
	for rows.Next() {
		var r engine.Run
		var date, made string
		var slot, started, ended int64
		var approvals, certificate []byte
		if err := rows.Scan(&r.Schedule, &date, &r.State, &slot, &made, &r.Digest, &approvals, &r.Why, &started, &ended, &certificate); err != nil {
			return nil, err
		}
		r.Slot, r.Started, r.Ended = fromMillis(slot), fromMillis(started), fromMillis(ended)
		err := errors.Join(r.Date.UnmarshalText([]byte(date)), r.MadeGood.UnmarshalText([]byte(made)), json.Unmarshal(approvals, &r.Approvals))
		if len(certificate) > 0 {
			err = errors.Join(err, json.Unmarshal(certificate, &r.Certificate))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: a run cannot be read (%v)", ErrDamaged, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Unsure is an action of which nobody knows how it ended.
type Unsure struct {
	Kind    engine.Kind
	Chat    chat.ID
	Message chat.MessageID
	At      time.Time
}

// Unsure lists the actions that ended since a time and of which nobody knows
// how, the newest first.
func (s *Store) Unsure(ctx context.Context, since time.Time, limit int) ([]Unsure, error) {
	rows, err := s.query(ctx, `SELECT a.kind, c.account, c.id, a.message, a.ended FROM chats c JOIN actions a ON a.chat = c.n AND a.ended >= ?
		WHERE a.outcome = 'unknown' ORDER BY a.ended DESC LIMIT ?`, millis(since), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Unsure
	for rows.Next() {
		var u Unsure
		var at int64
		if err := rows.Scan(&u.Kind, &u.Chat.Account, &u.Chat.Local, &u.Message, &at); err != nil {
			return nil, err
		}
		u.At = fromMillis(at)
		out = append(out, u)
	}
	return out, rows.Err()
}

// Undoable counts the texts that are kept sealed of what a run destroyed.
func (s *Store) Undoable(ctx context.Context, run string) (n int, err error) {
	from, to := span("undo/dispose/" + run + "/")
	err = s.queryOne(ctx, "SELECT count(*) FROM sealed WHERE key >= ? AND key < ?", []any{from, to}, &n)
	return n, err
}

// Log is the audit log as it stands.
type Log struct {
	Size       int64            // entries
	Checkpoint audit.Checkpoint // the newest; its number is 0 where there is none
	Signed     []byte           // the same, as it is kept elsewhere
	Key        string           // verifies it; empty where nothing was ever signed
}

// Log tells how long the audit log is, and its newest checkpoint.
func (s *Store) Log(ctx context.Context) (Log, error) {
	var l Log
	if err := s.queryOne(ctx, "SELECT coalesce(max(n), -1) + 1 FROM audit_entries", nil, &l.Size); err != nil {
		return l, err
	}
	if err := s.queryOne(ctx, "SELECT verifying FROM audit_key", nil, &l.Key); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return l, err
	}
	err := s.queryOne(ctx, "SELECT signed FROM audit_checkpoints ORDER BY number DESC LIMIT 1", nil, &l.Signed)
	if errors.Is(err, sql.ErrNoRows) {
		return l, nil
	} else if err != nil {
		return l, err
	}
	l.Checkpoint, err = audit.Open(l.Signed, l.Key)
	return l, err
}

// Entries lists entries of the audit log from before an index, the newest
// first.
func (s *Store) Entries(ctx context.Context, before int64, limit int) ([]audit.Entry, error) {
	rows, err := s.query(ctx, "SELECT body FROM audit_entries WHERE n < ? ORDER BY n DESC LIMIT ?", before, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []audit.Entry
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		e, err := audit.Decode(b)
		if err != nil {
			return nil, fmt.Errorf("%w: an entry of the audit log cannot be read (%v)", ErrDamaged, err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
