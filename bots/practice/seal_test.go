package practice

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"chaperone/internal/chat"
)

// seal gives each line the checksum that a line of ours has, so that what lies
// behind the checksum is tried too.
func seal(lines []byte) []byte {
	var out []byte
	for line := range bytes.SplitSeq(lines, []byte("\n")) {
		if len(line) > 0 {
			out = fmt.Appendf(out, `{"sum":"%08x",`, checksum(line[1:]))
			out = append(append(out, line[1:]...), '\n')
		}
	}
	return out
}

// FuzzFile reads any lines as a file of ours. They are refused, or they make a
// platform that can be read, delivered and closed.
func FuzzFile(f *testing.F) {
	const begin = `{"op":"begin","version":1}` + "\n" + `{"op":"room","room":"a","kind":"team","members":[{"id":"s","name":"Sam"}]}` + "\n"
	for _, more := range []string{
		`{"op":"post","room":"a","member":"s","message":"m1","text":"x"}`, `{"op":"post","room":"a","member":"s","message":"","text":5}`,
		`{"op":"edit","room":"a","message":"m1"}`, `{"op":"call","call":null}`, `{"op":"ack","room":"a","seq":99}`, `{"op":"ack","room":"a","seq":2}`,
		`{"op":"call","room":"a","call":{"effect":"whisper","member":"s","outcome":"done","key":"k"},"shown":{"ID":"p"}}` + "\n" + `{"op":"tick","room":"a","member":"s","prompt":"p","step":"x"}`,
		`{"op":"call","room":"a","call":{"effect":"post","made":"m1","outcome":"done"},"text":"x"}` + "\n" + `{"op":"call","room":"a","call":{"effect":"delete","message":"m1","outcome":"done"}}`,
		`{"op":"call","room":"a","call":{"effect":"remove","member":"s","outcome":"done"}}`, `{"op":"call","room":"a","call":{"effect":"revise","outcome":"done"}}`,
		`{"op":"leave","room":"a","member":"s"}`, `{"op":"join","room":"a","member":"s"}`, `{"op":"clock","offset":-9223372036854775808}`,
		`{"op":"react","room":"a","member":"s","message":"m1","text":"x"}`, `{"op":"answer","room":"a","prompt":"p","member":"s"}`, `{"op":"shout"}`,
	} {
		f.Add([]byte(begin+more+"\n"), true)
		f.Add([]byte(more), false)
	}
	f.Fuzz(func(t *testing.T, lines []byte, ours bool) {
		if ours {
			lines = seal(lines)
		}
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, lines, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path, Options{})
		if err != nil {
			return
		}
		defer p.Close()
		for _, r := range p.rooms {
			for _, at := range r.pending {
				o, err := p.file.line(at.span)
				if err != nil {
					t.Fatal(err)
				}
				if ev, err := p.event(r, &o, int(at.nth)); err != nil || ev.Kind == "" {
					t.Errorf("the event %+v: %v", ev, err)
				}
			}
			if _, err := p.messages(context.Background(), r.id, choice{notices: true}); err != nil {
				t.Error(err)
			}
			w := httptest.NewRecorder()
			p.Handler().ServeHTTP(w, httptest.NewRequest("GET", roomPath(r.id, ""), nil))
		}
		for member := range p.asked {
			if _, err := p.Prompts(member); err != nil {
				t.Error(err)
			}
		}
		_, _ = p.Say("a", chat.MemberID("s"), "more", "")
		p.Close()
		if p, err = Open(path, Options{}); err != nil {
			t.Fatalf("what was taken once is refused: %v", err)
		}
		p.Close()
	})
}
