package whatsapp

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Standing is what an administrator wants to know of the number.
type Standing struct {
	Connected bool      `json:"connected"`
	By        string    `json:"by,omitempty"` // who linked it, and so accepted what that risks
	At        time.Time `json:"at,omitzero"`
	Hello     string    `json:"hello,omitempty"` // where members say hello
	Chats     []Greeted `json:"chats"`
}

// Greeted is how many members of a chat have said hello, of all but the bot.
type Greeted struct {
	Name string `json:"name"`
	Said int    `json:"said"`
	Of   int    `json:"of"`
}

// Standing tells how it stands with the number, as far as it is known here.
func (b *Bot) Standing(ctx context.Context) (Standing, error) {
	out := Standing{Connected: b.Connected(), Hello: b.Hello(), Chats: []Greeted{}}
	var err error
	if out.By, out.At, err = b.book.linkedBy(ctx); err != nil {
		return out, err
	}
	wrote, err := b.book.whoWrote(ctx)
	if err != nil {
		return out, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.groups {
		one := Greeted{Name: g.Name}
		for _, p := range g.Participants {
			if b.isOwn(p.JID) {
				continue
			}
			one.Of++
			if wrote[p.JID.ToNonAD().String()] || wrote[p.LID.ToNonAD().String()] || wrote[p.PhoneNumber.ToNonAD().String()] {
				one.Said++
			}
		}
		out.Chats = append(out.Chats, one)
	}
	slices.SortFunc(out.Chats, func(x, y Greeted) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// whoWrote lists the addresses of members who ever wrote to the bot alone.
func (b *book) whoWrote(ctx context.Context) (map[string]bool, error) {
	rows, err := b.db.QueryContext(ctx, `SELECT a.address FROM chaperone_addresses a JOIN chaperone_contacts c ON c.member = a.member WHERE c.wrote > 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var address string
		if err := rows.Scan(&address); err != nil {
			return nil, err
		}
		out[address] = true
	}
	return out, rows.Err()
}
