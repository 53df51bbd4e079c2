package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"chaperone/internal/cli"
	"chaperone/internal/store/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"chaperone": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts plays every promise of the README against the program. Beside
// the usual commands a script has:
//
//	start [flags]                  start "chaperone demo" on $WORK/data
//	end / crash                    end it in order (within 10 seconds) / at once
//	person post ROOM WHO TEXT      say something; its id is $ID from then on
//	person edit ROOM WHO ID TEXT, person delete ROOM WHO ID
//	person answer WHO ANSWER [TEXT], person tick WHO STEP   to the newest prompt of WHO
//	person refused WHO OTHER ANSWER   WHO answers OTHER's newest prompt and gets 404
//	decided ROOM ID DECISION       wait until that was decided
//	prompt WHO STATE [CONTAINS…]   wait until the newest prompt of WHO is so, and says so
//	prompts WHO N                  WHO has been asked N things
//	ledger EFFECT N                wait until the bot made N calls of the kind
//	advance DURATION               move the demo's clock
//	clock HH:MM                    move it to when it next shows that time in London
//	api METHOD PATH [JSON]         do something else by the practice contract
//	get PATH                       fetch, for stdout to be matched
func TestScripts(t *testing.T) {
	p := scripts(func(*stage, *testscript.Env) error { return nil })
	p.Dir = filepath.Join("testdata", "script")
	testscript.Run(t, p)
}

// TestScriptsOnPostgreSQL plays the promises that are about what is stored once
// more with the rows on a server, which the configuration names.
func TestScriptsOnPostgreSQL(t *testing.T) {
	storetest.Postgres(t) // or it is skipped
	p := scripts(func(_ *stage, env *testscript.Env) error {
		name := filepath.Join(env.WorkDir, "chaperone.yaml")
		written, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			written, err = []byte("bots: {practice: {enabled: true}}\n"), nil
		}
		return errors.Join(err, os.WriteFile(name, append(written, "database: file:database\n"...), 0o600), database(t, env))
	})
	for _, name := range []string{"capture", "delete", "edit", "hold", "ladder", "restart", "retention"} {
		p.Files = append(p.Files, filepath.Join("testdata", "script", name+".txtar"))
	}
	testscript.Run(t, p)
}

// TestScriptsAboutPostgreSQL plays what is promised about the server.
func TestScriptsAboutPostgreSQL(t *testing.T) {
	storetest.Postgres(t) // or it is skipped
	p := scripts(func(_ *stage, env *testscript.Env) error { return database(t, env) })
	p.Dir = filepath.Join("testdata", "script", "postgres")
	testscript.Run(t, p)
}

// database puts the address of a database of its own into the script's folder.
func database(t *testing.T, env *testscript.Env) error {
	return os.WriteFile(filepath.Join(env.WorkDir, "database"), []byte(storetest.Postgres(t)+"\n"), 0o600)
}

// scripts says what scripts can do, on a stage that is made ready.
func scripts(ready func(*stage, *testscript.Env) error) testscript.Params {
	return testscript.Params{
		Setup: func(env *testscript.Env) error {
			s := &stage{dir: env.WorkDir}
			if err := ready(s, env); err != nil {
				return err
			}
			env.Values["stage"] = s
			env.Defer(s.kill)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": onStage((*stage).start), "end": onStage((*stage).stop),
			"crash":  onStage(func(s *stage, _ *testscript.TestScript, _ []string) error { s.kill(); return nil }),
			"person": onStage((*stage).person), "decided": onStage((*stage).decided),
			"prompt": onStage((*stage).prompt), "prompts": onStage((*stage).prompts),
			"ledger": onStage((*stage).ledger), "alone": onStage((*stage).alone), "told": onStage((*stage).told), "room": onStage((*stage).room), "advance": onStage((*stage).advance), "get": onStage((*stage).get),
			"clock": onStage((*stage).clock), "api": onStage((*stage).api),
		},
	}
}

// stage is the running program of one script.
type stage struct {
	dir string
	cmd *exec.Cmd
	url string
	env []string // beside the usual
	end chan error
}

func onStage(do func(*stage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := do(ts.Value("stage").(*stage), ts, args)
		if neg != (err != nil) {
			ts.Fatalf("%v", err)
		}
	}
}

func (s *stage) start(ts *testscript.TestScript, args []string) error {
	return s.launch(ts, append([]string{"demo", "--data", "data", "--listen", "127.0.0.1:0"}, args...))
}

// launch starts the program, and returns when it has said where it is.
func (s *stage) launch(ts *testscript.TestScript, args []string) error {
	bin, err := exec.LookPath("chaperone")
	if err != nil {
		return err
	}
	s.cmd = exec.Command(bin, args...)
	s.cmd.Dir = s.dir
	s.cmd.Env = append(append(os.Environ(), "TESTSCRIPT_COMMAND=chaperone"), s.env...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	line := make([]byte, 200)
	n, _ := out.Read(line)
	go io.Copy(io.Discard, out)
	s.end = make(chan error, 1)
	go func(c *exec.Cmd, end chan error) { end <- c.Wait() }(s.cmd, s.end)
	_, url, ok := strings.Cut(string(line[:n]), "http://")
	if !ok {
		return fmt.Errorf("it did not start: %s", line[:n])
	}
	s.url = "http://" + strings.TrimRight(strings.TrimSpace(url), "/")
	ts.Setenv("URL", s.url)
	return nil
}

func (s *stage) stop(*testscript.TestScript, []string) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.end:
		return err
	case <-time.After(90 * time.Second):
		return fmt.Errorf("it did not stop within ten seconds")
	}
}

func (s *stage) kill() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		<-s.end
	}
}

// call speaks to the practice contract; answers of 400 and above are errors.
func (s *stage) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

type seenPrompt struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Text     string   `json:"text"`
	Note     string   `json:"note"`
	Messages []string `json:"messages"`
	Steps    []struct {
		ID   string `json:"id"`
		Done bool   `json:"done"`
	} `json:"steps"`
	Answers []struct {
		ID string `json:"id"`
	} `json:"answers"`
	Reminded bool `json:"reminded"`
}

// line is a prompt in one line, for a script to look into.
func (p seenPrompt) line() string {
	b := fmt.Sprintf("%s | %s | messages=%s |", p.Text, p.Note, strings.Join(p.Messages, ","))
	for _, st := range p.Steps {
		b += fmt.Sprintf(" step:%s=%t", st.ID, st.Done)
	}
	for _, a := range p.Answers {
		b += " answer:" + a.ID
	}
	return b + fmt.Sprintf(" reminded=%t", p.Reminded)
}

func (s *stage) newest(who string) (seenPrompt, error) {
	var all []seenPrompt
	if err := s.call("GET", "/practice/v1/members/"+who+"/prompts", nil, &all); err != nil {
		return seenPrompt{}, err
	}
	if len(all) == 0 {
		return seenPrompt{}, fmt.Errorf("%s has no prompt", who)
	}
	return all[len(all)-1], nil
}

func (s *stage) person(ts *testscript.TestScript, a []string) error {
	if len(a) < 3 {
		return fmt.Errorf("person: what, where, who")
	}
	room := "/practice/v1/rooms/" + a[1] + "/messages"
	switch a[0] {
	case "post":
		var out struct{ ID string }
		err := s.call("POST", room, map[string]string{"sender": a[2], "text": a[3]}, &out)
		ts.Setenv("ID", out.ID)
		return err
	case "edit":
		return s.call("PATCH", room+"/"+a[3], map[string]string{"sender": a[2], "text": a[4]}, nil)
	case "delete":
		return s.call("DELETE", room+"/"+a[3]+"?sender="+a[2], nil, nil)
	case "answer", "tick":
		p, err := s.newest(a[1])
		if err != nil {
			return err
		}
		to := "/practice/v1/members/" + a[1] + "/prompts/" + p.ID
		if a[0] == "tick" {
			return s.call("POST", to+"/steps/"+a[2], map[string]bool{"done": true}, nil)
		}
		return s.call("POST", to+"/answer", map[string]string{"answer": a[2], "text": strings.Join(a[3:], " ")}, nil)
	case "refused":
		p, err := s.newest(a[2])
		if err != nil {
			return err
		}
		err = s.call("POST", "/practice/v1/members/"+a[1]+"/prompts/"+p.ID+"/answer", map[string]string{"answer": a[3]}, nil)
		if err == nil || !strings.Contains(err.Error(), ": 404 ") {
			return fmt.Errorf("another member's answer was met with %v, want 404", err)
		}
		return nil
	}
	return fmt.Errorf("person: %q is not known", a[0])
}

// until waits for something that must come to be so.
func until(what func() error) error {
	var err error
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = what(); err == nil {
			return nil
		}
	}
	return err
}

func (s *stage) decided(_ *testscript.TestScript, a []string) error {
	return until(func() error {
		var all []struct{ ID, Decision string }
		if err := s.call("GET", "/practice/v1/rooms/"+a[0]+"/messages", nil, &all); err != nil {
			return err
		}
		for _, m := range all {
			if m.ID == a[1] {
				if m.Decision != a[2] {
					return fmt.Errorf("message %s is %s, want %s", m.ID, m.Decision, a[2])
				}
				return nil
			}
		}
		return fmt.Errorf("there is no message %s", a[1])
	})
}

func (s *stage) prompt(_ *testscript.TestScript, a []string) error {
	return until(func() error {
		p, err := s.newest(a[0])
		if err != nil {
			return err
		}
		if p.State != a[1] {
			return fmt.Errorf("the prompt of %s is %s, want %s: %s", a[0], p.State, a[1], p.line())
		}
		for _, want := range a[2:] {
			in := p.line()
			if text, first := strings.CutPrefix(want, "first:"); first { // the line that a locked phone shows
				in, _, _ = strings.Cut(p.Text, "\n")
				want = text
			}
			if text, not := strings.CutPrefix(want, "!"); strings.Contains(in, text) == not {
				return fmt.Errorf("the prompt does not fit %q: %s", want, p.line())
			}
		}
		return nil
	})
}

func (s *stage) prompts(_ *testscript.TestScript, a []string) error {
	var all []seenPrompt
	if err := s.call("GET", "/practice/v1/members/"+a[0]+"/prompts", nil, &all); err != nil {
		return err
	}
	if fmt.Sprint(len(all)) != a[1] {
		return fmt.Errorf("%s has been asked %d things, want %s", a[0], len(all), a[1])
	}
	return nil
}

func (s *stage) ledger(_ *testscript.TestScript, a []string) error {
	return until(func() error {
		var all []struct{ Effect string }
		if err := s.call("GET", "/practice/v1/ledger", nil, &all); err != nil {
			return err
		}
		n := 0
		for _, e := range all {
			if e.Effect == a[0] {
				n++
			}
		}
		if fmt.Sprint(n) != a[1] {
			return fmt.Errorf("the ledger has %d calls of %s, want %s", n, a[0], a[1])
		}
		return nil
	})
}

func (s *stage) advance(_ *testscript.TestScript, a []string) error {
	return s.call("POST", "/practice/v1/clock", map[string]string{"advance": a[0]}, nil)
}

func (s *stage) clock(_ *testscript.TestScript, a []string) error {
	var is struct{ Now time.Time }
	if err := s.call("POST", "/practice/v1/clock", map[string]string{"advance": "0s"}, &is); err != nil {
		return err
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return err
	}
	want, err := time.Parse("15:04", a[0])
	if err != nil {
		return err
	}
	now := is.Now.In(london)
	at := time.Date(now.Year(), now.Month(), now.Day(), want.Hour(), want.Minute(), 0, 0, london)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return s.call("POST", "/practice/v1/clock", map[string]string{"advance": at.Sub(now).String()}, nil)
}

func (s *stage) api(_ *testscript.TestScript, a []string) error {
	var in any
	if len(a) > 2 {
		in = json.RawMessage(a[2])
	}
	return s.call(a[0], "/practice/v1"+a[1], in, nil)
}

func (s *stage) get(ts *testscript.TestScript, a []string) error {
	res, err := http.Get(s.url + a[0])
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(ts.Stdout(), "%d\n%s\n", res.StatusCode, b)
	return err
}
