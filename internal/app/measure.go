package app

import (
	"cmp"
	"context"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/control"
	"chaperone/internal/measure"
	"chaperone/rules"
)

// measureCalls tell what prompts achieve and what chats are used for.
func (a *App) measureCalls(t control.Table) {
	t["prompts.stats"] = looks(access.See, a.promptsStats)
	t["prompts.demand"] = looks(access.See, a.promptsDemand)
	t["trends.list"] = looks(access.See, a.trendsList)
	t["trends.note"] = named(access.Govern, a.trendsNote)
}

func (a *App) promptsStats(ctx context.Context, l Lately) (measure.Effect, error) {
	since := a.since(l)
	all, err := a.store.Asking(ctx, since.Add(-measure.Again))
	if err != nil {
		return measure.Effect{}, err
	}
	asked := make([]measure.Asked, 0, len(all))
	for i := range all {
		if one, ok := measure.Of(&all[i]); ok {
			asked = append(asked, one)
		}
	}
	e := measure.Prompts(since, asked)
	titles, err := a.titles(ctx)
	if err != nil {
		return e, err
	}
	list, err := rules.LoadDir(a.c.RulesDir)
	if err != nil {
		return e, err
	}
	called := map[string]string{}
	for _, r := range list {
		called[r.ID] = r.Title
	}
	byID := map[string]string{}
	for id, t := range titles {
		byID[id.String()] = t
	}
	for i, c := range e.Chats {
		e.Chats[i].Title = byID[c.Key]
	}
	for i, c := range e.Rules {
		e.Rules[i].Title = called[c.Key]
	}
	for i, p := range e.Pairs {
		e.Pairs[i].Title = byID[p.Chat]
	}
	return e, nil
}

func (a *App) promptsDemand(ctx context.Context, l Lately) (measure.Demand, error) {
	since := a.since(l)
	facts, err := a.store.Facts(ctx, since)
	for i, f := range facts {
		if k := a.setting(f.Chat).Kind; k.Valid() {
			facts[i].Kind = k
		}
	}
	d := measure.Wants(since, a.zone, facts)
	words := rules.Categories()
	for i, t := range d.Topics {
		d.Topics[i].Title = cmp.Or(words[t.Category], t.Category)
	}
	return d, err
}

// Trend is that a chat handles personal details as a routine.
type Trend struct {
	Chat    string    `json:"chat"`
	Title   string    `json:"title"`
	Quarter string    `json:"quarter"`
	Days    int       `json:"days"`
	Of      int       `json:"of"`
	Says    []string  `json:"kinds"`
	At      time.Time `json:"reported"`
	Noted   time.Time `json:"noted,omitzero"`
	NotedBy string    `json:"noted_by,omitempty"`
}

func (a *App) trendsList(ctx context.Context, _ struct{}) ([]Trend, error) {
	all, err := a.store.Trends(ctx)
	if err != nil {
		return nil, err
	}
	titles, err := a.titles(ctx)
	out := make([]Trend, 0, len(all))
	for _, t := range all {
		out = append(out, Trend{
			Chat: t.Chat.String(), Title: titles[t.Chat], Quarter: t.Quarter, Days: t.Days, Of: t.Of, Says: kindsInWords(t.Kinds),
			At: t.At, Noted: t.Noted, NotedBy: t.NotedBy,
		})
	}
	return out, err
}

// WhichTrend names a trend.
type WhichTrend struct {
	Chat    string `json:"chat"`
	Quarter string `json:"quarter"`
}

func (a *App) trendsNote(ctx context.Context, by string, in WhichTrend) (struct{}, error) {
	id, err := chatID(in.Chat)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, a.store.NoteTrend(ctx, a.now(), id, in.Quarter, by)
}
