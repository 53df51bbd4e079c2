package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chaperone/bots/slack"
	"chaperone/internal/chat"
	"chaperone/internal/store"
)

// Slack says where the secrets of the workspace are, and how the bot is there.
type Slack struct {
	BotToken, AppToken, SigningSecret, Administrator, Senders string // each env:NAME or file:PATH
	HTTP                                                      bool   // events come as signed requests
	Delete                                                    string // ask, sender or administrator; empty is ask
	APIURL                                                    string
	Leavers                                                   string // channels, workspace or deactivate; empty is channels
	Organisation, SCIM                                        string // tokens for them, each env:NAME or file:PATH
}

// slackEvents is where signed requests of Slack arrive. They are let in by
// their signature, not by an account.
const slackEvents = "/slack/events"

// slackOptions reads the secrets.
func (c Config) slackOptions() (slack.Options, error) {
	s := c.Slack
	o := slack.Options{HTTP: s.HTTP, Delete: deletion(s.Delete), APIURL: s.APIURL, Log: c.Log}
	o.Leavers = leaving(s.Leavers)
	var senders string
	for _, at := range []struct {
		name, ref string
		into      *string
	}{
		{"bot_token", s.BotToken, &o.BotToken}, {"app_token", s.AppToken, &o.AppToken}, {"signing_secret", s.SigningSecret, &o.Secret},
		{"administrator_token", s.Administrator, &o.Admin}, {"sender_tokens", s.Senders, &senders},
		{"organisation_token", s.Organisation, &o.Organisation.Admin}, {"scim_token", s.SCIM, &o.SCIM},
	} {
		if at.ref == "" {
			continue
		}
		var err error
		if *at.into, err = secret(at.ref); err != nil {
			return o, fmt.Errorf("bots.slack.%s: %w", at.name, err)
		}
	}
	if senders != "" && json.Unmarshal([]byte(senders), &o.Senders) != nil {
		return o, errors.New(`bots.slack.sender_tokens: write a JSON object such as {"U0123":"xoxp-…"}`)
	}
	return o, nil
}

func deletion(s string) slack.Deletion { return slack.Deletion(cmp.Or(s, string(slack.Ask))) }

func leaving(s string) slack.Leaving {
	if s == "channels" {
		return slack.Channels
	}
	return slack.Leaving(s)
}

// SlackManifest is the app manifest with which an organisation makes its own
// app. events is where signed requests are to go; empty is Socket Mode.
func SlackManifest(name, delete, leavers, events string) (string, error) {
	if d := deletion(delete); d != slack.Ask && d != slack.BySender && d != slack.ByAdministrator {
		return "", fmt.Errorf("%q is no way to delete: write ask, sender or administrator", delete)
	}
	if l := leaving(leavers); l != slack.Channels && l != slack.Workspace && l != slack.Deactivate {
		return "", fmt.Errorf("%q is nothing that can become of the accounts of leavers: write channels, workspace or deactivate", leavers)
	}
	return slack.Manifest(name, deletion(delete), leaving(leavers), events)
}

// joinSlack makes the bot of the workspace.
func (a *App) joinSlack() error {
	o, err := a.c.slackOptions()
	if err != nil {
		return err
	}
	o.Memory, o.Now = memory{a.store}, a.now
	a.slack, err = slack.New(o)
	return err
}

// doors puts the door for Slack's requests before the console's.
func (a *App) doors(inside http.Handler) http.Handler {
	if a.slack == nil || !a.c.Slack.HTTP {
		return inside
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+slackEvents, a.slack)
	mux.Handle("/", inside)
	return mux
}

// memory is what bots ask about what they delivered before.
type memory struct{ store *store.Store }

func (m memory) Chats(ctx context.Context, account chat.Account) ([]chat.ID, error) {
	all, err := m.store.Chats(ctx)
	var out []chat.ID
	for _, k := range all {
		if k.ID.Account == account {
			out = append(out, k.ID)
		}
	}
	return out, err
}

func (m memory) Seen(ctx context.Context, id chat.ID) (began, newest time.Time, err error) {
	return m.store.ReadUntil(ctx, id)
}

func (m memory) Standing(ctx context.Context, id chat.ID, since time.Time) ([]chat.MessageID, error) {
	return m.store.Standing(ctx, id, since)
}
