package practice_test

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"chaperone/bots"
	"chaperone/bots/practice"
)

// TestTheLivePage plays a person at a browser: the page keeps itself up to date
// while they type, and never takes their words or their place.
func TestTheLivePage(t *testing.T) {
	b := tab{t, browser(t)}
	path := filepath.Join(t.TempDir(), "p")
	o := practice.Options{Frame: func(w http.ResponseWriter, r *http.Request, title string, body template.HTML) {
		stylish(w, r, template.HTMLEscapeString(title), string(body))
	}}
	p := open(t, path, o)
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[practice.Platform]
	now.Store(p)
	css, _ := os.ReadFile("../../internal/console/assets/chaperone.css")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chaperone.css" {
			w.Header().Set("Content-Type", "text/css")
			w.Write(css)
			return
		}
		now.Load().Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(srv.CloseClientConnections)

	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(srv.URL+"/practice/rooms/flood?you=sam"))
	b.do(chromedp.SendKeys("#say", "Edith Marlow, 3 Weir Cottages"))
	b.do(chromedp.Evaluate[chromedp.Void]("window.here = true; void 0"), chromedp.Focus("#say"), chromedp.KeyEvent("\r"))
	b.is("the message, sent with Enter, without a reload", `document.querySelector('#m-m1 .text')?.innerText.startsWith('Edith') && window.here`)
	b.is("the box is empty and has the focus", `document.activeElement.id == 'say' && document.activeElement.value == ''`)

	b.is("a late press of Enter puts no line break into the empty box",
		`!say.dispatchEvent(new KeyboardEvent('keypress', {key: 'Enter', bubbles: true, cancelable: true})) && say.value == ''`)
	b.do(chromedp.SendKeys("#say", "half a sen"))
	p.Say("flood", "priya", "Control has it.", "")
	whisper(t, p, bots.Whisper, "sam", "m1", nil)
	b.is("somebody's message", `document.getElementById('m-m2')?.innerText.includes('Control has it')`)
	b.is("the prompt after its message", `document.querySelector('#m-m1').nextElementSibling.querySelector('#p-p1')`)
	b.is("the draft and the focus", `document.activeElement.id == 'say' && say.value == 'half a sen' && window.here`)

	b.do(chromedp.Click("#step-p1-control"))
	b.is("the ticked step", `document.querySelector('#p-p1 li.ok')?.innerText.includes('Undo')`)
	b.is("the focus stays on the step", `document.activeElement.id == 'step-p1-control'`)
	b.do(chromedp.Click("#wants-p1-note"), chromedp.SendKeys("#text-p1-note", "It was agreed"))
	p.Say("flood", "priya", "another", "")
	whisper(t, p, bots.Revise, "sam", "m1", func(pr *bots.Prompt) { pr.Note = "Changed meanwhile." })
	b.is("the revision", `document.getElementById('p-p1').innerText.includes('Changed meanwhile')`)
	b.is("what was typed into the prompt, still open and in focus", `document.activeElement.id == 'text-p1-note' && document.activeElement.value == 'It was agreed' && document.activeElement.offsetHeight > 0`)

	b.do(chromedp.Click("#answer-p1-deleted"))
	b.is("the answer", `document.getElementById('p-p1').innerText.includes('You answered: I have deleted it')`)
	whisper(t, p, bots.Revise, "sam", "m1", func(pr *bots.Prompt) {
		pr.State, pr.Answers, pr.Note = "answered", nil, "Thank you. We noted your answer."
	})
	b.is("the thanks, and no answers left", `document.getElementById('p-p1').innerText.includes('Thank you') && !document.querySelector('#p-p1 button')`)

	b.do(chromedp.Click("#acts-m1"), chromedp.Click("#delete-m1"))
	b.is("the deleted message", `document.querySelector('#m-m1 .gone')`)
	b.is("no failure", `document.getElementById('failure').hidden`)
	was := p.Now()
	b.do(chromedp.Click("#clock72"))
	for end := time.Now().Add(30 * time.Second); p.Now().Sub(was) < 71*time.Hour; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the clock did not move")
		}
	}

	// The server goes away and comes back as another run: the page loads whole,
	// and the draft survives it.
	p.CloseStreams()
	p.Close()
	now.Store(open(t, path, o))
	b.is("the page was loaded again", `!window.here && document.getElementById('m-m3')`)
	b.is("the draft survived that", `say.value == 'half a sen'`)

	b.do(chromedp.EmulateViewport(360, 720))
	b.is("nothing scrolls sideways on a phone", `document.documentElement.scrollWidth <= 360`)
	if len(css) > 0 {
		b.is("every control of the prompt is large enough", `[...document.querySelectorAll('.btn, select, textarea')].filter(e => e.offsetParent).every(e => e.offsetHeight >= 44)`)
	}
}

// TestTheStreamOfAHiddenPageIsClosed, and a page that was hidden catches up.
func TestTheStreamOfAHiddenPageIsClosed(t *testing.T) {
	b := tab{t, browser(t)}
	p := fresh(t)
	var streams atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			streams.Add(1)
			defer streams.Add(-1)
		}
		p.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(srv.CloseClientConnections)
	b.do(chromedp.Navigate(srv.URL + "/practice/rooms/flood?you=sam"))
	count := func(want int32) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); streams.Load() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d streams are open, want %d", streams.Load(), want)
			}
		}
	}
	count(1)
	hide := func(hidden string) {
		b.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, 'hidden', {value: ` + hidden + `, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); void 0`))
	}
	hide("true")
	count(0)
	p.Say("flood", "priya", "while hidden", "")
	hide("false")
	b.is("what was said meanwhile", `document.getElementById('m-m1')`)
	count(1)
}
