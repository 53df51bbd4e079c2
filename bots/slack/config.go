package slack

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Deletion says how messages of members are deleted. On Slack a bot can never
// delete what somebody else wrote.
type Deletion string

// The ways.
const (
	Ask             Deletion = "ask"           // their senders are asked to
	BySender        Deletion = "sender"        // with a token that the sender authorised
	ByAdministrator Deletion = "administrator" // with the token of an administrator
)

// Need is a scope of the bot's token, and what is off without it.
type Need struct{ Scope, For string }

// Needs lists the scopes that the bot's token needs, and no others.
func Needs(Deletion) []Need {
	return []Need{
		{"channels:history", "reading public channels"},
		{"channels:manage", "removing leavers from public channels"},
		{"channels:read", "knowing its public channels and who is in them"},
		{"chat:write", "saying anything at all"},
		{"commands", "the shortcuts and /chaperone"},
		{"files:read", "reading the files that people post"},
		{"groups:history", "reading private channels"},
		{"groups:read", "knowing its private channels and who is in them"},
		{"groups:write", "removing leavers from private channels"},
		{"im:history", "finding a prompt again after a restart, and what people ask in private"},
		{"im:write", "asking people privately"},
		{"reactions:read", "hearing of reactions"},
		{"users:read", "calling people by their names"},
		{"users:read.email", "knowing who in the staff directory somebody is"},
	}
}

// Events lists the events that the app subscribes to.
func Events() []string {
	return []string{
		"app_home_opened", "channel_archive", "channel_rename", "channel_shared", "channel_unarchive", "channel_unshared", "group_archive", "group_rename", "group_unarchive",
		"member_joined_channel", "member_left_channel", "message.channels", "message.groups", "message.im", "reaction_added",
	}
}

// userScopes are those of the tokens of people. An administrator installs the
// app: the token is theirs.
func userScopes(d Deletion, leavers Leaving) []string {
	var out []string
	switch d {
	case ByAdministrator:
		out = append(out, "channels:read", "chat:write", "groups:read")
	case BySender:
		out = append(out, "chat:write")
	}
	switch leavers {
	case Workspace:
		out = append(out, "admin.users:write")
	case Deactivate:
		out = append(out, "admin")
	}
	slices.Sort(out)
	return out
}

// Manifest is the app manifest with which an organisation makes its own app,
// with exactly what is needed.
func Manifest(name string, d Deletion, leavers Leaving, eventsURL string) (string, error) {
	type m = map[string]any
	var scopes []string
	for _, n := range Needs(d) {
		scopes = append(scopes, n.Scope)
	}
	oauth := m{"bot": scopes}
	if user := userScopes(d, leavers); len(user) > 0 {
		oauth["user"] = user
	}
	events := m{"bot_events": slices.Sorted(slices.Values(Events()))}
	interactivity := m{"is_enabled": true}
	if eventsURL != "" {
		events["request_url"], interactivity["request_url"] = eventsURL, eventsURL
	}
	command := m{"command": "/chaperone", "description": "Ask Chaperone something, for you alone", "usage_hint": "help, status, check and your draft", "should_escape": false}
	if eventsURL != "" {
		command["url"] = eventsURL
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(m{
		"display_information": m{"name": name, "description": "Keeps decisions and protects people's details", "background_color": "#1d3b53"},
		"features": m{
			"app_home": m{"home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false},
			"bot_user": m{"display_name": name, "always_online": true},
			"shortcuts": []m{
				{"name": "Capture this", "type": "message", "callback_id": captureShortcut, "description": "Keep this message as a record"},
				{"name": "Check before I post", "type": "global", "callback_id": checkShortcut, "description": "See what Chaperone would say; nothing is kept"},
			},
			"slash_commands": []m{command},
		},
		"oauth_config": m{"scopes": oauth},
		"settings": m{
			"event_subscriptions": events, "interactivity": interactivity, "org_deploy_enabled": leavers == Workspace,
			"socket_mode_enabled": eventsURL == "", "token_rotation_enabled": false,
		},
	})
	return out.String(), err
}
