package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"chaperone/internal/access"
	"chaperone/internal/assurance"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/retention"
)

func (a *App) assuranceCalls(t control.Table) {
	t["assurance.pack"] = looks(access.See, a.assurancePack)
	t["assurance.chats"] = looks(access.See, func(ctx context.Context, _ struct{}) ([]assurance.Chat, error) { return a.assuredChats(ctx) })
}

// Facts is what a configuration says, for the assurance pack. The chats are
// those that it names.
func (c Config) Facts() (assurance.Facts, error) {
	packs, err := Packs(c.Policies)
	if err != nil {
		return assurance.Facts{}, err
	}
	f := assurance.Facts{
		Organisation: c.Organisation, Ask: c.Ask, Guidance: c.Guidance, SpeakUp: c.SpeakUp, Records: c.Records, Languages: c.Languages,
		SignIn: c.SignIn.Required, Directory: c.Directory != nil || c.Demo, Platforms: c.platforms(),
		Database: "an encrypted database in the data folder",
	}
	if c.SignIn.Address != nil {
		f.Console = c.SignIn.Address.String()
	}
	if c.Database != "" {
		f.Database = "a PostgreSQL database, and sealed texts whose keys are in the data folder"
	}
	for _, p := range packs {
		f.Policies = append(f.Policies, assurance.Policy{Title: p.Title, Version: p.Version})
	}
	for _, s := range c.Schedules {
		f.Schedules = append(f.Schedules, assurance.Schedule{
			Title: cmp.Or(s.Title, s.ID), Period: s.Period.String(), Disposal: string(s.Disposal), Owner: s.Owner, Authority: s.Authority, Where: where(s.Chats),
		})
	}
	own := c.Own
	if own == nil {
		own = retention.DefaultOwn()
	}
	for _, k := range own.Own() {
		f.Own = append(f.Own, assurance.Own{Says: k.Says(), Period: own[k].String()})
	}
	for id, s := range c.Chats {
		mode := "watch"
		if s.Acting {
			mode = "act"
		}
		f.Chats = append(f.Chats, assurance.Chat{
			ID: id.String(), Kind: string(s.Kind), Mode: mode, Assessment: s.Assessment, Answers: s.Stands, Administrators: s.Administrators, Union: s.Union,
		})
	}
	slices.SortFunc(f.Chats, func(a, b assurance.Chat) int { return strings.Compare(a.ID, b.ID) })
	return f, nil
}

// assuredChats lists the chats that the bot sits in, with their settings.
func (a *App) assuredChats(ctx context.Context) ([]assurance.Chat, error) {
	known, err := a.store.Chats(ctx)
	if err != nil {
		return nil, err
	}
	var out []assurance.Chat
	for _, k := range known {
		s := a.engine.SettingOf(k.ID)
		c := assurance.Chat{
			ID: k.ID.String(), Kind: string(cmp.Or(s.Kind, k.Kind)), Mode: "watch", Administrators: s.Administrators, Union: s.Union, Assessment: s.Assessment, Answers: s.Stands,
		}
		if s.Acting {
			c.Mode = "act"
		}
		if c.Abroad, err = a.abroad(ctx, k.ID); err != nil {
			return nil, err
		}
		j, _, ok, err := a.engine.Settings(ctx, k.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			c.People, c.Records, c.Answers = j.People, j.Records, cmp.Or(c.Answers, j.Answers)
			for _, y := range j.Yes {
				c.Assessment = cmp.Or(c.Assessment, y.Assessment)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// abroad counts the members of a chat whose vouched-for numbers are not British:
// what is said there may leave the country (R25). Of others nobody knows.
func (a *App) abroad(ctx context.Context, id chat.ID) (int, error) {
	present, err := a.store.Present(ctx, id)
	n := 0
	for _, m := range present {
		if m.Phone != "" && !strings.HasPrefix(m.Phone, "+44") {
			n++
		}
	}
	return n, err
}

// assurancePack is made anew each time, so that it is what the configuration
// says now.
func (a *App) assurancePack(ctx context.Context, _ struct{}) (assurance.Pack, error) {
	f, err := a.c.Facts()
	if err != nil {
		return assurance.Pack{}, err
	}
	chats, err := a.assuredChats(ctx)
	if err != nil {
		return assurance.Pack{}, err
	}
	f.Chats = Assured(f.Chats, chats)
	return assurance.Make(f, a.now().In(a.zone))
}

// Assured joins the chats that a configuration names with those that the bot
// sits in.
func Assured(named, known []assurance.Chat) []assurance.Chat {
	out := slices.Clone(known)
	for _, c := range named {
		if !slices.ContainsFunc(out, func(k assurance.Chat) bool { return k.ID == c.ID }) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b assurance.Chat) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// platforms says what the bot can see on those that are switched on.
func (c Config) platforms() []assurance.Platform {
	var out []assurance.Platform
	everywhere := []string{"private messages between people", "chats that it was not added to", "what was said before its notice stood in the chat"}
	if c.Practice {
		out = append(out, assurance.Platform{
			Name: "Practice chat", Kept: "on this machine, and nowhere else",
			Sees:  []string{"every message, edit, deletion and reaction in its rooms", "who is in a room, and who comes and goes"},
			Blind: everywhere,
			Does:  []string{"ask and write in private", "post", "delete a message", "take a member out"},
		})
	}
	if c.Slack != nil {
		out = append(out, assurance.Platform{
			Name: "Slack", Kept: "by Slack, in the region that your workspace has there, which may be outside the United Kingdom",
			Sees:  []string{"messages, edits and deletions in channels that it was invited to", "who is in a channel", "names, and e-mail addresses where the workspace shows them"},
			Blind: append(slices.Clone(everywhere), "direct messages between people", "threads in channels that it is not in"),
			Does:  []string{"ask in a direct message", "post", "take out members of a channel, where its rights allow"},
			Not:   []string{"delete a member’s message without an administrator’s token", "reach copies, exports and the workspace’s own archive"},
		})
	}
	if c.Discord != nil {
		out = append(out, assurance.Platform{
			Name: "Discord", Kept: "by Discord, outside the United Kingdom",
			Sees:  []string{"messages, edits and deletions in channels that it may see", "who is in a server, and which channels they may see"},
			Blind: append(slices.Clone(everywhere), "telephone numbers and e-mail addresses of members", "who saved a message"),
			Does:  []string{"ask in a direct message, where a member lets it", "post", "delete a message and take a member out, where its rights allow"},
			Not:   []string{"write to members who closed their direct messages", "reach copies that others made"},
		})
	}
	if c.WhatsApp != nil {
		out = append(out, assurance.Platform{
			Name: "WhatsApp", Kept: "on members’ phones and their backups; WhatsApp’s servers, which may be outside the United Kingdom, pass messages on and know who writes when",
			Sees:  []string{"messages, edits and deletions in groups that it is a member of", "who is in a group, and their numbers where WhatsApp shows them"},
			Blind: append(slices.Clone(everywhere), "messages that could not be read: they are noted as gaps", "who saved or forwarded a message"),
			Does:  []string{"ask in private", "post", "delete messages and take out members where it is an administrator of the group"},
			Not:   []string{"write first to people who never wrote to it", "delete messages older than WhatsApp allows", "reach phones that are off, copies and backups"},
		})
	}
	return out
}
