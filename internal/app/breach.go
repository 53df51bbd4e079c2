package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/breach"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/rules"
)

func (a *App) breachCalls(t control.Table) {
	t["breach.list"] = looks(access.See, a.breachList)
	t["breach.pending"] = looks(access.See, a.breachPending)
	t["breach.show"] = looks(access.See, a.breachShow)
	t["breach.prompts"] = looks(access.Govern, a.breachPrompts)
	t["breach.who"] = named(access.Govern, a.breachWho)
	t["breach.open"] = named(access.Govern, a.breachOpen)
	t["breach.decide"] = named(access.Govern, a.breachDecide)
	t["breach.handover"] = named(access.Govern, a.breachHandOver)
	t["breach.close"] = named(access.Govern, a.breachClose)
}

// Breach is a breach record as commands and pages show it: counts, and nobody
// who could have seen it.
type Breach struct {
	ID       string           `json:"id"`
	Prompt   string           `json:"prompt"`
	Chat     string           `json:"chat"`
	Title    string           `json:"title"`
	ChatKind chat.Kind        `json:"chat_kind"`
	State    breach.State     `json:"state"`
	Kinds    []string         `json:"kinds"` // categories
	Says     []string         `json:"says"`  // … in words
	People   *int             `json:"people"`
	Made     time.Time        `json:"made"`
	OpenedBy string           `json:"opened_by,omitempty"`
	Clock    BreachClock      `json:"clock"`
	Exposure BreachExposure   `json:"exposure"`
	Decision *breach.Decision `json:"decision"`
	Told     *breach.Told     `json:"told,omitempty"`
	Handed   []Delivery       `json:"handed"`
	Ended    time.Time        `json:"ended,omitzero"`
	EndedBy  string           `json:"ended_by,omitempty"`
	Why      string           `json:"why,omitempty"`
}

// BreachClock is how the 72 hours stand.
type BreachClock struct {
	Runs  bool         `json:"runs"`
	Aware time.Time    `json:"aware,omitzero"`
	Due   time.Time    `json:"due,omitzero"`
	Left  int          `json:"hours_left"` // whole hours, rounded up; under nought when late
	Used  int          `json:"used"`       // per cent
	Alarm breach.Alarm `json:"alarm"`      // 48-hours, 72-hours, or none
}

// BreachExposure is the receipt, with its words.
type BreachExposure struct {
	breach.Exposure
	Visible bool   `json:"visible_now"`
	For     string `json:"for"`
	Who     string `json:"who"`
	Readers string `json:"readers"`
}

// Delivery is a report that was handed over.
type Delivery struct {
	breach.Handed
	Filed time.Time `json:"filed,omitzero"` // zero: it is still on its way
	Where string    `json:"where,omitempty"`
}

func (a *App) breachView(ctx context.Context, r breach.Record) Breach {
	c, e := r.Clock(a.now()), r.Exposure
	v := Breach{
		ID: r.ID, Prompt: r.Prompt, Chat: r.Chat.String(), Title: prompt.Inert(r.ChatName, 80), ChatKind: r.ChatKind, State: r.State, Kinds: r.Kinds,
		Says: kindsInWords(r.Kinds), People: r.People, Made: r.Made, OpenedBy: r.OpenedBy,
		Clock:    BreachClock{Runs: c.Runs, Aware: c.Aware, Due: c.Due, Left: hoursUp(c.Left), Used: c.Used(), Alarm: c.Alarm},
		Exposure: BreachExposure{Exposure: e, Visible: e.Visible(), For: e.Visibly(), Who: e.Who(), Readers: e.Readers()},
		Decision: r.Decision, Told: r.Told, Handed: []Delivery{}, Ended: r.Ended, EndedBy: r.EndedBy, Why: r.Why,
	}
	for _, h := range r.Handed {
		d := Delivery{Handed: h}
		if f, err := a.store.Record(ctx, h.Record); err == nil && f.Receipt.Where != "" {
			d.Filed, d.Where = f.Receipt.FiledAt, f.Receipt.Where
		}
		v.Handed = append(v.Handed, d)
	}
	return v
}

// hoursUp rounds to whole hours: up, so that an hour that has begun is left.
func hoursUp(d time.Duration) int {
	n := int(d / time.Hour)
	if d > time.Duration(n)*time.Hour {
		n++
	}
	return n
}

func kindsInWords(categories []string) []string {
	words := rules.Categories()
	out := make([]string, 0, len(categories))
	for _, c := range categories {
		w := words[c]
		if w == "" {
			w = c
		}
		out = append(out, w)
	}
	return out
}

func (a *App) breachList(ctx context.Context, _ struct{}) ([]Breach, error) {
	all, err := a.engine.BreachRecords(ctx)
	out := make([]Breach, 0, len(all))
	for _, r := range all {
		out = append(out, a.breachView(ctx, r))
	}
	return out, err
}

// breachPending lists the records that have not ended, their receipts as of the
// last act.
func (a *App) breachPending(ctx context.Context, _ struct{}) ([]Breach, error) {
	all, err := a.store.Breaches(ctx)
	out := []Breach{}
	for _, r := range all {
		if r.State != breach.Closed {
			out = append(out, a.breachView(ctx, r))
		}
	}
	return out, err
}

// WhichBreach names a breach record.
type WhichBreach struct {
	ID string `json:"id"`
}

func (a *App) breachShow(ctx context.Context, in WhichBreach) (Breach, error) {
	all, err := a.engine.BreachRecords(ctx)
	if err != nil {
		return Breach{}, err
	}
	i := slices.IndexFunc(all, func(r breach.Record) bool { return r.ID == in.ID })
	if i < 0 {
		return Breach{}, errors.New("there is no breach record of that number. List them with: chaperone breach list")
	}
	return a.breachView(ctx, all[i]), nil
}

// BreachPrompt is a prompt that a record can be opened from. It names nobody.
type BreachPrompt struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Opened time.Time    `json:"opened"`
	State  prompt.State `json:"state"`
	Says   []string     `json:"says"`
}

// breachPrompts lists the newest prompts about somebody's details.
func (a *App) breachPrompts(ctx context.Context, _ struct{}) ([]BreachPrompt, error) {
	all, err := a.store.Asking(ctx, a.now().AddDate(0, 0, -90))
	if err != nil {
		return nil, err
	}
	out := []BreachPrompt{}
	for _, p := range slices.Backward(all) {
		var kinds []string
		for _, it := range p.Items {
			for _, f := range it.Found {
				if (f.Class == rules.Personal || f.Class == rules.Special) && !slices.Contains(kinds, f.Category) {
					kinds = append(kinds, f.Category)
				}
			}
		}
		if len(kinds) == 0 || p.Run != "" || p.Leaving() || p.Telling != nil || len(out) >= 100 {
			continue
		}
		out = append(out, BreachPrompt{ID: p.ID, Title: prompt.Inert(p.ChatName, 80), Opened: p.Opened, State: p.State, Says: kindsInWords(kinds)})
	}
	return out, nil
}

// CouldSee is a member who could have seen what a breach record is about.
type CouldSee struct {
	Member   string          `json:"member"`
	Name     string          `json:"name,omitempty"`
	Standing breach.Standing `json:"standing"`
	Sure     bool            `json:"sure"`
}

// breachWho names who could have seen it, to an officer. That they looked is in
// the log.
func (a *App) breachWho(ctx context.Context, by string, in WhichBreach) ([]CouldSee, error) {
	r, err := a.engine.ChangeBreach(ctx, in.ID, by, "names-read", func(r breach.Record, _ time.Time) (breach.Record, error) { return r, nil })
	if err != nil {
		return nil, err
	}
	seen, err := a.store.Seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	roll, err := a.store.Roll(ctx)
	names := map[hold.Member]string{}
	for _, m := range roll.Members {
		names[hold.Member{Account: m.Account, ID: m.ID}] = m.Name
	}
	out := make([]CouldSee, 0, len(seen))
	for _, s := range seen {
		out = append(out, CouldSee{
			Member: member(r.Chat.Account, s.Member), Name: names[hold.Member{Account: r.Chat.Account, ID: s.Member}], Standing: s.Standing, Sure: s.Sure,
		})
	}
	return out, err
}

// OpenBreach says what a record is opened from.
type OpenBreach struct {
	Prompt string    `json:"prompt"` // or the number of a proposed record
	Aware  time.Time `json:"aware,omitzero"`
	People *int      `json:"people,omitempty"`
}

func (a *App) breachOpen(ctx context.Context, by string, in OpenBreach) (Breach, error) {
	r, err := a.engine.OpenBreach(ctx, in.Prompt, by, in.Aware)
	if err == nil && in.People != nil {
		r, err = a.engine.ChangeBreach(ctx, r.ID, by, "counted", func(r breach.Record, _ time.Time) (breach.Record, error) { return r.Count(*in.People) })
	}
	if err != nil {
		return Breach{}, err
	}
	return a.breachView(ctx, r), nil
}

// DecideBreach is what a person found out and decided. What is left out stays
// as it is.
type DecideBreach struct {
	ID        string    `json:"id"`
	People    *int      `json:"people,omitempty"`
	Notify    bool      `json:"notify,omitempty"`
	Reason    string    `json:"reason,omitempty"` // empty: nothing is decided now
	Told      time.Time `json:"told,omitzero"`    // when the Commissioner was told
	Reference string    `json:"reference,omitempty"`
	Late      string    `json:"late,omitempty"`
}

func (a *App) breachDecide(ctx context.Context, by string, in DecideBreach) (Breach, error) {
	var what []string
	if in.People != nil {
		what = append(what, "counted")
	}
	if in.Reason != "" {
		what = append(what, map[bool]string{true: "notify", false: "not-notify"}[in.Notify])
	}
	if !in.Told.IsZero() {
		what = append(what, "told")
	}
	if len(what) == 0 {
		return Breach{}, errors.New("say what is decided and why, how many people it is about, or when the Commissioner was told")
	}
	r, err := a.engine.ChangeBreach(ctx, in.ID, by, strings.Join(what, "+"), func(r breach.Record, now time.Time) (breach.Record, error) {
		var err error
		if in.People != nil {
			if r, err = r.Count(*in.People); err != nil {
				return r, err
			}
		}
		if in.Reason != "" {
			if r, err = r.Decide(breach.Decision{Notify: in.Notify, Reason: in.Reason, By: by, At: now}); err != nil {
				return r, err
			}
		}
		if !in.Told.IsZero() {
			return r.Tell(breach.Told{At: in.Told.UTC(), By: by, Reference: in.Reference, Late: in.Late}, now)
		}
		return r, nil
	})
	if err != nil {
		return Breach{}, err
	}
	return a.breachView(ctx, r), nil
}

func (a *App) breachHandOver(ctx context.Context, by string, in WhichBreach) (Breach, error) {
	r, err := a.engine.HandOver(ctx, in.ID, by, func(r breach.Record, now time.Time) string {
		return r.Report(now, a.zone, kindsInWords(r.Kinds))
	})
	if err != nil {
		return Breach{}, err
	}
	return a.breachView(ctx, r), nil
}

// CloseBreach says which record ends, and why.
type CloseBreach struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

func (a *App) breachClose(ctx context.Context, by string, in CloseBreach) (Breach, error) {
	r, err := a.engine.ChangeBreach(ctx, in.ID, by, "closed", func(r breach.Record, now time.Time) (breach.Record, error) { return r.Close(by, in.Why, now) })
	if err != nil {
		return Breach{}, err
	}
	return a.breachView(ctx, r), nil
}
