package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// stalled is a run whose deletions wait for the platform: busy lets them go.
func stalled(t *testing.T, change ...func(*engine.Options)) (*house, *atomic.Bool) {
	t.Helper()
	bot := newFaulty()
	var busy atomic.Bool
	busy.Store(true)
	tried := make(chan struct{}, 1000)
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Kind == bots.Delete && busy.Load() {
			tried <- struct{}{}
			return false, bots.Busy{After: 50 * time.Millisecond}
		}
		return true, nil
	}
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{monthly(t, "=")}, change...)
	h.posts(t, 3)
	const month = 31 * 24 * time.Hour
	if err := h.MoveClock(t.Context(), "Nasreen Malik", month, func() error { h.shift(month); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.RunNow(t.Context(), "Nasreen Malik", "keep"); err != nil {
		t.Fatal(err)
	}
	<-tried
	return h, &busy
}

// A message that was edited while its deletion waited for the platform is no
// longer what the plan was about: it stays, and the run stops.
func TestAMessageThatChangedSinceItsDeletionWasPlannedStays(t *testing.T) {
	h, busy := stalled(t)
	h.bot.events <- chat.Event{
		Key: "e2", Kind: chat.Edited, Chat: room, At: time.Now(), Member: "sam", Name: "Sam", Message: "m2", Revision: 2, Text: sensitive,
	}
	until(t, "it is asked about", func() bool { return h.bot.count(bots.Whisper) == 1 })
	busy.Store(false)
	h.advance(t, time.Minute)
	h.bot.mu.Lock()
	for _, e := range h.bot.ledger {
		if e.Kind == bots.Delete && e.Message == "m2" {
			t.Error("a message that its sender is being asked about was deleted")
		}
	}
	h.bot.mu.Unlock()
	r := h.runs(t)[0]
	if r.State != retention.Stopped || count(r.Certificate, retention.Destroyed) != 2 || count(r.Certificate, retention.NotReached) != 1 {
		t.Errorf("the run is %s (%s) with %+v", r.State, r.Why, r.Certificate)
	}
}

// What a run had begun ends with its schedule: a restart without it, or with
// the chat only watched, deletes nothing more, and does not wait for the run.
func TestARunEndsWithItsSchedule(t *testing.T) {
	for name, change := range map[string]func(*engine.Options){
		"taken out": func(o *engine.Options) { o.Schedules = nil },
		"changed":   func(o *engine.Options) { o.Schedules[0].Cap.Messages++ },
		"watching":  func(o *engine.Options) { o.Schedules[0].Acting = false },
		"chat only watched": func(o *engine.Options) {
			o.Setting = func(chat.ID) engine.Setting { return engine.Setting{} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o engine.Options
			h, busy := stalled(t, func(was *engine.Options) { o = *was })
			h.end()
			busy.Store(false)
			o.Schedules = []retention.Schedule{monthly(t, "=")}
			change(&o)
			h.run(t, o)
			h.advance(t, time.Hour)
			if n := h.bot.count(bots.Delete); n != 0 {
				t.Errorf("%d messages were deleted", n)
			}
			if r := h.runs(t)[0]; r.State != retention.Stopped {
				t.Errorf("the run is %s (%s)", r.State, r.Why)
			}
		})
	}
}

// forgetful is a store that cannot write down what a person did to a run.
type forgetful struct{ engine.Store }

func (f forgetful) SaveRun(ctx context.Context, now time.Time, r engine.Run, a engine.RunAct) error {
	if a.By != "" {
		return errors.New("the disk is full")
	}
	return f.Store.SaveRun(ctx, now, r, a)
}

// No audit, no action: a run that a person begins is stored with who began it,
// and an undo that cannot be written down gives nothing back.
func TestNothingIsDoneToARunThatIsNotWrittenDown(t *testing.T) {
	bot := newFaulty()
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{monthly(t, "=")}, func(o *engine.Options) { o.Store = forgetful{o.Store} })
	h.posts(t, 2)
	r, err := h.RunNow(t.Context(), "Nasreen Malik", "keep")
	if err != nil {
		t.Fatal(err)
	}
	h.advance(t, 31*24*time.Hour)
	if n := bot.count(bots.Delete); n != 2 {
		t.Fatalf("%d messages were deleted, want 2", n)
	}
	var log bytes.Buffer
	if _, err := h.store.ExportAudit(t.Context(), h.now(), "Nasreen Malik", &log); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `"after":"plan:`+r.Digest+`"`) {
		t.Error("the log does not have who began the run")
	}
	was := bot.count(bots.Post)
	if _, err := h.UndoRun(t.Context(), "keep", h.runs(t)[0].Date, "Nasreen Malik"); err == nil {
		t.Error("an undo that cannot be written down is said to be done")
	}
	h.advance(t, time.Minute)
	if n := bot.count(bots.Post) - was; n != 0 {
		t.Errorf("%d texts were posted by an undo that is not in the log", n)
	}
}
