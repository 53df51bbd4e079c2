package console

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

// look asks for one page of a run's plan, or with no date of a plan of now.
type look struct {
	Schedule string     `json:"schedule"`
	Date     clock.Date `json:"date,omitzero"`
	Way      string     `json:"way,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Ref      string     `json:"ref,omitempty"`
	Chat     string     `json:"chat,omitempty"`
	From     int        `json:"from,omitempty"`
	Most     int        `json:"most,omitempty"`
}

// looked is the answer.
type looked struct {
	Schedule scheduleView `json:"schedule"`
	Run      *runView     `json:"run"`
	Plan     string       `json:"plan"`
	Made     time.Time    `json:"made"`
	Date     clock.Date   `json:"date"`
	Disposes int          `json:"disposes"`
	Needs    int          `json:"needs"`
	Stays    int          `json:"stays"`
	Above    []struct {
		Chat string `json:"chat"`
		N    int    `json:"n"`
		Cap  int    `json:"cap"`
	} `json:"above"`
	Goes   []chatCount `json:"goes"`
	Groups []stay      `json:"groups"`
	Asked  struct {
		Lists    int `json:"lists"`
		Complete int `json:"complete"`
		Messages int `json:"messages"`
		Gone     int `json:"gone"`
	} `json:"asked"`
	Undo     int          `json:"undo"`
	Matching int          `json:"matching"`
	Items    []itemOfPlan `json:"items"`
}

// stay is the messages that stay for one reason.
type stay struct {
	Reason  retention.Reason `json:"reason"`
	Ref     string           `json:"ref"`
	Because string           `json:"because"`
	Until   string           `json:"until"`
	N       int              `json:"n"`
	From    time.Time        `json:"from"`
	To      time.Time        `json:"to"`
}

// Mark is the sign of the reason.
func (s stay) Mark() string {
	switch s.Reason {
	case retention.Held:
		return "held"
	case retention.Unreadable, retention.Twice, retention.Undated:
		return "serious"
	case retention.Unrecorded, retention.Unclassed, retention.Unsure:
		return "caution"
	}
	return "note"
}

// Title is the reason in a few words.
func (s stay) Title() string {
	switch s.Reason {
	case retention.Twice:
		return "Listed twice"
	case retention.Undated:
		return "Its time is not sure"
	case retention.Unclassed:
		return "Not classified yet"
	case retention.Elsewhere:
		return "Not for this schedule"
	case retention.Unlimited:
		return "No period"
	case retention.Unreadable:
		return "Holds cannot be read"
	case retention.Held:
		return "Held"
	case retention.Open:
		return "Still open"
	case retention.Running:
		return "Time left"
	case retention.Longer:
		return "Kept longer by another schedule"
	case retention.Resting:
		return "Resting after a hold"
	case retention.Incident:
		return "Incident under way"
	case retention.Prompted:
		return "A prompt is open"
	case retention.Unrecorded:
		return "Record not filed yet"
	case retention.Unsure:
		return "Not known who can delete it"
	case retention.Fixed:
		return "Nobody can delete it there"
	}
	return string(s.Reason)
}

// Holds are the holds that are the reason.
func (s stay) Holds() []string {
	if s.Reason == retention.Held || s.Reason == retention.Resting {
		return strings.Fields(s.Ref)
	}
	return nil
}

// Query names the messages of this reason in an address.
func (s stay) Query() string {
	q := url.Values{"way": {string(retention.Stays)}, "reason": {string(s.Reason)}}
	if s.Ref != "" {
		q.Set("ref", s.Ref)
	}
	return "?" + q.Encode()
}

// itemOfPlan is what a plan does with one message. It holds no text.
type itemOfPlan struct {
	Chat    string            `json:"chat"`
	Message string            `json:"message"`
	SentAt  time.Time         `json:"sent_at"`
	Way     retention.Way     `json:"way"`
	Says    string            `json:"says"`
	Outcome retention.Outcome `json:"outcome"`
}

// Became says what became of the message.
func (i itemOfPlan) Became() string {
	if i.Outcome == "" {
		return ""
	}
	return capital(outcomeWords(i.Outcome))
}

// look reads a run or a plan of now. ok is false where it has answered that
// there is none.
func (c *Console) look(w http.ResponseWriter, r *http.Request, in look) (l looked, byID names, ok bool) {
	_, byID, err := c.chats(r)
	if err == nil {
		if date := r.PathValue("date"); date != "" {
			if in.Date, err = clock.ParseDate(date); err != nil {
				c.noRun(w, r)
				return l, byID, false
			}
		}
	}
	if err == nil {
		l, err = ask[looked](c, r, "retention.look", in)
	}
	switch {
	case err != nil && (strings.Contains(err.Error(), "there is no schedule") || strings.Contains(err.Error(), "has no run of")):
		c.noRun(w, r)
	case err != nil:
		c.broken(w, r, err)
	default:
		return l, byID, true
	}
	return l, byID, false
}

func (c *Console) noRun(w http.ResponseWriter, r *http.Request) {
	c.fail(w, r, http.StatusNotFound, "There is no such schedule or run", "Look for it under Disposals. Nothing was changed.")
}

// planPage is a plan as pages show it: of a run, or of now.
type planPage struct {
	form
	names
	looked
	Path       string // of the run or the schedule
	MayDispose bool
	MayExport  bool
}

// GoesQuery names what is disposed of in one chat in an address.
func (p planPage) GoesQuery(chat string) string {
	return "?" + url.Values{"way": {"disposed"}, "chat": {chat}}.Encode()
}

// runPage is one run of a schedule.
type runPage struct {
	planPage
	You     string
	Now     time.Time
	MayStop bool
	Others  string // who else may say yes
	Said    string
}

// Ahead is what the page is about: the run's plan, while it can be decided on.
func (p runPage) Ahead() bool { return p.Run.State == retention.Planned && p.Disposes > 0 }

// InChats names where the messages are.
func (p runPage) InChats() string {
	if len(p.Goes) == 1 {
		return p.Name(p.Goes[0].Chat)
	}
	return counted(len(p.Goes), "chat", "chats")
}

// Approved reports whether the reader has said yes.
func (p runPage) Approved() bool {
	for _, a := range p.Run.Approvals {
		if a.Digest == p.Plan && strings.EqualFold(a.By, p.You) {
			return true
		}
	}
	return false
}

// UndoUntil is until when the run can be undone; zero where it cannot.
func (p runPage) UndoUntil() time.Time {
	cert := p.Run.Certificate
	if cert == nil || p.Run.State == retention.Underway || p.Undo == 0 || !p.Now.Before(cert.UndoUntil) {
		return time.Time{}
	}
	return cert.UndoUntil
}

// Expires is until when the planned run waits: then the next one takes its place.
func (p runPage) Expires() time.Time { return p.Schedule.Next }

func (c *Console) run(w http.ResponseWriter, r *http.Request) { c.showRun(w, r, http.StatusOK, form{}) }

func (c *Console) showRun(w http.ResponseWriter, r *http.Request, status int, f form) {
	l, byID, ok := c.look(w, r, look{Schedule: r.PathValue("schedule")})
	if !ok {
		return
	}
	who := c.who(r)
	p := runPage{
		planPage: planPage{f, byID, l, path("disposals", l.Schedule.ID, l.Date), who.May(access.Dispose), who.May(access.Export)},
		You:      who.Name, Now: c.o.Now(), MayStop: who.May(access.Stop), Said: saids(r.URL.Query().Get("said")),
	}
	for _, role := range access.Who(access.Dispose) {
		p.Others = role.Title()
	}
	if !p.Ahead() && p.Said == saids("approved") { // it went on since
		p.Said = ""
	}
	title := "Run of " + dated(l.Date).Format("2 January 2006")
	c.page(w, r, status, "run.html", title+": "+l.Schedule.Name(), p)
}

// decided answers a form about a run.
func (c *Console) decided(w http.ResponseWriter, r *http.Request, f form, call string, args decision, said string) {
	args.Schedule = r.PathValue("schedule")
	date, err := clock.ParseDate(r.PathValue("date"))
	if args.Date = date; err != nil {
		c.noRun(w, r)
		return
	}
	if len(f.Faults) == 0 {
		if _, err = ask[json.RawMessage](c, r, call, args); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showRun(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, path("disposals", args.Schedule, args.Date)+"?said="+said, http.StatusSeeOther)
}

// decision names a run, and what was decided about it.
type decision struct {
	Schedule string     `json:"schedule"`
	Date     clock.Date `json:"date"`
	Count    int        `json:"count,omitempty"`
	Why      string     `json:"why,omitempty"`
}

func (c *Console) approveRun(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	n := typedNumber(f.Get("count"))
	if ok && n < 0 {
		f.need(false, "count", "Write the number of messages that the plan disposes of, in digits.")
	} else if ok {
		l, _, found := c.look(w, r, look{Schedule: r.PathValue("schedule")})
		if !found {
			return
		}
		f.need(n == l.Disposes, "count", "The plan disposes of "+counted(l.Disposes, "message", "messages")+", not "+number(int64(n))+". Read it again.")
		f.need(f.Get("plan") == l.Plan, "", "The plan is another one than you read. Read it again, then approve it.")
	}
	c.decided(w, r, f, "retention.approve", decision{Count: n}, "approved")
}

func (c *Console) stopRun(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	f.need(!ok || f.Get("why") != "", "why", "Say why it is stopped.")
	c.decided(w, r, f, "retention.stop", decision{Why: f.Get("why")}, "stopped")
}

func (c *Console) undoRun(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	c.decided(w, r, f, "retention.undo", decision{}, "undone")
}

// purgeRun gives up undo: what a run keeps sealed is erased at once.
func (c *Console) purgeRun(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	if ok {
		l, _, found := c.look(w, r, look{Schedule: r.PathValue("schedule")})
		if !found {
			return
		}
		f.need(typedNumber(f.Get("texts")) == l.Undo, "texts", "This run has "+counted(l.Undo, "sealed text", "sealed texts")+". Write that number to give them up.")
	}
	c.decided(w, r, f, "retention.purge", decision{}, "purged")
}

// typedNumber reads a number as people write it; -1 is none.
func typedNumber(s string) int {
	n, err := strconv.Atoi(strings.NewReplacer(",", "", " ", "", "\u00a0", "", ".", "").Replace(s))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// certificate is the certificate byte for byte as the audit log has its digest.
func (c *Console) certificate(w http.ResponseWriter, r *http.Request) {
	l, _, ok := c.look(w, r, look{Schedule: r.PathValue("schedule")})
	if !ok {
		return
	}
	if l.Run == nil || l.Run.Certificate == nil {
		c.fail(w, r, http.StatusNotFound, "There is no certificate", "A run has one when it has begun and ended.")
		return
	}
	b, err := json.Marshal(l.Run.Certificate)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	attach(w, "application/json", "certificate-"+l.Schedule.ID+"-"+l.Date.String()+".json")
	_, _ = w.Write(b) // the reader has gone: nobody is left to tell
}

// attach makes an answer a file to be saved.
func attach(w http.ResponseWriter, kind, name string) {
	name = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// pageOfPlan is how many messages of a plan one page shows.
const pageOfPlan = 200

// messagesPage lists messages of a plan one by one.
type messagesPage struct {
	names
	looked
	Asking look
	First  int // number of the first message on this page
	Path   string
	Last   int // number of the last message on this page
	Before string
	After  string
	CSV    string
}

// asking reads which messages of a plan are asked for.
func asking(r *http.Request) look {
	q := r.URL.Query()
	from, _ := strconv.Atoi(q.Get("from")) // the first where it is no number
	return look{
		Schedule: r.PathValue("schedule"), Way: q.Get("way"), Reason: q.Get("reason"), Ref: q.Get("ref"), Chat: q.Get("chat"), From: max(from, 0), Most: pageOfPlan,
	}
}

// query writes what is asked for as an address does.
func (l look) query(from int) string {
	q := url.Values{}
	for k, v := range map[string]string{"way": l.Way, "reason": l.Reason, "ref": l.Ref, "chat": l.Chat} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	return "?" + q.Encode()
}

func (c *Console) messages(w http.ResponseWriter, r *http.Request) {
	in := asking(r)
	l, byID, ok := c.look(w, r, in)
	if !ok {
		return
	}
	p := messagesPage{names: byID, looked: l, Asking: in, First: in.From + 1, Path: path("disposals", in.Schedule), Last: in.From + len(l.Items)}
	if l.Run != nil {
		p.Path = path("disposals", in.Schedule, l.Date)
	}
	if in.From > 0 {
		p.Before = p.Path + "/messages" + in.query(max(in.From-pageOfPlan, 0))
	}
	if p.Last < l.Matching {
		p.After = p.Path + "/messages" + in.query(p.Last)
	}
	if c.who(r).May(access.Export) {
		p.CSV = p.Path + "/messages.csv" + in.query(0)
	}
	c.page(w, r, http.StatusOK, "messages.html", "Messages of a plan", p)
}

// Group is the reason that was asked for, if one was.
func (p messagesPage) Group() *stay {
	for i, g := range p.Groups {
		if p.Asking.Reason == string(g.Reason) && (p.Asking.Ref == "" || p.Asking.Ref == g.Ref) {
			return &p.Groups[i]
		}
	}
	return nil
}

// messagesCSV gives the whole list as a file.
func (c *Console) messagesCSV(w http.ResponseWriter, r *http.Request) {
	in := asking(r)
	in.Most = 20_000
	out := csv.NewWriter(w)
	for in.From = 0; ; in.From += in.Most {
		l, _, ok := c.look(w, r, in)
		if !ok {
			return
		}
		if in.From == 0 {
			attach(w, "text/csv; charset=utf-8", "plan-"+l.Schedule.ID+"-"+l.Date.String()+".csv")
			_ = out.Write([]string{"chat", "message", "sent_at", "what", "because", "became"}) // an error stays, and Flush tells
		}
		for _, i := range l.Items {
			_ = out.Write([]string{cell(i.Chat), cell(i.Message), i.SentAt.UTC().Format(time.RFC3339), string(i.Way), cell(i.Says), string(i.Outcome)})
		}
		if out.Flush(); errors.Join(out.Error(), r.Context().Err()) != nil || in.From+len(l.Items) >= l.Matching || len(l.Items) == 0 {
			return
		}
	}
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
