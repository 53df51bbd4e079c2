package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	whatsapp "chaperone/bots/whatsapp/lab"
)

// TestWhatsAppCrash kills the real program at named steps of the path and at any
// time, while people write to its groups, and holds it against what stood on
// their phones: every message is stored once, and each that asks for it led to
// one prompt that its author could read, however often the program was killed.
// CHAPERONE_SOAK=1 runs 2,000 kills, CHAPERONE_KILLS=200 as many as it says.
func TestWhatsAppCrash(t *testing.T) {
	t.Parallel()
	kills := 30
	if os.Getenv("CHAPERONE_SOAK") != "" {
		kills = 2000
	}
	if n, err := strconv.Atoi(os.Getenv("CHAPERONE_KILLS")); err == nil {
		kills = n
	}
	rng := rand.New(rand.NewPCG(seed(t), 1))
	const most = 100 // of one number: each life reads all groups, and there is one for each kill
	for from := 0; from < kills; from += most {
		t.Run(fmt.Sprint("from ", from), func(t *testing.T) { killNumber(t, rng, min(kills-from, most)) })
	}
}

// killNumber kills what one number is linked to, so many times.
func killNumber(t *testing.T, rng *rand.Rand, kills int) {
	n := newNumberOn(t, build(t, "failpoint"), kills)
	config := filepath.Join(n.dir, "chaperone.yaml")
	has, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append([]byte(fewRules(t, n.dir)), has...), 0o600); err != nil {
		t.Fatal(err)
	}
	n.link()
	steps := []string{"act.called", "receive.stored", "act.started", "receive.begun", "act.stored", anytime}
	said := 0
	for k := range kills {
		step := steps[k%len(steps)]
		cmd := n.command("run", "--data", "data")
		cmd.Stderr = &n.log
		if step != anytime {
			cmd.Env = append(os.Environ(), fmt.Sprintf("CHAPERONE_FAILPOINT=%s:%d", step, 1+rng.IntN(3)))
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for i, text := range []string{"The pumps are running", fmt.Sprintf("NHS number 999 123 4543 belongs to Edith Marlow, tally %d", k), "Thank you"} {
			who := n.sam
			if i != 1 {
				who = n.priya
			}
			if _, err := who.Say(t.Context(), n.groups[k], text); err != nil {
				t.Fatal(err)
			}
			said++
		}
		if step == anytime {
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			_ = cmd.Process.Kill() // it may have ended
		}
		for end, over := time.Now().Add(2*time.Minute), false; !over; {
			select {
			case <-ended:
				over = true
			case <-time.After(50 * time.Millisecond):
				if n.whispers()[name(k)] > 0 { // the step is not passed any more
					_ = cmd.Process.Kill()
				} else if time.Now().After(end) {
					_ = cmd.Process.Kill()
					t.Fatalf("%s was not reached\n%s", step, n.log.String())
				}
			}
		}
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() {
			t.Fatalf("it ended by itself at %s: %s\n%s", step, cmd.ProcessState, n.log.String())
		}
	}
	n.listens(false)
	n.start()
	n.listens(true) // from then on the commands below ask it, and do not take its data folder
	if err := until(func() error {
		for name, n := range n.whispers() {
			if n == 0 {
				return fmt.Errorf("Sam was not asked about %s", name)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := until(func() error {
		out, err := n.command("retention", "plan", "keep", "--data", "data").CombinedOutput()
		if want := fmt.Sprintf("of %d messages", said); err != nil || !strings.Contains(string(out), want) {
			return fmt.Errorf("want %q: %w\n%s", want, err, out)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	n.stop()
	asked := 0
	for name, n := range n.whispers() {
		if asked += n; n > 1 {
			t.Errorf("%sSam was asked %d times about %s", repeated, n, name)
		}
	}
	t.Logf("%d kills, %d messages, %d prompts", kills, said, asked)
}

// whispers counts the prompts that Sam was shown, by the subject of the group.
// Sent twice under one id it is one.
func (n *number) whispers() map[string]int {
	out, had := map[string]int{}, map[string]bool{}
	for k := range n.groups {
		out[name(k)] = 0
	}
	for _, s := range n.sam.Seen() {
		if !fromBot(s) || s.Kind != whatsapp.SeenText || s.About != "" || had[s.ID] {
			continue
		}
		had[s.ID] = true
		for k := range n.groups {
			if strings.Contains(s.Text, name(k)) {
				out[name(k)]++
			}
		}
	}
	return out
}

// listens waits until the bot's device is connected, or is not.
func (n *number) listens(want bool) {
	n.t.Helper()
	if err := until(func() error {
		if n.lab.Listening(officePhone, 1) != want {
			return fmt.Errorf("the bot listens: %v", !want)
		}
		return nil
	}); err != nil {
		n.t.Fatal(err)
	}
}

// name is the subject of a group of the test.
func name(k int) string { return fmt.Sprintf("Rest centre %03d", k) }

// newNumberOn is newNumber with a binary and with several groups.
func newNumberOn(t *testing.T, binary string, groups int) *number {
	t.Helper()
	l, err := whatsapp.New("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &number{t: t, lab: l, dir: t.TempDir(), binary: binary}
	for _, p := range []struct {
		of           **whatsapp.Person
		number, name string
	}{{&n.sam, samsPhone, "Sam"}, {&n.priya, priyasPhone, "Priya"}, {&n.office, officePhone, "Office"}} {
		if *p.of, err = l.AddPerson(t.Context(), p.number, p.name); err != nil {
			t.Fatal(err)
		}
	}
	for k := range groups {
		j, err := l.AddGroup(whatsapp.NewGroup{Subject: name(k), Hidden: k%2 == 0, Admins: []string{officePhone}, Members: []string{samsPhone, priyasPhone}})
		if err != nil {
			t.Fatal(err)
		}
		n.groups = append(n.groups, j.String())
	}
	n.configure()
	return n
}
