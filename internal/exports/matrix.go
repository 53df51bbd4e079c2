package exports

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// Matrix: the JSON that Element exports for a room, and lists of events under
// "messages" or alone.

type matrixEvent struct {
	Type, Sender string
	EventID      string          `json:"event_id"`
	At           json.RawMessage `json:"origin_server_ts"`
	StateKey     *string         `json:"state_key"`
	Content      struct {
		Body, MsgType, Membership, Name, Topic string
		DisplayName                            string
		Filename                               string
		Relates                                *struct {
			Reply struct {
				EventID string `json:"event_id"`
			} `json:"m.in_reply_to"`
		} `json:"m.relates_to"`
		NewContent *struct{ Body string } `json:"m.new_content"`
		Question   json.RawMessage        `json:"org.matrix.msc3381.poll.start"`
	}
	Unsigned struct {
		RedactedBecause json.RawMessage `json:"redacted_because"`
		Before          matrixMember    `json:"prev_content"`
	}
	Before matrixMember `json:"prev_content"`
}

type matrixMember struct{ Membership string }

func (s *source) matrix(out *sink) {
	w, room, sealed := s.walk(out), s.chat, 0
	w.run(func() error {
		return elements(w, []string{"messages"}, func(key string) error {
			if key != "room_name" {
				return w.skip()
			}
			var name *string
			_, err := w.value(&name)
			if name != nil {
				room = *name
			}
			return err
		}, func(e matrixEvent) {
			if e.Type == "m.room.encrypted" {
				sealed++
			}
			r := e.message()
			r.Chat, r.File = room, s.name
			r.ID = firstOf(e.EventID, fmt.Sprintf("%s#%d", s.name, w.n))
			out.send(r)
		})
	})
	if sealed > 0 {
		out.gap(s.name, many(sealed, "message")+" still encrypted when it was exported")
	}
}

func (e matrixEvent) message() Message {
	out := Message{Sender: e.Sender, At: milliTime(e.At), Kind: System}
	c := e.Content
	switch e.Type {
	case "m.room.message", "m.sticker":
		out.Kind, out.Text = Said, c.Body
		if c.Relates != nil {
			out.ReplyTo = c.Relates.Reply.EventID
		}
		switch c.MsgType {
		case "m.image", "m.video", "m.audio", "m.file":
			out.Kind, out.Files = Media, []string{firstOf(c.Filename, c.Body)}
		}
		if c.NewContent != nil {
			out.Edited, out.Text = true, c.NewContent.Body
		}
		if c.Body == "" && len(e.Unsigned.RedactedBecause) > 0 {
			out.Kind = Deleted
		}
	case "m.room.encrypted":
		if len(e.Unsigned.RedactedBecause) > 0 {
			out.Kind = Deleted
		}
	case "m.room.redaction":
		out.Kind = Deleted
	case "m.room.member":
		was := firstOf(e.Unsigned.Before.Membership, e.Before.Membership)
		switch {
		case c.Membership == "join" && was != "join": // else only a name or picture changed
			out.Kind = Joined
		case (c.Membership == "leave" || c.Membership == "ban") && was != "invite" && was != "knock":
			out.Kind = Left
		}
		if out.Kind != System && e.StateKey != nil {
			out.Who = []string{firstOf(c.DisplayName, *e.StateKey)}
		}
	case "m.room.name":
		out.Text = c.Name
	case "m.room.topic":
		out.Text = c.Topic
	default:
		out.Text = jsonText(c.Question)
	}
	return out
}
