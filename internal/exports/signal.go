package exports

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Signal is read in two forms: the lines of its own plain-text export
// (main.jsonl: account, recipient, chat and chatItem objects), and lists of
// messages as tools take them from Signal Desktop's database (a list, or
// {"conversations":[…],"messages":[…]}, or one object a line).

type signalFrame struct {
	Recipient *struct {
		ID      json.RawMessage
		Self    json.RawMessage
		Contact *struct {
			E164              json.RawMessage
			ACI               string
			SystemGivenName   string
			SystemFamilyName  string
			ProfileGivenName  string
			ProfileFamilyName string
			Nickname          struct{ Given, Family string }
		}
		Group *struct {
			Snapshot struct {
				Title struct{ Title string }
			}
		}
	}
	Chat *struct {
		ID          json.RawMessage
		RecipientID json.RawMessage `json:"recipientId"`
	}
	ChatItem *signalItem
}

type signalItem struct {
	ChatID          json.RawMessage `json:"chatId"`
	AuthorID        json.RawMessage `json:"authorId"`
	DateSent        json.RawMessage
	StandardMessage *struct {
		Text        struct{ Body string }
		Attachments []struct {
			Pointer struct{ FileName, ContentType string }
		}
	}
	ContactMessage       json.RawMessage
	RemoteDeletedMessage json.RawMessage
	ViewOnceMessage      json.RawMessage
	UpdateMessage        json.RawMessage
	Poll                 *struct {
		Question string
		Options  []struct{ Option string }
	}
	Revisions []json.RawMessage
}

// signalRow is a message as Signal Desktop keeps it.
type signalRow struct {
	ID, Type, Body, Source, SourceName string
	ConversationID                     string `json:"conversationId"`
	ConversationName                   string
	SourceUUID                         string          `json:"sourceUuid"`
	SourceServiceID                    string          `json:"sourceServiceId"`
	SentAt                             json.RawMessage `json:"sent_at"`
	Timestamp                          json.RawMessage
	Attachments                        []struct{ FileName, ContentType string }
	Deleted                            json.RawMessage `json:"deletedForEveryone"`
	Change                             struct {
		Details []struct{ Type, ACI, UUID string }
	} `json:"groupV2Change"`
}

func (s *source) signal(out *sink) {
	head := s.peek(sniffed)
	array, has := fields(head)
	if array || has["messages"] || has["messsages"] {
		w, names := s.walk(out), map[string]string{}
		w.run(func() error {
			return elements(w, []string{"messages", "messsages"}, func(key string) error { return s.signalNames(w, key, names) },
				func(m signalRow) { s.signalSend(out, m, names) })
		})
		return
	}
	r := signalReader{s: s, out: out, people: map[string]string{}, chats: map[string]string{}, accounts: map[string]string{}, groups: map[string]bool{}, private: map[string]bool{}, kinds: map[string]int{}}
	s.lines(out, func(line []byte) {
		if len(bytes.TrimSpace(line)) > 0 {
			r.take(line)
		}
	})
	if n := r.kinds["view once"]; n > 0 {
		out.gap(s.name, many(n, "view-once message")+" left out of the export")
	}
}

// signalNames notes the names of conversations.
func (s *source) signalNames(w *walker, key string, names map[string]string) error {
	if key != "conversations" {
		return w.skip()
	}
	return w.array(func() error {
		var c struct{ ID, Name, ProfileName, E164 string }
		ok, err := w.value(&c)
		if ok {
			names[c.ID] = firstOf(c.Name, c.ProfileName, c.E164, c.ID)
		}
		return err
	})
}

func (s *source) signalSend(out *sink, m signalRow, names map[string]string) {
	r := Message{ID: m.ID, File: s.name, Kind: Said, Text: m.Body, At: milliTime(m.SentAt)}
	if r.At.IsZero() {
		r.At = milliTime(m.Timestamp)
	}
	r.Chat = firstOf(names[m.ConversationID], m.ConversationName, m.ConversationID, s.chat)
	r.Sender = firstOf(m.SourceName, m.Source, m.SourceServiceID, m.SourceUUID)
	if m.Type == "outgoing" {
		r.Sender = firstOf(r.Sender, phoneOwner)
	}
	for _, a := range m.Attachments {
		r.Files, r.Kind = append(r.Files, firstOf(a.FileName, a.ContentType)), Media
	}
	switch {
	case scalar(m.Deleted) == "true", scalar(m.Deleted) == "1":
		r.Kind = Deleted
	case m.Type != "incoming" && m.Type != "outgoing" && m.Type != "":
		r.Kind = System
		for _, d := range m.Change.Details {
			switch {
			case strings.HasPrefix(d.Type, "member-add"):
				r.Kind, r.Who = Joined, append(r.Who, firstOf(d.ACI, d.UUID))
			case d.Type == "member-remove":
				r.Kind, r.Who = Left, append(r.Who, firstOf(d.ACI, d.UUID))
			}
		}
	}
	r.ID = firstOf(r.ID, r.At.Format("20060102T150405.000"))
	out.send(r)
}

// signalReader reads the lines of Signal's own export.
type signalReader struct {
	s             *source
	out           *sink
	people, chats map[string]string
	accounts      map[string]string // people by the number that only groups use
	groups        map[string]bool   // recipients
	private       map[string]bool   // chats
	kinds         map[string]int
}

func (r *signalReader) take(line []byte) {
	var f signalFrame
	if json.Unmarshal(line, &f) != nil {
		if s := (signalRow{}); json.Unmarshal(line, &s) == nil && (s.Body != "" || s.ConversationID != "") {
			r.s.signalSend(r.out, s, nil)
			return
		}
		r.out.broken(r.s.place(), "this is not a line of a Signal export")
		return
	}
	switch {
	case f.Recipient != nil:
		name := ""
		if c := f.Recipient.Contact; c != nil {
			name = firstOf(strings.TrimSpace(c.Nickname.Given+" "+c.Nickname.Family), strings.TrimSpace(c.SystemGivenName+" "+c.SystemFamilyName),
				strings.TrimSpace(c.ProfileGivenName+" "+c.ProfileFamilyName), scalar(c.E164))
			r.accounts[c.ACI] = name
		} else if g := f.Recipient.Group; g != nil {
			name = g.Snapshot.Title.Title
			r.groups[scalar(f.Recipient.ID)] = true
		} else if f.Recipient.Self != nil {
			name = phoneOwner
		}
		r.people[scalar(f.Recipient.ID)] = name
	case f.Chat != nil:
		r.chats[scalar(f.Chat.ID)] = r.people[scalar(f.Chat.RecipientID)]
		r.private[scalar(f.Chat.ID)] = !r.groups[scalar(f.Chat.RecipientID)]
	case f.ChatItem != nil:
		r.item(f.ChatItem)
	default:
		var row signalRow
		if json.Unmarshal(line, &row) == nil && (row.ConversationID != "" || row.Body != "") {
			r.s.signalSend(r.out, row, nil)
		}
	}
}

func (r *signalReader) item(i *signalItem) {
	m := Message{ID: scalar(i.ChatID) + "/" + scalar(i.DateSent), At: milliTime(i.DateSent), Kind: Said, File: r.s.name, Line: r.s.line,
		Chat: firstOf(r.chats[scalar(i.ChatID)], r.s.chat), Sender: firstOf(r.people[scalar(i.AuthorID)], scalar(i.AuthorID)), Edited: len(i.Revisions) > 0,
		Private: r.private[scalar(i.ChatID)]}
	switch {
	case i.StandardMessage != nil:
		m.Text = i.StandardMessage.Text.Body
		for _, a := range i.StandardMessage.Attachments {
			m.Files, m.Kind = append(m.Files, firstOf(a.Pointer.FileName, a.Pointer.ContentType, "a file")), Media
		}
	case i.RemoteDeletedMessage != nil:
		m.Kind = Deleted
	case i.ContactMessage != nil:
		m.Text = jsonText(i.ContactMessage)
	case i.Poll != nil:
		parts := []string{i.Poll.Question}
		for _, o := range i.Poll.Options {
			parts = append(parts, o.Option)
		}
		m.Text = joined(parts)
	case i.ViewOnceMessage != nil:
		m.Kind = Media
		r.kinds["view once"]++
	default:
		m.Kind = System
		m.Text = jsonText(i.UpdateMessage)
		if m.Kind, m.Who = r.moved(i.UpdateMessage); m.Who != nil {
			m.Text = "" // numbers of groups say nothing to people
		}
	}
	r.out.send(m)
}

// moved tells who joined or left by a change of a group.
func (r *signalReader) moved(update json.RawMessage) (Kind, []string) {
	type person struct{ ACI, NewMemberACI, RemovedACI string }
	var u struct {
		GroupChange struct {
			Updates []map[string]json.RawMessage
		}
	}
	kind, who := System, []string(nil)
	_ = json.Unmarshal(update, &u) // what is written otherwise is a change of another kind
	for _, change := range u.GroupChange.Updates {
		for name, raw := range change {
			var p person
			if json.Unmarshal(raw, &p) != nil {
				continue
			}
			id := firstOf(p.NewMemberACI, p.RemovedACI, p.ACI)
			switch name {
			case "groupMemberAddedUpdate", "groupMemberJoinedUpdate", "groupMemberJoinedByLinkUpdate", "groupInvitationAcceptedUpdate":
				kind = Joined
			case "groupMemberLeftUpdate", "groupMemberRemovedUpdate":
				kind = Left
			default:
				continue
			}
			who = append(who, firstOf(r.accounts[id], id))
		}
	}
	return kind, who
}

// jsonText gives every string in a JSON value that is not the name of a field.
func jsonText(raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	var parts []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.ToUpper(v) != v || strings.ContainsAny(v, "0123456789") {
				parts = append(parts, v)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, k := range sortedKeys(v) {
				walk(v[k])
			}
		}
	}
	walk(v)
	return joined(parts)
}
