package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Texts is what members read, in one language.
type Texts struct {
	Language       string              `yaml:"language"`
	Greeting       string              `yaml:"greeting"`
	GreetingMany   Text                `yaml:"greeting_many"`
	GreetingLast   string              `yaml:"greeting_last"`
	Kinds          map[string]kindText `yaml:"kinds"`
	Steps          map[string]stepText `yaml:"steps"`
	Answers        map[string]string   `yaml:"answers"`
	NotSignificant string              `yaml:"not_significant"`
	NoteLast       string              `yaml:"note_last"`
	Notes          map[string]string   `yaml:"notes"`
	What           map[string]string   `yaml:"what"`
	Categories     map[string]string   `yaml:"categories"`
	Masks          map[string]string   `yaml:"masks"`
	Dates          Dates               `yaml:"dates"`
	Commands       map[string][]string `yaml:"commands"`
	Texts          map[string]Text     `yaml:"say"`
	tag            language.Tag
	templates      map[string]*template.Template
}

type kindText struct {
	Body string `yaml:"body"`
}

type stepText struct {
	Text string `yaml:"text"`
	Help string `yaml:"help"`
}

// ReadTexts reads one language and tries every template, so that a fault shows
// at start and never in front of a member.
func ReadTexts(r io.Reader) (*Texts, error) {
	return new(Texts).read(r)
}

func (t *Texts) compile() error {
	t.templates = map[string]*template.Template{}
	var faults []error
	add := func(key, text string) {
		if text == "" {
			faults = append(faults, fmt.Errorf("prompt texts %s: %s is missing", t.Language, key))
			return
		}
		tm, err := template.New(key).Option("missingkey=error").Parse(text)
		if err == nil {
			err = tm.Execute(io.Discard, Values{})
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("prompt texts %s: %s: %w", t.Language, key, err))
			return
		}
		t.templates[key] = tm
	}
	add("greeting", t.Greeting)
	addText := t.adder(&faults, add)
	addText("greeting_many", t.GreetingMany)
	for key, text := range t.Texts {
		addText("say."+key, text)
	}
	add("greeting_last", t.GreetingLast)
	for _, k := range []string{"personal", "emergency", "marked", "credential", "secret", "significant", "retention", "held", "farewell", "farewell-now", "farewell-held"} {
		add("kinds."+k, t.Kinds[k].Body)
	}
	for _, n := range []string{"put-right", "answered", "deleted", "filing", "filed", "wrong", "escalated", "lapsed", "withdrawn", "reminded", "held"} {
		add("notes."+n, t.Notes[n])
	}
	for _, s := range []string{StepControl, StepCalm, StepMessage, StepMedia, StepBackups, StepManager, StepChange, StepOfficer, StepKeep, StepStay, StepReview, StepHandOver, StepCopies} {
		if t.Steps[s].Text == "" {
			faults = append(faults, fmt.Errorf("prompt texts %s: steps.%s is missing", t.Language, s))
		}
	}
	for _, a := range []string{AnswerControl, AnswerDeleted, AnswerDelete, AnswerKeep, AnswerKeepDelete, AnswerNote, AnswerNotSensitive, AnswerWrong, AnswerNoted, AnswerLooked} {
		if t.Answers[a] == "" {
			faults = append(faults, fmt.Errorf("prompt texts %s: answers.%s is missing", t.Language, a))
		}
	}
	faults = append(faults, t.Dates.compile(t))
	return errors.Join(faults...)
}

func (t *Texts) say(key string, v Values) string {
	var b bytes.Buffer
	if form := t.form(key, v.Count); t.templates[form] != nil {
		key = form
	}
	if err := t.templates[key].Execute(&b, v); err != nil {
		return "" // cannot happen: every template was executed when it was read
	}
	return b.String()
}

// Viewer renders prompts for members.
type Viewer struct {
	Texts *Texts
	Words Words          // every language there is; Texts is one of them
	Ask   string         // the named person who answers, and how to reach them
	Zone  *time.Location // in which times of day are told
}

// Show is the prompt as the member is shown it now.
func (v Viewer) Show(p *Prompt, can Can) *bots.Prompt {
	first := p.Items[0]
	val := Values{
		Name: v.Texts.FirstName(p.Name), Time: first.At.In(v.Zone).Format("15:04"), Chat: Inert(p.ChatName, 60),
		Count: len(p.Items), Record: p.Record, Ask: v.Ask, What: v.what(p), Until: v.Texts.Until(p.Until, v.Zone),
	}
	greeting := "greeting"
	switch {
	case p.Leaving():
		greeting = "greeting_last"
	case len(p.Items) > 1:
		greeting = "greeting_many"
	}
	out := &bots.Prompt{
		ID: p.ID, Title: v.Texts.say(greeting, val), Body: v.Texts.say("kinds."+p.body(), val),
		State: string(p.State), Ask: v.Ask, Note: v.note(p, val), Messages: []chat.MessageID{},
	}
	for _, it := range p.Items {
		if it.Message != "" { // a farewell is about none
			out.Messages = append(out.Messages, it.Message)
		}
		for _, f := range it.Found {
			if line := capital(v.Texts.mask(f)); !slices.Contains(out.Found, line) {
				out.Found = append(out.Found, line)
			}
		}
	}
	for _, id := range p.steps() {
		s := v.Texts.Steps[id]
		out.Steps = append(out.Steps, bots.Step{ID: id, Text: s.Text, Help: s.Help, Done: p.done(id)})
	}
	if p.Waiting() {
		out.Answers = v.answers(p, can)
	}
	for _, it := range p.Items {
		if it.Kind == p.Kind() && len(it.Lines) > 0 {
			out.Policy = it.Lines[0].Pack + ": " + it.Lines[0].Text
			break
		}
	}
	return out
}

func (v Viewer) answers(p *Prompt, can Can) []bots.Answer {
	var out []bots.Answer
	for i, id := range p.answers(can) {
		label := v.Texts.Answers[id]
		if id == AnswerNotSensitive && p.Kind() == "significant" {
			label = v.Texts.NotSignificant
		}
		if id == AnswerNote && p.Leaving() {
			label = v.Texts.NoteLast
		}
		out = append(out, bots.Answer{ID: id, Label: label, WantsText: id == AnswerNote, Expected: i == 0, More: i > 2})
	}
	return out
}

// body names the text that is said now. Under a hold it is the one that asks
// for nothing to be deleted.
func (p *Prompt) body() string {
	switch {
	case p.Leaving() && p.Held:
		return "farewell-held"
	case p.Leaving() && !p.Until.After(p.Opened):
		return "farewell-now"
	case p.Leaving():
		return farewell
	}
	if p.Held && !p.needsControl() && p.Kind() != "significant" {
		return "held"
	}
	return p.Kind()
}

// note tells the member what happened last.
func (v Viewer) note(p *Prompt, val Values) string {
	deletes := p.Answer == AnswerDeleted || p.Answer == AnswerDelete || p.Answer == AnswerKeepDelete
	switch {
	case p.Held && deletes && p.Filed:
		return v.Texts.say("notes.filed", val) + " " + v.Texts.say("notes.held", val)
	case p.Held && deletes && p.State == Answered:
		return v.Texts.say("notes.held", val)
	case p.Filed:
		return v.Texts.say("notes.filed", val)
	case p.Record != "":
		return v.Texts.say("notes.filing", val)
	case p.State == Answered && p.Answer == AnswerWrong:
		return v.Texts.say("notes.wrong", val)
	case p.State == Answered && (p.Answer == AnswerDeleted || p.Answer == AnswerDelete):
		return v.Texts.say("notes.deleted", val)
	case p.State == Open && !p.Reminded.IsZero():
		return v.Texts.say("notes.reminded", val)
	case p.State == Open:
		return ""
	default:
		return v.Texts.say("notes."+string(p.State), val)
	}
}

// what names the kinds of thing that were found, three at most.
func (v Viewer) what(p *Prompt) string {
	var kinds []string
	for _, it := range p.Items {
		for _, f := range it.Found {
			word := v.Texts.Categories[f.Category]
			if word == "" {
				word = v.Texts.What["other"]
			}
			if !slices.Contains(kinds, word) {
				kinds = append(kinds, word)
			}
		}
	}
	switch n := len(kinds); {
	case n == 0:
		return v.Texts.What["other"]
	case n == 1:
		return kinds[0]
	case n <= 3:
		return v.Texts.Join(kinds)
	default:
		return strings.Join(kinds[:3], ", ") + " " + v.Texts.What["more"]
	}
}

// capital lets a line begin with a capital letter.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// Inert makes a platform's text safe to stand in a sentence: one line, no
// control, format or direction characters, no mention or markup characters, at
// most max characters (DESIGN invariant 14).
func Inert(s string, max int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, !unicode.IsPrint(r), strings.ContainsRune("@#<>*_~`|[]{}\\", r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	words := []rune(strings.Join(strings.Fields(clean), " "))
	if len(words) > max {
		words = append(words[:max-1], '…')
	}
	return string(words)
}
