package console

import (
	"net/http"
	"slices"
	"time"

	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

// calendar is what is disposed of on the days of a month, from the plans of
// now and the runs that were.
type calendar struct {
	Month        time.Time // its first day
	Before, Next string    // the months beside it, as addresses write them
	Weeks        []week
	Day          *calendarDay // the day that was chosen
	Ahead        bool         // some of it lies in the future
}

type week struct {
	First time.Time
	Days  []calendarDay
}

// calendarDay is one day, and what each schedule does on it.
type calendarDay struct {
	Date        clock.Date
	At          time.Time // its noon, for its name
	In          bool      // it belongs to the month
	Today       bool
	Chosen      bool
	Goes        int // will go, by what is known now
	Held        int // would go, and a hold keeps it
	Gone        int // was disposed of
	Waiting     int // runs that wait for people
	Events      []calendarEvent
	MonthsFirst bool
}

// calendarEvent is what one schedule does on a day.
type calendarEvent struct {
	Schedule, Title string
	Slot            time.Time
	Goes, Held      int
	Acting          bool
	Run             *runView // where there is one already
}

// Level is how dark a day is shown.
func (d calendarDay) Level() string {
	switch n := d.Goes + d.Gone; {
	case n == 0:
		return ""
	case n < 150:
		return "l1"
	case n < 300:
		return "l2"
	case n < 500:
		return "l3"
	}
	return "l4"
}

// Told reports whether a number stands on the day.
func (d calendarDay) Told() bool { return d.Goes+d.Gone+d.Held+d.Waiting > 0 }

// Label is the day read aloud.
func (d calendarDay) Label() string {
	s := d.At.Format("Monday 2 January") + ": "
	switch {
	case d.Gone > 0 && d.Goes > 0:
		s += counted(d.Gone, "message", "messages") + " disposed of, " + number(int64(d.Goes)) + " more will be"
	case d.Gone > 0:
		s += counted(d.Gone, "message", "messages") + " disposed of"
	case d.Goes > 0:
		s += counted(d.Goes, "message", "messages") + " will go"
	case d.Held > 0:
	case len(d.Events) > 0:
		s += "a run with nothing due"
	}
	if d.Held > 0 {
		if d.Goes+d.Gone > 0 {
			s += ", "
		}
		s += number(int64(d.Held)) + " held"
	}
	if d.Waiting > 0 {
		s += ", waits for people"
	}
	return s
}

// aheadView is what a schedule will find on a coming date.
type aheadView struct {
	Schedule string    `json:"schedule"`
	Acting   bool      `json:"acting"`
	Slot     time.Time `json:"slot"`
	Goes     int       `json:"goes"`
	Held     int       `json:"held"`
}

// month reads which month a page asks for; this one where it names none.
func (c *Console) month(r *http.Request) time.Time {
	at := c.o.Now().In(c.o.Zone)
	if m, err := time.ParseInLocation("2006-01", r.URL.Query().Get("month"), c.o.Zone); err == nil {
		at = m
	} else if d, err := clock.ParseDate(r.URL.Query().Get("day")); err == nil {
		at = dated(d)
	}
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, c.o.Zone)
}

func (c *Console) calendar(r *http.Request, all []scheduleView) (calendar, error) {
	first := c.month(r)
	cal := calendar{Month: first, Before: first.AddDate(0, -1, 0).Format("2006-01"), Next: first.AddDate(0, 1, 0).Format("2006-01")}
	monday := first.AddDate(0, 0, -(int(first.Weekday())+6)%7)
	after := first.AddDate(0, 1, 0)
	chosen, _ := clock.ParseDate(r.URL.Query().Get("day")) // none is chosen where it is no date
	today := clock.DateOf(c.o.Now().In(c.o.Zone))
	days := map[clock.Date]*calendarDay{}
	for at := monday; at.Before(after); at = at.AddDate(0, 0, 7) {
		w := week{First: at}
		for n := range 7 {
			day := at.AddDate(0, 0, n)
			d := clock.DateOf(day)
			w.Days = append(w.Days, calendarDay{
				Date: d, At: dated(d), In: day.Month() == first.Month(), Today: d == today, Chosen: d == chosen, MonthsFirst: d.Day == 1 || at.Equal(monday) && n == 0,
			})
		}
		for i := range w.Days {
			days[w.Days[i].Date] = &w.Days[i]
		}
		cal.Weeks = append(cal.Weeks, w)
	}
	if err := c.fill(r, all, days, after.AddDate(0, 0, 7)); err != nil {
		return cal, err
	}
	cal.Day = days[chosen]
	return cal, nil
}

// fill puts what was and what will be into the days.
func (c *Console) fill(r *http.Request, all []scheduleView, days map[clock.Date]*calendarDay, until time.Time) error {
	titles := map[string]string{}
	for _, s := range all {
		titles[s.ID] = s.Name()
		for i := range s.Runs {
			run := s.Runs[i]
			d := days[clock.DateOf(run.Slot.In(c.o.Zone))]
			if d == nil {
				continue
			}
			d.Events = append(d.Events, calendarEvent{Schedule: s.ID, Title: s.Name(), Slot: run.Slot, Acting: s.Acting, Run: &run})
			d.Gone += run.Of(retention.Destroyed, retention.Transferred, retention.SenderDid)
			if run.State == retention.Planned || run.State == retention.Underway {
				d.Goes += run.Disposes
			}
			if run.Waits() {
				d.Waiting++
			}
		}
	}
	ahead, err := ask[[]aheadView](c, r, "retention.calendar", map[string]time.Time{"until": until})
	if err != nil {
		return err
	}
	for _, a := range ahead {
		d := days[clock.DateOf(a.Slot.In(c.o.Zone))]
		if d == nil {
			continue
		}
		d.Events = append(d.Events, calendarEvent{Schedule: a.Schedule, Title: or(titles[a.Schedule], a.Schedule), Slot: a.Slot, Goes: a.Goes, Held: a.Held, Acting: a.Acting})
		if a.Acting {
			d.Goes += a.Goes
			d.Held += a.Held
		}
	}
	for _, d := range days {
		slices.SortStableFunc(d.Events, func(x, y calendarEvent) int { return x.Slot.Compare(y.Slot) })
	}
	return nil
}
