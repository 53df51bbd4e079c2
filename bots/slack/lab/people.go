package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What people do. Each is what the person's own client would do.

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// AddPerson adds somebody; an id is made where none is given.
func (l *Lab) AddPerson(p Person) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.ID == "" {
		p.ID = l.id("U0LAB", 6)
	}
	l.people[p.ID] = &p
	return p.ID
}

// AddChannel adds a conversation; an id is made where none is given. With the
// bot among its members the bot is told that it joined.
func (l *Lab) AddChannel(c Channel) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.ID == "" {
		c.ID = l.id("C0LAB", 6)
	}
	c.created = time.Now().Unix()
	members := c.Members
	c.Members = nil
	l.channels[c.ID] = &c
	for _, m := range members {
		if m == "bot" {
			m = l.bot
		}
		l.enter(&c, m, "")
	}
	return c.ID
}

// AddToken adds a credential of the app.
func (l *Lab) AddToken(t Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens[t.Value] = &t
}

// Revoke ends a token.
func (l *Lab) Revoke(value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tokens[value]
	if t == nil {
		return errors.New("there is no such token")
	}
	t.Revoked = true
	l.tell(nil, answer{"type": "tokens_revoked", "tokens": answer{"oauth": []string{}, "bot": []string{t.User}}}, l.stamp())
	return nil
}

// place finds a channel and, where one is named, a message in it.
func (l *Lab) place(channel, ts string) (*Channel, *Message, error) {
	c := l.channels[channel]
	if c == nil {
		return nil, nil, fmt.Errorf("there is no channel %q", channel)
	}
	if ts == "" {
		return c, nil, nil
	}
	m := c.find(ts)
	if m == nil {
		return nil, nil, fmt.Errorf("there is no message %q in %s", ts, channel)
	}
	return c, m, nil
}

// Say posts as a person, and gives the timestamp.
func (l *Lab) Say(channel, user, text, thread string, names ...string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.place(channel, thread)
	if err != nil {
		return "", err
	}
	if !c.has(user) {
		return "", fmt.Errorf("%s is not in %s", user, channel)
	}
	m := &Message{User: user, Text: escapes.Replace(text), Thread: thread, Files: names}
	if len(names) > 0 {
		m.Subtype = "file_share"
	}
	l.say(c, m)
	return m.TS, nil
}

// Edit changes a person's own message.
func (l *Lab) Edit(channel, user, ts, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, m, err := l.place(channel, ts)
	if err != nil {
		return err
	}
	if m.User != user {
		return errors.New("people edit only their own messages")
	}
	old := l.show(c, m, false)
	m.Text, m.Edited = escapes.Replace(text), l.stamp()
	l.changed(c, m, old)
	return nil
}

// Delete deletes a message as a person who may.
func (l *Lab) Delete(channel, user, ts string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, m, err := l.place(channel, ts)
	if err != nil {
		return err
	}
	if m.User != user && !l.admin(user) {
		return errors.New("people delete only their own messages")
	}
	l.erase(c, m)
	return nil
}

// React adds a reaction.
func (l *Lab) React(channel, user, ts, reaction string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, m, err := l.place(channel, ts)
	if err != nil {
		return err
	}
	l.reacted(c, m, user, reaction, "reaction_added")
	return nil
}

// Join and Leave let somebody come and go.
func (l *Lab) Join(channel, user string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.place(channel, "")
	if err == nil {
		l.enter(c, user, "")
	}
	return err
}

// Leave is told of in Join.
func (l *Lab) Leave(channel, user string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.place(channel, "")
	if err == nil {
		l.exit(c, user)
	}
	return err
}

// Sees lists the messages that the app shows to one person alone, the newest
// last: those of their conversation with it, and ephemeral ones.
func (l *Lab) Sees(user string) []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Message
	for _, m := range l.im(user).messages {
		if m.User == l.bot && !m.Gone {
			out = append(out, *m)
		}
	}
	for _, m := range l.only {
		if m.Only == user {
			out = append(out, *m)
		}
	}
	slices.SortFunc(out, func(a, b Message) int { return strings.Compare(a.TS, b.TS) })
	return out
}

// Messages lists what stands in a channel.
func (l *Lab) Messages(channel string) []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Message
	if c := l.channels[channel]; c != nil {
		for _, m := range c.messages {
			if !m.Gone {
				out = append(out, *m)
			}
		}
	}
	return out
}

// Members lists who is in a channel.
func (l *Lab) Members(channel string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.channels[channel]; c != nil {
		return slices.Clone(c.Members)
	}
	return nil
}

// Modals lists the modals that stand open before a person.
func (l *Lab) Modals(user string) []View {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []View
	for _, v := range l.views {
		if v.User == user && !v.Closed {
			out = append(out, *v)
		}
	}
	slices.SortFunc(out, func(a, b View) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Press uses an element of a message that the person sees: a button by its
// action id, or checkboxes with the values that are ticked now.
func (l *Lab) Press(user, ts, action string, ticked []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, c := l.visible(user, ts)
	if m == nil {
		return fmt.Errorf("%s sees no message %q", user, ts)
	}
	found, blockID := findElement(m.Blocks, action)
	if found == nil {
		return fmt.Errorf("the message has no element %q", action)
	}
	act := answer{"action_id": action, "block_id": blockID, "type": found["type"], "action_ts": l.stamp()}
	switch found["type"] {
	case "button":
		act["value"], act["text"] = found["value"], found["text"]
	default:
		var chosen []any
		for _, o := range list(found["options"]) {
			if v, ok := o.(map[string]any); ok && slices.Contains(ticked, fmt.Sprint(v["value"])) {
				chosen = append(chosen, v)
			}
		}
		if found["type"] == "overflow" && len(chosen) > 0 {
			act["selected_option"] = chosen[0]
		} else {
			act["selected_options"] = append([]any{}, chosen...)
		}
	}
	p := l.people[user]
	l.interact(answer{
		"type": "block_actions", "user": answer{"id": user, "username": p.Name, "name": p.Name, "team_id": l.team}, "api_app_id": l.app,
		"team": answer{"id": l.team, "domain": "lab"}, "trigger_id": l.newTrigger(user), "channel": answer{"id": c.ID, "name": c.Name},
		"container": answer{"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": m.Only != ""},
		"message":   l.show(c, m, false), "actions": []any{act}, "response_url": "", "token": "", "is_enterprise_install": false,
	}, nil)
	return nil
}

func (l *Lab) visible(user, ts string) (*Message, *Channel) {
	for _, c := range l.channels {
		if c.has(user) {
			if m := c.find(ts); m != nil {
				return m, c
			}
		}
	}
	for _, m := range l.only {
		if m.Only == user && m.TS == ts {
			return m, l.channels[m.Channel]
		}
	}
	return nil, nil
}

func list(v any) []any { out, _ := v.([]any); return out }

// findElement finds an interactive element in blocks.
func findElement(blocks json.RawMessage, action string) (map[string]any, any) {
	var all []map[string]any
	_ = json.Unmarshal(blocks, &all) // they were checked when they came
	for _, b := range all {
		for _, e := range append(list(b["elements"]), b["accessory"], b["element"]) {
			if m, ok := e.(map[string]any); ok && m["action_id"] == action {
				return m, b["block_id"]
			}
		}
	}
	return nil, nil
}

// Submit sends a modal off with the texts for its inputs, by action id. It may
// be sent off twice by a hasty person.
func (l *Lab) Submit(user, view string, texts map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.views[view]
	if v == nil || v.User != user {
		return fmt.Errorf("%s has no modal %q", user, view)
	}
	shown := l.showView(v)
	values := answer{}
	for _, b := range list(shown["blocks"]) {
		m, _ := b.(map[string]any)
		e, ok := m["element"].(map[string]any)
		if !ok {
			continue
		}
		id := fmt.Sprint(e["action_id"])
		values[fmt.Sprint(m["block_id"])] = answer{id: answer{"type": e["type"], "value": texts[id]}}
	}
	shown["state"] = answer{"values": values}
	p := l.people[user]
	l.interact(answer{
		"type": "view_submission", "user": answer{"id": user, "username": p.Name, "name": p.Name, "team_id": l.team}, "api_app_id": l.app,
		"team": answer{"id": l.team, "domain": "lab"}, "trigger_id": l.newTrigger(user), "view": shown, "token": "", "is_enterprise_install": false,
	}, func() { v.Closed = true })
	return nil
}
