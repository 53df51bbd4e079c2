package exports

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Slack export is a zip or folder: channels.json, and with approval
// groups.json, dms.json and mpims.json; users.json or org_users.json; one
// folder for each conversation, one file of messages for each day in it. Lists
// of messages alone, {"messages":[…]} as the API gives them, and dumps with
// one such file for each channel are read too.

// slackMessage is a message as conversations.history gives it.
type slackMessage struct {
	Type, Subtype, User, Text, TS string
	Thread                        string `json:"thread_ts"`
	BotID                         string `json:"bot_id"`
	Username, Inviter             string
	Profile                       *struct {
		RealName    string `json:"real_name"`
		DisplayName string `json:"display_name"`
	} `json:"user_profile"`
	Edited *struct{ TS string }
	Files  []struct {
		Name, Title, Mode string
	}
	Attachments []struct {
		Fallback, Pretext, Title, Text string
		Fields                         []struct{ Title, Value string }
	}
	Blocks   json.RawMessage
	Message  *slackMessage
	Previous *slackMessage `json:"previous_message"` // what an edit or a deletion took away
	Original *slackMessage
	Replies  []slackMessage `json:"slackdump_thread_replies"`
}

// slackNames knows people and conversations by their ids.
type slackNames struct{ people, chats map[string]string }

// slack reads one file of messages.
func (s *source) slack(out *sink) { s.slackFile(out, slackNames{}, s.chat, "", false) }

func (s *source) slackFile(out *sink, names slackNames, chat, prefix string, private bool) {
	w, strange := s.walk(out), 0
	w.run(func() error {
		return elements(w, []string{"messages"}, func(key string) error {
			if key != "name" && key != "channel_id" {
				return w.skip()
			}
			var v string
			_, err := w.value(&v)
			if v != "" && (key == "name" || prefix == "") {
				chat = v
			}
			return err
		}, func(m slackMessage) {
			if m.TS == "" {
				strange++
			}
			s.slackSend(out, m, names, Message{Chat: chat, File: s.name, ID: prefix, Private: private})
		})
	})
	switch {
	case strange == 1:
		out.broken(s.name, "1 entry has no time, and is no message")
	case strange > 1:
		out.broken(s.name, fmt.Sprintf("%d entries have no time, and are no messages", strange))
	}
}

// slackSend hands over a message, what it was before where the export says so,
// and the replies that stand in it.
func (s *source) slackSend(out *sink, m slackMessage, names slackNames, at Message) {
	send := func(m slackMessage, id string) {
		if r, ok := m.message(names); ok {
			r.Chat, r.File, r.ID, r.Private = at.Chat, at.File, at.ID+id, at.Private
			if r.ReplyTo != "" {
				r.ReplyTo = at.ID + r.ReplyTo
			}
			out.send(r)
		}
	}
	for _, was := range []*slackMessage{m.Previous, m.Original} {
		if was != nil && was.Text != "" && (m.Message == nil || m.Message.Text != was.Text) {
			before := *was
			before.TS, before.Edited, before.Subtype = firstOf(was.TS, m.TS), &struct{ TS string }{m.TS}, ""
			send(before, m.TS+"/before")
		}
	}
	if m.Previous != nil && m.Message == nil {
		m.User = firstOf(m.User, m.Previous.User) // whose message was deleted
	}
	send(m, m.TS)
	for _, r := range m.Replies {
		if r.TS != m.TS { // the list begins with the message itself
			s.slackSend(out, r, names, at)
		}
	}
}

// slackNames reads who and what an export speaks of: people and conversations
// by their ids, and conversations by the names of their folders.
func (t *tree) slackNames(root string, out *sink) (slackNames, map[string]slackChat) {
	names := slackNames{map[string]string{}, map[string]string{}}
	for _, f := range []string{"users.json", "org_users.json"} {
		t.list(root+f, out, func(u slackPerson) { names.people[u.ID] = u.name() })
	}
	folders := map[string]slackChat{}
	for _, f := range []string{"channels.json", "groups.json", "dms.json", "mpims.json"} {
		t.list(root+f, out, func(c slackChat) {
			names.chats[c.ID] = c.Name
			for _, folder := range []string{c.ID, c.Name} {
				if folder != "" {
					folders[folder] = c
				}
			}
		})
	}
	return names, folders
}

// slack reads a whole export, its names first.
func (t *tree) slack(root string, out *sink) {
	place := t.place(root)
	names, folders := t.slackNames(root, out)
	named := out.named
	for _, kind := range []struct{ file, what string }{{"groups.json", "private channels"}, {"dms.json", "direct messages"}, {"mpims.json", "direct messages of several people"}} {
		if !t.has(root + kind.file) {
			out.gap(place, "the export holds no "+kind.what)
		}
	}
	files, left := 0, map[string]int{}
	for _, e := range t.files {
		rel, ok := strings.CutPrefix(e.name, root)
		folder, day, in := strings.Cut(rel, "/")
		if out.stopped || !ok {
			continue
		}
		if read, list := slackLists[rel]; list {
			if !read {
				left["other file"]++
			}
			continue
		}
		if !in || path.Ext(day) != ".json" || strings.Contains(day, "/") { // a canvas, or what lies there by chance
			t.one(e, Auto, left, out)
			continue
		}
		files++
		c, known := folders[folder]
		if !known {
			c = slackChat{ID: folder, Name: folder}
		}
		s, done, err := t.source(e.name)
		if err != nil {
			out.broken(t.inside+e.name, "it cannot be opened: "+reason(err))
			continue
		}
		s.slackFile(out, names, c.title(names), c.ID+"/", c.private())
		done()
	}
	t.say(left, out)
	if n := out.named - named; n > 0 {
		out.gap(place, many(n, "file")+" named; a Slack export holds none of them")
	}
	if files == 0 {
		out.broken(place, "the export holds no messages")
	}
}

// slackLists are the files of an export that hold no messages: people and
// chats, which are read first, and what apps and moderators did (false), which
// is left closed.
var slackLists = map[string]bool{
	"channels.json": true, "groups.json": true, "dms.json": true, "mpims.json": true, "users.json": true, "org_users.json": true,
	"integration_logs.json": false, "canvases.json": false, "content_flags.json": false,
}

type slackPerson struct {
	ID, Name string
	RealName string `json:"real_name"`
	Profile  struct {
		RealName    string `json:"real_name"`
		DisplayName string `json:"display_name"`
	}
}

func (u slackPerson) name() string {
	return firstOf(u.Profile.RealName, u.RealName, u.Profile.DisplayName, u.Name, u.ID)
}

type slackChat struct {
	ID, Name string
	Members  []string
}

// private reports whether the conversation is called by the people in it.
func (c slackChat) private() bool { return c.Name == "" || strings.HasPrefix(c.Name, "mpdm-") }

// title names a conversation: direct messages by the people in it.
func (c slackChat) title(names slackNames) string {
	if c.Name != "" {
		return c.Name
	}
	var people []string
	for _, m := range c.Members {
		people = append(people, firstOf(names.people[m], m))
	}
	return firstOf(strings.Join(people, ", "), c.ID)
}

// list reads a file that is one JSON list; one that is not there is empty.
func (t *tree) list(name string, out *sink, f any) {
	if !t.has(name) {
		return
	}
	s, done, err := t.source(name)
	if err != nil {
		out.broken(t.inside+name, "it cannot be opened: "+reason(err))
		return
	}
	defer done()
	w := s.walk(out)
	w.run(func() error {
		switch f := f.(type) {
		case func(slackPerson):
			return elements(w, nil, nil, f)
		case func(slackChat):
			return elements(w, nil, nil, f)
		}
		return io.ErrUnexpectedEOF
	})
}

func firstOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// message translates; false for what is no message.
func (m slackMessage) message(names slackNames) (Message, bool) {
	if m.Message != nil && m.TS != "" {
		m.Message.TS = m.TS
		return m.Message.message(names)
	}
	if m.TS == "" {
		return Message{}, false
	}
	out := Message{At: unixTime(m.TS), Kind: Said, Edited: m.Edited != nil, Sender: names.people[m.User]}
	if out.Sender == "" && m.Profile != nil {
		out.Sender = firstOf(m.Profile.RealName, m.Profile.DisplayName)
	}
	out.Sender = firstOf(out.Sender, m.Username, m.User, m.BotID)
	if m.Thread != m.TS {
		out.ReplyTo = m.Thread
	}
	switch m.Subtype {
	case "channel_join", "group_join":
		out.Kind, out.Who = Joined, []string{out.Sender}
	case "channel_leave", "group_leave":
		out.Kind, out.Who = Left, []string{out.Sender}
	case "tombstone", "message_deleted":
		out.Kind = Deleted
	case "", "bot_message", "file_share", "file_comment", "file_mention", "me_message", "thread_broadcast", "message_replied":
	default:
		out.Kind = System
	}
	lines := []string{slackText(m.Text, names)}
	add := func(s string) { // apps repeat themselves: what stands there is not added
		if s = slackText(s, names); s != lines[0] && s != lines[len(lines)-1] {
			lines = append(lines, s)
		}
	}
	if m.Text == "" {
		add(blockText(m.Blocks))
	}
	for _, a := range m.Attachments {
		add(a.Pretext)
		add(a.Title)
		add(firstOf(a.Text, a.Fallback))
		for _, f := range a.Fields {
			add(strings.TrimSpace(f.Title + ": " + f.Value))
		}
	}
	for _, f := range m.Files {
		out.Files = append(out.Files, firstOf(f.Name, f.Title, "a file"))
		if out.Kind == Said {
			out.Kind = Media
		}
		add(firstOf(f.Title, f.Name))
	}
	out.Text = joined(lines)
	return out, true
}

var slackMark = regexp.MustCompile(`<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>`)

// slackText resolves Slack's mark-up into what people read.
func slackText(text string, names slackNames) string {
	if !strings.ContainsAny(text, "<&") {
		return text
	}
	text = slackMark.ReplaceAllStringFunc(text, func(s string) string {
		p := slackMark.FindStringSubmatch(s)
		kind, target, label := p[1], p[2], p[3]
		switch kind {
		case "@":
			return "@" + firstOf(names.people[target], label, target)
		case "#":
			return "#" + firstOf(names.chats[target], label, target)
		case "!":
			return "@" + firstOf(strings.TrimPrefix(label, "@"), target)
		}
		bare := strings.TrimPrefix(strings.TrimPrefix(target, "mailto:"), "tel:")
		if label == "" || label == bare {
			return bare
		}
		return label + " (" + bare + ")"
	})
	return html.UnescapeString(text)
}

// blockText gathers the texts of Block Kit, for messages that have no other.
func blockText(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	var b strings.Builder
	key, depth, object := "", 0, []bool{}
	isKey := false
	for {
		t, err := dec.Token()
		if err != nil {
			return strings.TrimSpace(b.String())
		}
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				object = append(object, v == '{')
				depth++
				if v == '[' && key == "elements" {
					b.WriteByte('\n')
				}
			} else {
				depth--
				object = object[:depth]
			}
			isKey = depth > 0 && object[depth-1]
			continue
		case string:
			if isKey {
				key, isKey = v, false
				continue
			}
			if key == "text" || key == "url" {
				b.WriteString(v)
			}
		}
		isKey = depth > 0 && object[depth-1]
	}
}

// unixTime reads seconds since 1970 with a fraction, as a JSON string.
func unixTime(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec <= 0 || sec > 1<<36 {
		return time.Time{}
	}
	nano, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(sec, nano).UTC()
}

// milliTime reads milliseconds since 1970.
func milliTime(raw json.RawMessage) time.Time {
	ms, err := strconv.ParseInt(scalar(raw), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(scalar(raw), 64)
		if ferr != nil {
			return time.Time{}
		}
		ms, err = int64(f), nil
	}
	if err != nil || ms <= 0 || ms > 1<<46 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// anyTime reads a time as RFC 3339 and its kin write it.
func anyTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999-07:00", time.DateTime, "2006-01-02 15:04:05 UTC"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
