package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// number999 is an NHS number that nobody has, by its place.
func number999(n int) string {
	for base := 100 + 11*n; ; base++ {
		digits := fmt.Sprintf("999%06d", base)
		sum := 0
		for i, d := range digits {
			sum += (10 - i) * int(d-'0')
		}
		if check := (11 - sum%11) % 11; check < 10 {
			return digits + fmt.Sprint(check)
		}
	}
}

// asked says something that is asked about, and gives its prompt.
func (l *lab) asked(t *testing.T, room, who, text string) (message, prompt string) {
	t.Helper()
	message, err := l.post(room, who, text)
	must(t, "posting", err)
	for until := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all, err := l.prompts(who)
		must(t, "reading prompts", err)
		for _, p := range all {
			for _, m := range p.Messages {
				if m == message && len(p.Answers) > 0 && p.Room == room {
					return message, p.ID
				}
			}
		}
		if time.Now().After(until) {
			t.Fatalf("nobody was asked about the message")
		}
	}
}

// TestWhatIsLearntFromAnswers goes through the pages about breaches and answers
// as an officer would, with a keyboard and a mouse, at every width.
func TestWhatIsLearntFromAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	l := newLab(t, build(t, ""))
	must(t, "starting", l.start())
	tab := browser(t, l.url)()
	for _, path := range []string{"/breaches", "/measures", "/demand", "/suppressions"} {
		tab.open(path)
		tab.look("empty" + path[1:])
	}
	must(t, "adding a person", l.call("POST", "/rooms/rest-centre-team/members", map[string]string{"id": "ext1", "name": "Ozymandias Quillfeather"}, nil))
	must(t, "moving the clock", l.advance(time.Hour)) // the directory is read, and says who is not in it
	people := []string{"sam", "priya", "dafydd"}
	for day := range 12 {
		who := people[day%3]
		message, prompt := l.asked(t, "rest-centre-team", who, "NHS number "+number999(day))
		switch day % 4 {
		case 0, 1:
			must(t, "deleting", l.remove("rest-centre-team", message, who))
		case 2:
			must(t, "answering", l.answer(who, prompt, "not-sensitive", ""))
		}
		if day%2 == 0 {
			_, _ = l.asked(t, "flood-north", "tom", "mobile for the crew: 07700 9001"+fmt.Sprintf("%02d", day))
		}
		must(t, "moving the clock", l.advance(22*time.Hour))
	}
	tab.open("/today")
	tab.look("today-learnt")
	tab.shows("main", "breach records are proposed")
	tab.shows("main", "handles personal details as a routine")
	for page, says := range map[string]string{"/measures": "put right", "/demand": "Emergency chats", "/suppressions": "One value", "/quality": "By rule and chat", "/breaches": "Proposed"} {
		tab.open(page)
		tab.shows("main", says)
		tab.look("learnt-" + page[1:])
		if got := tab.text("main"); page != "/suppressions" && (strings.Contains(got, "Okafor") || strings.Contains(got, "practice/sam") || strings.Contains(got, "Quillfeather")) {
			t.Errorf("%s names somebody:\n%s", page, got)
		}
	}

	tab.open("/breaches")
	tab.click(".list .item .btn")
	tab.shows("h1", "Breach in Rest Centre Team")
	tab.look("breach-proposed")
	tab.click("form[action='/breaches'] button")
	tab.shows("main", "The 72 hours")
	tab.shows("#clock-says", "72 of 72 h left")
	tab.click("form[action$='/who'] button")
	tab.shows("main", "Ozymandias Quillfeather")
	tab.look("breach-names")
	must(t, "moving the clock", l.advance(50*time.Hour))
	tab.open("/breaches")
	tab.shows("main", "of 72 h left")
	tab.click("section[aria-labelledby=open] a.btn")
	tab.wait("the record is open", "document.querySelector('h1')?.innerText.startsWith('Breach in')")
	for tab.count("#clock-says") == 0 { // another that is only proposed
		t.Fatal("the open record is not the first of the open ones")
	}
	tab.look("breach-open")
	tab.click("form[action$='/decide'] button")
	tab.shows("#faults", "Say what is decided and why")
	tab.do(chromedp.SendKeys(chromedp.CSS("#people"), "1"))
	tab.click("#notify-yes")
	tab.do(chromedp.SendKeys(chromedp.CSS("#reason"), "a patient number before people outside"))
	tab.click("form[action$='/decide'] button")
	tab.shows("main", "tell the Commissioner")
	tab.click("form[action$='/handover'] button")
	tab.shows("main", "Handed over by")
	must(t, "moving the clock", l.advance(30*time.Hour))
	tab.do(chromedp.Reload())
	tab.shows("#clock-says", "Over by")
	tab.look("breach-late")
	tab.open("/measures")
	tab.click("form[action='/measures/noted'] button")
	tab.shows("main", "Noted by")
	tab.open("/suppressions")
	tab.click("details summary")
	tab.click("details[open] button")
	tab.shows("#faults", "Say why it is asked about again")
	tab.look("suppressions-refused")
	tab.do(chromedp.SendKeys(chromedp.CSS("details[open] input[name=why]"), "it is a real number"))
	tab.click("details[open] button")
	tab.shows("main", "It is asked about again from now on")
	l.stop(t)
}
