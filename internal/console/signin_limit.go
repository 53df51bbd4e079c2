package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tries counts what each key did within the last stretch of time.
type tries struct {
	most   int
	within time.Duration

	mu  sync.Mutex
	all map[string][]time.Time
}

func newTries(most int, within time.Duration) *tries {
	return &tries{most: most, within: within, all: map[string][]time.Time{}}
}

// tooMany is how many keys are remembered before those that are over are
// looked for.
const tooMany = 1024

// take counts one try. Where there were too many it counts nothing, and gives
// how long to wait.
func (t *tries) take(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) > tooMany {
		for k, at := range t.all {
			if now.Sub(at[len(at)-1]) >= t.within {
				delete(t.all, k)
			}
		}
	}
	at := slices.DeleteFunc(t.all[key], func(x time.Time) bool { return now.Sub(x) >= t.within || x.After(now) })
	if len(at) >= t.most {
		t.all[key] = at
		return t.within - now.Sub(at[0])
	}
	t.all[key] = append(at, now)
	return 0
}

// from is where a request comes from: its address, or the one that a proxy of
// ours says. Of a version 6 address the network counts, which is one customer's.
func (d *Door) from(r *http.Request) string {
	peer := address(r.RemoteAddr)
	if d.proxy(peer) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			a := address(strings.TrimSpace(hop))
			if !a.IsValid() {
				break
			}
			if peer = a; !d.proxy(a) {
				break
			}
		}
	}
	if peer.Is6() {
		if net, err := peer.Prefix(64); err == nil {
			return net.String()
		}
	}
	return peer.String()
}

func (d *Door) proxy(a netip.Addr) bool {
	if !a.IsValid() || !d.https() {
		return false
	}
	return a.IsLoopback() || slices.ContainsFunc(d.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

func address(s string) netip.Addr {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// attempt counts one attempt to sign in, by its address or its account. It
// answers where there were too many, and reports whether it goes on.
func (c *Console) attempt(w http.ResponseWriter, r *http.Request, counted *tries, key string) bool {
	wait := counted.take(key, c.o.Door.o.Now())
	if wait == 0 {
		return true
	}
	seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	w.Header().Set("Retry-After", seconds)
	c.tell(w, r, http.StatusTooManyRequests, "Too many attempts to sign in", "Wait "+seconds+" seconds, then try again. Nothing was changed.")
	return false
}

// tell answers a page's script, or a person.
func (c *Console) tell(w http.ResponseWriter, r *http.Request, status int, title, what string) {
	if r.Method == http.MethodPost {
		answer(w, status, struct {
			Error string `json:"error"`
		}{title + ". " + what})
		return
	}
	c.page(w, r, status, "signin_refused.html", title, refusal{Title: title, What: what, SignIn: true})
}
