package slack

import (
	"encoding/json"
	"errors"
	"strings"
)

// What Slack sends is decoded here with only the fields that are needed, and
// leniently: an unknown block or a new field must not cost a message.

type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

func decodeEnvelope(b []byte) (envelope, error) {
	var e envelope
	return e, json.Unmarshal(b, &e)
}

// callback is the outside of an event.
type callback struct {
	Type      string          `json:"type"`
	Challenge string          `json:"challenge"`
	EventID   string          `json:"event_id"`
	Event     json.RawMessage `json:"event"`
}

// event is the inside of one.
type event struct {
	ID        string          `json:"-"`
	Self      message         `json:"-"` // where it is a message
	Type      string          `json:"type"`
	Subtype   string          `json:"subtype"`
	User      string          `json:"user"`
	Channel   json.RawMessage `json:"channel"` // an id, or an object with one
	Typ       string          `json:"channel_type"`
	EventTS   string          `json:"event_ts"`
	DeletedTS string          `json:"deleted_ts"`
	New       *message        `json:"message"`
	Old       *message        `json:"previous_message"`
	Reaction  string          `json:"reaction"`
	Tab       string          `json:"tab"`
	Inviter   string          `json:"inviter"`
	Item      struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"`
}

// decodeEvent reads an event, and leaves out what has another form than it
// should: only what is no event at all is an error.
func decodeEvent(b []byte) (event, error) {
	var e event
	if json.Unmarshal(b, &e) != nil {
		e = event{}
		if err := partly(b, map[string]any{
			"type": &e.Type, "subtype": &e.Subtype, "user": &e.User, "channel": &e.Channel, "channel_type": &e.Typ, "event_ts": &e.EventTS,
			"deleted_ts": &e.DeletedTS, "message": &e.New, "previous_message": &e.Old, "reaction": &e.Reaction, "item": &e.Item, "tab": &e.Tab, "inviter": &e.Inviter,
		}); err != nil {
			return e, err
		}
	}
	return e, json.Unmarshal(b, &e.Self)
}

// partly reads those fields of an object that can be read.
func partly(b []byte, fields map[string]any) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if parts == nil {
		return errors.New("there is no object")
	}
	for name, into := range fields {
		if raw, ok := parts[name]; ok {
			_ = json.Unmarshal(raw, into) // see above
		}
	}
	return nil
}

// channel gives the id of the channel that an event is about, and its new name
// where it has one.
func (e *event) channel() (id, name string) {
	if json.Unmarshal(e.Channel, &id) == nil {
		return id, ""
	}
	var c struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	_ = json.Unmarshal(e.Channel, &c) // without one it is about no channel
	return c.ID, c.Name
}

// message is a message as events and history give it.
type message struct {
	Type     string          `json:"type"`
	Subtype  string          `json:"subtype"`
	User     string          `json:"user"`
	Bot      string          `json:"bot_id"`
	Text     string          `json:"text"`
	TS       string          `json:"ts"`
	Thread   string          `json:"thread_ts"`
	Replies  int             `json:"reply_count"`
	Latest   string          `json:"latest_reply"`
	Edited   *edit           `json:"edited"`
	Files    []file          `json:"files"`
	Blocks   json.RawMessage `json:"blocks"` // of the bot's own
	Attached []struct {
		Pretext  string `json:"pretext"`
		Title    string `json:"title"`
		Text     string `json:"text"`
		Fallback string `json:"fallback"`
	} `json:"attachments"`
	Metadata struct {
		Type    string  `json:"event_type"`
		Payload payload `json:"event_payload"`
	} `json:"metadata"`
}

type edit struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

type file struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	Mode     string `json:"mode"`
	Type     string `json:"mimetype"`
	Size     size   `json:"size"`
	Private  string `json:"url_private"`
	Download string `json:"url_private_download"`
}

// UnmarshalJSON reads what can be read: what has another form than it should is
// left out, so that it does not cost the rest.
func (m *message) UnmarshalJSON(b []byte) error {
	type bare message
	if json.Unmarshal(b, (*bare)(m)) == nil {
		return nil
	}
	*m = message{}
	return partly(b, map[string]any{
		"type": &m.Type, "subtype": &m.Subtype, "user": &m.User, "bot_id": &m.Bot, "text": &m.Text, "ts": &m.TS, "thread_ts": &m.Thread,
		"reply_count": &m.Replies, "latest_reply": &m.Latest, "edited": &m.Edited, "files": &m.Files, "attachments": &m.Attached, "metadata": &m.Metadata, "blocks": &m.Blocks,
	})
}

// messages is a list of them. One that cannot be read stands there without a
// timestamp, and does not cost the others.
type messages []message

// UnmarshalJSON implements json.Unmarshaler.
func (l *messages) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	*l = make(messages, len(parts))
	for i, raw := range parts {
		if json.Unmarshal(raw, &(*l)[i]) != nil {
			(*l)[i] = message{}
		}
	}
	return nil
}

// payload is what the bot writes into the metadata of its own messages, and
// finds them by.
type payload struct {
	Key    string `json:"key"`
	Kind   string `json:"kind"`
	Prompt string `json:"prompt,omitempty"`
	Open   bool   `json:"open,omitempty"` // the prompt waits for its member
}

// metadataType names the bot's own metadata.
const metadataType = "chaperone"

// said is all that a message says: its text, what is attached and the names of
// its files.
func (m *message) said() string {
	parts := []string{}
	if m.Text != "" {
		parts = append(parts, readable(m.Text))
	}
	for _, a := range m.Attached {
		if m.Text == "" || m.Bot != "" { // else it is a preview of what the text links to
			for _, s := range []string{a.Pretext, a.Title, a.Text} {
				if s != "" {
					parts = append(parts, readable(s))
				}
			}
		}
	}
	for _, f := range m.Files {
		if name := f.Name; name != "" {
			parts = append(parts, "["+name+"]")
		}
	}
	return strings.Join(parts, "\n")
}

// silent are the kinds of message that nobody wrote.
var silent = map[string]bool{
	"channel_join": true, "channel_leave": true, "channel_topic": true, "channel_purpose": true, "channel_name": true, "channel_archive": true,
	"channel_unarchive": true, "group_join": true, "group_leave": true, "group_topic": true, "group_purpose": true, "group_name": true,
	"group_archive": true, "group_unarchive": true, "message_replied": true, "pinned_item": true, "unpinned_item": true, "channel_convert_to_private": true,
	"channel_posting_permissions": true, "bot_add": true, "bot_remove": true, "reminder_add": true, "huddle_thread": true, "ekm_access_denied": true,
	"assistant_app_thread": true, "tombstone": true, "document_mention": true, "bot_enable": true, "bot_disable": true, "sh_room_created": true,
}

// interaction is what somebody did with an element.
type interaction struct {
	Type string `json:"type"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Trigger string `json:"trigger_id"`
	Actions []struct {
		ID       string `json:"action_id"`
		Block    string `json:"block_id"`
		Type     string `json:"type"`
		Value    string `json:"value"`
		TS       string `json:"action_ts"`
		Selected []struct {
			Value string `json:"value"`
		} `json:"selected_options"`
	} `json:"actions"`
	Message  shown           `json:"-"`
	Chosen   message         `json:"-"` // of a shortcut
	Raw      json.RawMessage `json:"message"`
	Back     string          `json:"response_url"`
	Callback string          `json:"callback_id"`
	ActionTS string          `json:"action_ts"`
	Channel  struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		Ephemeral bool `json:"is_ephemeral"`
	} `json:"container"`
	View struct {
		ID       string `json:"id"`
		Callback string `json:"callback_id"`
		Private  string `json:"private_metadata"`
		shown
		State struct {
			Values map[string]map[string]struct {
				Value string `json:"value"`
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// shown is what holds elements.
type shown struct {
	Blocks []struct {
		ID       string            `json:"block_id"`
		Elements []json.RawMessage `json:"elements"`
	} `json:"blocks"`
}

// decodeInteraction reads what somebody did. The message of a shortcut may be
// anybody's, and is read leniently; that of an element is the bot's own.
func decodeInteraction(b []byte) (interaction, error) {
	var i interaction
	if err := json.Unmarshal(b, &i); err != nil {
		return i, err
	}
	if len(i.Raw) == 0 {
		return i, nil
	}
	if i.Type == "message_action" {
		return i, json.Unmarshal(i.Raw, &i.Chosen)
	}
	return i, json.Unmarshal(i.Raw, &i.Message)
}
