package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What people do with what the app shows them: elements, modals, shortcuts,
// commands and its home.

// Press uses an element of what the person sees: a button by its action id, or
// checkboxes with the values that are ticked now. Without a timestamp it is one
// of the app's home.
func (l *Lab) Press(user, ts, action string, ticked []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.people[user]
	if p == nil {
		return fmt.Errorf("there is nobody %q", user)
	}
	what := answer{
		"type": "block_actions", "user": answer{"id": user, "username": p.Name, "name": p.Name, "team_id": l.team}, "api_app_id": l.app,
		"team": answer{"id": l.team, "domain": "lab"}, "trigger_id": l.newTrigger(user), "token": "", "is_enterprise_install": false,
	}
	var blocks json.RawMessage
	if home := l.homes[user]; ts == "" && home != nil {
		shown := l.showView(home)
		what["view"], what["container"] = shown, answer{"type": "view", "view_id": home.ID}
		b, err := json.Marshal(shown["blocks"])
		if err != nil {
			return err
		}
		blocks = b
	} else {
		m, c := l.visible(user, ts)
		if m == nil {
			return fmt.Errorf("%s sees no message %q", user, ts)
		}
		what["channel"], what["message"], what["response_url"] = answer{"id": c.ID, "name": c.Name}, l.show(c, m, false), l.newResponse(user, c.ID)
		what["container"] = answer{"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": m.Only != ""}
		blocks = m.Blocks
	}
	found, blockID := findElement(blocks, action)
	if found == nil {
		return fmt.Errorf("it has no element %q", action)
	}
	what["actions"] = []any{use(found, blockID, action, l.stamp(), ticked)}
	l.interact("interactive", "interactive/BlockAction", what, nil)
	return nil
}

// use is what the app is told of an element that somebody used.
func use(found map[string]any, blockID any, action, at string, ticked []string) answer {
	act := answer{"action_id": action, "block_id": blockID, "type": found["type"], "action_ts": at}
	if found["type"] == "button" {
		act["value"], act["text"] = found["value"], found["text"]
		return act
	}
	chosen := []any{}
	for _, o := range list(found["options"]) {
		if v, ok := o.(map[string]any); ok && slices.Contains(ticked, fmt.Sprint(v["value"])) {
			chosen = append(chosen, v)
		}
	}
	if found["type"] == "overflow" && len(chosen) > 0 {
		act["selected_option"] = chosen[0]
	} else {
		act["selected_options"] = chosen
	}
	return act
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
// be sent off twice by a hasty person. What the app answers with is shown: it
// closes, says what is wrong, or shows something else.
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
	l.interact("interactive", "interactive/ViewSubmission", answer{
		"type": "view_submission", "user": answer{"id": user, "username": p.Name, "name": p.Name, "team_id": l.team}, "api_app_id": l.app,
		"team": answer{"id": l.team, "domain": "lab"}, "trigger_id": l.newTrigger(user), "view": shown, "token": "", "is_enterprise_install": false,
	}, func(said json.RawMessage) { l.answered(v, said) })
	return nil
}

// answered shows what the app acknowledged a submission with. The caller holds
// the lock.
func (l *Lab) answered(v *View, said json.RawMessage) {
	var a struct {
		Action string            `json:"response_action"`
		View   json.RawMessage   `json:"view"`
		Errors map[string]string `json:"errors"`
	}
	if len(said) > 0 && json.Unmarshal(said, &a) != nil {
		l.note("a submission was acknowledged with what is no answer")
	}
	switch a.Action {
	case "":
		v.Closed = true
	case "clear":
		v.Closed = true
	case "errors":
		v.Errors = a.Errors
	case "update", "push":
		if fault := checkView(a.View, "modal"); fault != "" {
			l.note("a submission was acknowledged with a modal: %s", fault)
			return
		}
		v.Content, v.Hash, v.Errors = a.View, l.stamp(), nil
	default:
		l.note("a submission was acknowledged with %q, which nobody knows", a.Action)
	}
}

// installedWith reports whether the app was given a scope.
func (l *Lab) installedWith(scope string) bool {
	return slices.ContainsFunc(l.installed(), func(t *Token) bool { return slices.Contains(t.Scopes, scope) })
}

var errNoCommands = errors.New("the app is not installed with the scope commands: there is no such thing")

// Command writes a slash command, anywhere. Only who wrote it sees the answer.
func (l *Lab) Command(user, channel, command, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, c := l.people[user], l.channels[channel]
	switch {
	case p == nil || c == nil:
		return errors.New("there is no such person or channel")
	case !l.installedWith("commands"):
		return errNoCommands
	}
	l.interact("slash_commands", "interactive/SlashCommand", answer{
		"token": "", "team_id": l.team, "team_domain": "lab", "channel_id": c.ID, "channel_name": c.Name, "user_id": user, "user_name": p.Name,
		"command": command, "text": text, "api_app_id": l.app, "is_enterprise_install": "false", "response_url": l.newResponse(user, c.ID),
		"trigger_id": l.newTrigger(user),
	}, func(said json.RawMessage) { l.whispered(user, c.ID, said) })
	return nil
}

// Shortcut chooses a shortcut of the app: one of a message, or a global one.
func (l *Lab) Shortcut(user, callback, channel, ts string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.people[user]
	switch {
	case p == nil:
		return fmt.Errorf("there is nobody %q", user)
	case !l.installedWith("commands"):
		return errNoCommands
	}
	what := answer{
		"type": "shortcut", "token": "", "action_ts": l.stamp(), "team": answer{"id": l.team, "domain": "lab"}, "callback_id": callback,
		"user": answer{"id": user, "name": p.Name, "team_id": l.team}, "trigger_id": l.newTrigger(user), "is_enterprise_install": false,
	}
	if ts == "" {
		l.interact("interactive", "", what, nil)
		return nil
	}
	c, m, err := l.place(channel, ts)
	if err != nil {
		return err
	}
	what["type"], what["message_ts"], what["message"], what["channel"] = "message_action", ts, l.show(c, m, false), answer{"id": c.ID, "name": c.Name}
	what["response_url"] = l.newResponse(user, c.ID)
	l.interact("interactive", "interactive/MessageShortcut", what, nil)
	return nil
}

// OpenHome opens the app's home before somebody.
func (l *Lab) OpenHome(user string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.people[user] == nil {
		return fmt.Errorf("there is nobody %q", user)
	}
	im := l.im(user)
	ev := answer{"type": "app_home_opened", "user": user, "channel": im.ID, "tab": "home"}
	if home := l.homes[user]; home != nil {
		ev["view"] = l.showView(home)
	}
	l.tell(im, ev, l.stamp())
	return nil
}

// Home is what the app's home shows somebody; nil is nothing yet.
func (l *Lab) Home(user string) *View {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.homes[user]; v != nil {
		shown := *v
		return &shown
	}
	return nil
}

// Write says something to the app alone, and gives the timestamp.
func (l *Lab) Write(user, text string) (string, error) {
	l.mu.Lock()
	if l.people[user] == nil {
		l.mu.Unlock()
		return "", fmt.Errorf("there is nobody %q", user)
	}
	im := l.im(user).ID
	l.mu.Unlock()
	return l.Say(im, user, text, "")
}

// response is an address that takes answers to something a person did.
type response struct {
	user, channel string
	left          int
	until         time.Time
}

// newResponse makes one, for five answers within half an hour. The caller
// holds the lock.
func (l *Lab) newResponse(user, channel string) string {
	id := randomID()
	l.responses[id] = &response{user, channel, 5, time.Now().Add(30 * time.Minute)}
	return "http://" + l.host + "/respond/" + id
}

// respond takes what is sent to a response_url.
func (l *Lab) respond(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // it went away
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		l.note("a token was sent to a response_url")
	}
	to := l.responses[r.PathValue("id")]
	if to == nil || to.left == 0 || time.Now().After(to.until) {
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	}
	to.left--
	l.whispered(to.user, to.channel, body)
	_, _ = io.WriteString(w, "ok")
}

// whispered shows an answer to whoever it is for. The caller holds the lock.
func (l *Lab) whispered(user, channel string, said json.RawMessage) {
	if len(said) == 0 {
		return
	}
	var m struct {
		Type   string          `json:"response_type"`
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	switch err := json.Unmarshal(said, &m); {
	case err != nil || m.Text == "" && len(m.Blocks) == 0:
		l.note("an answer to what a person did says nothing")
		return
	case m.Type != "" && m.Type != "ephemeral":
		l.note("an answer to what a person did is for all to see")
	case len(m.Blocks) > 0:
		if fault := checkBlocks(m.Blocks, 50); fault != "" {
			l.note("an answer to what a person did: %s", fault)
		}
	}
	l.only = append(l.only, &Message{TS: l.stamp(), Channel: channel, User: l.bot, Text: m.Text, Only: user, Blocks: m.Blocks})
}

// interact sends what a person did with an element. It is not sent again. The
// caller holds the lock.
func (l *Lab) interact(kind, like string, payload answer, acked func(json.RawMessage)) {
	body, err := json.Marshal(payload)
	if err != nil {
		l.note("an interaction cannot be written: %v", err)
		return
	}
	if like != "" {
		for _, fault := range l.gate.event(like, body) {
			if !strings.HasSuffix(fault, "/is_enterprise_install is a string, where real ones have a boolean") { // as forms have it
				l.note("%s: %s", like, fault)
			}
		}
	}
	l.sockets.send(&delivery{kind: kind, body: body, acked: func(said json.RawMessage) {
		if acked != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			acked(said)
		}
	}})
}
