package slack

import (
	"context"
	"encoding/json"
	"strings"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// take translates what Slack sent and lines it up to be delivered. answer
// acknowledges it: once it is stored, or at once where there is nothing to
// store.
func (b *Bot) take(l *life, kind string, payload json.RawMessage, answer func(any)) {
	ack := func() { answer(nil) }
	switch kind {
	case "events_api":
		var outer callback
		if json.Unmarshal(payload, &outer) != nil {
			b.unreadable(l, "an event")
			ack()
			return
		}
		e, err := decodeEvent(outer.Event)
		if err != nil {
			b.unreadable(l, "an event")
			ack()
			return
		}
		e.ID = outer.EventID
		b.happened(l, &e, ack)
	case "interactive":
		i, err := decodeInteraction(payload)
		if err != nil {
			b.o.Log.Warn("Slack sent an interaction that cannot be read; its person is told that it failed")
			return // Slack says so to them when it is not acknowledged
		}
		b.interacted(l, &i, answer)
	case "slash_commands":
		ack()
		var c command
		if json.Unmarshal(payload, &c) == nil && c.User != "" {
			b.commanded(l, &c)
		}
	default:
		ack()
	}
}

// unreadable deals with something of which not even the chat can be read: if it
// was a message it stands in its chat, and is found there.
func (b *Bot) unreadable(l *life, what string) {
	b.o.Log.Warn("Slack sent something that cannot be read; the chats are looked through for it", "what", what)
	b.connected(l)
}

// happened lines up what an event means.
func (b *Bot) happened(l *life, e *event, ack func()) {
	local, name := e.channel()
	if e.Type == "reaction_added" {
		local = e.Item.Channel
	}
	switch e.Type {
	case "channel_rename", "group_rename", "channel_archive", "group_archive", "channel_unarchive", "group_unarchive", "channel_shared", "channel_unshared":
		b.forget(local)
	}
	if local == "" || e.Typ == "im" || strings.HasPrefix(local, "D") { // what is said to the bot itself is no chat
		ack()
		b.alone(l, e)
		return
	}
	if c := l.isNew(local); c != nil && !(e.Type == "member_joined_channel" && e.User == b.self().user) { // which says by itself that the bot is there
		b.head(l, c)
	}
	if events := b.events(local, name, e); len(events) > 0 {
		l.lanes.Put(local, events, ack)
		return
	}
	ack()
}

// alone takes what happens between somebody and the bot alone: nothing of it is
// stored.
func (b *Bot) alone(l *life, e *event) {
	switch {
	case e.Type == "app_home_opened" && e.User != "" && e.Tab != "messages":
		b.opened(l, e.User)
	case e.Type == "message" && (e.Subtype == "" || e.Subtype == "file_share") && e.Self.User != "" && e.Self.TS != "" && e.Self.Bot == "" && !b.ours(&e.Self):
		who, key := chat.MemberID(e.Self.User), e.Self.TS
		b.private(l, bots.Private{Member: who, Text: readable(e.Self.Text)}, key, at(e.Self.TS), b.directly(who, key))
	}
}

// events is what an event of a channel means.
func (b *Bot) events(local, name string, e *event) []chat.Event {
	ev := chat.Event{Chat: b.id(local), At: at(e.EventTS), Member: chat.MemberID(e.User)}
	if ev.At.IsZero() {
		ev.At = b.o.Now().UTC()
	}
	switch e.Type {
	case "message":
		return b.messageEvents(ev, e)
	case "member_joined_channel", "member_left_channel":
		b.forget(local)
		return b.came(ev, e)
	case "channel_rename", "group_rename", "channel_shared", "channel_unshared": // what it is called, or what it is for, is another
		ev.Kind, ev.Member, ev.Name, ev.Key = chat.Added, "", name, "renamed/"+e.EventTS
		if c, err := b.channel(b.lifeContext(), local); err == nil {
			ev.Name, ev.ChatKind = c.name, c.kind()
		}
	case "reaction_added":
		ev.Kind, ev.Message, ev.Text = chat.Reacted, chat.MessageID(e.Item.TS), e.Reaction
		ev.Key = "reaction/" + e.Item.TS + "/" + e.User + "/" + e.Reaction + "/" + e.EventTS
		if e.Item.Type != "message" || e.User == b.self().user {
			return nil
		}
	default:
		return nil
	}
	return []chat.Event{ev}
}

// came is somebody who came or went, or the bot itself.
func (b *Bot) came(ev chat.Event, e *event) []chat.Event {
	joined := e.Type == "member_joined_channel"
	switch own := e.User == b.self().user; {
	case own && joined:
		ev.Kind, ev.Member, ev.Key = chat.Added, chat.MemberID(e.Inviter), "added/"+e.EventTS
		if c, err := b.channel(b.lifeContext(), ev.Chat.Local); err == nil {
			ev.Name, ev.ChatKind = c.name, c.kind()
		}
	case own:
		ev.Kind, ev.Member, ev.Key = chat.Removed, "", "removed/"+e.EventTS
	case joined:
		ev.Kind, ev.Key = chat.Joined, "joined/"+e.User+"/"+e.EventTS
	default:
		ev.Kind, ev.Key = chat.Left, "left/"+e.User+"/"+e.EventTS
	}
	return []chat.Event{ev}
}

// messageEvents is what an event about a message means.
func (b *Bot) messageEvents(ev chat.Event, e *event) []chat.Event {
	switch {
	case e.Subtype == "message_deleted" && e.DeletedTS == "", e.Subtype == "message_changed" && (e.New == nil || e.New.TS == ""),
		e.Subtype != "message_deleted" && e.Subtype != "message_changed" && !silent[e.Subtype] && e.Self.TS == "":
		return []chat.Event{{Key: "unread/" + e.ID, Kind: chat.Missed, Chat: ev.Chat, At: ev.At, Since: ev.At, Gap: chat.Undecrypted}}
	}
	switch e.Subtype {
	case "message_deleted":
		if e.Old != nil && b.ours(e.Old) {
			return nil
		}
		return []chat.Event{deleted(ev, e.DeletedTS)}
	case "message_changed":
		switch {
		case b.ours(e.New):
			return nil
		case e.New.Subtype == "tombstone": // the head of a thread was deleted
			return []chat.Event{deleted(ev, e.New.TS)}
		case e.New.Edited == nil, e.Old != nil && e.Old.Edited != nil && e.Old.Edited.TS == e.New.Edited.TS:
			return refiled(b.id(ev.Chat.Local), e.EventTS, e.New, e.Old) // a preview was added, or a reply counted: nobody edited it
		}
		return []chat.Event{edited(b.id(ev.Chat.Local), e.New)}
	}
	if b.ours(&e.Self) || silent[e.Subtype] {
		return nil
	}
	return b.standing(ev.Chat, &e.Self)
}

// standing is what a message means that stands in a chat.
func (b *Bot) standing(id chat.ID, m *message) []chat.Event {
	ev := chat.Event{
		Key: "posted/" + m.TS, Kind: chat.Posted, Chat: id, At: at(m.TS), Member: author(m), Message: chat.MessageID(m.TS), Text: m.said(),
		Files: m.files(),
	}
	if m.Thread != "" && m.Thread != m.TS {
		ev.ReplyTo = chat.MessageID(m.Thread)
	}
	if m.Edited == nil {
		return []chat.Event{ev}
	}
	return []chat.Event{ev, edited(id, m)}
}

func edited(id chat.ID, m *message) chat.Event {
	return chat.Event{
		Key: "edited/" + m.TS + "/" + m.Edited.TS, Kind: chat.Edited, Chat: id, At: at(m.Edited.TS), Member: author(m),
		Message: chat.MessageID(m.TS), Revision: revision(m.Edited.TS), Text: m.said(),
		Files: m.files(),
	}
}

// deleted is a message that is there no longer. Slack does not tell who deleted
// it.
func deleted(ev chat.Event, ts string) chat.Event {
	ev.Kind, ev.Key, ev.Message, ev.Member = chat.Deleted, "deleted/"+ts, chat.MessageID(ts), ""
	return ev
}

// author is who wrote a message: a person, or another app.
func author(m *message) chat.MemberID {
	if m.User != "" {
		return chat.MemberID(m.User)
	}
	return chat.MemberID(m.Bot)
}

// ours reports whether the bot wrote a message itself.
func (b *Bot) ours(m *message) bool {
	self := b.self()
	return (m.User != "" && m.User == self.user) || (m.Bot != "" && m.Bot == self.bot)
}

func (b *Bot) self() me {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.me
}

// lifeContext is the one of the Run that is under way.
func (b *Bot) lifeContext() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life == nil {
		return context.Background()
	}
	return b.life.ctx
}

// interacted takes what somebody did with what the bot shows them.
func (b *Bot) interacted(l *life, i *interaction, ack func(any)) {
	switch i.Type {
	case "view_submission":
		b.submitted(l, i, ack)
	case "block_actions":
		b.pressed(l, i, ack)
	case "message_action":
		b.chose(l, i, ack)
	case "shortcut":
		ack(nil)
		if i.Callback == checkShortcut {
			l.work.Go(func() { b.askDraft(l.ctx, i) })
		}
	default:
		ack(nil)
	}
}

// pressed lines up a pressed button or changed ticks. An answer that wants a
// sentence opens a modal for it instead.
func (b *Bot) pressed(l *life, i *interaction, ack func(any)) {
	var events []chat.Event
	local := ""
	for _, a := range i.Actions {
		when := at(a.TS)
		if when.IsZero() {
			when = b.o.Now().UTC()
		}
		base := chat.Event{At: when, Member: chat.MemberID(i.User.ID)}
		switch {
		case strings.HasPrefix(a.ID, sayAction):
			ack(nil)
			b.chosen(l, i, a.Value, a.TS)
			return
		case strings.HasPrefix(a.ID, answerAction):
			r, ok := readRef(a.Value)
			if !ok {
				continue
			}
			if r.Text {
				l.work.Go(func() { b.askText(l.ctx, i, r, ack) })
				return
			}
			base.Kind, base.Prompt, base.Answer = chat.Answered, r.Prompt, r.Answer
			base.Key = "answer/" + r.Prompt + "/" + i.User.ID + "/" + a.TS
			base.Chat, local = b.id(r.Chat), r.Chat
			events = append(events, base)
		case strings.HasPrefix(a.ID, stepsAction):
			r, ok := readRef(strings.TrimPrefix(a.Block, stepsBlock))
			if !ok {
				continue
			}
			local = r.Chat
			chosen := map[string]bool{}
			for _, s := range a.Selected {
				chosen[s.Value] = true
			}
			for _, step := range i.steps(a.Block) {
				t := base
				t.Kind, t.Chat, t.Prompt, t.Step, t.Done = chat.Ticked, b.id(r.Chat), r.Prompt, step, chosen[step]
				t.Key = "tick/" + r.Prompt + "/" + step + "/" + a.TS
				events = append(events, t)
			}
		}
	}
	if len(events) == 0 {
		ack(nil)
		return
	}
	l.lanes.Put(local, events, b.promptly(l, i, nil, ack))
}

// chosen takes a button that says something to the bot alone. It is answered
// where it stands.
func (b *Bot) chosen(l *life, i *interaction, said, ts string) {
	who, key := chat.MemberID(i.User.ID), "pressed/"+ts
	back := b.directly(who, key)
	if i.Container.Ephemeral && i.Back != "" {
		back = b.through(i.Back)
	}
	b.private(l, bots.Private{Member: who, Text: said}, key, at(ts), back)
}

// steps lists the steps that a block of an interaction's message offers.
func (i *interaction) steps(id string) []string {
	var out []string
	for _, block := range append(i.Message.Blocks, i.View.Blocks...) {
		if block.ID != id {
			continue
		}
		for _, raw := range block.Elements {
			var e struct {
				Action  string `json:"action_id"`
				Options []struct {
					Value string `json:"value"`
				} `json:"options"`
			}
			if json.Unmarshal(raw, &e) != nil || !strings.HasPrefix(e.Action, stepsAction) {
				continue
			}
			for _, o := range e.Options {
				out = append(out, o.Value)
			}
		}
	}
	return out
}
