package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDiskFull fills the disk under a running Chaperone: what it cannot store
// it does not acknowledge, /healthz says so, and when there is room again work
// resumes by itself and nothing was lost.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if b, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("skipped: a small disk cannot be mounted here (%s)", strings.TrimSpace(string(b)))
	}
	t.Cleanup(func() { _ = exec.Command("umount", disk).Run() })
	l := newLab(t, build(t, ""))
	l.dir = disk
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.kill)
	const room = "/practice/v1/rooms/rest-centre-team/messages"
	say := func(i int) (int, string) {
		body := fmt.Sprintf(`{"sender":"sam","text":"Two pumps on the way to the hall, %d minutes. %s"}`, i, strings.Repeat("The road is open. ", 100))
		res, err := l.client.Post(l.url+room, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b [512]byte
		n, _ := res.Body.Read(b[:])
		return res.StatusCode, string(b[:n])
	}
	filler := filepath.Join(disk, "filler")
	accepted, refused := 0, 0
	for i := range 3000 {
		if i == 20 { // leave a little room, which the path then uses up
			fill(t, filler, 400<<10)
		}
		switch code, body := say(i); code {
		case http.StatusCreated:
			accepted++
		case http.StatusInsufficientStorage:
			if !strings.Contains(body, "make room") {
				t.Fatalf("507 does not say what to do: %s", body)
			}
			refused++
		default:
			t.Fatalf("posting was answered with %d %s", code, body)
		}
		if refused > 20 {
			break
		}
	}
	if refused == 0 {
		t.Fatal("the disk never filled up")
	}
	waitHealth(t, l, http.StatusServiceUnavailable)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitHealth(t, l, http.StatusOK)
	deadline := time.Now().Add(120 * time.Second)
	for {
		all, err := l.messages("rest-centre-team")
		if err != nil {
			t.Fatal(err)
		}
		pending := 0
		for _, m := range all {
			if m.Decision == "pending" {
				pending++
			}
		}
		if pending == 0 && len(all) == accepted {
			t.Logf("%d messages accepted and decided, %d refused while the disk was full", accepted, refused)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %d accepted messages %d are there and %d are still pending", accepted, len(all), pending)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fill writes a file until only so many bytes are free.
func fill(t *testing.T, name string, leave int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 64<<10)
	size := 0
	for {
		n, err := f.Write(chunk)
		size += n
		if err != nil {
			break
		}
	}
	if err := f.Truncate(int64(max(size-leave, 0))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func waitHealth(t *testing.T, l *lab, want int) {
	t.Helper()
	for end := time.Now().Add(120 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := l.client.Get(l.url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("/healthz went on answering %d, want %d", res.StatusCode, want)
		}
	}
}
