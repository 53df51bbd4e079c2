package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/breach"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/rules"
)

// Breaches is where breach records are kept, and what their receipts are made
// of.
type Breaches interface {
	Breaches(ctx context.Context) ([]breach.Record, error)
	// Visibility tells how long messages stood in a chat, and who was there
	// when. Where members stand is not known to it.
	Visibility(ctx context.Context, id chat.ID, messages []chat.MessageID) ([]breach.Sight, []breach.Presence, error)
	// Unweighed lists the prompts of which it is still open whether a record
	// is proposed.
	Unweighed(ctx context.Context) ([]Shown, error)
	// Weighed stores that none is proposed for these prompts.
	Weighed(ctx context.Context, prompts []string) error
}

// BreachAct is what was done about a breach, and by whom.
type BreachAct struct {
	Record breach.Record
	Seen   []breach.Seen
	By     string
	What   string // proposed, opened, counted, notify, not-notify, told, handed-over, closed
}

// weighFor is how long it stays open whether a record is proposed for a prompt.
const weighFor = 30 * 24 * time.Hour

// breaches proposes records, and says when their time runs out.
func (e *Engine) breaches(ctx context.Context) error {
	e.breach.Lock()
	defer e.breach.Unlock()
	return errors.Join(e.weigh(ctx), e.alarm(ctx))
}

// weigh proposes a record for each prompt about something serious that people
// outside the organisation could see for long enough.
func (e *Engine) weigh(ctx context.Context) error {
	open, err := e.o.Store.Unweighed(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	unsettled, err := e.o.Store.Waiting(ctx)
	if err != nil {
		return err
	}
	now := e.o.Now()
	where, err := e.standings(ctx)
	if err != nil {
		return err
	}
	var done []string
	for _, sh := range open {
		if slices.Contains(unsettled, sh.Chat) { // it may be told in a moment that the message is gone
			continue
		}
		if !weighs(sh.Prompt) || now.Sub(sh.Opened) > weighFor {
			done = append(done, sh.ID)
			continue
		}
		exposure, seen, err := e.expose(ctx, sh.Prompt, where)
		if err != nil {
			return err
		}
		switch {
		case breach.Propose(true, exposure):
			r := e.newBreach(sh.Prompt, exposure, now)
			if err := e.saveBreach(ctx, BreachAct{Record: r, Seen: seen, By: "chaperone:engine", What: "proposed"}); err != nil {
				return err
			}
			e.o.Log.Warn("a breach record is proposed: somebody decides whether it is one", "breach", r.ID, "chat", r.Chat)
		case !exposure.Visible():
			done = append(done, sh.ID)
		}
	}
	if len(done) == 0 {
		return nil
	}
	return e.o.Store.Weighed(ctx, done)
}

// weighs reports whether a prompt may become a breach record: it is about
// somebody's details, seriously, and nobody said that they are none.
func weighs(p *prompt.Prompt) bool {
	if p.Answer == prompt.AnswerNotSensitive || p.Answer == prompt.AnswerWrong || p.Run != "" || p.Leaving() || p.Telling != nil {
		return false
	}
	return slices.ContainsFunc(p.Items, func(it prompt.Item) bool {
		return it.Message != "" && slices.ContainsFunc(it.Found, func(f prompt.Found) bool {
			return f.Severity == rules.Serious && (f.Class == rules.Personal || f.Class == rules.Special)
		})
	})
}

// alarm says once when a day is left, and once when the time is over. What was
// proposed is taken back where a platform tells late that it was gone in time.
func (e *Engine) alarm(ctx context.Context) error {
	all, err := e.o.Store.Breaches(ctx)
	if err != nil {
		return err
	}
	now := e.o.Now()
	for _, r := range all {
		if r.State == breach.Proposed {
			if err := e.unpropose(ctx, r, now); err != nil {
				return err
			}
		}
		c := r.Clock(now)
		if r.State != breach.Open || c.Alarm == breach.Quiet || c.Alarm == r.Alarmed || r.Alarmed == breach.Late {
			continue
		}
		r.Alarmed = c.Alarm
		if err := e.changeBreach(ctx, &r, "chaperone:engine", "alarm:"+string(c.Alarm)); err != nil {
			return err
		}
		e.o.Log.Warn("the 72 hours of a breach record run out", "breach", r.ID, "alarm", c.Alarm, "due", c.Due)
	}
	return nil
}

// unpropose closes a proposed record of what was gone before it was proposed.
func (e *Engine) unpropose(ctx context.Context, r breach.Record, now time.Time) error {
	seen, err := e.receipt(ctx, &r)
	if err != nil || r.Exposure.Visible() || breach.Propose(true, r.Exposure) {
		return err
	}
	if r, err = r.Close("chaperone:engine", "It was gone from the chat sooner than was known at first.", now); err != nil {
		return err
	}
	return e.saveBreach(ctx, BreachAct{Record: r, Seen: seen, By: "chaperone:engine", What: "taken-back"})
}

// newBreach is a record about everything that a prompt covers.
func (e *Engine) newBreach(p *prompt.Prompt, exposure breach.Exposure, now time.Time) breach.Record {
	r := breach.Record{
		ID: e.o.NewID(now), Prompt: p.ID, Chat: p.Chat, ChatName: p.ChatName, ChatKind: p.ChatKind, Sender: sender(p),
		State: breach.Proposed, Made: now, Exposure: exposure, Kinds: []string{}, Messages: []chat.MessageID{},
	}
	for _, it := range p.Items {
		if it.Message == "" {
			continue
		}
		r.Messages = append(r.Messages, it.Message)
		for _, f := range it.Found {
			if !slices.Contains(r.Kinds, f.Category) {
				r.Kinds = append(r.Kinds, f.Category)
			}
		}
	}
	return r
}

// sender is who wrote the messages of a prompt.
func sender(p *prompt.Prompt) chat.MemberID {
	if p.From != "" {
		return p.From
	}
	return p.Member
}

// standings tells of the members of an account where they stand.
type standings struct {
	directory bool
	first     map[hold.Member]chat.MemberID
	members   map[hold.Member]directory.Member
	known     map[hold.Member]directory.PersonID
}

func (e *Engine) standings(ctx context.Context) (standings, error) {
	roll, err := e.o.Store.Roll(ctx)
	s := standings{directory: len(roll.Known) > 0, first: map[hold.Member]chat.MemberID{}, members: map[hold.Member]directory.Member{}, known: roll.Known}
	for _, m := range roll.Members {
		s.members[hold.Member{Account: m.Account, ID: m.ID}] = m
		for _, also := range m.Also {
			s.first[hold.Member{Account: m.Account, ID: also}] = m.ID
		}
	}
	return s, err
}

// of gives the first id of a member, and where they stand; bot: nowhere.
func (s standings) of(account chat.Account, id chat.MemberID) (first chat.MemberID, is breach.Standing, bot bool) {
	if f, ok := s.first[hold.Member{Account: account, ID: id}]; ok {
		id = f
	}
	key := hold.Member{Account: account, ID: id}
	m := s.members[key]
	switch {
	case m.Guest != "":
		is = breach.External
	case m.Link != "" || s.known[key] != "":
		is = breach.Colleague
	case s.directory:
		is = breach.External
	default:
		is = breach.Unknown
	}
	return id, is, m.Bot
}

// expose works out who could have seen what a prompt is about.
func (e *Engine) expose(ctx context.Context, p *prompt.Prompt, where standings) (breach.Exposure, []breach.Seen, error) {
	var messages []chat.MessageID
	edited := map[chat.MessageID]bool{}
	for _, it := range p.Items {
		if it.Message != "" {
			messages = append(messages, it.Message)
			edited[it.Message] = it.State == prompt.Edited
		}
	}
	return e.exposed(ctx, p.Chat, sender(p), messages, where, func(s *breach.Sight) {
		if s.Until.IsZero() && edited[s.Message] && !p.Closed.IsZero() { // what was found is no longer in it
			s.Until = p.Closed
		}
	})
}

func (e *Engine) exposed(ctx context.Context, id chat.ID, from chat.MemberID, messages []chat.MessageID, where standings, fit func(*breach.Sight)) (breach.Exposure, []breach.Seen, error) {
	sights, present, err := e.o.Store.Visibility(ctx, id, messages)
	if err != nil {
		return breach.Exposure{}, nil, err
	}
	for i := range sights {
		fit(&sights[i])
	}
	kept := present[:0]
	for _, p := range present {
		var bot bool
		if p.Member, p.Standing, bot = where.of(id.Account, p.Member); !bot {
			kept = append(kept, p)
		}
	}
	first, _, _ := where.of(id.Account, from)
	exposure, seen := breach.Expose(e.o.Now(), first, sights, kept)
	return exposure, seen, nil
}

// saveBreach stores an act, with its entry in the log.
func (e *Engine) saveBreach(ctx context.Context, a BreachAct) error {
	return e.o.Store.Settle(ctx, Settlement{Chat: a.Record.Chat, Now: e.o.Now(), Breach: &a})
}

// changeBreach brings the receipt of a record up to date and stores it.
func (e *Engine) changeBreach(ctx context.Context, r *breach.Record, by, what string) error {
	seen, err := e.receipt(ctx, r)
	if err != nil {
		return err
	}
	return e.saveBreach(ctx, BreachAct{Record: *r, Seen: seen, By: by, What: what})
}

// receipt works the receipt of a record out anew. Where its prompt is gone by
// now, the one of the last act stays.
func (e *Engine) receipt(ctx context.Context, r *breach.Record) ([]breach.Seen, error) {
	where, err := e.standings(ctx)
	if err != nil {
		return nil, err
	}
	fit := func(*breach.Sight) {}
	var seen []breach.Seen
	if sh, err := e.o.Store.Prompt(ctx, r.Prompt); err == nil {
		r.Exposure, seen, err = e.expose(ctx, sh.Prompt, where)
		return seen, err
	}
	r.Exposure, seen, err = e.exposed(ctx, r.Chat, r.Sender, r.Messages, where, fit)
	return seen, err
}

// OpenBreach opens a record about what a prompt covers, or takes up the one
// that was proposed for it. aware is when the organisation became aware; zero
// is now.
func (e *Engine) OpenBreach(ctx context.Context, promptID, by string, aware time.Time) (breach.Record, error) {
	e.breach.Lock()
	defer e.breach.Unlock()
	all, err := e.o.Store.Breaches(ctx)
	if err != nil {
		return breach.Record{}, err
	}
	now := e.o.Now().UTC()
	if aware.IsZero() {
		aware = now
	}
	i := slices.IndexFunc(all, func(r breach.Record) bool { return r.Prompt == promptID || r.ID == promptID })
	var r breach.Record
	if i >= 0 {
		r = all[i]
	} else {
		sh, err := e.o.Store.Prompt(ctx, promptID)
		if err != nil {
			return r, err
		}
		if sh.Run != "" || sh.Leaving() || sh.Telling != nil {
			return r, errors.New("this prompt is about no message that somebody could have seen")
		}
		r = e.newBreach(sh.Prompt, breach.Exposure{}, now)
	}
	seen, err := e.receipt(ctx, &r)
	if err != nil {
		return r, err
	}
	if r, err = r.OpenBy(by, aware.UTC(), now); err != nil {
		return r, err
	}
	return r, e.saveBreach(ctx, BreachAct{Record: r, Seen: seen, By: by, What: "opened"})
}

// ChangeBreach carries out a person's act on a record: change makes the record
// as it is afterwards, and what is its name in the log.
func (e *Engine) ChangeBreach(ctx context.Context, id, by, what string, change func(r breach.Record, now time.Time) (breach.Record, error)) (breach.Record, error) {
	e.breach.Lock()
	defer e.breach.Unlock()
	r, err := e.findBreach(ctx, id)
	if err != nil {
		return r, err
	}
	if r, err = change(r, e.o.Now().UTC()); err != nil {
		return r, err
	}
	return r, e.changeBreach(ctx, &r, by, what)
}

func (e *Engine) findBreach(ctx context.Context, id string) (breach.Record, error) {
	all, err := e.o.Store.Breaches(ctx)
	if err != nil {
		return breach.Record{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return breach.Record{}, fmt.Errorf("there is no breach record %q. List them with: chaperone breach list", id)
}

// BreachRecords lists the records, the newest first, the receipts of those that
// have not ended as of now.
func (e *Engine) BreachRecords(ctx context.Context) ([]breach.Record, error) {
	all, err := e.o.Store.Breaches(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].State != breach.Closed {
			if _, err := e.receipt(ctx, &all[i]); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// HandOver files the report of a record for the data protection officer, in one
// transaction with the note that it was. write makes the report.
func (e *Engine) HandOver(ctx context.Context, id, by string, write func(breach.Record, time.Time) string) (breach.Record, error) {
	e.breach.Lock()
	defer e.breach.Unlock()
	r, err := e.findBreach(ctx, id)
	if err != nil {
		return r, err
	}
	now := e.o.Now().UTC()
	seen, err := e.receipt(ctx, &r)
	if err != nil {
		return r, err
	}
	file := e.o.NewID(now)
	if r, err = r.HandOver(breach.Handed{Record: file, By: by, At: now}); err != nil {
		return r, err
	}
	report := record.Record{
		ID: file, Account: r.Chat.Account, Chat: r.Chat.Local, ChatName: r.ChatName, ChatKind: r.ChatKind, Method: string(r.Chat.Account),
		CapturedBy: "chaperone", CapturedAt: now, Form: record.Breach, Messages: []record.Message{}, Lines: nil,
	}
	err = e.o.Store.Settle(ctx, Settlement{
		Chat: r.Chat, Now: now, Breach: &BreachAct{Record: r, Seen: seen, By: by, What: "handed-over"},
		Arrivals: []Arrival{{Record: report, Text: write(r, now)}},
		Actions:  []Action{{Key: "file/" + file, Kind: File, Chat: r.Chat, Record: file, Due: now}},
	})
	if err == nil {
		nudge(e.poke)
	}
	return r, err
}
