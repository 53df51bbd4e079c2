package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/failpoint"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
)

// Directory is where people come from, and how leavers are dealt with.
type Directory struct {
	Source    directory.Source
	Rules     directory.Rules
	Protected map[directory.PersonID]string // who stays in any case, and why
}

const (
	departEvery = time.Hour           // leavers are planned anew at least this often, …
	lookEvery   = 5 * time.Second     // whether there is a new directory
	listEvery   = time.Hour           // … and members listed anew
	freshFor    = time.Minute         // a removal begins on a plan that is no older
	sayWithin   = 5 * time.Minute     // so long a removal waits for a farewell that is on its way
	tryAgain    = 24 * time.Hour      // after a platform refused a removal
	stands      = 90 * 24 * time.Hour // a reinstatement, at least
	share       = 20                  // planning takes at most one part in so many of the time
	shortest    = time.Second / 10    // between two plans that nobody waits for
)

// departing is the watch over leavers, as one process sees it.
type departing struct {
	mu     sync.Mutex      // held from planning to storing
	due    map[string]bool // keys of the steps that the last plan removes
	asOf   time.Time       // of the directory that it was made from
	made   time.Time       // when, by our clock
	next   time.Time       // when something falls due, by our clock
	began  time.Time       // when it was made, by a clock that nobody can set
	took   time.Duration
	listed map[chat.ID]time.Time // when members were last listed, likewise

	languages map[directory.PersonID]string // that were stored; nil: none by this process

	news   atomic.Bool // something changed that a plan depends on
	relist sync.Map    // chats whose members changed, each with the number of the change
	marks  atomic.Int64
}

// stir notes that something changed that a plan about leavers depends on.
func (e *Engine) stir() {
	if e.o.Directory != nil {
		e.leaving.news.Store(true)
		nudge(e.tick)
	}
}

// stirred looks whether events tell of members who came or went.
func (e *Engine) stirred(events []chat.Event) {
	for _, ev := range events {
		if ev.Kind == chat.Added || ev.Kind == chat.Joined || ev.Kind == chat.Left || ev.Kind == chat.Removed {
			e.leaving.relist.Store(ev.Chat, e.leaving.marks.Add(1))
			e.stir()
		}
	}
}

// depart plans what is to be done about leavers where something has changed or
// fallen due, stores it, and says when to look again. Where somebody waits for
// it, asap, it does not spare the machine.
func (e *Engine) depart(ctx context.Context, asap bool) (time.Time, error) {
	if e.o.Directory == nil {
		return time.Time{}, nil
	}
	w := &e.leaving
	w.mu.Lock()
	defer w.mu.Unlock()
	if !e.departs(ctx, asap) {
		return e.lookAgain(), nil
	}
	err := e.turn(ctx)
	return e.lookAgain(), err
}

// lookAgain is when something falls due, or there may be a new file.
func (e *Engine) lookAgain() time.Time {
	wait := lookEvery
	if e.leaving.news.Load() {
		wait = min(wait, max(e.rest(), 0))
	}
	at := e.o.Now().Add(wait)
	if next := e.leaving.next; !next.IsZero() && next.Before(at) {
		return next
	}
	return at
}

// rest is how long the machine is still spared after the last plan.
func (e *Engine) rest() time.Duration {
	w := &e.leaving
	return max(shortest, share*w.took) - time.Since(w.began)
}

// departs reports whether a new plan is needed.
func (e *Engine) departs(ctx context.Context, asap bool) bool {
	w, now := &e.leaving, e.o.Now()
	age := now.Sub(w.made).Abs()
	switch {
	case w.made.IsZero(), age >= departEvery, !w.next.IsZero() && !now.Before(w.next), asap && age >= freshFor:
		return true
	case !asap && e.rest() > 0:
		return false
	case w.news.Load():
		return true
	}
	return !e.asOf(ctx).Equal(w.asOf)
}

// asOf says when the directory was made; zero where it cannot be known.
func (e *Engine) asOf(ctx context.Context) time.Time {
	d, ok := e.o.Directory.Source.(directory.Dated)
	if !ok {
		return time.Time{}
	}
	at, err := d.AsOf(ctx)
	if err != nil {
		return time.Time{}
	}
	return at
}

// turn is one turn of the watch: plan, store, and let the path carry it out.
func (e *Engine) turn(ctx context.Context) error {
	w := &e.leaving
	w.began = time.Now()
	w.news.Store(false)
	asOf := e.asOf(ctx)
	e.listMembers(ctx)
	out, err := e.Outlook(ctx)
	if err != nil {
		w.news.Store(true)
		return err
	}
	e.troubled(out.Plan)
	e.acquaint(out)
	out.People, out.sit = nil, directory.Situation{} // a million people are not needed while the rest is stored
	wait, err := e.carry(ctx, out)
	if err != nil {
		w.news.Store(true)
		return err
	}
	w.due = map[string]bool{}
	for _, st := range out.Plan.Removals {
		w.due[st.Key()] = true
	}
	w.asOf, w.made, w.next, w.took = asOf, out.Now, out.Now.Add(departEvery), time.Since(w.began)
	for _, x := range out.Plan.Waiting {
		if x.Until.After(out.Now) && x.Until.Before(w.next) {
			w.next = x.Until
		}
	}
	if !wait.IsZero() && wait.Before(w.next) {
		w.next = wait
	}
	return nil
}

func (e *Engine) troubled(p directory.Plan) {
	if p.Unusable == "" {
		e.trouble("directory", nil)
		return
	}
	e.trouble("directory", fmt.Errorf("nobody is removed: %s", strings.TrimSuffix(p.Unusable, ".")))
}

// carry stores what a plan says, each step with its prompt and actions in one
// transaction. It says when to look again at what waits for a farewell.
func (e *Engine) carry(ctx context.Context, out Outlook) (wait time.Time, err error) {
	if err := e.learned(ctx, out); err != nil {
		return wait, err
	}
	failpoint.Hit("leaver.learned")
	byKey := map[string]Leaver{}
	for _, l := range out.Leaving.Leavers {
		byKey[l.Step.Key()] = l
	}
	for _, n := range out.Plan.Withdrawn {
		if err := e.takeBack(ctx, byKey[n.Step.Key()]); err != nil {
			return wait, err
		}
	}
	for _, st := range out.Plan.Notices {
		if err := e.farewell(ctx, st, out.name(st)); err != nil {
			return wait, err
		}
	}
	for _, st := range out.Plan.Removals {
		l := byKey[st.Key()]
		if at := l.Told.Add(sayWithin); l.Shown.IsZero() && (l.Told.IsZero() || out.Now.Before(at)) {
			if l.Told.IsZero() {
				at = out.Now.Add(sayWithin)
			}
			if wait.IsZero() || at.Before(wait) {
				wait = at
			}
			continue // its end wakes us
		}
		if l.mayBegin(out.Now) {
			if err := e.letGo(ctx, st, out.Now); err != nil {
				return wait, err
			}
		}
	}
	nudge(e.poke)
	return wait, nil
}

// learned stores what a trusted directory taught.
func (e *Engine) learned(ctx context.Context, out Outlook) error {
	t := Turn{Trusted: out.Plan.Trusted, Known: map[hold.Member]directory.PersonID{}}
	if !t.Trusted {
		return nil
	}
	if !out.Plan.Memory.Equal(out.Leaving.Memory) {
		t.Memory = &out.Plan.Memory
	}
	for _, m := range out.Plan.Matches {
		key := hold.Member{Account: m.Member.Account, ID: m.Member.ID}
		if out.Roll.Known[key] != m.Match.Person {
			t.Known[key] = m.Match.Person
		}
	}
	for _, r := range out.Leaving.Reinstated {
		if out.Now.Sub(r.At) > stands && !out.Plan.Memory.Has(r.Person, r.Leaves) {
			t.Over = append(t.Over, r)
		}
	}
	languages := e.tongues()
	if e.leaving.languages == nil || !maps.Equal(languages, e.leaving.languages) {
		t.Languages = languages
	}
	t.Alarms = slices.Concat(out.Plan.Alarms, out.alarms())
	news, err := e.o.Store.SaveTurn(ctx, out.Now, t)
	if err == nil {
		e.leaving.languages = languages
	}
	type group struct {
		kind directory.AlarmKind
		chat chat.ID
	}
	count := map[group]int{}
	for _, a := range news {
		count[group{a.Kind, a.Chat}]++
	}
	for g, n := range count {
		e.o.Log.Warn("members or leavers need a person to look: see chaperone leavers list", "alarm", g.kind, "chat", g.chat, "members", n)
	}
	return err
}

// mayBegin reports whether a removal that the plan asks for may be planned: it
// was not before, or came to nothing. One that was carried out, or may have
// been, is not repeated.
func (l Leaver) mayBegin(now time.Time) bool {
	switch {
	case l.Action == "":
		return true
	case !l.Removed.IsZero() || l.Outcome == "" || l.Outcome == Done || l.Outcome == Unknown:
		return false
	case l.Outcome == NotNeeded || l.Outcome == Held:
		return true
	default:
		return now.Sub(l.Ended) >= tryAgain
	}
}

// alarms are those of removals that came to nothing.
func (o Outlook) alarms() []directory.Alarm {
	there := map[string]bool{}
	for _, st := range o.Plan.Removals {
		there[st.Key()] = true
	}
	var out []directory.Alarm
	for _, l := range o.Leaving.Leavers {
		if !there[l.Step.Key()] || l.Action == "" {
			continue
		}
		a := directory.Alarm{Chat: l.Step.Chat, Member: l.Step.Member, Person: l.Step.Person}
		switch {
		case !l.Removed.IsZero():
			a.Kind, a.Text = directory.Back, "A leaver who was removed is in this chat again. Reinstate them, or take them out yourself."
		case l.Outcome == Unknown:
			a.Kind, a.Text = directory.Unsure, "A removal was interrupted, and the platform cannot be asked whether it arrived. Look, and take them out yourself if they are still there."
		case l.Outcome == Unsupported || l.Outcome == Forbidden || l.Outcome == TooLate || l.Outcome == Gone:
			a.Kind, a.Text = directory.Cannot, "The platform does not let the bot remove this leaver. Give it the right to, or take them out yourself."
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

// farewell asks a leaver for a last look, privately and once.
func (e *Engine) farewell(ctx context.Context, st directory.Step, name string) error {
	room := e.room(st.Chat)
	room.mu.Lock()
	defer room.mu.Unlock()
	load, err := e.o.Store.Take(ctx, st.Chat, 0)
	if err != nil {
		return err
	}
	if k := e.o.Setting(st.Chat).Kind; k.Valid() {
		load.Chat.Kind = k
	}
	now := e.o.Now()
	sh := Shown{Prompt: prompt.Farewell(e.o.NewID(now), now, st.Chat, load.Chat.Name, load.Chat.Kind, st.As, name, st.Due)}
	sh.Held = e.covered(ctx, e.o.Store.Holds(ctx), st.Chat, st.As, now)
	s := Settlement{Chat: st.Chat, Now: now, Leavers: []Departure{{Step: st, Prompt: sh.ID}}}
	if a, ok := showing(&sh, now); ok {
		s.Actions = append(s.Actions, a)
	}
	s.Prompts = append(s.Prompts, sh)
	if err := e.o.Store.Settle(ctx, s); err != nil {
		return err
	}
	failpoint.Hit("leaver.told")
	return nil
}

// takeBack takes a farewell back, and the removal with it.
func (e *Engine) takeBack(ctx context.Context, l Leaver) error {
	room := e.room(l.Step.Chat)
	room.mu.Lock()
	defer room.mu.Unlock()
	now := e.o.Now()
	s := Settlement{Chat: l.Step.Chat, Now: now, Leavers: []Departure{{Step: l.Step, Withdrawn: true}}}
	if l.Prompt != "" {
		sh, err := e.o.Store.Prompt(ctx, l.Prompt)
		if err != nil {
			return err
		}
		sh.Withdraw(now)
		if a, ok := showing(&sh, now); ok {
			s.Actions = append(s.Actions, a)
		}
		s.Prompts = append(s.Prompts, sh)
	}
	return e.o.Store.Settle(ctx, s)
}

// letGo plans the removal of a leaver from a chat. The key is of this attempt;
// while one is unfinished, or was carried out, there is no other.
func (e *Engine) letGo(ctx context.Context, st directory.Step, now time.Time) error {
	key := fmt.Sprintf("%s%s/%d", leaverKey, st.Key(), now.UnixMilli())
	err := e.o.Store.Settle(ctx, Settlement{
		Chat: st.Chat, Now: now, Leavers: []Departure{{Step: st, Action: key}},
		Actions: []Action{{Key: key, Kind: Kind(bots.Remove), Chat: st.Chat, Member: st.As, Due: now}},
	})
	if err == nil {
		failpoint.Hit("leaver.planned")
	}
	return err
}

// leaverKey begins the key of every removal of a leaver.
const leaverKey = "leave/"

func ofLeaver(key string) bool { return strings.HasPrefix(key, leaverKey) }

// stillLeaves reports whether a removal that was planned is still what a plan
// of now says: between the two there may have been days, another directory or a
// person's word.
func (e *Engine) stillLeaves(ctx context.Context, a Action) (bool, error) {
	if e.o.Directory == nil {
		return false, nil
	}
	if _, err := e.depart(ctx, true); err != nil {
		return false, err
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(a.Key, leaverKey), "/")
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	return e.leaving.due[key], nil
}

// listMembers asks the platforms who is in which chat, where that may have
// changed or was not asked for long. What cannot be listed stays as it was seen.
func (e *Engine) listMembers(ctx context.Context) {
	w := &e.leaving
	if w.listed == nil {
		w.listed = map[chat.ID]time.Time{}
	}
	chats, err := e.o.Store.ChatIDs(ctx)
	if err != nil {
		e.trouble("store", err)
		return
	}
	for _, id := range chats {
		list, ok := e.bots[id.Account].(bots.Roster)
		_, changed := w.relist.Load(id)
		if !ok || (!changed && !w.listed[id].IsZero() && time.Since(w.listed[id]) < listEvery) {
			continue
		}
		if err := e.list(ctx, list, id, chats); err != nil && ctx.Err() == nil {
			e.o.Log.Warn("the members of a chat cannot be listed; they are known as they were seen", "chat", id, "err", err)
		}
	}
}
