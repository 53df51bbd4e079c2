package lab

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What people can be refused.
var (
	ErrMayNot   = errors.New("the person may not do this here")
	ErrNotThere = errors.New("there is no such thing here")
	ErrBlocked  = errors.New("AutoMod blocked the message")
)

// Words are what a person says beside plain text.
type Words struct {
	Text    string
	ReplyTo ID
	File    string // the name of a file that comes with it; empty is none
	Data    []byte
	Ended   bool          // the address that is told of it has ended; the message gives a new one
	Ago     time.Duration // how long ago it was said; it is told of now
}

// Say posts as a person.
func (l *Lab) Say(who, channel ID, text string) (ID, error) {
	return l.SayMore(who, channel, Words{Text: text})
}

// SayMore posts a reply, or a file, as a person.
func (l *Lab) SayMore(who, channel ID, w Words) (ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, u := l.channels[channel], l.users[who]
	if c == nil || u == nil {
		return 0, ErrNotThere
	}
	want := View | Send
	if c.thread() {
		want = View | SendInThreads
		c.Thread.Archived = false
	}
	if !l.may(who, c).Has(want) || c.Type == Forum {
		return 0, ErrMayNot
	}
	if g := l.guilds[c.Guild]; g != nil && l.moderate(g, c, u, w.Text) {
		return 0, ErrBlocked
	}
	d := draft{Content: &w.Text}
	if w.ReplyTo != 0 {
		d.Reference = &Reference{Message: w.ReplyTo, Guild: c.Guild}
	}
	m := l.compose(c, u, &d)
	m.ID, m.At = m.ID-ID(w.Ago.Milliseconds())<<22, m.At.Add(-w.Ago)
	if w.File != "" {
		a := &Attachment{ID: l.next(), Filename: w.File, Size: len(w.Data), data: w.Data}
		a.URL = fmt.Sprintf("/attachments/%s/%s/%s", c.ID, a.ID, w.File)
		m.Attachments = append(m.Attachments, a)
	}
	l.posted(c, m)
	if w.Ended {
		l.epoch++
	}
	return m.ID, nil
}

// SayAlone says something to a bot, in the conversation with it.
func (l *Lab) SayAlone(who, bot ID, text string) (ID, error) {
	l.mu.Lock()
	a, b := l.users[who], l.users[bot]
	if a == nil || b == nil {
		l.mu.Unlock()
		return 0, ErrNotThere
	}
	c := l.direct(a, b)
	l.mu.Unlock()
	return l.Say(who, c.ID, text)
}

// Edit changes what a person said.
func (l *Lab) Edit(who, channel, message ID, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, m, err := l.own(who, channel, message)
	if err != nil {
		return err
	}
	l.edit(m, &draft{Content: &text})
	l.tellMessage(c, "MESSAGE_UPDATE", m)
	return nil
}

// Delete deletes what a person said, or somebody else's where they may.
func (l *Lab) Delete(who, channel, message ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.own(who, channel, message)
	if errors.Is(err, ErrMayNot) && l.may(who, l.channels[channel]).Has(ManageMessages) {
		c, err = l.channels[channel], nil
	}
	if err == nil {
		l.remove(c, message)
	}
	return err
}

func (l *Lab) own(who, channel, message ID) (*Channel, *Message, error) {
	c := l.channels[channel]
	if c == nil || c.message(message) == nil {
		return nil, nil, ErrNotThere
	}
	m := c.message(message)
	if m.Author.ID != who {
		return nil, nil, ErrMayNot
	}
	return c, m, nil
}

// React adds a reaction as a person.
func (l *Lab) React(who, channel, message ID, emoji string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[channel]
	if c == nil || c.message(message) == nil {
		return ErrNotThere
	}
	l.react(c, c.message(message), l.users[who], emoji)
	return nil
}

// Join brings a person into a guild.
func (l *Lab) Join(guild, who ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.join(l.guilds[guild], l.users[who])
}

// crowd fills a guild with people who say nothing.
func (l *Lab) crowd(guild ID, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guilds[guild]
	for i := range n {
		g.Members = append(g.Members, &Member{User: l.user(fmt.Sprint("person-", i), false), Roles: []ID{}, Joined: l.now().UTC()})
	}
}

// Leave takes a person, or a bot, out of a guild.
func (l *Lab) Leave(guild, who ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guilds[guild]
	if m := g.member(who); m != nil {
		l.leave(g, m)
	}
}

// NoDirect lets a person take direct messages no longer, or again.
func (l *Lab) NoDirect(who ID, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[who].closed = closed
}

// Thread begins a thread in a channel, or a post in a forum.
func (l *Lab) Thread(who, channel ID, name, first string) (ID, error) {
	l.mu.Lock()
	c, u := l.channels[channel], l.users[who]
	if c == nil || !l.may(who, c).Has(View|Send) {
		l.mu.Unlock()
		return 0, ErrMayNot
	}
	t := l.thread(c, u, name)
	l.mu.Unlock()
	_, err := l.Say(who, t.ID, first)
	return t.ID, err
}

// thread begins one. The caller holds the lock.
func (l *Lab) thread(c *Channel, u *User, name string) *Channel {
	t := &Channel{
		ID: l.next(), Type: PublicThread, Guild: c.Guild, Name: name, Parent: &c.ID, Owner: u.ID, Count: new(int), Members: new(int), Total: new(int),
		Thread: &ThreadState{Since: l.now().UTC(), After: 1440},
	}
	*t.Members = 1
	l.channels[t.ID] = t
	l.tell(t.Guild, t.ID, "THREAD_CREATE", t, IntentGuilds)
	return t
}

// Archive puts a thread away.
func (l *Lab) Archive(thread ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.channels[thread]
	t.Thread.Archived, t.Thread.Since = true, l.now().UTC()
	l.tell(t.Guild, t.ID, "THREAD_UPDATE", t, IntentGuilds)
}

// Press presses a button, as a person who can see its message.
func (l *Lab) Press(who, channel, message ID, custom string) (*Interaction, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[channel]
	if c == nil {
		return nil, ErrNotThere
	}
	m := c.message(message)
	if m == nil || !l.may(who, c).Has(View) || (m.only != 0 && m.only != who) {
		return nil, ErrNotThere
	}
	b := component(m.Components, custom)
	if b == nil || b["disabled"] == true {
		return nil, fmt.Errorf("%w: no button %q", ErrNotThere, custom)
	}
	app := l.appOf(m.Author.ID)
	return l.ask(app, AskedButton, l.users[who], c, map[string]any{"custom_id": custom, "component_type": 2}, m), nil
}

// Submit fills in and sends the form that an interaction was answered with.
func (l *Lab) Submit(in *Interaction, text string) (*Interaction, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.Modal == nil {
		return nil, ErrNotThere
	}
	in.sent = true
	var rows []any
	for _, id := range fields(in.Modal["components"].([]any)) {
		rows = append(rows, map[string]any{"type": 1, "components": []any{map[string]any{"type": 4, "custom_id": id, "value": text}}})
	}
	c := l.channels[in.Channel]
	return l.ask(in.app, AskedModal, l.users[in.User], c, map[string]any{"custom_id": in.Modal["custom_id"], "components": rows}, in.On), nil
}

// Command gives a command: with a message, from its context menu; else with a
// text, where it has an option for one.
func (l *Lab) Command(who, channel, message ID, name, text string) (*Interaction, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[channel]
	if c == nil || !l.may(who, c).Has(View) {
		return nil, ErrNotThere
	}
	for _, app := range l.apps {
		i := slices.IndexFunc(app.Commands, func(x *Command) bool { return x.Name == name })
		if i < 0 {
			continue
		}
		cmd := app.Commands[i]
		data := map[string]any{"id": cmd.ID, "name": cmd.Name, "type": cmd.Type}
		if cmd.Type == 3 {
			m := c.message(message)
			if m == nil {
				return nil, ErrNotThere
			}
			whole := *app // what is pointed at is shown, whatever the intents
			whole.Intents |= IntentContent
			data["target_id"] = message
			data["resolved"] = map[string]any{"messages": map[string]any{message.String(): l.shown(m, &whole)}}
		}
		if text != "" {
			if len(cmd.Options) == 0 {
				return nil, fmt.Errorf("%w: %s takes no text", ErrMayNot, name)
			}
			option, _ := cmd.Options[0].(map[string]any)
			data["options"] = []any{map[string]any{"name": option["name"], "type": 3, "value": text}}
		}
		return l.ask(app, AskedCommand, l.users[who], c, data, nil), nil
	}
	return nil, ErrNotThere
}

func (l *Lab) appOf(bot ID) *App {
	for _, a := range l.apps {
		if a.User.ID == bot {
			return a
		}
	}
	return nil
}

// Seen lists the messages of a channel that a person can see, in order.
func (l *Lab) Seen(who, channel ID) []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[channel]
	var out []Message
	if c == nil || !l.may(who, c).Has(View) {
		return nil
	}
	for _, m := range c.messages {
		if m.only == 0 || m.only == who {
			out = append(out, *m)
		}
	}
	return out
}

// SeenAlone lists what a person sees and nobody else, in order: conversations
// with bots, and what was answered to them alone in channels.
func (l *Lab) SeenAlone(who ID) []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Message
	for _, c := range l.channels {
		between := c.Type == Direct && slices.Contains(c.Recipients, l.users[who])
		for _, m := range c.messages {
			if between || m.only == who {
				out = append(out, *m)
			}
		}
	}
	slices.SortFunc(out, func(a, b Message) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Direct is the conversation of a person with a bot; 0 where there is none.
func (l *Lab) Direct(who, bot ID) ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.channels {
		if c.Type == Direct && slices.Contains(c.Recipients, l.users[who]) && slices.Contains(c.Recipients, l.users[bot]) {
			return c.ID
		}
	}
	return 0
}

// MemberIDs lists who is in a guild and not a bot.
func (l *Lab) MemberIDs(guild ID) []ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []ID
	for _, m := range l.guilds[guild].Members {
		if !m.User.Bot {
			out = append(out, m.User.ID)
		}
	}
	return out
}

// Answered waits until an interaction has its first answer, and gives its kind
// and message.
func (l *Lab) Answered(in *Interaction, most time.Duration) (int, *Message) {
	for end := time.Now().Add(most); ; time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		kind, said := in.Answer, in.Said
		l.mu.Unlock()
		if kind != 0 || time.Now().After(end) {
			return kind, said
		}
	}
}
