package console

import (
	"net/http"

	"chaperone/internal/access"
)

func (c *Console) qualityRoutes() []Route {
	return []Route{{"GET /quality", access.See, c.quality}}
}

// answersView is how right a rule was, by those who were asked.
type answersView struct {
	Rule         string `json:"rule"`
	Asked        int    `json:"asked"`
	Agreed       int    `json:"agreed"`
	NotSensitive int    `json:"not_sensitive"`
	Wrong        int    `json:"wrong"`
	Open         int    `json:"open"`
	Title        string `json:"title"`
	On           bool   `json:"on"`
}

// Answered is how many said whether the rule was right.
func (a answersView) Answered() int { return a.Agreed + a.NotSensitive + a.Wrong }

// enough is how many answers a share is worked out from: of fewer, one answer
// would say too much about one person, and too little about the rule.
const enough = 5

// Right is the share of answers that agreed, in words.
func (a answersView) Right() string {
	if a.Answered() < enough {
		return "too few answers"
	}
	return number(int64((100*a.Agreed+a.Answered()/2)/a.Answered())) + " in 100"
}

// Part is one of the counts, where there are enough answers to show it.
func (a answersView) Part(n int) string {
	if a.Answered() < enough {
		return "–"
	}
	return number(int64(n))
}

// Poor says whether the rule asks more than it should.
func (a answersView) Poor() bool {
	return a.Answered() >= enough && 10*a.Agreed < 8*a.Answered()
}

func (c *Console) quality(w http.ResponseWriter, r *http.Request) {
	list, err := ask[[]answersView](c, r, "rules.answers", struct{}{})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := struct {
		List                   []answersView
		Pairs                  []pairView // by rule and chat, where enough people said
		May                    bool
		Answered, Agreed, Poor int
		Asked                  int // prompts, those that wait among them
	}{List: list, May: c.who(r).May(access.Govern)}
	effect, err := ask[effectView](c, r, "prompts.stats", struct{}{})
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p.Pairs, p.Asked = effect.Pairs, effect.All.Asked
	for _, a := range list {
		p.Answered += a.Answered()
		p.Agreed += a.Agreed
		if a.Poor() {
			p.Poor++
		}
	}
	c.page(w, r, http.StatusOK, "quality.html", "Quality of the rules", p)
}
