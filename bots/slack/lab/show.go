package lab

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// A page that draws what the app shows one person, as far as Block Kit says how
// it looks. It is for people who try a bot, and is no client.

//go:embed show.html
var showPage string

// part is one thing that is shown: a message, a modal or the app's home.
type part struct {
	Title, Only string
	Blocks      []drawn
	Buttons     []string
}

// drawn is a block with what is needed to draw it.
type drawn struct {
	Type    string            `json:"type"`
	ID      string            `json:"block_id"`
	Text    text              `json:"text"`
	Label   text              `json:"label"`
	Hint    *text             `json:"hint"`
	Raw     []json.RawMessage `json:"elements"`
	Element struct {
		Placeholder text `json:"placeholder"`
	} `json:"element"`

	Parts []drawnElement `json:"-"`
	Ask   string         `json:"-"`
	Wrong string         `json:"-"`
}

// drawnElement is an element of a block. Said is its text, which is written in
// two ways.
type drawnElement struct {
	Style   string          `json:"style"`
	Text    json.RawMessage `json:"text"`
	Options []option        `json:"options"`
	Initial []option        `json:"initial_options"`
	Said    string          `json:"-"`
}

// Has reports whether an option is ticked.
func (e drawnElement) Has(value string) bool {
	return slices.ContainsFunc(e.Initial, func(o option) bool { return o.Value == value })
}

func draw(blocks json.RawMessage, wrong map[string]string) []drawn {
	var all []drawn
	_ = json.Unmarshal(blocks, &all) // they were checked when they came
	for i := range all {
		b := &all[i]
		b.Ask, b.Wrong = b.Element.Placeholder.Text, wrong[b.ID]
		for _, raw := range b.Raw {
			var e drawnElement
			_ = json.Unmarshal(raw, &e) // likewise
			var t text
			if json.Unmarshal(e.Text, &t) == nil {
				e.Said = t.Text
			} else {
				_ = json.Unmarshal(e.Text, &e.Said) // of a context block
			}
			b.Parts = append(b.Parts, e)
		}
	}
	return all
}

// drawView draws a modal or a home.
func drawView(v *View, name string) part {
	var c struct {
		Title, Submit, Close text
		Blocks               json.RawMessage
	}
	_ = json.Unmarshal(v.Content, &c) // it was checked when it came
	p := part{Title: name, Blocks: draw(c.Blocks, v.Errors)}
	if c.Title.Text != "" {
		p.Title = c.Title.Text
	}
	for _, b := range []text{c.Submit, c.Close} {
		if b.Text != "" {
			p.Buttons = append(p.Buttons, b.Text)
		}
	}
	return p
}

// showTo draws what somebody sees.
func (l *Lab) showTo(user string) []part {
	var out []part
	if home := l.Home(user); home != nil {
		out = append(out, drawView(home, "Chaperone, Home"))
	}
	for _, m := range l.Sees(user) {
		p := part{Title: "Chaperone, in Messages", Blocks: draw(m.Blocks, nil)}
		if m.Only != "" {
			p.Title, p.Only = "Chaperone, in the channel", "Only visible to you"
		}
		if len(p.Blocks) == 0 {
			said := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m.Text)
			p.Blocks = []drawn{{Type: "section", Text: text{Text: said}}}
		}
		out = append(out, p)
	}
	for _, v := range l.Modals(user) {
		out = append(out, drawView(&v, ""))
	}
	return out
}

// page answers with the page.
func (l *Lab) page(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	l.mu.Lock()
	name := ""
	if p := l.people[user]; p != nil {
		name = p.RealName
	}
	l.mu.Unlock()
	var out bytes.Buffer
	t, err := template.New("show").Parse(showPage)
	if err == nil {
		err = t.Execute(&out, map[string]any{"Name": name, "Parts": l.showTo(user)})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // a browser that went away
}
