package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestSoakOnSlack runs the real program in a workspace of 5,000 channels, one of
// them with 10,000 members, at the pace that Slack's tiers allow, and then lets
// 200 things a second be said there for a minute.
func TestSoakOnSlack(t *testing.T) {
	if os.Getenv("CHAPERONE_SOAK") == "" {
		t.Skip("skipped: it takes some minutes; set CHAPERONE_SOAK=1")
	}
	const channels, members, rate, lasts = 5_000, 10_000, 200, 60
	on := slackUnder(members)
	type m = map[string]any
	seed := on.seed.(m)
	seed["options"] = m{"Tiers": 1}
	all := seed["channels"].([]m)
	for i := range channels - 1 {
		all = append(all, m{"id": fmt.Sprintf("C1%08d", i), "name": fmt.Sprint("channel-", i), "members": []string{on.who(2 * i), on.who(2*i + 1), "bot"}})
	}
	seed["channels"] = all
	w := &underKills{platformUnder: on, binary: build(t, ""), chatlab: chatlab(t), rnd: rand.New(rand.NewPCG(1, 1)), dir: t.TempDir()}
	w.open(t)
	if err := w.tell("/weather", m{}, nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.begin(t)
	if err := patiently("the notice stands", func() (bool, error) { return w.noticed(), nil }); err != nil {
		t.Fatalf("%v\n%s", err, w.tail())
	}
	t.Logf("the first notice stands after %v, memory %d MiB", time.Since(began).Round(time.Millisecond), w.memory(t)>>20)
	time.Sleep(90 * time.Second) // more than one of the tiers' minutes
	limited, calls := w.limited(t)
	t.Logf("after %v: %d channels noticed, %d MiB, calls %v, too many of %v", time.Since(began).Round(time.Second), calls["chat.postMessage"]-limited["chat.postMessage"], w.memory(t)>>20, calls, limited)
	for method, n := range limited {
		if n > calls[method]/10+5 {
			t.Errorf("%d of %d calls of %s were more than the tier allows", n, calls[method], method)
		}
	}

	if err := w.tell("/forget", m{}, nil); err != nil {
		t.Fatal(err)
	}
	w.flood(t, rate, lasts)
	var d struct {
		Acked  int `json:"acked"`
		Median int `json:"ack_median_ms"`
		P99    int `json:"ack_p99_ms"`
		Worst  int `json:"ack_worst_ms"`
	}
	if err := patiently("all is acknowledged", func() (bool, error) {
		err := w.tell("/delivered", nil, &d)
		return d.Acked >= rate*lasts, err
	}); err != nil {
		t.Fatalf("%v: %+v\n%s", err, d, w.tail())
	}
	peak := w.memory(t)
	t.Logf("%d messages at %d a second: acknowledged after %d ms in the median, %d ms at p99, %d ms at worst; memory %d MiB at its peak", rate*lasts, rate, d.Median, d.P99, d.Worst, peak>>20)
	if d.P99 >= 200 {
		t.Errorf("p99 is %d ms", d.P99)
	}
	if peak > 300<<20 {
		t.Errorf("it took %d MiB", peak>>20)
	}
}

// flood lets things be said at a rate, in the channel that is read.
func (w *underKills) flood(t *testing.T, rate, seconds int) {
	var work sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range rate * seconds {
		<-tick.C
		work.Go(func() {
			in := map[string]any{"channel": w.channel, "user": w.who(i % w.people), "text": fmt.Sprint("The gauge at the weir reads ", i, " and all is quiet")}
			if err := w.tell("/say", in, nil); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}

// limited counts the calls by method, and those that were one too many.
func (w *underKills) limited(t *testing.T) (limited, calls map[string]int) {
	var all []struct {
		Method string `json:"method"`
		Status int    `json:"status"`
	}
	if err := w.tell("/calls", nil, &all); err != nil {
		t.Fatal(err)
	}
	limited, calls = map[string]int{}, map[string]int{}
	for _, c := range all {
		calls[c.Method]++
		if c.Status == 429 {
			limited[c.Method]++
		}
	}
	return limited, calls
}

var peakMemory = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the most that the program ever took, in bytes.
func (w *underKills) memory(t *testing.T) int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(w.process.Process.Pid), "status"))
	if err != nil {
		t.Skip("skipped: this system does not tell how much memory a program takes")
	}
	found := peakMemory.FindSubmatch(b)
	if found == nil {
		t.Fatalf("%s says nothing of memory", b)
	}
	kb, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
