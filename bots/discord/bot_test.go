package discord_test

import (
	"context"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/botstest"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/prompt"
)

// world is a lab with a server of three people, and the bot in it.
type world struct {
	*lab.Lab
	url                               string
	app                               *lab.App
	guild, general, owner, sam, priya lab.ID
}

const granted = lab.Everyone | lab.ManageMessages | lab.Kick

func newWorld(t *testing.T, intents int) *world { return newWorldAt(t, lab.Options{}, intents) }

func newWorldAt(t *testing.T, o lab.Options, intents int) *world {
	t.Helper()
	w := &world{Lab: lab.New(o)}
	srv := httptest.NewServer(w.Handler())
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		if unknown := w.Unknown(); len(unknown) > 0 {
			t.Errorf("the lab has no route for %v", unknown)
		}
	})
	w.url = srv.URL
	w.owner, w.sam, w.priya = w.Person("morag"), w.Person("sam"), w.Person("priya")
	w.guild = w.Guild("Calderwick", w.owner)
	w.general = w.Channel(w.guild, "general", lab.Text)
	w.Join(w.guild, w.sam)
	w.Join(w.guild, w.priya)
	w.app = w.Application("chaperone", intents)
	w.Install(w.app, w.guild, granted)
	return w
}

func (w *world) bot(t *testing.T, o discord.Options) *discord.Bot {
	t.Helper()
	o.Token, o.APIURL = w.app.Token, w.url
	b, err := discord.New(o)
	if err != nil {
		t.Fatal(err)
	}
	all, err := texts()
	if err != nil {
		t.Fatal(err)
	}
	b.Speak(func(context.Context, chat.MemberID) func(string, int) string {
		return func(name string, _ int) string { return all[prompt.English].Say(name, prompt.Values{}) }
	})
	b.Proclaim(func(_ chat.ID, name string) []string { return []string{all[prompt.English].Say(name, prompt.Values{})} })
	return b
}

// texts reads what the product says.
var texts = sync.OnceValues(func() (prompt.Words, error) {
	return prompt.ReadWords(func(lang string) (io.ReadCloser, error) { return config.Files.Open("prompts/" + lang + ".yaml") }, prompt.Languages()...)
})

func id(t *testing.T, s string) lab.ID {
	t.Helper()
	v, err := lab.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBot(t *testing.T) {
	t.Parallel()
	botstest.Run(t, func(t *testing.T) botstest.Harness {
		w := newWorld(t, lab.IntentMembers|lab.IntentContent)
		b := w.bot(t, discord.Options{Now: quick()}) // it runs several times within a minute
		ready(t, w, b)
		in := chat.ID{Account: discord.Account, Local: w.general.String()}
		return botstest.Harness{
			Bot: b, Chat: in, Sam: chat.MemberID(w.sam.String()), Priya: chat.MemberID(w.priya.String()),
			Say: func(t *testing.T, who chat.MemberID, text string) chat.MessageID {
				t.Helper()
				// What is said and deleted before anybody listens cannot be seen on Discord.
				until(t, "the bot is connected", func() bool { return w.Connected() > 0 })
				m, err := w.Say(id(t, string(who)), w.general, text)
				if err != nil {
					t.Fatal(err)
				}
				return chat.MessageID(m.String())
			},
			Edit: func(t *testing.T, who chat.MemberID, m chat.MessageID, text string) {
				t.Helper()
				if err := w.Edit(id(t, string(who)), w.general, id(t, string(m)), text); err != nil {
					t.Fatal(err)
				}
			},
			Delete: func(t *testing.T, who chat.MemberID, m chat.MessageID) {
				t.Helper()
				if err := w.Delete(id(t, string(who)), w.general, id(t, string(m))); err != nil {
					t.Fatal(err)
				}
			},
			Prompts: func(t *testing.T, who chat.MemberID) []string { return w.prompts(id(t, string(who))) },
			Calls:   func(_ *testing.T, k bots.Kind) int { return w.count(k) },
			Members: func(*testing.T) []chat.MemberID {
				var out []chat.MemberID
				for _, m := range w.MemberIDs(w.guild) {
					out = append(out, chat.MemberID(m.String()))
				}
				return out
			},
		}
	})
}

// ready lets the bot see its server once, as it has before it is asked to do
// anything.
func ready(t *testing.T, w *world, b *discord.Bot) {
	t.Helper()
	r := start(t, b)
	until(t, "the bot knows the channel", func() bool {
		_, err := b.Abilities(t.Context(), chat.ID{Account: discord.Account, Local: w.general.String()})
		return err == nil && slices.ContainsFunc(r.of(chat.Added), func(e chat.Event) bool { return e.Chat.Local == w.general.String() })
	})
	r.stop()
}

// prompts lists the prompts in the direct conversation of a person.
func (w *world) prompts(who lab.ID) []string {
	var out []string
	for _, m := range w.Seen(who, w.Direct(who, w.app.ID)) {
		if _, ref, found := strings.Cut(m.Content, "Ref. "); found {
			out = append(out, ref)
		}
	}
	return out
}

// count counts the calls by which a kind of effect is made.
func (w *world) count(k bots.Kind) int {
	n := 0
	for _, c := range w.Calls() {
		dm := strings.Contains(c.Body, "Ref. ")
		post := c.Route == "POST /channels/{channel}/messages"
		switch {
		case k == bots.Whisper && post && dm,
			k == bots.Remind && post && strings.Contains(c.Body, "message_reference"),
			k == bots.Post && post && !dm && !strings.Contains(c.Body, "message_reference"),
			k == bots.Revise && strings.HasPrefix(c.Route, "PATCH /channels"),
			k == bots.Delete && c.Route == "DELETE /channels/{channel}/messages/{message}",
			k == bots.Remove && c.Route == "DELETE /guilds/{guild}/members/{user}":
			if c.Status < 300 {
				n++
			}
		}
	}
	return n
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
