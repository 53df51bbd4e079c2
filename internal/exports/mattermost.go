package exports

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Mattermost's bulk export is one JSON object a line: version, then teams,
// channels, users, then post and direct_post objects with their replies.

type mattermostPost struct {
	Team, Channel  string
	ChannelMembers []string `json:"channel_members"`
	User, Message  string
	Type           string
	CreateAt       json.RawMessage `json:"create_at"`
	EditAt         json.RawMessage `json:"edit_at"`
	Attachments    []struct{ Path string }
	Replies        []mattermostPost
	Props          struct {
		Attachments []struct{ Fallback, Pretext, Title, Text string }
		Username    string // of who joined or left by themselves
		Added       string `json:"addedUsername"`
		Removed     string `json:"removedUsername"`
		Override    string `json:"override_username"` // of what posts through a web hook
	}
}

func (s *source) mattermost(out *sink) {
	titles := map[string]string{}
	s.lines(out, func(line []byte) {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		var in struct {
			Type    string
			Channel *struct {
				Team, Name  string
				DisplayName string `json:"display_name"`
			}
			Post       *mattermostPost
			DirectPost *mattermostPost `json:"direct_post"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			out.broken(s.place(), "this is not a line of a Mattermost export")
			return
		}
		switch {
		case in.Channel != nil:
			titles[in.Channel.Team+"/"+in.Channel.Name] = in.Channel.DisplayName
		case in.Post != nil:
			s.mattermostSend(out, *in.Post, firstOf(titles[in.Post.Team+"/"+in.Post.Channel], in.Post.Channel), false)
		case in.DirectPost != nil:
			s.mattermostSend(out, *in.DirectPost, strings.Join(in.DirectPost.ChannelMembers, ", "), true)
		}
	})
}

func (s *source) mattermostSend(out *sink, p mattermostPost, chat string, private bool) {
	m := Message{ID: chat + "/" + scalar(p.CreateAt), Chat: chat, Sender: firstOf(p.Props.Override, p.User), At: milliTime(p.CreateAt), Kind: Said, Private: private,
		Edited: !milliTime(p.EditAt).IsZero(), File: s.name, Line: s.line}
	parts := []string{p.Message}
	for _, a := range p.Props.Attachments {
		parts = append(parts, a.Pretext, a.Title, firstOf(a.Text, a.Fallback))
	}
	for _, a := range p.Attachments {
		m.Files, m.Kind = append(m.Files, a.Path), Media
	}
	m.Text = joined(parts)
	switch {
	case strings.HasPrefix(p.Type, "system_join"), strings.HasPrefix(p.Type, "system_add"):
		m.Kind, m.Who = Joined, []string{firstOf(p.Props.Added, p.Props.Username, p.User)}
	case strings.HasPrefix(p.Type, "system_leave"), strings.HasPrefix(p.Type, "system_remove"):
		m.Kind, m.Who = Left, []string{firstOf(p.Props.Removed, p.Props.Username, p.User)}
	case strings.HasPrefix(p.Type, "system_"):
		m.Kind = System
	}
	out.send(m)
	for _, r := range p.Replies {
		s.mattermostSend(out, r, chat, private)
	}
}
