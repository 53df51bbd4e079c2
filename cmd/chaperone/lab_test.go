package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build makes the real binary, with build tags where some are given. All tests
// of a run share it.
func build(t testing.TB, tags string) string {
	t.Helper()
	return made.program(t, "chaperone/cmd/chaperone", tags)
}

// chatlab makes the program that stands for the platforms.
func chatlab(t testing.TB) string {
	t.Helper()
	return made.program(t, "chaperone/cmd/chatlab", "")
}

// made is what was built in this run, each program once.
var made programs

type programs struct {
	mu  sync.Mutex
	dir string
	all map[string]string
}

func (p *programs) program(t testing.TB, name, tags string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	key := filepath.Base(name) + tags
	if out := p.all[key]; out != "" {
		return out
	}
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "chaperone-test")
		if err != nil {
			t.Fatal(err)
		}
		p.dir, p.all = dir, map[string]string{}
	}
	out := filepath.Join(p.dir, key)
	cmd := exec.Command("go", "build", "-trimpath", "-tags", tags, "-o", out, name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, b)
	}
	p.all[key] = out
	return out
}

// tests runs them, and leaves nothing behind.
type tests struct{ *testing.M }

func (m tests) Run() int {
	defer func() { _ = os.RemoveAll(made.dir) }() // empty where nothing was built
	return m.M.Run()
}

// lab is one data folder, and the real binary that runs on it.
type lab struct {
	binary string
	dir    string
	format string // of the log
	client *http.Client

	cmd   *exec.Cmd
	url   string
	began time.Time
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended

	mu  sync.Mutex
	log bytes.Buffer // everything the process ever wrote
}

func newLab(t testing.TB, binary string) *lab {
	l := &lab{
		binary: binary, dir: t.TempDir(), format: "json",
		client: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	t.Cleanup(l.kill)
	return l
}

func (l *lab) data() string    { return filepath.Join(l.dir, "data") }
func (l *lab) records() string { return filepath.Join(l.dir, "data-records") }

// errDied means that the process ended before it said where it is.
var errDied = errors.New("the process ended")

var address = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`)

// start runs the demo and returns when it has printed its address.
func (l *lab) start(env ...string) error {
	return l.startWith(nil, env...)
}

func (l *lab) startWith(flags []string, env ...string) error {
	l.cmd = exec.Command(l.binary, append([]string{"demo", "--data", l.data(), "--key-file", filepath.Join(l.dir, "key"),
		"--listen", "127.0.0.1:0", "--log-format", l.format}, flags...)...)
	l.cmd.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	l.cmd.Stdout, l.cmd.Stderr = w, w
	l.began = time.Now()
	if err := l.cmd.Start(); err != nil {
		return errors.Join(err, r.Close(), w.Close())
	}
	w.Close()
	l.ended = make(chan struct{})
	found := make(chan string, 1)
	go l.listen(r, found)
	select {
	case addr := <-found:
		l.url = "http://" + addr
		return nil
	case <-l.ended:
		return errDied
	case <-time.After(time.Minute):
		l.kill()
		return fmt.Errorf("no address was printed within a minute:\n%s", l.tail())
	}
}

// listen keeps what the process writes, and looks for its address.
func (l *lab) listen(r *os.File, found chan<- string) {
	defer close(l.ended)
	defer r.Close()
	b := make([]byte, 32<<10)
	var head []byte
	for told := false; ; {
		n, err := r.Read(b)
		l.mu.Lock()
		l.log.Write(b[:n])
		l.mu.Unlock()
		if !told {
			head = append(head, b[:n]...)
			if a := address.Find(head); a != nil && bytes.Contains(head[bytes.Index(head, a):], []byte("\n")) {
				found <- string(address.Find(head))
				told = true
			}
		}
		if err != nil {
			break
		}
	}
	l.err = l.cmd.Wait()
}

// output is everything the process wrote, over all its lives.
func (l *lab) output() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func (l *lab) tail() string {
	s := l.output()
	return s[max(0, len(s)-4000):]
}

// kill ends the process at once, as a power cut would.
func (l *lab) kill() {
	if l.cmd != nil && l.cmd.Process != nil && l.ended != nil {
		_ = l.cmd.Process.Kill() // it may have ended
		<-l.ended
	}
}

// stop ends the process as an administrator would.
func (l *lab) stop(t testing.TB) {
	t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.ended:
	case <-time.After(90 * time.Second):
		l.kill()
		t.Fatal("the process did not stop within 10 seconds of SIGTERM")
	}
	if l.err != nil {
		t.Fatalf("stopping: %v\n%s", l.err, l.tail())
	}
}

// killed reports whether the process ended by SIGKILL and nothing else.
func (l *lab) killed() bool {
	<-l.ended
	var exit *exec.ExitError
	if !errors.As(l.err, &exit) {
		return false
	}
	s, ok := exit.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGKILL
}

// alive reports whether the process runs.
func (l *lab) alive() bool {
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// status is an answer that was not 2xx.
type status struct {
	code int
	body string
}

func (s status) Error() string { return fmt.Sprintf("status %d: %s", s.code, s.body) }

// refused reports whether the answer was a 4xx.
func refused(err error) bool {
	var s status
	return errors.As(err, &s) && s.code >= 400 && s.code < 500
}

// call is one request of the practice contract. An error that is no status
// means that nobody knows whether it arrived.
func (l *lab) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, l.url+"/practice/v1"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return status{resp.StatusCode, strings.TrimSpace(string(b))}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// The shapes of the practice contract.
type (
	roomView struct {
		ID      string       `json:"id"`
		Kind    string       `json:"kind"`
		Members []memberView `json:"members"`
	}
	memberView struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	messageView struct {
		ID       string `json:"id"`
		Sender   string `json:"sender"`
		Text     string `json:"text"`
		State    string `json:"state"`
		Decision string `json:"decision"`
	}
	promptView struct {
		ID       string   `json:"id"`
		Room     string   `json:"room"`
		Messages []string `json:"messages"`
		Text     string   `json:"text"`
		Steps    []struct {
			ID   string `json:"id"`
			Text string `json:"text"`
			Done bool   `json:"done"`
		} `json:"steps"`
		Answers []struct {
			ID        string `json:"id"`
			Label     string `json:"label"`
			WantsText bool   `json:"wants_text"`
		} `json:"answers"`
		State string `json:"state"`
	}
	ledgerView struct {
		At      time.Time `json:"at"`
		Effect  string    `json:"effect"`
		Room    string    `json:"room"`
		Member  string    `json:"member"`
		Message string    `json:"message"`
		Key     string    `json:"key"`
		Outcome string    `json:"outcome"` // done, or why the call had no effect
	}
)

func (p promptView) offers(answer string) bool {
	for _, a := range p.Answers {
		if a.ID == answer {
			return true
		}
	}
	return false
}

func (l *lab) post(room, sender, text string) (id string, err error) {
	var made struct {
		ID string `json:"id"`
	}
	err = l.call("POST", "/rooms/"+room+"/messages", map[string]string{"sender": sender, "text": text}, &made)
	return made.ID, err
}

func (l *lab) edit(room, id, sender, text string) error {
	return l.call("PATCH", "/rooms/"+room+"/messages/"+id, map[string]string{"sender": sender, "text": text}, nil)
}

func (l *lab) remove(room, id, sender string) error {
	return l.call("DELETE", "/rooms/"+room+"/messages/"+id+"?sender="+sender, nil, nil)
}

func (l *lab) answer(member, prompt, answer, text string) error {
	in := map[string]string{"answer": answer}
	if text != "" {
		in["text"] = text
	}
	return l.call("POST", "/members/"+member+"/prompts/"+prompt+"/answer", in, nil)
}

func (l *lab) tick(member, prompt, step string, done bool) error {
	return l.call("POST", "/members/"+member+"/prompts/"+prompt+"/steps/"+step, map[string]bool{"done": done}, nil)
}

func (l *lab) advance(d time.Duration) error {
	return l.call("POST", "/clock", map[string]string{"advance": d.String()}, nil)
}

func (l *lab) messages(room string) (out []messageView, err error) {
	err = l.call("GET", "/rooms/"+room+"/messages", nil, &out)
	return out, err
}

func (l *lab) prompts(member string) (out []promptView, err error) {
	err = l.call("GET", "/members/"+member+"/prompts", nil, &out)
	return out, err
}

func (l *lab) ledger() (out []ledgerView, err error) {
	err = l.call("GET", "/ledger", nil, &out)
	return out, err
}

// settled waits until every message of the rooms has a decision and nothing
// is due any more.
func (l *lab) settled(within time.Duration, rooms ...string) error {
	for until := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if err := l.advance(0); err != nil { // returns when the bot has nothing left to do
			return err
		}
		pending := 0
		for _, room := range rooms {
			all, err := l.messages(room)
			if err != nil {
				return err
			}
			for _, m := range all {
				if m.Decision == "pending" {
					pending++
				}
			}
		}
		if pending == 0 {
			return l.advance(0)
		}
		if time.Now().After(until) {
			return fmt.Errorf("after %v %d messages are still pending", within, pending)
		}
	}
}
