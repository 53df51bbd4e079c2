package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/directory"
	"chaperone/internal/directory/csv"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

func (a *App) leaverCalls(t control.Table) {
	t["members.list"] = looks(access.See, a.membersList)
	t["members.link"] = named(access.People, a.membersLink)
	t["members.unlink"] = named(access.People, a.membersUnlink)
	t["leavers.list"] = looks(access.See, a.leaversList)
	t["leavers.preview"] = looks(access.Machine, a.leaversPreview) // it reads a file on this machine
	t["leavers.approve"] = named(access.People, a.leaversApprove)
	t["leavers.stop"] = named(access.Stop, a.leaversStop)
	t["leavers.resume"] = named(access.People, a.leaversResume)
	t["leavers.reinstate"] = named(access.People, a.leaversReinstate)
}

// Leavers is everything that is known about those who leave.
type Leavers struct {
	Directory time.Time         `json:"directory,omitzero"` // when the list was made
	Stopped   []string          `json:"stopped,omitempty"`  // why nobody is removed now, but those whom two people approved
	Brake     string            `json:"brake,omitempty"`    // who stopped every removal, and why
	Facts     directory.Facts   `json:"facts"`
	Steps     []LeaverStep      `json:"steps"`
	Questions []LeaverQuestion  `json:"questions"`
	Alarms    []LeaverAlarm     `json:"alarms"`
	Staying   []directoryReturn `json:"staying,omitempty"` // who stays, or came back, in spite of a leaving date
}

// LeaverStep is one leaver in one chat.
type LeaverStep struct {
	Key     string         `json:"key"`
	Chat    string         `json:"chat"`
	Title   string         `json:"title,omitempty"` // of the chat
	Member  string         `json:"member"`
	Name    string         `json:"name,omitempty"` // as the platform shows it
	Person  string         `json:"person"`
	LastDay directory.Date `json:"last_day"`
	State   string         `json:"state"`         // waiting, farewell, due, under-way, removed, watched
	At      time.Time      `json:"at,omitzero"`   // when the next thing happens, or the last has
	Why     string         `json:"why,omitempty"` // what it waits for
	Because string         `json:"because"`       // leaving and match
}

// LeaverQuestion asks people for their yes.
type LeaverQuestion struct {
	Key   string       `json:"key"`
	Needs int          `json:"needs"` // how many different people
	Yes   int          `json:"yes"`   // how many have said it
	Why   string       `json:"why"`
	Steps []LeaverStep `json:"steps,omitempty"` // empty when it is about the directory as a whole
}

// LeaverAlarm is a member whom nobody removes, and whom somebody should look at.
type LeaverAlarm struct {
	Kind   string    `json:"kind"`
	Chat   string    `json:"chat"`
	Title  string    `json:"title,omitempty"`
	Member string    `json:"member"`
	Name   string    `json:"name,omitempty"`
	Person string    `json:"person,omitempty"`
	Text   string    `json:"text"`
	Since  time.Time `json:"since"`
}

type directoryReturn struct {
	Person  string         `json:"person"`
	LastDay directory.Date `json:"last_day"`
	Says    string         `json:"says"`
	Why     string         `json:"why,omitempty"`
	At      time.Time      `json:"at"`
	Invite  []string       `json:"invite,omitempty"` // where an administrator invites them again
}

// teller turns what the engine knows into what people read.
type teller struct {
	titles map[chat.ID]string
	names  map[hold.Member]string
	kept   map[string]engine.Leaver
}

func newTeller(o engine.Outlook) teller {
	t := teller{map[chat.ID]string{}, map[hold.Member]string{}, map[string]engine.Leaver{}}
	for _, c := range o.Roll.Chats {
		t.titles[c.ID] = c.Name
	}
	for _, m := range o.Roll.Members {
		t.names[hold.Member{Account: m.Account, ID: m.ID}] = m.Name
	}
	for _, l := range o.Leaving.Leavers {
		t.kept[l.Step.Key()] = l
	}
	return t
}

func (t teller) step(st directory.Step, state string, at time.Time, why string) LeaverStep {
	return LeaverStep{
		Key: st.Key(), Chat: st.Chat.String(), Title: t.titles[st.Chat], Member: member(st.Chat.Account, st.Member),
		Name: t.names[hold.Member{Account: st.Chat.Account, ID: st.Member}], Person: string(st.Person), LastDay: st.Leaves,
		State: state, At: at, Why: why, Because: st.Because,
	}
}

func member(account chat.Account, id chat.MemberID) string { return string(account) + "/" + string(id) }

func (a *App) leaversList(ctx context.Context, _ struct{}) (Leavers, error) {
	o, err := a.engine.Outlook(ctx)
	if err != nil {
		return Leavers{}, err
	}
	t := newTeller(o)
	out := Leavers{
		Directory: o.Plan.Facts.AsOf, Stopped: o.Plan.Stopped, Facts: o.Plan.Facts,
		Steps: t.steps(o), Questions: []LeaverQuestion{}, Alarms: []LeaverAlarm{},
	}
	if o.Leaving.Brake.On {
		out.Brake = o.Leaving.Brake.Says()
	}
	for _, q := range o.Plan.Questions {
		v := LeaverQuestion{Key: q.Key, Needs: q.People, Why: q.Why}
		for _, x := range o.Leaving.Approvals {
			if x.Key == q.Key {
				v.Yes++
			}
		}
		for _, st := range q.Steps {
			v.Steps = append(v.Steps, t.step(st, "waiting", time.Time{}, ""))
		}
		out.Questions = append(out.Questions, v)
	}
	for _, x := range o.Leaving.Alarms {
		out.Alarms = append(out.Alarms, LeaverAlarm{
			Kind: string(x.Kind), Chat: x.Chat.String(), Title: t.titles[x.Chat], Member: member(x.Chat.Account, x.Member),
			Name: t.names[hold.Member{Account: x.Chat.Account, ID: x.Member}], Person: string(x.Person), Text: x.Text, Since: x.Since,
		})
	}
	for _, r := range o.Leaving.Reinstated {
		out.Staying = append(out.Staying, told(r))
	}
	return out, nil
}

func told(r directory.Reinstatement) directoryReturn {
	v := directoryReturn{Person: string(r.Person), LastDay: r.Leaves, Says: r.Says(), Why: r.Why, At: r.At}
	for _, x := range r.Return {
		v.Invite = append(v.Invite, member(x.Chat.Account, x.Member)+" to "+x.Chat.String())
	}
	return v
}

// steps lists every leaver in every chat once, with how far they have come.
func (t teller) steps(o engine.Outlook) []LeaverStep {
	out := []LeaverStep{}
	seen := map[string]bool{}
	add := func(st directory.Step, state string, at time.Time, why string) {
		if key := st.Key(); !seen[key] {
			seen[key] = true
			out = append(out, t.step(st, state, at, why))
		}
	}
	for _, l := range o.Leaving.Leavers {
		switch {
		case !l.Removed.IsZero():
			add(l.Step, "removed", l.Removed, "")
		case l.Action != "" && l.Outcome == "":
			add(l.Step, "under-way", l.Step.Due, "")
		}
	}
	for _, st := range o.Plan.Removals {
		add(st, "due", st.Due, "")
	}
	for _, w := range o.Plan.Waiting {
		state := "waiting"
		if l, ok := t.kept[w.Step.Key()]; ok && !l.Told.IsZero() {
			state = "farewell"
		}
		add(w.Step, state, w.Until, w.Why)
	}
	for _, st := range o.Plan.Would {
		add(st, "watched", st.Due, "This chat is only watched: they would be told and removed.")
	}
	for _, l := range o.Leaving.Leavers { // where a plan was stopped
		if !l.Told.IsZero() {
			add(l.Step, "farewell", l.Step.Due, "")
		}
	}
	return out
}

// LeaverAct names what an act is about.
type LeaverAct struct {
	Key    string `json:"key,omitempty"`    // of a question or a step
	Person string `json:"person,omitempty"` // a key of the directory
	Member string `json:"member,omitempty"` // account/id
	Why    string `json:"why,omitempty"`
}

// Approved is what came of a yes.
type Approved struct {
	Key   string `json:"key"`
	Needs int    `json:"needs"`
	Yes   int    `json:"yes"`
}

func (a *App) leaversApprove(ctx context.Context, by string, in LeaverAct) (Approved, error) {
	if in.Key == "" {
		return Approved{}, errors.New("say what is approved: the key of a question of chaperone leavers list")
	}
	r, err := a.engine.ApproveLeaver(ctx, in.Key, by)
	return Approved{Key: r.Question.Key, Needs: r.Question.People, Yes: r.Yes}, err
}

// Stayed is what came of keeping somebody in, or letting them in again.
type Stayed struct {
	directoryReturn
	UnderWay []string `json:"under_way,omitempty"` // removals that had begun
}

func (a *App) leaversStop(ctx context.Context, by string, in LeaverAct) (Stayed, error) {
	if strings.TrimSpace(in.Why) == "" {
		return Stayed{}, errors.New("say why it is stopped with --why")
	}
	if in.Person != "" {
		return a.stay(ctx, by, in, false)
	}
	return Stayed{}, a.engine.StopLeavers(ctx, true, by, in.Why)
}

func (a *App) leaversResume(ctx context.Context, by string, in LeaverAct) (Stayed, error) {
	if in.Person != "" {
		return Stayed{}, a.engine.GoOn(ctx, in.Person, by)
	}
	return Stayed{}, a.engine.StopLeavers(ctx, false, by, in.Why)
}

func (a *App) leaversReinstate(ctx context.Context, by string, in LeaverAct) (Stayed, error) {
	if in.Person == "" {
		return Stayed{}, errors.New("say who is reinstated: their key in the directory")
	}
	return a.stay(ctx, by, in, true)
}

func (a *App) stay(ctx context.Context, by string, in LeaverAct, removed bool) (Stayed, error) {
	r, err := a.engine.KeepIn(ctx, in.Person, by, in.Why, removed)
	out := Stayed{directoryReturn: told(r.Reinstatement)}
	for _, st := range r.UnderWay {
		out.UnderWay = append(out.UnderWay, member(st.Chat.Account, st.Member)+" from "+st.Chat.String())
	}
	return out, err
}

// Member is a member as commands and pages show it.
type Member struct {
	Member string   `json:"member"` // account/id
	Also   []string `json:"also,omitempty"`
	Name   string   `json:"name,omitempty"`
	Bot    bool     `json:"bot,omitempty"`
	Chats  []string `json:"chats"`
	Person string   `json:"person,omitempty"`
	By     string   `json:"by,omitempty"` // how they were matched
	Says   string   `json:"says"`         // the match explained, or the doubt
}

func (a *App) membersList(ctx context.Context, _ struct{}) ([]Member, error) {
	o, err := a.engine.Outlook(ctx)
	if err != nil {
		return nil, err
	}
	chats := map[hold.Member][]string{}
	shared := map[int64]int{}
	for _, c := range o.Roll.Chats {
		shared[c.List]++
	}
	for _, c := range o.Roll.Chats {
		name, n := c.ID.String(), shared[c.List]
		if n == 0 {
			continue // it stands with the first of those that have the same members
		}
		if shared[c.List] = 0; n > 1 {
			name += fmt.Sprintf(" and %d more of its server", n-1)
		}
		for _, m := range c.Members {
			key := hold.Member{Account: c.ID.Account, ID: m.Member}
			chats[key] = append(chats[key], name)
		}
	}
	known := map[hold.Member]directory.Matched{}
	for _, m := range o.Matches() {
		known[hold.Member{Account: m.Member.Account, ID: m.Member.ID}] = m
	}
	out := []Member{}
	for _, m := range o.Roll.Members {
		key := hold.Member{Account: m.Account, ID: m.ID}
		v := Member{Member: member(m.Account, m.ID), Name: m.Name, Bot: m.Bot, Chats: chats[key]}
		for _, also := range m.Also {
			v.Also = append(v.Also, string(also))
			v.Chats = append(v.Chats, chats[hold.Member{Account: m.Account, ID: also}]...)
		}
		if x, ok := known[key]; ok {
			v.Person, v.By, v.Says = string(x.Match.Person), string(x.Match.By), x.Text
		}
		if v.Chats == nil {
			v.Chats = []string{}
		}
		out = append(out, v)
	}
	return out, nil
}

func (a *App) membersLink(ctx context.Context, by string, in LeaverAct) (struct{}, error) {
	if in.Person == "" {
		return struct{}{}, errors.New("say who they are: a key of the directory")
	}
	return struct{}{}, a.confirm(ctx, by, in)
}

func (a *App) membersUnlink(ctx context.Context, by string, in LeaverAct) (struct{}, error) {
	in.Person = ""
	return struct{}{}, a.confirm(ctx, by, in)
}

func (a *App) confirm(ctx context.Context, by string, in LeaverAct) error {
	id, err := chatID(in.Member)
	if err != nil {
		return fmt.Errorf("%q is no member: write account/id", in.Member)
	}
	return a.engine.LinkMember(ctx, hold.Member{Account: id.Account, ID: chat.MemberID(id.Local)}, in.Person, by)
}

// PreviewFile is a directory that is looked at before it is used.
type PreviewFile struct {
	File    string       `json:"file"`
	Mapping *csv.Mapping `json:"mapping,omitempty"` // none: the configuration's, or one that the columns suggest
}

// Preview is what a file would mean.
type Preview struct {
	Columns   []string       `json:"columns"`
	Encoding  string         `json:"encoding"`
	Separator string         `json:"separator"`
	Mapping   csv.Mapping    `json:"mapping"`
	Suggested bool           `json:"suggested,omitempty"` // the mapping is a guess by the names of columns: look at it
	People    int            `json:"people"`
	Leaving   int            `json:"leaving"` // people with a last day
	First     []PreviewRow   `json:"first,omitempty"`
	Faults    []string       `json:"faults,omitempty"` // why the file would be refused
	Warnings  []string       `json:"warnings,omitempty"`
	LeftOut   int            `json:"left_out,omitempty"` // cells that are left out, with a warning
	Members   int            `json:"members"`
	Matched   int            `json:"matched"`
	Matches   []PreviewMatch `json:"matches"`
	Stopped   []string       `json:"stopped,omitempty"` // why nobody would be removed
}

// PreviewRow is a row of the file, masked.
type PreviewRow struct {
	Person, Name, Role, Unit string
	Phones, Emails           []string
	Started, Leaves          directory.Date
	Dismissed                bool
}

// PreviewMatch is a member, whom the file would match them to and why.
type PreviewMatch struct {
	Member  string         `json:"member"`
	Name    string         `json:"name,omitempty"`
	Person  string         `json:"person,omitempty"`
	Says    string         `json:"says"`
	LastDay directory.Date `json:"last_day,omitzero"`
}

func (a *App) leaversPreview(ctx context.Context, in PreviewFile) (Preview, error) {
	if !filepath.IsAbs(in.File) {
		return Preview{}, errors.New("name the file by its whole path")
	}
	data, err := os.ReadFile(in.File)
	if err != nil {
		return Preview{}, err
	}
	look, _, err := csv.Look(bytes.NewReader(data), 0)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Columns: look.Columns, Encoding: look.Encoding, Separator: look.Separator, Matches: []PreviewMatch{}}
	switch {
	case in.Mapping != nil:
		p.Mapping = *in.Mapping
	case a.c.Directory != nil:
		p.Mapping = a.c.Directory.Mapping
	default:
		p.Mapping, p.Suggested = csv.Suggest(look.Columns), true
	}
	list, err := csv.Read(ctx, bytes.NewReader(data), p.Mapping)
	var faults *csv.Faults
	if errors.As(err, &faults) {
		for _, f := range faults.List {
			p.Faults = append(p.Faults, f.String())
		}
		return p, nil
	} else if err != nil {
		return p, err
	}
	p.show(list)
	return p, a.previewMatches(ctx, &p, list.People)
}

func (p *Preview) show(list csv.List) {
	p.People, p.LeftOut = len(list.People), list.Left
	for _, w := range list.Warnings[:min(20, len(list.Warnings))] {
		p.Warnings = append(p.Warnings, w.String())
	}
	for i, x := range list.People {
		if !x.Leaves.IsZero() {
			p.Leaving++
		}
		if i < 5 {
			p.First = append(p.First, PreviewRow{
				Person: ending(string(x.ID)), Name: initials(x.Name), Role: x.Role, Unit: x.Unit, Phones: each(x.Phones), Emails: each(x.Emails),
				Started: x.Started, Leaves: x.Leaves, Dismissed: x.Dismissed,
			})
		}
	}
}

// previewMatches says whom the file would match the members to, and what the
// next plan would make of it.
func (a *App) previewMatches(ctx context.Context, p *Preview, people []directory.Person) error {
	o, err := a.engine.Preview(ctx, people, a.zone)
	if err != nil {
		return err
	}
	p.Members, p.Stopped = len(o.Members), o.Plan.Stopped
	last := map[directory.PersonID]directory.Date{}
	for _, x := range people {
		if !x.Leaves.IsZero() {
			last[x.ID] = x.Leaves
		}
	}
	for _, m := range o.Matches() {
		v := PreviewMatch{Member: member(m.Member.Account, m.Member.ID), Name: m.Member.Name, Person: string(m.Match.Person), Says: m.Text, LastDay: last[m.Match.Person]}
		if v.Person != "" {
			p.Matched++
		}
		p.Matches = append(p.Matches, v)
	}
	return nil
}

func each(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = ending(out[i])
	}
	return out
}

// ending masks an identifier down to its last two characters.
func ending(s string) string {
	if r := []rune(s); len(r) > 5 {
		return "ending " + string(r[len(r)-2:])
	}
	return "masked"
}

// initials masks a name down to the first letter of its first two words.
func initials(name string) string {
	var out []string
	for _, w := range strings.Fields(name) {
		if len(out) < 2 {
			out = append(out, string([]rune(w)[:1])+"…")
		}
	}
	return strings.Join(out, " ")
}
