package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"go.mau.fi/whatsmeow/types"

	"chaperone/internal/chat"
)

// known is which member each address is, as the book has it. There it never
// changes: an address is its member's for good.
type known struct {
	mu      sync.Mutex
	members map[types.JID]chat.MemberID
}

// person is two addresses of one person; either may be empty.
type person struct{ hidden, number types.JID }

// of is the member, where every address is known; else empty.
func (k *known) of(p person) chat.MemberID {
	k.mu.Lock()
	defer k.mu.Unlock()
	var id chat.MemberID
	for _, j := range []types.JID{p.number, p.hidden} { // the hidden id's wins
		if j.IsEmpty() {
			continue
		}
		m, ok := k.members[j]
		if !ok {
			return ""
		}
		id = m
	}
	return id
}

// member finds or makes the member with these addresses; either may be empty.
func (b *book) member(ctx context.Context, hidden, number types.JID) (chat.MemberID, error) {
	p := person{hidden, number}
	if id := b.known.of(p); id != "" || hidden.IsEmpty() && number.IsEmpty() {
		return id, nil
	}
	err := b.meet(ctx, p)
	return b.known.of(p), err
}

// meet finds or makes the members that people are, all at once: a number may be
// in groups of thousands.
func (b *book) meet(ctx context.Context, people ...person) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	found := map[types.JID]chat.MemberID{}
	for _, p := range people {
		if b.known.of(p) != "" {
			continue
		}
		if err := meetOne(ctx, tx, p, found); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	b.known.mu.Lock()
	defer b.known.mu.Unlock()
	for j, m := range found {
		b.known.members[j] = m
	}
	return nil
}

// meetOne adds to found whose the addresses are.
func meetOne(ctx context.Context, tx *sql.Tx, p person, found map[types.JID]chat.MemberID) error {
	var id chat.MemberID
	var made []types.JID
	for _, j := range []types.JID{p.hidden, p.number} {
		if j.IsEmpty() {
			continue
		}
		m, had := found[j]
		if !had {
			err := tx.QueryRowContext(ctx, `SELECT member FROM chaperone_addresses WHERE address = ?`, j.String()).Scan(&m)
			if errors.Is(err, sql.ErrNoRows) {
				made = append(made, j)
				continue
			} else if err != nil {
				return err
			}
			found[j] = m
		}
		if id == "" {
			id = m
		}
	}
	if id == "" {
		if id = memberID(p.hidden); p.hidden.IsEmpty() {
			id = memberID(p.number)
		}
	}
	for _, j := range made {
		if _, err := tx.ExecContext(ctx, `INSERT INTO chaperone_addresses (address, member) VALUES (?, ?) ON CONFLICT (address) DO NOTHING`, j.String(), string(id)); err != nil {
			return err
		}
		found[j] = id
	}
	return nil
}
