// Package slack is the bot on Slack, over github.com/slack-go/slack: Socket
// Mode or signed Events API requests in, the Web API out.
//
// It translates and nothing else: it must not decide, retry an effect, or log a
// text or a name. What Slack sends is acknowledged only after it was stored.
// Between two lives it remembers nothing by itself: what was stored is asked of
// its Memory, and what was sent is asked of Slack.
package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/bots/lane"
	"chaperone/internal/chat"
)

// Account is the one Slack account of a Chaperone: one workspace.
const Account chat.Account = "slack"

// Memory is what the bot asks about what it delivered in earlier lives.
type Memory interface {
	// Chats lists the chats of an account that the bot is believed to be in.
	Chats(ctx context.Context, account chat.Account) ([]chat.ID, error)
	// Seen tells since when a chat has been read, zero where it is not, and the
	// time of the newest message that was stored.
	Seen(ctx context.Context, id chat.ID) (began, newest time.Time, err error)
	// Standing lists the messages of a chat since a time that were stored and
	// that nobody is known to have deleted.
	Standing(ctx context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error)
}

// Options is everything a Bot is made from.
type Options struct {
	BotToken string // xoxb-…
	AppToken string // xapp-…, for Socket Mode
	Secret   string // signs requests of the Events API; Socket Mode needs none
	HTTP     bool   // events come as signed requests, to ServeHTTP
	APIURL   string // empty is Slack's own
	Delete   Deletion
	Organisation
	Admin   string                   // user token of an administrator, for ByAdministrator
	Senders map[chat.MemberID]string // user tokens of senders, for BySender
	Memory  Memory                   // nil: nothing is known of earlier lives
	Client  *http.Client             // nil is one with sensible limits
	Now     func() time.Time         // nil is time.Now
	Log     *slog.Logger             // nil is none
	Tiers   int                      // multiplies the pace of catching up; 0 is 1, which is Slack's own
}

// Bot is a bots.Bot on one workspace.
type Bot struct {
	o       Options
	api     *slack.Client
	admin   *slack.Client // nil without a token
	senders map[chat.MemberID]*slack.Client
	pace    *pace
	answer  bots.Answerer // of what is said to the bot alone
	words   bots.Words    // of its own

	publishing sync.Mutex // held while a home is looked up and shown

	mu       sync.Mutex
	me       me
	scopes   []string
	channels map[string]*channel
	people   map[string]person
	direct   map[string]string // member to the conversation with them
	shown    map[string]place  // prompt to its message
	heard    map[chat.MemberID][]saying
	homes    map[string]bool // whose home was opened in this life
	refused  time.Time       // when Slack last refused a token: a person is needed
	knocked  time.Time       // when a refused request was last told of
	life     *life
}

// me is who the bot is.
type me struct{ user, bot, team, workspace string }

// place is where a message stands.
type place struct{ channel, ts string }

// life is one Run.
type life struct {
	ctx   context.Context
	lanes *lane.Lanes
	work  sync.WaitGroup
	began time.Time

	mu      sync.Mutex
	talks   map[chat.MemberID][]func() // what members said to the bot alone, and wait to be answered
	in      []*channel                 // that the bot was in just before this began, until it looks through them
	news    map[string]*channel        // those of them that it was never in before, and that nothing was said of yet
	looking bool                       // through all chats
	again   bool                       // is to be looked through once more
}

// New makes a bot. It contacts nobody yet.
func New(o Options) (*Bot, error) {
	if o.BotToken == "" {
		return nil, errors.New("slack: the bot token is missing")
	}
	if o.HTTP && o.Secret == "" {
		return nil, errors.New("slack: events over HTTP need the signing secret")
	}
	if !o.HTTP && o.AppToken == "" {
		return nil, errors.New("slack: Socket Mode needs the app token")
	}
	if o.Delete == ByAdministrator && o.Admin == "" {
		return nil, errors.New("slack: deleting as an administrator needs an administrator's token")
	}
	if err := o.Organisation.missing(); err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	o.Client = limited(o.Client)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.APIURL == "" {
		o.APIURL = slack.APIURL
	}
	o.APIURL = strings.TrimSuffix(o.APIURL, "/") + "/"
	b := &Bot{
		o: o, senders: map[chat.MemberID]*slack.Client{}, pace: newPace(max(o.Tiers, 1)),
		channels: map[string]*channel{}, people: map[string]person{}, direct: map[string]string{}, shown: map[string]place{},
		heard: map[chat.MemberID][]saying{}, homes: map[string]bool{},
	}
	b.api = b.client(o.BotToken, slack.OptionAppLevelToken(o.AppToken))
	if o.Delete == ByAdministrator {
		b.admin = b.client(o.Admin)
	}
	if o.Delete == BySender {
		for who, token := range o.Senders {
			b.senders[who] = b.client(token)
		}
	}
	return b, nil
}

func (b *Bot) client(token string, more ...slack.Option) *slack.Client {
	return slack.New(token, append(more, slack.OptionAPIURL(b.o.APIURL), slack.OptionHTTPClient(b.o.Client))...)
}

// Account implements bots.Bot.
func (b *Bot) Account() chat.Account { return Account }

func (b *Bot) id(local string) chat.ID { return chat.ID{Account: Account, Local: local} }

// Run implements bots.Bot.
func (b *Bot) Run(ctx context.Context, deliver bots.Deliver) error {
	sleep(ctx, b.rest()) // a refused token is tried once a minute
	if err := b.introduce(ctx); err != nil {
		return err
	}
	in, news := b.newcomers(ctx)
	ctx, cancel := context.WithCancel(ctx)
	l := &life{ctx: ctx, began: b.o.Now(), in: in, news: news}
	l.lanes = lane.New(ctx, lane.Options{Account: Account, Deliver: deliver, CatchUp: b.catchUp, Name: b.name, Plain: plain, Log: b.o.Log})
	b.mu.Lock()
	if b.life != nil {
		b.mu.Unlock()
		cancel()
		return errors.New("the Slack account is connected already")
	}
	b.life = l
	b.mu.Unlock()
	defer func() {
		cancel()
		b.mu.Lock()
		b.life = nil
		b.mu.Unlock()
		l.lanes.Wait()
		l.work.Wait()
	}()
	if b.o.HTTP {
		b.connected(l)
		<-ctx.Done()
		return ctx.Err()
	}
	return b.listen(l)
}

// introduce learns who the bot is and what it may do.
func (b *Bot) introduce(ctx context.Context) error {
	who, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return b.heed(fmt.Errorf("slack: %w", plain(err)))
	}
	scopes := strings.FieldsFunc(who.Header.Get("X-OAuth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
	b.mu.Lock()
	b.me, b.scopes, b.refused = me{who.UserID, who.BotID, who.TeamID, who.Team}, scopes, time.Time{}
	b.mu.Unlock()
	for _, n := range Needs(b.o.Delete) {
		if len(scopes) > 0 && !slices.Contains(scopes, n.Scope) {
			b.o.Log.Warn("Slack: something is off, because the app has not been given a scope", "scope", n.Scope, "off", n.For)
		}
	}
	if beyond := b.beyond(scopes); len(beyond) > 0 {
		b.o.Log.Warn("Slack: the app has scopes that Chaperone does not need; they can be taken away", "scopes", strings.Join(beyond, " "))
	}
	return nil
}

func (b *Bot) beyond(scopes []string) []string {
	needs := Needs(b.o.Delete)
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
		return slices.ContainsFunc(needs, func(n Need) bool { return n.Scope == s })
	})
}

// plain takes the address out of a network error: it may hold a ticket.
func plain(err error) error {
	if u, ok := errors.AsType[interface {
		error
		Unwrap() error
		Timeout() bool
	}](err); ok && u.Unwrap() != nil {
		return u.Unwrap()
	}
	return err
}

// restFor is how long nothing is called after a token was refused.
const restFor = time.Minute

// refusals are Slack's names for a token that a person has to replace.
var refusals = []string{"invalid_auth", "account_inactive", "not_authed", "token_revoked", "token_expired", "org_login_required"}

// heed notes that a token was refused, so that Slack is left alone for a while.
func (b *Bot) heed(err error) error {
	if err != nil && slices.Contains(refusals, word(err)) {
		b.mu.Lock()
		b.refused = time.Now()
		b.mu.Unlock()
	}
	return err
}

// rest is how long Slack is to be left alone.
func (b *Bot) rest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused.IsZero() {
		return 0
	}
	return max(restFor-time.Since(b.refused), 0)
}
