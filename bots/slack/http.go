package slack

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

const (
	requestMost = 4 << 20
	storeWithin = 2800 * time.Millisecond // Slack waits for three seconds
)

// ServeHTTP takes signed requests of the Events API and of interactions. They
// are answered with 200 once they are stored; what is not stored in time is
// answered with 503, so that Slack sends it again.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.o.HTTP || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestMost))
	if err != nil {
		http.Error(w, "this request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if why := b.signed(r.Header, body); why != "" {
		b.turnedAway(why)
		http.Error(w, why, http.StatusUnauthorized)
		return
	}
	kind, payload := "events_api", json.RawMessage(body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			http.Error(w, "this form cannot be read", http.StatusBadRequest)
			return
		}
		kind, payload = "interactive", json.RawMessage(form.Get("payload"))
		if len(payload) == 0 {
			kind, payload = "slash_commands", fields(form)
		}
	}
	var outer callback
	if json.Unmarshal(payload, &outer) == nil && outer.Type == "url_verification" {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, outer.Challenge)
		return
	}
	b.mu.Lock()
	l := b.life
	b.mu.Unlock()
	if l == nil {
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	b.answerHTTP(w, l, kind, payload)
}

// signed says what is wrong with the signature of a request; empty is nothing.
func (b *Bot) signed(h http.Header, body []byte) string {
	v, err := slack.NewSecretsVerifier(h, b.o.Secret)
	switch {
	case errors.Is(err, slack.ErrExpiredTimestamp):
		return "the request is more than five minutes old: it was sent before, or this machine's clock is wrong"
	case err == nil:
		_, _ = v.Write(body) // a hash takes everything
		err = v.Ensure()
	}
	if err != nil {
		return "the request is not signed with the secret that bots.slack.signing_secret names: if Slack sent it, copy the Signing Secret from Basic Information of the app"
	}
	return ""
}

// turnedAway tells of a request that was refused, once a minute: anybody can
// knock.
func (b *Bot) turnedAway(why string) {
	b.mu.Lock()
	now := time.Now()
	tell := now.Sub(b.knocked) >= time.Minute
	if tell {
		b.knocked = now
	}
	b.mu.Unlock()
	if tell {
		b.o.Log.Warn("Slack: a request was refused", "why", why)
	}
}

// answerHTTP takes what a request brings, and answers it once that is stored.
func (b *Bot) answerHTTP(w http.ResponseWriter, l *life, kind string, payload json.RawMessage) {
	stored := make(chan json.RawMessage, 1)
	var once sync.Once
	b.take(l, kind, payload, func(said any) { once.Do(func() { stored <- acknowledgement(said) }) })
	within := storeWithin
	if kind != "events_api" { // Slack does not send it again; it is acknowledged in time by itself
		within = 2 * storeWithin
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case said := <-stored:
		if len(said) > 0 {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = w.Write(said) // a client that went away
	case <-t.C:
		http.Error(w, "not stored yet", http.StatusServiceUnavailable)
	case <-l.ctx.Done():
		http.Error(w, "not stored", http.StatusServiceUnavailable)
	}
}

// fields makes of a form what Socket Mode sends.
func fields(form url.Values) json.RawMessage {
	all := map[string]string{}
	for k := range form {
		all[k] = form.Get(k)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil // texts always can be written
	}
	return b
}
