package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/clock"
)

func (c *Console) holdRoutes() []Route {
	return []Route{
		{"GET /holds", access.See, c.holds},
		{"GET /holds/new", access.Hold, c.newHold},
		{"POST /holds", access.Hold, c.placeHold},
		{"GET /holds/{id}", access.See, c.hold},
		{"POST /holds/{id}/release", access.Hold, c.releaseHold},
		{"POST /holds/{id}/scope", access.Hold, c.rescopeHold},
	}
}

// holdView is a hold as pages show it.
type holdView struct {
	ID         string     `json:"id"`
	Matter     string     `json:"matter"`
	Owner      string     `json:"owner"`
	Reason     string     `json:"reason"`
	Request    string     `json:"request"`
	Review     clock.Date `json:"review"`
	ReviewDue  bool       `json:"review_due"`
	All        bool       `json:"all"`
	Chats      []string   `json:"chats"`
	Members    []string   `json:"members"`
	People     []string   `json:"people"`
	Since      time.Time  `json:"since"`
	Placed     time.Time  `json:"placed"`
	PlacedBy   string     `json:"placed_by"`
	Released   *time.Time `json:"released"`
	ReleasedBy string     `json:"released_by"`
	Why        string     `json:"why"`
}

// Covers says what the hold covers.
func (h holdView) Covers() string {
	if h.All {
		return "everything"
	}
	var parts []string
	for _, of := range []struct {
		n         int
		one, many string
	}{{len(h.Chats), "chat", "chats"}, {len(h.Members), "member", "members"}, {len(h.People), "person", "people"}} {
		if of.n > 0 {
			parts = append(parts, counted(of.n, of.one, of.many))
		}
	}
	return joined(parts)
}

// names are the chats by their ids.
type names map[string]string

// Name is what people call a chat.
func (n names) Name(chat string) string { return or(n[chat], chat) }

type chatView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (c *Console) chats(r *http.Request) ([]chatView, names, error) {
	all, err := ask[[]chatView](c, r, "chat.list", nil)
	n := names{}
	for _, x := range all {
		n[x.ID] = x.Name
	}
	return all, n, err
}

func (c *Console) allHolds(r *http.Request) ([]holdView, error) {
	all, err := ask[[]holdView](c, r, "hold.list", nil)
	slices.SortStableFunc(all, func(a, b holdView) int { return b.Placed.Compare(a.Placed) })
	return all, err
}

func (c *Console) holds(w http.ResponseWriter, r *http.Request) {
	all, err := c.allHolds(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	var p struct {
		Due, Active, Released []holdView
		May                   bool
	}
	p.May = c.who(r).May(access.Hold)
	for _, h := range all {
		switch {
		case h.Released != nil:
			p.Released = append(p.Released, h)
		case h.ReviewDue:
			p.Due = append(p.Due, h)
		default:
			p.Active = append(p.Active, h)
		}
	}
	c.page(w, r, http.StatusOK, "holds.html", "Holds", p)
}

// holdForm is the page on which a hold is placed.
type holdForm struct {
	form
	ChatList []chatView
	You      string
	Least    string // the first day that a review date can be
}

func (c *Console) newHold(w http.ResponseWriter, r *http.Request) {
	c.holdForm(w, r, http.StatusOK, form{Values: r.URL.Query()})
}

func (c *Console) holdForm(w http.ResponseWriter, r *http.Request, status int, f form) {
	chats, _, err := c.chats(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	least := clock.DateOf(c.o.Now().In(c.o.Zone)).Add(1)
	c.page(w, r, status, "hold-new.html", "Place a hold", holdForm{f, chats, c.who(r).Name, least.String()})
}

// scope is what a hold is to cover, as it is asked for.
type scope struct {
	All     bool     `json:"all,omitempty"`
	Chats   []string `json:"chats,omitempty"`
	Members []string `json:"members,omitempty"`
	People  []string `json:"people,omitempty"`
}

// scope reads what a hold is to cover.
func (f *form) scope() scope {
	s := scope{All: f.Has("all", "yes"), Chats: f.Values["chat"], Members: f.lines("members"), People: f.lines("people")}
	some := len(s.Chats)+len(s.Members)+len(s.People) > 0
	f.need(s.All || some, "all", "Say what it covers: everything, or choose chats, members or people.")
	f.need(!s.All || !some, "all", "Everything is covered already. Take out the rest, or untick everything.")
	for _, m := range s.Members {
		f.need(strings.Contains(m, "/"), "members", "Write each member as platform/id, such as practice/sam. “"+m+"” is not one.")
	}
	return s
}

// placing is how long a page waits for calls that are under way. The hold is
// stored before, and its page tells of those that take longer.
const placing = 20 * time.Second

// placed is what came of placing a hold.
type placed struct {
	Hold    holdView `json:"hold"`
	Settled bool     `json:"settled"`
	Done    []string `json:"done"`
	Unknown []string `json:"unknown"`
	People  []string `json:"people"` // what is known of what it covers
}

func (c *Console) placeHold(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	if !ok {
		c.holdForm(w, r, http.StatusBadRequest, f)
		return
	}
	args := struct {
		Matter  string     `json:"matter"`
		Owner   string     `json:"owner"`
		Reason  string     `json:"reason"`
		Review  clock.Date `json:"review"`
		Request string     `json:"request,omitempty"`
		Since   time.Time  `json:"since,omitzero"`
		scope
	}{Matter: f.Get("matter"), Owner: f.Get("owner"), Reason: f.Get("reason"), Request: f.Get("request")}
	f.need(args.Matter != "", "matter", "Name the matter that the hold is for.")
	f.need(args.Reason != "", "reason", "Say why it is placed.")
	f.need(args.Owner != "", "owner", "Name the person who reviews and releases it.")
	today := clock.DateOf(c.o.Now().In(c.o.Zone))
	var err error
	args.Review, err = clock.ParseDate(f.Get("review"))
	f.need(err == nil, "review", "Name the date by which somebody looks whether it is still needed, such as "+today.Add(180).String()+".")
	f.need(err != nil || today.Before(args.Review), "review", "The review date comes after today, "+today.String()+".")
	if since := f.Get("since"); since != "" {
		args.Since, err = time.ParseInLocation("2006-01-02T15:04", since, c.o.Zone)
		f.need(err == nil, "since", "Write when the request was received, such as "+c.o.Now().In(c.o.Zone).Format("2006-01-02T15:04")+".")
		f.need(err != nil || !args.Since.After(c.o.Now()), "since", "The request cannot have been received later than now.")
	}
	args.scope = f.scope()
	if len(f.Faults) > 0 {
		c.holdForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), placing)
	defer cancel()
	p, err := ask[placed](c, r.WithContext(ctx), "hold.place", args)
	if err != nil {
		f.need(false, "", c.says(err))
		c.holdForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, path("holds", p.Hold.ID)+"?said=placed", http.StatusSeeOther)
}

// says is a refusal as people read it.
func (c *Console) says(err error) string {
	s := capital(err.Error())
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// holdPage is one hold, with what is under it.
type holdPage struct {
	form
	names
	shown
	ChatList []chatView
	May      bool
	Said     string
	Open     bool // the part about its scope
}

// Slips is how many messages may have slipped.
func (p holdPage) Slips() int { return len(p.Done) + len(p.Unknown) }

// shown is a hold with what it covers now.
type shown struct {
	placed
	Until    time.Time   `json:"until"`
	Messages int         `json:"messages"`
	Chats    []chatCount `json:"chats"`
	Prompts  int         `json:"prompts"`
}

// chatCount is how many messages of a chat something is about.
type chatCount struct {
	Chat string    `json:"chat"`
	N    int       `json:"n"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// saids are what pages say after something was done.
func saids(key string) string {
	switch key {
	case "placed":
		return "The hold is placed. Nothing that it covers is disposed of."
	case "rescoped":
		return "The hold has its new scope. It took the place of the one before without a gap."
	case "released":
		return "The hold is released. Nothing was disposed of by that: what it covered returns to its schedule, and stays at least as long as the schedule says after a release."
	case "approved":
		return "Your yes is recorded."
	case "stopped":
		return "The run is stopped. What had not begun is not done."
	case "undone":
		return "The texts are being posted again, as far as they could be kept."
	case "purged":
		return "The sealed texts are erased, but for those that a hold covers. Nothing brings them back."
	case "begun":
		return "The run is planned."
	case "first-yes":
		return "Your yes is recorded. Another person has to say it too."
	case "switched-on":
		return "The chat is switched on. Senders are asked in private from now on."
	case "switched-off":
		return "The chat is only watched from now on."
	case "clock":
		return "The clock is confirmed. What waited for it goes on."
	}
	return ""
}

func (c *Console) hold(w http.ResponseWriter, r *http.Request) {
	c.showHold(w, r, http.StatusOK, form{})
}

func (c *Console) showHold(w http.ResponseWriter, r *http.Request, status int, f form) {
	all, err := c.allHolds(r)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	id := r.PathValue("id")
	if !slices.ContainsFunc(all, func(h holdView) bool { return h.ID == id }) {
		c.fail(w, r, http.StatusNotFound, "There is no hold of that number", "Check the number, or look for it in the list of holds.")
		return
	}
	h, err := ask[shown](c, r, "hold.show", map[string]string{"id": id})
	chats, byID, err2 := c.chats(r)
	if err = errors.Join(err, err2); err != nil {
		c.broken(w, r, err)
		return
	}
	p := holdPage{form: f, names: byID, shown: h, ChatList: chats, May: c.who(r).May(access.Hold), Said: saids(r.URL.Query().Get("said"))}
	if p.Open = f.Values.Has("rescope"); !p.Open { // the form about its scope begins with what it covers
		p.Values = url.Values{
			"why": f.Values["why"], "chat": h.Hold.Chats, "members": {strings.Join(h.Hold.Members, "\n")}, "people": {strings.Join(h.Hold.People, "\n")},
		}
		if h.Hold.All {
			p.Values.Set("all", "yes")
		}
	}
	c.page(w, r, status, "hold.html", "Hold: "+h.Hold.Matter, p)
}

// endHold says which hold ends, and why.
type endHold struct {
	ID    string `json:"id"`
	Why   string `json:"why"`
	Scope *scope `json:"scope,omitempty"`
}

func (c *Console) releaseHold(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := endHold{ID: r.PathValue("id"), Why: f.Get("why")}
	f.need(!ok || in.Why != "", "why", "Say why it is released.")
	c.endHold(w, r, f, "hold.release", in, "released")
}

func (c *Console) rescopeHold(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	in := endHold{ID: r.PathValue("id"), Why: f.Get("whyscope")}
	if ok {
		s := f.scope()
		in.Scope = &s
		f.need(in.Why != "", "whyscope", "Say why the scope changes.")
	}
	c.endHold(w, r, f, "hold.rescope", in, "rescoped")
}

func (c *Console) endHold(w http.ResponseWriter, r *http.Request, f form, call string, in endHold, said string) {
	if len(f.Faults) > 0 {
		c.showHold(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), placing)
	defer cancel()
	p, err := ask[struct {
		ID   string   `json:"id"`
		Hold holdView `json:"hold"`
	}](c, r.WithContext(ctx), call, in)
	if err != nil {
		f.need(false, "", c.says(err))
		c.showHold(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, path("holds", or(p.Hold.ID, p.ID))+"?said="+said, http.StatusSeeOther)
}
