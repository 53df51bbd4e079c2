package prompt_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// member is somebody who is asked one thing after another. What is asked of
// them, and when, is held against what must always be so.
type member struct {
	r     *rand.Rand
	v     prompt.Viewer
	pace  prompt.Pace
	now   time.Time
	asked []time.Time // what the budget counts
	fault string      // planted
	bad   string
}

// talk is one conversation of theirs.
type talk struct {
	*member
	p        *prompt.Prompt
	shown    int64
	reminded int
	incident bool
}

var talkKinds = []string{"personal", "emergency", "marked", "credential", "significant", "secret", "photo", "misdirected"}

func (m *member) wrong(format string, args ...any) {
	if m.bad == "" {
		m.bad = fmt.Sprintf(format, args...)
	}
}

func (m *member) begin(n int) *talk {
	kind := talkKinds[m.r.IntN(len(talkKinds))]
	in := chat.Team
	if kind == "emergency" {
		in = chat.Emergency
	}
	k := &talk{member: m, incident: m.r.IntN(4) == 0}
	k.p = prompt.New(fmt.Sprint("p", n), m.now, room, "Flood North", in, "sam", "Sam Okafor")
	k.flag("m1", kind)
	return k
}

func (k *talk) flag(id, kind string) {
	it := item(id, kind)
	it.At = k.p.Opened
	if k.r.IntN(3) == 0 {
		it.Found[0].Severity = rules.Serious
	}
	k.p.Flag(k.now, it)
}

// show does what the engine does when a prompt changed: it is put off, shown
// for the first time, or shown anew.
func (k *talk) show() {
	p := k.p
	if p.Version <= k.shown || k.shown == 0 && (!p.Waiting() || p.Waits(k.now)) {
		return
	}
	if k.shown == 0 {
		if w := k.wait(); !w.Until.IsZero() {
			p.PutOff(w)
			return
		}
		k.first()
		p.Begin(k.now)
	}
	k.shown = p.Version
	k.look()
}

func (k *talk) wait() prompt.Wait {
	if !k.p.Counts() || k.fault == "budget" {
		return prompt.Wait{}
	}
	if until, quiet := k.pace.Quiet(k.now); quiet && !k.p.Urgent() {
		return prompt.Wait{Until: until}
	}
	return k.pace.Allow(k.now, k.asked, k.incident)
}

// first holds a first showing against the budget, in its own words.
func (k *talk) first() {
	if !k.p.Counts() {
		return
	}
	today := 1
	for _, at := range k.asked {
		if at.Format(time.DateOnly) == k.now.Format(time.DateOnly) {
			today++
		}
		if k.incident && k.now.Sub(at) < 30*time.Minute {
			k.wrong("two in %s of an incident", k.now.Sub(at))
		}
	}
	if today > 3 {
		k.wrong("the %dth in a day", today)
	}
	if h := k.now.Hour(); (h >= 20 || h < 7) && !k.p.Urgent() {
		k.wrong("at %s, and it could wait", k.now.Format("15:04"))
	}
	k.asked = append(k.asked, k.now)
}

// look holds what the member sees against what must always be so.
func (k *talk) look() {
	s := k.v.Show(k.p, all)
	right := !slices.ContainsFunc(k.p.Items, func(it prompt.Item) bool { return it.State == prompt.Flagged })
	if right && k.p.Waiting() && !k.p.Captures() {
		k.wrong("it waits, and everything is put right")
	}
	if !k.p.Waiting() && len(s.Answers) > 0 {
		k.wrong("it has ended (%s), and offers answers", k.p.State)
	}
	for _, a := range s.Answers {
		if k.p.Held && (a.ID == prompt.AnswerDelete || a.ID == prompt.AnswerDeleted || a.ID == prompt.AnswerKeepDelete) {
			k.wrong("held, and offers %s", a.ID)
		}
	}
	for _, st := range s.Steps {
		if k.p.Held && (st.ID == prompt.StepMessage || st.ID == prompt.StepMedia || st.ID == prompt.StepBackups || st.ID == prompt.StepCopies) {
			k.wrong("held, and asks for %s", st.ID)
		}
	}
	if k.p.Waiting() && k.p.Due.IsZero() {
		k.wrong("it would wait for ever")
	}
}

// tick lets the clock do what is due.
func (k *talk) tick() {
	for n := 0; !k.p.Due.IsZero() && !k.now.Before(k.p.Due); n++ {
		if n > 20 {
			k.wrong("its ladder has no end")
			return
		}
		if k.shown == 0 && !k.p.Later.IsZero() {
			k.p.Resume(k.now)
			k.show()
			continue
		}
		waits := k.p.Waiting()
		climbed := k.p.Overdue(k.now)
		if len(climbed) > 0 && !waits {
			k.wrong("what has ended climbs to %v", climbed)
		}
		if reminds(climbed) {
			if k.reminded++; k.reminded > 1 {
				k.wrong("it reminds twice")
			}
		}
		k.show()
	}
}

func (k *talk) step() {
	p, id := k.p, fmt.Sprint("m", 1+k.r.IntN(3))
	switch k.r.IntN(12) {
	case 0, 1:
		if p.Takes(p.Opened) || p.Covers(chat.MessageID(id)) {
			k.flag(id, talkKinds[k.r.IntN(len(talkKinds))])
		}
	case 2:
		p.Gone(k.now, chat.MessageID(id))
	case 3:
		p.Clean(k.now, chat.MessageID(id))
	case 4, 5:
		a, held := answersOf(k), p.Held
		if w, ok := p.Give(k.now, a, fmt.Sprint("R", p.Version), all); ok && (held && len(w.Delete) > 0 || w.Claim && !w.File) {
			k.wrong("%s brings %+v", a, w)
		}
	case 6:
		p.Tick(k.now, []string{"control", "message", "calm", "nonsense"}[k.r.IntN(4)], k.r.IntN(3) > 0)
	case 7:
		p.Hold(!p.Held)
	case 8:
		p.FiledNow(k.now, p.Record)
	case 9:
		if k.r.IntN(10) == 0 {
			p.Withdraw(k.now)
		}
	case 10: // the program is started again
		b, err := json.Marshal(p)
		again := new(prompt.Prompt)
		if err == nil {
			err = json.Unmarshal(b, again)
		}
		if err != nil || cmp.Diff(p, again) != "" {
			k.wrong("what was stored is another prompt (%v): %s", err, cmp.Diff(p, again))
		}
		k.p = again
	}
	k.show()
	k.now = k.now.Add([]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 9 * time.Hour, 30 * time.Hour}[k.r.IntN(5)])
	k.tick()
}

func answersOf(k *talk) string {
	offered := k.v.Show(k.p, all).Answers
	if len(offered) == 0 || k.r.IntN(4) == 0 {
		return []string{"deleted", "keep-delete", "exceptional", "more", "ask", "nonsense"}[k.r.IntN(6)]
	}
	return offered[k.r.IntN(len(offered))].ID
}

// play has conversations until something is wrong, and gives their number.
func (m *member) play(conversations int) int {
	for n := range conversations {
		k := m.begin(n)
		k.show()
		for range 1 + m.r.IntN(12) {
			k.step()
		}
		end := k.now // the next one comes meanwhile
		for range 80 {
			k.now = k.now.Add(11 * time.Hour)
			k.tick()
		}
		if k.p.Waiting() {
			m.wrong("after forty days it still waits: %s, due %s", k.p.State, k.p.Due)
		}
		if m.bad != "" {
			return n + 1
		}
		m.now = end
		m.asked = slices.DeleteFunc(m.asked, func(at time.Time) bool { return m.now.Sub(at) > 48*time.Hour })
	}
	return conversations
}

func newMember(t *testing.T, seed uint64) *member {
	return &member{r: rand.New(rand.NewPCG(seed, 3)), v: viewer(t), pace: prompt.DefaultPace(time.UTC), now: noon}
}

// TestSoakConversations plays conversations without a store; 100,000 in the long
// form, CHAPERONE_SOAK=1. Those over a store are in internal/engine.
func TestSoakConversations(t *testing.T) {
	people, each := 40, 50
	if os.Getenv("CHAPERONE_SOAK") != "" {
		people, each = 1000, 100
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAPERONE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
		people = 1
	}
	for range people {
		m := newMember(t, seed)
		if n := m.play(each); m.bad != "" {
			t.Fatalf("replay with CHAPERONE_SEED=%d: conversation %d: %s", seed, n, m.bad)
		}
		seed++
	}
	t.Logf("%d conversations, none wrong", people*each)
}

// A game that nothing loses proves nothing.
func TestConversationsFindPlantedFaults(t *testing.T) {
	m := newMember(t, 1)
	m.fault = "budget"
	if n := m.play(2000); m.bad == "" {
		t.Errorf("%d conversations without a budget found nothing", n)
	} else {
		t.Logf("without a budget, after %d: %s", n, m.bad)
	}
}
