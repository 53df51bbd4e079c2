package retention

import (
	"strings"
	"testing"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

const good = `schedules:
  - id: team-routine
    title: Routine messages
    chats: {kinds: [team, partner], except: [practice/board]}
    class: routine
    period: 90 days
    disposal: destroy
    cron: 0 2 * * *
    zone: Europe/London
    cap: {messages: 500}
    after_release: 14 days
    owner: Nasreen Malik
    authority: Retention schedule 2026, line 4
    acting: true
  - id: incidents
    chats: {all: true}
    class: incident
    trigger: closed
    period: 7 years
    disposal: transfer
    cron: "@monthly"
    zone: Europe/London
  - id: board
    chats: {only: [practice/board]}
    class: any
    cron: 0 3 * * 0
    zone: Europe/London
`

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%d schedules", len(got))
	}
	a, b, c := got[0], got[1], got[2]
	if a.Trigger != Sent || a.Period != (Period{Days: 90}) || a.Cap.Of(0) != 500 || a.Rest() != (Period{Days: 14}) || !a.Acting || a.When.Zone().String() != "Europe/London" {
		t.Errorf("%+v", a)
	}
	if b.Trigger != Closed || b.Acting || b.Rest() != (Period{Days: 7}) || b.Cap.Of(1000) != 20 || b.String() != "incidents" {
		t.Errorf("%+v", b)
	}
	if !c.Period.IsZero() || c.Disposal != "" {
		t.Errorf("%+v", c)
	}
	board := chat.ID{Account: "practice", Local: "board"}
	if a.Chats.Covers(board, chat.Team) || !c.Chats.Covers(board, chat.Team) || !a.Chats.Covers(rest, chat.Partner) || a.Chats.Covers(rest, chat.Public) {
		t.Error("chats are chosen wrongly")
	}
	if got, err := Read(strings.NewReader("")); got != nil || err != nil {
		t.Errorf("an empty file: %v, %v", got, err)
	}
}

func TestReadReportsEveryFaultAtOnce(t *testing.T) {
	text := `schedules:
  - id: a
    chats: {all: true, kinds: [team]}
    perod: 90 days
    period: 90 fortnights
    disposal: shred
    cron: 0 2 30 2 *
    zone: Europe/London
  - id: a
    chats: {kinds: [staff], only: [board]}
    class: routine
    trigger: read
    period: 90 days
    cron: 0 2 * * *
    zone: Europe/Londn
    cap: {messages: -1, percent: 101}
    acting: true
  - class: routine
    disposal: destroy
    cron: "@hourly"
    zone: UTC
    acting: true
`
	got, err := Read(strings.NewReader(text))
	if err == nil || got != nil {
		t.Fatalf("%v, %v", got, err)
	}
	for _, want := range []string{
		"perod", "all covers every chat", `"90 fortnights" is no period`, `"shred" is none of`, "no such date", "line 2: schedule 1 (a): class",
		"another schedule has this id", `"staff" is no kind`, `"board" is no chat`, `"read" is none of`, "period and disposal belong together",
		`"Europe/Londn" is no time zone`, "line 9: schedule 2 (a): cap: messages", "percent is from", "needs an owner",
		"line 18: schedule 3 (): id", "name some by kinds", "more than once a day", "there is no period, so",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"syntax":     "schedules: [",
		"duplicate":  "schedules:\n  - {id: a, id: b}\n",
		"no list":    "schedules: 7\n",
		"other keys": "schedule: []\n",
		"too large":  "#" + strings.Repeat("x", largest),
	} {
		if got, err := Read(strings.NewReader(text)); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestPeriod(t *testing.T) {
	for text, want := range map[string]Period{
		"": {}, "90 days": {Days: 90}, "1 day": {Days: 1}, "2 weeks": {Days: 14}, "18 months": {Months: 18}, "7 years": {Years: 7}, "1 year  6 months": {Years: 1, Months: 6},
	} {
		p, err := ParsePeriod(text)
		if err != nil || p != want {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
		if again, err := ParsePeriod(p.String()); err != nil || again != p {
			t.Errorf("%q is written %q and read back as %+v, %v", text, p, again, err)
		}
	}
	for _, text := range []string{"90", "days", "90d", "0 days", "-1 days", "+1 days", "1.5 years", "90 fortnights", "201 years", "99999999999999999999 days", "1 day 1 day 1 day 1 day 1 day", "forever"} {
		if p, err := ParsePeriod(text); err == nil || !p.IsZero() {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

func TestPeriodKeepsRatherLonger(t *testing.T) {
	london, err := clock.Zone("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ start, period, want string }{
		{"2026-01-31 12:00", "1 month", "2026-03-03 12:00"},
		{"2028-02-29 12:00", "1 year", "2029-03-01 12:00"},
		{"2026-03-01 12:00", "90 days", "2026-05-30 12:00"},
	} {
		start, err := time.ParseInLocation("2006-01-02 15:04", c.start, london)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.After(start).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.start, c.period, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add("schedules: [{id: a, period: 1 day}]")
	f.Add("schedules:\n- &a {id: x}\n- *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text))
		if err != nil && got != nil {
			t.Fatal("schedules and an error")
		}
		for _, s := range got {
			if s.ID == "" || s.Class == "" || s.When.IsZero() || (s.Acting && (s.Owner == "" || s.Period.IsZero() || s.Disposal == "")) {
				t.Fatalf("accepted: %+v", s)
			}
		}
	})
}

func FuzzPeriod(f *testing.F) {
	f.Add("1 year 6 months")
	f.Add("90 days")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePeriod(text)
		if err != nil || p.IsZero() {
			return
		}
		if again, err := ParsePeriod(p.String()); err != nil || again != p {
			t.Fatalf("%q: %+v, %+v, %v", text, p, again, err)
		}
		start := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
		if !p.After(start).After(start) {
			t.Fatalf("%q is over before it began", text)
		}
	})
}
