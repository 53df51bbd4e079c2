package discord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
)

// The names of buttons and forms. Each says which chat and prompt it is about;
// nothing that is secret, since whoever sees the message can read it.
const (
	separator    = "|"
	customAnswer = "a" // chat, prompt, answer
	customWrite  = "w" // chat, prompt, answer: shows a form
	customForm   = "f" // chat, prompt, answer: the form, sent
	customTick   = "t" // chat, prompt, step, 1 or 0
	customAbout  = "k" // the mark of the effect that made the message
	customShow   = "s" // chat, prompt in short: shows what waits for whoever presses
	customSay    = "c" // words: says them to the bot alone
)

// The kinds of component and of reply.
const (
	row    = 1
	button = 2
	input  = 4

	primary   = 1
	secondary = 2

	silently = 6
	thinking = 5
	saying   = 4
	asking   = 9

	onlyYou = 1 << 6
	noCards = 1 << 2
)

type m = map[string]any

// reply is a first answer to an interaction.
type reply struct {
	Type int `json:"type"`
	Data m   `json:"data,omitempty"`
}

func (b *Bot) respond(ctx context.Context, p *pressed, r reply) bool {
	err := b.call(ctx, "POST", discordgo.EndpointInteractionResponse(p.ID, p.Token), r, nil)
	if err != nil && ctx.Err() == nil {
		b.o.Log.Debug("Discord: a press was answered too late", "err", plain(err))
	}
	return err == nil
}

// form asks for a sentence of the member's own.
func form(local, prompt, answer string, say func(string) string) reply {
	field := m{"type": input, "custom_id": "text", "label": cut(say("app_words"), formMost), "style": 2, "required": true, "max_length": 1000}
	return reply{Type: asking, Data: m{
		"custom_id": strings.Join([]string{customForm, local, prompt, answer}, separator), "title": cut(say("app_answer"), formMost),
		"components": []m{{"type": row, "components": []m{field}}},
	}}
}

// about says what Chaperone is, to the person who asked alone.
func about(say func(string) string) reply { return alone(say("app_about")) }

// mark names an effect where Discord keeps it: on the button below its message.
func mark(key string) string { return customAbout + separator + short(key) }

// short names a key in 24 letters, which is what a nonce may have: it keeps
// Discord from making the same message twice within some minutes.
func short(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:12])
}

// body is what every message is sent with: it mentions nobody.
func body(content string, key string, components []m) m {
	out := m{"content": content, "allowed_mentions": m{"parse": []string{}}, "components": components, "flags": noCards}
	if key != "" {
		out["nonce"], out["enforce_nonce"] = short(key), true
	}
	return out
}

// aboutRow is the button below what is said: it tells what Chaperone is.
func aboutRow(key, label string) []m {
	return []m{{"type": row, "components": []m{{"type": button, "style": secondary, "label": label, "custom_id": mark(key)}}}}
}

// reference ends the message of a prompt. By it the message is found again
// after a restart, whatever language it is in; it tells nobody anything.
func reference(prompt string) string { return "Ref. " + prompt }

// promptText is a prompt as one message. Texts come out as they are, whatever
// signs they hold. Where they are too long the end stays: whose policy asks, and
// who can be asked.
func promptText(p *bots.Prompt, say func(string) string) string {
	var s, end strings.Builder
	s.WriteString(inert(p.Title))
	line := func(to *strings.Builder, before, text string) {
		if text != "" {
			to.WriteString("\n" + before + inert(text))
		}
	}
	const aside = "-# "
	line(&s, "", p.Note)
	line(&s, "", p.Body)
	for _, f := range p.Found {
		line(&s, aside, f)
	}
	if open(p) {
		for _, st := range p.Steps {
			tick := "☐ "
			if st.Done {
				tick = "☑ "
			}
			line(&s, tick, st.Text)
		}
		line(&end, aside, p.Policy)
		line(&end, aside, p.Ask)
	}
	line(&s, "", p.More)
	end.WriteString("\n" + aside + inert(say("app_alone")) + " " + reference(p.ID))
	return cut(s.String(), longest-utf8.RuneCountInString(end.String())) + end.String()
}

// longest is how many characters a message has at most.
const longest = 2000

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

func open(p *bots.Prompt) bool { return p.State == "open" || p.State == "escalated" }

const (
	rowMost    = 5 // buttons in a row, and rows in a message
	labelMost  = 80
	formMost   = 45 // letters of a form's title and label
	customMost = 100
)

// promptRows are the buttons of a prompt: its answers, then its steps.
func promptRows(local string, p *bots.Prompt, say func(string) string) []m {
	if !open(p) {
		return []m{}
	}
	var buttons []m
	add := func(style int, label string, parts ...string) {
		custom := strings.Join(parts, separator)
		if len(custom) <= customMost && len(buttons) < rowMost*rowMost {
			buttons = append(buttons, m{"type": button, "style": style, "label": cut(label, labelMost), "custom_id": custom})
		}
	}
	for _, a := range p.Answers {
		kind, style := customAnswer, secondary
		if a.WantsText {
			kind = customWrite
		}
		if a.Expected {
			style = primary
		}
		add(style, a.Label, kind, local, p.ID, a.ID)
	}
	for _, st := range p.Steps {
		if st.Done {
			add(secondary, say("app_undo")+": "+st.Text, customTick, local, p.ID, st.ID, "0")
		} else {
			add(secondary, "✓ "+st.Text, customTick, local, p.ID, st.ID, "1")
		}
	}
	var rows []m
	for len(buttons) > 0 {
		n := min(rowMost, len(buttons))
		rows = append(rows, m{"type": row, "components": buttons[:n]})
		buttons = buttons[n:]
	}
	if rows == nil {
		rows = []m{}
	}
	return rows
}

// inert takes the meaning from every sign that Discord gives one, and the
// direction from signs that turn text round.
func inert(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\*_~`|>#[]()<@:-", r):
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\u202a' || r == '\u202b' || r == '\u202c' || r == '\u202d' || r == '\u202e' || r >= '\u2066' && r <= '\u2069':
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
