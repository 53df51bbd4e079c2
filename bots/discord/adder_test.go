package discord_test

import (
	"fmt"
	"testing"

	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// Who added the bot is asked of Discord once for a server, however many channels
// it has; where that cannot be seen the server's owner answers.
func TestWhoAddedTheBot(t *testing.T) {
	t.Parallel()
	const channels = 40
	for name, c := range map[string]struct {
		granted lab.Permissions
		calls   int
		sam     bool
	}{
		"seen":     {granted | lab.ViewAudit, 1, true},
		"not seen": {granted, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.IntentMembers|lab.IntentContent)
			server := w.Guild("Weirside", w.priya)
			w.Join(server, w.sam)
			for i := range channels {
				w.Channel(server, fmt.Sprint("channel-", i), lab.Text)
			}
			w.InstallBy(w.sam, w.app, server, c.granted)
			other := w.Application("other", 0)
			w.InstallBy(w.priya, other, server, 0)
			r := new(running)
			r.start(t, w.bot(t, discord.Options{Memory: r, Now: quick()}))
			there := func(n int) {
				t.Helper()
				until(t, "it is there", func() bool { return len(r.of(chat.Added)) == n })
			}
			there(channels + 1)
			w.Channel(server, "later", lab.Text)
			there(channels + 2)
			r.stop()
			r.start(t, w.bot(t, discord.Options{Memory: r, Now: quick()}))
			until(t, "it listens again", func() bool { return w.Connected() > 0 })
			want := w.priya
			if c.sam {
				want = w.sam
			}
			for _, e := range r.of(chat.Added) {
				if e.Chat.Local != w.general.String() && (string(e.Member) != want.String() || e.Server != server.String() || e.ServerName != "Weirside") {
					t.Errorf("%s was added by %s on %s", e.Chat, e.Member, e.Server)
				}
			}
			n := 0
			for _, x := range w.Calls() {
				if x.Route == "GET /guilds/{guild}/audit-logs" {
					n++
				}
			}
			if n != c.calls {
				t.Errorf("the audit log was read %d times", n)
			}
		})
	}
}
