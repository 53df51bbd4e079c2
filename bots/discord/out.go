package discord

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Do implements bots.Bot.
func (b *Bot) Do(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	able, err := b.Abilities(ctx, e.Chat)
	if err != nil {
		return "", err
	}
	if able[e.Kind].Level != bots.Yes {
		return "", bots.ErrUnsupported
	}
	switch e.Kind {
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Prompt == nil || e.Prompt.ID == "" {
			return "", bots.ErrUnsupported
		}
	}
	if e.Kind == bots.Delete || e.Kind == bots.Remove { // what cannot be undone is not done on old knowledge
		if err := b.connected(ctx); err != nil {
			return "", err
		}
	}
	switch e.Kind {
	case bots.Whisper:
		return "", b.whisper(ctx, e)
	case bots.Revise:
		return "", b.revise(ctx, e)
	case bots.Remind:
		return "", b.remind(ctx, e)
	case bots.Tell:
		what := said(bots.Reply{Text: e.Text, Choices: e.Choices}, e.Key)
		rows := what["components"].([]m)
		what["components"] = append(rows[:min(len(rows), rowMost-1)], aboutRow(e.Key, b.says(ctx, e.Member)("app_what"))...)
		_, err := b.sendAlone(ctx, e.Member, what)
		return "", err
	case bots.Post:
		what := body(cut(inert(e.Text), longest), e.Key, aboutRow(e.Key, b.onButton(e.Chat, "app_what", labelMost)))
		if c := b.channel(e.Chat.Local); c != nil && c.Type == kindForum {
			return b.begin(ctx, c, what)
		}
		made, err := b.post(ctx, e.Chat.Local, what)
		return chat.MessageID(made.ID), err
	case bots.Delete:
		at := placeOf(e.Chat.Local, e.Message)
		if !snowflake(at.message) || !snowflake(at.channel) {
			return "", bots.ErrGone
		}
		return "", b.erase(ctx, at)
	case bots.Remove:
		c := b.channel(e.Chat.Local)
		if c == nil {
			return "", bots.ErrGone
		}
		return "", b.call(ctx, "DELETE", discordgo.EndpointGuildMember(c.Guild, url.PathEscape(string(e.Member))), nil, nil, because("Chaperone: has left, by the staff directory"))
	}
	return "", bots.ErrUnsupported
}

const (
	connectMost = 10 * time.Second // an effect waits for the connection
	connectLook = 10 * time.Millisecond
	notNow      = 15 * time.Second
)

// connected waits until the gateway tells what happens; Busy where it does not.
func (b *Bot) connected(ctx context.Context) error {
	for end := time.Now().Add(connectMost); ; sleep(ctx, connectLook) {
		b.mu.Lock()
		up := b.up
		b.mu.Unlock()
		switch {
		case up:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			return bots.Busy{After: notNow}
		}
	}
}

// because is what the audit log of the server says of a call.
func because(why string) discordgo.RequestOption { return discordgo.WithAuditLogReason(why) }

func snowflake(id string) bool { return !at(id).IsZero() }

func (b *Bot) prompted(ctx context.Context, e bots.Effect, key string) m {
	say := b.says(ctx, e.Member)
	return body(promptText(e.Prompt, say), key, promptRows(e.Chat.Local, e.Prompt, say))
}

func (b *Bot) post(ctx context.Context, channel string, what m) (made message, err error) {
	err = b.call(ctx, "POST", discordgo.EndpointChannelMessages(channel), what, &made)
	return made, err
}

func (b *Bot) whisper(ctx context.Context, e bots.Effect) error {
	if err := b.mayKnock(e.Member); err != nil {
		return b.beckon(ctx, e)
	}
	at, err := b.sendAlone(ctx, e.Member, b.prompted(ctx, e, e.Key))
	if errors.Is(err, errClosed) {
		return b.beckon(ctx, e)
	}
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown[e.Prompt.ID] = at
	return nil
}

// remind says once more that something is open, below the prompt itself.
func (b *Bot) remind(ctx context.Context, e bots.Effect) error {
	at, line, err := b.where(ctx, e)
	if err != nil {
		return err
	}
	if line { // it comes once more, below what was said since
		if err := b.beckon(ctx, e); err != nil {
			return err
		}
		err := b.call(ctx, "DELETE", discordgo.EndpointChannelMessage(at.channel, at.message), nil, nil)
		return ignore(err, bots.ErrGone)
	}
	what := body(cut(inert(e.Prompt.Title)+"\n"+inert(e.Prompt.Note), longest), e.Key, aboutRow(e.Key, b.says(ctx, e.Member)("app_what")))
	what["message_reference"] = m{"message_id": at.message, "channel_id": at.channel, "fail_if_not_exists": false}
	_, err = b.post(ctx, at.channel, what)
	return err
}

// conversation is the direct conversation with a member.
func (b *Bot) conversation(ctx context.Context, who chat.MemberID) (string, error) {
	b.mu.Lock()
	dm := b.direct[string(who)]
	b.mu.Unlock()
	if dm != "" {
		return dm, nil
	}
	var c channel
	if err := b.call(ctx, "POST", discordgo.EndpointUserChannels("@me"), m{"recipient_id": string(who)}, &c); err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.direct[string(who)] = c.ID
	return c.ID, nil
}

// find is where a prompt stands; ErrGone where it was never shown.
func (b *Bot) find(ctx context.Context, who chat.MemberID, prompt string) (place, error) {
	b.mu.Lock()
	at, known := b.shown[prompt]
	b.mu.Unlock()
	if known {
		return at, nil
	}
	dm, err := b.conversation(ctx, who)
	if err != nil {
		return place{}, err
	}
	end := reference(prompt)
	found, err := b.own(ctx, dm, func(x message) bool { return strings.HasSuffix(x.Content, end) })
	if err != nil {
		return place{}, err
	}
	at = place{dm, found.ID}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown[prompt] = at
	return at, nil
}

const lookPages = 5 // of a hundred messages, back from the newest

// own finds a message of the bot's own; ErrGone where there is none.
func (b *Bot) own(ctx context.Context, channel string, is func(message) bool) (message, error) {
	if b.self() == "" { // after a crash this comes before the connection stands
		if _, err := b.whoami(ctx); err != nil {
			return message{}, err
		}
	}
	before, me := "", b.self()
	for range lookPages {
		q := url.Values{"limit": {"100"}}
		if before != "" {
			q.Set("before", before)
		}
		var page []message
		if err := b.get(ctx, discordgo.EndpointChannelMessages(channel)+"?"+q.Encode(), &page); err != nil {
			return message{}, err
		}
		if i := slices.IndexFunc(page, func(x message) bool { return x.Author.ID == me && is(x) }); i >= 0 {
			return page[i], nil
		}
		if len(page) < 100 {
			break
		}
		before = page[len(page)-1].ID
	}
	return message{}, bots.ErrGone
}

// Sent implements bots.Reconciler. Whether a revision arrived cannot be known,
// and sending it again changes nothing.
func (b *Bot) Sent(ctx context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	in := e.Chat.Local
	if e.Kind == bots.Post || e.Kind == bots.Remove {
		if err := b.known(ctx, in); err != nil {
			return "", false, err
		}
	}
	switch e.Kind {
	case bots.Whisper:
		_, err := b.find(ctx, e.Member, e.Prompt.ID)
		if errors.Is(err, bots.ErrGone) {
			if err = b.known(ctx, in); err == nil {
				_, err = b.called(ctx, e)
			}
		}
		return "", err == nil, ignore(err, bots.ErrGone)
	case bots.Delete:
		if _, err := b.Fetch(ctx, e.Chat, e.Message); err != nil {
			return "", errors.Is(err, bots.ErrGone), err
		}
		return "", false, nil
	case bots.Remove:
		c := b.channel(in)
		if c == nil {
			return "", false, bots.ErrGone // they may be in the server yet
		}
		err := b.get(ctx, discordgo.EndpointGuildMember(c.Guild, url.PathEscape(string(e.Member))), nil)
		return "", errors.Is(err, bots.ErrGone), ignore(err, bots.ErrGone)
	case bots.Remind, bots.Tell:
		dm, err := b.conversation(ctx, e.Member)
		if err != nil {
			return "", false, err
		}
		in = dm
	case bots.Post:
		if c := b.channel(in); c != nil && c.Type == kindForum {
			return b.begun(ctx, c, mark(e.Key))
		}
	default:
		return "", false, nil
	}
	name := mark(e.Key)
	is := func(x message) bool { return json.Valid(x.Components) && strings.Contains(string(x.Components), name) }
	found, err := b.own(ctx, in, is)
	if errors.Is(err, bots.ErrGone) && e.Kind == bots.Remind {
		if at := b.standsFor(e); at != "" {
			found, err = b.own(ctx, at, is)
		}
	}
	if err != nil {
		return "", false, ignore(err, bots.ErrGone)
	}
	return chat.MessageID(found.ID), true, nil
}

func ignore(err, one error) error {
	if errors.Is(err, one) {
		return nil
	}
	return err
}

// Fetch implements bots.Fetcher.
func (b *Bot) Fetch(ctx context.Context, id chat.ID, m chat.MessageID) (string, error) {
	at := placeOf(id.Local, m)
	if !snowflake(at.message) || !snowflake(at.channel) {
		return "", bots.ErrGone
	}
	var x message
	if err := b.get(ctx, discordgo.EndpointChannelMessage(at.channel, at.message), &x); err != nil {
		return "", err
	}
	return x.said(), nil
}
