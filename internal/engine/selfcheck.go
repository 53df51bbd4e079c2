package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

// Desk is where it is kept what members asked of the bot for themselves.
type Desk interface {
	// Holding counts what is stored about a member.
	Holding(ctx context.Context, m hold.Member) (Holding, error)
	// Judge stores that a member asks themselves the four questions, and with an
	// answer what they answered to those they were asked last.
	Judge(ctx context.Context, now time.Time, id string, j Judgement) error
	// AskOut stores that a member asks to be taken out of a chat, and plans to
	// tell its administrators.
	AskOut(ctx context.Context, now time.Time, id chat.ID, m chat.MemberID, tell []Action) error
	// ChatsOf lists the chats that a member is in, by name.
	ChatsOf(ctx context.Context, m hold.Member) ([]Chat, error)
	// MemberName is what the platform shows of a member.
	MemberName(ctx context.Context, m hold.Member) (string, error)
}

// Judgement is one answer to the four questions (R15).
type Judgement struct {
	Who    hold.Member
	Chat   chat.ID // where it was asked for; zero: nowhere
	Answer string  // yes, unsure; empty: not yet
}

// selfCheck says what the bot would say about a draft, wherever the member
// would send it. Nothing of it is stored or logged, not even that there was one.
func (e *Engine) selfCheck(ctx context.Context, v prompt.Viewer, ask asking, draft string) bots.Reply {
	val := e.values(v, "")
	if draft == "" {
		return bots.Reply{Text: v.Texts.Say("check_how", val)}
	}
	all, err := e.couldSend(ctx, ask)
	if err != nil {
		return bots.Reply{Text: v.Texts.Say("check_failed", val)}
	}
	var worst heard
	differ := false // from chat to chat
	for i, c := range all {
		h, err := e.hear(ctx, c, ask.who.ID, draft)
		if err != nil {
			return bots.Reply{Text: v.Texts.Say("check_failed", val)}
		}
		if i == 0 || h.stricter(worst) {
			differ, worst = i > 0, h
		} else if worst.stricter(h) {
			differ = true
		}
	}
	questions := []string{v.Texts.Commands[cmdQuestions][0]}
	if !worst.Acts() {
		return bots.Reply{Text: v.Texts.Say("check_clear", val), Choices: questions}
	}
	now := e.o.Now()
	p := prompt.New("draft", now, worst.in.ID, worst.in.Name, worst.in.Kind, ask.who.ID, ask.name)
	p.Flag(now, item(&Shown{Prompt: p}, chat.Event{At: now}, worst.Decision, worst.found))
	p.Hold(worst.Facts.State == policy.Held)
	val.What, val.Draft = v.What(p), v.Show(p, prompt.Can{}).Body
	if differ {
		val.Chat = prompt.Inert(worst.in.Name, 60)
	}
	return bots.Reply{Text: v.Texts.Say("check_found", val), Choices: questions}
}

// couldSend lists the chats that a draft is judged for: those that the member
// is in and that are read. Of somebody who is in none it is judged as for a team
// of whom nothing is known.
func (e *Engine) couldSend(ctx context.Context, ask asking) ([]Chat, error) {
	all, err := e.o.Store.ChatsOf(ctx, ask.who)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c Chat) bool { return !c.Noticed || e.refuses(c.ID) })
	for i, c := range all {
		if k := e.o.Setting(c.ID).Kind; k.Valid() {
			all[i].Kind = k
		}
	}
	if len(all) == 0 {
		all = []Chat{{ID: chat.ID{Account: ask.who.Account}, Kind: chat.Team}}
	}
	return all, nil
}

// heard is what would come of a draft in one chat.
type heard struct {
	policy.Decision
	in    Chat
	found []rules.Finding
}

// stricter reports whether more is asked for than in another chat.
func (h heard) stricter(than heard) bool {
	if h.Acts() != than.Acts() {
		return h.Acts()
	}
	return h.Acts() && h.Outcome.Rank() > than.Outcome.Rank()
}

// hear decides about a draft as if the member had sent it to a chat that is
// switched on.
func (e *Engine) hear(ctx context.Context, in Chat, m chat.MemberID, draft string) (heard, error) {
	found, err := e.scanDraft(ctx, draft, in.Kind)
	if err != nil {
		return heard{}, err
	}
	present, err := e.o.Store.Present(ctx, in.ID)
	if err != nil {
		return heard{}, err
	}
	now := e.o.Now()
	found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
	found = e.seen(in, draft, now, func() []Present { return present }, found)
	exceptions, state := e.state(in.ID, now)
	facts, packs := e.facts(in, present, m)
	facts.State = state
	if e.covered(ctx, e.o.Store.Holds(ctx), in.ID, m, now) {
		facts.State = facts.State.Later(policy.Held)
	}
	return heard{policy.Decide(packs, policy.Situation{Facts: facts, Findings: found, Exceptions: exceptions}), in, found}, nil
}

// errDraft tells nothing of what failed.
var errDraft = errors.New("the draft could not be scanned")

// scanDraft finds what is in a draft. A scanner that panics is one that fails.
func (e *Engine) scanDraft(ctx context.Context, draft string, kind chat.Kind) (found []rules.Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errDraft
		}
	}()
	return e.o.Scanner.Scan(ctx, draft, detect.Context{Kind: kind})
}

// askQuestions offers the four questions (R15).
func (e *Engine) askQuestions(ctx context.Context, v prompt.Viewer, ask asking) (bots.Reply, error) {
	now := e.o.Now()
	err := e.o.Store.Judge(ctx, now, e.o.NewID(now), Judgement{Who: ask.who, Chat: ask.chat})
	return bots.Reply{
		Text:    v.Texts.Say("questions", prompt.Values{}),
		Choices: []string{v.Texts.Say("questions_yes", prompt.Values{}), v.Texts.Say("questions_no", prompt.Values{})},
	}, err
}

// judged keeps the answer to the four questions, as the defence of a judgement.
func (e *Engine) judged(ctx context.Context, ask asking, text string) (bots.Reply, bool, error) {
	said := normal(text)
	for _, t := range e.o.Viewer.Words {
		for key, answer := range map[string]string{"questions_yes": "yes", "questions_no": "unsure"} {
			if said != normal(t.Say(key, prompt.Values{})) {
				continue
			}
			now := e.o.Now()
			if err := e.o.Store.Judge(ctx, now, e.o.NewID(now), Judgement{Who: ask.who, Answer: answer}); err != nil {
				return bots.Reply{}, true, err
			}
			val := e.values(e.o.Viewer, "")
			val.Time = t.Moment(now, e.o.Viewer.Zone)
			return bots.Reply{Text: t.Say(map[string]string{"yes": "questions_kept", "unsure": "questions_unsure"}[answer], val)}, true, nil
		}
	}
	return bots.Reply{}, false, nil
}

// askOut tells the administrators of a chat that a member wants to be taken
// out (R50). A person decides, and nobody has to say why.
func (e *Engine) askOut(ctx context.Context, v prompt.Viewer, ask asking, rest string) (bots.Reply, error) {
	all, err := e.o.Store.ChatsOf(ctx, ask.who)
	if err != nil {
		return bots.Reply{}, err
	}
	var which []Chat
	for _, c := range all {
		if c.ID == ask.chat || rest != "" && strings.HasSuffix(normal(rest), normal(prompt.Inert(c.Name, 60))) {
			which = append(which, c)
		}
	}
	switch {
	case len(all) == 0:
		return bots.Reply{Text: v.Texts.Say("status_nowhere", prompt.Values{})}, nil
	case len(all) == 1:
		which = all
	}
	if len(which) != 1 {
		r := bots.Reply{Text: v.Texts.Say("remove_which", prompt.Values{})}
		for _, c := range all {
			r.Choices = append(r.Choices, v.Texts.Say("remove_from", prompt.Values{Chat: prompt.Inert(c.Name, 60)}))
		}
		return r, nil
	}
	c, now := which[0], e.o.Now()
	admins, err := e.lookAfter(ctx, c.ID)
	if err != nil {
		return bots.Reply{}, err
	}
	var tell []Action
	var names []string
	for _, a := range admins {
		if a.Member == ask.who.ID {
			continue
		}
		names = append(names, prompt.Inert(a.Name, 40))
		tell = append(tell, Action{
			Key:  tellKey(tellAsks, string(a.Member)+"/"+string(ask.who.ID)+"/"+c.ID.String()+"/"+now.UTC().Format(time.DateOnly)),
			Kind: Tell, Chat: c.ID, Member: a.Member, Record: string(ask.who.ID), Due: now,
		})
	}
	if err := e.o.Store.AskOut(ctx, now, c.ID, ask.who.ID, tell); err != nil {
		return bots.Reply{}, err
	}
	nudge(e.poke)
	key := "remove_told"
	if len(names) == 0 {
		key = "remove_noted"
	}
	return bots.Reply{Text: v.Texts.Say(key, prompt.Values{Chat: prompt.Inert(c.Name, 60), List: v.Texts.Join(names)})}, nil
}

// lookAfter lists who looks after a chat and can be written to: its
// administrators, and whoever added the bot.
func (e *Engine) lookAfter(ctx context.Context, id chat.ID) ([]Sitter, error) {
	all, err := e.administrators(ctx, id)
	if err != nil {
		return nil, err
	}
	j, ok := e.joined(id)
	if ok && !slices.ContainsFunc(all, func(s Sitter) bool { return s.Member == j.Administrator }) {
		all = append(all, Sitter{Member: j.Administrator, Name: e.nameOf(ctx, hold.Member{Account: id.Account, ID: j.Administrator})})
	}
	return all, nil
}

// renderAsks tells an administrator that a member asks to be taken out.
func (e *Engine) renderAsks(ctx context.Context, v prompt.Viewer, a Action) (string, []string, error) {
	load, err := e.o.Store.Take(ctx, a.Chat, 0)
	if err != nil {
		return "", nil, err
	}
	name := e.nameOf(ctx, hold.Member{Account: a.Chat.Account, ID: chat.MemberID(a.Record)})
	return v.Texts.Say("remove_asks", prompt.Values{Name: prompt.Inert(name, 60), Chat: prompt.Inert(load.Chat.Name, 60)}), nil, nil
}
