package app

import (
	"context"
	"slices"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/control"
	"chaperone/internal/store"
	"chaperone/rules"
)

// ruleCalls tell how the rules do in this organisation.
func (a *App) ruleCalls(t control.Table) {
	t["rules.answers"] = looks(access.See, a.ruleAnswers)
	t["rules.found"] = looks(access.See, a.rulesFound)
}

// Lately says how far back a call looks; nought is ninety days, which is how
// long such things are kept.
type Lately struct {
	Days int `json:"days,omitempty"`
}

func (a *App) since(l Lately) time.Time {
	if l.Days <= 0 {
		l.Days = 90
	}
	return a.now().AddDate(0, 0, -l.Days)
}

// RuleAnswers is how right a rule was by those who were asked.
type RuleAnswers struct {
	store.Answers
	Title string `json:"title"`
	On    bool   `json:"on"` // it is one of the rules that look now
}

func (a *App) ruleAnswers(ctx context.Context, l Lately) ([]RuleAnswers, error) {
	list, err := a.store.Answers(ctx, a.since(l))
	if err != nil {
		return nil, err
	}
	now, err := rules.LoadDir(a.c.RulesDir)
	if err != nil {
		return nil, err
	}
	out := make([]RuleAnswers, 0, len(list))
	for _, r := range list {
		row := RuleAnswers{Answers: r, Title: r.Rule}
		if i := slices.IndexFunc(now, func(n rules.Rule) bool { return n.ID == r.Rule }); i >= 0 {
			row.Title, row.On = now[i].Title, true
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(x, y RuleAnswers) int { return y.Asked - x.Asked })
	return out, nil
}

func (a *App) rulesFound(ctx context.Context, l Lately) ([]store.Found, error) {
	return a.store.Found(ctx, a.since(l))
}
