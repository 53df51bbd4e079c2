package main_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	whatsapp "chaperone/bots/whatsapp/lab"
)

// The people of the test's WhatsApp. The office's phone is the one that links
// the bot.
const (
	samsPhone, priyasPhone, officePhone = "447700900001", "447700900002", "447700900099"
)

// number is the real program on a WhatsApp of the test's own.
type number struct {
	t           *testing.T
	lab         *whatsapp.Lab
	sam, priya  *whatsapp.Person
	office      *whatsapp.Person
	group       string
	groups      []string // where there are several
	dir, binary string
	run         *exec.Cmd
	log         bytes.Buffer
}

func newNumber(t *testing.T) *number {
	t.Helper()
	l, err := whatsapp.New("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &number{t: t, lab: l, dir: t.TempDir(), binary: build(t, "")}
	for number, p := range map[string]**whatsapp.Person{samsPhone: &n.sam, priyasPhone: &n.priya, officePhone: &n.office} {
		name := map[string]string{samsPhone: "Sam", priyasPhone: "Priya", officePhone: "Calderwick Chaperone"}[number]
		if *p, err = l.AddPerson(t.Context(), number, name); err != nil {
			t.Fatal(err)
		}
	}
	j, err := l.AddGroup(whatsapp.NewGroup{Subject: "Rest centre team", Hidden: true, Admins: []string{officePhone}, Members: []string{samsPhone, priyasPhone}})
	if err != nil {
		t.Fatal(err)
	}
	n.group = j.String()
	root := whatsapp.Root()
	config := fmt.Sprintf(`organisation: Calderwick Borough Council
contact: {name: Morag Sinclair, how: 01632 960120}
data: data
listen: 127.0.0.1:0
bots:
  whatsapp: {enabled: true, pace: 0s, url: %q, noise_root: %s}
prompts: {quiet: none}
chats:
  - {id: whatsapp/%s, kind: team, mode: act, administrators: [Priya Nair, Dafydd Rees], assessment: DPIA-2026-014}
`, l.URL(), hex.EncodeToString(root[:]), j.User)
	if err := os.WriteFile(filepath.Join(n.dir, "chaperone.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *number) command(args ...string) *exec.Cmd {
	cmd := exec.Command(n.binary, args...)
	cmd.Dir = n.dir
	return cmd
}

// link links the number as somebody does who reads the code from the terminal.
func (n *number) link() {
	n.t.Helper()
	cmd := n.command("link", "whatsapp", "--data", "data", "--by", "Aisha Rahman", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd.Stderr = &n.log
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	linked := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var now struct{ Code, Number string }
		if err := json.Unmarshal(lines.Bytes(), &now); err != nil {
			n.t.Fatalf("%q: %v", lines.Text(), err)
		}
		if now.Code != "" {
			if err := n.lab.ScanQR(officePhone, now.Code); err != nil {
				n.t.Error(err)
			}
		}
		linked = now.Number
	}
	if err := cmd.Wait(); err != nil || linked != officePhone {
		n.t.Fatalf("linked to %q: %v\n%s", linked, err, n.log.String())
	}
}

func (n *number) start() {
	n.t.Helper()
	n.run = n.command("run", "--data", "data")
	n.run.Stderr = &n.log
	if err := n.run.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.stop)
}

// stop stops the program as a service manager does.
func (n *number) stop() {
	if n.run == nil {
		return
	}
	_ = n.run.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := n.run.Wait(); err != nil {
		n.t.Errorf("it ended with %v", err)
	}
	n.run = nil
	if n.t.Failed() {
		n.t.Log(n.log.String())
	}
}

func (n *number) see(p *whatsapp.Person, what string, ok func(whatsapp.Seen) bool) whatsapp.Seen {
	n.t.Helper()
	s, err := p.Wait(n.t.Context(), ok)
	if err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
	return s
}

// fromBot is what the bot wrote to somebody alone.
func fromBot(s whatsapp.Seen) bool {
	return s.From == officePhone && !strings.HasSuffix(s.Chat, "@g.us") && (s.Kind == whatsapp.SeenText || s.Kind == whatsapp.SeenEdit)
}

// passed finds what the server could read of a text in anything that clients
// sent.
func (n *number) passed(text string) (out []string) {
	forms := []string{text, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text))}
	for _, s := range n.lab.Traffic() {
		if slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(strings.ToLower(s.XML), strings.ToLower(f)) }) {
			out = append(out, s.Tag)
		}
	}
	return out
}

// TestWhatsApp plays a message with a resident's details, through the real
// program: its sender is asked in private and answers with a number, and the
// server between them reads none of it.
func TestWhatsApp(t *testing.T) {
	n := newNumber(t)
	n.link()
	n.start()
	notice := n.see(n.sam, "the notice", func(s whatsapp.Seen) bool { return s.Chat == n.group && s.From == officePhone })
	if !strings.Contains(notice.Text, "Calderwick Borough Council") {
		t.Errorf("the notice is %q", notice.Text)
	}
	const details = "Edith Marlow, 3 Weir Cottages, NHS number 999 123 4543"
	if _, err := n.sam.Say(t.Context(), n.group, details); err != nil {
		t.Fatal(err)
	}
	asked := n.see(n.sam, "the prompt", fromBot)
	first, _, _ := strings.Cut(asked.Text, "\n")
	if !strings.HasPrefix(first, "Hello Sam") || strings.Contains(first, "NHS") || strings.Contains(asked.Text, "999 123 4543") || strings.Contains(asked.Text, "Weir") {
		t.Errorf("Sam was asked:\n%s", asked.Text)
	}
	choice := ""
	for _, line := range strings.Split(asked.Text, "\n") {
		if n, label, ok := strings.Cut(line, "  "); ok && strings.Contains(label, "I have deleted") {
			choice = n
		}
	}
	if choice == "" {
		t.Fatalf("no number says that it is deleted:\n%s", asked.Text)
	}
	if _, err := n.sam.Say(t.Context(), officePhone, choice); err != nil {
		t.Fatal(err)
	}
	after := n.see(n.sam, "the end of the prompt", func(s whatsapp.Seen) bool { return fromBot(s) && s.Kind == whatsapp.SeenEdit && s.About == asked.ID })
	if strings.Contains(after.Text, "Answer with a number") {
		t.Errorf("after the answer Sam still reads:\n%s", after.Text)
	}
	if got := slices.ContainsFunc(n.priya.Seen(), fromBot); got {
		t.Errorf("Priya was written to: %+v", n.priya.Seen())
	}
	for _, s := range n.priya.Seen() {
		if s.From == officePhone && s.Chat == n.group && s.ID != notice.ID && s.Kind == whatsapp.SeenText {
			t.Errorf("the group was told %q", s.Text)
		}
	}
	subject := "Rest centre team, which moved to the sports hall in Wharf Road because the school is under water, until further notice from the control room"
	if err := n.office.Rename(t.Context(), n.group, subject); err != nil {
		t.Fatal(err)
	}
	if len(n.passed(subject)) == 0 {
		t.Fatal("the search does not find what is not encrypted")
	}
	for _, text := range []string{details, "Edith Marlow", "Weir Cottages", "999 123 4543", first, "Answer with a number", "Calderwick Borough Council"} {
		if at := n.passed(text); len(at) > 0 {
			t.Errorf("the server could read %q in %v", text, at)
		}
	}
	for _, note := range n.lab.Notes() {
		t.Error(note)
	}
}
