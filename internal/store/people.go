package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/retention"
)

// meet notes what an event tells of who is in a chat. Whoever speaks is there;
// an event that was seen before tells nothing new.
func (t *tx) meet(row chatRow, now time.Time, ev *chat.Event) error {
	spoke := ev.Kind == chat.Posted
	if (!spoke && ev.Kind != chat.Joined && ev.Kind != chat.Left && ev.Kind != chat.Removed) || (ev.Member == "" && ev.Kind != chat.Removed) {
		return nil
	}
	met := fmt.Sprintf("%d/%s", row.list, ev.Member)
	if spoke && t.w.met[met] {
		return nil
	}
	var before int
	if err := t.row("SELECT count(*) FROM events WHERE chat = ? AND key = ?", []any{row.n, ev.Key}, &before); err != nil || before > 0 {
		return err
	}
	switch ev.Kind {
	case chat.Removed:
		return t.empty(row, now)
	case chat.Left:
		delete(t.w.met, met)
		return t.part(row.list, now, ev.Chat.Account, ev.Member)
	}
	if err := t.member(now, directory.Member{Account: ev.Chat.Account, ID: ev.Member, Name: ev.Name}, false); err != nil {
		return err
	}
	if t.w.met == nil {
		t.w.met = map[string]bool{}
	}
	t.w.met[met] = spoke || ev.Name != "" // a name that was not known yet is learnt when they speak
	return t.exec("INSERT INTO memberships (chat, member, since, joined) VALUES (?, ?, ?, ?) ON CONFLICT (chat, member) DO NOTHING", row.list, string(ev.Member), millis(now), bit(!spoke))
}

// part notes that a member is off a list, by whichever id it has them.
func (t *tx) part(n int64, now time.Time, account chat.Account, id chat.MemberID) error {
	delete(t.w.met, fmt.Sprintf("%d/%s", n, id))
	who, err := t.same(account, id)
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE members SET seen = ? WHERE account = ? AND id = ?", millis(now), string(account), string(who)); err != nil {
		return err
	}
	theirs := "(member = ? OR member = ? OR member IN (SELECT id FROM member_ids WHERE account = ? AND member = ?))"
	if err := t.past(n, now, " AND "+theirs, string(id), string(who), string(account), string(who)); err != nil {
		return err
	}
	return t.exec("DELETE FROM memberships WHERE chat = ? AND "+theirs, n, string(id), string(who), string(account), string(who))
}

// same gives the first id of a member.
func (t *tx) same(account chat.Account, id chat.MemberID) (chat.MemberID, error) {
	first := id
	err := t.row("SELECT member FROM member_ids WHERE account = ? AND id = ?", []any{string(account), string(id)}, &first)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return first, err
}

// member stores what is known of a member. A number or an address that is the
// same as before keeps the time at which it was first vouched for. Only a
// roster says what the platform vouches for; what is only seen changes nothing
// of it.
func (t *tx) member(now time.Time, m directory.Member, vouched bool) error {
	id, err := t.same(m.Account, m.ID)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO members (account, id, name, bot, seen) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account, id) DO UPDATE SET name = CASE WHEN excluded.name = '' THEN members.name ELSE excluded.name END, seen = excluded.seen`,
		string(m.Account), string(id), m.Name, bit(m.Bot), millis(now)); err != nil || !vouched {
		return err
	}
	if err := t.exec(`UPDATE members SET bot = ?,
		phone_at = CASE WHEN ? = '' THEN 0 WHEN phone = ? THEN phone_at ELSE ? END, phone = ?,
		email_at = CASE WHEN ? = '' THEN 0 WHEN email = ? THEN email_at ELSE ? END, email = ? WHERE account = ? AND id = ?`,
		bit(m.Bot), m.Phone, m.Phone, millis(now), m.Phone, m.Email, m.Email, millis(now), m.Email, string(m.Account), string(id)); err != nil {
		return err
	}
	for _, also := range m.Also {
		if also == id {
			continue
		}
		if err := t.join(m.Account, id, also); err != nil {
			return err
		}
	}
	return nil
}

// join notes that two ids are one member. What a person confirmed of either
// stays.
func (t *tx) join(account chat.Account, id, also chat.MemberID) error {
	if err := t.exec("INSERT INTO member_ids (account, id, member) VALUES (?, ?, ?) ON CONFLICT (account, id) DO UPDATE SET member = excluded.member",
		string(account), string(also), string(id)); err != nil {
		return err
	}
	if err := t.exec(`UPDATE members SET (link, link_by, link_at) = (SELECT o.link, o.link_by, o.link_at FROM members o WHERE o.account = ? AND o.id = ?)
		WHERE account = ? AND id = ? AND link = '' AND EXISTS (SELECT 1 FROM members o WHERE o.account = ? AND o.id = ? AND o.link <> '')`,
		string(account), string(also), string(account), string(id), string(account), string(also)); err != nil {
		return err
	}
	return t.exec("DELETE FROM members WHERE account = ? AND id = ?", string(account), string(also))
}

// ChatIDs implements engine.Chats.
func (s *Store) ChatIDs(ctx context.Context) ([]chat.ID, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT account, id FROM chats ORDER BY account, id")
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *chat.ID) []any { return []any{&id.Account, &id.Local} })
}

// Roll implements engine.People.
func (s *Store) Roll(ctx context.Context) (engine.Roll, error) {
	var out engine.Roll
	if err := s.rollMembers(ctx, &out); err != nil {
		return out, err
	}
	lists, err := s.lists(ctx)
	if err != nil {
		return out, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT account, id, name, kind, server, roster FROM chats ORDER BY account, id")
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var c engine.RollChat
		if err := rows.Scan(&c.ID.Account, &c.ID.Local, &c.Name, &c.Kind, &c.Server, &c.List); err != nil {
			return out, err
		}
		if c.Members = lists[c.List]; len(c.Members) > 0 {
			out.Chats = append(out.Chats, c)
		}
	}
	return out, rows.Err()
}

// lists reads every list of members, by the number of the chat that it belongs to.
func (s *Store) lists(ctx context.Context) (map[int64][]directory.Membership, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT chat, member, owner, admin FROM memberships ORDER BY chat, member")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64][]directory.Membership{}
	for rows.Next() {
		var n int64
		var m directory.Membership
		if err := rows.Scan(&n, &m.Member, &m.Owner, &m.Admin); err != nil {
			return nil, err
		}
		out[n] = append(out[n], m)
	}
	return out, rows.Err()
}

// rollMembers reads the members who are in a chat, with all their ids.
func (s *Store) rollMembers(ctx context.Context, out *engine.Roll) error {
	also := map[hold.Member][]chat.MemberID{}
	ids, err := s.read.QueryContext(ctx, "SELECT account, id, member FROM member_ids ORDER BY account, id")
	if err != nil {
		return err
	}
	defer ids.Close()
	for ids.Next() {
		var m hold.Member
		var id chat.MemberID
		if err := ids.Scan(&m.Account, &id, &m.ID); err != nil {
			return err
		}
		also[m] = append(also[m], id)
	}
	if err := ids.Err(); err != nil {
		return err
	}
	var n int
	if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM members").Scan(&n); err != nil {
		return err
	}
	out.Members = make([]directory.Member, 0, n)
	out.Known = make(map[hold.Member]directory.PersonID, n)
	rows, err := s.read.QueryContext(ctx, `SELECT account, id, name, bot, guest, phone, phone_at, email, email_at, link, link_by, person FROM members ORDER BY account, id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m directory.Member
		var phoneAt, emailAt int64
		var person directory.PersonID
		if err := rows.Scan(&m.Account, &m.ID, &m.Name, &m.Bot, &m.Guest, &m.Phone, &phoneAt, &m.Email, &emailAt, &m.Link, &m.LinkBy, &person); err != nil {
			return err
		}
		m.PhoneAt, m.EmailAt = fromMillis(phoneAt), fromMillis(emailAt)
		key := hold.Member{Account: m.Account, ID: m.ID}
		m.Also = also[key]
		if person != "" {
			out.Known[key] = person
		}
		out.Members = append(out.Members, m)
	}
	return rows.Err()
}

const personOf = `SELECT CASE WHEN link <> '' THEN link ELSE person END FROM members
	WHERE account = ? AND (id = ? OR id = (SELECT member FROM member_ids WHERE account = ? AND id = ?))`

// Person implements engine.People.
func (s *Store) Person(ctx context.Context, m hold.Member) (p directory.PersonID, err error) {
	err = s.queryOne(ctx, personOf, []any{string(m.Account), string(m.ID), string(m.Account), string(m.ID)}, &p)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// person is Person, inside the transaction.
func (t *tx) person(m hold.Member) (p directory.PersonID, err error) {
	err = t.row(personOf, []any{string(m.Account), string(m.ID), string(m.Account), string(m.ID)}, &p)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

const membersOf = `SELECT account, id FROM members WHERE person = ? OR link = ?
	UNION SELECT i.account, i.id FROM member_ids i JOIN members m ON m.account = i.account AND m.id = i.member WHERE m.person = ? OR m.link = ?
	ORDER BY 1, 2`

// MembersOf implements engine.People.
func (s *Store) MembersOf(ctx context.Context, p directory.PersonID) ([]hold.Member, error) {
	rows, err := s.read.QueryContext(ctx, membersOf, string(p), string(p), string(p), string(p))
	if err != nil {
		return nil, err
	}
	return collect(rows, func(m *hold.Member) []any { return []any{&m.Account, &m.ID} })
}

// membersOf is MembersOf, inside the transaction.
func (t *tx) membersOf(p string) ([]hold.Member, error) {
	st, err := t.stmt(membersOf)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx, p, p, p, p)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(m *hold.Member) []any { return []any{&m.Account, &m.ID} })
}

// LinkMember implements engine.People.
func (s *Store) LinkMember(ctx context.Context, now time.Time, m hold.Member, p directory.PersonID, by string) error {
	return s.write.do(ctx, func(t *tx) error {
		id, err := t.same(m.Account, m.ID)
		if err != nil {
			return err
		}
		var was string
		if err := t.row("SELECT link FROM members WHERE account = ? AND id = ?", []any{string(m.Account), string(id)}, &was); errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("there is no member %s/%s. List them with: chaperone members list", m.Account, m.ID)
		} else if err != nil {
			return err
		}
		at, name := millis(now), by
		if p == "" {
			at, name = 0, ""
		}
		if err := t.exec("UPDATE members SET link = ?, link_by = ?, link_at = ? WHERE account = ? AND id = ?", string(p), name, at, string(m.Account), string(id)); err != nil {
			return err
		}
		state := func(linked bool) string {
			if linked {
				return "linked"
			}
			return "none"
		}
		return t.log(now, act{
			by: by, right: "role:people", act: audit.Configure, of: audit.OfMember, what: []string{string(m.Account), string(id), string(p)},
			before: state(was != ""), after: state(p != ""), ref: "link",
		})
	})
}

// forgetPeople lets members go who have been in no chat for long, and what is
// kept of leavers, but for what a hold covers.
func (t *tx) forgetPeople(until, now time.Time) error {
	holds := t.inForce(now)
	kept := func(id chat.ID, m chat.MemberID, p string) bool {
		by, err := holds.Covering(hold.Subject{Chat: id, Member: m, Person: p}, now)
		return err != nil || len(by) > 0
	}
	type row struct {
		key     string
		account chat.Account
		local   string
		member  chat.MemberID
		person  string
	}
	gather := func(query string) ([]row, error) {
		st, err := t.stmt(query)
		if err != nil {
			return nil, err
		}
		rows, err := st.QueryContext(t.ctx, millis(until), atATime)
		if err != nil {
			return nil, err
		}
		return collect(rows, func(r *row) []any { return []any{&r.key, &r.account, &r.local, &r.member, &r.person} })
	}
	members, err := gather(`SELECT '', m.account, '', m.id, CASE WHEN m.link <> '' THEN m.link ELSE m.person END FROM members m WHERE m.seen < ? AND NOT EXISTS (
		SELECT 1 FROM memberships s JOIN chats c ON c.n = s.chat WHERE c.account = m.account AND (s.member = m.id OR s.member IN (
			SELECT i.id FROM member_ids i WHERE i.account = m.account AND i.member = m.id))) ORDER BY m.account, m.id LIMIT ?`)
	if err != nil {
		return err
	}
	members = slices.DeleteFunc(members, func(m row) bool { return kept(chat.ID{Account: m.account}, m.member, m.person) })
	for _, m := range members {
		if err := errors.Join(
			t.exec("DELETE FROM member_ids WHERE account = ? AND member = ?", string(m.account), string(m.member)),
			t.exec("DELETE FROM members WHERE account = ? AND id = ?", string(m.account), string(m.member))); err != nil {
			return err
		}
	}
	leavers, err := gather(`SELECT l.key, c.account, c.id, l.member, l.person FROM leavers l JOIN chats c ON c.n = l.chat
		WHERE CASE WHEN l.removed > 0 THEN l.removed ELSE l.due END < ?
		AND NOT EXISTS (SELECT 1 FROM memberships s WHERE s.chat = c.roster AND s.member = l.shown) ORDER BY l.key LIMIT ?`)
	if err != nil {
		return err
	}
	leavers = slices.DeleteFunc(leavers, func(l row) bool { return kept(chat.ID{Account: l.account, Local: l.local}, l.member, l.person) })
	for _, l := range leavers {
		if err := t.exec("DELETE FROM leavers WHERE key = ?", l.key); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM approvals WHERE at < ?", millis(until)); err != nil {
		return err
	}
	return t.forgot(now, retention.People, int64(len(members)+len(leavers)))
}
