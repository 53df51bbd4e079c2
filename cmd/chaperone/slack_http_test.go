package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// What scripts on Slack have for signed requests:
//
//	slack http                    events come as requests from here on
//	door STATUS FILE [NAME=VALUE…]  send one with what FILE holds, and want this status; its answer is standard output.
//	                              secret=, ago=, signature=, retry= say what is otherwise about it
//	delivered NAME N              wait until at least N envelopes became that; N of 0 wants none
//	stall, unstall                another program holds the database, so that nothing can be stored

// overHTTP has the lab send events to the door of the program.
func (s *slackStage) overHTTP() error {
	s.http = true
	return s.tell("/events", map[string]string{"url": s.url + "/slack/events"}, nil)
}

// door sends a request as Slack signs it, or not quite so.
func (s *slackStage) door(ts *testscript.TestScript, args []string) error {
	body := ts.ReadFile(args[1])
	as := map[string]string{"secret": "lab-signing-secret", "ago": "0s"}
	for _, a := range args[2:] {
		name, value, _ := strings.Cut(a, "=")
		as[name] = value
	}
	ago, err := time.ParseDuration(as["ago"])
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(time.Now().Add(-ago).Unix(), 10)
	mac := hmac.New(sha256.New, []byte(as["secret"]))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	signature, given := as["signature"]
	if !given {
		signature = "v0=" + hex.EncodeToString(mac.Sum(nil))
	}
	req, err := http.NewRequest(http.MethodPost, s.url+"/slack/events", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	req.Header.Set("X-Slack-Signature", signature)
	if n := as["retry"]; n != "" {
		req.Header.Set("X-Slack-Retry-Num", n)
		req.Header.Set("X-Slack-Retry-Reason", "http_timeout")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	_, _ = ts.Stdout().Write(said)
	if want := args[0]; strconv.Itoa(res.StatusCode) != want {
		return fmt.Errorf("answered with %d, want %s: %s", res.StatusCode, want, said)
	}
	return nil
}

func (s *slackStage) delivered(_ *testscript.TestScript, args []string) error {
	want, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var all map[string]int
	if want == 0 {
		if err := s.tell("/delivered", nil, &all); err != nil || all[args[0]] == 0 {
			return err
		}
		return fmt.Errorf("%d envelopes are %s: %v", all[args[0]], args[0], all)
	}
	return patiently("so many envelopes are "+args[0], func() (bool, error) {
		err := s.tell("/delivered", nil, &all)
		return all[args[0]] >= want, err
	})
}

// The byte of the file beside the database that whoever writes has locked
// (https://sqlite.org/walformat.html), and how a lock of an open file is asked
// for, which ends with it.
const (
	walWriteLock = 120
	setOpenLock  = 37 // F_OFD_SETLK
)

// stall holds the database as another program would that writes to it.
func (s *slackStage) stall(*testscript.TestScript, []string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "data", "chaperone.db-shm"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.held = f
	return patiently("the database is held", func() (bool, error) {
		at := syscall.Flock_t{Type: syscall.F_WRLCK, Start: walWriteLock, Len: 1}
		err := syscall.FcntlFlock(f.Fd(), setOpenLock, &at)
		if err == syscall.EAGAIN {
			return false, nil
		}
		return err == nil, err
	})
}

func (s *slackStage) unstall(*testscript.TestScript, []string) error { return s.held.Close() }
