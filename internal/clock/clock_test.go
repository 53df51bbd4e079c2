package clock

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t testing.TB, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func schedule(t testing.TB, expr, zoneName string) Schedule {
	t.Helper()
	s, err := Parse(expr, zone(t, zoneName))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseRefuses(t *testing.T) {
	london := zone(t, "Europe/London")
	for _, c := range []struct {
		expr string
		zone *time.Location
		want string
	}{
		{"0 2 * * *", nil, "needs a time zone"},
		{"0 2 * * *", time.Local, "needs a time zone"},
		{"", london, "is empty"},
		{"   ", london, "is empty"},
		{"TZ=Europe/London", london, "time zone in its own field"},
		{"CRON_TZ=Europe/London 0 2 * * *", london, "time zone in its own field"},
		{"@every 24h", london, "begins anew at each start"},
		{"@hourly", london, "more than once a day"},
		{"* * * * *", london, "more than once a day"},
		{"0 * * * *", london, "more than once a day"},
		{"0,30 2 * * *", london, "more than once a day"},
		{"0 */12 * * *", london, "more than once a day"},
		{"0 2 30 2 *", london, "no such date"},
		{"0 2 31 4,6,9,11 *", london, "no such date"},
		{"0 2 1-7 * 1", london, "either of them"},
		{"0 2 * * 7", london, "above maximum"},
		{"0 2 L * *", london, "L"},
		{"0 2 * *", london, "fields"},
		{"0 0 2 * * *", london, "fields"},
		{"@fortnightly", london, "@fortnightly"},
		{"60 2 * * *", london, "above maximum"},
		{strings.Repeat("0,", 200) + "0 2 * * *", london, "longer than 200"},
	} {
		s, err := Parse(c.expr, c.zone)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%q) = %v; want an error with %q", c.expr, err, c.want)
		}
		if !s.IsZero() || s.Due(date(t, "2026-01-01"), time.Now()) != nil {
			t.Errorf("Parse(%q): what was refused comes due all the same", c.expr)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "Local", "Europe/Londn", "BST", "../../etc/passwd", "GMT+1"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("Zone(%q) was accepted", name)
		}
	}
	zone(t, "UTC")
	zone(t, "Europe/London")
}

func TestSlot(t *testing.T) {
	for _, c := range []struct{ name, expr, zone, date, want string }{
		{"plain", "0 2 * * *", "Europe/London", "2027-01-10", "2027-01-10T02:00:00Z"},
		{"summer", "0 2 * * *", "Europe/London", "2027-07-10", "2027-07-10T01:00:00Z"},
		{"missing hour runs after it", "30 1 * * *", "Europe/London", "2027-03-28", "2027-03-28T01:00:00Z"},
		{"end of the missing hour", "0 2 * * *", "Europe/London", "2027-03-28", "2027-03-28T01:00:00Z"},
		{"doubled hour runs the first time", "30 1 * * *", "Europe/London", "2027-10-31", "2027-10-31T00:30:00Z"},
		{"after the doubled hour", "0 2 * * *", "Europe/London", "2027-10-31", "2027-10-31T02:00:00Z"},
		{"before the doubled hour", "59 0 * * *", "Europe/London", "2027-10-31", "2027-10-30T23:59:00Z"},
		{"midnight that does not exist", "0 0 * * *", "Africa/Cairo", "2027-04-30", "2027-04-29T22:00:00Z"},
		{"half an hour", "15 2 * * *", "Australia/Lord_Howe", "2027-10-03", "2027-10-02T15:30:00Z"},
		{"missing last hour of a date", "30 23 * * *", "America/Nuuk", "2027-03-27", "2027-03-28T01:00:00Z"},
		{"midnight twice", "30 23 * * *", "America/Asuncion", "2024-03-23", "2024-03-24T02:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schedule(t, c.expr, c.zone)
			d, slot, ok := s.Next(date(t, c.date).Add(-1))
			if !ok || d != date(t, c.date) {
				t.Fatalf("the next date is %v, want %s", d, c.date)
			}
			if got := slot.UTC().Format(time.RFC3339); got != c.want {
				t.Errorf("slot %s, want %s", got, c.want)
			}
		})
	}
}

func TestSkippedDate(t *testing.T) {
	s := schedule(t, "0 2 * * *", "Pacific/Apia") // 30 December 2011 did not happen there
	d, _, _ := s.Next(date(t, "2011-12-29"))
	if want := date(t, "2011-12-31"); d != want {
		t.Errorf("next date %v, want %v", d, want)
	}
}

func TestLeapDayAcrossCentury(t *testing.T) {
	s := schedule(t, "0 2 29 2 *", "Europe/London")
	d, _, ok := s.Next(date(t, "2096-02-29"))
	if !ok || d != date(t, "2104-02-29") {
		t.Errorf("after 29 February 2096 comes %v, %v", d, ok)
	}
}

// Beyond the listed changes of a zone the library takes every year for 365 days.
func TestTheLastDayOfALeapYearHasARunToo(t *testing.T) {
	for _, zone := range []string{"Europe/London", "Pacific/Auckland", "America/St_Johns"} {
		s := schedule(t, "0 2 * * *", zone)
		d := date(t, "2040-12-27")
		for _, want := range []string{"2040-12-28", "2040-12-29", "2040-12-30", "2040-12-31", "2041-01-01", "2041-01-02"} {
			next, slot, ok := s.Next(d)
			if !ok || next != date(t, want) || slot.Format("2006-01-02 15:04") != want+" 02:00" {
				t.Errorf("%s: after %v comes %v at %v, want %s", zone, d, next, slot, want)
			}
			d = next
		}
	}
}

func TestDueAfterDowntime(t *testing.T) {
	s := schedule(t, "30 1 * * *", "Europe/London")
	now := time.Date(2027, 3, 29, 8, 0, 0, 0, time.UTC)
	got := s.Due(date(t, "2027-03-26"), now)
	var lines []string
	for _, r := range got {
		lines = append(lines, r.Date.String()+" by "+r.By.String())
		if r.Works() != (r.Date == date(t, "2027-03-29")) {
			t.Errorf("%v: Works is %v", r.Date, r.Works())
		}
	}
	want := []string{"2027-03-27 by 2027-03-29", "2027-03-28 by 2027-03-29", "2027-03-29 by 2027-03-29"}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
	if again := s.Due(date(t, "2027-03-29"), now); again != nil {
		t.Errorf("due a second time: %v", again)
	}
	if back := s.Due(date(t, "2027-03-29"), now.AddDate(0, -1, 0)); back != nil {
		t.Errorf("due on a clock that went back: %v", back)
	}
}

func TestBeginNeverRunsAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exprs := []string{"0 2 * * *", "30 1 * * 0", "0 0 1 * *", "59 23 29 2 *"}
		z := rapid.SampledFrom([]string{"Europe/London", "Africa/Cairo", "Pacific/Kiritimati", "America/Nuuk"}).Draw(t, "zone")
		loc, err := Zone(z)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(rapid.SampledFrom(exprs).Draw(t, "expr"), loc)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 2_100_000_000).Draw(t, "now"), 0)
		last := s.Begin(now)
		if runs := s.Due(last, now); runs != nil {
			t.Fatalf("due at once: %v", runs)
		}
		_, slot, ok := s.Next(last)
		if !ok || !slot.After(now) {
			t.Fatalf("the first run is at %v, now is %v", slot, now)
		}
		if runs := s.Due(last, slot); len(runs) != 1 || !runs[0].Works() {
			t.Fatalf("at its slot: %v", runs)
		}
	})
}

func TestDateText(t *testing.T) {
	for _, s := range []string{"", "2027-02-28", "2028-02-29"} {
		var d Date
		if err := d.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if b, _ := d.MarshalText(); string(b) != s {
			t.Errorf("%q came back as %q", s, b)
		}
	}
	for _, s := range []string{"2027-02-29", "28/03/2027", "2027-3-1"} {
		if _, err := ParseDate(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"0 2 * * *", "TZ=Europe/London", "TZ= ", "CRON_TZ=UTC 0 2 * * *", "0 0 30 2 *", "@every 1s", "@daily", "@hourly", "",
		"0 2 29 2 *", "*/60 2 * * *", "0-0/0 2 * * *", "0 2 ? * SUN", "0 2 * JAN *", "1-0 2 * * *", "0 2 31 2-3 *", "+1 2 * * *",
	} {
		f.Add(s)
	}
	london := zone(f, "Europe/London")
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := Parse(expr, london)
		if err != nil {
			return
		}
		last := Date{2027, 3, 1}
		for range 5 {
			d, slot, ok := s.Next(last)
			if !ok || !last.Before(d) {
				t.Fatalf("%q: after %v comes %v, %v", expr, last, d, ok)
			}
			if n := len(s.Due(last, slot)); n != 1 {
				t.Fatalf("%q: %d runs at the slot of %v", expr, n, d)
			}
			last = d
		}
	})
}
