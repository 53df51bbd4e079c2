package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chaperone/rules"
)

// TestKillsOnPlatforms kills the real program at every step of the path while
// it is on Slack and on Discord, with chatlab in their place: whoever said
// something that must prompt, before, while or after, is asked, and once. A tenth
// of Slack's envelopes come twice and a tenth out of order; what is shown in
// passing there may be shown once more for each kill. CHAPERONE_SOAK=1 runs 2,000
// kills on each, CHAPERONE_KILLS=200 as many as it says.
func TestKillsOnPlatforms(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	t.Parallel()
	kills := 30 // a minute of a core is enough for two hundred
	if os.Getenv("CHAPERONE_SOAK") != "" {
		kills = 2000
	}
	if n, err := strconv.Atoi(os.Getenv("CHAPERONE_KILLS")); err == nil {
		kills = n
	}
	seed := seed(t)
	binary, chatlab := build(t, "failpoint"), chatlab(t)
	var steps []string
	for _, s := range failpoints(t) {
		if kind, _, _ := strings.Cut(s, "."); kind == "receive" || kind == "settle" || kind == "act" {
			steps = append(steps, s)
		}
	}
	steps = append(steps, anytime)
	for _, on := range []platformUnder{slackUnder(3 * kills), discordUnder(3 * kills)} {
		t.Run(on.name, func(t *testing.T) {
			t.Parallel()
			w := &underKills{platformUnder: on, binary: binary, chatlab: chatlab, rnd: rand.New(rand.NewPCG(seed, uint64(len(on.name)))), dir: t.TempDir()}
			w.open(t)
			for k := range kills {
				w.cycle(t, k, steps[k%len(steps)])
			}
			w.conclude(t)
			w.passing(t, kills)
		})
	}
}

// platformUnder is what differs between the platforms.
type platformUnder struct {
	name, config, channel string
	seed                  any
	env                   []string
	people                int
	who                   func(i int) string
	asks                  func(w *underKills, who string) (int, error) // that they see
	wrong                 string                                       // where the lab tells of what no client may do
}

func slackUnder(people int) platformUnder {
	who := func(i int) string { return fmt.Sprintf("U0P%07d", i) }
	type m = map[string]any
	all, in := []m{}, []string{"bot"}
	for i := range people {
		all, in = append(all, m{"id": who(i), "name": fmt.Sprint("p", i), "real_name": fmt.Sprint("Alex Vale ", i)}), append(in, who(i))
	}
	return platformUnder{
		name: "slack", people: people, config: `{bot_token: env:SLACK_BOT_TOKEN, app_token: env:SLACK_APP_TOKEN, api_url: "ADDRESS/api"}`, channel: "C0FLOOD001",
		seed: m{"options": m{"Tiers": 1000}, "people": all, "channels": []m{{"id": "C0FLOOD001", "name": "flood-north", "members": in}}},
		env:  []string{"SLACK_BOT_TOKEN=xoxb-lab", "SLACK_APP_TOKEN=xapp-lab"}, who: who, wrong: "/wrong",
		asks: func(w *underKills, who string) (int, error) {
			var all []labMessage
			err := w.tell("/sees/"+who, nil, &all)
			return len(slices.DeleteFunc(all, func(m labMessage) bool { return !m.asks() })), err
		},
	}
}

func discordUnder(people int) platformUnder {
	who := func(i int) string { return fmt.Sprint(1000 + i) }
	type m = map[string]any
	all := []m{{"id": "101", "name": "morag"}}
	for i := range people {
		all = append(all, m{"id": who(i), "name": fmt.Sprint("alex", i)})
	}
	return platformUnder{
		name: "discord", people: people, config: `{token: "env:DISCORD_TOKEN", api_url: "ADDRESS"}`, channel: "201",
		seed: m{"guild": "Calderwick", "people": all, "channels": []m{{"id": "201", "name": "flood-north"}}, "app": m{"name": "chaperone", "token": "lab.bot"}},
		env:  []string{"DISCORD_TOKEN=lab.bot"}, who: who, wrong: "/unknown",
		asks: func(w *underKills, who string) (int, error) {
			var all []discordMessage
			err := w.tell("/direct/"+who, nil, &all)
			return len(slices.DeleteFunc(all, func(m discordMessage) bool { return !strings.Contains(m.Content, "Ref. ") })), err
		},
	}
}

// underKills is the program on one platform.
type underKills struct {
	platformUnder
	slackStage // for the control API
	binary     string
	chatlab    string
	dir        string
	rnd        *rand.Rand
	ended      chan struct{}
	process    *exec.Cmd
}

func (w *underKills) open(t *testing.T) {
	b, err := json.Marshal(map[string]any{w.name: w.seed})
	if err != nil {
		t.Fatal(err)
	}
	seed := filepath.Join(w.dir, "seed.json")
	if err := os.WriteFile(seed, b, 0o600); err != nil {
		t.Fatal(err)
	}
	lab := exec.Command(w.chatlab, "--"+w.name, "127.0.0.1:0", "--control", "127.0.0.1:0", "--seed", seed)
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.end()
		_ = lab.Process.Kill() // nothing that it serves is kept
		_ = lab.Wait()
	})
	lines, at := bufio.NewScanner(out), ""
	for lines.Scan() && lines.Text() != "ready" {
		switch name, url, _ := strings.Cut(lines.Text(), " "); name {
		case w.name:
			at = url
		case "control":
			w.control = url + "/" + w.name
		}
	}
	config := fewRules(t, w.dir) + "contact: {name: Morag Sinclair, how: 01632 960120}\nbots:\n  " + w.name + ": " + strings.ReplaceAll(w.config, "ADDRESS", at) +
		"\nchats:\n  - {id: " + w.name + "/" + w.channel + ", kind: team, mode: act, administrators: [one, two], assessment: DPIA-1}\n"
	if err := os.WriteFile(filepath.Join(w.dir, "chaperone.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.name == "slack" {
		if err := w.tell("/weather", map[string]int{"duplicate_percent": 10, "reorder_percent": 10}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// fewRules switches off every rule but one in the program whose folder this is,
// and returns what its configuration says of them. A life is short and most of
// it would go on reading rules; the long form reads all of them.
func fewRules(t *testing.T, dir string) string {
	t.Helper()
	if os.Getenv("CHAPERONE_SOAK") != "" {
		return ""
	}
	all, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	off := "rules:\n"
	for _, r := range all {
		if r.ID != "uk-nhs" {
			off += "  - {id: " + r.ID + ", off: true}\n"
		}
	}
	own := filepath.Join(dir, "own")
	if err := errors.Join(os.MkdirAll(own, 0o700), os.WriteFile(filepath.Join(own, "few.yaml"), []byte(off), 0o600)); err != nil {
		t.Fatal(err)
	}
	return "rules: {directory: own}\n"
}

// begin starts the program; where it dies at once, that was the kill.
func (w *underKills) begin(t *testing.T, env ...string) {
	w.process = exec.Command(w.binary, "run", "--data", "data", "--key-file", "key", "--listen", "127.0.0.1:0")
	w.process.Dir = w.dir
	// Most of what a life costs is its start, and a fifth of that the collector.
	w.process.Env = slices.Concat(os.Environ(), []string{"GOGC=off", "GOMEMLIMIT=256MiB"}, w.env, env)
	out, err := w.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(w.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w.process.Stderr = log
	if err := w.process.Start(); err != nil {
		t.Fatal(err)
	}
	w.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) {
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait() // it was killed
		close(ended)
	}(w.process, w.ended)
}

func (w *underKills) end() {
	if w.process != nil {
		_ = w.process.Process.Kill() // it may have ended
		<-w.ended
	}
}

func (w *underKills) say(t *testing.T, i int) {
	in := map[string]any{"channel": w.channel, "user": w.who(i), "text": "NHS number 999 123 4543 belongs to Mrs Ada Thornbury of 12 Mill Lane"}
	if err := w.tell("/say", in, nil); err != nil {
		t.Fatal(err)
	}
}

// cycle is one life: somebody speaks while nobody listens, another while the
// program starts, a third when it works; it is killed at the step, or when all
// three were asked and the step is not passed any more.
func (w *underKills) cycle(t *testing.T, k int, step string) {
	if k > 0 { // the chat is known from the first life on
		w.say(t, 3*k)
	}
	env := []string{fmt.Sprintf("CHAPERONE_FAILPOINT=%s:%d", step, 1+w.rnd.IntN(4))}
	if step == anytime || k == 0 { // the notice has to stand before anything is read
		env = nil
	}
	w.begin(t, env...)
	if k == 0 {
		err := patiently("the notice stands", func() (bool, error) {
			_, err := os.Stat(filepath.Join(w.dir, "data"))
			return err == nil && w.noticed(), nil
		})
		if err != nil {
			t.Fatalf("%v\n%s", err, w.tail())
		}
		w.say(t, 0)
	}
	time.Sleep(time.Duration(w.rnd.IntN(300)) * time.Millisecond)
	w.say(t, 3*k+1)
	time.Sleep(time.Duration(w.rnd.IntN(300)) * time.Millisecond)
	w.say(t, 3*k+2)
	if step == anytime {
		time.Sleep(time.Duration(w.rnd.IntN(500)) * time.Millisecond)
		w.end()
		return
	}
	for end := time.Now().Add(120 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-w.ended:
			return
		default:
		}
		if n, err := w.asks(w, w.who(3*k+2)); err == nil && n > 0 {
			break
		}
	}
	w.end()
}

// noticed reports whether the bot has said in the chat that it reads there.
func (w *underKills) noticed() bool {
	var all []json.RawMessage
	path := "/messages/" + w.channel
	if w.name == "discord" {
		path = "/channels/" + w.channel + "/as/101"
	}
	return w.tell(path, nil, &all) == nil && len(all) > 0
}

// shown is all that somebody alone was shown, by the lab's word.
func (w *underKills) shown(who string) json.RawMessage {
	path := "/sees/"
	if w.name == "discord" {
		path = "/direct/"
	}
	var all json.RawMessage
	_ = w.tell(path+who, nil, &all) // what is empty says so
	return all
}

func (w *underKills) tail() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "log"))
	return string(b[max(0, len(b)-3000):])
}

// passing counts what was shown to people in passing, in the chat: it cannot be
// looked for afterwards, so that a kill between the showing and its note may
// repeat it.
func (w *underKills) passing(t *testing.T, kills int) {
	if w.name != "slack" {
		return
	}
	shown, repeats := 0, 0
	for i := range w.people {
		var all []labMessage
		if err := w.tell("/sees/"+w.who(i), nil, &all); err != nil {
			t.Fatal(err)
		}
		n := len(slices.DeleteFunc(all, func(m labMessage) bool { return m.Only == "" }))
		shown, repeats = shown+n, repeats+max(n-1, 0)
	}
	t.Logf("%d lines in passing, %d of them repeated by %d kills", shown, repeats, kills)
	if repeats > kills {
		t.Errorf("%d lines were repeated by %d kills", repeats, kills)
	}
}

// conclude lets the program finish, and counts.
func (w *underKills) conclude(t *testing.T) {
	w.begin(t)
	for i := range w.people {
		err := patiently(w.who(i)+" is asked", func() (bool, error) {
			n, err := w.asks(w, w.who(i))
			return n > 0, err
		})
		if err != nil {
			t.Fatalf("lost: %v\n%s", err, w.tail())
		}
	}
	w.end()
	for i := range w.people {
		if n, err := w.asks(w, w.who(i)); err != nil || n != 1 {
			t.Errorf("%s%s was asked %d times (%v): %s", repeated, w.who(i), n, err, w.shown(w.who(i)))
		}
	}
	var wrong []string
	if err := w.tell(w.wrong, nil, &wrong); err != nil || len(wrong) > 0 {
		t.Errorf("what no client may do (%v): %q", err, wrong)
	}
	if !t.Failed() {
		t.Logf("%d people, each asked once", w.people)
	}
}
