package slack

import (
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/botstest"
	"chaperone/bots/slack/lab"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/prompt"
)

const (
	sam, priya, morag = "U0SAM00001", "U0PRIYA001", "U0MORAG001"
	flood             = "C0FLOOD001"
)

// workspace starts a test server with a channel, and fails the test for
// whatever no client may do.
func workspace(t *testing.T, o lab.Options) (*lab.Lab, string) {
	t.Helper()
	l, err := lab.New(o)
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
	l.AddPerson(lab.Person{ID: sam, Name: "sam", RealName: "Sam Okafor", Email: "sam.okafor@calderwick.example"})
	l.AddPerson(lab.Person{ID: priya, Name: "priya", RealName: "Priya Nair"})
	l.AddPerson(lab.Person{ID: morag, Name: "morag", RealName: "Morag Sinclair", Admin: true})
	l.AddChannel(lab.Channel{ID: flood, Name: "flood-north", Members: []string{sam, priya, "bot"}})
	l.AddToken(lab.Token{Value: "xoxp-admin", Kind: "user", User: morag, Scopes: []string{"chat:write", "channels:read", "groups:read"}})
	var exact []string
	for _, n := range Needs(ByAdministrator) {
		exact = append(exact, n.Scope)
	}
	l.AddToken(lab.Token{Value: "xoxb-exact", Kind: "bot", User: l.Bot(), Scopes: exact})
	if err := l.Revoke("xoxb-lab"); err != nil { // whatever is done is done with no more than is asked for
		t.Fatal(err)
	}
	l.AddToken(lab.Token{Value: "xoxp-sam", Kind: "user", User: sam, Scopes: []string{"chat:write"}})
	return l, s.URL + "/api"
}

// quick is a lab that sends again soon.
func quick() lab.Options {
	retries := []time.Duration{0}
	for range 60 {
		retries = append(retries, 200*time.Millisecond)
	}
	return lab.Options{AckWithin: 500 * time.Millisecond, Retries: retries, Tiers: 100}
}

// patient is a lab that waits longer than Slack does, for a busy machine.
func patient() lab.Options { return lab.Options{Tiers: 100, AckWithin: 30 * time.Second} }

func newBot(t *testing.T, api string, with func(*Options)) *Bot {
	t.Helper()
	o := Options{BotToken: "xoxb-exact", AppToken: "xapp-lab", APIURL: api, Tiers: 100}
	if with != nil {
		with(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Speak(func(context.Context, chat.MemberID) func(string, int) string { return own })
	return b
}

// english reads what the product says in English.
var english = sync.OnceValues(func() (prompt.Words, error) {
	return prompt.ReadWords(func(lang string) (io.ReadCloser, error) { return config.Files.Open("prompts/" + lang + ".yaml") }, prompt.English)
})

// own gives the bot's own words in English.
func own(name string, n int) string {
	all, err := english()
	if err != nil {
		return err.Error()
	}
	return all[prompt.English].Say(name, prompt.Values{Count: n})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// meta reads what the bot wrote into the metadata of a message.
func meta(raw []byte) payload {
	var m struct {
		Payload payload `json:"event_payload"`
	}
	_ = json.Unmarshal(raw, &m) // none is empty
	return m.Payload
}

func harness(t *testing.T, with func(*Options)) botstest.Harness {
	l, api := workspace(t, quick())
	b := newBot(t, api, with)
	return botstest.Harness{
		Bot: b, Chat: b.id(flood), Sam: sam, Priya: priya,
		Say: func(t *testing.T, who chat.MemberID, text string) chat.MessageID {
			until(t, "the bot listens", func() bool { return b.o.HTTP || l.Connected() > 0 })
			ts, err := l.Say(flood, string(who), text, "")
			if err != nil {
				t.Fatal(err)
			}
			return chat.MessageID(ts)
		},
		Edit: func(t *testing.T, who chat.MemberID, m chat.MessageID, text string) {
			if err := l.Edit(flood, string(who), string(m), text); err != nil {
				t.Fatal(err)
			}
		},
		Delete: func(t *testing.T, who chat.MemberID, m chat.MessageID) {
			if err := l.Delete(flood, string(who), string(m)); err != nil {
				t.Fatal(err)
			}
		},
		Prompts: func(_ *testing.T, who chat.MemberID) []string {
			var out []string
			for _, m := range l.Sees(string(who)) {
				if p := meta(m.Metadata); p.Prompt != "" && p.Kind != "remind" {
					out = append(out, p.Prompt)
				}
			}
			return out
		},
		Calls: func(_ *testing.T, k bots.Kind) int { return calls(l, k) },
		Members: func(*testing.T) []chat.MemberID {
			var out []chat.MemberID
			for _, m := range l.Members(flood) {
				if m != l.Bot() {
					out = append(out, chat.MemberID(m))
				}
			}
			return out
		},
	}
}

// calls counts the calls that carried out an effect of a kind.
func calls(l *lab.Lab, k bots.Kind) int {
	n := 0
	for _, c := range l.Calls() {
		switch {
		case c.Error != "":
		case k == bots.Delete && c.Method == "chat.delete", k == bots.Remove && c.Method == "conversations.kick",
			slices.Contains([]string{"chat.postMessage", "chat.update"}, c.Method) && meta([]byte(c.Args["metadata"])).Kind == string(k):
			n++
		}
	}
	return n
}

func TestContract(t *testing.T) {
	botstest.Run(t, func(t *testing.T) botstest.Harness { return harness(t, nil) })
}

func TestContractWithAnAdministratorsToken(t *testing.T) {
	botstest.Run(t, func(t *testing.T) botstest.Harness {
		return harness(t, func(o *Options) { o.Delete, o.Admin = ByAdministrator, "xoxp-admin" })
	})
}
