package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// repliesAMinute bounds what one person is answered in private. Two programs
// that answer each other would not end by themselves.
const repliesAMinute = 12

// Converse implements bots.Conversant.
func (b *Bot) Converse(answer bots.Answerer) { b.answer = answer }

// Speak implements bots.Worded.
func (b *Bot) Speak(words bots.Words) { b.words = words }

// wordsWithin is how long the language that somebody reads may be looked up;
// after that it is the chat's or the organisation's. There are three seconds for
// all that follows.
const wordsWithin = 300 * time.Millisecond

// say gives what says the bot's own words to somebody.
func (b *Bot) say(ctx context.Context, who string) func(string, int) string {
	if b.words == nil {
		return func(name string, _ int) string { return name }
	}
	ctx, cancel := context.WithTimeout(ctx, wordsWithin)
	defer cancel()
	return b.words(ctx, chat.MemberID(who))
}

// private takes what somebody says to the bot alone, in their conversation or
// by a button there. What is said is passed on and kept nowhere; key names the
// saying, so that it is answered once however often it comes.
func (b *Bot) private(l *life, said bots.Private, key string, at time.Time, back func(context.Context, int, bots.Reply) error) {
	if b.answer == nil || strings.TrimSpace(said.Text) == "" || !b.mayReply(said.Member, key) {
		return
	}
	l.talk(said.Member, func() {
		if at.Before(l.began) && b.answeredBefore(l.ctx, said.Member, key) {
			return
		}
		said.Account, said.Name = Account, b.person(l.ctx, string(said.Member)).name
		replies, err := b.answer(l.ctx, said)
		if err != nil {
			b.o.Log.Warn("a question asked in private could not be answered", "account", Account, "err", err)
			return
		}
		for n, r := range replies {
			if err := back(l.ctx, n, r); err != nil {
				b.o.Log.Warn("an answer in private could not be sent", "account", Account, "err", plain(err))
				return
			}
		}
	})
}

// talk has what a member says taken one after the other, beside the events that
// come meanwhile.
func (l *life) talk(who chat.MemberID, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.talks == nil {
		l.talks = map[chat.MemberID][]func(){}
	}
	if queue, busy := l.talks[who]; busy {
		l.talks[who] = append(queue, do)
		return
	}
	l.talks[who] = nil
	l.work.Go(func() {
		for {
			do()
			l.mu.Lock()
			queue := l.talks[who]
			if len(queue) == 0 || l.ctx.Err() != nil {
				delete(l.talks, who)
				l.mu.Unlock()
				return
			}
			do, l.talks[who] = queue[0], queue[1:]
			l.mu.Unlock()
		}
	})
}

// answeredBefore looks whether a saying was answered in an earlier life.
func (b *Bot) answeredBefore(ctx context.Context, who chat.MemberID, key string) bool {
	im, err := b.directTo(ctx, who)
	if err == nil {
		_, err = b.search(ctx, im, func(p payload) bool { return p.Key == "reply/"+key+"/0" })
	}
	return !errors.Is(err, bots.ErrGone) // what cannot be known is not answered twice
}

// directly answers in the conversation with a member.
func (b *Bot) directly(who chat.MemberID, key string) func(context.Context, int, bots.Reply) error {
	return func(ctx context.Context, n int, r bots.Reply) error {
		im, err := b.directTo(ctx, who)
		if err != nil {
			return err
		}
		mark := slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{"key": fmt.Sprintf("reply/%s/%d", key, n), "kind": "reply"}})
		_, _, err = b.api.PostMessageContext(ctx, im, append(spoken(r.Text, r.Choices), mark)...)
		return err
	}
}

// spoken renders a text, with a button for each thing that can be said back.
func spoken(text string, choices []string) []slack.MsgOption {
	out := []slack.MsgOption{slack.MsgOptionText(inert(text), false), slack.MsgOptionDisableLinkUnfurl()}
	if len(choices) > 0 {
		out = append(out, slack.MsgOptionBlocks(spokenBlocks(text, choices)...))
	}
	return out
}

func spokenBlocks(said string, choices []string) []slack.Block {
	out := paragraphs(said)
	var buttons []slack.BlockElement
	for i, c := range choices[:min(len(choices), buttonsMost)] {
		buttons = append(buttons, slack.NewButtonBlockElement(fmt.Sprint(sayAction, i), cut(c, valueMost), text(c, optionMost)))
	}
	if len(buttons) > 0 {
		out = append(out, slack.NewActionBlock("say", buttons...))
	}
	return out
}

// paragraphs renders a text of any length.
func paragraphs(s string) []slack.Block {
	var out []slack.Block
	for runes := []rune(s); len(runes) > 0; {
		n := min(len(runes), sectionMost)
		if part := strings.TrimSpace(string(runes[:n])); part != "" {
			out = append(out, slack.NewSectionBlock(text(part, sectionMost), nil, nil))
		}
		runes = runes[n:]
	}
	return out[:min(len(out), sectionsMost)]
}

// mayReply reports whether a saying is to be answered: not twice, and not more
// than a person asks for.
func (b *Bot) mayReply(who chat.MemberID, key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	var recent []saying
	for _, s := range b.heard[who] {
		if s.key == key {
			return false
		}
		if now.Sub(s.at).Abs() < 10*time.Minute {
			recent = append(recent, s)
		}
	}
	lately := 0
	for _, s := range recent {
		if now.Sub(s.at).Abs() < time.Minute {
			lately++
		}
	}
	if b.heard[who] = append(recent, saying{key, now}); lately >= repliesAMinute {
		return false
	}
	return true
}

// saying is something that a member said to the bot alone.
type saying struct {
	key string
	at  time.Time
}

// command is a slash command.
type command struct {
	User    string `json:"user_id"`
	Text    string `json:"text"`
	Back    string `json:"response_url"`
	Trigger string `json:"trigger_id"`
}

// commanded answers a slash command, to whoever wrote it alone. Nothing of it is
// kept, so that there is nothing to wait for.
func (b *Bot) commanded(l *life, c *command) {
	said := bots.Private{Member: chat.MemberID(c.User), Text: orElse(strings.TrimSpace(c.Text), "help")}
	b.private(l, said, "command/"+c.Trigger, b.o.Now(), b.through(c.Back))
}

// through answers where Slack says that an answer is to go: only the person who
// did something sees it.
func (b *Bot) through(address string) func(context.Context, int, bots.Reply) error {
	return func(ctx context.Context, _ int, r bots.Reply) error { return b.respond(ctx, address, r) }
}

// respond sends what one person alone sees. No token goes with it.
func (b *Bot) respond(ctx context.Context, address string, r bots.Reply) error {
	if !b.trusted(address) {
		return errors.New("slack: an answer was to go to an address that is not Slack's")
	}
	said := map[string]any{"response_type": "ephemeral", "replace_original": false, "text": inert(r.Text)}
	if len(r.Choices) > 0 {
		said["blocks"] = spokenBlocks(r.Text, r.Choices)
	}
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := b.o.Client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, requestMost)) // only the status counts
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("slack answered with %d", res.StatusCode)
	}
	return nil
}

// trusted reports whether an address is Slack's own, or that of the server in
// its place.
func (b *Bot) trusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	api, err := url.Parse(b.o.APIURL)
	if err == nil && u.Scheme == api.Scheme && u.Host == api.Host {
		return true
	}
	host := u.Hostname()
	return u.Scheme == "https" && (host == "slack.com" || strings.HasSuffix(host, ".slack.com"))
}
