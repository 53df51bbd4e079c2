package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/internal/breach"
	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// TestChatsOfAServerShareTheirMembers plays a server whose chats become open and
// closed to people who come and go, while chats come and go too: after each list
// every chat has exactly its own people, whoever was in it before and is not now is
// known to have been, and no more lists are stored than there are audiences.
func TestChatsOfAServerShareTheirMembers(t *testing.T) {
	const people, most, steps = 9, 6, 60
	account := chat.Account("discord")
	rnd := rand.New(rand.NewPCG(7, 7))
	s := open(t, filepath.Join(t.TempDir(), "data"))
	now := noon
	id := func(n int) chat.ID { return chat.ID{Account: account, Local: fmt.Sprint("c", n)} }
	who := func(n int) chat.MemberID { return chat.MemberID(fmt.Sprint("m", n)) }
	were := map[chat.ID]map[chat.MemberID]bool{} // whoever was ever listed in a chat
	there := map[chat.ID]bool{}
	for n := range most {
		there[id(n)] = true
	}
	for step := range steps {
		now = now.Add(time.Minute)
		if step%7 == 6 { // the bot leaves a chat: its list goes, and nobody else's
			c := id(rnd.IntN(most))
			if there[c] = !there[c]; !there[c] {
				ev := chat.Event{Key: fmt.Sprint("gone/", step), Kind: chat.Removed, Chat: c, At: now}
				if err := s.Receive(t.Context(), now, []chat.Event{ev}); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Minute)
			}
		}
		sits := map[chat.ID][]int{}
		for n := range most {
			for p := range people {
				if open := (step+n)%3 > 0; open && p%4 != step%4 || !open && (p+n+step/5)%2 == 0 {
					sits[id(n)] = append(sits[id(n)], p)
				}
			}
		}
		in := engine.Server{Account: account, ID: "s1"}
		for p := range people {
			in.Seats = append(in.Seats, engine.Seat{
				Membership: directory.Membership{Member: who(p), Owner: p == 0, Admin: p == 1},
				Who:        directory.Member{Account: account, ID: who(p), Name: fmt.Sprint("Name ", p)},
			})
		}
		groups := map[string]int{}
		for n := range most {
			if !there[id(n)] {
				continue
			}
			key := fmt.Sprint(sits[id(n)])
			if at, ok := groups[key]; ok {
				in.Audiences[at].Chats = append(in.Audiences[at].Chats, id(n))
				continue
			}
			groups[key] = len(in.Audiences)
			in.Audiences = append(in.Audiences, engine.Audience{Chats: []chat.ID{id(n)}, Sits: sits[id(n)]})
		}
		rnd.Shuffle(len(in.Audiences), func(i, j int) { in.Audiences[i], in.Audiences[j] = in.Audiences[j], in.Audiences[i] })
		if err := s.SetServer(t.Context(), now, now, in); err != nil {
			t.Fatal(err)
		}
		roll, err := s.Roll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lists := map[int64]bool{}
		for _, c := range roll.Chats {
			lists[c.List] = true
			if c.Server != "s1" {
				t.Errorf("%s is of the server %q", c.ID, c.Server)
			}
		}
		if len(lists) != len(groups) {
			t.Fatalf("step %d: %d lists for %d audiences", step, len(lists), len(groups))
		}
		for n := range most {
			want := map[chat.MemberID]bool{}
			if there[id(n)] {
				for _, p := range sits[id(n)] {
					want[who(p)] = true
				}
			}
			present, err := s.Present(t.Context(), id(n))
			if err != nil {
				t.Fatal(err)
			}
			got := map[chat.MemberID]bool{}
			for _, m := range present {
				got[m.ID] = true
			}
			if !maps.Equal(got, want) {
				t.Fatalf("step %d: in %s sit %v, not %v", step, id(n), got, want)
			}
			presences, err := s.presences(t.Context(), id(n))
			if err != nil {
				t.Fatal(err)
			}
			for m := range were[id(n)] {
				ever := slices.ContainsFunc(presences, func(p breach.Presence) bool { return p.Member == m && (want[m] || !p.Until.IsZero()) })
				if !ever {
					t.Fatalf("step %d: nobody knows any more that %s was in %s", step, m, id(n))
				}
			}
			if were[id(n)] == nil {
				were[id(n)] = map[chat.MemberID]bool{}
			}
			maps.Copy(were[id(n)], want)
		}
	}
	if chats, err := s.SeatsOf(t.Context(), hold.Member{Account: account, ID: who(1)}); err != nil || len(chats) == 0 {
		t.Errorf("one of them sits in %v, %v", chats, err)
	}
	if h, err := s.Holding(t.Context(), hold.Member{Account: account, ID: who(1)}); err != nil || h.Chats.N == 0 || h.Stays.N < h.Chats.N {
		t.Errorf("what is held about one of them is %+v, %v", h, err)
	}
}

// Whoever leaves a server is told of once for each of its chats, and is out of all
// of them.
func TestLeavingAServerIsLeavingItsChats(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	a, b := chat.ID{Account: room.Account, Local: "a"}, chat.ID{Account: room.Account, Local: "b"}
	in := engine.Server{Account: room.Account, ID: "s1", Seats: []engine.Seat{seat("sam", ""), seat("priya", "")}, Audiences: []engine.Audience{{Chats: []chat.ID{a, b}, Sits: []int{0, 1}}}}
	if err := s.SetServer(t.Context(), noon, noon, in); err != nil {
		t.Fatal(err)
	}
	var events []chat.Event
	for _, c := range []chat.ID{a, b} {
		events = append(events, chat.Event{Key: "left/sam", Kind: chat.Left, Chat: c, At: noon.Add(time.Minute), Member: "sam"})
	}
	if err := s.Receive(t.Context(), noon.Add(time.Minute), events); err != nil {
		t.Fatal(err)
	}
	for _, c := range []chat.ID{a, b} {
		present, err := s.Present(t.Context(), c)
		if err != nil || len(present) != 1 || present[0].ID != "priya" {
			t.Errorf("in %s sit %v, %v", c, present, err)
		}
		was, err := s.presences(t.Context(), c)
		if err != nil || len(was) != 2 {
			t.Errorf("in %s were %v, %v", c, was, err)
		}
	}
}

// Of the chats of a server one is asked about; the others follow it, those of
// another server do not.
func TestAServerIsAskedAboutOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	added := func(local, server string) {
		t.Helper()
		ev := chat.Event{Key: "here", Kind: chat.Added, Chat: chat.ID{Account: "discord", Local: local}, At: noon, ChatKind: chat.Team, Member: "ann", Name: `of "First": 100%`, Server: server}
		if err := s.Receive(t.Context(), noon, []chat.Event{ev}); err != nil {
			t.Fatal(err)
		}
	}
	for _, local := range []string{"1", "2", "3"} {
		added(local, "70")
	}
	added("4", "7")
	added("5", "")
	added("6", "7")
	all, err := s.Joinings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range all {
		first := "-"
		if j.First != nil {
			first = j.First.Local
		}
		got = append(got, j.Chat.Local+" after "+first)
	}
	if want := "1 after -, 2 after 1, 3 after 1, 4 after -, 5 after -, 6 after 4"; strings.Join(got, ", ") != want {
		t.Errorf("they are asked about as %q", got)
	}
}
