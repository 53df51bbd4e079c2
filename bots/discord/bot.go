// Package discord is the bot on Discord, over github.com/bwmarrin/discordgo:
// the gateway in, the HTTP interface out.
//
// It translates and nothing else: it must not decide, retry an effect, or log a
// text or a name. The library keeps neither order nor what was missed, so that
// connecting again, order and catching up are this package's. Discord has no
// acknowledgement: what was stored is asked of Memory after every gap, and what
// was sent is asked of Discord.
package discord

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/bots/lane"
	"chaperone/internal/chat"
)

// Account is the one Discord account of a Chaperone: one application.
const Account chat.Account = "discord"

// Memory is what the bot asks about what it delivered in earlier lives.
type Memory interface {
	// Chats lists the chats of an account that the bot is believed to be in.
	Chats(ctx context.Context, account chat.Account) ([]chat.ID, error)
	// Seen gives since when a chat is read, which is zero where it is not, and
	// the time of its newest message that was stored.
	Seen(ctx context.Context, id chat.ID) (began, newest time.Time, err error)
	// Standing lists the messages of a chat since a time that were stored and
	// that nobody is known to have deleted.
	Standing(ctx context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error)
}

// Options is everything a Bot is made from.
type Options struct {
	Token  string
	APIURL string           // empty is Discord's own; else everything that is meant for Discord goes there
	Block  []Block          // what is stopped before it is posted; nil: nothing
	Memory Memory           // nil: nothing is known of earlier lives
	Client *http.Client     // nil is one with sensible limits
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger     // nil is none
}

// Bot is a bots.Bot of one application, in every server that it was added to.
type Bot struct {
	o Options
	s *discordgo.Session

	mu         sync.Mutex
	me         string // user id
	app        string // id of the application
	reads      bool   // the content of messages is given to it
	guilds     map[string]*guild
	awaited    map[string]bool     // servers that the bot is in and that have not told of themselves yet
	channels   map[string]*channel // threads too
	direct     map[string]string   // member to the conversation with them
	adders     map[string]string   // by server: who added the bot
	parted     map[string]bool     // chats of which it was told that the bot is there no more
	shown      map[string]place    // prompt to its message
	from       map[string]string   // by chat: the newest message when the bot first looked
	life       *life
	refused    []time.Time // answers of 401 and 403, of which ten thousand ban an address
	identified time.Time   // when it last did

	refusedIdentify bool      // identifying waits until the minute is over
	up              bool      // the gateway tells what happens
	ready           bool      // it has said at least once which servers the bot is in
	turns           time.Time // up to which calls have had their turn

	lines  map[string]place       // prompt to the line that calls its member
	views  map[string]glimpse     // prompt to where it stands before its member alone
	going  map[string]*deletions  // by channel: what is about to be deleted together
	gather time.Duration          // so long a deletion waits for others
	talked map[string][]time.Time // by member: when they were answered
	doors  map[string]door        // by member: whether they take direct messages

	answer  bots.Answerer    // who answers what is said to the bot alone; nil: nobody
	words   bots.Words       // its own, to one member; nil: names of texts
	public  bots.PublicWords // its own, to a chat
	waiting bots.Waiting     // who knows what waits for a member; nil: nobody
}

// place is where a message stands.
type place struct{ channel, message string }

// life is one Run.
type life struct {
	ctx   context.Context
	lanes *lane.Lanes
	work  sync.WaitGroup
	lost  chan struct{} // the connection has ended
	talks chan spoken
}

// intents are what the gateway is asked to tell.
const intents = discordgo.IntentsGuilds | discordgo.IntentGuildMembers | discordgo.IntentsGuildMessages |
	discordgo.IntentsGuildMessageReactions | discordgo.IntentsDirectMessages | discordgo.IntentMessageContent

// New makes a bot. It contacts nobody yet.
func New(o Options) (*Bot, error) {
	if o.Token == "" {
		return nil, errors.New("discord: the bot's token is missing")
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bot{
		o: o, reads: true, guilds: map[string]*guild{}, awaited: map[string]bool{}, parted: map[string]bool{}, channels: map[string]*channel{}, direct: map[string]string{}, adders: map[string]string{},
		shown: map[string]place{}, from: map[string]string{},
		lines: map[string]place{}, views: map[string]glimpse{}, going: map[string]*deletions{}, gather: gather, talked: map[string][]time.Time{}, doors: map[string]door{},
	}
	s, err := discordgo.New("Bot " + o.Token)
	if err != nil {
		return nil, fmt.Errorf("discord: %w", err)
	}
	through := *o.Client
	through.Transport = guard{b, through.Transport, o.APIURL}
	s.Client, s.Dialer = &through, b.dialer()
	s.SyncEvents = true // the library shuffles events otherwise
	s.StateEnabled, s.ShouldReconnectOnError, s.ShouldRetryOnRateLimit, s.MaxRestRetries = false, false, false, 0
	s.LogLevel = -1 // it would log texts
	s.Identify.Intents = intents
	s.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) { b.heard(e) })
	s.AddHandler(func(*discordgo.Session, *discordgo.Disconnect) { b.disconnected() })
	b.s = s
	return b, nil
}

// Account implements bots.Bot.
func (b *Bot) Account() chat.Account { return Account }

func (b *Bot) id(local string) chat.ID { return chat.ID{Account: Account, Local: local} }

const (
	retryMost = time.Minute
	steady    = 5 * time.Second // a connection that lasted so long is made again at once
)

// Run implements bots.Bot. It returns when ctx ends, or when Discord refuses
// the bot for a reason that a person has to mend.
func (b *Bot) Run(ctx context.Context, deliver bots.Deliver) error {
	if err := b.introduce(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &life{ctx: ctx, talks: make(chan spoken, talksMost)}
	l.lanes = lane.New(ctx, lane.Options{Account: Account, Deliver: deliver, CatchUp: b.catchUp, Plain: plain, Shut: true, Log: b.o.Log})
	b.mu.Lock()
	if b.life != nil {
		b.mu.Unlock()
		cancel()
		return errors.New("the Discord account is connected already")
	}
	b.life = l
	b.mu.Unlock()
	l.work.Go(func() { b.talk(l) })
	if err := b.offer(ctx); err != nil && ctx.Err() == nil {
		b.o.Log.Warn("Discord: the commands could not be registered; people can write to the bot instead", "err", plain(err))
	}
	defer func() {
		cancel()
		b.mu.Lock()
		b.life = nil
		b.mu.Unlock()
		_ = b.s.Close() // whatever it says, the connection is over
		l.lanes.Wait()
		l.work.Wait()
	}()
	for wait := time.Second; ; {
		began := b.o.Now()
		lost, err := b.connect(l)
		if refused := refusal(err); refused != nil {
			return refused
		}
		if err == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-lost:
			}
			b.o.Log.Info("Discord: the connection ended; connecting again")
			if b.o.Now().Sub(began) > steady {
				wait = time.Second
				continue
			}
		} else {
			b.o.Log.Warn("Discord cannot be reached; trying again", "err", plain(err))
		}
		sleep(ctx, wait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait = min(2*wait, retryMost)
	}
}

// connect opens the gateway.
func (b *Bot) connect(l *life) (<-chan struct{}, error) {
	b.rest(l.ctx)
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	lost := make(chan struct{})
	b.mu.Lock()
	l.lost = lost
	b.mu.Unlock()
	return lost, b.s.Open()
}

// disconnected tells Run that the connection has ended.
func (b *Bot) disconnected() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = false
	if b.life != nil && b.life.lost != nil {
		close(b.life.lost)
		b.life.lost = nil
	}
}

// application is what Discord says of the bot's own.
type application struct {
	ID    string `json:"id"`
	Flags int    `json:"flags"`
	Bot   user   `json:"bot"` // of old applications its id is another
}

// whoami learns who the bot is.
func (b *Bot) whoami(ctx context.Context) (app application, err error) {
	if err := b.get(ctx, discordgo.EndpointOAuth2Application("@me"), &app); err != nil {
		return app, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.app, b.me = app.ID, cmp.Or(app.Bot.ID, app.ID)
	return app, nil
}

// introduce learns who the bot is, and what its application may read.
func (b *Bot) introduce(ctx context.Context) error {
	app, err := b.whoami(ctx)
	if err != nil {
		if errors.Is(err, errToken) {
			return errors.New("discord: the token is not valid any more: make a new one in the developer portal, under Bot")
		}
		return fmt.Errorf("discord: %w", plain(err))
	}
	const members, limitedMembers, content, limitedContent = 1 << 14, 1 << 15, 1 << 18, 1 << 19
	want := intents
	if len(b.o.Block) > 0 {
		want |= blockEvents
	}
	reads := app.Flags&(content|limitedContent) != 0
	if !reads {
		want &^= discordgo.IntentMessageContent
		b.o.Log.Error("Discord: " + cannotRead)
	}
	if app.Flags&(members|limitedMembers) == 0 {
		want &^= discordgo.IntentGuildMembers
		b.o.Log.Warn("Discord: who joins and leaves cannot be seen: switch on Server Members Intent in the developer portal, under Bot")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads = reads
	b.s.Identify.Intents = want
	return nil
}

const cannotRead = "the messages cannot be read, and none counts as read: switch on Message Content Intent in the developer portal, under Bot, and start again"

// Hindered implements bots.Hindered.
func (b *Bot) Hindered() string {
	if b.canRead() {
		return ""
	}
	return cannotRead
}

var _ bots.Hindered = (*Bot)(nil)

// refusal is what a person has to mend before connecting again can help.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	for code, what := range map[string]string{
		"4004": "the token is not valid any more: make a new one in the developer portal, under Bot",
		"4010": "the shard is not valid", "4011": "the bot is in too many servers for one connection",
		"4012": "this version of the gateway is not there any more", "4013": "the intents are not valid",
		"4014": "an intent is switched off for the application: see the developer portal, under Bot",
	} {
		if strings.Contains(err.Error(), "close "+code) {
			return errors.New("discord: " + what)
		}
	}
	return nil
}

// plain takes the address out of a network error: it may hold a token of an
// interaction.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
