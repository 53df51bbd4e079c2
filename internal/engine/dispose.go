package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/failpoint"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/retention"
)

// A run disposes of a part of its messages at a time, and looks before each
// whether the world is still as planned: of so many, or of a large plan, which
// takes longer to look at, of so small a share.
const (
	stageSize  = 20
	stageShare = 50
)

// Run is one run of a retention schedule, for one local date.
type Run struct {
	Schedule    string
	Date        clock.Date
	State       retention.State
	Slot        time.Time      // when it came due
	MadeGood    clock.Date     // the date of the run that does its work, where it was missed
	Digest      string         // of the plan as it was made
	Plan        retention.Plan // messages whose period was over, only
	Approvals   []retention.Approval
	Why         string // what it waits for, or why it was stopped, in words
	Started     time.Time
	Ended       time.Time
	Certificate *retention.Certificate
}

// Ref names the run in keys and in the audit log.
func (r Run) Ref() string { return r.Schedule + "/" + r.Date.String() }

// RunAct is what a person did to a run.
type RunAct struct {
	By   string
	What string // begin, approve, stop, undo; empty: nobody did anything
}

// errNoSchedule tells that a schedule is not in the configuration.
var errNoSchedule = errors.New("there is no schedule of that name in the configuration")

// ErrOtherwise tells that a message, or the run about it, is not as it was when
// the action was planned: nothing is done.
var ErrOtherwise = errors.New("it is otherwise than it was planned")

func (e *Engine) schedule(id string) (retention.Schedule, []retention.Schedule, error) {
	var found retention.Schedule
	var others []retention.Schedule
	for _, s := range e.o.Schedules {
		if s.ID == id {
			found = s
		} else {
			others = append(others, s)
		}
	}
	if found.ID == "" {
		return found, nil, fmt.Errorf("%w: %q", errNoSchedule, id)
	}
	return found, others, nil
}

// Schedules gives the schedules as they are configured.
func (e *Engine) Schedules() []retention.Schedule { return e.o.Schedules }

// PlanRun plans a run of a schedule as of now. It does nothing.
func (e *Engine) PlanRun(ctx context.Context, schedule string) (retention.Plan, error) {
	s, _, err := e.schedule(schedule)
	if err != nil {
		return retention.Plan{}, err
	}
	now := e.o.Now().UTC()
	sit, err := e.situation(ctx, s.ID, clock.DateOf(now.In(s.When.Zone())), now)
	return retention.Prepare(sit), err
}

// situation gathers everything that a plan depends on.
func (e *Engine) situation(ctx context.Context, schedule string, date clock.Date, now time.Time) (retention.Situation, error) {
	s, others, err := e.schedule(schedule)
	if err != nil {
		return retention.Situation{}, err
	}
	all, err := e.o.Store.Messages(ctx)
	if err != nil {
		return retention.Situation{}, err
	}
	out := retention.Situation{Now: now, Date: date, Schedule: s, Others: others, Holds: e.o.Store.Holds(ctx)}
	able := map[chat.ID]func(time.Duration) retention.Deletable{}
	for _, m := range all {
		if k := e.o.Setting(m.Chat).Kind; k.Valid() {
			m.Kind = k
		}
		if !s.Chats.Covers(m.Chat, m.Kind) {
			continue
		}
		if able[m.Chat] == nil {
			able[m.Chat] = e.deletable(ctx, m.Chat)
		}
		m.Delete = able[m.Chat](now.Sub(m.At))
		out.Messages = append(out.Messages, m)
	}
	return out, nil
}

// deletable says who can delete messages of a chat, by their age. In a chat
// that is only watched nobody does on our account.
func (e *Engine) deletable(ctx context.Context, id chat.ID) func(time.Duration) retention.Deletable {
	always := func(d retention.Deletable) func(time.Duration) retention.Deletable {
		return func(time.Duration) retention.Deletable { return d }
	}
	if !e.o.Setting(id).Acting {
		return always(retention.ByNobody)
	}
	bot := e.bots[id.Account]
	if bot == nil {
		return always("")
	}
	able, err := bot.Abilities(ctx, own(id))
	if err != nil {
		return always("")
	}
	ask := retention.ByNobody
	if able[bots.Whisper].Level == bots.Yes {
		ask = retention.BySender
	}
	if able[bots.Delete].Level != bots.Yes {
		return always(ask)
	}
	within := able[bots.Delete].Within
	return func(age time.Duration) retention.Deletable {
		if within > 0 && age > within {
			return ask
		}
		return retention.ByBot
	}
}

// dispose begins the runs that are due, moves on those that are under way, and
// says when the next one is due.
func (e *Engine) dispose(ctx context.Context) (next time.Time, err error) {
	e.disposal.Lock()
	defer e.disposal.Unlock()
	if err := e.moveAllOn(ctx); err != nil {
		return next, err
	}
	for _, s := range e.o.Schedules {
		slot, err := e.beginDue(ctx, s)
		if err != nil {
			return next, fmt.Errorf("schedule %s: %w", s.ID, err)
		}
		if !slot.IsZero() && (next.IsZero() || slot.Before(next)) {
			next = slot
		}
	}
	return next, e.moveAllOn(ctx)
}

func (e *Engine) moveAllOn(ctx context.Context) error {
	runs, err := e.o.Store.Runs(ctx, "", retention.Planned, retention.Underway)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if err := e.moveOn(ctx, r); err != nil {
			return fmt.Errorf("run %s: %w", r.Ref(), err)
		}
	}
	return nil
}

// makeWay reports whether a new run of a schedule may be planned. One that is
// under way is waited for; one that was never begun gives way to it: both
// would plan the same messages.
func (e *Engine) makeWay(ctx context.Context, schedule string) (bool, error) {
	runs, err := e.o.Store.Runs(ctx, schedule, retention.Planned, retention.Underway)
	if err != nil {
		return false, err
	}
	for _, r := range runs {
		if r.State == retention.Underway {
			return false, nil
		}
		if err := e.endRun(ctx, r, retention.Stopped, "it was not begun before the next run came due", RunAct{}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// beginDue stores the runs of a schedule that have come due: one for each
// date, of which the newest does the work.
func (e *Engine) beginDue(ctx context.Context, s retention.Schedule) (next time.Time, err error) {
	now := e.o.Now().UTC()
	last, err := e.o.Store.LastRun(ctx, s.ID)
	if err != nil {
		return next, err
	}
	if last.IsZero() {
		last = s.When.Begin(now)
		if err := e.o.Store.BeginRuns(ctx, now, s.ID, last, nil, RunAct{}); err != nil {
			return next, err
		}
	}
	if due := s.When.Due(last, now); len(due) > 0 {
		if free, err := e.makeWay(ctx, s.ID); err != nil || !free {
			return next, err // the end of the run that is under way wakes the clock
		}
		var runs []Run
		for _, d := range due {
			r := Run{Schedule: s.ID, Date: d.Date, Slot: d.Slot, State: retention.MadeGood, MadeGood: d.By}
			if d.Works() {
				if r, err = e.planned(ctx, s, d.Date, d.Slot, now); err != nil {
					return next, err
				}
			}
			runs = append(runs, r)
		}
		last = due[len(due)-1].Date
		if err := e.o.Store.BeginRuns(ctx, now, s.ID, last, runs, RunAct{}); err != nil {
			return next, err
		}
		nudge(e.tick)
	}
	_, next, _ = s.When.Next(last)
	return next, nil
}

// planned makes the plan of a run. Of messages that have time left it keeps
// nothing but their count in the caps.
func (e *Engine) planned(ctx context.Context, s retention.Schedule, date clock.Date, slot, now time.Time) (Run, error) {
	sit, err := e.situation(ctx, s.ID, date, now)
	if err != nil {
		return Run{}, err
	}
	p := retention.Prepare(sit)
	r := Run{Schedule: s.ID, Date: date, Slot: slot, State: retention.Planned, Digest: p.Digest(), Plan: p}
	r.Plan.Items = nil
	for _, i := range p.Items {
		if i.Over {
			r.Plan.Items = append(r.Plan.Items, i)
		}
	}
	return r, nil
}

// forfeited gives a run its schedule, and says why it may not go on under it.
func (e *Engine) forfeited(r *Run) string {
	s, _, err := e.schedule(r.Schedule)
	if err != nil {
		r.Plan.Schedule.ID = r.Schedule
		return "its schedule is no longer in the configuration"
	}
	r.Plan.Schedule = s
	if r.Plan.Digest() != r.Digest {
		return "the schedule was changed since the plan was made"
	}
	return ""
}

// forfeit ends the runs that an earlier process began under schedules that are
// other ones now. It comes before anything that they planned is done.
func (e *Engine) forfeit(ctx context.Context) error {
	runs, err := e.o.Store.Runs(ctx, "", retention.Planned, retention.Underway)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if why := e.forfeited(&r); why != "" {
			if err := e.endRun(ctx, r, retention.Stopped, why, RunAct{}); err != nil {
				return fmt.Errorf("run %s: %w", r.Ref(), err)
			}
		}
	}
	return nil
}

// moveOn takes a run one step further, as far as it may go now.
func (e *Engine) moveOn(ctx context.Context, r Run) error {
	if why := e.forfeited(&r); why != "" {
		return e.endRun(ctx, r, retention.Stopped, why, RunAct{})
	}
	if !r.Plan.Schedule.Acting {
		return e.endRun(ctx, r, retention.Finished, retention.ErrNotActing.Error(), RunAct{})
	}
	w, err := e.Clock(ctx)
	if err != nil {
		return err
	}
	if why := r.Plan.Permit(r.Approvals, w.Watch); why != nil && r.Plan.Disposed() > 0 {
		if r.Why == why.Error() {
			return nil
		}
		r.Why = why.Error()
		return e.o.Store.SaveRun(ctx, e.o.Now(), r, RunAct{})
	}
	if r.State == retention.Planned {
		r.State, r.Started, r.Why = retention.Underway, e.o.Now().UTC(), ""
		if err := e.o.Store.SaveRun(ctx, e.o.Now(), r, RunAct{}); err != nil {
			return err
		}
		failpoint.Hit("run.begun")
	}
	return e.stage(ctx, r)
}

// stage looks whether the world is still as planned, and then plans the next
// few deletions, asks senders, or ends the run.
func (e *Engine) stage(ctx context.Context, r Run) error {
	done, waiting, err := e.outcomes(ctx, r)
	if err != nil || waiting {
		return err
	}
	has := func(id chat.ID, m chat.MessageID) bool { _, ok := done[place{id, m}]; return ok }
	left := r.Plan.Remaining(has)
	sit, err := e.situation(ctx, r.Schedule, r.Date, r.Plan.Now)
	if err != nil {
		return err
	}
	if err := retention.Compare(left, retention.Recheck(left, sit).Remaining(has)); err != nil {
		return e.endRun(ctx, r, retention.Stopped, err.Error(), RunAct{})
	}
	for _, o := range done {
		if o == retention.NotReached {
			return e.endRun(ctx, r, retention.Stopped, "a message was not as planned when its turn came, so nothing more is done", RunAct{})
		}
	}
	if next := left.Stage(max(stageSize, len(r.Plan.Items)/stageShare)); len(next) > 0 {
		return e.planStage(ctx, r, next)
	}
	if asks := left.Requests(); len(asks) > 0 {
		for _, q := range asks {
			if err := e.ask(ctx, r, q); err != nil {
				return err
			}
		}
	}
	return e.endRun(ctx, r, retention.Finished, "", RunAct{})
}

// place names a message of a chat.
type place struct {
	chat    chat.ID
	message chat.MessageID
}

// ofRun reports whether an action belongs to a run.
func ofRun(key string) bool { return strings.HasPrefix(key, "dispose/") }

// disposeKey names the action that disposes of a message in a run. A chat's own
// id may be a person's number, so it is not in it.
func disposeKey(r Run, id chat.ID, m chat.MessageID) string {
	sum := sha256.Sum256([]byte(id.String()))
	return "dispose/" + r.Ref() + "/" + hex.EncodeToString(sum[:6]) + "/" + string(m)
}

// outcomes tells what has become of the messages of a run's plan, and whether
// actions of it are unfinished.
func (e *Engine) outcomes(ctx context.Context, r Run) (done map[place]retention.Outcome, waiting bool, err error) {
	byKey, err := e.o.Store.Outcomes(ctx, "dispose/"+r.Ref()+"/")
	if err != nil {
		return nil, false, err
	}
	asked, err := e.o.Store.Asked(ctx, r.Ref())
	if err != nil {
		return nil, false, err
	}
	done = map[place]retention.Outcome{}
	for _, sh := range asked {
		for _, it := range sh.Items {
			o := retention.SenderAsked
			if it.State == prompt.Deleted {
				o = retention.SenderDid
			}
			done[place{sh.Chat, it.Message}] = o
		}
	}
	for _, i := range r.Plan.Items {
		if o, ok := byKey[disposeKey(r, i.Chat, i.ID)]; ok && o == "" {
			waiting, done[place{i.Chat, i.ID}] = true, retention.Unclear
		} else if ok && i.Way == retention.Transfers {
			done[place{i.Chat, i.ID}] = transferredBy(o)
		} else if ok {
			done[place{i.Chat, i.ID}] = disposed(o)
		}
	}
	return done, waiting, nil
}

// disposed is an action's outcome as a certificate says it.
func disposed(o Outcome) retention.Outcome {
	switch o {
	case Done:
		return retention.Destroyed
	case Gone:
		return retention.BySomebody
	case Held:
		return retention.KeptForHold
	case NotNeeded:
		return retention.NotReached
	case Unsupported, Forbidden, TooLate:
		return retention.NotAllowed
	default:
		return retention.Unclear
	}
}

// planStage stores the deletions and transfers of a stage.
func (e *Engine) planStage(ctx context.Context, r Run, items []retention.Item) error {
	now := e.o.Now()
	byChat := map[chat.ID]*Settlement{}
	for _, i := range items {
		s := byChat[i.Chat]
		if s == nil {
			s = &Settlement{Chat: i.Chat, Now: now}
			byChat[i.Chat] = s
		}
		e.staged(s, r, i)
	}
	for _, s := range byChat {
		if err := e.o.Store.Settle(ctx, *s); err != nil {
			return err
		}
	}
	failpoint.Hit("run.staged")
	nudge(e.poke)
	return nil
}

// ask asks a sender to delete their own messages, where nobody else can.
func (e *Engine) ask(ctx context.Context, r Run, q retention.Request) error {
	room := e.room(q.Chat)
	room.mu.Lock()
	defer room.mu.Unlock()
	load, err := e.o.Store.Take(ctx, q.Chat, 0)
	if err != nil {
		return err
	}
	now := e.o.Now()
	sh := Shown{Prompt: prompt.New(e.o.NewID(now), now, q.Chat, load.Chat.Name, load.Chat.Kind, q.Sender, "")}
	sh.Run = r.Ref()
	line := policy.Line{Pack: "Retention", Version: r.Date.String(), Row: r.Schedule, Text: r.Plan.Schedule.String(), Source: r.Plan.Schedule.Authority}
	at := map[chat.MessageID]time.Time{}
	for _, i := range r.Plan.Items {
		if i.Chat == q.Chat {
			at[i.ID] = i.At
		}
	}
	for _, m := range q.Messages {
		sh.Flag(now, prompt.Item{
			Message: m, At: at[m], Kind: "retention", Outcome: policy.WithRegard, Duties: []policy.Duty{policy.Ask, policy.Remove}, Lines: []policy.Line{line},
		})
	}
	s := Settlement{Chat: q.Chat, Now: now}
	if a, ok := showing(&sh, now); ok {
		s.Actions = append(s.Actions, a)
	}
	s.Prompts = append(s.Prompts, sh)
	if err := e.o.Store.Settle(ctx, s); err != nil {
		return err
	}
	nudge(e.poke)
	return nil
}

// endRun ends a run, with the certificate of what it did.
func (e *Engine) endRun(ctx context.Context, r Run, to retention.State, why string, by RunAct) error {
	if !r.State.May(to) {
		return fmt.Errorf("the run of %s is %s", r.Date, r.State)
	}
	if to == retention.Stopped { // nothing more of it begins
		if err := e.o.Store.Cancel(ctx, e.o.Now(), "dispose/"+r.Ref()+"/"); err != nil {
			return err
		}
	}
	done, _, err := e.outcomes(ctx, r)
	if err != nil {
		return err
	}
	r.Ended = e.o.Now().UTC()
	if !r.Started.IsZero() {
		for _, i := range r.Plan.Items {
			if _, ok := done[place{i.Chat, i.ID}]; !ok && i.Way != retention.Stays {
				done[place{i.Chat, i.ID}] = retention.NotReached
			}
		}
		c, err := retention.Certify(r.Plan, r.Approvals, func(id chat.ID, m chat.MessageID) (retention.Outcome, bool) {
			o, ok := done[place{id, m}]
			return o, ok
		}, r.Started, r.Ended)
		if err != nil {
			return err
		}
		c.Plan = r.Digest // its schedule may be another by now
		r.Certificate = &c
	}
	r.State, r.Why = to, why
	if err := e.o.Store.SaveRun(ctx, r.Ended, r, by); err != nil {
		return err
	}
	failpoint.Hit("run.ended")
	nudge(e.tick)
	return nil
}
