package engine_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
	"chaperone/internal/store"
)

// lingering is a store that returns a while after what it was given is stored, so
// that whatever is due meets an engine that has not gone on yet.
type lingering struct{ *store.Store }

const linger = 300 * time.Millisecond

func (l lingering) Receive(ctx context.Context, now time.Time, events []chat.Event) error {
	defer time.Sleep(linger)
	return l.Store.Receive(ctx, now, events)
}

func (l lingering) SaveJoining(ctx context.Context, now time.Time, j engine.Joining, by string, next []engine.Action) error {
	defer time.Sleep(linger)
	return l.Store.SaveJoining(ctx, now, j, by, next)
}

// asks starts an engine that asks whoever adds the bot, and lets its runner look
// all the time.
func asks(t *testing.T) *house {
	words, err := prompt.ReadWords(func(lang string) (io.ReadCloser, error) { return config.Files.Open("prompts/" + lang + ".yaml") }, prompt.Languages()...)
	if err != nil {
		t.Fatal(err)
	}
	bot := newFaulty()
	h := startAs(t, bot, bot, nil, func(o *engine.Options) {
		o.Store = lingering{o.Store.(*store.Store)}
		o.Viewer.Words = words
		o.Setting = func(chat.ID) engine.Setting { return engine.Setting{} }
	})
	h.SettingOf(room) // joinings were read before
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			_ = h.CatchUp(ctx)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return h
}

// said lists what the bot wrote, to the chat and to its administrator.
func (f *faulty) said(k bots.Kind) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, e := range f.ledger {
		if e.Kind == k {
			all = append(all, e.Text)
		}
	}
	return strings.Join(all, "\n")
}

func (h *house) added(more ...chat.Event) error {
	events := []chat.Event{
		{Key: "a", Kind: chat.Added, Chat: room, At: h.now(), Name: "Flood South", ChatKind: chat.Team, Member: "ann"},
		{Key: "b", Kind: chat.Joined, Chat: room, At: h.now(), Member: "ann", Name: "Ann"},
	}
	return h.Receive(context.Background(), append(events, more...))
}

func (h *house) tell(t *testing.T, text string) string {
	t.Helper()
	out, err := h.Converse(t.Context(), bots.Private{Account: "faulty", Member: "ann", Name: "Ann", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range out {
		all = append(all, r.Text)
	}
	return strings.Join(all, "\n")
}

// The first question is asked even where it falls due before the event that
// brought it has returned.
func TestTheFirstQuestionIsAskedHoweverSoonItIsDue(t *testing.T) {
	h := asks(t)
	if err := h.added(); err != nil {
		t.Fatal(err)
	}
	until(t, "the first question is asked", func() bool { return strings.Contains(h.bot.said(bots.Tell), "1 of 5") })
	if said := h.bot.said(bots.Post); said != "" {
		t.Errorf("the chat was told %q before anybody answered", said)
	}
}

// A chat that is refused is told why, and never that it is read.
func TestARefusedChatIsNeverToldThatItIsRead(t *testing.T) {
	h := asks(t)
	if err := h.added(); err != nil {
		t.Fatal(err)
	}
	until(t, "the first question is asked", func() bool { return strings.Contains(h.bot.said(bots.Tell), "1 of 5") })
	h.tell(t, "union")
	until(t, "the chat is told", func() bool { return h.bot.said(bots.Post) != "" })
	if said := h.bot.said(bots.Post); !strings.Contains(said, "does not read such chats") || strings.Contains(said, "reads this chat") {
		t.Errorf("a union's chat was told %q", said)
	}
}

// What comes in one delivery with the invitation was said before the notice:
// nothing of it is read, and the delivery does not wait for the answers.
func TestWhatIsSaidWithTheInvitationIsNotRead(t *testing.T) {
	h := asks(t)
	if err := h.added(chat.Event{Key: "c", Kind: chat.Posted, Chat: room, At: h.now(), Member: "ann", Name: "Ann", Message: "m1", Text: sensitive}); err != nil {
		t.Fatal(err)
	}
	until(t, "the first question is asked", func() bool { return strings.Contains(h.bot.said(bots.Tell), "1 of 5") })
	for _, text := range []string{"1", "the flood team", "Ann Dee, Bob Cox", "Morag Sinclair", "the records folder"} {
		h.tell(t, text)
	}
	if said := h.tell(t, "post"); !strings.Contains(said, "begin to read") {
		t.Fatalf("the answers led to %q", said)
	}
	until(t, "the notice is posted", func() bool { return strings.Contains(h.bot.said(bots.Post), "reads this chat") })
	if err := h.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := h.store.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Errorf("a message of before the notice is stored: %s", m.ID)
	}
}

// Whoever adds the bot to a server is asked about the first of its chats alone;
// nothing is said or read in any before that, and then the answers hold for all.
func TestAServerIsAskedAboutOnce(t *testing.T) {
	h := asks(t)
	var events []chat.Event
	for _, id := range []string{"a", "b", "c"} {
		events = append(events, chat.Event{
			Key: id, Kind: chat.Added, Chat: chat.ID{Account: room.Account, Local: id}, At: h.now(), Name: "chat " + id,
			ChatKind: chat.Team, Member: "ann", Server: "1", ServerName: "Calderwick",
		})
	}
	events = append(events, chat.Event{Key: "d", Kind: chat.Joined, Chat: events[0].Chat, At: h.now(), Member: "ann", Name: "Ann"})
	if err := h.Receive(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	until(t, "the first question is asked", func() bool { return strings.Contains(h.bot.said(bots.Tell), "1 of 5") })
	for _, text := range []string{"1", "the flood team", "Ann Dee, Bob Cox", "Morag Sinclair", "the records folder"} {
		h.tell(t, text)
	}
	if asked, said := strings.Count(h.bot.said(bots.Tell), "1 of 5"), h.bot.said(bots.Post); asked != 1 || said != "" {
		t.Errorf("it asked %d times, and the chats were told %q", asked, said)
	}
	if said := h.tell(t, "post"); !strings.Contains(said, "begin to read") || !strings.Contains(said, "Calderwick") {
		t.Fatalf("the answers led to %q", said)
	}
	until(t, "every chat has its notice", func() bool { return strings.Count(h.bot.said(bots.Post), "reads this chat") == 3 })
	later := events[0]
	later.Key, later.Chat.Local = "later", "later"
	if err := h.Receive(t.Context(), []chat.Event{later}); err != nil {
		t.Fatal(err)
	}
	until(t, "a chat that is made later has it too", func() bool { return strings.Count(h.bot.said(bots.Post), "reads this chat") == 4 })
	for _, j := range h.Joinings() {
		if j.State != engine.Watching || j.Records != "the records folder" || j.Due.IsZero() {
			t.Errorf("%s is %s", j.Chat, j.State)
		}
	}
}
