package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/console"
	"chaperone/internal/control"
)

// SignIn says how people sign in to the console.
type SignIn struct {
	Required bool     // on this machine too
	Address  *url.URL // where people find the console; nil is this machine
	Proxies  []netip.Prefix
	Provider *console.Provider // the organisation's sign-in, without its secret
	Secret   string            // where that is: env:NAME or file:PATH
}

// needed reports whether people have to sign in.
func (s SignIn) needed() bool { return s.Required || s.Address != nil || s.Provider != nil }

// reach refuses an address of the console that would let other machines read
// what crosses the network, or come in without signing in.
func (c Config) reach() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: write host:port, such as 127.0.0.1:8420", c.Listen)
	}
	if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	if c.SignIn.Address == nil || c.SignIn.Address.Scheme != "https" {
		return fmt.Errorf("listen %q would open the console to other machines without encryption. Put a reverse proxy with a certificate before it and set address to its https:// address, or use 127.0.0.1", c.Listen)
	}
	return nil
}

// letIn makes the door; there is none where nobody has to sign in.
func (a *App) letIn() error {
	s := a.c.SignIn
	if !s.needed() {
		return nil
	}
	if s.Provider != nil {
		var err error
		if s.Provider.Secret, err = secret(s.Secret); err != nil {
			return fmt.Errorf("sign_in.oidc.client_secret: %w", err)
		}
	}
	title := a.c.Organisation
	if title == "" {
		title = "Chaperone"
	}
	var err error
	a.door, err = console.NewDoor(console.SignIn{
		Store: a.store, Base: a.base(), Title: title, Proxies: s.Proxies, Provider: s.Provider, NewID: newID, Now: time.Now,
	})
	return err
}

// base is where people find the console. A passkey needs a name, not a number.
func (a *App) base() *url.URL {
	if a.c.SignIn.Address != nil {
		return a.c.SignIn.Address
	}
	at := a.c.Listen
	if a.listener != nil {
		at = a.listener.Addr().String()
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		port = "8420"
	}
	return &url.URL{Scheme: "http", Host: "localhost:" + port}
}

// URL is where people find the console.
func (a *App) URL() string {
	if a.door == nil {
		return "http://" + a.Addr() + "/"
	}
	return a.base().String() + "/"
}

// largestSecret is how long a secret may be.
const largestSecret = 4 << 10

// secret reads what env:NAME or file:PATH names. It never says what it read.
func secret(ref string) (string, error) {
	var s string
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		if s = os.Getenv(name); s == "" {
			return "", fmt.Errorf("the environment variable %s is empty", name)
		}
	} else if path, ok := strings.CutPrefix(ref, "file:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		s = string(b)
	} else {
		return "", errors.New("write env:NAME or file:PATH")
	}
	if s = strings.TrimSpace(s); s == "" || len(s) > largestSecret {
		return "", errors.New("the secret is empty or too long")
	}
	return s, nil
}

func (a *App) signInCalls(t control.Table) {
	t["signin.link"] = named(access.Machine, a.signInLink)
	t["signin.list"] = looks(access.Machine, a.signInList)
	t["signin.remove"] = named(access.Machine, a.signInRemove)
}

// Invite says whom a link is for.
type Invite struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// Link lets somebody in once.
type Link struct {
	URL     string    `json:"url"` // whoever has it comes in
	Name    string    `json:"name,omitempty"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
}

// errNoSignIn refuses what makes no sense where nobody signs in.
var errNoSignIn = errors.New("nobody has to sign in to this console. Set sign_in.required to true in its configuration, or address, and start it again")

func (a *App) signInLink(ctx context.Context, by string, in Invite) (Link, error) {
	role, err := access.ParseRole(in.Role)
	if err != nil {
		return Link{}, err
	}
	name, err := access.Name(in.Name)
	if err != nil {
		return Link{}, err
	}
	return a.link(ctx, by, name, role)
}

func (a *App) link(ctx context.Context, by, name string, role access.Role) (Link, error) {
	if !a.c.SignIn.needed() {
		return Link{}, errNoSignIn
	}
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return Link{}, err
	}
	s, now := access.Secret(b), time.Now()
	l := access.Link{Name: name, Role: role, Made: now, Expires: now.Add(access.LinkFor)}
	if err := a.store.AddLink(ctx, by, access.Digest(s), l); err != nil {
		return Link{}, err
	}
	return Link{URL: a.base().String() + "/signin/link#" + s, Name: name, Role: string(role), Expires: l.Expires.UTC()}, nil
}

// FirstLink gives the link that makes the first account, where nobody can sign
// in yet; empty where somebody can. An earlier one stops working.
func (a *App) FirstLink(ctx context.Context) (string, error) {
	if a.door == nil || a.c.SignIn.Provider != nil {
		return "", nil
	}
	all, err := a.store.Accounts(ctx)
	if err != nil || slices.ContainsFunc(all, func(x access.Account) bool { return x.Removed.IsZero() }) {
		return "", err
	}
	l, err := a.link(ctx, "chaperone:start", "", access.Administrator)
	return l.URL, err
}

// Account is somebody who can sign in.
type Account struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Ways     []string   `json:"ways,omitempty"` // how they can sign in
	Made     time.Time  `json:"made"`
	LastUsed *time.Time `json:"last_used,omitempty"` // of a passkey
	Removed  *time.Time `json:"removed,omitempty"`
}

func (a *App) signInList(ctx context.Context, _ struct{}) ([]Account, error) {
	all, err := a.store.Accounts(ctx)
	out := make([]Account, 0, len(all))
	for _, x := range all {
		v, err := a.viewAccount(ctx, x)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, err
}

func (a *App) viewAccount(ctx context.Context, x access.Account) (Account, error) {
	v := Account{ID: x.ID, Name: x.Name, Role: string(x.Role), Made: x.Made}
	if !x.Removed.IsZero() {
		v.Removed = &x.Removed
		return v, nil
	}
	if x.Subject != "" {
		v.Ways = append(v.Ways, "organisation")
	}
	keys, err := a.store.Passkeys(ctx, x.ID)
	for _, k := range keys {
		if !slices.Contains(v.Ways, "passkey") {
			v.Ways = append(v.Ways, "passkey")
		}
		if !k.Used.IsZero() && (v.LastUsed == nil || k.Used.After(*v.LastUsed)) {
			v.LastUsed = &k.Used
		}
	}
	return v, err
}

// WhichAccount names an account, by its number or its name.
type WhichAccount struct {
	Account string `json:"account"`
}

func (a *App) signInRemove(ctx context.Context, by string, in WhichAccount) (Account, error) {
	all, err := a.store.Accounts(ctx)
	if err != nil {
		return Account{}, err
	}
	for _, x := range all {
		if x.ID != in.Account && access.Fold(x.Name) != access.Fold(in.Account) {
			continue
		}
		if x, err = a.store.RemoveAccount(ctx, time.Now(), by, x.ID); err != nil {
			return Account{}, err
		}
		if a.door != nil {
			a.door.Ended(x.ID)
		}
		return a.viewAccount(ctx, x)
	}
	return Account{}, errors.New("there is no such account. List them with: chaperone signin list")
}
