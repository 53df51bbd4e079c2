package directory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
)

const account chat.Account = "practice"

var (
	zone    = mustZone("Europe/London")
	noon    = time.Date(2026, 11, 20, 12, 0, 0, 0, zone)
	longAgo = time.Date(2026, 1, 5, 9, 0, 0, 0, zone)
	team    = chat.ID{Account: account, Local: "team"}
	flood   = chat.ID{Account: account, Local: "flood"}
)

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func phone(n int) string { return fmt.Sprintf("+447700900%03d", n) }
func pid(n int) PersonID { return PersonID(fmt.Sprintf("s%03d", n)) }
func email(n int) string { return fmt.Sprintf("p%d@example.org", n) }
func day(s string) Date  { d, _ := ParseDate(time.DateOnly, s); return d }
func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		panic(err)
	}
	return t
}

// world is a situation of n people, all members of the team chat by verified
// phone; members 0 and 1 are its administrators. Yesterday's directory had
// them all as staff.
func world(n int) Situation {
	s := Situation{Now: noon, Rules: DefaultRules(zone), Protected: map[PersonID]string{}}
	c := Chat{ID: team, Kind: chat.Team}
	for i := range n {
		s.Directory.People = append(s.Directory.People, Person{ID: pid(i), Name: fmt.Sprint("Person ", i), Phones: []string{phone(i)}, Emails: []string{email(i)}})
		s.Members = append(s.Members, Member{Account: account, ID: chat.MemberID(fmt.Sprint("m", i)), Phone: phone(i), PhoneAt: longAgo})
		c.Members = append(c.Members, Membership{Member: chat.MemberID(fmt.Sprint("m", i)), Admin: i < 3})
	}
	s.Chats = []Chat{c}
	s.Directory.At = noon.Add(-24 * time.Hour)
	learn(&s)
	s.Directory.At = noon.Add(-time.Hour)
	return s
}

// learn takes the directory as it is as the one that is trusted.
func learn(s *Situation) {
	first := *s
	first.Before = Memory{}
	first.Now = s.Directory.At
	s.Before = Leavers(first).Memory
}

// leave gives person n a leaving date in a directory of now.
func leave(s *Situation, n int, date string) {
	people := append([]Person(nil), s.Directory.People...)
	people[n].Leaves = day(date)
	s.Directory.People = people
}

func dismiss(s *Situation, n int, date string) {
	leave(s, n, date)
	s.Directory.People[n].Dismissed = true
}

func who(steps []Step) string {
	var list []string
	for _, s := range steps {
		list = append(list, string(s.Member))
	}
	return strings.Join(list, " ")
}

// turn plans, carries everything out, and moves the clock.
func turn(s *Situation, by time.Duration) Plan {
	p := Leavers(*s)
	for _, n := range p.Notices {
		s.Notices = append(s.Notices, Notice{n, s.Now})
	}
	for _, r := range p.Removals {
		s.Removed = append(s.Removed, Removal{Step: r, At: s.Now})
		for i := range s.Chats {
			if s.Chats[i].ID == r.Chat {
				kept := s.Chats[i].Members[:0:0]
				for _, m := range s.Chats[i].Members {
					if m.Member != r.As {
						kept = append(kept, m)
					}
				}
				s.Chats[i].Members = kept
			}
		}
	}
	s.Before = p.Memory
	s.Now = s.Now.Add(by)
	s.Directory.At = s.Directory.At.Add(by)
	return p
}

// A dated leaving: farewell a day ahead, removal when the day has ended.
func TestLeavingByDate(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-22")
	if p := turn(&s, 0); len(p.Notices)+len(p.Removals) != 0 || len(p.Waiting) != 1 || !p.Waiting[0].Until.Equal(at("2026-11-22 00:00")) {
		t.Fatalf("two days before: %+v", p)
	}
	for _, step := range []struct{ at, notices, removals string }{
		{"2026-11-21 23:59", "", ""},
		{"2026-11-22 00:01", "m5", ""},
		{"2026-11-22 23:59", "", ""},
		{"2026-11-23 00:00", "", ""}, // the farewell came a minute late, so the grace does
		{"2026-11-23 00:01", "", "m5"},
	} {
		s.Now, s.Directory.At = at(step.at), at(step.at)
		p := turn(&s, 0)
		if who(p.Notices) != step.notices || who(p.Removals) != step.removals {
			t.Errorf("at %s: notices %q, removals %q, stopped %q", step.at, who(p.Notices), who(p.Removals), p.Stopped)
		}
		for _, r := range p.Removals {
			want := "The directory says that 2026-11-22 was their last day. Their verified phone, ending 05, is in the directory for s005."
			if r.Because != want {
				t.Errorf("because %q", r.Because)
			}
		}
	}
}

// A leaving that became known late still has a day of grace; a dismissal none.
func TestGrace(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-18")
	dismiss(&s, 6, "2026-11-20")
	p := turn(&s, 24*time.Hour-time.Second)
	if who(p.Notices) != "m5 m6" || who(p.Removals) != "m6" {
		t.Errorf("notices %q, removals %q %v", who(p.Notices), who(p.Removals), p.Stopped)
	}
	if p = turn(&s, time.Second); len(p.Removals) != 0 {
		t.Errorf("before the grace was over: %q", who(p.Removals))
	}
	if p = turn(&s, 0); who(p.Removals) != "m5" {
		t.Errorf("after the grace: %q", who(p.Removals))
	}
}

// Nothing about these may remove anyone; in each m5 has left and is due.
func TestInterlocks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Situation)
		want   string // in why nobody is removed, whatever says it
	}{
		"frozen":     {func(s *Situation) { s.Frozen = "The clock jumped." }, "The clock jumped."},
		"failed":     {func(s *Situation) { s.Failed = "no such file" }, "could not be read: no such file"},
		"empty":      {func(s *Situation) { s.Directory.People = nil }, "The directory is empty."},
		"stale":      {func(s *Situation) { s.Now = s.Now.Add(26 * time.Hour) }, "more than 25 hours ago"},
		"future":     {func(s *Situation) { s.Directory.At = s.Now.Add(2 * time.Hour) }, "from the future"},
		"old file":   {func(s *Situation) { s.Directory.At = s.Before.At.Add(-time.Minute) }, "older than the last one"},
		"no zone":    {func(s *Situation) { s.Rules.Zone = nil }, "no time zone"},
		"first":      {func(s *Situation) { s.Before = Memory{} }, "first directory"},
		"key twice":  {func(s *Situation) { s.Directory.People = append(s.Directory.People, Person{ID: pid(5)}) }, "more than once"},
		"shrunken":   {func(s *Situation) { s.Directory.People = s.Directory.People[:16] }, "4 people of 20 are gone"},
		"everyone":   {func(s *Situation) { leaveAll(s, 0, 20) }, "Everyone in the list has left"},
		"many new":   {func(s *Situation) { leaveAll(s, 6, 9) }, "4 people have a new leaving date"},
		"owner":      {func(s *Situation) { s.Chats[0].Members[5].Owner = true }, "belongs to a leaver"},
		"protected":  {func(s *Situation) { s.Protected[pid(5)] = "incident lead" }, "incident lead"},
		"bot":        {func(s *Situation) { s.Members[5].Bot = true }, ""},
		"guest":      {func(s *Situation) { s.Members[5].Guest = "Applied Rescue" }, ""},
		"unverified": {func(s *Situation) { s.Members[5].PhoneAt = time.Time{} }, "nobody has proved"},
		"no phone":   {func(s *Situation) { s.Members[5].Phone = "" }, "does not know this member"},
		"conflict":   {func(s *Situation) { s.Members[5].Link, s.Members[5].LinkBy = pid(6), "ig-1" }, "different people"},
		"weak doubt": {func(s *Situation) { s.Members[5].Email = email(6) }, "different people"},
		"shared": {func(s *Situation) {
			s.Directory.People[7].Phones = append([]string{phone(5)}, s.Directory.People[7].Phones...)
		}, "Several people"},
		"late proof":   {func(s *Situation) { s.Members[5].PhoneAt = at("2026-11-20 10:00") }, "proved after the leaving"},
		"back-dated":   {func(s *Situation) { s.Directory.People[5].Leaves = day("2026-09-01") }, "long before"},
		"other face":   {func(s *Situation) { s.Directory.People[5].Emails = []string{"new@example.org"} }, "changed together with the leaving date"},
		"one must ask": {func(s *Situation) { s.Rules.Approve = true }, "named person"},
		"undated":      {func(s *Situation) { s.Directory.People[5].Leaves, s.Directory.People[5].Dismissed = Date{}, true }, "without a date"},
		"emergency in an incident": {func(s *Situation) {
			s.Chats[0].Kind, s.Incident = chat.Emergency, true
		}, "during an incident"},
		"last administrators": {func(s *Situation) {
			s.Chats[0].Members[5].Admin, s.Chats[0].Members[0].Admin, s.Chats[0].Members[1].Admin = true, false, false
		}, "last two administrators"},
		"recycled": {func(s *Situation) {
			s.Directory.People[5].Phones, s.Directory.People[7].Phones = nil, []string{phone(5)}
		}, "must be proved again"},
		"hidden id that looks like a number": {func(s *Situation) {
			s.Members[5].Phone, s.Members[5].PhoneAt, s.Members[5].Also = "", time.Time{}, []chat.MemberID{"447700900005@lid"}
		}, "does not know this member"},
		"reinstated": {func(s *Situation) {
			s.Reinstated = []Reinstatement{{Person: pid(5), Leaves: s.Directory.People[5].Leaves, By: "ig-1", Return: []Return{{team, "m5"}}}}
		}, "let in again by ig-1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := world(20)
			dismiss(&s, 5, "2026-11-20")
			if p := Leavers(s); who(p.Removals) != "m5" {
				t.Fatalf("without the interlock %q are removed: %v", who(p.Removals), p.Stopped)
			}
			test.change(&s)
			p := Leavers(s)
			if len(p.Removals) != 0 {
				t.Errorf("%q are removed", who(p.Removals))
			}
			why := strings.Join(p.Stopped, " ")
			for _, x := range p.Waiting {
				why += " " + x.Why
			}
			for _, x := range p.Alarms {
				why += " " + x.Text
			}
			for _, x := range p.Questions {
				why += " " + x.Why
			}
			if !strings.Contains(why, test.want) || test.want == "" && strings.TrimSpace(why) != "" {
				t.Errorf("%q is not in: %s", test.want, why)
			}
		})
	}
}

func leaveAll(s *Situation, from, to int) {
	for i := from; i < to; i++ {
		leave(s, i, "2026-11-18")
	}
}

// A directory that is not trusted is not remembered: it looks as broken the
// next time, until it is mended or two people say that it is right.
func TestBrokenDirectoryIsNotRemembered(t *testing.T) {
	s := world(20)
	whole := s.Directory.People
	dismiss(&s, 5, "2026-11-20")
	s.Directory.People = s.Directory.People[:10]
	before := s.Before
	for range 3 {
		p := turn(&s, time.Hour)
		if len(p.Stopped) == 0 || len(p.Notices)+len(p.Removals) > 0 || len(p.Questions) != 1 || p.Questions[0].People != 2 {
			t.Fatalf("%+v", p)
		}
		if d := cmp.Diff(before.People, p.Memory.People, cmp.Comparer(func(a, b Trace) bool { return a == b })); d != "" {
			t.Fatal(d)
		}
	}
	key := Leavers(s).Questions[0].Key
	s.Approvals = []Approval{{key, "ig-1", s.Now}, {key, "IG-1", s.Now}}
	if p := Leavers(s); len(p.Removals) != 0 {
		t.Error("one person twice is not two")
	}
	yes := s
	yes.Approvals = append(yes.Approvals, Approval{key, "ig-2", s.Now})
	if p := Leavers(yes); who(p.Removals) != "m5" || len(p.Memory.People) != 10 {
		t.Errorf("two people said that it is right: %q, %v", who(p.Removals), p.Stopped)
	}
	s.Directory.People = whole
	if p := Leavers(s); len(p.Stopped) != 0 {
		t.Errorf("mended: %v", p.Stopped)
	}
}

// Above the limits the batch stops whole, and goes when two people said so.
func TestLimits(t *testing.T) {
	s := world(30)
	for i := range 4 {
		s.Chats[0].Members[10+i].Admin = false
	}
	// Four leavers whose dates came in on two days, so that the directory is well.
	leave(&s, 10, "2026-11-20")
	leave(&s, 11, "2026-11-20")
	turn(&s, time.Hour)
	leave(&s, 12, "2026-11-20")
	leave(&s, 13, "2026-11-20")
	turn(&s, 36*time.Hour)
	p := Leavers(s)
	if len(p.Removals) != 0 || len(p.Stopped) != 1 || len(p.Questions) != 1 || len(p.Questions[0].Steps) != 4 {
		t.Fatalf("%q removed, %v, %+v", who(p.Removals), p.Stopped, p.Questions)
	}
	if want := "4 people of 30 would be removed from one chat; more than 3 need two people."; p.Stopped[0] != want {
		t.Errorf("stopped: %q", p.Stopped[0])
	}
	s.Approvals = []Approval{{p.Questions[0].Key, "ig-1", s.Now.Add(-25 * time.Hour)}, {p.Questions[0].Key, "ig-2", s.Now}}
	if p := Leavers(s); len(p.Removals) != 0 {
		t.Error("an approval of the day before yesterday counts")
	}
	s.Approvals = append(s.Approvals, Approval{p.Questions[0].Key, "s012", s.Now})
	strict := s
	strict.Rules.Floor = 0 // so that even one alone is too many
	if p := Leavers(strict); who(p.Removals) != "m10 m11 m13" {
		t.Errorf("%q removed; nobody approves their own removal", who(p.Removals))
	}
	s.Approvals = append(s.Approvals, Approval{p.Questions[0].Key, "ig-3", s.Now})
	if p := Leavers(s); who(p.Removals) != "m10 m11 m12 m13" || len(p.Stopped) != 0 {
		t.Errorf("%q removed, %v", who(p.Removals), p.Stopped)
	}
}

// Ten people within an hour, over all chats; those before count.
func TestHourlyLimit(t *testing.T) {
	s := world(300)
	for i := range 2 {
		dismiss(&s, 20+i, "2026-11-20")
	}
	for i := range 9 {
		s.Removed = append(s.Removed, Removal{Step: Step{Chat: flood, Person: pid(100 + i)}, At: s.Now.Add(-59 * time.Minute)})
	}
	p := Leavers(s)
	if len(p.Removals) != 0 || len(p.Stopped) != 1 || !strings.Contains(p.Stopped[0], "11 people would be removed within an hour") {
		t.Errorf("%q removed, %v", who(p.Removals), p.Stopped)
	}
	s.Now = s.Now.Add(time.Minute)
	if p := Leavers(s); who(p.Removals) != "m20 m21" {
		t.Errorf("an hour later %q, %v", who(p.Removals), p.Stopped)
	}
}

func TestChatKeepsTwoAdministrators(t *testing.T) {
	s := world(10) // 0, 1 and 2 are administrators
	dismiss(&s, 1, "2026-11-20")
	if p := Leavers(s); who(p.Removals) != "m1" {
		t.Errorf("one of three: %q", who(p.Removals))
	}
	dismiss(&s, 2, "2026-11-20")
	dismiss(&s, 7, "2026-11-20")
	p := Leavers(s)
	if who(p.Removals) != "m7" {
		t.Errorf("two of three: %q", who(p.Removals))
	}
	// A bot that administers is no named administrator.
	s = world(10)
	s.Members[0].Bot = true
	dismiss(&s, 1, "2026-11-20")
	if p := Leavers(s); len(p.Removals) != 0 {
		t.Errorf("a bot was counted: %q", who(p.Removals))
	}
}

// A member whom a chat lists under both ids is one member, removed by the id
// that the chat has.
func TestHiddenIDAndNumberAreOneMember(t *testing.T) {
	s := world(10)
	s.Members[5].Also = []chat.MemberID{"hidden-5"}
	s.Chats[0].Members[5].Member = "hidden-5"
	s.Chats[0].Members = append(s.Chats[0].Members, Membership{Member: "m5"})
	dismiss(&s, 5, "2026-11-20")
	p := Leavers(s)
	if len(p.Removals) != 1 || p.Removals[0].Member != "m5" || p.Removals[0].As != "hidden-5" || len(p.Alarms) != 0 {
		t.Errorf("%+v, %+v", p.Removals, p.Alarms)
	}
}

// A row that goes after its leaving date was seen needs a person; one that
// goes without a date is an alarm.
func TestRowsThatGo(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-20")
	turn(&s, time.Hour) // the farewell
	people := append([]Person(nil), s.Directory.People...)
	s.Directory.People = append(people[:5:5], people[7:]...) // 5 and 6 are gone
	s.Now, s.Directory.At = at("2026-11-22 09:00"), at("2026-11-22 08:00")
	p := Leavers(s)
	if len(p.Removals) != 0 || len(p.Questions) != 1 || p.Questions[0].People != 1 || len(p.Alarms) != 1 || p.Alarms[0].Kind != Gone || p.Alarms[0].Member != "m6" {
		t.Fatalf("%q removed, %+v, %+v", who(p.Removals), p.Questions, p.Alarms)
	}
	s.Approvals = []Approval{{p.Questions[0].Key, "ig-1", s.Now.Add(-48 * time.Hour)}}
	if p := Leavers(s); who(p.Removals) != "m5" {
		t.Errorf("approved: %q %v", who(p.Removals), p.Stopped)
	}
}

// Whoever stays after all is told so; the old date does not come back.
func TestLeavingWithdrawn(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-20")
	if p := turn(&s, time.Hour); who(p.Notices) != "m5" {
		t.Fatalf("%+v", p)
	}
	s.Directory.People[5].Leaves = Date{}
	s.Now, s.Directory.At = at("2026-11-25 09:00"), at("2026-11-25 08:00")
	p := turn(&s, time.Hour)
	if len(p.Withdrawn) != 1 || len(p.Removals) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestMatches(t *testing.T) {
	s := world(4)
	s.Members[0].Email, s.Members[0].EmailAt = email(0), longAgo
	s.Members[1].Link, s.Members[1].LinkBy = pid(1), "ig-1"
	s.Members[2].Bot = true
	s.Members[3].PhoneAt = time.Time{}
	list := Matches(s.Directory, s.Members, s.Before)
	var got []string
	for _, x := range list {
		got = append(got, fmt.Sprintf("%s %s %s: %s", x.Member.ID, x.Match.Person, x.Doubt, x.Text))
	}
	want := []string{
		"m0 s000 : Their verified phone, ending 00, is in the directory for s000. Their verified email, ending rg, is in the directory for s000.",
		"m1 s001 : Confirmed by ig-1 to be s001 in the directory. Their verified phone, ending 01, is in the directory for s001.",
		"m3  unverified: " + doubtText[Unverified],
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReinstate(t *testing.T) {
	s := world(10)
	s.Chats = append(s.Chats, Chat{ID: flood, Kind: chat.Emergency, Members: append([]Membership(nil), s.Chats[0].Members...)})
	dismiss(&s, 5, "2026-11-20")
	if p := turn(&s, 15*time.Minute); len(p.Removals) != 2 {
		t.Fatalf("%+v", p)
	}
	back, err := Reinstate(pid(5), s.Removed, "ig-1", s.Now)
	if err != nil {
		t.Fatal(err)
	}
	want := []Return{{team, "m5"}, {flood, "m5"}}
	if d := cmp.Diff(want, back.Return); d != "" || back.Leaves != day("2026-11-20") {
		t.Error(d, back.Leaves)
	}
	// Back in the chats the same date does nothing, and another does.
	s.Reinstated = append(s.Reinstated, back)
	for i := range s.Chats {
		s.Chats[i].Members = append(s.Chats[i].Members, Membership{Member: "m5"})
	}
	s.Now, s.Directory.At = s.Now.Add(2*time.Hour), s.Directory.At.Add(2*time.Hour)
	if p := Leavers(s); len(p.Removals)+len(p.Notices) != 0 {
		t.Errorf("removed again: %+v", p)
	}
	s.Directory.People[5].Leaves = day("2026-11-19")
	if p := Leavers(s); len(p.Removals) != 2 {
		t.Errorf("with another date: %q %v", who(p.Removals), p.Stopped)
	}
	if _, err := Reinstate(pid(6), s.Removed, "ig-1", s.Now); err == nil {
		t.Error("nothing to undo, and no error")
	}
	if _, err := Reinstate(pid(5), s.Removed, "", s.Now); err == nil {
		t.Error("nobody decided, and no error")
	}
}

// Historic leavers of the first directory are dealt with from the second on.
func TestFirstDirectoryIsLearned(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-03-31")
	s.Members[5].PhoneAt = longAgo
	learn(&s)
	p := turn(&s, 24*time.Hour)
	if len(p.Notices) != 0 || !strings.Contains(strings.Join(p.Stopped, " "), "first directory") {
		t.Fatalf("the same list again is taken for the next one: %q %v", who(p.Notices), p.Stopped)
	}
	s.Directory.At = s.Now
	if p = turn(&s, 24*time.Hour); who(p.Notices) != "m5" {
		t.Fatalf("%v %+v", p.Stopped, p.Questions)
	}
	s.Directory.At = s.Now
	if p = turn(&s, 0); who(p.Removals) != "m5" {
		t.Errorf("%q %v", who(p.Removals), p.Stopped)
	}
}

// Of a chat that is only watched it is told what would be done.
func TestWatchedChats(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-19")
	s.Chats[0].Watched = true
	p := turn(&s, 25*time.Hour)
	if len(p.Notices)+len(p.Removals)+len(p.Waiting) != 0 || who(p.Would) != "m5" {
		t.Errorf("%+v", p)
	}
}

// A leaver who says that it is wrong stays until a person has looked.
func TestContested(t *testing.T) {
	s := world(10)
	leave(&s, 5, "2026-11-19")
	turn(&s, 24*time.Hour)
	s.Directory.At = s.Now
	s.Contested = []string{s.Notices[0].Step.Key()}
	p := Leavers(s)
	if len(p.Removals) != 0 || len(p.Questions) != 1 || !strings.Contains(p.Questions[0].Why, "answered the farewell") {
		t.Fatalf("%q %+v", who(p.Removals), p.Questions)
	}
	s.Approvals = []Approval{{Key: p.Questions[0].Key, By: "ig-1", At: s.Now}}
	if p := Leavers(s); who(p.Removals) != "m5" {
		t.Errorf("%v %+v", p.Stopped, p.Questions)
	}
}

// Administrators whom the configuration names count, whatever they are called
// there; a name that fits two counts as one and keeps both.
func TestNamedAdministrators(t *testing.T) {
	for name, c := range map[string]struct {
		names []string
		same  bool // two members show the name Person 5
		want  string
	}{
		"enough":                      {names: []string{"m5", "S006", "Person 7"}, want: "m5"},
		"last two":                    {names: []string{"m5", "person 6"}},
		"by account and id":           {names: []string{"practice/m5", "S006"}},
		"a display name":              {names: []string{"  siân", "S006"}},
		"one that is not there":       {names: []string{"m5", "S006", "Someone Else"}},
		"one name for two":            {names: []string{"Person 5", "S006", "S007"}, same: true, want: "m5"},
		"one name for two, last two":  {names: []string{"Person 5", "S006"}, same: true},
		"one member under two names":  {names: []string{"m5", "S005", "S006"}},
		"others":                      {names: []string{"m6", "m7"}, want: "m5"},
		"nobody is named":             {want: "m5"},
		"a name that the leaver lost": {names: []string{"Person 6", "Person 7"}, want: "m5"},
	} {
		t.Run(name, func(t *testing.T) {
			s := world(10)
			for i := range s.Chats[0].Members {
				s.Chats[0].Members[i].Admin = false
			}
			s.Chats[0].Administrators = c.names
			s.Members[5].Name = "Siân"
			if c.same {
				s.Members[8].Name = "Person 5"
			}
			leave(&s, 5, "2026-11-19")
			turn(&s, 24*time.Hour)
			s.Directory.At = s.Now
			if p := Leavers(s); who(p.Removals) != c.want || (c.want == "") != (len(p.Alarms) > 0 && p.Alarms[0].Kind == LastAdmin) {
				t.Errorf("%q are removed, want %q: %+v", who(p.Removals), c.want, p.Alarms)
			}
		})
	}
}

// The limit of a chat is of the chat as it was: a batch that was within it
// stays within it while it is carried out.
func TestABatchWithinTheLimitStaysWithinIt(t *testing.T) {
	s := world(200)
	leaveAll(&s, 10, 14)
	turn(&s, 24*time.Hour)
	s.Directory.At = s.Now
	p := Leavers(s)
	if len(p.Removals) != 4 {
		t.Fatalf("%q: %v", who(p.Removals), p.Stopped)
	}
	s.Removed = append(s.Removed, Removal{Step: p.Removals[0], At: s.Now})
	s.Chats[0].Members = append(append([]Membership(nil), s.Chats[0].Members[:10]...), s.Chats[0].Members[11:]...)
	if p := Leavers(s); len(p.Removals) != 3 {
		t.Errorf("after the first of four %d are left: %v", len(p.Removals), p.Stopped)
	}
}

// Whoever is removed from a chat of a server is out of its other chats: those keep
// two of their named administrators too.
func TestTheOtherChatsOfAServerKeepTheirAdministrators(t *testing.T) {
	for _, c := range []struct {
		beside [][]string
		want   int
	}{{nil, 1}, {[][]string{{"m5", "m6", "m7"}}, 1}, {[][]string{{"m5", "m6"}}, 0}} {
		s := world(200)
		leaveAll(&s, 5, 6)
		turn(&s, 24*time.Hour)
		s.Directory.At = s.Now
		s.Chats[0].Beside = c.beside
		if p := Leavers(s); len(p.Removals) != c.want || c.want == 0 && (len(p.Alarms) == 0 || p.Alarms[0].Kind != LastAdmin) {
			t.Errorf("%q are removed beside %q: %+v", who(p.Removals), c.beside, p.Alarms)
		}
	}
}
