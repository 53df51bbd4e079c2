package practice_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

// TestDamage: what a kill can leave behind is dropped, everything else that is
// not what was written is refused, and the file is left as it is.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	p := open(t, path, practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := p.Say("flood", "sam", fmt.Sprint("message ", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	last := lines[len(lines)-1]
	without := func(n int) []byte { return bytes.Join(slices.Delete(slices.Clone(lines), n, n+1), nil) }
	for name, c := range map[string]struct {
		file []byte
		want string // in the error; empty where the file is taken
		said int
	}{
		"whole":                     {whole, "", 5},
		"empty":                     {nil, "", 0},
		"last line cut in half":     {whole[:len(whole)-len(last)/2], "", 4},
		"last line without its end": {whole[:len(whole)-1], "", 4},
		"zeros at the end":          {append(slices.Clone(whole), make([]byte, 4096)...), "", 5},
		"first line cut":            {whole[:20], "", 0},
		"a text that was changed":   {bytes.Replace(whole, []byte("message 2"), []byte("message 7"), 1), "line 5 is not what was written", 0},
		"a line lost":               {without(1), "line 2 speaks of room", 0},
		"a message lost":            {without(3), "", 4},
		"a line twice":              {append(slices.Clone(whole), last...), "out of order", 0},
		"the first line lost":       {without(0), "line 1 does not begin a practice file", 0},
		"another program's file":    {[]byte("SQLite format 3\x00 and more"), "is not a practice file", 0},
		"another program's lines":   {[]byte("hello\nworld\n"), "line 1 is not what was written", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p")
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := practice.Open(path, practice.Options{})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Move the file away") {
					t.Fatalf("answered with %v, want %q and what to do", err, c.want)
				}
				if left, _ := os.ReadFile(path); !bytes.Equal(left, c.file) {
					t.Error("a file that was refused was changed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var ms []practice.MessageView
			if c.said > 0 {
				call(t, p, "GET", "/practice/v1/rooms/flood/messages", nil, &ms)
			}
			if len(ms) != c.said {
				t.Errorf("%d messages are there, want %d", len(ms), c.said)
			}
			if err := p.AddRoom(flood); err != nil {
				t.Errorf("the file cannot be written on: %v", err)
			}
		})
	}
}

// TestAKillLosesNothingThatWasAnswered kills a platform of its own while people
// write there.
func TestAKillLosesNothingThatWasAnswered(t *testing.T) {
	if path := os.Getenv("PRACTICE_KILLED"); path != "" {
		writeUntilKilled(path)
	}
	path := filepath.Join(t.TempDir(), "p")
	answered := 0
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAKillLosesNothingThatWasAnswered$")
		cmd.Env = append(os.Environ(), "PRACTICE_KILLED="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(out)
		for first := true; s.Scan(); first = false {
			if answered++; first { // it is at work
				time.AfterFunc(time.Duration(20+37*round)*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		p := open(t, path, practice.Options{})
		var ms []practice.MessageView
		call(t, p, "GET", "/practice/v1/rooms/flood/messages", nil, &ms)
		var calls []practice.Entry
		call(t, p, "GET", "/practice/v1/ledger", nil, &calls)
		if len(ms)+len(calls) < answered || len(ms)+len(calls) > answered+2*(round+1) {
			t.Fatalf("%d messages and %d calls are there, %d were answered", len(ms), len(calls), answered)
		}
		p.Close()
	}
	if answered < 100 {
		t.Fatalf("only %d were answered: the test proves little", answered)
	}
}

func writeUntilKilled(path string) {
	p, err := practice.Open(path, practice.Options{})
	if err == nil {
		err = p.AddRoom(flood)
	}
	if err != nil {
		panic(err)
	}
	var out sync.Mutex
	for who := range 2 {
		go func() {
			for {
				if who == 0 {
					_, err = p.Say("flood", "sam", "Two pumps on the way.", "")
				} else {
					_, err = p.Do(context.Background(), bots.Effect{Kind: bots.Post, Chat: chat.ID{Account: "practice", Local: "flood"}, Text: "notice"})
				}
				if err != nil {
					panic(err)
				}
				out.Lock()
				fmt.Println("done")
				out.Unlock()
			}
		}()
	}
	select {}
}

// TestAManyYearsRoom: a platform of 200,000 messages is light and starts
// quickly.
func TestAManyYearsRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 200,000 messages")
	}
	path := filepath.Join(t.TempDir(), "p")
	p := open(t, path, practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var delivered int
	go func() {
		defer close(ended)
		p.Run(ctx, func(_ context.Context, events []chat.Event) error { delivered += len(events); return nil })
	}()
	const n = 200_000
	began := time.Now()
	for i := range n {
		if _, err := p.Say("flood", "sam", fmt.Sprintf("Two pumps on the way to Calder Hall with a crew of four, about %d minutes from the bridge.", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("wrote %d messages in %s", n, time.Since(began).Round(time.Millisecond))
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if again := snapshotOfPending(path); again == n+3 {
			break
		}
	}
	cancel()
	<-ended
	p.Close()
	if delivered < n {
		t.Fatalf("%d events were delivered", delivered)
	}
	before := heap()
	began = time.Now()
	p = open(t, path, practice.Options{})
	t.Logf("opened in %s", time.Since(began).Round(time.Millisecond))
	grown := heap() - before
	t.Logf("holds %.1f MB, %.0f bytes a message", float64(grown)/1e6, float64(grown)/n)
	if grown > 30e6 {
		t.Errorf("holds %d bytes, want less than 30 MB", grown)
	}
	var ms []practice.MessageView
	if call(t, p, "GET", "/practice/v1/rooms/flood/messages?limit=5", nil, &ms); len(ms) != 5 || !strings.Contains(ms[4].Text, fmt.Sprint(n-1)) {
		t.Errorf("the newest messages are %v", ms)
	}
	runtime.KeepAlive(p)
}

// snapshotOfPending reads the last acknowledgement out of the file.
func snapshotOfPending(path string) (last int) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	at := bytes.LastIndex(b, []byte(`"op":"ack"`))
	if at < 0 {
		return 0
	}
	if seq := bytes.Index(b[at:], []byte(`"seq":`)); seq >= 0 {
		fmt.Sscanf(string(b[at+seq:]), `"seq":%d`, &last)
	}
	return last
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestWhatWasNotAcknowledgedIsDeliveredAfterARestart: under the same keys and
// with the same words, and nothing else.
func TestWhatWasNotAcknowledgedIsDeliveredAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	p := open(t, path, practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	deliver := func(store func([]chat.Event) error, enough func() bool) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.Run(ctx, func(_ context.Context, events []chat.Event) error { return store(events) })
		}()
		for end := time.Now().Add(30 * time.Second); !enough(); time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("waited in vain")
			}
		}
		cancel()
		<-ended
	}
	var mu sync.Mutex
	var stored, refused, again []chat.Event
	deliver(func(e []chat.Event) error { mu.Lock(); defer mu.Unlock(); stored = append(stored, e...); return nil },
		func() bool { mu.Lock(); defer mu.Unlock(); return len(stored) == 3 })
	if stored[0].Kind != chat.Added || stored[0].ChatKind != chat.Emergency || stored[1].Kind != chat.Joined || stored[2].Member != "priya" {
		t.Errorf("a room begins with %+v", stored)
	}
	m, _ := p.Say("flood", "sam", "one", "")
	p.Edit("flood", m, "sam", "two")
	p.React("flood", m, "priya", "👍")
	p.Unsay("flood", m, "sam")
	deliver(func(e []chat.Event) error { mu.Lock(); defer mu.Unlock(); refused = e; return errors.New("no room") },
		func() bool { mu.Lock(); defer mu.Unlock(); return len(refused) == 4 })
	p.Close()
	p = open(t, path, practice.Options{})
	deliver(func(e []chat.Event) error { mu.Lock(); defer mu.Unlock(); again = append(again, e...); return nil },
		func() bool { mu.Lock(); defer mu.Unlock(); return len(again) >= 4 })
	if len(again) != 4 {
		t.Fatalf("%d events were delivered, want 4", len(again))
	}
	for i := range again {
		if !reflect.DeepEqual(again[i], refused[i]) {
			t.Errorf("delivered again as %+v, first as %+v", again[i], refused[i])
		}
	}
	if again[0].Text != "one" || again[1].Text != "two" || again[1].Revision != 1 {
		t.Errorf("the words of then are not delivered: %+v", again[:2])
	}
}
