package lab_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots/discord/lab"
)

// world is a lab with a guild of three, a bot in it, and a client for the bot.
type world struct {
	*lab.Lab
	url                                 string
	app                                 *lab.App
	guild, general, owner, sam, priya   lab.ID
	client                              *discordgo.Session
	mu                                  sync.Mutex
	posted, edited, deleted, interacted []string
	asked                               []*discordgo.Interaction
	resumed, ready                      int
}

const wanted = lab.IntentGuilds | lab.IntentMembers | lab.IntentModeration | lab.IntentMessages | lab.IntentReactions | lab.IntentDirect |
	lab.IntentContent | lab.IntentAutoModerated

func newWorld(t *testing.T, o lab.Options, intents int) *world {
	t.Helper()
	w := &world{Lab: lab.New(o)}
	srv := httptest.NewServer(w.Handler())
	w.url = srv.URL
	w.owner, w.sam, w.priya = w.Person("morag"), w.Person("sam"), w.Person("priya")
	w.guild = w.Guild("Calderwick", w.owner)
	w.general = w.Channel(w.guild, "general", lab.Text)
	w.Join(w.guild, w.sam)
	w.Join(w.guild, w.priya)
	w.app = w.Application("chaperone", intents)
	w.Install(w.app, w.guild, lab.Everyone|lab.ManageMessages|lab.Kick|lab.ManageGuild|lab.ViewAudit)
	w.client = w.connect(t, w.app.Token)
	t.Cleanup(func() {
		w.client.Close()
		srv.CloseClientConnections()
		srv.Close()
		if unknown := w.Unknown(); len(unknown) > 0 {
			t.Errorf("wrong was %q", unknown)
		}
	})
	return w
}

// redirect brings what is meant for Discord to the lab.
type redirect struct{ to *url.URL }

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = r.to.Scheme, r.to.Host, r.to.Host
	return http.DefaultTransport.RoundTrip(req)
}

func (w *world) connect(t *testing.T, token string) *discordgo.Session {
	t.Helper()
	s, err := discordgo.New("Bot " + token)
	if err != nil {
		t.Fatal(err)
	}
	to, _ := url.Parse(w.url)
	s.Client = &http.Client{Transport: redirect{to}}
	s.SyncEvents, s.ShouldRetryOnRateLimit, s.MaxRestRetries = true, false, 0
	s.Identify.Intents = discordgo.Intent(wanted)
	note := func(list *[]string, v string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*list = append(*list, v)
	}
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) { note(&w.posted, m.Content) })
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageUpdate) { note(&w.edited, m.Content) })
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageDelete) { note(&w.deleted, m.ID) })
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.InteractionCreate) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked = append(w.asked, m.Interaction)
	})
	s.AddHandler(func(*discordgo.Session, *discordgo.Resumed) { w.mu.Lock(); w.resumed++; w.mu.Unlock() })
	s.AddHandler(func(*discordgo.Session, *discordgo.Ready) { w.mu.Lock(); w.ready++; w.mu.Unlock() })
	return s
}

func (w *world) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		yes := ok()
		w.mu.Unlock()
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// code is Discord's number for an error.
func code(err error) int {
	var e *discordgo.RESTError
	if errors.As(err, &e) && e.Message != nil {
		return e.Message.Code
	}
	return -1
}

func TestMessages(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	id, err := w.Say(w.sam, w.general, "hello")
	if err != nil {
		t.Fatal(err)
	}
	w.until(t, "the message arrived", func() bool { return slices.Equal(w.posted, []string{"hello"}) })
	if err := w.Edit(w.sam, w.general, id, "hello again"); err != nil {
		t.Fatal(err)
	}
	w.until(t, "the edit arrived", func() bool { return slices.Equal(w.edited, []string{"hello again"}) })
	if err := w.Edit(w.priya, w.general, id, "mine"); !errors.Is(err, lab.ErrMayNot) {
		t.Errorf("another person's edit: %v", err)
	}
	m, err := w.client.ChannelMessage(w.general.String(), id.String())
	if err != nil || m.Content != "hello again" {
		t.Errorf("fetched %+v, %v", m, err)
	}
	own, err := w.client.ChannelMessageSendComplex(w.general.String(), &discordgo.MessageSend{Content: "a notice"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.ChannelMessageDelete(w.general.String(), id.String(), discordgo.WithAuditLogReason("kept too long")); err != nil {
		t.Fatal(err)
	}
	w.until(t, "the deletion arrived", func() bool { return slices.Equal(w.deleted, []string{id.String()}) })
	if err := w.client.ChannelMessageDelete(w.general.String(), id.String()); code(err) != 10008 {
		t.Errorf("deleting it again: %v", err)
	}
	log, err := w.client.GuildAuditLog(w.guild.String(), "", "", 0, 50)
	if err != nil || len(log.AuditLogEntries) == 0 || log.AuditLogEntries[0].Reason != "kept too long" {
		t.Errorf("the audit log has %+v, %v", log, err)
	}
	page, err := w.client.ChannelMessages(w.general.String(), 100, "", id.String(), "")
	if err != nil || len(page) != 1 || page[0].ID != own.ID {
		t.Errorf("after it stand %v, %v", page, err)
	}
	if held := w.Held(); len(held) < 5 {
		t.Errorf("only %q were held against the description", held)
	}
}

func TestWithoutTheContentIntentTextsAreEmpty(t *testing.T) {
	w := newWorld(t, lab.Options{}, lab.IntentMembers)
	w.client.Identify.Intents = discordgo.Intent(wanted &^ lab.IntentContent)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Say(w.sam, w.general, "hello"); err != nil {
		t.Fatal(err)
	}
	w.until(t, "the empty message arrived", func() bool { return slices.Equal(w.posted, []string{""}) })
	if page, err := w.client.ChannelMessages(w.general.String(), 10, "", "", ""); err != nil || len(page) != 1 || page[0].Content != "" {
		t.Errorf("history shows %v, %v", page, err)
	}
	w.client.Close()
	other := w.connect(t, w.app.Token) // asks for an intent that it has not
	if err := other.Open(); err == nil || !strings.Contains(err.Error(), "4014") {
		t.Errorf("an intent that is switched off: %v", err)
	}
}

func TestASessionIsResumed(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	w.until(t, "it is ready", func() bool { return w.ready == 1 })
	w.Cut(true)
	var want []string
	for _, text := range strings.Fields("said while nobody listened") {
		if _, err := w.Say(w.sam, w.general, text); err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
	}
	w.Cut(false)
	w.until(t, "everything arrived in order", func() bool { return w.resumed == 1 && slices.Equal(w.posted, want) })
	w.Reconnect()
	w.until(t, "it has resumed once more", func() bool { return w.resumed == 2 })
	w.Invalidate()
	w.until(t, "it has identified anew", func() bool { return w.ready == 2 })
}

func TestDirectMessages(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	dm, err := w.client.UserChannelCreate(w.sam.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.ChannelMessageSend(dm.ID, "privately"); err != nil {
		t.Fatal(err)
	}
	if got := w.Seen(w.sam, w.Direct(w.sam, w.app.ID)); len(got) != 1 || got[0].Content != "privately" {
		t.Errorf("Sam sees %v", got)
	}
	if got := w.Seen(w.priya, w.Direct(w.sam, w.app.ID)); len(got) != 0 {
		t.Errorf("Priya sees %v", got)
	}
	w.NoDirect(w.sam, true)
	if _, err := w.client.ChannelMessageSend(dm.ID, "again"); code(err) != 50007 {
		t.Errorf("closed: %v", err)
	}
	w.NoDirect(w.sam, false)
	w.Leave(w.guild, w.sam)
	if _, err := w.client.ChannelMessageSend(dm.ID, "again"); code(err) != 50278 {
		t.Errorf("gone: %v", err)
	}
}

func TestANonceSendsOnce(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	send := func() string {
		b, err := w.client.RequestWithBucketID("POST", discordgo.EndpointChannelMessages(w.general.String()),
			map[string]any{"content": "once", "nonce": "k1", "enforce_nonce": true}, "x")
		var m struct{ ID string }
		if err != nil || json.Unmarshal(b, &m) != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	if a, b := send(), send(); a != b {
		t.Errorf("two messages, %s and %s", a, b)
	}
}

func TestKickingNeedsTheHigherRole(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if err := w.client.GuildMemberDeleteWithReason(w.guild.String(), w.sam.String(), "left the council"); err != nil {
		t.Fatal(err)
	}
	if ids := w.MemberIDs(w.guild); slices.Contains(ids, w.sam) {
		t.Error("Sam is still there")
	}
	w.Grant(w.guild, w.priya, w.Role(w.guild, "above the bot", lab.Everyone))
	if err := w.client.GuildMemberDelete(w.guild.String(), w.priya.String()); code(err) != 50013 {
		t.Errorf("a member above the bot: %v", err)
	}
	if err := w.client.GuildMemberDelete(w.guild.String(), w.sam.String()); code(err) != 10007 {
		t.Errorf("a member who is gone: %v", err)
	}
}

func TestBulkDeletionIsForTheYoung(t *testing.T) {
	var mu sync.Mutex
	at := time.Now().Add(-15 * 24 * time.Hour)
	w := newWorld(t, lab.Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return at }}, wanted)
	old, _ := w.Say(w.sam, w.general, "old")
	mu.Lock()
	at = time.Now()
	mu.Unlock()
	a, _ := w.Say(w.sam, w.general, "young")
	b, _ := w.Say(w.sam, w.general, "younger")
	if err := w.client.ChannelMessagesBulkDelete(w.general.String(), []string{old.String(), a.String()}); code(err) != 50034 {
		t.Errorf("with an old one: %v", err)
	}
	if err := w.client.ChannelMessagesBulkDelete(w.general.String(), []string{a.String(), b.String()}); err != nil {
		t.Error(err)
	}
	if left := w.Seen(w.sam, w.general); len(left) != 1 || left[0].Content != "old" {
		t.Errorf("left are %v", left)
	}
}

func TestInteractions(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	button := discordgo.Button{Label: "What is this about?", CustomID: "open:1", Style: discordgo.SecondaryButton}
	m, err := w.client.ChannelMessageSendComplex(w.general.String(), &discordgo.MessageSend{
		Content: "A question for one person", Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{button}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	on, _ := lab.ParseID(m.ID)
	if _, err := w.Press(w.sam, w.general, on, "nothing"); !errors.Is(err, lab.ErrNotThere) {
		t.Errorf("a button that is not there: %v", err)
	}
	in, err := w.Press(w.sam, w.general, on, "open:1")
	if err != nil {
		t.Fatal(err)
	}
	w.until(t, "it arrived", func() bool { return len(w.asked) == 1 })
	said := &discordgo.InteractionResponse{
		Type: discordgo.InteractionResponseChannelMessageWithSource,
		Data: &discordgo.InteractionResponseData{Content: "only you see this", Flags: discordgo.MessageFlagsEphemeral},
	}
	if err := w.client.InteractionRespond(w.asked[0], said); err != nil {
		t.Fatal(err)
	}
	if err := w.client.InteractionRespond(w.asked[0], said); code(err) != 40060 {
		t.Errorf("answered twice: %v", err)
	}
	if kind, _ := w.Answered(in, time.Second); kind != int(discordgo.InteractionResponseChannelMessageWithSource) {
		t.Errorf("the answer was of kind %d", kind)
	}
	if got := w.Seen(w.sam, w.general); len(got) != 2 {
		t.Errorf("Sam sees %d messages", len(got))
	}
	if got := w.Seen(w.priya, w.general); len(got) != 1 {
		t.Errorf("Priya sees %d messages", len(got))
	}
	changed := "put right"
	if _, err := w.client.InteractionResponseEdit(w.asked[0], &discordgo.WebhookEdit{Content: &changed}); err != nil {
		t.Error(err)
	}
}

func TestAForm(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	if err := w.client.Open(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.ApplicationCommandBulkOverwrite(w.app.ID.String(), "", []*discordgo.ApplicationCommand{{Name: "Capture this", Type: discordgo.MessageApplicationCommand}}); err != nil {
		t.Fatal(err)
	}
	m, _ := w.Say(w.sam, w.general, "we close at six")
	in, err := w.Command(w.sam, w.general, m, "Capture this", "")
	if err != nil {
		t.Fatal(err)
	}
	w.until(t, "the command arrived", func() bool { return len(w.asked) == 1 })
	if got := w.asked[0].ApplicationCommandData().TargetID; got != m.String() {
		t.Errorf("it is about %s", got)
	}
	row := discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.TextInput{CustomID: "why", Label: "Why", Style: discordgo.TextInputParagraph}}}
	if err := w.client.InteractionRespond(w.asked[0], &discordgo.InteractionResponse{
		Type: discordgo.InteractionResponseModal,
		Data: &discordgo.InteractionResponseData{CustomID: "note:1", Title: "A note", Components: []discordgo.MessageComponent{row}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Submit(in, "because the river falls"); err != nil {
		t.Fatal(err)
	}
	w.until(t, "the form arrived", func() bool { return len(w.asked) == 2 })
	data := w.asked[1].ModalSubmitData()
	text := data.Components[0].(*discordgo.ActionsRow).Components[0].(*discordgo.TextInput).Value
	if data.CustomID != "note:1" || text != "because the river falls" {
		t.Errorf("the form says %q: %q", data.CustomID, text)
	}
}

func TestAThreadIsThereUntilItIsArchived(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	id, err := w.Thread(w.sam, w.general, "pumps", "two on the way")
	if err != nil {
		t.Fatal(err)
	}
	if active, err := w.client.GuildThreadsActive(w.guild.String()); err != nil || len(active.Threads) != 1 || active.Threads[0].ID != id.String() {
		t.Errorf("active are %+v, %v", active, err)
	}
	w.Archive(id)
	if old, err := w.client.ThreadsArchived(w.general.String(), nil, 50); err != nil || len(old.Threads) != 1 {
		t.Errorf("archived are %+v, %v", old, err)
	}
	if page, err := w.client.ChannelMessages(id.String(), 100, "", "", ""); err != nil || len(page) != 1 {
		t.Errorf("in it stand %v, %v", page, err)
	}
}

func TestAPostBeginsInAForum(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	forum := w.Channel(w.guild, "sightings", lab.Forum)
	made, err := w.client.ForumThreadStart(forum.String(), "what is read here", 10080, "the notice")
	if err != nil || made.ParentID != forum.String() {
		t.Fatalf("it is %+v, %v", made, err)
	}
	if page, err := w.client.ChannelMessages(made.ID, 100, "", "", ""); err != nil || len(page) != 1 || page[0].Content != "the notice" {
		t.Errorf("in it stand %v, %v", page, err)
	}
	if !slices.Contains(w.Held(), "POST /channels/{channel}/threads 201") {
		t.Error("the answer was held against no description")
	}
}

func TestAutoModBlocks(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	on := true
	rule := &discordgo.AutoModerationRule{
		Name: "markings", EventType: discordgo.AutoModerationEventMessageSend, TriggerType: discordgo.AutoModerationEventTriggerKeyword, Enabled: &on,
		TriggerMetadata: &discordgo.AutoModerationTriggerMetadata{RegexPatterns: []string{`official[ -]sensitive`}},
		Actions:         []discordgo.AutoModerationAction{{Type: discordgo.AutoModerationRuleActionBlockMessage}},
	}
	if _, err := w.client.AutoModerationRuleCreate(w.guild.String(), rule); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Say(w.sam, w.general, "OFFICIAL-SENSITIVE: plan"); !errors.Is(err, lab.ErrBlocked) {
		t.Errorf("a marked message: %v", err)
	}
	if _, err := w.Say(w.owner, w.general, "OFFICIAL-SENSITIVE: plan"); err != nil {
		t.Errorf("the owner is exempt: %v", err)
	}
	for range 5 {
		if _, err := w.client.AutoModerationRuleCreate(w.guild.String(), rule); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.client.AutoModerationRuleCreate(w.guild.String(), rule); code(err) != 50035 {
		t.Errorf("the seventh rule: %v", err)
	}
}

func TestAttachmentsExpire(t *testing.T) {
	var mu sync.Mutex
	at := time.Now()
	w := newWorld(t, lab.Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return at }}, wanted)
	id, err := w.SayMore(w.sam, w.general, lab.Words{Text: "the list", File: "list.txt", Data: []byte("a b c")})
	if err != nil {
		t.Fatal(err)
	}
	link := func() string {
		m, err := w.client.ChannelMessage(w.general.String(), id.String())
		if err != nil || len(m.Attachments) != 1 {
			t.Fatal(m, err)
		}
		return m.Attachments[0].URL
	}
	get := func(u string) int {
		res, err := w.client.Client.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	first := link()
	if s := get(first); s != 200 {
		t.Errorf("fresh: %d", s)
	}
	mu.Lock()
	at = at.Add(25 * time.Hour)
	mu.Unlock()
	if s := get(first); s != 404 {
		t.Errorf("expired: %d", s)
	}
	if s := get(link()); s != 200 {
		t.Errorf("fetched anew: %d", s)
	}
}

func TestLimitsAndFaults(t *testing.T) {
	w := newWorld(t, lab.Options{}, wanted)
	const route = "GET /channels/{channel}/messages"
	w.Fail(lab.Fault{Route: route, Times: 1, Status: 429, After: 2 * time.Second})
	var limited *discordgo.RateLimitError
	if _, err := w.client.ChannelMessages(w.general.String(), 1, "", "", ""); !errors.As(err, &limited) || limited.RetryAfter != 2*time.Second {
		t.Errorf("a 429: %v", err)
	}
	w.Fail(lab.Fault{Route: route, Times: 1, Status: 500})
	if _, err := w.client.ChannelMessages(w.general.String(), 1, "", "", ""); err == nil {
		t.Error("a 500 was no error")
	}
	w.Revoke(w.app)
	if _, err := w.client.ChannelMessages(w.general.String(), 1, "", "", ""); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a revoked token: %v", err)
	}
	statuses := map[int]int{}
	for _, c := range w.Calls() {
		statuses[c.Status]++
	}
	if statuses[429] != 1 || statuses[500] != 1 || statuses[401] != 1 {
		t.Errorf("the ledger has %v", statuses)
	}
}
