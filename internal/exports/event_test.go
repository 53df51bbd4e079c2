package exports_test

import (
	"path/filepath"
	"strings"
	"testing"

	"chaperone/internal/chat"
	"chaperone/internal/exports"
)

// One record model: what any reader makes of a message becomes the event that a
// platform would report, with nothing lost, and the same each time.
func TestMessagesOfEveryLayoutAreEventsOfAChat(t *testing.T) {
	for file, a := range archives(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			first, second := lay(t, a), lay(t, a)
			keys := map[string]exports.Message{}
			for m, err := range exports.ReadFile(first, exports.Auto, nil) {
				if err != nil {
					continue
				}
				events := m.Events("export/flood")
				switch {
				case m.Kind == exports.System && len(events) > 0:
					t.Errorf("the platform's own words became an event: %+v", m)
				case m.Kind == exports.System:
				case len(events) == 0 && (len(m.Who) > 0 || m.Sender != "" || m.Kind == exports.Said):
					t.Errorf("nothing became of %+v", m)
				}
				for _, e := range events {
					if was, twice := keys[e.Key]; twice {
						t.Errorf("two messages have one key: %+v and %+v", was, m)
					}
					keys[e.Key] = m
					if e.Chat.Account != "export/flood" || e.Chat.Local == "" || !e.At.Equal(m.At) {
						t.Errorf("the chat or the time is lost: %+v", e)
					}
					want := map[exports.Kind]chat.EventKind{exports.Said: chat.Posted, exports.Media: chat.Posted, exports.Deleted: chat.Deleted, exports.Joined: chat.Joined, exports.Left: chat.Left}[m.Kind]
					if e.Kind != want {
						t.Errorf("%s became %s", m.Kind, e.Kind)
					}
					if e.Kind == chat.Posted && (!strings.HasPrefix(e.Text, m.Text) || string(e.Message) != m.ID || e.Name != m.Sender || string(e.ReplyTo) != m.ReplyTo) {
						t.Errorf("of %+v came %+v", m, e)
					}
				}
				for _, f := range m.Files {
					if len(events) != 1 || m.Kind != exports.Deleted && !strings.Contains(events[0].Text, f) {
						t.Errorf("the name of %s is lost", f)
					}
				}
				if m.Who != nil && len(events) != len(m.Who) {
					t.Errorf("%d events for %q", len(events), m.Who)
				}
			}
			for m, err := range exports.ReadFile(second, exports.Auto, nil) { // the same export at another place
				if err == nil {
					for _, e := range m.Events("export/flood") {
						if _, again := keys[e.Key]; !again {
							t.Errorf("read again, %+v has another key", m)
						}
					}
				}
			}
		})
	}
}
