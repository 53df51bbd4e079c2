package discord

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Converse implements bots.Conversant. What is said to the bot alone, and the
// draft of a check, are passed on and kept nowhere.
func (b *Bot) Converse(answer bots.Answerer) { b.answer = answer }

// The kinds of command, and of option.
const (
	slash  = 1
	onThis = 3

	aText = 3
)

// command is one of the bot's, as Discord is told of it.
type command struct {
	Type        int      `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Options     []option `json:"options,omitempty"`
	Contexts    []int    `json:"contexts"`
}

type option struct {
	Type        int    `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// Discord's limits, in letters.
const (
	commandMost = 32  // of the name of a command
	whatMost    = 100 // of what it is for
)

// commands are what people find when they type a stroke. Each says what the
// bot's own words say, so that whoever writes them instead is understood too;
// the answer is for whoever asks alone.
func (b *Bot) commands() []command {
	here, alone := 0, 1
	both := []int{here, alone}
	all := chat.ID{Account: Account}
	what := func(text string) string { return b.onButton(all, text, whatMost) }
	said := func(name, text string, o ...option) command { return command{slash, name, what(text), o, both} }
	text := func(name, is string, required bool) option { return option{aText, name, is, required} }
	return []command{
		said("help", "app_help"),
		said("status", "app_status"),
		said("holding", "app_holding"),
		said("check", "app_checks", text("draft", what("app_to_check"), true)),
		said("questions", "app_questions"),
		said("remove", "app_remove", text("chat", what("app_which_chat"), false)),
		said("language", "app_language", text("name", "English, Cymraeg, Gàidhlig", true)),
		{Type: onThis, Name: b.onButton(all, "app_capture", commandMost), Contexts: []int{here}},
	}
}

// inWords is what a command says where its name is not what it says.
var inWords = map[string]string{"holding": "what do you hold on me", "questions": "four questions", "remove": "remove me", "language": ""}

// offer registers the commands, where they are not registered already.
func (b *Bot) offer(ctx context.Context) error {
	b.mu.Lock()
	address := discordgo.EndpointApplicationGlobalCommands(b.app)
	b.mu.Unlock()
	var there []command
	if err := b.get(ctx, address, &there); err != nil {
		return err
	}
	same := func(x, y command) bool {
		return x.Type == y.Type && x.Name == y.Name && x.Description == y.Description && slices.Equal(x.Options, y.Options) && slices.Equal(x.Contexts, y.Contexts)
	}
	want := b.commands()
	if len(there) == len(want) && !slices.ContainsFunc(want, func(c command) bool {
		return !slices.ContainsFunc(there, func(x command) bool { return same(x, c) })
	}) {
		return nil
	}
	return b.call(ctx, "PUT", address, want, nil)
}

// spoken is what somebody says to the bot alone in a direct conversation.
type spoken struct {
	who  user
	text string
	id   string // of the message
	in   string // the conversation
}

const (
	talksMost    = 256 // that wait to be answered
	talksAMinute = 12  // with one person: two programs that answer each other would not end
	sayMost      = 90  // bytes of an answer that stands on a button
)

// heardAlone takes what is said to the bot alone.
func (b *Bot) heardAlone(l *life, x *message) {
	if b.answer == nil || x.Author.Bot || x.Author.ID == b.self() || !x.ordinary() || strings.TrimSpace(x.Content) == "" {
		return
	}
	b.mu.Lock()
	now := b.o.Now()
	b.talked[x.Author.ID] = slices.DeleteFunc(b.talked[x.Author.ID], func(t time.Time) bool { return now.Sub(t).Abs() >= time.Minute })
	enough := len(b.talked[x.Author.ID]) >= talksAMinute
	if !enough {
		b.talked[x.Author.ID] = append(b.talked[x.Author.ID], now)
	}
	b.direct[x.Author.ID] = x.Channel
	b.mu.Unlock()
	b.found(chat.MemberID(x.Author.ID), true)
	if enough {
		return
	}
	select {
	case l.talks <- spoken{x.Author, x.Content, x.ID, x.Channel}:
	default:
		b.o.Log.Warn("Discord: too much is said in private at a time; some of it is not answered")
	}
}

// talk answers what is said in private, in the order in which it was said.
func (b *Bot) talk(l *life) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case s := <-l.talks:
			replies, err := b.answer(l.ctx, bots.Private{Account: Account, Member: chat.MemberID(s.who.ID), Name: s.who.shown(), Text: s.text})
			for i, r := range replies {
				if err == nil {
					// Answered once more after a crash, it is the same message.
					_, err = b.post(l.ctx, s.in, said(r, "reply/"+s.id+"/"+string(rune('0'+i))))
				}
			}
			if err != nil && l.ctx.Err() == nil {
				b.o.Log.Warn("Discord: a question asked in private could not be answered", "err", plain(err))
			}
		}
	}
}

// said is a reply as a message, with what can be answered by one tap.
func said(r bots.Reply, key string) m {
	var rows, row []m
	rest := []string{}
	for _, c := range r.Choices {
		if custom := customSay + separator + c; len(custom) <= sayMost && len(rows) < rowMost {
			if row = append(row, m{"type": button, "style": secondary, "label": cut(c, labelMost), "custom_id": custom}); len(row) == rowMost {
				rows, row = append(rows, rowOf(row)), nil
			}
		} else {
			rest = append(rest, c)
		}
	}
	if len(row) > 0 && len(rows) < rowMost {
		rows = append(rows, rowOf(row))
	}
	text := inert(r.Text)
	if len(rest) > 0 {
		text += "\n\n" + inert(strings.Join(rest, " · "))
	}
	if rows == nil {
		rows = []m{}
	}
	return body(cut(text, longest), key, rows)
}

func rowOf(buttons []m) m { return m{"type": row, "components": buttons} }

// commanded carries a command out.
func (b *Bot) commanded(l *life, i *pressed) {
	if i.Data.Kind == onThis {
		b.capture(l, i)
		return
	}
	text := i.Data.Name
	if words, other := inWords[text]; other {
		text = words
	}
	for _, o := range i.Data.Options {
		var value string
		if json.Unmarshal(o.Value, &value) == nil {
			text += " " + value
		}
	}
	b.alone(l, i, strings.TrimSpace(text))
}

// alone answers a command, or a tap on an answer, to whoever gave it alone.
func (b *Bot) alone(l *life, i *pressed, text string) {
	l.work.Go(func() {
		b.later(l.ctx, i, func(ctx context.Context) ([]m, error) {
			if b.answer == nil {
				return nil, nil
			}
			who := i.who()
			replies, err := b.answer(ctx, bots.Private{Account: Account, Member: chat.MemberID(who.ID), Name: who.shown(), Text: text})
			var out []m
			for _, r := range replies {
				out = append(out, said(r, ""))
			}
			return out, err
		})
	})
}

// later says at once that an answer comes, since Discord waits for three
// seconds, and then gives it: in a server to the person alone.
func (b *Bot) later(ctx context.Context, i *pressed, make func(context.Context) ([]m, error)) (shown []string) {
	var flags m
	if i.Guild != "" {
		flags = m{"flags": onlyYou}
	}
	if !b.respond(ctx, i, reply{Type: thinking, Data: flags}) {
		return nil
	}
	all, err := make(ctx)
	if err != nil {
		b.o.Log.Warn("Discord: a command could not be answered", "err", plain(err))
	}
	if err != nil || len(all) == 0 {
		all = []m{body(inert(b.says(ctx, chat.MemberID(i.who().ID))("app_failed")), "", []m{})}
	}
	b.mu.Lock()
	app := b.app
	b.mu.Unlock()
	for n, what := range all[:min(len(all), rowMost)] {
		delete(what, "nonce")
		var made message
		method, address := "PATCH", discordgo.EndpointWebhookMessage(app, i.Token, "@original")
		if n > 0 {
			if i.Guild != "" {
				what["flags"] = noCards | onlyYou
			}
			method, address = "POST", discordgo.EndpointWebhookToken(app, i.Token)
		}
		if err := b.call(ctx, method, address, what, &made); err != nil {
			b.o.Log.Debug("Discord: an answer to a command came too late", "err", plain(err))
			return shown
		}
		shown = append(shown, made.ID)
	}
	return shown
}

// capture asks that a message be kept as a record, because somebody in its chat
// wants it.
func (b *Bot) capture(l *life, i *pressed) {
	x := i.Data.Resolved.Messages[i.Data.Target]
	local := b.home(x.Channel)
	if x.ID == "" || local == "" || x.Author.ID == b.self() || x.said() == "" {
		l.work.Go(func() {
			b.respond(l.ctx, i, alone(b.says(l.ctx, chat.MemberID(i.who().ID))("app_not_kept")))
		})
		return
	}
	ev := chat.Event{
		Key: "wanted/" + x.ID, Kind: chat.Wanted, Chat: b.id(local), At: x.At.UTC(), Member: chat.MemberID(i.who().ID),
		Message: messageID(local, x.Channel, x.ID), Answer: x.Author.ID, Text: x.said(), Files: x.files(),
	}
	if x.Edited != nil {
		ev.Revision = x.Edited.UnixMilli()
		ev.Key += "/" + x.Edited.UTC().Format(time.RFC3339Nano)
	}
	l.lanes.Put(local, []chat.Event{ev}, func() {
		l.work.Go(func() {
			b.respond(l.ctx, i, alone(b.says(l.ctx, chat.MemberID(i.who().ID))("app_kept")))
		})
	})
}

// alone is a first answer that only the person sees.
func alone(text string) reply {
	return reply{Type: saying, Data: m{"flags": onlyYou, "content": inert(text)}}
}

var _ bots.Conversant = (*Bot)(nil)
