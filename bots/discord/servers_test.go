package discord_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// A server is listed once, whatever its roles and its channels say, and each of its
// channels has the members that Discord's calculus gives it alone.
func TestAServerIsListedOnce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	var people, roles []lab.ID
	for i := range 40 {
		people = append(people, w.Person(fmt.Sprint("person-", i)))
		w.Join(w.guild, people[i])
	}
	for i, p := range []lab.Permissions{0, lab.View, lab.Administrator, lab.Kick} {
		roles = append(roles, w.Role(w.guild, fmt.Sprint("role-", i), p))
	}
	for _, p := range people {
		for _, r := range roles {
			if rnd.IntN(4) == 0 {
				w.Grant(w.guild, p, r)
			}
		}
	}
	var channels []lab.ID
	for i := range 20 {
		var o []lab.Overwrite
		if i%3 > 0 { // the rest are as the server is
			o = append(o, lab.Overwrite{ID: w.guild, Deny: lab.View})
			o = append(o, lab.Overwrite{ID: roles[rnd.IntN(2)], Allow: lab.View}, lab.Overwrite{ID: w.app.User.ID, Type: 1, Allow: lab.View | lab.Send})
		}
		if i%5 == 4 {
			o = append(o, lab.Overwrite{ID: people[rnd.IntN(40)], Type: 1, Allow: lab.View}, lab.Overwrite{ID: people[rnd.IntN(40)], Type: 1, Deny: lab.View})
		}
		channels = append(channels, w.Channel(w.guild, fmt.Sprint("channel-", i), lab.Text, o...))
	}
	b := w.bot(t, discord.Options{})
	r := start(t, b)
	until(t, "it knows the channels", func() bool { return len(r.of(chat.Added)) == len(channels)+1 })
	calls := func() (n int) {
		for _, c := range w.Calls() {
			if c.Route == "GET /guilds/{guild}/members" {
				n++
			}
		}
		return n
	}
	server, err := b.Server(t.Context(), in(channels[0]))
	if err != nil || server.ID != w.guild.String() || calls() != 1 || len(server.Audiences) > 10 {
		t.Fatalf("%d calls, %d audiences, %v", calls(), len(server.Audiences), err)
	}
	got := map[chat.ID][]bots.Member{}
	for _, a := range server.Audiences {
		for _, c := range a.Chats {
			for _, at := range a.Members {
				got[c] = append(got[c], server.Members[at])
			}
		}
	}
	for _, c := range channels {
		want, err := b.Members(t.Context(), in(c))
		if err != nil {
			t.Fatal(err)
		}
		by := func(x, y bots.Member) int { return cmp.Compare(x.ID, y.ID) }
		slices.SortFunc(want, by)
		slices.SortFunc(got[in(c)], by)
		same := func(x, y bots.Member) bool {
			return x.ID == y.ID && x.Name == y.Name && x.Bot == y.Bot && x.Owner == y.Owner && x.Admin == y.Admin
		}
		if !slices.EqualFunc(got[in(c)], want, same) {
			t.Errorf("%s: %d sit there, not %d", c, len(got[in(c)]), len(want))
		}
	}
}
