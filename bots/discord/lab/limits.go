package lab

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limits are the buckets of requests: one for each route and channel or guild,
// and one of fifty a second for everything that a bot calls.
type limits struct {
	rules   map[string]bucketRule
	buckets map[string]*bucket
	global  map[ID]*bucket
}

type bucketRule struct {
	most   int
	within time.Duration
}

type bucket struct {
	left  int
	until time.Time
}

func newLimits() limits {
	return limits{rules: map[string]bucketRule{}, buckets: map[string]*bucket{}, global: map[ID]*bucket{}}
}

// Limit sets how often a route may be called for one channel or guild. Without
// it a route has a wide bucket.
func (l *Lab) Limit(route string, most int, within time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits.rules[route] = bucketRule{most, within}
	clear(l.limits.buckets)
}

// usual is the bucket of a route for which nothing else was set.
var usual = bucketRule{1000, time.Second}

// global is how often a bot may call anything within a second.
var global = bucketRule{50, time.Second}

// take counts one call, writes the headers of its bucket, and refuses it where
// the bucket is empty.
func (li *limits) take(h http.Header, route string, r *http.Request, now time.Time, app *App) *failure {
	rule, set := li.rules[route]
	if !set {
		rule = usual
	}
	key := route + " " + r.PathValue("channel") + r.PathValue("guild")
	b := li.buckets[key]
	if b == nil || !now.Before(b.until) {
		b = &bucket{left: rule.most, until: now.Add(rule.within)}
		li.buckets[key] = b
	}
	after := b.until.Sub(now).Seconds()
	h.Set("X-RateLimit-Bucket", fmt.Sprintf("%x", strings.NewReplacer(" ", "", "/", "", "{", "", "}", "").Replace(route)))
	h.Set("X-RateLimit-Limit", strconv.Itoa(rule.most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, b.left-1)))
	h.Set("X-RateLimit-Reset", strconv.FormatFloat(float64(b.until.UnixMilli())/1000, 'f', 3, 64))
	h.Set("X-RateLimit-Reset-After", strconv.FormatFloat(after, 'f', 3, 64))
	if b.left == 0 {
		h.Set("X-RateLimit-Scope", "user")
		return li.refuse(h, after, false)
	}
	if _, everywhere := li.rules["*"]; everywhere && app != nil && !strings.HasPrefix(route, "POST /interactions") {
		g := li.global[app.ID]
		if g == nil || !now.Before(g.until) {
			g = &bucket{left: global.most, until: now.Add(global.within)}
			li.global[app.ID] = g
		}
		if g.left == 0 {
			h.Set("X-RateLimit-Scope", "global")
			return li.refuse(h, g.until.Sub(now).Seconds(), true)
		}
		g.left--
	}
	b.left--
	return nil
}

func (li *limits) refuse(h http.Header, after float64, global bool) *failure {
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(after))))
	if global {
		h.Set("X-RateLimit-Global", "true")
	}
	return &failure{status: http.StatusTooManyRequests, text: "You are being rate limited.", after: &after, global: global}
}
