package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chaperone/internal/access"
)

var eight = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func accountStore(t *testing.T) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "data"))
}

func key(n string) access.Passkey { return access.Passkey{ID: []byte(n), Body: []byte("{}")} }

// join makes an account with a link of its own.
func join(t *testing.T, s *Store, id, name string, role access.Role) access.Account {
	t.Helper()
	d := sha256.Sum256([]byte(id + name))
	if err := s.AddLink(t.Context(), "Ines Corrigan", d[:], access.Link{Name: name, Role: role, Made: eight, Expires: eight.Add(access.LinkFor)}); err != nil {
		t.Fatal(err)
	}
	a, err := s.Join(t.Context(), eight, d[:], access.Account{ID: id, Name: name}, key(fmt.Sprint("key of ", id, len(name), role)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func entries(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM audit_entries").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestALinkLetsOnePersonInOnceWithinItsHour(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	for name, expires := range map[string]time.Time{"in time": eight.Add(time.Minute), "too late": eight} {
		d := access.Digest(name)
		if err := s.AddLink(ctx, "chaperone:start", d, access.Link{Name: name, Role: access.Auditor, Made: eight.Add(-time.Hour), Expires: expires}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Link(ctx, eight, access.Digest("too late")); !errors.Is(err, access.ErrNoLink) {
		t.Errorf("an expired link gives %v", err)
	}
	if _, err := s.Join(ctx, eight, access.Digest("too late"), access.Account{ID: "1", Name: "too late"}, key("1")); !errors.Is(err, access.ErrNoLink) {
		t.Errorf("joining by an expired link gives %v", err)
	}
	l, err := s.Link(ctx, eight, access.Digest("in time"))
	if err != nil || l.Role != access.Auditor {
		t.Fatalf("the link is %+v (%v)", l, err)
	}
	var in sync.Map
	var tries sync.WaitGroup
	for i := range 8 {
		tries.Go(func() {
			id := fmt.Sprint(i)
			if _, err := s.Join(ctx, eight, access.Digest("in time"), access.Account{ID: id, Name: "in time"}, key(id)); err == nil {
				in.Store(id, true)
			} else if !errors.Is(err, access.ErrNoLink) {
				t.Error(err)
			}
		})
	}
	tries.Wait()
	all, err := s.Accounts(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("eight tries at once made %d accounts (%v)", len(all), err)
	}
	if _, ok := in.Load(all[0].ID); !ok {
		t.Error("the one who was let in is not the account")
	}
}

func TestAnAccountIsOnePersonByName(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	a := join(t, s, "1", "Nasreen Malik", access.Governance)
	again := join(t, s, "1", "NASREEN  malik", access.Auditor)
	if again.ID != a.ID || again.Name != a.Name || again.Role != access.Auditor {
		t.Errorf("the same name made %+v beside %+v", again, a)
	}
	d := access.Digest("first")
	if err := s.AddLink(ctx, "chaperone:start", d, access.Link{Role: access.Administrator, Made: eight, Expires: eight.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(ctx, eight, d, access.Account{ID: "3", Name: "nasreen malik"}, key("3")); !errors.Is(err, access.ErrNameTaken) {
		t.Errorf("somebody else's name was taken: %v", err)
	}
	if _, err := s.Join(ctx, eight, d, access.Account{ID: "3", Name: "Tom Ashdown"}, key("3")); err != nil {
		t.Errorf("the refused name used the link up: %v", err)
	}
	_, err := s.FromProvider(ctx, eight, access.Account{ID: "4", Name: "Tom Ashdown", Role: access.Auditor, Issuer: "i", Subject: "s"}, "Tom Ashdown (tom)")
	if !errors.Is(err, access.ErrNameTaken) {
		t.Errorf("one person became two by the organisation's sign-in: %v", err)
	}
}

func TestTheOrganisationsSignInGivesTheRoleEachTime(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	one := access.Account{ID: "1", Name: "Aled Pryce", Role: access.Auditor, Issuer: "i", Subject: "s1"}
	two := access.Account{ID: "2", Name: "Aled Pryce", Role: access.Auditor, Issuer: "i", Subject: "s2"}
	a, err := s.FromProvider(ctx, eight, one, "Aled Pryce (aled.one)")
	b, err2 := s.FromProvider(ctx, eight, two, "Aled Pryce (aled.two)")
	if err != nil || err2 != nil || a.Name != "Aled Pryce" || b.Name != "Aled Pryce (aled.two)" {
		t.Fatalf("two people of one name are %q and %q (%v, %v)", a.Name, b.Name, err, err2)
	}
	before := entries(t, s)
	one.Role = access.Governance
	if a, err = s.FromProvider(ctx, eight, one, ""); err != nil || a.ID != "1" || a.Role != access.Governance {
		t.Errorf("the account is %+v (%v)", a, err)
	}
	if _, err = s.FromProvider(ctx, eight, one, ""); err != nil || entries(t, s) != before+1 {
		t.Errorf("%d entries (%v) for one changed role", entries(t, s)-before, err)
	}
	if _, err := s.RemoveAccount(ctx, eight, "Ines Corrigan", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FromProvider(ctx, eight, one, ""); !errors.Is(err, access.ErrRemoved) {
		t.Errorf("a removed account was let in again: %v", err)
	}
}

func TestARemovedAccountLosesEverythingAtOnce(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	a := join(t, s, "1", "Nasreen Malik", access.Governance)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.AddSession(ctx, eight, "t1", a.ID, []byte("x"), eight.Add(time.Hour)))
	must(s.AddLink(ctx, "Ines", access.Digest("l"), access.Link{Name: a.Name, Role: a.Role, Made: eight, Expires: eight.Add(time.Hour)}))
	before := entries(t, s)
	_, err := s.RemoveAccount(ctx, eight, "Ines Corrigan", a.ID)
	must(err)
	if b, err := s.Session(ctx, eight, "t1"); b != nil || err != nil {
		t.Errorf("its session is %q (%v)", b, err)
	}
	must(s.KeepSession(ctx, "t1", a.ID, []byte("x"), eight.Add(time.Hour)))
	if b, _ := s.Session(ctx, eight, "t1"); b != nil {
		t.Error("a request under way brought its session back")
	}
	if err := s.AddSession(ctx, eight, "t2", a.ID, nil, eight.Add(time.Hour)); !errors.Is(err, access.ErrNoAccount) {
		t.Errorf("it began a session: %v", err)
	}
	if err := s.SignedIn(ctx, eight, a, "passkey", nil); !errors.Is(err, access.ErrNoAccount) {
		t.Errorf("it signed in: %v", err)
	}
	if err := s.AddPasskey(ctx, eight, a.ID, key("new")); !errors.Is(err, access.ErrNoAccount) {
		t.Errorf("it has a new passkey: %v", err)
	}
	if _, err := s.Link(ctx, eight, access.Digest("l")); !errors.Is(err, access.ErrNoLink) {
		t.Errorf("its link works: %v", err)
	}
	if keys, err := s.Passkeys(ctx, a.ID); len(keys) != 0 || err != nil {
		t.Errorf("it has %d passkeys (%v)", len(keys), err)
	}
	if entries(t, s) != before+1 {
		t.Errorf("%d entries about the removal", entries(t, s)-before)
	}
	back := join(t, s, "1", "Nasreen Malik", access.Auditor)
	if back.ID != a.ID || back.Caller().Role != access.Auditor {
		t.Errorf("let in again it is %+v", back)
	}
}

func TestTheLastPasskeyStays(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	a, b := join(t, s, "1", "Nasreen Malik", access.Governance), join(t, s, "2", "Tom Ashdown", access.Auditor)
	keys, err := s.Passkeys(ctx, b.ID)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d passkeys (%v)", len(keys), err)
	}
	second := keys[0].ID
	if err := s.DropPasskey(ctx, eight, a.ID, second); !errors.Is(err, access.ErrNoPasskey) {
		t.Errorf("somebody else's passkey: %v", err)
	}
	if err := s.DropPasskey(ctx, eight, b.ID, second); !errors.Is(err, access.ErrLastPasskey) {
		t.Errorf("the last passkey: %v", err)
	}
	if err := s.AddPasskey(ctx, eight, b.ID, key("other")); err != nil {
		t.Fatal(err)
	}
	if err := s.DropPasskey(ctx, eight, b.ID, second); err != nil {
		t.Error(err)
	}
}

func TestSessionsExpireAndAreCleared(t *testing.T) {
	s := accountStore(t)
	ctx := t.Context()
	for i, until := range []time.Time{eight.Add(time.Minute), eight.Add(time.Hour)} {
		if err := s.AddSession(ctx, eight, fmt.Sprint(i), "", []byte("x"), until); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[time.Duration]string{0: "x", time.Minute - time.Millisecond: "x", time.Minute: ""} {
		if b, err := s.Session(ctx, eight.Add(at), "0"); string(b) != want || err != nil {
			t.Errorf("after %s: %q (%v)", at, b, err)
		}
	}
	if err := s.AddSession(ctx, eight.Add(time.Minute), "2", "", nil, eight.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&left); err != nil || left != 2 {
		t.Errorf("%d sessions are left (%v)", left, err)
	}
}
