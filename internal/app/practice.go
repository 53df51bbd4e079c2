package app

import (
	"context"
	"html/template"
	"net/http"
	"time"

	"chaperone/bots"
	"chaperone/bots/practice"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
)

// practiceOptions lets the practice platform's pages show what the bot decided
// and did. The platform itself learns of it only through its bot, as any
// platform would.
func (a *App) practiceOptions(zone *time.Location) practice.Options {
	return practice.Options{
		Zone: zone,
		Log:  a.c.Log,
		MoveClock: func(ctx context.Context, by time.Duration, move func() error) error {
			return a.engine.MoveClock(ctx, "chaperone:demo", by, move)
		},
		AfterClock: func(ctx context.Context) error { return a.engine.CatchUp(ctx) },
		Decided:    a.decided,
		Trail:      a.trail,
		Frame: func(w http.ResponseWriter, r *http.Request, title string, body template.HTML) {
			a.console.Frame(w, r, title, body) // the console is made after the platform, and before anything is served
		},
	}
}

func (a *App) decided(ctx context.Context, id chat.ID, messages []chat.MessageID) (map[chat.MessageID]practice.Decided, error) {
	found, err := a.store.Decided(ctx, id, messages)
	if err != nil {
		return nil, err
	}
	out := make(map[chat.MessageID]practice.Decided, len(found))
	for _, d := range found {
		out[d.Message] = practice.Decided{Revision: d.Revision, Decision: d.Label, Aside: aside(d.State, d.Label, d.Record), Record: d.Record}
	}
	return out, nil
}

// aside says in the margin what became of a message.
func aside(s prompt.State, label, record string) string {
	switch {
	case record != "":
		return "Kept as a record"
	case label == "watched":
		return "Would have asked: this chat is watched, not switched on"
	case s == prompt.PutRight:
		return "Put right"
	case s == prompt.Answered:
		return "Answered"
	case s == prompt.Escalated:
		return "Asked, no answer yet: passed on"
	case s == prompt.Lapsed:
		return "Asked, no answer"
	case s == prompt.Withdrawn:
		return "Question taken back"
	case s == prompt.Open:
		return "Asked privately"
	default:
		return "Passed in silence"
	}
}

// trail tells what the bot did in a chat. It names no person.
func (a *App) trail(ctx context.Context, id chat.ID) ([]practice.Act, error) {
	const newest = 12
	deeds, err := a.store.Trail(ctx, id, newest)
	if err != nil {
		return nil, err
	}
	var out []practice.Act
	for i := len(deeds) - 1; i >= 0; i-- {
		d := deeds[i]
		act := practice.Act{At: d.At, Text: deedText(d.Kind, d.Outcome), Later: d.Outcome == ""}
		if d.Kind == engine.File && d.Outcome == engine.Done {
			act.Link = "/records/" + d.Record
		}
		if act.Text != "" {
			out = append(out, act)
		}
	}
	next, err := a.store.NextReminder(ctx, id)
	if err == nil && !next.IsZero() {
		out = append(out, practice.Act{At: next, Text: "Looks again, if still open", Later: true})
	}
	return out, err
}

func deedText(k engine.Kind, o engine.Outcome) string {
	if o != "" && o != engine.Done {
		if o == engine.NotNeeded {
			return ""
		}
		return "Could not carry something out: " + string(o)
	}
	switch k {
	case engine.Line:
		return "Said that somebody could not be reached"
	case engine.Inform:
		return "Told somebody privately, without naming anyone"
	case engine.Reports:
		return "Reported exceptional circumstances"
	}
	switch bots.Kind(k) {
	case bots.Post:
		return "Posted the notice"
	case bots.Whisper:
		return "Asked one person privately"
	case bots.Tell:
		return "Wrote to one person privately"
	case bots.Kind(engine.Say):
		return "Posted a line that names nobody"
	case bots.Remind:
		return "Reminded once"
	case bots.Delete:
		return "Deleted a message, as its sender asked"
	case bots.Remove:
		return "Removed a member"
	default:
		return "Kept a record, after the sender said yes"
	}
}

// seed puts the demo's invented rooms and people there, once.
func (a *App) seed() error {
	for _, room := range demoRooms {
		if err := a.practice.AddRoom(room); err != nil {
			return err
		}
	}
	return nil
}

var demoStaff = []practice.Member{
	{ID: "sam", Name: "Sam Okafor", Email: "sam.okafor@calderwick.example"},
	{ID: "priya", Name: "Priya Nair", Email: "priya.nair@calderwick.example"},
	{ID: "dafydd", Name: "Dafydd Rees", Email: "dafydd.rees@calderwick.example"},
	{ID: "tom", Name: "Tom Ellery", Email: "tom.ellery@calderwick.example"},
	{ID: "aisha", Name: "Aisha Khan", Email: "aisha.khan@calderwick.example"},
}

var demoRooms = []practice.NewRoom{
	{ID: "rest-centre-team", Name: "Rest Centre Team", Kind: chat.Team, Members: demoStaff[:3]},
	{ID: "flood-north", Name: "Flood North", Kind: chat.Emergency, Members: demoStaff},
}
