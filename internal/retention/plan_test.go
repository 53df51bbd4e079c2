package retention

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/hold"
)

var (
	now   = time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	rest  = chat.ID{Account: "practice", Local: "rest-centre"}
	roads = chat.ID{Account: "practice", Local: "roads"}
)

type fataler interface {
	Helper()
	Fatal(...any)
}

func routine(t fataler) Schedule {
	t.Helper()
	zone, err := clock.Zone("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	when, err := clock.Parse("0 2 * * *", zone)
	if err != nil {
		t.Fatal(err)
	}
	return Schedule{
		ID: "team-routine", Title: "routine messages", Chats: Selector{All: true}, Class: "routine", Trigger: Sent, Period: Period{Days: 90},
		Disposal: Destroy, When: when, Owner: "Nasreen Malik", Authority: "Retention schedule 2026, line 4", Acting: true,
	}
}

// message was sent at the same time of day, by London's clocks, some days ago.
func message(id string, days int) Message {
	london, err := clock.Zone("Europe/London")
	if err != nil {
		panic(err)
	}
	return Message{
		Chat: rest, Kind: chat.Team, ID: chat.MessageID(id), Sender: "tom", At: now.In(london).AddDate(0, 0, -days), Class: "routine", Record: NoRecord, Delete: ByBot,
	}
}

func situation(t fataler, m ...Message) Situation {
	t.Helper()
	return Situation{Now: now, Date: clock.DateOf(now), Schedule: routine(t), Holds: hold.NewSet(nil, nil), Messages: m}
}

func held(id string, s hold.Scope) hold.Hold {
	return hold.Hold{ID: id, Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: s, Placed: now.AddDate(0, 0, -3), PlacedBy: "Helen Carrick", Review: clock.Date{Year: 2027, Month: 1, Day: 1}}
}

func TestPlan(t *testing.T) {
	inRest := hold.Scope{Chats: []chat.ID{rest}}
	released := held("9", inRest)
	released.Released, released.ReleasedBy, released.Why = now.AddDate(0, 0, -2), "Nasreen Malik", "over"
	long := routine(t)
	long.ID, long.Title, long.Class, long.Period = "all-seven", "everything", Any, Period{Years: 7}
	longer := long
	longer.ID, longer.Title, longer.Period = "all-three", "three years", Period{Years: 3}
	forever := long
	forever.ID, forever.Period, forever.Disposal = "for-ever", Period{}, ""
	other := routine(t)
	other.ID, other.Title, other.Class = "minutes", "minutes", "minutes"
	with := func(h ...hold.Hold) func(*Situation) {
		return func(s *Situation) { s.Holds = hold.NewSet(h, nil) }
	}
	msg := func(change func(*Message)) func(*Situation) { return func(s *Situation) { change(&s.Messages[0]) } }
	for _, c := range []struct {
		name   string
		days   int
		change func(*Situation)
		way    Way
		reason Reason
		want   string
	}{
		{"its time has come", 91, nil, Goes, Ended, "goes because its 90 days were over on 28 November 2026, no record is due and no hold covers it"},
		{"to the day", 90, nil, Goes, Ended, "goes because its 90 days were over on 29 November 2026, no record is due and no hold covers it"},
		{"one day to go", 89, nil, Stays, Running, "kept until 30 November 2026 because its 90 days are not over"},
		{"a second to go", 90, msg(func(m *Message) { m.At = m.At.Add(time.Second) }), Stays, Running, "kept until 29 November 2026 because its 90 days are not over"},
		{"held", 91, with(held("9", inRest)), Stays, Held, "kept until Nasreen Malik releases hold 9 because hold 9 (Millbrook flood) covers it"},
		{"held twice", 91, with(held("9", inRest), held("12", hold.Scope{All: true})), Stays, Held,
			"kept until Nasreen Malik releases hold 9 and Nasreen Malik releases hold 12 because hold 9 (Millbrook flood) and hold 12 (Millbrook flood) cover it"},
		{"its sender is held", 91, with(held("9", hold.Scope{Members: []hold.Member{{Account: "practice", ID: "tom"}}})), Stays, Held, "kept until Nasreen Malik releases hold 9 because hold 9 (Millbrook flood) covers it"},
		{"another chat is held", 91, with(held("9", hold.Scope{Chats: []chat.ID{roads}})), Goes, Ended, ""},
		{"holds cannot be read", 91, func(s *Situation) { s.Holds = hold.NewSet(nil, errors.New("disk")) }, Stays, Unreadable, "kept until the holds can be read because they cannot be read, and so it counts as held"},
		{"nobody read the holds", 91, func(s *Situation) { s.Holds = hold.Set{} }, Stays, Unreadable, ""},
		{"a release never purges at once", 91, with(released), Stays, Resting, "kept until 4 December 2026 because hold 9 (Millbrook flood) was released on 27 November 2026"},
		{"released and its period is running", 10, with(released), Stays, Running, ""},
		{"released long enough ago", 91, func(s *Situation) {
			s.Holds = hold.NewSet([]hold.Hold{released}, nil)
			s.Schedule.AfterRelease = Period{Days: 2}
		}, Goes, Ended, ""},
		{"no period", 9999, func(s *Situation) { s.Schedule.Period = Period{} }, Stays, Unlimited, "kept until its schedule has a period because its schedule has none"},
		{"no disposal", 91, func(s *Situation) { s.Schedule.Disposal = "" }, Stays, Unlimited, ""},
		{"a disposal nobody knows", 91, func(s *Situation) { s.Schedule.Disposal = "shred" }, Stays, Unlimited, ""},
		{"no time of running", 91, func(s *Situation) { s.Schedule.When = clock.Schedule{} }, Stays, Unlimited, ""},
		{"not classified", 91, msg(func(m *Message) { m.Class = "" }), Stays, Unclassed, "kept until it is classified because its class is not known"},
		{"not classified, any class", 91, func(s *Situation) { s.Schedule.Class = Any; s.Messages[0].Class = "" }, Stays, Unclassed, ""},
		{"any class", 91, func(s *Situation) { s.Schedule.Class = Any; s.Messages[0].Class = "minutes" }, Goes, Ended, ""},
		{"no schedule", 91, msg(func(m *Message) { m.Class = "minutes" }), Stays, Elsewhere, "kept until a schedule covers it because no schedule covers it"},
		{"another schedule's", 91, func(s *Situation) { s.Others = []Schedule{other}; s.Messages[0].Class = "minutes" }, Stays, Elsewhere, "kept until its own schedule disposes of it because the schedule minutes covers it"},
		{"a chat left out", 91, func(s *Situation) { s.Schedule.Chats.Except = []string{"practice/rest-centre"} }, Stays, Elsewhere, ""},
		{"the longer of two schedules", 91, func(s *Situation) { s.Others = []Schedule{long} }, Stays, Longer, "kept until 30 August 2033 because the schedule everything keeps it longer"},
		{"the longest of three, however listed", 91, func(s *Situation) { s.Others = []Schedule{long, longer} }, Stays, Longer, "kept until 30 August 2033 because the schedule everything keeps it longer"},
		{"another schedule without end", 91, func(s *Situation) { s.Others = []Schedule{long, forever} }, Stays, Longer, "kept until somebody sets a period there because the schedule everything keeps it without end"},
		{"no time", 91, msg(func(m *Message) { m.At = time.Time{} }), Stays, Undated, ""},
		{"in the future", -1, nil, Stays, Undated, "kept until its time has come because its time lies in the future"},
		{"still open", 91, func(s *Situation) { s.Schedule.Trigger = Closed }, Stays, Open, "kept until what it belongs to is closed because its period begins only then"},
		{"closed a while ago", 200, func(s *Situation) { s.Schedule.Trigger = Closed; s.Messages[0].Closed = now.AddDate(0, 0, -80) }, Stays, Running, "kept until 9 December 2026 because its 90 days are not over"},
		{"closed long ago", 200, func(s *Situation) { s.Schedule.Trigger = Closed; s.Messages[0].Closed = now.AddDate(0, 0, -91) }, Goes, Ended, ""},
		{"an incident", 91, msg(func(m *Message) { m.Incident = "Millbrook" }), Stays, Incident, "kept until the incident Millbrook is stood down because it is under way in this chat"},
		{"an open prompt", 91, msg(func(m *Message) { m.Prompt, m.Lapses = "p1", now.AddDate(0, 0, 5) }), Stays, Prompted, "kept until the prompt about it is answered, at the latest 4 December 2026 because that is open"},
		{"a prompt without end", 91, msg(func(m *Message) { m.Prompt = "p1" }), Stays, Prompted, "kept until the prompt about it is answered because that is open"},
		{"a record is due", 91, msg(func(m *Message) { m.Record = RecordDue }), Stays, Unrecorded, "kept until the record system gives its receipt because a record of it is due and not filed"},
		{"nobody knows whether a record is due", 91, msg(func(m *Message) { m.Record = "" }), Stays, Unrecorded, ""},
		{"its record is filed", 91, msg(func(m *Message) { m.Record = RecordFiled }), Goes, Ended, ""},
		{"only its sender can delete", 91, msg(func(m *Message) { m.Delete = BySender }), Asks, Ended, "its sender is asked to delete it because its 90 days were over on 28 November 2026 and the platform lets only its sender delete it"},
		{"held, and only its sender can delete", 91, func(s *Situation) { with(held("9", inRest))(s); s.Messages[0].Delete = BySender }, Stays, Held, ""},
		{"nobody can delete", 91, msg(func(m *Message) { m.Delete = ByNobody }), Stays, Fixed, ""},
		{"not known who can delete", 91, msg(func(m *Message) { m.Delete = "" }), Stays, Unsure, ""},
		{"to be transferred", 91, func(s *Situation) { s.Schedule.Disposal = Transfer }, Transfers, Ended, "transferred because its 90 days were over on 28 November 2026 and the archive has not had it yet"},
		{"transferred", 91, func(s *Situation) { s.Schedule.Disposal = Transfer; s.Messages[0].Transferred = true }, Goes, Ended, ""},
		{"listed twice", 91, func(s *Situation) { s.Messages = append(s.Messages, s.Messages[0]) }, Stays, Twice, ""},
		{"one day", 2, func(s *Situation) { s.Schedule.Period = Period{Days: 1} }, Goes, Ended, "goes because its 1 day was over on 28 November 2026, no record is due and no hold covers it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := situation(t, message("m1", c.days))
			if c.change != nil {
				c.change(&s)
			}
			i := Prepare(s).Items[0]
			if i.Way != c.way || i.Reason != c.reason {
				t.Errorf("%s, %s; want %s, %s", i.Way, i.Reason, c.way, c.reason)
			}
			if c.want != "" && i.String() != c.want {
				t.Errorf("%s\nwant %s", i, c.want)
			}
			if i.Way == Stays && (i.Until == "" || i.Because == "") {
				t.Errorf("kept without a word: %+v", i)
			}
		})
	}
}

// Where a message would go, whatever is not known about it or about the
// schedule keeps it.
func TestBlankKeeps(t *testing.T) {
	for name, blank := range map[string]func(*Situation){
		"holds":    func(s *Situation) { s.Holds = hold.Set{} },
		"schedule": func(s *Situation) { s.Schedule = Schedule{} },
		"period":   func(s *Situation) { s.Schedule.Period = Period{} },
		"disposal": func(s *Situation) { s.Schedule.Disposal = "" },
		"chats":    func(s *Situation) { s.Schedule.Chats = Selector{} },
		"class":    func(s *Situation) { s.Schedule.Class = "" },
		"when":     func(s *Situation) { s.Schedule.When = clock.Schedule{} },
		"now":      func(s *Situation) { s.Now = time.Time{} },
		"message": func(s *Situation) {
			s.Messages[0] = Message{Chat: rest, ID: "m1"}
		},
		"at":      func(s *Situation) { s.Messages[0].At = time.Time{} },
		"m class": func(s *Situation) { s.Messages[0].Class = "" },
		"record":  func(s *Situation) { s.Messages[0].Record = "" },
		"delete":  func(s *Situation) { s.Messages[0].Delete = "" },
	} {
		s := situation(t, message("m1", 91))
		if Prepare(s).Count(Goes) != 1 {
			t.Fatal("it stays even with everything known")
		}
		if blank(&s); Prepare(s).Disposed() != 0 {
			t.Errorf("a blank %s does not keep it", name)
		}
	}
}

// draw makes a situation with a bit of everything.
func draw(t *rapid.T) Situation {
	s := situation(t)
	for i := range rapid.IntRange(0, 12).Draw(t, "messages") {
		m := message(fmt.Sprintf("m%d", i), rapid.IntRange(60, 120).Draw(t, "days"))
		m.Chat = rapid.SampledFrom([]chat.ID{rest, roads}).Draw(t, "chat")
		m.Sender = rapid.SampledFrom([]chat.MemberID{"tom", "priya"}).Draw(t, "sender")
		m.Delete = rapid.SampledFrom([]Deletable{ByBot, ByBot, BySender, ByNobody, ""}).Draw(t, "delete")
		m.Record = rapid.SampledFrom([]Record{NoRecord, NoRecord, RecordFiled, RecordDue, ""}).Draw(t, "record")
		if rapid.IntRange(0, 5).Draw(t, "prompted") == 0 {
			m.Prompt = "p1"
		}
		s.Messages = append(s.Messages, m)
	}
	if rapid.Bool().Draw(t, "transfer") {
		s.Schedule.Disposal = Transfer
	}
	var holds []hold.Hold
	for i := range rapid.IntRange(0, 2).Draw(t, "holds") {
		holds = append(holds, held(fmt.Sprint(i), scope(t)))
	}
	s.Holds = hold.NewSet(holds, nil)
	return s
}

func scope(t *rapid.T) hold.Scope {
	return rapid.SampledFrom([]hold.Scope{
		{All: true}, {Chats: []chat.ID{rest}}, {Chats: []chat.ID{roads}}, {Members: []hold.Member{{Account: "practice", ID: "tom"}}},
	}).Draw(t, "scope")
}

func TestNothingHeldIsDisposedOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		for _, i := range Prepare(s).Items {
			covering, _ := s.Holds.Covering(hold.Subject{Chat: i.Chat, Member: i.Sender}, now)
			if len(covering) > 0 && i.Way != Stays {
				t.Fatalf("%s: %s", covering[0], i)
			}
		}
	})
}

// One hold, one prompt or one schedule more never lets go of a message.
func TestMoreReasonsNeverLetGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		before := Prepare(s)
		switch rapid.IntRange(0, 2).Draw(t, "more") {
		case 0:
			holds, _ := s.Holds.All()
			s.Holds = hold.NewSet(append(holds, held("more", scope(t))), nil)
		case 1:
			o := s.Schedule
			o.ID, o.Period = "more", Period{Days: rapid.IntRange(1, 200).Draw(t, "period")}
			s.Others = []Schedule{o}
		default:
			for n := range s.Messages {
				s.Messages[n].Prompt = "more"
			}
		}
		after := Prepare(s)
		for n, i := range after.Items {
			if i.Way != Stays && before.Items[n].Way == Stays {
				t.Fatalf("now %s", i)
			}
		}
		if more, _ := Effect(before, after); more != 0 {
			t.Fatalf("%d more are disposed of", more)
		}
	})
}

// A plan does not depend on the order in which messages were read, nor on
// messages whose period is running; and on everything else it does.
func TestDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		p := Prepare(s)
		again := s
		again.Messages = slices.Clone(s.Messages)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		r.Shuffle(len(again.Messages), func(i, j int) {
			again.Messages[i], again.Messages[j] = again.Messages[j], again.Messages[i]
		})
		again.Now = now.Add(72 * time.Hour)
		young := message("young", 5)
		fresh := message("fresh", -1)
		again.Messages = append(again.Messages, young, fresh)
		if err := Compare(p, Recheck(p, again)); err != nil {
			t.Fatalf("order, time or talk made a difference: %v", err)
		}
		n := len(s.Messages)
		if n == 0 {
			return
		}
		k := rapid.IntRange(0, n-1).Draw(t, "which")
		over := !routine(t).Period.After(s.Messages[k].At).After(now)
		changed := s
		changed.Messages = slices.Clone(s.Messages)
		m := &changed.Messages[k]
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			m.Revision++
		case 1:
			changed.Messages = slices.Delete(changed.Messages, k, k+1)
		case 2:
			holds, _ := s.Holds.All()
			changed.Holds = hold.NewSet(append(slices.Clone(holds), held("new", hold.Scope{Chats: []chat.ID{m.Chat}})), nil)
			over = over || slices.ContainsFunc(s.Messages, func(x Message) bool { return x.Chat == m.Chat && !x.At.AddDate(0, 0, 90).After(now) })
		default:
			m.ID += "x"
		}
		err := Compare(p, Recheck(p, changed))
		if (err != nil) != over {
			t.Fatalf("period over: %v; difference: %v", over, err)
		}
		var c *Changed
		if err != nil && (!errors.As(err, &c) || len(c.Differences) == 0 || c.Settings) {
			t.Fatalf("a difference that nobody can name: %#v", err)
		}
	})
}

func TestDigestKnowsTheSettings(t *testing.T) {
	s := situation(t, message("m1", 91))
	p := Prepare(s)
	for name, change := range map[string]func(*Schedule){
		"period": func(s *Schedule) { s.Period.Days-- }, "acting": func(s *Schedule) { s.Acting = false }, "owner": func(s *Schedule) { s.Owner = "Tom" },
		"cap": func(s *Schedule) { s.Cap.Messages = 9 }, "chats": func(s *Schedule) { s.Chats.Only = []string{"a/b"} }, "authority": func(s *Schedule) { s.Authority = "none" },
		"rest": func(s *Schedule) { s.AfterRelease = Period{Days: 1} }, "disposal": func(s *Schedule) { s.Disposal = Transfer },
		"zone": func(s *Schedule) { z, _ := clock.Zone("UTC"); s.When, _ = clock.Parse(s.When.String(), z) },
	} {
		o := s
		change(&o.Schedule)
		var c *Changed
		if err := Compare(p, Recheck(p, o)); !errors.As(err, &c) || !c.Settings {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := Short(p.Digest()); len(got) != 9 || got[4] != ' ' {
		t.Errorf("short digest %q", got)
	}
}

func TestKeptRequestsAndCalendar(t *testing.T) {
	var ms []Message
	for n := range 6 {
		m := message(fmt.Sprintf("m%d", n), 91+n)
		m.Delete = BySender
		m.Sender = []chat.MemberID{"tom", "priya"}[n%2]
		ms = append(ms, m)
	}
	for n := range 3 {
		ms = append(ms, message(fmt.Sprintf("y%d", n), 88))
	}
	h := message("h", 91)
	h.Chat = roads
	s := situation(t, append(ms, h)...)
	s.Holds = hold.NewSet([]hold.Hold{held("9", hold.Scope{Chats: []chat.ID{roads}})}, nil)
	p := Prepare(s)
	want := []Request{
		{rest, "priya", []chat.MessageID{"m5", "m3", "m1"}},
		{rest, "tom", []chat.MessageID{"m4", "m2", "m0"}},
	}
	if d := cmp.Diff(want, p.Requests()); d != "" {
		t.Error(d)
	}
	left := want[0].Left(func(_ chat.ID, m chat.MessageID) bool { return m == "m3" })
	if d := cmp.Diff([]chat.MessageID{"m5", "m1"}, left); d != "" {
		t.Error(d)
	}
	kept := p.Kept()
	if len(kept) != 2 || kept[0].Count != 3 || kept[0].Reason != Running || kept[1].Reason != Held {
		t.Errorf("%+v", kept)
	}
	var days []string
	for _, d := range p.Calendar(now.AddDate(0, 0, 4)) {
		days = append(days, fmt.Sprintf("%s %d %d", d.Slot.Format("2 Jan"), d.Goes, d.Held))
	}
	if d := cmp.Diff("30 Nov 6 1, 1 Dec 3 0, 2 Dec 0 0, 3 Dec 0 0", strings.Join(days, ", ")); d != "" {
		t.Error(d)
	}
}

func TestOwn(t *testing.T) {
	own, wrong := ReadOwn(map[string]string{"findings": "60 days", "prompts": "1 year"})
	if len(wrong) > 0 || own[Findings].Days != 60 || own[Prompts].Years != 1 || own[Arrivals] != DefaultOwn()[Arrivals] {
		t.Errorf("%v %v", own, wrong)
	}
	for _, c := range []struct{ kind, period, says string }{
		{"finding", "60 days", "no kind"}, {"findings", "", "name a period"}, {"findings", "sixty days", "no period"}, {"undo", "3 days", "always 30 days"},
	} {
		if _, wrong := ReadOwn(map[string]string{c.kind: c.period}); len(wrong) != 1 || !strings.Contains(wrong[0], c.says) {
			t.Errorf("%s: %q is answered with %q", c.kind, c.period, wrong)
		}
	}
	noon := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	if got, want := own.Before(Findings, noon), time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("findings of before %s go, want %s", got, want)
	}
}
