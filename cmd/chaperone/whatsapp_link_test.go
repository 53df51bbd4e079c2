package main_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	whatsapp "chaperone/bots/whatsapp/lab"
)

// TestLinkingInTheConsole: somebody accepts the risk, sees a code to scan, has
// no camera, and types eight characters on the phone instead.
func TestLinkingInTheConsole(t *testing.T) {
	l, err := whatsapp.New("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if _, err := l.AddPerson(t.Context(), officePhone, "Calderwick Chaperone"); err != nil {
		t.Fatal(err)
	}
	dir, root := t.TempDir(), whatsapp.Root()
	config := fmt.Sprintf("organisation: Calderwick Borough Council\nlisten: 127.0.0.1:0\nbots:\n  practice: {enabled: true, new_rooms: act}\n  whatsapp: {enabled: true, pace: 0s, url: %q, noise_root: %s}\n",
		l.URL(), hex.EncodeToString(root[:]))
	if err := os.WriteFile(filepath.Join(dir, "chaperone.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := browser(t, demoIn(t, dir))()
	p.open("/link")
	p.shows("h1", "Link WhatsApp")
	p.click("form[action='/link/begin'] .btn.go")
	p.shows("#faults", "accept the risk")
	p.click("#accept")
	p.click("form[action='/link/begin'] .btn.go")
	p.wait("there is a code to scan", "document.querySelector('.steps svg[role=img] path[shape-rendering]')")
	p.open("/link?by=number")
	p.do(chromedp.SetValue(chromedp.CSS("#phone"), "07700 900099"))
	p.click("form[action^='/link/code'] .btn.go")
	p.shows("#phone-fault", "country code")
	p.look("link-number")
	p.do(chromedp.SetValue(chromedp.CSS("#phone"), "+44 7700 900099"))
	p.click("form[action^='/link/code'] .btn.go")
	p.wait("there are characters to type", "document.querySelector('.typed')")
	code := regexp.MustCompile(`[1-9A-Z]{4}-[1-9A-Z]{4}`).FindString(p.text(".typed"))
	if err := l.TypeCode(t.Context(), officePhone, code); err != nil {
		t.Fatalf("the code %q: %v", code, err)
	}
	p.shows(".status", "Linked to +"+officePhone) // the page looks by itself
}

// demoIn starts the demo in a folder, and gives its address.
func demoIn(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(build(t, ""), "demo")
	cmd.Dir = dir
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	at := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		if url := at.Find(b); url != nil {
			return string(url)
		}
		if time.Now().After(end) {
			t.Fatalf("no address was printed:\n%s", bytes.TrimSpace(b))
		}
	}
}
