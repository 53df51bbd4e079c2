package console_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"chaperone/internal/access"
	"chaperone/internal/console"
	"chaperone/internal/engine"
	"chaperone/internal/store"
)

// gate is a console that people have to sign in to.
type gate struct {
	*store.Store
	door    *console.Door
	console *console.Console
	base    *url.URL
	handler http.Handler
	log     *bytes.Buffer

	mu  sync.Mutex
	now func() time.Time
}

func (g *gate) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now()
}

// later moves the door's clock on from where it really is.
func (g *gate) later(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = func() time.Time { return time.Now().Add(d) }
}

// newGate makes a gate at an address, where nothing listens yet.
func newGate(t *testing.T, base string, provider *console.Provider, also ...console.Route) *gate {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(t.Context(), dir, dir+".key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	g := &gate{Store: s, log: &bytes.Buffer{}, now: time.Now}
	if g.base, err = url.Parse(base); err != nil {
		t.Fatal(err)
	}
	n := 0
	log := slog.New(slog.NewJSONHandler(g.log, nil))
	g.door, err = console.NewDoor(console.SignIn{
		Store: s, Base: g.base, Title: "Calderwick", Provider: provider, Now: g.clock,
		NewID: func(time.Time) string { n++; return fmt.Sprint("account-", n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.console = console.New(console.Options{
		Door: g.door, Organisation: "Calderwick Borough Council", Store: s, Path: engine.New(engine.Options{Store: s, Log: log}),
		Zone: time.UTC, Now: time.Now, Log: log, Also: also,
	})
	g.handler = g.console.Handler()
	return g
}

// join makes an account, as a link would.
func (g *gate) join(t *testing.T, name string, role access.Role) access.Account {
	t.Helper()
	now := time.Now()
	if err := g.AddLink(t.Context(), "Ines Corrigan", access.Digest(name), access.Link{Name: name, Role: role, Made: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	a, err := g.Join(t.Context(), now, access.Digest(name), access.Account{ID: "id of " + name, Name: name}, access.Passkey{ID: []byte(name), Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// session signs somebody in, as the console stores it, and gives the token.
func (g *gate) session(t *testing.T, account string) string {
	t.Helper()
	token := rand.Text() + rand.Text()
	d := sha256.Sum256([]byte(token))
	body, err := json.Marshal(map[string]any{"deadline": time.Now().Add(12 * time.Hour), "seen": time.Now().Add(-5 * time.Minute), "values": map[string]string{"account": account}})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.AddSession(t.Context(), time.Now(), base64.RawURLEncoding.EncodeToString(d[:]), account, body, time.Now().Add(30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	return token
}

// ask makes a request of the console with the token of a session, or none.
func (g *gate) ask(t *testing.T, method, path, token string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = g.base.Host
	r.RemoteAddr = "127.0.0.1:40000"
	name := "chaperone"
	if g.base.Scheme == "https" {
		name = "__Host-chaperone"
	}
	if token != "" {
		r.AddCookie(&http.Cookie{Name: name, Value: token})
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// vouching is a certified provider of OpenID Connect, with invented people.
// Each has groups, which it says where it says the rest.
type vouching struct {
	*storage.Storage
	mu     sync.Mutex
	groups map[string][]string
}

func (v *vouching) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := v.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	v.say(info, subject)
	return nil
}

func (v *vouching) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	return v.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

func (v *vouching) say(info *oidc.UserInfo, subject string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if g := v.groups[subject]; g != nil {
		info.AppendClaims("groups", g)
	}
}

type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User         { return p[id] }
func (p people) GetUserByUsername(name string) *storage.User { return p[name] }
func (people) ExampleClientID() string                       { return "service" }

const clientSecret = "a secret of this test alone"

// withProvider starts a provider and a console that uses it.
func withProvider(t *testing.T) (*gate, *vouching, *httptest.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	base := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	known := people{}
	for id, name := range map[string]string{"nasreen": "Nasreen Malik", "aled": "Aled Pryce", "aled2": "Aled Pryce", "nobody": "Tom Ashdown", "both": "Ada Birch"} {
		first, last, _ := strings.Cut(name, " ")
		known[id] = &storage.User{ID: id, Username: id, Password: "invented", FirstName: first, LastName: last}
	}
	v := &vouching{groups: map[string][]string{
		"nasreen": {"staff", "ig"}, "aled": {"audit"}, "aled2": {"audit"}, "nobody": {"staff"}, "both": {"ig", "admins"},
	}}
	v.Storage = storage.NewStorageWithClients(known, map[string]*storage.Client{
		"chaperone": storage.WebClient("chaperone", clientSecret, base+"/signin/provider/callback"),
	})
	var router http.Handler
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { router.ServeHTTP(w, r) }))
	t.Cleanup(issuer.Close)
	router = exampleop.SetupServer(issuer.URL, v, slog.New(slog.DiscardHandler), false)

	g := newGate(t, base, &console.Provider{
		Label: "your Calderwick account", Issuer: issuer.URL, ClientID: "chaperone", Secret: clientSecret, Claim: "groups",
		Roles: map[string]access.Role{"ig": access.Governance, "audit": access.Auditor, "admins": access.Administrator},
	})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: g.handler}}
	server.Start()
	t.Cleanup(server.Close)
	return g, v, issuer
}

// browser is somebody's browser, which keeps cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second}
}

func body(t *testing.T, r *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// vouch goes to the provider and says who one is there. It returns the address
// that the provider sends the browser back to.
func (g *gate) vouch(t *testing.T, b *http.Client, who, next string) string {
	t.Helper()
	r, err := b.Get(g.base.String() + "/signin/provider?next=" + url.QueryEscape(next))
	page := body(t, r, err)
	id := requestID.FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("the provider asks for nothing: %d %s", r.StatusCode, page)
	}
	var back string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), g.base.String()) {
			back = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { b.CheckRedirect = nil }()
	at := r.Request.URL
	r, err = b.PostForm(at.Scheme+"://"+at.Host+"/login/username", url.Values{"username": {who}, "password": {"invented"}, "id": {id[1]}})
	if page := body(t, r, err); back == "" {
		t.Fatalf("the provider does not send %s back: %s", who, page)
	}
	return back
}

func (g *gate) shows(t *testing.T, b *http.Client, address string, code int, want string) {
	t.Helper()
	r, err := b.Get(address)
	if page := body(t, r, err); r.StatusCode != code || !strings.Contains(page, want) {
		t.Errorf("%s answers %d, want %d and %q:\n%s", strings.SplitN(address, "?", 2)[0], r.StatusCode, code, want, page)
	}
}

func TestTheOrganisationsSignInLetsInWhoHasOneRole(t *testing.T) {
	g, v, issuer := withProvider(t)
	nasreen := browser(t)
	g.shows(t, nasreen, g.base.String()+"/today", 200, "Sign in with your Calderwick account")
	g.shows(t, nasreen, g.vouch(t, nasreen, "nasreen", "/records?x=1"), 200, "There is no record yet.")
	g.shows(t, nasreen, g.base.String()+"/account", 200, "<bdi>Nasreen Malik</bdi></b>, information governance")

	one, two := browser(t), browser(t)
	g.shows(t, one, g.vouch(t, one, "aled", "/account"), 200, "<bdi>Aled Pryce</bdi>")
	g.shows(t, two, g.vouch(t, two, "aled2", "/account"), 200, "<bdi>Aled Pryce (aled2)</bdi>")

	for who, want := range map[string]string{"nobody": "You have no role in Chaperone", "both": "You have more than one role in Chaperone"} {
		b := browser(t)
		g.shows(t, b, g.vouch(t, b, who, "/today"), 403, want)
		g.shows(t, b, g.base.String()+"/today", 200, "How would you like to sign in?")
	}

	v.mu.Lock()
	v.groups["nasreen"] = []string{"admins"}
	v.mu.Unlock()
	g.shows(t, nasreen, g.base.String()+"/account", 200, "information governance") // until the next time
	other := browser(t)
	g.shows(t, other, g.vouch(t, other, "nasreen", "/account"), 200, "administrator")
	g.shows(t, nasreen, g.base.String()+"/account", 200, "administrator") // and then everywhere

	all, err := g.Accounts(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("%d accounts (%v)", len(all), err)
	}
	for _, a := range all {
		if a.Subject == "nasreen" {
			if _, err := g.RemoveAccount(t.Context(), time.Now(), "Ines Corrigan", a.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.shows(t, nasreen, g.base.String()+"/account", 200, "How would you like to sign in?")
	g.shows(t, nasreen, g.vouch(t, nasreen, "nasreen", "/account"), 403, "Your account was removed")

	var log bytes.Buffer
	if _, err := g.ExportAudit(t.Context(), time.Now(), "Ines Corrigan", &log); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sign-in", "provider-no-role", "provider-two-roles", "removed"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the audit log says nothing of %q", want)
		}
	}
	for _, name := range []string{"Malik", "nasreen", "Pryce"} {
		if strings.Contains(log.String(), name) {
			t.Errorf("the audit log says %q", name)
		}
	}

	issuer.Close()
	g.shows(t, nasreen, g.base.String()+"/signin/provider/callback?state=x&code=y", 403, "This way to sign in has ended")
	for _, secret := range []string{"Malik", "nasreen", clientSecret} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log says %q:\n%s", secret, g.log)
		}
	}
}

func TestWhatAnotherBeganCannotBeFinished(t *testing.T) {
	g, _, _ := withProvider(t)
	thief, victim := browser(t), browser(t)
	theirs, err := url.Parse(g.vouch(t, thief, "aled", "/today"))
	if err != nil {
		t.Fatal(err)
	}
	g.shows(t, victim, theirs.String(), 403, "This way to sign in has ended") // nothing was begun here

	mine, err := url.Parse(g.vouch(t, victim, "nasreen", "/today"))
	if err != nil {
		t.Fatal(err)
	}
	q := mine.Query()
	q.Set("code", theirs.Query().Get("code")) // proves somebody else, and was asked for with another verifier
	mine.RawQuery = q.Encode()
	g.shows(t, victim, mine.String(), 403, "does not prove who you are")
	g.shows(t, victim, mine.String(), 403, "This way to sign in has ended") // each way is gone once

	said := browser(t)
	back, err := url.Parse(g.vouch(t, said, "nasreen", "/today"))
	if err != nil {
		t.Fatal(err)
	}
	q = back.Query()
	q.Del("code")
	q.Set("error", "access_denied")
	back.RawQuery = q.Encode()
	g.shows(t, said, back.String(), 403, "your Calderwick account did not let you in")
	if all, err := g.Accounts(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("%d accounts were made (%v)", len(all), err)
	}
}

func TestAProviderThatDoesNotAnswerIsToldClearly(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	g := newGate(t, "http://localhost:8420", &console.Provider{Label: "your Calderwick account", Issuer: closed.URL, ClientID: "x", Secret: "y", Claim: "z"})
	w := g.ask(t, "GET", "/signin/provider", "", nil)
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "your Calderwick account cannot be reached") {
		t.Errorf("it answers %d: %s", w.Code, w.Body)
	}
}

func TestATokenThatWasKnownBeforeIsWorthNothingAfter(t *testing.T) {
	g, _, _ := withProvider(t)
	b := browser(t)
	back := g.vouch(t, b, "nasreen", "/today")
	before := b.Jar.Cookies(g.base)
	r, err := b.Get(back)
	body(t, r, err)
	after := b.Jar.Cookies(g.base)
	if len(before) != 1 || len(after) != 1 || before[0].Value == after[0].Value {
		t.Fatalf("the token was %v and is %v", before, after)
	}
	for token, want := range map[string]int{before[0].Value: 303, "planted": 303, after[0].Value: 200} {
		if w := g.ask(t, "GET", "/today", token, nil); w.Code != want {
			t.Errorf("%.8s answers %d, want %d", token, w.Code, want)
		}
	}
	if b, err := g.Session(t.Context(), time.Now(), after[0].Value); b != nil || err != nil {
		t.Error("the token itself is in the store")
	}
}

func TestTheCookieBelongsToThisConsoleAlone(t *testing.T) {
	for base, want := range map[string]string{
		"https://chaperone.calderwick.example": "__Host-chaperone=TOKEN; Path=/; HttpOnly; Secure; SameSite=Lax",
		"http://localhost:8420":                "chaperone=TOKEN; Path=/; HttpOnly; SameSite=Lax",
	} {
		g := newGate(t, base, nil)
		w := g.ask(t, "POST", "/signin/passkey/begin", "", func(r *http.Request) { r.Header.Set("Origin", base) })
		got := w.Header().Get("Set-Cookie")
		token := strings.TrimPrefix(strings.SplitN(got, ";", 2)[0], strings.SplitN(want, "TOKEN", 2)[0])
		if w.Code != 200 || len(token) < 40 || strings.Replace(got, token, "TOKEN", 1) != want {
			t.Errorf("%d: the cookie is %q, want %q", w.Code, got, want)
		}
		if hsts := w.Header().Get("Strict-Transport-Security"); (hsts != "") != strings.HasPrefix(base, "https") {
			t.Errorf("%s: Strict-Transport-Security %q", base, hsts)
		}
	}
}

func TestSessionsEndWhenNothingIsDoneAndAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, "http://localhost:8420", nil)
		defer g.Close()
		a := g.join(t, "Nasreen Malik", access.Governance)
		idle, busy, script := g.session(t, a.ID), g.session(t, a.ID), ""
		time.Sleep(time.Second)
		script = g.session(t, a.ID)
		byScript := func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "empty") }
		in := func(token string, change func(*http.Request)) bool {
			return g.ask(t, "GET", "/today", token, change).Code == 200
		}
		for n := range 36 { // 12 hours, less 20 minutes that are to come
			if n == 35 {
				break
			}
			time.Sleep(20 * time.Minute)
			if n == 0 && (!in(script, byScript) || !in(idle, nil)) {
				t.Error("somebody was signed out too soon")
			}
			if n == 1 && in(script, byScript) {
				t.Error("a page that asks for news by itself kept somebody signed in")
			}
			if n == 2 && in(idle, nil) {
				t.Error("nothing was done for 40 minutes, and they are still in")
			}
			if !in(busy, nil) {
				t.Fatalf("somebody at work was signed out after %d minutes", 20*(n+1))
			}
		}
		time.Sleep(19 * time.Minute)
		if !in(busy, nil) {
			t.Error("somebody at work was signed out before 12 hours")
		}
		time.Sleep(2 * time.Minute)
		if in(busy, nil) {
			t.Error("after 12 hours they are still in")
		}
	})
}

func TestSigningOutEndsWhatItSays(t *testing.T) {
	g := newGate(t, "http://localhost:8420", nil)
	a, b := g.join(t, "Nasreen Malik", access.Governance), g.join(t, "Tom Ashdown", access.Auditor)
	one, two, three, other := g.session(t, a.ID), g.session(t, a.ID), g.session(t, a.ID), g.session(t, b.ID)
	in := func(token string) bool { return g.ask(t, "GET", "/today", token, nil).Code == 200 }
	same := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }
	if w := g.ask(t, "POST", "/signout", one, same); w.Code != 303 || in(one) || !in(two) {
		t.Errorf("signing out answers %d; the sessions are %v and %v", w.Code, in(one), in(two))
	}
	if w := g.ask(t, "POST", "/account/signout-everywhere", two, same); w.Code != 303 || in(two) || in(three) || !in(other) {
		t.Errorf("signing out everywhere answers %d; the sessions are %v, %v and %v", w.Code, in(two), in(three), in(other))
	}
	if _, err := g.RemoveAccount(t.Context(), time.Now(), "Ines", b.ID); err != nil || in(other) {
		t.Errorf("a removed account is still in (%v)", err)
	}
}

// What is under way when an account is removed ends too.
func TestAnOpenPageEndsWithTheAccount(t *testing.T) {
	open, ended := make(chan bool, 1), make(chan error, 1)
	g := newGate(t, "http://localhost:8420", nil, console.Route{Pattern: "GET /stream", Needs: access.See, Handle: func(_ http.ResponseWriter, r *http.Request) {
		open <- true
		select {
		case <-r.Context().Done():
			ended <- nil
		case <-time.After(30 * time.Second):
			ended <- fmt.Errorf("it goes on")
		}
	}})
	a := g.join(t, "Nasreen Malik", access.Governance)
	token := g.session(t, a.ID)
	done := make(chan bool)
	go func() { g.ask(t, "GET", "/stream", token, nil); close(done) }()
	<-open
	if _, err := g.RemoveAccount(t.Context(), time.Now(), "Ines", a.ID); err != nil {
		t.Fatal(err)
	}
	g.door.Ended(a.ID)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-done
	if w := g.ask(t, "GET", "/today", token, nil); w.Code != 303 {
		t.Errorf("the request under way brought the session back: %d", w.Code)
	}
}

// A request that was under way when its session ended does not begin it again.
func TestASessionThatEndedStaysEnded(t *testing.T) {
	var g *gate
	var account string
	g = newGate(t, "http://localhost:8420", nil, console.Route{Pattern: "GET /slow", Needs: access.See, Handle: func(_ http.ResponseWriter, r *http.Request) {
		if err := g.DropSessions(r.Context(), account); err != nil {
			t.Error(err)
		}
	}})
	account = g.join(t, "Nasreen Malik", access.Governance).ID
	token := g.session(t, account)
	if w := g.ask(t, "GET", "/slow", token, nil); w.Code != 200 {
		t.Fatalf("it answers %d: %s", w.Code, w.Body)
	}
	if w := g.ask(t, "GET", "/today", token, nil); w.Code != 303 {
		t.Errorf("the session is there again: %d", w.Code)
	}
}

func TestTenAttemptsAMinuteForAnAddress(t *testing.T) {
	g := newGate(t, "https://chaperone.calderwick.example", nil)
	try := func(from string) *httptest.ResponseRecorder {
		return g.ask(t, "POST", "/signin/link/look", "", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"secret":"guess"}`))
			r.Header.Set("X-Forwarded-For", "203.0.113.9, "+from) // what a client says of itself stands first
		})
	}
	for n := range 10 {
		if w := try("192.0.2.1"); w.Code != http.StatusForbidden {
			t.Fatalf("attempt %d answers %d: %s", n+1, w.Code, w.Body)
		}
	}
	w := try("192.0.2.1")
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if w.Code != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 60 || !strings.Contains(w.Body.String(), "Too many attempts to sign in") {
		t.Errorf("the eleventh answers %d, Retry-After %d (%v): %s", w.Code, wait, err, w.Body)
	}
	if w := try("192.0.2.2"); w.Code != http.StatusForbidden {
		t.Errorf("another address answers %d", w.Code)
	}
	for n, from := range []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::9"} {
		for range 4 {
			w = try(from)
		}
		if (n == 2) != (w.Code == http.StatusTooManyRequests) {
			t.Errorf("%s answers %d", from, w.Code)
		}
	}
	g.later(time.Duration(wait) * time.Second)
	if w := try("192.0.2.1"); w.Code != http.StatusForbidden {
		t.Errorf("after Retry-After it answers %d", w.Code)
	}
}

func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	g := newGate(t, "https://chaperone.calderwick.example", nil)
	token := g.session(t, g.join(t, "Nasreen Malik", access.Governance).ID)
	for _, route := range g.console.Routes() {
		method, path, ok := strings.Cut(route.Pattern, " ")
		if !ok || method == http.MethodGet {
			continue
		}
		for name, change := range map[string]func(*http.Request){
			"origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"null":       func(r *http.Request) { r.Header.Set("Origin", "null") },
			"fetch site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"same site": func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Site", "same-site")
				r.Header.Set("Origin", "https://other.calderwick.example")
			},
		} {
			if w := g.ask(t, method, strings.NewReplacer("{", "", "}", "").Replace(path), token, change); w.Code != http.StatusForbidden {
				t.Errorf("%s from another site (%s) answers %d", route.Pattern, name, w.Code)
			}
		}
	}
	if w := g.ask(t, "GET", "/today", token, nil); w.Code != 200 {
		t.Errorf("they are signed out: %d", w.Code)
	}
}

func TestOnlyTheConfiguredAddressIsAnswered(t *testing.T) {
	g := newGate(t, "https://chaperone.calderwick.example", nil)
	for host, want := range map[string]int{
		"chaperone.calderwick.example": 200, "CHAPERONE.calderwick.example:443": 200, "127.0.0.1:8420": 200, "[::1]:8420": 200,
		"evil.example": 421, "chaperone.calderwick.example.evil.example": 421, "chaperone.calderwick.example:8443": 421, "192.0.2.7": 421, "": 421,
	} {
		w := g.ask(t, "GET", "/healthz", "", func(r *http.Request) { r.Host = host })
		if w.Code != want {
			t.Errorf("%q answers %d, want %d", host, w.Code, want)
		}
	}
	w := g.ask(t, "GET", "/signin?next=%2Fholds", "", func(r *http.Request) { r.Host = "127.0.0.1:8420" })
	if w.Header().Get("Location") != "https://chaperone.calderwick.example/signin?next=%2Fholds" {
		t.Errorf("a passkey of another address is asked for at %q", w.Header().Get("Location"))
	}
	if w := g.ask(t, "GET", "/healthz", "", nil); strings.TrimSpace(w.Body.String()) != `{"status":"ok"}` {
		t.Errorf("health says %s", w.Body)
	}
}

func TestSigningInLeadsNowhereElse(t *testing.T) {
	g := newGate(t, "http://localhost:8420", nil)
	for next, want := range map[string]string{
		"/holds?x=1": "/holds?x=1", "": "/", "holds": "/", "//evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/",
		"\\\\evil.example": "/", "/\n/evil.example": "/", "javascript:alert(1)": "/", "/signin?next=/x": "/", "/%2f/evil.example": "/", "///evil.example": "/", "/a\tb": "/",
	} {
		w := g.ask(t, "GET", "/signin?next="+url.QueryEscape(next), "", nil)
		if !strings.Contains(w.Body.String(), `data-next="`+want+`"`) {
			t.Errorf("%q leads elsewhere:\n%s", next, w.Body)
		}
	}
}

// An odd request neither lets in nor breaks anything.
func TestNonsenseIsTurnedAway(t *testing.T) {
	for _, path := range []string{"/signin/link/look", "/signin/link/begin", "/signin/link/finish", "/signin/passkey/finish"} {
		for in, want := range map[string][]int{
			"": {400}, "[]": {400}, `{"secret":1}`: {400}, `{}`: {403}, `{"secret":"x","credential":{"id":"x"}}`: {403},
			`{"secret":"` + strings.Repeat("x", 70<<10) + `"}`: {400},
		} {
			g := newGate(t, "http://localhost:8420", nil)
			w := g.ask(t, "POST", path, "", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(in)) })
			if !slices.Contains(want, w.Code) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s answers %.40q with %d: %s", path, in, w.Code, w.Body)
			}
		}
	}
}

func TestOverTLSTheWholeWayWorks(t *testing.T) {
	var g *gate
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }))
	defer server.Close()
	g = newGate(t, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), nil)
	b := browser(t)
	b.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test's own server
	a := g.join(t, "Nasreen Malik", access.Governance)
	b.Jar.SetCookies(g.base, []*http.Cookie{{Name: "__Host-chaperone", Value: g.session(t, a.ID), Secure: true, Path: "/"}})
	g.shows(t, b, g.base.String()+"/account", 200, "<bdi>Nasreen Malik</bdi>")
}
