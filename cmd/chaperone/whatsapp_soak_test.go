package main_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	whatsapp "chaperone/bots/whatsapp/lab"
)

// TestSoakOnWhatsApp links the real program to a number that sits in 500 groups,
// one of them with 1,024 members who all have a phone, and lets eight people post
// 50 messages a second there for a minute, encrypted as everywhere.
func TestSoakOnWhatsApp(t *testing.T) {
	if os.Getenv("CHAPERONE_SOAK") == "" {
		t.Skip("skipped: it takes some minutes; set CHAPERONE_SOAK=1")
	}
	const groups, members, each, rate, lasts, waiting = 500, 1024, 30, 50, 60, 20
	n, people := crowd(t, groups, members, each)
	n.link()
	for i := range waiting { // said before the program ever ran
		if _, err := people[2*(groups-1-i)%len(people)].Say(t.Context(), n.groups[groups-1-i], fmt.Sprint("The gauge at the mill read ", i)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	n.start()
	n.knows(groups)
	n.has(waiting)
	ready := time.Since(began)
	t.Logf("%d groups are known and %d messages that waited are read %v after the start, of which it had the processor for %v; memory %d MiB",
		groups, waiting, ready.Round(10*time.Millisecond), n.used(), n.memory()>>20)
	if ready > 10*time.Second {
		t.Errorf("it took %v", ready)
	}
	if err := until(func() error { // each of the groups is told once who reads there
		seen := map[string]bool{}
		for _, s := range n.office.Seen() {
			if s.From == officePhone && s.Kind == whatsapp.SeenText {
				seen[s.Chat] = true
			}
		}
		if len(seen) < groups {
			return fmt.Errorf("%d of %d groups were told", len(seen), groups)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("every group was told who reads there %v after the start; memory %d MiB", time.Since(began).Round(time.Second), n.memory()>>20)

	bots, load := n.used(), own(t)
	began = time.Now()
	var work sync.WaitGroup
	for i, p := range people {
		work.Go(func() {
			pace := time.NewTicker(time.Second * time.Duration(len(people)) / rate)
			defer pace.Stop()
			for k := range rate * lasts / len(people) {
				<-pace.C
				group := (4*k+i/2)%(groups-4) + 4 // one that they are in
				if _, err := p.Say(t.Context(), n.groups[group-group%4+i/2], fmt.Sprint("The gauge at the weir reads ", k, " and all is quiet")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sent := make(chan struct{})
	go func() { work.Wait(); close(sent) }()
	behind := 0
	for done := false; !done; {
		select {
		case <-sent:
			done = true
		case <-time.After(50 * time.Millisecond):
			behind = max(behind, n.lab.Waiting(officePhone, 1))
		}
	}
	said, took := rate*lasts/len(people)*len(people), time.Since(began)
	if err := until(func() error {
		if left := n.lab.Waiting(officePhone, 1); left > 0 {
			return fmt.Errorf("%d wait", left)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	late := time.Since(began) - took
	n.has(waiting + said)
	peak := n.memory()
	t.Logf("%d messages of %d people in %v, %.1f a second: at most %d waited, and none %v after the last; memory %d MiB at its peak; of the processor the program took %v, those who wrote %v",
		said, len(people), took.Round(time.Millisecond), float64(said)/took.Seconds(), behind, late.Round(time.Millisecond), peak>>20, n.used()-bots, own(t)-load)
	if took > (lasts+10)*time.Second {
		t.Errorf("those who wrote were too slow: %v", took)
	}
	if late > 2*time.Second {
		t.Errorf("the program was %v behind", late)
	}
	if peak > 400<<20 {
		t.Errorf("it took %d MiB", peak>>20)
	}
	began = time.Now()
	const value = "NHS number 999 123 4543 belongs to Edith Marlow"
	if _, err := people[1].Say(t.Context(), n.groups[0], value); err != nil {
		t.Fatal(err)
	}
	n.see(people[1], "the prompt about the group of 1,024", func(s whatsapp.Seen) bool { return fromBot(s) && strings.Contains(s.Text, name(0)) })
	t.Logf("in the group of %d a message led to a prompt after %v, its sending included", members, time.Since(began).Round(time.Millisecond))
}

// crowd is a number in groups, the first of which has so many members and each
// other some of them, and the people whose phones are on.
func crowd(t *testing.T, groups, members, each int) (n *number, people []*whatsapp.Person) {
	l, err := whatsapp.New("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n = &number{t: t, lab: l, dir: t.TempDir(), binary: build(t, "")}
	if n.office, err = l.AddPerson(t.Context(), officePhone, "Office"); err != nil {
		t.Fatal(err)
	}
	var all, on []string
	for i := range 8 {
		number := fmt.Sprintf("4477009000%02d", i+1)
		p, err := l.AddPerson(t.Context(), number, fmt.Sprint("Alex Vale ", i))
		if err != nil {
			t.Fatal(err)
		}
		people, on = append(people, p), append(on, number)
	}
	for i := range members - 1 - len(on) {
		all = append(all, fmt.Sprintf("4416329%05d", i))
		if err := l.AddAway(all[i], fmt.Sprint("Robin Vale ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for k := range groups {
		in := slices.Concat(on, all)
		if k > 0 { // two who post, and others without a phone, who cost those nothing
			in = []string{on[2*k%len(on)], on[(2*k+1)%len(on)]}
			for i := range each - 3 {
				number := fmt.Sprintf("441632%06d", (k*7+i)%len(all))
				if k < len(all) && l.Hidden(number).IsEmpty() {
					if err := l.AddNumber(number, fmt.Sprint("Sam Vale ", k)); err != nil {
						t.Fatal(err)
					}
				}
				in = append(in, number)
			}
		}
		j, err := l.AddGroup(whatsapp.NewGroup{Subject: name(k), Hidden: k%2 == 0, Admins: []string{officePhone}, Members: in})
		if err != nil {
			t.Fatal(err)
		}
		n.groups = append(n.groups, j.String())
	}
	n.configure()
	return n, people
}

// configure writes a configuration in which every group is read.
func (n *number) configure() {
	root := whatsapp.Root()
	var b strings.Builder
	fmt.Fprintf(&b, `organisation: Calderwick Borough Council
contact: {name: Morag Sinclair, how: 01632 960120}
listen: 127.0.0.1:0
bots:
  whatsapp: {enabled: true, pace: 0s, url: %q, noise_root: %s}
prompts: {quiet: none, daily: 10000}
retention:
  - {id: keep, title: Chats, class: routine, chats: {kinds: [team]}, period: 30 days, disposal: destroy, cron: "0 2 * * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.2, acting: true}
chats:
`, n.lab.URL(), hex.EncodeToString(root[:]))
	for _, g := range n.groups {
		local, _, _ := strings.Cut(g, "@")
		fmt.Fprintf(&b, "  - {id: whatsapp/%s, kind: team, mode: act, administrators: [Priya Nair, Dafydd Rees], assessment: DPIA-2026-014}\n", local)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "chaperone.yaml"), []byte(b.String()), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// knows waits until the program lists so many chats.
func (n *number) knows(chats int) {
	n.t.Helper()
	if err := until(func() error {
		var all []struct{ ID, Name string }
		out, err := n.command("chats", "list", "--data", "data", "--json").Output()
		if err == nil {
			err = json.Unmarshal(out, &all)
		}
		named := 0
		for _, c := range all {
			if c.Name != "" {
				named++
			}
		}
		if err != nil || named < chats {
			return fmt.Errorf("%d chats of %d are known: %w", named, chats, err)
		}
		return nil
	}); err != nil {
		n.t.Fatalf("%v\n%s", err, n.log.String())
	}
}

// has waits until so many messages are kept.
func (n *number) has(messages int) {
	n.t.Helper()
	if err := until(func() error {
		out, err := n.command("retention", "plan", "keep", "--data", "data").CombinedOutput()
		if want := fmt.Sprintf("of %d messages", messages); err != nil || !strings.Contains(string(out), want) {
			return fmt.Errorf("want %q: %w\n%s", want, err, out)
		}
		return nil
	}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *number) memory() int {
	return (&underKills{process: n.run}).memory(n.t)
}

// used is how much of the processor the program took so far, from its threads.
func (n *number) used() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.run.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	var user, system int64 // in hundredths of a second
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		n.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// own is how much of it this process took: the people, and the server.
func own(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Round(10 * time.Millisecond)
}
