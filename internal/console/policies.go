package console

import (
	"net/http"
	"time"

	"chaperone/internal/access"
)

func (c *Console) policyRoutes() []Route {
	return []Route{{"GET /policies", access.See, c.policies}}
}

// adoptedView is an adopted pack.
type adoptedView struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Version string    `json:"version"`
	Owner   string    `json:"owner"`
	Review  string    `json:"review"`
	Overdue bool      `json:"overdue"`
	Source  string    `json:"source"`
	Of      string    `json:"of"`
	Rows    []rowView `json:"rows"`
	NotHere []struct {
		Source []string `json:"source"`
		Why    string   `json:"why"`
	} `json:"not_here"`
}

// rowView is one row of a pack, in words.
type rowView struct {
	ID      string   `json:"id"`
	When    string   `json:"when"`
	Outcome string   `json:"outcome"`
	Words   string   `json:"words"`
	Duties  string   `json:"duties"`
	Line    string   `json:"line"`
	Source  []string `json:"source"`
}

// Mark is the sign of an outcome: serious, caution, done, or none.
func (r rowView) Mark() string { return outcomeMark(r.Outcome) }

func outcomeMark(outcome string) string {
	switch outcome {
	case "must-not":
		return "serious"
	case "exceptional-circumstances", "particular-care":
		return "caution"
	}
	return "done"
}

type exceptionView struct {
	ID     string    `json:"id"`
	What   string    `json:"what"`
	Chats  string    `json:"chats"`
	Owner  string    `json:"owner"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
	State  string    `json:"state"`
}

type standingView struct {
	Chat     string `json:"chat"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Audience string `json:"audience"`
	Outcome  string `json:"outcome"`
	Words    string `json:"words"`
	Line     string `json:"line"`
}

// Mark is the sign of what the chat may be used for.
func (s standingView) Mark() string { return outcomeMark(s.Outcome) }

type policiesPage struct {
	Packs      []adoptedView   `json:"packs"`
	Exceptions []exceptionView `json:"exceptions"`
	Chats      []standingView  `json:"chats"`
	Overdue    int             `json:"-"`
}

func (c *Console) policies(w http.ResponseWriter, r *http.Request) {
	p, err := ask[policiesPage](c, r, "policy.list", struct{}{})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	for _, pack := range p.Packs {
		if pack.Overdue {
			p.Overdue++
		}
	}
	c.page(w, r, http.StatusOK, "policies.html", "Policies", p)
}
