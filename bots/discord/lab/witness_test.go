package lab_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chaperone/bots/discord/lab"
)

// D11, TestWitness: discord.js finds here what it expects of Discord, and a bot
// made with it reaches the state that ours does. It needs npm and a registry, so
// it runs only where it is asked for: make witness.
func TestWitness(t *testing.T) {
	if os.Getenv("CHAPERONE_WITNESS") == "" {
		t.Skip("it is run by make witness")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not here")
	}
	w := newWorld(t, lab.Options{}, lab.IntentMembers|lab.IntentContent)
	gone := w.Person("gone")
	steps := startWitness(t, "API="+w.url, "TOKEN="+w.app.Token)
	step := func(want string) {
		t.Helper()
		select {
		case got := <-steps:
			if got != want {
				t.Fatalf("the witness says %q, want %q", got, want)
			}
		case <-time.After(120 * time.Second):
			t.Fatalf("waited in vain for %q", want)
		}
	}
	must := func(id lab.ID, err error) lab.ID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	in := func(i *lab.Interaction, err error) *lab.Interaction {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	step("ready")
	m := must(w.Say(w.sam, w.general, "NHS number 999 123 4543"))
	step("asked")
	dm := w.Direct(w.sam, w.app.ID)
	shown := w.Seen(w.sam, dm)
	if len(shown) != 1 || len(w.SeenAlone(w.priya)) != 0 {
		t.Fatalf("Sam sees %+v", shown)
	}
	form := in(w.Press(w.sam, dm, shown[0].ID, "why"))
	step("opened")
	in(w.Submit(form, "the shift needed it"))
	step("noted")
	in(w.Press(w.sam, dm, shown[0].ID, "delete|"+w.general.String()+"|"+m.String()))
	step("gone " + m.String())
	step("deleted")
	if now := w.Seen(w.sam, dm); now[0].Content != "It is gone." || now[1].Content != "Noted: the shift needed it" {
		t.Errorf("Sam sees %q and %q", now[0].Content, now[1].Content)
	}
	in(w.Command(w.priya, w.general, 0, "check", "a draft"))
	step("checked")
	kept := must(w.Say(w.sam, w.general, "we close at six"))
	in(w.Command(w.priya, w.general, kept, "Capture this", ""))
	step("captured")
	alone := w.SeenAlone(w.priya)
	if len(alone) != 2 || alone[0].Content != "You would be asked about: a draft" || alone[1].Content != "Kept: we close at six" {
		t.Errorf("Priya sees %+v", alone)
	}
	w.NoDirect(w.priya, true)
	must(w.Say(w.priya, w.general, "NHS number 999 000 0018"))
	step("refused 50007")
	w.Reconnect()
	step("resumed")
	if err := w.Edit(w.sam, w.general, kept, "we close at seven"); err != nil {
		t.Fatal(err)
	}
	step("edited we close at seven")
	must(w.SayMore(w.sam, w.general, lab.Words{Text: "young 0", Ago: 20 * 24 * time.Hour}))
	for _, text := range []string{"young 1", "young 2"} {
		must(w.Say(w.sam, w.general, text))
	}
	must(w.Say(w.sam, w.general, "clear"))
	step("cleared 2")
	w.Join(w.guild, gone)
	step("kicked")
	if slices.Contains(w.MemberIDs(w.guild), gone) {
		t.Error("who was kicked is there")
	}
	if unknown := w.Unknown(); len(unknown) > 0 {
		t.Errorf("there is no route for %v", unknown)
	}
}

// startWitness installs and runs the bot, and gives what it says, line by line.
func startWitness(t *testing.T, env ...string) <-chan string {
	t.Helper()
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
		_ = cmd.Process.Kill() // it may have ended
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
