package exports

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Microsoft Teams is read in three forms: lists of chatMessage as Graph and
// tools on it give them ({"value":[…]} or a list), the JSON that a person
// downloads from Microsoft (conversations with a MessageList), and the HTML of
// eDiscovery, which is read as text, block by block.

type teamsMessage struct {
	ID                   json.RawMessage
	ReplyToID            string `json:"replyToId"`
	CreatedDateTime      string
	LastEditedDateTime   string
	DeletedDateTime      string
	MessageType, Subject string
	ChatID               string `json:"chatId"`
	ChannelIdentity      struct{ ChannelID string }
	From                 *struct {
		User, Application *struct{ ID, DisplayName string }
	}
	Body        struct{ ContentType, Content string }
	Attachments []struct{ Name, Content string }
	EventDetail *struct {
		Kind    string `json:"@odata.type"`
		Members []struct{ ID, DisplayName string }
	}
	Replies []teamsMessage
}

// skypeMessage is a message of a person's own download.
type skypeMessage struct {
	ID                  json.RawMessage
	DisplayName, From   string
	OriginalArrivalTime string
	MessageType         string
	Content             string
	Properties          json.RawMessage
}

func (s *source) teams(out *sink) {
	if !looksJSON(s.peek(sniffed)) {
		s.html(out)
		return
	}
	w := s.walk(out)
	w.run(func() error {
		return elements(w, []string{"value", "messages"}, func(key string) error {
			if key != "conversations" {
				return w.skip()
			}
			return w.array(func() error { return s.skypeChat(w, out) })
		}, func(m teamsMessage) { s.teamsSend(out, m) })
	})
}

func (s *source) teamsSend(out *sink, m teamsMessage) {
	r := Message{ID: scalar(m.ID), At: anyTime(m.CreatedDateTime), Kind: Said, Edited: m.LastEditedDateTime != "", ReplyTo: m.ReplyToID, File: s.name}
	r.Private = strings.HasSuffix(m.ChatID, "@unq.gbl.spaces") // a chat of two is called by the numbers of both
	r.Chat = firstOf(m.ChatID, m.ChannelIdentity.ChannelID, s.chat)
	if m.From != nil && m.From.User != nil {
		r.Sender = firstOf(m.From.User.DisplayName, m.From.User.ID)
	} else if m.From != nil && m.From.Application != nil {
		r.Sender = m.From.Application.DisplayName
	}
	text := m.Body.Content
	if strings.EqualFold(m.Body.ContentType, "html") {
		text = htmlText(text)
	}
	parts := []string{m.Subject, text}
	for _, a := range m.Attachments {
		if a.Name != "" {
			r.Files, r.Kind = append(r.Files, a.Name), Media
		}
		parts = append(parts, cardText(a.Content))
	}
	r.Text = joined(parts)
	switch {
	case m.DeletedDateTime != "":
		r.Kind = Deleted
	case strings.HasPrefix(strings.ToLower(m.MessageType), "system") || m.EventDetail != nil:
		r.Kind = System
		if e := m.EventDetail; e != nil && (strings.Contains(e.Kind, "membersAdded") || strings.Contains(e.Kind, "membersJoined")) {
			r.Kind = Joined
		} else if e != nil && (strings.Contains(e.Kind, "membersDeleted") || strings.Contains(e.Kind, "membersLeft")) {
			r.Kind = Left
		}
	}
	if r.Kind == Joined || r.Kind == Left {
		for _, p := range m.EventDetail.Members {
			r.Who = append(r.Who, firstOf(p.DisplayName, p.ID))
		}
	}
	out.send(r)
	for _, reply := range m.Replies {
		s.teamsSend(out, reply)
	}
}

// cardText gives the texts of an adaptive card, which is JSON in a string.
func cardText(content string) string {
	if !strings.HasPrefix(content, "{") {
		return ""
	}
	return blockText(json.RawMessage(content))
}

// skypeChat reads one conversation. Its messages stand in one list that may
// be long, so it is taken piece by piece.
func (s *source) skypeChat(w *walker, out *sink) error {
	chat, id := "", ""
	return w.object(func(key string) error {
		switch strings.ToLower(key) {
		case "id":
			_, err := w.value(&id)
			return err
		case "displayname":
			var name *string
			_, err := w.value(&name)
			if name != nil {
				chat = *name
			}
			return err
		case "messagelist":
			return w.array(func() error {
				var m skypeMessage
				ok, err := w.value(&m)
				if ok {
					r := m.message()
					r.ID, r.Chat, r.File = id+"/"+r.ID, firstOf(chat, id, s.chat), s.name
					out.send(r)
				}
				return err
			})
		}
		return w.skip()
	})
}

func (m skypeMessage) message() Message {
	r := Message{ID: scalar(m.ID), Sender: firstOf(m.DisplayName, m.From), At: anyTime(m.OriginalArrivalTime), Kind: Said, Text: htmlText(m.Content),
		Edited: strings.Contains(string(m.Properties), `"edittime"`)}
	switch {
	case m.MessageType == "ThreadActivity/AddMember":
		r.Kind, r.Who = Joined, targets(m.Content)
	case m.MessageType == "ThreadActivity/DeleteMember":
		r.Kind, r.Who = Left, targets(m.Content)
	case strings.HasPrefix(m.MessageType, "ThreadActivity"), strings.HasPrefix(m.MessageType, "Event"):
		r.Kind = System
	case strings.HasPrefix(m.MessageType, "RichText/Media"), strings.HasPrefix(m.MessageType, "RichText/Uri"):
		r.Kind = Media
	}
	if r.Who != nil {
		r.Text = "" // numbers of people run together
	}
	return r
}

var target = regexp.MustCompile(`<target>([^<]*)</target>`)

// targets names those whom a line of the platform is about.
func targets(content string) (who []string) {
	for _, m := range target.FindAllStringSubmatch(content, -1) {
		who = append(who, m[1])
	}
	return who
}
