package whatsapp

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// There are no buttons. A prompt is a text whose answers have numbers, and a
// reply with a number is an answer. The numbers of the prompts that somebody
// has yet to answer go on from one to the next, so that no number has two
// meanings.

// number gives the answers of a prompt their numbers.
func (b *Bot) number(ctx context.Context, s *shown, p *bots.Prompt) error {
	others, err := b.book.waiting(ctx, s.member)
	if err != nil {
		return err
	}
	free, clash := 1, s.first == 0
	for _, o := range others {
		if o.prompt == s.prompt {
			continue
		}
		free = max(free, o.first+len(o.answers))
		clash = clash || (s.first < o.first+len(o.answers) && o.first < s.first+len(p.Answers))
	}
	if clash {
		s.first = free
	}
	s.answers, s.waiting, s.awaits = p.Answers, len(p.Answers) > 0, ""
	return nil
}

// render writes a prompt as a text, the first of whose lines is all that a
// locked phone shows. Phones fold a long text: what is to be done and the answers
// come before how it is done, and why.
func render(p *bots.Prompt, first int) string {
	var out strings.Builder
	para := func(lines ...string) {
		said := false
		for _, l := range lines {
			if l == "" {
				continue
			}
			if !said && out.Len() > 0 {
				out.WriteString("\n\n")
			} else if said {
				out.WriteString("\n")
			}
			said = true
			out.WriteString(inert(l))
		}
	}
	para(p.Title)
	para(p.Body)
	para(p.Note)
	var steps []string
	for _, s := range p.Steps {
		mark := "• "
		if s.Done {
			mark = "✓ "
		}
		steps = append(steps, mark+s.Text)
	}
	para(steps...)
	if len(p.Answers) > 0 {
		answers := []string{"Answer with a number:"}
		for i, a := range p.Answers {
			line := fmt.Sprintf("%d  %s", first+i, a.Label)
			if a.WantsText {
				line += " (write your words behind the number)"
			}
			answers = append(answers, line)
		}
		if i := expected(p.Answers); !p.Answers[i].WantsText {
			answers = append(answers, fmt.Sprintf("👍 on this message means %d.", first+i))
		}
		para(answers...)
	}
	para(p.Found...)
	para(p.Policy)
	para(p.Ask)
	for _, s := range p.Steps {
		if s.Help != "" && !s.Done {
			para("• "+s.Text, s.Help)
		}
	}
	return out.String()
}

// expected is the answer that most people will want.
func expected(all []bots.Answer) int {
	for i, a := range all {
		if a.Expected {
			return i
		}
	}
	return 0
}

// inert lets what WhatsApp would take for formatting be seen as it is.
func inert(s string) string {
	return strings.NewReplacer("*", "*\u2060", "_", "_\u2060", "~", "~\u2060", "`", "`\u2060").Replace(s)
}

// private takes what somebody says to the bot alone.
func (b *Bot) private(s *session, e *events.Message) (bool, error) {
	member, err := b.member(s.ctx, e.Info.Sender, e.Info.SenderAlt)
	if err != nil {
		return false, err
	}
	if err := b.book.wrote(s.ctx, member, e.Info.Timestamp); err != nil {
		return false, err
	}
	p, choice, text, err := b.choice(s.ctx, member, e.Message)
	if err != nil {
		return false, err
	}
	if p == nil {
		if e.Message.GetReactionMessage() == nil {
			b.converse(s, e, member)
		}
		return true, nil
	}
	answer := p.answers[choice]
	if !answer.WantsText {
		text = ""
	} else if text == "" { // the words come next
		p.awaits = answer.ID
		err := b.book.show(s.ctx, p, p.stanza)
		return err == nil, err
	}
	if !s.take(p.chat, chat.Event{
		Key: "answer/" + string(messageID(e.Info.ID, member)), Kind: chat.Answered, Chat: p.chat, At: e.Info.Timestamp.UTC(),
		Member: member, Prompt: p.prompt, Answer: answer.ID, Text: text,
	}) {
		return false, nil
	}
	p.awaits = ""
	err = b.book.show(s.ctx, p, p.stanza)
	return err == nil, err
}

// choice finds what a private message answers: the prompt, which of its
// answers, and the words behind it. No prompt: it answers nothing.
func (b *Bot) choice(ctx context.Context, member chat.MemberID, m *waE2E.Message) (*shown, int, string, error) {
	if r := m.GetReactionMessage(); r != nil {
		p, err := b.book.shownAs(ctx, types.MessageID(r.GetKey().GetID()))
		if err != nil || p == nil || p.member != member || !p.waiting {
			return nil, 0, "", err
		}
		if i, ok := reaction(r.GetText(), p); ok {
			return p, i, "", nil
		}
		return nil, 0, "", nil
	}
	text := strings.TrimSpace(words(m))
	waiting, err := b.book.waiting(ctx, member)
	if err != nil || text == "" {
		return nil, 0, "", err
	}
	if n, rest, ok := leadingNumber(text); ok {
		for _, p := range waiting {
			if n >= p.first && n < p.first+len(p.answers) {
				return p, n - p.first, rest, nil
			}
		}
	}
	for _, p := range waiting {
		for i, a := range p.answers {
			if p.awaits == a.ID && p.awaits != "" {
				return p, i, text, nil
			}
		}
	}
	return nil, 0, "", nil
}

// number may be written as people do: "2", "2.", "(2)", "2) because", "2️⃣".
var number = regexp.MustCompile(`^\(?([0-9]{1,3})\x{FE0F}?\x{20E3}?(?:[\s.):,;–-]+|$)`)

func leadingNumber(s string) (n int, rest string, ok bool) {
	at := number.FindStringSubmatchIndex(s)
	if at == nil {
		return 0, "", false
	}
	n, err := strconv.Atoi(s[at[2]:at[3]])
	return n, strings.TrimSpace(s[at[1]:]), err == nil
}

// reaction is the answer that a reaction to the prompt gives.
func reaction(emoji string, p *shown) (int, bool) {
	if n, _, ok := leadingNumber(emoji); ok && n >= p.first && n < p.first+len(p.answers) {
		return n - p.first, true
	}
	switch strings.TrimRight(emoji, "\U0001F3FB\U0001F3FC\U0001F3FD\U0001F3FE\U0001F3FF\uFE0F") { // whatever the colour of the hand
	case "👍", "✅", "👌", "✔":
		i := expected(p.answers)
		return i, !p.answers[i].WantsText
	}
	return 0, false
}
