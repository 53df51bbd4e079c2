package lab

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// connectionsMost is how many sockets an app may have open.
const connectionsMost = 10

// sockets is Socket Mode: who is connected, and what is on its way to them. Its
// lock is taken after the workspace's, never before.
type sockets struct {
	mu       sync.Mutex
	o        Options
	tickets  map[string]bool
	open     []*socket
	waiting  map[string]*delivery // by envelope
	count    Deliveries
	took     []time.Duration // from when an envelope was first sent until it was acknowledged
	weather  Weather
	kept     *delivery // held back to be overtaken
	rnd      *rand.Rand
	url      string
	secret   string
	shutting bool
	quiet    bool // nothing is sent
}

// Weather is what happens to envelopes on their way.
type Weather struct {
	Duplicate int `json:"duplicate_percent,omitempty"`
	Reorder   int `json:"reorder_percent,omitempty"`
	Delay     int `json:"delay_ms,omitempty"`
}

func (s *sockets) init(o Options) {
	s.o, s.rnd = o, rand.New(rand.NewPCG(o.Seed, 0))
	s.tickets, s.waiting = map[string]bool{}, map[string]*delivery{}
}

// socket is one connection.
type socket struct {
	ws     *websocket.Conn
	mu     sync.Mutex // one writer at a time
	frozen bool       // half open: nothing gets through, and nobody is told
	ended  chan struct{}
	once   sync.Once
}

func (c *socket) write(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen {
		return nil
	}
	if err := c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	return c.ws.WriteJSON(v)
}

func (c *socket) end() { c.once.Do(func() { close(c.ended) }) }

// open gives out a ticket for one socket.
func (l *Lab) open(q *request) (answer, string) {
	ticket := randomID()
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	l.sockets.tickets[ticket] = true
	return answer{"url": "ws://" + q.host + "/link/?ticket=" + ticket + "&app_id=" + l.app}, ""
}

// socket is a connection of Socket Mode, until it ends.
func (l *Lab) socket(w http.ResponseWriter, r *http.Request) {
	s := &l.sockets
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	known := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !known {
		http.Error(w, "no such ticket", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // it was answered
	}
	c := &socket{ws: ws, ended: make(chan struct{})}
	greeting := func(n int) error { // before any envelope
		return c.write(map[string]any{"type": "hello", "num_connections": n, "connection_info": map[string]any{"app_id": l.app},
			"debug_info": map[string]any{"host": "lab", "build_number": 1, "approximate_connection_time": 18060}})
	}
	if !s.add(c, greeting) {
		_ = c.write(map[string]any{"type": "disconnect", "reason": "too_many_websockets", "debug_info": map[string]any{"host": "lab"}})
		_ = ws.Close() // it is refused whatever becomes of it
		return
	}
	defer s.drop(c)
	go s.ping(c)
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			ID   string          `json:"envelope_id"`
			Said json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(frame, &ack) == nil && ack.ID != "" {
			s.ack(ack.ID, ack.Said)
		}
	}
}

// add greets a connection and makes it one that envelopes go to, unless it is
// one too many.
func (s *sockets) add(c *socket, greeting func(int) error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= connectionsMost || s.shutting || greeting(len(s.open)+1) != nil {
		return false
	}
	s.count.Connections++
	s.open = append(s.open, c)
	return true
}

func (s *sockets) drop(c *socket) {
	s.mu.Lock()
	s.open = slices.DeleteFunc(s.open, func(x *socket) bool { return x == c })
	s.mu.Unlock()
	c.end()
	_ = c.ws.Close() // it may be closed already
}

// ping keeps a connection alive.
func (s *sockets) ping(c *socket) {
	t := time.NewTicker(s.o.Pings)
	defer t.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-t.C:
			c.mu.Lock()
			if !c.frozen {
				_ = c.ws.WriteControl(websocket.PingMessage, []byte("Ping from lab"), time.Now().Add(time.Second)) // a dead one shows when it is read
			}
			c.mu.Unlock()
		}
	}
}

// send sets an envelope on its way, through whatever weather there is.
func (s *sockets) send(d *delivery) {
	s.mu.Lock()
	if s.quiet {
		s.mu.Unlock()
		return
	}
	w, rnd := s.weather, s.rnd
	chance := func(percent int) bool { return percent > 0 && rnd.IntN(100) < percent }
	list := []*delivery{d}
	if d.kind == "events_api" {
		if chance(w.Duplicate) {
			twin := *d
			list = append(list, &twin)
		}
		if s.kept == nil && chance(w.Reorder) {
			s.kept, list = d, list[1:]
			time.AfterFunc(200*time.Millisecond, s.release)
		} else if s.kept != nil {
			list = append(list, s.kept)
			s.kept = nil
		}
	}
	s.mu.Unlock()
	for _, x := range list {
		if w.Delay > 0 {
			time.AfterFunc(time.Duration(w.Delay)*time.Millisecond, func() { s.attempt(x) })
		} else {
			s.attempt(x)
		}
	}
}

// release lets go what was held back.
func (s *sockets) release() {
	s.mu.Lock()
	d := s.kept
	s.kept = nil
	s.mu.Unlock()
	if d != nil {
		s.attempt(d)
	}
}

// attempt sends an envelope once, and looks later whether it was acknowledged.
func (s *sockets) attempt(d *delivery) {
	s.mu.Lock()
	if d.done || s.shutting {
		s.mu.Unlock()
		return
	}
	s.count.Sent++
	if d.sent.IsZero() {
		d.sent = time.Now()
	}
	if d.attempt > 0 {
		s.count.Redelivered++
	}
	if to, secret := s.url, s.secret; to != "" {
		s.mu.Unlock()
		go func() {
			said, reason := s.overHTTP(d, to, secret)
			if reason != "" {
				s.failed(d, reason)
				return
			}
			s.finish(d, said)
		}()
		return
	}
	id := randomID()
	d.ids = append(d.ids, id)
	s.waiting[id] = d
	var to *socket
	if len(s.open) > 0 {
		to = s.open[s.rnd.IntN(len(s.open))]
	}
	attempt, reason := d.attempt, d.reason
	s.mu.Unlock()
	if to == nil {
		s.failed(d, "connection_failed")
		return
	}
	env := map[string]any{"envelope_id": id, "type": d.kind, "payload": d.body, "accepts_response_payload": d.kind != "events_api"}
	if d.kind == "events_api" {
		env["retry_attempt"], env["retry_reason"] = attempt, reason
	}
	_ = to.write(env) // what did not arrive is not acknowledged
	time.AfterFunc(s.o.AckWithin, func() { s.failed(d, "timeout") })
}

// failed sets an envelope that was not acknowledged on its way again, at the
// next of its times.
func (s *sockets) failed(d *delivery, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.done || s.shutting {
		return
	}
	if d.attempt >= len(d.retries) {
		s.count.GivenUp++
		return
	}
	wait := d.retries[d.attempt]
	d.attempt++
	d.reason = reason
	time.AfterFunc(wait, func() { s.attempt(d) })
}

func (s *sockets) ack(id string, said json.RawMessage) {
	s.mu.Lock()
	d := s.waiting[id]
	s.mu.Unlock()
	if d != nil {
		s.finish(d, said)
	}
}

// answerMost is what an acknowledgement may say: more is dropped in silence.
const answerMost = 20_480

func (s *sockets) finish(d *delivery, said json.RawMessage) {
	if len(said) >= answerMost || slices.Contains([]string{`""`, `{}`, `null`}, string(said)) { // clients write nothing in several ways
		said = nil
	}
	s.mu.Lock()
	first := !d.done
	d.done = true
	for _, id := range d.ids {
		delete(s.waiting, id)
	}
	if first {
		s.count.Acked++
		s.took = append(s.took, time.Since(d.sent))
		if d.attempt > 0 {
			s.count.Late++
		}
	}
	s.mu.Unlock()
	if first && d.acked != nil {
		d.acked(said)
	}
}

// The ways in which a connection ends.
const (
	CutClose   = "close"      // properly, but TCP stays open, as Slack does it
	CutDrop    = "drop"       // at once
	CutMid     = "mid-frame"  // in the middle of a frame
	CutFreeze  = "half-open"  // nothing gets through and nobody is told
	CutRefresh = "disconnect" // a disconnect envelope
)

// Cut ends all connections, and tells how many there were.
func (l *Lab) Cut(how string) int {
	l.sockets.mu.Lock()
	open := slices.Clone(l.sockets.open)
	l.sockets.mu.Unlock()
	for _, c := range open {
		c.cut(how)
		if how != CutFreeze && how != CutClose && how != CutRefresh {
			l.sockets.drop(c)
		} else {
			l.sockets.leave(c)
		}
	}
	return len(open)
}

// leave sends no more envelopes to a connection, which stays open.
func (s *sockets) leave(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.frozen { // to a frozen one they still go, and are lost
		s.open = slices.DeleteFunc(s.open, func(x *socket) bool { return x == c })
	}
}

func (c *socket) cut(how string) {
	if how == CutRefresh {
		_ = c.write(map[string]any{"type": "disconnect", "reason": "refresh_requested", "debug_info": map[string]any{"host": "lab"}})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch how {
	case CutFreeze:
		c.frozen = true
	case CutClose:
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	case CutMid:
		_, _ = c.ws.NetConn().Write([]byte(strings.Repeat("\x81", 1) + "\x7e\x01\x00{\"envelope")) // a frame of 256 bytes that breaks off
	}
}

// SetWeather says what happens to envelopes from now on.
func (l *Lab) SetWeather(w Weather) {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	l.sockets.weather = w
}

// Delivered tells what became of envelopes so far.
func (l *Lab) Delivered() Deliveries {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	out := l.sockets.count
	if took := slices.Sorted(slices.Values(l.sockets.took)); len(took) > 0 {
		at := func(percent int) int { return int(took[(len(took)-1)*percent/100].Milliseconds()) }
		out.Median, out.P99, out.Worst = at(50), at(99), at(100)
	}
	return out
}

// Forget counts deliveries anew.
func (l *Lab) Forget() {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	l.sockets.count, l.sockets.took = Deliveries{}, nil
}

// Connected counts the connections that are open.
func (l *Lab) Connected() int {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	return len(l.sockets.open)
}

// Inject sends any payload to the app, as an event.
func (l *Lab) Inject(payload json.RawMessage) {
	l.sockets.send(&delivery{kind: "events_api", body: payload, retries: l.o.Retries})
}

func (s *sockets) hush(quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = quiet
}

func (s *sockets) closeAll() {
	s.mu.Lock()
	s.shutting = true
	open := slices.Clone(s.open)
	s.mu.Unlock()
	for _, c := range open {
		s.drop(c)
	}
}
