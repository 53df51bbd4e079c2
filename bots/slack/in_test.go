package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/lane"
	"chaperone/bots/slack/lab"
	"chaperone/internal/chat"
)

// store keeps what is delivered as the real one does: an event once by its key.
type store struct {
	mu     sync.Mutex
	events []chat.Event
	known  map[string]bool
	refuse func() bool
}

func (s *store) deliver(_ context.Context, events []chat.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil && s.refuse() {
		return fmt.Errorf("not stored")
	}
	for _, e := range events {
		if k := e.Chat.Local + e.Key; !s.known[k] {
			if s.known == nil {
				s.known = map[string]bool{}
			}
			s.known[k] = true
			s.events = append(s.events, e)
		}
	}
	return nil
}

func (s *store) of(k chat.EventKind, local string) []chat.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []chat.Event
	for _, e := range s.events {
		if e.Kind == k && e.Chat.Local == local {
			out = append(out, e)
		}
	}
	return out
}

// Chats, Seen and Standing are what the real store remembers.
func (s *store) Chats(context.Context, chat.Account) ([]chat.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[chat.ID]bool{}
	var out []chat.ID
	for _, e := range s.events {
		if !seen[e.Chat] {
			seen[e.Chat] = true
			out = append(out, e.Chat)
		}
	}
	return out, nil
}

func (s *store) Seen(_ context.Context, id chat.ID) (began, newest time.Time, err error) {
	for _, e := range s.of(chat.Added, id.Local) { // here the notice stands as soon as the bot is there
		if began.IsZero() || e.At.Before(began) {
			began = e.At
		}
	}
	for _, e := range s.of(chat.Posted, id.Local) {
		if e.At.After(newest) {
			newest = e.At
		}
	}
	return began, newest, nil
}

func (s *store) Standing(_ context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error) {
	gone := map[chat.MessageID]bool{}
	for _, e := range s.of(chat.Deleted, id.Local) {
		gone[e.Message] = true
	}
	var out []chat.MessageID
	for _, e := range s.of(chat.Posted, id.Local) {
		if !gone[e.Message] && !e.At.Before(since) {
			out = append(out, e.Message)
		}
	}
	return out, nil
}

// live runs a bot until the test ends or stop is called.
func live(t *testing.T, b *Bot, s *store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = b.Run(ctx, s.deliver)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// TestCuts: whatever happens to the connection, each message arrives once, and
// those of a channel in their order.
func TestCuts(t *testing.T) {
	rounds := 200
	if os.Getenv("CHAPERONE_SOAK") != "" {
		rounds = 1000
	}
	cuts(t, rounds, 0)
}

// TestCutsAndReordering: what Slack sends in another order arrives once too.
func TestCutsAndReordering(t *testing.T) { cuts(t, 20, 5) }

func cuts(t *testing.T, rounds, reorder int) {
	o := quick()
	if rounds >= 1000 { // twenty channels are looked through after each cut: the pace of an hour in a minute
		o.Tiers *= 10
	}
	l, api := workspace(t, o)
	s := &store{}
	refuses := 0 // under the lock of the store
	s.refuse = func() bool { refuses++; return refuses%20 == 0 }
	rnd := rand.New(rand.NewPCG(1, 2))
	live(t, newBot(t, api, func(b *Options) { b.Memory, b.Tiers = s, o.Tiers }), s)
	var channels []string
	many, each := 4, 4
	if rounds >= 1000 { // S1: 10,000 messages in 20 channels
		many, each = 20, 10
	}
	for i := range many {
		channels = append(channels, l.AddChannel(lab.Channel{Name: fmt.Sprint("c", i), Members: []string{sam, "bot"}}))
	}
	for _, c := range channels {
		until(t, "the bot is there", func() bool { return len(s.of(chat.Added, c)) > 0 })
	}
	l.SetWeather(lab.Weather{Duplicate: 10, Reorder: reorder})
	said := map[string][]string{}
	hows := []string{lab.CutClose, lab.CutDrop, lab.CutMid, lab.CutRefresh}
	for i := range rounds {
		for j := range each {
			c := channels[rnd.IntN(len(channels))]
			ts, err := l.Say(c, sam, fmt.Sprint("message ", i, " ", j), "")
			if err != nil {
				t.Fatal(err)
			}
			said[c] = append(said[c], ts)
			if j == 2 {
				l.Cut(hows[i%len(hows)])
			}
		}
		until(t, "it is back", func() bool { return l.Connected() > 0 })
	}
	for _, c := range channels {
		until(t, "all of a channel arrived", func() bool { return len(s.of(chat.Posted, c)) == len(said[c]) })
	}
	time.Sleep(300 * time.Millisecond) // for what would be too much
	misplaced := 0
	for _, c := range channels {
		got := s.of(chat.Posted, c)
		if len(got) != len(said[c]) {
			t.Errorf("%d messages arrived of %d", len(got), len(said[c]))
		}
		for i := range got {
			if i > 0 && string(got[i].Message) < string(got[i-1].Message) {
				misplaced++
			}
		}
	}
	if reorder == 0 && misplaced > 0 {
		t.Errorf("%d messages arrived after later ones", misplaced)
	}
	t.Logf("%+v, %d out of order", l.Delivered(), misplaced)
}

// TestWhatWasMissedIsCaughtUpWith: messages, edits, deletions and replies of
// the time when nobody listened.
func TestWhatWasMissedIsCaughtUpWith(t *testing.T) {
	for _, most := range []int{999, 15} {
		t.Run(fmt.Sprint(most, " a page"), func(t *testing.T) {
			o := quick()
			o.HistoryMost = most
			l, api := workspace(t, o)
			s := &store{}
			stop := live(t, newBot(t, api, func(o *Options) { o.Memory = s }), s)
			until(t, "the bot listens", func() bool { return l.Connected() > 0 })
			say := func(text, thread string) string {
				ts, err := l.Say(flood, sam, text, thread)
				if err != nil {
					t.Fatal(err)
				}
				return ts
			}
			var before []string
			for i := range 20 {
				before = append(before, say(fmt.Sprint("before ", i), ""))
			}
			until(t, "what was said before arrived", func() bool { return len(s.of(chat.Posted, flood)) == 20 })
			stop()
			for i := range 60 {
				say(fmt.Sprint("while away ", i), "")
			}
			reply := say("a reply while away", before[3])
			for i := range 4 {
				if err := l.Edit(flood, sam, before[10+i], fmt.Sprint("changed ", i)); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 3 {
				if err := l.Delete(flood, sam, before[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Delete(flood, sam, before[3]); err != nil { // the head of a thread
				t.Fatal(err)
			}
			live(t, newBot(t, api, func(o *Options) { o.Memory = s }), s)
			until(t, "all was caught up with", func() bool {
				return len(s.of(chat.Posted, flood)) == 81 && len(s.of(chat.Edited, flood)) == 4 && len(s.of(chat.Deleted, flood)) == 4
			})
			for _, e := range s.of(chat.Posted, flood) {
				if string(e.Message) == reply && string(e.ReplyTo) != before[3] {
					t.Errorf("the reply is to %q", e.ReplyTo)
				}
			}
		})
	}
}

// TestNothingOlderThanTheNoticeIsRead: catching up stops where reading began.
func TestNothingOlderThanTheNoticeIsRead(t *testing.T) {
	l, api := workspace(t, quick())
	if _, err := l.Say(flood, sam, "before the bot may read", ""); err != nil {
		t.Fatal(err)
	}
	s := &store{}
	time.Sleep(time.Millisecond)
	began := time.Now()
	time.Sleep(time.Millisecond)
	ts, err := l.Say(flood, sam, "after", "")
	if err != nil {
		t.Fatal(err)
	}
	b := newBot(t, api, func(o *Options) { o.Memory = fixed{s, began} })
	// Nothing of before comes through the socket: it was offered and given up.
	stop := live(t, b, s)
	until(t, "the message after it arrived", func() bool {
		for _, e := range s.of(chat.Posted, flood) {
			if string(e.Message) == ts {
				return true
			}
		}
		return false
	})
	stop()
	n := 0
	for _, c := range l.Calls() {
		if c.Method == "conversations.history" && c.Args["oldest"] != "" {
			n++
			if at(c.Args["oldest"]).Before(began.Add(-time.Microsecond)) {
				t.Errorf("history was read from %s, before reading began", c.Args["oldest"])
			}
		}
	}
	if n == 0 {
		t.Error("nothing was caught up with")
	}
}

// fixed is a memory of a chat whose notice was just posted.
type fixed struct {
	*store
	began time.Time
}

func (f fixed) Seen(context.Context, chat.ID) (began, newest time.Time, err error) {
	return f.began, time.Time{}, nil
}

func TestSignedRequests(t *testing.T) {
	l, api := workspace(t, quick())
	b := newBot(t, api, func(o *Options) { o.HTTP, o.Secret, o.AppToken = true, l.Secret(), "" })
	s := &store{}
	refusals := 2
	s.refuse = func() bool { refusals--; return refusals >= 0 }
	live(t, b, s)
	here := httptest.NewServer(b)
	defer here.Close()
	l.EventsURL(here.URL + "/slack/events")
	if _, err := l.Say(flood, sam, "over HTTP", ""); err != nil {
		t.Fatal(err)
	}
	until(t, "it arrived", func() bool { return len(s.of(chat.Posted, flood)) == 1 })

	challenge := []byte(`{"type":"url_verification","challenge":"abc"}`)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	old := strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
	for _, c := range []struct {
		name, stamp, signature string
		body                   []byte
		want                   int
	}{
		{"signed", now, lab.Sign(l.Secret(), now, challenge), challenge, 200},
		{"signed with another secret", now, lab.Sign("other", now, challenge), challenge, 401},
		{"replayed later", old, lab.Sign(l.Secret(), old, challenge), challenge, 401},
		{"with another body", now, lab.Sign(l.Secret(), now, challenge), []byte(`{"type":"x"}`), 401},
		{"not signed", "", "", challenge, 401},
	} {
		req, err := http.NewRequest(http.MethodPost, here.URL, bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Slack-Request-Timestamp", c.stamp)
		req.Header.Set("X-Slack-Signature", c.signature)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: answered with %d, want %d", c.name, res.StatusCode, c.want)
		}
	}
}

// TestWhatTheLibraryCannotReadIsReadAllTheSame: one block that is not as it
// should be must not cost a message; what is no event at all is passed over.
func TestWhatTheLibraryCannotReadIsReadAllTheSame(t *testing.T) {
	l, api := workspace(t, quick())
	s := &store{}
	live(t, newBot(t, api, nil), s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	for i, inner := range []string{
		`{"type":"message","channel":"C0FLOOD001","user":"U0SAM00001","text":"one","ts":"1790000001.000100","event_ts":"1790000001.000100","blocks":[{"type":7}]}`,
		`{"type":"message","channel":"C0FLOOD001","user":"U0SAM00001","text":"two","ts":"1790000002.000100","event_ts":"1790000002.000100","blocks":[{"type":"hologram","x":[1]}],"reply_count":"many","files":{}}`,
		`{"type":"sky_fell","channel":"C0FLOOD001","event_ts":"1790000003.000100"}`,
		`[]`,
	} {
		l.Inject(json.RawMessage(fmt.Sprintf(`{"type":"event_callback","event_id":"EvBAD%d","event":%s}`, i, inner)))
	}
	l.Inject(json.RawMessage(`"nothing"`))
	until(t, "both messages arrived and everything was acknowledged", func() bool {
		d := l.Delivered()
		return len(s.of(chat.Posted, flood)) == 2 && d.Acked >= 5
	})
}

func TestARevokedTokenIsLeftAlone(t *testing.T) {
	l, api := workspace(t, quick())
	b := newBot(t, api, nil)
	s := &store{}
	live(t, b, s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	if err := l.Revoke("xoxb-exact"); err != nil {
		t.Fatal(err)
	}
	b.forget(flood)
	post := bots.Effect{Key: "n1", Kind: bots.Post, Chat: b.id(flood), Text: "hello"}
	if _, err := b.Do(t.Context(), post); err == nil {
		t.Fatal("it went through")
	}
	n := len(l.Calls())
	for range 5 {
		if _, err := b.Do(t.Context(), post); err == nil || !strings.Contains(err.Error(), "busy") {
			t.Errorf("answered with %v, want to be called later", err)
		}
	}
	if len(l.Calls()) != n {
		t.Errorf("%d more calls were made", len(l.Calls())-n)
	}
}

func TestTextsAsTheyWereWritten(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                "plain",
		"a &lt;b&gt; &amp;amp; c":              "a <b> &amp; c",
		"see <https://x.example/a?b=1&amp;c>":  "see https://x.example/a?b=1&c",
		"<https://x.example|x.example>":        "x.example",
		"<https://evil.example|bank.example>":  "bank.example (https://evil.example)",
		"<mailto:sam@x.example|sam@x.example>": "sam@x.example",
		"<tel:+441632960100|01632 960100>":     "01632 960100",
		"<@U0SAM00001> and <@U1|sam>":          "@U0SAM00001 and @sam",
		"<#C0FLOOD001|flood-north> <!here>":    "#flood-north @here",
		"<!subteam^S1|@team>":                  "@team",
		"1 < 2":                                "1 < 2",
		"broken <https://x":                    "broken <https://x",
		"":                                     "",
	} {
		if got := readable(in); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func FuzzTake(f *testing.F) {
	for _, s := range []string{
		`{"type":"event_callback","event":{"type":"message","channel":"C1","user":"U1","text":"a","ts":"1.2"}}`,
		`{"type":"event_callback","event":{"type":"message","subtype":"message_changed","channel":"C1","message":{"ts":"1.2","edited":{"ts":"9999999999999999.1"}},"previous_message":{}}}`,
		`{"type":"event_callback","event":{"type":"channel_rename","channel":{"id":"C1","name":"x"}}}`,
		`{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"answer/x","value":"{\"c\":\"C1\",\"p\":\"p\"}"}]}`,
		`{"type":"view_submission","view":{"callback_id":"answer","private_metadata":"{}"}}`, `[]`, `null`, `"<"`,
	} {
		f.Add(s)
	}
	b, err := New(Options{BotToken: "x", AppToken: "y", APIURL: "http://127.0.0.1:1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"events_api", "interactive", "slash_commands"} {
			ctx, cancel := context.WithCancel(t.Context())
			l := &life{ctx: ctx}
			l.lanes = lane.New(ctx, lane.Options{
				Deliver: func(context.Context, []chat.Event) error { return nil }, Plain: plain, Log: b.o.Log,
				CatchUp: func(context.Context, *lane.Chat) ([]chat.Event, error) { return nil, nil },
			})
			l.looking = true // nobody is there to be asked for the chats
			acked := make(chan struct{}, 2)
			b.take(l, kind, json.RawMessage(s), func(any) { acked <- struct{}{} })
			if kind == "events_api" {
				select {
				case <-acked:
				case <-time.After(30 * time.Second):
					t.Error("it was not acknowledged")
				}
			}
			l.work.Wait()
			cancel()
			l.lanes.Wait()
		}
		if strings.Contains(readable(s), "\x00\x00\x00") && !strings.Contains(s, "\x00") {
			t.Error("something was made up")
		}
	})
}

// TestAChatHasItsNameFromTheStart: what is said at once after a start comes after
// what the chat is called.
func TestAChatHasItsNameFromTheStart(t *testing.T) {
	l, api := workspace(t, quick())
	s := &store{}
	b := newBot(t, api, func(o *Options) { o.Memory = s })
	l.Fail(lab.Fault{Method: "users.conversations", Slow: 400})
	live(t, b, s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	if _, err := l.Say(flood, sam, "at once", ""); err != nil {
		t.Fatal(err)
	}
	until(t, "it arrived", func() bool { return len(s.of(chat.Posted, flood)) == 1 })
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.events[0]; e.Kind != chat.Added || e.Name != "flood-north" {
		t.Errorf("the first that is known of it is %+v", e)
	}
}
