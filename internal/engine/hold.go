package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/failpoint"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/record"
	"chaperone/internal/retention"
	"chaperone/rules"
)

// covered reports whether a hold covers what a member sends to a chat. What
// cannot be known is covered.
func (e *Engine) covered(ctx context.Context, holds hold.Set, id chat.ID, member chat.MemberID, now time.Time) bool {
	by, err := e.covering(ctx, holds, id, member, now)
	return err != nil || len(by) > 0
}

// covering gives the holds that cover what a member sends to a chat. Who the
// member is matters only where a hold is about people.
func (e *Engine) covering(ctx context.Context, holds hold.Set, id chat.ID, member chat.MemberID, now time.Time) ([]hold.Hold, error) {
	all, err := holds.All()
	if err != nil {
		return nil, err
	}
	sub := hold.Subject{Chat: id, Member: member}
	if slices.ContainsFunc(all, func(h hold.Hold) bool { return h.Active(now) && len(h.Scope.People) > 0 }) {
		p, err := e.o.Store.Person(ctx, hold.Member{Account: id.Account, ID: member})
		if err != nil {
			return nil, err
		}
		sub.Person = string(p)
	}
	return holds.Covering(sub, now)
}

// held reports whether a hold covers what a member sends to the batch's chat.
func (b *batch) held(member chat.MemberID) bool {
	return b.e.covered(b.e.ctx, b.holds, b.room.id, member, b.now)
}

// arrived captures a message that a hold covers, as it arrives and without
// asking. SECRET is never kept (DESIGN invariant 12).
func (b *batch) arrived(ev chat.Event, d policy.Decision) {
	by, err := b.e.covering(b.e.ctx, b.holds, b.room.id, ev.Member, b.now)
	if err != nil || len(by) == 0 || ev.Text == "" || classOf(d) == Secret {
		return
	}
	r := record.Record{
		ID: b.e.o.NewID(b.now), Account: b.room.id.Account, Chat: b.room.id.Local, ChatName: b.load.Chat.Name, ChatKind: b.load.Chat.Kind,
		Method: string(b.room.id.Account), CapturedBy: "chaperone", CapturedAt: b.now.UTC(), Form: record.Verbatim,
		Messages: []record.Message{{ID: ev.Message, Sender: ev.Member, Name: ev.Name, SentAt: ev.At.UTC(), Revision: ev.Revision, Left: len(ev.Files)}},
	}
	for _, h := range by {
		r.Lines = append(r.Lines, policy.Line{Pack: "Hold", Version: h.ID, Row: "hold", Text: "Kept on arrival for " + h.Matter, Source: h.Reason})
	}
	b.s.Arrivals = append(b.s.Arrivals, Arrival{Record: r, Text: ev.Text})
	b.s.Actions = append(b.s.Actions, Action{
		Key: "file/" + r.ID, Kind: File, Chat: b.room.id, Member: ev.Member, Message: ev.Message, Record: r.ID, Due: b.now,
	})
}

// The classes of message that retention schedules can name.
const (
	Routine  retention.Class = "routine"  // nothing was found
	Decision retention.Class = "decision" // a record of it is due
	Flagged  retention.Class = "flagged"  // something was found, and no record is due
	Secret                   = retention.Secret
)

func classOf(d policy.Decision) retention.Class {
	switch {
	case d.Has(policy.Report) || slices.Contains(d.Classes, rules.Secret):
		return Secret
	case d.Has(policy.Capture):
		return Decision
	case len(d.Duties) > 0:
		return Flagged
	default:
		return Routine
	}
}

// PlaceHold stores a hold, waits for destroying calls that were under way, and
// returns when it keeps everything that it covers; the report names what may
// have slipped. With an error and a hold that has its id, the hold is stored
// and stands, and what is under way is in the report.
func (e *Engine) PlaceHold(ctx context.Context, h hold.Hold) (hold.Hold, hold.Report, error) {
	h.Placed = e.o.Now().UTC()
	if h.ID == "" {
		h.ID = e.o.NewID(h.Placed)
	}
	if err := h.Check(); err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	var err error
	if h.Scope, err = e.known(ctx, h.Scope); err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	if err := e.o.Store.PlaceHold(ctx, h); err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	failpoint.Hit("hold.stored")
	r, err := e.awaitHold(ctx, h)
	return h, r, err
}

// known adds to a scope of people the members who are known to be them now: a
// hold goes on covering those, whatever later directories say. Members who are
// matched to them later it covers from then on.
func (e *Engine) known(ctx context.Context, s hold.Scope) (hold.Scope, error) {
	s.People, s.Members = slices.Clone(s.People), slices.Clone(s.Members)
	for i, p := range s.People {
		s.People[i] = string(directory.Key(p))
		accounts, err := e.o.Store.MembersOf(ctx, directory.Key(p))
		if err != nil {
			return s, err
		}
		for _, m := range accounts {
			if !slices.Contains(s.Members, m) {
				s.Members = append(s.Members, m)
			}
		}
	}
	return s, nil
}

// MembersOf lists the members who are known to be a person.
func (e *Engine) MembersOf(ctx context.Context, person string) ([]hold.Member, error) {
	return e.o.Store.MembersOf(ctx, directory.Key(person))
}

// awaitHold returns when nothing is under way any more that a stored hold
// covers: no destroying call, and no batch that was read before it.
func (e *Engine) awaitHold(ctx context.Context, h hold.Hold) (hold.Report, error) {
	e.passRooms()
	if err := e.regard(ctx); err != nil {
		return hold.Report{}, unseen(h, err)
	}
	for {
		fences, err := e.o.Store.Fences(ctx, h.Claims().Add(-hold.Slack))
		if err != nil {
			return hold.Report{}, unseen(h, err)
		}
		// A hold preserves information, not membership: it neither waits for the
		// removal of a leaver nor reports it.
		fences = slices.DeleteFunc(fences, func(f hold.Fence) bool { return ofLeaver(f.ID) })
		r := hold.Wait(h, fences, e.o.Now())
		if r.Settled() {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("%s is stored, but calls are under way until %s: look again then", h, r.Until.Format(time.TimeOnly))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unseen tells that a hold stands, and that nobody could see yet what was under
// way.
func unseen(h hold.Hold, err error) error {
	return fmt.Errorf("%s is stored and keeps what it covers, but what was under way could not be read (%w): look again with chaperone hold show", h, err)
}

// ReleaseHold ends a hold. What it covered returns to its schedule; nothing is
// destroyed by the release.
func (e *Engine) ReleaseHold(ctx context.Context, id, by, why string) (hold.Hold, error) {
	h, err := e.hold(ctx, id)
	if err != nil {
		return h, err
	}
	if h, err = h.Release(by, why, e.o.Now().UTC()); err != nil {
		return h, err
	}
	if err := e.o.Store.ReleaseHold(ctx, h); err != nil {
		return h, err
	}
	failpoint.Hit("hold.released")
	e.passRooms()
	return h, e.regard(ctx)
}

// RescopeHold replaces a hold by one with another scope: at no moment does
// neither cover.
func (e *Engine) RescopeHold(ctx context.Context, id string, to hold.Scope, by, why string) (hold.Hold, hold.Report, error) {
	old, err := e.hold(ctx, id)
	if err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	if to, err = e.known(ctx, to); err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	now := e.o.Now().UTC()
	placed, _, err := old.Rescope(e.o.NewID(now), to, by, why, now)
	if err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	if err := e.o.Store.PlaceHold(ctx, placed); err != nil {
		return hold.Hold{}, hold.Report{}, err
	}
	r, err := e.awaitHold(ctx, placed)
	if err != nil {
		return placed, r, err
	}
	_, err = e.ReleaseHold(ctx, id, by, fmt.Sprintf("replaced by hold %s: %s", placed.ID, why))
	return placed, r, err
}

// hold looks one hold up.
func (e *Engine) hold(ctx context.Context, id string) (hold.Hold, error) {
	all, err := e.o.Store.Holds(ctx).All()
	if err != nil {
		return hold.Hold{}, err
	}
	for _, h := range all {
		if h.ID == id {
			return h, nil
		}
	}
	return hold.Hold{}, fmt.Errorf("there is no hold %q. List them with: chaperone hold list", id)
}

// passRooms waits until every batch that was read so far is stored: those that
// are read from now on know of the hold.
func (e *Engine) passRooms() {
	e.mu.Lock()
	var all []*room
	for _, r := range e.chats {
		all = append(all, r)
	}
	e.mu.Unlock()
	for _, r := range all {
		r.mu.Lock()
		r.mu.Unlock() //nolint:staticcheck // passing through is the purpose
	}
}

// regard brings every open prompt in line with the holds as they are now.
func (e *Engine) regard(ctx context.Context) error {
	open, err := e.o.Store.Open(ctx)
	if err != nil {
		return err
	}
	holds := e.o.Store.Holds(ctx)
	for _, sh := range open {
		if e.covered(ctx, holds, sh.Chat, sh.Author(), e.o.Now()) == sh.Held {
			continue
		}
		if err := e.reviseHeld(ctx, sh); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) reviseHeld(ctx context.Context, sh Shown) error {
	r := e.room(sh.Chat)
	r.mu.Lock()
	defer r.mu.Unlock()
	sh, err := e.o.Store.Prompt(ctx, sh.ID)
	if err != nil {
		return err
	}
	now := e.o.Now()
	if !sh.Waiting() || !sh.Hold(e.covered(ctx, e.o.Store.Holds(ctx), sh.Chat, sh.Author(), now)) {
		return nil
	}
	s := Settlement{Chat: sh.Chat, Now: now}
	if a, ok := showing(&sh, now); ok {
		s.Actions = append(s.Actions, a)
	}
	s.Prompts = append(s.Prompts, sh)
	if err := e.o.Store.Settle(ctx, s); err != nil {
		return err
	}
	nudge(e.poke)
	e.changed(sh.Chat)
	return nil
}
