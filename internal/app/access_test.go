package app

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/control"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/internal/retention"
)

// matrix is what each route and call is expected to allow, by its signs.
type matrix struct{ routes, calls map[string]string }

// callers are in the order of the signs.
var callers = []struct {
	name string
	role access.Role
}{{"signed out", ""}, {"Ines Corrigan", access.Administrator}, {"Nasreen Malik", access.Governance}, {"Aled Pryce", access.Auditor}}

func readMatrix(t *testing.T) matrix {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "access", "testdata", "matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := matrix{map[string]string{}, map[string]string{}}
	for s := bufio.NewScanner(f); s.Scan(); {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		signs, name, _ := strings.Cut(rest, " ")
		into := map[string]map[string]string{"route": m.routes, "call": m.calls}[kind]
		if into == nil {
			continue
		}
		if _, twice := into[name]; twice || len(signs) != len(callers) || strings.Trim(signs, "+-") != "" {
			t.Fatalf("the row %q is not understood, or stands there twice", s.Text())
		}
		into[name] = signs
	}
	return m
}

// house is a whole Chaperone that people have to sign in to.
type house struct {
	*App
	accounts map[access.Role]access.Account
	own      string // hold that information governance placed
	other    string // hold that somebody else placed
	released string
	held     string // record of a chat that is held
	free     string // record of one that is not
}

// secretText stands in every record of the test, and nowhere else.
const secretText = "decision: close Weir Road, said the canary of this test"

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	schedule, wrong := retention.Written{
		ID: "routine", Chats: retention.Selector{All: true}, Class: retention.Any, Period: "90 days", Disposal: retention.Destroy,
		Cron: "0 3 * * *", Zone: "Europe/London", Owner: "Nasreen Malik", Authority: "RS-7",
	}.Schedule()
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	a, err := New(t.Context(), Config{
		Data: dir, KeyFile: dir + ".key", Records: dir + "-records", Listen: "127.0.0.1:0", Organisation: "Calderwick Borough Council",
		Practice: true, SignIn: SignIn{Required: true}, Schedules: []retention.Schedule{schedule}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{App: a, accounts: map[access.Role]access.Account{}}
	now := time.Now()
	for _, c := range callers[1:] {
		if err := a.store.AddLink(t.Context(), "test", access.Digest(c.name), access.Link{Name: c.name, Role: c.role, Made: now, Expires: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		x, err := a.store.Join(t.Context(), now, access.Digest(c.name), access.Account{ID: newID(now), Name: c.name}, access.Passkey{ID: []byte(c.name), Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		h.accounts[c.role] = x
	}
	h.held, h.free = h.keep(t, "flood-north", "20261123-RRRRRRRRRR"), h.keep(t, "rest-centre", "20261123-SSSSSSSSSS")
	h.own, h.other, h.released = h.hold(t, "Nasreen Malik"), h.hold(t, "Morag Sinclair"), h.hold(t, "Morag Sinclair")
	if _, err := a.holdRelease(t.Context(), "Morag Sinclair", EndHold{ID: h.released, Why: "over"}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) hold(t *testing.T, by string) string {
	t.Helper()
	p, err := h.holdPlace(t.Context(), by, PlaceHold{
		Matter: "Millbrook flood", Reason: "inquiry", Review: clock.Date{Year: 2030, Month: 1, Day: 1}, Scope: Scope{Chats: []string{"practice/flood-north"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.Hold.ID
}

// keep takes a message from arrival to a filed record.
func (h *house) keep(t *testing.T, room, id string) string {
	t.Helper()
	ctx, at := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	in := chat.ID{Account: "practice", Local: room}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(h.store.Receive(ctx, at, []chat.Event{{Key: id, Kind: chat.Posted, Chat: in, At: at, Member: "dafydd", Name: "Dafydd Rees", Message: "m1", Text: secretText}}))
	lines := []policy.Line{{Pack: "council", Version: "1", Row: "7", Text: "Keep decisions.", Source: "S0 para 14"}}
	p := prompt.New(newID(at), at, in, room, chat.Emergency, "dafydd", "Dafydd Rees")
	p.Flag(at, prompt.Item{Message: "m1", At: at, Kind: "significant", Outcome: policy.Care, Duties: []policy.Duty{policy.Ask, policy.Capture}, Lines: lines})
	must(h.store.Settle(ctx, engine.Settlement{Chat: in, Now: at, Prompts: []engine.Shown{{Prompt: p}},
		Keep: []engine.Keep{{Prompt: p.ID, Message: "m1", Name: "Dafydd Rees", At: at, Text: secretText}}}))
	r := record.Record{ID: id, Account: in.Account, Chat: in.Local, ChatName: room, ChatKind: chat.Emergency, Method: "practice", CapturedBy: "dafydd", CapturedAt: at,
		Form: record.Verbatim, Lines: lines, Messages: []record.Message{{ID: "m1", Sender: "dafydd", Name: "Dafydd Rees", SentAt: at, File: "message.txt"}}}
	must(h.store.Settle(ctx, engine.Settlement{Chat: in, Now: at, Prompts: []engine.Shown{{Prompt: p}}, Records: []engine.Accepted{{Prompt: p.ID, Record: r}},
		Actions: []engine.Action{{Key: "file/" + id, Kind: engine.File, Chat: in, Prompt: p.ID, Record: id, Due: at}}}))
	due, _, err := h.store.Due(ctx, at, 100)
	must(err)
	for _, a := range due {
		if a.Kind != engine.File || a.Record != id {
			continue
		}
		rec, files, err := h.store.Content(ctx, id)
		must(err)
		receipt, err := h.records.File(ctx, rec, files)
		must(err)
		must(h.store.Finish(ctx, engine.Finished{Action: a, Now: at, Outcome: engine.Done, Receipt: &receipt}))
		return id
	}
	t.Fatal("nothing was to be filed")
	return ""
}

// session signs somebody in, as the console stores it.
func (h *house) session(t *testing.T, role access.Role) *http.Cookie {
	t.Helper()
	token, id := rand.Text()+rand.Text(), h.accounts[role].ID
	d := sha256.Sum256([]byte(token))
	body, err := json.Marshal(map[string]any{"deadline": time.Now().Add(time.Hour), "seen": time.Now(), "values": map[string]string{"account": id}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.AddSession(t.Context(), time.Now(), base64.RawURLEncoding.EncodeToString(d[:]), id, body, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return &http.Cookie{Name: "chaperone", Value: token}
}

// fields fills every form of the console, so that a request that was let
// through would do something.
var fields = url.Values{
	"why": {"w"}, "whyscope": {"w"}, "rescope": {"yes"}, "all": {"yes"}, "matter": {"M"}, "reason": {"R"}, "owner": {"Somebody Else"}, "by": {"Somebody Else"},
	"review": {"2030-01-01"}, "count": {"0"}, "passkey": {"x"}, "back": {"/today"}, "by_": {"60"}, "advance": {"1h"},
}

func (h *house) ask(t *testing.T, role access.Role, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(fields.Encode()))
	r.Host = h.base().Host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if role != "" {
		r.AddCookie(h.session(t, role))
	}
	w := httptest.NewRecorder()
	h.console.Handler().ServeHTTP(w, r)
	return w
}

// refused reports whether an answer lets nobody in.
func refused(w *httptest.ResponseRecorder) bool {
	return w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized ||
		(w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/signin?"))
}

// requests gives requests of a route: about what is one's own, another's, held,
// and not there.
func (h *house) requests(pattern string) [][2]string {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "", pattern
	}
	switch pattern {
	case "/":
		return [][2]string{{"GET", "/nowhere"}, {"POST", "/nowhere"}, {"DELETE", "/today"}}
	case "GET /assets/":
		path = "/assets/chaperone.css"
	case "/practice/":
		return [][2]string{{"GET", "/practice/"}, {"GET", "/practice/v1/rooms"}, {"GET", "/practice/v1/ledger"}, {"POST", "/practice/v1/rooms"}, {"GET", "/practice/rooms"}, {"POST", "/practice/rooms/flood-north/say"}}
	case "POST /practice/clock":
		return [][2]string{{method, path}, {method, "/practice/%63lock"}}
	case "POST /practice/v1/clock":
		return [][2]string{{method, path}, {method, "/practice/v1/%63lock"}}
	}
	var out [][2]string
	for _, id := range []string{h.own, h.other, h.released, h.held, h.free, "none"} {
		for _, schedule := range []string{"routine", "none"} {
			p := strings.NewReplacer("{$}", "", "{id}", id, "{schedule}", schedule, "{date}", "2026-11-01").Replace(path)
			if len(out) == 0 || out[len(out)-1][1] != p {
				out = append(out, [2]string{method, p})
			}
		}
	}
	return out
}

// state is what a refused request must leave as it is.
func (h *house) state(t *testing.T) string {
	t.Helper()
	holds, err := h.holdList(t.Context(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := h.signInList(t.Context(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	runs, err := h.store.Runs(t.Context(), "routine")
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(h.c.Data, practiceFile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal([]any{holds, accounts, runs, len(key)})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryRouteLetsInWhomItsRowSays asks every route that the program serves,
// as everybody, about everything. Reliability criterion 9.
func TestEveryRouteLetsInWhomItsRowSays(t *testing.T) {
	h, m := newHouse(t), readMatrix(t)
	served := map[string]bool{}
	asked, before := 0, h.state(t)
	for _, route := range h.console.Routes() {
		served[route.Pattern] = true
		signs, known := m.routes[route.Pattern]
		if !known {
			t.Errorf("the route %q has no row in internal/access/testdata/matrix.txt: say who may use it", route.Pattern)
			continue
		}
		for i, c := range callers {
			if (access.Caller{Role: c.role}).May(route.Needs) != (signs[i] == '+') {
				t.Errorf("%s: %s is let in by the table of rights where the row says %q", route.Pattern, c.name, signs[i])
			}
			for _, q := range h.requests(route.Pattern) {
				if signs[i] == '+' {
					continue
				}
				asked++
				if w := h.ask(t, c.role, q[0], q[1]); !refused(w) || strings.Contains(w.Body.String(), secretText) {
					t.Errorf("%s %s as %s answers %d: an unexpected success", q[0], q[1], c.name, w.Code)
				}
			}
		}
	}
	for pattern := range m.routes {
		if !served[pattern] {
			t.Errorf("the matrix has a route %q that is not served", pattern)
		}
	}
	if after := h.state(t); after != before {
		t.Errorf("refused requests changed something:\n%s\n%s", before, after)
	}
	t.Logf("%d requests were refused", asked)

	for i, c := range callers { // what is granted is really there
		for _, route := range h.console.Routes() {
			for _, q := range h.requests(route.Pattern) {
				if signs := m.routes[route.Pattern]; signs == "" || signs[i] != '+' || strings.HasPrefix(route.Pattern, "POST /signin/") || strings.HasPrefix(route.Pattern, "POST /account/passkeys/") ||
					strings.HasSuffix(route.Pattern, "/clock") {
					continue // the first turn an empty attempt away, as they should; the last waits for what falls due
				}
				w := h.ask(t, c.role, q[0], q[1])
				if refused(w) && route.Pattern != "GET /signin/provider/callback" {
					t.Errorf("%s %s as %s answers %d: it is refused to somebody who may", q[0], q[1], c.name, w.Code)
				}
				if w.Code == http.StatusInternalServerError {
					t.Errorf("%s %s as %s answers 500: %s", q[0], q[1], c.name, w.Body)
				}
				if has := strings.Contains(w.Body.String(), secretText); has && c.role != access.Governance {
					t.Errorf("%s %s shows captured text to %s", q[0], q[1], c.name)
				}
			}
		}
	}
}

func TestTheRecordIsReadByThoseWhoMay(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{h.held, h.free} {
		if w := h.ask(t, access.Governance, "GET", "/records/"+id); w.Code != 200 || !strings.Contains(w.Body.String(), secretText) {
			t.Errorf("information governance cannot read record %s: %d", id, w.Code)
		}
		w := h.ask(t, access.Administrator, "GET", "/records/"+id)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Only information governance may read captured text.") {
			t.Errorf("the refusal of record %s is %d: %s", id, w.Code, w.Body)
		}
	}
}

// What a form says of who acts counts for nothing.
func TestWhoeverHasSignedInIsWhoActs(t *testing.T) {
	h := newHouse(t)
	if w := h.ask(t, access.Governance, "POST", "/holds"); w.Code >= 400 {
		t.Fatalf("the hold was not placed: %d %s", w.Code, w.Body)
	}
	all, err := h.holdList(t.Context(), struct{}{})
	if err != nil || len(all) != 4 {
		t.Fatalf("%d holds (%v)", len(all), err)
	}
	if got := all[3]; got.Matter != "M" || got.PlacedBy != "Nasreen Malik" {
		t.Errorf("hold %q was placed by %q", got.Matter, got.PlacedBy)
	}
}

// TestEveryCallIsMadeByWhomItsRowSays asks for every call of the table, as
// everybody.
func TestEveryCallIsMadeByWhomItsRowSays(t *testing.T) {
	h, m := newHouse(t), readMatrix(t)
	table := h.calls()
	args := map[string]any{
		"hold.place": PlaceHold{Matter: "M", Reason: "R", Review: clock.Date{Year: 2030, Month: 1, Day: 1}, Scope: Scope{All: true}},
	}
	for _, id := range []string{h.own, h.other, h.held} {
		for name, call := range table {
			signs, known := m.calls[name]
			if !known {
				t.Errorf("the call %q has no row in internal/access/testdata/matrix.txt: say who may make it", name)
				continue
			}
			if args[name] == nil {
				args[name] = map[string]any{"id": id}
			}
			before := h.state(t)
			for i, c := range callers {
				who := access.Caller{Account: "x", Name: c.name, Role: c.role}
				if who.May(call.Needs) != (signs[i] == '+') {
					t.Errorf("%s: %s is let in by the table of rights where the row says %q", name, c.name, signs[i])
				}
				if _, err := table.Do(t.Context(), who, name, args[name]); signs[i] == '-' && !errors.Is(err, access.ErrRefused) {
					t.Errorf("%s as %s: an unexpected success (%v)", name, c.name, err)
				} else if signs[i] == '+' && errors.Is(err, access.ErrRefused) {
					t.Errorf("%s as %s is refused to somebody who may", name, c.name)
				} else if signs[i] == '-' && h.state(t) != before {
					t.Errorf("%s as %s was refused, and changed something", name, c.name)
				}
				before = h.state(t)
			}
			if _, err := table.Do(t.Context(), access.Owner("Ines Corrigan"), name, args[name]); errors.Is(err, access.ErrRefused) {
				t.Errorf("%s is refused to the owner of the folder", name)
			}
		}
	}
	for name := range m.calls {
		if _, known := table[name]; !known {
			t.Errorf("the matrix has a call %q that there is not", name)
		}
	}
	if _, err := table.Do(t.Context(), access.Owner("x"), "nonsense", nil); !errors.Is(err, control.ErrNoCall) {
		t.Errorf("a call that there is not gives %v", err)
	}
}

// Two people are two accounts: one cannot approve twice, however their name is
// written.
func TestOnePersonIsNotTwo(t *testing.T) {
	p := retention.Plan{}
	given, err := p.Approve(nil, "Nasreen Malik", 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(given, " nasreen MALIK ", 0, time.Now()); err == nil {
		t.Error("one person approved twice")
	}
	if _, err := p.Approve(given, "Tom Ashdown", 0, time.Now()); err != nil {
		t.Errorf("another person is refused: %v", err)
	}
}

func TestTheConsoleIsNotOpenedToOtherMachinesInTheClear(t *testing.T) {
	https, err := url.Parse("https://chaperone.calderwick.example")
	if err != nil {
		t.Fatal(err)
	}
	for listen, want := range map[string][2]bool{ // without an address, and with one
		"127.0.0.1:0": {true, true}, "localhost:0": {true, true}, "[::1]:0": {true, true},
		"0.0.0.0:8420": {false, true}, ":8420": {false, true}, "192.0.2.7:8420": {false, true}, "nowhere": {false, false},
	} {
		for i, s := range []SignIn{{Required: true}, {Address: https}} {
			if err := (Config{Listen: listen, SignIn: s}).reach(); (err == nil) != want[i] {
				t.Errorf("listen %q, address %v: %v", listen, s.Address, err)
			}
		}
	}
}

func TestWithoutSignInTheConsoleIsReadAndTheDemoIsOpen(t *testing.T) {
	for _, demo := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "data")
		a, err := New(t.Context(), Config{Data: dir, KeyFile: dir + ".key", Records: dir + "-records", Listen: "127.0.0.1:0", Practice: true, Demo: demo, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"GET /today": 200, "GET /holds/new": 403, "POST /holds": 403, "GET /signin": 404} {
			if demo && want == 403 {
				want = 200
			}
			method, path, _ := strings.Cut(path, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("all=yes"))
			r.Host = "127.0.0.1"
			w := httptest.NewRecorder()
			a.console.Handler().ServeHTTP(w, r)
			b, _ := io.ReadAll(w.Body)
			if w.Code != want && !(w.Code == 422 && demo) {
				t.Errorf("demo %v: %s %s answers %d, want %d", demo, method, path, w.Code, want)
			}
			if says := "You are"; path == "/today" && !strings.Contains(string(b), says) {
				t.Errorf("the page does not say who one is")
			}
			if demo && path == "/today" && !strings.Contains(string(b), "an invented person with every right") {
				t.Error("the demo does not say that nobody signs in")
			}
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}
}
