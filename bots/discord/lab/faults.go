package lab

import (
	"net/http"
	"slices"
	"time"
)

// Fault makes calls of a route go wrong.
type Fault struct {
	Route  string // as in the table of routes; "*" is every one
	Times  int    // how often; 0 is until it is cleared
	Status int    // what is answered; 0 drops the connection
	After  time.Duration
	Slow   time.Duration // wait first

	used int
}

// Fail adds a fault.
func (l *Lab) Fail(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, &f)
}

// Mend clears all faults.
func (l *Lab) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = nil
}

// strikes gives the fault that a call meets, if any.
func (l *Lab) strikes(route string) *Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		if (f.Route == route || f.Route == "*") && (f.Times == 0 || f.used < f.Times) {
			f.used++
			return f
		}
	}
	return nil
}

// strike answers in place of the route. It reports false where the call goes on.
func (f *Fault) strike(w http.ResponseWriter) bool {
	time.Sleep(f.Slow)
	switch {
	case f.Slow > 0 && f.Status == 0:
		return false
	case f.Status == 0:
		panic(http.ErrAbortHandler)
	}
	if f.Status == http.StatusTooManyRequests {
		h := w.Header()
		limited := (&limits{}).refuse(h, f.After.Seconds(), false)
		h.Set("X-RateLimit-Scope", "shared")
		h.Set("Content-Type", "application/json")
		w.WriteHeader(f.Status)
		w.Write(raw(limited))
		return true
	}
	http.Error(w, "", f.Status)
	return true
}

// Cut drops every gateway connection; while away is set none can be made.
func (l *Lab) Cut(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = away
	for _, s := range l.sessions {
		if s.conn != nil {
			s.conn.drop()
		}
	}
}

// Connected counts the sessions that are connected.
func (l *Lab) Connected() (n int) {
	l.each(func(*session) { n++ })
	return n
}

// Reconnect asks every session to connect again and resume (op 7).
func (l *Lab) Reconnect() {
	l.each(func(s *session) { s.conn.send(frame{Op: opReconnect, Data: raw(nil)}) })
}

// Invalidate tells every session that it is over (op 9), and forgets it.
func (l *Lab) Invalidate() {
	l.each(func(s *session) {
		delete(l.sessions, s.id)
		s.conn.send(frame{Op: opInvalid, Data: raw(false)})
	})
}

// Identified lists when an application identified.
func (l *Lab) Identified(a *App) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(a.identified)
}

// Deafen lets sessions acknowledge no heartbeat and tell nothing, as where a line
// is dead and neither end knows it.
func (l *Lab) Deafen() { l.each(func(s *session) { s.deaf = true }) }

// Repeat sends the last n events of every session once more, with new numbers.
func (l *Lab) Repeat(n int) {
	l.each(func(s *session) {
		for _, f := range append([]frame(nil), s.sent[max(0, len(s.sent)-n):]...) {
			s.dispatch(*f.Type, f.Data)
		}
	})
}

// Forget loses the sessions, so that none can be resumed.
func (l *Lab) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, s := range l.sessions {
		if s.conn == nil {
			delete(l.sessions, id)
		}
	}
}

func (l *Lab) each(do func(*session)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		if s.conn != nil {
			do(s)
		}
	}
}
