package slack_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"chaperone/bots"
	"chaperone/bots/slack"
	"chaperone/internal/chat"
)

// TestTheTokenGoesToSlackAlone fetches files from a host in Slack's place, and
// from another one, which listens for the token.
func TestTheTokenGoesToSlackAlone(t *testing.T) {
	var lured atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { lured.Add(1) }))
	defer trap.Close()
	const token = "xoxb-invented"
	mux := http.NewServeMux()
	mux.HandleFunc("/files/list.csv", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("Name,Street\n"))
	})
	mux.HandleFunc("/files/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL+"/files/list.csv", http.StatusFound)
	})
	mux.HandleFunc("/files/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<title>Sign in</title>"))
	})
	for path, status := range map[string]int{"/files/gone": 404, "/files/limited": 429, "/files/ill": 503} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	host := httptest.NewServer(mux)
	defer host.Close()
	bot, err := slack.New(slack.Options{BotToken: token, AppToken: "xapp-invented", APIURL: host.URL + "/api"})
	if err != nil {
		t.Fatal(err)
	}
	get := func(link, name string, most int64) ([]byte, error) {
		return bot.Download(context.Background(), chat.ID{}, "", chat.File{ID: "F1", Name: name, Ref: link}, most)
	}
	if b, err := get(host.URL+"/files/list.csv", "list.csv", 100); err != nil || string(b) != "Name,Street\n" {
		t.Errorf("a file of Slack's own: %q, %v", b, err)
	}
	other := strings.Replace(host.URL, "127.0.0.1", "localhost", 1)
	for link, want := range map[string]error{
		trap.URL + "/files/list.csv":            bots.ErrForbidden,
		other + "/files/list.csv":               bots.ErrForbidden,
		"http://files.slack.com/list.csv":       bots.ErrForbidden, // not over https
		"https://files.slack.com.evil.example/": bots.ErrForbidden,
		"https://slack.com@evil.example/":       bots.ErrForbidden,
		"https://evilslack.com/list.csv":        bots.ErrForbidden,
		"file:///etc/passwd":                    bots.ErrForbidden,
		host.URL + "/files/away":                bots.ErrForbidden,
		host.URL + "/files/page":                bots.ErrForbidden,
		host.URL + "/files/gone":                bots.ErrGone,
	} {
		if _, err := get(link, "list.csv", 100); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", link, err, want)
		}
	}
	if _, err := get(host.URL+"/files/list.csv", "list.csv", 5); !errors.Is(err, bots.ErrTooLarge) {
		t.Errorf("a file that is too large: %v", err)
	}
	if _, err := get(host.URL+"/files/limited", "list.csv", 100); !errors.As(err, new(bots.Busy)) {
		t.Errorf("too many calls: %v", err)
	}
	if _, err := get(host.URL+"/files/ill", "list.csv", 100); err == nil || errors.Is(err, bots.ErrForbidden) || strings.Contains(err.Error(), host.URL) {
		t.Errorf("a server that is ill: %v", err)
	}
	if n := lured.Load(); n != 0 {
		t.Errorf("the other host was called %d times", n)
	}
}
