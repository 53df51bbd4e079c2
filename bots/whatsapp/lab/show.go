package lab

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// A page that draws somebody's phone: their chats, as they read them. It is for
// people who try a bot, and is no client.

//go:embed show.html
var showPage string

// thread is one chat on a phone.
type thread struct {
	Title, About string
	Lines        []*line
}

// line is one message, or one thing that happened between messages.
type line struct {
	From, Text, Quoted, At string
	Own, News              bool
	Edited, Deleted        bool
	Reactions              []string
}

// showTo draws the chats of a person, in the order in which they began.
func (l *Lab) showTo(p *Person) []*thread {
	var out []*thread
	chats, messages := map[string]*thread{}, map[string]*line{}
	for _, s := range p.everything() {
		j, _ := types.ParseJID(s.Chat) // it was written from one
		key := j.String()
		if j.Server != types.GroupServer {
			key = l.number(j)
		}
		t := chats[key]
		if t == nil {
			t = &thread{}
			t.Title, t.About = l.titled(j)
			chats[key], out = t, append(out, t)
		}
		who, m := l.named(s.From), messages[key+"/"+s.About]
		switch s.Kind {
		case SeenText, SeenUnreadable:
			made := &line{From: who, Text: s.Text, Own: s.From == p.Number, At: s.At.Local().Format("15:04")}
			if s.Kind == SeenUnreadable {
				made.Text = "Waiting for this message."
			}
			if old := messages[key+"/"+s.ID]; old != nil { // it could not be read the first time
				old.Text = made.Text
				continue
			}
			if m != nil {
				made.Quoted = m.Text
			}
			messages[key+"/"+s.ID] = made
			t.Lines = append(t.Lines, made)
		case SeenEdit:
			if m != nil {
				m.Text, m.Edited = s.Text, true
			}
		case SeenRevoke:
			if m != nil {
				m.Text, m.Deleted, m.Edited, m.Reactions = "", true, false, nil
			}
		case SeenReaction:
			if m != nil && s.Text != "" {
				m.Reactions = append(m.Reactions, s.Text)
			}
		case SeenJoin, SeenLeave:
			what := map[SeenKind]string{SeenJoin: " joined", SeenLeave: " left"}[s.Kind]
			t.Lines = append(t.Lines, &line{News: true, Text: who + what})
		}
	}
	return out
}

// titled is what a chat is called, and who is in it.
func (l *Lab) titled(j types.JID) (title, about string) {
	if j.Server != types.GroupServer {
		return l.named(l.number(j)), "Only you and them"
	}
	l.mu.Lock()
	g := l.groups[j]
	var names []string
	if g != nil {
		title = g.subject
		for _, m := range g.members {
			names = append(names, m.account.name)
		}
	}
	l.mu.Unlock()
	return title, strings.Join(names, ", ")
}

// named is what somebody with a number calls themselves.
func (l *Lab) named(number string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[number]; a != nil && a.name != "" {
		return a.name
	}
	return number
}

// everything is what arrived on the phone and what was written on it, in order.
func (p *Person) everything() []Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Seen(nil), p.both...)
}

// wrote notes what the person wrote.
func (p *Person) wrote(s Seen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.both = append(p.both, s)
}

// page answers with the page.
func (l *Lab) page(w http.ResponseWriter, r *http.Request) {
	p := l.Person(r.PathValue("number"))
	if p == nil {
		http.Error(w, "nobody with a phone has this number", http.StatusNotFound)
		return
	}
	var out bytes.Buffer
	t, err := template.New("show").Parse(showPage)
	if err == nil {
		err = t.Execute(&out, map[string]any{"Name": p.Name, "Now": time.Now().Format("15:04"), "Chats": l.showTo(p)})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // a browser that went away
}
