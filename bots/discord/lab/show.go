package lab

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// A page that draws what one person sees of the channels in which something was
// said, of conversations with bots and of forms, as far as messages say how they
// look. It is for people who try a bot, and is no client.

//go:embed show.html
var showPage string

// showMost is how many messages of a channel are drawn: the latest.
const showMost = 20

// shownPlace is a channel, a conversation or a form, as it is drawn.
type shownPlace struct {
	Title    string
	Private  bool
	Messages []shownMessage
	Form     *shownForm
}

// shownMessage is a message as it is drawn.
type shownMessage struct {
	From, Only string
	Bot, Sent  bool // Sent: the person's own
	Answers    string
	Lines      []shownLine
	Files      []string
	Rows       [][]shownButton
}

// shownLine is a line of a message; Small was marked as small print.
type shownLine struct {
	Text  string
	Small bool
}

// shownButton is a button; Style is a word of the page's.
type shownButton struct{ Label, Style string }

// shownForm is a form that waits to be sent.
type shownForm struct{ Title, Label string }

// styles names the kinds of button.
var styles = map[string]string{"1": "primary", "3": "success", "4": "danger"}

// showTo draws what somebody sees.
func (l *Lab) showTo(who ID) (name string, out []shownPlace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.users[who]
	if u == nil {
		return "", nil
	}
	var all []*Channel
	for _, c := range l.channels {
		if l.may(who, c).Has(View) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *Channel) int {
		return cmp.Or(cmp.Compare(private(a), private(b)), cmp.Compare(a.ID, b.ID))
	})
	for _, c := range all {
		p := shownPlace{Title: l.titled(c, who), Private: c.Type == Direct}
		seen := slices.DeleteFunc(slices.Clone(c.messages), func(m *Message) bool { return m.only != 0 && m.only != who })
		for _, m := range seen[max(0, len(seen)-showMost):] {
			p.Messages = append(p.Messages, drawn(c, m, who))
		}
		if len(p.Messages) > 0 {
			out = append(out, p)
		}
	}
	for _, in := range l.asked {
		if in.User == who && in.Modal != nil && !in.sent {
			out = append(out, shownPlace{Title: in.app.User.Username, Private: true, Form: formOf(in.Modal)})
		}
	}
	return shownName(u), out
}

func private(c *Channel) int {
	if c.Type == Direct {
		return 1
	}
	return 0
}

func shownName(u *User) string {
	if u.GlobalName != nil {
		return *u.GlobalName
	}
	return u.Username
}

// titled is what a channel is called before somebody.
func (l *Lab) titled(c *Channel, who ID) string {
	switch {
	case c.Type == Direct:
		for _, u := range c.Recipients {
			if u.ID != who {
				return "Direct messages with " + shownName(u)
			}
		}
	case c.thread() && c.Parent != nil && l.channels[*c.Parent] != nil:
		return "#" + l.channels[*c.Parent].Name + " › " + c.Name
	}
	return "#" + c.Name
}

// drawn is a message before somebody.
func drawn(c *Channel, m *Message, who ID) shownMessage {
	out := shownMessage{From: shownName(m.Author), Bot: m.Author.Bot, Sent: m.Author.ID == who}
	if m.only != 0 {
		out.Only = "Only you can see this"
	}
	if m.Flags&thinking != 0 {
		out.Lines = []shownLine{{Text: out.From + " is thinking…", Small: true}}
	}
	if m.Reference != nil {
		if on := c.message(m.Reference.Message); on != nil {
			out.Answers, _, _ = strings.Cut(unescaped(on.Content), "\n")
		}
	}
	for line := range strings.Lines(m.Content) {
		text, small := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-# ")
		out.Lines = append(out.Lines, shownLine{unescaped(text), small})
	}
	for _, a := range m.Attachments {
		out.Files = append(out.Files, a.Filename)
	}
	for _, r := range m.Components {
		row, _ := r.(map[string]any)
		inner, _ := row["components"].([]any)
		var buttons []shownButton
		for _, x := range inner {
			b, _ := x.(map[string]any)
			label, _ := b["label"].(string)
			buttons = append(buttons, shownButton{label, cmp.Or(styles[fmt.Sprint(b["style"])], "secondary")})
		}
		out.Rows = append(out.Rows, buttons)
	}
	return out
}

// unescaped is a text without the strokes that keep its signs plain.
func unescaped(s string) string {
	var out strings.Builder
	plain := false
	for _, r := range s {
		if r == '\\' && !plain {
			plain = true
			continue
		}
		plain = false
		out.WriteRune(r)
	}
	return out.String()
}

func formOf(modal map[string]any) *shownForm {
	f := &shownForm{}
	f.Title, _ = modal["title"].(string)
	rows, _ := modal["components"].([]any)
	for _, r := range rows {
		row, _ := r.(map[string]any)
		inner, _ := row["components"].([]any)
		for _, x := range inner {
			field, _ := x.(map[string]any)
			f.Label, _ = field["label"].(string)
		}
	}
	return f
}

// page answers with the page.
func (l *Lab) page(w http.ResponseWriter, r *http.Request) {
	who, err := ParseID(r.PathValue("user"))
	name, places := l.showTo(who)
	if err != nil || name == "" {
		http.Error(w, "there is nobody with this id", http.StatusNotFound)
		return
	}
	var out bytes.Buffer
	t, err := template.New("show").Parse(showPage)
	if err == nil {
		err = t.Execute(&out, map[string]any{"Name": name, "Places": places})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // a browser that went away
}
