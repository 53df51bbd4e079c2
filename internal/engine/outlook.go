package engine

import (
	"context"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
)

// Outlook is what would be done about leavers now, and everything that it
// follows from.
type Outlook struct {
	Now     time.Time
	Plan    directory.Plan
	Roll    Roll
	Leaving Leaving
	People  []directory.Person // the directory as it was read
	Members []directory.Member // as they were matched
	sit     directory.Situation
}

// Outlook reads the directory and plans what is to be done about leavers now.
// It changes nothing.
func (e *Engine) Outlook(ctx context.Context) (Outlook, error) {
	if e.o.Directory == nil {
		return Outlook{}, errNoDirectory
	}
	return e.outlook(ctx, *e.o.Directory)
}

// Preview plans as if other people were in the directory, for someone who looks
// at a list before it is used. It changes nothing.
func (e *Engine) Preview(ctx context.Context, people []directory.Person, zone *time.Location) (Outlook, error) {
	d := Directory{Rules: directory.DefaultRules(zone)}
	if e.o.Directory != nil {
		d = *e.o.Directory
	}
	d.Source = list(people)
	return e.outlook(ctx, d)
}

// list is people as a source, made now.
type list []directory.Person

// People implements directory.Source.
func (l list) People(context.Context) ([]directory.Person, error) { return l, nil }

func (e *Engine) outlook(ctx context.Context, d Directory) (Outlook, error) {
	o := Outlook{Now: e.o.Now().UTC()}
	// The directory comes first: it is by far the largest, and what is read
	// after it adds little.
	snapshot, failed := directory.Take(ctx, d.Source, o.Now)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	var err error
	if o.Roll, err = e.o.Store.Roll(ctx); err != nil {
		return o, err
	}
	if o.Leaving, err = e.o.Store.Leaving(ctx); err != nil {
		return o, err
	}
	s := directory.Situation{
		Now: o.Now, Before: o.Leaving.Memory, Members: o.Roll.Members, Protected: d.Protected,
		Approvals: o.Leaving.Approvals, Reinstated: o.Leaving.Reinstated, Rules: d.Rules,
	}
	if s.Frozen, err = e.frozen(ctx, o.Leaving.Brake); err != nil {
		return o, err
	}
	all := make([]RollChat, 0, len(o.Roll.Chats))
	for _, c := range o.Roll.Chats {
		set := e.o.Setting(c.ID)
		if set.Kind.Valid() {
			c.Kind = set.Kind
		}
		c.Watched, c.Administrators = !set.Acting, set.Administrators
		if b, ok := e.bots[c.ID.Account].(bots.Ender); ok {
			c.Whole = b.Ends(own(c.ID))
		}
		all = append(all, c)
	}
	s.Chats = once(all)
	for _, l := range o.Leaving.Leavers {
		if !l.Told.IsZero() {
			at := l.Shown
			if at.IsZero() { // their time runs from when they could read it
				at = o.Now
			}
			s.Notices = append(s.Notices, directory.Notice{Step: l.Step, At: at})
		}
		if l.Contested {
			s.Contested = append(s.Contested, l.Step.Key())
		}
		if !l.Removed.IsZero() {
			s.Removed = append(s.Removed, directory.Removal{Step: l.Step, At: l.Removed, Approved: l.Step.Agreed})
		}
	}
	if s.Directory = snapshot; failed != nil {
		s.Failed = failed.Error()
	}
	o.Plan, o.sit = directory.Leavers(s), s
	o.People, o.Members = s.Directory.People, s.Members
	return o, nil
}

// frozen says why nobody may be removed now at all.
func (e *Engine) frozen(ctx context.Context, b Brake) (string, error) {
	if b.On {
		return b.Says(), nil
	}
	w, err := e.Clock(ctx)
	if err != nil {
		return "", err
	}
	if why := w.MayDestroy(); why != nil {
		return "Nobody may be removed by this clock: " + why.Error() + ".", nil
	}
	return "", nil
}

// Says tells of the brake, for a person to read.
func (b Brake) Says() string {
	text := b.By + " stopped every removal"
	if b.Why != "" {
		text += ": " + b.Why
	}
	return text + "."
}

// Matches says for every member who they are, or why that is not known.
func (o Outlook) Matches() []directory.Matched {
	return directory.Matches(o.sit.Directory, o.sit.Members, o.sit.Before)
}

// name is what the platform shows of the member of a step.
func (o Outlook) name(st directory.Step) string {
	if m := o.Member(st.Chat.Account, st.Member); m != nil {
		return m.Name
	}
	return ""
}

// Member finds a member by their first id, or nil.
func (o Outlook) Member(account chat.Account, id chat.MemberID) *directory.Member {
	for i := range o.Members {
		if m := &o.Members[i]; m.Account == account && m.ID == id {
			return m
		}
	}
	return nil
}
