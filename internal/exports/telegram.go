package exports

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Telegram Desktop writes result.json: one chat with its messages, or all of
// them under chats.list and left_chats.list. The text of a message is a string
// or a list of strings and entities.

type telegramMessage struct {
	ID                      json.RawMessage
	Type, Date, From, Actor string
	Unix                    json.RawMessage `json:"date_unixtime"`
	FromID                  string          `json:"from_id"`
	Edited                  string
	Action                  string
	Members                 []*string
	Title                   string
	Text                    json.RawMessage
	File, Photo, MediaType  string
	FileName                string `json:"file_name"`
	Contact                 *struct {
		First string `json:"first_name"`
		Last  string `json:"last_name"`
		Phone string `json:"phone_number"`
	} `json:"contact_information"`
	ReplyTo  json.RawMessage                        `json:"reply_to_message_id"`
	Location *struct{ Latitude, Longitude float64 } `json:"location_information"`
	Poll     *struct {
		Question string
		Answers  []struct{ Text string }
	}
}

func (s *source) telegram(out *sink) {
	w := s.walk(out)
	beside := false
	w.run(func() error { return s.telegramObject(w, out, &beside) })
	if beside {
		out.gap(s.name, "contacts, sessions and what else is no chat was not looked into")
	}
}

// telegramObject reads a chat, or what holds lists of them.
func (s *source) telegramObject(w *walker, out *sink, beside *bool) error {
	chat, id, kind := "", "", ""
	return w.object(func(key string) error {
		switch key {
		case "type":
			_, err := w.value(&kind)
			return err
		case "name":
			var name *string
			_, err := w.value(&name)
			if name != nil {
				chat = *name
			}
			return err
		case "id":
			var raw json.RawMessage
			_, err := w.value(&raw)
			id = scalar(raw) + "/"
			return err
		case "chats", "left_chats":
			return s.telegramObject(w, out, beside)
		case "list":
			return w.array(func() error { return s.telegramObject(w, out, beside) })
		case "messages":
			return w.array(func() error {
				var m telegramMessage
				ok, err := w.value(&m)
				if ok {
					r := m.message()
					r.Private = kind == "personal_chat" || kind == "saved_messages" || kind == "bot_chat"
					r.Chat, r.File, r.ID = firstOf(chat, s.chat), s.name, id+scalar(m.ID)
					if reply := scalar(m.ReplyTo); reply != "" {
						r.ReplyTo = id + reply
					}
					out.send(r)
				}
				return err
			})
		case "contacts", "frequent_contacts", "sessions", "web_sessions", "other_data", "stories", "personal_information":
			*beside = true
		}
		return w.skip()
	})
}

func (m telegramMessage) message() Message {
	out := Message{At: unixTime(scalar(m.Unix)), Kind: Said, Edited: m.Edited != "", Sender: firstOf(m.From, m.Actor, m.FromID)}
	if out.At.IsZero() {
		out.At = anyTime(m.Date)
	}
	parts := []string{telegramText(m.Text)}
	if m.Type == "service" {
		out.Kind = System
		switch m.Action {
		case "invite_members", "create_group":
			out.Kind, out.Who = Joined, m.members()
		case "join_group_by_link", "join_group_by_request":
			out.Kind, out.Who = Joined, []string{out.Sender}
		case "remove_members":
			out.Kind, out.Who = Left, m.members()
		}
		parts = append(parts, m.Title)
	}
	if c := m.Contact; c != nil {
		parts = append(parts, strings.TrimSpace(c.First+" "+c.Last+" "+c.Phone))
	}
	if l := m.Location; l != nil {
		parts = append(parts, strconv.FormatFloat(l.Latitude, 'f', -1, 64)+", "+strconv.FormatFloat(l.Longitude, 'f', -1, 64))
	}
	if p := m.Poll; p != nil {
		parts = append(parts, p.Question)
		for _, a := range p.Answers {
			parts = append(parts, a.Text)
		}
	}
	if f := firstOf(m.File, m.Photo, m.FileName); f != "" {
		if strings.HasPrefix(f, "(File ") { // what Telegram writes for a file that it left out
			f = firstOf(m.FileName, m.MediaType, "a file")
		}
		out.Files = []string{f}
		if out.Kind == Said {
			out.Kind = Media
		}
	}
	out.Text = joined(parts)
	return out
}

// members names those whom a line of the platform is about; who has no name any
// more is null.
func (m telegramMessage) members() (who []string) {
	for _, p := range m.Members {
		if p == nil {
			who = append(who, "a deleted account")
		} else {
			who = append(who, *p)
		}
	}
	return who
}

// telegramText reads a string, or a list of strings and entities with a text.
func telegramText(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		return s
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range list {
		var part string
		if json.Unmarshal(e, &part) == nil {
			b.WriteString(part)
			continue
		}
		var entity struct{ Text, Href string }
		if json.Unmarshal(e, &entity) == nil {
			b.WriteString(entity.Text)
			if entity.Href != "" && entity.Href != entity.Text {
				b.WriteString(" (" + entity.Href + ")")
			}
		}
	}
	return b.String()
}
