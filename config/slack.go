package config

import (
	"net"
	"net/url"
	"strings"
)

// Slack is one workspace, and the organisation's own app in it.
type Slack struct {
	BotToken      string `yaml:"bot_token" json:"bot_token,omitempty" jsonschema_description:"Where the bot's token (xoxb-) is: env:NAME or file:PATH. Empty: Slack is off."`
	AppToken      string `yaml:"app_token" json:"app_token,omitempty" jsonschema_description:"Where the app's token (xapp-) for Socket Mode is: env:NAME or file:PATH."`
	Events        string `yaml:"events" json:"events,omitempty" jsonschema:"enum=socket,enum=http" jsonschema_description:"How events come: socket needs no address of your own; http are signed requests to /slack/events. Empty: socket."`
	SigningSecret string `yaml:"signing_secret" json:"signing_secret,omitempty" jsonschema_description:"Where the secret is that signs requests, for events: http. env:NAME or file:PATH."`
	Delete        string `yaml:"delete" json:"delete,omitempty" jsonschema:"enum=ask,enum=sender,enum=administrator" jsonschema_description:"How messages go: their senders are asked to; or with a token that each sender authorised; or with an administrator's. Empty: ask."`
	Administrator string `yaml:"administrator_token" json:"administrator_token,omitempty" jsonschema_description:"Where the administrator's token (xoxp-) is, for delete: administrator. env:NAME or file:PATH."`
	Senders       string `yaml:"sender_tokens" json:"sender_tokens,omitempty" jsonschema_description:"Where a JSON object from member to token (xoxp-) is, for delete: sender. env:NAME or file:PATH."`
	Leavers       string `yaml:"leavers" json:"leavers,omitempty" jsonschema:"enum=channels,enum=workspace,enum=deactivate" jsonschema_description:"What becomes of the accounts of leavers, once they are out of the channels. channels: nothing. workspace: an Enterprise administrator's token takes them out of the workspace. deactivate: their account is deactivated through SCIM. The last two need the workspace (slack/T…) named and switched on below chats, and the yes of two people for each. Empty: channels."`
	Organisation  string `yaml:"organisation_token" json:"organisation_token,omitempty" jsonschema_description:"Where the token (xoxp-) of an administrator of the Enterprise organisation is, with admin.users:write, for leavers: workspace. env:NAME or file:PATH."`
	SCIM          string `yaml:"scim_token" json:"scim_token,omitempty" jsonschema_description:"Where the token with the scope admin is, for leavers: deactivate. env:NAME or file:PATH."`
	APIURL        string `yaml:"api_url" json:"api_url,omitempty" jsonschema_description:"Address of the Web API, for a test server. Empty: Slack's own."`
}

// Set reports whether Slack is switched on.
func (s Slack) Set() bool { return s.BotToken != "" }

func (c *checker) slack() {
	s := c.file.Bots.Slack
	for _, at := range []struct{ name, ref string }{
		{"bot_token", s.BotToken}, {"app_token", s.AppToken}, {"signing_secret", s.SigningSecret},
		{"administrator_token", s.Administrator}, {"sender_tokens", s.Senders}, {"organisation_token", s.Organisation}, {"scim_token", s.SCIM},
	} {
		if at.ref != "" && !strings.HasPrefix(at.ref, "env:") && !strings.HasPrefix(at.ref, "file:") {
			c.fault("bots.slack."+at.name, "%s: a secret never stands in this file. Write env:NAME or file:PATH, and change the secret", at.name)
		}
	}
	need := func(name, ref, because string) {
		if ref == "" {
			c.fault("bots.slack", "%s: add %s", because, name)
		}
	}
	switch s.Events {
	case "", "socket":
		if s.Set() {
			need("app_token", s.AppToken, "Socket Mode needs the app's token")
		}
	case "http":
		need("signing_secret", s.SigningSecret, "signed requests need the secret that signs them")
	default:
		c.fault("bots.slack.events", "%q is no way for events to come: write socket or http", s.Events)
	}
	switch s.Delete {
	case "", "ask":
	case "sender":
		need("sender_tokens", s.Senders, "deleting with the tokens of senders needs them")
	case "administrator":
		need("administrator_token", s.Administrator, "deleting as an administrator needs their token")
	default:
		c.fault("bots.slack.delete", "%q is no way to delete: write ask, sender or administrator", s.Delete)
	}
	c.slackLeavers(need)
	if s.APIURL != "" && !safeAddress(s.APIURL) {
		c.fault("bots.slack.api_url", "api_url %q: write an https:// address, or an http:// address of this machine: tokens are sent there", s.APIURL)
	}
	if !s.Set() && s != (Slack{}) {
		c.fault("bots.slack", "Slack needs the bot's token: add bot_token")
	}
}

// slackLeavers looks at what ends accounts: half a setting would be found out
// when somebody leaves.
func (c *checker) slackLeavers(need func(name, ref, because string)) {
	s := c.file.Bots.Slack
	unused := func(name, ref, way string) {
		if ref != "" && s.Leavers != way {
			c.fault("bots.slack."+name, "%s is there and nothing uses it: take it away, or set leavers: %s", name, way)
		}
	}
	unused("organisation_token", s.Organisation, "workspace")
	unused("scim_token", s.SCIM, "deactivate")
	switch s.Leavers {
	case "", "channels":
	case "workspace":
		need("organisation_token", s.Organisation, "taking leavers out of the workspace needs the token of an administrator of the organisation")
	case "deactivate":
		need("scim_token", s.SCIM, "deactivating the accounts of leavers needs a token for SCIM")
	default:
		c.fault("bots.slack.leavers", "%q is nothing that can become of the accounts of leavers: write channels, workspace or deactivate", s.Leavers)
	}
}

// safeAddress reports whether a secret may be sent to an address.
func safeAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
