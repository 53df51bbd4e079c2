package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// alone says something to the bot alone, as a member; stdout is what it says
// back.
func (s *stage) alone(ts *testscript.TestScript, a []string) error {
	var out struct{ Replies []struct{ Text string } }
	if err := s.call("POST", "/practice/v1/members/"+a[0]+"/private", map[string]string{"text": strings.Join(a[1:], " ")}, &out); err != nil {
		return err
	}
	for _, r := range out.Replies {
		if _, err := fmt.Fprintln(ts.Stdout(), r.Text); err != nil {
			return err
		}
	}
	return nil
}

// told waits until the bot has told a member something, alone.
func (s *stage) told(_ *testscript.TestScript, a []string) error {
	return until(func() error {
		var all []struct{ From, Text string }
		if err := s.call("GET", "/practice/v1/members/"+a[0]+"/private", nil, &all); err != nil {
			return err
		}
		for _, l := range all {
			if l.From == "bot" && strings.Contains(l.Text, a[1]) {
				return nil
			}
		}
		return fmt.Errorf("%s was not told %q", a[0], a[1])
	})
}

// room makes a room whose first member adds the bot to it.
func (s *stage) room(_ *testscript.TestScript, a []string) error {
	members := []map[string]string{}
	for _, m := range a[2:] {
		members = append(members, map[string]string{"id": m, "name": strings.ToUpper(m[:1]) + m[1:]})
	}
	return s.call("POST", "/practice/v1/rooms", map[string]any{"id": a[0], "name": a[1], "kind": "team", "members": members, "added_by": a[2]}, nil)
}

// draft is what a member asks the bot about alone. Nothing of it is kept
// anywhere: the canary looks for it in every file, log line and answer.
var draft = planted{"a draft", "the key safe at Penhallow is 4471, and her NHS number is 999 000 0123", "Penhallow is 4471"}

// checkDraft asks the bot about the draft, and looks into the platform's own
// file too, where everything that is said in rooms stands.
func (c *canary) checkDraft(t *testing.T, member string) {
	t.Helper()
	var out struct{ Replies []struct{ Text string } }
	must(t, "asking about a draft", c.l.call("POST", "/members/"+member+"/private", map[string]string{"text": "check " + draft.text}, &out))
	if len(out.Replies) != 1 || !strings.Contains(out.Replies[0].Text, "NHS number") {
		t.Errorf("the bot said %q about the draft, want that it may include an NHS number", out.Replies)
	}
	b, err := os.ReadFile(filepath.Join(c.l.data(), "practice.jsonl"))
	must(t, "reading the platform's file", err)
	if bytes.Contains(b, []byte("Penhallow")) {
		t.Error("the practice platform wrote the draft down")
	}
}
