package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/internal/access"
)

var table = Table{
	"echo": {access.See, func(_ context.Context, by string, args json.RawMessage) (any, error) {
		return map[string]any{"by": by, "args": args}, nil
	}},
	"fail": {access.See, func(context.Context, string, json.RawMessage) (any, error) { return nil, errors.New("it is held") }},
	"wait": {access.See, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}},
}

func serveIn(t *testing.T, dir string) (stop func()) {
	t.Helper()
	s, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, table) }()
	return func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the server does not stop while a call is under way")
		}
	}
}

func TestCallsAreAnsweredAndTheFolderIsLeftClean(t *testing.T) {
	for name, dir := range map[string]string{
		"short": t.TempDir(), "too long for a socket": filepath.Join(t.TempDir(), strings.Repeat("long/", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := Ask(t.Context(), dir, Request{Call: "echo"}); !errors.Is(err, ErrNobody) {
				t.Errorf("nobody listens, and the answer is %v", err)
			}
			stop := serveIn(t, dir)
			b, err := Ask(t.Context(), dir, Request{Call: "echo", By: " Nasreen Malik ", Args: json.RawMessage(`{"id":"7"}`)})
			if err != nil || string(b) != `{"args":{"id":"7"},"by":"Nasreen Malik"}` {
				t.Errorf("the answer is %s (%v)", b, err)
			}
			if _, err := Ask(t.Context(), dir, Request{Call: "fail"}); err == nil || err.Error() != "it is held" {
				t.Errorf("the error is %v", err)
			}
			if _, err := Ask(t.Context(), dir, Request{Call: "nonsense"}); err == nil {
				t.Error("a call that does not exist was answered")
			}
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := Ask(short, dir, Request{Call: "wait"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a caller who gave up got %v", err)
			}
			stop()
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%d files are left in the folder", len(left))
			}
		})
	}
}

// What a killed process left behind is cleared by the next.
func TestAKilledProcessIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, socketFile))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := Ask(t.Context(), dir, Request{Call: "echo"}); !errors.Is(err, ErrNobody) {
		t.Errorf("a socket that nobody listens on gave %v", err)
	}
	defer serveIn(t, dir)()
	if _, err := Ask(t.Context(), dir, Request{Call: "echo"}); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheOwnerReachesTheSocket(t *testing.T) {
	dir := t.TempDir()
	defer serveIn(t, dir)()
	info, err := os.Stat(filepath.Join(dir, socketFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v (%v), want 0600", info.Mode(), err)
	}
}
