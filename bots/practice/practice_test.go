package practice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/bots"
	"chaperone/bots/botstest"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

var flood = practice.NewRoom{ID: "flood", Kind: chat.Emergency, Members: []practice.Member{{ID: "sam", Name: "Sam Okafor"}, {ID: "priya", Name: "Priya Nair"}}}

func open(t testing.TB, path string, o practice.Options) *practice.Platform {
	t.Helper()
	p, err := practice.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func fresh(t testing.TB) *practice.Platform {
	p := open(t, filepath.Join(t.TempDir(), "practice.jsonl"), practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	return p
}

// What a platform vouches for of a member is in its roster, also after a restart.
func TestTheRosterSaysWhatIsProved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "practice.jsonl")
	p, err := practice.Open(path, practice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sam := practice.Member{ID: "sam", Name: "Sam Okafor", Email: "sam.okafor@calderwick.example", Owner: true}
	tom := practice.Member{ID: "tom", Name: "Tom Ellery", Phone: "+447700900123", Admin: true}
	id := chat.ID{Account: "practice", Local: "harbour"}
	if err := p.NewRoom(practice.NewRoom{ID: id.Local, Kind: chat.Team, Members: []practice.Member{sam}}); err != nil {
		t.Fatal(err)
	}
	if code := call(t, p, "POST", "/practice/v1/rooms/harbour/members", tom, nil); code != 201 {
		t.Fatalf("joining was answered with %d", code)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p, err = practice.Open(path, practice.Options{}); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := []bots.Member{
		{ID: "sam", Name: "Sam Okafor", Email: "sam.okafor@calderwick.example", Owner: true},
		{ID: "tom", Name: "Tom Ellery", Phone: "+447700900123", Admin: true},
	}
	got, err := p.Members(t.Context(), id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := p.Members(t.Context(), chat.ID{Account: "practice", Local: "none"}); !errors.Is(err, bots.ErrGone) {
		t.Errorf("a room that is not there was answered with %v", err)
	}
}

func TestSuite(t *testing.T) {
	botstest.Run(t, func(t *testing.T) botstest.Harness {
		p := fresh(t)
		must := func(t *testing.T, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		return botstest.Harness{
			Bot: p, Chat: chat.ID{Account: "practice", Local: "flood"}, Sam: "sam", Priya: "priya",
			Say: func(t *testing.T, who chat.MemberID, text string) chat.MessageID {
				id, err := p.Say("flood", who, text, "")
				must(t, err)
				return id
			},
			Edit: func(t *testing.T, who chat.MemberID, m chat.MessageID, text string) {
				must(t, p.Edit("flood", m, who, text))
			},
			Delete: func(t *testing.T, who chat.MemberID, m chat.MessageID) { must(t, p.Unsay("flood", m, who)) },
			Prompts: func(t *testing.T, who chat.MemberID) []string {
				all, err := p.Prompts(who)
				must(t, err)
				var out []string
				for _, x := range all {
					out = append(out, x.ID)
				}
				return out
			},
			Calls: func(t *testing.T, k bots.Kind) int {
				var all []practice.Entry
				call(t, p, "GET", "/practice/v1/ledger", nil, &all)
				n := 0
				for _, e := range all {
					if e.Effect == k {
						n++
					}
				}
				return n
			},
			Members: func(t *testing.T) []chat.MemberID {
				var rooms []practice.NewRoom
				call(t, p, "GET", "/practice/v1/rooms", nil, &rooms)
				var out []chat.MemberID
				for _, m := range rooms[0].Members {
					out = append(out, m.ID)
				}
				return out
			},
		}
	})
}

// call makes a request of the contract and returns its status.
func call(t testing.TB, p *practice.Platform, method, path string, in, out any) int {
	t.Helper()
	var body bytes.Buffer
	if s, ok := in.(string); ok {
		body.WriteString(s)
	} else if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest(method, path, &body))
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
		}
	}
	if w.Code >= 400 {
		var e map[string]string
		if json.Unmarshal(w.Body.Bytes(), &e) != nil || e["error"] == "" {
			t.Errorf("%s %s: %d without an error in words: %q", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

func TestContract(t *testing.T) {
	p := fresh(t)
	const room = "/practice/v1/rooms/flood"
	big := strings.Repeat("x", 1<<20)
	steps := []struct {
		method, path string
		in           any
		want         int
	}{
		{"POST", "/practice/v1/rooms", flood, 409},
		{"POST", "/practice/v1/rooms", practice.NewRoom{ID: "team", Kind: chat.Team}, 201},
		{"POST", "/practice/v1/rooms", practice.NewRoom{ID: "x", Kind: "guild"}, 400},
		{"POST", "/practice/v1/rooms", practice.NewRoom{Kind: chat.Team}, 400},
		{"POST", "/practice/v1/rooms", "{", 400},
		{"POST", "/practice/v1/rooms", "{}{}", 400},
		{"POST", room + "/members", practice.Member{ID: "tom", Name: "Tom Ellery"}, 201},
		{"POST", room + "/members", practice.Member{ID: "tom"}, 409},
		{"POST", room + "/members", practice.Member{}, 400},
		{"POST", "/practice/v1/rooms/none/members", practice.Member{ID: "tom"}, 404},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": "one"}, 201},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": "two", "reply_to": "m1"}, 201},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": "two", "reply_to": "m9"}, 404},
		{"POST", room + "/messages", map[string]string{"sender": "nobody", "text": "x"}, 404},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": ""}, 400},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": big}, 201},
		{"POST", room + "/messages", map[string]string{"sender": "sam", "text": strings.Repeat("x", 9<<20)}, 413},
		{"PATCH", room + "/messages/m1", map[string]string{"sender": "sam", "text": "changed"}, 200},
		{"PATCH", room + "/messages/m1", map[string]string{"sender": "priya", "text": "x"}, 403},
		{"PATCH", room + "/messages/m9", map[string]string{"sender": "sam", "text": "x"}, 404},
		{"POST", room + "/messages/m1/reactions", map[string]string{"sender": "priya", "reaction": "👍"}, 201},
		{"POST", room + "/messages/m1/reactions", map[string]string{"sender": "priya", "reaction": ""}, 400},
		{"DELETE", room + "/messages/m2?sender=priya", nil, 403},
		{"DELETE", room + "/messages/m2?sender=sam", nil, 200},
		{"DELETE", room + "/messages/m2?sender=sam", nil, 404},
		{"GET", room + "/messages", nil, 200},
		{"GET", room + "/messages?after=m1&limit=1", nil, 200},
		{"GET", room + "/messages?limit=x", nil, 400},
		{"GET", "/practice/v1/rooms/none/messages", nil, 404},
		{"GET", "/practice/v1/members/sam/prompts", nil, 200},
		{"GET", "/practice/v1/members/nobody/prompts", nil, 404},
		{"POST", "/practice/v1/members/sam/prompts/none/answer", map[string]string{"answer": "x"}, 404},
		{"GET", "/practice/v1/ledger", nil, 200},
		{"POST", "/practice/v1/clock", map[string]string{"advance": "72h"}, 200},
		{"POST", "/practice/v1/clock", map[string]string{"advance": "-1h"}, 400},
		{"POST", "/practice/v1/clock", map[string]string{"advance": "soon"}, 400},
		{"DELETE", room + "/members/tom", nil, 200},
		{"DELETE", room + "/members/tom", nil, 404},
		{"GET", "/practice/v1/nonsense", nil, 404},
	}
	for _, s := range steps {
		if got := call(t, p, s.method, s.path, s.in, nil); got != s.want {
			t.Errorf("%s %s: %d, want %d", s.method, s.path, got, s.want)
		}
	}
	var ms []practice.MessageView
	call(t, p, "GET", room+"/messages", nil, &ms)
	if len(ms) != 3 || ms[0].State != "edited" || ms[0].Text != "changed" || ms[1].State != "deleted" || ms[1].Text != "" || len(ms[2].Text) != 1<<20 {
		t.Errorf("the messages are not as they were left")
	}
	if d := p.Now().Sub(time.Now()); d < 71*time.Hour || d > 73*time.Hour {
		t.Errorf("the clock was moved by %s, want 72h", d)
	}
}

func TestAPageOfAnotherSiteIsRefused(t *testing.T) {
	p := fresh(t)
	r := httptest.NewRequest("POST", "/practice/v1/clock", strings.NewReader(`{"advance":"1h"}`))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("answered with %d", w.Code)
	}
}

func TestPromptsOfThePractice(t *testing.T) {
	p := fresh(t)
	m, err := p.Say("flood", "sam", "x", "")
	if err != nil {
		t.Fatal(err)
	}
	e := bots.Effect{Key: "w", Kind: bots.Whisper, Chat: chat.ID{Account: "practice", Local: "flood"}, Member: "sam", Message: m, Prompt: &bots.Prompt{
		ID: "p1", Messages: []chat.MessageID{m}, Title: "Hello", Body: "It may.", State: "open",
		Steps: []bots.Step{{ID: "one", Text: "Do it"}}, Answers: []bots.Answer{{ID: "yes", Label: "Yes"}, {ID: "why", Label: "Because", WantsText: true}},
	}}
	if _, err := p.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	const sam = "/practice/v1/members/sam/prompts/p1"
	for _, s := range []struct {
		path string
		in   any
		want int
	}{
		{"/practice/v1/members/priya/prompts/p1/answer", map[string]string{"answer": "yes"}, 404},
		{sam + "/answer", map[string]string{"answer": "no"}, 400},
		{sam + "/answer", map[string]string{"answer": "why"}, 400},
		{sam + "/steps/two", map[string]bool{"done": true}, 404},
		{sam + "/steps/one", map[string]bool{"done": true}, 200},
		{sam + "/answer", map[string]string{"answer": "yes"}, 200},
	} {
		if got := call(t, p, "POST", s.path, s.in, nil); got != s.want {
			t.Errorf("%s %v: %d, want %d", s.path, s.in, got, s.want)
		}
	}
	e.Kind, e.Key, e.Prompt.State, e.Prompt.Answers = bots.Revise, "r", "answered", nil
	if _, err := p.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := call(t, p, "POST", sam+"/answer", map[string]string{"answer": "yes"}, nil); got != 409 {
		t.Errorf("an answer to a prompt that is over: %d, want 409", got)
	}
	var all []practice.PromptView
	call(t, p, "GET", "/practice/v1/members/sam/prompts", nil, &all)
	if len(all) != 1 || all[0].State != "answered" || all[0].Text != "Hello\nIt may." {
		t.Errorf("the prompts are %+v", all)
	}
}

// snapshot is what a platform says of itself.
func snapshot(t *testing.T, p *practice.Platform) string {
	var b strings.Builder
	for _, path := range []string{"/practice/v1/rooms", "/practice/v1/rooms/flood/messages?notices=1", "/practice/v1/ledger", "/practice/v1/members/sam/prompts"} {
		var v any
		call(t, p, "GET", path, nil, &v)
		j, _ := json.Marshal(v)
		fmt.Fprintln(&b, string(j))
	}
	return b.String()
}

func TestTheFileBringsEverythingBackAndATornEndIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	p := open(t, path, practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	m, _ := p.Say("flood", "sam", "invalid \xff and NUL \x00", "")
	p.React("flood", m, "priya", "ok")
	p.Do(t.Context(), bots.Effect{Key: "n", Kind: bots.Post, Chat: chat.ID{Account: "practice", Local: "flood"}, Text: "notice"})
	want := snapshot(t, p)
	p.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"op":"post","room":"flo`...), 0o600); err != nil {
		t.Fatal(err)
	}
	p = open(t, path, practice.Options{})
	if diff := cmp.Diff(want, snapshot(t, p)); diff != "" {
		t.Errorf("after a torn line (-before +after):\n%s", diff)
	}
	p.Say("flood", "sam", "more", "")
	p.Close()
	damaged := bytes.Replace(whole, []byte(`"op":"react"`), []byte(`"op":!!!!!!!`), 1)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := practice.Open(path, practice.Options{}); err == nil || !strings.Contains(err.Error(), "Move the file away") {
		t.Errorf("a damaged middle is answered with %v", err)
	}
}

func TestManyPeopleAtOnce(t *testing.T) {
	p := fresh(t)
	var mu sync.Mutex
	seen := map[chat.MessageID]int{}
	calls := 0
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(ctx, func(_ context.Context, events []chat.Event) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				seen[e.Message]++
			}
			// By the call, not by what was seen: a batch that is refused for
			// what it holds would be refused for ever.
			if calls++; calls%7 == 0 {
				return errors.New("try again")
			}
			return nil
		})
	}()
	const people, each = 8, 50
	var wg sync.WaitGroup
	for range people {
		wg.Go(func() {
			for i := range each {
				if _, err := p.Say("flood", "sam", fmt.Sprint(i), ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		if n >= people*each {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d messages arrived", n, people*each)
		}
	}
	cancel()
	<-ended
}

func BenchmarkSay(b *testing.B) {
	p := fresh(b)
	b.SetParallelism(2) // four people on two cores
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Say("flood", "sam", "Two pumps on the way to the hall, 25 minutes.", ""); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkPolling reads a room of 10,000 messages, most of them decided for
// good, as a test or a page does that waits for the bot.
func BenchmarkPolling(b *testing.B) {
	p := open(b, filepath.Join(b.TempDir(), "p"), practice.Options{Decided: func(_ context.Context, _ chat.ID, ids []chat.MessageID) (map[chat.MessageID]practice.Decided, error) {
		out := map[chat.MessageID]practice.Decided{}
		for _, id := range ids {
			out[id] = practice.Decided{Decision: "clean", Aside: "Passed in silence"}
		}
		return out, nil
	}})
	if err := p.NewRoom(flood); err != nil {
		b.Fatal(err)
	}
	for range 10_000 {
		p.Say("flood", "sam", "Two pumps on the way to the hall, 25 minutes.", "")
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/practice/v1/rooms/flood/messages", nil))
	}
}
