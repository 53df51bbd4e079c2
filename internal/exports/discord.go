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
	Author                                        struct{ ID, Name, Nickname string }
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

// discord reads what DiscordChatExporter writes, or a list of a data package.
func (s *source) discord(out *sink) {
	if head := s.peek(sniffed); looksJSON(head) {
		if array, has := fields(head); array && has["Contents"] {
			s.discordOwn(out, s.chat)
			return
		}
	}
	w, chat, id := s.walk(out), s.chat, ""
	want, got := -1, 0
	w.run(func() error {
		return elements(w, []string{"messages"}, func(key string) error {
			var v struct{ ID, Name string }
			switch key {
			case "channel":
				_, err := w.value(&v)
				chat, id = firstOf(v.Name, chat), v.ID+"/"
				return err
			case "messageCount":
				_, err := w.value(&want)
				return err
			}
			return w.skip()
		}, func(m discordMessage) {
			got++
			r := m.message()
			r.Chat, r.File, r.ID = chat, s.name, id+m.ID
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
	out := Message{At: anyTime(m.Timestamp), Kind: Said, Edited: m.TimestampEdited != "", Sender: firstOf(m.Author.Nickname, m.Author.Name, m.Author.ID)}
	switch m.Type {
	case "GuildMemberJoin", "RecipientAdd", "UserJoin":
		out.Kind = Joined
	case "RecipientRemove":
		out.Kind = Left
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
func (t *tree) discordPackage(root string, out *sink) {
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
	for _, e := range t.files {
		dir, file := path.Split(e.name)
		if out.stopped || !strings.HasPrefix(e.name, root) || file != "messages.json" && file != "messages.csv" {
			continue
		}
		id := strings.TrimPrefix(path.Base(dir), "c")
		s, done, err := t.source(e.name)
		if err != nil {
			out.broken(t.inside+e.name, "it cannot be opened: "+reason(err))
			continue
		}
		if file == "messages.csv" {
			s.discordCSV(out, firstOf(names[id], id))
		} else {
			s.discordOwn(out, firstOf(names[id], id))
		}
		done()
	}
	out.gap(t.name, "a data package holds only what its one person wrote")
}

// own makes a message of a data package; the sender is its one person.
func (s *source) own(chat, id, at, text, files string) Message {
	m := Message{ID: id, Chat: chat, Sender: "the person of this package", At: anyTime(at), Kind: Said, Text: text, File: s.name}
	for f := range strings.FieldsSeq(files) {
		f, _, _ = strings.Cut(f, "?")
		m.Files, m.Kind = append(m.Files, path.Base(f)), Media
	}
	return m
}

func (s *source) discordOwn(out *sink, chat string) {
	type row struct {
		ID                               json.RawMessage
		Timestamp, Contents, Attachments string
	}
	w := s.walk(out)
	w.run(func() error {
		return elements(w, nil, nil, func(r row) { out.send(s.own(chat, scalar(r.ID), r.Timestamp, r.Contents, r.Attachments)) })
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

func (s *source) discordCSV(out *sink, chat string) {
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
		m := s.own(chat, row[0], row[1], row[2], joined(row[3:]))
		m.Line = line
		out.send(m)
	}
}
