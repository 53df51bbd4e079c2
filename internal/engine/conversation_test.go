package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/store"
	"chaperone/rules"
)

// world is a platform with people who talk, answer, tick, edit, delete, leave
// and come back, while holds are placed and released, the clock moves and the
// engine is started again. Whatever the engine does there is held against what
// must always be so. What breaks it is noted in bad.
type world struct {
	h    *house
	o    engine.Options
	r    *rand.Rand
	pace prompt.Pace

	mu       sync.Mutex
	bad      []string
	notes    map[chat.MessageID]*note
	order    []chat.MessageID
	shown    map[string]*seen
	asked    map[chat.MemberID][]counted
	gone     map[string]bool      // chat/member
	left     map[string]time.Time // … and when they last left
	held     map[chat.ID]string
	echoes   []chat.Event // what the platform tells of the bot's own deletions
	opened   int          // conversations
	effects  map[bots.Kind]int
	answered map[string]int
}

// note is a message as its platform knows it.
type note struct {
	chat     chat.ID
	by       chat.MemberID
	revision int64
	urgent   bool // a finding is serious
	secret   bool // it was marked SECRET once
	decides  bool // a deletion does not put it right: a record is due
	deleted  bool
	right    bool // it was put right, and the engine has been told
}

// seen is a prompt as its member saw it last.
type seen struct {
	*bots.Prompt
	in        chat.ID
	by        chat.MemberID
	reminders int
}

// counted is a whisper that a budget counts.
type counted struct {
	at     time.Time
	digest bool
	in     chat.ID
}

var (
	talkRooms = []chat.ID{{Account: "faulty", Local: "team"}, {Account: "faulty", Local: "flood"}, {Account: "faulty", Local: "incident"}}
	talkers   = []chat.MemberID{"sam", "priya", "dafydd", "tom", "noor", "rita"}
)

const (
	shut     = chat.MemberID("noor") // lets nobody write to them privately
	outsider = chat.MemberID("rita") // is never asked
	receiver = chat.MemberID("dafydd")
)

// receivers are asked about what the outsider writes, whoever of them is there.
var receivers = []chat.MemberID{receiver, "priya", "tom"}

// careless is a store with a planted fault.
type careless struct {
	*store.Store
	fault string
}

func (c careless) Start(ctx context.Context, now time.Time, a *engine.Action) error {
	if c.fault == "budget" {
		a.Ask = nil
	}
	return c.Store.Start(ctx, now, a)
}

func (c careless) Holds(ctx context.Context) hold.Set {
	if c.fault == "holds" {
		return hold.NewSet(nil, nil)
	}
	return c.Store.Holds(ctx)
}

func (c careless) Prompt(ctx context.Context, id string) (engine.Shown, error) {
	sh, err := c.Store.Prompt(ctx, id)
	if c.fault == "ends" && err == nil && sh.State == prompt.PutRight {
		sh.State = prompt.Open
	}
	return sh, err
}

func newWorld(t *testing.T, seed uint64, fault string) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 6)), pace: prompt.DefaultPace(time.UTC), notes: map[chat.MessageID]*note{}, shown: map[string]*seen{},
		asked: map[chat.MemberID][]counted{}, gone: map[string]bool{}, left: map[string]time.Time{}, held: map[chat.ID]string{}, effects: map[bots.Kind]int{}, answered: map[string]int{},
	}
	bot := newFaulty()
	bot.fail = func(_ int, e bots.Effect) (bool, error) { return w.does(e) }
	w.h = startAs(t, bot, bot, nil, func(o *engine.Options) {
		o.Pace = w.pace
		o.Officers = engine.Officers{Governance: hold.Member{Account: "faulty", ID: "tom"}, RecordsTeam: hold.Member{Account: "faulty", ID: "tom"}}
		o.Setting = func(id chat.ID) engine.Setting {
			s := engine.Setting{Acting: true, Kind: chat.Emergency, Incident: id == talkRooms[2], Administrators: []string{"priya", "tom"}}
			if id == talkRooms[0] {
				s.Kind = chat.Team
			}
			s.Contacts = engine.Contacts{Answers: "priya", Receives: receiver, Outsiders: []chat.MemberID{outsider},
				Delegates: map[chat.MemberID]chat.MemberID{"sam": "priya"}}
			return s
		}
		if fault != "" {
			o.Store = careless{w.store(o), fault}
		}
		w.o = *o
	})
	for _, in := range talkRooms {
		events := []chat.Event{{Key: "added", Kind: chat.Added, Chat: in, Name: in.Local, ChatKind: chat.Team, At: w.h.now()}}
		for _, m := range talkers {
			events = append(events, chat.Event{Key: "join " + string(m), Kind: chat.Joined, Chat: in, Member: m, Name: string(m), At: w.h.now()})
		}
		w.deliver(t, events...)
	}
	w.settle(t)
	return w
}

func (w *world) store(o *engine.Options) *store.Store { return o.Store.(*store.Store) }

func (w *world) wrong(format string, args ...any) {
	w.bad = append(w.bad, fmt.Sprintf(format, args...))
}

// does is the platform's side of every effect. It notes what must not be.
func (w *world) does(e bots.Effect) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects[e.Kind]++
	switch e.Kind {
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Member == outsider {
			w.wrong("an outsider is asked")
		}
		if e.Member == shut {
			return false, bots.ErrForbidden
		}
		if w.gone[e.Chat.Local+"/"+string(e.Member)] {
			return false, bots.ErrGone
		}
		w.sees(e)
	case bots.Delete:
		if w.held[e.Chat] != "" {
			w.wrong("a message was deleted under a hold")
		}
		n := w.notes[e.Message]
		if n == nil || n.deleted {
			return false, bots.ErrGone
		}
		n.deleted = true
		w.echoes = append(w.echoes, chat.Event{Key: "echo " + string(e.Message), Kind: chat.Deleted, Chat: e.Chat, Message: e.Message, At: w.h.now()})
	}
	return true, nil
}

// sees holds a prompt that is shown against what must always be so.
func (w *world) sees(e bots.Effect) {
	p, now := e.Prompt, w.h.now()
	before := w.shown[p.ID]
	waits := p.State == "open" || p.State == "escalated"
	secret := slices.ContainsFunc(p.Messages, func(m chat.MessageID) bool { return w.notes[m].secret })
	tells := len(p.Messages) == 0
	// To the one who wrote it, or who is asked in their place.
	for _, m := range p.Messages {
		if by := w.notes[m].by; by != e.Member && !(by == outsider && slices.Contains(receivers, e.Member)) {
			w.wrong("%s is asked about a message of %s", e.Member, by)
		}
		for id, other := range w.shown {
			if id != p.ID && waits && (other.State == "open" || other.State == "escalated") && slices.Contains(other.Messages, m) {
				w.wrong("message %s is in two open prompts", m)
			}
		}
	}
	// Nothing is asked about what was put right, and an ended prompt reminds of nothing.
	right := !tells && !slices.ContainsFunc(p.Messages, func(m chat.MessageID) bool { return !w.notes[m].right })
	if right && e.Kind != bots.Revise {
		w.wrong("%s about what was put right", e.Kind)
	}
	if e.Kind == bots.Remind && (!waits || before == nil || before.State != "open" && before.State != "escalated") {
		w.wrong("a reminder of a prompt that has ended")
	}
	// Under a hold nobody is asked to delete.
	if w.held[e.Chat] != "" && waits && !tells {
		for _, a := range p.Answers {
			if a.ID == prompt.AnswerDelete || a.ID == prompt.AnswerDeleted || a.ID == prompt.AnswerKeepDelete {
				w.wrong("under a hold the answer %s is offered", a.ID)
			}
		}
		for _, s := range p.Steps {
			if s.ID == prompt.StepMessage || s.ID == prompt.StepMedia || s.ID == prompt.StepBackups {
				w.wrong("under a hold the step %s is asked for", s.ID)
			}
		}
	}
	if e.Kind == bots.Whisper {
		if before != nil {
			w.wrong("a prompt is whispered twice")
		}
		w.opened++
		w.budget(e, now, secret, tells)
	}
	if before == nil {
		before = &seen{in: e.Chat, by: e.Member}
		w.shown[p.ID] = before
	}
	if before.Prompt = p; e.Kind == bots.Remind {
		if before.reminders++; before.reminders > 1 {
			w.wrong("a prompt reminds twice")
		}
	}
}

// budget holds a first showing against the pace.
func (w *world) budget(e bots.Effect, now time.Time, secret, tells bool) {
	digest := tells && slices.ContainsFunc(e.Prompt.Answers, func(a bots.Answer) bool { return a.ID == prompt.AnswerShow })
	if secret || tells && !digest || strings.HasSuffix(e.Key, "/asked-for") {
		return
	}
	today := 0
	for _, c := range w.asked[e.Member] {
		if digest && c.in != e.Chat && w.left[c.in.Local+"/"+string(e.Member)].After(c.at) {
			continue // that digest was taken back: its member left the chat that it came in
		}
		if c.digest == digest && w.pace.Day(c.at).Equal(w.pace.Day(now)) {
			today++
		}
		// Of two that begin at the same moment in different chats, the one that was
		// counted first may arrive last.
		together := c.in != e.Chat && now.Sub(c.at) < 30*time.Second
		if !digest && !c.digest && e.Chat == talkRooms[2] && now.Sub(c.at) < w.pace.Between-time.Second && !together {
			w.wrong("two prompts within %s of an incident, the first in %s", now.Sub(c.at), c.in.Local)
		}
	}
	if digest && today > 0 || today >= w.pace.Daily {
		w.wrong("%s is asked for the %dth time in a day (digest: %t)", e.Member, today+1, digest)
	}
	urgent := e.Chat != talkRooms[0] || slices.ContainsFunc(e.Prompt.Messages, func(m chat.MessageID) bool { return w.notes[m].urgent })
	if _, quiet := w.pace.Quiet(now); quiet && !urgent {
		w.wrong("a prompt in quiet hours, at %s, that could wait: %s about %q, digest %t", now, e.Key, e.Prompt.Found, digest)
	}
	w.asked[e.Member] = append(w.asked[e.Member], counted{now, digest, e.Chat})
}

func (w *world) deliver(t *testing.T, events ...chat.Event) {
	t.Helper()
	if err := w.h.Receive(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// settle waits until the engine has done all that is due.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for {
		if err := w.h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		echoes := w.echoes
		w.echoes = nil
		w.mu.Unlock()
		if len(echoes) == 0 {
			break
		}
		w.deliver(t, echoes...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.notes {
		n.right = n.right || n.deleted && !n.decides
	}
}

// nhs is a valid NHS number that nobody has.
func (w *world) nhs() string {
	for {
		n, sum := w.r.IntN(1_000_000), 0
		digits := fmt.Sprintf("999%06d", n)
		for i, d := range digits {
			sum += int(d-'0') * (10 - i)
		}
		if check := (11 - sum%11) % 11; check < 10 {
			return digits[:3] + " " + digits[3:6] + " " + digits[6:] + strconv.Itoa(check)
		}
	}
}

var quietText = "good night all"

func (w *world) text(t *testing.T) (text string, urgent, decides bool) {
	text = [...]string{
		"NHS number " + w.nhs(), "the person is Edith Marlow, NHS number " + w.nhs(), "OFFICIAL-SENSITIVE: the list is with Priya",
		"decision: close Weir Road because the gauge passed 3.4 m", "decision: move NHS number " + w.nhs() + " to the hall because the river is rising",
		"SECRET: the convoy leaves at dawn", "the wifi password is Gwynn-9174x", quietText,
	}[w.r.IntN(8)]
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	found, err := set.Scan(t.Context(), text, detect.Context{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		urgent = urgent || f.Severity == rules.Serious
		decides = decides || f.Class == rules.Significant
	}
	return text, urgent, decides
}

var everyAnswer = []string{"control", "deleted", "delete", "keep", "keep-delete", "keep-reason", "note", "not-sensitive", "wrong", "noted", "looked",
	"exceptional", "ask", "more", "show", "nonsense", ""}

// event makes up something that a person does.
func (w *world) event(t *testing.T, n int) (chat.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev := chat.Event{Key: fmt.Sprint("e", n), Chat: talkRooms[w.r.IntN(3)], Member: talkers[w.r.IntN(len(talkers))], At: w.h.now()}
	here := func() bool { return !w.gone[ev.Chat.Local+"/"+string(ev.Member)] }
	one := func() *note {
		if len(w.order) == 0 {
			return nil
		}
		last := min(len(w.order), 20)
		ev.Message = w.order[len(w.order)-1-w.r.IntN(last)]
		x := w.notes[ev.Message]
		ev.Chat, ev.Member, ev.Name = x.chat, x.by, string(x.by)
		return x
	}
	switch k := w.r.IntN(20); {
	case k < 7:
		text, urgent, decides := w.text(t)
		ev.Kind, ev.Message, ev.Text, ev.Name = chat.Posted, chat.MessageID(fmt.Sprint("m", n)), text, string(ev.Member)
		if !here() {
			return ev, false
		}
		w.notes[ev.Message] = &note{chat: ev.Chat, by: ev.Member, urgent: urgent, decides: decides, secret: strings.HasPrefix(text, "SECRET")}
		w.order = append(w.order, ev.Message)
	case k < 9:
		x := one()
		if x == nil || x.deleted || !here() {
			return ev, false
		}
		text, urgent, decides := quietText, false, false
		if w.r.IntN(3) == 0 {
			text, urgent, decides = w.text(t)
		}
		x.revision++
		ev.Kind, ev.Text, ev.Revision = chat.Edited, text, x.revision
		x.right, x.urgent, x.decides, x.secret = false, x.urgent || urgent, decides, x.secret || strings.HasPrefix(text, "SECRET")
	case k < 11:
		x := one()
		if x == nil || x.deleted || !here() {
			return ev, false
		}
		ev.Kind, x.deleted = chat.Deleted, true
	case k < 18:
		var ids []string
		for id := range w.shown {
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			return ev, false
		}
		slices.Sort(ids)
		id := ids[len(ids)-1-w.r.IntN(min(len(ids), 12))]
		s := w.shown[id]
		ev.Chat, ev.Prompt = s.in, id
		if w.r.IntN(10) > 0 {
			ev.Member = s.by
		}
		if k == 11 {
			ev.Kind, ev.Step, ev.Done = chat.Ticked, []string{"control", "message", "calm", "keep", "nonsense"}[w.r.IntN(5)], w.r.IntN(4) > 0
			break
		}
		ev.Kind, ev.Answer, ev.Text = chat.Answered, everyAnswer[w.r.IntN(len(everyAnswer))], "in my own words"
		if len(s.Answers) > 0 && w.r.IntN(3) > 0 {
			ev.Answer = s.Answers[w.r.IntN(len(s.Answers))].ID
		}
		w.answered[ev.Answer]++
	case k == 18 && w.r.IntN(4) == 0:
		key := ev.Chat.Local + "/" + string(ev.Member)
		ev.Kind, ev.Name = chat.Left, string(ev.Member)
		if w.gone[key] {
			ev.Kind = chat.Joined
		}
		if w.gone[key] = !w.gone[key]; w.gone[key] {
			w.left[key] = ev.At
		}
	default:
		return ev, false
	}
	return ev, true
}

// step lets a little happen, and waits until the engine has done its part.
func (w *world) step(t *testing.T, n int) {
	var events []chat.Event
	for i := range 1 + w.r.IntN(6) {
		if ev, ok := w.event(t, n*10+i); ok {
			events = append(events, ev)
		}
	}
	if len(events) > 0 {
		w.deliver(t, events...)
	}
	// What was edited so that nothing is found is right once it is settled.
	w.settle(t)
	w.mu.Lock()
	for _, ev := range events {
		if ev.Kind == chat.Edited {
			x := w.notes[ev.Message]
			x.right = ev.Text == quietText && ev.Revision == x.revision
		}
	}
	w.mu.Unlock()
	switch k := w.r.IntN(30); {
	case k < 14:
		w.move(t, time.Duration(1+w.r.IntN(25))*time.Minute)
	case k < 18:
		w.move(t, time.Duration(1+w.r.IntN(12))*time.Hour)
	case k == 18:
		w.move(t, time.Duration(1+w.r.IntN(8*24))*time.Hour)
	case k < 22:
		w.hold(t, talkRooms[w.r.IntN(3)])
	case k == 22:
		w.restart(t)
	}
	w.settle(t)
}

func (w *world) move(t *testing.T, d time.Duration) {
	if err := w.h.MoveClock(t.Context(), "the test", d, func() error { w.h.shift(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// hold places a hold on a chat, or releases it.
func (w *world) hold(t *testing.T, in chat.ID) {
	w.mu.Lock()
	id := w.held[in]
	w.mu.Unlock()
	if id != "" {
		w.mu.Lock()
		w.held[in] = ""
		w.mu.Unlock()
		if _, err := w.h.ReleaseHold(t.Context(), id, "Nasreen Malik", "it is over"); err != nil {
			t.Fatal(err)
		}
		return
	}
	h, _, err := w.h.PlaceHold(t.Context(), hold.Hold{Matter: "Flood", Reason: "public inquiry", Scope: hold.Scope{Chats: []chat.ID{in}}, PlacedBy: "Nasreen Malik", Owner: "Nasreen Malik",
		Review: clock.DateOf(w.h.now().AddDate(1, 0, 0))})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.held[in] = h.ID
	w.mu.Unlock()
}

func (w *world) restart(t *testing.T) {
	w.h.end()
	w.h.run(t, w.o)
	w.move(t, time.Second) // waits until it is up
}

// finish lets all the time pass that any ladder takes.
func (w *world) finish(t *testing.T) {
	for range 10 { // not at the same time of day each time: what waits for the morning has to meet one
		w.move(t, 4*24*time.Hour+7*time.Hour)
		w.settle(t)
	}
	open, err := w.h.store.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range open {
		w.wrong("after forty days a prompt of %s still waits: %s, due %s", sh.Member, sh.State, sh.Due)
	}
}

func (w *world) play(t *testing.T, conversations int) {
	for n := 1; w.opened < conversations && n < 50*conversations && len(w.bad) == 0; n++ {
		w.step(t, n)
	}
	if len(w.bad) == 0 {
		w.finish(t)
	}
}

// TestSoakConversations plays conversations of every kind over a real store. The
// long form, CHAPERONE_SOAK=1, plays 20,000; the bulk of them is played without a
// store, in internal/prompt.
func TestSoakConversations(t *testing.T) {
	worlds, each := 1, 40
	if os.Getenv("CHAPERONE_SOAK") != "" {
		worlds, each = 100, 200
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAPERONE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
		worlds = 1
	}
	total := 0
	for range worlds {
		w := newWorld(t, seed, "")
		w.play(t, each)
		if len(w.bad) > 0 {
			t.Fatalf("replay with CHAPERONE_SEED=%d\n%s", seed, strings.Join(w.bad, "\n"))
		}
		if total += w.opened; total <= each {
			t.Logf("the first world: %d prompts, %v, answers %v", w.opened, w.effects, w.answered)
		}
		w.h.end()
		seed++
	}
	t.Logf("%d conversations, none wrong", total)
}

// A game that nothing loses proves nothing: each planted fault is found.
func TestConversationsFindPlantedFaults(t *testing.T) {
	for fault, most := range map[string]int{"budget": 300, "holds": 300, "ends": 20} {
		t.Run(fault, func(t *testing.T) {
			w := newWorld(t, 1, fault)
			w.play(t, most)
			if len(w.bad) == 0 {
				t.Fatalf("%d conversations did not find it", w.opened)
			}
			t.Logf("found after %d: %s", w.opened, w.bad[0])
		})
	}
}
