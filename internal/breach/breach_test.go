package breach_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chaperone/internal/breach"
	"chaperone/internal/chat"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func opened(t *testing.T) breach.Record {
	t.Helper()
	r, err := breach.Record{State: breach.Proposed, Exposure: breach.Exposure{From: noon}}.OpenBy("Nasreen Malik", noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheClockRunsForSeventyTwoHours(t *testing.T) {
	r := opened(t)
	for _, c := range []struct {
		after time.Duration
		alarm breach.Alarm
		used  int
	}{{0, "", 0}, {36 * time.Hour, "", 50}, {48*time.Hour - time.Second, "", 66}, {48 * time.Hour, breach.DayOff, 66}, {72*time.Hour - time.Second, breach.DayOff, 99}, {72 * time.Hour, breach.Late, 100}, {1000 * time.Hour, breach.Late, 100}} {
		if got := r.Clock(noon.Add(c.after)); got.Alarm != c.alarm || got.Used() != c.used || !got.Runs || !got.Due.Equal(noon.Add(72*time.Hour)) {
			t.Errorf("after %s: %+v, %d%%", c.after, got, got.Used())
		}
	}
	not, err := r.Decide(breach.Decision{Reason: "nobody outside", By: "N", At: noon.Add(time.Hour)})
	if err != nil || not.Clock(noon.Add(100*time.Hour)).Alarm != "" || not.Clock(noon.Add(100*time.Hour)).Left != 71*time.Hour {
		t.Errorf("a decision not to tell does not stop the clock (%v)", err)
	}
	yes, err := r.Decide(breach.Decision{Notify: true, Reason: "health of many", By: "N", At: noon.Add(time.Hour)})
	if err != nil || yes.Clock(noon.Add(73*time.Hour)).Alarm != breach.Late {
		t.Errorf("a decision to tell is not telling (%v)", err)
	}
	if _, err := yes.Tell(breach.Told{At: noon.Add(73 * time.Hour), By: "N"}, noon.Add(80*time.Hour)); err == nil {
		t.Error("the Commissioner was told late without a reason")
	}
	told, err := yes.Tell(breach.Told{At: noon.Add(73 * time.Hour), By: "N", Late: "the officer was in the flood"}, noon.Add(80*time.Hour))
	if c := told.Clock(noon.Add(80 * time.Hour)); err != nil || c.Runs || c.Left != -time.Hour {
		t.Errorf("%+v (%v)", c, err)
	}
}

func TestARecordIsClosedInItsOrder(t *testing.T) {
	r := opened(t)
	refused := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was not refused", what)
		}
	}
	_, err := r.OpenBy("N", noon, noon)
	refused("opening twice", err)
	_, err = breach.Record{Exposure: breach.Exposure{From: noon}}.OpenBy("N", noon.Add(time.Hour), noon)
	refused("becoming aware in the future", err)
	_, err = breach.Record{Exposure: breach.Exposure{From: noon}}.OpenBy("N", noon.Add(-time.Hour), noon)
	refused("becoming aware before it was said", err)
	_, err = r.Close("N", "over", noon)
	refused("closing without a decision", err)
	_, err = r.Decide(breach.Decision{By: "N"})
	refused("deciding without a reason", err)
	_, err = r.Tell(breach.Told{At: noon, By: "N"}, noon)
	refused("telling without a decision", err)
	_, err = r.HandOver(breach.Handed{By: "N"})
	refused("handing over without a count", err)
	_, err = r.Count(-1)
	refused("counting under nought", err)
	_, err = breach.Record{State: breach.Proposed}.Decide(breach.Decision{By: "N", Reason: "x"})
	refused("deciding about a proposal", err)
	if none, err := (breach.Record{State: breach.Proposed}).Close("N", "an invented number", noon); err != nil || none.State != breach.Closed {
		t.Errorf("a proposal cannot be turned down: %v", err)
	}
	if r, err = r.Decide(breach.Decision{Notify: true, Reason: "R", By: "N", At: noon}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Close("N", "over", noon)
	refused("closing before the Commissioner was told", err)
	if r, err = r.Tell(breach.Told{At: noon, By: "N", Reference: "IC-1"}, noon); err != nil {
		t.Fatal(err)
	}
	_, err = r.Decide(breach.Decision{Reason: "R", By: "N"})
	refused("deciding otherwise after telling", err)
	_, err = r.Close("N", "over", noon)
	refused("closing without a count", err)
	if r, err = r.Count(2); err != nil {
		t.Fatal(err)
	}
	if r, err = r.HandOver(breach.Handed{By: "N", Record: "20261123-AAAA", At: noon}); err != nil {
		t.Fatal(err)
	}
	if r, err = r.Close("N", "over", noon); err != nil || r.State != breach.Closed {
		t.Fatalf("%s %v", r.State, err)
	}
	_, err = r.Count(3)
	refused("counting after the end", err)
}

func TestAReceiptCountsWhoCouldHaveSeenIt(t *testing.T) {
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	sights := []breach.Sight{{Message: "m1", From: at(0), Until: at(40)}, {Message: "m2", From: at(1), Until: at(30)}}
	all := []breach.Presence{
		{Member: "sam", Since: at(-100), Standing: breach.Colleague},                     // wrote it
		{Member: "priya", Since: at(-100), Standing: breach.Colleague},                   // there all the time
		{Member: "ext1", Since: at(-100), Standing: breach.External},                     //
		{Member: "ext2", Since: at(20), Came: true, Standing: breach.External},           // came in the middle
		{Member: "gone", Since: at(-100), Until: at(-1), Standing: breach.External},      // left before
		{Member: "back", Since: at(-100), Until: at(-1), Standing: breach.External},      // left before …
		{Member: "back", Since: at(39), Came: true, Standing: breach.External},           // … and came back in time
		{Member: "late", Since: at(41), Came: true, Standing: breach.External},           // came after
		{Member: "first-seen-later", Since: at(41), Standing: breach.External},           // who knows
		{Member: "nobody-says", Since: at(-100), Until: at(5), Standing: breach.Unknown}, // left in the middle
	}
	e, seen := breach.Expose(at(600), "sam", sights, all)
	want := breach.Exposure{Messages: 2, From: at(0), Until: at(40), Seconds: 2400, Members: 5, Colleagues: 1, External: 3, Unknown: 1, Perhaps: 1}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	if len(seen) != 6 || e.Visibly() != "40 minutes" {
		t.Errorf("%v, %s", seen, e.Visibly())
	}
	e, _ = breach.Expose(at(60), "sam", append(sights, breach.Sight{Message: "m3", From: at(50)}), all)
	if !e.Visible() || e.Seconds != 3000 || e.External != 5 || e.Perhaps != 0 { // whoever was first seen later was there by then
		t.Errorf("%+v", e)
	}
	if e, _ := breach.Expose(at(0), "sam", nil, all); e.Members != 0 || breach.Propose(true, e) {
		t.Errorf("nothing was exposed to %+v", e)
	}
}

func TestARecordIsProposedWhenPeopleOutsideCouldSeeSomethingSerious(t *testing.T) {
	e := breach.Exposure{External: 1, Seconds: 15 * 60}
	if !breach.Propose(true, e) || breach.Propose(false, e) {
		t.Error("what is serious is proposed, and nothing else")
	}
	e.Seconds--
	if breach.Propose(true, e) || breach.Propose(true, breach.Exposure{Colleagues: 9, Unknown: 9, Seconds: 9999}) {
		t.Error("what was put right at once, or seen by colleagues alone, is proposed")
	}
}

// Whatever comes and goes: nobody is counted twice, the sender never, and what
// was visible was so no longer than from its beginning to its end.
func TestReceiptsAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minute := rapid.IntRange(0, 100)
		var sights []breach.Sight
		for range rapid.IntRange(0, 4).Draw(rt, "messages") {
			s := breach.Sight{From: noon.Add(time.Duration(minute.Draw(rt, "from")) * time.Minute)}
			if d := minute.Draw(rt, "visible"); d > 0 {
				s.Until = s.From.Add(time.Duration(d) * time.Minute)
			}
			sights = append(sights, s)
		}
		var all []breach.Presence
		for range rapid.IntRange(0, 8).Draw(rt, "stays") {
			p := breach.Presence{
				Member: chat.MemberID(rapid.SampledFrom([]string{"sam", "a", "b", "c"}).Draw(rt, "who")), Since: noon.Add(time.Duration(minute.Draw(rt, "since")) * time.Minute),
				Came: rapid.Bool().Draw(rt, "came"), Standing: rapid.SampledFrom([]breach.Standing{breach.Colleague, breach.External, breach.Unknown}).Draw(rt, "standing"),
			}
			if d := minute.Draw(rt, "stay"); d > 0 {
				p.Until = p.Since.Add(time.Duration(d) * time.Minute)
			}
			all = append(all, p)
		}
		now := noon.Add(300 * time.Minute)
		e, seen := breach.Expose(now, "sam", sights, all)
		if e.Members != e.Colleagues+e.External+e.Unknown || e.Members+e.Perhaps != len(seen) || len(seen) > 3 {
			rt.Fatalf("%+v of %v", e, seen)
		}
		end := now
		if !e.Visible() {
			end = e.Until
		}
		if len(sights) > 0 && (e.Seconds < 0 || e.Seconds > int64(end.Sub(e.From)/time.Second)) {
			rt.Fatalf("%d seconds from %s to %s", e.Seconds, e.From, end)
		}
		for _, s := range seen {
			if s.Member == "sam" {
				rt.Fatal("the sender is in the receipt")
			}
		}
	})
}

func TestAReportNamesNobodyWhoCouldHaveSeenIt(t *testing.T) {
	r := opened(t)
	n := 2
	r.ID, r.People, r.Sender, r.ChatName = "20261123-BREACH", &n, "sam", "Flood North"
	r.Exposure, _ = breach.Expose(noon.Add(time.Hour), "sam", []breach.Sight{{From: noon, Until: noon.Add(40 * time.Minute)}},
		[]breach.Presence{{Member: "quillfeather", Since: noon, Standing: breach.External}})
	text := r.Report(noon.Add(time.Hour), time.UTC, []string{"an NHS number"})
	for _, want := range []string{"an NHS number", "How many people: 2", "40 minutes", "1 member: 1 external", "no read receipts", "26 November 2026, 12:00", "Decision: none yet"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "quillfeather") || strings.Contains(text, "sam") {
		t.Errorf("the report names a member:\n%s", text)
	}
}
