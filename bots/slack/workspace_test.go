package slack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/slack/lab"
	"chaperone/internal/chat"
)

const owner = "U0OWNER001"

// organisation is a workspace of an organisation whose administrators may do all
// that there is.
func organisation(t *testing.T) (*lab.Lab, string) {
	o := quick()
	o.Enterprise = true
	l, api := workspace(t, o)
	l.AddPerson(lab.Person{ID: owner, Name: "owner", Owner: true})
	l.AddToken(lab.Token{Value: "xoxp-org", Kind: "user", User: morag, Scopes: []string{"admin.users:write"}})
	l.AddToken(lab.Token{Value: "xoxp-weak", Kind: "user", User: morag, Scopes: []string{"chat:write"}})
	l.AddToken(lab.Token{Value: "xoxp-plain", Kind: "user", User: priya, Scopes: []string{"admin", "admin.users:write"}})
	l.AddToken(lab.Token{Value: "xoxp-scim", Kind: "user", User: morag, Scopes: []string{"admin"}})
	return l, api
}

func ended(l *lab.Lab, method string) int {
	return len(slices.DeleteFunc(l.Calls(), func(c lab.Call) bool { return c.Method != method || c.Error != "" }))
}

// TestAccountsEndLast: out of the channels first, of all but the one that
// everybody is in; then the account, once, in the way that is configured.
func TestAccountsEndLast(t *testing.T) {
	for leavers, method := range map[Leaving]string{Workspace: "admin.users.remove", Deactivate: "scim.Users.patch"} {
		t.Run(string(leavers), func(t *testing.T) {
			l, api := organisation(t)
			l.AddChannel(lab.Channel{ID: "C0GENERAL1", Name: "general", General: true, Members: []string{sam, priya, "bot"}})
			l.AddChannel(lab.Channel{ID: "C0OTHERS01", Name: "others", Members: []string{sam}}) // the bot is not there
			s := &store{}
			b := newBot(t, api, func(o *Options) {
				o.Organisation = Organisation{Leavers: leavers, Admin: "xoxp-org", SCIM: "xoxp-scim"}
			})
			live(t, b, s)
			until(t, "the workspace is known as a chat", func() bool { return len(s.of(chat.Added, l.Team())) == 1 })
			id := b.id(l.Team())
			if !b.Ends(id) || b.Ends(b.id(flood)) {
				t.Error("it is not known what ends an account")
			}
			e := bots.Effect{Key: "r", Kind: bots.Remove, Chat: id, Member: sam}
			if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.Busy{After: stillIn}) {
				t.Errorf("while in a channel: %v", err)
			}
			if n := ended(l, method); n != 0 {
				t.Fatalf("%d accounts were ended", n)
			}
			if _, err := b.Do(t.Context(), bots.Effect{Key: "k", Kind: bots.Remove, Chat: b.id(flood), Member: sam}); err != nil {
				t.Fatal(err)
			}
			if _, sent, err := b.Sent(t.Context(), e); sent || err != nil {
				t.Errorf("before: %t, %v", sent, err)
			}
			if _, err := b.Do(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if _, sent, err := b.Sent(t.Context(), e); !sent || err != nil {
				t.Errorf("afterwards: %t, %v", sent, err)
			}
			if n := ended(l, method); n != 1 {
				t.Errorf("%d accounts were ended", n)
			}
			e.Member = owner
			if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrForbidden) {
				t.Errorf("the owner: %v", err)
			}
			e.Member = chat.MemberID(l.Bot())
			if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrForbidden) {
				t.Errorf("the bot itself: %v", err)
			}
			e.Member = "U0NOBODY01"
			if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrGone) && !errors.Is(err, bots.ErrForbidden) {
				t.Errorf("nobody: %v", err)
			}
		})
	}
}

// TestNoAccountEndsUnasked: without the setting the workspace is no chat and no
// call that could end an account is made; a token that may not says so.
func TestNoAccountEndsUnasked(t *testing.T) {
	l, api := organisation(t)
	e := bots.Effect{Key: "r", Kind: bots.Remove, Chat: chat.ID{Account: Account, Local: l.Team()}, Member: sam}
	b := newBot(t, api, func(o *Options) { o.Organisation = Organisation{Admin: "xoxp-org", SCIM: "xoxp-scim"} })
	s := &store{}
	live(t, b, s)
	until(t, "the bot is there", func() bool { return l.Connected() > 0 && len(s.of(chat.Added, flood)) == 1 })
	if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrGone) {
		t.Errorf("removed from what is no chat: %v", err)
	}
	if len(s.of(chat.Added, l.Team())) != 0 || b.Ends(e.Chat) {
		t.Error("the workspace is a chat although nothing says so")
	}
	if err := l.Leave(flood, sam); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Organisation{
		"an administrator without the scope":  {Leavers: Workspace, Admin: "xoxp-weak"},
		"the bot's own token":                 {Leavers: Workspace, Admin: "xoxb-exact"},
		"somebody who is no administrator":    {Leavers: Workspace, Admin: "xoxp-plain"},
		"a token that is none":                {Leavers: Workspace, Admin: "xoxp-none"},
		"SCIM with the administrator's token": {Leavers: Deactivate, SCIM: "xoxp-org"},
		"SCIM with somebody else's":           {Leavers: Deactivate, SCIM: "xoxp-plain"},
		"SCIM with the bot's":                 {Leavers: Deactivate, SCIM: "xoxb-exact"},
	} {
		b := newBot(t, api, func(opt *Options) { opt.Organisation = o })
		if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
		if rest := b.rest(); rest > 0 {
			t.Errorf("%s: the bot's own token is left alone for %v", name, rest)
		}
	}
	if n := ended(l, "admin.users.remove") + ended(l, "scim.Users.patch"); n != 0 {
		t.Errorf("%d accounts were ended", n)
	}
	l.Fail(lab.Fault{Method: "scim.Users.patch", After: 1})
	b = newBot(t, api, func(o *Options) { o.Organisation = Organisation{Leavers: Deactivate, SCIM: "xoxp-scim"} })
	if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.Busy{After: time.Second}) {
		t.Errorf("a busy SCIM: %v", err)
	}
}

// TestHalfASettingIsRefused: what is missing is named.
func TestHalfASettingIsRefused(t *testing.T) {
	for _, c := range []struct {
		o    Organisation
		want string
	}{
		{Organisation{Leavers: Workspace, SCIM: "x"}, "administrator of the organisation"},
		{Organisation{Leavers: Deactivate, Admin: "x"}, "token for SCIM"},
		{Organisation{Leavers: "shoot"}, "shoot"},
	} {
		_, err := New(Options{BotToken: "x", AppToken: "y", Organisation: c.o})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

// TestWhoIsInTheWorkspace: the organisation's own people, whoever they are, and
// nobody else.
func TestWhoIsInTheWorkspace(t *testing.T) {
	l, api := organisation(t)
	l.AddPerson(lab.Person{ID: "U0GUEST001", Name: "guest", Guest: true})
	l.AddPerson(lab.Person{ID: "U0RITA0001", Name: "rita", Outside: true})
	l.AddPerson(lab.Person{ID: "U0PAST0001", Name: "past", Deleted: true})
	b := newBot(t, api, func(o *Options) { o.Organisation = Organisation{Leavers: Workspace, Admin: "xoxp-org"} })
	if err := b.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := b.Members(t.Context(), b.id(l.Team()))
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	for _, m := range all {
		in = append(in, string(m.ID))
		if m.Admin != (m.ID == morag || m.ID == owner) {
			t.Errorf("%s is an administrator: %t", m.ID, m.Admin)
		}
	}
	slices.Sort(in)
	if want := []string{morag, owner, priya, sam}; !slices.Equal(in, want) {
		t.Errorf("there are %v, want %v", in, want)
	}
}
