package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is one browser tab, as one person has it open.
type tab struct {
	t   testing.TB
	ctx context.Context
	url string
}

// browser starts Chromium and gives a way to open tabs in it. Whatever a page
// makes the browser complain of, such as a breach of its content policy, fails
// the test.
func browser(t testing.TB, url string) func() *tab {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: there is no Chromium here; .ci/run installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.Flag("disable-background-networking", true))
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stop)
	ctx, done := chromedp.NewContext(ctx)
	t.Cleanup(done)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	t.Cleanup(func() { mu.Lock() }) // nothing is reported after the end
	return func() *tab {
		one, close := chromedp.NewContext(ctx)
		t.Cleanup(close)
		err := chromedp.Listen(one, func(ev any) {
			e, ok := ev.(*log.EventEntryAdded)
			if ok && !strings.Contains(e.Entry.Text, "ERR_CONNECTION_REFUSED") && // it was stopped
				!strings.Contains(e.Entry.Text, "422") && mu.TryLock() { // a form was refused
				t.Errorf("the browser complained: %s %s", e.Entry.Text, e.Entry.URL)
				mu.Unlock()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		p := &tab{t: t, ctx: one, url: url}
		p.do(chromedp.EmulateViewport(1280, 900))
		return p
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	for _, step := range steps {
		err := chromedp.Do(ctx, step)
		// A live page may replace what was found before it is acted upon.
		for try := 0; try < 10 && err != nil && strings.Contains(err.Error(), "(-32000)"); try++ {
			err = chromedp.Do(ctx, step)
		}
		if err != nil {
			p.t.Fatalf("%v\nthe page says:\n%s", err, p.text("main"))
		}
	}
}

func (p *tab) open(path string) { p.t.Helper(); p.do(chromedp.Navigate(p.url + path)) }

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// read evaluates an expression in the page.
func read[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// text is what a part of the page says; empty when it is not there.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return read[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

func (p *tab) count(selector string) int {
	p.t.Helper()
	return read[int](p, fmt.Sprintf("document.querySelectorAll(%q).length", selector))
}

// wait waits until an expression is true of the page.
func (p *tab) wait(what, expression string) {
	p.t.Helper()
	for until := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, 3*time.Second) // a page that goes may never answer
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		cancel()
		if yes && err == nil {
			return
		}
		if time.Now().After(until) { // an error is a page that goes: the next is looked at
			p.t.Fatalf("waited in vain until %s (%v); the page says:\n%s", what, err, p.text("main"))
		}
	}
}

// shows waits until a part of the page says something.
func (p *tab) shows(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%s says %q", selector, text), fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, text))
}

// gone waits until a part of the page is not there any more.
func (p *tab) gone(selector string) {
	p.t.Helper()
	p.wait(selector+" is gone", fmt.Sprintf("!document.querySelector(%q)", selector))
}

// say writes a message by keyboard: Enter sends it. It returns the selector of
// the message.
func (p *tab) say(text string) string {
	p.t.Helper()
	before := p.count("#messages > .msg:not(.notice) .text")
	p.do(chromedp.SendKeys(chromedp.CSS("#say"), text+kb.Enter))
	p.wait("the message is there", fmt.Sprintf("document.querySelectorAll('#messages > .msg:not(.notice) .text').length > %d && document.getElementById('say').value === ''", before))
	return "#" + read[string](p, "[...document.querySelectorAll('#messages > .msg[id]:not(.notice)')].at(-1).id")
}

// edited changes a member's own message by its menu.
func (p *tab) edit(message, text string) {
	p.t.Helper()
	id := strings.TrimPrefix(message, "#m-")
	p.click("#acts-" + id)
	p.do(chromedp.SetValue(chromedp.CSS("#edit-"+id), text))
	p.click("#save-" + id)
	p.shows(message+" .text", text)
}

// faults is what a page must not have at any width.
const faults = `(() => {
	const out = [], wide = document.documentElement.scrollWidth;
	if (wide > innerWidth) out.push("it scrolls sideways: " + wide);
	if (document.querySelectorAll("h1").length !== 1) out.push("it has " + document.querySelectorAll("h1").length + " main headings");
	for (const e of document.querySelectorAll("button, textarea, select, summary, .menu, .brand, .nav a")) {
		const box = e.getBoundingClientRect();
		if (!box.height || getComputedStyle(e).clipPath !== "none") continue;
		if (innerWidth < 640 && box.height < 43.5) out.push("too low for a thumb, " + box.height + ": " + e.outerHTML.slice(0, 80));
		const name = e.getAttribute("aria-label") || e.textContent.trim() || (e.labels?.length && e.labels[0].textContent.trim());
		if (!name) out.push("it has no name: " + e.outerHTML.slice(0, 80));
	}
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id), twice = ids.filter((id, i) => ids.indexOf(id) !== i);
	if (twice.length) out.push("the same id twice: " + twice);
	return out.join("\n");
})()`

// look examines the page at two widths in light and dark. With
// CHAPERONE_PICTURES=DIR it leaves a picture of each there.
func (p *tab) look(name string) {
	p.t.Helper()
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			p.do(chromedp.EmulateViewport(width, 900), prefer(scheme))
			if found := read[string](p, faults); found != "" {
				p.t.Errorf("%s at %d, %s:\n%s", name, width, scheme, found)
			}
			dir := os.Getenv("CHAPERONE_PICTURES")
			if dir == "" {
				continue
			}
			high := read[int64](p, "document.documentElement.scrollHeight")
			p.do(chromedp.EmulateViewport(width, max(900, high))) // so that what sticks to the window covers nothing
			b, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				p.t.Fatal(err)
			}
			file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
			if err := os.WriteFile(file, b, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	p.do(chromedp.EmulateViewport(1280, 900), prefer("light"))
}

// prefer makes the browser prefer a colour scheme.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
}
