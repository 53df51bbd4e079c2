package main_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// world is what the people of one lab do, and everything that is known about
// it afterwards.
type world struct {
	l     *lab
	clock bool // the clock is moved too
	env   []string
	rng   *rand.Rand
	rooms []string
	made  map[string]bool // rooms that the platform has
	crews []*crew

	mu       sync.Mutex
	tallies  int
	said     map[string][]string       // by tally: every text that may have been posted
	kept     []wanted                  // messages that the platform said it has
	asked    map[string]map[string]int // by prompt and answer: how often it may have been given
	tried    map[string]int            // by room and member: everything that may have changed a prompt
	faults   []string
	captures []*flow
}

// wanted is a message that must be there in the end.
type wanted struct{ room, id, tally string }

// crew is the members that one goroutine plays.
type crew struct {
	w       *world
	rng     *rand.Rand
	members []string
	keeper  string
	own     []owned
	flows   map[string]*flow // by room: the keeper's capture under way
}

type owned struct{ room, id, member, tally string }

// flow is one capture from post to end, alone in its prompt.
type flow struct {
	room, member, id, tally, text string
	answer, note                  string
	sent, given                   bool // the platform said it has the message, the answer
}

func newWorld(l *lab, seed uint64, clock bool) *world {
	w := &world{
		l: l, clock: clock, rng: rand.New(rand.NewPCG(seed, 0)), rooms: []string{"quay", "flood", "depot"}, made: map[string]bool{},
		said: map[string][]string{}, asked: map[string]map[string]int{}, tried: map[string]int{},
	}
	for i := range 3 {
		c := &crew{w: w, rng: rand.New(rand.NewPCG(seed, uint64(i+1))), keeper: fmt.Sprintf("keeper%d", i), flows: map[string]*flow{}}
		for j := range 4 {
			c.members = append(c.members, fmt.Sprintf("member%d%c", i, 'a'+j))
		}
		w.crews = append(w.crews, c)
	}
	return w
}

func (w *world) members() []memberView {
	var out []memberView
	for _, c := range w.crews {
		for _, m := range append(c.members[:len(c.members):len(c.members)], c.keeper) {
			out = append(out, memberView{ID: m, Name: "Alex " + m})
		}
	}
	return out
}

// cycle runs the binary until it is killed at the step.
func (w *world) cycle(t *testing.T, step string) {
	t.Helper()
	if w.rng.IntN(8) == 0 {
		w.rooms = append(w.rooms, fmt.Sprintf("room%d", len(w.rooms)))
	}
	env := w.env
	if step != anytime {
		most := 5
		if step == "file.started" || step == "file.filed" {
			most = 2
		}
		env = append(env[:len(env):len(env)], fmt.Sprintf("CHAPERONE_FAILPOINT=%s:%d", step, 1+w.rng.IntN(most)))
	}
	switch err := w.l.start(env...); {
	case err == nil:
	case errors.Is(err, errDied) && w.l.killed(): // while it took up what was left
		return
	default:
		t.Fatalf("starting for %s: %v\n%s", step, err, w.l.tail())
	}
	giveUp := time.AfterFunc(2*time.Minute, w.l.kill)
	if step == anytime {
		giveUp.Reset(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	}
	w.drive()
	if late := !giveUp.Stop(); late && step != anytime {
		t.Fatalf("%s was not reached within two minutes\n%s", step, w.l.tail())
	}
	if !w.l.killed() {
		t.Fatalf("the process ended by itself: %v\n%s", w.l.err, w.l.tail())
	}
}

// drive lets the crews work until the process dies.
func (w *world) drive() {
	for i, room := range w.rooms {
		if !w.made[room] && !w.make(room, []string{"team", "emergency"}[i%2]) {
			return
		}
	}
	var all sync.WaitGroup
	for _, c := range w.crews {
		all.Go(func() {
			for ; w.l.alive(); time.Sleep(2 * time.Millisecond) { // the process is tried, not the machine
				if err := c.act(); err != nil && !refused(err) {
					w.trouble(err)
					return
				}
			}
		})
	}
	if w.clock && w.rng.IntN(2) == 0 {
		step := []time.Duration{30 * time.Second, 11 * time.Minute, 61 * time.Minute, 25 * time.Hour}[w.rng.IntN(4)]
		all.Go(func() {
			time.Sleep(20 * time.Millisecond)
			_ = w.l.advance(step) // the process may die meanwhile
		})
	}
	all.Wait()
	<-w.l.ended
}

// make makes a room, or completes one whose making was interrupted. It reports
// whether the platform said that it is there with all its members.
func (w *world) make(room, kind string) bool {
	err := w.l.call("POST", "/rooms", roomView{ID: room, Kind: kind, Members: w.members()}, nil)
	if refused(err) {
		for _, m := range w.members() {
			if err = w.l.call("POST", "/rooms/"+room+"/members", m, nil); err != nil && !refused(err) {
				return false
			}
		}
		err = nil
	}
	w.made[room] = err == nil
	return err == nil
}

// trouble keeps an answer that a living process must not give.
func (w *world) trouble(err error) {
	var s status
	if errors.As(err, &s) {
		w.fault("the platform answered %v", s)
	}
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// tally makes the word by which a message is known, of letters alone.
func (w *world) tally() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tallies++
	var b []byte
	for n := w.tallies; n > 0; n /= 20 {
		b = append(b, "bcdfghjklmnpqrstvwxz"[n%20])
	}
	return "q" + string(b)
}

func (w *world) note(room, member, tally, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried[room+" "+member]++
	if tally != "" {
		w.said[tally] = append(w.said[tally], text)
	}
}

func (w *world) give(p promptView, member, answer, text string) error {
	w.mu.Lock()
	if w.asked[p.ID] == nil {
		w.asked[p.ID] = map[string]int{}
	}
	w.asked[p.ID][answer]++
	w.mu.Unlock()
	w.note(p.Room, member, tallyOf(text), text)
	return w.l.answer(member, p.ID, answer, text)
}

func (w *world) has(room, id, tally string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, wanted{room, id, tally})
}

// act is one thing that one of the crew does.
func (c *crew) act() error {
	room := c.w.rooms[c.rng.IntN(len(c.w.rooms))]
	member := c.members[c.rng.IntN(len(c.members))]
	switch n := c.rng.IntN(100); {
	case n < 25:
		return c.post(room, member, cleanText)
	case n < 40:
		return c.post(room, member, func(tally string) string { return personalText(c.rng, tally) })
	case n < 44:
		return c.post(room, member, decisionText)
	case n < 54:
		return c.edit()
	case n < 60:
		return c.delete()
	case n < 78:
		return c.answer(member)
	default:
		return c.capture(room)
	}
}

func (c *crew) post(room, member string, text func(string) string) error {
	tally := c.w.tally()
	said := text(tally)
	c.w.note(room, member, tally, said)
	id, err := c.w.l.post(room, member, said)
	if err == nil {
		c.own = append(c.own, owned{room, id, member, tally})
		c.w.has(room, id, tally)
	}
	return err
}

// recent picks one of the messages that the crew posted lately.
func (c *crew) recent() (owned, bool) {
	if len(c.own) == 0 {
		return owned{}, false
	}
	tail := c.own[max(0, len(c.own)-12):]
	return tail[c.rng.IntN(len(tail))], true
}

func (c *crew) edit() error {
	o, ok := c.recent()
	if !ok {
		return nil
	}
	text := cleanText(o.tally)
	if c.rng.IntN(2) == 0 {
		text = personalText(c.rng, o.tally)
	}
	c.w.note(o.room, o.member, o.tally, text)
	return c.w.l.edit(o.room, o.id, o.member, text)
}

func (c *crew) delete() error {
	o, ok := c.recent()
	if !ok {
		return nil
	}
	c.w.note(o.room, o.member, "", "")
	return c.w.l.remove(o.room, o.id, o.member)
}

// answer gives any answer to, or ticks any step of, any open prompt.
func (c *crew) answer(member string) error {
	all, err := c.w.l.prompts(member)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p promptView) bool { return len(p.Answers) == 0 })
	if len(all) == 0 {
		return nil
	}
	p := all[c.rng.IntN(len(all))]
	if len(p.Steps) > 0 && c.rng.IntN(4) == 0 {
		c.w.note(p.Room, member, "", "")
		s := p.Steps[c.rng.IntN(len(p.Steps))]
		return c.w.l.tick(member, p.ID, s.ID, !s.Done)
	}
	if c.rng.IntN(10) == 0 {
		err := c.w.l.answer(c.keeper, p.ID, p.Answers[0].ID, "")
		if err == nil {
			c.w.fault("another member answered prompt %s", p.ID)
		}
		return err
	}
	a := p.Answers[c.rng.IntN(len(p.Answers))]
	text := ""
	if a.WantsText {
		text = "we agreed to close, tally " + c.w.tally()
	}
	return c.w.give(p, member, a.ID, text)
}

// capture takes the keeper's capture in a room one step further.
func (c *crew) capture(room string) error {
	f := c.flows[room]
	if f == nil {
		return c.begin(room)
	}
	if !f.sent {
		return c.look(f)
	}
	all, err := c.w.l.prompts(f.member)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p promptView) bool { return p.Room == room && slices.Contains(p.Messages, f.id) })
	if i < 0 {
		return nil
	}
	p := all[i]
	switch waiting := p.State == "open" || p.State == "escalated"; {
	case f.given && !waiting:
		delete(c.flows, room)
		return nil
	case f.given || !waiting && p.State != "lapsed":
		f.given = true // an answer whose end nobody saw did arrive
		return nil
	case !waiting: // nobody answered in time
		delete(c.flows, room)
		return nil
	case p.offers("control"):
		return c.w.give(p, f.member, "control", "")
	case !p.offers(f.answer):
		return nil
	}
	err = c.w.give(p, f.member, f.answer, f.note)
	f.given = f.given || err == nil
	return err
}

func (c *crew) begin(room string) error {
	tally := c.w.tally()
	f := &flow{room: room, member: c.keeper, tally: tally}
	switch c.rng.IntN(3) {
	case 0:
		f.answer, f.text = "keep-delete", personalText(c.rng, tally)
	case 1:
		f.answer, f.text = "keep", decisionText(tally)
	case 2:
		f.answer, f.text, f.note = "note", decisionText(tally), "in short: we close tonight, tally "+tally
	}
	c.flows[room] = f
	c.w.note(room, f.member, tally, f.text)
	var err error
	if f.id, err = c.w.l.post(room, f.member, f.text); err != nil {
		return err
	}
	c.sent(f)
	return nil
}

// look finds out whether a message arrived whose posting was interrupted.
func (c *crew) look(f *flow) error {
	all, err := c.w.l.messages(f.room)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Text == f.text && m.Sender == f.member {
			f.id = m.ID
			c.sent(f)
			return nil
		}
	}
	delete(c.flows, f.room)
	return nil
}

func (c *crew) sent(f *flow) {
	f.sent = true
	c.w.has(f.room, f.id, f.tally)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.captures = append(c.w.captures, f)
}
