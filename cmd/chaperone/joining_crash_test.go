package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// joins tells the steps of joining a chat: those are TestCrashOfJoining's.
func joins(step string) bool { return strings.HasPrefix(step, "join.") }

// inviting is a chat that is joined by questions while the process is killed.
type inviting struct {
	l     *lab
	kills int
}

// invited is how far the joining has come.
type invited struct {
	State, Kind, Mode, People, Answers, Records string
	Administrators, Yes                         []string
}

// state asks the running process; an error where it is gone, or nobody added the
// bot yet.
func (w *inviting) state() (s invited, err error) {
	out, err := w.command("chats", "show", "practice/south", "--json")
	if err != nil {
		return s, fmt.Errorf("%w: %s", err, out)
	}
	return s, json.Unmarshal(out, &s)
}

func (w *inviting) command(args ...string) ([]byte, error) {
	c := custody{l: w.l}
	return c.command(args...)
}

func (w *inviting) says(text string) func() error {
	return func() error {
		return w.l.call("POST", "/members/ann/private", map[string]string{"text": text}, nil)
	}
}

func (w *inviting) yes(by string) func() error {
	return func() error {
		_, err := w.command("chats", "switch-on", "practice/south", "--by", by, "--assessment", "DPIA-7")
		return err
	}
}

// TestCrashOfJoining kills the real binary before and after it stores how far a
// chat has been joined. Every question is asked on from where it was, the notice
// is posted once, and two people switch the chat on.
func TestCrashOfJoining(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	w := &inviting{l: newLab(t, build(t, "failpoint"))}
	must(t, "writing the configuration", os.WriteFile(filepath.Join(w.l.dir, "chaperone.yaml"), []byte("organisation: Calderwick South\n"), 0o600))
	room := map[string]any{"id": "south", "name": "Flood South", "kind": "team", "added_by": "ann",
		"members": []map[string]string{{"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}}}
	for _, part := range []struct {
		what string
		act  func() error
		done func(invited) bool
		kill bool
	}{
		{"the bot is added", func() error { return w.l.call("POST", "/rooms", room, nil) }, func(s invited) bool { return s.State != "" }, true},
		{"what it is for", w.says("2"), func(s invited) bool { return s.Kind == "emergency" }, false},
		{"who is in it", w.says("the flood team"), func(s invited) bool { return s.People != "" }, false},
		{"two administrators", w.says("Ann Dee, Bob Cox"), func(s invited) bool { return len(s.Administrators) == 2 }, true},
		{"who answers", w.says("Morag Sinclair"), func(s invited) bool { return s.Answers != "" }, false},
		{"where records go", w.says("the records folder"), func(s invited) bool { return s.Records != "" }, false},
		{"the notice", w.says("post"), func(s invited) bool { return s.State == "watching" }, true},
		{"a week later", func() error { return w.l.advance(169 * time.Hour) }, func(s invited) bool { return s.State == "reported" }, true},
		{"a first yes", w.yes("Nasreen Malik"), func(s invited) bool { return len(s.Yes) == 1 }, false},
		{"a second yes", w.yes("Colm Byrne"), func(s invited) bool { return s.State == "on" }, true},
	} {
		if part.kill {
			for _, step := range []string{"join.begun", "join.stored"} {
				w.kill(t, step, part.what, part.act, part.done)
			}
		}
		if !w.up() {
			if err := w.l.start(); err != nil {
				t.Fatalf("starting for %s: %v\n%s", part.what, err, w.l.tail())
			}
		}
		w.bring(t, part.what, part.act, part.done)
	}
	w.conclude(t)
}

// kill starts the process, lets a part be done, and sees it die.
func (w *inviting) kill(t *testing.T, step, what string, act func() error, done func(invited) bool) {
	t.Helper()
	if w.up() {
		w.l.kill()
	}
	switch err := w.l.start("CHAPERONE_FAILPOINT=" + step); {
	case err == nil:
		if s, err := w.state(); err == nil && done(s) { // it was stored when the process died the last time
			w.l.kill()
			return
		}
		_ = act() // it dies in the middle
	case errors.Is(err, errDied) && w.l.killed(): // what was not acknowledged came again
	default:
		t.Fatalf("starting for %s at %s: %v\n%s", what, step, err, w.l.tail())
	}
	select {
	case <-w.l.ended:
		w.kills++
	case <-time.After(time.Minute):
		t.Fatalf("%s: %s was not reached\n%s", what, step, w.l.tail())
	}
}

func (w *inviting) up() bool { return w.l.ended != nil && w.l.alive() }

// bring does a part that is not done yet, and waits until it is.
func (w *inviting) bring(t *testing.T, what string, act func() error, done func(invited) bool) {
	t.Helper()
	began := false
	for end := time.Now().Add(120 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		s, err := w.state()
		if err == nil && done(s) {
			return
		}
		if !began {
			began = true
			if err := act(); err != nil && !strings.Contains(err.Error(), "409") {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s was not done: %+v (%v)\n%s", what, s, err, w.l.tail())
		}
	}
}

// conclude counts what was said: each thing once.
func (w *inviting) conclude(t *testing.T) {
	t.Helper()
	ledger, err := w.l.ledger()
	must(t, "reading the ledger", err)
	posts := 0
	for _, e := range ledger {
		if e.Effect == "post" && e.Room == "south" {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("the notice was posted %d times", posts)
	}
	var all []struct{ From, Text string }
	for want, n := range map[string]int{"I am Chaperone": 1, "A week in Flood South is over": 1} {
		must(t, "reading what Ann was told", w.l.call("GET", "/members/ann/private", nil, &all))
		got := 0
		for _, l := range all {
			if l.From == "bot" && strings.Contains(l.Text, want) {
				got++
			}
		}
		if got != n {
			t.Errorf("Ann was told %q %d times, want %d: %+v", want, got, n, all)
		}
	}
	if _, err := w.l.post("south", "bob", "NHS number 999 123 4543"); err != nil {
		t.Fatal(err)
	}
	must(t, "asking Bob", until(func() error {
		var asked []struct{ State string }
		if err := w.l.call("GET", "/members/bob/prompts", nil, &asked); err != nil || len(asked) != 1 {
			return fmt.Errorf("Bob has %d prompts (%v)", len(asked), err)
		}
		return nil
	}))
	if w.kills < 8 {
		t.Errorf("only %d kills", w.kills)
	}
	t.Logf("%d kills", w.kills)
	w.l.stop(t)
}
