package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/directory/csv"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// Directory says where people come from, and how leavers are dealt with.
type Directory struct {
	File      string
	Mapping   csv.Mapping
	Rules     directory.Rules
	Protected map[directory.PersonID]string
}

// directory is the one of the configuration, or the demo's invented one.
func (a *App) directory() (*engine.Directory, error) {
	d := a.c.Directory
	if d == nil && a.practice != nil {
		var err error
		if d, err = a.invented(); err != nil || d == nil {
			return nil, err
		}
	}
	if d == nil {
		return nil, nil
	}
	return &engine.Directory{Source: a.source(csv.Source{Path: d.File, Mapping: d.Mapping}), Rules: d.Rules, Protected: d.Protected}, nil
}

// source lets a file age with the machine's clock where the demo's is moved.
func (a *App) source(s csv.Source) directory.Source {
	if a.practice == nil {
		return s
	}
	return moved{s, a.practice.Moved}
}

type moved struct {
	csv.Source
	by func() time.Duration
}

// AsOf implements directory.Dated.
func (m moved) AsOf(ctx context.Context) (time.Time, error) {
	at, err := m.Source.AsOf(ctx)
	return at.Add(m.by()), err
}

// inventedFile is the demo's staff directory, in the data folder.
const inventedFile = "people.csv"

var inventedMapping = csv.Mapping{ID: "Staff number", Name: "Full name", Emails: []string{"Work email"}, Role: "Post", Unit: "Team", Leaves: "Leaving date"}

// invented is the demo's staff directory: people who do not exist, one of whom
// leaves in a week. It is nil outside a demo's folder.
func (a *App) invented() (*Directory, error) {
	name := filepath.Join(a.c.Data, inventedFile)
	_, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !a.c.Demo:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		if err := os.WriteFile(name, a.inventPeople(), 0o600); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	rules := directory.DefaultRules(a.zone)
	rules.StaleAfter = 100 * 366 * 24 * time.Hour // nobody writes it anew
	return &Directory{File: name, Mapping: inventedMapping, Rules: rules}, nil
}

func (a *App) inventPeople() []byte {
	var b strings.Builder
	b.WriteString("Staff number,Full name,Work email,Post,Team,Leaving date\n")
	leaving := a.now().In(a.zone).AddDate(0, 0, 7).Format(time.DateOnly)
	for i, m := range demoStaff {
		date := ""
		if m.ID == "aisha" {
			date = leaving
		}
		fmt.Fprintf(&b, "S%d,%s,%s,Officer,Resilience,%s\n", 10001+i, m.Name, m.Email, date)
	}
	return []byte(b.String())
}

// unseen says which chats and members of a hold nobody has seen: a name that is
// written wrongly covers nothing, and must not look as if it did.
func (a *App) unseen(ctx context.Context, h hold.Hold) []string {
	if len(h.Scope.Chats)+len(h.Scope.Members) == 0 {
		return nil
	}
	chats, err := a.store.ChatIDs(ctx)
	roll, rollErr := a.store.Roll(ctx)
	if err = errors.Join(err, rollErr); err != nil {
		return []string{fmt.Sprintf("Nobody knows whether its chats and members are there (%v).", err)}
	}
	members := map[hold.Member]bool{}
	for _, m := range roll.Members {
		for _, id := range append([]chat.MemberID{m.ID}, m.Also...) {
			members[hold.Member{Account: m.Account, ID: id}] = true
		}
	}
	var out []string
	for _, id := range h.Scope.Chats {
		if !slices.Contains(chats, id) {
			out = append(out, fmt.Sprintf("%s: no such chat is known, so nothing is covered there. Look whether it is written as in: chaperone chats list", id))
		}
	}
	for _, m := range h.Scope.Members {
		if !members[m] {
			out = append(out, fmt.Sprintf("%s/%s: no chat has such a member. Look whether it is written as in: chaperone members list", m.Account, m.ID))
		}
	}
	return out
}

// coveredPeople says which accounts are known to be the people that a hold
// covers: about others nobody knows, and a hold must not look as if it did.
func (a *App) coveredPeople(h hold.Hold) []string {
	var out []string
	for _, p := range h.Scope.People {
		accounts, err := a.engine.MembersOf(context.Background(), p)
		if err != nil {
			out = append(out, fmt.Sprintf("%s: nobody knows which accounts are theirs (%v).", p, err))
			continue
		}
		names := make([]string, 0, len(accounts))
		for _, m := range accounts {
			names = append(names, string(m.Account)+"/"+string(m.ID))
		}
		if len(names) == 0 {
			out = append(out, fmt.Sprintf("%s: no account is known to be theirs, so nothing is covered until one is. Confirm who it is with: chaperone members link", p))
			continue
		}
		out = append(out, fmt.Sprintf("%s: covers %s. Other accounts of theirs are not known; the hold covers each from when it is matched.", p, strings.Join(names, ", ")))
	}
	return out
}
