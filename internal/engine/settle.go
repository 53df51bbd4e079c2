package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/failpoint"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/rules"
)

const (
	batchSize  = 100                    // events settled in one transaction
	tries      = 3                      // failures after which an event is set aside
	retryDelay = 700 * time.Millisecond // so that three failures fit into five seconds
	before     = 5                      // earlier messages of the sender that give context
)

// wake makes sure that the chat's events are being settled.
func (e *Engine) wake(id chat.ID) {
	r := e.room(id)
	e.mu.Lock()
	defer e.mu.Unlock()
	r.again = true
	if r.settling || e.ctx == nil || e.ctx.Err() != nil {
		return
	}
	r.settling = true
	e.work.Go(func() { e.settleAll(r) })
}

// settleAll settles a chat, batch after batch, until nothing is left.
func (e *Engine) settleAll(r *room) {
	for {
		e.mu.Lock()
		if !r.again || e.ctx.Err() != nil {
			r.settling = false
			e.mu.Unlock()
			return
		}
		r.again = false
		e.mu.Unlock()
		for e.ctx.Err() == nil {
			more, wait, err := e.settle(e.ctx, r)
			if err != nil && e.ctx.Err() == nil {
				e.trouble("store", err)
				e.o.Log.Error("settling failed; it is tried again", "chat", r.id, "err", err)
				wait = time.Second
			}
			if wait > 0 {
				e.sleep(wait)
				continue
			}
			if !more {
				break
			}
		}
	}
}

// settle settles one batch of a chat. It reports whether there may be more,
// and how long to wait where an event failed and is to be tried again.
func (e *Engine) settle(ctx context.Context, r *room) (more bool, wait time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	load, err := e.o.Store.Take(ctx, r.id, batchSize)
	if err != nil || len(load.Events) == 0 {
		return false, 0, err
	}
	failpoint.Hit("settle.loaded")
	if k := e.o.Setting(r.id).Kind; k.Valid() {
		load.Chat.Kind = k
	}
	if err := e.warm(ctx, r); err != nil {
		return false, 0, err
	}
	b := e.newBatch(r, load, e.o.Store.Holds(ctx))
	for _, p := range load.Events {
		if !b.take(ctx, p) {
			wait = retryDelay
			break
		}
	}
	if ctx.Err() != nil {
		return false, 0, ctx.Err() // a cancelled scan is not known yet, never clean
	}
	if b.fault != nil {
		return false, 0, b.fault
	}
	b.show()
	failpoint.Hit("settle.decided")
	if err := e.o.Store.Settle(ctx, b.s); err != nil {
		r.warm = false
		return false, 0, err
	}
	failpoint.Hit("settle.stored")
	e.trouble("store", nil)
	e.settled(b)
	return len(load.Events) == batchSize, wait, nil
}

// settled tells whoever needs to know that a batch was stored.
func (e *Engine) settled(b *batch) {
	e.count(func(c *Counts) {
		c.Settled += int64(len(b.s.Done))
		c.Aside += int64(len(b.s.Aside))
	})
	if len(b.s.Aside) > 0 {
		e.o.Log.Error("events were set aside: they could not be scanned", "chat", b.s.Chat, "events", len(b.s.Aside))
	}
	if len(b.s.Actions) > 0 {
		nudge(e.poke)
	}
	if len(b.s.Readings) > 0 {
		nudge(e.files.wake)
	}
	if len(b.s.Prompts) > 0 {
		nudge(e.tick)
	}
	if slices.ContainsFunc(b.s.Prompts, func(sh Shown) bool { return sh.Leaving() }) {
		e.stir()
	}
	e.changed(b.s.Chat)
}

func (e *Engine) changed(id chat.ID) {
	if e.o.Changed != nil {
		e.o.Changed(id)
	}
}

// warm reads the chat's context window after a start.
func (e *Engine) warm(ctx context.Context, r *room) error {
	if r.warm {
		return nil
	}
	said, err := e.o.Store.Recent(ctx, r.id, e.o.Now().Add(-contextWindow))
	if err != nil {
		return err
	}
	r.recent, r.warm = said, true
	return nil
}

// batch is one settlement in the making.
type batch struct {
	e       *Engine
	room    *room
	load    Load
	now     time.Time
	can     prompt.Can
	holds   hold.Set
	prompts []*Shown
	touched map[*Shown]bool
	roster  []Present // who is in the chat, once it was looked up
	listed  bool
	s       Settlement
	judged  *Judged // what its members judged not sensitive; nil: not read yet
	fault   error   // why it cannot be settled now
}

func (e *Engine) newBatch(r *room, load Load, holds hold.Set) *batch {
	now := e.o.Now()
	b := &batch{
		e: e, room: r, load: load, now: now, can: e.can(r.id), holds: holds, touched: map[*Shown]bool{},
		s: Settlement{Chat: r.id, Now: now},
	}
	for i := range load.Prompts {
		sh := &load.Prompts[i]
		b.prompts = append(b.prompts, sh)
		if sh.Waiting() && sh.Hold(b.held(sh.Author())) {
			b.touched[sh] = true
		}
	}
	r.recent = slices.DeleteFunc(r.recent, func(s Said) bool { return now.Sub(s.At) > contextWindow })
	return b
}

// can says what the bot is able to do in a chat; what cannot be learnt counts
// as not able.
func (e *Engine) can(id chat.ID) prompt.Can {
	bot := e.bots[id.Account]
	if bot == nil {
		return prompt.Can{}
	}
	able, err := bot.Abilities(e.ctx, own(id))
	if err != nil {
		return prompt.Can{}
	}
	return prompt.Can{Delete: able[bots.Delete].Level == bots.Yes}
}

// take settles one event. It returns false where the event failed and has to
// be tried again before the chat goes on.
func (b *batch) take(ctx context.Context, p Pending) bool {
	ev := p.Event
	switch ev.Kind {
	case chat.Posted, chat.Edited:
		found, err := b.scan(ctx, ev)
		if err != nil {
			aside := b.failed(p)
			if aside && ev.Kind == chat.Edited { // what it says now is not known, so that nothing disposes of it
				b.s.Messages = append(b.s.Messages, Message{ID: ev.Message, Unknown: true, Revision: ev.Revision})
			}
			return aside
		}
		b.said(ev, found)
	case chat.Deleted:
		if sh := b.covering(ev.Message); sh != nil {
			sh.Gone(b.now, ev.Message)
			b.touched[sh] = true
		}
		b.s.Messages = append(b.s.Messages, Message{ID: ev.Message, Deleted: true, By: ev.Member, At: ev.At})
	case chat.Wanted:
		if !b.wanted(ctx, ev) {
			return b.failed(p)
		}
	case chat.Answered:
		b.answered(ev)
	case chat.Ticked:
		if sh := b.prompt(ev); sh != nil && sh.Tick(b.now, ev.Step, ev.Done) {
			b.touched[sh] = true
		}
	case chat.Joined:
		b.welcome(ev)
	case chat.Left:
		for _, sh := range b.prompts {
			// A farewell can be answered from outside, where a platform lets them.
			if sh.Member == ev.Member && sh.Waiting() && !sh.Leaving() {
				sh.Withdraw(b.now)
				b.touched[sh] = true
			}
		}
	}
	b.s.Done = append(b.s.Done, p.Seq)
	return true
}

// failed has an event tried again, or sets it aside where it failed too often,
// and reports whether the chat goes on.
func (b *batch) failed(p Pending) bool {
	if p.Tries+1 < tries {
		b.s.Retry = append(b.s.Retry, p.Seq)
		return false
	}
	b.s.Aside = append(b.s.Aside, p.Seq)
	return true
}

// scan finds, and turns a scanner that panics into one that fails.
func (b *batch) scan(ctx context.Context, ev chat.Event) (found []rules.Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the scanner failed")
		}
	}()
	if b.command(ev) {
		return nil, nil
	}
	if failpoint.Fault(ev.Text) {
		panic("asked to fail")
	}
	c := detect.Context{Kind: b.load.Chat.Kind}
	for _, s := range b.room.recent {
		if s.Member == ev.Member {
			c.Before = append(c.Before, s.Text)
		}
	}
	if n := len(c.Before); n > before {
		c.Before = c.Before[n-before:]
	}
	return b.e.o.Scanner.Scan(ctx, ev.Text, c)
}

// said decides about a posted or edited message.
func (b *batch) said(ev chat.Event, found []rules.Finding) {
	b.room.recent = append(b.room.recent, Said{Member: ev.Member, At: b.now, Text: ev.Text})
	found = b.seen(ev, slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold }))
	d, found := b.weigh(ev, ev.Text, append(found, b.stillIn(ev)...))
	b.standIn(ev, d)
	b.scam(ev, found)
	if b.held(ev.Member) {
		b.arrived(ev, d)
	}
	b.attach(ev, found)
}

// weigh decides about a message by what was found in a text: its own, or that
// of its files, too. It gives what asks.
func (b *batch) weigh(ev chat.Event, text string, found []rules.Finding) (policy.Decision, []rules.Finding) {
	found, all := b.unjudged(text, found)
	d := b.decide(ev, found)
	m := Message{
		ID: ev.Message, Member: ev.Member, At: ev.At, Revision: ev.Revision, Again: len(text) != len(ev.Text),
		Label: d.Label(), Class: classOf(d), Decision: d, Findings: placed(b.kept(d, all)),
	}
	sh := b.covering(ev.Message)
	if d.Acts() && sh == nil {
		if sh = b.open(ev); sh == nil { // there is nobody to ask
			d.Watching = true
			m.Decision, m.Label = d, d.Label()
		}
	}
	switch {
	case d.Acts():
		sh.Flag(b.now, item(sh, ev, d, found))
		if d.Has(policy.Report) {
			b.inform(prompt.AboutSecret, sh, string(ev.Message))
		}
		b.mark(sh, ev.Message, text, found)
		b.s.Keep = append(b.s.Keep, Keep{
			Prompt: sh.ID, Message: ev.Message, Name: ev.Name, At: ev.At, Revision: ev.Revision, Text: ev.Text,
		})
	case sh != nil:
		sh.Clean(b.now, ev.Message)
	}
	if sh != nil {
		b.touched[sh] = true
		m.Prompt = sh.ID
	}
	b.s.Messages = append(b.s.Messages, m)
	return d, found
}

// item is what a prompt may know of a flagged message.
func item(sh *Shown, ev chat.Event, d policy.Decision, found []rules.Finding) prompt.Item {
	it := prompt.Item{
		Message: ev.Message, Revision: ev.Revision, At: ev.At,
		Kind: d.Prompt, Outcome: d.Outcome, Duties: d.Duties, Lines: d.Lines, Files: len(ev.Files),
	}
	for _, f := range found {
		if slices.Contains(d.Classes, f.Class) {
			it.Found = append(it.Found, prompt.Found{Rule: f.Rule, Category: f.Category, Mask: f.Mask, Class: f.Class, Severity: f.Severity, In: f.In})
		}
	}
	return it
}

// covering finds the prompt that a message is in; there is at most one.
func (b *batch) covering(m chat.MessageID) *Shown {
	for _, sh := range b.prompts {
		if sh.Covers(m) {
			return sh
		}
	}
	return nil
}

// open finds the prompt that takes a further flagged message, or opens one. It
// is nil where nobody can be asked.
func (b *batch) open(ev chat.Event) *Shown {
	for _, sh := range b.prompts {
		if sh.Author() == ev.Member && sh.Takes(ev.At) {
			return sh
		}
	}
	c := b.load.Chat
	member, name, from := ev.Member, ev.Name, chat.MemberID("")
	if set := b.e.o.Setting(b.room.id); slices.Contains(set.Contacts.Outsiders, ev.Member) {
		to, ok := b.e.receives(b.e.ctx, b.room.id)
		if !ok {
			b.e.o.Log.Warn("a message from outside deserves a question, and nobody is named who would be asked", "chat", b.room.id)
			return nil
		}
		member, name, from = to.Member, to.Name, ev.Member
	}
	sh := &Shown{Prompt: prompt.New(b.e.o.NewID(b.now), b.now, c.ID, c.Name, c.Kind, member, name)}
	if from != "" {
		sh.From, sh.FromName = from, ev.Name
	}
	sh.Held = b.held(ev.Member)
	b.prompts = append(b.prompts, sh)
	b.e.count(func(c *Counts) { c.Prompted++ })
	return sh
}

// prompt finds the prompt that a member speaks of. Somebody else's has no
// effect, nor has one from another chat.
func (b *batch) prompt(ev chat.Event) *Shown {
	for _, sh := range b.prompts {
		if sh.ID == ev.Prompt {
			if sh.Member == ev.Member {
				return sh
			}
			b.e.o.Log.Warn("a prompt was answered by another member; it has no effect", "chat", ev.Chat, "prompt", sh.ID)
			return nil
		}
	}
	// Its number is not told: nobody knows what an old or forged button says.
	b.e.o.Log.Warn("a prompt that is not there was answered; it has no effect", "chat", ev.Chat)
	return nil
}

// doubleClick is how soon after an answer the same one counts as a hasty hand.
const doubleClick = time.Minute

// answered takes a member's answer and what it asks for.
func (b *batch) answered(ev chat.Event) {
	sh := b.prompt(ev)
	if sh == nil {
		return
	}
	id := b.e.o.NewID(b.now)
	wish, ok := prompt.Wish{}, false
	if !prompt.WantsText(ev.Answer) || strings.TrimSpace(ev.Text) != "" {
		wish, ok = sh.Give(b.now, ev.Answer, id, b.can)
	}
	if !ok {
		b.e.o.Log.Warn("an answer came that a prompt does not offer now; it has no effect", "chat", ev.Chat, "prompt", sh.ID)
		twice := sh.Answer == ev.Answer && b.now.Sub(sh.Closed) < doubleClick
		if prompt.WantsText(ev.Answer) && strings.TrimSpace(ev.Text) != "" && !twice { // their words would be gone without a word
			b.s.Actions = append(b.s.Actions, Action{Key: tellKey(tellLate, ev.Key), Kind: Tell, Chat: sh.Chat, Member: ev.Member, Due: b.now})
		}
		return
	}
	b.touched[sh] = true
	b.follows(sh, wish, id)
	if ev.Answer == prompt.AnswerNotSensitive {
		b.suppress(sh, ev.Member)
	}
	after := ""
	if wish.File {
		after = "file/" + id
		b.s.Records = append(b.s.Records, b.accept(sh, wish, id, ev.Text))
		b.s.Actions = append(b.s.Actions, Action{
			Key: after, Kind: File, Chat: sh.Chat, Member: sh.Member, Prompt: sh.ID, Record: id, Due: b.now,
		})
	}
	for _, m := range wish.Delete {
		b.s.Actions = append(b.s.Actions, Action{
			Key: "delete/" + sh.ID + "/" + string(m), Kind: Kind(bots.Delete), Chat: sh.Chat, Member: sh.Author(),
			Message: m, Prompt: sh.ID, After: after, Due: b.now,
		})
	}
}

// accept describes the record that an accepted capture becomes.
func (b *batch) accept(sh *Shown, wish prompt.Wish, id, text string) Accepted {
	r := record.Record{
		ID: id, Account: sh.Chat.Account, Chat: sh.Chat.Local, ChatName: sh.ChatName, ChatKind: sh.ChatKind,
		Method: string(sh.Chat.Account), CapturedBy: sh.Member, CapturedAt: b.now.UTC(), Form: record.Verbatim,
		Messages: []record.Message{}, Lines: []policy.Line{},
	}
	for _, it := range sh.Items {
		if it.Message == "" { // a leaver's note is about the chat as a whole
			continue
		}
		r.Messages = append(r.Messages, record.Message{
			ID: it.Message, Sender: sh.Author(), Name: cmp.Or(sh.FromName, sh.Name), SentAt: it.At.UTC(), Revision: it.Revision,
			Deleted: it.State == prompt.Deleted, Left: it.Files,
		})
		for _, l := range it.Lines {
			if !slices.Contains(r.Lines, l) {
				r.Lines = append(r.Lines, l)
			}
		}
	}
	a := Accepted{Record: r, Prompt: sh.ID}
	switch {
	case wish.Claim:
		a.Record.Form, a.Note = record.Reason, text
	case wish.Note:
		a.Record.Form, a.Note = record.Note, text
	case wish.Reason:
		a.Record.Rationale, a.Note = "rationale.txt", text
	}
	return a
}

// show plans the action that brings each touched prompt before its member.
func (b *batch) show() {
	for _, sh := range b.prompts {
		if !b.touched[sh] {
			continue
		}
		if a, ok := showing(sh, b.now); ok {
			b.s.Actions = append(b.s.Actions, a)
		}
		b.s.Prompts = append(b.s.Prompts, *sh)
	}
}

// showing is the action that shows a prompt as it now is, where one is needed
// and none is on its way.
func showing(sh *Shown, now time.Time) (Action, bool) {
	if sh.Busy || sh.Version <= sh.Shown || (sh.Shown == 0 && (!sh.Waiting() || sh.Shut || sh.Waits(now))) {
		return Action{}, false
	}
	sh.Busy = true
	kind := bots.Revise
	if sh.Shown == 0 {
		kind = bots.Whisper
	}
	return Action{
		Key: fmt.Sprintf("%s/%s/%d", kind, sh.ID, sh.Version), Kind: Kind(kind), Chat: sh.Chat, Member: sh.Member,
		Message: sh.Items[0].Message, Prompt: sh.ID, Due: now,
	}, true
}
