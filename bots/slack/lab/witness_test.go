package lab

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWitness: Slack's own client for Node finds here what it expects of Slack,
// and a bot made with it reaches the same state as ours. It needs npm and a
// registry, so it runs only where it is asked for: make witness.
func TestWitness(t *testing.T) {
	if os.Getenv("CHAPERONE_WITNESS") == "" {
		t.Skip("it is run by make witness")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not here")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "bot.js"} {
		b, err := os.ReadFile(filepath.Join("testdata", "witness", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing the witness: %v\n%s", err, out)
	}
	l, base := newTestLab(t, Options{})
	l.AddPerson(Person{ID: "U0GONE0001", Name: "gone"})
	steps := startWitness(t, dir, "API="+strings.TrimSuffix(base, "/"), "BOT_TOKEN=xoxb-lab", "APP_TOKEN=xapp-lab", "BOT="+l.Bot(), "STRANGER=U0GONE0001")
	step := func(want string) {
		t.Helper()
		select {
		case got := <-steps:
			if got != want {
				t.Fatalf("the witness says %q, want %q", got, want)
			}
		case <-time.After(60 * time.Second):
			t.Fatalf("waited in vain for %q", want)
		}
	}
	step("ready")
	ts, err := l.Say("C0FLOOD001", "U0SAM00001", "NHS number 999 123 4543", "")
	if err != nil {
		t.Fatal(err)
	}
	step("refused cant_delete_message")
	step("asked k1 true")
	sees := l.Sees("U0SAM00001")
	if len(sees) != 2 || len(l.Sees("U0PRIYA001")) != 0 {
		t.Fatalf("Sam sees %+v", sees)
	}
	if err := l.Press("U0SAM00001", sees[0].TS, "answer", nil); err != nil {
		t.Fatal(err)
	}
	step("opened")
	modals := l.Modals("U0SAM00001")
	if len(modals) != 1 {
		t.Fatalf("%d modals stand open", len(modals))
	}
	if err := l.Submit("U0SAM00001", modals[0].ID, map[string]string{"text": "the shift needed it"}); err != nil {
		t.Fatal(err)
	}
	step("noted")
	if now := l.Sees("U0SAM00001")[0]; now.Text != "Noted: the shift needed it" || len(l.Modals("U0SAM00001")) != 0 {
		t.Errorf("Sam sees %q, and %d modals", now.Text, len(l.Modals("U0SAM00001")))
	}
	l.Fail(Fault{Method: "conversations.members", After: 1}) // which the client has to wait for
	if l.Cut(CutRefresh) != 1 {
		t.Error("the witness was not connected")
	}
	for end := time.Now().Add(60 * time.Second); l.Connected() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the witness did not come back")
		}
	}
	if err := l.Edit("C0FLOOD001", "U0SAM00001", ts, "changed"); err != nil {
		t.Fatal(err)
	}
	step("edited changed")
	if err := l.Delete("C0FLOOD001", "U0SAM00001", ts); err != nil {
		t.Fatal(err)
	}
	step("gone " + ts)
	if err := l.Join("C0FLOOD001", "U0GONE0001"); err != nil {
		t.Fatal(err)
	}
	step("kicked true")
	witnessInteractions(t, l, step)
}

// witnessInteractions plays what people ask of a bot: a command, shortcuts and
// the app's home.
func witnessInteractions(t *testing.T, l *Lab, step func(string)) {
	t.Helper()
	const sam = "U0SAM00001"
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(l.Command(sam, "C0FLOOD001", "/witness", "what is this"))
	step("commanded")
	if sees := l.Sees(sam); sees[len(sees)-1].Text != "You asked what is this" || sees[len(sees)-1].Only != sam {
		t.Errorf("Sam sees %+v", sees[len(sees)-1])
	}
	do(l.Shortcut(sam, "check", "", ""))
	step("asked for a draft")
	modals := l.Modals(sam)
	if len(modals) != 1 {
		t.Fatalf("%d modals stand open", len(modals))
	}
	do(l.Submit(sam, modals[0].ID, map[string]string{"text": "a draft"}))
	step("checked")
	if now := l.Modals(sam); len(now) != 1 || !strings.Contains(string(now[0].Content), "Read: a draft") {
		t.Errorf("the modals are %+v", now)
	}
	ts, err := l.Say("C0FLOOD001", "U0PRIYA001", "the boats are tied up", "")
	do(err)
	do(l.Shortcut(sam, "capture", "C0FLOOD001", ts))
	step("wanted the boats are tied up of U0PRIYA001")
	do(l.OpenHome(sam))
	step("at home")
	if home := l.Home(sam); home == nil || !strings.Contains(string(home.Content), "At home on home") {
		t.Errorf("the home shows %+v", home)
	}
}

// startWitness runs the bot, and gives what it says, line by line.
func startWitness(t *testing.T, dir string, env ...string) <-chan string {
	t.Helper()
	cmd := exec.Command("node", "bot.js")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	steps := make(chan string, 100)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			steps <- s.Text()
		}
	}()
	return steps
}
