package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
)

// Contacts is who is told in a chat because of prompts of others, by the ids that
// the chat lists them by. Nobody named is nobody told.
type Contacts struct {
	Answers   chat.MemberID                   // the person who answers
	Receives  chat.MemberID                   // who is asked about messages from outside; none: who answers, else an administrator
	Outsiders []chat.MemberID                 // who is never asked themselves, such as residents
	Delegates map[chat.MemberID]chat.MemberID // who acts for whom (R33)
}

// Officers is who is told whatever the chat. Nobody named is nobody told.
type Officers struct {
	Answers     hold.Member // where a chat names nobody
	Governance  hold.Member // information governance
	Security    hold.Member // none: information governance
	RecordsTeam hold.Member // hears of exceptional circumstances (R4)
	HeadOfUnit  hold.Member // likewise
}

// Sitter is a member in a chat.
type Sitter struct {
	Member chat.MemberID
	Name   string
	Admin  bool // the platform says so
	Person directory.PersonID
	Bot    bool
}

// seat is where somebody is told something.
type seat struct {
	chat chat.ID
	Sitter
}

// informing is the action that tells somebody of a matter because of a prompt.
// There is one for each matter and prompt, and for each of several occasions.
func informing(what prompt.What, sh *Shown, occasion string, now time.Time) Action {
	return Action{
		Key: strings.TrimSuffix(fmt.Sprintf("%s/%s/%s/%s", Inform, what, sh.ID, occasion), "/"), Kind: Inform, Chat: sh.Chat, Member: sh.Member,
		Prompt: sh.ID, Due: now,
	}
}

func (b *batch) inform(what prompt.What, sh *Shown, occasion string) {
	b.s.Actions = append(b.s.Actions, informing(what, sh, occasion, b.now))
}

// matter is what an action of the kind Inform tells of.
func (a Action) matter() prompt.What {
	what, _, _ := strings.Cut(strings.TrimPrefix(a.Key, string(Inform)+"/"), "/")
	return prompt.What(what)
}

// tellOf tells whoever is to be told of a matter, unless it is over.
func (e *Engine) tellOf(ctx context.Context, a Action) error {
	what, of := a.matter(), prompt.Of{Key: a.Key, Prompt: a.Prompt, Chat: a.Chat, Record: a.Record}
	urgent := false
	if a.Prompt != "" {
		sh, err := e.o.Store.Prompt(ctx, a.Prompt)
		if err != nil {
			return err
		}
		of.ChatName, urgent = sh.ChatName, sh.Urgent() && what != prompt.AboutDigest
		if !sh.Waiting() && slices.Contains(whileOpen, what) {
			return e.finish(ctx, a, NotNeeded, "")
		}
	} else if load, err := e.o.Store.Take(ctx, a.Chat, 0); err != nil {
		return err
	} else {
		of.ChatName = load.Chat.Name
	}
	if until, quiet := e.o.Pace.Quiet(e.o.Now()); quiet && !urgent && what != prompt.AboutAsked {
		e.later(ctx, a, until.Sub(e.o.Now()))
		return nil
	}
	to, err := e.whom(ctx, what, a)
	if err != nil {
		return err
	}
	if len(to) == 0 {
		e.o.Log.Warn("nobody is named whom to tell", "chat", a.Chat, "action", a.Key, "matter", what)
		return e.finish(ctx, a, NotNeeded, "")
	}
	if err := e.o.Store.Start(ctx, e.o.Now(), &a); err != nil {
		return err
	}
	for _, s := range to {
		if err := e.tellOne(ctx, s, what, of); err != nil {
			return err
		}
	}
	return e.finish(ctx, a, Done, "")
}

// whileOpen are the matters that are none once the prompt has ended.
var whileOpen = []prompt.What{prompt.AboutDigest, prompt.AboutDelegate, prompt.AboutOpen, prompt.AboutLong, prompt.AboutUnreachable}

// tellOne tells one member of a matter: in what they were told of it today, or
// in a message of its own. It is stored with the action that shows it.
func (e *Engine) tellOne(ctx context.Context, to seat, what prompt.What, of prompt.Of) error {
	r := e.room(to.chat)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := e.o.Now()
	sh, known, err := e.o.Store.Told(ctx, to.chat, to.Member, what)
	if err != nil {
		return err
	}
	if !known || e.o.Pace.Day(sh.Opened).Before(e.o.Pace.Day(now)) {
		if known && slices.ContainsFunc(sh.Telling.Of, func(x prompt.Of) bool { return x.Key == of.Key }) {
			return nil
		}
		load, err := e.o.Store.Take(ctx, to.chat, 0)
		if err != nil {
			return err
		}
		sh = Shown{Prompt: prompt.Tell(e.o.NewID(now), now, to.chat, load.Chat.Kind, to.Member, to.Name, what)}
	}
	if !sh.Add(now, of) {
		return nil
	}
	s := Settlement{Chat: to.chat, Now: now}
	s.Actions = showings(&sh, now)
	s.Prompts = append(s.Prompts, sh)
	if err := e.o.Store.Settle(ctx, s); err != nil {
		return err
	}
	nudge(e.poke)
	e.changed(to.chat)
	return nil
}

// whom says who is told of a matter, and where. Nobody is told of themselves
// but in a digest.
func (e *Engine) whom(ctx context.Context, what prompt.What, a Action) ([]seat, error) {
	set, one := e.o.Setting(a.Chat), func(id chat.MemberID) []hold.Member {
		return []hold.Member{{Account: a.Chat.Account, ID: id}}
	}
	var to []hold.Member
	switch what {
	case prompt.AboutDigest:
		to = one(a.Member)
	case prompt.AboutReport:
		if to = []hold.Member{e.o.Officers.HeadOfUnit}; strings.Contains(a.Key, "/"+recordsTeam+"/") {
			to = []hold.Member{e.o.Officers.RecordsTeam}
		}
	case prompt.AboutAsked, prompt.AboutWrong:
		if to = one(set.Contacts.Answers); set.Contacts.Answers == "" {
			to = []hold.Member{e.o.Officers.Answers}
		}
	case prompt.AboutDelegate:
		to = one(set.Contacts.Delegates[a.Member])
	case prompt.AboutLong:
		to = []hold.Member{e.o.Officers.Governance}
	case prompt.AboutSecret:
		to = []hold.Member{cmp.Or(e.o.Officers.Security, e.o.Officers.Governance)}
	case prompt.AboutOpen, prompt.AboutUnreachable:
		admins, err := e.administrators(ctx, a.Chat)
		if err != nil {
			return nil, err
		}
		for _, s := range admins {
			to = append(to, hold.Member{Account: a.Chat.Account, ID: s.Member})
		}
	}
	own := what == prompt.AboutDigest || what == prompt.AboutReport
	to = slices.DeleteFunc(to, func(m hold.Member) bool {
		return m.ID == "" || !own && m.ID == a.Member && m.Account == a.Chat.Account
	})
	var out []seat
	for _, m := range to {
		s, ok, err := e.seat(ctx, m, a.Chat, what == prompt.AboutDigest)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// seat finds where a member is told something: in the chat that it is about
// where they are in it, else in the first that they are in. What is told of
// several chats together is always told there.
func (e *Engine) seat(ctx context.Context, m hold.Member, about chat.ID, together bool) (_ seat, ok bool, err error) {
	chats, err := e.o.Store.SeatsOf(ctx, m)
	if err != nil {
		return seat{}, false, err
	}
	in := about
	switch {
	case slices.Contains(chats, about) && !together:
	case len(chats) > 0:
		in = chats[0]
	case m.Account != about.Account:
		return seat{}, false, nil
	}
	s := seat{chat: in, Sitter: Sitter{Member: m.ID}}
	all, err := e.o.Store.Sitting(ctx, in)
	if at := slices.IndexFunc(all, func(x Sitter) bool { return x.Member == m.ID }); at >= 0 {
		s.Sitter = all[at]
	}
	return s, true, err
}

// administrators are those members of a chat whom the configuration names; where
// it names none of them, those whom the platform does.
func (e *Engine) administrators(ctx context.Context, id chat.ID) ([]Sitter, error) {
	all, err := e.o.Store.Sitting(ctx, id)
	if err != nil {
		return nil, err
	}
	names := e.o.Setting(id).Administrators
	var named, platform []Sitter
	for _, s := range all {
		is := func(name string) bool {
			return string(s.Member) == name || name != "" && (s.Person == directory.Key(name) || strings.EqualFold(s.Name, name))
		}
		switch {
		case s.Bot:
		case slices.ContainsFunc(names, is):
			named = append(named, s)
		case s.Admin:
			platform = append(platform, s)
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return platform, nil
}

// receives is who is asked about a message from outside.
func (e *Engine) receives(ctx context.Context, id chat.ID) (Sitter, bool) {
	all, err := e.o.Store.Sitting(ctx, id)
	if err != nil {
		return Sitter{}, false
	}
	p := e.o.Setting(id).Contacts
	for _, want := range []chat.MemberID{p.Receives, p.Answers} {
		if at := slices.IndexFunc(all, func(s Sitter) bool { return s.Member == want && want != "" }); at >= 0 {
			return all[at], true
		}
	}
	admins, err := e.administrators(ctx, id)
	if err != nil || len(admins) == 0 {
		return Sitter{}, false
	}
	return admins[0], true
}
