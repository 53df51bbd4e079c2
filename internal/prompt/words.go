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

	"go.yaml.in/yaml/v4"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"chaperone/rules"
)

// Words holds the texts of every language, by its code.
type Words map[string]*Texts

// ReadWords reads every language. Each is read over English, so that a text that
// one of them lacks is said in English and not left out; a test sees to it that
// none lacks any.
func ReadWords(open func(language string) (io.ReadCloser, error), languages ...string) (Words, error) {
	read := func(lang string) ([]byte, error) {
		f, err := open(lang)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(f)
		return b, errors.Join(err, f.Close())
	}
	base, err := read(English)
	if err != nil {
		return nil, err
	}
	out := Words{}
	for _, lang := range languages {
		own, err := read(lang)
		if err != nil {
			return nil, err
		}
		t, err := readTexts(base, own)
		if err != nil {
			return nil, err
		}
		if t.Language != lang {
			return nil, fmt.Errorf("prompt texts %s: the file says that it is %q", lang, t.Language)
		}
		out[lang] = t
	}
	return out, nil
}

// The languages that people are written to in. Their order is that of a post
// in several: Welsh is placed to be read first.
const (
	Welsh   = "cy"
	Gaelic  = "gd"
	English = "en"
)

// Languages lists them, in the order of a post in several.
func Languages() []string { return []string{Welsh, Gaelic, English} }

// Named gives the language that a word names: its code, or a name that people
// can write to choose it. Empty: none of ours.
func (w Words) Named(word string) string {
	word = strings.ToLower(strings.TrimSpace(word))
	for lang, t := range w {
		code, _, _ := strings.Cut(word, "-") // cy-GB
		if code == lang || slices.Contains(t.Commands["language"], word) {
			return lang
		}
	}
	return ""
}

// In gives the viewer that writes in a language, or in its own where there is
// no such language.
func (v Viewer) In(lang string) Viewer {
	if t := v.Words[lang]; t != nil {
		v.Texts = t
	}
	return v
}

// Text is one text: one template, or one for each plural form of its language,
// chosen by the count in its values.
type Text struct {
	one   string
	forms map[string]string // zero, one, two, few, many, other
}

// UnmarshalYAML reads a text from a string, or from a mapping of plural forms.
func (t *Text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = Text{one: n.Value}
		return nil
	}
	*t = Text{}
	return n.Decode(&t.forms)
}

// Values is everything that a text can say. Whoever fills it in has made
// inert what comes from a platform.
type Values struct {
	Name, Time, Chat, What, Record, Ask, Until   string
	Organisation, Kept, Link, List, Draft, Since string
	Form, SpeakUp                                string
	Count                                        int
}

// formNames are the plural forms, as the Unicode project calls them.
var formNames = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
}

// needs lists the plural forms of whole numbers that a language has.
func needs(tag language.Tag) []string {
	var out []string
	for n := range 200 {
		if f := formNames[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]; !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// form is the key of a text's template for a count.
func (t *Texts) form(key string, n int) string {
	return key + "/" + formNames[plural.Cardinal.MatchPlural(t.tag, n, 0, 0, 0, 0)]
}

// adder adds texts with their plural forms; a text that has any has all that
// its language needs.
func (t *Texts) adder(faults *[]error, add func(key, text string)) func(string, Text) {
	return func(key string, text Text) {
		if text.forms == nil {
			add(key, text.one)
			return
		}
		want := needs(t.tag)
		for _, f := range want {
			add(key+"/"+f, text.forms[f])
		}
		for f := range text.forms {
			if !slices.Contains(want, f) {
				*faults = append(*faults, fmt.Errorf("prompt texts %s: %s: there is no plural form %q in this language", t.Language, key, f))
			}
		}
	}
}

// readTexts reads texts, each over those before it.
func readTexts(all ...[]byte) (*Texts, error) {
	var t Texts
	for _, b := range all {
		l, err := yaml.NewLoader(bytes.NewReader(b), yaml.WithKnownFields(), yaml.WithUniqueKeys())
		if err != nil {
			return nil, err
		}
		if err := l.Load(&t); err != nil {
			return nil, fmt.Errorf("prompt texts: %w", err)
		}
	}
	var err error
	if t.tag, err = language.Parse(t.Language); err != nil {
		return nil, fmt.Errorf("prompt texts: language %q: %w", t.Language, err)
	}
	return &t, t.compile()
}

// Say says a text. One that there is none of is a fault of the program, which
// a test finds: it says nothing.
func (t *Texts) Say(key string, v Values) string {
	key = "say." + key
	if t.templates[key] == nil && t.templates[t.form(key, v.Count)] == nil {
		return ""
	}
	return t.say(key, v)
}

// FirstName is the name to greet a member by: the first word of what the
// platform shows, made inert.
func (t *Texts) FirstName(name string) string {
	name = Inert(name, 40)
	if first, _, ok := strings.Cut(name, " "); ok {
		return first
	}
	if name == "" {
		return t.What["nobody"]
	}
	return name
}

// Join makes a list into words: "a, b and c".
func (t *Texts) Join(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " " + t.What["and"] + " " + words[n-1]
}

// mask says what was found, in the language: "NHS number, masked, ending 43".
// What is behind the mask is never here.
func (t *Texts) mask(f Found) string {
	word := t.Categories[f.Category]
	if t.Language == English || word == "" {
		return f.Mask
	}
	_, rest, masked := strings.Cut(f.Mask, ", masked")
	if !masked {
		_, rest, _ = strings.Cut(f.Mask, ",")
		rest = "," + rest
	}
	if masked {
		word += ", " + t.Masks["masked"]
	}
	if end, ok := strings.CutPrefix(rest, ", ending "); ok {
		word += ", " + t.Masks["ending"] + " " + end
	}
	return word
}

// in says in which file something was found, and where in it: " (in the
// spreadsheet you posted: sheet 2, row 14)".
func (t *Texts) in(at *rules.In) string {
	if at == nil {
		return ""
	}
	out := " (" + cmp.Or(t.Masks["in_"+at.Kind], t.Masks["in_file"])
	sign := ": "
	for _, p := range []struct {
		word string
		n    int
	}{{"page", at.Page}, {"sheet", at.Sheet}, {"slide", at.Slide}, {"row", at.Row}} {
		if p.n > 0 {
			out += fmt.Sprintf("%s%s %d", sign, t.Masks[p.word], p.n)
			sign = ", "
		}
	}
	return out + ")"
}

// Dates is how a language tells dates.
type Dates struct {
	Days   []string `yaml:"days"`   // from Sunday
	Months []string `yaml:"months"` // from January
	Moment string   `yaml:"moment"`
	Until  string   `yaml:"until"`
	Day    string   `yaml:"day"`
}

// moment is what the pattern of a date can say.
type moment struct {
	Weekday, Month, Clock string
	Day, Year             int
}

// compile tries the patterns.
func (d Dates) compile(t *Texts) error {
	var faults []error
	if len(d.Days) != 7 || len(d.Months) != 12 {
		faults = append(faults, fmt.Errorf("prompt texts %s: dates: seven days and twelve months are needed", t.Language))
	}
	for key, text := range map[string]string{"moment": d.Moment, "until": d.Until, "day": d.Day} {
		tm, err := template.New(key).Option("missingkey=error").Parse(text)
		if err == nil {
			err = tm.Execute(io.Discard, moment{})
		}
		if err != nil || text == "" {
			faults = append(faults, fmt.Errorf("prompt texts %s: dates.%s: %w", t.Language, key, errors.Join(err, errors.New("a pattern is needed"))))
			continue
		}
		t.templates["dates."+key] = tm
	}
	return errors.Join(faults...)
}

func (t *Texts) date(pattern string, at time.Time, zone *time.Location) string {
	at = at.In(zone)
	var b strings.Builder
	err := t.templates["dates."+pattern].Execute(&b, moment{
		Weekday: t.Dates.Days[at.Weekday()], Month: t.Dates.Months[at.Month()-1], Clock: at.Format("15:04"), Day: at.Day(), Year: at.Year(),
	})
	if err != nil {
		return "" // cannot happen: every pattern was executed when it was read
	}
	return b.String()
}

// Moment tells a date and time: "Sunday 29 November 2026, 02:00".
func (t *Texts) Moment(at time.Time, zone *time.Location) string { return t.date("moment", at, zone) }

// Until tells a near date and time: "Sunday 29 November, 02:00".
func (t *Texts) Until(at time.Time, zone *time.Location) string { return t.date("until", at, zone) }

// Day tells a date: "29 November 2026".
func (t *Texts) Day(at time.Time, zone *time.Location) string { return t.date("day", at, zone) }

// Period tells a length of time: "7 years and 6 months".
func (t *Texts) Period(years, months, days int) string {
	var parts []string
	for _, p := range []struct {
		key string
		n   int
	}{{"period_years", years}, {"period_months", months}, {"period_days", days}} {
		if p.n > 0 {
			parts = append(parts, t.Say(p.key, Values{Count: p.n}))
		}
	}
	return t.Join(parts)
}

// What names the kinds of thing that a prompt is about, three at most.
func (v Viewer) What(p *Prompt) string { return v.what(p) }

// Offers are the commands that can be tapped.
func (t *Texts) Offers() []string {
	var out []string
	for _, name := range menu()[1:] {
		out = append(out, t.Commands[name][0])
	}
	return out
}

// Menu tells the commands in one line, and the words that choose a language.
func (v Viewer) Menu() string {
	var out []string
	for _, name := range menu() {
		out = append(out, v.Texts.Commands[name][0])
	}
	for _, lang := range Languages() {
		if t := v.Words[lang]; t != nil {
			out = append(out, t.Commands["language"][0])
		}
	}
	return strings.Join(out, " · ")
}

// menu is the order in which help tells the commands.
func menu() []string { return []string{"help", "status", "holding", "check", "questions", "remove"} }
