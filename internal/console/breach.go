package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chaperone/internal/access"
)

func (c *Console) breachRoutes() []Route {
	return []Route{
		{"GET /breaches", access.See, c.breaches},
		{"POST /breaches", access.Govern, c.openBreach},
		{"GET /breaches/{id}", access.See, c.breach},
		{"POST /breaches/{id}/decide", access.Govern, c.decideBreach},
		{"POST /breaches/{id}/handover", access.Govern, c.handOverBreach},
		{"POST /breaches/{id}/close", access.Govern, c.closeBreach},
		{"POST /breaches/{id}/who", access.Govern, c.whoCouldSee},
	}
}

// breachView is a breach record as pages show it.
type breachView struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	State    string    `json:"state"`
	Says     []string  `json:"says"`
	People   *int      `json:"people"`
	Made     time.Time `json:"made"`
	OpenedBy string    `json:"opened_by"`
	Clock    struct {
		Runs  bool      `json:"runs"`
		Aware time.Time `json:"aware"`
		Due   time.Time `json:"due"`
		Left  int       `json:"hours_left"`
		Used  int       `json:"used"`
		Alarm string    `json:"alarm"`
	} `json:"clock"`
	Exposure struct {
		Messages   int       `json:"messages"`
		From       time.Time `json:"from"`
		Until      time.Time `json:"until"`
		Members    int       `json:"members"`
		Colleagues int       `json:"colleagues"`
		External   int       `json:"external"`
		Unknown    int       `json:"unknown"`
		Perhaps    int       `json:"perhaps"`
		Visible    bool      `json:"visible_now"`
		For        string    `json:"for"`
		Readers    string    `json:"readers"`
	} `json:"exposure"`
	Decision *struct {
		Notify bool      `json:"notify"`
		Reason string    `json:"reason"`
		By     string    `json:"by"`
		At     time.Time `json:"at"`
	} `json:"decision"`
	Told *struct {
		At        time.Time `json:"at"`
		By        string    `json:"by"`
		Reference string    `json:"reference"`
		Late      string    `json:"late"`
	} `json:"told"`
	Handed []struct {
		Record string    `json:"record"`
		By     string    `json:"by"`
		At     time.Time `json:"at"`
		Filed  time.Time `json:"filed"`
	} `json:"handed"`
	Ended   time.Time `json:"ended"`
	EndedBy string    `json:"ended_by"`
	Why     string    `json:"why"`
}

// Kinds is what was found, in a few words.
func (b breachView) Kinds() string { return joined(b.Says) }

// PeopleCount is how many people's details they are, where somebody counted.
func (b breachView) PeopleCount() int {
	if b.People == nil {
		return 0
	}
	return *b.People
}

// Bar is how the part of the 72 hours that is gone is drawn.
func (b breachView) Bar() string {
	switch b.Clock.Alarm {
	case "72-hours":
		return "bar late"
	case "48-hours":
		return "bar soon"
	}
	return "bar"
}

// Late is by how many hours the time is over.
func (b breachView) Late() int { return -b.Clock.Left }

// Mark says how urgent the record is: the mark of its state.
func (b breachView) Mark() string {
	switch {
	case b.State == "closed" || b.State == "open" && !b.Clock.Runs:
		return "done"
	case b.Clock.Alarm == "72-hours":
		return "serious"
	case b.State == "proposed" || b.Clock.Alarm == "48-hours":
		return "caution"
	}
	return "note"
}

// Stands is how the record stands, in a few words.
func (b breachView) Stands() string {
	switch {
	case b.State == "closed":
		return "Closed"
	case b.State == "proposed":
		return "Proposed"
	case b.Told != nil:
		return "The Commissioner was told"
	case !b.Clock.Runs:
		return "Decided: not to be told"
	case b.Clock.Alarm == "72-hours":
		return "The 72 hours are over"
	}
	return strconv.Itoa(b.Clock.Left) + " of 72 h left"
}

// breachPrompt is a prompt that a record can be opened from.
type breachPrompt struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Opened time.Time `json:"opened"`
	Says   []string  `json:"says"`
}

// Kinds is what it is about, in a few words.
func (p breachPrompt) Kinds() string { return joined(p.Says) }

type breachesPage struct {
	form
	Waiting, Open, Closed []breachView
	Prompts               []breachPrompt
	May                   bool
}

// Late counts the records whose time is over.
func (p breachesPage) Late() int {
	n := 0
	for _, b := range p.Open {
		if b.Clock.Alarm == "72-hours" {
			n++
		}
	}
	return n
}

func (c *Console) breaches(w http.ResponseWriter, r *http.Request) {
	c.showBreaches(w, r, http.StatusOK, form{})
}

func (c *Console) showBreaches(w http.ResponseWriter, r *http.Request, status int, f form) {
	all, err := ask[[]breachView](c, r, "breach.list", nil)
	p := breachesPage{form: f, May: c.who(r).May(access.Govern)}
	if err == nil && p.May {
		p.Prompts, err = ask[[]breachPrompt](c, r, "breach.prompts", nil)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	for _, b := range all {
		switch b.State {
		case "proposed":
			p.Waiting = append(p.Waiting, b)
		case "open":
			p.Open = append(p.Open, b)
		default:
			p.Closed = append(p.Closed, b)
		}
	}
	c.page(w, r, status, "breaches.html", "Breaches", p)
}

// moment is how a form writes a time.
const moment = "2006-01-02T15:04"

// when reads a time of a form, in the organisation's zone; zero where none was
// written.
func (c *Console) when(f *form, field string) time.Time {
	s := f.Get(field)
	if s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(moment, s, c.o.Zone)
	f.need(err == nil, field, "Write a date and a time, such as "+c.o.Now().In(c.o.Zone).Format(moment)+".")
	return t
}

// people reads a count of a form; nil where none was written.
func people(f *form) *int {
	s := f.Get("people")
	if s == "" {
		return nil
	}
	n := typedNumber(s)
	f.need(n >= 0, "people", "Write a number, in digits.")
	return &n
}

func (c *Console) openBreach(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := struct {
		Prompt string    `json:"prompt"`
		Aware  time.Time `json:"aware,omitzero"`
		People *int      `json:"people,omitempty"`
	}{Prompt: f.Get("prompt")}
	if ok {
		f.need(in.Prompt != "", "prompt", "Choose the prompt that it is about.")
		in.Aware, in.People = c.when(&f, "aware"), people(&f)
	}
	if len(f.Faults) == 0 {
		b, err := ask[breachView](c, r, "breach.open", in)
		if err == nil {
			http.Redirect(w, r, path("breaches", b.ID)+"?said=opened", http.StatusSeeOther)
			return
		}
		f.need(false, "", c.says(err))
	}
	if id := f.Get("from"); id != "" { // a proposed record was taken up on its own page
		r.SetPathValue("id", id)
		c.showBreach(w, r, http.StatusUnprocessableEntity, f, nil)
		return
	}
	c.showBreaches(w, r, http.StatusUnprocessableEntity, f)
}

// couldSee is a member who could have seen it.
type couldSee struct {
	Member   string `json:"member"`
	Name     string `json:"name"`
	Standing string `json:"standing"`
	Sure     bool   `json:"sure"`
}

// Who is the member as people know them.
func (s couldSee) Who() string { return or(s.Name, s.Member) }

// Says is where they stand, in a few words.
func (s couldSee) Says() string {
	out := map[string]string{"colleague": "In the staff directory", "external": "External", "unknown": "No directory says"}[s.Standing]
	if !s.Sure {
		out += "; first seen there later"
	}
	return out
}

type breachPage struct {
	form
	breachView
	Seen   []couldSee
	Asked  bool // who could have seen it was asked for
	May    bool
	Text   bool // may read records
	Said   string
	NowVal string
}

// saidOfBreach is what the page says after something was done.
func saidOfBreach(key string) string {
	return map[string]string{
		"opened": "The record is open, and the 72 hours run.", "decided": "It is written down, with your name.",
		"handed": "The report is being filed for the data protection officer.", "closed": "The record is closed.",
	}[key]
}

func (c *Console) breach(w http.ResponseWriter, r *http.Request) {
	c.showBreach(w, r, http.StatusOK, form{Values: url.Values{}}, nil)
}

func (c *Console) showBreach(w http.ResponseWriter, r *http.Request, status int, f form, seen []couldSee) {
	b, err := ask[breachView](c, r, "breach.show", map[string]string{"id": r.PathValue("id")})
	if err != nil && strings.Contains(err.Error(), "no breach record") {
		c.fail(w, r, http.StatusNotFound, "There is no breach record of that number", "Check the number, or look for it in the list.")
		return
	} else if err != nil {
		c.broken(w, r, err)
		return
	}
	p := breachPage{
		form: f, breachView: b, Seen: seen, Asked: seen != nil, May: c.who(r).May(access.Govern), Text: c.who(r).May(access.ReadText),
		Said: saidOfBreach(r.URL.Query().Get("said")), NowVal: c.o.Now().In(c.o.Zone).Format(moment),
	}
	c.page(w, r, status, "breach.html", "Breach in "+b.Title, p)
}

// actOnBreach makes a call about a record, and comes back to it.
func (c *Console) actOnBreach(w http.ResponseWriter, r *http.Request, f form, call string, in any, said string) {
	if len(f.Faults) == 0 {
		if _, err := ask[json.RawMessage](c, r, call, in); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showBreach(w, r, http.StatusUnprocessableEntity, f, nil)
		return
	}
	http.Redirect(w, r, path("breaches", r.PathValue("id"))+"?said="+said, http.StatusSeeOther)
}

func (c *Console) decideBreach(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := struct {
		ID        string    `json:"id"`
		People    *int      `json:"people,omitempty"`
		Notify    bool      `json:"notify,omitempty"`
		Reason    string    `json:"reason,omitempty"`
		Told      time.Time `json:"told,omitzero"`
		Reference string    `json:"reference,omitempty"`
		Late      string    `json:"late,omitempty"`
	}{ID: r.PathValue("id"), Notify: f.Get("notify") == "yes", Reason: f.Get("reason"), Reference: f.Get("reference"), Late: f.Get("late")}
	if ok {
		in.People, in.Told = people(&f), c.when(&f, "told")
		f.need((f.Get("notify") == "") == (in.Reason == ""), "reason", "Choose whether the Commissioner is told, and say why.")
	}
	c.actOnBreach(w, r, f, "breach.decide", in, "decided")
}

func (c *Console) handOverBreach(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	c.actOnBreach(w, r, f, "breach.handover", map[string]string{"id": r.PathValue("id")}, "handed")
}

func (c *Console) closeBreach(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	f.need(!ok || f.Get("why") != "", "why", "Say why it is closed.")
	c.actOnBreach(w, r, f, "breach.close", map[string]string{"id": r.PathValue("id"), "why": f.Get("why")}, "closed")
}

// whoCouldSee names them, to an officer alone; that they asked is in the log.
func (c *Console) whoCouldSee(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	seen, err := ask[[]couldSee](c, r, "breach.who", map[string]string{"id": r.PathValue("id")})
	if err != nil {
		f.need(false, "", c.says(err))
		c.showBreach(w, r, http.StatusUnprocessableEntity, f, nil)
		return
	}
	if seen == nil {
		seen = []couldSee{}
	}
	c.showBreach(w, r, http.StatusOK, f, seen)
}

// breaches puts the records that want somebody on the page of today.
func (p *todayPage) breaches(c *Console, r *http.Request) error {
	all, err := ask[[]breachView](c, r, "breach.pending", nil)
	if err != nil {
		return err
	}
	late, proposed := 0, 0
	for _, b := range all {
		if b.State == "proposed" {
			proposed++
		}
	}
	if proposed > 1 {
		late = proposed
		p.Items = append(p.Items, item{
			Mark: "caution", Kind: "Breach", Title: "Are these breaches? " + counted(proposed, "breach record is", "breach records are") + " proposed",
			Fact: "Something serious about a person stood where people outside could see it.", Button: "Open the list", Path: "/breaches",
		})
	}
	for _, b := range all {
		if b.State == "proposed" && proposed > 1 {
			continue
		}
		it := item{Mark: b.Mark(), Kind: "Breach", Button: "Open the record", Path: path("breaches", b.ID), Owner: b.OpenedBy}
		if !b.Clock.Due.IsZero() {
			it.Due = b.Clock.Due.In(c.o.Zone).Format("Mon 2 Jan 2006, 15:04")
		}
		switch {
		case b.State == "proposed":
			it.Title, it.Fact = "Is this a breach? A breach record is proposed in "+b.Title, capital(b.Kinds())+". People outside could see it."
		case b.Clock.Alarm == "72-hours":
			it.Title, it.Fact = "The 72 hours of a breach record are over: "+b.Title, "Decide, and say why it is late."
		case b.Clock.Alarm == "48-hours":
			it.Title, it.Fact = "Breach record in "+b.Title+": "+b.Stands(), "Decide whether the Commissioner is told."
		default:
			continue
		}
		late++
		p.Items = append(p.Items, it)
	}
	if late == 0 {
		p.Clear = append(p.Clear, item{Kind: "Breaches", Fact: "no record wants somebody"})
	}
	return p.trends(c, r)
}

// trends puts habits that nobody took note of yet on the page.
func (p *todayPage) trends(c *Console, r *http.Request) error {
	all, err := ask[[]trendView](c, r, "trends.list", nil)
	for _, t := range all {
		if t.NotedBy != "" {
			continue
		}
		p.Soon = append(p.Soon, item{
			Mark: "note", Kind: "Habit", Title: or(t.Title, t.Chat) + " handles personal details as a routine",
			Fact: "On " + strconv.Itoa(t.Days) + " of " + strconv.Itoa(t.Of) + " days. It needs a proper home.", Button: "Look at it", Path: "/measures#habits",
		})
	}
	return err
}
