//go:build unix

package practice_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
)

// TestAFullDisk lets no file of this process grow for a while.
func TestAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	p := open(t, path, practice.Options{})
	if err := p.NewRoom(flood); err != nil {
		t.Fatal(err)
	}
	const messages = "/practice/v1/rooms/flood/messages"
	text := map[string]string{"sender": "sam", "text": strings.Repeat("Two pumps. ", 50)}
	call(t, p, "POST", messages, text, nil)
	before := snapshot(t, p)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = uint64(info.Size()) + 100 // in the middle of the next line
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip("the size of files cannot be limited here:", err)
	}
	free := func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) }
	t.Cleanup(free)

	if got := call(t, p, "POST", messages, text, nil); got != 507 {
		t.Errorf("a message that does not fit: %d, want 507", got)
	}
	notice := bots.Effect{Key: "n", Kind: bots.Post, Chat: chat.ID{Account: "practice", Local: "flood"}, Text: "notice"}
	var busy bots.Busy
	if _, err := p.Do(context.Background(), notice); !errors.As(err, &busy) || busy.After <= 0 {
		t.Errorf("the bot is answered with %v, want Busy", err)
	}
	if _, sent, err := p.Sent(context.Background(), notice); sent || err != nil {
		t.Errorf("what did not fit counts as sent: %t, %v", sent, err)
	}
	if after := snapshot(t, p); after != before {
		t.Errorf("something was half done:\n%s\n%s", before, after)
	}
	free()
	if got := call(t, p, "POST", messages, text, nil); got != 201 {
		t.Errorf("when there is room again: %d, want 201", got)
	}
	after := snapshot(t, p)
	p.Close()
	if again := snapshot(t, open(t, path, practice.Options{})); again != after {
		t.Errorf("after a restart:\n%s\nbefore it:\n%s", again, after)
	}
}
