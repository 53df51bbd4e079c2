package exports

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"chaperone/internal/chat"
)

// Events gives a message of an export as what happened in a chat, in the form
// in which a platform reports it: what captures and records live messages takes
// exported ones the same way. account stands for the export; an export names
// chats and people by what they are called and knows no ids, so those of the
// events are made of the names, and Name shows them. What only the platform
// said, such as a change of settings, is no event of a chat.
//
// The key is the same each time that the same message is read, so that a second
// reading of an export changes nothing.
func (m Message) Events(account chat.Account) []chat.Event {
	e := chat.Event{
		Chat: chat.ID{Account: account, Local: called(m.Chat)}, At: m.At, Member: chat.MemberID(called(m.Sender)), Name: m.Sender,
		Message: chat.MessageID(m.ID), ReplyTo: chat.MessageID(m.ReplyTo), Text: m.Text,
	}
	switch m.Kind {
	case Said, Media:
		e.Kind = chat.Posted
		for _, f := range m.Files {
			if !strings.Contains(e.Text, f) { // a name is all that an export holds of a file
				e.Text = joined([]string{e.Text, f})
			}
		}
		return []chat.Event{m.keyed(e, "")}
	case Deleted:
		e.Kind, e.Text, e.ReplyTo = chat.Deleted, "", ""
		return []chat.Event{m.keyed(e, "")}
	case Joined, Left:
		e.Kind = chat.Joined
		if m.Kind == Left {
			e.Kind = chat.Left
		}
		e.Message, e.ReplyTo, e.Text = "", "", ""
		who := m.Who
		if who == nil && m.Sender != "" {
			who = []string{m.Sender}
		}
		var out []chat.Event
		for i, w := range who {
			e.Member, e.Name = chat.MemberID(called(w)), w
			out = append(out, m.keyed(e, strconv.Itoa(i)))
		}
		return out
	}
	return nil
}

// keyed gives an event the key that any reading of the export gives it: its
// place in the export, and not in the file system.
func (m Message) keyed(e chat.Event, part string) chat.Event {
	h := sha256.New()
	for _, s := range []string{string(e.Kind), e.Chat.Local, m.At.UTC().String(), string(e.Member), m.Text, strconv.Itoa(m.Line), part, idWithin(m)} {
		h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
	}
	e.Key = hex.EncodeToString(h.Sum(nil)[:16])
	return e
}

// idWithin is the message's id where the export gives it one, and nothing where
// it is only a place.
func idWithin(m Message) string {
	if strings.HasPrefix(m.ID, m.File) {
		return strings.TrimPrefix(m.ID, m.File)
	}
	return m.ID
}

// called makes an id of what something is called.
func called(name string) string {
	return strings.Join(strings.Fields(strings.Trim(name, marks+"~")), " ")
}
