package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// gate is a Chaperone that people have to sign in to.
type gate struct {
	binary, dir, url string
	out              *bytes.Buffer
}

var here = regexp.MustCompile(`http://localhost:\d+/\s`)

// signInDemo starts the demo with sign-in, and returns when it has printed the
// link for the first account.
func signInDemo(t *testing.T, binary, more string) *gate {
	t.Helper()
	g := &gate{binary: binary, dir: t.TempDir(), out: &bytes.Buffer{}}
	if err := os.WriteFile(filepath.Join(g.dir, "chaperone.yaml"), []byte("organisation: Calderwick Borough Council (invented)\nlisten: 127.0.0.1:0\ndata: data\nsign_in:\n  required: true\n"+more+
		"bots:\n  practice:\n    enabled: true\n    new_rooms: act\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo")
	cmd.Dir = g.dir
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	found := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b, told := make([]byte, 4<<10), false
		for {
			n, err := r.Read(b)
			g.out.Write(b[:n])
			if at := here.FindString(g.out.String()); !told && at != "" && (more != "" || strings.Contains(g.out.String(), "Let others in with")) {
				found <- strings.TrimSpace(at)
				told = true
			}
			if err != nil {
				_ = cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if strings.Contains(g.out.String(), "panic") {
			t.Errorf("it panicked:\n%s", g.out)
		}
	})
	select {
	case g.url = <-found:
		g.url = strings.TrimSuffix(g.url, "/")
	case <-ended:
		t.Fatalf("it ended:\n%s", g.out)
	case <-time.After(90 * time.Second):
		t.Fatal("no address was printed")
	}
	return g
}

// command runs a command on the same folder.
func (g *gate) command(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.Command(g.binary, append(args, "--json")...)
	cmd.Dir = g.dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, err.(*exec.ExitError).Stderr)
	}
	if into != nil {
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatal(err)
		}
	}
}

var linkAddress = regexp.MustCompile(`http://localhost:\d+(/signin/link#\S+)`)

// person opens a browser of their own, on a device that keeps passkeys. What
// the browser complains of fails the test, but for answers that refuse.
func person(t *testing.T, url string) *tab {
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
	p := &tab{t: t, ctx: ctx, url: url}
	p.do(chromedp.EmulateViewport(1280, 900), func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return chromedp.Void{}, err
	})
	complaints := make(chan string, 100)
	if err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*log.EventEntryAdded); ok && !strings.Contains(e.Entry.Text, "status of 4") {
			complaints <- e.Entry.Text + " " + e.Entry.URL
		}
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for len(complaints) > 0 {
			t.Errorf("the browser complained: %s", <-complaints)
		}
	})
	return p
}

func (p *tab) path() string { p.t.Helper(); return read[string](p, "location.pathname") }

// cookies reads what the console keeps in the browser.
func (p *tab) cookies() []*network.Cookie {
	p.t.Helper()
	var out []*network.Cookie
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		r, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{})
		if err == nil {
			out = r.Cookies
		}
		return chromedp.Void{}, err
	})
	return out
}

// TestSigningInInABrowser plays the first start: a link, a passkey, signing out
// and in, what a role refuses, a second person, and being removed.
func TestSigningInInABrowser(t *testing.T) {
	g := signInDemo(t, build(t, ""), "")
	first := linkAddress.FindStringSubmatch(g.out.String())
	if first == nil {
		t.Fatalf("no link was printed:\n%s", g.out)
	}
	ines := person(t, g.url)
	ines.open("/today?said=clock")
	ines.shows("main", "Nobody has an account yet")
	if ines.path() != "/signin" || ines.count("nav") != 0 {
		t.Errorf("signed out she is at %s with %d menus", ines.path(), ines.count("nav"))
	}
	ines.look("signin-first")

	ines.open(first[1])
	ines.shows("#link-role", "administrator")
	if read[string](ines, "location.hash") != "" {
		t.Error("the secret of the link is still in the address")
	}
	ines.look("signin-link")
	ines.do(chromedp.SendKeys(chromedp.CSS("#name"), " "+kb.Enter))
	ines.shows("#name-error", "Say the person's name")
	ines.wait("the field has the focus and the error", "document.activeElement.id === 'name' && document.activeElement.ariaInvalid === 'true'")
	ines.look("signin-link-trouble")
	ines.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ines Corrigan"+kb.Enter))
	ines.shows(".you", "Ines Corrigan")
	ines.shows(".you", "administrator")
	if got := ines.cookies(); len(got) != 1 || !got[0].HTTPOnly || got[0].SameSite != network.CookieSameSiteLax || !got[0].Session {
		t.Errorf("her cookies are %+v", got)
	}

	again := person(t, g.url)
	again.open(first[1])
	again.shows("#trouble", "This link does not work")

	ines.open("/account")
	ines.shows("main", "Your only way in")
	ines.look("signin-account")
	ines.click(".you form button")
	ines.wait("she is signed out", "location.pathname === '/signin'")
	ines.look("signin")
	ines.open("/holds?x=1")
	ines.do(chromedp.Focus(chromedp.CSS("#signin-passkey")), chromedp.KeyEvent(kb.Enter))
	ines.wait("she is where she wanted to be", "location.pathname + location.search === '/holds?x=1'")

	ines.open("/records/20261123-RRRRRRRRRR")
	ines.shows("main", "Only information governance may read captured text.")
	ines.shows("main", "You are Ines Corrigan, administrator.")
	ines.look("signin-refused")

	var l struct{ URL string }
	g.command(t, &l, "signin", "link", "--role", "information-governance", "--name", "Nasreen Malik", "--by", "Ines Corrigan")
	nasreen := person(t, g.url)
	nasreen.open(strings.TrimPrefix(l.URL, g.url))
	nasreen.shows("#link-name", "Nasreen Malik")
	nasreen.look("signin-link-named")
	nasreen.click("#signin-link button")
	nasreen.shows(".you", "Nasreen Malik")
	nasreen.open("/records/20261123-RRRRRRRRRR")
	nasreen.shows("main", "There is no record of that number")

	// An open page ends with the account.
	nasreen.open("/practice/rooms/flood-north")
	nasreen.wait("the page is there", "document.querySelector('#say')")
	g.command(t, nil, "signin", "remove", "nasreen malik", "--by", "Ines Corrigan")
	nasreen.open("/today")
	nasreen.shows("main", "Sign in")
	nasreen.click("#signin-passkey")
	nasreen.shows("#trouble", "The passkey was not accepted")

	var all []struct {
		Name    string
		Role    string
		Removed *time.Time
	}
	g.command(t, &all, "signin", "list", "--removed")
	if len(all) != 2 || all[0].Removed != nil || all[1].Removed == nil {
		t.Errorf("the accounts are %+v", all)
	}
	if strings.Contains(strings.Join(strings.Split(g.out.String(), "\n")[1:], "\n"), "Nasreen") {
		t.Errorf("a name is in the log:\n%s", g.out)
	}
}

// TestASignedOutProgramGetsNothing asks without a session, as a script would.
func TestASignedOutProgramGetsNothing(t *testing.T) {
	g := signInDemo(t, build(t, ""), "")
	for path, want := range map[string]int{
		"/healthz": 200, "/today": 303, "/practice/v1/rooms": 303, "/practice/rooms/flood-north/stream": 303, "/records/1": 303, "/nowhere": 303,
	} {
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := c.Get(g.url + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || (path == "/healthz" && strings.TrimSpace(string(b)) != `{"status":"ok"}`) {
			t.Errorf("%s answers %d: %s", path, resp.StatusCode, b)
		}
		if len(resp.Cookies()) != 0 {
			t.Errorf("%s sets %v", path, resp.Cookies())
		}
	}
	resp, err := http.Post(g.url+"/practice/v1/rooms", "application/json", strings.NewReader(`{"id":"x","kind":"team"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a room was made signed out: %d", resp.StatusCode)
	}
}
