package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

func seat(id, phone string, also ...chat.MemberID) engine.Seat {
	return engine.Seat{
		Membership: directory.Membership{Member: chat.MemberID(id)},
		Who:        directory.Member{Account: room.Account, ID: chat.MemberID(id), Name: id, Phone: phone, Also: also},
	}
}

func roll(t *testing.T, s *Store) map[chat.MemberID]directory.Member {
	t.Helper()
	r, err := s.Roll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[chat.MemberID]directory.Member{}
	for _, m := range r.Members {
		out[m.ID] = m
	}
	return out
}

func inRoom(t *testing.T, s *Store) (ids []chat.MemberID) {
	t.Helper()
	r, err := s.Roll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Chats {
		for _, m := range c.Members {
			ids = append(ids, m.Member)
		}
	}
	return ids
}

// The time of a proof is when it was first given: seen again it stays, and
// another number begins anew.
func TestAProofIsNeverRefreshed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	list := func(at time.Time, seats ...engine.Seat) {
		t.Helper()
		if err := s.SetRoster(t.Context(), at, at, room, seats); err != nil {
			t.Fatal(err)
		}
	}
	list(noon, seat("sam", "+447700900123"))
	list(noon.Add(time.Hour), seat("sam", "+447700900123"))
	if err := s.Receive(t.Context(), noon.Add(2*time.Hour), []chat.Event{posted("m1", "hello")}); err != nil {
		t.Fatal(err)
	}
	if m := roll(t, s)["sam"]; m.Phone != "+447700900123" || !m.PhoneAt.Equal(noon) || m.Name != "Sam Okafor" {
		t.Errorf("%+v", m)
	}
	list(noon.Add(3*time.Hour), seat("sam", "+447700900124"))
	if m := roll(t, s)["sam"]; !m.PhoneAt.Equal(noon.Add(3 * time.Hour)) {
		t.Errorf("another number kept the old proof: %+v", m)
	}
	list(noon.Add(4*time.Hour), seat("sam", ""))
	if m := roll(t, s)["sam"]; m.Phone != "" || !m.PhoneAt.IsZero() {
		t.Errorf("a number that nobody vouches for any more stays: %+v", m)
	}
}

// Members come and go with events; a roster takes away nobody who came after
// it was listed, and what was seen before tells nothing new.
func TestMembersComeAndGo(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	at := noon
	see := func(key string, kind chat.EventKind, who chat.MemberID) {
		t.Helper()
		at = at.Add(time.Minute)
		if err := s.Receive(t.Context(), at, []chat.Event{{Key: key, Kind: kind, Chat: room, At: at, Member: who, Name: string(who)}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(ids ...chat.MemberID) {
		t.Helper()
		if diff := cmp.Diff(ids, inRoom(t, s)); diff != "" {
			t.Errorf("in the chat (-want +got):\n%s", diff)
		}
	}
	see("1", chat.Joined, "sam")
	see("2", chat.Posted, "priya")
	want("priya", "sam")
	see("3", chat.Left, "priya")
	see("2", chat.Posted, "priya") // delivered again
	want("sam")
	listed := at
	see("4", chat.Joined, "tom")
	if err := s.SetRoster(t.Context(), at, listed, room, []engine.Seat{seat("aisha", "")}); err != nil {
		t.Fatal(err)
	}
	want("aisha", "tom")
	see("5", chat.Removed, "")
	want()
}

// Two ids of one member are one member, and a confirmed link stays with them.
func TestTwoIdsAreOneMember(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := s.SetRoster(t.Context(), noon, noon, room, []engine.Seat{seat("hidden", "")}); err != nil {
		t.Fatal(err)
	}
	hidden := hold.Member{Account: room.Account, ID: "hidden"}
	if err := s.LinkMember(t.Context(), noon, hidden, "s10002", "Nasreen Malik"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRoster(t.Context(), noon, noon, chat.ID{Account: room.Account, Local: "other"}, []engine.Seat{seat("sam", "+447700900123", "hidden")}); err != nil {
		t.Fatal(err)
	}
	all := roll(t, s)
	if m := all["sam"]; len(all) != 1 || m.Link != "s10002" || m.LinkBy != "Nasreen Malik" || !cmp.Equal(m.Also, []chat.MemberID{"hidden"}) {
		t.Errorf("%+v", all)
	}
	for _, id := range []chat.MemberID{"sam", "hidden"} {
		if p, err := s.Person(t.Context(), hold.Member{Account: room.Account, ID: id}); p != "s10002" || err != nil {
			t.Errorf("%s is %q (%v)", id, p, err)
		}
	}
	if found, err := s.MembersOf(t.Context(), "s10002"); err != nil || len(found) != 2 {
		t.Errorf("%v %v", found, err)
	}
	if err := s.LinkMember(t.Context(), noon, hold.Member{Account: room.Account, ID: "nobody"}, "s1", "Nasreen Malik"); err == nil {
		t.Error("nobody was linked, and no error")
	}
}

// Whoever is in no chat goes after 90 days, but for whom a hold covers.
func TestPeopleAreForgotten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := s.SetRoster(t.Context(), noon, noon, room, []engine.Seat{seat("sam", ""), seat("priya", ""), seat("tom", "")}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRoster(t.Context(), noon, noon.Add(time.Hour), room, []engine.Seat{seat("tom", "")}); err != nil {
		t.Fatal(err)
	}
	h := hold.Hold{ID: "9", Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "inquiry", Placed: noon, PlacedBy: "Nasreen Malik",
		Review: clock.DateOf(noon.AddDate(2, 0, 0)), Scope: hold.Scope{Members: []hold.Member{{Account: room.Account, ID: "priya"}}}}
	if err := s.PlaceHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if err := s.Erase(t.Context(), noon.AddDate(0, 0, 92)); err != nil {
		t.Fatal(err)
	}
	all := roll(t, s)
	if _, there := all["sam"]; there || len(all) != 2 {
		t.Errorf("after 92 days there are %v", all)
	}
}

// What is remembered of a directory of any size comes back as it was.
func TestALargeMemoryIsKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	m := directory.Memory{At: noon, First: noon, Owners: map[string]directory.Owner{"+447700900123": {Person: "s1", Since: noon}}}
	for i := range 200_000 {
		m.People = append(m.People, directory.Trace{ID: uint64(i), Face: uint16(i)})
	}
	for _, n := range []int{len(m.People), 3} {
		m.People = m.People[:n]
		if _, err := s.SaveTurn(t.Context(), noon, engine.Turn{Memory: &m, Trusted: true}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Leaving(t.Context())
		if err != nil || !got.Memory.Equal(m) {
			t.Errorf("%d people came back as %d (%v)", n, len(got.Memory.People), err)
		}
	}
}
