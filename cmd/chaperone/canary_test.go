package main_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/internal/detect"
	"chaperone/rules"
)

// planted is one text that goes through the product, and what must not be
// found of it anywhere afterwards.
type planted struct {
	what  string // in words that are no secret
	text  string
	value string // the part that a rule finds
}

// plants are texts of every class that the product detects: the examples of
// every rule, and values of our own that would need escaping.
func plants(t *testing.T) []planted {
	t.Helper()
	all, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := detect.Compile(all)
	if err != nil {
		t.Fatal(err)
	}
	var out []planted
	for _, r := range all {
		hits := r.Examples.Hit
		if os.Getenv("CHAPERONE_SOAK") == "" { // the search takes the square of what is planted
			hits = hits[:1]
		}
		for i, text := range hits {
			p := planted{what: fmt.Sprintf("example %d of %s", i+1, r.ID), text: text}
			found, err := set.Scan(t.Context(), text, detect.Context{})
			if err != nil {
				t.Fatal(err)
			}
			j := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Rule == r.ID })
			switch personal := r.Class == rules.Personal || r.Class == rules.Special || r.Class == rules.Credential; {
			case !personal: // a marking is no value: it stands in rules and masks too
				p.text += ", says Tregarrick of " + r.ID
			case j >= 0:
				p.value = text[found[j].Start:found[j].End]
			}
			out = append(out, p)
		}
	}
	return append(out,
		planted{"a password that needs escaping", `the wifi password is Gwy<n&"Ynys'9%41`, `Gwy<n&"Ynys'9%41`},
		planted{"a password beyond ASCII", "password: Llŷn-Eryri-9174", "Llŷn-Eryri-9174"},
		planted{"a name", "Ozymandias Quillfeather was brought in at noon", "Ozymandias Quillfeather"},
		planted{"a secret", "SECRET - the convoy leaves from Zennorvale at dusk", "Zennorvale"},
		planted{"a marked note", "OFFICIAL-SENSITIVE: the tender of Brackenthwaite is the lowest", "Brackenthwaite"},
		planted{"a decision", "Decision: close Ullesmouth bridge because the piers have moved", "Ullesmouth"},
		planted{"a clean message", "the sandwiches for Hoddlesworth are in the second van", "Hoddlesworth"},
	)
}

// needlesOf are all forms of the texts and of the values in them.
func needlesOf(all []planted) []needle {
	var out []needle
	for _, p := range all {
		if len(p.text) >= 16 {
			out = append(out, needles(p.what, p.text)...)
		}
		if p.value != "" {
			out = append(out, needles("the value in "+p.what, p.value)...)
		}
	}
	return out
}

// TestCanary plants values of every detected class, takes them through every
// feature at the most talkative log level, and looks for them everywhere that
// they must not be (DESIGN invariant 5).
func TestCanary(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	binary := build(t, "failpoint")
	formats := []string{"json", "text"}
	if os.Getenv("CHAPERONE_SOAK") == "" {
		formats = formats[:1]
	}
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, binary)
			l.format = format
			c := newCanary(t, l)
			c.run(t)
		})
	}
}

func newCanary(t *testing.T, l *lab) *canary {
	c := &canary{l: l, plants: append(plants(t), planted{"a message that cannot be scanned", aside, "Merribroke"}), tmp: filepath.Join(l.dir, "tmp")}
	must(t, "making a folder", os.Mkdir(c.tmp, 0o700))
	must(t, "writing", os.WriteFile(c.config(), []byte(canaryConfig), 0o600))
	c.h = newHaystack(needlesOf(append(slices.Clone(c.plants), draft)))
	return c
}

type canary struct {
	l      *lab
	plants []planted
	h      *haystack
	tmp    string
	quiet  map[string]bool // planted texts that were decided clean
}

const aside = "the scanner fails at Merribroke, NHS number 999 000 0174"

// displayed is what the platform shows of every member. The database knows it;
// logs and pages must not.
const displayed = "Hesketh Oswaldtwistle"

func (c *canary) start(t *testing.T) {
	t.Helper()
	err := c.l.startWith([]string{"--log-level", "debug", "--config", c.config()}, "CHAPERONE_FAULT=Merribroke", "TMPDIR="+c.tmp, "HOME="+c.tmp)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.l.tail())
	}
}

func (c *canary) run(t *testing.T) {
	c.start(t)
	c.plant(t)
	c.look(t, "while it runs")
	c.l.kill()
	c.search(t, "after a kill")
	c.erased(t)
	c.start(t)
	c.use(t)
	c.look(t, "after every answer")
	c.advanceAll(t)
	c.look(t, "after reminders")
	c.keep(t)
	c.l.stop(t)
	c.search(t, "after a stop")
	c.scanFile(t)
	c.leaks(t)
}

// settled waits until every message but those that cannot be scanned has a
// decision.
func (c *canary) settled(t *testing.T, room string) {
	t.Helper()
	for until := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all, err := c.l.messages(room)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range all {
			if m.Decision == "pending" && m.State != "deleted" && !strings.Contains(m.Text, "Merribroke") {
				n++
			}
		}
		if n == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d messages of %s are still pending", n, room)
		}
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// plant posts every text in a room of its member, so that nothing is context
// for anything else.
func (c *canary) plant(t *testing.T) {
	var members []memberView
	for i := range c.plants {
		members = append(members, memberView{ID: fmt.Sprintf("p%d", i), Name: displayed})
	}
	for _, kind := range []string{"team", "emergency"} {
		must(t, "making a room", c.l.call("POST", "/rooms", roomView{ID: "canary-" + kind, Kind: kind, Members: members}, nil))
	}
	for i, p := range c.plants {
		_, err := c.l.post("canary-team", members[i].ID, p.text)
		must(t, p.what, err)
	}
	c.checkDraft(t, members[0].ID)
	c.settled(t, "canary-team")
	for until := time.Now().Add(90 * time.Second); !strings.Contains(c.l.output(), "set aside"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the log does not say that a message was set aside: it is not worth searching")
		}
	}
	all, err := c.l.messages("canary-team")
	must(t, "reading the room", err)
	c.quiet = map[string]bool{}
	for _, m := range all {
		c.quiet[m.Text] = m.Decision == "clean"
	}
}

// use takes planted texts through everything else that can be done with one.
func (c *canary) use(t *testing.T) {
	for i, p := range c.plants {
		id, err := c.l.post("canary-emergency", fmt.Sprintf("p%d", i), p.text)
		must(t, p.what, err)
		switch i % 4 {
		case 0:
			must(t, "editing", c.l.edit("canary-emergency", id, fmt.Sprintf("p%d", i), p.text+" (again)"))
		case 1:
			must(t, "deleting", c.l.remove("canary-emergency", id, fmt.Sprintf("p%d", i)))
		case 2:
			err := c.l.call("POST", "/rooms/canary-emergency/messages/"+id+"/reactions", map[string]string{"sender": "p0", "reaction": p.text}, nil)
			if !refused(err) {
				must(t, "reacting", err)
			} else {
				c.clean(t, "a refusal", []byte(err.Error()))
			}
		}
	}
	c.settled(t, "canary-emergency")
	given := map[string]int{}
	for i, p := range c.plants {
		member := fmt.Sprintf("p%d", i)
		all, err := c.l.prompts(member)
		must(t, "reading prompts", err)
		for _, pr := range all {
			if len(pr.Answers) == 0 {
				continue
			}
			if len(pr.Steps) > 0 {
				must(t, "ticking", c.l.tick(member, pr.ID, pr.Steps[0].ID, true))
			}
			// A step that is not there, an answer that is not offered, another member's prompt.
			for _, err := range []error{
				c.l.tick(member, pr.ID, "nonsense", true),
				c.l.answer(member, pr.ID, "nonsense", p.text),
				c.l.answer("p"+fmt.Sprint((i+1)%len(c.plants)), pr.ID, pr.Answers[0].ID, p.text),
			} {
				if err != nil {
					c.clean(t, "a refusal", []byte(err.Error()))
				}
			}
			if pr.Room == "canary-team" && i%5 == 0 {
				continue // nobody answers: reminded, escalated, lapsed
			}
			a := pr.Answers[i%len(pr.Answers)]
			text := ""
			if a.WantsText {
				text = p.text
			}
			err := c.l.answer(member, pr.ID, a.ID, text)
			if a.ID == "control" && refused(err) {
				continue // its step was ticked a moment ago: it is not asked any more
			}
			must(t, "answering", err)
			given[a.ID]++
		}
	}
	t.Logf("answers given: %v", given)
	if given["not-sensitive"] == 0 {
		t.Error("nothing was judged not sensitive: that what is remembered of it holds no value is not shown")
	}
	c.settled(t, "canary-team")
	c.settled(t, "canary-emergency")
	c.misuse(t)
	must(t, "waiting", c.l.advance(time.Second))
}

// misuse sends what must be refused, and reads what the refusals say.
func (c *canary) misuse(t *testing.T) {
	for _, p := range c.plants {
		for _, err := range []error{
			c.l.call("POST", "/rooms/nowhere/messages", map[string]string{"sender": "p0", "text": p.text}, nil),
			c.l.call("POST", "/rooms/canary-team/messages", map[string]string{"sender": "nobody", "text": p.text}, nil),
			c.l.call("POST", "/rooms/canary-team/messages", map[string]any{"sender": "p0", "text": []string{p.text}}, nil),
			c.l.call("POST", "/rooms/canary-team/messages", map[string]string{"sendr": "p0", "text": p.text}, nil),
			c.l.call("PATCH", "/rooms/canary-team/messages/m99999", map[string]string{"sender": "p0", "text": p.text}, nil),
			c.l.call("POST", "/clock", map[string]string{"advance": p.text}, nil),
		} {
			if err == nil {
				t.Error("something that must be refused was not")
				continue
			}
			c.clean(t, "a refusal", []byte(err.Error()))
		}
	}
}

// advanceAll moves the clock until every prompt has been reminded of,
// escalated and has lapsed, and everything that can be forgotten is.
func (c *canary) advanceAll(t *testing.T) {
	for _, d := range []time.Duration{11 * time.Minute, 2 * time.Hour, 25 * time.Hour, 73 * time.Hour, 14 * 24 * time.Hour} {
		must(t, "moving the clock", c.l.advance(d))
	}
}

// clean fails the test for every planted value in b.
func (c *canary) clean(t *testing.T, where string, b []byte) {
	t.Helper()
	found := c.h.search(b)
	for i, what := range found {
		if i == 5 {
			t.Errorf("%s: and %d more", where, len(found)-i)
			break
		}
		t.Errorf("%s holds %s", where, what)
	}
}

// look reads everything that the running process says: its log, its pages, its
// health and what it showed to members. The pages and the interface that show
// messages stand for the platform; record pages must show what was captured.
func (c *canary) look(t *testing.T, when string) {
	t.Helper()
	log := c.l.output()
	c.clean(t, "the log "+when, []byte(log))
	if strings.Contains(log, "Oswaldtwistle") {
		t.Errorf("%s: the log holds the name of a member", when)
	}
	for i := range c.plants {
		all, err := c.l.prompts(fmt.Sprintf("p%d", i))
		must(t, "reading prompts", err)
		b, err := json.Marshal(all)
		must(t, "reading prompts", err)
		c.clean(t, "a prompt "+when, b)
	}
	ledger, err := c.l.ledger()
	must(t, "reading the ledger", err)
	b, err := json.Marshal(ledger)
	must(t, "reading the ledger", err)
	c.clean(t, "the ledger "+when, b)
	read := c.crawl(t, when)
	if read < 4 {
		t.Errorf("%s: only %d pages of the console were found", when, read)
	}
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/", "/debug/pprof/heap?debug=1", "/debug/vars", "/nothing-here"} {
		code, body := c.get(t, path)
		c.clean(t, path+" "+when, body)
		if strings.HasPrefix(path, "/debug") && code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	t.Logf("%s: read %d pages", when, read)
}

func (c *canary) get(t *testing.T, path string) (int, []byte) {
	t.Helper()
	resp, err := c.l.client.Get(c.l.url + path)
	must(t, "reading "+path, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	must(t, "reading "+path, err)
	return resp.StatusCode, b
}

var link = regexp.MustCompile(`(?:href|src|action|hx-get)="(/[^"#]*)"`)

// numbers are what pages of one kind differ in.
var numbers = regexp.MustCompile(`[A-Z0-9-]*[0-9][A-Z0-9-]*`)

// crawl reads the pages of the console that can be reached, of each kind a few,
// and searches those that have no business with a text. The pages of the
// practice platform stand for the platform itself.
func (c *canary) crawl(t *testing.T, when string) int {
	t.Helper()
	seen := map[string]bool{"/": true}
	alike := map[string]int{} // pages of one kind: a few of them show what all do
	queue := []string{"/"}
	for ; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		_, body := c.get(t, path)
		if !showsTexts(path) {
			c.clean(t, path+" "+when, body)
		}
		for _, m := range link.FindAllSubmatch(body, -1) {
			to := strings.ReplaceAll(string(m[1]), "&amp;", "&")
			kind := numbers.ReplaceAllString(to, "#")
			if !seen[to] && alike[kind] < 6 && !strings.HasPrefix(to, "/practice") {
				alike[kind]++
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return len(seen)
}

// showsTexts reports whether a page exists to show what was captured: that of
// one record.
func showsTexts(path string) bool { return strings.HasPrefix(path, "/records/") }

// search reads every file that the product keeps or leaves behind: raw, and
// the database and its log decrypted block by block.
func (c *canary) search(t *testing.T, when string) {
	t.Helper()
	v := openVault(t, c.l)
	for name, b := range v.raw {
		c.clean(t, name+" "+when, b)
	}
	for name, b := range v.plain {
		c.clean(t, name+", decrypted, "+when, b)
	}
	for _, known := range []string{"canary-team", "whisper/"} {
		if !bytes.Contains(v.plain["chaperone.db"], []byte(known)) && !bytes.Contains(v.plain["chaperone.db-wal"], []byte(known)) {
			t.Errorf("%s: %q is not in the decrypted database: the search is worth nothing", when, known)
		}
	}
	for _, dir := range []string{c.tmp, c.l.dir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || (d.IsDir() && (path == c.l.data() || path == c.l.records() || d.Name() == "scan")) {
				return errorOrSkip(err)
			}
			if !d.Type().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			if err == nil {
				c.clean(t, d.Name()+" "+when, b)
			}
			return err
		})
		must(t, "reading the lab", err)
	}
}

func errorOrSkip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// erased proves that settled clean messages cannot be read with any key that
// is left, once the context window has passed by 15 minutes, and that before
// that they can: the proof is one of erasure, not of looking in the wrong
// place. The process was killed, so that the log of the database lies there.
func (c *canary) erased(t *testing.T) {
	var texts []string
	for _, p := range c.plants {
		if len(p.text) >= 16 {
			texts = append(texts, p.text)
		}
	}
	tell := func(moment string) (clean, kept int) {
		found := openVault(t, c.l).recover(t, texts)
		for text := range found {
			switch {
			case c.quiet[text]:
				clean++
			case text != aside:
				kept++
			}
		}
		t.Logf("%s: %d clean and %d prompted texts can be read with the keys that are left", moment, clean, kept)
		return clean, kept
	}
	if clean, kept := tell("before"); clean == 0 || kept == 0 {
		t.Fatal("nothing could be read before it was due to be erased: the search is worth nothing")
	}
	c.start(t)
	must(t, "moving the clock", c.l.advance(25*time.Minute))
	c.l.kill()
	if clean, kept := tell("15 minutes after the context window"); clean > 0 {
		t.Errorf("%d settled clean messages can still be read", clean)
	} else if kept == 0 {
		t.Error("the texts that open prompts offer to keep cannot be read any more")
	}
}

// scanFile scans a file of planted texts with every kind of output.
func (c *canary) scanFile(t *testing.T) {
	dir := filepath.Join(c.l.dir, "scan")
	must(t, "making a folder", os.Mkdir(dir, 0o700))
	var lines, plain bytes.Buffer
	for i, p := range c.plants {
		b, err := json.Marshal(map[string]string{"id": fmt.Sprint(i), "text": p.text})
		must(t, "writing", err)
		lines.Write(append(b, '\n'))
		fmt.Fprintf(&lines, "{\"id\":\"broken\",\"text\":%s\n", b) // a broken line
		fmt.Fprintln(&plain, p.text)
	}
	must(t, "writing", os.WriteFile(filepath.Join(dir, "a.jsonl"), lines.Bytes(), 0o600))
	must(t, "writing", os.WriteFile(filepath.Join(dir, "a.txt"), plain.Bytes(), 0o600))
	for _, input := range []string{"jsonl", "text"} {
		for _, format := range []string{"text", "jsonl", "csv", "html"} {
			name := map[string]string{"jsonl": "a.jsonl", "text": "a.txt"}[input]
			cmd := exec.Command(c.l.binary, "scan", "--input", input, "--format", format, filepath.Join(dir, name))
			cmd.Env = append(os.Environ(), "TMPDIR="+c.tmp)
			out, err := cmd.CombinedOutput()
			if bytes.HasPrefix(out, []byte("chaperone: --format")) {
				t.Logf("scan --format %s is not there yet", format)
				continue
			}
			if code := cmd.ProcessState.ExitCode(); code < 1 || !bytes.Contains(out, []byte("NHS number")) {
				t.Errorf("scan --input %s --format %s found nothing: %v", input, format, err)
			}
			c.clean(t, "scan --input "+input+" --format "+format, out)
		}
	}
	c.search(t, "after a scan")
}

// leaks proves that the test fails when one value is leaked on purpose, once
// for each kind of place that it looks at.
func (c *canary) leaks(t *testing.T) {
	p := c.plants[0]
	if !slices.ContainsFunc(c.h.search([]byte(c.l.output()+`{"level":"DEBUG","text":"`+p.text+`"}`)), func(string) bool { return true }) {
		t.Error("a value written to the log was not found")
	}
	must(t, "leaking", os.WriteFile(filepath.Join(c.l.data(), "leak"), []byte("left behind: "+p.text), 0o600))
	if v := openVault(t, c.l); len(c.h.search(v.raw["leak"])) == 0 {
		t.Error("a value in a file of the data folder was not found")
	}
	must(t, "tidying", os.Remove(filepath.Join(c.l.data(), "leak")))
	c.leakRow(t, p.text)
	if v := openVault(t, c.l); len(c.h.search(v.plain["chaperone.db"]))+len(c.h.search(v.plain["chaperone.db-wal"])) == 0 {
		t.Error("a value in a row of the database was not found")
	}
}

// leakRow writes a text into the encrypted database, as a careless column would.
func (c *canary) leakRow(t *testing.T, text string) {
	t.Helper()
	v := openVault(t, c.l)
	db, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(filepath.Join(c.l.data(), "chaperone.db"))+"?vfs=adiantum&hexkey="+hex.EncodeToString(v.database))
	must(t, "opening the database", err)
	defer db.Close()
	_, err = db.ExecContext(context.Background(), "CREATE TABLE leak (text TEXT); ")
	must(t, "leaking", err)
	_, err = db.ExecContext(context.Background(), "INSERT INTO leak VALUES (?)", text)
	must(t, "leaking", err)
}
