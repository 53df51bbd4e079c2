package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	download "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

const keeping30 = `bots:
  practice: {enabled: true, new_rooms: act}
retention:
  - {id: keep-team, title: Team chats, class: routine, chats: {kinds: [team]}, period: 30 days, disposal: destroy,
     cron: "0 2 * * *", zone: Europe/London, owner: Nasreen Malik, authority: RS 4.2, acting: true}
  - {id: flood, title: Emergency chats, class: any, chats: {kinds: [emergency]}, period: 1 year, disposal: destroy,
     cron: "30 2 1 * *", zone: Europe/London, owner: Helen Carrick, authority: RS 4.3}
  - {id: decisions, title: Decisions, class: decision, chats: {all: true}, cron: "0 3 * * 0", zone: Europe/London}
`

// keep is a Chaperone with schedules, the officer at its console, and what
// another officer does by command.
type keep struct {
	*lab
	t      *testing.T
	open   func(path string) *tab
	config string
}

func newKeep(t *testing.T, config string) *keep {
	l := newLab(t, build(t, ""))
	tabs := browser(t, "")
	k := &keep{lab: l, t: t, config: filepath.Join(l.dir, "chaperone.yaml")}
	if err := os.WriteFile(k.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	k.begin()
	k.open = func(path string) *tab {
		t.Helper()
		p := tabs()
		p.url = l.url
		p.open(path)
		return p
	}
	return k
}

func (k *keep) begin() {
	k.t.Helper()
	if err := k.startWith([]string{"--config", k.config}); err != nil {
		k.t.Fatalf("starting: %v\n%s", err, k.tail())
	}
}

// command is what another officer does on the machine.
func (k *keep) command(args ...string) string {
	k.t.Helper()
	out, err := k.try(args...)
	if err != nil {
		k.t.Fatalf("chaperone %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (k *keep) try(args ...string) (string, error) {
	cmd := exec.Command(k.binary, append(args, "--config", k.config, "--data", k.data(), "--key-file", filepath.Join(k.dir, "key"))...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (k *keep) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// room makes a team chat of Sam and Priya, and lets Sam say so much in it.
func (k *keep) room(id string, senders bool, messages int) []string {
	k.t.Helper()
	k.must(k.call("POST", "/rooms", map[string]any{
		"id": id, "name": title(id), "kind": "team", "senders_delete": senders,
		"members": []memberView{{ID: "sam", Name: "Sam Okafor"}, {ID: "priya", Name: "Priya Nair"}},
	}, nil))
	return k.say(id, messages)
}

func title(id string) string {
	words := strings.Split(id, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func (k *keep) say(room string, messages int) (ids []string) {
	k.t.Helper()
	for n := range messages {
		id, err := k.post(room, "sam", fmt.Sprintf("boat %d is tied up at the slipway", n))
		k.must(err)
		ids = append(ids, id)
	}
	k.must(k.settled(60*time.Second, room))
	return ids
}

// deleted counts what the bot deleted in a chat.
func (k *keep) deleted(room string) map[string]time.Time {
	k.t.Helper()
	all, err := k.ledger()
	k.must(err)
	out := map[string]time.Time{}
	for _, e := range all {
		if e.Effect == "delete" && e.Outcome == "done" && e.Room == room {
			out[e.Message] = e.At
		}
	}
	return out
}

// until waits until something is so; the page is loaded again each time.
func (p *tab) until(selector, text string) {
	p.t.Helper()
	for end := time.Now().Add(90 * time.Second); !strings.Contains(p.text(selector), text); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain until %s says %q; the page says:\n%s", selector, text, p.text("main"))
		}
		p.do(chromedp.Reload())
	}
}

// fill writes into a field, instead of what stood there.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.CSS(selector), text))
}

// send clicks a button that sends a form, and waits for the page that comes.
func (p *tab) send(button string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 60*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(button))); err != nil {
		p.t.Fatalf("%s: %v\nthe page says:\n%s", button, err, p.text("main"))
	}
}

const (
	month    = 31 * 24 * time.Hour
	approval = `form[action$="/approve"]`
)

// TestKeepingAndDisposing plays what records officers do: one at the console,
// in a browser, another by command.
func TestKeepingAndDisposing(t *testing.T) {
	k := newKeep(t, keeping30)
	desk := k.open("/disposals")
	desk.shows("#schedules", "Schedules 3")
	desk.shows("main", "have no period: nothing is disposed of")
	desk.shows("main", "Every day at 02:00")
	desk.open("/today")
	desk.shows("main", "Nothing waits.")

	softened(k, desk)
	capped(k, desk)
	inTheMiddle(k, desk)
	differs(k, desk)
	sendersAsked(k, desk)
	undone(k, desk)
	jumped(k, desk)
	proved(k, desk)
	k.stop(t)
}

// placeHold places a hold at the console, and returns its number.
func placeHold(p *tab, matter, chat string) string {
	p.t.Helper()
	p.open("/holds/new")
	p.fill("#matter", matter)
	p.fill("#reason", "public inquiry")
	p.fill("#review", "2099-06-01")
	p.click(fmt.Sprintf("input[name=chat][value=%q]", chat))
	p.send("form .btn.go")
	p.shows(".status", "In force")
	return p.text("aside .hash")
}

func release(p *tab, id string) {
	p.t.Helper()
	p.open("/holds/" + id)
	p.fill("#why", "the inquiry has ended")
	p.send(`form[action$="/release"] .btn`)
	p.shows("main", "Nothing was disposed of by that")
}

// softened: a hold takes the deletion out of an open prompt, in the page that
// its member has open.
func softened(k *keep, desk *tab) {
	k.t.Helper()
	sam := k.open("/practice/rooms/rest-centre-team?you=sam")
	sam.say("OFFICIAL-SENSITIVE: the shelter list is with Priya")
	sam.shows(".prompt", "OFFICIAL-SENSITIVE")
	sam.shows(".prompt", "Delete")

	// What is wrong with a form stands beside its field, and what was typed stays.
	desk.open("/holds")
	desk.shows("main", "No hold is in force")
	desk.look("holds-none")
	desk.click(".head .btn.go")
	desk.shows("h1", "Place a hold")
	desk.fill("#matter", "Millbrook flood")
	desk.fill("#review", "2001-01-01")
	desk.send("form .btn.go")
	desk.shows("#faults", "Nothing was changed yet")
	desk.shows("#review-fault", "The review date comes after today")
	desk.shows("#all-fault", "Say what it covers")
	if got := read[string](desk, "document.getElementById('matter').value + '|' + document.activeElement.id"); got != "Millbrook flood|faults" {
		k.t.Errorf("after a refusal the page has %q", got)
	}
	desk.look("hold-refused")
	id := placeHold(desk, "Millbrook flood", "practice/rest-centre-team")
	desk.shows("main", "Nothing that it covers is disposed of")
	desk.shows("main", "1 open prompt asks to keep and not to delete")
	desk.look("hold")
	sam.shows(".prompt", "because a hold covers it")
	if text := sam.text(".prompt .btn"); strings.Contains(text, "delete") {
		k.t.Errorf("the softened prompt offers %q", text)
	}
	sam.look("practice-held")

	// Another scope takes its place without a gap.
	desk.click("#scope summary")
	desk.click(`#scope input[value="practice/flood-north"]`)
	desk.fill("#whyscope", "the flood reached it too")
	desk.send("#scope .btn")
	desk.shows("main", "without a gap")
	desk.shows("aside", "Flood North")
	if now := desk.text("aside .hash"); now == id {
		k.t.Error("the new scope has the old number")
	}
	release(desk, desk.text("aside .hash"))
	desk.look("hold-released")
	desk.open("/holds")
	desk.shows("#released", "Released 2")
	desk.look("holds")
}

// capped: above its cap a run waits for two different people, who type what it
// will destroy.
func capped(k *keep, desk *tab) {
	k.t.Helper()
	k.room("harbour", false, 5)
	desk.open("/disposals/keep-team")
	desk.shows("main", "Time left")
	desk.look("schedule")
	k.must(k.advance(month))
	desk.open("/today")
	desk.shows("#soon + .list", "Two people are needed for the run")
	desk.look("today-waiting")
	desk.open("/disposals")
	desk.shows("main", "Waits for two people")
	desk.send(`.month a[aria-label*="waits for people"]`)
	desk.shows("#day", "Team chats: Waits for two people; its plan disposes of 5 messages.")
	desk.look("disposals")
	desk.send("#waiting + .list .btn")
	desk.shows("h1", "Destroy 5 messages in Harbour")
	desk.shows("#approve", "5 is above the cap of 3 for Harbour")
	desk.fill("#count", "50")
	desk.send(approval + " .btn")
	desk.shows("#count-fault", "disposes of 5 messages, not 50")
	if got := read[string](desk, "document.getElementById('count').value"); got != "50" {
		k.t.Errorf("what was typed became %q", got)
	}
	desk.look("run-refused")
	desk.fill("#count", "5")
	desk.send(approval + " .btn")
	desk.shows("main", "Your yes is recorded")
	desk.shows("#approve", "The second yes is another person’s")
	if n := desk.count(approval); n != 0 {
		k.t.Error("whoever has said yes is asked again")
	}
	if n := len(k.deleted("harbour")); n != 0 {
		k.t.Errorf("after one yes %d messages were deleted", n)
	}
	desk.look("run-waiting")
	date := dateOf(desk)
	if out, err := k.try("retention", "approve", "keep-team", date, "--by", "demo", "--count", "5"); err == nil {
		k.t.Errorf("the same person approved twice: %s", out)
	}
	k.command("retention", "approve", "keep-team", date, "--by", "Nasreen Malik", "--count", "5")
	desk.until(".status", "Finished")
	desk.shows("#certificate", "Destroyed")
	if n := len(k.deleted("harbour")); n != 5 {
		k.t.Errorf("%d messages of 5 were deleted", n)
	}
	desk.look("run-finished")
	desk.click(`main a[href$="messages?way=disposed"]`)
	desk.shows("main", "5 messages; 1 to 5 are shown")
	desk.shows("main", "Destroyed")
	if strings.Contains(desk.text("main"), "slipway") {
		k.t.Error("a page about disposal shows text")
	}
	desk.look("messages")
}

// dateOf is the date of the run that a page shows.
func dateOf(p *tab) string {
	p.t.Helper()
	return read[string](p, "location.pathname.split('/').at(-1)")
}

// inTheMiddle: a hold is placed at the console while a run is deleting. From
// the moment it is in force nothing more is deleted; what slipped is named.
func inTheMiddle(k *keep, desk *tab) {
	k.t.Helper()
	const many = 1500
	k.room("pumps-and-plant", false, many)
	k.must(k.advance(month))
	desk.open("/disposals")
	desk.send("#waiting + .list .btn")
	desk.shows("h1", "Destroy 1,500 messages in Pumps And Plant")
	k.command("retention", "approve", "keep-team", dateOf(desk), "--by", "Nasreen Malik", "--count", fmt.Sprint(many))
	desk.do(chromedp.Reload())
	desk.shows("#approve", "Nasreen Malik")

	officer := k.open("/holds/new") // everything is filled in but for the last click
	officer.fill("#matter", "Pump failure")
	officer.fill("#reason", "litigation")
	officer.fill("#review", "2099-06-01")
	officer.click(`input[name=chat][value="practice/pumps-and-plant"]`)

	desk.fill("#count", "1,500")
	desk.send(approval + " .btn")
	for end := time.Now().Add(90 * time.Second); len(k.deleted("pumps-and-plant")) < 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("the run does not begin; its page says:\n%s", desk.text("main"))
		}
	}
	officer.send("form .btn.go")
	placed := time.Now()
	officer.shows(".status", "In force")
	slips := read[string](officer, "document.querySelector('.say.serious')?.textContent ?? ''")
	gone := k.deleted("pumps-and-plant")
	if len(gone) >= many {
		k.t.Fatal("the hold came too late to prove anything")
	}
	desk.until(".status", "Stopped")
	desk.shows("main", "differ from the plan, so nothing more is done")
	desk.shows("#certificate", "Not reached before the end")
	desk.look("run-held")
	k.must(k.advance(24 * time.Hour)) // the next run finds all of it held
	later := k.deleted("pumps-and-plant")
	for m, at := range later {
		if _, before := gone[m]; !before && !strings.Contains(slips, m) {
			k.t.Errorf("%s was deleted at %s, after the hold was in force at %s", m, at, placed)
		}
	}
	k.t.Logf("%d of %d were deleted before the hold, of which its page names %d", len(gone), many, strings.Count(slips, "practice/"))
	desk.open("/disposals/keep-team")
	desk.shows("main", "(Pump failure) covers it")
	desk.look("schedule-held")
	officer.do(chromedp.Reload())
	officer.shows("main", "Under this hold")
	officer.look("hold-many")
}

// differs: an edit after the plan was made stops the run, although two people
// have approved it.
func differs(k *keep, desk *tab) {
	k.t.Helper()
	ids := k.room("members-services", false, 4)
	k.must(k.advance(month))
	desk.open("/disposals")
	desk.send("#waiting + .list .btn")
	desk.shows("h1", "Destroy 4 messages in Members Services")
	k.must(k.edit("members-services", ids[3], "sam", "and the keys are with Priya"))
	k.must(k.settled(30*time.Second, "members-services"))
	k.command("retention", "approve", "keep-team", dateOf(desk), "--by", "Nasreen Malik", "--count", "4")
	desk.fill("#count", "4")
	desk.send(approval + " .btn")
	desk.until(".status", "Stopped")
	desk.shows("main", "1 message differs from the plan, so nothing more is done")
	if n := len(k.deleted("members-services")); n != 0 {
		k.t.Errorf("a run that differs from its plan deleted %d", n)
	}
	desk.open("/today")
	desk.shows("main", "Stopped: the run of")

	// A person stops the next one, and says why.
	k.must(k.advance(24 * time.Hour))
	desk.open("/disposals")
	desk.send("#waiting + .list .btn")
	desk.send(`form[action$="/stop"] .btn`)
	desk.shows("#why-fault", "Say why it is stopped")
	desk.fill("#why", "the keys are being looked for")
	desk.send(`form[action$="/stop"] .btn`)
	desk.shows("main", "What had not begun is not done")
	desk.shows("main", "the keys are being looked for")
	desk.look("run-stopped")
}

// sendersAsked: where the platform lets no bot delete, each sender is asked
// with a list of their own, and what they do is counted.
func sendersAsked(k *keep, desk *tab) {
	k.t.Helper()
	ids := k.room("slipway", true, 2)
	k.must(k.advance(month))
	desk.open("/disposals/keep-team")
	desk.send(`aside a[href^="/disposals/keep-team/"]`)
	id := dateOf(desk)
	// What waits in another chat takes this run above its cap.
	if desk.text("#approve") != "" {
		n := read[string](desk, "document.querySelector('h1').innerText.match(/\\d[\\d,]*/)[0]")
		k.command("retention", "approve", "keep-team", id, "--by", "Nasreen Malik", "--count", n)
		desk.do(chromedp.Reload())
		desk.fill("#count", n)
		desk.send(approval + " .btn")
	}
	desk.until("main", "Senders who were asked")
	desk.shows("main", "0 of 2 deleted")
	sam := k.open("/practice/rooms/slipway?you=sam")
	sam.shows(".prompt", "delete")
	k.must(k.remove("slipway", ids[0], "sam"))
	desk.until("main", "1 of 2 deleted")
	desk.shows("main", "1, of which 0 complete")
	desk.look("run-asked")
	k.must(k.remove("slipway", ids[1], "sam"))
	desk.until("main", "1, of which 1 complete")
	if n := len(k.deleted("slipway")); n != 0 {
		k.t.Errorf("the bot deleted %d messages where it cannot", n)
	}
}

// undone: for 30 days the texts can be posted again.
func undone(k *keep, desk *tab) {
	k.t.Helper()
	k.room("night-shift", false, 2)
	k.must(k.advance(month))
	if n := len(k.deleted("night-shift")); n != 2 {
		k.t.Fatalf("%d of 2 were deleted under the cap", n)
	}
	desk.open("/disposals/keep-team")
	desk.send(`aside a[href^="/disposals/keep-team/"]`)
	desk.shows("#undo", "A platform cannot put a deleted message back")
	desk.look("run-undo")
	desk.send(`#undo form[action$="/undo"] .btn`)
	desk.shows("main", "are being posted again")
	k.open("/practice/rooms/night-shift?you=priya").shows("#messages", "given back: boat 1 is tied up")

	// Undo is given up only with the number, and is gone then.
	desk.click("#undo summary")
	desk.fill("#texts", "20")
	desk.send(`#undo form[action$="/purge"] .btn`)
	desk.shows("#texts-fault", "This run has 2 sealed texts")
	desk.look("run-purge")
	desk.fill("#texts", "2")
	desk.send(`#undo form[action$="/purge"] .btn`)
	desk.shows("main", "Nothing brings them back")
	if n := desk.count("#undo"); n != 0 {
		k.t.Error("undo is offered after it was given up")
	}
}

// jumped: a clock that went back while the program was down stops what
// destroys, on every page, until a person confirms it.
func jumped(k *keep, desk *tab) {
	k.t.Helper()
	k.stop(k.t)
	file := filepath.Join(k.data(), "practice.jsonl")
	b, err := os.ReadFile(file)
	k.must(err)
	var rest bytes.Buffer
	for line := range bytes.Lines(b) {
		if !bytes.Contains(line, []byte(`"op":"clock"`)) {
			rest.Write(line)
		}
	}
	k.must(os.WriteFile(file, rest.Bytes(), 0o600))
	k.begin()
	desk.url = k.url
	for _, path := range []string{"/today", "/holds", "/holds/new", "/disposals", "/disposals/keep-team", "/proof", "/gaps", "/records", "/set-aside", "/unknown"} {
		desk.open(path)
		desk.shows("#vouch", "Nothing is destroyed")
	}
	desk.open("/today")
	desk.shows("#vouch", "jumped back")
	desk.look("clock")
	before := len(k.deleted("rest-centre-team"))
	sam := k.open("/practice/rooms/rest-centre-team?you=sam")
	sam.say("NHS number 999 123 4543 for the ambulance")
	sam.shows("#messages > li:last-child .prompt", "NHS number")
	sam.shows("#vouch", "Nothing is destroyed") // the practice chat stands in the same frame
	all, err := k.prompts("sam")
	k.must(err)
	k.must(k.answer("sam", all[len(all)-1].ID, "delete", ""))
	time.Sleep(time.Second) // nothing may happen
	if n := len(k.deleted("rest-centre-team")); n != before {
		k.t.Error("something was deleted although nobody vouches for the clock")
	}
	desk.send("#vouch .btn")
	desk.shows("main", "The clock is confirmed")
	desk.gone("#vouch")
	sam.shows("#messages", "This message was deleted")
	desk.open("/gaps")
	desk.shows("main", "its notice did not stand there")
	desk.look("gaps")
}

// proved: the log is taken away in the browser, and checked on a machine that
// has nothing else of the product's.
func proved(k *keep, desk *tab) {
	k.t.Helper()
	desk.open("/proof")
	desk.shows("main", "Confirmed that the clock is right")
	desk.look("proof")
	away := k.t.TempDir()
	desk.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, download.SetDownloadBehavior, download.SetDownloadBehaviorParams{Behavior: "allow", DownloadPath: away})
		return chromedp.Void{}, err
	})
	desk.click(`form[action="/proof/export"] .btn`)
	log := arrived(k.t, away, "audit-log-*.jsonl")
	desk.do(chromedp.Reload())
	desk.shows("main", "Took the log away for checking")
	desk.click(`a[href="/proof/checkpoint.txt"]`)
	checkpoint := arrived(k.t, away, "checkpoint-*.txt")
	key := desk.text("aside .card:last-child .hash")
	verify := func(file string) (string, error) {
		cmd := exec.Command(k.binary, "audit", "verify", file, "--key", key, "--checkpoint", checkpoint)
		cmd.Dir = away
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := verify(log); err != nil || !strings.Contains(out, "It agrees with the checkpoint") {
		k.t.Errorf("the log that was taken away: %v\n%s", err, out)
	}
	b, err := os.ReadFile(log)
	k.must(err)
	if bytes.Contains(b, []byte("Nasreen")) || bytes.Contains(b, []byte("slipway")) {
		k.t.Error("the log has a name or a text in it")
	}
	if n := bytes.Count(b, []byte(`"act":"clock","object":"setting"`)) - bytes.Count(b, []byte(`"after":"moved:`)); n != 1 {
		k.t.Errorf("the clock was confirmed once, and the log has it %d times", n)
	}
	k.must(os.WriteFile(log, bytes.Replace(b, []byte(`"act":"hold"`), []byte(`"act":"undo"`), 1), 0o600))
	if out, err := verify(log); err == nil {
		k.t.Errorf("an altered log verifies:\n%s", out)
	}

	// The certificate is, byte for byte, what the log has the digest of.
	desk.open("/disposals")
	desk.send("#recent + .card tbody a")
	desk.shows("#certificate", "The audit log has its SHA-256")
	digest := desk.text("#certificate .hash")
	desk.click("#certificate .btn")
	c, err := os.ReadFile(arrived(k.t, away, "certificate-*.json"))
	k.must(err)
	if sum := sha256.Sum256(c); hex.EncodeToString(sum[:]) != digest || !bytes.Contains(b, []byte("certificate:"+digest)) {
		k.t.Errorf("the certificate does not fit its digest %s", digest)
	}
}

// TestLeavers plays what personnel and administrators do about leavers: the
// personnel system writes a file, an administrator decides at the console.
func TestLeavers(t *testing.T) {
	today := time.Now()
	day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
	file := filepath.Join(t.TempDir(), "people.csv")
	people := map[string]string{"S1,Ines Carrick,ines": "", "S2,Joel Marlow,joel": "", "S3,Megan Tew,megan": "", "S4,Rhys Ellery,rhys": day(1), "S5,Amir Sethi,amir": "", "S6,Nia Hughes,nia": ""}
	write := func(dismissed string) {
		t.Helper()
		b := []byte("Key,Name,Email,Last day,Dismissed\n")
		for _, row := range slices.Sorted(maps.Keys(people)) {
			b = fmt.Appendf(b, "%s@calderwick.example,%s,%s\n", row, people[row], map[bool]string{true: "yes"}[strings.HasPrefix(row, dismissed+",")])
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	k := newKeep(t, "bots:\n  practice: {enabled: true, new_rooms: act}\ndirectory:\n  file: "+file+
		"\n  mapping: {id: Key, name: Name, emails: [Email], leaves: Last day, dismissed: Dismissed}\n  zone: Europe/London\n  approve: true\n")
	var crew []map[string]any
	for _, m := range []string{"Ines Carrick", "Joel Marlow", "Megan Tew", "Rhys Ellery", "Amir Sethi", "Nia Hughes", "Owen Pryce"} {
		id := strings.ToLower(strings.Fields(m)[0])
		in := map[string]any{"id": id, "name": m, "admin": id == "nia" || id == "amir"}
		if id != "owen" { // whom nobody knows
			in["email"] = id + "@calderwick.example"
		}
		crew = append(crew, in)
	}
	k.must(k.call("POST", "/rooms", map[string]any{"id": "harbour-wardens", "name": "Harbour Wardens", "kind": "team", "members": crew}, nil))
	k.must(k.settled(30*time.Second, "harbour-wardens"))
	desk := k.open("/people")

	// A leaver waits for a person's yes, is told, and is removed after their time.
	k.must(k.advance(24 * time.Hour))
	desk.until("#questions", "Questions for you 1")
	desk.shows("main", "End 1 membership?")
	desk.shows("#leaving + .list", "Rhys Ellery")
	desk.shows("main", "Owen Pryce")
	desk.shows("main", "Not in the directory")
	desk.look("people")
	desk.open("/people/members?q=rhys")
	desk.shows("main", "verified email")
	desk.look("members")
	desk.open("/today")
	desk.shows("main", "1 question about leavers waits")
	desk.open("/people")
	desk.fill("#count-q-0", "2")
	desk.send(`form[action="/people/approve"] .btn`)
	desk.shows("#count-q-0-fault", "It ends 1 membership")
	desk.look("people-refused")
	desk.fill("#count-q-0", "1")
	desk.send(`form[action="/people/approve"] .btn`)
	desk.shows("main", "Your yes is recorded")
	k.must(k.advance(time.Minute))
	desk.until("#leaving + .list", "asked for a last look")
	k.open("/practice/rooms/harbour-wardens?you=rhys").shows(".prompt", "Rhys")
	if !k.in("harbour-wardens", "rhys") {
		t.Fatal("Rhys was removed before his time")
	}
	k.must(k.advance(48 * time.Hour))
	desk.until("#removed", "Removed 1")
	if k.in("harbour-wardens", "rhys") {
		t.Error("Rhys is in the chat still")
	}

	// The dismissed go without a time of grace; the last two administrators stay.
	today = today.AddDate(0, 0, 3)
	people["S3,Megan Tew,megan"], people["S6,Nia Hughes,nia"] = day(0), day(-1)
	write("S3")
	k.must(k.advance(time.Minute))
	desk.until("#questions", "Questions for you")
	desk.shows("main", "Megan Tew")
	desk.fill("#count-q-0", fmt.Sprint(desk.count("#q0 ~ table tbody tr")))
	desk.send(`form[action="/people/approve"] .btn`)
	k.must(k.advance(time.Minute))
	desk.until("#removed", "Removed 2")
	if k.in("harbour-wardens", "megan") {
		t.Error("the dismissed is in the chat still")
	}
	desk.shows("main", "Nia Hughes")
	desk.fill("#count-q-0", "1")
	desk.send(`form[action="/people/approve"] .btn`)
	k.must(k.advance(72 * time.Hour))
	desk.until("main", "One of the last two administrators")
	if !k.in("harbour-wardens", "nia") || !k.in("harbour-wardens", "owen") {
		t.Error("one of the last two administrators, or an unknown member, was removed")
	}

	// Reinstated in one step.
	desk.click("#removed + .list li:first-child summary")
	desk.send(`#removed + .list li:first-child form[action="/people/reinstate"] .btn`)
	desk.shows("#faults", "Say why.")
	desk.fill("#removed + .list li:first-child input[name=why]", "taken on again")
	desk.send(`#removed + .list li:first-child form[action="/people/reinstate"] .btn`)
	desk.shows("#staying", "Stay in spite of a last day 1")
	desk.shows("main", "taken on again")
	desk.look("people-removed")

	// An empty directory removes nobody.
	k.must(os.WriteFile(file, []byte("Key,Name,Email,Last day,Dismissed\n"), 0o600))
	k.must(k.advance(time.Minute))
	desk.until("main", "Nobody is removed now")
	desk.look("people-stopped")
	desk.open("/today")
	desk.shows("main", "Nobody is removed now")
	for _, m := range []string{"ines", "joel", "amir", "nia", "owen"} {
		if !k.in("harbour-wardens", m) {
			t.Errorf("%s was removed", m)
		}
	}

	// A hold on a person says which accounts are known to be theirs.
	write("S3")
	desk.open("/holds/new")
	desk.fill("#matter", "Weir Road claim")
	desk.fill("#reason", "litigation")
	desk.fill("#review", "2099-06-01")
	desk.fill("#people", "S1")
	desk.send("form .btn.go")
	desk.shows("main", "s1: covers practice/ines")
	k.stop(t)
}

// in reports whether somebody is in a chat now.
func (k *keep) in(room, member string) bool {
	k.t.Helper()
	var rooms []roomView
	k.must(k.call("GET", "/rooms", nil, &rooms))
	for _, r := range rooms {
		for _, m := range r.Members {
			if r.ID == room && m.ID == member {
				return true
			}
		}
	}
	return false
}

// arrived waits until the browser has saved a file.
func arrived(t *testing.T, dir, pattern string) string {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(found) == 1 {
			return found[0]
		}
		if time.Now().After(end) {
			t.Fatalf("no %s was saved", pattern)
		}
	}
}
