package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
)

// Claim is one claim of exceptional circumstances. The reason is a record, and
// is nowhere else.
type Claim struct {
	Of     string        `json:"-"` // the date, or the incident, that is reported of
	At     time.Time     `json:"at"`
	Record string        `json:"reason"` // the number of the record
	Lines  []policy.Line `json:"policy"`
}

// Report tells that exceptional circumstances were claimed in a chat (R4). It
// holds no reason, no text and no name: those who may see them find the records
// by their numbers.
type Report struct {
	About  string    `json:"about"`
	Chat   string    `json:"chat"`
	Of     string    `json:"of"`
	Made   time.Time `json:"made"`
	Claims []Claim   `json:"claims"`
}

// Reporter delivers reports.
type Reporter interface {
	// Report delivers a report once for each number, and says where it is.
	Report(ctx context.Context, about record.Record, r Report) (record.Receipt, error)
}

// filed delivers reports into the record system.
type filed struct{ record.Filer }

// Report implements Reporter.
func (f filed) Report(ctx context.Context, about record.Record, r Report) (record.Receipt, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return record.Receipt{}, err
	}
	return f.File(ctx, about, []record.File{{Name: "report.json", Data: append(b, '\n')}})
}

const recordsTeam = "records-team"

// claim stores a claim and plans its report: one for a chat and day, however
// many claims there are. It is made when the day is over, filed, and then told
// to the records team and the head of unit.
func (b *batch) claim(sh *Shown, id string) {
	o := b.e.o
	c := Claim{Of: o.Pace.Day(b.now).Format(time.DateOnly), At: b.now, Record: id, Lines: []policy.Line{}}
	for _, it := range sh.Items {
		for _, l := range it.Lines {
			if !slices.Contains(c.Lines, l) {
				c.Lines = append(c.Lines, l)
			}
		}
	}
	b.s.Claims = append(b.s.Claims, c)
	file := Action{
		Key: fmt.Sprintf("%s/%s/%s", Reports, sh.Chat, c.Of), Kind: Reports, Chat: sh.Chat, Record: o.NewID(b.now), Due: o.Pace.Morrow(b.now),
	}
	b.s.Actions = append(b.s.Actions, file)
	for to, m := range map[string]hold.Member{recordsTeam: o.Officers.RecordsTeam, "head-of-unit": o.Officers.HeadOfUnit} {
		if m.ID == "" {
			continue
		}
		b.s.Actions = append(b.s.Actions, Action{
			Key: fmt.Sprintf("%s/%s/%s/%s/%s", Inform, prompt.AboutReport, to, sh.Chat, c.Of), Kind: Inform,
			Chat: sh.Chat, Member: m.ID, Record: file.Record, After: file.Key, Due: file.Due,
		})
	}
}

// report makes a report and delivers it.
func (e *Engine) report(ctx context.Context, a Action) error {
	of := a.Key[len(string(Reports)+"/"+a.Chat.String()+"/"):]
	claims, err := e.o.Store.Claims(ctx, a.Chat, of)
	if err != nil {
		return err
	}
	load, err := e.o.Store.Take(ctx, a.Chat, 0)
	if err != nil {
		return err
	}
	about := record.Record{
		ID: a.Record, Account: a.Chat.Account, Chat: a.Chat.Local, ChatName: load.Chat.Name, ChatKind: load.Chat.Kind,
		Method: string(a.Chat.Account), CapturedBy: "chaperone", CapturedAt: a.Due.UTC(), Form: record.Report,
		Messages: []record.Message{}, Lines: []policy.Line{},
	}
	for _, c := range claims {
		for _, l := range c.Lines {
			if !slices.Contains(about.Lines, l) {
				about.Lines = append(about.Lines, l)
			}
		}
	}
	// Its row comes first, so that the number is known wherever it is told.
	if err := e.o.Store.Settle(ctx, Settlement{Chat: a.Chat, Now: e.o.Now(), Arrivals: []Arrival{{Record: about, Unread: true}}}); err != nil {
		return err
	}
	if err := e.o.Store.Start(ctx, e.o.Now(), &a); err != nil {
		return err
	}
	r := Report{About: "exceptional circumstances", Chat: a.Chat.String(), Of: of, Made: about.CapturedAt, Claims: claims}
	receipt, err := e.o.Reporter.Report(ctx, about, r)
	if err != nil {
		return err
	}
	return e.conclude(ctx, Finished{Action: a, Outcome: Done, Receipt: &receipt})
}
