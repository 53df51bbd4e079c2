package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"chaperone/internal/document/documenttest"
)

// TestScriptsOnDiscord plays what is promised there, with chatlab in Discord's
// place. Beside the usual commands a script has:
//
//	chatlab SEED                       start chatlab with what the file says
//	run [flags]                        start "chaperone run" on $WORK/chaperone.yaml
//	end / crash
//	discord say CHANNEL WHO TEXT       its id is $ID from then on
//	discord file CHANNEL WHO NAME [ended] [LINE…]   posts a file with those lines; ended: its address has
//	discord edit CHANNEL WHO ID TEXT, discord delete CHANNEL WHO ID
//	discord press WHO LABEL [TEXT]     a button of the newest prompt of WHO
//	discord tap WHO CHANNEL LABEL      a button of the newest message there that has it; alone for CHANNEL: what they alone see
//	discord command WHO CHANNEL NAME [TEXT]   discord capture WHO CHANNEL ID: "Capture this" on a message
//	discord old CHANNEL WHO MINUTES TEXT      says something so long ago
//	discord closed WHO                 takes no direct messages
//	discord join WHO, discord role WHO NAME   … a role above that of the bot
//	discord thread CHANNEL WHO NAME TEXT      begins a thread, or a post; its id is $ID
//	discord archive THREAD
//	discord cut HOW                    every connection
//	asked WHO CONTAINS…                wait until the newest prompt of WHO says so; ! before a text: does not
//	told WHO CONTAINS…                 wait until the newest thing that they alone see says so
//	reads CHANNEL WHO CONTAINS…        wait until a message there says so; ! before a text: none does
//	calls ROUTE N                      wait until it was called N times with success
//	unasked WHO                        nothing was ever shown to them alone
//	stands CHANNEL WHO N               wait until so many messages stand there
//	within WHO, without WHO            wait until somebody is in the server, or is not
//	right                              no client asked for what there is no route for
func TestScriptsOnDiscord(t *testing.T) {
	t.Parallel()
	chatlab := chatlab(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", "discord"),
		Setup: func(env *testscript.Env) error {
			s := &discordStage{slackStage{stage: stage{dir: env.WorkDir}, chatlab: chatlab}}
			env.Values["discord"] = s
			env.Defer(func() { s.kill(); s.killLab() })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"chatlab": onDiscord((*discordStage).startLab), "run": onDiscord((*discordStage).run),
			"end":     onDiscord(func(s *discordStage, ts *testscript.TestScript, args []string) error { return s.stop(ts, args) }),
			"crash":   onDiscord(func(s *discordStage, _ *testscript.TestScript, _ []string) error { s.kill(); return nil }),
			"discord": onDiscord((*discordStage).does), "asked": onDiscord((*discordStage).asked), "unasked": onDiscord((*discordStage).unasked),
			"told": onDiscord((*discordStage).told), "reads": onDiscord((*discordStage).reads), "calls": onDiscord((*discordStage).calls),
			"stands": onDiscord((*discordStage).stands), "right": onDiscord((*discordStage).right),
			"within":  onDiscord(func(s *discordStage, _ *testscript.TestScript, args []string) error { return s.is(args, true) }),
			"without": onDiscord(func(s *discordStage, _ *testscript.TestScript, args []string) error { return s.is(args, false) }),
		},
	})
}

// discordStage is the running program of one script, and chatlab.
type discordStage struct{ slackStage }

func onDiscord(do func(*discordStage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := do(ts.Value("discord").(*discordStage), ts, args)
		if neg != (err != nil) {
			ts.Fatalf("%v", err)
		}
	}
}

var labAddress = regexp.MustCompile(`(?m)^(\w+) (http://\S+)$`)

func (s *discordStage) startLab(ts *testscript.TestScript, args []string) error {
	s.lab = exec.Command(s.chatlab, "--discord", "127.0.0.1:0", "--control", "127.0.0.1:0", "--seed", args[0])
	s.lab.Dir = s.dir
	out, err := s.lab.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.lab.Start(); err != nil {
		return err
	}
	said := ""
	for b := make([]byte, 200); !strings.Contains(said, "ready\n"); {
		n, err := out.Read(b)
		if err != nil {
			return fmt.Errorf("chatlab did not start: %w", err)
		}
		said += string(b[:n])
	}
	at := map[string]string{}
	for _, m := range labAddress.FindAllStringSubmatch(said, -1) {
		at[m[1]] = m[2]
	}
	s.control = at["control"] + "/discord"
	ts.Setenv("CONTROL", s.control)
	name := filepath.Join(s.dir, "chaperone.yaml")
	config, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(strings.ReplaceAll(string(config), "$DISCORD", at["discord"])), 0o600)
}

func (s *discordStage) run(ts *testscript.TestScript, args []string) error {
	s.env = []string{"DISCORD_TOKEN=lab.bot"}
	return s.launch(ts, append([]string{"run", "--data", "data", "--listen", "127.0.0.1:0"}, args...))
}

func (s *discordStage) does(ts *testscript.TestScript, args []string) error {
	act, args := args[0], args[1:]
	in := map[string]any{}
	set := func(names ...string) error {
		if len(args) != len(names) {
			return fmt.Errorf("discord %s wants %v", act, names)
		}
		for i, n := range names {
			in[n] = args[i]
		}
		return nil
	}
	var out struct {
		ID string `json:"id"`
	}
	defer func() {
		if out.ID != "" {
			ts.Setenv("ID", out.ID)
		}
	}()
	switch act {
	case "say":
		err := errors.Join(set("channel", "user", "text"), s.listens())
		if args[0] == "bot" {
			delete(in, "channel")
		}
		return errors.Join(err, s.tell("/say", in, &out))
	case "file": // CHANNEL WHO NAME [ended] [LINE…]
		in["channel"], in["user"], in["file"] = args[0], args[1], args[2]
		lines := args[3:]
		if len(lines) > 0 && lines[0] == "ended" {
			in["ended"], lines = true, lines[1:]
		}
		in["data"] = documenttest.File(args[2], lines...)
		return errors.Join(s.listens(), s.tell("/say", in, &out))
	case "old":
		minutes, err := strconv.Atoi(args[2])
		args = slices.Delete(args, 2, 3)
		in["minutes_ago"] = minutes
		return errors.Join(err, set("channel", "user", "text"), s.listens(), s.tell("/say", in, &out))
	case "thread":
		return errors.Join(set("channel", "user", "name", "text"), s.listens(), s.tell("/thread", in, &out))
	case "archive":
		return errors.Join(set("thread"), s.tell("/archive", in, nil))
	case "closed":
		in["closed"] = true
		return errors.Join(set("user"), s.tell("/no-dm", in, nil))
	case "join", "role":
		guild, err := s.guild()
		in["guild"] = guild
		if act == "role" {
			return errors.Join(err, set("user", "name"), s.tell("/role", in, nil))
		}
		return errors.Join(err, set("user"), s.tell("/join", in, nil))
	case "command":
		if len(args) == 4 {
			in["text"], args = args[3], args[:3]
		}
		return errors.Join(set("user", "channel", "name"), s.tell("/command", in, nil))
	case "capture":
		in["name"] = "Capture this"
		return errors.Join(set("user", "channel", "message"), s.tell("/command", in, nil))
	case "tap":
		var all []discordMessage
		where := "/channels/" + args[1] + "/as/" + args[0]
		if args[1] == "alone" {
			where = "/direct/" + args[0]
		}
		if err := s.tell(where, nil, &all); err != nil {
			return err
		}
		for _, m := range slices.Backward(all) {
			if custom, has := m.button(args[2]); has {
				return s.tell("/press", map[string]any{"user": args[0], "channel": m.Channel, "message": m.ID, "custom_id": custom}, nil)
			}
		}
		return fmt.Errorf("there is no button %q in %s", args[2], args[1])
	case "edit":
		return errors.Join(set("channel", "user", "message", "text"), s.tell("/edit", in, nil))
	case "delete":
		return errors.Join(set("channel", "user", "message"), s.tell("/delete", in, nil))
	case "cut":
		return errors.Join(set("how"), s.tell("/cut", in, nil))
	case "press":
		p, err := s.newestPrompt(args[0])
		if err != nil {
			return err
		}
		in["user"], in["channel"], in["message"] = args[0], p.Channel, p.ID
		in["custom_id"], _ = p.button(args[1])
		if len(args) > 2 {
			in["text"] = args[2]
		}
		return s.tell("/press", in, nil)
	}
	return fmt.Errorf("nobody can %s on Discord", act)
}

func (s *discordStage) listens() error {
	return patiently("a bot listens", func() (bool, error) {
		var n struct{ Sessions int }
		err := s.tell("/connected", nil, &n)
		return n.Sessions > 0, err
	})
}

// discordMessage is a message as somebody sees it.
type discordMessage struct {
	ID         string `json:"id"`
	Channel    string `json:"channel_id"`
	Content    string `json:"content"`
	Components []struct {
		Components []struct {
			Label  string `json:"label"`
			Custom string `json:"custom_id"`
		} `json:"components"`
	} `json:"components"`
}

// said is what a message says, buttons included, without the signs that keep
// texts inert.
func (m discordMessage) said() string {
	b, _ := json.Marshal(m.Components)
	return strings.ReplaceAll(m.Content, `\`, "") + "\n" + string(b)
}

func (m discordMessage) button(label string) (custom string, has bool) {
	for _, row := range m.Components {
		for _, b := range row.Components {
			if b.Label == label {
				return b.Custom, true
			}
		}
	}
	return "no button " + label, false
}

// says reports whether a text says all of these; ! before one: does not.
func says(text string, all []string) bool {
	return !slices.ContainsFunc(all, func(want string) bool {
		want, not := strings.CutPrefix(want, "!")
		return strings.Contains(text, want) == not
	})
}

func (s *discordStage) told(_ *testscript.TestScript, args []string) error {
	last := ""
	err := patiently("they are told so", func() (bool, error) {
		var all []discordMessage
		err := s.tell("/direct/"+args[0], nil, &all)
		if err != nil || len(all) == 0 {
			return false, err
		}
		last = all[len(all)-1].said()
		return says(last, args[1:]), nil
	})
	if err != nil {
		return fmt.Errorf("%w; the newest says %s", err, last)
	}
	return nil
}

func (s *discordStage) reads(_ *testscript.TestScript, args []string) error {
	text := ""
	err := patiently("it is read there", func() (bool, error) {
		var all []discordMessage
		err := s.tell("/channels/"+args[0]+"/as/"+args[1], nil, &all)
		text = ""
		for _, m := range all {
			text += m.said() + "\n"
		}
		return says(text, args[2:]), err
	})
	if err != nil {
		return fmt.Errorf("%w; it says %s", err, text)
	}
	return nil
}

func (s *discordStage) calls(_ *testscript.TestScript, args []string) error {
	n := 0
	err := patiently("it was called so often", func() (bool, error) {
		var all []struct {
			Route  string
			Status int
		}
		err := s.tell("/calls", nil, &all)
		n = 0
		for _, c := range all {
			if c.Route == args[0] && c.Status < 300 {
				n++
			}
		}
		return fmt.Sprint(n) == args[1], err
	})
	if err != nil {
		return fmt.Errorf("%w: %d", err, n)
	}
	return nil
}

func (s *discordStage) guild() (string, error) {
	var guilds []struct{ ID string }
	if err := s.tell("/guilds", nil, &guilds); err != nil || len(guilds) == 0 {
		return "", errors.Join(err, errors.New("there is no server"))
	}
	return guilds[0].ID, nil
}

func (s *discordStage) newestPrompt(who string) (discordMessage, error) {
	var all []discordMessage
	err := s.tell("/direct/"+who, nil, &all)
	for _, m := range slices.Backward(all) {
		if strings.Contains(m.Content, "Ref. ") {
			return m, err
		}
	}
	return discordMessage{}, errors.Join(err, fmt.Errorf("%s sees no prompt", who))
}

func (s *discordStage) asked(_ *testscript.TestScript, args []string) error {
	last := ""
	err := patiently("it says so", func() (bool, error) {
		p, err := s.newestPrompt(args[0])
		if err != nil {
			return false, nil // not yet
		}
		last = p.said()
		return says(last, args[1:]), nil
	})
	if err != nil {
		return fmt.Errorf("%w; it says %s", err, last)
	}
	return nil
}

func (s *discordStage) unasked(_ *testscript.TestScript, args []string) error {
	var all []discordMessage
	if err := s.tell("/direct/"+args[0], nil, &all); err != nil || len(all) == 0 {
		return err
	}
	return fmt.Errorf("%s was shown %d messages", args[0], len(all))
}

func (s *discordStage) stands(_ *testscript.TestScript, args []string) error {
	var all []discordMessage
	err := patiently("so many messages stand there", func() (bool, error) {
		err := s.tell("/channels/"+args[0]+"/as/"+args[1], nil, &all)
		return fmt.Sprint(len(all)) == args[2], err
	})
	if err != nil {
		return fmt.Errorf("%w: %d", err, len(all))
	}
	return nil
}

func (s *discordStage) is(args []string, there bool) error {
	return patiently("the members are so", func() (bool, error) {
		guild, err := s.guild()
		if err != nil {
			return false, err
		}
		var all []string
		err = s.tell("/members/"+guild, nil, &all)
		return slices.Contains(all, args[0]) == there, err
	})
}

func (s *discordStage) right(*testscript.TestScript, []string) error {
	var unknown []string
	if err := s.tell("/unknown", nil, &unknown); err != nil || len(unknown) == 0 {
		return err
	}
	return errors.New(strings.Join(unknown, "\n"))
}
