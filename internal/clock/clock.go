// Package clock says when scheduled work is due: cron expressions bound to a
// time zone, one run for each local date, and a watch over our own clock.
//
// It holds values and pure functions. It must not read a clock, start a timer
// or store anything: the time is always an argument, and that a run happens
// once is kept by whoever stores its date.
package clock

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"
	_ "time/tzdata" // a zone must be known whatever the machine has installed

	"github.com/robfig/cron/v3"
)

// Schedule is a cron expression in a time zone that comes due at most once on
// a local date. The zero Schedule never comes due.
type Schedule struct {
	expr         string
	zone         *time.Location
	days         *cron.SpecSchedule // evaluated in UTC, where every day has 24 hours: a calendar, not a clock
	hour, minute int
}

// Run is one run of a schedule. Its name is its date: a run of a policy is
// stored once for each date.
type Run struct {
	Date Date
	Slot time.Time // when it came due
	By   Date      // the run that does the work; itself unless the date was missed
}

// Works reports whether this run does the work, rather than being recorded as
// missed and made good by a later one.
func (r Run) Works() bool { return r.By == r.Date }

const (
	longest = 200          // characters of an expression
	fields  = 1<<60 - 1    // the bits of minutes and hours, without the library's mark for "*"
	star    = 1 << 63      // the library's mark for "*"
	far     = 3            // spans of five years in which a date is looked for: 29 February has a gap of eight years
	epoch   = "2000-01-01" // expressions are tried from here
)

// Parse reads a cron expression of five fields (minute, hour, day of the
// month, month, day of the week) or one of @daily, @weekly, @monthly and
// @yearly, for clocks in zone. It refuses what cannot run exactly once on each
// of its dates: several times of a day, intervals (@every), dates that do not
// exist, and a day of the month joined with a day of the week, which cron
// reads as "either".
func Parse(expr string, zone *time.Location) (Schedule, error) {
	refuse := func(why string) (Schedule, error) {
		return Schedule{}, fmt.Errorf("cron expression %q: %s", shorten(expr), why)
	}
	switch {
	case zone == nil || zone == time.Local:
		return refuse("it needs a time zone, such as Europe/London")
	case strings.TrimSpace(expr) == "":
		return refuse("it is empty; \"0 2 * * *\" means every day at 02:00")
	case len(expr) > longest:
		return refuse(fmt.Sprintf("it is longer than %d characters", longest))
	case strings.Contains(expr, "="):
		return refuse("write the time zone in its own field, not in the expression")
	case strings.HasPrefix(strings.TrimSpace(expr), "@every"):
		return refuse("@every begins anew at each start; name a time of day, such as \"0 2 * * *\"")
	}
	spec, err := parse(expr)
	if err != nil {
		return refuse(err.Error())
	}
	if bits.OnesCount64(spec.Hour&fields) != 1 || bits.OnesCount64(spec.Minute&fields) != 1 {
		return refuse("it comes due more than once a day; name one minute and one hour, such as \"0 2 * * *\"")
	}
	if spec.Dom&star == 0 && spec.Dow&star == 0 {
		return refuse("a day of the month together with a day of the week means either of them; write * for one")
	}
	s := Schedule{
		expr: expr, zone: zone, days: spec,
		hour: bits.TrailingZeros64(spec.Hour & fields), minute: bits.TrailingZeros64(spec.Minute & fields),
	}
	start, err := ParseDate(epoch)
	if err != nil {
		return Schedule{}, err
	}
	if _, ok := s.next(start); !ok {
		return refuse("there is no such date, so it would never run")
	}
	return s, nil
}

// parse calls the library, which panics on some expressions.
func parse(expr string) (spec *cron.SpecSchedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("it cannot be read")
		}
	}()
	p := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	got, err := p.Parse(strings.TrimSpace(expr))
	if err != nil {
		return nil, err
	}
	spec, ok := got.(*cron.SpecSchedule)
	if !ok {
		return nil, errors.New("it names no time of day")
	}
	spec.Location = time.UTC
	return spec, nil
}

func shorten(s string) string {
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}

// Zone finds a time zone by its name in the IANA list. The machine's own zone
// ("Local") and the empty name are refused: a schedule must mean the same on
// every machine.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("a time zone is needed, such as Europe/London")
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone; write it as in the IANA list, such as Europe/London", shorten(name))
	}
	return z, nil
}

// IsZero reports whether s was not made by Parse.
func (s Schedule) IsZero() bool { return s.days == nil }

// String gives the expression as it was written.
func (s Schedule) String() string { return s.expr }

// Zone is the time zone in which the schedule's clock hangs.
func (s Schedule) Zone() *time.Location { return s.zone }

// Next gives the first date after d on which the schedule comes due, and when.
// ok is false only where there is none within some fifteen years.
func (s Schedule) Next(d Date) (Date, time.Time, bool) {
	for ok := !s.IsZero(); ok; {
		if d, ok = s.next(d); !ok {
			break
		}
		if slot, exists := s.slot(d); exists {
			return d, slot, true
		}
	}
	return Date{}, time.Time{}, false
}

// Begin gives the date to store as the last run of a schedule that has never
// run: its first run is then the next one to come due after now, and never one
// of the past.
func (s Schedule) Begin(now time.Time) Date {
	if s.IsZero() {
		return Date{}
	}
	d := DateOf(now.In(s.zone)).Add(-2)
	for {
		next, slot, ok := s.Next(d)
		if !ok || slot.After(now) {
			return d
		}
		d = next
	}
}

// Due lists the runs that came due by now after the date last, oldest first:
// one for each date of the schedule. After downtime the newest does the work
// of all, since it plans from what is there then, and the earlier ones are
// recorded as made good by it: sixty missed nights must not spend sixty nights'
// caps in one go. A zero last lists nothing; see Begin.
func (s Schedule) Due(last Date, now time.Time) []Run {
	if s.IsZero() || last.IsZero() {
		return nil
	}
	var runs []Run
	for {
		d, slot, ok := s.Next(last)
		if !ok || slot.After(now) {
			break
		}
		runs = append(runs, Run{Date: d, Slot: slot})
		last = d
	}
	for i := range runs {
		runs[i].By = last
	}
	return runs
}

// next gives the first date after d that the expression names, whether or not
// the zone has that date.
func (s Schedule) next(d Date) (Date, bool) {
	t := d.wall(23, 59).Add(59 * time.Second)
	for range far {
		if n := s.days.Next(t); !n.IsZero() {
			return DateOf(n), true
		}
		t = t.AddDate(5, 0, 0)
	}
	return Date{}, false
}

// slot gives the instant at which date d comes due: the first at which clocks
// in the zone show the time of day or later. So a time in a missing hour comes
// due as soon as that hour is skipped, and one in a doubled hour the first
// time. exists is false where the zone skipped the whole date.
func (s Schedule) slot(d Date) (at time.Time, exists bool) {
	at = first(d.wall(s.hour, s.minute), s.zone)
	if DateOf(at) == d {
		return at, true
	}
	return at, DateOf(first(d.wall(0, 0), s.zone)) == d
}

// first gives the first instant at which clocks in zone show wall, which is
// written as if in UTC, or later.
func first(wall time.Time, zone *time.Location) time.Time {
	t := wall.Add(-48 * time.Hour).In(zone)
	for {
		_, offset := t.Zone()
		start, end := bounds(t)
		at := wall.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			if at.Before(start) {
				at = start
			}
			return at.In(zone)
		}
		t = end
	}
}

// bounds are the beginning and the end of the time around t in which its zone
// keeps one offset; they may be narrower. Where a zone's changes are reckoned by
// its rule and not listed, the library takes every year for 365 days long: on
// the last day of a leap year (2040 is the first in most zones) its end is past.
func bounds(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).In(t.Location())
	}
	return start, end
}
