package whatsapp

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"chaperone/bots"
	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

const zoe = "447700900003"

// TestWitness: another implementation of the client joins a group on the test
// server, posts what the bot reads, reads the bot's prompt and notice, sees a
// message of its own deleted by the bot, and is removed. It needs npm and a registry, so it
// runs only where it is asked for: make witness.
func TestWitness(t *testing.T) {
	if os.Getenv("CHAPERONE_WITNESS") == "" {
		t.Skip("it is run by make witness")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not here")
	}
	for name, hidden := range map[string]bool{"Numbers": false, "HiddenIds": true} {
		t.Run(name, func(t *testing.T) {
			w, j := newWorld(t, hidden), &journal{}
			p, err := w.lab.AddPerson(t.Context(), zoe, "Zoe")
			done(t, err)
			w.people[zoe] = p
			w.run(t, j)
			m := startWitness(t, w)
			w.join(t, j, m)
			w.prompted(t, j, m)
			w.shownOut(t, j, m)
		})
	}
}

// witness is the other client, and what it says.
type witness struct {
	in    io.Writer
	steps chan string
}

func startWitness(t *testing.T, w *world) *witness {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "member.js"} {
		b, err := os.ReadFile(filepath.Join("testdata", "witness", name))
		done(t, err)
		done(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing the witness: %v\n%s", err, out)
	}
	root := lab.Root()
	cmd := exec.Command("node", "member.js")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "URL_OF_LAB="+w.lab.URL(), "ROOT="+hex.EncodeToString(root[:]))
	out, err := cmd.StdoutPipe()
	done(t, err)
	in, err := cmd.StdinPipe()
	done(t, err)
	done(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	m := &witness{in, make(chan string, 1000)}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			m.steps <- s.Text()
		}
	}()
	return m
}

// step waits until the witness says something that begins so, and gives the
// rest.
func (m *witness) step(t *testing.T, begins string, more ...string) string {
	t.Helper()
	var said []string
	for end := time.After(90 * time.Second); ; {
		select {
		case s := <-m.steps:
			said = append(said, s)
			if rest, ok := strings.CutPrefix(s, begins); ok && !slices.ContainsFunc(more, func(x string) bool { return !strings.Contains(rest, x) }) {
				return strings.TrimSpace(rest)
			}
		case <-end:
			t.Fatalf("waited in vain for %q %q; it said %q", begins, more, said)
		}
	}
}

func (m *witness) say(t *testing.T, to, text string) string {
	t.Helper()
	b, err := json.Marshal(map[string]string{"to": to, "text": text})
	done(t, err)
	_, err = m.in.Write(append(b, '\n'))
	done(t, err)
	return m.step(t, "sent ")
}

// join links it to Zoe's number, as her computer, and brings her into the group.
func (w *world) join(t *testing.T, j *journal, m *witness) {
	t.Helper()
	done(t, w.lab.ScanQR(zoe, m.step(t, "code ")))
	m.step(t, "open")
	done(t, w.people[office].Change(t.Context(), w.group, whatsmeow.ParticipantChangeAdd, zoe))
	j.wait(t, "Zoe's joining", func(e chat.Event) bool { return e.Kind == chat.Joined && e.Member == w.id(zoe) })
}

// prompted lets it post in the group and speak with the bot alone.
func (w *world) prompted(t *testing.T, j *journal, m *witness) {
	t.Helper()
	_, err := w.bot.Do(t.Context(), bots.Effect{Key: "notice", Kind: bots.Post, Chat: w.chat, Text: "The bot reads this chat"})
	done(t, err)
	m.step(t, "group ", "The bot reads this chat")
	m.say(t, office+"@s.whatsapp.net", "hello")
	id := m.say(t, w.group, "NHS number 999 123 4543")
	e := j.wait(t, "what it posted", text("NHS number 999 123 4543"))
	if e.Message != messageID(id, w.id(zoe)) || e.Member != w.id(zoe) {
		t.Errorf("it came as %+v", e)
	}
	_, err = w.bot.Do(t.Context(), bots.Effect{
		Key: "ask", Kind: bots.Whisper, Chat: w.chat, Member: w.id(zoe),
		Prompt: &bots.Prompt{ID: "p", Title: "Hello Zoe, about p.", State: "open", Answers: []bots.Answer{{ID: "keep", Label: "Keep it"}, {ID: "deleted", Label: "I have deleted it"}}},
	})
	done(t, err)
	m.step(t, "alone ", "Hello Zoe, about p.", "2  I have deleted it")
	m.say(t, office+"@s.whatsapp.net", "2")
	a := j.wait(t, "its answer", func(e chat.Event) bool { return e.Kind == chat.Answered })
	if a.Answer != "deleted" || a.Member != w.id(zoe) {
		t.Errorf("it answered %+v", a)
	}
}

// shownOut deletes what it posted and removes it.
func (w *world) shownOut(t *testing.T, j *journal, m *witness) {
	t.Helper()
	id := m.say(t, w.group, "by mistake")
	e := j.wait(t, "its mistake", text("by mistake"))
	_, err := w.bot.Do(t.Context(), bots.Effect{Key: "delete", Kind: bots.Delete, Chat: w.chat, Message: e.Message})
	done(t, err)
	m.step(t, "revoked "+id)
	_, err = w.bot.Do(t.Context(), bots.Effect{Key: "remove", Kind: bots.Remove, Chat: w.chat, Member: w.id(zoe)})
	done(t, err)
	m.step(t, "remove ")
	if slices.Contains(w.lab.Members(groupJID(w.chat)), zoe) {
		t.Error("Zoe is still a member")
	}
}
