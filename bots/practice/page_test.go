package practice_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

// whisper asks a member about a message.
func whisper(t *testing.T, p *practice.Platform, kind bots.Kind, member chat.MemberID, m chat.MessageID, change func(*bots.Prompt)) {
	t.Helper()
	pr := &bots.Prompt{
		ID: "p1", Messages: []chat.MessageID{m}, Title: "Hello Sam, about your 02:14 message in Flood North.",
		Body:    "It may include a resident’s NHS number and address. Getting help comes first.",
		Steps:   []bots.Step{{ID: "control", Text: "Check that the control room has it."}, {ID: "message", Text: "Delete it for everyone.", Help: "Press and hold the message."}},
		Answers: []bots.Answer{{ID: "deleted", Label: "I have deleted it", Expected: true}, {ID: "wrong", Label: "This is wrong"}, {ID: "note", Label: "Keep a note instead", WantsText: true}, {ID: "keep", Label: "Keep it as a record", More: true}},
		Found:   []string{"NHS number, ending 43", "address"}, Policy: "Emergencies, row 7", Ask: "Morag Sinclair, 01632 960120", State: "open",
	}
	if change != nil {
		change(pr)
	}
	_, err := p.Do(t.Context(), bots.Effect{Key: fmt.Sprint(kind, time.Now()), Kind: kind, Chat: chat.ID{Account: "practice", Local: "flood"}, Member: member, Message: m, Prompt: pr})
	if err != nil {
		t.Fatal(err)
	}
}

// get gives a page as it is served.
func get(t *testing.T, p *practice.Platform, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// submit sends a form of a page, as a browser without scripts does.
func submit(t *testing.T, p *practice.Platform, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}

func TestAPromptIsOnItsMembersPageOnly(t *testing.T) {
	p := fresh(t)
	m, _ := p.Say("flood", "sam", "Edith Marlow, 3 Weir Cottages", "")
	whisper(t, p, bots.Whisper, "sam", m, nil)
	_, sam := get(t, p, "/practice/rooms/flood?you=sam")
	_, priya := get(t, p, "/practice/rooms/flood?you=priya")
	for _, want := range []string{"Only you see this", "Hello Sam, about your 02:14 message", "NHS number", "Emergencies, row 7", `tel:&#43;441632960120`, "I have deleted it", "More answers", "Keep a note instead"} {
		if !strings.Contains(sam, want) {
			t.Errorf("the member's page does not say %q", want)
		}
		if strings.Contains(priya, want) {
			t.Errorf("somebody else's page says %q", want)
		}
	}
	if strings.Index(sam, "Only you see this") < strings.Index(sam, "3 Weir Cottages") {
		t.Error("the prompt stands before its message")
	}
}

func TestHostileNamesAndTextsAreShownSafely(t *testing.T) {
	p := fresh(t)
	if err := p.NewRoom(practice.NewRoom{ID: "a\"><b>", Name: "<script>alert(1)</script>", Kind: chat.Team, Members: []practice.Member{
		{ID: "\"><i>", Name: "<img src=x onerror=alert(1)>, \u202eadmin"}, {ID: "nul", Name: "a\x00b"},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Say("a\"><b>", "\"><i>", "</p><script>alert(2)</script>\x00 \xff \u202e javascript:alert(1)", ""); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/practice/rooms/" + url.PathEscape("a\"><b>"), "/practice/rooms"} {
		code, page := get(t, p, path)
		for _, bad := range []string{"<script>alert", "<img", "<b>\"", "><i>", "\x00"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s contains %q", path, bad)
			}
		}
		if code != 200 || !strings.Contains(page, "&lt;script&gt;alert(1)") {
			t.Errorf("%s: %d, and the name is not shown", path, code)
		}
	}
}

func TestThePageWorksWithoutScript(t *testing.T) {
	p := fresh(t)
	if code, page := get(t, p, "/practice/"); code != http.StatusSeeOther || !strings.Contains(page, "/practice/rooms/flood") {
		t.Errorf("the first page: %d %s", code, page)
	}
	form := url.Values{"you": {"sam"}, "text": {"Two pumps\r\non the way"}}
	const room = "/practice/rooms/flood"
	if w := submit(t, p, room+"/say", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != room+"?you=sam#say" {
		t.Fatalf("saying something: %d to %q", w.Code, w.Header().Get("Location"))
	}
	whisper(t, p, bots.Whisper, "sam", "m1", nil)
	for _, s := range []struct {
		path string
		form url.Values
		want int
	}{
		{room + "/messages/m1/react", url.Values{"you": {"priya"}, "reaction": {"👍"}}, 303},
		{room + "/messages/m1/react", url.Values{"you": {"priya"}, "reaction": {"👍"}}, 409},
		{room + "/messages/m1/edit", url.Values{"you": {"priya"}, "text": {"mine"}}, 403},
		{room + "/messages/m1/edit", url.Values{"you": {"sam"}, "text": {"Three pumps"}}, 303},
		{room + "/prompts/p1/steps/control", url.Values{"you": {"priya"}, "done": {"true"}}, 404},
		{room + "/prompts/p1/steps/control", url.Values{"you": {"sam"}, "done": {"true"}}, 303},
		{room + "/prompts/p1/answer", url.Values{"you": {"sam"}, "answer": {"note"}}, 400},
		{room + "/prompts/p1/answer", url.Values{"you": {"sam"}, "answer": {"note"}, "text": {"It was agreed by phone."}}, 303},
		{room + "/messages/m1/delete", url.Values{"you": {"sam"}}, 303},
		{room + "/say", url.Values{"you": {"nobody"}, "text": {"a draft that must not be lost"}}, 404},
		{"/practice/clock", url.Values{"advance": {"24h"}, "back": {room + "?you=sam"}}, 303},
		{"/practice/clock", url.Values{"advance": {"1h"}, "back": {"//elsewhere.example/practice/rooms/"}}, 303},
	} {
		w := submit(t, p, s.path, s.form)
		if w.Code != s.want {
			t.Errorf("%s %v: %d, want %d", s.path, s.form, w.Code, s.want)
		}
		if to := w.Header().Get("Location"); strings.Contains(to, "elsewhere") {
			t.Errorf("sent away to %q", to)
		}
		if draft := s.form.Get("text"); w.Code == 404 && draft != "" && !strings.Contains(w.Body.String(), draft) {
			t.Error("what was typed is lost with the error")
		}
	}
	if code, _ := get(t, p, "/practice/rooms/none"); code != 404 {
		t.Errorf("a room that is not there: %d", code)
	}
}

func TestALongRoomShowsItsNewestMessages(t *testing.T) {
	asked := 0
	p := open(t, filepath.Join(t.TempDir(), "p"), practice.Options{Decided: func(_ context.Context, _ chat.ID, ids []chat.MessageID) (map[chat.MessageID]practice.Decided, error) {
		asked += len(ids)
		out := map[chat.MessageID]practice.Decided{}
		for _, id := range ids {
			out[id] = practice.Decided{Decision: "clean", Aside: "Passed in silence"}
		}
		return out, nil
	}})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	for i := range 450 {
		p.Say("flood", "sam", fmt.Sprintf("message %d.", i), "")
	}
	_, page := get(t, p, "/practice/rooms/flood")
	if !strings.Contains(page, "message 449.") || !strings.Contains(page, "message 250.") || strings.Contains(page, "message 249.") || !strings.Contains(page, "250 more") {
		t.Error("the page does not show the newest 200 and say how many are before them")
	}
	_, page = get(t, p, "/practice/rooms/flood?before=m251&you=sam")
	if !strings.Contains(page, "message 249.") || strings.Contains(page, "message 250.") || strings.Contains(page, "data-stream") {
		t.Error("the page before is not the one before")
	}
	was := asked
	if get(t, p, "/practice/rooms/flood"); asked != was {
		t.Errorf("the bot was asked again about %d messages that are decided for good", asked-was)
	}
	p.Edit("flood", "m450", "sam", "changed")
	var ms []practice.MessageView
	if call(t, p, "GET", "/practice/v1/rooms/flood/messages?limit=1", nil, &ms); ms[0].Decision != "pending" || asked != was+1 {
		t.Errorf("after an edit the decision about the words before counts: %s, asked about %d", ms[0].Decision, asked-was)
	}
}

func TestALongMessageIsCutOnThePage(t *testing.T) {
	p := fresh(t)
	p.Say("flood", "sam", strings.Repeat("é", 1<<20), "")
	_, page := get(t, p, "/practice/rooms/flood")
	if len(page) > 100_000 || !strings.Contains(page, "1,044,576 more characters") {
		t.Errorf("the page has %d bytes", len(page))
	}
	if code, whole := get(t, p, "/practice/rooms/flood/messages/m1"); code != 200 || len(whole) != 2<<20 {
		t.Errorf("the whole message: %d, %d bytes", code, len(whole))
	}
}

// TestTheStream: one line at once, one after each change, none about another
// room, and an end when the platform stops.
func TestTheStream(t *testing.T) {
	p := fresh(t)
	p.NewRoom(practice.NewRoom{ID: "other", Kind: chat.Team, Members: flood.Members})
	srv := httptest.NewServer(p.Handler())
	defer srv.Close()
	r, err := http.Get(srv.URL + "/practice/rooms/flood/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r.Body); s.Scan(); {
			if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
				lines <- data
			}
		}
	}()
	first := <-lines
	p.Say("other", "sam", "not here", "")
	select {
	case line := <-lines:
		t.Errorf("another room's message was told: %q after %q", line, first)
	case <-time.After(150 * time.Millisecond):
	}
	p.Say("flood", "sam", "here", "")
	if second := <-lines; second == first {
		t.Errorf("a message did not change the mark %q", first)
	}
	p.Touch(chat.ID{Account: "practice", Local: "flood"})
	<-lines
	p.CloseStreams()
	if line, open := <-lines; open {
		t.Errorf("after the end came %q", line)
	}
}

// browser gives a page in a real browser, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(name); err == nil {
			path = name
		}
	}
	if path == "" {
		t.Skip("Chromium is not installed: the page was not tried in a browser")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(path))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// stylish frames pages with the console's style sheet.
func stylish(w http.ResponseWriter, _ *http.Request, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'")
	fmt.Fprintf(w, `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>%s</title><link rel="stylesheet" href="/chaperone.css"></head><body><main id="main">%s</main></body></html>`, title, body)
}

type tab struct {
	*testing.T
	ctx context.Context
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	for _, step := range steps {
		err := chromedp.Do(b.ctx, step)
		// A live page may replace what was found before it is acted upon.
		for try := 0; try < 10 && err != nil && strings.Contains(err.Error(), "(-32000)"); try++ {
			err = chromedp.Do(b.ctx, step)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// is asks the page until it says yes.
func (b tab) is(what, js string) {
	b.Helper()
	var last error
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+js+")"))
		if err == nil && yes {
			return
		}
		last = err
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	b.Fatalf("never seen: %s (%v). The page says:\n%s", what, errors.Join(last), text)
}
