package prompt

import (
	"bytes"
	"cmp"
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
	"chaperone/internal/policy"
)

// Texts is what members read, in one language.
type Texts struct {
	Language       string              `yaml:"language"`
	Greeting       string              `yaml:"greeting"`
	GreetingMany   Text                `yaml:"greeting_many"`
	GreetingLast   string              `yaml:"greeting_last"`
	GreetingFrom   string              `yaml:"greeting_from"`
	GreetingDigest Text                `yaml:"greeting_digest"`
	Posts          map[string]string   `yaml:"posts"` // what is said to a whole chat
	More           map[string]string   `yaml:"more"`
	Kinds          map[string]kindText `yaml:"kinds"`
	Steps          map[string]stepText `yaml:"steps"`
	Answers        map[string]string   `yaml:"answers"`
	NotSignificant string              `yaml:"not_significant"`
	Consented      string              `yaml:"consented"`
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
	Text    string `yaml:"text"`
	Help    string `yaml:"help"`
	IPhone  string `yaml:"iphone"`
	Android string `yaml:"android"`
	Desktop string `yaml:"desktop"`
}

// help is how a step is done: in general, then on each device.
func (t *Texts) help(s stepText) string {
	lines := []string{s.Help}
	for _, d := range []struct{ device, how string }{{"iphone", s.IPhone}, {"android", s.Android}, {"desktop", s.Desktop}} {
		if d.how != "" {
			lines = append(lines, t.More[d.device]+": "+d.how)
		}
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// ReadTexts reads one language and tries every template, so that a fault shows
// at start and never in front of a member.
func ReadTexts(r io.Reader) (*Texts, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return readTexts(b)
}

// The keys that every language has.
var (
	kinds = []string{"personal", "emergency", "marked", "credential", "secret", "significant", "significant-move", "photo", "misdirected",
		"drift", "care", "exceptional", "channel", "retention", "held", "received",
		"received-held", "farewell", "farewell-now", "farewell-held"}
	notes = []string{"put-right", "gone", "answered", "judged", "judged-again", "deleted", "filing", "filed", "wrong", "escalated", "lapsed", "withdrawn", "reminded", "held",
		"asked", "exceptional", "claimed", "more", "shown", "refused"}
	posts     = []string{"closed"}
	fiveSteps = []string{StepCalm, StepMessage, StepMedia, StepBackups, StepManager}
	steps     = append([]string{StepControl, StepChange, StepOfficer, StepKeep, StepStay, StepMove, StepConsent, StepReply, StepReview, StepHandOver, StepCopies}, fiveSteps...)
	answers   = []string{AnswerControl, AnswerDeleted, AnswerDelete, AnswerKeep, AnswerKeepDelete, AnswerKeepReason, AnswerNote, AnswerNotSensitive,
		AnswerWrong, AnswerNoted, AnswerLooked, AnswerExceptional, AnswerAsk, AnswerMore, AnswerShow}
)

func stringsOf(all []What) []string {
	var out []string
	for _, w := range all {
		out = append(out, string(w))
	}
	return out
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
	addText := t.adder(&faults, add)
	for key, text := range map[string]string{"greeting": t.Greeting, "greeting_last": t.GreetingLast, "greeting_from": t.GreetingFrom} {
		add(key, text)
	}
	addText("greeting_many", t.GreetingMany)
	addText("greeting_digest", t.GreetingDigest)
	for key, text := range t.Texts {
		addText("say."+key, text)
	}
	for _, k := range append(kinds, stringsOf(Whats)...) {
		add("kinds."+k, t.Kinds[k].Body)
	}
	for _, n := range notes {
		add("notes."+n, t.Notes[n])
	}
	for _, p := range posts {
		add("posts."+p, t.Posts[p])
	}
	missing := func(key string, is bool) {
		if is {
			faults = append(faults, fmt.Errorf("prompt texts %s: %s is missing", t.Language, key))
		}
	}
	for _, m := range []string{"policy", "steps", "iphone", "android", "desktop"} {
		missing("more."+m, t.More[m] == "")
	}
	missing("consented", t.Consented == "")
	for _, s := range steps {
		missing("steps."+s, t.Steps[s].Text == "")
	}
	for _, s := range fiveSteps { // R26
		x := t.Steps[s]
		missing("steps."+s+": the help for a device", x.IPhone == "" || x.Android == "" || x.Desktop == "")
	}
	for _, a := range answers {
		missing("answers."+a, t.Answers[a] == "")
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
	Form  string         // where the photo consent form is; may be empty
	Zone  *time.Location // in which times of day are told
	Offer []string       // languages that the member may prefer; empty: theirs is known
}

// Show is the prompt as the member is shown it now.
func (v Viewer) Show(p *Prompt, can Can) *bots.Prompt {
	val := v.values(p)
	out := &bots.Prompt{
		ID: p.ID, Title: v.Texts.say(p.greeting(), val), Body: v.Texts.say("kinds."+p.body(), val),
		State: string(p.State), Ask: v.Ask, Note: v.note(p, val), Messages: []chat.MessageID{},
	}
	for _, lang := range v.Offer {
		if t := v.Words[lang]; t != nil && p.Waiting() {
			out.Body += "\n\n" + t.Say("offer", Values{})
		}
	}
	for _, it := range p.Items {
		if it.Message != "" { // a farewell is about none
			out.Messages = append(out.Messages, it.Message)
		}
		for _, f := range it.Found {
			if line := capital(v.Texts.mask(f) + v.Texts.in(f.In)); !slices.Contains(out.Found, line) {
				out.Found = append(out.Found, line)
			}
		}
	}
	for _, id := range p.steps() {
		s := v.Texts.Steps[id]
		out.Steps = append(out.Steps, bots.Step{ID: id, Text: s.Text, Help: v.Texts.help(s), Done: p.done(id)})
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
	if p.More && p.Waiting() {
		out.More = v.more(p, out.Steps)
	}
	return out
}

// values is what the texts of a prompt can say.
func (v Viewer) values(p *Prompt) Values {
	val := Values{
		Name: v.Texts.FirstName(p.Name), Time: p.Items[0].At.In(v.Zone).Format("15:04"), Chat: Inert(p.ChatName, 60),
		Count: len(p.Items), Record: p.Record, Ask: v.Ask, What: v.what(p), Form: v.Form, Until: v.Texts.Until(p.Until, v.Zone),
	}
	if p.Claim != "" && !p.Filed {
		val.Record = p.Claim
	}
	if t := p.Telling; t != nil {
		val.Count = len(t.Of)
		if val.List = t.chats(); len(t.Of) > 0 {
			last := t.Of[len(t.Of)-1]
			val.Chat, val.Record = Inert(last.ChatName, 60), last.Record
		}
	}
	return val
}

// chats names the chats that something is told of, and how often.
func (t *Telling) chats() string {
	const most = 5 // the rest is in the count
	var names []string
	count := map[string]int{}
	for _, of := range t.Of {
		name := Inert(of.ChatName, 40)
		if count[name]++; count[name] == 1 {
			names = append(names, name)
		}
	}
	// The busiest first: chats report side by side, in no order of their own.
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, count[name])
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// greeting names the first line, which a locked phone shows.
func (p *Prompt) greeting() string {
	switch {
	case p.Telling != nil && p.Telling.What == AboutDigest:
		return "greeting_digest"
	case p.Leaving(), p.Telling != nil:
		return "greeting_last"
	case p.From != "":
		return "greeting_from"
	case len(p.Items) > 1:
		return "greeting_many"
	}
	return "greeting"
}

// more explains a prompt: every policy line that spoke, and how each step is
// done on each device.
func (v Viewer) more(p *Prompt, steps []bots.Step) string {
	lines := []string{v.Texts.More["policy"]}
	for _, it := range p.Items {
		for _, l := range it.Lines {
			line := "• " + l.Pack + ": " + l.Text
			if l.Source != "" {
				line += " (" + l.Source + ")"
			}
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 1 {
		lines = nil
	}
	first := true
	for _, s := range steps {
		if s.Help == "" {
			continue
		}
		if first {
			lines = append(lines, v.Texts.More["steps"])
			first = false
		}
		lines = append(lines, "• "+s.Text, s.Help)
	}
	return strings.Join(lines, "\n")
}

func (v Viewer) answers(p *Prompt, can Can) []bots.Answer {
	var out []bots.Answer
	for i, id := range p.answers(can) {
		label := v.Texts.Answers[id]
		if id == AnswerNotSensitive && p.Kind() == "significant" {
			label = v.Texts.NotSignificant
		}
		if id == AnswerNotSensitive && p.Kind() == "photo" {
			label = v.Texts.Consented
		}
		if id == AnswerNote && p.Leaving() {
			label = v.Texts.NoteLast
		}
		out = append(out, bots.Answer{ID: id, Label: label, WantsText: WantsText(id), Expected: i == 0, More: i > 2})
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
	case p.Telling != nil:
		return string(p.Telling.What)
	}
	switch {
	case p.needsControl():
		return "emergency"
	case p.Held && p.From != "":
		return "received-held"
	case p.Held && p.Kind() != "significant":
		return "held"
	case p.From != "" && !p.emergency():
		return "received"
	case p.Kind() == "significant" && slices.Contains(p.duties(), policy.Remove):
		return "significant-move"
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
	case p.Refused && deletes && p.Filed && !p.left():
		return v.Texts.say("notes.filed", val) + " " + v.Texts.say("notes.refused", val)
	case p.Refused && deletes && p.State == Answered && !p.left():
		return v.Texts.say("notes.refused", val)
	case p.Filed:
		return v.Texts.say("notes.filed", val)
	case p.Record != "":
		return v.Texts.say("notes.filing", val)
	case p.State == Answered && p.Answer == AnswerNotSensitive && (p.secret() || p.Kind() == "credential"):
		return v.Texts.say("notes.judged-again", val)
	case p.State == Answered && p.Answer == AnswerNotSensitive:
		return v.Texts.say("notes.judged", val)
	case p.State == Answered && p.Answer == AnswerWrong:
		return v.Texts.say("notes.wrong", val)
	case p.State == Answered && p.Answer == AnswerShow:
		return v.Texts.say("notes.shown", val)
	case p.State == Answered && p.Answer == AnswerExceptional:
		return v.Texts.say("notes.exceptional", val)
	case p.State == PutRight && p.left():
		return v.Texts.say("notes.gone", val)
	case p.State == Open && p.Claim != "":
		return v.Texts.say("notes.claimed", val)
	case p.Waiting() && !p.Asked.IsZero():
		return v.Texts.say("notes.asked", val)
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

// left reports whether a covered message went out of the chat.
func (p *Prompt) left() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return it.State == Deleted })
}

// Post is what is said to a whole chat.
func (v Viewer) Post(which string) string {
	return v.Texts.say("posts."+which, Values{Ask: Inert(v.Ask, 120)})
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
