package lab

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Doc describes the control API, with an example for each call.
//
//go:embed control.md
var Doc string

// doing is what one call of the control API asks for. Each call reads the
// fields it needs.
type doing struct {
	Channel  string            `json:"channel"`
	User     string            `json:"user"`
	Text     string            `json:"text"`
	TS       string            `json:"ts"`
	Thread   string            `json:"thread_ts"`
	Files    []string          `json:"files"`
	Reaction string            `json:"reaction"`
	Action   string            `json:"action"`
	Ticked   []string          `json:"ticked"`
	View     string            `json:"view"`
	Texts    map[string]string `json:"texts"`
	Token    string            `json:"token"`
	How      string            `json:"how"`
	URL      string            `json:"url"`
	Command  string            `json:"command"`
	Invited  string            `json:"invited"`
	Ago      int               `json:"ago_seconds"`
	Hosted   []Hosted          `json:"hosted"`
	N        int               `json:"n"`
}

// Control serves the control API: what people do, what clients did, and what
// is to go wrong.
func (l *Lab) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, Doc) })
	mux.HandleFunc("GET /show/{user}", l.page)
	l.actions(mux)
	l.looks(mux)
	return mux
}

func (l *Lab) actions(mux *http.ServeMux) {
	mux.HandleFunc("POST /people", takes(func(p Person) (any, error) { return map[string]string{"id": l.AddPerson(p)}, nil }))
	mux.HandleFunc("POST /channels", takes(func(c Channel) (any, error) { return map[string]string{"id": l.AddChannel(c)}, nil }))
	mux.HandleFunc("POST /tokens", takes(func(t Token) (any, error) { l.AddToken(t); return nil, nil }))
	mux.HandleFunc("POST /faults", takes(func(f Fault) (any, error) { l.Fail(f); return nil, nil }))
	mux.HandleFunc("POST /weather", takes(func(w Weather) (any, error) { l.SetWeather(w); return nil, nil }))
	mux.HandleFunc("POST /inject", takes(func(p json.RawMessage) (any, error) { l.Inject(p); return nil, nil }))
	for path, do := range map[string]func(doing) (any, error){
		"/revoke":   func(d doing) (any, error) { return nil, l.Revoke(d.Token) },
		"/dropfile": func(d doing) (any, error) { return nil, l.DropFile(d.Channel, d.TS, d.N) },
		"/say": func(d doing) (any, error) {
			if len(d.Hosted) > 0 {
				ts, err := l.Post(d.Channel, d.User, d.Text, d.Hosted...)
				return map[string]string{"ts": ts}, err
			}
			if d.Ago > 0 {
				ts, err := l.SayBefore(d.Channel, d.User, d.Text, time.Duration(d.Ago)*time.Second)
				return map[string]string{"ts": ts}, err
			}
			ts, err := l.Say(d.Channel, d.User, d.Text, d.Thread, d.Files...)
			return map[string]string{"ts": ts}, err
		},
		"/edit":   func(d doing) (any, error) { return nil, l.Edit(d.Channel, d.User, d.TS, d.Text) },
		"/delete": func(d doing) (any, error) { return nil, l.Delete(d.Channel, d.User, d.TS) },
		"/react":  func(d doing) (any, error) { return nil, l.React(d.Channel, d.User, d.TS, d.Reaction) },
		"/join":   func(d doing) (any, error) { return nil, l.Join(d.Channel, l.who(d.User)) },
		"/invite": func(d doing) (any, error) { return nil, l.Invite(d.Channel, d.User, l.who(d.Invited)) },
		"/share":  func(d doing) (any, error) { return nil, l.Share(d.Channel) },
		"/leave":  func(d doing) (any, error) { return nil, l.Leave(d.Channel, l.who(d.User)) },
		"/press":  func(d doing) (any, error) { return nil, l.Press(d.User, d.TS, d.Action, d.Ticked) },
		"/submit": func(d doing) (any, error) { return nil, l.Submit(d.User, d.View, d.Texts) },
		"/write": func(d doing) (any, error) {
			ts, err := l.Write(d.User, d.Text)
			return map[string]string{"ts": ts}, err
		},
		"/command":  func(d doing) (any, error) { return nil, l.Command(d.User, d.Channel, d.Command, d.Text) },
		"/shortcut": func(d doing) (any, error) { return nil, l.Shortcut(d.User, d.Action, d.Channel, d.TS) },
		"/home":     func(d doing) (any, error) { return nil, l.OpenHome(d.User) },
		"/cut":      func(d doing) (any, error) { return map[string]int{"connections": l.Cut(d.How)}, nil },
		"/forget":   func(doing) (any, error) { l.Forget(); return nil, nil },
		"/events":   func(d doing) (any, error) { l.EventsURL(d.URL); return nil, nil },
	} {
		mux.HandleFunc("POST "+path, takes(do))
	}
}

func (l *Lab) who(user string) string {
	if user == "bot" {
		return l.bot
	}
	return user
}

func (l *Lab) looks(mux *http.ServeMux) {
	for path, look := range map[string]func(*http.Request) any{
		"/calls": func(r *http.Request) any {
			all := l.Calls()
			from, _ := strconv.Atoi(r.FormValue("from")) // none is from the beginning
			all = all[min(max(from, 0), len(all)):]
			if m := r.FormValue("method"); m != "" {
				all = slices.DeleteFunc(all, func(c Call) bool { return c.Method != m })
			}
			return all
		},
		"/wrong":              func(*http.Request) any { return l.Wrong() },
		"/delivered":          func(*http.Request) any { return l.Delivered() },
		"/connected":          func(*http.Request) any { return l.Connected() },
		"/sees/{user}":        func(r *http.Request) any { return l.Sees(r.PathValue("user")) },
		"/home/{user}":        func(r *http.Request) any { return l.Home(r.PathValue("user")) },
		"/modals/{user}":      func(r *http.Request) any { return l.Modals(r.PathValue("user")) },
		"/messages/{channel}": func(r *http.Request) any { return l.Messages(r.PathValue("channel")) },
		"/members/{channel}":  func(r *http.Request) any { return l.Members(r.PathValue("channel")) },
		"/app": func(*http.Request) any {
			return map[string]string{"team": l.team, "app": l.app, "bot": l.bot, "bot_token": "xoxb-lab", "app_token": "xapp-lab", "signing_secret": l.secret}
		},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { reply(w, look(r), nil) })
	}
}

// takes makes a handler of what reads one JSON value.
func takes[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
			reply(w, nil, err)
			return
		}
		out, err := do(in)
		reply(w, out, err)
	}
}

// reply writes what a call gave; nothing is written as such.
func reply(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"error": err.Error()}
	} else if out == nil {
		out = map[string]bool{"ok": true}
	}
	_ = json.NewEncoder(w).Encode(out) // a client that went away
}
