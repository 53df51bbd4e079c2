package app

import (
	"context"
	"slices"
	"time"

	"chaperone/internal/clock"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// longestPage is how many messages of a plan a page has at most.
const longestPage = 20_000

// Look asks for a page of what a run does with messages, or with no date of
// what a run of the schedule would do now.
type Look struct {
	Schedule string     `json:"schedule"`
	Date     clock.Date `json:"date,omitzero"`
	Way      string     `json:"way,omitempty"`    // only those that take this way
	Reason   string     `json:"reason,omitempty"` // only those for this reason
	Ref      string     `json:"ref,omitempty"`    // and because of this hold, prompt or schedule
	Chat     string     `json:"chat,omitempty"`   // only those of this chat
	From     int        `json:"from,omitempty"`   // pass over so many
	Most     int        `json:"most,omitempty"`
}

// Looked is a run, or a plan of now, and one page of its messages.
type Looked struct {
	Schedule Overview    `json:"schedule"`
	Run      *Run        `json:"run,omitempty"` // absent for a plan of now
	Plan     string      `json:"plan"`          // its digest
	Made     time.Time   `json:"made"`
	Date     clock.Date  `json:"date"`
	Disposes int         `json:"disposes"`
	Needs    int         `json:"needs"`
	Stays    int         `json:"stays"`
	Above    []Above     `json:"above"`
	Goes     []ChatCount `json:"goes"`   // what is disposed of, by chat
	Groups   []Group     `json:"groups"` // what stays, by reason
	Asked    Asked       `json:"asked"`
	Undo     int         `json:"undo"`     // texts that are still sealed of what it destroyed
	Matching int         `json:"matching"` // messages that were asked for
	Items    []LookedAt  `json:"items"`    // the page of them
}

// Above is a chat of which a plan disposes of more than its cap.
type Above struct {
	Chat string `json:"chat"`
	N    int    `json:"n"`
	Cap  int    `json:"cap"`
}

// Group is the messages that take one way for one reason.
type Group struct {
	Way     string    `json:"way"`
	Reason  string    `json:"reason"`
	Ref     string    `json:"ref"`
	Because string    `json:"because"`
	Until   string    `json:"until"`
	N       int       `json:"n"`
	From    time.Time `json:"from,omitzero"` // where the period is running: when the first and
	To      time.Time `json:"to,omitzero"`   // the last of them are over
}

// Asked is how far the senders are who were asked. It counts lists and
// messages, never people.
type Asked struct {
	Lists    int `json:"lists"`
	Complete int `json:"complete"`
	Messages int `json:"messages"`
	Gone     int `json:"gone"`
}

// LookedAt is one message of a plan, and what became of it.
type LookedAt struct {
	Item
	Outcome string `json:"outcome,omitempty"`
}

func (a *App) retentionLook(ctx context.Context, in Look) (Looked, error) {
	var p engine.Progress
	var err error
	if in.Date.IsZero() {
		p.Plan, err = a.engine.PlanRun(ctx, in.Schedule)
		p.Digest = p.Plan.Digest()
	} else {
		p, err = a.engine.LookAtRun(ctx, in.Schedule, in.Date)
	}
	if err != nil {
		return Looked{}, err
	}
	s := p.Plan.Schedule
	out := Looked{
		Plan: p.Digest, Made: p.Plan.Now, Date: p.Plan.Date, Disposes: p.Plan.Disposed(), Needs: p.Plan.Needs(), Stays: p.Plan.Count(retention.Stays),
		Above: []Above{}, Goes: []ChatCount{}, Groups: []Group{}, Items: []LookedAt{}, Asked: Asked(p.Asked),
	}
	for _, known := range a.engine.Schedules() {
		if known.ID == in.Schedule {
			out.Schedule = a.overview(known)
		}
	}
	if !in.Date.IsZero() {
		view, err := viewRun(p.Run)
		if err != nil {
			return out, err
		}
		out.Run, out.Date = &view, in.Date
		if out.Undo, err = a.store.Undoable(ctx, p.Ref()); err != nil {
			return out, err
		}
	}
	if out.Schedule.ID == "" { // it left the configuration, and its runs are here still
		out.Schedule = a.overview(retention.Schedule{ID: in.Schedule, Title: s.Title})
	}
	for _, x := range p.Plan.Above {
		out.Above = append(out.Above, Above{x.Chat.String(), x.Count, x.Cap})
	}
	out.gather(p, in)
	return out, nil
}

// gather counts what goes by chat and what stays by reason, and takes the page
// that was asked for.
func (l *Looked) gather(p engine.Progress, in Look) {
	type reason struct{ why, ref, because string }
	groups, page := map[reason]int{}, min(max(in.Most, 0), longestPage)
	for _, i := range p.Plan.Items {
		if i.Way == retention.Stays {
			k := reason{string(i.Reason), i.Ref, i.Because}
			at, seen := groups[k]
			if !seen {
				at = len(l.Groups)
				groups[k] = at
				l.Groups = append(l.Groups, Group{Way: string(i.Way), Reason: k.why, Ref: k.ref, Because: k.because, Until: i.Until, From: i.Due, To: i.Due})
			}
			g := &l.Groups[at]
			if g.N++; i.Due.Before(g.From) {
				g.From = i.Due
			} else if i.Due.After(g.To) {
				g.To = i.Due
			}
		} else {
			l.goes(i)
		}
		if !asked(in, i) {
			continue
		}
		if l.Matching++; l.Matching > in.From && len(l.Items) < page {
			l.Items = append(l.Items, LookedAt{
				Item:    Item{Chat: i.Chat.String(), Message: string(i.ID), SentAt: i.At, Way: i.Way, Reason: i.Reason, Says: i.String()},
				Outcome: string(p.Outcome(i.Chat, i.ID)),
			})
		}
	}
	slices.SortStableFunc(l.Groups, func(x, y Group) int { return y.N - x.N })
}

// goes counts a message that is disposed of. Items come chat by chat.
func (l *Looked) goes(i retention.Item) {
	name := i.Chat.String()
	if n := len(l.Goes); n == 0 || l.Goes[n-1].Chat != name {
		l.Goes = append(l.Goes, ChatCount{Chat: name, From: i.At})
	}
	c := &l.Goes[len(l.Goes)-1]
	c.N++
	c.To = i.At
}

func asked(in Look, i retention.Item) bool {
	disposed := i.Way != retention.Stays
	return (in.Way == "" || in.Way == string(i.Way) || in.Way == "disposed" && disposed) &&
		(in.Reason == "" || in.Reason == string(i.Reason)) && (in.Ref == "" || in.Ref == i.Ref) && (in.Chat == "" || in.Chat == i.Chat.String())
}
