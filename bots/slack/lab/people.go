package lab

import (
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

// Quietly does something of which the app is told nothing: what was so before it
// was installed.
func (l *Lab) Quietly(do func()) {
	l.sockets.hush(true)
	do()
	l.sockets.hush(false)
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
	return l.speak(channel, user, text, thread, names, "")
}

// SayBefore posts as a person some time ago: the app is told of it now, as of
// something that was held up.
func (l *Lab) SayBefore(channel, user, text string, ago time.Duration) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return l.speak(channel, user, text, "", nil, stampOf(time.Now().Add(-ago).UnixMicro()+int64(l.next)))
}

// speak posts as a person, at a time or now. The caller holds the lock.
func (l *Lab) speak(channel, user, text, thread string, names []string, when string) (string, error) {
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
	m.TS = when
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

// Invite lets somebody bring somebody else in.
func (l *Lab) Invite(channel, by, user string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.place(channel, "")
	if err == nil && !c.has(by) {
		err = fmt.Errorf("%s is not in %s", by, channel)
	}
	if err == nil {
		l.enter(c, user, by)
	}
	return err
}

// Share lets a channel be shared with another organisation.
func (l *Lab) Share(channel string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _, err := l.place(channel, "")
	if err == nil {
		c.Shared = true
		l.happen(c, answer{"type": "channel_shared", "channel": c.ID, "connected_team_id": otherTeam}, l.stamp())
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
