package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// writable finds a channel that whoever asks may post in.
func (l *Lab) writable(q *request) (*Channel, string) {
	c := l.channels[q.args["channel"]]
	if c == nil && l.people[q.args["channel"]] != nil { // a person's id stands for the conversation with them
		if l.people[q.args["channel"]].NoDM {
			return nil, "channel_not_found"
		}
		c = l.im(q.args["channel"])
	}
	switch {
	case c == nil || (c.typ() != "channel" && !c.has(q.token.User)):
		return nil, "channel_not_found"
	case !c.has(q.token.User):
		return nil, "not_in_channel"
	case c.Archived:
		return nil, "is_archived"
	case c.ReadOnly && !l.admin(q.token.User):
		return nil, "restricted_action"
	}
	return c, ""
}

func (l *Lab) admin(user string) bool {
	p := l.people[user]
	return p != nil && (p.Admin || p.Owner)
}

// content checks what a message is to say.
func (q *request) content() string {
	if q.args["text"] == "" && q.args["blocks"] == "" {
		return "no_text"
	}
	if len([]rune(q.args["text"])) > 40000 {
		return "msg_too_long"
	}
	if b := q.args["blocks"]; b != "" {
		if fault := checkBlocks([]byte(b), 50); fault != "" {
			return "invalid_blocks"
		}
	}
	if m := q.args["metadata"]; m != "" {
		var v struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if json.Unmarshal([]byte(m), &v) != nil || v.Type == "" || v.Payload == nil {
			return "metadata_must_be_sent_from_app"
		}
	}
	return ""
}

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

func (l *Lab) post(q *request) (answer, string) {
	c, name := l.writable(q)
	if name == "" {
		name = q.content()
	}
	if name != "" {
		return nil, name
	}
	m := &Message{User: q.token.User, Text: q.args["text"], Thread: q.args["thread_ts"], Blocks: raw(q.args["blocks"]), Metadata: raw(q.args["metadata"])}
	l.say(c, m)
	return answer{"channel": c.ID, "ts": m.TS, "message": l.show(c, m, true)}, ""
}

// say puts a message into a channel. The caller holds the lock.
func (l *Lab) say(c *Channel, m *Message) {
	m.Channel = c.ID
	if m.TS == "" {
		m.TS = l.stamp()
	}
	c.messages = append(c.messages, m)
	slices.SortStableFunc(c.messages, func(a, b *Message) int { return strings.Compare(a.TS, b.TS) })
	ev := l.show(c, m, false)
	ev["channel"], ev["channel_type"] = c.ID, c.typ()
	l.happen(c, ev, m.TS)
}

func (l *Lab) ephemeral(q *request) (answer, string) {
	c, name := l.writable(q)
	if name == "" {
		name = q.content()
	}
	if name == "" && !c.has(q.args["user"]) {
		name = "user_not_in_channel"
	}
	if name != "" {
		return nil, name
	}
	m := &Message{TS: l.stamp(), Channel: c.ID, User: q.token.User, Text: q.args["text"], Only: q.args["user"], Blocks: raw(q.args["blocks"])}
	l.only = append(l.only, m)
	return answer{"message_ts": m.TS}, ""
}

func (l *Lab) update(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["ts"])
	if m == nil {
		return nil, "message_not_found"
	}
	if m.User != q.token.User {
		return nil, "cant_update_message"
	}
	if name := q.content(); name != "" {
		return nil, name
	}
	old := l.show(c, m, false)
	m.Text, m.Blocks = q.args["text"], raw(q.args["blocks"])
	if q.args["metadata"] != "" {
		m.Metadata = raw(q.args["metadata"])
	}
	m.Edited = l.stamp()
	l.changed(c, m, old)
	shown := l.show(c, m, true)
	delete(shown, "ts") // it is beside the message
	return answer{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": shown}, ""
}

// changed tells that a message reads otherwise. The caller holds the lock.
func (l *Lab) changed(c *Channel, m *Message, old answer) {
	at := l.stamp()
	l.happen(c, answer{"type": "message", "subtype": "message_changed", "hidden": true, "channel": c.ID, "channel_type": c.typ(),
		"message": l.show(c, m, false), "previous_message": old, "ts": at}, at)
}

// remove deletes a message: one's own, or as an administrator wherever they can
// see it, but never in a conversation of others, nor what another organisation's
// people wrote.
func (l *Lab) remove(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["ts"])
	if m == nil || m.Subtype == "tombstone" {
		return nil, "message_not_found"
	}
	author := l.people[m.User]
	may := m.User == q.token.User || (q.token.Kind == "user" && l.admin(q.token.User) && c.typ() != "im" && c.typ() != "mpim" && (author == nil || !author.Outside))
	if !may {
		return nil, "cant_delete_message"
	}
	l.erase(c, m)
	return answer{"channel": c.ID, "ts": m.TS}, ""
}

// erase takes a message out of its channel. The head of a thread leaves a mark.
// The caller holds the lock.
func (l *Lab) erase(c *Channel, m *Message) {
	old := l.show(c, m, false)
	if slices.ContainsFunc(c.messages, func(r *Message) bool { return r.Thread == m.TS && r.TS != m.TS && !r.Gone }) {
		m.Subtype, m.Text, m.Blocks, m.Metadata, m.Files = "tombstone", "This message was deleted.", nil, nil, nil
		l.changed(c, m, old)
		return
	}
	m.Gone = true
	at := l.stamp()
	l.happen(c, answer{"type": "message", "subtype": "message_deleted", "hidden": true, "channel": c.ID, "channel_type": c.typ(),
		"deleted_ts": m.TS, "previous_message": old, "ts": at}, at)
}

func (l *Lab) permalink(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["message_ts"])
	if m == nil {
		return nil, "message_not_found"
	}
	return answer{"channel": c.ID, "permalink": fmt.Sprintf("https://lab.slack.example/archives/%s/p%s", c.ID, strings.ReplaceAll(m.TS, ".", ""))}, ""
}

func (l *Lab) reactionAdd(q *request) (answer, string) {
	c, name := l.readable(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["timestamp"])
	if m == nil {
		return nil, "message_not_found"
	}
	l.reacted(c, m, q.token.User, q.args["name"], "reaction_added")
	return answer{}, ""
}

func (l *Lab) reactionRemove(q *request) (answer, string) {
	c, name := l.readable(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["timestamp"])
	if m == nil {
		return nil, "message_not_found"
	}
	l.reacted(c, m, q.token.User, q.args["name"], "reaction_removed")
	return answer{}, ""
}

func (l *Lab) reacted(c *Channel, m *Message, user, reaction, kind string) {
	l.happen(c, answer{"type": kind, "user": user, "reaction": reaction, "item_user": m.User,
		"item": answer{"type": "message", "channel": c.ID, "ts": m.TS}}, l.stamp())
}

// trigger lets a client open a modal once, for three seconds.
type trigger struct {
	user string
	at   time.Time
}

const triggerFor = 3 * time.Second

func (l *Lab) newTrigger(user string) string {
	id := fmt.Sprintf("%d.%d.lab", time.Now().UnixNano(), len(l.triggers))
	l.triggers[id] = trigger{user, time.Now()}
	return id
}

func (l *Lab) viewOpen(q *request) (answer, string) {
	id := cmp.Or(q.args["trigger_id"], q.args["interactivity_pointer"])
	t, ok := l.triggers[id]
	if !ok {
		return nil, "exchanged_trigger_id"
	}
	delete(l.triggers, id)
	if time.Since(t.at) > max(triggerFor, l.o.AckWithin) { // whoever is given more time for one is given it for the other
		return nil, "expired_trigger_id"
	}
	if checkView([]byte(q.args["view"]), "modal") != "" {
		return nil, "invalid_arguments"
	}
	v := &View{ID: l.id("V0LAB", 6), User: t.user, Hash: l.stamp(), Content: raw(q.args["view"])}
	l.views[v.ID] = v
	return answer{"view": l.showView(v)}, ""
}

func (l *Lab) viewUpdate(q *request) (answer, string) {
	v := l.views[q.args["view_id"]]
	switch {
	case v == nil || v.Closed:
		return nil, "not_found"
	case q.args["hash"] != "" && q.args["hash"] != v.Hash:
		return nil, "hash_conflict"
	case checkView([]byte(q.args["view"]), "modal") != "":
		return nil, "invalid_arguments"
	}
	v.Content, v.Hash, v.Errors = raw(q.args["view"]), l.stamp(), nil
	return answer{"view": l.showView(v)}, ""
}

func (l *Lab) viewPublish(q *request) (answer, string) {
	if l.people[q.args["user_id"]] == nil {
		return nil, "invalid_arguments"
	}
	if checkView([]byte(q.args["view"]), "home") != "" {
		return nil, "invalid_arguments"
	}
	v := &View{ID: l.id("V0LAB", 6), User: q.args["user_id"], Hash: l.stamp(), Content: raw(q.args["view"]), Closed: true}
	if old := l.homes[v.User]; old != nil {
		v.ID = old.ID
	}
	l.homes[v.User] = v
	return answer{"view": l.showView(v)}, ""
}

// showView is a view as Slack gives it.
func (l *Lab) showView(v *View) answer {
	var out answer
	_ = json.Unmarshal(v.Content, &out) // it was checked when it came
	out["id"], out["hash"], out["team_id"], out["app_id"], out["bot_id"] = v.ID, v.Hash, l.team, l.app, l.botID
	out["root_view_id"], out["app_installed_team_id"] = v.ID, l.team
	if out["state"] == nil {
		out["state"] = answer{"values": answer{}}
	}
	return out
}
