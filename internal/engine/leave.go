package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chaperone/internal/directory"
	"chaperone/internal/hold"
)

// errNoDirectory tells that nobody is known to leave.
var errNoDirectory = errors.New("no directory is configured, so nobody is known to leave: add directory to the configuration")

// Approved is what came of a named person's yes.
type Approved struct {
	Question directory.Question
	Yes      int // people who have said yes
}

// ApproveLeaver records a named person's yes to a question, or to one step of
// it. The key may be cut short as long as it names one.
func (e *Engine) ApproveLeaver(ctx context.Context, key, by string) (Approved, error) {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	out, err := e.Outlook(ctx)
	if err != nil {
		return Approved{}, err
	}
	q, keys, err := out.asked(key)
	if err != nil {
		return Approved{}, err
	}
	officer, err := out.officer(by)
	if err != nil {
		return Approved{}, err
	}
	said := map[string]bool{}
	for _, a := range out.Leaving.Approvals {
		if a.Key == keys[0] && out.Now.Sub(a.At) <= e.o.Directory.Rules.Approval {
			said[string(directory.Key(a.By))] = true
		}
	}
	switch {
	case said[string(directory.Key(officer))]:
		return Approved{}, fmt.Errorf("%s has said yes to this already: the second yes is another person's", by)
	case len(q.Steps) == 1 && q.Steps[0].Person == directory.Key(officer):
		return Approved{}, errors.New("nobody approves their own removal: ask another person")
	}
	var all []directory.Approval
	for _, k := range keys {
		all = append(all, directory.Approval{Key: k, By: officer, At: out.Now})
	}
	if err := e.o.Store.Approve(ctx, out.Now, all); err != nil {
		return Approved{}, err
	}
	e.stir()
	return Approved{Question: q, Yes: len(said) + 1}, nil
}

// asked finds an open question, or the step of one, by its key. It gives every
// key that a yes is kept under: a yes to a batch is one to each step, so that it
// still counts when the first of them are gone.
func (o Outlook) asked(key string) (directory.Question, []string, error) {
	var found []directory.Question
	var keys [][]string
	fits := func(k string) bool {
		_, bare, _ := strings.Cut(k, ":")
		return k == key || len(key) >= 6 && (strings.HasPrefix(k, key) || strings.HasPrefix(bare, key))
	}
	for _, q := range o.Plan.Questions {
		if fits(q.Key) {
			all := []string{q.Key}
			for _, st := range q.Steps {
				if k := st.Key(); k != q.Key {
					all = append(all, k)
				}
			}
			found, keys = append(found, q), append(keys, all)
			continue
		}
		for _, st := range q.Steps {
			if fits(st.Key()) {
				one := q
				one.Steps = []directory.Step{st}
				found, keys = append(found, one), append(keys, []string{st.Key()})
			}
		}
	}
	switch len(found) {
	case 0:
		return directory.Question{}, nil, fmt.Errorf("nothing called %q waits for a yes. List what does with: chaperone leavers list", key)
	case 1:
		return found[0], keys[0], nil
	}
	return directory.Question{}, nil, fmt.Errorf("%q begins the keys of %d questions: write more of it", key, len(found))
}

// officer gives the key that a named person has in the directory, so that one
// person under two spellings is one, and nobody approves their own removal. Who
// is not in it goes by their name.
func (o Outlook) officer(by string) (string, error) {
	want := directory.Key(by)
	var found []directory.PersonID
	for i := range o.People {
		p := &o.People[i]
		if p.ID == want {
			return string(p.ID), nil
		}
		if directory.Key(p.Name) == want {
			found = append(found, p.ID)
		}
	}
	switch len(found) {
	case 0:
		return string(want), nil
	case 1:
		return string(found[0]), nil
	}
	return "", fmt.Errorf("the directory has %d people called %s: say which with their key there", len(found), by)
}

// Reinstated is what came of keeping a leaver in, or letting them in again.
type Reinstated struct {
	directory.Reinstatement
	UnderWay []directory.Step // removals that had begun: how they end is not known yet
}

// KeepIn keeps a leaver in, or lets one in again who was removed: in one step
// their farewells are taken back, what was planned is cancelled, and the same
// leaving date removes them no more. The platform does not let the bot bring
// people in: an administrator invites them where Return says.
func (e *Engine) KeepIn(ctx context.Context, person, by, why string, removed bool) (Reinstated, error) {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	out, err := e.Outlook(ctx)
	if err != nil {
		return Reinstated{}, err
	}
	id := directory.Key(person)
	r, err := out.reinstatement(id, by, removed)
	if err != nil {
		return Reinstated{}, err
	}
	r.Why = why
	if err := e.o.Store.Reinstate(ctx, out.Now, r, false); err != nil {
		return Reinstated{}, err
	}
	result := Reinstated{Reinstatement: r}
	for _, l := range out.Leaving.Leavers {
		if l.Step.Person != id || l.Step.Leaves != r.Leaves {
			continue
		}
		if !l.Told.IsZero() {
			if err := e.takeBack(ctx, l); err != nil {
				return result, err
			}
		}
		if l.Action != "" && l.Outcome == "" && l.Started {
			result.UnderWay = append(result.UnderWay, l.Step)
		}
	}
	e.leaving.due = nil // nothing begins before the next plan
	e.stir()
	nudge(e.poke)
	return result, nil
}

// reinstatement is the one that undoes what was done, or is about to be done,
// to a person.
func (o Outlook) reinstatement(id directory.PersonID, by string, removed bool) (directory.Reinstatement, error) {
	var gone []directory.Removal
	for _, l := range o.Leaving.Leavers {
		if !l.Removed.IsZero() {
			gone = append(gone, directory.Removal{Step: l.Step, At: l.Removed})
		}
	}
	r, err := directory.Reinstate(id, gone, by, o.Now)
	if err == nil && (removed || !o.reinstated(r)) {
		return r, nil
	}
	for _, st := range o.steps() {
		if st.Person == id {
			return directory.Reinstatement{Person: id, Leaves: st.Leaves, By: by, At: o.Now}, nil
		}
	}
	if err == nil {
		return r, nil
	}
	return r, fmt.Errorf("%s is not leaving, and was not removed from any chat. List leavers with: chaperone leavers list", id)
}

func (o Outlook) reinstated(r directory.Reinstatement) bool {
	return slices.ContainsFunc(o.Leaving.Reinstated, func(x directory.Reinstatement) bool { return x.Person == r.Person && x.Leaves == r.Leaves })
}

// steps lists every step that a plan has something to say about.
func (o Outlook) steps() []directory.Step {
	all := slices.Concat(o.Plan.Notices, o.Plan.Removals, o.Plan.Would)
	for _, w := range o.Plan.Waiting {
		all = append(all, w.Step)
	}
	for _, q := range o.Plan.Questions {
		all = append(all, q.Steps...)
	}
	for _, l := range o.Leaving.Leavers { // a plan that was stopped names nobody
		if !l.Told.IsZero() && l.Removed.IsZero() {
			all = append(all, l.Step)
		}
	}
	return all
}

// GoOn takes back that a leaver was kept in: their leaving date holds again.
func (e *Engine) GoOn(ctx context.Context, person, by string) error {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	past, err := e.o.Store.Leaving(ctx)
	if err != nil {
		return err
	}
	id, n := directory.Key(person), 0
	for _, r := range past.Reinstated {
		if r.Person != id {
			continue
		}
		n++
		if len(r.Return) > 0 {
			return fmt.Errorf("%s was let in again after they were removed: take them out yourself, or give them another leaving date", id)
		}
		r.By = by
		if err := e.o.Store.Reinstate(ctx, e.o.Now(), r, true); err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("nobody decided that %s stays: there is nothing to take back", id)
	}
	e.stir()
	return nil
}

// StopLeavers stops every farewell and removal until a person lets them go on.
func (e *Engine) StopLeavers(ctx context.Context, on bool, by, why string) error {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	past, err := e.o.Store.Leaving(ctx)
	if err != nil {
		return err
	}
	if past.Brake.On == on {
		if on {
			return errors.New("it is stopped already: " + past.Brake.Says())
		}
		return errors.New("nothing is stopped")
	}
	if err := e.o.Store.SetBrake(ctx, e.o.Now(), Brake{On: on, By: by, Why: why, At: e.o.Now().UTC()}); err != nil {
		return err
	}
	e.leaving.due = nil
	e.stir()
	return nil
}

// LinkMember stores that a named person confirmed who a member is. With an
// empty person it takes that back.
func (e *Engine) LinkMember(ctx context.Context, m hold.Member, person, by string) error {
	id := directory.Key(person)
	if id != "" {
		if err := e.isPerson(ctx, id); err != nil {
			return err
		}
	}
	if err := e.o.Store.LinkMember(ctx, e.o.Now(), m, id, by); err != nil {
		return err
	}
	e.stir()
	return e.regard(ctx) // a hold may cover them from now on, or no more
}

// isPerson refuses a key that the directory does not have: a link to it would
// match nobody.
func (e *Engine) isPerson(ctx context.Context, id directory.PersonID) error {
	if e.o.Directory == nil {
		return errNoDirectory
	}
	s, err := directory.Take(ctx, e.o.Directory.Source, e.o.Now())
	if err != nil {
		return fmt.Errorf("the directory cannot be read, so nobody knows whether it has %s: %w", id, err)
	}
	if !slices.ContainsFunc(s.People, func(p directory.Person) bool { return p.ID == id }) {
		return fmt.Errorf("the directory has nobody with the key %s", id)
	}
	return nil
}
