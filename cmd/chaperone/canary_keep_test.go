package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// canaryConfig is the configuration under which the canary is kept and disposed of.
const canaryConfig = `bots:
  practice: {enabled: true, new_rooms: act}
retention:
  - {id: keep, title: Team chats, class: any, chats: {only: [practice/canary-keep]}, period: 30 days, disposal: destroy, cap: {messages: 100000},
     cron: "0 2 * * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.2, acting: true}
  - {id: hand, title: Partner chats, class: any, chats: {only: [practice/canary-hand]}, period: 30 days, disposal: transfer, cap: {messages: 100000},
     cron: "0 2 * * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.3, acting: true}
`

// again makes a planted text another one, so that its copies can be told apart.
const again = ", Penmaenrhos"

// TestPurge proves that a purge erases: by its own folder, in which every key
// is soon tried at every place.
func TestPurge(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	t.Parallel()
	c := newCanary(t, newLab(t, build(t, "failpoint")))
	c.start(t)
	c.keep(t)
	c.purged(t)
}

// command runs a command against the lab's data folder, and looks at all that
// it prints.
func (c *canary) command(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(c.l.binary, append(args, "--config", c.config(), "--data", c.l.data(), "--key-file", filepath.Join(c.l.dir, "key"))...)
	cmd.Env = append(os.Environ(), "TMPDIR="+c.tmp)
	out, err := cmd.CombinedOutput()
	c.clean(t, "chaperone "+strings.Join(args[:2], " "), out)
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	} else if err != nil {
		t.Fatalf("chaperone %s failed: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func (c *canary) config() string { return filepath.Join(c.l.dir, "chaperone.yaml") }

// keep takes planted texts through holds, retention, transfer, undo and purge.
func (c *canary) keep(t *testing.T) {
	var members []memberView
	for i := range c.plants {
		members = append(members, memberView{ID: fmt.Sprintf("p%d", i), Name: displayed})
	}
	rooms := []string{"canary-held", "canary-keep", "canary-hand"}
	for _, room := range rooms {
		must(t, "making a room", c.l.call("POST", "/rooms", roomView{ID: room, Kind: "team", Members: members}, nil))
	}
	c.command(t, "hold", "place", "--chat", "practice/canary-held", "--matter", "Millbrook flood", "--reason", "public inquiry", "--review", "2099-06-01", "--by", "Nasreen Malik")
	for i, p := range c.plants {
		if i%6 > 0 && i < len(c.plants)-10 {
			continue // every key is tried at every place: a few of each kind are enough
		}
		for _, room := range rooms {
			text := p.text + again
			if room == "canary-held" { // what is held there stays
				text = p.text + ", Aberheldwyn"
			}
			_, err := c.l.post(room, members[i].ID, text)
			must(t, p.what, err)
		}
	}
	for _, room := range rooms {
		c.settled(t, room)
	}
	c.command(t, "retention", "plan", "keep")
	must(t, "moving the clock", c.l.advance(5*24*time.Hour)) // prompts lapse
	c.command(t, "retention", "plan", "keep", "--json")
	must(t, "moving the clock", c.l.advance(27*24*time.Hour)) // runs
	for range 3 {
		must(t, "moving the clock", c.l.advance(24*time.Hour)) // what was transferred goes; a run that found something else stopped
	}
	for _, args := range [][]string{
		{"retention", "list"}, {"retention", "list", "--json"}, {"hold", "list", "--json"}, {"chats", "list"}, {"chats", "gaps"},
		{"audit", "export", filepath.Join(c.tmp, "log.jsonl"), "--by", "Nasreen Malik"},
	} {
		c.command(t, args...)
	}
	c.look(t, "after disposals")
}

// destroyed are the texts of a room that the bot deleted.
func (c *canary) destroyed(t *testing.T, room string) (texts []string) {
	all, err := c.l.messages(room)
	must(t, "reading the room", err)
	gone := map[string]bool{}
	ledger, err := c.l.ledger()
	must(t, "reading the ledger", err)
	for _, e := range ledger {
		if e.Effect == "delete" && e.Room == room && e.Outcome == "done" {
			gone[e.Message] = true
		}
	}
	members := map[string]string{}
	for i, p := range c.plants {
		members[fmt.Sprintf("p%d", i)] = p.text + again
	}
	for _, m := range all {
		if text := members[m.Sender]; gone[m.ID] && len(text) >= 16 {
			texts = append(texts, text)
		}
	}
	return texts
}

// purged proves that after a purge nothing of what a run destroyed can be read
// from any file of the product with any key that is left (RELIABILITY criterion
// 8), and that before it, undo could.
func (c *canary) purged(t *testing.T) {
	texts := c.destroyed(t, "canary-keep")
	handed := c.destroyed(t, "canary-hand")
	if len(texts) < 20 || len(handed) == 0 {
		t.Fatalf("%d and %d of %d messages were destroyed: too few to prove anything\n%s", len(texts), len(handed), len(c.plants), c.command(t, "retention", "list"))
	}
	var dates []string
	for _, line := range strings.Split(c.command(t, "retention", "list"), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "finished:" && !strings.Contains(line, "disposes of 0") {
			dates = append(dates, f[0])
		}
	}
	c.l.kill()
	before := openVault(t, c.l).recover(t, texts)
	if len(before) < len(texts)/2 {
		t.Fatalf("%d of %d texts could be read for undo: the search is worth nothing", len(before), len(texts))
	}
	c.start(t)
	for _, schedule := range []string{"keep", "hand"} {
		erased := 0
		for _, date := range dates {
			cmd := exec.Command(c.l.binary, "retention", "purge", schedule, date, "--by", "Nasreen Malik", "--json",
				"--config", c.config(), "--data", c.l.data(), "--key-file", filepath.Join(c.l.dir, "key"))
			if out, err := cmd.CombinedOutput(); err == nil && !strings.Contains(string(out), `"gone": 0`) {
				erased++
			}
		}
		if erased == 0 {
			t.Fatalf("no run of %s was purged", schedule)
		}
	}
	must(t, "moving the clock", c.l.advance(24*time.Hour))
	c.l.kill() // so that the log of the database lies there too
	if left := openVault(t, c.l).recover(t, append(texts, handed...)); len(left) > 0 {
		t.Errorf("%d of %d texts can still be read 24 hours after the purge", len(left), len(texts)+len(handed))
	}
	t.Logf("before the purge %d of %d texts could be read, and none after it", len(before), len(texts))
	c.start(t)
}
