package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	logistics = "Rest centre at Calder Hall opens 02:30. Come by Weir Road, Mill Lane is under water."
	resident  = "Welfare check please. Edith Marlow, 3 Weir Cottages, NHS 999 123 4543. Her oxygen needs changing by 04:00"
	decided   = "decision: close the rest centre at 18:00 because the last family has gone home"
)

// TestNewcomersStory plays what a newcomer does with the demo, from the first
// page to an opened record, in a browser and on the real binary.
func TestNewcomersStory(t *testing.T) {
	l := newLab(t, build(t, ""))
	tabs := browser(t, "")
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	open := func(path string) *tab {
		p := tabs()
		p.url = l.url
		p.open(path)
		return p
	}

	// The first page is a chat, and an ordinary message passes in silence.
	sam := open("/")
	sam.shows("h1", "Rest Centre Team")
	sam.shows(".notice", "reads this chat")
	first := sam.say(logistics)
	sam.shows(first+" .aside", "Passed in silence")
	if n := sam.count(".prompt"); n != 0 {
		t.Errorf("an ordinary message brought %d prompts", n)
	}

	// In the emergency chat a resident's details bring a prompt to Sam alone.
	sam.click(".head a")
	sam.shows("h1", "Flood North")
	priya := open("/practice/rooms/flood-north?you=priya")
	quiet := priya.say("Two pumps on the way, 25 minutes. Aisha has the 4x4 at the bridge.")
	sam.shows(quiet+" .aside", "Passed in silence") // it came without a reload
	about := sam.say(resident)
	sam.shows(".prompt", "Only you see this")
	private(t, l, sam, priya, about)
	sam.look("practice")
	priya.look("practice-other")

	// Answers, steps and an edit move it on; both see the edit.
	sam.click(".prompt button[value=control]")
	sam.shows(".prompt .steps .ok", "control room")
	step := ".prompt .steps li[aria-current] .tick button"
	words := sam.text(".prompt .steps li[aria-current] > b")
	sam.click(step)
	sam.wait("the next step is due", "document.querySelectorAll('.prompt .steps .ok').length === 2")
	if now := sam.text(".prompt .steps li[aria-current] > b"); now == words || now == "" {
		t.Errorf("after %q was ticked the step is %q", words, now)
	}
	const better = "Welfare check please: I have phoned the details through."
	sam.edit(about, better)
	sam.shows(".prompt", "Nothing is left to do.")
	sam.shows(about+" .aside", "Put right")
	priya.shows(about+" .text", better)
	sam.look("practice-put-right")

	keepsPlace(t, sam, priya)
	marking(t, sam)
	keeping(t, l, open("/practice/rooms/rest-centre-team?you=dafydd"))
	clock(t, sam)

	// It stops within its time although pages are open.
	l.stop(t)
}

// private checks the open prompt of a resident's details: with its sender, at
// once, and nowhere else.
func private(t *testing.T, l *lab, sam, priya *tab, about string) {
	t.Helper()
	var said []struct {
		ID string    `json:"id"`
		At time.Time `json:"at"`
	}
	if err := l.call("GET", "/rooms/flood-north/messages", nil, &said); err != nil {
		t.Fatal(err)
	}
	calls, err := l.ledger()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, c := range calls {
		if c.Effect != "whisper" {
			continue
		}
		asked++
		if c.Member != "sam" {
			t.Errorf("%s was asked", c.Member)
		}
		took := c.At.Sub(said[len(said)-1].At)
		if t.Logf("from posted to asked: %v", took.Round(time.Millisecond)); took > time.Second {
			t.Errorf("the question came after %v", took)
		}
	}
	if asked != 1 {
		t.Errorf("%d questions were asked", asked)
	}
	sam.shows(about+" .aside", "Asked you privately")
	sam.shows(".prompt h3", "Hello Sam, about your")
	if title := sam.text(".prompt h3"); strings.Contains(title, "NHS") || !strings.Contains(title, "in Flood North.") {
		t.Errorf("the first line is %q", title)
	}
	sam.shows(".prompt", "NHS number")
	sam.shows(".prompt", "This is wrong")
	if n := read[int](sam, "[...document.querySelectorAll('.prompt button[name=answer]')].filter((b) => b.checkVisibility()).length"); n < 1 || n > 3 {
		t.Errorf("%d answers are shown at once", n)
	}
	sam.click(".prompt summary[id^=why-]")
	why := sam.text(".prompt .facts")
	for _, want := range []string{"NHS number", "43", "We never keep the value.", "Council messaging policy", "Morag Sinclair", "01632 960120"} {
		if !strings.Contains(why, want) {
			t.Errorf("the reason does not say %q: %s", want, why)
		}
	}
	if html := read[string](sam, "document.querySelector('.prompt').outerHTML"); strings.Contains(html, "4543") || strings.Contains(html, "Marlow") {
		t.Error("the prompt repeats what was found")
	}
	priya.shows(about+" .text", "Edith Marlow") // it came without a reload
	if n := priya.count(".prompt"); n != 0 {
		t.Error("somebody else sees the prompt")
	}
	priya.shows(about+" .aside", "Asked privately")
}

// keepsPlace checks that what others do takes neither focus nor half a
// sentence from somebody who is writing, and that Shift and Enter do not send.
func keepsPlace(t *testing.T, sam, priya *tab) {
	t.Helper()
	sam.do(chromedp.SendKeys(chromedp.CSS("#say"), "Half a sent"))
	sam.do(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent("ence"))
	mine := read[string](sam, "(document.activeElement.id) + '|' + document.getElementById('say').value")
	if mine != "say|Half a sent\nence" {
		t.Errorf("Shift and Enter, or writing, went wrong: %q", mine)
	}
	other := priya.say("<b>Thanks</b> <img src=x> @everyone \u202eeman a")
	sam.shows(other+" .text", "<b>Thanks</b>")
	sam.shows(other+" .aside", "Passed in silence")
	if now := read[string](sam, "(document.activeElement.id) + '|' + document.getElementById('say').value"); now != mine {
		t.Errorf("another's message left %q of %q", now, mine)
	}
	if n := sam.count(other + " img, " + other + " .text b"); n != 0 {
		t.Error("a message was taken for HTML")
	}
	read[chromedp.Void](sam, "document.getElementById('say').value = ''")
}

// marking checks the prompt of a protective marking, and that deleting the
// message closes it by itself.
func marking(t *testing.T, sam *tab) {
	t.Helper()
	message := sam.say("OFFICIAL-SENSITIVE: the draft shelter plan is ready for the director")
	sam.shows("#messages > li:last-child .prompt", "OFFICIAL-SENSITIVE")
	sam.shows(message+" .aside", "Asked you privately")
	id := strings.TrimPrefix(message, "#m-")
	sam.click("#acts-" + id)
	sam.click("#delete-" + id)
	sam.shows(message, "This message was deleted")
	sam.shows("#messages > li:last-child .prompt", "It is gone from the chat")
}

// keeping takes a decision to its record, opens it from the page, and holds
// the file against the hash that the page shows.
func keeping(t *testing.T, l *lab, dafydd *tab) {
	t.Helper()
	message := dafydd.say(decided)
	dafydd.shows(".prompt", "It reads like a decision")
	dafydd.look("practice-decision")
	dafydd.click(".prompt button[value=keep]")
	dafydd.shows(".prompt", "Kept as record")
	dafydd.shows(message+" .aside a", "Kept")
	dafydd.shows(".line", "Kept a record")
	dafydd.click(message + " .aside a")
	dafydd.shows("h1", "Record")
	dafydd.shows("main", decided)
	dafydd.shows(".status", "As it was filed")
	dafydd.look("record")
	files, err := filepath.Glob(filepath.Join(l.records(), "*", "*", "*", "message.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("records: %v %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil || string(b) != decided {
		t.Errorf("the record holds %q (%v)", b, err)
	}
	sum := sha256.Sum256(b)
	dafydd.shows("main", hex.EncodeToString(sum[:]))
	dafydd.open("/today")
	dafydd.shows("main", "Every part works")
	dafydd.look("today")
	dafydd.open("/records")
	dafydd.shows("main", "Rest Centre Team")
}

// clock moves the demo's clock by a button: what is open is reminded of once.
func clock(t *testing.T, sam *tab) {
	t.Helper()
	sam.say("NHS 999 123 4543 again, for the ambulance")
	sam.shows("#messages > li:last-child .prompt", "NHS number")
	sam.click("#clock1")
	sam.shows("#messages > li:last-child .prompt", "A reminder, once")
}

// TestPracticeWithoutScript checks that the chat is whole where scripts do not
// run: forms post and come back.
func TestPracticeWithoutScript(t *testing.T) {
	l := newLab(t, build(t, ""))
	tabs := browser(t, "")
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	p := tabs()
	p.url = l.url
	p.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	p.open("/practice/rooms/rest-centre-team?you=sam")
	p.do(chromedp.SendKeys(chromedp.CSS("#say"), resident))
	post := func(button string) { // and wait for the page that comes back
		t.Helper()
		if _, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS(button))); err != nil {
			t.Fatal(err)
		}
	}
	post(".compose .btn")
	again := func(text string) { // without script a page is as it was when it was loaded
		t.Helper()
		for until := time.Now().Add(10 * time.Second); !strings.Contains(p.text("#messages"), text); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("waited in vain for %q; the page says:\n%s", text, p.text("main"))
			}
			p.open("/practice/rooms/rest-centre-team?you=sam")
		}
	}
	again("Edith Marlow")
	again("Only you see this")
	post(".prompt button[value=wrong]")
	again("We ask no more")
}
