package engine

import (
	"slices"
	"strings"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// A platform, or a member's own client, may give ids of whatever bytes. Within
// the engine and beyond they are escaped: texts that every database and JSON
// hold, and that stay apart from each other. The bot gets its own back.

// escaped makes the ids of events fit to be kept. A name is only shown, and
// what is wrong with it is replaced. The text is not touched: it is sealed.
func escaped(events []chat.Event) []chat.Event {
	out := slices.Clone(events)
	for i := range out {
		ev := &out[i]
		ev.Chat.Local = chat.Escape(ev.Chat.Local)
		ev.Member = chat.MemberID(chat.Escape(string(ev.Member)))
		ev.Message = chat.MessageID(chat.Escape(string(ev.Message)))
		ev.ReplyTo = chat.MessageID(chat.Escape(string(ev.ReplyTo)))
		for _, s := range []*string{&ev.Key, &ev.Prompt, &ev.Answer, &ev.Step} {
			*s = chat.Escape(*s)
		}
		ev.Name = shown(ev.Name)
	}
	return out
}

func escapedMember(m bots.Member) bots.Member {
	m.ID, m.Name = chat.MemberID(chat.Escape(string(m.ID))), shown(m.Name)
	m.Also = slices.Clone(m.Also)
	for i, id := range m.Also {
		m.Also[i] = chat.MemberID(chat.Escape(string(id)))
	}
	return m
}

// shown makes a name into a text that can be kept.
func shown(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
}

// own gives a chat as its platform names it.
func own(id chat.ID) chat.ID {
	id.Local = chat.Unescape(id.Local)
	return id
}

// ownMessage gives a message as its platform names it.
func ownMessage(id chat.MessageID) chat.MessageID {
	return chat.MessageID(chat.Unescape(string(id)))
}

// ownEffect gives an effect as the platform names things.
func ownEffect(e bots.Effect) bots.Effect {
	e.Chat = own(e.Chat)
	e.Member = chat.MemberID(chat.Unescape(string(e.Member)))
	e.Message = ownMessage(e.Message)
	if e.Prompt != nil {
		p := *e.Prompt
		p.Messages = slices.Clone(p.Messages)
		for i, m := range p.Messages {
			p.Messages[i] = ownMessage(m)
		}
		e.Prompt = &p
	}
	return e
}
