package practice_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

// FuzzContract sends any body to every address that takes one. None makes the
// platform fail, every refusal is in words, and whatever was taken is there
// again after a restart.
func FuzzContract(f *testing.F) {
	routes := []string{
		"POST /practice/v1/rooms", "POST /practice/v1/rooms/flood/members", "POST /practice/v1/rooms/flood/messages",
		"PATCH /practice/v1/rooms/flood/messages/m1", "POST /practice/v1/rooms/flood/messages/m1/reactions",
		"POST /practice/v1/members/sam/prompts/p1/answer", "POST /practice/v1/members/sam/prompts/p1/steps/one", "POST /practice/v1/clock",
		"POST /practice/rooms/flood/say", "POST /practice/clock",
	}
	for _, body := range []string{
		`{"id":"x","kind":"team","members":[{"id":"a","name":"\u0000\u202e"}]}`, `{"sender":"sam","text":"\ud800","reply_to":"m1"}`,
		`{"sender":"sam","reaction":"👍"}`, `{"answer":"why","text":"because"}`, `{"done":true}`, `{"advance":"1h"}`, `{"id":1}`, `[`, "\xff", `you=sam&text=%ff`, `advance=1h`,
	} {
		for route := range routes {
			f.Add(route, body)
		}
	}
	f.Fuzz(func(t *testing.T, route int, body string) {
		path := filepath.Join(t.TempDir(), "p")
		p, err := practice.Open(path, practice.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { p.Close() }()
		if err := p.NewRoom(flood); err != nil {
			t.Fatal(err)
		}
		m, _ := p.Say("flood", "sam", "x", "")
		p.Do(context.Background(), bots.Effect{Key: "w", Kind: bots.Whisper, Chat: chat.ID{Account: "practice", Local: "flood"}, Member: "sam", Message: m, Prompt: &bots.Prompt{
			ID: "p1", Messages: []chat.MessageID{m}, State: "open", Steps: []bots.Step{{ID: "one"}}, Answers: []bots.Answer{{ID: "why", WantsText: true}},
		}})
		if route < 0 {
			route = -(route + 1)
		}
		method, to, _ := strings.Cut(routes[route%len(routes)], " ")
		r := httptest.NewRequest(method, to, strings.NewReader(body))
		if !strings.Contains(to, "/v1/") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		var said struct{ Error string }
		if w.Code >= 500 || !utf8.Valid(w.Body.Bytes()) {
			t.Errorf("answered with %d %q", w.Code, w.Body)
		}
		if w.Code >= 400 && strings.Contains(to, "/v1/") && (json.Unmarshal(w.Body.Bytes(), &said) != nil || said.Error == "") {
			t.Errorf("refused without a word: %d %q", w.Code, w.Body)
		}
		before := snapshot(t, p)
		p.Close()
		if p, err = practice.Open(path, practice.Options{}); err != nil {
			t.Fatalf("after a restart: %v", err)
		}
		if after := snapshot(t, p); after != before {
			t.Errorf("after a restart:\n%s\nbefore it:\n%s", after, before)
		}
		for _, page := range []string{"/practice/rooms/flood?you=sam", "/practice/rooms"} {
			if code, html := get(t, p, page); code != 200 || !utf8.ValidString(html) || strings.Contains(html, "\x00") {
				t.Errorf("%s cannot be shown: %d", page, code)
			}
		}
	})
}
