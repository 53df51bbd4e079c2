package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
)

// list asks a platform who is in a chat, and in all the chats of its server where
// the platform has servers: they are listed once, and stored once.
func (e *Engine) list(ctx context.Context, from bots.Roster, id chat.ID, known []chat.ID) error {
	if s, ok := from.(bots.Servers); ok {
		return e.listServer(ctx, s, id, known)
	}
	e.leaving.relist.Delete(id)
	e.leaving.listed[id] = time.Now()
	listed := e.o.Now()
	members, err := from.Members(ctx, own(id))
	if err != nil {
		return err
	}
	seats := make([]Seat, 0, len(members))
	for _, m := range members {
		seats = append(seats, seatOf(id.Account, m))
	}
	slices.SortFunc(seats, func(a, b Seat) int { return cmp.Compare(a.Member, b.Member) })
	return e.o.Store.SetRoster(ctx, e.o.Now(), listed, id, seats)
}

func seatOf(account chat.Account, m bots.Member) Seat {
	m = escapedMember(m)
	s := Seat{Membership: directory.Membership{Member: m.ID, Owner: m.Owner, Admin: m.Admin}}
	s.Who = directory.Member{Account: account, ID: m.ID, Also: m.Also, Name: m.Name, Bot: m.Bot}
	if strings.HasPrefix(m.Phone, "+") { // what is no number is none
		s.Who.Phone, _ = directory.Phone(m.Phone, "44")
	}
	s.Who.Email, _ = directory.Email(m.Email)
	return s
}

// listServer lists the server that a chat belongs to. Chats that the store does not
// know yet are left out: they are listed when they are known.
func (e *Engine) listServer(ctx context.Context, from bots.Servers, id chat.ID, known []chat.ID) error {
	w := &e.leaving
	listed, began := e.o.Now(), time.Now()
	changed := map[chat.ID]any{} // what changes from here on wants another list
	w.relist.Range(func(k, v any) bool { changed[k.(chat.ID)] = v; return true })
	w.relist.Delete(id)
	w.listed[id] = began
	there, err := from.Server(ctx, own(id))
	if errors.Is(err, bots.ErrGone) {
		return nil // the bot is not there any more
	}
	if err != nil {
		return err
	}
	in := map[string]chat.ID{}
	for _, k := range known {
		if k.Account == id.Account {
			in[own(k).Local] = k
		}
	}
	s := Server{Account: id.Account, ID: there.ID, Seats: make([]Seat, 0, len(there.Members))}
	for _, m := range there.Members {
		s.Seats = append(s.Seats, seatOf(id.Account, m))
	}
	for _, a := range there.Audiences {
		audience := Audience{Sits: a.Members}
		for _, c := range a.Chats {
			if k, ok := in[c.Local]; ok {
				audience.Chats = append(audience.Chats, k)
				w.relist.CompareAndDelete(k, changed[k])
				w.listed[k] = began
			}
		}
		if len(audience.Chats) > 0 {
			s.Audiences = append(s.Audiences, audience)
		}
	}
	return e.o.Store.SetServer(ctx, e.o.Now(), listed, s)
}

// once gives the chats from which leavers are removed. Whoever is removed from a
// chat of a server is out of all of them, so that each sits in one: an emergency
// chat where there is one, whose rules are the strictest, else one that acts.
func once(all []RollChat) []directory.Chat {
	type server struct {
		account chat.Account
		id      string
	}
	var out []directory.Chat
	of := map[server][]RollChat{}
	for _, c := range all {
		if c.Server == "" {
			out = append(out, c.Chat)
		} else {
			s := server{c.ID.Account, c.Server}
			of[s] = append(of[s], c)
		}
	}
	for _, chats := range of {
		slices.SortStableFunc(chats, func(a, b RollChat) int {
			return cmp.Or(rank(a)-rank(b), strings.Compare(a.ID.Local, b.ID.Local))
		})
		var named [][]string
		for _, c := range chats {
			if len(c.Administrators) > 0 && !slices.ContainsFunc(named, func(n []string) bool { return slices.Equal(n, c.Administrators) }) {
				named = append(named, c.Administrators)
			}
		}
		lists, sits := map[int64]bool{}, map[chat.MemberID]bool{}
		for _, c := range chats {
			if lists[c.List] {
				continue
			}
			lists[c.List] = true
			c.Beside = slices.DeleteFunc(slices.Clone(named), func(n []string) bool { return slices.Equal(n, c.Administrators) })
			if len(sits) > 0 {
				c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m directory.Membership) bool { return sits[m.Member] })
			}
			for _, m := range c.Members {
				sits[m.Member] = true
			}
			if len(c.Members) > 0 {
				out = append(out, c.Chat)
			}
		}
	}
	slices.SortFunc(out, func(a, b directory.Chat) int {
		return cmp.Or(strings.Compare(string(a.ID.Account), string(b.ID.Account)), strings.Compare(a.ID.Local, b.ID.Local))
	})
	return out
}

// rank is lower for chats that a member of a server is rather removed from.
func rank(c RollChat) int {
	switch {
	case c.Watched:
		return 2
	case c.Kind == chat.Emergency:
		return 0
	}
	return 1
}
