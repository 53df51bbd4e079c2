package lab

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Lab is one Discord. All its methods may be called from several goroutines.
type Lab struct {
	mu       sync.Mutex
	now      func() time.Time
	beat     time.Duration
	last     ID
	users    map[ID]*User
	guilds   map[ID]*Guild
	channels map[ID]*Channel
	apps     map[string]*App // by token
	asked    map[string]*Interaction
	sessions map[string]*session
	calls    []Call
	unknown  []string
	limits   limits
	faults   []*Fault
	gate     *gate
	secret   []byte // signs the addresses of attachments
	epoch    int    // of these addresses: those of another have ended
	cut      bool   // the gateway accepts nobody
}

// App is an application with its bot.
type App struct {
	ID       ID
	Token    string
	User     *User
	Intents  int // privileged intents that are switched on for it
	Commands []*Command

	key        ed25519.PublicKey
	identified []time.Time
}

// The intents that decide what a session is told.
const (
	IntentGuilds        = 1 << 0
	IntentMembers       = 1 << 1
	IntentModeration    = 1 << 2
	IntentMessages      = 1 << 9
	IntentReactions     = 1 << 10
	IntentDirect        = 1 << 12
	IntentContent       = 1 << 15
	IntentAutoModerated = 1 << 21

	privileged = IntentMembers | 1<<8 | IntentContent
)

// Call is one request that a client made.
type Call struct {
	At     time.Time `json:"at"`
	Bot    ID        `json:"bot"` // 0: it carried no token that is known
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Route  string    `json:"route"` // its line in the table of routes
	Body   string    `json:"body"`
	Reason string    `json:"reason"` // for the audit log
	Status int       `json:"status"`
}

// Options are the parts of a Lab that a test may want other than they are.
type Options struct {
	Now  func() time.Time // nil is the real clock
	Beat time.Duration    // between heartbeats; 0 is Discord's own
}

// New makes an empty Discord.
func New(o Options) *Lab {
	if o.Now == nil {
		o.Now = time.Now
	}
	g, err := newGate()
	if err != nil {
		panic(err) // the description is part of the program
	}
	l := &Lab{
		now: o.Now, gate: g, beat: cmp.Or(o.Beat, beat), users: map[ID]*User{}, guilds: map[ID]*Guild{}, channels: map[ID]*Channel{},
		apps: map[string]*App{}, asked: map[string]*Interaction{}, sessions: map[string]*session{}, secret: make([]byte, 16),
	}
	rand.Read(l.secret)
	l.limits = newLimits()
	return l
}

// Handler serves /api/v9, /api/v10, /gateway and /attachments.
func (l *Lab) Handler() http.Handler {
	mux := http.NewServeMux()
	api := l.routes()
	mux.Handle("/api/v9/", http.StripPrefix("/api/v9", api))
	mux.Handle("/api/v10/", http.StripPrefix("/api/v10", api))
	mux.HandleFunc("/gateway", l.gateway)
	mux.HandleFunc("/gateway/", l.gateway)
	mux.HandleFunc("GET /attachments/{channel}/{attachment}/{name}", l.attachment)
	return mux
}

// Person adds a user who is not a bot.
func (l *Lab) Person(name string) ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.user(name, false).ID
}

func (l *Lab) user(name string, bot bool) *User {
	u := &User{ID: l.next(), Username: name, Discriminator: "0", Bot: bot}
	if !bot {
		u.GlobalName = &name
	}
	l.users[u.ID] = u
	return u
}

// Application adds an application with a bot and a token.
func (l *Lab) Application(name string, intents int) *App {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.user(name, true)
	var b [24]byte
	rand.Read(b[:])
	key, _, _ := ed25519.GenerateKey(rand.Reader)
	a := &App{ID: u.ID, User: u, Token: "lab." + hex.EncodeToString(b[:]), Intents: intents & privileged, key: key}
	l.apps[a.Token] = a
	return a
}

// Revoke makes a token worthless: every call with it is answered 401, and its
// sessions are closed with 4004.
func (l *Lab) Revoke(a *App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.apps, a.Token)
	for _, s := range l.sessions {
		if s.app == a {
			s.close(4004)
		}
	}
}

// Guild adds a server that belongs to owner.
func (l *Lab) Guild(name string, owner ID) ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := &Guild{ID: l.next(), Name: name, Owner: owner}
	g.Roles = []*Role{{ID: g.ID, Name: "@everyone", Permissions: Everyone}}
	l.guilds[g.ID] = g
	l.join(g, l.users[owner])
	return g.ID
}

// Role adds a role above all that there are.
func (l *Lab) Role(guild ID, name string, p Permissions) ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guilds[guild]
	r := &Role{ID: l.next(), Name: name, Permissions: p, Position: len(g.Roles)}
	g.Roles = append(g.Roles, r)
	l.tell(g.ID, 0, "GUILD_ROLE_CREATE", map[string]any{"guild_id": g.ID, "role": r}, IntentGuilds)
	return r.ID
}

// Grant gives a member a role.
func (l *Lab) Grant(guild, user, role ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guilds[guild]
	m := g.member(user)
	m.Roles = append(m.Roles, role)
	l.tell(g.ID, 0, "GUILD_MEMBER_UPDATE", memberOf(g, m), IntentMembers)
}

// Channel adds a channel to a guild.
func (l *Lab) Channel(guild ID, name string, kind int, o ...Overwrite) ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	position := len(l.channels)
	c := &Channel{ID: l.next(), Type: kind, Guild: guild, Name: name, Position: &position, Overwrites: o}
	l.channels[c.ID] = c
	l.tell(guild, c.ID, "CHANNEL_CREATE", c, IntentGuilds)
	return c.ID
}

// Overwrite replaces what a role or a member may do in a channel.
func (l *Lab) Overwrite(channel ID, o Overwrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[channel]
	c.Overwrites = slices.DeleteFunc(c.Overwrites, func(x Overwrite) bool { return x.ID == o.ID })
	c.Overwrites = append(c.Overwrites, o)
	l.tell(c.Guild, c.ID, "CHANNEL_UPDATE", c, IntentGuilds)
}

// Install brings an application's bot into a guild, with a role of its own. The
// owner did it.
func (l *Lab) Install(a *App, guild ID, p Permissions) { l.InstallBy(0, a, guild, p) }

// InstallBy is Install by somebody else.
func (l *Lab) InstallBy(who ID, a *App, guild ID, p Permissions) {
	role := l.Role(guild, a.User.Username, p)
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guilds[guild]
	g.role(role).Managed = true
	m := l.join(g, a.User)
	m.Roles = []ID{role}
	if who == 0 {
		who = g.Owner
	}
	l.log(g, auditBotAdded, who, a.User.ID, "")
	for _, s := range l.sessions {
		if s.app == a {
			s.dispatch("GUILD_CREATE", l.guildFor(g, s))
		}
	}
}

// Calls lists every request that any client made, in order.
func (l *Lab) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// Unknown lists the requests for which there is no route, and the answers that
// are not as Discord describes them. A test fails on any.
func (l *Lab) Unknown() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.unknown)
}
