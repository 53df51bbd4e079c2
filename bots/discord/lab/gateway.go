package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// The opcodes of the gateway.
const (
	opDispatch     = 0
	opHeartbeat    = 1
	opIdentify     = 2
	opPresence     = 3
	opResume       = 6
	opReconnect    = 7
	opMembers      = 8
	opInvalid      = 9
	opHello        = 10
	opHeartbeatAck = 11
)

const (
	beat       = 41250 * time.Millisecond // what clients are told, as a rule
	mostSends  = 120                      // in a minute, on one connection
	replayMost = 5000                     // events kept for a session that is away
	awayMost   = 10                       // sessions kept for an application that may resume them
	page       = 1000                     // members in one chunk
)

// frame is what goes over a gateway connection.
type frame struct {
	Op   int             `json:"op"`
	Data json.RawMessage `json:"d"`
	Seq  *int64          `json:"s"`
	Type *string         `json:"t"`
}

// session is one identified connection, and what it has been told. It outlives
// its connection, so that it can be resumed.
type session struct {
	id      string
	app     *App
	intents int
	seq     int64
	sent    []frame // the latest, for a resume
	conn    *connection
	deaf    bool // acknowledges no heartbeat, and is told nothing, until it is resumed
}

// connection is one socket. Frames leave it in order, by one goroutine.
type connection struct {
	ws   *websocket.Conn
	out  chan any // frame or int, a code to close with
	gone chan struct{}
	at   string // where it was made
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func getGateway(r *request) (answer, *failure) {
	return ok(map[string]any{"url": r.lab.address(r.http)})
}

func getGatewayBot(r *request) (answer, *failure) {
	return ok(map[string]any{
		"url": r.lab.address(r.http), "shards": 1,
		"session_start_limit": map[string]any{"total": 1000, "remaining": 1000 - r.lab.recent(r.app), "reset_after": 86400000, "max_concurrency": 1},
	})
}

// recent counts the identifies of the last day.
func (l *Lab) recent(a *App) int {
	n := 0
	for _, at := range a.identified {
		if l.now().Sub(at) < 24*time.Hour {
			n++
		}
	}
	return n
}

// address is where the gateway is: on the host that was asked.
func (l *Lab) address(r *http.Request) string {
	if host := r.Header.Get("X-Lab-Host"); host != "" {
		return "ws://" + host + "/gateway"
	}
	return "ws://" + r.Host + "/gateway"
}

// gateway serves one socket from hello to its end.
func (l *Lab) gateway(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut {
		http.Error(w, "the gateway is away", http.StatusServiceUnavailable)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &connection{ws: ws, out: make(chan any, 1<<16), gone: make(chan struct{}), at: l.address(r)}
	go c.write()
	c.send(frame{Op: opHello, Data: raw(map[string]any{"heartbeat_interval": l.beat.Milliseconds(), "_trace": []string{"lab"}})})
	var s *session
	var sends []time.Time
	over := false // the client said goodbye: nothing is left to resume
	for {
		var f frame
		if err := ws.ReadJSON(&f); err != nil {
			over = websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway)
			break
		}
		l.mu.Lock()
		sends = slices.DeleteFunc(append(sends, l.now()), func(at time.Time) bool { return l.now().Sub(at) > time.Minute })
		code := 0
		switch {
		case len(sends) > mostSends:
			code = 4008
		case s == nil && f.Op != opIdentify && f.Op != opResume && f.Op != opHeartbeat:
			code = 4003
		default:
			s, code = l.take(c, s, f)
		}
		l.mu.Unlock()
		if code != 0 {
			c.close(code)
		}
	}
	l.mu.Lock()
	if s != nil && s.conn == c {
		s.conn = nil
		if over {
			delete(l.sessions, s.id)
		}
	}
	l.mu.Unlock()
	close(c.gone)
	ws.Close()
}

// take handles one frame of a client, and gives the code to close with, if so.
func (l *Lab) take(c *connection, s *session, f frame) (*session, int) {
	switch f.Op {
	case opHeartbeat:
		if s == nil || !s.deaf {
			c.send(frame{Op: opHeartbeatAck})
		}
	case opIdentify:
		if s != nil {
			return s, 4005
		}
		return l.identify(c, f.Data)
	case opResume:
		return l.resume(c, f.Data)
	case opMembers:
		l.chunks(s, f.Data)
	case opPresence:
	default:
		return s, 4001
	}
	return s, 0
}

func (l *Lab) identify(c *connection, data json.RawMessage) (*session, int) {
	var in struct {
		Token   string `json:"token"`
		Intents int    `json:"intents"`
	}
	if json.Unmarshal(data, &in) != nil {
		return nil, 4002
	}
	app := l.apps[trimBot(in.Token)]
	switch {
	case app == nil:
		return nil, 4004
	case in.Intents < 0 || in.Intents >= 1<<26:
		return nil, 4013
	case in.Intents&privileged&^app.Intents&^(1<<8) != 0:
		return nil, 4014
	}
	app.identified = append(app.identified, l.now())
	s := &session{id: fmt.Sprintf("%x", l.next()), app: app, intents: in.Intents, conn: c}
	l.sessions[s.id] = s
	l.forgetOld(app)
	away := []any{}
	for _, g := range l.ordered() {
		if g.member(app.User.ID) != nil {
			away = append(away, map[string]any{"id": g.ID, "unavailable": true})
		}
	}
	s.dispatch("READY", map[string]any{
		"v": 9, "user": app.User, "guilds": away, "session_id": s.id, "session_type": "normal", "resume_gateway_url": c.at,
		"shard": []int{0, 1}, "application": map[string]any{"id": app.ID, "flags": 0}, "private_channels": []any{},
	})
	for _, g := range l.ordered() {
		if g.member(app.User.ID) != nil {
			s.dispatch("GUILD_CREATE", l.guildFor(g, s))
		}
	}
	return s, 0
}

// guildFor is a guild as GUILD_CREATE tells it: without the intent for members
// only the bot itself, of a large guild only some.
func (l *Lab) guildFor(g *Guild, s *session) map[string]any {
	out := g.fields()
	own := g.member(s.app.User.ID)
	members := []*Member{own}
	if s.intents&IntentMembers != 0 && len(g.Members) <= 50 {
		members = g.Members
	}
	channels, threads := []*Channel{}, []*Channel{}
	for _, c := range l.channelsOf(g.ID, false) {
		if l.may(s.app.User.ID, c).Has(View) {
			channels = append(channels, c)
		}
	}
	for _, c := range l.channelsOf(g.ID, true) {
		if !c.Thread.Archived && l.may(s.app.User.ID, c).Has(View) {
			threads = append(threads, c)
		}
	}
	out["joined_at"], out["large"], out["unavailable"], out["member_count"] = own.Joined, len(g.Members) > 50, false, len(g.Members)
	out["members"], out["channels"], out["threads"] = members, channels, threads
	out["presences"], out["voice_states"], out["stage_instances"], out["guild_scheduled_events"] = []any{}, []any{}, []any{}, []any{}
	return out
}

// chunks answers a request for the members of a guild.
func (l *Lab) chunks(s *session, data json.RawMessage) {
	var in struct {
		Guild ID     `json:"guild_id"`
		Nonce string `json:"nonce"`
	}
	if json.Unmarshal(data, &in) != nil || l.guilds[in.Guild] == nil || s.intents&IntentMembers == 0 {
		return
	}
	all := l.guilds[in.Guild].Members
	n := max(1, (len(all)+page-1)/page)
	for i := range n {
		s.dispatch("GUILD_MEMBERS_CHUNK", map[string]any{
			"guild_id": in.Guild, "members": all[i*page : min(len(all), (i+1)*page)], "chunk_index": i, "chunk_count": n, "nonce": in.Nonce,
		})
	}
}

// forgetOld loses the oldest sessions of an application that nobody came back to.
func (l *Lab) forgetOld(app *App) {
	var left []*session
	for _, s := range l.sessions {
		if s.app == app && s.conn == nil {
			left = append(left, s)
		}
	}
	slices.SortFunc(left, func(x, y *session) int { return cmp.Or(cmp.Compare(len(x.id), len(y.id)), cmp.Compare(x.id, y.id)) })
	for _, s := range left[:max(0, len(left)-awayMost)] {
		delete(l.sessions, s.id)
	}
}

func (l *Lab) resume(c *connection, data json.RawMessage) (*session, int) {
	var in struct {
		Token   string `json:"token"`
		Session string `json:"session_id"`
		Seq     int64  `json:"seq"`
	}
	if json.Unmarshal(data, &in) != nil {
		return nil, 4002
	}
	s := l.sessions[in.Session]
	app := l.apps[trimBot(in.Token)]
	switch {
	case app == nil:
		return nil, 4004
	case s == nil || s.app != app || in.Seq > s.seq || in.Seq < s.seq-int64(len(s.sent)):
		c.send(frame{Op: opInvalid, Data: raw(false)})
		return nil, 0
	}
	if s.conn != nil {
		s.conn.drop()
	}
	s.conn, s.deaf = c, false
	for _, f := range s.sent {
		if *f.Seq > in.Seq {
			c.send(f)
		}
	}
	s.dispatch("RESUMED", map[string]any{"_trace": []string{"lab"}})
	return s, 0
}

func trimBot(token string) string {
	const prefix = "Bot "
	if len(token) > len(prefix) && token[:len(prefix)] == prefix {
		return token[len(prefix):]
	}
	return token
}

// dispatch tells a session of something; one that is away hears it when it
// resumes.
func (s *session) dispatch(kind string, data any) {
	s.seq++
	n := s.seq
	f := frame{Op: opDispatch, Data: raw(data), Seq: &n, Type: &kind}
	s.sent = append(s.sent, f)
	if len(s.sent) > replayMost {
		s.sent = slices.Delete(s.sent, 0, len(s.sent)-replayMost)
	}
	if s.conn != nil && !s.deaf {
		s.conn.send(f)
	}
}

func (s *session) close(code int) {
	if s.conn != nil {
		s.conn.close(code)
	}
}

func (c *connection) send(f frame) {
	select {
	case c.out <- f:
	default: // a client that reads nothing is cut off
		c.drop()
	}
}

func (c *connection) close(code int) {
	select {
	case c.out <- code:
	default:
		c.drop()
	}
}

// drop ends the socket without a word.
func (c *connection) drop() { c.ws.NetConn().Close() }

func (c *connection) write() {
	for {
		select {
		case <-c.gone:
			return
		case v := <-c.out:
			switch v := v.(type) {
			case int:
				text := websocket.FormatCloseMessage(v, "")
				_ = c.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second)) // it may be gone
				c.drop()
				return
			case frame:
				if c.ws.WriteJSON(v) != nil {
					c.drop()
					return
				}
			}
		}
	}
}

// tell dispatches something about a guild, and a channel of it where one is
// named, to every session that may see it and asked for it. The caller holds
// the lock.
func (l *Lab) tell(guild, channel ID, kind string, data any, intent int) {
	for _, s := range l.hearing(guild, channel, intent) {
		s.dispatch(kind, data)
	}
}

func (l *Lab) hearing(guild, channel ID, intent int) []*session {
	var out []*session
	for _, s := range l.sessions {
		if s.intents&intent == 0 {
			continue
		}
		if c := l.channels[channel]; c != nil {
			if l.may(s.app.User.ID, c).Has(View) {
				out = append(out, s)
			}
		} else if g := l.guilds[guild]; g != nil && g.member(s.app.User.ID) != nil {
			out = append(out, s)
		}
	}
	return out
}

// tellMessage dispatches a message, as each session may see it.
func (l *Lab) tellMessage(c *Channel, kind string, m *Message) {
	intent := IntentMessages
	if c.Type == Direct {
		intent = IntentDirect
	}
	for _, s := range l.hearing(c.Guild, c.ID, intent) {
		app := *s.app
		app.Intents &= s.intents
		s.dispatch(kind, l.told(c, m, &app))
	}
}

// told is a message as an event: with its guild and the member who sent it.
func (l *Lab) told(c *Channel, m *Message, app *App) map[string]any {
	var out map[string]any
	if err := json.Unmarshal(raw(l.shown(m, app)), &out); err != nil {
		panic(err)
	}
	if g := l.guilds[c.Guild]; g != nil {
		out["guild_id"] = g.ID
		if who := g.member(m.Author.ID); who != nil {
			member := *who
			member.User = nil
			out["member"] = member
		}
	}
	return out
}
