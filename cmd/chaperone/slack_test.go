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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"chaperone/internal/document/documenttest"
)

// TestScriptsOnSlack plays what is promised there, with chatlab in Slack's
// place. Beside the usual commands a script has:
//
//	chatlab SEED                     start chatlab with what the file says
//	run [flags]                      start "chaperone run" on $WORK/chaperone.yaml
//	end / crash
//	slack say CHANNEL WHO TEXT       its timestamp is $TS from then on
//	slack old CHANNEL WHO AGO TEXT   said some time ago, and delivered only now
//	slack file CHANNEL WHO NAME [LINE…]   posts a file of that kind with those lines
//	slack drop CHANNEL TS            its owner deletes the file of a message
//	slack invite CHANNEL WHO         WHO brings the bot in
//	slack edit CHANNEL WHO TS TEXT, slack delete CHANNEL WHO TS
//	slack join CHANNEL WHO, slack leave CHANNEL WHO
//	slack press WHO ACTION [TICKED…] on the newest prompt of WHO
//	slack twice WHO ACTION           likewise, by a double click
//	slack submit WHO TEXT [twice]    the modal that stands open before them
//	slack tap WHO ACTION             on the newest message that has it
//	slack write WHO TEXT             to the app alone
//	slack command WHO CHANNEL TEXT   /chaperone
//	slack shortcut WHO CALLBACK [CHANNEL TS]
//	slack home WHO, slack homepress WHO FILE   open the app's home, use what stands there
//	slack share CHANNEL              with another organisation
//	slack cut HOW                    every connection
//	slack fault METHOD STATUS        the next call of it; 599 has its effect and its answer is lost
//	asked WHO CONTAINS…              wait until the newest prompt of WHO says so; ! before a text: does not
//	told WHO CONTAINS…               wait until something that they alone see says so
//	untold WHO CONTAINS              nothing that they alone see says so
//	home WHO CONTAINS…, modal WHO CONTAINS…   wait until that says so; ! before a text: does not
//	prompts WHO N                    wait until they see N prompts
//	unasked WHO                      nothing was ever shown to them alone
//	calls METHOD N                   wait until it was called N times
//	within CHANNEL WHO, without CHANNEL WHO   wait until somebody is there, or is not
//	right                            no client did what none may do
func TestScriptsOnSlack(t *testing.T) {
	chatlab := chatlab(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", "slack"),
		Setup: func(env *testscript.Env) error {
			s := &slackStage{stage: stage{dir: env.WorkDir}, chatlab: chatlab}
			env.Values["slack"] = s
			env.Defer(func() { s.kill(); s.killLab() })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"chatlab": onSlack((*slackStage).startLab), "run": onSlack((*slackStage).run),
			"end":   onSlack(func(s *slackStage, ts *testscript.TestScript, args []string) error { return s.stop(ts, args) }),
			"crash": onSlack(func(s *slackStage, _ *testscript.TestScript, _ []string) error { s.kill(); return nil }),
			"slack": onSlack((*slackStage).does), "asked": onSlack((*slackStage).asked), "unasked": onSlack((*slackStage).unasked),
			"told": onSlack((*slackStage).told), "untold": onSlack((*slackStage).untold), "home": onSlack(looks("/home/")), "modal": onSlack(looks("/modals/")), "prompts": onSlack((*slackStage).prompts),
			"calls": onSlack((*slackStage).calls), "right": onSlack((*slackStage).right),
			"door": onSlack((*slackStage).door), "delivered": onSlack((*slackStage).delivered), "stall": onSlack((*slackStage).stall), "unstall": onSlack((*slackStage).unstall),
			"within":  onSlack(func(s *slackStage, _ *testscript.TestScript, args []string) error { return s.is(args, true) }),
			"without": onSlack(func(s *slackStage, _ *testscript.TestScript, args []string) error { return s.is(args, false) }),
		},
	})
}

// slackStage is the running program of one script, and chatlab.
type slackStage struct {
	stage
	chatlab string
	lab     *exec.Cmd
	control string
	http    bool     // events come as signed requests
	held    *os.File // beside the database, which another program holds
}

func onSlack(do func(*slackStage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := do(ts.Value("slack").(*slackStage), ts, args)
		if neg != (err != nil) {
			ts.Fatalf("%v", err)
		}
	}
}

func (s *slackStage) startLab(ts *testscript.TestScript, args []string) error {
	s.lab = exec.Command(s.chatlab, "--slack", "127.0.0.1:0", "--control", "127.0.0.1:0", "--seed", args[0])
	s.lab.Dir = s.dir
	out, err := s.lab.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.lab.Start(); err != nil {
		return err
	}
	var said strings.Builder
	b := make([]byte, 200)
	for !strings.Contains(said.String(), "ready\n") {
		n, err := out.Read(b)
		if err != nil {
			return fmt.Errorf("chatlab did not start: %w", err)
		}
		said.Write(b[:n])
	}
	for _, line := range strings.Split(said.String(), "\n") {
		name, url, _ := strings.Cut(line, " ")
		switch name {
		case "slack":
			name := filepath.Join(s.dir, "chaperone.yaml")
			config, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if err := os.WriteFile(name, bytes.ReplaceAll(config, []byte("$SLACK"), []byte(url+"/api")), 0o600); err != nil {
				return err
			}
		case "control":
			s.control = url + "/slack"
			ts.Setenv("CONTROL", s.control)
		}
	}
	return nil
}

func (s *slackStage) killLab() {
	if s.lab != nil && s.lab.Process != nil {
		_ = s.lab.Process.Kill()
		_ = s.lab.Wait()
	}
}

func (s *slackStage) run(ts *testscript.TestScript, args []string) error {
	s.env = []string{"SLACK_BOT_TOKEN=xoxb-lab", "SLACK_APP_TOKEN=xapp-lab", "SLACK_ADMIN_TOKEN=xoxp-admin", "SLACK_SIGNING_SECRET=lab-signing-secret", "SLACK_ORGANISATION_TOKEN=xoxp-org"}
	return s.launch(ts, append([]string{"run", "--data", "data", "--listen", "127.0.0.1:0"}, args...))
}

// tell speaks to the control API.
func (s *slackStage) tell(path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	method, body := http.MethodPost, io.Reader(bytes.NewReader(b))
	if in == nil {
		method, body = http.MethodGet, nil
	}
	req, err := http.NewRequest(method, s.control+path, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if b, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// patiently tries until something is so.
func patiently(what string, ok func() (bool, error)) error {
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		done, err := ok()
		if err != nil || done {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited in vain until %s", what)
		}
	}
}

func (s *slackStage) does(ts *testscript.TestScript, args []string) error {
	act, args := args[0], args[1:]
	in := map[string]any{}
	set := func(names ...string) error {
		if len(args) < len(names) {
			return fmt.Errorf("slack %s wants %v", act, names)
		}
		for i, n := range names {
			in[n] = args[i]
		}
		return nil
	}
	var err error
	switch act {
	case "say":
		if err := s.listens(); err != nil {
			return err
		}
		var out struct {
			TS string `json:"ts"`
		}
		err = errors.Join(set("channel", "user", "text"), s.tell("/say", in, &out))
		ts.Setenv("TS", out.TS)
		return err
	case "file": // CHANNEL WHO NAME [LINE…]; a line that begins with "at http" says that it is elsewhere
		if err := s.listens(); err != nil {
			return err
		}
		var out struct {
			TS string `json:"ts"`
		}
		f := map[string]any{"name": args[2]}
		lines := args[3:]
		if len(lines) > 0 && strings.HasPrefix(lines[0], "at http") {
			f["link"], lines = strings.TrimPrefix(lines[0], "at "), lines[1:]
		}
		f["data"] = documenttest.File(args[2], lines...)
		in["channel"], in["user"], in["hosted"] = args[0], args[1], []any{f}
		err := s.tell("/say", in, &out)
		ts.Setenv("TS", out.TS)
		return err
	case "drop":
		in["channel"], in["ts"], in["n"] = args[0], args[1], 0
		act = "dropfile"
	case "old":
		ago, parseErr := time.ParseDuration(args[2])
		in["channel"], in["user"], in["ago_seconds"], in["text"] = args[0], args[1], int(ago.Seconds()), args[3]
		err, act = errors.Join(parseErr, s.listens()), "say"
	case "invite":
		in["invited"] = "bot"
		err = errors.Join(s.listens(), set("channel", "user"))
	case "edit":
		err = set("channel", "user", "ts", "text")
	case "delete":
		err = set("channel", "user", "ts")
	case "join", "leave":
		err = set("channel", "user")
	case "http":
		return s.overHTTP()
	case "share":
		err = set("channel")
	case "cut":
		err = set("how")
	case "fault":
		n, convErr := strconv.Atoi(args[1])
		return errors.Join(convErr, s.tell("/faults", map[string]any{"method": args[0], "status": n}, nil))
	case "press", "twice":
		var p labMessage
		if p, err = s.prompt(args[0]); err == nil {
			in["user"], in["action"], in["ts"], in["ticked"] = args[0], args[1], p.TS, args[2:]
		}
		if err == nil && act == "twice" {
			err, act = s.tell("/press", in, nil), "press"
		}
	case "tap":
		var m labMessage
		if m, err = s.newest(args[0], args[1]); err == nil {
			in["user"], in["action"], in["ts"] = args[0], args[1], m.TS
		}
		act = "press"
	case "homepress":
		in["user"], in["action"] = args[0], strings.TrimSpace(ts.ReadFile(args[1]))
		act = "press"
	case "write":
		err = errors.Join(s.listens(), set("user", "text"))
	case "command":
		in["command"] = "/chaperone"
		err = set("user", "channel", "text")
	case "home":
		err = set("user")
	case "shortcut":
		err = set("user", "action")
		if len(args) == 4 {
			in["channel"], in["ts"] = args[2], args[3]
		}
	case "submit":
		err = patiently("a modal stands open", func() (bool, error) {
			var all []struct {
				ID string `json:"id"`
			}
			err := s.tell("/modals/"+args[0], nil, &all)
			if len(all) > 0 {
				in["user"], in["view"], in["texts"] = args[0], all[len(all)-1].ID, map[string]string{"text": args[1]}
			}
			return len(all) > 0, err
		})
		if err == nil && len(args) > 2 {
			err = s.tell("/submit", in, nil)
		}
	default:
		return fmt.Errorf("nobody can %s on Slack", act)
	}
	if err != nil {
		return err
	}
	return s.tell("/"+act, in, nil)
}

// listens waits until a bot is connected.
func (s *slackStage) listens() error {
	if s.http {
		return nil
	}
	return patiently("a bot listens", func() (bool, error) {
		var n int
		err := s.tell("/connected", nil, &n)
		return n > 0, err
	})
}

// labMessage is what somebody alone sees.
type labMessage struct {
	TS     string          `json:"ts"`
	Text   string          `json:"text"`
	Only   string          `json:"only"`
	Blocks json.RawMessage `json:"blocks"`
	Meta   struct {
		Payload struct {
			Prompt string `json:"prompt"`
			Kind   string `json:"kind"`
		} `json:"event_payload"`
	} `json:"metadata"`
}

// asks reports whether a message is a prompt, and not what is told of one.
func (m labMessage) asks() bool { return m.Meta.Payload.Prompt != "" && len(m.Blocks) > 0 }

// newest is the newest message of somebody with an element.
func (s *slackStage) newest(who, action string) (m labMessage, err error) {
	return m, patiently(who+" sees "+action, func() (bool, error) {
		var all []labMessage
		err := s.tell("/sees/"+who, nil, &all)
		for _, x := range slices.Backward(all) {
			if strings.Contains(string(x.Blocks), `"action_id":"`+action+`"`) {
				m = x
				return true, err
			}
		}
		return false, err
	})
}

// told waits until one of the messages that somebody alone sees says all of it.
func (s *slackStage) told(_ *testscript.TestScript, args []string) error {
	var all []labMessage
	err := patiently("it says so", func() (bool, error) {
		err := s.tell("/sees/"+args[0], nil, &all)
		return slices.ContainsFunc(all, func(m labMessage) bool {
			return !slices.ContainsFunc(args[1:], func(want string) bool { return !strings.Contains(m.Text+string(m.Blocks), want) })
		}), err
	})
	if err != nil {
		seen, _ := json.Marshal(all) // for whoever reads the failure
		return fmt.Errorf("%w; they see %s", err, seen)
	}
	return nil
}

func (s *slackStage) untold(_ *testscript.TestScript, args []string) error {
	var all []labMessage
	err := s.tell("/sees/"+args[0], nil, &all)
	for _, m := range all {
		if strings.Contains(m.Text+string(m.Blocks), args[1]) {
			return fmt.Errorf("they are told %s", m.Text)
		}
	}
	return err
}

// looks waits until what the lab shows somebody says so.
func looks(path string) func(*slackStage, *testscript.TestScript, []string) error {
	return func(s *slackStage, _ *testscript.TestScript, args []string) error {
		var shown json.RawMessage
		err := patiently("it says so", func() (bool, error) {
			err := s.tell(path+args[0], nil, &shown)
			for _, want := range args[1:] {
				not, absent := strings.CutPrefix(want, "!")
				if absent && strings.Contains(string(shown), not) || !absent && !strings.Contains(string(shown), want) {
					return false, err
				}
			}
			return true, err
		})
		if err != nil {
			return fmt.Errorf("%w; it shows %s", err, shown)
		}
		return nil
	}
}

// prompt is the newest prompt that somebody sees.
func (s *slackStage) prompt(who string) (labMessage, error) {
	var all []labMessage
	err := s.tell("/sees/"+who, nil, &all)
	for _, m := range slices.Backward(all) {
		if m.asks() {
			return m, err
		}
	}
	return labMessage{}, errors.Join(err, fmt.Errorf("%s sees no prompt", who))
}

func (s *slackStage) asked(_ *testscript.TestScript, args []string) error {
	var last string
	err := patiently("it says so", func() (bool, error) {
		p, err := s.prompt(args[0])
		if err != nil {
			return false, nil // not yet
		}
		last = p.Text + "\n" + string(p.Blocks)
		for _, want := range args[1:] {
			not, absent := strings.CutPrefix(want, "!")
			if absent && strings.Contains(last, not) || !absent && !strings.Contains(last, want) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("%w; it says %s", err, last)
	}
	return nil
}

func (s *slackStage) unasked(_ *testscript.TestScript, args []string) error {
	var all []labMessage
	if err := s.tell("/sees/"+args[0], nil, &all); err != nil || len(all) == 0 {
		return err
	}
	return fmt.Errorf("%s was shown %d messages", args[0], len(all))
}

func (s *slackStage) prompts(_ *testscript.TestScript, args []string) error {
	return patiently("there are so many prompts", func() (bool, error) {
		var all []labMessage
		err := s.tell("/sees/"+args[0], nil, &all)
		all = slices.DeleteFunc(all, func(m labMessage) bool { return !m.asks() })
		return fmt.Sprint(len(all)) == args[1], err
	})
}

func (s *slackStage) calls(_ *testscript.TestScript, args []string) error {
	var n int
	err := patiently(args[0]+" was called so often", func() (bool, error) {
		var all []json.RawMessage
		err := s.tell("/calls?method="+args[0], nil, &all)
		n = len(all)
		return fmt.Sprint(n) == args[1], err
	})
	if err != nil {
		return fmt.Errorf("%w: %d times", err, n)
	}
	return nil
}

func (s *slackStage) is(args []string, there bool) error {
	return patiently("the members are so", func() (bool, error) {
		var all []string
		err := s.tell("/members/"+args[0], nil, &all)
		return slices.Contains(all, args[1]) == there, err
	})
}

func (s *slackStage) right(*testscript.TestScript, []string) error {
	var wrong []string
	if err := s.tell("/wrong", nil, &wrong); err != nil || len(wrong) == 0 {
		return err
	}
	return errors.New(strings.Join(wrong, "\n"))
}
