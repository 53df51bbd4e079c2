package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record/folder"
	"chaperone/internal/retention"
	"chaperone/internal/store"
	"chaperone/internal/store/storetest"
	"chaperone/rules"
)

// faulty is a platform whose every call can be made to fail, which the
// practice platform cannot. It keeps a ledger and can be asked by key.
type faulty struct {
	mu     sync.Mutex
	ledger []bots.Effect
	fail   func(n int, e bots.Effect) (reaches bool, err error)
	calls  int
	events chan chat.Event
	able   bots.Abilities
}

func (f *faulty) Account() chat.Account { return "faulty" }

func (f *faulty) Run(ctx context.Context, deliver bots.Deliver) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev := <-f.events:
			for deliver(ctx, []chat.Event{ev}) != nil && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

func (f *faulty) Abilities(context.Context, chat.ID) (bots.Abilities, error) { return f.able, nil }

func (f *faulty) Do(_ context.Context, e bots.Effect) (chat.MessageID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	reaches, err := true, error(nil)
	if f.fail != nil {
		reaches, err = f.fail(f.calls, e)
	}
	if reaches {
		f.ledger = append(f.ledger, e)
	}
	return "", err
}

func (f *faulty) Sent(_ context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.ledger {
		if l.Key == e.Key {
			return "", true, nil
		}
	}
	return "", false, nil
}

func (f *faulty) count(k bots.Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, e := range f.ledger {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// house is a running engine over a real store, scanner, policy and filer.
type house struct {
	*engine.Engine
	bot   *faulty
	store *store.Store
	now   func() time.Time
	shift func(time.Duration)
	end   func() // stops the engine, and leaves the store as it is
}

func start(t testing.TB, bot *faulty, schedules ...retention.Schedule) *house {
	t.Helper()
	return startAs(t, bot, bot, schedules)
}

// builtin is the real set of rules, compiled once for all tests.
var builtin = sync.OnceValues(func() (*detect.Set, error) {
	all, err := rules.Builtin()
	if err != nil {
		return nil, err
	}
	return detect.Compile(all)
})

// startAs lets the engine see the platform as the given bot.
func startAs(t testing.TB, bot *faulty, as bots.Bot, schedules []retention.Schedule, change ...func(*engine.Options)) *house {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	st, err := store.OpenOn(t.Context(), dir, dir+".key", storetest.Database(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	filer, err := folder.New(dir + "-records")
	if err != nil {
		t.Fatal(err)
	}
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	f, err := config.Files.Open("policies/council.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := policy.ReadPack(f)
	if err != nil {
		t.Fatal(err)
	}
	if f, err = config.Files.Open("prompts/en.yaml"); err != nil {
		t.Fatal(err)
	}
	texts, err := prompt.ReadTexts(f)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	offset := 36*time.Hour - time.Now().UTC().Sub(time.Now().UTC().Truncate(24*time.Hour)) // tomorrow at noon: no schedule's hour is near
	h := &house{bot: bot, store: st}
	h.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(offset) }
	h.shift = func(d time.Duration) { mu.Lock(); defer mu.Unlock(); offset += d }
	ids := 0
	o := engine.Options{
		Store: st, Scanner: picky{set}, Packs: []policy.Pack{pack}, Schedules: schedules, Filer: filer, Bots: []bots.Bot{as},
		Viewer: prompt.Viewer{Texts: texts, Zone: time.UTC}, Setting: func(chat.ID) engine.Setting { return engine.Setting{Acting: true} }, Now: h.now,
		NewID: func(now time.Time) string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("20261123-TEST%06d", ids)
		},
		Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	h.run(t, o)
	t.Cleanup(func() { h.end(); st.Close() })
	for _, s := range schedules { // the dates of its runs are counted from when it is first looked at
		for last := (clock.Date{}); last.IsZero(); time.Sleep(time.Millisecond) {
			if last, err = st.LastRun(t.Context(), s.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// run starts an engine with these options, in the place of one that has ended.
func (h *house) run(t testing.TB, o engine.Options) {
	t.Helper()
	h.Engine = engine.New(o)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); h.Run(ctx) }()
	h.end = func() { stop(); <-ended }
}

func newFaulty() *faulty {
	able := bots.Abilities{}
	for _, k := range bots.Kinds {
		able[k] = bots.Ability{Level: bots.Yes}
	}
	return &faulty{events: make(chan chat.Event, 100), able: able}
}

var (
	room      = chat.ID{Account: "faulty", Local: "r"}
	sensitive = "Edith Marlow, 3 Weir Cottages, NHS number 999 123 4543"
)

func (h *house) post(id, text string) {
	h.bot.events <- chat.Event{Key: id, Kind: chat.Posted, Chat: room, At: time.Now(), Member: "sam", Name: "Sam", Message: chat.MessageID(id), Text: text}
}

// until waits for something that must come to be so.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestACallThatMayHaveArrivedIsLookedForBeforeItIsRepeated(t *testing.T) {
	for _, reaches := range []bool{true, false} {
		t.Run(fmt.Sprintf("reached the platform: %t", reaches), func(t *testing.T) {
			bot := newFaulty()
			failed := false
			bot.fail = func(_ int, e bots.Effect) (bool, error) {
				if e.Kind == bots.Whisper && !failed {
					failed = true
					return reaches, errors.New("the line broke")
				}
				return true, nil
			}
			h := start(t, bot)
			h.post("m1", sensitive)
			until(t, "the prompt is shown", func() bool { h.shift(time.Second); h.CatchUp(t.Context()); return bot.count(bots.Whisper) > 0 })
			h.shift(time.Minute)
			if err := h.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := bot.count(bots.Whisper); n != 1 {
				t.Errorf("%d whispers reached the platform, want 1", n)
			}
			if len(h.Troubles()) != 0 {
				t.Errorf("troubles remain: %v", h.Troubles())
			}
		})
	}
}

func TestABusyPlatformIsCalledAgainLater(t *testing.T) {
	bot := newFaulty()
	bot.fail = func(n int, e bots.Effect) (bool, error) {
		if n == 1 {
			return false, bots.Busy{After: time.Hour}
		}
		return true, nil
	}
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the notice was tried", func() bool { bot.mu.Lock(); defer bot.mu.Unlock(); return bot.calls == 1 })
	if bot.count(bots.Post) != 0 || bot.count(bots.Whisper) != 0 {
		t.Fatal("something was said to a busy platform")
	}
	h.shift(61 * time.Minute)
	until(t, "the message was asked about", func() bool { h.CatchUp(t.Context()); return bot.count(bots.Whisper) == 1 })
	if bot.count(bots.Post) != 1 {
		t.Errorf("%d notices, want 1", bot.count(bots.Post))
	}
}

func TestNothingIsReadBeforeTheNoticeStands(t *testing.T) {
	bot := newFaulty()
	bot.fail = func(int, bots.Effect) (bool, error) { return false, bots.ErrForbidden }
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the notice was refused", func() bool { bot.mu.Lock(); defer bot.mu.Unlock(); return bot.calls >= 1 })
	time.Sleep(50 * time.Millisecond)
	if c := h.Counts(); c.Received != 1 {
		t.Errorf("%d events were stored in a chat without a notice, want only that the bot is there", c.Received)
	}
}

func TestWhatTheBotCannotDoItDoesNotTry(t *testing.T) {
	bot := newFaulty()
	delete(bot.able, bots.Whisper)
	h := start(t, bot)
	h.post("m1", sensitive)
	until(t, "the message is settled", func() bool { return h.Counts().Settled >= 2 })
	until(t, "nothing is left to do", func() bool { return h.CatchUp(t.Context()) == nil && h.Counts().Acted >= 2 })
	if bot.count(bots.Whisper) != 0 {
		t.Error("a whisper was tried where the ability says no")
	}
	deeds, err := h.store.Trail(t.Context(), room, 10)
	if err != nil || !slices.ContainsFunc(deeds, func(d store.Deed) bool { return d.Kind == engine.Kind(bots.Whisper) && d.Outcome == engine.Unsupported }) {
		t.Errorf("the trail is %+v (%v), want an outcome unsupported", deeds, err)
	}
}

func TestMessagesAreDecidedInOrder(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot)
	h.post("m1", "the hall opens at 02:30")
	h.post("m2", sensitive)
	until(t, "both are settled", func() bool { return h.Counts().Settled >= 3 })
	found, err := h.store.Decided(t.Context(), room, []chat.MessageID{"m1", "m2"})
	if err != nil || len(found) != 2 {
		t.Fatalf("decided: %v (%v)", found, err)
	}
	var labels []string
	for _, d := range found {
		labels = append(labels, string(d.Message)+" "+d.Label)
	}
	if got := strings.Join(labels, ", "); got != "m1 clean, m2 prompted" {
		t.Errorf("decided %s", got)
	}
}

// picky is the real scanner, made to fail on some texts.
type picky struct{ *detect.Set }

func (p picky) Scan(ctx context.Context, text string, c detect.Context) ([]rules.Finding, error) {
	switch text {
	case "fail":
		return nil, errors.New("cannot scan")
	case "panic":
		panic("cannot scan")
	}
	return p.Set.Scan(ctx, text, c)
}

func TestWhatCannotBeScannedIsSetAsideAndTheChatGoesOn(t *testing.T) {
	for _, text := range []string{"fail", "panic"} {
		t.Run(text, func(t *testing.T) {
			h := start(t, newFaulty())
			h.post("m1", text)
			h.post("m2", sensitive)
			until(t, "the message after it is asked about", func() bool { return h.bot.count(bots.Whisper) == 1 })
			aside, err := h.store.SetAside(t.Context(), 10)
			if err != nil || len(aside) != 1 || aside[0].Message != "m1" || aside[0].Tries != 3 {
				t.Errorf("set aside: %+v (%v)", aside, err)
			}
		})
	}
}

func TestAPromptThatLooksTheSameIsNotShownAgain(t *testing.T) {
	h := start(t, newFaulty())
	h.post("m1", sensitive)
	until(t, "it is asked about", func() bool { return h.bot.count(bots.Whisper) == 1 })
	edit := func(revision int64, text string) {
		h.bot.events <- chat.Event{Key: fmt.Sprint("e", revision), Kind: chat.Edited, Chat: room, At: time.Now(), Member: "sam", Name: "Sam",
			Message: "m1", Revision: revision, Text: text}
	}
	edit(1, sensitive+" ")
	edit(2, sensitive+"  ")
	until(t, "the edits are settled", func() bool { return h.Counts().Settled >= 4 && h.CatchUp(t.Context()) == nil })
	if n := h.bot.count(bots.Revise); n != 0 {
		t.Errorf("%d revisions were shown of a prompt that looks the same", n)
	}
	edit(3, "see you at the hall")
	until(t, "it is put right before the member", func() bool { return h.bot.count(bots.Revise) == 1 })
}

// What a message says after an edit that cannot be scanned is not known: its
// class goes, so that no schedule disposes of it.
func TestAnEditThatCannotBeScannedIsNotDisposedOf(t *testing.T) {
	bot := newFaulty()
	h := start(t, bot, monthly(t, "="))
	h.posts(t, 2)
	bot.events <- chat.Event{Key: "e1", Kind: chat.Edited, Chat: room, At: time.Now(), Member: "sam", Message: "m1", Revision: 1, Text: "fail"}
	until(t, "the edit is set aside", func() bool { all, err := h.store.SetAside(t.Context(), 10); return err == nil && len(all) == 1 })
	h.advance(t, 32*24*time.Hour)
	bot.mu.Lock()
	defer bot.mu.Unlock()
	for _, e := range bot.ledger {
		if e.Kind == bots.Delete && e.Message != "m2" {
			t.Errorf("%s was deleted", e.Message)
		}
	}
}
