package whatsapp

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// book is what the bot has to remember between two runs beside the library's
// keys: who is who, which chats it is in, how old messages are, and what it
// showed and did. Of texts it holds the bot's
// own, for a week.
type book struct {
	db    *sql.DB
	known known
}

const bookTables = `
CREATE TABLE IF NOT EXISTS chaperone_addresses (address TEXT PRIMARY KEY, member TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS chaperone_addresses_member ON chaperone_addresses (member);
CREATE TABLE IF NOT EXISTS chaperone_chats (chat TEXT PRIMARY KEY, entered BIGINT NOT NULL, there BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS chaperone_messages (chat TEXT NOT NULL, message TEXT NOT NULL, at BIGINT NOT NULL, revision BIGINT NOT NULL,
	edit TEXT NOT NULL, gone BIGINT NOT NULL, PRIMARY KEY (chat, message));
CREATE TABLE IF NOT EXISTS chaperone_prompts (prompt TEXT PRIMARY KEY, chat TEXT NOT NULL, member TEXT NOT NULL, address TEXT NOT NULL,
	stanza TEXT NOT NULL, at BIGINT NOT NULL, first BIGINT NOT NULL, answers TEXT NOT NULL, awaits TEXT NOT NULL, waiting BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS chaperone_prompts_member ON chaperone_prompts (member);
CREATE TABLE IF NOT EXISTS chaperone_shown (stanza TEXT PRIMARY KEY, prompt TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS chaperone_done (effect TEXT PRIMARY KEY, made TEXT NOT NULL, outcome TEXT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS chaperone_untold (chat TEXT NOT NULL, message TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (chat, message));
DROP TABLE IF EXISTS chaperone_sent;
CREATE TABLE IF NOT EXISTS chaperone_outgoing (stanza TEXT PRIMARY KEY, address TEXT NOT NULL, body BLOB NOT NULL, at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS chaperone_linked (number TEXT NOT NULL, person TEXT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS chaperone_contacts (member TEXT PRIMARY KEY, wrote BIGINT NOT NULL, cold BIGINT NOT NULL, refused BIGINT NOT NULL);
`

// keepMessages is how long the book knows a message: longer than it can be
// deleted for.
const keepMessages = 7 * 24 * time.Hour

func openBook(ctx context.Context, db *sql.DB) (*book, error) {
	_, err := db.ExecContext(ctx, bookTables)
	return &book{db: db, known: known{members: map[types.JID]chat.MemberID{}}}, err
}

// prune forgets what is too old to matter.
func (b *book) prune(ctx context.Context, now time.Time) error {
	old := now.Add(-keepMessages).Unix()
	_, err := b.db.ExecContext(ctx, `DELETE FROM chaperone_messages WHERE at < ?`, old)
	if err == nil {
		_, err = b.db.ExecContext(ctx, `DELETE FROM chaperone_outgoing WHERE at < ?`, old)
	}
	if err == nil {
		_, err = b.db.ExecContext(ctx, `DELETE FROM chaperone_done WHERE at < ?`, now.AddDate(0, -3, 0).Unix())
	}
	return err
}

// addresses lists how a member can be reached.
func (b *book) addresses(ctx context.Context, id chat.MemberID) (hidden, number types.JID, err error) {
	rows, err := b.db.QueryContext(ctx, `SELECT address FROM chaperone_addresses WHERE member = ?`, string(id))
	if err != nil {
		return hidden, number, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return hidden, number, err
		}
		j, err := types.ParseJID(s)
		if err != nil {
			return hidden, number, err
		}
		if j.Server == types.HiddenUserServer {
			hidden = j
		} else {
			number = j
		}
	}
	return hidden, number, rows.Err()
}

// entered notes that the bot is in a chat, and tells how often it came in; new
// says that it was not there.
func (b *book) entered(ctx context.Context, chat string) (times int64, isNew bool, err error) {
	there := false
	err = b.db.QueryRowContext(ctx, `SELECT entered, there <> 0 FROM chaperone_chats WHERE chat = ?`, chat).Scan(&times, &there)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, err
	}
	if there {
		return times, false, nil
	}
	return times + 1, true, nil
}

// settle stores that the bot is in a chat, or not any more.
func (b *book) setThere(ctx context.Context, chat string, times int64, there bool) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_chats (chat, entered, there) VALUES (?, ?, ?)
		ON CONFLICT (chat) DO UPDATE SET entered = excluded.entered, there = excluded.there`, chat, times, bit(there))
	return err
}

// chats lists the chats that the bot is in.
func (b *book) chats(ctx context.Context) (map[string]int64, error) {
	rows, err := b.db.QueryContext(ctx, `SELECT chat, entered FROM chaperone_chats WHERE there <> 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var c string
		var times int64
		if err := rows.Scan(&c, &times); err != nil {
			return nil, err
		}
		out[c] = times
	}
	return out, rows.Err()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// posted notes a message.
func (b *book) posted(ctx context.Context, chat string, m chat.MessageID, at time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_messages (chat, message, at, revision, edit, gone) VALUES (?, ?, ?, 0, '', 0)
		ON CONFLICT (chat, message) DO NOTHING`, chat, string(m), at.Unix())
	return err
}

// revision counts the edits of a message. The same edit, delivered again, has
// the same number.
func (b *book) revision(ctx context.Context, chat string, m chat.MessageID, edit types.MessageID, at time.Time) (int64, error) {
	if err := b.posted(ctx, chat, m, at); err != nil {
		return 0, err
	}
	if _, err := b.db.ExecContext(ctx, `UPDATE chaperone_messages SET revision = revision + 1, edit = ? WHERE chat = ? AND message = ? AND edit <> ?`,
		string(edit), chat, string(m), string(edit)); err != nil {
		return 0, err
	}
	var n int64
	err := b.db.QueryRowContext(ctx, `SELECT revision FROM chaperone_messages WHERE chat = ? AND message = ?`, chat, string(m)).Scan(&n)
	return n, err
}

// gone notes that a message was deleted.
func (b *book) gone(ctx context.Context, chat string, m chat.MessageID, at time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_messages (chat, message, at, revision, edit, gone) VALUES (?, ?, ?, 0, '', 1)
		ON CONFLICT (chat, message) DO UPDATE SET gone = 1`, chat, string(m), at.Unix())
	return err
}

// message tells when a message was posted, and whether it was deleted.
func (b *book) message(ctx context.Context, chat string, m chat.MessageID) (at time.Time, gone, known bool, err error) {
	var sec int64
	err = b.db.QueryRowContext(ctx, `SELECT at, gone <> 0 FROM chaperone_messages WHERE chat = ? AND message = ?`, chat, string(m)).Scan(&sec, &gone)
	if errors.Is(err, sql.ErrNoRows) {
		return at, false, false, nil
	}
	return time.Unix(sec, 0), gone, err == nil, err
}

// deleted notes what the bot itself deleted, until the deletion is reported:
// the platform does not tell us of it.
func (b *book) deleted(ctx context.Context, chat string, m chat.MessageID, at time.Time) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `UPDATE chaperone_messages SET gone = 1 WHERE chat = ? AND message = ?`, chat, string(m)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO chaperone_untold (chat, message, at) VALUES (?, ?, ?) ON CONFLICT (chat, message) DO NOTHING`,
		chat, string(m), at.Unix()); err != nil {
		return err
	}
	return tx.Commit()
}

// untold lists the deletions of the bot's own that were not reported yet.
func (b *book) untold(ctx context.Context) (out []chat.Event, err error) {
	rows, err := b.db.QueryContext(ctx, `SELECT chat, message, at FROM chaperone_untold ORDER BY at, message`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e := chat.Event{Kind: chat.Deleted, Chat: chat.ID{Account: Name}}
		var at int64
		if err := rows.Scan(&e.Chat.Local, &e.Message, &at); err != nil {
			return nil, err
		}
		e.At, e.Key = time.Unix(at, 0).UTC(), "own deletion/"+string(e.Message)
		out = append(out, e)
	}
	return out, rows.Err()
}

func (b *book) told(ctx context.Context, e chat.Event) error {
	_, err := b.db.ExecContext(ctx, `DELETE FROM chaperone_untold WHERE chat = ? AND message = ?`, e.Chat.Local, string(e.Message))
	return err
}

// shown is a prompt that somebody was shown in a private chat.
type shown struct {
	prompt  string
	chat    chat.ID
	member  chat.MemberID
	address types.JID // the private chat
	stanza  types.MessageID
	at      time.Time
	first   int // the number of its first answer
	answers []bots.Answer
	awaits  string // the answer that was given and waits for its words
	waiting bool   // it waits for an answer
}

const shownColumns = `prompt, chat, member, address, stanza, at, first, answers, awaits, waiting <> 0`

func scanShown(scan func(...any) error) (*shown, error) {
	s := &shown{chat: chat.ID{Account: Name}}
	var address, answers string
	var at int64
	if err := scan(&s.prompt, &s.chat.Local, &s.member, &address, &s.stanza, &at, &s.first, &answers, &s.awaits, &s.waiting); err != nil {
		return nil, err
	}
	s.at = time.Unix(at, 0)
	var err error
	if s.address, err = types.ParseJID(address); err != nil {
		return nil, err
	}
	return s, json.Unmarshal([]byte(answers), &s.answers)
}

// shown finds a prompt; nil where it was never shown.
func (b *book) shown(ctx context.Context, prompt string) (*shown, error) {
	s, err := scanShown(b.db.QueryRowContext(ctx, `SELECT `+shownColumns+` FROM chaperone_prompts WHERE prompt = ?`, prompt).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return s, err
}

// shownAs finds the prompt that a message of the bot's shows; nil where it
// shows none.
func (b *book) shownAs(ctx context.Context, stanza types.MessageID) (*shown, error) {
	var prompt string
	err := b.db.QueryRowContext(ctx, `SELECT prompt FROM chaperone_shown WHERE stanza = ?`, string(stanza)).Scan(&prompt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return b.shown(ctx, prompt)
}

// waiting lists the prompts that a member has yet to answer, the oldest first.
func (b *book) waiting(ctx context.Context, member chat.MemberID) (out []*shown, err error) {
	rows, err := b.db.QueryContext(ctx, `SELECT `+shownColumns+` FROM chaperone_prompts WHERE member = ? AND waiting <> 0 ORDER BY first`, string(member))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanShown(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// show stores a prompt as it is shown, and the message that shows it.
func (b *book) show(ctx context.Context, s *shown, by types.MessageID) error {
	answers, err := json.Marshal(s.answers)
	if err != nil {
		return err
	}
	if _, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_prompts (prompt, chat, member, address, stanza, at, first, answers, awaits, waiting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (prompt) DO UPDATE SET first = excluded.first, answers = excluded.answers, awaits = excluded.awaits, waiting = excluded.waiting`,
		s.prompt, s.chat.Local, string(s.member), s.address.String(), string(s.stanza), s.at.Unix(), s.first, string(answers), s.awaits, bit(s.waiting)); err != nil {
		return err
	}
	_, err = b.db.ExecContext(ctx, `INSERT INTO chaperone_shown (stanza, prompt) VALUES (?, ?) ON CONFLICT (stanza) DO NOTHING`, string(by), s.prompt)
	return err
}

// done remembers how an effect ended.
func (b *book) done(ctx context.Context, key string, made chat.MessageID, outcome error, at time.Time) error {
	word := ""
	if outcome != nil {
		word = outcome.Error()
	}
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_done (effect, made, outcome, at) VALUES (?, ?, ?, ?) ON CONFLICT (effect) DO NOTHING`,
		key, string(made), word, at.Unix())
	return err
}

// outcome tells how an effect ended; known is false while it has not.
func (b *book) outcome(ctx context.Context, key string) (made chat.MessageID, outcome error, known bool, err error) {
	var word string
	err = b.db.QueryRowContext(ctx, `SELECT made, outcome FROM chaperone_done WHERE effect = ?`, key).Scan(&made, &word)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, false, nil
	} else if err != nil {
		return "", nil, false, err
	}
	for _, refused := range final {
		if word == refused.Error() {
			outcome = refused
		}
	}
	return made, outcome, true, nil
}

// final are the answers that end an effect for good.
var final = []error{bots.ErrUnsupported, bots.ErrTooLate, bots.ErrForbidden, bots.ErrGone}

// sending keeps a message of the bot's own, so that it can be encrypted once
// more for a device that could not read it.
func (b *book) sending(ctx context.Context, id types.MessageID, to types.JID, body []byte, at time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_outgoing (stanza, address, body, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (stanza) DO UPDATE SET body = excluded.body`, string(id), to.String(), body, at.Unix())
	return err
}

// sent gives it back, and whom it was sent to; nil where it is not known.
func (b *book) sent(ctx context.Context, id types.MessageID) (to types.JID, m *waE2E.Message, err error) {
	var address string
	var body []byte
	err = b.db.QueryRowContext(ctx, `SELECT address, body FROM chaperone_outgoing WHERE stanza = ?`, string(id)).Scan(&address, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return to, nil, nil
	} else if err != nil {
		return to, nil, err
	}
	if to, err = types.ParseJID(address); err != nil {
		return to, nil, err
	}
	m = &waE2E.Message{}
	return to, m, proto.Unmarshal(body, m)
}

// linked notes who linked the number, and so accepted what that risks.
func (b *book) linked(ctx context.Context, number, by string, at time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_linked (number, person, at) VALUES (?, ?, ?)`, number, by, at.Unix())
	return err
}

// linkedBy tells who linked the number last, and when.
func (b *book) linkedBy(ctx context.Context) (by string, at time.Time, err error) {
	var sec int64
	err = b.db.QueryRowContext(ctx, `SELECT person, at FROM chaperone_linked ORDER BY at DESC, rowid DESC LIMIT 1`).Scan(&by, &sec)
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return by, when(sec), err
}

// number is the one that was linked last; empty where none ever was.
func (b *book) number(ctx context.Context) (number string, err error) {
	err = b.db.QueryRowContext(ctx, `SELECT number FROM chaperone_linked ORDER BY at DESC, rowid DESC LIMIT 1`).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return number, err
}

// contact is what there was between the bot and a member in private.
type contact struct{ wrote, cold, refused time.Time }

func (b *book) contact(ctx context.Context, m chat.MemberID) (contact, error) {
	var wrote, cold, refused int64
	err := b.db.QueryRowContext(ctx, `SELECT wrote, cold, refused FROM chaperone_contacts WHERE member = ?`, string(m)).Scan(&wrote, &cold, &refused)
	if errors.Is(err, sql.ErrNoRows) {
		return contact{}, nil
	}
	return contact{when(wrote), when(cold), when(refused)}, err
}

func when(sec int64) time.Time {
	if sec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, 0)
}

// wrote notes that a member wrote to the bot: what was refused before is not
// any more.
func (b *book) wrote(ctx context.Context, m chat.MemberID, at time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_contacts (member, wrote, cold, refused) VALUES (?, ?, 0, 0)
		ON CONFLICT (member) DO UPDATE SET wrote = excluded.wrote, refused = 0`, string(m), at.Unix())
	return err
}

// cold notes that the bot wrote to a member who never wrote to it, and refused
// that WhatsApp did not let it.
func (b *book) cold(ctx context.Context, m chat.MemberID, at time.Time, refused bool) error {
	no := int64(0)
	if refused {
		no = at.Unix()
	}
	_, err := b.db.ExecContext(ctx, `INSERT INTO chaperone_contacts (member, wrote, cold, refused) VALUES (?, 0, ?, ?)
		ON CONFLICT (member) DO UPDATE SET cold = excluded.cold, refused = excluded.refused`, string(m), at.Unix(), no)
	return err
}

// coldSince counts the members who were written to like that, and gives the
// time of the first.
func (b *book) coldSince(ctx context.Context, since time.Time) (n int, first time.Time, err error) {
	var at sql.NullInt64
	err = b.db.QueryRowContext(ctx, `SELECT count(*), min(cold) FROM chaperone_contacts WHERE wrote = 0 AND cold > ?`, since.Unix()).Scan(&n, &at)
	return n, time.Unix(at.Int64, 0), err
}
