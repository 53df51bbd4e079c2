package console

import (
	"net/http"
	"strings"
	"time"

	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

// waiting is what the navigation counts.
type waiting struct{ holds, runs, breaches int }

// waits counts what waits for a person. What cannot be read its own page
// tells.
func (c *Console) waits(r *http.Request) (n waiting) {
	if c.o.Calls == nil {
		return n
	}
	if all, err := c.allHolds(r); err == nil {
		for _, h := range all {
			if h.ReviewDue && h.Released == nil {
				n.holds++
			}
		}
	}
	if all, err := ask[[]breachView](c, r, "breach.pending", nil); err == nil {
		for _, b := range all {
			if m := b.Mark(); m == "serious" || m == "caution" {
				n.breaches++
			}
		}
	}
	if runs, err := ask[[]runView](c, r, "retention.pending", nil); err == nil {
		for _, run := range runs {
			if run.Waits() {
				n.runs++
			}
		}
	}
	return n
}

// disposal looks at holds, runs and what became of calls, and puts what wants
// somebody on the page.
func (p *todayPage) disposal(c *Console, r *http.Request) error {
	if c.o.Calls == nil {
		return nil
	}
	all, err := c.allHolds(r)
	if err != nil {
		return err
	}
	due, active := 0, 0
	for _, h := range all {
		if h.Released != nil {
			continue
		}
		if active++; !h.ReviewDue {
			continue
		}
		due++
		p.Soon = append(p.Soon, item{
			Mark: "note", Kind: "Hold", Title: h.Matter + ": review the hold", Fact: "Still needed? It covers " + h.Covers() + ".",
			Button: "Review this hold", Path: path("holds", h.ID), Owner: h.Owner, Due: dated(h.Review).Format("Mon 2 Jan 2006"),
		})
	}
	if due == 0 {
		p.Clear = append(p.Clear, item{Kind: "Holds", Fact: map[bool]string{true: "none in force", false: number(int64(active)) + " in force, no review due"}[active == 0]})
	}
	if err := p.runs(c, r); err != nil {
		return err
	}
	if err := p.leavers(c, r); err != nil {
		return err
	}
	if err := p.joining(c, r); err != nil {
		return err
	}
	if err := p.breaches(c, r); err != nil {
		return err
	}
	unsure, err := ask[[]unsureView](c, r, "unsure.list", nil)
	if err != nil {
		return err
	}
	p.look(len(unsure), item{Mark: "caution", Kind: "Unknown", Title: count(len(unsure), "call has", "calls have") + " an outcome that nobody knows",
		Fact: "Each was interrupted. Look at it in its chat.", Button: "Open the list", Path: "/unknown"}, "Outcomes", "all known")
	return nil
}

// runs puts the runs that wait for people, or were stopped, on the page, and
// the next seven days.
func (p *todayPage) runs(c *Console, r *http.Request) error {
	pending, err := ask[[]runView](c, r, "retention.pending", nil)
	if err != nil {
		return err
	}
	all, err := c.schedules(r)
	if err != nil {
		return err
	}
	byID := map[string]scheduleView{}
	for _, s := range all {
		byID[s.ID] = s
	}
	waits := 0
	for _, run := range pending {
		s := byID[run.Schedule]
		why, _, _ := strings.Cut(run.Why, "; the first is")
		it := item{Kind: "Disposal", Fact: capital(why) + ".", Path: path("disposals", run.Schedule, run.Date), Owner: s.Owner}
		of := " of " + dated(run.Date).Format("2 January") + ", " + or(s.Name(), run.Schedule)
		switch {
		case run.State == retention.Stopped:
			it.Mark, it.Title, it.Button = "caution", "Stopped: the run"+of, "See why it stopped"
			p.Items = append(p.Items, it)
			continue
		case run.State != retention.Planned:
			continue
		}
		waits++
		it.Mark, it.Button, it.Title = "note", "Read the plan", "The run"+of+" waits"
		if run.Waits() {
			it.Title = map[bool]string{true: "A second person is needed for the run", false: "Two people are needed for the run"}[len(run.Approvals) > 0] + of
			it.Fact = counted(run.Disposes, "message", "messages") + ". " + it.Fact
		}
		if !s.Next.IsZero() {
			it.Due = s.Next.In(c.o.Zone).Format("Mon 2 Jan 2006, 15:04")
		}
		p.Soon = append(p.Soon, it)
	}
	if waits == 0 {
		p.Clear = append(p.Clear, item{Kind: "Disposals", Fact: "no run waits for people"})
	}
	if len(all) == 0 {
		return nil
	}
	return p.week(c, r, all)
}

// week is the next seven days.
func (p *todayPage) week(c *Console, r *http.Request, all []scheduleView) error {
	now := c.o.Now().In(c.o.Zone)
	first := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, c.o.Zone)
	days := map[clock.Date]*calendarDay{}
	for n := range 7 {
		d := clock.DateOf(first.AddDate(0, 0, n))
		p.Days = append(p.Days, calendarDay{Date: d, At: dated(d), In: true, Today: n == 0})
	}
	for i := range p.Days {
		days[p.Days[i].Date] = &p.Days[i]
	}
	return c.fill(r, all, days, first.AddDate(0, 0, 7))
}

// leavers puts on the page what is asked about leavers. That no directory is
// set up is nobody's task.
func (p *todayPage) leavers(c *Console, r *http.Request) error {
	l, err := ask[leaversView](c, r, "leavers.list", nil)
	if err != nil {
		if strings.Contains(err.Error(), "no directory is configured") {
			return nil
		}
		return err
	}
	it := item{Mark: "caution", Kind: "Leavers", Button: "Decide on them", Path: "/people"}
	steps := 0
	for _, q := range l.Questions {
		steps += len(q.Steps)
		it.Fact = capital(q.Why)
	}
	if it.Title = counted(len(l.Questions), "question about leavers waits", "questions about leavers wait"); len(l.Questions) > 1 {
		it.Fact = counted(steps, "membership", "memberships") + " in all. Nobody unknown is removed."
	}
	p.look(len(l.Questions), it, "Leavers", "no question waits")
	if len(l.Stopped) > 0 && !strings.HasPrefix(l.Stopped[0], "This is the first directory") { // which is nobody's task
		p.Items = append(p.Items, item{Mark: "caution", Kind: "Leavers", Title: "Nobody is removed now", Fact: capital(l.Stopped[0]), Button: "See why", Path: "/people"})
	}
	if len(l.Alarms) > 0 {
		p.Soon = append(p.Soon, item{
			Mark: "note", Kind: "Members", Title: counted(len(l.Alarms), "member wants", "members want") + " somebody’s look",
			Fact: "The bot leaves them alone: " + capital(l.Alarms[0].Kinds()) + ", for one.", Button: "Look at them", Path: "/people#alarms",
		})
	}
	return nil
}
