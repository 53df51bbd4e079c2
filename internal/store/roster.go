package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
)

// A server may have a thousand chats and fifty thousand people: who sits in it is
// stored once, and the chats in which the same people sit share a list. The list
// belongs to one of them; chats.roster says which. Where the people of a chat
// become others it gets a list of its own, or another's; whoever was on the old
// one and is not on the new one was there until then (stays).

// seatsAtATime is how many rows of a list are written before others may write.
const seatsAtATime = 1000

// SetRoster implements engine.People. Who came while the list was on its way
// stays.
func (s *Store) SetRoster(ctx context.Context, now, listed time.Time, id chat.ID, seats []engine.Seat) error {
	sits := make([]int, len(seats))
	for i := range sits {
		sits[i] = i
	}
	return s.SetServer(ctx, now, listed, engine.Server{Account: id.Account, Seats: seats, Audiences: []engine.Audience{{Chats: []chat.ID{id}, Sits: sits}}})
}

// SetServer implements engine.Servers.
func (s *Store) SetServer(ctx context.Context, now, listed time.Time, in engine.Server) error {
	news, err := s.newsOf(ctx, in)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(news, seatsAtATime) {
		if err := s.write.do(ctx, func(t *tx) error {
			for _, i := range part {
				if err := t.member(now, in.Seats[i].Who, true); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, a := range in.Audiences {
		if err := s.setAudience(ctx, now, listed, in, a); err != nil {
			return err
		}
	}
	return nil
}

// newsOf lists the seats whose members are not known as they are listed.
func (s *Store) newsOf(ctx context.Context, in engine.Server) ([]int, error) {
	rows, err := s.query(ctx, "SELECT id, name, bot, phone, email FROM members WHERE account = ?", string(in.Account))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type facts struct {
		name, phone, email string
		bot                bool
	}
	known := map[chat.MemberID]facts{}
	for rows.Next() {
		var id chat.MemberID
		var f facts
		if err := rows.Scan(&id, &f.name, &f.bot, &f.phone, &f.email); err != nil {
			return nil, err
		}
		known[id] = f
	}
	var out []int
	for i, seat := range in.Seats {
		w := seat.Who
		was, there := known[w.ID]
		if is := (facts{cmp.Or(w.Name, was.name), w.Phone, w.Email, w.Bot}); !there || len(w.Also) > 0 || was != is {
			out = append(out, i)
		}
	}
	return out, rows.Err()
}

// setAudience stores who sits in chats that have the same people.
func (s *Store) setAudience(ctx context.Context, now, listed time.Time, in engine.Server, a engine.Audience) error {
	var list, from int64
	var known map[chat.MemberID]since
	if err := s.write.do(ctx, func(t *tx) (err error) {
		if list, from, err = t.gatherChats(now, listed, in.ID, a.Chats); err == nil {
			known, err = t.roster(list)
		}
		return err
	}); err != nil {
		return err
	}
	var news []engine.Seat
	for _, i := range a.Sits {
		m := in.Seats[i]
		if was, there := known[m.Member]; !there || was.Owner != m.Owner || was.Admin != m.Admin {
			news = append(news, m)
		}
		delete(known, m.Member)
	}
	for part := range slices.Chunk(news, seatsAtATime) {
		if err := s.write.do(ctx, func(t *tx) error { return t.seat(list, listed, part) }); err != nil {
			return err
		}
	}
	gone := make([]chat.MemberID, 0, len(known))
	for id, was := range known {
		if was.since.Before(listed) {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for part := range slices.Chunk(gone, seatsAtATime) {
		if err := s.write.do(ctx, func(t *tx) error { return t.unseat(list, listed, in.Account, part) }); err != nil {
			return err
		}
	}
	return s.write.do(ctx, func(t *tx) error { return t.share(list, from, listed, a.Chats, now) })
}

// seat puts members on a list.
func (t *tx) seat(list int64, listed time.Time, seats []engine.Seat) error {
	for _, m := range seats {
		if err := t.exec(`INSERT INTO memberships (chat, member, owner, admin, since) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (chat, member) DO UPDATE SET owner = excluded.owner, admin = excluded.admin`,
			list, string(m.Member), bit(m.Owner), bit(m.Admin), millis(listed)); err != nil {
			return err
		}
	}
	return nil
}

// unseat takes members off a list.
func (t *tx) unseat(list int64, listed time.Time, account chat.Account, gone []chat.MemberID) error {
	t.w.met = nil
	for _, id := range gone {
		first, err := t.same(account, id)
		if err != nil {
			return err
		}
		if err := errors.Join(
			t.past(list, listed, " AND member = ?", string(id)),
			t.exec("DELETE FROM memberships WHERE chat = ? AND member = ?", list, string(id)),
			t.exec("UPDATE members SET seen = ? WHERE account = ? AND id = ?", millis(listed), string(account), string(first))); err != nil {
			return err
		}
	}
	return nil
}

// gatherChats gives the list that chats with the same people share: the one that
// most of them share already, or else that of the first of them. Chats of other
// people that shared it get another. from is the list that it is a copy of, if it
// was made now.
func (t *tx) gatherChats(now, listed time.Time, server string, chats []chat.ID) (list, from int64, err error) {
	rows := make([]chatRow, len(chats))
	sharers := map[int64]int{}
	for i, id := range chats {
		if rows[i], err = t.chat(id, now); err != nil {
			return 0, 0, err
		}
		if server != "" {
			if err := t.exec("UPDATE chats SET server = ? WHERE n = ? AND server <> ?", server, rows[i].n, server); err != nil {
				return 0, 0, err
			}
		}
		sharers[rows[i].list]++
	}
	// Whoever owns the list that most of them share, else the first of those who
	// share one.
	first := slices.MaxFunc(rows, func(a, b chatRow) int {
		return cmp.Or(int(bit(a.list == a.n)-bit(b.list == b.n)), cmp.Compare(sharers[a.list], sharers[b.list]), cmp.Compare(b.n, a.n))
	})
	if first.list != first.n {
		return first.n, first.list, t.separate(first, listed, true)
	}
	here := map[int64]bool{}
	for _, r := range rows {
		here[r.n] = true
	}
	var others []int64
	if others, err = t.numbers("SELECT n FROM chats WHERE roster = ? AND n <> ?", first.n, first.n); err != nil {
		return 0, 0, err
	}
	return first.n, 0, t.release(first.n, slices.DeleteFunc(others, func(n int64) bool { return here[n] }))
}

func (t *tx) numbers(query string, args ...any) ([]int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(n *int64) []any { return []any{n} })
}

// release gives chats that share the list of another a copy of it, which is that
// of the first of them.
func (t *tx) release(list int64, others []int64) error {
	if len(others) == 0 {
		return nil
	}
	to := slices.Min(others)
	if err := t.copyList(list, to); err != nil {
		return err
	}
	for _, n := range others {
		if err := t.exec("UPDATE chats SET roster = ? WHERE n = ?", to, n); err != nil {
			return err
		}
	}
	t.w.chats, t.w.met = map[string]chatRow{}, nil
	return nil
}

// copyList makes the list of one chat, and who was on it, that of another too.
func (t *tx) copyList(from, to int64) error {
	return errors.Join(
		t.exec("DELETE FROM memberships WHERE chat = ?", to),
		t.exec("INSERT INTO memberships (chat, member, owner, admin, since, joined) SELECT ?, member, owner, admin, since, joined FROM memberships WHERE chat = ?", to, from),
		t.copyStays(from, to))
}

func (t *tx) copyStays(from, to int64) error {
	return t.exec(`INSERT INTO stays (chat, member, since, until, joined) SELECT ?, member, since, until, joined FROM stays WHERE chat = ?
		ON CONFLICT (chat, member, since) DO NOTHING`, to, from)
}

// separate gives a chat that shares another's list one of its own: with the same
// people, or with nobody, who then were there until now.
func (t *tx) separate(row chatRow, now time.Time, with bool) error {
	var err error
	if with {
		err = t.copyList(row.list, row.n)
	} else {
		err = errors.Join(
			t.exec(`INSERT INTO stays (chat, member, since, until, joined) SELECT ?, member, since, ?, joined FROM memberships WHERE chat = ?
				ON CONFLICT (chat, member, since) DO UPDATE SET until = excluded.until`, row.n, millis(now), row.list),
			t.copyStays(row.list, row.n))
	}
	t.w.chats, t.w.met = map[string]chatRow{}, nil
	return errors.Join(err, t.exec("UPDATE chats SET roster = n WHERE n = ?", row.n))
}

// empty takes everybody off the list of a chat that the bot has left. Chats that
// share it keep it.
func (t *tx) empty(row chatRow, now time.Time) error {
	if row.list != row.n {
		return t.separate(row, now, false)
	}
	others, err := t.numbers("SELECT n FROM chats WHERE roster = ? AND n <> ?", row.n, row.n)
	if err != nil {
		return err
	}
	t.w.met = nil
	return errors.Join(t.release(row.n, others), t.past(row.n, now, ""), t.exec("DELETE FROM memberships WHERE chat = ?", row.n))
}

// share lets chats share a list. Those that shared the list that it is a copy of
// have nothing else to keep: who went is noted with it.
func (t *tx) share(list, from int64, listed time.Time, chats []chat.ID, now time.Time) error {
	for _, id := range chats {
		row, err := t.chat(id, now)
		if err != nil {
			return err
		}
		switch row.list {
		case list:
			continue
		case from:
			if err := t.exec("UPDATE chats SET roster = ? WHERE n = ?", list, row.n); err != nil {
				return err
			}
			continue
		case row.n:
			var others []int64
			if others, err = t.numbers("SELECT n FROM chats WHERE roster = ? AND n <> ?", row.n, row.n); err != nil {
				return err
			}
			if err := t.release(row.n, others); err != nil {
				return err
			}
		}
		if err := t.exec(`INSERT INTO stays (chat, member, since, until, joined) SELECT ?, member, since, ?, joined FROM memberships
			WHERE chat = ? AND member NOT IN (SELECT member FROM memberships WHERE chat = ?) ON CONFLICT (chat, member, since) DO NOTHING`,
			row.n, millis(listed), row.list, list); err != nil {
			return err
		}
		if row.list == row.n {
			err = t.exec("DELETE FROM memberships WHERE chat = ?", row.n)
		} else {
			err = t.copyStays(row.list, row.n)
		}
		if err := errors.Join(err, t.exec("UPDATE chats SET roster = ? WHERE n = ?", list, row.n)); err != nil {
			return err
		}
	}
	t.w.chats, t.w.met = map[string]chatRow{}, nil
	return nil
}

// since is a membership and when it was first seen.
type since struct {
	directory.Membership
	since time.Time
}

func (t *tx) roster(n int64) (map[chat.MemberID]since, error) {
	st, err := t.stmt("SELECT member, owner, admin, since FROM memberships WHERE chat = ?")
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[chat.MemberID]since{}
	for rows.Next() {
		var m since
		var at int64
		if err := rows.Scan(&m.Member, &m.Owner, &m.Admin, &at); err != nil {
			return nil, err
		}
		m.since = fromMillis(at)
		out[m.Member] = m
	}
	return out, rows.Err()
}
