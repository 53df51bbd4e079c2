package app

import (
	"context"
	"errors"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/clock"
	"chaperone/internal/control"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

func (a *App) retentionCalls(t control.Table) {
	t["retention.list"] = looks(access.See, a.retentionList)
	t["retention.own"] = looks(access.See, a.retentionOwn)
	t["retention.plan"] = looks(access.See, a.retentionPlan)
	t["retention.run"] = named(access.Dispose, a.retentionRun)
	t["retention.approve"] = named(access.Dispose, a.retentionApprove)
	t["retention.stop"] = named(access.Stop, a.retentionStop)
	t["retention.undo"] = named(access.Dispose, a.retentionUndo)
	t["retention.purge"] = named(access.Dispose, a.retentionPurge)
}

// errNotRunning refuses what needs the platforms.
var errNotRunning = errors.New("this needs a running Chaperone: start it with chaperone run, and ask again")

// Schedule is a schedule of the configuration, with its runs.
type Schedule struct {
	ID       string    `json:"id"`
	Title    string    `json:"title,omitempty"`
	Class    string    `json:"class"`
	Period   string    `json:"period,omitempty"`
	Disposal string    `json:"disposal,omitempty"`
	Acting   bool      `json:"acting"`
	Next     time.Time `json:"next,omitzero"`
	Runs     []Run     `json:"runs"`
}

// Run is a run as commands and pages show it.
type Run struct {
	Schedule    string                 `json:"schedule"`
	Date        clock.Date             `json:"date"`
	State       retention.State        `json:"state"`
	Slot        time.Time              `json:"slot"`
	MadeGood    clock.Date             `json:"made_good_by,omitzero"`
	Plan        string                 `json:"plan,omitempty"` // its digest
	Disposes    int                    `json:"disposes"`
	Needs       int                    `json:"needs"` // people who must approve it
	Approvals   []retention.Approval   `json:"approvals,omitempty"`
	Why         string                 `json:"why,omitempty"`
	Started     time.Time              `json:"started,omitzero"`
	Ended       time.Time              `json:"ended,omitzero"`
	Certificate *retention.Certificate `json:"certificate,omitempty"`
	Digest      string                 `json:"certificate_digest,omitempty"` // as the audit log has it
}

// Plan is what a run would do now.
type Plan struct {
	Schedule string     `json:"schedule"`
	Date     clock.Date `json:"date"`
	Digest   string     `json:"digest"`
	Disposes int        `json:"disposes"`
	Needs    int        `json:"needs"`
	Items    []Item     `json:"items"`
}

// Item is what a plan does with one message, and why. It holds no text.
type Item struct {
	Chat    string           `json:"chat"`
	Message string           `json:"message"`
	SentAt  time.Time        `json:"sent_at"`
	Way     retention.Way    `json:"way"`
	Reason  retention.Reason `json:"reason"`
	Says    string           `json:"says"`
}

// WhichRun names a run, or with no date a schedule.
type WhichRun struct {
	Schedule string     `json:"schedule"`
	Date     clock.Date `json:"date,omitzero"`
	Count    int        `json:"count,omitempty"` // of messages, as an approver typed it
	Why      string     `json:"why,omitempty"`
}

func (a *App) retentionList(ctx context.Context, _ struct{}) ([]Schedule, error) {
	out := []Schedule{}
	for _, s := range a.engine.Schedules() {
		v := Schedule{
			ID: s.ID, Title: s.Title, Class: string(s.Class), Period: s.Period.String(), Disposal: string(s.Disposal), Acting: s.Acting, Runs: []Run{},
		}
		if _, slot, ok := s.When.Next(s.When.Begin(a.now())); ok {
			v.Next = slot
		}
		runs, err := a.store.Runs(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			r.Plan.Schedule = s
			view, err := viewRun(r)
			if err != nil {
				return nil, err
			}
			v.Runs = append(v.Runs, view)
		}
		out = append(out, v)
	}
	return out, nil
}

func viewRun(r engine.Run) (Run, error) {
	v := Run{
		Schedule: r.Schedule, Date: r.Date, State: r.State, Slot: r.Slot, MadeGood: r.MadeGood, Plan: r.Digest,
		Disposes: r.Plan.Disposed(), Needs: r.Plan.Needs(), Approvals: r.Approvals, Why: r.Why,
		Started: r.Started, Ended: r.Ended, Certificate: r.Certificate,
	}
	var err error
	if r.Certificate != nil {
		v.Digest, err = r.Certificate.Digest()
	}
	return v, err
}

func (a *App) retentionPlan(ctx context.Context, in WhichRun) (Plan, error) {
	p, err := a.engine.PlanRun(ctx, in.Schedule)
	if err != nil {
		return Plan{}, err
	}
	v := Plan{Schedule: p.Schedule.ID, Date: p.Date, Digest: p.Digest(), Disposes: p.Disposed(), Needs: p.Needs(), Items: []Item{}}
	for _, i := range p.Items {
		v.Items = append(v.Items, Item{
			Chat: i.Chat.String(), Message: string(i.ID), SentAt: i.At, Way: i.Way, Reason: i.Reason, Says: i.String(),
		})
	}
	return v, nil
}

func (a *App) retentionRun(ctx context.Context, by string, in WhichRun) (Run, error) {
	if a.server == nil {
		return Run{}, errNotRunning
	}
	r, err := a.engine.RunNow(ctx, by, in.Schedule)
	if err != nil {
		return Run{}, err
	}
	return viewRun(r)
}

func (a *App) retentionApprove(ctx context.Context, by string, in WhichRun) (Run, error) {
	r, err := a.engine.ApproveRun(ctx, in.Schedule, in.Date, by, in.Count)
	if err != nil {
		return Run{}, err
	}
	return viewRun(r)
}

func (a *App) retentionStop(ctx context.Context, by string, in WhichRun) (Run, error) {
	r, err := a.engine.StopRun(ctx, in.Schedule, in.Date, by, in.Why)
	if err != nil {
		return Run{}, err
	}
	return viewRun(r)
}

// Undone is what an undo gives back.
type Undone struct {
	Posted  int    `json:"posted"`
	Without int    `json:"without_text"`
	Says    string `json:"says"`
}

func (a *App) retentionUndo(ctx context.Context, by string, in WhichRun) (Undone, error) {
	u, err := a.engine.UndoRun(ctx, in.Schedule, in.Date, by)
	return Undone{
		Posted: u.Posted, Without: u.Without,
		Says: "A platform cannot put a deleted message back. The bot posts its text again; its place, sender, reactions, replies and files do not come back.",
	}, err
}

// Purged is what giving up undo did.
type Purged struct {
	Gone int `json:"gone"`
	Held int `json:"held"` // texts that stay because a hold covers them
}

func (a *App) retentionPurge(ctx context.Context, by string, in WhichRun) (p Purged, err error) {
	p.Gone, p.Held, err = a.engine.PurgeRun(ctx, in.Schedule, in.Date, by)
	return p, err
}

// Own is a schedule of the product's own data.
type Own struct {
	Kind   retention.Own `json:"kind"`
	Says   string        `json:"says"`
	Period string        `json:"period"`
}

func (a *App) retentionOwn(context.Context, struct{}) ([]Own, error) {
	var out []Own
	for _, k := range a.c.Own.Own() {
		out = append(out, Own{Kind: k, Says: k.Says(), Period: a.c.Own[k].String()})
	}
	return out, nil
}
