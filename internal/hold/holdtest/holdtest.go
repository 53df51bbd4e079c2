// Package holdtest plays holds against destroyers: seeded interleavings of
// placing, releasing, re-scoping, sweeping by two sweepers, restarts, slow and
// late calls and clocks that differ, over any Ledger. After each step a judge,
// who knows only what happened on the platform and what people were told, looks
// whether a held message was destroyed (RELIABILITY criterion 4).
//
// It is for tests only. It must not know how a Ledger stores.
package holdtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
)

// Ledger stores holds and fences. Each method is one transaction.
type Ledger interface {
	Place(ctx context.Context, h hold.Hold) error
	Release(ctx context.Context, h hold.Hold) error // h with its Released fields filled
	// Start reads the holds and the fences about the message, asks
	// hold.MayStart and stores the fence, all in one transaction.
	Start(ctx context.Context, want hold.Fence, now time.Time, within time.Duration) (hold.Fence, error)
	Finish(ctx context.Context, fence string, o hold.Outcome, now time.Time) error
	Read(ctx context.Context) ([]hold.Hold, []hold.Fence, error)
}

// Way is how the destroyers and placers behave.
type Way int

// The ways. All but Fenced are planted faults that the judge must find.
const (
	Fenced   Way = iota
	TwoSteps     // select what is not held, then delete it, without a fence
	NoWait       // say "held" as soon as the hold is stored
	Sleepy       // call however long ago the fence was opened
	Reckless     // take an unreadable ledger for one without holds
)

// Result counts what happened, so that a test can see that enough did.
type Result struct {
	Destroyed int // messages destroyed, rightly
	Refused   int // attempts that met a hold
	Held      int // holds that people were told are in force
	Reported  int // calls under way that a placer was told of as done or unknown
	Late      int // calls that the platform carried out after they were given up
}

// Add adds what happened in another game.
func (r *Result) Add(o Result) {
	r.Destroyed += o.Destroyed
	r.Refused += o.Refused
	r.Held += o.Held
	r.Reported += o.Reported
	r.Late += o.Late
}

const (
	steps   = 90
	within  = 30 * time.Second
	skew    = 4 * time.Second // clocks of the sweepers differ from the placer's by up to this
	members = 3
)

// Run plays one interleaving, which the seed alone decides, on an empty ledger.
// The error names the seed and the step at which a held message was destroyed,
// or what the ledger answered.
func Run(ctx context.Context, seed uint64, l Ledger, w Way) (Result, error) {
	g := &game{
		ctx: ctx, l: l, way: w, r: rand.New(rand.NewPCG(seed, 0)),
		now:   time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC),
		alive: map[string]hold.Subject{},
		held:  map[string]*placing{},
	}
	for range 4 {
		g.post()
	}
	g.sweepers = []*sweeper{{}, {}}
	g.restart(0)
	g.restart(1)
	for step := range steps {
		if err := g.step(); err != nil {
			return g.res, fmt.Errorf("seed %d, step %d: %w", seed, step, err)
		}
	}
	return g.res, nil
}

type game struct {
	ctx      context.Context
	l        Ledger
	way      Way
	r        *rand.Rand
	now      time.Time
	n        int // makes names
	alive    map[string]hold.Subject
	names    []string // of messages, in the order posted, the destroyed included
	flights  []flight
	sweepers []*sweeper
	held     map[string]*placing
	order    []string // of holds
	res      Result
}

// flight is a call on its way to the platform.
type flight struct {
	message string
	subject hold.Subject
	issued  time.Time
	fence   string
	expires time.Time // the caller gives up
	sweeper int
	life    int // of the sweeper: a restarted one hears no answer
}

type sweeper struct {
	life    int
	skew    time.Duration
	message string // chosen, or none
	fence   hold.Fence
	flying  bool
	answer  hold.Outcome // to be stored
}

// placing is a hold as the judge sees it.
type placing struct {
	h         hold.Hold
	told      bool // people were told that it is in force
	toldAt    time.Time
	reported  map[string]bool // messages that the placer was told of
	destroyed []string        // since it was stored and before people were told
	replaces  string
	released  bool
}

func (g *game) name(kind string) string {
	g.n++
	return fmt.Sprintf("%s%d", kind, g.n)
}

func (g *game) post() {
	m := g.name("m")
	g.alive[m] = hold.Subject{Chat: g.chat(), Member: g.member()}
	g.names = append(g.names, m)
}

func (g *game) chat() chat.ID {
	return chat.ID{Account: "practice", Local: fmt.Sprintf("c%d", g.r.IntN(2))}
}

func (g *game) member() chat.MemberID {
	return chat.MemberID(fmt.Sprintf("p%d", g.r.IntN(members)))
}

func (g *game) restart(i int) {
	s := g.sweepers[i]
	*s = sweeper{life: s.life + 1, skew: time.Duration(g.r.Int64N(int64(2*skew))) - skew}
}

// step lets one actor do one thing.
func (g *game) step() error {
	switch k := g.r.IntN(100); {
	case k < 45:
		return g.sweep(g.r.IntN(len(g.sweepers)))
	case k < 65:
		return g.land()
	case k < 72:
		return g.place("")
	case k < 84:
		return g.poll()
	case k < 88:
		return g.release()
	case k < 90:
		if len(g.order) > 0 {
			return g.place(g.order[g.r.IntN(len(g.order))])
		}
	case k < 92:
		g.restart(g.r.IntN(len(g.sweepers)))
	case k < 94:
		g.post()
	case k < 96:
		g.now = g.now.Add(time.Duration(g.r.Int64N(int64(5 * time.Second))))
	case k < 99:
		g.nearDeadline()
	default:
		g.now = g.now.Add(time.Duration(g.r.Int64N(int64(2 * hold.Longest))))
	}
	return nil
}

// nearDeadline moves time to where a sweeper and a placer, whose clocks differ,
// may disagree whether a fence has ended.
func (g *game) nearDeadline() {
	s := g.sweepers[g.r.IntN(len(g.sweepers))]
	near := s.fence.Deadline.Add(time.Duration(g.r.Int64N(int64(2*skew))) - skew)
	if near.After(g.now) {
		g.now = near
	}
}

// sweep lets a sweeper take its next step: choose and fence, call, store.
func (g *game) sweep(i int) error {
	s := g.sweepers[i]
	now := g.now.Add(s.skew)
	switch {
	case s.answer != "":
		if s.fence.ID != "" {
			if err := g.l.Finish(g.ctx, s.fence.ID, s.answer, now); err != nil {
				return err
			}
		}
		*s = sweeper{life: s.life, skew: s.skew}
		return nil
	case s.flying:
		if now.Before(s.fence.Deadline) {
			return nil
		}
		s.answer = hold.Unknown // given up; the call may still arrive
		return nil
	case s.message == "":
		return g.begin(s, now)
	}
	if _, ok := s.fence.MayCall(now); !ok && g.way != Sleepy && s.fence.ID != "" {
		s.answer = hold.NotDone
		return nil
	}
	s.flying = true
	g.flights = append(g.flights, flight{
		message: s.message, subject: s.fence.Subject, issued: g.now, fence: s.fence.ID,
		expires: s.fence.Deadline.Add(-s.skew), sweeper: i, life: s.life,
	})
	return nil
}

// begin chooses a message and commits the fence, or does what the planted
// fault does instead.
func (g *game) begin(s *sweeper, now time.Time) error {
	m := g.names[g.r.IntN(len(g.names))]
	sub, ok := g.alive[m]
	if !ok {
		return nil
	}
	want := hold.Fence{ID: g.name("f"), Message: m, Subject: sub}
	if g.way == TwoSteps {
		holds, _, err := g.l.Read(g.ctx)
		if err == nil && len(hold.Covers(holds, sub, now)) == 0 {
			s.message, s.fence = m, hold.Fence{Message: m, Subject: sub, Deadline: now.Add(within)}
		}
		return err
	}
	if g.r.IntN(40) == 0 { // the ledger cannot be read just now
		if g.way != Reckless {
			_, err := hold.MayStart(hold.NewSet(nil, errors.New("disk")), nil, want, now, within)
			if !errors.Is(err, hold.ErrUnreadable) {
				return fmt.Errorf("an unreadable ledger was taken for an empty one: %v", err)
			}
			return nil
		}
		s.message, s.fence = m, hold.Fence{Message: m, Subject: sub, Deadline: now.Add(within)}
		s.fence.Opened = now
		return nil
	}
	f, err := g.l.Start(g.ctx, want, now, within)
	var h *hold.Held
	switch {
	case errors.As(err, &h):
		g.res.Refused++
	case errors.Is(err, hold.ErrUnderWay):
	case err != nil:
		return err
	default:
		s.message, s.fence = m, f
	}
	return nil
}

// land lets one call arrive at the platform, or be lost on its way.
func (g *game) land() error {
	if len(g.flights) == 0 {
		return nil
	}
	i := g.r.IntN(len(g.flights))
	f := g.flights[i]
	g.flights = append(g.flights[:i:i], g.flights[i+1:]...)
	answer := hold.NotDone
	lost := g.r.IntN(10) == 0
	if _, ok := g.alive[f.message]; ok && !lost {
		delete(g.alive, f.message)
		answer = hold.Done
		if err := g.judge(f); err != nil {
			return err
		}
	}
	if s := g.sweepers[f.sweeper]; s.life == f.life && s.flying && s.answer == "" && s.message == f.message {
		if s.answer = answer; lost || g.r.IntN(10) == 0 { // the answer is lost
			s.answer = hold.Unknown
		}
	}
	return nil
}

// judge looks at a message that was destroyed just now. A call that was
// written off as unknown, and that people were told of, may still arrive; one
// that began after people were told that the hold is in force may not.
func (g *game) judge(f flight) error {
	late := g.now.After(f.expires)
	for _, id := range g.order {
		p := g.held[id]
		if p.released || !covers(p.h.Scope, f.subject) {
			continue
		}
		switch {
		case !p.told:
			p.destroyed = append(p.destroyed, f.message)
		case f.issued.After(p.toldAt):
			return fmt.Errorf("%s was destroyed by a call that began after people were told of %s", f.message, p.h)
		case !p.reported[f.message]:
			return fmt.Errorf("%s was destroyed while %s was in force, and nobody was told of the call", f.message, p.h)
		}
	}
	g.res.Destroyed++
	if late {
		g.res.Late++
	}
	return nil
}

// covers is the judge's own reading of a scope.
func covers(s hold.Scope, sub hold.Subject) bool {
	if s.All {
		return true
	}
	for _, c := range s.Chats {
		if c == sub.Chat {
			return true
		}
	}
	for _, m := range s.Members {
		if m.Account == sub.Chat.Account && m.ID == sub.Member {
			return true
		}
	}
	return false
}

func (g *game) scope() hold.Scope {
	switch g.r.IntN(5) {
	case 0:
		return hold.Scope{All: true}
	case 1, 2:
		return hold.Scope{Chats: []chat.ID{g.chat()}}
	default:
		return hold.Scope{Members: []hold.Member{{Account: "practice", ID: g.member()}}}
	}
}

// place stores a hold, or one that is to replace another.
func (g *game) place(replaces string) error {
	p := &placing{replaces: replaces, reported: map[string]bool{}}
	if old := g.held[replaces]; old != nil {
		if old.released || !old.told {
			return nil
		}
		h, _, err := old.h.Rescope(g.name("h"), g.scope(), "Nasreen Malik", "the matter has changed", g.now)
		if err != nil {
			return err
		}
		p.h = h
	} else {
		p.h = hold.Hold{
			ID: g.name("h"), Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: g.scope(),
			Review: clock.DateOf(g.now.AddDate(1, 0, 0)), Placed: g.now, PlacedBy: "Nasreen Malik",
		}
	}
	if err := p.h.Check(); err != nil {
		return err
	}
	if err := g.l.Place(g.ctx, p.h); err != nil {
		return err
	}
	g.held[p.h.ID], g.order = p, append(g.order, p.h.ID)
	if g.way == NoWait {
		return g.tell(p, hold.Report{})
	}
	return nil
}

// poll lets a placer look again whether calls are still under way.
func (g *game) poll() error {
	for _, id := range g.order {
		p := g.held[id]
		if p.told || p.released {
			continue
		}
		_, fences, err := g.l.Read(g.ctx)
		if err != nil {
			return err
		}
		if r := hold.Wait(p.h, fences, g.now); r.Settled() {
			return g.tell(p, r)
		}
	}
	return nil
}

// tell says to people that a hold is in force, and what may have slipped.
func (g *game) tell(p *placing, r hold.Report) error {
	for _, f := range append(r.Done, r.Unknown...) {
		p.reported[f.Message] = true
		g.res.Reported++
	}
	for _, m := range p.destroyed {
		if !p.reported[m] {
			return fmt.Errorf("%s was destroyed while %s was being placed, and nobody was told", m, p.h)
		}
	}
	p.told, p.toldAt = true, g.now
	g.now = g.now.Add(time.Millisecond) // what follows is after it
	g.res.Held++
	if old := g.held[p.replaces]; old != nil {
		return g.end(old)
	}
	return nil
}

func (g *game) release() error {
	if len(g.order) == 0 {
		return nil
	}
	return g.end(g.held[g.order[g.r.IntN(len(g.order))]])
}

func (g *game) end(p *placing) error {
	if p.released || !p.told {
		return nil
	}
	h, err := p.h.Release("Nasreen Malik", "the inquiry has ended", g.now)
	if err != nil {
		return err
	}
	p.h, p.released = h, true
	return g.l.Release(g.ctx, h)
}
