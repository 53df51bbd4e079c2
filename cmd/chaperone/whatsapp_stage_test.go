package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"chaperone/internal/document/documenttest"
)

// TestScriptsOnWhatsApp plays what is promised there, with chatlab in WhatsApp's
// place. The seed names people and groups; in a script people go by the first
// word of their names, in small letters, groups by their subject and the bot, in
// private, by "bot". Beside the usual commands a script has:
//
//	chatlab SEED                        start chatlab with what the file says; $GROUP1 … are its groups
//	link                                link the bot to the number of "office"
//	run [flags] / end / crash
//	phone say WHERE WHO TEXT            in a group its id is $ID from then on
//	phone file GROUP WHO NAME [LINE…]   posts a file with those lines; phone lost: which the server then loses
//	phone edit WHERE WHO ID TEXT, phone delete WHERE WHO ID, phone react WHERE WHO ID EMOJI
//	phone leave WHERE WHO, phone add|remove|promote WHERE BY WHO
//	phone offline WHO, phone online WHO
//	phone fault KIND WHO [CODE]         with the bot's device where it is "office"
//	asked WHO CONTAINS…                 wait until the newest prompt of WHO says so; ! before a text: does not
//	answer WHO LABEL [WORDS]            say the number of that answer to the newest prompt
//	thumb WHO                           react to it
//	told WHO CONTAINS…                  wait until the bot said so in private, besides prompts
//	prompts WHO N                       wait until they were asked N times
//	unasked WHO                         nothing was ever written to them alone
//	reads WHERE WHO CONTAINS…           wait until the bot said so in a group
//	gone WHERE WHO ID                   wait until a message was deleted there, by the bot
//	sent N                              the bot wrote so many private messages
//	within WHERE WHO, without WHERE WHO wait until somebody is there, or is not
//	listening                           wait until the bot's device is connected
//	right                               no client asked for what there is not
func TestScriptsOnWhatsApp(t *testing.T) {
	chatlab := chatlab(t)
	cmds := map[string]func(*testscript.TestScript, bool, []string){}
	for name, do := range map[string]func(*phoneStage, *testscript.TestScript, []string) error{
		"chatlab": (*phoneStage).startLab, "link": (*phoneStage).link, "phone": (*phoneStage).does,
		"run": func(s *phoneStage, ts *testscript.TestScript, args []string) error {
			return s.launch(ts, append([]string{"run", "--data", "data", "--listen", "127.0.0.1:0"}, args...))
		},
		"end":   func(s *phoneStage, ts *testscript.TestScript, args []string) error { return s.stop(ts, args) },
		"crash": func(s *phoneStage, _ *testscript.TestScript, _ []string) error { s.kill(); return nil },
		"asked": (*phoneStage).asked, "answer": (*phoneStage).answer, "thumb": (*phoneStage).thumb, "told": (*phoneStage).told,
		"prompts": (*phoneStage).prompts, "unasked": (*phoneStage).unasked, "reads": (*phoneStage).reads, "gone": (*phoneStage).gone,
		"sent": (*phoneStage).sent, "listening": (*phoneStage).listening, "right": (*phoneStage).right,
		"within":  func(s *phoneStage, _ *testscript.TestScript, args []string) error { return s.is(args, true) },
		"without": func(s *phoneStage, _ *testscript.TestScript, args []string) error { return s.is(args, false) },
	} {
		cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if err := do(ts.Value("phone").(*phoneStage), ts, args); neg != (err != nil) {
				ts.Fatalf("%v", err)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", "whatsapp"), Cmds: cmds,
		Setup: func(env *testscript.Env) error {
			s := &phoneStage{slackStage: slackStage{stage: stage{dir: env.WorkDir}, chatlab: chatlab}}
			env.Values["phone"] = s
			env.Defer(func() { s.kill(); s.killLab() })
			return nil
		},
	})
}

// phoneStage is the running program of one script, and chatlab.
type phoneStage struct {
	slackStage
	numbers map[string]string // by name
	groups  []labGroup
}

type labGroup struct{ Group, Subject string }

func (s *phoneStage) startLab(ts *testscript.TestScript, args []string) error {
	s.lab = exec.Command(s.chatlab, "--whatsapp", "127.0.0.1:0", "--control", "127.0.0.1:0", "--seed", args[0])
	s.lab.Dir, s.lab.Stderr = s.dir, os.Stderr
	out, err := s.lab.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.lab.Start(); err != nil {
		return err
	}
	at := map[string]string{}
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			return errors.New("chatlab did not start")
		}
		if lines.Text() == "ready" {
			break
		}
		name, url, _ := strings.Cut(lines.Text(), " ")
		at[name] = url
	}
	s.control = at["control"] + "/whatsapp"
	ts.Setenv("CONTROL", s.control)
	if err := s.know(args[0]); err != nil {
		return err
	}
	var about struct {
		Root string `json:"noise_root"`
	}
	if err := s.tell("/about", nil, &about); err != nil {
		return err
	}
	if err := s.tell("/groups", nil, &s.groups); err != nil {
		return err
	}
	name := filepath.Join(s.dir, "chaperone.yaml")
	config, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	here := "enabled: true, url: 'ws" + strings.TrimPrefix(at["whatsapp"], "http") + "/ws/chat', noise_root: " + about.Root
	config = bytes.ReplaceAll(config, []byte("$HERE"), []byte(here))
	for i, g := range s.groups {
		local, _, _ := strings.Cut(g.Group, "@")
		ts.Setenv(fmt.Sprint("GROUP", i+1), local)
		config = bytes.ReplaceAll(config, []byte(fmt.Sprint("$GROUP", i+1)), []byte(local))
	}
	return os.WriteFile(name, config, 0o600)
}

// know reads who the people of the seed are.
func (s *phoneStage) know(seed string) error {
	b, err := os.ReadFile(filepath.Join(s.dir, seed))
	if err != nil {
		return err
	}
	var all struct {
		WhatsApp struct {
			People []struct{ Number, Name string }
		}
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	s.numbers = map[string]string{}
	for _, p := range all.WhatsApp.People {
		first, _, _ := strings.Cut(strings.ToLower(p.Name), " ")
		s.numbers[first] = p.Number
	}
	return nil
}

// link links the number as somebody does who reads the code from the terminal.
func (s *phoneStage) link(_ *testscript.TestScript, args []string) error {
	bin, err := exec.LookPath("chaperone")
	if err != nil {
		return err
	}
	cmd := exec.Command(bin, append([]string{"link", "whatsapp", "--data", "data", "--by", "Aisha Rahman", "--json"}, args...)...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "TESTSCRIPT_COMMAND=chaperone")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	linked := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var now struct{ Code, Number string }
		if err := json.Unmarshal(lines.Bytes(), &now); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if now.Code != "" {
			if err := s.tell("/scan", map[string]string{"number": s.numbers["office"], "code": now.Code}, nil); err != nil {
				return err
			}
		}
		linked = now.Number
	}
	if err := cmd.Wait(); err != nil || linked != s.numbers["office"] {
		return fmt.Errorf("linked to %q: %w\n%s", linked, err, said.String())
	}
	return nil
}

// where is a group by its subject, or a person by their name.
func (s *phoneStage) where(name string) string {
	if name == "bot" {
		return s.numbers["office"]
	}
	for _, g := range s.groups {
		if g.Subject == name {
			return g.Group
		}
	}
	return s.numbers[name]
}

func (s *phoneStage) does(ts *testscript.TestScript, args []string) error {
	act, args := args[0], args[1:]
	need := map[string]int{"say": 3, "edit": 4, "delete": 3, "react": 4, "leave": 2, "add": 3, "remove": 3, "promote": 3, "offline": 1, "online": 1, "fault": 2, "file": 3, "lost": 3}[act]
	if need == 0 || len(args) < need {
		return fmt.Errorf("phone %s wants %d words", act, need)
	}
	in := map[string]any{}
	if need > 1 && act != "fault" {
		in["chat"], in["number"] = s.where(args[0]), s.numbers[args[1]]
	}
	switch act {
	case "say":
		var out struct{ Message string }
		in["text"] = args[2]
		err := s.tell("/say", in, &out)
		if args[0] != "bot" {
			ts.Setenv("ID", out.Message)
		}
		return err
	case "file", "lost": // GROUP WHO NAME [LINE…]; lost: the server has it no longer when it is fetched
		var out struct{ Message string }
		in["gone"] = act == "lost"
		in["file"], in["data"] = args[2], documenttest.File(args[2], args[3:]...)
		err := s.tell("/share", in, &out)
		ts.Setenv("ID", out.Message)
		return err
	case "edit":
		in["message"], in["text"] = args[2], args[3]
	case "delete":
		in["message"], in["author"] = args[2], in["number"]
	case "react":
		in["message"], in["text"], in["author"] = args[2], args[3], s.numbers["office"]
	case "add", "remove", "promote":
		in["how"], in["who"] = act, []string{s.numbers[args[2]]}
		act = "change"
	case "offline", "online":
		in["number"] = s.numbers[args[0]]
	case "fault":
		in["kind"], in["number"], act = args[0], s.numbers[args[1]], "faults"
		if args[1] == "office" {
			in["device"] = 1
		}
		if len(args) > 2 {
			in["code"] = json.Number(args[2])
		}
	}
	return s.tell("/"+act, in, nil)
}

// phoneSeen is one thing that arrived on somebody's phone.
type phoneSeen struct{ Kind, Chat, From, ID, About, Text string }

// seen lists what the bot's number wrote to somebody alone, or in a chat.
func (s *phoneStage) seen(who, in string) (out []phoneSeen, err error) {
	var all []phoneSeen
	err = s.tell("/seen/"+s.numbers[who], nil, &all)
	for _, x := range all {
		private := !strings.HasSuffix(x.Chat, "@g.us")
		if x.From == s.numbers["office"] && (in == "" && private || in != "" && x.Chat == in) {
			x.Text = strings.ReplaceAll(x.Text, "\u2060", "") // what keeps texts inert
			out = append(out, x)
		}
	}
	return out, err
}

// newest is the newest prompt that somebody reads, as it was edited last.
func (s *phoneStage) newest(who string) (phoneSeen, error) {
	all, err := s.seen(who, "")
	if err != nil {
		return phoneSeen{}, err
	}
	for _, p := range slices.Backward(all) {
		if p.Kind != "text" || p.About != "" || !prompts(p) {
			continue
		}
		for _, e := range all {
			if e.Kind == "edit" && e.About == p.ID {
				p.Text = e.Text
			}
		}
		return p, nil
	}
	return phoneSeen{}, fmt.Errorf("%s reads no prompt", who)
}

// prompts tells a prompt from other words by how it begins, and answers to what
// was said by how they end.
func prompts(p phoneSeen) bool {
	return strings.HasPrefix(p.Text, "Hello ") && !strings.Contains(p.Text, "\n\nYou can answer: ")
}

// fits reports whether a text says all of something.
func fits(text string, all []string) bool {
	return !slices.ContainsFunc(all, func(want string) bool {
		say, not := strings.CutPrefix(want, "!")
		return strings.Contains(text, say) == not
	})
}

func (s *phoneStage) asked(_ *testscript.TestScript, args []string) error {
	last := ""
	err := patiently("it says so", func() (bool, error) {
		p, err := s.newest(args[0])
		last = p.Text
		return err == nil && fits(last, args[1:]), nil
	})
	if err != nil {
		return fmt.Errorf("%w; it says %s", err, last)
	}
	return nil
}

func (s *phoneStage) answer(ts *testscript.TestScript, args []string) error {
	p, err := s.newest(args[0])
	if err != nil {
		return err
	}
	for _, line := range strings.Split(p.Text, "\n") {
		if n, label, ok := strings.Cut(line, "  "); ok && strings.HasPrefix(label, args[1]) {
			return s.does(ts, []string{"say", "bot", args[0], strings.TrimSpace(n + " " + strings.Join(args[2:], " "))})
		}
	}
	return fmt.Errorf("nothing means %q in %s", args[1], p.Text)
}

func (s *phoneStage) thumb(ts *testscript.TestScript, args []string) error {
	p, err := s.newest(args[0])
	if err != nil {
		return err
	}
	return s.does(ts, []string{"react", "bot", args[0], p.ID, "👍"})
}

// says waits until one of the texts that somebody reads says all of it.
func (s *phoneStage) says(who, in string, wanted []string) error {
	var all []phoneSeen
	err := patiently("it is said", func() (ok bool, err error) {
		all, err = s.seen(who, in)
		return slices.ContainsFunc(all, func(x phoneSeen) bool { return x.Kind == "text" && fits(x.Text, wanted) }), err
	})
	if err != nil {
		return fmt.Errorf("%w; there is %+v", err, all)
	}
	return nil
}

func (s *phoneStage) told(_ *testscript.TestScript, args []string) error {
	return s.says(args[0], "", args[1:])
}

func (s *phoneStage) reads(_ *testscript.TestScript, args []string) error {
	return s.says(args[1], s.where(args[0]), args[2:])
}

func (s *phoneStage) prompts(_ *testscript.TestScript, args []string) error {
	var ids map[string]bool // sent once more after a crash it is the same message, with the same id
	err := patiently("there are so many prompts", func() (bool, error) {
		all, err := s.seen(args[0], "")
		ids = map[string]bool{}
		for _, x := range all {
			if x.Kind == "text" && x.About == "" && prompts(x) {
				ids[x.ID] = true
			}
		}
		return fmt.Sprint(len(ids)) == args[1], err
	})
	if err != nil {
		return fmt.Errorf("%w: %v", err, ids)
	}
	return nil
}

func (s *phoneStage) unasked(_ *testscript.TestScript, args []string) error {
	all, err := s.seen(args[0], "")
	if err != nil || len(all) == 0 {
		return err
	}
	return fmt.Errorf("%s was written to: %+v", args[0], all)
}

func (s *phoneStage) gone(_ *testscript.TestScript, args []string) error {
	return patiently("it is deleted", func() (bool, error) {
		all, err := s.seen(args[1], s.where(args[0]))
		return slices.ContainsFunc(all, func(x phoneSeen) bool { return x.Kind == "revoke" && x.About == args[2] }), err
	})
}

// sent counts what the bot's device wrote to anybody alone.
func (s *phoneStage) sent(_ *testscript.TestScript, args []string) error {
	n := 0
	err := patiently("so much was sent", func() (bool, error) {
		var all []struct {
			Number, Tag, To string
			Device          int
		}
		err := s.tell("/traffic", nil, &all)
		n = 0
		for _, x := range all {
			if x.Number == s.numbers["office"] && x.Device == 1 && x.Tag == "message" && !strings.HasSuffix(x.To, "@g.us") {
				n++
			}
		}
		return fmt.Sprint(n) == args[0], err
	})
	if err != nil {
		return fmt.Errorf("%w: %d", err, n)
	}
	return nil
}

func (s *phoneStage) listening(*testscript.TestScript, []string) error {
	return patiently("the bot listens", func() (bool, error) {
		var all []struct {
			Device    int
			Listening bool
		}
		err := s.tell("/devices/"+s.numbers["office"], nil, &all)
		return len(all) > 1 && all[1].Listening, err
	})
}

func (s *phoneStage) is(args []string, there bool) error {
	return patiently("the members are so", func() (bool, error) {
		var all []string
		err := s.tell("/members/"+s.where(args[0]), nil, &all)
		return slices.Contains(all, s.numbers[args[1]]) == there, err
	})
}

func (s *phoneStage) right(*testscript.TestScript, []string) error {
	var notes []string
	if err := s.tell("/notes", nil, &notes); err != nil || len(notes) == 0 {
		return err
	}
	return errors.New(strings.Join(notes, "\n"))
}
