package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"chaperone/internal/access"
)

// Provider is the organisation's own sign-in, by OpenID Connect.
type Provider struct {
	Label    string // what it is called on the button
	Issuer   string
	ClientID string
	Secret   string
	Claim    string                 // which claim says what somebody is
	Roles    map[string]access.Role // by its values
	Scopes   []string               // besides openid and profile
	Client   *http.Client           // nil is the usual one
	found    *oidc.Provider         // what its own address says of it
	mu       sync.Mutex
}

// patience is how long the organisation's sign-in may take to answer.
const patience = 10 * time.Second

// way is one way to the organisation's sign-in and back.
type way struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
}

// discover asks the provider about itself, once it can be reached.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	found, err := oidc.NewProvider(context.WithoutCancel(ctx), p.Issuer)
	if err == nil {
		p.found = found
	}
	return found, err
}

func (p *Provider) within(ctx context.Context) (context.Context, context.CancelFunc) {
	client := p.Client
	if client == nil {
		client = &http.Client{Timeout: patience}
	}
	return context.WithTimeout(oidc.ClientContext(ctx, client), patience)
}

func (d *Door) oauth(found *oidc.Provider) *oauth2.Config {
	p := d.o.Provider
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: found.Endpoint(),
		RedirectURL: d.o.Base.Scheme + "://" + d.o.Base.Host + "/signin/provider/callback",
		Scopes:      append([]string{oidc.ScopeOpenID, "profile"}, p.Scopes...),
	}
}

func (c *Console) providerBegin(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	if d.o.Provider == nil {
		c.missing(w, r)
		return
	}
	if to := d.elsewhere(r); to != "" {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	if !c.attempt(w, r, d.begun, d.from(r)) {
		return
	}
	ctx, cancel := d.o.Provider.within(r.Context())
	defer cancel()
	found, err := d.o.Provider.discover(ctx)
	if err != nil {
		c.o.Log.Error("the organisation's sign-in cannot be reached", "issuer", d.o.Provider.Issuer, "err", err)
		c.tell(w, r, http.StatusBadGateway, d.o.Provider.Label+" cannot be reached",
			"Try again in a while, or sign in with a passkey. Whoever runs Chaperone finds the reason in its log, and the address under sign_in in the configuration.")
		return
	}
	way := way{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: within(r.URL.Query().Get("next"))}
	b, err := json.Marshal(way)
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	d.sessions.Put(r.Context(), inProvider, string(b))
	http.Redirect(w, r, d.oauth(found).AuthCodeURL(way.State, oidc.Nonce(way.Nonce), oauth2.S256ChallengeOption(way.Verifier)), http.StatusSeeOther)
}

func (c *Console) providerFinish(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	if d.o.Provider == nil {
		c.missing(w, r)
		return
	}
	if !c.attempt(w, r, d.tries, d.from(r)) {
		return
	}
	q := r.URL.Query()
	var back way
	err := json.Unmarshal([]byte(d.sessions.PopString(r.Context(), inProvider)), &back)
	if err != nil || back.State == "" || subtle.ConstantTimeCompare([]byte(back.State), []byte(q.Get("state"))) == 0 {
		c.turnAway(w, r, "", "provider-state", "This way to sign in has ended", "It was begun in another window, or too long ago. Begin again.")
		return
	}
	if said := q.Get("error"); said != "" {
		c.o.Log.Warn("the organisation's sign-in let somebody not in", "error", said)
		c.turnAway(w, r, "", "provider-said-no", d.o.Provider.Label+" did not let you in", "It said so itself. Try again, or ask whoever looks after it.")
		return
	}
	ctx, cancel := d.o.Provider.within(r.Context())
	defer cancel()
	person, err := d.person(ctx, q.Get("code"), back)
	if err != nil {
		c.o.Log.Error("the organisation's sign-in gave no proof", "err", err)
		c.turnAway(w, r, "", "provider-proof", "What "+d.o.Provider.Label+" sent does not prove who you are",
			"Begin again. If that does not help, tell whoever runs Chaperone: its log has the reason.")
		return
	}
	c.admit(w, r, person, back.Next)
}

// person is somebody whom the provider vouches for.
type person struct {
	issuer, subject string
	claims          map[string]any
}

// person exchanges the code for proof, and verifies it.
func (d *Door) person(ctx context.Context, code string, back way) (person, error) {
	p := d.o.Provider
	found, err := p.discover(ctx)
	if err != nil {
		return person{}, err
	}
	config := d.oauth(found)
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(back.Verifier))
	if err != nil {
		return person{}, proofError(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := found.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return person{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(back.Nonce)) == 0 {
		return person{}, errors.New("its token is for another attempt")
	}
	who := person{issuer: token.Issuer, subject: token.Subject}
	if err := token.Claims(&who.claims); err != nil {
		return person{}, err
	}
	if _, there := who.claims[p.Claim]; (!there || who.text("name") == "") && found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return person{}, fmt.Errorf("its user information: %w", err)
		}
		if info.Subject != token.Subject {
			return person{}, errors.New("its user information is about somebody else")
		}
		if err := info.Claims(&who.claims); err != nil {
			return person{}, err
		}
	}
	return who, nil
}

// proofError keeps what the provider said, and not what it sent.
func proofError(err error) error {
	var said *oauth2.RetrieveError
	if errors.As(err, &said) {
		return fmt.Errorf("it refused the code: %s (HTTP %d)", said.ErrorCode, said.Response.StatusCode)
	}
	return err
}

// text gives the first of these claims that says something.
func (p person) text(names ...string) string {
	for _, name := range names {
		if s, ok := p.claims[name].(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// role gives the one role that somebody has.
func (p person) role(claim string, roles map[string]access.Role) (access.Role, error) {
	var values []string
	switch v := p.claims[claim].(type) {
	case string:
		values = []string{v}
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				values = append(values, s)
			}
		}
	}
	var has []access.Role
	for _, v := range values {
		if r, ok := roles[v]; ok && !slices.Contains(has, r) {
			has = append(has, r)
		}
	}
	switch len(has) {
	case 0:
		return "", errNoRole
	case 1:
		return has[0], nil
	}
	return "", errRoles
}

var (
	errNoRole = errors.New("no role")
	errRoles  = errors.New("more than one role")
)

// admit lets in somebody whom the provider vouches for, if they have one role.
func (c *Console) admit(w http.ResponseWriter, r *http.Request, p person, next string) {
	d := c.o.Door
	if !c.attempt(w, r, d.tries, "subject "+p.issuer+" "+p.subject) {
		return
	}
	role, err := p.role(d.o.Provider.Claim, d.o.Provider.Roles)
	switch {
	case errors.Is(err, errNoRole):
		c.turnAway(w, r, "", "provider-no-role", "You have no role in Chaperone",
			d.o.Provider.Label+" knows you, but gives you no role here. Whoever runs Chaperone can tell which group to ask for.")
		return
	case errors.Is(err, errRoles):
		c.turnAway(w, r, "", "provider-two-roles", "You have more than one role in Chaperone",
			"Roles are kept apart: each person has one. Ask whoever looks after the groups of "+d.o.Provider.Label+" to leave you in one.")
		return
	}
	name, err := access.Name(p.text("name", "preferred_username", "email"))
	if err != nil {
		c.turnAway(w, r, "", "provider-no-name", d.o.Provider.Label+" does not say your name", "Chaperone keeps the name of whoever acts. Ask whoever looks after it to send the name.")
		return
	}
	namesake, err := access.Name(name + " (" + p.text("preferred_username", "email", "sub") + ")")
	if err != nil {
		namesake = name
	}
	a, err := d.o.Store.FromProvider(r.Context(), d.o.Now(), access.Account{
		ID: d.o.NewID(d.o.Now()), Name: name, Role: role, Issuer: p.issuer, Subject: p.subject,
	}, namesake)
	switch {
	case errors.Is(err, access.ErrRemoved):
		c.turnAway(w, r, "", "removed", "Your account was removed", "Whoever runs Chaperone can let you in again with a link.")
		return
	case errors.Is(err, access.ErrNameTaken):
		c.turnAway(w, r, "", "provider-name", "Somebody of your name signs in with a passkey",
			"If that is you, sign in with it. If not, tell whoever runs Chaperone.")
		return
	}
	if err == nil {
		err = c.enter(r, a, "provider", nil)
	}
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}
