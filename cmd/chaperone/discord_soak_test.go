package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSoakOnDiscord starts the real program in a server of 50,000 members, 1,000
// channels and 5,000 threads, at the fifty calls a second that Discord allows:
// every channel has its notice, what is said is read, and it takes less than 300
// MiB.
func TestSoakOnDiscord(t *testing.T) {
	if os.Getenv("CHAPERONE_SOAK") == "" {
		t.Skip("skipped: it takes some minutes; set CHAPERONE_SOAK=1")
	}
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
