// Package directorytest invents organisations: their staff, their chats, the
// directory as it should be and as it goes wrong. Whoever plans or carries out
// the removal of leavers is held against what is really so.
//
// It is for tests only, and must not know anything but internal/directory.
package directorytest

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	directorycsv "chaperone/internal/directory/csv"
)

// Town is an organisation as it really is, beside what its directory says.
type Town struct {
	r         *rand.Rand
	begin     time.Time
	Zone      *time.Location
	Now       time.Time
	Staff     []*Employee
	header    []string
	Mapping   directorycsv.Mapping
	Situation directory.Situation
	Real      map[chat.MemberID]*Employee // who a member really is; nil for strangers, guests and bots
	Wrong     []string
	Removed   map[string]time.Time // chat and member
}

// Employee is somebody who works there, as it really is.
type Employee struct {
	id, phone, email, unit string
	started, leaves        string // as the true directory has them
	dismissed              bool
	stands                 bool // someone else has the number now
	owner                  bool
	told                   time.Time // when the file that says it was there
}

var columns = []string{"Key", "Name", "Mobile", "Email", "Post", "Team", "Start", "Leaving", "Dismissed"}

// NewTown invents an organisation as it is at a time.
func NewTown(r *rand.Rand, begin time.Time) *Town {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err)
	}
	t := &Town{r: r, Zone: zone, Now: begin, begin: begin, Real: map[chat.MemberID]*Employee{}, Removed: map[string]time.Time{}}
	t.header = slices.Clone(columns)
	r.Shuffle(len(t.header), func(i, j int) { t.header[i], t.header[j] = t.header[j], t.header[i] })
	t.Mapping = directorycsv.Mapping{ID: "Key", Name: "Name", Phones: []string{"Mobile"}, Emails: []string{"Email"},
		Role: "Post", Unit: "Team", Leaves: "Leaving", Dismissed: "Dismissed"}
	if r.IntN(2) == 0 {
		t.Mapping.Started = "Start"
	}
	for i := range 25 + r.IntN(150) {
		t.Staff = append(t.Staff, &Employee{
			id: fmt.Sprintf("S%05d", 10000+i*7), phone: fmt.Sprintf("07700 900%03d", i), email: fmt.Sprintf("p%d@example.org", i),
			unit: []string{"Floods", "Roads", "Care"}[r.IntN(3)], started: fmt.Sprintf("20%02d-%02d-%02d", 10+r.IntN(16), 1+r.IntN(9), 1+r.IntN(28)),
		})
	}
	for range r.IntN(6) { // left long ago, and out of every chat
		t.Staff[20+r.IntN(len(t.Staff)-20)].leaves = fmt.Sprintf("2026-0%d-1%d", 1+r.IntN(8), r.IntN(10))
	}
	t.Situation = directory.Situation{Rules: directory.DefaultRules(zone), Protected: map[directory.PersonID]string{}}
	t.people()
	t.chats()
	return t
}

// people makes a member of everyone who works there, each proved in some way.
func (t *Town) people() {
	long := t.begin.Add(-90 * 24 * time.Hour)
	for i, e := range t.Staff {
		if e.leaves != "" {
			continue
		}
		phone, err := directory.Phone(e.phone, "44")
		if err != nil {
			panic(err)
		}
		m := directory.Member{Account: "practice", ID: chat.MemberID(fmt.Sprint("m", i)), Also: []chat.MemberID{chat.MemberID(fmt.Sprint("hidden", i))}}
		switch t.r.IntN(8) {
		case 0:
			m.Link, m.LinkBy = directory.Key(e.id), "ig-1"
		case 1:
			m.Email, m.EmailAt = e.email, long
		case 2:
			m.Phone, m.PhoneAt, m.Email, m.EmailAt = phone, long, e.email, long
		case 3:
			m.Phone = phone // never proved
		default:
			m.Phone, m.PhoneAt = phone, long
		}
		t.Real[m.ID] = e
		t.Situation.Members = append(t.Situation.Members, m)
	}
	t.Situation.Members = append(t.Situation.Members,
		directory.Member{Account: "practice", ID: "bot", Bot: true},
		directory.Member{Account: "practice", ID: "guest", Guest: "Coastal Rescue", Phone: "+447700900999", PhoneAt: long},
		directory.Member{Account: "practice", ID: "stranger", Phone: "+447700900998", PhoneAt: long})
}

func (t *Town) chats() {
	for i := range 2 + t.r.IntN(4) {
		c := directory.Chat{ID: chat.ID{Account: "practice", Local: fmt.Sprint("chat", i)}, Kind: chat.Team}
		if t.r.IntN(3) == 0 {
			c.Kind = chat.Emergency
		}
		for _, m := range t.Situation.Members {
			if t.r.IntN(3) == 0 || m.Bot {
				continue
			}
			id := m.ID
			if t.r.IntN(4) == 0 && len(m.Also) > 0 {
				id = m.Also[0]
			}
			c.Members = append(c.Members, directory.Membership{Member: id})
		}
		for n := range 2 + t.r.IntN(3) {
			c.Members[n].Admin = true
		}
		c.Members[0].Owner = true
		t.Situation.Chats = append(t.Situation.Chats, c)
	}
	t.Situation.Incident = t.r.IntN(4) == 0
	t.Situation.Protected[directory.Key(t.Staff[t.r.IntN(20)].id)] = "incident lead"
}

// Rows are the true directory as a table.
func (t *Town) Rows() [][]string {
	rows := [][]string{t.header}
	for _, e := range t.Staff {
		cells := map[string]string{"Key": e.id, "Name": "Siân " + e.email, "Mobile": e.phone, "Email": e.email, "Post": "Warden", "Team": e.unit,
			"Start": e.started, "Leaving": e.leaves, "Dismissed": map[bool]string{true: "yes"}[e.dismissed]}
		row := make([]string, 0, len(cells))
		for _, c := range t.header {
			row = append(row, cells[c])
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *Town) column(name string) int { return slices.Index(t.header, name) }

// Text writes a table as a CSV file.
func Text(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Receive puts a file in place of the directory.
func (t *Town) Receive(file []byte, at time.Time) {
	list, err := directorycsv.Read(context.Background(), bytes.NewReader(file), t.Mapping)
	t.Situation.Failed = ""
	if err != nil {
		t.Situation.Failed = err.Error()
	}
	t.Situation.Directory = directory.Snapshot{At: at, People: list.People}
}

// SomeLeave lets some people really leave, from a day before now to a week after.
func (t *Town) SomeLeave(n int) {
	for range n {
		e := t.Staff[t.r.IntN(len(t.Staff))]
		if e.leaves != "" {
			continue
		}
		e.leaves = t.Now.AddDate(0, 0, t.r.IntN(9)-1).Format(time.DateOnly)
		e.dismissed = t.r.IntN(3) == 0
		e.told = t.Now
	}
}

// HasLeft reports whether somebody has really left by now.
func (t *Town) HasLeft(e *Employee) bool {
	if e.leaves == "" || e.stands {
		return false
	}
	d, err := directory.ParseDate(time.DateOnly, e.leaves)
	if err != nil {
		panic(err)
	}
	if e.dismissed {
		return !t.Now.Before(d.Start(t.Zone))
	}
	return !t.Now.Before(d.End(t.Zone))
}

// Run lets the planner work for some hours, and does what it says.
func (t *Town) Run(hours, every time.Duration, each func(directory.Plan)) {
	for end := t.Now.Add(hours * time.Hour); t.Now.Before(end); t.Now = t.Now.Add(every) {
		t.Situation.Now = t.Now
		plan := directory.Leavers(t.Situation)
		for _, n := range plan.Notices {
			t.Situation.Notices = append(t.Situation.Notices, directory.Notice{Step: n, At: t.Now})
		}
		for _, st := range plan.Removals {
			t.Remove(st)
			t.Situation.Removed = append(t.Situation.Removed, directory.Removal{Step: st, At: t.Now})
		}
		t.limits(plan)
		t.Situation.Before = plan.Memory
		if each != nil {
			each(plan)
		}
	}
}

// Remove carries a removal out, and judges it by what is really so.
func (t *Town) Remove(st directory.Step) {
	bad := func(why string) {
		t.Wrong = append(t.Wrong, fmt.Sprintf("%s: %s from %s at %s (%s)", why, st.Member, st.Chat.Local, t.Now.Format("2 Jan 15:04"), st.Because))
	}
	e := t.Real[st.Member]
	switch {
	case e == nil:
		bad("not a member of staff")
	case !t.HasLeft(e):
		bad("has not left")
	case t.Situation.Protected[directory.Key(e.id)] != "":
		bad("incident lead")
	}
	for i := range t.Situation.Chats {
		c := &t.Situation.Chats[i]
		if c.ID != st.Chat {
			continue
		}
		admins := 0
		for _, m := range c.Members {
			if m.Member == st.As && m.Owner {
				bad("owner")
			}
			if m.Admin && m.Member != st.As {
				admins++
			}
		}
		before := len(c.Members)
		wasAdmin := slices.ContainsFunc(c.Members, func(m directory.Membership) bool { return m.Member == st.As && m.Admin })
		c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m directory.Membership) bool { return m.Member == st.As })
		if len(c.Members) != before-1 {
			bad("not in the chat")
		}
		if wasAdmin && admins < 2 {
			bad("last administrators")
		}
		if c.Kind == chat.Emergency && t.Situation.Incident {
			bad("emergency chat in an incident")
		}
	}
	t.Removed[st.Chat.Local+string(st.Member)] = t.Now
}

// limits checks that no hour without two approvals had more than ten people.
func (t *Town) limits(plan directory.Plan) {
	people := map[directory.PersonID]bool{}
	for _, r := range t.Situation.Removed {
		if t.Now.Sub(r.At) < time.Hour {
			people[r.Step.Person] = true
		}
	}
	if len(people) > 10 && len(t.Situation.Approvals) == 0 {
		t.Wrong = append(t.Wrong, fmt.Sprintf("%d people within an hour, %d in the last plan", len(people), len(plan.Removals)))
	}
}

// datesBefore reports whether the directory that was learned had a leaving date.
func (t *Town) datesBefore() bool {
	return slices.ContainsFunc(t.Situation.Before.People, func(x directory.Trace) bool { return !x.Leaves.IsZero() })
}

// Broken gives the true directory with one or two things wrong; with files,
// only such as are wrong with the file itself.
func (t *Town) Broken(files bool) (file []byte, name string, stale time.Duration) {
	rows := t.Rows()
	list := []int{t.r.IntN(len(breakages))}
	for files && breakages[list[0]].whose {
		list[0] = t.r.IntN(len(breakages))
	}
	// That a number went to someone new is seen in a directory or when it is
	// proved again, so that one comes alone.
	if t.r.IntN(5) == 0 && breakages[list[0]].name != recycled {
		if second := t.r.IntN(len(breakages)); breakages[second].name != recycled && !(files && breakages[second].whose) {
			list = append(list, second)
		}
	}
	for _, i := range list {
		name += " " + breakages[i].name
		stale = max(stale, breakages[i].stale)
		if breakages[i].rows != nil && len(rows) > 5 {
			rows = breakages[i].rows(t, rows)
		}
	}
	file = Text(rows)
	for _, i := range list {
		if breakages[i].bytes != nil && len(file) > 100 {
			file = breakages[i].bytes(t, file)
		}
	}
	return file, name, stale
}

// Careless counts the wrong removals of a planner that takes whoever it does
// not find, or finds with a date, for a leaver.
func (t *Town) Careless() int {
	staff := map[string]bool{}
	for _, p := range t.Situation.Directory.People {
		if p.Leaves.IsZero() || p.Leaves.End(t.Zone).After(t.Now) {
			for _, x := range append(p.Phones, p.Emails...) {
				staff[x] = true
			}
		}
	}
	wrong := 0
	for _, m := range t.Situation.Members {
		if e := t.Real[m.ID]; e != nil && !staff[m.Phone] && !staff[m.Email] && !t.HasLeft(e) {
			wrong++
		}
	}
	return wrong
}

// OutInTime counts the proved members who were due an hour ago at least, and
// tells of those who were not out within the hour.
func (t *Town) OutInTime(start directory.Situation) (due int, late []string) {
	proved := map[chat.MemberID]directory.Member{}
	for _, m := range start.Members {
		for _, id := range append(m.Also, m.ID) {
			proved[id] = m
		}
	}
	for _, c := range start.Chats {
		for _, ms := range c.Members {
			m := proved[ms.Member]
			e := t.Real[m.ID]
			if e == nil || e.leaves == "" || m.Link == "" && m.PhoneAt.IsZero() && m.EmailAt.IsZero() {
				continue
			}
			d, _ := directory.ParseDate(time.DateOnly, e.leaves)
			when := d.Start(t.Zone)
			if e.dismissed {
				when = later(when, e.told)
			} else {
				when = later(d.End(t.Zone), e.told.Add(24*time.Hour))
			}
			if when.Add(time.Hour).After(t.Now) {
				continue
			}
			due++
			if at, ok := t.Removed[c.ID.Local+string(m.ID)]; !ok || at.Sub(when) > time.Hour {
				late = append(late, fmt.Sprintf("%s from %s: last day %s, told by the directory at %s, due at %s, out at %s",
					m.ID, c.ID.Local, e.leaves, e.told.Format(time.DateTime), when.Format(time.DateTime), at.Format(time.DateTime)))
			}
		}
	}
	return due, late
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
