package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/failpoint"
	"chaperone/internal/hold"
)

const (
	atOnce   = 16               // actions under way at the same time
	longest  = 5 * time.Minute  // the longest wait between two attempts
	idleWait = 30 * time.Second // the runner looks at least this often

	// FenceFor is how long a destroying call may take. So long, and
	// hold.Slack, may placing a hold have to wait.
	FenceFor  = 20 * time.Second
	clockWait = 2 * time.Second // until an action that waits for the clock is looked at again
)

// runActions takes due actions until the engine stops.
func (e *Engine) runActions() {
	slots := make(chan struct{}, atOnce)
	for e.ctx.Err() == nil {
		e.forgetLanded()
		due, next, err := e.o.Store.Due(e.ctx, e.o.Now(), 4*atOnce)
		if err != nil && e.ctx.Err() == nil {
			e.trouble("store", err)
			e.sleep(time.Second)
			continue
		}
		fresh := e.lift(due)
		for _, a := range fresh {
			select {
			case slots <- struct{}{}:
			case <-e.ctx.Done():
				return
			}
			e.work.Go(func() {
				defer func() { <-slots; e.land(a) }()
				e.act(e.ctx, a)
			})
		}
		if len(fresh) > 0 && len(due) == 4*atOnce {
			continue
		}
		e.await(next)
	}
}

// await waits for something to do: a poke, or the next due time.
func (e *Engine) await(next time.Time) {
	wait := idleWait
	if !next.IsZero() {
		wait = min(max(next.Sub(e.o.Now()), time.Millisecond), idleWait)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-e.ctx.Done():
	case <-e.poke:
	case <-t.C:
	}
}

// forgetLanded comes before each reading of the list: what has ended by now is
// in the list only if it is due again.
func (e *Engine) forgetLanded() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, under := range e.flying {
		if !under {
			delete(e.flying, id)
		}
	}
}

// lift marks the actions that are not yet under way as such, and returns them.
// One that ended after the list was read is left out: the list may show it as
// it was before. One that shows a prompt waits for the one before it.
func (e *Engine) lift(due []Action) []Action {
	e.mu.Lock()
	defer e.mu.Unlock()
	var fresh []Action
	for _, a := range due {
		if _, known := e.flying[a.ID]; known || (a.shows() && e.showing[a.Prompt]) {
			continue
		}
		e.flying[a.ID] = true
		e.aloft++
		if a.shows() {
			e.showing[a.Prompt] = true
		}
		fresh = append(fresh, a)
	}
	return fresh
}

// shows reports whether an action puts a prompt before its member.
func (a Action) shows() bool {
	k := bots.Kind(a.Kind)
	return k == bots.Whisper || k == bots.Revise || k == bots.Remind
}

func (e *Engine) land(a Action) {
	e.mu.Lock()
	e.flying[a.ID] = false
	e.aloft--
	if a.shows() {
		delete(e.showing, a.Prompt)
	}
	e.counts.Acted++
	e.mu.Unlock()
	nudge(e.poke)
}

// act carries one action out: store that it starts, call, store the outcome
// (DESIGN invariant 2). It is the only place from which a platform is called.
func (e *Engine) act(ctx context.Context, a Action) {
	var err error
	switch a.Kind {
	case File:
		err = e.file(ctx, a)
	case Transfer:
		err = e.transfer(ctx, a)
	case Inform:
		err = e.tellOf(ctx, a)
	case Reports:
		err = e.report(ctx, a)
	default:
		err = e.effect(ctx, &a)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if errors.Is(err, clock.ErrClock) { // not the platform's fault, and nothing was tried
		e.trouble("clock", err)
		e.later(ctx, a, clockWait)
		return
	}
	part := "account " + string(a.Chat.Account)
	if a.Kind == File {
		part = "records"
	}
	e.trouble(part, err)
	e.o.Log.Warn("an action failed; it is tried again", "chat", a.Chat, "action", a.Key, "tries", a.Tries+1, "err", err)
	a.Tries++
	wait := min(time.Second<<min(a.Tries-1, 10), longest)
	var busy bots.Busy
	if errors.As(err, &busy) {
		wait, a.Started, a.Called = busy.After, false, false
	}
	e.later(ctx, a, wait)
}

// later puts an action off.
func (e *Engine) later(ctx context.Context, a Action, wait time.Duration) {
	now := e.o.Now()
	a.Due = now.Add(wait)
	if err := e.o.Store.Later(ctx, now, a); err != nil && ctx.Err() == nil {
		e.trouble("store", err)
		e.sleep(time.Second)
	}
}

// effect carries out an effect on a platform. It notes in the action that the
// call was begun: what may have arrived is looked for before it is repeated.
func (e *Engine) effect(ctx context.Context, a *Action) error {
	bot := e.bots[a.Chat.Account]
	if bot == nil {
		return e.finish(ctx, *a, Unsupported, "")
	}
	began := a.Version // what an earlier attempt may have shown
	ef, needed, err := e.render(ctx, a)
	if err != nil {
		return err
	}
	if !needed {
		return e.finish(ctx, *a, NotNeeded, "")
	}
	if a.Started && !failpoint.Naive() {
		look, ok := bot.(bots.Reconciler)
		if !ok {
			return e.finish(ctx, *a, Unknown, "")
		}
		made, sent, err := look.Sent(ctx, ownEffect(ef))
		if outcome, final := ended(err); sent && final {
			a.Version, a.View = began, "" // what was shown then may differ from what is now
			return e.finish(ctx, *a, outcome, made)
		}
		if err != nil {
			return err
		}
	}
	able, err := bot.Abilities(ctx, own(a.Chat))
	if err != nil {
		return err
	}
	if able[ef.Kind].Level == bots.No {
		return e.finish(ctx, *a, Unsupported, "")
	}
	return e.call(ctx, a, bot, ef)
}

// call stores that an attempt starts, and makes it. One that destroys is given
// up at the deadline of its fence, and is not made where a hold covers it.
func (e *Engine) call(ctx context.Context, a *Action, bot bots.Bot, ef bots.Effect) error {
	if a.Kind.Destroys() {
		if err := e.vouched(ctx); err != nil {
			return err
		}
		if ofRun(a.Key) && !e.o.Setting(a.Chat).Acting { // it was switched off since
			return e.finish(ctx, *a, NotNeeded, "")
		}
		if ofLeaver(a.Key) {
			if still, err := e.stillLeaves(ctx, *a); err != nil {
				return err
			} else if !still {
				return e.finish(ctx, *a, NotNeeded, "")
			}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, FenceFor)
		defer cancel()
		if err := e.fetch(ctx, a, bot); err != nil {
			return err
		}
	}
	err := e.o.Store.Start(ctx, e.o.Now(), a)
	var held *hold.Held
	var off *PutOff
	if errors.As(err, &held) {
		return e.finish(context.WithoutCancel(ctx), *a, Held, "")
	} else if errors.As(err, &off) {
		return e.conclude(ctx, Finished{Action: *a, Outcome: NotNeeded, PutOff: off.Wait})
	} else if errors.Is(err, ErrOtherwise) {
		return e.finish(context.WithoutCancel(ctx), *a, NotNeeded, "")
	} else if err != nil {
		return err
	}
	a.Started = true
	failpoint.Hit("act.started")
	if err := ctx.Err(); err != nil {
		return err // slept over the deadline: it begins again with another fence
	}
	a.Called = true
	made, err := bot.Do(ctx, ownEffect(ef))
	failpoint.Hit("act.called")
	if outcome, final := ended(err); final {
		return e.finish(context.WithoutCancel(ctx), *a, outcome, made)
	}
	return err
}

// ended tells how a call ended, or that it has not.
func ended(err error) (Outcome, bool) {
	switch {
	case err == nil:
		return Done, true
	case errors.Is(err, bots.ErrGone):
		return Gone, true
	case errors.Is(err, bots.ErrUnsupported):
		return Unsupported, true
	case errors.Is(err, bots.ErrForbidden):
		return Forbidden, true
	case errors.Is(err, bots.ErrTooLate):
		return TooLate, true
	}
	return "", false
}

// render turns an action into what the platform is to do now. A prompt is
// rendered as it stands at this moment; one that has ended before anybody saw
// it needs no showing, nor does one of which everything has been shown.
func (e *Engine) render(ctx context.Context, a *Action) (ef bots.Effect, needed bool, err error) {
	ef = bots.Effect{Key: a.Key, Kind: bots.Kind(a.Kind), Chat: a.Chat, Member: a.Member, Message: a.Message}
	switch ef.Kind {
	case bots.Post:
		ef.Text = e.renderPost(a)
	case bots.Kind(Say), bots.Kind(Line):
		ef.Kind, ef.Text = bots.Post, e.renderSay(*a)
	case bots.Tell:
		ef.Text, ef.Choices, err = e.renderTell(ctx, a)
		return ef, ef.Text != "", err
	case bots.Kind(Restore):
		text, err := e.restored(ctx, *a)
		if err != nil {
			return ef, false, err
		}
		ef.Kind, ef.Text = bots.Post, text
		return ef, text != "", nil
	case bots.Whisper, bots.Revise, bots.Remind:
		sh, err := e.o.Store.Prompt(ctx, a.Prompt)
		if err != nil {
			return ef, false, err
		}
		if !sh.Waiting() && (ef.Kind == bots.Remind || (ef.Kind == bots.Whisper && !a.Started)) {
			return ef, false, nil
		}
		if ef.Kind == bots.Revise && sh.Shown >= sh.Version {
			return ef, false, nil // a reminder came first
		}
		if ef.Kind == bots.Whisper && sh.Shown > 0 && !a.Started {
			return ef, false, nil // it was shown in another way
		}
		if ef.Kind == bots.Whisper && sh.Telling != nil {
			if err := e.current(ctx, &sh); err != nil || !sh.Waiting() {
				return ef, false, err
			}
		}
		if ef.Kind == bots.Whisper && sh.Counts() {
			a.Ask = &Ask{Pace: e.o.Pace, Incident: e.o.Setting(a.Chat).Incident, Urgent: sh.Urgent()}
		}
		a.Version = sh.Version
		sh.Held = e.covered(ctx, e.o.Store.Holds(ctx), a.Chat, sh.Author(), e.o.Now())
		ef.Prompt = e.to(ctx, a.Chat, a.Member).Show(sh.Prompt, e.can(a.Chat))
		if a.View, err = digest(ef.Prompt); err != nil {
			return ef, false, err
		}
		if ef.Kind == bots.Revise && !a.Started && a.View == sh.View {
			return ef, false, nil // the member would see no difference
		}
	}
	return ef, true, nil
}

// digest tells whether two renderings of a prompt look the same.
func digest(p *bots.Prompt) (string, error) {
	b, err := json.Marshal(p)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), err
}

// file files an accepted capture.
func (e *Engine) file(ctx context.Context, a Action) error {
	r, files, err := e.o.Store.Content(ctx, a.Record)
	if err != nil {
		return err
	}
	if err := e.o.Store.Start(ctx, e.o.Now(), &a); err != nil {
		return err
	}
	failpoint.Hit("file.started")
	receipt, err := e.o.Filer.File(ctx, r, files)
	if err != nil {
		return err
	}
	failpoint.Hit("file.filed")
	return e.conclude(ctx, Finished{Action: a, Outcome: Done, Receipt: &receipt})
}

// finish stores the outcome of an effect.
func (e *Engine) finish(ctx context.Context, a Action, o Outcome, made chat.MessageID) error {
	if o != Done && o != NotNeeded {
		e.o.Log.Warn("an action ended without effect", "chat", a.Chat, "action", a.Key, "outcome", o)
	}
	return e.conclude(ctx, Finished{Action: a, Outcome: o, Made: chat.MessageID(chat.Escape(string(made)))})
}

// conclude stores how an action ended and what follows from it.
func (e *Engine) conclude(ctx context.Context, f Finished) error {
	a := f.Action
	r := e.room(a.Chat)
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Now = e.o.Now()
	if a.Prompt != "" {
		sh, err := e.o.Store.Prompt(ctx, a.Prompt)
		if err != nil {
			return err
		}
		e.follow(&f, &sh)
	}
	if err := e.o.Store.Finish(ctx, f); err != nil {
		return err
	}
	failpoint.Hit("act.stored")
	e.trouble("account "+string(a.Chat.Account), nil)
	if a.Kind == File {
		e.trouble("records", nil)
	}
	if a.Kind == Kind(bots.Post) && f.Outcome == Done {
		e.opened(r)
	}
	if ofRun(a.Key) || !f.PutOff.Until.IsZero() {
		nudge(e.tick)
	}
	if ofLeaver(a.Key) || f.Prompt != nil && f.Prompt.Leaving() {
		e.stir()
	}
	e.changed(a.Chat)
	return nil
}

// follow works out what the end of an action means for its prompt.
func (e *Engine) follow(f *Finished, sh *Shown) {
	switch a := f.Action; bots.Kind(a.Kind) {
	case bots.Whisper, bots.Revise, bots.Remind:
		if f.Outcome == Done && sh.Shown == 0 {
			sh.Begin(f.Now)
		}
		if f.Outcome == Done || a.View != "" && a.View == sh.View {
			sh.Shown, sh.View = max(sh.Shown, a.Version), a.View
		}
		if bots.Kind(a.Kind) != bots.Remind {
			sh.Busy = false
		}
		if !f.PutOff.Until.IsZero() {
			sh.PutOff(f.PutOff)
		}
		if f.Outcome != Done && f.Outcome != NotNeeded {
			e.unreachable(f, sh)
			break // the member cannot be shown anything: no use in trying the next version
		}
		sh.Shut = sh.Shut && f.Outcome != Done
		if next, ok := showing(sh, f.Now); ok {
			f.Next = append(f.Next, next)
		}
	default:
		if a.Kind == File && f.Outcome == Done {
			sh.FiledNow(f.Now, a.Record)
		}
		if cannot := f.Outcome == Forbidden || f.Outcome == Unsupported || f.Outcome == TooLate; cannot && a.Kind == Kind(bots.Delete) {
			sh.Refuse() // the member is asked to do it
		}
		if f.Outcome == Held {
			sh.Hold(true) // the member is told why nothing was deleted
		}
		if next, ok := showing(sh, f.Now); ok {
			f.Next = append(f.Next, next)
		}
	}
	f.Prompt = sh
}
