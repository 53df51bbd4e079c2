package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// Leavers plans what is to be done about members who have left. It is pure.
// Only a dated leaving removes; everything unknown, doubtful or too much at
// once stays, with the reason.
func Leavers(s Situation) Plan {
	p := &planner{Situation: s, plan: Plan{Memory: s.Before}}
	if s.Rules.Zone == nil {
		p.stop("The rules name no time zone, so nobody knows when a day ends.")
		return p.plan
	}
	p.index = newIndex(s.Directory, s.Members, s.Before.Owners, p.noticed())
	if !p.usable() {
		return p.plan
	}
	p.change = compare(s.Directory, s.Before, s.Now, s.Rules, s.Before.At.IsZero())
	owners, moved := p.index.ownersNow()
	p.change.Moved, p.change.Members = moved, len(s.Members)
	p.matchAll()
	p.plan.Facts = p.change.Facts
	if !p.trusted() {
		return p.plan
	}
	p.plan.Trusted = true
	p.plan.Memory = Memory{At: s.Directory.At, First: s.Before.First, People: p.change.next, Owners: owners}
	if s.Before.At.IsZero() {
		p.plan.Memory.First = s.Directory.At
	}
	if p.plan.Memory.First.Equal(s.Directory.At) {
		p.stop("This is the first directory: it is only learned. Leavers are planned from the next one on.")
		p.review()
		p.onlyLearned()
		return p.plan
	}
	p.review()
	p.limit()
	return p.plan
}

// planner is the state of one planning.
type planner struct {
	Situation
	plan    Plan
	index   *index
	change  change
	member  map[memberKey]*Member
	matches map[*Member]Match
	notices map[string]Notice  // by the key of their step
	told    map[place][]Notice // by where they were sent
	due     []candidate
}

type memberKey struct {
	account chat.Account
	id      chat.MemberID
}

type place struct {
	chat   chat.ID
	member chat.MemberID
}

// candidate is a removal that is due, before the limits.
type candidate struct {
	Step
	admin bool
	size  int // of the chat, before this hour's removals
}

func (p *planner) stop(format string, args ...any) {
	p.plan.Stopped = append(p.plan.Stopped, fmt.Sprintf(format, args...))
}

func (p *planner) alarm(kind AlarmKind, st Step, format string, args ...any) {
	p.plan.Alarms = append(p.plan.Alarms, Alarm{kind, st.Chat, st.Member, st.Person, fmt.Sprintf(format, args...)})
}

func (p *planner) wait(st Step, until time.Time, format string, args ...any) {
	p.plan.Waiting = append(p.plan.Waiting, Waiting{st, until, fmt.Sprintf(format, args...)})
}

func (p *planner) noticed() []PersonID {
	p.notices = make(map[string]Notice, len(p.Notices))
	p.told = make(map[place][]Notice, len(p.Notices))
	list := make([]PersonID, 0, len(p.Notices))
	for _, n := range p.Notices {
		at := place{n.Step.Chat, n.Step.Member}
		p.told[at] = append(p.told[at], n)
		p.notices[n.Step.Key()] = n
		list = append(list, n.Step.Person)
	}
	return list
}

// usable reports whether there is a directory to plan from. Nobody's approval
// can replace one.
func (p *planner) usable() bool {
	if p.Frozen != "" {
		p.stop("%s", p.Frozen)
		return false
	}
	age := p.Now.Sub(p.Directory.At)
	switch {
	case p.Failed != "":
		p.stop("The directory could not be read: %s", p.Failed)
	case len(p.Directory.People) == 0:
		p.stop("The directory is empty.")
	case age > p.Rules.StaleAfter:
		p.stop("The directory is of %s, more than %.0f hours ago.", p.Directory.At.In(p.Rules.Zone).Format("2 January 2006, 15:04"), p.Rules.StaleAfter.Hours())
	case age < -time.Hour:
		p.stop("The directory is from the future, %s: a clock is wrong.", p.Directory.At.In(p.Rules.Zone).Format("2 January 2006, 15:04"))
	case p.Directory.At.Before(p.Before.At):
		p.stop("The directory is older than the last one: an old file may have been put back.")
	default:
		return true
	}
	p.plan.Unusable = p.plan.Stopped[0]
	return false
}

// trusted reports whether the directory looks whole, or two people said so.
func (p *planner) trusted() bool {
	if p.change.twice > 0 {
		p.stop("%d keys stand more than once in the directory.", p.change.twice)
		return false
	}
	faults := p.change.faults(p.Before, p.Rules)
	if len(faults) == 0 {
		return true
	}
	key := "directory:" + p.change.digest
	if len(p.approvers("", p.Rules.Approval, key)) >= 2 {
		facts := p.plan.Facts
		p.change = compare(p.Directory, p.Before, p.Now, p.Rules, true)
		p.change.Facts = facts
		return true
	}
	p.plan.Stopped = append(p.plan.Stopped, faults...)
	p.plan.Questions = append(p.plan.Questions, Question{
		Key: key, People: 2,
		Why: "The directory looks broken. Nobody is told or removed until it is mended, or two people confirm that it is right.",
	})
	return false
}

// ever is for approvals that count until they are used: a step names its
// leaving date, so that one cannot be used for another leaving.
const ever = 1 << 62

// approvers gives the people who said yes to any of the keys, not longer ago
// than within. Nobody approves their own removal.
func (p *planner) approvers(self PersonID, within time.Duration, keys ...string) []PersonID {
	var people []PersonID
	for _, a := range p.Approvals {
		by := Key(a.By)
		if a.Key != "" && slices.Contains(keys, a.Key) && by != self && !a.At.After(p.Now) && p.Now.Sub(a.At) <= within && !slices.Contains(people, by) {
			people = append(people, by)
		}
	}
	return people
}

// matchAll joins members to people, and raises an alarm for those it cannot.
func (p *planner) matchAll() {
	p.member = make(map[memberKey]*Member, len(p.Members))
	p.matches = make(map[*Member]Match, len(p.Members))
	p.plan.Matches = make([]Matched, 0, len(p.Members))
	where := make(map[memberKey]chat.ID, len(p.Members))
	for _, c := range p.Chats {
		for _, m := range c.Members {
			k := memberKey{c.ID.Account, m.Member}
			if _, ok := where[k]; !ok {
				where[k] = c.ID
			}
		}
	}
	for i := range p.Members {
		m := &p.Members[i]
		var in chat.ID
		for n := -1; n < len(m.Also); n++ {
			k := memberKey{m.Account, m.ID}
			if n >= 0 {
				k.id = m.Also[n]
			}
			p.member[k] = m
			if c, ok := where[k]; ok {
				in = c
				delete(where, k)
			}
		}
		if m.Bot || m.Guest != "" {
			continue
		}
		match, doubt := p.index.match(m)
		if doubt == NoDoubt {
			p.change.Matched++
			p.matches[m] = match
			p.plan.Matches = append(p.plan.Matches, Matched{Member: m, Match: match})
		} else if in.Local != "" {
			p.alarm(AlarmKind(doubt), Step{Chat: in, Member: m.ID}, "%s", doubtText[doubt])
		}
	}
	for _, c := range p.Chats { // in order, so that the same situation gives the same plan
		for _, m := range c.Members {
			k := memberKey{c.ID.Account, m.Member}
			if in, ok := where[k]; ok {
				delete(where, k)
				p.alarm(AlarmKind(Unknown), Step{Chat: in, Member: m.Member}, "%s", doubtText[Unknown])
			}
		}
	}
}

var doubtText = map[Doubt]string{
	Unknown:    "The directory does not know this member. They stay; confirm who they are, or take them out yourself.",
	Unverified: "The directory may know this member, but nobody has proved that the number or address is theirs. They stay; ask them to confirm it.",
	Shared:     "Several people in the directory have this member's number or address. They stay; confirm who they are.",
	Conflict:   "What is known about this member points to different people. They stay; confirm who they are.",
	Recycled:   "This member's number or address now belongs to another person in the directory. They stay; it must be proved again.",
}

// review looks at every membership of every chat.
func (p *planner) review() {
	gone := map[chat.ID]int{} // removed within the hour: the limit is of the chat as it was
	for _, r := range p.Removed {
		if p.Now.Sub(r.At) < time.Hour {
			gone[r.Step.Chat]++
		}
	}
	for _, c := range p.Chats {
		var due []candidate
		seen := make(map[*Member]bool, len(c.Members))
		named, admins := p.administrators(c)
		size := gone[c.ID]
		for _, ms := range c.Members {
			m := p.member[memberKey{c.ID.Account, ms.Member}]
			if m != nil && (m.Bot || seen[m]) {
				continue
			}
			size++
			admin := ms.Admin || named[ms.Member]
			if ms.Admin && !named[ms.Member] {
				admins++
			}
			if m == nil {
				continue
			}
			seen[m] = true
			match, ok := p.matches[m]
			if !ok {
				continue
			}
			if st, ok := p.membership(c, ms, m, match); ok {
				due = append(due, candidate{Step: st, admin: admin})
			}
		}
		due = p.keepAdmins(due, admins)
		for _, names := range c.Beside {
			due = p.keepBeside(c, names, due)
		}
		for _, d := range due {
			d.size = size
			p.due = append(p.due, d)
		}
	}
}

// administrators finds the members of a chat whom the configuration names as
// its administrators, and says how many that are. A name that fits several
// protects all of them, and counts as one.
func (p *planner) administrators(c Chat) (named map[chat.MemberID]bool, count int) {
	named = map[chat.MemberID]bool{}
	for _, name := range c.Administrators {
		found := false
		for _, ms := range c.Members {
			m := p.member[memberKey{c.ID.Account, ms.Member}]
			if (m == nil || !m.Bot) && slices.Contains(p.called(c.ID.Account, ms.Member, m), Key(name)) {
				named[ms.Member], found = true, true
			}
		}
		if found {
			count++
		}
	}
	return named, min(count, len(named))
}

// called lists everything that a member may be called in the configuration.
func (p *planner) called(account chat.Account, id chat.MemberID, m *Member) []PersonID {
	names := []PersonID{Key(string(id)), Key(string(account) + "/" + string(id))}
	if m == nil {
		return names
	}
	names = append(names, Key(m.Name), Key(string(m.ID)))
	if match, ok := p.matches[m]; ok {
		names = append(names, match.Person)
		if person, there := p.index.person(match.Person); there {
			names = append(names, Key(person.Name))
		}
	}
	return slices.DeleteFunc(names, func(n PersonID) bool { return n == "" })
}

// keepBeside is keepAdmins for another chat that whoever is removed from this one
// is out of too.
func (p *planner) keepBeside(c Chat, names []string, due []candidate) []candidate {
	if len(due) == 0 {
		return due
	}
	c.Administrators = names
	named, admins := p.administrators(c)
	theirs := slices.Clone(due)
	for i := range theirs {
		theirs[i].admin = named[theirs[i].As]
	}
	stay := map[chat.MemberID]bool{}
	for _, d := range theirs {
		stay[d.As] = true
	}
	for _, d := range p.keepAdmins(theirs, admins) {
		delete(stay, d.As)
	}
	return slices.DeleteFunc(due, func(d candidate) bool { return stay[d.As] })
}

// keepAdmins takes the administrators off the list when the chat would be left
// with fewer than two.
func (p *planner) keepAdmins(due []candidate, admins int) []candidate {
	leaving := 0
	for _, d := range due {
		if d.admin {
			leaving++
		}
	}
	if leaving == 0 || admins-leaving >= 2 {
		return due
	}
	return slices.DeleteFunc(due, func(d candidate) bool {
		if d.admin {
			p.alarm(LastAdmin, d.Step, "A leaver is one of the last two administrators of this chat. Name another, then they are removed.")
			p.wait(d.Step, time.Time{}, "The chat would have fewer than two administrators.")
		}
		return d.admin
	})
}

// membership decides about one matched member in one chat: whether the removal
// is due, the limits apart.
func (p *planner) membership(c Chat, ms Membership, m *Member, match Match) (Step, bool) {
	st := Step{Chat: c.ID, Member: m.ID, As: ms.Member, Person: match.Person}
	person, there := p.index.person(match.Person)
	if !there {
		trace, ok := p.Before.find(match.Person)
		if !ok || trace.Leaves.IsZero() {
			p.alarm(Gone, st, "The directory no longer has this member, and gave no leaving date. They stay.")
			return st, false
		}
		person = &Person{ID: match.Person, Leaves: trace.Leaves}
	}
	p.withdraw(st, person.Leaves)
	if person.Leaves.IsZero() {
		if person.Dismissed {
			p.alarm(Undated, st, "The directory has this member as dismissed, without a date. They stay until it has one.")
		}
		return st, false
	}
	at := effective(person, p.Rules.Zone)
	st.Leaves, st.Due = person.Leaves, at
	st.Because = because(person, at, p.Now, match.Explain(*m))
	for _, r := range p.Reinstated {
		if r.Person == person.ID && r.Leaves == person.Leaves {
			p.wait(st, time.Time{}, "%s", r.Says())
			return st, false
		}
	}
	ahead, grace := p.Rules.Ahead, p.Rules.Grace
	if person.Dismissed {
		ahead, grace = 0, 0
	}
	if start := at.Add(-ahead); p.Now.Before(start) {
		p.wait(st, start, "The farewell is not due yet.")
		return st, false
	}
	if c.Watched {
		p.plan.Would = append(p.plan.Would, st)
		return st, false
	}
	ask, people := p.looks(st, person, there, at, match), 1
	if c.Whole {
		ask, people = strings.Trim("this ends their account, and not only their part in a chat; "+ask, "; "), 2
	}
	if !p.free(c, ms, st) || !p.permitted(st, ask, people) {
		return st, false
	}
	return p.farewell(st, grace)
}

func because(person *Person, at, now time.Time, match string) string {
	switch {
	case person.Dismissed:
		return fmt.Sprintf("The directory says that they are dismissed from %s. %s", person.Leaves, match)
	case at.After(now):
		return fmt.Sprintf("The directory says that %s is their last day. %s", person.Leaves, match)
	default:
		return fmt.Sprintf("The directory says that %s was their last day. %s", person.Leaves, match)
	}
}

// withdraw takes back farewells that spoke of another leaving date than the
// one that holds now, or of one where there is none.
func (p *planner) withdraw(st Step, leaves Date) {
	for _, n := range p.told[place{st.Chat, st.Member}] {
		if n.Step.Person == st.Person && n.Step.Leaves != leaves {
			p.plan.Withdrawn = append(p.plan.Withdrawn, n)
		}
	}
}

// farewell sends the notice where none was sent, and reports whether notice
// and grace are over.
func (p *planner) farewell(st Step, grace time.Duration) (Step, bool) {
	notice, given := p.notices[st.Key()]
	told := notice.At
	if !given {
		told = p.Now
	}
	if end := told.Add(grace); end.After(st.Due) {
		st.Due = end
	}
	if !given {
		p.plan.Notices = append(p.plan.Notices, st)
	}
	if p.Now.Before(st.Due) {
		p.wait(st, st.Due, "The farewell was sent; they have until then for their last review.")
		return st, false
	}
	return st, true
}

// looks says why a person has to look before this leaver is removed, if so.
func (p *planner) looks(st Step, person *Person, there bool, at time.Time, match Match) string {
	if why, odd := p.change.odd[person.ID]; odd {
		return why
	}
	switch {
	case len(p.Contested) > 0 && slices.Contains(p.Contested, st.Key()):
		return "they answered the farewell that it is wrong"
	case !there:
		return "their row is gone from the directory since the leaving date was seen"
	case match.proved.After(at):
		return "the number or address was proved after the leaving, so it may belong to someone new"
	case p.Rules.Approve:
		return "every removal waits for a named person"
	}
	return ""
}

// free reports whether nothing protects the leaver in this chat.
func (p *planner) free(c Chat, ms Membership, st Step) bool {
	if why, ok := p.Protected[st.Person]; ok {
		p.alarm(Guarded, st, "A leaver is protected (%s). Hand that over, then they are removed.", why)
		p.wait(st, time.Time{}, "They are protected: %s.", why)
		return false
	}
	if c.Kind == chat.Emergency && p.Incident {
		p.wait(st, time.Time{}, "Nobody is removed from an emergency chat during an incident.")
		return false
	}
	if ms.Owner {
		p.alarm(Owns, st, "This chat belongs to a leaver. Hand it over, then they are removed.")
		p.wait(st, time.Time{}, "The chat belongs to them.")
		return false
	}
	return true
}

// permitted reports whether those who have to look have said yes.
func (p *planner) permitted(st Step, ask string, people int) bool {
	if ask == "" || len(p.approvers(st.Person, ever, st.Key())) >= people {
		return true
	}
	p.plan.Questions = append(p.plan.Questions, Question{
		Key: st.Key(), People: people, Steps: []Step{st}, Why: "Before this leaver is removed " + looking[people] + " to look: " + ask + ".",
	})
	p.wait(st, time.Time{}, "%s", strings.ToUpper(looking[people][:1])+looking[people][1:]+" to look first: "+ask+".")
	return false
}

var looking = map[int]string{1: "a person has", 2: "two people have"}

// onlyLearned keeps of a plan what can be shown of it, and nothing that is done.
func (p *planner) onlyLearned() {
	p.plan.Notices, p.plan.Withdrawn, p.plan.Questions = nil, nil, nil
	for _, d := range p.due {
		p.wait(d.Step, time.Time{}, "The directory is only learned so far.")
	}
}

// limit lets the due removals go, or stops all of them that two people have
// not approved when they are too many at once.
func (p *planner) limit() {
	p.agree(p.due, "")
	p.agree(p.due, batchKey(p.open()))
	open := p.open()
	why := p.tooMany(open)
	for _, d := range p.due {
		if d.Agreed || why == "" {
			p.plan.Removals = append(p.plan.Removals, d.Step)
		}
	}
	if why == "" {
		return
	}
	p.stop("%s", why)
	q := Question{Key: batchKey(open), People: 2, Why: why + " Nobody of them is removed until two people have looked."}
	for _, d := range open {
		q.Steps = append(q.Steps, d.Step)
		p.wait(d.Step, time.Time{}, "Too many at once: two people have to look.")
	}
	p.plan.Questions = append(p.plan.Questions, q)
}

// agree marks what two people approved, by the step's own key or by the key of
// the batch.
func (p *planner) agree(list []candidate, batch string) {
	for i := range list {
		d := &list[i]
		d.Agreed = d.Agreed || len(p.approvers(d.Person, p.Rules.Approval, d.Key(), batch)) >= 2
	}
}

// open gives what two people have not approved.
func (p *planner) open() []candidate {
	var list []candidate
	for _, d := range p.due {
		if !d.Agreed {
			list = append(list, d)
		}
	}
	return list
}

func batchKey(list []candidate) string {
	h := sha256.New()
	keys := make([]string, 0, len(list))
	for _, d := range list {
		keys = append(keys, d.Key())
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintln(h, k)
	}
	return "batch:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// tooMany says why the removals are too many at once, counting those of the
// last hour, or nothing.
func (p *planner) tooMany(open []candidate) string {
	if len(open) == 0 {
		return ""
	}
	people := map[PersonID]bool{}
	inChat := map[chat.ID]map[PersonID]bool{}
	count := func(st Step) {
		people[st.Person] = true
		if inChat[st.Chat] == nil {
			inChat[st.Chat] = map[PersonID]bool{}
		}
		inChat[st.Chat][st.Person] = true
	}
	for _, r := range p.Removed {
		if !r.Approved && p.Now.Sub(r.At) < time.Hour {
			count(r.Step)
		}
	}
	for _, d := range open {
		count(d.Step)
	}
	if len(people) > p.Rules.Hourly {
		return fmt.Sprintf("%d people would be removed within an hour; more than %d need two people.", len(people), p.Rules.Hourly)
	}
	for _, d := range open {
		if n := len(inChat[d.Chat]); n > p.Rules.most(d.size) {
			return fmt.Sprintf("%d people of %d would be removed from one chat; more than %d need two people.", n, d.size, p.Rules.most(d.size))
		}
	}
	return ""
}
