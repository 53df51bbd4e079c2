package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSoakOnDiscord starts the real program in a server of 50,000 members, 1,000
// channels and 5,000 threads, at the fifty calls a second that Discord allows:
// every channel has its notice, what is said is read, and it takes less than 300
// MiB. So it does where there is a staff directory, by which every member is listed
// and looked at.
func TestSoakOnDiscord(t *testing.T) {
	if os.Getenv("CHAPERONE_SOAK") == "" {
		t.Skip("skipped: it takes some minutes; set CHAPERONE_SOAK=1")
	}
	t.Run("alone", func(t *testing.T) { soakOnDiscord(t, false) })
	t.Run("with a directory", func(t *testing.T) { soakOnDiscord(t, true) })
}

func soakOnDiscord(t *testing.T, directory bool) {
	const channels, threads, people, most = 1_000, 5, 50_000, 300 << 20
	type m = map[string]any
	on := discordUnder(3)
	seed := on.seed.(m)
	seed["crowd"], seed["global_limit"] = people, true
	seed["people"] = append(seed["people"].([]m), m{"id": "2000", "name": "joiner", "away": true})
	all := []m{{"id": "201", "name": "flood-north", "threads": threads}}
	for i := range channels - 1 {
		all = append(all, m{"id": fmt.Sprint(10_000 + i), "name": fmt.Sprint("channel-", i), "threads": threads})
	}
	seed["channels"] = all
	w := &underKills{platformUnder: on, binary: build(t, ""), chatlab: chatlab(t), rnd: rand.New(rand.NewPCG(1, 1)), dir: t.TempDir()}
	w.open(t)
	if directory {
		w.employ(t)
	}
	began := time.Now()
	w.begin(t)
	if err := patiently("it is connected", func() (bool, error) {
		var n struct{ Sessions int }
		err := w.tell("/connected", nil, &n)
		return n.Sessions > 0, err
	}); err != nil {
		t.Fatalf("%v\n%s", err, w.tail())
	}
	t.Logf("connected after %v, memory %d MiB", time.Since(began).Round(time.Millisecond), w.memory(t)>>20)
	w.answer(t, "101", "A team at work", "the flood team", "Ann Dee, Bob Cox", "Morag Sinclair, 01632 960120", "the records folder, seven years", "Post the notice")
	calls := map[string]int{}
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Second) {
		calls = w.routes(t)
		if calls["POST /channels/{channel}/messages"] >= channels {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after ten minutes %v\n%s", calls, w.tail())
		}
	}
	t.Logf("%d channels have their notice after %v, memory %d MiB, calls %v", channels, time.Since(began).Round(time.Second), w.memory(t)>>20, calls)

	for route, n := range calls {
		if strings.HasPrefix(route, "429") && n > 50 {
			t.Errorf("%d calls were one too many", n)
		}
	}
	spoke := time.Now()
	w.say(t, 0)
	if err := patiently("they are asked", func() (bool, error) { n, err := w.asks(w, w.who(0)); return n > 0, err }); err != nil {
		t.Fatalf("%v\n%s", err, w.tail())
	}
	t.Logf("whoever spoke is asked after %v", time.Since(spoke).Round(time.Millisecond))

	// Somebody joins the server, and with it a thousand channels: they are told once.
	var guilds []struct{ ID string }
	if err := w.tell("/guilds", nil, &guilds); err != nil {
		t.Fatal(err)
	}
	if err := w.tell("/join", m{"guild": guilds[0].ID, "user": "2000"}, nil); err != nil {
		t.Fatal(err)
	}
	if directory {
		w.listed(t, people)
	}
	time.Sleep(20 * time.Second)
	var told []json.RawMessage
	if err := w.tell("/direct/2000", nil, &told); err != nil || len(told) != 1 {
		t.Errorf("whoever joined was told %d times (%v)", len(told), err)
	}
	if peak := w.memory(t); peak > most {
		t.Errorf("it took %d MiB", peak>>20)
	} else {
		t.Logf("memory %d MiB at its peak", peak>>20)
	}
}

// routes counts the calls that had an effect, by route.
func (w *underKills) routes(t *testing.T) map[string]int {
	var all []struct {
		Route  string
		Status int
	}
	if err := w.tell("/calls", nil, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, c := range all {
		if c.Status == 429 {
			c.Route = "429 of " + strings.Fields(c.Route)[0]
		}
		out[c.Route]++
	}
	return out
}

// employ gives the program a staff directory of a thousand people.
func (w *underKills) employ(t *testing.T) {
	t.Helper()
	name := filepath.Join(w.dir, "chaperone.yaml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	config = append(config, "directory:\n  file: people.csv\n  mapping: {id: Staff number, name: Name, emails: [Email], leaves: Last day}\n"...)
	var people strings.Builder
	people.WriteString("Staff number,Name,Email,Last day\n")
	for i := range 1000 {
		fmt.Fprintf(&people, "S%05d,Alex Vale %d,alex.vale.%d@calderwick.example,\n", i, i, i)
	}
	if err := errors.Join(os.WriteFile(name, config, 0o600), os.WriteFile(filepath.Join(w.dir, "people.csv"), []byte(people.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// listed waits until everybody in the server is known.
func (w *underKills) listed(t *testing.T, people int) {
	t.Helper()
	began, n := time.Now(), 0
	if err := patiently("everybody is listed", func() (bool, error) {
		c := exec.Command(w.binary, "members", "list", "--data", "data", "--config", "chaperone.yaml")
		c.Dir, c.Env = w.dir, slices.Concat(os.Environ(), w.env)
		out, err := c.Output()
		n = strings.Count(string(out), "discord/")
		time.Sleep(time.Second)
		return n >= people, err
	}); err != nil {
		t.Errorf("%v: %d are\n%s", err, n, w.tail())
	}
	calls := w.routes(t)
	t.Logf("%d lines about members, after %v; %d calls for lists; memory %d MiB", n, time.Since(began).Round(time.Second), calls["GET /guilds/{guild}/members"], w.memory(t)>>20)
}

// answer answers the questions about a server, one after the other.
func (w *underKills) answer(t *testing.T, who string, words ...string) {
	t.Helper()
	told := func() (n int, err error) {
		var all []discordMessage
		err = w.tell("/direct/"+who, nil, &all)
		return len(all), err
	}
	before := 0
	for _, text := range words {
		if err := patiently("they are asked", func() (bool, error) { n, err := told(); return n > before, err }); err != nil {
			t.Fatalf("%v\n%s", err, w.tail())
		}
		before, _ = told()
		if err := w.tell("/say", map[string]any{"user": who, "text": text}, nil); err != nil {
			t.Fatal(err)
		}
		before++ // their own words
	}
}
