package app

import (
	"cmp"
	"context"
	"errors"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

func (a *App) joiningCalls(t control.Table) {
	t["chat.show"] = looks(access.See, a.chatShow)
	t["chat.joinings"] = looks(access.See, a.chatJoinings)
	t["chat.switch-on"] = named(access.Configure, a.chatSwitchOn)
	t["chat.switch-off"] = named(access.Stop, a.chatSwitchOff)
	t["chat.wishes"] = looks(access.See, a.chatWishes)
}

// WhichChat names a chat, and for switching it on the reference of its
// assessment.
type WhichChat struct {
	Chat       string `json:"chat"`
	Assessment string `json:"assessment,omitempty"`
}

// Settings is how a chat is set, where that comes from, and how far its joining
// has come.
type Settings struct {
	Chat           string     `json:"chat"`
	Name           string     `json:"name"`
	From           string     `json:"from"`  // configuration, joining or default
	State          string     `json:"state"` // asking, refused, watching, reported, on; of a joining
	Mode           string     `json:"mode"`  // watch, act, refused
	Kind           chat.Kind  `json:"kind"`
	Administrators []string   `json:"administrators"`
	Answers        string     `json:"answers,omitempty"`
	People         string     `json:"people,omitempty"`
	Records        string     `json:"records,omitempty"`
	Languages      []string   `json:"languages,omitempty"`
	Notice         string     `json:"notice,omitempty"` // version of the notice that stands there
	Until          *time.Time `json:"watched_until,omitempty"`
	Read           int        `json:"read,omitempty"`
	WouldAsk       int        `json:"would_ask,omitempty"`
	Yes            []string   `json:"yes,omitempty"`
	Needs          int        `json:"needs,omitempty"` // people who have yet to say yes
	Assessment     string     `json:"assessment,omitempty"`
}

func (a *App) chatShow(ctx context.Context, in WhichChat) (Settings, error) {
	id, err := chatID(in.Chat)
	if err != nil {
		return Settings{}, err
	}
	known, err := a.store.Chats(ctx)
	if err != nil {
		return Settings{}, err
	}
	for _, k := range known {
		if k.ID == id {
			return a.settings(ctx, k.ID, k.Name, k.Kind)
		}
	}
	return Settings{}, errors.New("the bot sits in no such chat. List them with: chaperone chats list")
}

func (a *App) settings(ctx context.Context, id chat.ID, name string, kind chat.Kind) (Settings, error) {
	set := a.engine.SettingOf(id)
	s := Settings{
		Chat: id.String(), Name: name, From: "default", Mode: "watch", Kind: kind, Administrators: set.Administrators,
		Languages: set.Languages, Assessment: set.Assessment, Answers: set.Stands,
	}
	if set.Kind.Valid() {
		s.Kind = set.Kind
	}
	if set.Named {
		s.From = "configuration"
	}
	switch {
	case set.Union:
		s.Mode = "refused"
	case set.Acting:
		s.Mode = "act"
	}
	all, err := a.store.Notices(ctx)
	for _, p := range all {
		if p.Chat == id {
			s.Notice = p.Version
		}
	}
	if err != nil || set.Named {
		return s, err
	}
	j, w, ok, err := a.engine.Settings(ctx, id)
	if err != nil || !ok {
		return s, err
	}
	s.From, s.State, s.Answers, s.People, s.Records = "joining", string(j.State), j.Answers, j.People, j.Records
	s.Read, s.WouldAsk = w.Read, w.Asked
	if j.State == engine.Watching {
		s.Until = &j.Due
	}
	for _, y := range j.Yes {
		s.Yes, s.Assessment = append(s.Yes, y.By), y.Assessment
	}
	if j.State == engine.Watching || j.State == engine.Reported {
		s.Needs = 2 - len(j.Yes)
	}
	return s, nil
}

// chatJoinings lists the chats that were joined by questions.
func (a *App) chatJoinings(ctx context.Context, _ struct{}) ([]Settings, error) {
	out := []Settings{}
	for _, j := range a.engine.Joinings() {
		s, err := a.settings(ctx, j.Chat, j.Name, j.Kind)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (a *App) chatSwitchOn(ctx context.Context, by string, in WhichChat) (Settings, error) {
	id, err := chatID(in.Chat)
	if err != nil {
		return Settings{}, err
	}
	if _, err := a.engine.SwitchOn(ctx, id, by, in.Assessment); err != nil {
		return Settings{}, err
	}
	return a.chatShow(ctx, in)
}

func (a *App) chatSwitchOff(ctx context.Context, by string, in WhichChat) (Settings, error) {
	id, err := chatID(in.Chat)
	if err != nil {
		return Settings{}, err
	}
	if _, err := a.engine.SwitchOff(ctx, id, by); err != nil {
		return Settings{}, err
	}
	return a.chatShow(ctx, in)
}

// Wish is that a member wants to be taken out of a chat.
type Wish struct {
	Chat   string    `json:"chat"`
	Name   string    `json:"name"`
	Member string    `json:"member"`
	Asked  time.Time `json:"asked"`
}

func (a *App) chatWishes(ctx context.Context, _ struct{}) ([]Wish, error) {
	all, err := a.store.WishesOut(ctx)
	out := []Wish{}
	for _, w := range all {
		name, nameErr := a.store.MemberName(ctx, hold.Member{Account: w.Chat.Account, ID: w.Member})
		err = errors.Join(err, nameErr)
		out = append(out, Wish{Chat: w.Chat.String(), Name: w.Name, Member: cmp.Or(name, string(w.Member)), Asked: w.Asked})
	}
	return out, err
}
