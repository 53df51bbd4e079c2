package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"chaperone/internal/access"
)

func (c *Console) measureRoutes() []Route {
	return []Route{
		{"GET /measures", access.See, c.measures},
		{"POST /measures/noted", access.Govern, c.noteTrend},
		{"GET /demand", access.See, c.demand},
		{"GET /suppressions", access.Govern, c.suppressions},
		{"POST /suppressions/{id}/end", access.Govern, c.endSuppression},
	}
}

// countsView is what became of the prompts of a chat or a rule.
type countsView struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Asked int    `json:"asked"`
	Parts *struct {
		Answered     int  `json:"answered"`
		Right        int  `json:"put_right"`
		NotSensitive int  `json:"not_sensitive"`
		Wrong        int  `json:"wrong"`
		Silent       int  `json:"no_answer"`
		Open         int  `json:"open"`
		Reminded     int  `json:"reminded"`
		Escalated    int  `json:"escalated"`
		MedianRight  *int `json:"median_minutes_to_right"`
		Repeated     int  `json:"repeated_per_cent"`
		Precision    *int `json:"right_per_cent"`
	} `json:"parts"`
}

// Name is the chat or rule as people know it.
func (v countsView) Name() string { return or(v.Title, v.Key) }

// Few reports whether there are too few prompts to say more.
func (v countsView) Few() bool { return v.Parts == nil }

// Share is a part of all prompts, in per cent.
func (v countsView) Share(n int) string { return fmt.Sprintf("%.1f", 100*float64(n)/float64(v.Asked)) }

// Otherwise counts the prompts that were answered, and not seen to be put right.
func (v countsView) Otherwise() int {
	return max(0, v.Asked-v.Parts.Right-v.Parts.Silent-v.Parts.Open)
}

// From is where the part after those put right begins, in per cent.
func (v countsView) From() string { return v.Share(v.Parts.Right) }

// Rest is where the part without an answer begins.
func (v countsView) Rest() string { return v.Share(v.Parts.Right + v.Otherwise()) }

// Unanswered counts those that wait or ended without an answer.
func (v countsView) Unanswered() int { return v.Parts.Silent + v.Parts.Open }

// Took is the median time until it was put right, in words.
func (v countsView) Took() string {
	if v.Parts.MedianRight == nil {
		return "too few"
	}
	return span(time.Duration(*v.Parts.MedianRight) * time.Minute)
}

// Right is how often the prompt was right, in words.
func (v countsView) Right() string {
	if v.Parts.Precision == nil {
		return "too few answers"
	}
	return fmt.Sprintf("%d in 100", *v.Parts.Precision)
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return counted(int(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return counted(int(d.Hours()), "hour", "hours")
	}
	return counted(int(d.Hours())/24, "day", "days")
}

// pairView is how right a rule was in one chat.
type pairView struct {
	Rule      string `json:"rule"`
	Chat      string `json:"chat"`
	Title     string `json:"title"`
	Answered  int    `json:"answered"`
	Precision int    `json:"right_per_cent"`
}

// In is the chat as people know it.
func (v pairView) In() string { return or(v.Title, v.Chat) }

// Poor says whether the rule asks more than it should there.
func (v pairView) Poor() bool { return v.Precision < 80 }

type effectView struct {
	All   countsView   `json:"all"`
	Chats []countsView `json:"chats"`
	Rules []countsView `json:"rules"`
	Pairs []pairView   `json:"rules_in_chats"`
}

// trendView is a chat that handles personal details as a routine.
type trendView struct {
	Chat    string    `json:"chat"`
	Title   string    `json:"title"`
	Quarter string    `json:"quarter"`
	Days    int       `json:"days"`
	Of      int       `json:"of"`
	Says    []string  `json:"kinds"`
	At      time.Time `json:"reported"`
	Noted   time.Time `json:"noted"`
	NotedBy string    `json:"noted_by"`
}

// Name is the chat as people know it.
func (v trendView) Name() string { return or(v.Title, v.Chat) }

// Kinds is what it is about, in a few words.
func (v trendView) Kinds() string { return joined(v.Says) }

type measuresPage struct {
	form
	effectView
	Trends []trendView
	May    bool
	Said   string
}

func (c *Console) measures(w http.ResponseWriter, r *http.Request) {
	c.showMeasures(w, r, http.StatusOK, form{})
}

func (c *Console) showMeasures(w http.ResponseWriter, r *http.Request, status int, f form) {
	p := measuresPage{form: f, May: c.who(r).May(access.Govern)}
	if r.URL.Query().Get("said") == "noted" {
		p.Said = "That you took note is kept."
	}
	var err error
	if p.effectView, err = ask[effectView](c, r, "prompts.stats", struct{}{}); err == nil {
		p.Trends, err = ask[[]trendView](c, r, "trends.list", nil)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, status, "measures.html", "What prompts achieve", p)
}

func (c *Console) noteTrend(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	if _, err := ask[json.RawMessage](c, r, "trends.note", map[string]string{"chat": f.Get("chat"), "quarter": f.Get("quarter")}); err != nil {
		f.need(false, "", c.says(err))
		c.showMeasures(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/measures?said=noted", http.StatusSeeOther)
}

// topicView is how many messages were about something, or in a kind of chat.
type topicView struct {
	Title   string  `json:"title"`
	Kind    string  `json:"chat_kind"`
	N       int     `json:"messages"`
	Hours   [24]int `json:"hours"`
	Outside int     `json:"outside_office_hours_per_cent"`
	Width   string
	Cells   []hourCell
}

// hourCell is an hour of the day in a strip. X and Width are per cent.
type hourCell struct {
	Hour, N, Level int
	X, Width       string
}

// KindName is a kind of chat as people say it.
func (t topicView) KindName() string {
	return map[string]string{"team": "Team chats", "emergency": "Emergency chats", "partner": "Chats with partners", "public": "Chats with the public"}[t.Kind]
}

// Peak is the hour with the most messages.
func (t topicView) Peak() int {
	most := 0
	for h, n := range t.Hours {
		if n > t.Hours[most] {
			most = h
		}
	}
	return most
}

// lay gives every hour its place and one of five steps.
func (t *topicView) lay(most int) {
	for h, n := range t.Hours {
		level := 0
		if n > 0 {
			level = 1 + 3*n/max(1, most)
		}
		t.Cells = append(t.Cells, hourCell{h, n, min(level, 4), fmt.Sprintf("%.3f", float64(h)*100/24), fmt.Sprintf("%.3f", 92.0/24)})
	}
}

type demandPage struct {
	Topics []topicView `json:"topics"`
	Kinds  []topicView `json:"chat_kinds"`
	All    int
}

func (c *Console) demand(w http.ResponseWriter, r *http.Request) {
	p, err := ask[demandPage](c, r, "prompts.demand", struct{}{})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	for i := range p.Topics {
		p.Topics[i].Width = fmt.Sprintf("%.1f", 100*float64(p.Topics[i].N)/float64(p.Topics[0].N))
	}
	most := 0
	for _, k := range p.Kinds {
		p.All += k.N
		for _, n := range k.Hours {
			most = max(most, n)
		}
	}
	for i := range p.Kinds {
		p.Kinds[i].lay(most)
	}
	c.page(w, r, http.StatusOK, "demand.html", "What chats are used for", p)
}

// suppressionView is a judgement that something is not sensitive in one chat.
type suppressionView struct {
	ID    string    `json:"id"`
	Chat  string    `json:"chat"`
	Title string    `json:"title"`
	Says  string    `json:"says"`
	Rule  string    `json:"rule"`
	Of    string    `json:"of"`
	Owner string    `json:"owner"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Times int       `json:"times"`
}

// In is the chat as people know it.
func (s suppressionView) In() string { return or(s.Title, s.Chat) }

// How is what is known again, in a few words.
func (s suppressionView) How() string {
	if s.Of == "text" {
		return "One whole text"
	}
	return "One value"
}

type suppressionsPage struct {
	form
	List []suppressionView
	Said string
}

// Small is the form of one suppression.
func (p suppressionsPage) Small(id string) small { return small{p.form, id} }

func (c *Console) suppressions(w http.ResponseWriter, r *http.Request) {
	c.showSuppressions(w, r, http.StatusOK, form{})
}

func (c *Console) showSuppressions(w http.ResponseWriter, r *http.Request, status int, f form) {
	list, err := ask[[]suppressionView](c, r, "suppressions.list", struct{}{})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := suppressionsPage{form: f, List: list}
	if r.URL.Query().Get("said") == "ended" {
		p.Said = "It is asked about again from now on."
	}
	c.page(w, r, status, "suppressions.html", "Judged not sensitive", p)
}

func (c *Console) endSuppression(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	id := r.PathValue("id")
	f.need(!ok || f.Get("why") != "", "why-"+id, "Say why it is asked about again.")
	if len(f.Faults) == 0 {
		if _, err := ask[json.RawMessage](c, r, "suppressions.end", map[string]string{"id": id, "why": f.Get("why")}); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showSuppressions(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/suppressions?said=ended", http.StatusSeeOther)
}
