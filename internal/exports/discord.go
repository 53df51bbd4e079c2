package exports

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Discord has no export for a whole channel. Read here are the JSON files that
// DiscordChatExporter writes (one for each channel) and the data package that
// Discord sends a person: messages/index.json and in a folder for each channel
// channel.json with messages.json or, before 2024, messages.csv. A package
// holds only what that person wrote.

type discordMessage struct {
	ID, Type, Timestamp, TimestampEdited, Content string
	Author                                        discordPerson
	Mentions                                      []discordPerson
	Attachments                                   []struct{ FileName string }
	Embeds                                        []struct {
		Title, URL, Description string
		Fields                  []struct{ Name, Value string }
	}
	Reference *struct{ MessageID string }
	Poll      *struct {
		Question struct{ Text string }
		Answers  []struct{ Text string }
	}
}

type discordPerson struct{ ID, Name, Nickname string }

func (p discordPerson) name() string { return firstOf(p.Nickname, p.Name, p.ID) }

// discord reads what DiscordChatExporter writes, or a list of a data package.
func (s *source) discord(out *sink) {
	if head := s.peek(sniffed); looksJSON(head) {
		if array, has := fields(head); array && has["Contents"] {
			s.discordOwn(out, discordChannel{name: s.chat})
			return
		}
	}
	w, chat, id := s.walk(out), s.chat, ""
	want, got, private := -1, 0, false
	w.run(func() error {
		return elements(w, []string{"messages"}, func(key string) error {
			var v struct{ ID, Name, Type string }
			switch key {
			case "channel":
				_, err := w.value(&v)
				chat, id = firstOf(v.Name, chat), v.ID+"/"
				private = strings.HasPrefix(v.Type, "Direct")
				return err
			case "messageCount":
				_, err := w.value(&want)
				return err
			}
			return w.skip()
		}, func(m discordMessage) {
			got++
			r := m.message()
			r.Chat, r.File, r.ID, r.Private = chat, s.name, id+m.ID, private
			if r.ReplyTo != "" {
				r.ReplyTo = id + r.ReplyTo
			}
			out.send(r)
		})
	})
	if want >= 0 && want != got {
		out.broken(s.name, fmt.Sprintf("it says that it holds %d messages, and %d were read", want, got))
	}
}

func (m discordMessage) message() Message {
	out := Message{At: anyTime(m.Timestamp), Kind: Said, Edited: m.TimestampEdited != "", Sender: m.Author.name()}
	switch m.Type {
	case "GuildMemberJoin", "UserJoin":
		out.Kind, out.Who = Joined, []string{out.Sender}
	case "RecipientAdd":
		out.Kind, out.Who = Joined, m.about()
	case "RecipientRemove":
		out.Kind, out.Who = Left, m.about()
	case "Default", "Reply", "", "ChatInputCommand", "ContextMenuCommand", "ThreadStarterMessage", "Forward":
	default:
		out.Kind = System
	}
	parts := []string{m.Content}
	for _, e := range m.Embeds {
		parts = append(parts, e.Title, e.Description)
		for _, f := range e.Fields {
			parts = append(parts, f.Name+": "+f.Value)
		}
	}
	if m.Reference != nil {
		out.ReplyTo = m.Reference.MessageID
	}
	if m.Poll != nil {
		parts = append(parts, m.Poll.Question.Text)
		for _, a := range m.Poll.Answers {
			parts = append(parts, a.Text)
		}
	}
	for _, a := range m.Attachments {
		out.Files = append(out.Files, a.FileName)
		if out.Kind == Said {
			out.Kind = Media
		}
	}
	out.Text = joined(parts)
	return out
}

// about names the people whom a line of the platform is about: those in it, or
// else who caused it.
func (m discordMessage) about() (who []string) {
	for _, p := range m.Mentions {
		who = append(who, p.name())
	}
	if who == nil {
		who = []string{m.Author.name()}
	}
	return who
}

// joined puts the parts that are there on lines of their own.
func joined(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p)
	}
	return b.String()
}

// discordPackage reads the folder of messages of a data package.
func (t *tree) discordPackage(l layout, out *sink) {
	root := l.root
	names := map[string]string{}
	if s, done, err := t.source(root + "index.json"); err == nil {
		w := s.walk(out)
		w.run(func() error {
			return w.object(func(id string) error {
				var name *string
				_, err := w.value(&name)
				if name != nil {
					names[id] = *name
				}
				return err
			})
		})
		done()
	}
	other := 0
	for _, e := range t.files {
		dir, file := path.Split(e.name)
		if out.stopped {
			return
		}
		if !strings.HasPrefix(e.name, root) || file != "messages.json" && file != "messages.csv" {
			if strings.HasPrefix(e.name, l.claims) && file != "channel.json" && e.name != root+"index.json" {
				other++
			}
			continue
		}
		id := strings.TrimPrefix(path.Base(dir), "c")
		c := t.discordChannel(dir, out)
		c.name = firstOf(names[id], c.name, id)
		s, done, err := t.source(e.name)
		if err != nil {
			out.broken(t.inside+e.name, "it cannot be opened: "+reason(err))
			continue
		}
		if file == "messages.csv" {
			s.discordCSV(out, c)
		} else {
			s.discordOwn(out, c)
		}
		done()
	}
	if other > 0 {
		out.gap(t.place(l.claims), many(other, "other file")+" not looked into")
	}
	out.gap(t.place(l.claims), "a data package holds only what its one person wrote")
}

// discordChannel is what a data package says of a channel.
type discordChannel struct {
	name    string
	private bool
}

// discordChannel reads the file beside the messages of a channel; its type is
// a word today and was a number before.
func (t *tree) discordChannel(dir string, out *sink) (c discordChannel) {
	if !t.has(dir + "channel.json") {
		return c
	}
	s, done, err := t.source(dir + "channel.json")
	if err != nil {
		out.broken(t.inside+dir+"channel.json", "it cannot be opened: "+reason(err))
		return c
	}
	defer done()
	var v struct {
		Name string
		Type json.RawMessage
	}
	w := s.walk(out)
	w.run(func() error {
		_, err := w.value(&v)
		return err
	})
	kind := scalar(v.Type)
	return discordChannel{name: v.Name, private: kind == "DM" || kind == "GROUP_DM" || kind == "1" || kind == "3"}
}

// own makes a message of a data package; the sender is its one person.
func (s *source) own(c discordChannel, id, at, text, files string) Message {
	m := Message{ID: id, Chat: c.name, Private: c.private, Sender: "the person of this package", At: anyTime(at), Kind: Said, Text: text, File: s.name}
	for f := range strings.FieldsSeq(files) {
		f, _, _ = strings.Cut(f, "?")
		m.Files, m.Kind = append(m.Files, path.Base(f)), Media
	}
	return m
}

func (s *source) discordOwn(out *sink, c discordChannel) {
	type row struct {
		ID                               json.RawMessage
		Timestamp, Contents, Attachments string
	}
	w := s.walk(out)
	w.run(func() error {
		return elements(w, nil, nil, func(r row) { out.send(s.own(c, scalar(r.ID), r.Timestamp, r.Contents, r.Attachments)) })
	})
}

// bounded ends a stream where one record of it is too large to be held.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (s *source) discordCSV(out *sink, c discordChannel) {
	in := &bounded{r: s.r}
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	line := 1
	for !out.stopped {
		in.left = maxText
		row, err := r.Read()
		if len(row) > 0 {
			line, _ = r.FieldPos(0)
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			out.broken(fmt.Sprintf("%s:%d", s.name, line), "it cannot be read to its end: "+reason(err))
			return
		case len(row) < 3:
			out.broken(fmt.Sprintf("%s:%d", s.name, line), "the line has fewer columns than ID, Timestamp, Contents")
			continue
		case strings.EqualFold(strings.Trim(row[0], "\ufeff"), "ID"):
			continue
		}
		m := s.own(c, row[0], row[1], row[2], joined(row[3:]))
		m.Line = line
		out.send(m)
	}
}
