package console_test

import (
	"context"
	"net/http/httptest"
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

	"chaperone/internal/chat"
	"chaperone/internal/engine"
)

// measure is what a page must be at any width: it does not scroll sideways,
// every control is high enough for a thumb, and it has one heading and title.
const measure = `(() => {
	const faults = [];
	if (document.documentElement.scrollWidth > innerWidth) faults.push("scrolls sideways: " + document.documentElement.scrollWidth);
	if (document.querySelectorAll("h1").length !== 1) faults.push("headings of the page: " + document.querySelectorAll("h1").length);
	if (getComputedStyle(document.body).backgroundColor === "rgba(0, 0, 0, 0)") faults.push("its style sheet is not applied");
	if (innerWidth < 640) for (const e of document.querySelectorAll("main a, main summary, .menu, .brand")) {
		const box = e.getBoundingClientRect();
		if (box.height > 0 && box.height < 44 && !e.closest("p:not(.back):not(.row)")) faults.push("too low for a thumb (" + box.height + "): " + e.textContent);
	}
	return faults.join("; ");
})()`

// TestPagesInABrowser looks at every page at two widths in light and dark. With
// CHAPERONE_PICTURES=DIR it leaves a picture of each there.
func TestPagesInABrowser(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("SKIPPED: there is no Chromium here; .ci/run installs it")
	}
	w := newWorld(t)
	w.keep(t)
	w.file(t)
	ev := chat.Event{Key: "2", Kind: chat.Posted, Chat: room, At: noon, Member: "sam", Name: "Sam Okafor", Message: "m2", Text: said}
	if err := w.Receive(t.Context(), noon, []chat.Event{ev}); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(t.Context(), engine.Settlement{Chat: room, Now: noon, Aside: []int64{2}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.handler)
	defer server.Close()

	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	defer stop()
	ctx, done := chromedp.NewContext(alloc)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()

	var mu sync.Mutex
	var complaints []string
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*log.EventEntryAdded); ok && !strings.HasSuffix(e.Entry.URL, "/nowhere") { // that it is missing is what it shows
			mu.Lock()
			defer mu.Unlock()
			complaints = append(complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{"today": "/today", "records": "/records", "record": "/records/" + number, "set-aside": "/set-aside", "missing": "/nowhere"}
	for name, path := range pages {
		for _, width := range []int64{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(strings.Join([]string{name, scheme, map[int64]string{360: "phone", 1280: "desk"}[width]}, "-"), func(t *testing.T) {
					err := chromedp.Do(ctx,
						chromedp.EmulateViewport(width, 900),
						prefer(scheme),
						chromedp.Navigate(server.URL+path),
					)
					if err != nil {
						t.Fatal(err)
					}
					faults, err := chromedp.Run(ctx, chromedp.Evaluate[string](measure))
					if err != nil || faults != "" {
						t.Errorf("%s at %d: %s (%v)", path, width, faults, err)
					}
					picture(ctx, t)
				})
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the browser complained:\n%s", strings.Join(complaints, "\n"))
	}
}

// prefer makes the browser prefer a colour scheme.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
}

// picture leaves a picture of the page, named for the test, where it is wanted.
func picture(ctx context.Context, t *testing.T) {
	t.Helper()
	dir := os.Getenv("CHAPERONE_PICTURES")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(t.Name())+".png"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
