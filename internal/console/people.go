package console

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/clock"
)

func (c *Console) peopleRoutes() []Route {
	return []Route{
		{"GET /people", access.See, c.people},
		{"GET /people/members", access.See, c.members},
		{"POST /people/approve", access.People, c.approveLeavers},
		{"POST /people/stop", access.Stop, c.decideOn("leavers.stop", "kept-in")},
		{"POST /people/resume", access.People, c.decideOn("leavers.resume", "resumed")},
		{"POST /people/reinstate", access.People, c.decideOn("leavers.reinstate", "reinstated")},
		{"POST /people/link", access.People, c.linkMember},
		{"POST /people/unlink", access.People, c.unlinkMember},
	}
}

// leaversView is what is known about those who leave.
type leaversView struct {
	Directory time.Time `json:"directory"`
	Stopped   []string  `json:"stopped"`
	Brake     string    `json:"brake"`
	Facts     struct {
		People  int `json:"people"`
		Members int `json:"members"`
		Matched int `json:"matched"`
	} `json:"facts"`
	Steps     []leaverStep     `json:"steps"`
	Questions []leaverQuestion `json:"questions"`
	Alarms    []leaverAlarm    `json:"alarms"`
	Staying   []staying        `json:"staying"`
}

// leaverStep is one leaver in one chat.
type leaverStep struct {
	Key     string     `json:"key"`
	Chat    string     `json:"chat"`
	Title   string     `json:"title"`
	Member  string     `json:"member"`
	Name    string     `json:"name"`
	Person  string     `json:"person"`
	LastDay clock.Date `json:"last_day"`
	State   string     `json:"state"`
	At      time.Time  `json:"at"`
	Why     string     `json:"why"`
	Because string     `json:"because"`
}

// Who is the member as people know them.
func (s leaverStep) Who() string { return or(s.Name, s.Member) }

// In is the chat as people know it.
func (s leaverStep) In() string { return or(s.Title, s.Chat) }

// Says is how far they are, in a few words.
func (s leaverStep) Says() string {
	switch s.State {
	case "waiting":
		return "Waits"
	case "farewell":
		return "Was told, and asked for a last look"
	case "due":
		return "Is due to be removed"
	case "under-way":
		return "Is being removed"
	case "removed":
		return "Removed"
	case "watched":
		return "Only watched: nothing is done"
	}
	return capital(s.State)
}

// leaverQuestion asks people for their yes.
type leaverQuestion struct {
	Key   string       `json:"key"`
	Needs int          `json:"needs"`
	Yes   int          `json:"yes"`
	Why   string       `json:"why"`
	Steps []leaverStep `json:"steps"`
}

// leaverAlarm is a member whom nobody removes, and whom somebody looks at.
type leaverAlarm struct {
	Kind   string    `json:"kind"`
	Chat   string    `json:"chat"`
	Title  string    `json:"title"`
	Member string    `json:"member"`
	Name   string    `json:"name"`
	Person string    `json:"person"`
	Text   string    `json:"text"`
	Since  time.Time `json:"since"`
}

// Who is the member as people know them.
func (a leaverAlarm) Who() string { return or(a.Name, a.Member) }

// In is the chat as people know it.
func (a leaverAlarm) In() string { return or(a.Title, a.Chat) }

// Kinds is what the alarm is about, in a few words.
func (a leaverAlarm) Kinds() string {
	switch a.Kind {
	case "unknown":
		return "Not in the directory"
	case "gone":
		return "Missing from the directory"
	case "undated":
		return "Dismissed without a date"
	case "owns":
		return "The chat is theirs"
	case "last-admin":
		return "One of the last two administrators"
	case "guarded":
		return "Protected"
	case "cannot":
		return "The platform refuses"
	case "unsure":
		return "Outcome not known"
	case "back":
		return "In the chat again"
	}
	return capital(strings.ReplaceAll(a.Kind, "-", " "))
}

// staying is who stays, or came back, in spite of a leaving date.
type staying struct {
	Person  string     `json:"person"`
	LastDay clock.Date `json:"last_day"`
	Says    string     `json:"says"`
	Why     string     `json:"why"`
	At      time.Time  `json:"at"`
	Invite  []string   `json:"invite"`
}

// small is one of the many little forms of a page: what is said in one does
// not stand in another.
type small struct {
	form
	Suffix string // tells its fields from those of the others
}

// ID is the id of a field.
func (s small) ID(field string) string { return field + "-" + s.Suffix }

// Sent reports whether this form was sent, and refused.
func (s small) Sent() bool { return s.Get("form") == s.Suffix }

// Typed is what was typed into a field of this form.
func (s small) Typed(field string) string {
	if s.Sent() {
		return s.Value(field)
	}
	return ""
}

// Wrong is the fault of a field of this form.
func (s small) Wrong(field string) *fault { return s.Fault(s.ID(field)) }

// Tied ties a field to its fault.
func (s small) Tied(field string) template.HTMLAttr { return s.Described(s.ID(field), false) }

type peoplePage struct {
	form
	leaversView
	Set     bool // there is a directory
	Leaving []leaverStep
	Removed []leaverStep
	May     bool
	MayStop bool
	Said    string
	NotRead string // why the directory cannot be read
}

// Small is the form of a step, a question or a person.
func (p peoplePage) Small(suffix ...any) small {
	var parts []string
	for _, s := range suffix {
		switch v := s.(type) {
		case string:
			parts = append(parts, v[:min(12, len(v))])
		case int:
			parts = append(parts, strconv.Itoa(v))
		}
	}
	return small{p.form, strings.Join(parts, "-")}
}

func (c *Console) people(w http.ResponseWriter, r *http.Request) {
	c.showPeople(w, r, http.StatusOK, form{})
}

func (c *Console) showPeople(w http.ResponseWriter, r *http.Request, status int, f form) {
	p := peoplePage{form: f, Set: true, May: c.who(r).May(access.People), MayStop: c.who(r).May(access.Stop), Said: saidOfPeople(r.URL.Query().Get("said"))}
	var err error
	switch p.leaversView, err = ask[leaversView](c, r, "leavers.list", nil); {
	case err != nil && strings.Contains(err.Error(), "no directory is configured"):
		p.Set = false
	case err != nil:
		c.broken(w, r, err)
		return
	}
	for _, s := range p.Steps {
		if s.State == "removed" {
			p.Removed = append(p.Removed, s)
		} else {
			p.Leaving = append(p.Leaving, s)
		}
	}
	c.page(w, r, status, "people.html", "People and leavers", p)
}

// saidOfPeople is what the page says after something was done.
func saidOfPeople(key string) string {
	switch key {
	case "approved":
		return "Your yes is recorded."
	case "kept-in":
		return "It is stopped. Nobody is removed by it until somebody lets it go on."
	case "resumed":
		return "It goes on as the directory says."
	case "reinstated":
		return "They are let in again. An administrator of each chat invites them, where the bot cannot."
	}
	return ""
}

// leaverAct names what an act is about.
type leaverAct struct {
	Key    string `json:"key,omitempty"`
	Person string `json:"person,omitempty"`
	Member string `json:"member,omitempty"`
	Why    string `json:"why,omitempty"`
}

// act makes a call about people, and comes back to the list.
func (c *Console) act(w http.ResponseWriter, r *http.Request, f form, call string, in leaverAct, said string) {
	if len(f.Faults) == 0 {
		if _, err := ask[json.RawMessage](c, r, call, in); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showPeople(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/people?said="+said, http.StatusSeeOther)
}

// decideOn keeps somebody in, or lets them go on, or in again.
func (c *Console) decideOn(call, said string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := filled(w, r)
		in := leaverAct{Person: f.Get("person"), Why: f.Get("why")}
		f.need(!ok || in.Why != "" || call == "leavers.resume", "why-"+f.Get("form"), "Say why.")
		c.act(w, r, f, call, in, said)
	}
}

// approveLeavers says yes to a question. Whoever does types how many
// memberships end by it.
func (c *Console) approveLeavers(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := leaverAct{Key: f.Get("key")}
	if ok {
		l, err := ask[leaversView](c, r, "leavers.list", nil)
		if err != nil {
			f.need(false, "", c.says(err))
			c.showPeople(w, r, http.StatusUnprocessableEntity, f)
			return
		}
		steps, found := 0, false
		for _, q := range l.Questions {
			if q.Key == in.Key {
				steps, found = len(q.Steps), true
			}
		}
		f.need(found, "", "This question is not asked any more: the directory or a chat has changed since. Look at the list again.")
		if found && steps > 0 {
			f.need(typedNumber(f.Get("count")) == steps, "count-"+f.Get("form"), "It ends "+counted(steps, "membership", "memberships")+". Write that number, in digits.")
		}
	}
	c.act(w, r, f, "leavers.approve", in, "approved")
}

// memberView is a member, and who they are.
type memberView struct {
	Member string   `json:"member"`
	Name   string   `json:"name"`
	Bot    bool     `json:"bot"`
	Chats  []string `json:"chats"`
	Person string   `json:"person"`
	By     string   `json:"by"`
	Says   string   `json:"says"`
}

// Who is the member as people know them.
func (m memberView) Who() string { return or(m.Name, m.Member) }

// pageOfMembers is how many members one page shows.
const pageOfMembers = 100

type membersPage struct {
	form
	names
	List     []memberView
	Query    string
	Only     bool // those without a person alone
	Matching int
	First    int
	Last     int
	Before   string
	After    string
	May      bool
	Said     string
	Set      bool
}

// Small is the form of a member.
func (p membersPage) Small(i int) small { return small{p.form, strconv.Itoa(i)} }

// In names the chats of a member.
func (p membersPage) In(m memberView) string {
	var all []string
	for _, chat := range m.Chats {
		all = append(all, p.Name(chat))
	}
	return or(joined(all), "no chat now")
}

func (c *Console) members(w http.ResponseWriter, r *http.Request) {
	c.showMembers(w, r, http.StatusOK, form{})
}

func (c *Console) showMembers(w http.ResponseWriter, r *http.Request, status int, f form) {
	q := r.URL.Query()
	p := membersPage{form: f, Set: true, Query: strings.TrimSpace(q.Get("q")), Only: q.Get("only") == "unknown", May: c.who(r).May(access.People)}
	all, err := ask[[]memberView](c, r, "members.list", nil)
	if err != nil && strings.Contains(err.Error(), "no directory is configured") {
		p.Set, err = false, nil
	}
	if err == nil {
		_, p.names, err = c.chats(r)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	from, _ := strconv.Atoi(q.Get("from")) // the first where it is no number
	p.take(all, max(from, 0))
	if q.Get("said") == "linked" {
		p.Said = "The link is kept. It stands until somebody takes it away."
	}
	c.page(w, r, status, "members.html", "Members", p)
}

// take takes the page of members that was asked for.
func (p *membersPage) take(all []memberView, from int) {
	for _, m := range all {
		if m.Bot || p.Only && m.Person != "" || p.Query != "" && !strings.Contains(strings.ToLower(m.Name+" "+m.Member+" "+m.Person), strings.ToLower(p.Query)) {
			continue
		}
		if p.Matching++; p.Matching > from && len(p.List) < pageOfMembers {
			p.List = append(p.List, m)
		}
	}
	p.First, p.Last = from+1, from+len(p.List)
	at := func(n int) string {
		l := "/people/members?from=" + strconv.Itoa(n)
		if p.Only {
			l += "&only=unknown"
		}
		return l + "&q=" + template.URLQueryEscaper(p.Query)
	}
	if from > 0 {
		p.Before = at(max(from-pageOfMembers, 0))
	}
	if p.Last < p.Matching {
		p.After = at(p.Last)
	}
}

func (c *Console) linkMember(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := leaverAct{Member: f.Get("member"), Person: f.Get("person")}
	f.need(!ok || in.Person != "", "person-"+f.Get("form"), "Write their key in the directory, such as their staff number.")
	c.linked(w, r, f, "members.link", in)
}

func (c *Console) unlinkMember(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	c.linked(w, r, f, "members.unlink", leaverAct{Member: f.Get("member")})
}

func (c *Console) linked(w http.ResponseWriter, r *http.Request, f form, call string, in leaverAct) {
	if len(f.Faults) == 0 {
		if _, err := ask[json.RawMessage](c, r, call, in); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showMembers(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/people/members?said=linked", http.StatusSeeOther)
}
