package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/rules"
)

// ids is the condition that a column is any id of a member; its parameters are
// the account and the id, three times and twice.
func ids(column string) string {
	return " (" + column + " = ? OR " + column + " = (SELECT member FROM member_ids WHERE account = ? AND id = ?)" +
		" OR " + column + " IN (SELECT id FROM member_ids WHERE account = ? AND member = ?)) "
}

func idArgs(m hold.Member) []any {
	return []any{string(m.ID), string(m.Account), string(m.ID), string(m.Account), string(m.ID)}
}

// Language implements engine.Wording.
func (s *Store) Language(ctx context.Context, m hold.Member) (string, error) {
	var lang string
	err := s.queryOne(ctx, "SELECT language FROM languages WHERE account = ? AND"+ids("member")+"ORDER BY chosen DESC LIMIT 1",
		append([]any{string(m.Account)}, idArgs(m)...), &lang)
	if !errors.Is(err, sql.ErrNoRows) {
		return lang, err
	}
	p, err := s.Person(ctx, m)
	if err != nil || p == "" {
		return "", err
	}
	if err = s.queryOne(ctx, "SELECT language FROM person_languages WHERE person = ?", []any{string(p)}, &lang); errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return lang, err
}

// SetLanguage implements engine.Wording.
func (s *Store) SetLanguage(ctx context.Context, now time.Time, m hold.Member, language string) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.exec(`INSERT INTO languages (account, member, language, chosen) VALUES (?, ?, ?, ?)
			ON CONFLICT (account, member) DO UPDATE SET language = excluded.language, chosen = excluded.chosen`,
			string(m.Account), string(m.ID), language, millis(now))
	})
}

// personLanguages replaces what the directory says of the languages of people.
func (t *tx) personLanguages(all map[directory.PersonID]string) error {
	if all == nil {
		return nil
	}
	if err := t.exec("DELETE FROM person_languages"); err != nil {
		return err
	}
	for person, language := range all {
		if err := t.exec("INSERT INTO person_languages (person, language) VALUES (?, ?)", string(person), language); err != nil {
			return err
		}
	}
	return nil
}

// noticed stores that the notice stands in a chat, and what it says.
func (t *tx) noticed(n int64, f engine.Finished) error {
	if f.Action.Kind != "post" || f.Outcome != engine.Done {
		return nil
	}
	if err := errors.Join(t.exec("UPDATE chats SET noticed = 1 WHERE n = ?", n), t.reads(n, f.Now)); err != nil {
		return err
	}
	return t.exec("INSERT INTO notices (chat, n, version, posted, text) VALUES (?, (SELECT count(*) FROM notices WHERE chat = ?), ?, ?, ?)",
		n, n, f.Action.Posted.Version, millis(f.Now), f.Action.Posted.Text)
}

// Notices implements engine.Wording.
func (s *Store) Notices(ctx context.Context) ([]engine.Posted, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, count(x.n), coalesce((SELECT y.version FROM notices y WHERE y.chat = c.n ORDER BY y.n DESC LIMIT 1), ''),
		coalesce((SELECT y.text FROM notices y WHERE y.chat = c.n ORDER BY y.n DESC LIMIT 1), '')
		FROM chats c LEFT JOIN notices x ON x.chat = c.n WHERE c.noticed = 1 GROUP BY c.n, c.account, c.id ORDER BY c.n`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(p *engine.Posted) []any { return []any{&p.Chat.Account, &p.Chat.Local, &p.N, &p.Version, &p.Text} })
}

// PostNotice implements engine.Wording.
func (s *Store) PostNotice(ctx context.Context, now time.Time, id chat.ID, n int) error {
	return s.write.do(ctx, func(t *tx) error {
		row, err := t.chat(id, now)
		if err != nil {
			return err
		}
		return t.plan(row.n, engine.Action{Key: fmt.Sprintf("renewed/%d/%d", row.n, n), Kind: "post", Due: now})
	})
}

// Judge implements engine.Desk.
func (s *Store) Judge(ctx context.Context, now time.Time, id string, j engine.Judgement) error {
	return s.write.do(ctx, func(t *tx) error {
		if j.Answer != "" {
			n, err := t.change(`UPDATE self_checks SET answer = ?, answered = ? WHERE id = (
				SELECT id FROM self_checks WHERE account = ? AND member = ? AND answered = 0 AND asked > ? ORDER BY asked DESC LIMIT 1)`,
				j.Answer, millis(now), string(j.Who.Account), string(j.Who.ID), millis(now.Add(-24*time.Hour)))
			if err != nil || n > 0 {
				return err
			}
		}
		var in int64
		if j.Chat.Local != "" {
			row, err := t.chat(j.Chat, now)
			if err != nil {
				return err
			}
			in = row.n
		}
		answered := int64(0)
		if j.Answer != "" {
			answered = millis(now)
		}
		return t.exec("INSERT INTO self_checks (id, account, member, chat, asked, answered, answer) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, string(j.Who.Account), string(j.Who.ID), in, millis(now), answered, j.Answer)
	})
}

// AskOut implements engine.Desk.
func (s *Store) AskOut(ctx context.Context, now time.Time, id chat.ID, m chat.MemberID, tell []engine.Action) error {
	return s.write.do(ctx, func(t *tx) error {
		row, err := t.chat(id, now)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO wishes_out (chat, member, asked) VALUES (?, ?, ?) ON CONFLICT (chat, member) DO NOTHING", row.n, string(m), millis(now)); err != nil {
			return err
		}
		return t.actions(row, engine.Settlement{Actions: tell})
	})
}

// WishOut is a member's wish to be taken out of a chat.
type WishOut struct {
	Chat   chat.ID
	Name   string // of the chat
	Member chat.MemberID
	Asked  time.Time
}

// WishesOut lists who asks to be taken out and is still in, the oldest first.
func (s *Store) WishesOut(ctx context.Context) ([]WishOut, error) {
	rows, err := s.query(ctx, `SELECT c.account, c.id, c.name, w.member, w.asked FROM wishes_out w JOIN chats c ON c.n = w.chat
		WHERE EXISTS (SELECT 1 FROM memberships s WHERE s.chat = c.roster AND s.member = w.member) ORDER BY w.asked, w.chat, w.member`)
	if err != nil {
		return nil, err
	}
	var at []int64
	out, err := collect(rows, func(w *WishOut) []any {
		at = append(at, 0)
		return []any{&w.Chat.Account, &w.Chat.Local, &w.Name, &w.Member, &at[len(at)-1]}
	})
	for i := range out {
		out[i].Asked = fromMillis(at[i])
	}
	return out, err
}

// ChatsOf implements engine.Desk.
func (s *Store) ChatsOf(ctx context.Context, m hold.Member) ([]engine.Chat, error) {
	rows, err := s.query(ctx, "SELECT c.account, c.id, c.name, c.kind, c.noticed FROM chats c JOIN memberships s ON s.chat = c.roster WHERE c.account = ? AND"+ids("s.member")+
		"ORDER BY c.name, c.id", append([]any{string(m.Account)}, idArgs(m)...)...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(c *engine.Chat) []any { return []any{&c.ID.Account, &c.ID.Local, &c.Name, &c.Kind, &c.Noticed} })
}

// MemberName implements engine.Desk.
func (s *Store) MemberName(ctx context.Context, m hold.Member) (name string, err error) {
	err = s.queryOne(ctx, "SELECT name FROM members WHERE account = ? AND"+ids("id")+"LIMIT 1", append([]any{string(m.Account)}, idArgs(m)...), &name)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return name, err
}

// span reads a count and the first and last time of something.
func (s *Store) span(ctx context.Context, into *engine.Span, query string, args ...any) error {
	var first, last sql.NullInt64
	err := s.queryOne(ctx, query, args, &into.N, &first, &last)
	into.Since, into.Last = fromMillis(first.Int64), fromMillis(last.Int64)
	return err
}

// Holding implements engine.Desk.
func (s *Store) Holding(ctx context.Context, m hold.Member) (engine.Holding, error) {
	var h engine.Holding
	with := append([]any{string(m.Account)}, idArgs(m)...)
	for _, part := range []struct {
		into  *engine.Span
		query string
	}{
		{&h.Messages, "SELECT count(*), min(x.at), max(x.at) FROM messages x JOIN chats c ON c.n = x.chat WHERE c.account = ? AND" + ids("x.member")},
		{&h.Findings, "SELECT count(*), min(d.decided), max(d.decided) FROM decisions d JOIN chats c ON c.n = d.chat JOIN messages x ON x.chat = d.chat AND x.id = d.message WHERE c.account = ? AND" + ids("x.member")},
		{&h.Texts, "SELECT count(*), NULL, NULL FROM kept k JOIN prompts p ON p.id = k.prompt JOIN chats c ON c.n = p.chat WHERE c.account = ? AND" + ids("p.member")},
		{&h.Judgements, "SELECT count(*), min(asked), max(asked) FROM self_checks WHERE answered > 0 AND account = ? AND" + ids("member")},
		{&h.Chats, "SELECT count(*), min(s.since), max(s.since) FROM memberships s JOIN chats c ON c.roster = s.chat WHERE c.account = ? AND" + ids("s.member")},
		{&h.Suppressed, "SELECT count(*), min(s.since), max(s.since) FROM suppressions s JOIN chats c ON c.n = s.chat WHERE c.account = ? AND" + ids("s.owner")},
		{&h.Exposures, "SELECT count(*), NULL, NULL FROM breach_members m JOIN breaches b ON b.id = m.breach JOIN chats c ON c.n = b.chat WHERE c.account = ? AND" + ids("m.member")},
		{&h.Stays, "SELECT count(DISTINCT c.n), min(s.since), max(s.until) FROM stays s JOIN chats c ON s.chat IN (c.n, c.roster) WHERE c.account = ? AND" + ids("s.member")},
	} {
		if err := s.span(ctx, part.into, part.query, with...); err != nil {
			return h, err
		}
	}
	var aside engine.Span
	if err := s.span(ctx, &aside, "SELECT count(*), NULL, NULL FROM events e JOIN chats c ON c.n = e.chat WHERE e.state = 2 AND e.slot > 0 AND c.account = ? AND"+ids("e.member"), with...); err != nil {
		return h, err
	}
	h.Texts.N += aside.N
	var chosen int
	if err := s.queryOne(ctx, "SELECT count(*) FROM languages WHERE account = ? AND"+ids("member"), with, &chosen); err != nil {
		return h, err
	}
	h.Language = chosen > 0
	if err := s.holdingPrompts(ctx, &h, with); err != nil {
		return h, err
	}
	return h, errors.Join(s.holdingRecords(ctx, &h, m, with), s.holdingBreaches(ctx, &h, m))
}

// holdingBreaches counts the breach records about what a member wrote, under
// any of their ids.
func (s *Store) holdingBreaches(ctx context.Context, h *engine.Holding, m hold.Member) error {
	all, err := s.Breaches(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	also, err := s.query(ctx, "SELECT id, member FROM member_ids WHERE account = ? AND (id = ? OR member = ? OR member = (SELECT member FROM member_ids WHERE account = ? AND id = ?))",
		string(m.Account), string(m.ID), string(m.ID), string(m.Account), string(m.ID))
	if err != nil {
		return err
	}
	pairs, err := collect(also, func(p *[2]chat.MemberID) []any { return []any{&p[0], &p[1]} })
	if err != nil {
		return err
	}
	same := map[chat.MemberID]bool{m.ID: true}
	for _, p := range pairs {
		same[p[0]], same[p[1]] = true, true
	}
	for _, b := range all {
		if b.Chat.Account == m.Account && same[b.Sender] {
			h.Breaches.Add(b.Made)
		}
	}
	return nil
}

func (s *Store) holdingPrompts(ctx context.Context, h *engine.Holding, with []any) error {
	rows, err := s.query(ctx, "SELECT p.shown, p.busy, p.view, p.body FROM prompts p JOIN chats c ON c.n = p.chat WHERE c.account = ? AND"+ids("p.member"), with...)
	if err != nil {
		return err
	}
	all, err := scanPrompts(rows)
	for _, sh := range all {
		h.Prompts.Add(sh.Opened)
		if sh.Waiting() {
			h.Open++
		}
	}
	return err
}

// holdingRecords counts the records of what a member wrote: those they said yes
// to, and those that a hold captured.
func (s *Store) holdingRecords(ctx context.Context, h *engine.Holding, m hold.Member, with []any) error {
	quoted, err := json.Marshal(string(m.ID))
	if err != nil {
		return err
	}
	rows, err := s.query(ctx, `SELECT r.body FROM records r JOIN chats c ON c.n = r.chat LEFT JOIN prompts p ON p.id = r.prompt
		WHERE c.account = ? AND (`+ids("coalesce(p.member, '')")+` OR r.body LIKE ?)`, append(slices.Clone(with), "%"+string(quoted)+"%")...)
	if err != nil {
		return err
	}
	bodies, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return err
	}
	for _, b := range bodies {
		var r record.Record
		if err := json.Unmarshal(b, &r); err != nil {
			return fmt.Errorf("%w: a record cannot be read", ErrDamaged)
		}
		wrote := slices.ContainsFunc(r.Messages, func(x record.Message) bool { return x.Sender == m.ID })
		if wrote || r.CapturedBy == m.ID {
			h.Records.Add(r.CapturedAt)
		}
	}
	return nil
}

// beginJoining begins the questions where somebody added the bot to a chat that
// is new, in place of its notice.
func (t *tx) beginJoining(row chatRow, now time.Time, ev *chat.Event) error {
	if ev.Kind != chat.Added || ev.Member == "" {
		return nil
	}
	var known int
	if err := t.row("SELECT (SELECT count(*) FROM joinings WHERE chat = ?) + noticed FROM chats WHERE n = ?", []any{row.n, row.n}, &known); err != nil || known > 0 {
		return err
	}
	gone, err := t.change("DELETE FROM actions WHERE key = ? AND started = 0 AND outcome = ''", fmt.Sprintf("notice/%d", row.n))
	if err != nil || gone == 0 {
		return err // the notice is on its way
	}
	if first, asked, err := t.serverAsked(ev); err != nil {
		return err
	} else if asked {
		return t.joining(row.n, engine.Follow(*ev, first))
	}
	j, first := engine.Begun(now, *ev)
	return errors.Join(t.joining(row.n, j), t.plan(row.n, first))
}

// serverAsked finds the chat that the server of another was asked about.
func (t *tx) serverAsked(ev *chat.Event) (first engine.Joining, asked bool, err error) {
	if ev.Server == "" {
		return first, false, nil
	}
	server, err := json.Marshal(ev.Server)
	if err != nil {
		return first, false, err
	}
	var b []byte
	err = t.row("SELECT j.body FROM joinings j JOIN chats c ON c.n = j.chat WHERE c.account = ? AND j.body LIKE ? AND j.body NOT LIKE ?",
		[]any{string(ev.Chat.Account), "%\"Server\":" + string(server) + "%", "%\"First\":%"}, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return first, false, nil
	}
	if err == nil && json.Unmarshal(b, &first) != nil {
		err = fmt.Errorf("%w: how a chat was joined cannot be read", ErrDamaged)
	}
	return first, err == nil, err
}

func (t *tx) joining(n int64, j engine.Joining) error {
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO joinings (chat, state, due, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (chat) DO UPDATE SET state = excluded.state, due = excluded.due, body = excluded.body`, n, string(j.State), millis(j.Due), string(b))
}

// Joinings implements engine.Joinings.
func (s *Store) Joinings(ctx context.Context) ([]engine.Joining, error) {
	rows, err := s.query(ctx, "SELECT body FROM joinings ORDER BY chat")
	if err != nil {
		return nil, err
	}
	bodies, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return nil, err
	}
	out := make([]engine.Joining, len(bodies))
	for i, b := range bodies {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			return nil, fmt.Errorf("%w: how a chat was joined cannot be read", ErrDamaged)
		}
	}
	return out, nil
}

// SaveJoining implements engine.Joinings.
func (s *Store) SaveJoining(ctx context.Context, now time.Time, j engine.Joining, by string, next []engine.Action) error {
	return s.write.do(ctx, func(t *tx) error {
		row, err := t.chat(j.Chat, now)
		if err != nil {
			return err
		}
		var was string
		if err := t.row("SELECT state FROM joinings WHERE chat = ?", []any{row.n}, &was); err != nil {
			return fmt.Errorf("how %s was joined: %w", j.Chat, err)
		}
		if err := errors.Join(t.joining(row.n, j), t.actions(row, engine.Settlement{Actions: next})); err != nil || by == "" {
			return err
		}
		return t.log(now, act{
			by: by, right: "role:configure", act: audit.Configure, of: audit.OfChat, what: []string{string(j.Chat.Account), j.Chat.Local},
			before: was, after: string(j.State), ref: fmt.Sprintf("yes:%d", len(j.Yes)),
		})
	})
}

// Watched implements engine.Joinings. What members would have been asked in one
// prompt counts once.
func (s *Store) Watched(ctx context.Context, id chat.ID, since time.Time) (engine.Would, error) {
	var w engine.Would
	if since.IsZero() {
		return w, nil
	}
	const here = "(SELECT n FROM chats WHERE account = ? AND id = ?)"
	args := []any{string(id.Account), id.Local, millis(since)}
	if err := s.queryOne(ctx, "SELECT count(*) FROM messages WHERE chat = "+here+" AND at >= ?", args, &w.Read); err != nil {
		return w, err
	}
	rows, err := s.query(ctx, `SELECT m.member, m.at, d.body FROM decisions d JOIN messages m ON m.chat = d.chat AND m.id = d.message
		WHERE d.chat = `+here+` AND d.decided >= ? AND d.label = 'watched' ORDER BY m.member, m.at`, args...)
	if err != nil {
		return w, err
	}
	defer rows.Close()
	var last struct {
		member string
		at     int64
	}
	for rows.Next() {
		var member string
		var at int64
		var b []byte
		if err := rows.Scan(&member, &at, &b); err != nil {
			return w, err
		}
		if w.Asked == 0 || member != last.member || at-last.at > prompt.Window.Milliseconds() {
			w.Asked++
			last.member, last.at = member, at
		}
		if err := about(&w, b); err != nil {
			return w, err
		}
	}
	return w, rows.Err()
}

// about adds what a decision was about.
func about(w *engine.Would, b []byte) error {
	var d struct{ Findings []rules.Finding }
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: a decision cannot be read", ErrDamaged)
	}
	for _, f := range d.Findings {
		if key := engine.AboutClass(string(f.Class)); !slices.Contains(w.About, key) {
			w.About = append(w.About, key)
		}
	}
	slices.SortFunc(w.About, strings.Compare)
	return nil
}

// forgetWords lets go what was kept for members who are known no more, and
// answers to the four questions whose time has passed.
func (t *tx) forgetWords(until time.Time) error {
	if err := t.exec(`DELETE FROM languages WHERE chosen < ? AND NOT EXISTS (SELECT 1 FROM members m WHERE m.account = languages.account
		AND (m.id = languages.member OR m.id = (SELECT i.member FROM member_ids i WHERE i.account = languages.account AND i.id = languages.member)))`, millis(until)); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM wishes_out WHERE NOT EXISTS (SELECT 1 FROM memberships s JOIN chats c ON c.roster = s.chat WHERE c.n = wishes_out.chat AND s.member = wishes_out.member)"); err != nil {
		return err
	}
	return t.exec("DELETE FROM self_checks WHERE asked < ?", millis(until))
}
