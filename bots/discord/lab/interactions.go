package lab

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	firstAnswer = 3 * time.Second  // an interaction that is not answered by then has failed
	tokenLife   = 15 * time.Minute // after its end nothing more can be said in it
)

// The kinds of interaction, and of first answers to one.
const (
	AskedCommand = 2
	AskedButton  = 3
	AskedModal   = 5

	answerMessage  = 4
	answerLater    = 5
	answerSilently = 6
	answerUpdate   = 7
	answerModal    = 9
)

// Interaction is something that a person did and an application has to answer:
// a button, a command, a form.
type Interaction struct {
	ID      ID
	Token   string
	Kind    int
	User    ID
	Channel ID
	At      time.Time
	On      *Message       // the message whose button was pressed
	Answer  int            // the kind of the first answer; 0 is none yet
	Modal   map[string]any // the form that was shown
	Said    *Message       // the message of the first answer

	app  *App
	sent bool // the form was sent
}

// Command is a command of an application.
type Command struct {
	ID          ID     `json:"id"`
	Application ID     `json:"application_id"`
	Version     ID     `json:"version"`
	Permissions any    `json:"default_member_permissions"`
	Type        int    `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Options     []any  `json:"options,omitempty"`
	Contexts    []int  `json:"contexts,omitempty"`
}

// commandName is how commands that are written are called.
var commandName = regexp.MustCompile(`^[-_a-z0-9]{1,32}$`)

func getCommands(r *request) (answer, *failure) {
	out := r.app.Commands
	if out == nil {
		out = []*Command{}
	}
	return ok(out)
}

func putCommands(r *request) (answer, *failure) {
	var in []*Command
	if f := r.in(&in); f != nil {
		return no(f)
	}
	for _, c := range in {
		if c.Type == 0 {
			c.Type = 1
		}
		slash := c.Type == 1
		if c.Name == "" || len(c.Name) > 32 || slash != (c.Description != "") || slash && !commandName.MatchString(c.Name) || len(c.Description) > 100 {
			return no(errForm)
		}
		c.ID, c.Application, c.Version = r.lab.next(), r.app.ID, r.lab.next()
	}
	r.app.Commands = in
	return ok(in)
}

// ask dispatches an interaction to its application. The caller holds the lock.
func (l *Lab) ask(app *App, kind int, user *User, c *Channel, data map[string]any, on *Message) *Interaction {
	var b [16]byte
	rand.Read(b[:])
	in := &Interaction{ID: l.next(), Token: hex.EncodeToString(b[:]), Kind: kind, User: user.ID, Channel: c.ID, At: l.now(), On: on, app: app}
	l.asked[in.Token] = in
	event := map[string]any{
		"id": in.ID, "application_id": app.ID, "type": kind, "token": in.Token, "version": 1, "channel_id": c.ID, "channel": c, "data": data,
		"locale": "en-GB", "entitlements": []any{}, "authorizing_integration_owners": map[string]any{}, "context": 0,
		"app_permissions": l.may(app.User.ID, c), "attachment_size_limit": 10 << 20,
	}
	if g := l.guilds[c.Guild]; g != nil {
		m := *g.member(user.ID)
		event["guild_id"], event["guild_locale"] = g.ID, "en-GB"
		member := memberOf(g, &m)
		member["permissions"] = l.may(user.ID, c)
		event["member"] = member
	} else {
		event["user"], event["context"] = user, 1
	}
	if on != nil {
		event["message"] = l.shown(on, app)
	}
	for _, s := range l.sessions {
		if s.app == app {
			s.dispatch("INTERACTION_CREATE", event)
		}
	}
	return in
}

// callback is a first answer to an interaction.
type callback struct {
	Type int `json:"type"`
	Data struct {
		draft
		CustomID string `json:"custom_id"`
		Title    string `json:"title"`
	} `json:"data"`
}

func postCallback(r *request) (answer, *failure) {
	in := r.lab.asked[r.http.PathValue("token")]
	var cb callback
	if f := r.in(&cb); f != nil {
		return no(f)
	}
	switch {
	case in == nil || in.ID != r.id("interaction") || r.lab.now().Sub(in.At) > firstAnswer:
		return no(errAsked)
	case in.Answer != 0:
		return no(errAnswered)
	}
	c := r.lab.channels[in.Channel]
	switch cb.Type {
	case answerMessage:
		if f := cb.Data.faulty(); f != nil {
			return no(f)
		}
		in.Said = r.lab.reply(in, c, &cb.Data.draft)
	case answerLater: // "thinking…", until it is edited
		cb.Data.Flags |= thinking
		in.Said = r.lab.reply(in, c, &cb.Data.draft)
	case answerSilently:
	case answerUpdate:
		if in.On == nil {
			return no(errForm)
		}
		r.lab.edit(in.On, &cb.Data.draft)
		if in.On.only == 0 {
			r.lab.tellMessage(c, "MESSAGE_UPDATE", in.On)
		}
		in.Said = in.On
	case answerModal:
		if cb.Data.CustomID == "" || len(cb.Data.Title) == 0 || len(cb.Data.Title) > 45 || cb.Data.Components == nil || in.Kind == AskedModal {
			return no(errForm)
		}
		in.Modal = map[string]any{"custom_id": cb.Data.CustomID, "title": cb.Data.Title, "components": *cb.Data.Components}
	default:
		return no(errForm)
	}
	in.Answer = cb.Type
	return nothing()
}

// reply says something in an interaction: to everyone in the channel, or to the
// person alone.
func (l *Lab) reply(in *Interaction, c *Channel, d *draft) *Message {
	m := l.compose(c, in.app.User, d)
	m.Webhook, m.Application = &in.app.ID, &in.app.ID
	if d.Flags&ephemeral != 0 {
		m.Flags |= ephemeral
		m.only = in.User
		c.messages = append(c.messages, m)
		return m
	}
	l.posted(c, m)
	return m
}

// followed finds the interaction of a token that is still good.
func (r *request) followed() (*Interaction, *Channel, *failure) {
	in := r.lab.asked[r.http.PathValue("token")]
	switch {
	case in == nil || in.app.ID != r.id("application") || in.Answer == 0:
		return nil, nil, errWebhook
	case r.lab.now().Sub(in.At) > tokenLife:
		return nil, nil, errExpired
	}
	return in, r.lab.channels[in.Channel], nil
}

func postFollowup(r *request) (answer, *failure) {
	in, c, f := r.followed()
	if f != nil {
		return no(f)
	}
	var d draft
	if f := r.in(&d); f != nil {
		return no(f)
	}
	if f := d.faulty(); f != nil {
		return no(f)
	}
	m := r.lab.reply(in, c, &d)
	if in.Said == nil {
		in.Said = m
	}
	return ok(r.lab.shown(m, in.app))
}

// followup finds a message of an interaction; @original is its first.
func (r *request) followup() (*Interaction, *Channel, *Message, *failure) {
	in, c, f := r.followed()
	if f != nil {
		return nil, nil, nil, f
	}
	m := in.Said
	if name := r.http.PathValue("message"); name != "@original" {
		id, _ := ParseID(name)
		m = c.message(id)
	}
	if m == nil || m.Author != in.app.User {
		return nil, nil, nil, errMessage
	}
	return in, c, m, nil
}

func getFollowup(r *request) (answer, *failure) {
	in, _, m, f := r.followup()
	if f != nil {
		return no(f)
	}
	return ok(r.lab.shown(m, in.app))
}

func patchFollowup(r *request) (answer, *failure) {
	in, c, m, f := r.followup()
	if f != nil {
		return no(f)
	}
	var d draft
	if f := r.in(&d); f != nil {
		return no(f)
	}
	if d.Content != nil && utf8.RuneCountInString(*d.Content) > longest {
		return no(errForm)
	}
	m.Flags &^= thinking
	r.lab.edit(m, &d)
	if m.only == 0 {
		r.lab.tellMessage(c, "MESSAGE_UPDATE", m)
	}
	return ok(r.lab.shown(m, in.app))
}

func deleteFollowup(r *request) (answer, *failure) {
	_, c, m, f := r.followup()
	if f != nil {
		return no(f)
	}
	r.lab.remove(c, m.ID)
	return nothing()
}

// component finds a component by its custom id, wherever it stands.
func component(list []any, custom string) map[string]any {
	for _, v := range list {
		o, isObject := v.(map[string]any)
		if !isObject {
			continue
		}
		if o["custom_id"] == custom {
			return o
		}
		if inner, has := o["components"].([]any); has {
			if found := component(inner, custom); found != nil {
				return found
			}
		}
	}
	return nil
}

// fields lists the text inputs of a form.
func fields(list []any) (ids []string) {
	for _, v := range list {
		o, isObject := v.(map[string]any)
		if !isObject {
			continue
		}
		if custom, has := o["custom_id"].(string); has && fmt.Sprint(o["type"]) == "4" {
			ids = append(ids, custom)
		}
		if inner, has := o["components"].([]any); has {
			ids = append(ids, fields(inner)...)
		}
	}
	slices.Sort(ids)
	return ids
}
