package exports

import "testing"

func TestChatName(t *testing.T) {
	for name, want := range map[string]string{
		"WhatsApp Chat with Flood North.txt":            "Flood North",
		"a/b/WhatsApp Chat - Flood North/_chat.txt":     "Flood North",
		"a/WhatsApp Chat - Flood North.zip!_chat.txt":   "Flood North",
		"a.zip!WhatsApp Chat with Flood North.txt":      "Flood North",
		"a.zip!WhatsApp Chat - Flood North/_chat.txt":   "Flood North",
		"all.zip!one.txt":                               "one",
		`C:\exports\WhatsApp Chat with Flood North.txt`: "Flood North",
		"a/flood-north/2026-11-24.json":                 "flood-north",
		"2026-11-24.json":                               "2026-11-24",
		"_chat.txt":                                     "_chat",
		"-":                                             "-",
	} {
		if got := chatName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
