package discord_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// running is a bot that is connected, and everything that was stored of what
// it delivered. It is the bot's Memory too.
type running struct {
	mu     sync.Mutex
	keys   map[string]bool
	events []chat.Event
	refuse bool
	stop   func()
	err    error
}

func start(t *testing.T, b *discord.Bot) *running { return new(running).start(t, b) }

func (r *running) start(t *testing.T, b *discord.Bot) *running {
	t.Helper()
	if r.keys == nil {
		r.keys = map[string]bool{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := b.Run(ctx, func(_ context.Context, events []chat.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refuse {
				return errors.New("not stored")
			}
			for _, e := range events {
				if key := e.Chat.Local + " " + e.Key; !r.keys[key] {
					r.keys[key] = true
					r.events = append(r.events, e)
				}
			}
			return nil
		})
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	}()
	r.stop = func() { cancel(); <-ended }
	t.Cleanup(r.stop)
	return r
}

func (r *running) of(k chat.EventKind) []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.events), func(e chat.Event) bool { return e.Kind != k })
}

func (r *running) texts() []string {
	var out []string
	for _, e := range r.of(chat.Posted) {
		out = append(out, e.Text)
	}
	return out
}

func (r *running) Chats(context.Context, chat.Account) ([]chat.ID, error) {
	var out []chat.ID
	for _, e := range r.of(chat.Added) {
		if !slices.Contains(out, e.Chat) {
			out = append(out, e.Chat)
		}
	}
	return out, nil
}

func (r *running) Seen(_ context.Context, id chat.ID) (began, newest time.Time, _ error) {
	for _, e := range r.of(chat.Added) {
		if e.Chat == id {
			began = e.At
		}
	}
	for _, e := range r.of(chat.Posted) {
		if e.Chat == id && e.At.After(newest) {
			newest = e.At
		}
	}
	return began, newest, nil
}

func (r *running) Standing(_ context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error) {
	var out []chat.MessageID
	for _, e := range r.of(chat.Posted) {
		if e.Chat == id && !e.At.Before(since) {
			out = append(out, e.Message)
		}
	}
	for _, e := range r.of(chat.Deleted) {
		out = slices.DeleteFunc(out, func(m chat.MessageID) bool { return m == e.Message })
	}
	return out, nil
}

func say(t *testing.T, w *world, who, channel lab.ID, text string) lab.ID {
	t.Helper()
	m, err := w.Say(who, channel, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// D1: what comes in a burst keeps its order.
func TestABurstKeepsItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	r := start(t, w.bot(t, discord.Options{}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	var want []string
	for i := range 1500 {
		text := fmt.Sprint("message ", i)
		say(t, w, w.sam, w.general, text)
		want = append(want, text)
	}
	until(t, "all arrived", func() bool { return len(r.of(chat.Posted)) == len(want) })
	if got := r.texts(); !slices.Equal(got, want) {
		t.Error("they arrived in another order")
	}
}

// D2: nothing is lost, nothing comes twice and the order of each chat is kept,
// however often and however the connection ends while people go on talking, in
// threads too.
func TestNoCutLosesAnything(t *testing.T) {
	t.Parallel()
	worlds, rounds := 2, 10 // 100 cuts
	if os.Getenv("CHAPERONE_SOAK") != "" {
		rounds = 100
	}
	for name, cut := range map[string]func(*world){
		"dropped":         func(w *world) { w.Cut(false) },
		"asked to":        func(w *world) { w.Reconnect() },
		"session gone":    func(w *world) { w.Cut(true); w.Forget(); w.Cut(false) },
		"invalid":         func(w *world) { w.Invalidate() },
		"told repeatedly": func(w *world) { w.Repeat(20); w.Cut(false) },
	} {
		for seed := range worlds {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				t.Parallel()
				cuts(t, rounds, uint64(seed), cut)
			})
		}
	}
}

// D4: however often Discord says that a session is not valid, one identify goes
// out a minute, and nothing is lost.
func TestOneIdentifyAMinute(t *testing.T) {
	t.Parallel()
	now := quick()
	w := newWorldAt(t, lab.Options{Now: now}, lab.IntentMembers|lab.IntentContent)
	r := new(running)
	r.start(t, w.bot(t, discord.Options{Memory: r, Now: now}))
	for i := range 5 {
		until(t, "it is connected", func() bool { return w.Connected() > 0 && len(r.of(chat.Added)) == 1 })
		w.Invalidate()
		say(t, w, w.sam, w.general, fmt.Sprint("message ", i))
		until(t, "it is told", func() bool { return len(r.of(chat.Posted)) == i+1 })
	}
	at := w.Identified(w.app)
	if len(at) < 5 {
		t.Fatalf("it identified %d times", len(at))
	}
	for i := range at[1:] {
		if apart := at[i+1].Sub(at[i]); apart < 59*time.Second {
			t.Errorf("two identifies were %v apart", apart)
		}
	}
}

func cuts(t *testing.T, rounds int, seed uint64, cut func(*world)) {
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	other := w.Channel(w.guild, "sandbags", lab.Text)
	rnd := rand.New(rand.NewPCG(seed, 1))
	r := new(running)
	r.start(t, w.bot(t, discord.Options{Memory: r, Now: quick()}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 2 })
	thread, err := w.Thread(w.priya, w.general, "pumps", "how many?")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the thread is known", func() bool { return len(r.of(chat.Posted)) == 1 })
	want := map[string][]string{w.general.String(): {"how many?"}}
	speak := func(i int) {
		in := []lab.ID{w.general, other, thread}[rnd.IntN(3)]
		home := in
		if in == thread {
			home = w.general
		}
		text := fmt.Sprint("message ", i)
		say(t, w, w.sam, in, text)
		want[home.String()] = append(want[home.String()], text)
	}
	said := 0
	for range rounds {
		for i := range 12 {
			if speak(said); i == rnd.IntN(12) {
				cut(w)
			}
			said++
		}
		connected := w.Connected() > 0
		for end := time.Now().Add(30 * time.Second); !connected && time.Now().Before(end); connected = w.Connected() > 0 {
			if rnd.IntN(3) == 0 {
				speak(said)
				said++
			}
			time.Sleep(time.Duration(rnd.IntN(40)) * time.Millisecond)
		}
	}
	until(t, "all arrived", func() bool { return len(r.of(chat.Posted)) >= said+1 })
	for local, texts := range want {
		var got []string
		for _, e := range r.of(chat.Posted) {
			if e.Chat.Local == local {
				got = append(got, e.Text)
			}
		}
		if !slices.Equal(got, texts) {
			t.Errorf("%d of %d arrived, or in another order: %q", len(got), len(texts), got)
		}
	}
}

// quick is a clock that runs a hundred times as fast, so that a test need not
// wait out the pause between two identifies.
func quick() func() time.Time {
	began := time.Now()
	return func() time.Time { return began.Add(100 * time.Since(began)) }
}

// D3: what happened while the process was away is caught up with: messages,
// edits, deletions, threads, archived ones too.
func TestWhatWasMissedIsCaughtUpWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	r := new(running)
	r.start(t, w.bot(t, discord.Options{Memory: r}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	a := say(t, w, w.sam, w.general, "to be edited")
	b := say(t, w, w.sam, w.general, "to be deleted")
	until(t, "both arrived", func() bool { return len(r.of(chat.Posted)) == 2 })
	r.stop()
	if err := errors.Join(w.Edit(w.sam, w.general, a, "edited"), w.Delete(w.sam, w.general, b)); err != nil {
		t.Fatal(err)
	}
	want := []string{"to be edited", "to be deleted"}
	for i := range 250 {
		text := fmt.Sprint("missed ", i)
		say(t, w, w.priya, w.general, text)
		want = append(want, text)
	}
	thread, err := w.Thread(w.sam, w.general, "pumps", "in a thread")
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.Thread(w.sam, w.general, "sandbags", "in an archived thread")
	if err != nil {
		t.Fatal(err)
	}
	w.Archive(old)
	want = append(want, "in a thread", "in an archived thread")
	r.start(t, w.bot(t, discord.Options{Memory: r}))
	until(t, "all arrived", func() bool {
		return len(r.of(chat.Posted)) >= len(want) && len(r.of(chat.Edited)) == 1 && len(r.of(chat.Deleted)) == 1
	})
	if got := r.texts(); !slices.Equal(got, want) {
		t.Errorf("%d of %d arrived, or in another order", len(got), len(want))
	}
	if e := r.of(chat.Edited)[0]; e.Text != "edited" || e.Message != chat.MessageID(a.String()) || e.Revision == 0 {
		t.Errorf("the edit is %+v", e)
	}
	if e := r.of(chat.Deleted)[0]; e.Message != chat.MessageID(b.String()) {
		t.Errorf("the deletion is %+v", e)
	}
	in := slices.IndexFunc(r.of(chat.Posted), func(e chat.Event) bool { return e.Text == "in a thread" })
	e := r.of(chat.Posted)[in]
	if e.Chat.Local != w.general.String() || !strings.HasPrefix(string(e.Message), thread.String()+"/") {
		t.Errorf("what was said in a thread is %+v", e)
	}
}

// D4: what cannot be read is declared, and counts as nothing else.
func TestWithoutTheContentIntentNothingCountsAsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers)
	r := start(t, w.bot(t, discord.Options{}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	m := say(t, w, w.sam, w.general, "hello")
	until(t, "it is declared", func() bool { return len(r.of(chat.Missed)) == 1 })
	if e := r.of(chat.Missed)[0]; e.Message != chat.MessageID(m.String()) || e.Gap != chat.Undecrypted || len(r.of(chat.Posted)) != 0 {
		t.Errorf("it was declared as %+v, and %d posted", e, len(r.of(chat.Posted)))
	}
}

// D4, D9: a token that is refused ends the run at once, with words that help.
func TestARefusedTokenEndsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	r := start(t, w.bot(t, discord.Options{}))
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	w.Revoke(w.app)
	until(t, "the run ended", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.err != nil })
	if !strings.Contains(r.err.Error(), "token") {
		t.Errorf("it ended with %v", r.err)
	}
	refused := 0
	for _, c := range w.Calls() {
		if c.Status == 401 || c.Status == 403 {
			refused++
		}
	}
	if refused > 3 {
		t.Errorf("%d calls were refused", refused)
	}
}

// D9: whatever fails, refusals stay far from the ban.
func TestTheCircuitOpensBeforeTheBan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	ready(t, w, b)
	w.Fail(lab.Fault{Route: "*", Status: 403})
	in := chat.ID{Account: discord.Account, Local: w.general.String()}
	busy := 0
	for i := range 200 {
		_, err := b.Do(t.Context(), bots.Effect{Key: fmt.Sprint(i), Kind: bots.Post, Chat: in, Text: "a notice"})
		if _, waits := errors.AsType[bots.Busy](err); waits {
			busy++
		}
	}
	refused := 0
	for _, c := range w.Calls() {
		if c.Status == 403 {
			refused++
		}
	}
	if refused >= 50 || busy != 200-refused {
		t.Errorf("%d calls were refused and %d put off", refused, busy)
	}
}

// D6: where direct messages are refused it is said so, and nothing is posted.
func TestClosedDirectMessagesAreForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	ready(t, w, b)
	w.NoDirect(w.sam, true)
	in := chat.ID{Account: discord.Account, Local: w.general.String()}
	p := &bots.Prompt{ID: "p1", Title: "Hello", State: "open"}
	_, err := b.Do(t.Context(), bots.Effect{Key: "k", Kind: bots.Whisper, Chat: in, Member: chat.MemberID(w.sam.String()), Prompt: p})
	if !errors.Is(err, bots.ErrForbidden) {
		t.Errorf("it ended with %v", err)
	}
	if got := w.Seen(w.priya, w.general); len(got) != 0 {
		t.Errorf("the channel shows %v", got)
	}
}

// A prompt is answered, ticked and written to by its buttons; the press is
// acknowledged only after it was stored.
func TestButtons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	r := start(t, b)
	until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
	in := chat.ID{Account: discord.Account, Local: w.general.String()}
	p := &bots.Prompt{
		ID: "20261122-ABC", Title: "Hello Sam, about your message.", State: "open", Steps: []bots.Step{{ID: "message", Text: "Delete it."}},
		Answers: []bots.Answer{{ID: "deleted", Label: "I have deleted it", Expected: true}, {ID: "note", Label: "Keep a note instead", WantsText: true}},
	}
	if _, err := b.Do(t.Context(), bots.Effect{Key: "k", Kind: bots.Whisper, Chat: in, Member: chat.MemberID(w.sam.String()), Prompt: p}); err != nil {
		t.Fatal(err)
	}
	dm := w.Direct(w.sam, w.app.ID)
	on := w.Seen(w.sam, dm)[0].ID
	local := w.general.String()
	press := func(custom string) *lab.Interaction {
		t.Helper()
		i, err := w.Press(w.sam, dm, on, custom)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	r.mu.Lock()
	r.refuse = true
	r.mu.Unlock()
	i := press("a|" + local + "|20261122-ABC|deleted")
	if kind, _ := w.Answered(i, 200*time.Millisecond); kind != 0 {
		t.Error("it was acknowledged before it was stored")
	}
	r.mu.Lock()
	r.refuse = false
	r.mu.Unlock()
	if kind, _ := w.Answered(i, 10*time.Second); kind != 6 {
		t.Errorf("it was answered with %d", kind)
	}
	if e := r.of(chat.Answered); len(e) != 1 || e[0].Prompt != p.ID || e[0].Answer != "deleted" || string(e[0].Member) != w.sam.String() || e[0].Chat != in {
		t.Errorf("the answer is %+v", e)
	}
	press("t|" + local + "|20261122-ABC|message|1")
	until(t, "the tick arrived", func() bool { e := r.of(chat.Ticked); return len(e) == 1 && e[0].Step == "message" && e[0].Done })
	i = press("w|" + local + "|20261122-ABC|note")
	if kind, _ := w.Answered(i, 10*time.Second); kind != 9 {
		t.Fatalf("a form was to be shown, and it was answered with %d", kind)
	}
	if _, err := w.Submit(i, "we agreed on six"); err != nil {
		t.Fatal(err)
	}
	until(t, "the note arrived", func() bool {
		e := r.of(chat.Answered)
		return len(e) == 2 && e[1].Answer == "note" && e[1].Text == "we agreed on six"
	})
}

// After a restart a prompt is found where it stands, and not sent again.
func TestAPromptIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	ready(t, w, b)
	in := chat.ID{Account: discord.Account, Local: w.general.String()}
	p := &bots.Prompt{ID: "20261122-ABC", Title: "Hello *Sam* <@1> @everyone", State: "open"}
	e := bots.Effect{Key: "k", Kind: bots.Whisper, Chat: in, Member: chat.MemberID(w.sam.String()), Prompt: p}
	if _, err := b.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	other := w.bot(t, discord.Options{}) // after a crash the engine looks before the connection stands
	if _, sent, err := other.Sent(t.Context(), e); !sent || err != nil {
		t.Errorf("found again: %t, %v", sent, err)
	}
	ready(t, w, other)
	e.Kind, p.State = bots.Revise, "put-right"
	if _, err := other.Do(t.Context(), e); err != nil {
		t.Error(err)
	}
	if got := w.prompts(w.sam); len(got) != 1 {
		t.Errorf("Sam sees %v", got)
	}
	if m := w.Seen(w.sam, w.Direct(w.sam, w.app.ID))[0]; strings.Contains(m.Content, "<@1>") || strings.Contains(m.Content, "@everyone") && !strings.Contains(m.Content, `\@everyone`) {
		t.Errorf("what it says mentions somebody: %q", m.Content)
	}
}
