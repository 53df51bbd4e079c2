package lab_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots/discord/lab"
)

// later is a clock that a test moves on.
type later struct{ by atomic.Int64 }

func (l *later) now() time.Time       { return time.Now().Add(time.Duration(l.by.Load())) }
func (l *later) pass(d time.Duration) { l.by.Add(int64(d)) }

// An interaction wants its first answer within three seconds, and nothing more can
// be said in it after a quarter of an hour.
func TestAnInteractionEnds(t *testing.T) {
	var clock later
	w := newWorld(t, lab.Options{Now: clock.now}, wanted)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	button := discordgo.Button{Label: "What is this?", CustomID: "open:1", Style: discordgo.SecondaryButton}
	m, err := w.client.ChannelMessageSendComplex(w.general.String(), &discordgo.MessageSend{
		Content: "A question", Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{button}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	on, _ := lab.ParseID(m.ID)
	press := func(n int) *discordgo.Interaction {
		t.Helper()
		if _, err := w.Press(w.sam, w.general, on, "open:1"); err != nil {
			t.Fatal(err)
		}
		w.until(t, "it arrived", func() bool { return len(w.asked) == n })
		return w.asked[n-1]
	}
	said := &discordgo.InteractionResponse{
		Type: discordgo.InteractionResponseChannelMessageWithSource,
		Data: &discordgo.InteractionResponseData{Content: "only you see this", Flags: discordgo.MessageFlagsEphemeral},
	}
	late := press(1)
	clock.pass(4 * time.Second)
	if err := w.client.InteractionRespond(late, said); code(err) != 10062 {
		t.Errorf("after four seconds: %v", err)
	}
	one := press(2)
	if err := w.client.InteractionRespond(one, said); err != nil {
		t.Fatal(err)
	}
	text := "put right"
	edit := func() error {
		_, err := w.client.InteractionResponseEdit(one, &discordgo.WebhookEdit{Content: &text})
		return err
	}
	clock.pass(14 * time.Minute)
	if err := edit(); err != nil {
		t.Errorf("after fourteen minutes: %v", err)
	}
	clock.pass(2 * time.Minute)
	if err := edit(); code(err) != 50027 {
		t.Errorf("after sixteen minutes: %v", err)
	}
}

// The page shows what somebody sees of channels and conversations, with no
// markup of anybody's in it, and not what others see alone.
func TestThePageShowsWhatSomebodySees(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if _, err := w.Say(w.sam, w.general, `a <b>bold</b> \*word\*`); err != nil {
		t.Fatal(err)
	}
	dm, err := w.client.UserChannelCreate(w.sam.String())
	if err != nil {
		t.Fatal(err)
	}
	button := discordgo.Button{Label: "I have deleted it", CustomID: "a", Style: discordgo.PrimaryButton}
	if _, err := w.client.ChannelMessageSendComplex(dm.ID, &discordgo.MessageSend{
		Content: "Hello sam\n-# Only you see this", Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{button}}},
	}); err != nil {
		t.Fatal(err)
	}
	page := func(who lab.ID) string {
		rec := httptest.NewRecorder()
		w.Control().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/show/"+who.String(), nil))
		return rec.Body.String()
	}
	sam, priya := page(w.sam), page(w.priya)
	for _, want := range []string{"a &lt;b&gt;bold&lt;/b&gt; *word*", "#general", "Hello sam", `<p class="small">Only you see this</p>`, `<span class="button primary">I have deleted it</span>`} {
		if !strings.Contains(sam, want) {
			t.Errorf("the page lacks %s:\n%s", want, sam)
		}
	}
	if !strings.Contains(priya, "bold") || strings.Contains(priya, "Hello sam") {
		t.Errorf("Priya is shown\n%s", priya)
	}
}
