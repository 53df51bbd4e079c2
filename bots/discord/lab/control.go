package lab

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Doc describes the control API, with an example for each call.
//
//go:embed control.md
var Doc string

// Seed is what is there from the beginning: one server, who is in it, its
// channels, and one application whose bot is in it.
type Seed struct {
	Guild  string `json:"guild"`
	People []struct {
		ID     ID     `json:"id"`
		Name   string `json:"name"`
		Closed bool   `json:"no_dm"`
		Away   bool   `json:"away"` // not in the server
	} `json:"people"` // the first one owns the server
	Channels []struct {
		ID      ID     `json:"id"`
		Name    string `json:"name"`
		Kind    int    `json:"type"`
		Threads int    `json:"threads"` // so many, each with a message of the owner's
	} `json:"channels"`
	Crowd  int  `json:"crowd"`        // so many more people, of whom nobody says anything
	Global bool `json:"global_limit"` // fifty calls a second, and no more
	App    struct {
		Name        string      `json:"name"`
		Token       string      `json:"token"`
		Intents     *int        `json:"intents"`     // privileged ones; absent: both that a bot of this kind needs
		Permissions Permissions `json:"permissions"` // "0" or absent: to read, write, delete and kick, and to see the audit log
		By          ID          `json:"by"`          // who added the bot; absent: the owner
	} `json:"app"`
}

// Plant puts in what a seed says. An empty one gives a server with one channel,
// two people and a bot.
func (l *Lab) Plant(s Seed) error {
	if len(s.People) == 0 {
		return fmt.Errorf("a seed has people, of whom the first owns the server")
	}
	var ids []ID
	for _, p := range s.People {
		id := l.Person(p.Name)
		l.mu.Lock()
		u := l.users[id]
		delete(l.users, id)
		if p.ID != 0 {
			u.ID = p.ID
		}
		u.closed = p.Closed
		l.users[u.ID] = u
		l.mu.Unlock()
		ids = append(ids, u.ID)
	}
	guild := l.Guild(s.Guild, ids[0])
	for i, id := range ids {
		if !s.People[i].Away {
			l.Join(guild, id)
		}
	}
	for _, c := range s.Channels {
		id := l.Channel(guild, c.Name, c.Kind)
		l.mu.Lock()
		made := l.channels[id]
		delete(l.channels, id)
		if c.ID != 0 {
			made.ID = c.ID
		}
		l.channels[made.ID] = made
		l.mu.Unlock()
		if err := l.begin(ids[0], made.ID, c.Threads); err != nil {
			return err
		}
	}
	l.crowd(guild, s.Crowd)
	if s.Global {
		l.Limit("*", 1, time.Second)
	}
	intents := IntentMembers | IntentContent
	if s.App.Intents != nil {
		intents = *s.App.Intents
	}
	if s.App.Permissions == 0 {
		s.App.Permissions = Everyone | ManageMessages | Kick | ViewAudit
	}
	a := l.Application(s.App.Name, intents)
	if s.App.Token != "" {
		l.mu.Lock()
		delete(l.apps, a.Token)
		a.Token = s.App.Token
		l.apps[a.Token] = a
		l.mu.Unlock()
	}
	l.InstallBy(s.App.By, a, guild, s.App.Permissions)
	return nil
}

// begin begins so many threads in a channel.
func (l *Lab) begin(who, channel ID, n int) error {
	for i := range n {
		if _, err := l.Thread(who, channel, fmt.Sprint("thread ", i), "hello"); err != nil {
			return err
		}
	}
	return nil
}

// doing is what one call of the control API asks for. Each call reads the
// fields it needs.
type doing struct {
	User    ID     `json:"user"`
	Guild   ID     `json:"guild"`
	Channel ID     `json:"channel"`
	Message ID     `json:"message"`
	Thread  ID     `json:"thread"`
	Text    string `json:"text"`
	Name    string `json:"name"`
	File    string `json:"file"`
	Data    []byte `json:"data"`
	Ended   bool   `json:"ended"`
	Emoji   string `json:"emoji"`
	Custom  string `json:"custom_id"`
	Closed  bool   `json:"closed"`
	How     string `json:"how"`
	Route   string `json:"route"`
	Times   int    `json:"times"`
	Status  int    `json:"status"`
	After   int    `json:"retry_after_ms"`
	Slow    int    `json:"slow_ms"`
	Minutes int    `json:"minutes_ago"`
}

// answerWait is how long a press waits for what is answered to it.
const answerWait = 5 * time.Second

// Control serves the control API: what people do, what clients did, and what is
// to go wrong.
func (l *Lab) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, Doc) })
	made := func(id ID, err error) (any, error) { return map[string]ID{"id": id}, err }
	for path, do := range map[string]func(doing) (any, error){
		"/people": func(d doing) (any, error) { return made(l.Person(d.Name), nil) },
		"/say": func(d doing) (any, error) {
			if d.Channel == 0 {
				return made(l.SayAlone(d.User, l.anyBot(), d.Text))
			}
			return made(l.SayMore(d.User, d.Channel, Words{Text: d.Text, ReplyTo: d.Message, File: d.File, Data: d.Data, Ended: d.Ended, Ago: time.Duration(d.Minutes) * time.Minute}))
		},
		"/edit":    func(d doing) (any, error) { return nil, l.Edit(d.User, d.Channel, d.Message, d.Text) },
		"/delete":  func(d doing) (any, error) { return nil, l.Delete(d.User, d.Channel, d.Message) },
		"/react":   func(d doing) (any, error) { return nil, l.React(d.User, d.Channel, d.Message, d.Emoji) },
		"/join":    func(d doing) (any, error) { l.Join(d.Guild, d.User); return nil, nil },
		"/leave":   func(d doing) (any, error) { l.Leave(d.Guild, d.User); return nil, nil },
		"/no-dm":   func(d doing) (any, error) { l.NoDirect(d.User, d.Closed); return nil, nil },
		"/thread":  func(d doing) (any, error) { return made(l.Thread(d.User, d.Channel, d.Name, d.Text)) },
		"/archive": func(d doing) (any, error) { l.Archive(d.Thread); return nil, nil },
		"/press":   l.pressed,
		"/command": l.commanded,
		"/role": func(d doing) (any, error) {
			l.Grant(d.Guild, d.User, l.Role(d.Guild, d.Name, Everyone))
			return nil, nil
		},
		"/faults": func(d doing) (any, error) {
			l.Fail(Fault{Route: d.Route, Times: d.Times, Status: d.Status, After: time.Duration(d.After) * time.Millisecond, Slow: time.Duration(d.Slow) * time.Millisecond})
			return nil, nil
		},
		"/cut": l.ended,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var d doing
			if err := json.NewDecoder(io.LimitReader(r.Body, most)).Decode(&d); err != nil {
				tellControl(w, nil, fmt.Errorf("the body has to be a JSON object: %w", err))
				return
			}
			v, err := do(d)
			tellControl(w, v, err)
		})
	}
	l.looks(mux)
	return mux
}

// pressed presses a button, and where a form is the answer sends it with the
// text.
func (l *Lab) pressed(d doing) (any, error) {
	in, err := l.Press(d.User, d.Channel, d.Message, d.Custom)
	if err != nil {
		return nil, err
	}
	kind, _ := l.Answered(in, answerWait)
	if kind == answerModal {
		if in, err = l.Submit(in, d.Text); err != nil {
			return nil, err
		}
		kind, _ = l.Answered(in, answerWait)
	}
	if kind == 0 {
		return nil, fmt.Errorf("the press was not answered")
	}
	return map[string]int{"answered": kind}, nil
}

// anyBot is the bot of an application; there is one as a rule.
func (l *Lab) anyBot() (bot ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.apps {
		bot = a.User.ID
	}
	return bot
}

// commanded gives a command, with the text as its first option.
func (l *Lab) commanded(d doing) (any, error) {
	in, err := l.Command(d.User, d.Channel, d.Message, d.Name, d.Text)
	if err != nil {
		return nil, err
	}
	kind, _ := l.Answered(in, answerWait)
	if kind == 0 {
		return nil, fmt.Errorf("the command was not answered")
	}
	return map[string]int{"answered": kind}, nil
}

func (l *Lab) ended(d doing) (any, error) {
	switch d.How {
	case "drop":
		l.Cut(false)
	case "away":
		l.Cut(true)
	case "reconnect":
		l.Reconnect()
	case "invalid":
		l.Invalidate()
	default:
		return nil, fmt.Errorf("%q is no way to end a connection", d.How)
	}
	return nil, nil
}

// looks are what there is to see.
func (l *Lab) looks(mux *http.ServeMux) {
	mux.HandleFunc("GET /show/{user}", l.page)
	mux.HandleFunc("GET /channels/{channel}/as/{user}", func(w http.ResponseWriter, r *http.Request) {
		channel, _ := ParseID(r.PathValue("channel"))
		user, _ := ParseID(r.PathValue("user"))
		tellControl(w, append([]Message{}, l.Seen(user, channel)...), nil)
	})
	mux.HandleFunc("GET /direct/{user}", func(w http.ResponseWriter, r *http.Request) {
		user, _ := ParseID(r.PathValue("user"))
		tellControl(w, append([]Message{}, l.SeenAlone(user)...), nil)
	})
	mux.HandleFunc("GET /members/{guild}", func(w http.ResponseWriter, r *http.Request) {
		guild, _ := ParseID(r.PathValue("guild"))
		tellControl(w, l.MemberIDs(guild), nil)
	})
	mux.HandleFunc("GET /guilds", func(w http.ResponseWriter, _ *http.Request) {
		l.mu.Lock()
		out := []map[string]any{}
		for _, g := range l.ordered() {
			out = append(out, map[string]any{"id": g.ID, "name": g.Name, "owner": g.Owner})
		}
		l.mu.Unlock()
		tellControl(w, out, nil)
	})
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { tellControl(w, append([]Call{}, l.Calls()...), nil) })
	mux.HandleFunc("GET /unknown", func(w http.ResponseWriter, _ *http.Request) { tellControl(w, append([]string{}, l.Unknown()...), nil) })
	mux.HandleFunc("GET /connected", func(w http.ResponseWriter, _ *http.Request) {
		tellControl(w, map[string]int{"sessions": l.Connected()}, nil)
	})
}

func tellControl(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"error": err.Error()}
	}
	if v == nil {
		v = map[string]string{}
	}
	_ = json.NewEncoder(w).Encode(v) // the reader has gone: nobody is left to tell
}
