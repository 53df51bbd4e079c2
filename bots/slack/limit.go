package slack

import (
	"io"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// limits leaves a method alone for as long as Slack asked for: whoever calls it
// meanwhile is answered as Slack would answer, without a call. What is allowed a
// second in each channel is Slack's to say for each.
type limits struct {
	base http.RoundTripper

	mu    sync.Mutex
	until map[string]time.Time
}

// limited gives a client that heeds what Slack asks for.
func limited(c *http.Client) *http.Client {
	out := *c
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = &limits{base: out.Transport, until: map[string]time.Time{}}
	return &out
}

// RoundTrip implements http.RoundTripper.
func (l *limits) RoundTrip(r *http.Request) (*http.Response, error) {
	method := path.Base(r.URL.Path)
	if strings.HasPrefix(method, "chat.") {
		return l.base.RoundTrip(r)
	}
	l.mu.Lock()
	rest := time.Until(l.until[method])
	l.mu.Unlock()
	if rest > 0 {
		if r.Body != nil {
			_ = r.Body.Close() // as every transport has to
		}
		return &http.Response{
			Status: "429 Too Many Requests", StatusCode: http.StatusTooManyRequests, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(rest.Seconds())))}}, Body: io.NopCloser(strings.NewReader("")),
		}, nil
	}
	res, err := l.base.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusTooManyRequests {
		if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && after > 0 {
			l.mu.Lock()
			l.until[method] = time.Now().Add(time.Duration(after) * time.Second)
			l.mu.Unlock()
		}
	}
	return res, err
}
