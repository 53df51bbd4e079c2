package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/audit"
	"chaperone/internal/control"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// lookCalls are what pages ask for besides the lists of the command line. They
// change nothing.
func (a *App) lookCalls(t control.Table) {
	t["hold.show"] = looks(access.See, a.holdShow)
	t["retention.overview"] = looks(access.See, a.retentionOverview)
	t["retention.pending"] = looks(access.See, a.retentionPending)
	t["retention.look"] = looks(access.See, a.retentionLook)
	t["retention.calendar"] = looks(access.See, a.retentionCalendar)
	t["audit.list"] = looks(access.See, a.auditList)
	t["unsure.list"] = looks(access.See, a.unsureList)
}

// most is how many rows a call gives at once.
const most = 1000

// WhichHold names a hold.
type WhichHold struct {
	ID string `json:"id"`
}

// HoldShown is a hold with what it covers now.
type HoldShown struct {
	Placed
	Until    time.Time   `json:"until,omitzero"` // while it is not settled: when it will be, at the latest
	Messages int         `json:"messages"`
	Chats    []ChatCount `json:"chats"`
	Prompts  int         `json:"prompts"` // open prompts that ask for no deletion because of it
}

// ChatCount is how many messages of a chat something is about.
type ChatCount struct {
	Chat string    `json:"chat"`
	N    int       `json:"n"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

func (a *App) holdShow(ctx context.Context, in WhichHold) (HoldShown, error) {
	h, c, err := a.engine.LookUnderHold(ctx, in.ID)
	if err != nil {
		return HoldShown{}, err
	}
	p, err := a.placed(ctx, h, c.Report, nil)
	out := HoldShown{Placed: p, Until: c.Report.Until, Prompts: c.Prompts, Chats: []ChatCount{}}
	for _, x := range c.Chats {
		out.Messages += x.Messages
		out.Chats = append(out.Chats, ChatCount{Chat: x.Chat.String(), N: x.Messages})
	}
	return out, err
}

// Overview is a schedule with all that the configuration says of it, and its
// newest runs.
type Overview struct {
	Schedule
	Trigger      string `json:"trigger"`
	Cron         string `json:"cron"`
	Zone         string `json:"zone"`
	Owner        string `json:"owner"`
	Authority    string `json:"authority"`
	AfterRelease string `json:"after_release"`
	Cap          string `json:"cap"`
	Where        string `json:"where"` // which chats, in words
}

// newest is how many runs of a schedule an overview names.
const newest = 400

func (a *App) retentionOverview(ctx context.Context, _ struct{}) ([]Overview, error) {
	out := []Overview{}
	for _, s := range a.engine.Schedules() {
		heads, err := a.store.RunHeads(ctx, s.ID, newest)
		if err != nil {
			return nil, err
		}
		v := a.overview(s)
		for _, r := range heads {
			view, err := a.viewHead(ctx, r)
			if err != nil {
				return nil, err
			}
			v.Runs = append(v.Runs, view)
		}
		out = append(out, v)
	}
	return out, nil
}

// stoppedFor is how long pages tell of a run that was stopped.
const stoppedFor = 3 * 24 * time.Hour

// retentionPending lists the runs that wait, are under way or were stopped
// lately.
func (a *App) retentionPending(ctx context.Context, _ struct{}) ([]Run, error) {
	heads, err := a.store.Pending(ctx, a.now().Add(-stoppedFor))
	out := []Run{}
	for _, r := range heads {
		v, viewErr := a.viewHead(ctx, r)
		err = errors.Join(err, viewErr)
		out = append(out, v)
	}
	return out, err
}

// counts are those of a plan, which its digest names.
type counts struct{ disposes, needs int }

// viewHead shows a run whose plan was not read. What a page needs of the plan
// is counted once: it may be of a great many messages.
func (a *App) viewHead(ctx context.Context, r engine.Run) (Run, error) {
	v, err := viewRun(r)
	if c := r.Certificate; c != nil {
		for _, n := range c.Counts {
			v.Disposes += n.N
		}
	}
	if err != nil || (r.State != retention.Planned && r.State != retention.Underway) {
		return v, err
	}
	known, ok := a.plans.Load(r.Digest)
	if !ok {
		runs, err := a.store.Runs(ctx, r.Schedule, r.State)
		if err != nil {
			return v, err
		}
		for _, p := range runs {
			if p.Date == r.Date {
				known, ok = counts{p.Plan.Disposed(), p.Plan.Needs()}, true
				a.plans.Store(r.Digest, known)
			}
		}
	}
	if ok {
		v.Disposes, v.Needs = known.(counts).disposes, known.(counts).needs
	}
	return v, nil
}

func (a *App) overview(s retention.Schedule) Overview {
	v := Overview{
		Schedule: Schedule{
			ID: s.ID, Title: s.Title, Class: string(s.Class), Period: s.Period.String(), Disposal: string(s.Disposal), Acting: s.Acting, Runs: []Run{},
		},
		Trigger: string(s.Trigger), Cron: s.When.String(), Owner: s.Owner, Authority: s.Authority, AfterRelease: s.Rest().String(),
		Cap: capped(s.Cap), Where: where(s.Chats),
	}
	if !s.When.IsZero() {
		v.Zone = s.When.Zone().String()
		if _, slot, ok := s.When.Next(s.When.Begin(a.now())); ok {
			v.Next = slot
		}
	}
	return v
}

func capped(c retention.Cap) string {
	return fmt.Sprintf("%d messages of a chat, or %d in a hundred of its messages where that is more",
		cmp.Or(c.Messages, retention.DefaultMessages), cmp.Or(c.Percent, retention.DefaultPercent))
}

func where(s retention.Selector) string {
	var parts []string
	if s.All {
		parts = append(parts, "all chats")
	}
	for _, k := range s.Kinds {
		parts = append(parts, string(k)+" chats")
	}
	parts = append(parts, s.Only...)
	out := strings.Join(parts, ", ")
	if len(s.Except) > 0 {
		out += ", but not " + strings.Join(s.Except, ", ")
	}
	return out
}

// DayAhead is what one schedule will find on one coming date.
type DayAhead struct {
	Schedule string    `json:"schedule"`
	Acting   bool      `json:"acting"`
	Slot     time.Time `json:"slot"`
	Goes     int       `json:"goes"`
	Held     int       `json:"held"`
}

// ahead is the calendar as it was last made. Planning every schedule over a
// great many messages takes a moment, and pages ask often.
type ahead struct {
	mu    sync.Mutex
	at    time.Time
	until time.Time
	holds string // what was held
	days  []DayAhead
}

const (
	aheadFor = 30 * time.Second // so long the calendar stands, unless a hold comes or goes
	aheadTo  = 62               // days, at least
)

func (a *App) retentionCalendar(ctx context.Context, in struct {
	Until time.Time `json:"until"`
}) ([]DayAhead, error) {
	now := a.now()
	if far := now.AddDate(2, 0, 0); in.Until.After(far) {
		in.Until = far
	}
	c := &a.ahead
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := a.heldNow(ctx); held != c.holds || now.Sub(c.at).Abs() > aheadFor || in.Until.After(c.until) {
		until := now.AddDate(0, 0, aheadTo)
		if in.Until.After(until) {
			until = in.Until
		}
		days, err := a.daysAhead(ctx, until)
		if err != nil {
			return nil, err
		}
		c.at, c.until, c.holds, c.days = now, until, held, days
	}
	out := []DayAhead{}
	for _, d := range c.days {
		if !d.Slot.After(in.Until) {
			out = append(out, d)
		}
	}
	return out, nil
}

func (a *App) daysAhead(ctx context.Context, until time.Time) ([]DayAhead, error) {
	var out []DayAhead
	for _, s := range a.engine.Schedules() {
		p, err := a.engine.PlanRun(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range p.Calendar(until) {
			out = append(out, DayAhead{Schedule: s.ID, Acting: s.Acting, Slot: d.Slot, Goes: d.Goes, Held: d.Held})
		}
	}
	return out, nil
}

// heldNow tells one set of holds from another.
func (a *App) heldNow(ctx context.Context) string {
	all, err := a.store.Holds(ctx).All()
	released := 0
	for _, h := range all {
		if !h.Released.IsZero() {
			released++
		}
	}
	return fmt.Sprint(len(all), released, err)
}

// LogEntry is an entry of the audit log.
type LogEntry struct {
	Index     int64     `json:"index"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`
	Authority string    `json:"authority"`
	Act       string    `json:"act"`
	Object    string    `json:"object"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
	Ref       string    `json:"ref"`
}

// Log is the audit log as it stands, and a page of it.
type Log struct {
	Size       int64      `json:"size"`
	Key        string     `json:"key"`
	Number     int64      `json:"number"` // of the newest checkpoint; 0: there is none
	Covers     int64      `json:"covers"` // entries under it
	SignedAt   time.Time  `json:"signed_at,omitzero"`
	Checkpoint string     `json:"checkpoint"` // to be kept elsewhere
	Entries    []LogEntry `json:"entries"`
}

func (a *App) auditList(ctx context.Context, in struct {
	Before int64 `json:"before"` // entries before this index; 0: the newest
	Most   int   `json:"most"`
}) (Log, error) {
	l, err := a.store.Log(ctx)
	if err != nil {
		return Log{}, err
	}
	out := Log{
		Size: l.Size, Key: l.Key, Number: l.Checkpoint.Number, Covers: l.Checkpoint.Size, SignedAt: l.Checkpoint.At,
		Checkpoint: string(l.Signed), Entries: []LogEntry{},
	}
	if in.Before <= 0 || in.Before > l.Size {
		in.Before = l.Size
	}
	list, err := a.store.Entries(ctx, in.Before, min(cmp.Or(max(in.Most, 0), 100), most))
	for _, e := range list {
		out.Entries = append(out.Entries, entry(e))
	}
	return out, err
}

func entry(e audit.Entry) LogEntry {
	return LogEntry{
		Index: e.Index, At: e.At, Actor: e.Actor, Authority: e.Authority, Act: string(e.Act), Object: string(e.Object),
		Before: e.Before, After: e.After, Ref: e.Ref,
	}
}

// Unsure is an action of which nobody knows how it ended.
type Unsure struct {
	Kind    string    `json:"kind"`
	Chat    string    `json:"chat"`
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// unsureFor is how long pages tell of outcomes that nobody knows.
const unsureFor = 14 * 24 * time.Hour

func (a *App) unsureList(ctx context.Context, _ struct{}) ([]Unsure, error) {
	all, err := a.store.Unsure(ctx, a.now().Add(-unsureFor), most)
	out := make([]Unsure, len(all))
	for i, u := range all {
		out[i] = Unsure{Kind: string(u.Kind), Chat: u.Chat.String(), Message: string(u.Message), At: u.At}
	}
	return out, err
}

// export writes the whole audit log for whoever takes it away.
func (a *App) export(ctx context.Context, by string, w io.Writer) error {
	_, err := a.store.ExportAudit(ctx, a.now(), by, w)
	return err
}
