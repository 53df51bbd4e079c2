package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

func (c *Console) retentionRoutes() []Route {
	return []Route{
		{"GET /disposals", access.See, c.disposals},
		{"GET /disposals/{schedule}", access.See, c.schedule},
		{"GET /disposals/{schedule}/messages", access.See, c.messages},
		{"GET /disposals/{schedule}/messages.csv", access.Export, c.messagesCSV},
		{"POST /disposals/{schedule}/run", access.Dispose, c.beginRun},
		{"GET /disposals/{schedule}/{date}", access.See, c.run},
		{"GET /disposals/{schedule}/{date}/messages", access.See, c.messages},
		{"GET /disposals/{schedule}/{date}/messages.csv", access.Export, c.messagesCSV},
		{"GET /disposals/{schedule}/{date}/certificate.json", access.Export, c.certificate},
		{"POST /disposals/{schedule}/{date}/approve", access.Dispose, c.approveRun},
		{"POST /disposals/{schedule}/{date}/stop", access.Stop, c.stopRun},
		{"POST /disposals/{schedule}/{date}/undo", access.Dispose, c.undoRun},
		{"POST /disposals/{schedule}/{date}/purge", access.Dispose, c.purgeRun},
	}
}

// scheduleView is a schedule as pages show it.
type scheduleView struct {
	ID           string    `json:"id"`
	Title        string    `json:"title"`
	Class        string    `json:"class"`
	Period       string    `json:"period"`
	Disposal     string    `json:"disposal"`
	Acting       bool      `json:"acting"`
	Next         time.Time `json:"next"`
	Trigger      string    `json:"trigger"`
	Cron         string    `json:"cron"`
	Zone         string    `json:"zone"`
	Owner        string    `json:"owner"`
	Authority    string    `json:"authority"`
	AfterRelease string    `json:"after_release"`
	Cap          string    `json:"cap"`
	Where        string    `json:"where"`
	Runs         []runView `json:"runs"`
}

// Name is what people call the schedule.
func (s scheduleView) Name() string { return or(s.Title, s.ID) }

// Disposes says in one sentence what the schedule does.
func (s scheduleView) Disposes() string {
	of := s.Class + " messages"
	if s.Class == string(retention.Any) {
		of = "messages of every class"
	}
	if s.Period == "" || s.Disposal == "" {
		return capital(of) + " in " + s.Where + " have no period: nothing is disposed of."
	}
	from := "after they were sent"
	if s.Trigger == string(retention.Closed) {
		from = "after what they belong to was closed"
	}
	end := "destroyed"
	if s.Disposal == string(retention.Transfer) {
		end = "transferred to the archive"
	}
	return capital(of) + " in " + s.Where + " are kept " + s.Period + " " + from + ", then " + end + "."
}

// Comes says in words when runs come due.
func (s scheduleView) Comes() string {
	if s.Cron == "" {
		return "It is no longer in the configuration."
	}
	return capital(cronWords(s.Cron)) + ", " + strings.ReplaceAll(s.Zone, "_", " ") + " time"
}

// runView is a run as pages show it.
type runView struct {
	Schedule    string                 `json:"schedule"`
	Date        clock.Date             `json:"date"`
	State       retention.State        `json:"state"`
	Slot        time.Time              `json:"slot"`
	MadeGood    clock.Date             `json:"made_good_by"`
	Plan        string                 `json:"plan"`
	Disposes    int                    `json:"disposes"`
	Needs       int                    `json:"needs"`
	Approvals   []retention.Approval   `json:"approvals"`
	Why         string                 `json:"why"`
	Started     time.Time              `json:"started"`
	Ended       time.Time              `json:"ended"`
	Certificate *retention.Certificate `json:"certificate"`
	Digest      string                 `json:"certificate_digest"`
	Title       string                 `json:"-"` // of its schedule, where a list names several
}

// Waits reports whether the run waits for people.
func (r runView) Waits() bool { return r.State == retention.Planned && len(r.Approvals) < r.Needs }

// Mark is the sign of the run's state.
func (r runView) Mark() string {
	switch r.State {
	case retention.Planned:
		return "caution"
	case retention.Stopped:
		return "serious"
	case retention.Finished:
		return "done"
	}
	return "note"
}

// Says is how far the run is, in a few words.
func (r runView) Says() string {
	switch r.State {
	case retention.Planned:
		switch {
		case r.Waits() && len(r.Approvals) > 0:
			return "Waits for a second person"
		case r.Waits():
			return "Waits for two people"
		}
		return "Waits"
	case retention.Underway:
		return "Under way"
	case retention.Stopped:
		return "Stopped"
	case retention.Finished:
		return "Finished"
	case retention.MadeGood:
		return "Missed, made good by the run of " + dated(r.MadeGood).Format("2 January 2006")
	}
	return string(r.State)
}

// Told reports whether lists name the run: it waits, is under way, was stopped
// or had something to do.
func (r runView) Told() bool {
	return r.State == retention.Planned || r.State == retention.Underway || r.State == retention.Stopped ||
		r.Certificate != nil && len(r.Certificate.Counts) > 0
}

// Words says how a disposal ended, at the beginning of a row.
func (r runView) Words(o string) string { return capital(outcomeWords(retention.Outcome(o))) }

// Of is how many messages the run led to one of the outcomes.
func (r runView) Of(outcomes ...retention.Outcome) int {
	n := 0
	if r.Certificate != nil {
		for _, c := range r.Certificate.Counts {
			if slices.Contains(outcomes, retention.Outcome(c.What)) {
				n += c.N
			}
		}
	}
	return n
}

// Result is what came of the run, in a few words.
func (r runView) Result() string {
	if r.Certificate == nil {
		if r.State == retention.Planned || r.State == retention.Underway {
			return "its plan disposes of " + counted(r.Disposes, "message", "messages")
		}
		return or(r.Why, "nothing was due")
	}
	var parts []string
	for _, n := range r.Certificate.Counts {
		parts = append(parts, number(int64(n.N))+" "+outcomeWords(retention.Outcome(n.What)))
	}
	return or(joined(parts), "nothing was due")
}

// outcomeWords says how the disposal of a message ended.
func outcomeWords(o retention.Outcome) string {
	switch o {
	case retention.Destroyed:
		return "destroyed"
	case retention.Transferred:
		return "transferred"
	case retention.BySomebody:
		return "gone already"
	case retention.SenderDid:
		return "deleted by their senders"
	case retention.SenderAsked:
		return "still there, their senders asked"
	case retention.KeptForHold:
		return "skipped, because a hold came in the way"
	case retention.NotAllowed:
		return "kept, because the platform refused"
	case retention.Unclear:
		return "with an outcome that nobody knows"
	case retention.NotReached:
		return "not reached before the end"
	}
	return string(o)
}

func (c *Console) schedules(r *http.Request) ([]scheduleView, error) {
	return ask[[]scheduleView](c, r, "retention.overview", nil)
}

type disposalsPage struct {
	Calendar  calendar
	Schedules []scheduleView
	Waiting   []runView // for people
	Recent    []runView
	Holds     int
	Next      *scheduleView
	Own       []ownView
}

// ownView is how long one kind of the bot's own data is kept.
type ownView struct {
	Says   string `json:"says"`
	Period string `json:"period"`
}

func (c *Console) disposals(w http.ResponseWriter, r *http.Request) {
	all, err := c.schedules(r)
	holds, err2 := c.allHolds(r)
	if err := errors.Join(err, err2); err != nil {
		c.broken(w, r, err)
		return
	}
	own, err := ask[[]ownView](c, r, "retention.own", nil)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := disposalsPage{Schedules: all, Own: own}
	for _, h := range holds {
		if h.Released == nil {
			p.Holds++
		}
	}
	for i, s := range all {
		if s.Acting && !s.Next.IsZero() && (p.Next == nil || s.Next.Before(p.Next.Next)) {
			p.Next = &all[i]
		}
		for _, run := range s.Runs {
			if run.Title = s.Name(); run.State == retention.Planned || run.State == retention.Underway {
				p.Waiting = append(p.Waiting, run)
			} else if run.Told() {
				p.Recent = append(p.Recent, run)
			}
		}
	}
	slices.SortStableFunc(p.Recent, func(a, b runView) int { return b.Slot.Compare(a.Slot) })
	p.Recent = p.Recent[:min(len(p.Recent), 20)]
	if p.Calendar, err = c.calendar(r, all); err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "disposals.html", "Disposals", p)
}

func (c *Console) schedule(w http.ResponseWriter, r *http.Request) {
	c.showSchedule(w, r, http.StatusOK, form{})
}

func (c *Console) showSchedule(w http.ResponseWriter, r *http.Request, status int, f form) {
	l, byID, ok := c.look(w, r, look{Schedule: r.PathValue("schedule")})
	if !ok {
		return
	}
	all, err := c.schedules(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	for _, s := range all {
		for _, run := range s.Runs {
			if s.ID == l.Schedule.ID && run.Told() && len(l.Schedule.Runs) < 15 {
				l.Schedule.Runs = append(l.Schedule.Runs, run)
			}
		}
	}
	c.page(w, r, status, "schedule.html", l.Schedule.Name(), planPage{
		f, byID, l, path("disposals", l.Schedule.ID), c.who(r).May(access.Dispose), c.who(r).May(access.Export),
	})
}

func (c *Console) beginRun(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("schedule")
	run, err := ask[runView](c, r, "retention.run", map[string]string{"schedule": id})
	if err != nil {
		c.showSchedule(w, r, http.StatusUnprocessableEntity, form{Faults: []fault{{"", c.says(err)}}})
		return
	}
	http.Redirect(w, r, path("disposals", id, run.Date)+"?said=begun", http.StatusSeeOther)
}
