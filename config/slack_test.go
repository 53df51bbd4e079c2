package config

import (
	"strings"
	"testing"
)

func TestSlackIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"bots: {slack: {bot_token: env:BOT, app_token: file:app}}":                                                  "",
		"bots: {slack: {bot_token: env:BOT, events: http, signing_secret: env:S}}":                                  "",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, delete: administrator, administrator_token: file:a}}": "",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: workspace, organisation_token: env:O}}":      "",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: deactivate, scim_token: file:s}}":            "",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: workspace}}":                                 "add organisation_token",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: deactivate, organisation_token: env:O}}":     "add scim_token",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, scim_token: env:S}}":                                  "nothing uses it",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: deactivate, scim_token: xoxp-1}}":            "never stands in this file",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, leavers: everywhere}}":                                "channels, workspace or deactivate",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, api_url: 'http://127.0.0.1:4100/api'}}":               "",
		"bots: {slack: {bot_token: xoxb-1, app_token: env:A}}":                                                      "never stands in this file",
		"bots: {slack: {bot_token: env:BOT}}":                                                                       "add app_token",
		"bots: {slack: {app_token: env:A}}":                                                                         "add bot_token",
		"bots: {slack: {bot_token: env:BOT, events: http}}":                                                         "add signing_secret",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, events: pigeon}}":                                     "socket or http",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, delete: now}}":                                        "ask, sender or administrator",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, delete: administrator}}":                              "add administrator_token",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, delete: sender}}":                                     "add sender_tokens",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, api_url: 'http://slack.example/api'}}":                "https://",
		"bots: {slack: {bot_token: env:BOT, app_token: env:A, api_url: 'http://127.0.0.1@slack.example/api'}}":      "https://",
	} {
		_, err := Read("f", []byte(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		case err != nil && strings.Contains(err.Error(), "xoxb-1"):
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}
