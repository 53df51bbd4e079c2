package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/clock"
	"chaperone/internal/prompt"
	"chaperone/internal/retention"
)

// RunNow begins today's run of a schedule before it is due. A date has one run:
// what comes due later today finds it made.
func (e *Engine) RunNow(ctx context.Context, by, schedule string) (Run, error) {
	s, _, err := e.schedule(schedule)
	if err != nil {
		return Run{}, err
	}
	e.disposal.Lock()
	defer e.disposal.Unlock()
	now := e.o.Now().UTC()
	today := clock.DateOf(now.In(s.When.Zone()))
	if r, err := e.run(ctx, schedule, today); err == nil {
		return r, fmt.Errorf("the run of %s is there already (%s); a date has one run", today, r.State)
	}
	if free, err := e.makeWay(ctx, schedule); err != nil {
		return Run{}, err
	} else if !free {
		return Run{}, errors.New("another run of this schedule is under way: wait for its end, or stop it")
	}
	r, err := e.planned(ctx, s, today, now, now)
	if err != nil {
		return r, err
	}
	if err := e.o.Store.BeginRuns(ctx, now, schedule, today, []Run{r}, RunAct{By: by, What: "begin"}); err != nil {
		return r, err
	}
	if err := e.moveOn(ctx, r); err != nil {
		return r, err
	}
	nudge(e.tick)
	return e.run(ctx, schedule, today)
}

// run looks one run up.
func (e *Engine) run(ctx context.Context, schedule string, date clock.Date) (Run, error) {
	all, err := e.o.Store.Runs(ctx, schedule)
	if err != nil {
		return Run{}, err
	}
	for _, r := range all {
		if r.Date == date {
			if s, _, err := e.schedule(schedule); err == nil {
				r.Plan.Schedule = s
			}
			return r, nil
		}
	}
	return Run{}, fmt.Errorf("the schedule %q has no run of %s. List them with: chaperone retention list", schedule, date)
}

// ApproveRun records a named person's yes to a run's plan. They say how many
// messages it will dispose of.
func (e *Engine) ApproveRun(ctx context.Context, schedule string, date clock.Date, by string, count int) (Run, error) {
	e.disposal.Lock()
	defer e.disposal.Unlock()
	r, err := e.run(ctx, schedule, date)
	if err != nil {
		return r, err
	}
	if r.State != retention.Planned {
		return r, fmt.Errorf("the run of %s is %s: there is nothing to approve", date, r.State)
	}
	if r.Plan.Digest() != r.Digest {
		return r, errors.New("the schedule was changed since the plan was made: it cannot be approved")
	}
	if r.Approvals, err = r.Plan.Approve(r.Approvals, by, count, e.o.Now().UTC()); err != nil {
		return r, err
	}
	if err := e.o.Store.SaveRun(ctx, e.o.Now(), r, RunAct{By: by, What: "approve"}); err != nil {
		return r, err
	}
	nudge(e.tick)
	return r, nil
}

// StopRun stops a run: what has not begun is not done.
func (e *Engine) StopRun(ctx context.Context, schedule string, date clock.Date, by, why string) (Run, error) {
	e.disposal.Lock()
	defer e.disposal.Unlock()
	r, err := e.run(ctx, schedule, date)
	if err != nil {
		return r, err
	}
	if strings.TrimSpace(why) == "" {
		return r, errors.New("say why it is stopped")
	}
	if !r.State.May(retention.Stopped) {
		return r, fmt.Errorf("the run of %s is %s: there is nothing to stop", date, r.State)
	}
	if err := e.o.Store.Cancel(ctx, e.o.Now(), "dispose/"+r.Ref()+"/"); err != nil {
		return r, err
	}
	for {
		_, waiting, err := e.outcomes(ctx, r)
		if err != nil {
			return r, err
		}
		if !waiting {
			break
		}
		select {
		case <-ctx.Done():
			return r, errors.New("nothing more is begun; a call is still under way: stop it once more to end the run")
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := e.endRun(ctx, r, retention.Stopped, "stopped by a person: "+why, RunAct{By: by, What: "stop"}); err != nil {
		return r, err
	}
	return e.run(ctx, schedule, date)
}

// Undone is what an undo can bring back.
type Undone struct {
	Posted  int // messages whose text the bot posts again
	Without int // messages of which no text was kept: nothing brings them back
}

// UndoRun gives back what a run destroyed, as far as it can be given back: the
// bot posts the texts again. The messages themselves, their reactions, replies
// and files do not come back.
func (e *Engine) UndoRun(ctx context.Context, schedule string, date clock.Date, by string) (Undone, error) {
	e.disposal.Lock()
	defer e.disposal.Unlock()
	var u Undone
	r, err := e.run(ctx, schedule, date)
	if err != nil {
		return u, err
	}
	if r.State == retention.Underway {
		return u, errors.New("it is under way: stop it first")
	}
	byKey, err := e.o.Store.Outcomes(ctx, "dispose/"+r.Ref()+"/")
	if err != nil {
		return u, err
	}
	now := e.o.Now()
	var again []Settlement
	for _, i := range r.Plan.Items {
		key := disposeKey(r, i.Chat, i.ID)
		if byKey[key] != Done || i.Way == retention.Transfers {
			continue
		}
		if _, err := e.o.Store.Sealed(ctx, "undo/"+key); err != nil {
			u.Without++
			continue
		}
		u.Posted++
		again = append(again, Settlement{Chat: i.Chat, Now: now, Actions: []Action{{
			Key: "restore/" + key, Kind: Restore, Chat: i.Chat, Member: i.Sender, Message: i.ID, Due: now,
		}}})
	}
	if err := e.o.Store.SaveRun(ctx, now, r, RunAct{By: by, What: "undo"}); err != nil { // no audit, no action
		return Undone{}, err
	}
	for _, s := range again {
		if err := e.o.Store.Settle(ctx, s); err != nil {
			return u, err
		}
	}
	nudge(e.poke)
	return u, nil
}

// PurgeRun gives up undo: what a run destroyed cannot be given back from then
// on, by anybody. What a hold covers stays.
func (e *Engine) PurgeRun(ctx context.Context, schedule string, date clock.Date, by string) (gone, held int, err error) {
	e.disposal.Lock()
	defer e.disposal.Unlock()
	r, err := e.run(ctx, schedule, date)
	if err != nil {
		return 0, 0, err
	}
	if r.Ended.IsZero() {
		return 0, 0, fmt.Errorf("the run of %s is %s: only what a run that has ended destroyed can be purged", date, r.State)
	}
	return e.o.Store.Purge(ctx, e.o.Now(), r.Ref(), by)
}

// restored is what is posted in the place of a message that was destroyed;
// empty where its text is gone.
func (e *Engine) restored(ctx context.Context, a Action) (string, error) {
	key := strings.TrimPrefix(a.Key, "restore/")
	text, err := e.o.Store.Sealed(ctx, "undo/"+key)
	if err != nil {
		e.o.Log.Warn("a message cannot be given back: its text is not kept any more", "chat", a.Chat, "action", a.Key)
		return "", nil
	}
	return e.post(a.Chat, func(v prompt.Viewer) string { return v.Texts.Say("restored", prompt.Values{}) }) + " " + text, nil
}

// fetch reads what a run is about to destroy, so that it can be given back for
// a while. What the platform does not give out cannot be.
func (e *Engine) fetch(ctx context.Context, a *Action, bot bots.Bot) error {
	source, ok := bot.(bots.Fetcher)
	if !ok || !ofRun(a.Key) {
		return nil
	}
	text, err := source.Fetch(ctx, own(a.Chat), ownMessage(a.Message))
	if errors.Is(err, bots.ErrGone) {
		return nil // the deletion will say so
	}
	a.Undo = text
	return err
}
