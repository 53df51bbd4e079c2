package lab

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

func newTestLab(t *testing.T, o Options) (*Lab, string) {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(l.Handler())
	t.Cleanup(func() {
		l.Close()
		s.Close()
		if w := l.Wrong(); len(w) > 0 {
			t.Errorf("what should not be:\n%s", strings.Join(w, "\n"))
		}
	})
	l.AddPerson(Person{ID: "U0SAM00001", Name: "sam", RealName: "Sam Okafor", Email: "sam@calderwick.example"})
	l.AddPerson(Person{ID: "U0PRIYA001", Name: "priya"})
	l.AddPerson(Person{ID: "U0ADM00001", Name: "morag", Admin: true})
	l.AddChannel(Channel{ID: "C0FLOOD001", Name: "flood-north", Members: []string{"U0SAM00001", "U0PRIYA001", "bot"}})
	l.AddToken(Token{Value: "xoxp-admin", Kind: "user", User: "U0ADM00001", Scopes: []string{"chat:write", "channels:history"}})
	l.AddToken(Token{Value: "xoxp-sam", Kind: "user", User: "U0SAM00001", Scopes: []string{"chat:write"}})
	l.AddToken(Token{Value: "xoxp-priya", Kind: "user", User: "U0PRIYA001", Scopes: []string{"chat:write"}})
	return l, s.URL + "/api/"
}

func TestEveryMethodWithTheLibrary(t *testing.T) {
	l, base := newTestLab(t, Options{})
	ctx := t.Context()
	api := slack.New("xoxb-lab", slack.OptionAPIURL(base))
	who, err := api.AuthTestContext(ctx)
	if err != nil || who.UserID != l.Bot() || who.Header.Get("X-OAuth-Scopes") == "" {
		t.Fatal(who, err)
	}
	ts, err := l.Say("C0FLOOD001", "U0SAM00001", "The pumps <are> on & running", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Say("C0FLOOD001", "U0PRIYA001", "Good", ts); err != nil {
		t.Fatal(err)
	}
	h, err := api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: "C0FLOOD001", Limit: 10})
	if err != nil || len(h.Messages) != 1 || h.Messages[0].Text != "The pumps &lt;are&gt; on &amp; running" || h.Messages[0].ReplyCount != 1 {
		t.Fatalf("%+v %v", h, err)
	}
	r, _, _, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: "C0FLOOD001", Timestamp: ts})
	if err != nil || len(r) != 2 {
		t.Fatal(len(r), err)
	}
	im, _, _, err := api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{"U0SAM00001"}})
	if err != nil {
		t.Fatal(err)
	}
	button := slack.NewActionBlock("b1", slack.NewButtonBlockElement("answer/deleted", "v", slack.NewTextBlockObject("plain_text", "I have deleted it", false, false)))
	_, at, err := api.PostMessageContext(ctx, im.ID, slack.MsgOptionText("Hello", false), slack.MsgOptionBlocks(button),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "lab", EventPayload: map[string]any{"key": "k1"}}))
	if err != nil {
		t.Fatal(err)
	}
	h, err = api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: im.ID, IncludeAllMetadata: true})
	if err != nil || len(h.Messages) != 1 || h.Messages[0].Metadata.EventPayload["key"] != "k1" {
		t.Fatalf("%+v %v", h, err)
	}
	if _, _, _, err := api.UpdateMessageContext(ctx, im.ID, at, slack.MsgOptionText("Changed", false)); err != nil {
		t.Error(err)
	}
	if _, err := api.PostEphemeralContext(ctx, "C0FLOOD001", "U0SAM00001", slack.MsgOptionText("For you", false)); err != nil {
		t.Error(err)
	}
	if seen := l.Sees("U0SAM00001"); len(seen) != 2 || len(l.Sees("U0PRIYA001")) != 0 {
		t.Errorf("Sam sees %+v", seen)
	}
	if _, err := api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: "C0FLOOD001", Ts: ts}); err != nil {
		t.Error(err)
	}
	people, err := api.GetUsersContext(ctx)
	if err != nil || len(people) != 4 {
		t.Error(len(people), err)
	}
	if u, err := api.GetUserInfoContext(ctx, "U0SAM00001"); err != nil || u.Profile.Email != "sam@calderwick.example" {
		t.Error(u, err)
	}
	members, _, err := api.GetUsersInConversationContext(ctx, &slack.GetUsersInConversationParameters{ChannelID: "C0FLOOD001"})
	if err != nil || len(members) != 3 {
		t.Error(members, err)
	}
	mine, _, err := api.GetConversationsForUserContext(ctx, &slack.GetConversationsForUserParameters{Types: []string{"public_channel", "private_channel"}})
	if err != nil || len(mine) != 1 || mine[0].Name != "flood-north" {
		t.Error(mine, err)
	}
	if c, err := api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: "C0FLOOD001"}); err != nil || !c.IsMember {
		t.Error(c, err)
	}
	if err := api.KickUserFromConversationContext(ctx, "C0FLOOD001", "U0PRIYA001"); err != nil || slices.Contains(l.Members("C0FLOOD001"), "U0PRIYA001") {
		t.Error(err)
	}
}

func TestWhoMayDelete(t *testing.T) {
	l, base := newTestLab(t, Options{})
	private := l.AddChannel(Channel{ID: "C0PRIV0001", Kind: "group", Members: []string{"U0SAM00001", "bot"}})
	theirs := l.AddChannel(Channel{ID: "D0THEIRS01", Kind: "im", Members: []string{"U0SAM00001", "U0PRIYA001"}})
	for _, c := range []struct{ token, channel, want string }{
		{"xoxb-lab", "C0FLOOD001", "cant_delete_message"},
		{"xoxp-priya", "C0FLOOD001", "cant_delete_message"},
		{"xoxp-sam", "C0FLOOD001", ""},
		{"xoxp-admin", "C0FLOOD001", ""},
		{"xoxp-admin", private, "channel_not_found"}, // is not in it
		{"xoxp-sam", private, ""},
		{"xoxp-admin", theirs, "channel_not_found"},
		{"xoxp-priya", theirs, "cant_delete_message"},
	} {
		ts, err := l.Say(c.channel, "U0SAM00001", "hello", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = slack.New(c.token, slack.OptionAPIURL(base)).DeleteMessageContext(t.Context(), c.channel, ts)
		if got := words(err); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.token, c.channel, got, c.want)
		}
		if c.want == "" {
			if _, _, err = slack.New(c.token, slack.OptionAPIURL(base)).DeleteMessageContext(t.Context(), c.channel, ts); words(err) != "message_not_found" {
				t.Errorf("%s again in %s: %v", c.token, c.channel, err)
			}
		}
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTokensScopesAndTiers(t *testing.T) {
	l, base := newTestLab(t, Options{})
	l.AddToken(Token{Value: "xoxb-poor", Kind: "bot", User: l.Bot(), Scopes: []string{"chat:write"}})
	poor := slack.New("xoxb-poor", slack.OptionAPIURL(base))
	if _, err := poor.GetUserInfoContext(t.Context(), "U0SAM00001"); words(err) != "missing_scope" {
		t.Error(err)
	}
	if _, err := slack.New("xoxb-unknown", slack.OptionAPIURL(base)).AuthTestContext(t.Context()); words(err) != "invalid_auth" {
		t.Error(err)
	}
	api := slack.New("xoxb-lab", slack.OptionAPIURL(base))
	var limited *slack.RateLimitedError
	n := 0
	for ; n < 60; n++ {
		_, err := api.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0FLOOD001"})
		if err != nil {
			l, ok := err.(*slack.RateLimitedError)
			if !ok {
				t.Fatal(err)
			}
			limited = l
			break
		}
	}
	if n != 50 || limited.RetryAfter < 50*time.Second || limited.RetryAfter > time.Minute {
		t.Errorf("after %d calls of a method of tier 3: %v", n, limited)
	}
	if err := l.Revoke("xoxb-lab"); err != nil {
		t.Fatal(err)
	}
	if _, err := api.AuthTestContext(t.Context()); words(err) != "token_revoked" {
		t.Error(err)
	}
}

func TestAnUnknownMethodIsTold(t *testing.T) {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(l.Handler())
	defer s.Close()
	if _, err := slack.New("xoxb-lab", slack.OptionAPIURL(s.URL+"/api/")).GetEmojiContext(t.Context()); words(err) != "unknown_method" {
		t.Error(err)
	}
	if w := l.Wrong(); len(w) != 1 || !strings.Contains(w[0], "emoji.list") {
		t.Errorf("%q", w)
	}
}

func TestTheGateSeesWhatIsWrong(t *testing.T) {
	g, err := newGate()
	if err != nil {
		t.Fatal(err)
	}
	for body, clean := range map[string]bool{
		`{"ok":true,"url":"https://lab.slack.example/","team":"Lab","user":"b","team_id":"T0LAB00001","user_id":"U0LABBOT01"}`:            true,
		`{"ok":true,"url":"https://lab.slack.example/","team":"Lab","user":"b","team_id":"T1","user_id":"U0LABBOT01"}`:                    false, // form of the id
		`{"ok":true,"url":"https://lab.slack.example/","team":"Lab","user":"b","team_id":"T0LAB00001","user_id":"U0LABBOT01","mood":"x"}`: false, // key
		`{"ok":true,"url":7,"team":"Lab","user":"b","team_id":"T0LAB00001","user_id":"U0LABBOT01"}`:                                       false, // type
		`{"ok":true,"team":"Lab"}`: false, // missing
	} {
		if got := g.answer("auth.test", []byte(body)); (len(got) == 0) != clean {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestSocketMode(t *testing.T) {
	l, base := newTestLab(t, Options{AckWithin: 300 * time.Millisecond, Retries: []time.Duration{0, 100 * time.Millisecond, time.Second}})
	client := socketmode.New(slack.New("xoxb-lab", slack.OptionAPIURL(base), slack.OptionAppLevelToken("xapp-lab")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = client.RunContext(ctx) }()
	next := func(want socketmode.EventType) socketmode.Event {
		t.Helper()
		for {
			select {
			case e := <-client.Events:
				switch {
				case e.Type == socketmode.EventTypeEventsAPI && !strings.Contains(string(e.Request.Payload), `"hello"`):
					_ = client.Ack(*e.Request) // the bot's joining, from before
				case e.Type == want:
					return e
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("waited in vain for %s", want)
			}
		}
	}
	next(socketmode.EventTypeHello)
	if _, err := l.Say("C0FLOOD001", "U0SAM00001", "hello", ""); err != nil {
		t.Fatal(err)
	}
	first := next(socketmode.EventTypeEventsAPI)
	second := next(socketmode.EventTypeEventsAPI)
	if first.Request.RetryAttempt != 0 || second.Request.RetryAttempt != 1 || eventID(t, first) != eventID(t, second) {
		t.Errorf("first attempt %d, then %d", first.Request.RetryAttempt, second.Request.RetryAttempt)
	}
	if err := client.Ack(*second.Request); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{CutClose, CutDrop, CutMid, CutRefresh} {
		if l.Cut(how) != 1 {
			t.Fatalf("%s: nobody was connected", how)
		}
		next(socketmode.EventTypeHello)
	}
	for end := time.Now().Add(30 * time.Second); l.Delivered().Acked != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", l.Delivered())
		}
	}
}

func eventID(t *testing.T, e socketmode.Event) string {
	t.Helper()
	var v struct {
		ID string `json:"event_id"`
	}
	if err := json.Unmarshal(e.Request.Payload, &v); err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// TestThePageShowsWhatSomebodySees: the blocks of a message and what is not one,
// with no markup of anybody's in it.
func TestThePageShowsWhatSomebodySees(t *testing.T) {
	l, base := newTestLab(t, Options{})
	blocks := `[{"type":"section","text":{"type":"plain_text","text":"Hello <b>Sam</b>"}},{"type":"actions","elements":[
		{"type":"button","action_id":"a","text":{"type":"plain_text","text":"I have deleted it"},"style":"primary"},
		{"type":"checkboxes","action_id":"c","options":[{"text":{"type":"plain_text","text":"1. Look"},"value":"one"}],"initial_options":[{"text":{"type":"plain_text","text":"1. Look"},"value":"one"}]}]}]`
	res, err := http.PostForm(base+"chat.postMessage", url.Values{"token": {"xoxb-lab"}, "channel": {"U0SAM00001"}, "text": {"Hello"}, "blocks": {blocks}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	rec := httptest.NewRecorder()
	l.Control().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/show/U0SAM00001", nil))
	for _, want := range []string{"Hello &lt;b&gt;Sam&lt;/b&gt;", `<span class="button primary">I have deleted it</span>`, `<span class="box ticked">1. Look</span>`} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the page lacks %s:\n%s", want, rec.Body)
		}
	}
}
