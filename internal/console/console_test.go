package console_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/console"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/internal/record/folder"
	"chaperone/internal/store"
)

var (
	room = chat.ID{Account: "practice", Local: "flood-north"}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

const (
	number = "20261123-RRRRRRRRRR"
	said   = "decision: close Weir Road <b>because</b> the gauge passed 3.4 m \u202e\x00\xff"
)

// world is a console over a real store and a real records folder.
type world struct {
	*store.Store
	filer    *folder.Filer
	engine   *engine.Engine
	handler  http.Handler
	archives string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(t.Context(), dir, dir+".key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{Store: s, archives: dir + "-records"}
	if w.filer, err = folder.New(w.archives); err != nil {
		t.Fatal(err)
	}
	w.engine = engine.New(engine.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	c := console.New(console.Options{
		Anyone:       access.Reader(),
		Organisation: "Calderwick <Borough> Council", Ask: "Morag Sinclair, 01632 960120", Store: s, Records: w.filer, Path: w.engine,
		Zone: time.UTC, Now: func() time.Time { return noon.Add(time.Hour) }, Log: slog.New(slog.DiscardHandler),
	})
	w.handler = c.Handler()
	return w
}

// keep takes a message from arrival to an accepted capture.
func (w *world) keep(t *testing.T) record.Record {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(w.Receive(ctx, noon, []chat.Event{{Key: "1", Kind: chat.Posted, Chat: room, At: noon, Member: "dafydd", Name: "Dafydd Rees", Message: "m1", Text: said}}))
	lines := []policy.Line{{Pack: "council", Version: "1", Row: "7", Text: "Keep decisions.", Source: "S0 para 14"}}
	p := prompt.New("20261123-PPPPPPPPPP", noon, room, "Flood North", chat.Emergency, "dafydd", "Dafydd Rees")
	p.Flag(noon, prompt.Item{Message: "m1", At: noon, Kind: "significant", Outcome: policy.Care, Duties: []policy.Duty{policy.Ask, policy.Capture}, Lines: lines})
	sh := engine.Shown{Prompt: p}
	must(w.Settle(ctx, engine.Settlement{
		Chat: room, Now: noon, Done: []int64{1}, Prompts: []engine.Shown{sh},
		Keep: []engine.Keep{{Prompt: p.ID, Message: "m1", Name: "Dafydd Rees", At: noon, Text: said}},
	}))
	r := record.Record{
		ID: number, Account: room.Account, Chat: room.Local, ChatName: "Flood <North>", ChatKind: chat.Emergency, Method: "practice",
		CapturedBy: "dafydd", CapturedAt: noon, Form: record.Verbatim, Lines: lines,
		Messages: []record.Message{{ID: "m1", Sender: "dafydd", Name: "Dafydd Rees", SentAt: noon, File: "message.txt"}},
	}
	must(w.Settle(ctx, engine.Settlement{
		Chat: room, Now: noon, Prompts: []engine.Shown{sh}, Records: []engine.Accepted{{Prompt: p.ID, Record: r}},
		Actions: []engine.Action{{Key: "file/R", Kind: engine.File, Chat: room, Prompt: p.ID, Record: number, Due: noon}},
	}))
	return r
}

// file files the accepted capture, as the path would.
func (w *world) file(t *testing.T) {
	t.Helper()
	due, _, err := w.Due(t.Context(), noon, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range due {
		f := engine.Finished{Action: a, Now: noon, Outcome: engine.Done}
		if a.Kind == engine.File {
			r, files, err := w.Content(t.Context(), a.Record)
			if err != nil {
				t.Fatal(err)
			}
			receipt, err := w.filer.File(t.Context(), r, files)
			if err != nil {
				t.Fatal(err)
			}
			f.Receipt = &receipt
		}
		if err := w.Finish(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) get(t *testing.T, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	req.Host = "127.0.0.1:8420"
	w.handler.ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

// shows asserts what a page says and does not say.
func (w *world) shows(t *testing.T, path string, code int, wants ...string) {
	t.Helper()
	got, body := w.get(t, path)
	if got != code {
		t.Fatalf("%s answers %d, want %d: %s", path, got, code, body)
	}
	for _, want := range wants {
		if text, not := strings.CutPrefix(want, "!"); strings.Contains(body, text) == not {
			t.Errorf("%s does not fit %q:\n%s", path, want, body)
		}
	}
}

func TestWithNothingThereThePagesSayWhatWillBe(t *testing.T) {
	w := newWorld(t)
	w.shows(t, "/today", 200, "Nothing waits.", "Every part works", "Calderwick &lt;Borough&gt; Council", "Morag Sinclair", `href="/today" aria-current="page"`)
	w.shows(t, "/records", 200, "There is no record yet.")
	w.shows(t, "/set-aside", 200, "Nothing is set aside.")
	w.shows(t, "/healthz", 200, `"status":"ok"`)
	w.shows(t, "/records/20261123-NONE", 404, "There is no record of that number")
	w.shows(t, "/nowhere", 404, "There is no such page", "/today")
	w.shows(t, "/", http.StatusSeeOther)
}

func TestARecordIsFollowedFromYesToFolder(t *testing.T) {
	w := newWorld(t)
	w.keep(t)
	w.shows(t, "/today", 200, "One record waits to be filed", "!decision:")
	w.shows(t, "/records", 200, number, "Waits to be filed", "Flood &lt;North&gt;", "!decision:")
	w.shows(t, "/records/"+number, 200, "Waits to be filed", "!decision:")
	w.file(t)
	w.shows(t, "/today", 200, "Nothing waits.")
	w.shows(t, "/records", 200, "Filed", "!Waits")
	w.shows(t, "/records/"+number, 200, "As it was filed", "decision: close Weir Road &lt;b&gt;because&lt;/b&gt;", "!<b>because",
		"Keep decisions.", "S0 para 14", record.Hash([]byte(said)), "manifest.json", filepath.Join(w.archives, "2026", "11", number))
}

func TestAnAlteredRecordIsShownAsAltered(t *testing.T) {
	folderOf := func(w *world) string { return filepath.Join(w.archives, "2026", "11", number) }
	for name, spoil := range map[string]func(w *world) error{
		"message changed": func(w *world) error {
			return os.WriteFile(filepath.Join(folderOf(w), "message.txt"), []byte("decision: nothing"), 0o600)
		},
		"message gone": func(w *world) error { return os.Remove(filepath.Join(folderOf(w), "message.txt")) },
		"record gone":  func(w *world) error { return os.RemoveAll(folderOf(w)) },
		"all of it written anew": func(w *world) error {
			if err := os.RemoveAll(folderOf(w)); err != nil {
				return err
			}
			r, err := w.Record(context.Background(), number)
			if err != nil {
				return err
			}
			_, err = w.filer.File(context.Background(), r.Record, []record.File{{Name: "message.txt", Data: []byte("decision: nothing")}})
			return err
		},
		"manifest is no manifest": func(w *world) error {
			return os.WriteFile(filepath.Join(folderOf(w), "manifest.json"), []byte("{"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.keep(t)
			w.file(t)
			if err := spoil(w); err != nil {
				t.Fatal(err)
			}
			w.shows(t, "/records/"+number, 200, "Not as it was filed", "This record needs somebody", "!As it was filed", "backups")
		})
	}
}

func TestWhatWasSetAsideIsShownWithoutItsText(t *testing.T) {
	w := newWorld(t)
	ev := chat.Event{Key: "1", Kind: chat.Posted, Chat: room, At: noon, Member: "sam", Name: "Sam Okafor", Message: "m1", Text: said}
	if err := w.Receive(t.Context(), noon, []chat.Event{ev}); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(t.Context(), engine.Settlement{Chat: room, Now: noon, Aside: []int64{1}}); err != nil {
		t.Fatal(err)
	}
	w.shows(t, "/set-aside", 200, "practice/flood-north", "m1", "23 Nov 2026, 12:00", "!decision:", "!Okafor")
	w.shows(t, "/today", 200, "One message could not be read", `1<span class="vh"> waiting</span>`)
}

func TestHealthGivesItsReasons(t *testing.T) {
	w := newWorld(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	code, body := w.get(t, "/healthz")
	var out struct {
		Status  string
		Reasons map[string]string
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	if code != 503 || out.Status != "failing" || out.Reasons["store"] == "" {
		t.Errorf("with a closed store: %d %+v", code, out)
	}
	w.shows(t, "/today", 500, "This page cannot be shown now", "What is stored is safe")
}

func TestOtherSitesAndOtherNamesAreRefused(t *testing.T) {
	w := newWorld(t)
	for host, want := range map[string]int{
		"127.0.0.1:8420": 200, "localhost:8420": 200, "localhost": 200, "[::1]:8420": 200, "[::1]": 200, "127.1.2.3:1": 200,
		"evil.example:8420": 421, "localhost.evil.example": 421, "10.0.0.4:8420": 421, "": 421, "127.0.0.1.evil.example:80": 421,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/records", nil)
		req.Host = host
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, req)
		if rec.Code != want {
			t.Errorf("a request for host %q is answered with %d, want %d", host, rec.Code, want)
		}
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
			t.Errorf("host %q: the content policy is %q", host, csp)
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/records", nil)
	req.Host = "127.0.0.1:8420"
	req.Header.Set("Origin", "http://evil.example")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	if rec.Code != http.StatusForbidden {
		t.Errorf("another site's post is answered with %d", rec.Code)
	}
}

func TestPagesNeedNothingThatTheirPolicyForbids(t *testing.T) {
	w := newWorld(t)
	w.keep(t)
	w.file(t)
	for _, path := range []string{"/today", "/records", "/records/" + number, "/set-aside", "/nowhere"} {
		_, body := w.get(t, path)
		for _, forbidden := range []string{" style=", "<style", "<script>", "onclick=", "http://", "https://"} {
			if strings.Contains(body, forbidden) {
				t.Errorf("%s has %q", path, forbidden)
			}
		}
		_, rest, _ := strings.Cut(body, `rel="stylesheet" href="`)
		style, _, _ := strings.Cut(rest, `"`)
		if code, css := w.get(t, style); code != 200 || !strings.Contains(css, "--paper") {
			t.Errorf("%s: its style sheet %q is answered with %d", path, style, code)
		}
	}
}
