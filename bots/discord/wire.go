package discord

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
)

// What Discord sends is decoded here with only the fields that are needed, and
// leniently: a component of a new kind must not cost a page of messages.

type user struct {
	ID     string `json:"id"`
	Name   string `json:"username"`
	Global string `json:"global_name"`
	Bot    bool   `json:"bot"`
}

func (u user) shown() string {
	if u.Global != "" {
		return u.Global
	}
	return u.Name
}

type message struct {
	ID         string          `json:"id"`
	Channel    string          `json:"channel_id"`
	Guild      string          `json:"guild_id"`
	Author     user            `json:"author"`
	Webhook    string          `json:"webhook_id"`
	Content    string          `json:"content"`
	At         time.Time       `json:"timestamp"`
	Edited     *time.Time      `json:"edited_timestamp"`
	Type       int             `json:"type"`
	Components json.RawMessage `json:"components"`
	Files      []attachment    `json:"attachments"`
	broken     bool            // it has another form than it should
	Reference  *struct {
		Message string `json:"message_id"`
		Channel string `json:"channel_id"`
	} `json:"message_reference"`
}

// readMessage reads a message; one that has another form than it should keeps
// only where it stands.
func readMessage(raw json.RawMessage) message {
	var m message
	if json.Unmarshal(raw, &m) == nil {
		return m
	}
	var bare struct {
		ID      string `json:"id"`
		Channel string `json:"channel_id"`
		Guild   string `json:"guild_id"`
	}
	if json.Unmarshal(raw, &bare) != nil {
		return message{broken: true}
	}
	return message{ID: bare.ID, Channel: bare.Channel, Guild: bare.Guild, broken: true}
}

// messages is a list of them, of which one that cannot be read does not cost
// the others.
type messages []message

// UnmarshalJSON implements json.Unmarshaler.
func (l *messages) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	*l = make(messages, len(parts))
	for i, raw := range parts {
		(*l)[i] = readMessage(raw)
	}
	return nil
}

// said is everything that a message says: its text and the names of its files.
func (m *message) said() string {
	text := m.Content
	for _, f := range m.Files {
		if text != "" {
			text += "\n"
		}
		text += f.Name
	}
	return text
}

// ordinary reports whether somebody said it, rather than Discord telling that
// something happened.
func (m *message) ordinary() bool { return m.Type == 0 || m.Type == 19 || m.Type == 21 }

// The kinds of channel that people talk in.
const (
	kindText         = 0
	kindDirect       = 1
	kindAnnouncement = 5
	kindForum        = 15
)

type channel struct {
	ID     string `json:"id"`
	Guild  string `json:"guild_id"`
	Type   int    `json:"type"`
	Name   string `json:"name"`
	Parent string `json:"parent_id"`
	Last   string `json:"last_message_id"`
	Owner  string `json:"owner_id"` // of a thread
	Flags  int    `json:"flags"`
	Tags   []struct {
		ID string `json:"id"`
	} `json:"available_tags"` // of a forum
	Overwrites []overwrite `json:"permission_overwrites"`
	Thread     *struct {
		Archived bool      `json:"archived"`
		Since    time.Time `json:"archive_timestamp"`
	} `json:"thread_metadata"`
}

func (c *channel) talk() bool {
	return c.Thread == nil && (c.Type == kindText || c.Type == kindAnnouncement || c.Type == kindForum)
}

type overwrite struct {
	ID    string `json:"id"`
	Allow int64  `json:"allow,string"`
	Deny  int64  `json:"deny,string"`
}

type role struct {
	ID          string `json:"id"`
	Permissions int64  `json:"permissions,string"`
	Position    int    `json:"position"`
}

type member struct {
	User  user     `json:"user"`
	Nick  string   `json:"nick"`
	Roles []string `json:"roles"`
}

func (m member) shown() string {
	if m.Nick != "" {
		return m.Nick
	}
	return m.User.shown()
}

type guild struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Owner    string     `json:"owner_id"`
	Roles    []role     `json:"roles"`
	Members  []member   `json:"members"`
	Channels []*channel `json:"channels"`
	Threads  []*channel `json:"threads"`
	Gone     bool       `json:"unavailable"`

	own  []string // the bot's roles
	list []member // everybody, as listed at a time
	as   time.Time
}

// errUnreadable holds nothing of what could not be read.
var errUnreadable = errors.New("discord: an answer cannot be read")

// errToken means that the token is refused.
var errToken = errors.New("the token is refused")

// errClosed means that somebody lets nobody write to them.
var errClosed = errors.New("they take no direct messages")

// circuit is how many refusals within ten minutes end all calling: ten thousand
// would ban the address for everybody behind it.
const (
	circuitMost   = 40
	circuitWindow = 10 * time.Minute
)

// guard is what every request passes: it brings what is meant for Discord to
// another address where one is set, goes nowhere else, and counts refusals.
type guard struct {
	b    *Bot
	next http.RoundTripper
	to   string
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if rest := g.b.closed(); rest > 0 {
		return nil, bots.Busy{After: rest}
	}
	if !strings.Contains(r.URL.Path, "/interactions/") { // those are not counted, and somebody waits
		if err := g.b.turn(r.Context()); err != nil {
			return nil, err
		}
	}
	next := g.next
	if next == nil {
		next = http.DefaultTransport
	}
	if g.to != "" {
		to, err := url.Parse(g.to)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, to.Host
	}
	res, err := next.RoundTrip(r)
	if err == nil && (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden) {
		g.b.mu.Lock()
		g.b.refused = append(g.b.refused, g.b.o.Now())
		g.b.mu.Unlock()
	}
	return res, err
}

// Discord allows fifty calls a second. Each that is one too many counts towards
// the ban, so that fewer are made: forty a second, of which twenty may be made at once.
const (
	turnsAtOnce = 20
	turnsApart  = time.Second / 40
)

// turn waits until a call may be made.
func (b *Bot) turn(ctx context.Context) error {
	b.mu.Lock()
	now := time.Now()
	if least := now.Add(-turnsAtOnce * turnsApart); b.turns.Before(least) {
		b.turns = least
	}
	b.turns = b.turns.Add(turnsApart)
	wait := b.turns.Sub(now)
	b.mu.Unlock()
	if wait > 0 {
		sleep(ctx, wait)
	}
	return ctx.Err()
}

// closed says for how long nothing is to be called.
func (b *Bot) closed() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	b.refused = slices.DeleteFunc(b.refused, func(t time.Time) bool { return now.Sub(t) >= circuitWindow })
	if len(b.refused) < circuitMost {
		return 0
	}
	return circuitWindow - now.Sub(b.refused[0])
}

func (b *Bot) get(ctx context.Context, address string, out any) error {
	return b.call(ctx, http.MethodGet, address, nil, out)
}

// call makes one call and tells apart how it can end.
func (b *Bot) call(ctx context.Context, method, address string, in, out any, more ...discordgo.RequestOption) error {
	bucket, _, _ := strings.Cut(address, "?")
	body, err := b.s.RequestWithBucketID(method, address, in, bucket, append(more, discordgo.WithContext(ctx))...)
	if err != nil {
		return outcome(err)
	}
	if out == nil {
		return nil
	}
	if json.Unmarshal(body, out) != nil { // what it says may be somebody's words
		return errUnreadable
	}
	return nil
}

// outcome tells Discord's errors apart by their published numbers.
func outcome(err error) error {
	if busy, ok := errors.AsType[bots.Busy](err); ok {
		return busy
	}
	if limited, ok := errors.AsType[*discordgo.RateLimitError](err); ok {
		return bots.Busy{After: limited.RetryAfter}
	}
	rest, ok := errors.AsType[*discordgo.RESTError](err)
	if !ok {
		return err
	}
	code := 0
	if rest.Message != nil {
		code = rest.Message.Code
	}
	switch status := rest.Response.StatusCode; {
	case code == 50027: // what was said in an interaction cannot be changed for ever
		return bots.ErrGone
	case status == http.StatusUnauthorized:
		return errors.Join(errToken, bots.ErrForbidden)
	case code == 10003, code == 10004, code == 10007, code == 10008, code == 10013, code == 50278:
		return bots.ErrGone
	case code == 40003: // conversations are opened too fast
		return bots.Busy{After: notNow}
	case code == 50007:
		return errors.Join(errClosed, bots.ErrForbidden)
	case code == 50034:
		return bots.ErrTooLate
	case status == http.StatusForbidden:
		return bots.ErrForbidden
	case status == http.StatusNotFound:
		return bots.ErrGone
	case status >= http.StatusInternalServerError:
		return errors.New("discord: the server failed")
	}
	return errors.New("discord: the call was refused as wrong")
}
