package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"chaperone/bots"
)

// Names of blocks and elements.
const (
	answerAction  = "answer/"
	stepsAction   = "steps"
	stepsBlock    = "steps/"
	sayAction     = "say/"
	modalCallback = "answer"
	inputBlock    = "text"
	inputAction   = "text"
)

// Slack's limits, in characters.
const (
	sectionMost  = 3000
	optionMost   = 75
	optionsMost  = 10
	buttonsMost  = 25
	modalMost    = 24
	valueMost    = 2000
	sectionsMost = 40
)

// ref says which answer to which prompt an element gives.
type ref struct {
	Chat   string `json:"c"`
	Prompt string `json:"p"`
	Answer string `json:"a,omitempty"`
	Text   bool   `json:"t,omitempty"`
	Label  string `json:"l,omitempty"`
}

func (r ref) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return "" // texts and a flag always can be written
	}
	return string(b)
}

func readRef(s string) (ref, bool) {
	var r ref
	err := json.Unmarshal([]byte(s), &r)
	return r, err == nil && r.Chat != "" && r.Prompt != ""
}

// text is shown as it is: no mentions, no markup, no pictures for words.
func text(s string, most int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, cut(s, most), false, false)
}

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// content renders a prompt. Its first line is all that a locked phone shows.
func content(e bots.Effect) []slack.MsgOption {
	return []slack.MsgOption{slack.MsgOptionText(inert(e.Prompt.Title), false), slack.MsgOptionBlocks(blocks(e)...), slack.MsgOptionDisableLinkUnfurl()}
}

func blocks(e bots.Effect) []slack.Block {
	p := e.Prompt
	var out []slack.Block
	say := func(s string) {
		if s != "" {
			out = append(out, slack.NewSectionBlock(text(s, sectionMost), nil, nil))
		}
	}
	aside := func(lines ...string) {
		if s := strings.TrimSpace(strings.Join(lines, "\n")); s != "" {
			out = append(out, slack.NewContextBlock("", text(s, sectionMost)))
		}
	}
	say(p.Title)
	say(p.Note)
	say(p.Body)
	aside(strings.Join(p.Found, "\n"))
	open := len(p.Answers) > 0
	out = append(out, steps(e, open)...)
	say(p.More)
	if open {
		out = append(out, buttons(e)...)
	}
	aside(p.Policy, p.Ask)
	return out
}

// steps renders what there is to do: as boxes to tick while it is asked, and
// in words where that does not hold them. How each is done is in what "Tell me
// more" shows.
func steps(e bots.Effect, open bool) []slack.Block {
	var lines []string
	var options, done []*slack.OptionBlockObject
	fits := open && len(e.Prompt.Steps) <= optionsMost
	for i, s := range e.Prompt.Steps {
		line := fmt.Sprintf("%d. %s", i+1, s.Text)
		fits = fits && utf8.RuneCountInString(line) <= optionMost
		o := slack.NewOptionBlockObject(s.ID, text(line, optionMost), nil)
		options = append(options, o)
		if s.Done {
			done = append(done, o)
			if !open {
				line = "✓ " + line
			}
		}
		lines = append(lines, line)
	}
	var out []slack.Block
	if len(lines) > 0 && !fits {
		out = append(out, slack.NewSectionBlock(text(strings.Join(lines, "\n"), sectionMost), nil, nil))
	}
	if len(lines) > 0 && open && len(options) <= optionsMost {
		boxes := slack.NewCheckboxGroupsBlockElement(stepsAction, options...)
		boxes.InitialOptions = done
		out = append(out, slack.NewActionBlock(stepsBlock+ref{Chat: e.Chat.Local, Prompt: e.Prompt.ID}.String(), boxes))
	}
	return out
}

// buttons renders the answers: the expected one first, and those for fewer
// people apart.
func buttons(e bots.Effect) []slack.Block {
	var first, main, more []slack.BlockElement
	for _, a := range e.Prompt.Answers {
		r := ref{Chat: e.Chat.Local, Prompt: e.Prompt.ID, Answer: a.ID, Text: a.WantsText}
		if a.WantsText {
			r.Label = cut(a.Label, 150)
		}
		button := slack.NewButtonBlockElement(answerAction+a.ID, r.String(), text(a.Label, optionMost))
		switch {
		case a.Expected:
			button.Style = slack.StylePrimary
			first = append(first, button)
		case a.More:
			more = append(more, button)
		default:
			main = append(main, button)
		}
	}
	var out []slack.Block
	if all := append(first, main...); len(all) > 0 {
		out = append(out, slack.NewActionBlock("answers", all[:min(len(all), buttonsMost)]...))
	}
	if len(more) > 0 {
		out = append(out, slack.NewActionBlock("more", more[:min(len(more), buttonsMost)]...))
	}
	return out
}

// askText opens a modal for the words of an answer. It has three seconds; where
// that was too long the person is told, if Slack says where.
func (b *Bot) askText(ctx context.Context, i *interaction, r ref, ack func(any)) {
	say := b.say(ctx, i.User.ID)
	input := slack.NewPlainTextInputBlockElement(nil, inputAction)
	input.Multiline = true
	private := r
	private.Label = ""
	view := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: modalCallback, PrivateMetadata: private.String(), Title: text(say("app_words", 0), modalMost),
		Submit: text(say("app_send", 0), modalMost), Close: text(say("app_cancel", 0), modalMost),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock(inputBlock, text(orElse(r.Label, say("app_answer", 0)), 2000), nil, input)}},
	}
	_, err := b.api.OpenViewContext(ctx, i.Trigger, view)
	if err == nil {
		ack(nil)
		return
	}
	b.o.Log.Warn("Slack: the box for an answer could not be opened; its member can press again", "err", plain(err))
	if i.Back != "" && b.respond(ctx, i.Back, bots.Reply{Text: say("app_too_late", 0)}) == nil {
		ack(nil)
	} // else it is not acknowledged: Slack shows them that it failed
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
