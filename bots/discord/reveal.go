package discord

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Where a member lets nobody write to them, the chat has a line that points at
// neither person nor message, with a button: whoever presses it is shown what
// waits for them, and nobody else sees that. What is shown is asked for at that
// moment, so that nothing has to be kept here and a restart changes nothing.

// Reveal implements bots.Revealer.
func (b *Bot) Reveal(waiting bots.Waiting) { b.waiting = waiting }

// revealLife is how long what was shown to a person alone can be changed: a quarter
// of an hour.
const revealLife = 14 * time.Minute

// glimpse is a prompt that stands before its member alone.
type glimpse struct {
	token, message string
	until          time.Time
}

// lineOf names the line of a prompt where Discord keeps it.
func lineOf(local, prompt string) string {
	return strings.Join([]string{customShow, local, short(prompt)}, separator)
}

// beckon posts the line of a prompt.
func (b *Bot) beckon(ctx context.Context, e bots.Effect) error {
	if b.waiting == nil {
		return bots.ErrForbidden
	}
	at := b.standsFor(e)
	if at == "" {
		return bots.ErrForbidden
	}
	rows := []m{{"type": row, "components": []m{
		{"type": button, "style": primary, "label": b.onButton(e.Chat, "app_line_mine", labelMost), "custom_id": lineOf(e.Chat.Local, e.Prompt.ID)},
		{"type": button, "style": secondary, "label": b.onButton(e.Chat, "app_what", labelMost), "custom_id": mark(e.Key)},
	}}}
	made, err := b.post(ctx, at, body(cut(inert(b.toAll(e.Chat, "app_line", "\n\n")), longest), e.Key, rows))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[e.Prompt.ID] = place{at, made.ID}
	return nil
}

// standsFor is where the line of an effect stands: in its channel; in a forum,
// which has no messages of its own, below the post that it is about.
func (b *Bot) standsFor(e bots.Effect) string {
	c := b.channel(e.Chat.Local)
	if c == nil {
		return ""
	}
	if c.Type != kindForum {
		return c.ID
	}
	for _, m := range e.Prompt.Messages {
		if at := placeOf(e.Chat.Local, m); at.channel != c.ID {
			return at.channel
		}
	}
	return ""
}

// called finds the line of a prompt; ErrGone where there is none.
func (b *Bot) called(ctx context.Context, e bots.Effect) (place, error) {
	b.mu.Lock()
	at, known := b.lines[e.Prompt.ID]
	b.mu.Unlock()
	if known {
		return at, nil
	}
	in, name := b.standsFor(e), lineOf(e.Chat.Local, e.Prompt.ID)
	if in == "" || b.waiting == nil {
		return place{}, bots.ErrGone
	}
	found, err := b.own(ctx, in, func(x message) bool { return strings.Contains(string(x.Components), name) })
	if err != nil {
		return place{}, err
	}
	at = place{in, found.ID}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[e.Prompt.ID] = at
	return at, nil
}

// unbeckon takes the line of a prompt away.
func (b *Bot) unbeckon(ctx context.Context, prompt string, at place) error {
	err := b.call(ctx, "DELETE", discordgo.EndpointChannelMessage(at.channel, at.message), nil, nil)
	if err = ignore(err, bots.ErrGone); err == nil {
		b.mu.Lock()
		delete(b.lines, prompt)
		b.mu.Unlock()
	}
	return err
}

// revise brings a prompt up to date where it stands: in the conversation with
// its member, or before them alone. Whoever presses the button of its line
// later sees it as it is then.
func (b *Bot) revise(ctx context.Context, e bots.Effect) error {
	at, line, err := b.where(ctx, e)
	if err != nil {
		return err
	}
	if line {
		return b.reviseShown(ctx, e, at)
	}
	return b.call(ctx, "PATCH", discordgo.EndpointChannelMessage(at.channel, at.message), b.prompted(ctx, e, ""), nil)
}

// where is where a prompt stands: in the conversation with its member, or in its
// chat the line that calls them. What is known is not looked for.
func (b *Bot) where(ctx context.Context, e bots.Effect) (at place, line bool, err error) {
	b.mu.Lock()
	at, line = b.lines[e.Prompt.ID]
	b.mu.Unlock()
	if line {
		return at, true, nil
	}
	if at, err = b.find(ctx, e.Member, e.Prompt.ID); !errors.Is(err, bots.ErrGone) {
		return at, false, err
	}
	at, err = b.called(ctx, e)
	return at, err == nil, err
}

func (b *Bot) reviseShown(ctx context.Context, e bots.Effect, at place) error {
	b.mu.Lock()
	v, app := b.views[e.Prompt.ID], b.app
	b.mu.Unlock()
	if b.o.Now().Before(v.until) {
		err := b.call(ctx, "PATCH", discordgo.EndpointWebhookMessage(app, v.token, v.message), b.prompted(ctx, e, ""), nil)
		if err = ignore(err, bots.ErrGone); err != nil {
			return err
		}
	}
	if open(e.Prompt) {
		return nil
	}
	b.mu.Lock()
	delete(b.views, e.Prompt.ID)
	b.mu.Unlock()
	return b.unbeckon(ctx, e.Prompt.ID, at)
}

// reveal shows whoever pressed the button of a line what waits for them there.
func (b *Bot) reveal(l *life, i *pressed, local string) {
	who := chat.MemberID(i.who().ID)
	l.work.Go(func() {
		var prompts []bots.Prompt
		shown := b.later(l.ctx, i, func(ctx context.Context) (out []m, err error) {
			if b.waiting == nil {
				return nil, nil
			}
			if prompts, err = b.waiting(ctx, b.id(local), who); err != nil {
				return nil, err
			}
			say := b.says(ctx, who)
			for n := range prompts {
				out = append(out, body(promptText(&prompts[n], say), "", promptRows(local, &prompts[n], say)))
			}
			if len(out) == 0 {
				out = append(out, body(inert(say("app_line_none")), "", []m{}))
			}
			return out, nil
		})
		b.mu.Lock()
		defer b.mu.Unlock()
		for n, id := range shown {
			if n < len(prompts) {
				b.views[prompts[n].ID] = glimpse{i.Token, id, b.o.Now().Add(revealLife)}
			}
		}
	})
}

var _ bots.Revealer = (*Bot)(nil)
