package lab

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// happen tells the app of something in a channel, where its bot is in it and
// may read such events. The caller holds the lock.
func (l *Lab) happen(c *Channel, ev answer, at string) {
	if c.has(l.bot) {
		l.tell(c, ev, at)
	}
}

// tell sends an event to the app. The caller holds the lock.
func (l *Lab) tell(c *Channel, ev answer, at string) {
	if !l.may(c, fmt.Sprint(ev["type"])) {
		return
	}
	if c != nil {
		ev["event_ts"] = at
	}
	l.next++
	id := fmt.Sprintf("Ev0LAB%06d", l.next)
	payload := answer{
		"token": "lab", "team_id": l.team, "api_app_id": l.app, "type": "event_callback", "event_id": id, "event_time": micros(at) / 1e6,
		"event": ev, "is_ext_shared_channel": c != nil && c.Shared, "event_context": "4-" + id,
		"authorizations": []answer{{"enterprise_id": nil, "team_id": l.team, "user_id": l.bot, "is_bot": true, "is_enterprise_install": false}},
	}
	body, err := json.Marshal(payload)
	if err != nil {
		l.note("an event cannot be written: %v", err)
		return
	}
	name := fmt.Sprint(ev["type"])
	if s, ok := ev["subtype"].(string); ok {
		name += "/" + s
	}
	for _, fault := range l.gate.event(name, body) {
		l.note("event %s: %s", name, fault)
	}
	l.sockets.send(&delivery{kind: "events_api", body: body, retries: l.o.Retries})
}

// may reports whether the bot's token lets the app hear of a type of event.
func (l *Lab) may(c *Channel, event string) bool {
	scope := ""
	switch {
	case c == nil:
		return true
	case event == "message":
		scope = c.prefix() + "history"
	case strings.HasPrefix(event, "reaction_"):
		scope = "reactions:read"
	case event == "app_home_opened":
		return true
	default:
		scope = c.prefix() + "read"
	}
	return slices.ContainsFunc(l.installed(), func(t *Token) bool { return slices.Contains(t.Scopes, scope) })
}

func (l *Lab) installed() []*Token {
	var out []*Token
	for _, t := range l.tokens {
		if t.Kind == "bot" && !t.Revoked {
			out = append(out, t)
		}
	}
	return out
}

// delivery is one envelope on its way to the app.
type delivery struct {
	kind    string
	body    json.RawMessage
	retries []time.Duration
	acked   func(json.RawMessage) // with what it was answered

	attempt int
	reason  string
	ids     []string  // of its envelopes, one for each attempt
	sent    time.Time // first
	done    bool
}

// Deliveries counts what became of envelopes.
type Deliveries struct {
	Sent        int `json:"sent"`
	Acked       int `json:"acked"`
	Late        int `json:"late"` // acknowledged after the time for it
	Redelivered int `json:"redelivered"`
	GivenUp     int `json:"given_up"`
	Connections int `json:"connections"` // that were ever opened

	// How long acknowledgements took, in milliseconds.
	Median int `json:"ack_median_ms"`
	P99    int `json:"ack_p99_ms"`
	Worst  int `json:"ack_worst_ms"`
}

// EventsURL makes the app one that gets its events as signed requests; empty is
// Socket Mode.
func (l *Lab) EventsURL(to string) {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	l.sockets.url, l.sockets.secret = to, l.secret
}

// overHTTP makes one attempt as a signed request, and says why it failed.
func (s *sockets) overHTTP(d *delivery, to, secret string) (said json.RawMessage, reason string) {
	body, kind := []byte(d.body), "application/json"
	switch d.kind {
	case "interactive":
		body, kind = []byte(url.Values{"payload": {string(d.body)}}.Encode()), "application/x-www-form-urlencoded"
	case "slash_commands":
		var fields map[string]any
		_ = json.Unmarshal(d.body, &fields) // we wrote it
		v := url.Values{}
		for k, x := range fields {
			v.Set(k, fmt.Sprint(x))
		}
		body, kind = []byte(v.Encode()), "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, "http_error"
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	req.Header.Set("X-Slack-Signature", Sign(secret, stamp, body))
	if d.attempt > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(d.attempt))
		req.Header.Set("X-Slack-Retry-Reason", d.reason)
	}
	client := &http.Client{Timeout: s.o.AckWithin}
	res, err := client.Do(req)
	if err != nil {
		return nil, "http_timeout"
	}
	defer res.Body.Close()
	said, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, "http_error"
	}
	return said, ""
}

// Sign signs a request as Slack does.
func Sign(secret, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func randomID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // the standard library never fails here
	return hex.EncodeToString(b[:])
}
