package lab

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// draft is a message as a client sends it.
type draft struct {
	Content    *string         `json:"content"`
	Nonce      json.RawMessage `json:"nonce"`
	Enforce    bool            `json:"enforce_nonce"`
	Flags      int             `json:"flags"`
	Embeds     []any           `json:"embeds"`
	Components *[]any          `json:"components"`
	Reference  *Reference      `json:"message_reference"`
}

func (d *draft) nonce() string {
	var s string
	if json.Unmarshal(d.Nonce, &s) != nil {
		s = string(d.Nonce)
	}
	if s == "null" {
		return ""
	}
	return s
}

// longest is how many characters a message has at most.
const longest = 2000

func (d *draft) faulty() *failure {
	text := ""
	if d.Content != nil {
		text = *d.Content
	}
	switch {
	case utf8.RuneCountInString(text) > longest:
		return errForm
	case text == "" && len(d.Embeds) == 0 && (d.Components == nil || len(*d.Components) == 0):
		return errEmpty
	}
	return nil
}

func getChannel(r *request) (answer, *failure) {
	c, f := r.channel(View)
	if f != nil {
		return no(f)
	}
	return ok(c)
}

// getMessages gives a page of at most a hundred, the newest first.
func getMessages(r *request) (answer, *failure) {
	c, f := r.channel(View)
	if f != nil {
		return no(f)
	}
	out := []*Message{}
	if !r.lab.may(r.app.User.ID, c).Has(ReadHistory) {
		return ok(out)
	}
	q := r.http.URL.Query()
	limit := 50
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return no(errForm)
		}
		limit = n
	}
	after, _ := ParseID(q.Get("after"))
	before, _ := ParseID(q.Get("before"))
	visible := slices.DeleteFunc(slices.Clone(c.messages), func(m *Message) bool {
		return m.only != 0 || m.ID <= after || (before != 0 && m.ID >= before)
	})
	if q.Has("after") { // the oldest that follow
		visible = visible[:min(limit, len(visible))]
	}
	for _, m := range slices.Backward(visible[max(0, len(visible)-limit):]) {
		out = append(out, r.lab.shown(m, r.app))
	}
	return ok(out)
}

func getMessage(r *request) (answer, *failure) {
	c, f := r.channel(View | ReadHistory)
	if f != nil {
		return no(f)
	}
	m := c.message(r.id("message"))
	if m == nil || m.only != 0 {
		return no(errMessage)
	}
	return ok(r.lab.shown(m, r.app))
}

// shown is a message as an application sees it: without the content intent
// only its own, those of direct conversations and those that mention it have
// any text. The addresses of attachments are signed anew.
func (l *Lab) shown(m *Message, a *App) *Message {
	out := *m
	out.Attachments = make([]*Attachment, 0, len(m.Attachments))
	for _, at := range m.Attachments {
		signed := *at
		signed.URL = l.sign(at)
		signed.Proxy = signed.URL
		out.Attachments = append(out.Attachments, &signed)
	}
	c := l.channels[m.Channel]
	mentioned := slices.ContainsFunc(m.Mentions, func(u *User) bool { return u.ID == a.ID })
	if a.Intents&IntentContent == 0 && m.Author.ID != a.User.ID && c.Type != Direct && !mentioned {
		out.Content, out.Embeds, out.Components, out.Attachments = "", []any{}, []any{}, []*Attachment{}
	}
	return &out
}

func postMessage(r *request) (answer, *failure) {
	c, f := r.channel(View)
	if f != nil {
		return no(f)
	}
	want := Send
	if c.thread() {
		want = SendInThreads
	}
	if !r.lab.may(r.app.User.ID, c).Has(want) {
		return no(errPermission)
	}
	var d draft
	if f := r.in(&d); f != nil {
		return no(f)
	}
	if f := d.faulty(); f != nil {
		return no(f)
	}
	if c.Type == Direct {
		for _, u := range c.Recipients {
			if u.ID != r.app.User.ID {
				if f := r.lab.reaches(r.app.User, u); f != nil {
					return no(f)
				}
			}
		}
	}
	if n := d.nonce(); d.Enforce && n != "" { // the same within a few minutes is the same message
		for _, m := range slices.Backward(c.messages) {
			if m.Nonce == n && m.Author.ID == r.app.User.ID && r.lab.now().Sub(m.At) < 5*time.Minute {
				return ok(r.lab.shown(m, r.app))
			}
		}
	}
	m := r.lab.compose(c, r.app.User, &d)
	r.lab.posted(c, m)
	return ok(r.lab.shown(m, r.app))
}

// postThread begins a post in a forum: a thread with its first message, which
// has the id of the thread.
func postThread(r *request) (answer, *failure) {
	c, f := r.channel(View | Send)
	if f != nil {
		return no(f)
	}
	var in struct {
		Name    string `json:"name"`
		Archive int    `json:"auto_archive_duration"`
		Message *draft `json:"message"`
	}
	if f := r.in(&in); f != nil {
		return no(f)
	}
	if c.Type != Forum || in.Name == "" || utf8.RuneCountInString(in.Name) > 100 || in.Message == nil || !slices.Contains([]int{0, 60, 1440, 4320, 10080}, in.Archive) {
		return no(errForm)
	}
	if f := in.Message.faulty(); f != nil {
		return no(f)
	}
	t := r.lab.thread(c, r.app.User, in.Name)
	m := r.lab.compose(t, r.app.User, in.Message)
	m.ID = t.ID
	r.lab.posted(t, m)
	var out map[string]any
	if err := json.Unmarshal(raw(t), &out); err != nil {
		panic(err)
	}
	out["message"] = r.lab.shown(m, r.app)
	return answer{201, out}, nil
}

// reaches says why a direct message cannot be sent, if so.
func (l *Lab) reaches(from, to *User) *failure {
	mutual := false
	for _, g := range l.guilds {
		mutual = mutual || g.member(from.ID) != nil && g.member(to.ID) != nil
	}
	switch {
	case !mutual:
		return errNoMutual
	case to.closed:
		return errCannotDM
	}
	return nil
}

// compose makes a message of a draft; it is not in its channel yet.
func (l *Lab) compose(c *Channel, by *User, d *draft) *Message {
	m := &Message{
		ID: l.next(), Channel: c.ID, Author: by, Mentions: []*User{}, Roles: []ID{}, Attachments: []*Attachment{},
		Embeds: []any{}, Components: []any{}, Flags: d.Flags &^ ephemeral, Nonce: d.nonce(), At: l.now().UTC(),
	}
	if d.Content != nil {
		m.Content = *d.Content
	}
	if d.Embeds != nil {
		m.Embeds = d.Embeds
	}
	if d.Components != nil {
		m.Components = numbered(*d.Components)
	}
	if d.Reference != nil {
		ref := *d.Reference
		ref.Channel = c.ID
		m.Type, m.Reference = 19, &ref
	}
	return m
}

// numbered gives components the ids that Discord gives them.
func numbered(list []any) []any {
	n := 0
	var walk func(any) any
	walk = func(v any) any {
		o, isObject := v.(map[string]any)
		if !isObject {
			return v
		}
		n++
		out := map[string]any{}
		for k, x := range o {
			out[k] = x
		}
		if _, given := out["id"]; !given {
			out["id"] = n
		}
		if inner, has := out["components"].([]any); has {
			next := make([]any, 0, len(inner))
			for _, x := range inner {
				next = append(next, walk(x))
			}
			out["components"] = next
		}
		return out
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, walk(v))
	}
	return out
}

// posted puts a message into its channel and tells everyone who may see it.
func (l *Lab) posted(c *Channel, m *Message) {
	c.messages = append(c.messages, m)
	slices.SortFunc(c.messages, func(a, b *Message) int { return cmp.Compare(a.ID, b.ID) })
	c.Last = &c.messages[len(c.messages)-1].ID
	if c.Count != nil {
		*c.Count++
		*c.Total++
	}
	l.tellMessage(c, "MESSAGE_CREATE", m)
}

func patchMessage(r *request) (answer, *failure) {
	c, f := r.channel(View)
	if f != nil {
		return no(f)
	}
	m := c.message(r.id("message"))
	switch {
	case m == nil || m.only != 0:
		return no(errMessage)
	case m.Author.ID != r.app.User.ID:
		return no(errAuthor)
	}
	var d draft
	if f := r.in(&d); f != nil {
		return no(f)
	}
	r.lab.edit(m, &d)
	r.lab.tellMessage(c, "MESSAGE_UPDATE", m)
	return ok(r.lab.shown(m, r.app))
}

func (l *Lab) edit(m *Message, d *draft) {
	if d.Content != nil {
		m.Content = *d.Content
	}
	if d.Embeds != nil {
		m.Embeds = d.Embeds
	}
	if d.Components != nil {
		m.Components = numbered(*d.Components)
	}
	now := l.now().UTC()
	m.Edited = &now
}

func deleteMessage(r *request) (answer, *failure) {
	c, f := r.channel(View)
	if f != nil {
		return no(f)
	}
	m := c.message(r.id("message"))
	if m == nil || m.only != 0 {
		return no(errMessage)
	}
	own := m.Author.ID == r.app.User.ID
	if !own && (c.Type == Direct || !r.lab.may(r.app.User.ID, c).Has(ManageMessages)) {
		return no(errPermission)
	}
	if !own {
		r.lab.log(r.lab.guilds[c.Guild], auditDelete, r.app.User.ID, m.Author.ID, r.reason)
	}
	r.lab.remove(c, m.ID)
	return nothing()
}

func (l *Lab) remove(c *Channel, id ID) {
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.ID == id })
	data := map[string]any{"id": id, "channel_id": c.ID}
	intent := IntentDirect
	if c.Guild != 0 {
		data["guild_id"], intent = c.Guild, IntentMessages
	}
	l.tell(c.Guild, c.ID, "MESSAGE_DELETE", data, intent)
}

// bulkAge is how old a message may be to be deleted with others.
const bulkAge = 14 * 24 * time.Hour

func bulkDelete(r *request) (answer, *failure) {
	c, f := r.channel(View | ManageMessages)
	if f != nil {
		return no(f)
	}
	var in struct {
		Messages []ID `json:"messages"`
	}
	if f := r.in(&in); f != nil {
		return no(f)
	}
	if len(in.Messages) < 2 || len(in.Messages) > 100 {
		return no(errForm)
	}
	seen := map[ID]bool{}
	for _, id := range in.Messages {
		if seen[id] {
			return no(errForm)
		}
		seen[id] = true
		if r.lab.now().Sub(id.Time()) > bulkAge {
			return no(errOld)
		}
	}
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return seen[m.ID] })
	r.lab.log(r.lab.guilds[c.Guild], auditBulkDelete, r.app.User.ID, c.ID, r.reason)
	r.lab.tell(c.Guild, c.ID, "MESSAGE_DELETE_BULK", map[string]any{"ids": in.Messages, "channel_id": c.ID, "guild_id": c.Guild}, IntentMessages)
	return nothing()
}

func putReaction(r *request) (answer, *failure) {
	c, f := r.channel(View | ReadHistory | AddReactions)
	if f != nil {
		return no(f)
	}
	m := c.message(r.id("message"))
	if m == nil {
		return no(errMessage)
	}
	emoji, err := url.PathUnescape(r.http.PathValue("emoji"))
	if err != nil {
		return no(errForm)
	}
	r.lab.react(c, m, r.app.User, emoji)
	return nothing()
}

func (l *Lab) react(c *Channel, m *Message, by *User, emoji string) {
	i := slices.IndexFunc(m.Reactions, func(x *Reaction) bool { return x.Emoji.Name == emoji })
	if i < 0 {
		x := &Reaction{Details: map[string]int{"burst": 0, "normal": 0}, Colors: []string{}}
		x.Emoji.Name = emoji
		i, m.Reactions = len(m.Reactions), append(m.Reactions, x)
	}
	x := m.Reactions[i]
	if slices.Contains(x.who, by.ID) {
		return
	}
	x.who = append(x.who, by.ID)
	x.Count++
	x.Details["normal"]++
	l.tell(c.Guild, c.ID, "MESSAGE_REACTION_ADD", map[string]any{
		"user_id": by.ID, "channel_id": c.ID, "message_id": m.ID, "guild_id": c.Guild,
		"emoji": x.Emoji, "burst": false, "type": 0, "message_author_id": m.Author.ID,
	}, IntentReactions)
}

// attachment gives out a file while its address is valid.
func (l *Lab) attachment(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	var data []byte
	id, _ := ParseID(r.PathValue("attachment"))
	channel, _ := ParseID(r.PathValue("channel"))
	if c := l.channels[channel]; c != nil && l.valid(r.URL) {
		for _, m := range c.messages {
			for _, a := range m.Attachments {
				if a.ID == id {
					data = a.data
				}
			}
		}
	}
	status := http.StatusOK
	if data == nil {
		status = http.StatusNotFound
	}
	l.calls = append(l.calls, Call{At: l.now(), Method: r.Method, Path: r.URL.Path, Route: "GET /attachments", Status: status})
	l.mu.Unlock()
	if data == nil {
		http.Error(w, "This content is no longer available.", http.StatusNotFound)
		return
	}
	io.Copy(w, bytes.NewReader(data))
}
