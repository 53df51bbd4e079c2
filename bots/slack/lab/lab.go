// Package lab is a Slack workspace in memory that speaks Slack's own protocols:
// the Web API, Socket Mode and signed Events API requests. Unmodified client
// libraries connect to it, and a test tells it what people do there.
//
// It is held against descriptions of Slack that others published (testdata),
// and fails what it does not know instead of inventing an answer. It is a test
// tool: it must not be imported by the product, and knows nothing of it.
package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options shapes a workspace. The zero value is a faithful one.
type Options struct {
	// Tiers multiplies how many calls a minute each tier allows; 0 is 1.
	Tiers int
	// AckWithin is how long a client has to acknowledge an envelope; 0 is 3 s.
	AckWithin time.Duration
	// Retries are the waits before an envelope is delivered again; nil is at
	// once, after a minute and after five.
	Retries []time.Duration
	// Pings is how often a socket is pinged; 0 is 10 s.
	Pings time.Duration
	// HistoryMost bounds what one call of history and replies gives; 0 is 999.
	HistoryMost int
	// Seed makes chance repeatable; 0 is 1.
	Seed uint64
	// Enterprise lets administrators use the methods below admin. and SCIM.
	Enterprise bool
}

// Person is somebody in the workspace.
type Person struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name,omitempty"`
	Email    string `json:"email,omitempty"`
	Admin    bool   `json:"admin,omitempty"`
	Owner    bool   `json:"owner,omitempty"`
	Bot      bool   `json:"bot,omitempty"`
	Guest    bool   `json:"guest,omitempty"`
	Outside  bool   `json:"outside,omitempty"` // of another organisation, through Slack Connect
	Deleted  bool   `json:"deleted,omitempty"`
	NoDM     bool   `json:"no_dm,omitempty"` // the bot cannot write to them
}

// Channel is a conversation.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"`
	Kind     string   `json:"kind,omitempty"` // channel, group, im, mpim; empty is channel
	General  bool     `json:"general,omitempty"`
	Archived bool     `json:"archived,omitempty"`
	Shared   bool     `json:"shared,omitempty"` // with another organisation
	ReadOnly bool     `json:"read_only,omitempty"`
	NoKick   bool     `json:"no_kick,omitempty"` // a preference forbids removing people
	Creator  string   `json:"creator,omitempty"`
	Members  []string `json:"members,omitempty"`

	created  int64
	messages []*Message
}

// Token is a credential of the app.
type Token struct {
	Value   string   `json:"value"`
	Kind    string   `json:"kind"` // bot, user, app
	User    string   `json:"user,omitempty"`
	Scopes  []string `json:"scopes"`
	Revoked bool     `json:"revoked,omitempty"`
}

// Message is a message of a channel, or one that a single person sees.
type Message struct {
	TS       string          `json:"ts"`
	Channel  string          `json:"channel"`
	User     string          `json:"user"`
	Text     string          `json:"text"` // as Slack writes it
	Thread   string          `json:"thread_ts,omitempty"`
	Edited   string          `json:"edited,omitempty"`
	Only     string          `json:"only,omitempty"` // who alone sees it
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Files    []string        `json:"files,omitempty"`
	Gone     bool            `json:"gone,omitempty"`
	Subtype  string          `json:"subtype,omitempty"`
}

// Call is something that a client did.
type Call struct {
	At     time.Time         `json:"at"`
	Method string            `json:"method"`
	Token  string            `json:"token"` // its kind
	User   string            `json:"user,omitempty"`
	Args   map[string]string `json:"args,omitempty"`
	Status int               `json:"status"`
	Error  string            `json:"error,omitempty"`
}

// View is a modal that stands open before a person.
type View struct {
	ID      string            `json:"id"`
	User    string            `json:"user"`
	Hash    string            `json:"hash"`
	Content json.RawMessage   `json:"content"`
	Errors  map[string]string `json:"errors,omitempty"` // what is said to be wrong with its inputs
	Closed  bool              `json:"closed,omitempty"`
}

// Lab is one workspace with one app installed in it.
type Lab struct {
	o     Options
	facts map[string]fact
	gate  *gate

	mu        sync.Mutex
	team      string
	app       string
	bot       string // the app's own user
	botID     string
	secret    string // signs requests to EventsURL
	people    map[string]*Person
	channels  map[string]*Channel
	tokens    map[string]*Token
	only      []*Message // ephemeral
	views     map[string]*View
	homes     map[string]*View // by whom they are shown to
	triggers  map[string]trigger
	responses map[string]*response
	hosted    map[string]Hosted // files, by their ids
	host      string            // where clients reach the server
	calls     []Call
	wrong     []string
	faults    []*Fault
	used      map[string][]time.Time
	last      int64 // microseconds of the newest timestamp
	next      int
	sockets   sockets
}

// New makes a workspace with an app whose bot is in no channel yet. The bot's
// token is xoxb-lab and the app's is xapp-lab.
func New(o Options) (*Lab, error) {
	if o.Tiers == 0 {
		o.Tiers = 1
	}
	if o.AckWithin == 0 {
		o.AckWithin = 3 * time.Second
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.Pings == 0 {
		o.Pings = 10 * time.Second
	}
	if o.HistoryMost == 0 {
		o.HistoryMost = 999
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	l := &Lab{
		o: o, team: "T0LAB00001", app: "A0LAB00001", bot: "U0LABBOT01", botID: "B0LABBOT01", secret: "lab-signing-secret",
		people: map[string]*Person{}, channels: map[string]*Channel{}, tokens: map[string]*Token{}, views: map[string]*View{},
		homes: map[string]*View{}, responses: map[string]*response{}, triggers: map[string]trigger{}, used: map[string][]time.Time{},
	}
	var err error
	if l.facts, err = readFacts(); err != nil {
		return nil, err
	}
	if l.gate, err = newGate(); err != nil {
		return nil, err
	}
	l.sockets.init(o)
	l.people[l.bot] = &Person{ID: l.bot, Name: "chaperone", RealName: "Chaperone", Bot: true}
	l.tokens["xoxb-lab"] = &Token{Value: "xoxb-lab", Kind: "bot", User: l.bot, Scopes: AllBotScopes()}
	l.tokens["xapp-lab"] = &Token{Value: "xapp-lab", Kind: "app", Scopes: []string{"connections:write"}}
	return l, nil
}

// AllBotScopes are those that a bot which does everything has.
func AllBotScopes() []string {
	return strings.Fields(`channels:history groups:history im:history mpim:history channels:read groups:read im:read mpim:read
		channels:manage groups:write im:write chat:write users:read users:read.email reactions:write reactions:read channels:join files:read commands`)
}

// Bot is the app's own user.
func (l *Lab) Bot() string { return l.bot }

// Team is the workspace.
func (l *Lab) Team() string { return l.team }

// Secret signs the requests of the Events API.
func (l *Lab) Secret() string { return l.secret }

// Close ends every socket.
func (l *Lab) Close() { l.sockets.closeAll() }

// Wrong lists what no client may do and no answer may be: unknown methods,
// arguments that are missing, and answers that the specification does not know.
func (l *Lab) Wrong() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wrong)
}

// Calls lists what clients did, in order.
func (l *Lab) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// note says that something was wrong. The caller holds the lock.
func (l *Lab) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(l.wrong, s) {
		l.wrong = append(l.wrong, s)
	}
}

// id makes an id as Slack's look. The caller holds the lock.
func (l *Lab) id(prefix string, digits int) string {
	l.next++
	return fmt.Sprintf("%s%0*d", prefix, digits, l.next)
}

// stamp makes a timestamp that nothing else has. The caller holds the lock.
func (l *Lab) stamp() string {
	l.last = max(l.last+1, time.Now().UnixMicro())
	return stampOf(l.last)
}

func stampOf(micros int64) string { return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6) }

// Handler serves what clients connect to.
func (l *Lab) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", l.api)
	mux.HandleFunc("GET /link/", l.socket)
	mux.HandleFunc("PATCH /scim/v1/Users/{id}", l.scim)
	mux.HandleFunc("POST /respond/{id}", l.respond)
	mux.HandleFunc("GET /files-pri/{file}/{name}", l.file)
	mux.HandleFunc("GET /files-pri/{file}/download/{name}", l.file)
	return mux
}

// channel finds a channel. The caller holds the lock.
func (l *Lab) channel(id string) *Channel { return l.channels[id] }

func (c *Channel) has(user string) bool { return slices.Contains(c.Members, user) }

// typ is the word that scopes and events use.
func (c *Channel) typ() string {
	switch c.Kind {
	case "", "channel":
		return "channel"
	}
	return c.Kind
}

// prefix is the beginning of the scopes for a channel.
func (c *Channel) prefix() string {
	switch c.typ() {
	case "channel":
		return "channels:"
	case "group":
		return "groups:"
	}
	return c.typ() + ":"
}

func (c *Channel) find(ts string) *Message {
	i, ok := slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return strings.Compare(m.TS, ts) })
	if !ok || c.messages[i].Gone {
		return nil
	}
	return c.messages[i]
}

// im finds or makes the direct conversation of the bot and a person. The caller
// holds the lock.
func (l *Lab) im(user string) *Channel {
	for _, c := range l.channels {
		if c.typ() == "im" && c.has(user) && c.has(l.bot) {
			return c
		}
	}
	c := &Channel{ID: l.id("D0LAB", 6), Kind: "im", Members: []string{l.bot, user}, created: time.Now().Unix()}
	l.channels[c.ID] = c
	return c
}
