package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/audit"
	"chaperone/internal/clock"
)

func (c *Console) proofRoutes() []Route {
	return []Route{
		{"GET /proof", access.See, c.proof},
		{"GET /proof/checkpoint.txt", access.Export, c.checkpoint},
		{"POST /proof/export", access.Export, c.export},
		{"POST /clock/confirm", access.Configure, c.confirmClock},
		{"GET /unknown", access.See, c.unsure},
		{"GET /gaps", access.See, c.gaps},
	}
}

// logView is the audit log as pages show it.
type logView struct {
	Size       int64       `json:"size"`
	Key        string      `json:"key"`
	Number     int64       `json:"number"`
	Covers     int64       `json:"covers"`
	SignedAt   time.Time   `json:"signed_at"`
	Checkpoint string      `json:"checkpoint"`
	Entries    []entryView `json:"entries"`
}

// entryView is one entry of it.
type entryView struct {
	Index     int64        `json:"index"`
	At        time.Time    `json:"at"`
	Actor     string       `json:"actor"`
	Authority string       `json:"authority"`
	Act       audit.Act    `json:"act"`
	Object    audit.Object `json:"object"`
	Before    string       `json:"before"`
	After     string       `json:"after"`
	Ref       string       `json:"ref"`
}

// Who is who acted. The log holds no name: a person has a digest that tells
// whether two entries are of the same one.
func (e entryView) Who() string {
	if part, ours := strings.CutPrefix(e.Actor, "chaperone:"); ours {
		return "Chaperone, " + part
	}
	if digest, person := strings.CutPrefix(e.Actor, "person:"); person {
		return "A person, " + digest[:min(8, len(digest))]
	}
	return e.Actor
}

// Link is where the console shows what the entry is about, if it does.
func (e entryView) Link() string {
	switch e.Object {
	case audit.OfMatter:
		return path("holds", e.Ref)
	case audit.OfRun:
		if i := strings.LastIndexByte(e.Ref, '/'); i > 0 {
			if d, err := clock.ParseDate(e.Ref[i+1:]); err == nil {
				return path("disposals", e.Ref[:i], d)
			}
		}
	}
	return ""
}

// Says is the entry in words.
func (e entryView) Says() string {
	switch e.Object {
	case audit.OfMessage:
		return e.ofMessage()
	case audit.OfRun:
		return e.ofRun()
	case audit.OfMatter:
		switch e.Act {
		case audit.Hold:
			return "Placed a hold"
		case audit.Release:
			return "Released a hold"
		}
	case audit.OfLog:
		return "Took the log away for checking"
	case audit.OfAccount:
		switch e.Act {
		case audit.SignIn:
			return "Signed in"
		case audit.Refuse:
			return "Somebody was not let in: " + strings.ReplaceAll(e.Ref, "-", " ")
		case audit.Configure:
			return "Changed who is let in: " + strings.ReplaceAll(e.Ref, "-", " ")
		}
	case audit.OfSetting:
		if said := e.ofSetting(); said != "" {
			return said
		}
	}
	return capital(strings.ReplaceAll(string(e.Act), "-", " ")) + ", a " + string(e.Object) + ": from " + e.Before + " to " + e.After
}

// ofSetting says what changed in a setting; nothing where it is of another
// kind.
func (e entryView) ofSetting() string {
	if by, moved := strings.CutPrefix(e.After, "moved:"); moved {
		return "Moved the clock by " + lasting(by) + ", and said so before"
	}
	if e.Act == audit.Clock {
		return "Confirmed that the clock is right"
	}
	if s, ok := strings.CutPrefix(e.Ref, "schedule:part:"); ok {
		return "What the configuration says of " + s + " is other than it was"
	}
	if s, ok := strings.CutPrefix(e.Ref, "schedule:own:"); ok {
		return "How long " + s + " are kept is other than it was"
	}
	if s, ok := strings.CutPrefix(e.Ref, "schedule:"); ok {
		return "The schedule " + s + " is other than it was in the configuration"
	}
	if own, ok := strings.CutPrefix(e.Ref, "own:"); ok && e.Act == audit.Erase {
		return "Erased the bot’s own data at the end of their time: " + own
	}
	if n, ok := strings.CutPrefix(e.Before, "kept:"); ok && e.Act == audit.Erase {
		return "Gave up undo of a run; sealed texts erased: " + n
	}
	return ""
}

// lasting says a length of time as people do.
func lasting(s string) string {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return s
	case d%(24*time.Hour) == 0:
		return counted(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return counted(int(d/time.Hour), "hour", "hours")
	}
	return d.String()
}

func (e entryView) ofMessage() string {
	do, did := string(e.Act), string(e.Act)+" of"
	switch e.Act {
	case audit.Destroy:
		do, did = "delete", "Deleted"
	case audit.Transfer:
		do, did = "transfer", "Transferred"
	}
	switch e.After {
	case "fenced":
		return "About to " + do + " a message: no hold covers it"
	case "done":
		return did + " a message"
	case "held":
		return "A message stayed, because a hold covers it"
	case "unknown":
		return "Nobody knows whether a message is gone that was to be " + strings.ToLower(did)
	case "gone":
		return "A message was gone already"
	}
	return "Did not " + do + " a message: " + e.After
}

func (e entryView) ofRun() string {
	switch e.Act {
	case audit.Approve:
		return "Said yes to the plan of a run"
	case audit.Undo:
		return "Undid a run"
	case audit.Refuse:
		return "A run was stopped"
	}
	if strings.HasPrefix(e.After, "certificate:") {
		return "A run ended, with its certificate"
	}
	switch e.After {
	case "underway":
		return "A run began"
	case "finished":
		return "A run ended: there was nothing to do"
	}
	return "A run: from " + e.Before + " to " + e.After
}

// pageOfLog is how many entries one page shows.
const pageOfLog = 25

type proofPage struct {
	logView
	First  bool   // the newest entries are shown
	Older  string // where the older ones are
	May    bool
	Origin string
}

func (c *Console) proof(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // the newest where it is no number
	l, err := ask[logView](c, r, "audit.list", map[string]int64{"before": before, "most": pageOfLog})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := proofPage{logView: l, First: before <= 0, May: c.who(r).May(access.Export)}
	if n := len(l.Entries); n > 0 && l.Entries[n-1].Index > 0 {
		p.Older = "/proof?before=" + strconv.FormatInt(l.Entries[n-1].Index, 10)
	}
	c.page(w, r, http.StatusOK, "proof.html", "Proof", p)
}

// checkpoint gives the newest signed checkpoint, to be kept elsewhere.
func (c *Console) checkpoint(w http.ResponseWriter, r *http.Request) {
	l, err := ask[logView](c, r, "audit.list", map[string]int64{"most": 1})
	switch {
	case err != nil:
		c.broken(w, r, err)
	case l.Number == 0:
		c.fail(w, r, http.StatusNotFound, "There is no checkpoint yet", "One is signed within an hour of the first entry, and with each export.")
	default:
		attach(w, "text/plain; charset=utf-8", "checkpoint-"+strconv.FormatInt(l.Number, 10)+".txt")
		_, _ = w.Write([]byte(l.Checkpoint)) // the reader has gone: nobody is left to tell
	}
}

// export gives the whole log as a file. That it was given is an entry of it.
func (c *Console) export(w http.ResponseWriter, r *http.Request) {
	attach(w, "application/jsonl", "audit-log-"+c.o.Now().In(c.o.Zone).Format("2006-01-02-1504")+".jsonl")
	if err := c.o.Export(r.Context(), c.who(r).Name, w); err != nil {
		c.o.Log.Error("the audit log could not be given out whole", "err", err)
		panic(http.ErrAbortHandler) // so that the browser tells that the file is not whole
	}
}

// unsureView is an action of which nobody knows how it ended.
type unsureView struct {
	Kind    string    `json:"kind"`
	Chat    string    `json:"chat"`
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// Did is what was attempted.
func (u unsureView) Did() string {
	switch u.Kind {
	case "delete":
		return "Delete a message"
	case "whisper", "revise", "remind":
		return "Ask a member privately"
	case "post", "restore":
		return "Post a message"
	case "remove":
		return "Remove a member"
	}
	return capital(u.Kind)
}

func (c *Console) unsure(w http.ResponseWriter, r *http.Request) {
	all, err := ask[[]unsureView](c, r, "unsure.list", nil)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	_, byID, err := c.chats(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "unknown.html", "Unknown outcomes", struct {
		names
		List []unsureView
	}{byID, all})
}

// clockView is what is known about our own clock.
type clockView struct {
	Now     time.Time `json:"now"`
	Vouched bool      `json:"vouched"`
	Why     string    `json:"why"`
	May     bool      `json:"-"` // the reader may confirm it
	Who     string    `json:"-"` // else who may
	Back    string    `json:"-"` // the page to come back to
}

// clock tells what is known about our clock; nil where it is vouched for.
func (c *Console) clock(r *http.Request) *clockView {
	if c.o.Calls == nil || !c.who(r).May(access.See) {
		return nil
	}
	v, err := ask[clockView](c, r, "clock.show", nil)
	if err != nil {
		v.Why = "it cannot be read now"
	} else if v.Vouched {
		return nil
	}
	v.May, v.Who = c.who(r).May(access.Configure), access.List(access.Who(access.Configure))
	if v.Back = r.URL.Path; r.Method != http.MethodGet {
		v.Back = "/today"
	}
	return &v
}

func (c *Console) confirmClock(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	if ok {
		if _, err := ask[clockView](c, r, "clock.confirm", nil); err != nil {
			c.fail(w, r, http.StatusUnprocessableEntity, "The clock is not confirmed", c.says(err))
			return
		}
	}
	back := f.Get("back")
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\?#") {
		back = "/today"
	}
	http.Redirect(w, r, back+"?said=clock", http.StatusSeeOther)
}

// gapView is a stretch that the bot cannot vouch for.
type gapView struct {
	Chat    string     `json:"chat"`
	Since   *time.Time `json:"since"`
	Until   *time.Time `json:"until"`
	Message string     `json:"message"`
	Later   bool       `json:"delivered_later"`
	Says    string     `json:"says"`
}

func (c *Console) gaps(w http.ResponseWriter, r *http.Request) {
	all, err := ask[[]gapView](c, r, "chat.gaps", nil)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	_, byID, err := c.chats(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := struct {
		names
		List    []gapView
		Missing int
		Full    bool
	}{names: byID, List: all}
	for _, g := range all {
		if !g.Later {
			p.Missing++
		}
	}
	if p.Full = len(p.List) > most; p.Full {
		p.List = p.List[:most]
	}
	c.page(w, r, http.StatusOK, "gaps.html", "Gaps", p)
}
