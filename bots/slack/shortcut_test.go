package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/slack/lab"
	"chaperone/internal/chat"
)

// TestAStalledStoreKeepsNobodyWaiting (S4): whatever a person does is
// acknowledged within the three seconds that Slack gives, and they are told
// where it is not stored; it is stored once the store works, and once.
func TestAStalledStoreKeepsNobodyWaiting(t *testing.T) {
	for name, with := range map[string]func(*Options, *lab.Lab){
		"socket": nil,
		"http":   func(o *Options, l *lab.Lab) { o.HTTP, o.Secret, o.AppToken = true, l.Secret(), "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, api := workspace(t, patient()) // Slack has three, and a busy machine more
			if ackWithin >= 3*time.Second {
				t.Errorf("it is acknowledged after %v at most", ackWithin)
			}
			b := newBot(t, api, func(o *Options) {
				if with != nil {
					with(o, l)
				}
			})
			s := &store{}
			b.Converse(func(context.Context, bots.Private) ([]bots.Reply, error) {
				return []bots.Reply{{Text: "I would ask"}}, nil
			})
			live(t, b, s)
			if b.o.HTTP {
				here := httptest.NewServer(b)
				t.Cleanup(here.Close)
				l.EventsURL(here.URL + "/slack/events")
				until(t, "the bot lives", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.life != nil })
			} else {
				until(t, "the bot listens", func() bool { return l.Connected() > 0 })
			}
			if _, err := b.Do(t.Context(), whisper(b, "p1")); err != nil {
				t.Fatal(err)
			}
			ts, err := l.Say(flood, priya, "the boats are tied up", "")
			if err != nil {
				t.Fatal(err)
			}
			until(t, "all is stored", func() bool { return len(s.of(chat.Posted, flood)) == 1 })
			prompt := l.Sees(sam)[0]
			if err := l.Press(sam, prompt.TS, "answer/note", nil); err != nil {
				t.Fatal(err)
			}
			until(t, "the box is open", func() bool { return len(l.Modals(sam)) == 1 })
			box := l.Modals(sam)[0].ID
			var mu sync.Mutex
			stalled := true
			s.mu.Lock()
			s.refuse = func() bool { mu.Lock(); defer mu.Unlock(); return stalled }
			s.mu.Unlock()
			before := l.Delivered().Acked
			all := []func() error{
				func() error { return l.Press(sam, prompt.TS, "answer/wrong", nil) },
				func() error { return l.Press(sam, prompt.TS, "steps", []string{"one"}) },
				func() error { return l.Submit(sam, box, map[string]string{"text": "why"}) },
				func() error { return l.Shortcut(sam, "capture", flood, ts) },
				func() error { return l.Shortcut(sam, "check", "", "") },
				func() error { return l.Command(sam, flood, "/chaperone", "help") },
			}
			for _, do := range all {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "all is acknowledged", func() bool { return l.Delivered().Acked >= before+len(all) })
			if d := l.Delivered(); d.GivenUp > 0 {
				t.Errorf("something was not acknowledged in time: %+v", d)
			}
			until(t, "they are told what is not stored", func() bool {
				n := 0
				for _, m := range l.Sees(sam) {
					if m.Text == own(notYet, 0) {
						n++
					}
				}
				return n == 3 && len(l.Modals(sam)) > 0 && l.Modals(sam)[0].Errors[inputBlock] == own(notYet, 0)
			})
			if n := len(s.of(chat.Answered, flood)) + len(s.of(chat.Wanted, flood)); n != 0 {
				t.Fatalf("%d events were stored by a store that stalls", n)
			}
			mu.Lock()
			stalled = false
			mu.Unlock()
			until(t, "all is stored", func() bool {
				return len(s.of(chat.Answered, flood)) == 2 && len(s.of(chat.Wanted, flood)) == 1 && len(s.of(chat.Ticked, flood)) == 2
			})
			if err := l.Submit(sam, box, map[string]string{"text": "why"}); err != nil { // once more, as they were asked to
				t.Fatal(err)
			}
			until(t, "the box is closed", func() bool { return !slices.ContainsFunc(l.Modals(sam), func(v lab.View) bool { return v.ID == box }) })
			if n := len(s.of(chat.Answered, flood)); n != 2 {
				t.Errorf("%d answers are stored, want 2", n)
			}
			if w := s.of(chat.Wanted, flood)[0]; w.Member != sam || w.Answer != priya || w.Text != "the boats are tied up" || string(w.Message) != ts {
				t.Errorf("wanted: %+v", w)
			}
		})
	}
}

// TestAPrivateWordIsAnsweredOnce: however often Slack delivers it, in this life
// or the next; what is said is no event.
func TestAPrivateWordIsAnsweredOnce(t *testing.T) {
	l, api := workspace(t, quick())
	s := &store{}
	var mu sync.Mutex
	var heard []string
	answer := func(_ context.Context, p bots.Private) ([]bots.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, p.Text)
		if p.Name != "Sam Okafor" || p.Member != sam || p.Account != Account {
			t.Errorf("%+v asks", p)
		}
		return []bots.Reply{{Text: "You said " + p.Text, Choices: []string{"yes", "no"}}}, nil
	}
	b := newBot(t, api, nil)
	b.Converse(answer)
	stop := live(t, b, s)
	until(t, "the bot listens", func() bool { return l.Connected() > 0 })
	l.SetWeather(lab.Weather{Duplicate: 100})
	ts, err := l.Write(sam, "help & <more>")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is answered", func() bool { return len(l.Sees(sam)) == 1 })
	if got := l.Sees(sam)[0]; got.Text != "You said help &amp; &lt;more&gt;" {
		t.Errorf("answered with %q", got.Text)
	}
	if err := l.Press(sam, l.Sees(sam)[0].TS, "say/1", nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the button is answered", func() bool { return len(l.Sees(sam)) == 2 })
	stop()
	again := newBot(t, api, nil)
	again.Converse(answer)
	live(t, again, s)
	until(t, "the bot listens again", func() bool { return l.Connected() > 0 })
	l.SetWeather(lab.Weather{})
	im := l.Sees(sam)[0].Channel
	before := l.Delivered().Acked
	for _, when := range []string{ts, ts} { // what was answered before is delivered late
		l.Inject(json.RawMessage(`{"type":"event_callback","event_id":"Ev1","event":{"type":"message","channel":"` + im + `","channel_type":"im","user":"` + sam + `","text":"help","ts":"` + when + `","event_ts":"` + when + `"}}`))
	}
	if _, err := l.Write(sam, "another"); err != nil {
		t.Fatal(err)
	}
	until(t, "all is answered", func() bool { return l.Delivered().Acked >= before+3 && len(l.Sees(sam)) == 3 })
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(heard, []string{"help & <more>", "no", "another"}) {
		t.Errorf("heard %q", heard)
	}
	if n := len(s.of(chat.Posted, im)); n != 0 {
		t.Errorf("%d private words were stored", n)
	}
}

// TestAnAnswerGoesToSlackAlone: whatever address comes with a command.
func TestAnAnswerGoesToSlackAlone(t *testing.T) {
	b := newBot(t, "https://slack.com/api", nil)
	for address, want := range map[string]bool{
		"https://hooks.slack.com/commands/T1/2/3": true, "https://slack.com/x": true, "http://hooks.slack.com/x": false, "https://hooks.slack.com.example/x": false,
		"https://notslack.com/x": false, "https://x@hooks.slack.com/x": false, "https://evil.example/?.slack.com": false, "": false, "https://127.0.0.1/": false,
	} {
		if b.trusted(address) != want {
			t.Errorf("%s is trusted: %t", address, !want)
		}
	}
}

// TestWhatIsOffIsSaid: which features are off for want of which scope, and
// which scopes are beyond need. The manifest grants exactly what is needed.
func TestWhatIsOffIsSaid(t *testing.T) {
	l, api := workspace(t, quick())
	scopes := []string{"files:write"}
	for _, n := range Needs(Ask) {
		if n.Scope != "commands" && n.Scope != "im:write" {
			scopes = append(scopes, n.Scope)
		}
	}
	l.AddToken(lab.Token{Value: "xoxb-some", Kind: "bot", User: l.Bot(), Scopes: scopes})
	var said bytes.Buffer
	b := newBot(t, api, func(o *Options) { o.BotToken, o.Log = "xoxb-some", slog.New(slog.NewJSONHandler(&said, nil)) })
	if err := b.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"scope":"commands","off":"the shortcuts and /chaperone"`, `"scope":"im:write"`, `"scopes":"files:write"`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%s is not said: %s", want, said.String())
		}
	}
	if strings.Contains(said.String(), `"scope":"chat:write"`) {
		t.Error("what it has is said to be missing")
	}
	text, err := Manifest("Chaperone", Ask, Channels, "https://chaperone.example/slack/events")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range Needs(Ask) {
		if !strings.Contains(text, "- "+n.Scope+"\n") {
			t.Errorf("the manifest lacks %s", n.Scope)
		}
	}
	for _, want := range []string{"callback_id: capture", "callback_id: check", "command: /chaperone", "- app_home_opened\n", "- message.im\n", "home_tab_enabled: true", "messages_tab_read_only_enabled: false"} {
		if !strings.Contains(text, want) {
			t.Errorf("the manifest lacks %s:\n%s", want, text)
		}
	}
}

// TestADraftIsAnsweredInItsBox: at once where that is possible, and afterwards
// where it takes longer or is longer than an acknowledgement may be.
func TestADraftIsAnsweredInItsBox(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		wait time.Duration
	}{"at once": {"I would ask", 0}, "later": {"I would ask", ackWithin + 200*time.Millisecond}, "at length": {strings.Repeat("I would ask & ask ", 2000), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, api := workspace(t, patient())
			b := newBot(t, api, nil)
			b.Converse(func(ctx context.Context, p bots.Private) ([]bots.Reply, error) {
				if p.Text != "check the draft" {
					t.Errorf("%q was asked", p.Text)
				}
				sleep(ctx, c.wait)
				return []bots.Reply{{Text: c.text}}, nil
			})
			live(t, b, &store{})
			until(t, "the bot listens", func() bool { return l.Connected() > 0 })
			if err := l.Shortcut(sam, "check", "", ""); err != nil {
				t.Fatal(err)
			}
			until(t, "the box is open", func() bool { return len(l.Modals(sam)) == 1 })
			if err := l.Submit(sam, l.Modals(sam)[0].ID, map[string]string{"text": "the draft"}); err != nil {
				t.Fatal(err)
			}
			until(t, "it is answered", func() bool { return strings.Contains(string(l.Modals(sam)[0].Content), "I would ask") })
			if d := l.Delivered(); d.GivenUp > 0 {
				t.Errorf("it was acknowledged too late: %+v", d)
			}
		})
	}
}
