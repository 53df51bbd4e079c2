package lab

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

//go:embed testdata/*.json
var files embed.FS

// fact is what is published about a method.
type fact struct {
	Tier     string   `json:"tier"`
	Bot      []string `json:"bot"`
	User     []string `json:"user"`
	Required []string `json:"required"`
	Errors   []string `json:"errors"`
}

func readFacts() (map[string]fact, error) {
	b, err := files.ReadFile("testdata/methods.json")
	if err != nil {
		return nil, err
	}
	var out map[string]fact
	return out, json.Unmarshal(b, &out)
}

// needs says which scope a token lacks for a method, in a channel or, without
// one, in any of the types; empty when it may.
func (f fact) needs(t *Token, ch *Channel) string {
	want := f.Bot
	if t.Kind == "user" {
		want = f.User
	}
	if len(want) == 0 {
		return ""
	}
	var plain, typed []string
	for _, s := range want {
		switch {
		case !byType(s):
			plain = append(plain, s)
		case ch == nil || strings.HasPrefix(s, ch.prefix()):
			typed = append(typed, s)
		}
	}
	for _, s := range append(plain, typed...) {
		if slices.Contains(t.Scopes, s) {
			return ""
		}
	}
	return strings.Join(append(plain, typed...), ",")
}

// byType reports whether a scope is for one type of conversation.
func byType(scope string) bool {
	for _, p := range []string{"channels:", "groups:", "im:", "mpim:"} {
		if strings.HasPrefix(scope, p) {
			return true
		}
	}
	return false
}

// perMinute is how many calls each tier allows. Tier 5 stands for "special".
func perMinute(tier string) int {
	switch tier {
	case "t1":
		return 1
	case "t2":
		return 20
	case "t3":
		return 50
	case "t4":
		return 100
	}
	return 600
}

// over says for how long a call has to wait, 0 when it may go on. The caller
// holds the lock.
func (l *Lab) over(method, channel string, now time.Time) time.Duration {
	window, most, key := time.Minute, perMinute(l.facts[method].Tier)*l.o.Tiers, method
	if method == "chat.postMessage" { // one a second and channel, with a little more at times
		window, most, key = 10*time.Second, 10*l.o.Tiers, method+" "+channel
	}
	recent := l.used[key]
	for len(recent) > 0 && now.Sub(recent[0]) >= window {
		recent = recent[1:]
	}
	if len(recent) >= most {
		l.used[key] = recent
		return window - now.Sub(recent[len(recent)-most])
	}
	l.used[key] = append(recent, now)
	return 0
}
