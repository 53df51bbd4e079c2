package console

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"chaperone/internal/access"
)

// Accounts is what signing in asks of the store.
type Accounts interface {
	Account(ctx context.Context, id string) (access.Account, error)
	Accounts(ctx context.Context) ([]access.Account, error)
	Link(ctx context.Context, now time.Time, digest []byte) (access.Link, error)
	Join(ctx context.Context, now time.Time, digest []byte, want access.Account, key access.Passkey) (access.Account, error)
	FromProvider(ctx context.Context, now time.Time, want access.Account, namesake string) (access.Account, error)
}

// Passkeys is what signing in asks of the store about passkeys and its log.
type Passkeys interface {
	Passkeys(ctx context.Context, account string) ([]access.Passkey, error)
	AddPasskey(ctx context.Context, now time.Time, account string, key access.Passkey) error
	DropPasskey(ctx context.Context, now time.Time, account string, id []byte) error
	SignedIn(ctx context.Context, now time.Time, a access.Account, how string, key *access.Passkey) error
	NotSignedIn(ctx context.Context, now time.Time, account, why string) error
}

// Sessions is where sessions are kept, by a digest of their token.
type Sessions interface {
	Session(ctx context.Context, now time.Time, token string) ([]byte, error)
	AddSession(ctx context.Context, now time.Time, token, account string, body []byte, expires time.Time) error
	KeepSession(ctx context.Context, token, account string, body []byte, expires time.Time) error
	DropSession(ctx context.Context, token string) error
	DropSessions(ctx context.Context, account string) error
}

// SignInStore is all of it.
type SignInStore interface {
	Accounts
	Passkeys
	Sessions
}

// SignIn is what signing in is made from.
type SignIn struct {
	Store    SignInStore
	Base     *url.URL       // where people find the console; https, unless it is this machine
	Title    string         // who runs the console, as a passkey is named
	Proxies  []netip.Prefix // whose word is taken for where a request comes from
	Provider *Provider      // the organisation's sign-in; nil where there is none
	NewID    func(time.Time) string
	Now      func() time.Time // the time of day: a moved clock of the demo signs nobody out
}

// How long somebody stays signed in.
const (
	idleFor = 30 * time.Minute // without doing anything
	atMost  = 12 * time.Hour   // in all
)

// ceremonyFor is how long somebody has to use a passkey.
const ceremonyFor = 5 * time.Minute

// Door lets people in. Everything about it holds for one console address.
type Door struct {
	o        SignIn
	keys     *webauthn.WebAuthn
	sessions *scs.SessionManager
	tries    *tries
	begun    *tries
	live     live
}

// NewDoor makes a door.
func NewDoor(o SignIn) (*Door, error) {
	d := &Door{o: o, tries: newTries(10, time.Minute), begun: newTries(60, time.Minute)}
	within := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyFor, TimeoutUVD: ceremonyFor}
	var err error
	d.keys, err = webauthn.New(&webauthn.Config{
		RPID: o.Base.Hostname(), RPDisplayName: o.Title, RPOrigins: []string{o.Base.Scheme + "://" + o.Base.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: within, Registration: within},
	})
	if err != nil {
		return nil, err
	}
	// Made by hand: scs.New starts a memory store that nothing ever stops.
	d.sessions = &scs.SessionManager{
		IdleTimeout: idleFor, Lifetime: atMost, HashTokenInStore: true, Store: shelf{o.Store, o.Now}, Codec: codec{},
		Cookie: scs.SessionCookie{Name: "chaperone", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	if d.https() {
		d.sessions.Cookie.Name, d.sessions.Cookie.Secure = "__Host-chaperone", true
	}
	return d, nil
}

func (d *Door) https() bool { return d.o.Base.Scheme == "https" }

// Ended ends at once whatever an account that was removed has under way.
func (d *Door) Ended(account string) { d.live.end(account) }

// signInRoutes is what signing in and one's own account need.
func (c *Console) signInRoutes() []Route {
	if c.o.Door == nil {
		return nil
	}
	return []Route{
		{"GET /signin", access.Arrive, c.signInPage},
		{"GET /signin/link", access.Arrive, c.linkPage},
		{"POST /signin/link/look", access.Arrive, c.linkLook},
		{"POST /signin/link/begin", access.Arrive, c.linkBegin},
		{"POST /signin/link/finish", access.Arrive, c.linkFinish},
		{"POST /signin/passkey/begin", access.Arrive, c.passkeyBegin},
		{"POST /signin/passkey/finish", access.Arrive, c.passkeyFinish},
		{"GET /signin/provider", access.Arrive, c.providerBegin},
		{"GET /signin/provider/callback", access.Arrive, c.providerFinish},
		{"POST /signout", access.Arrive, c.signOut},
		{"GET /account", access.Enter, c.account},
		{"POST /account/passkeys/begin", access.Enter, c.addKeyBegin},
		{"POST /account/passkeys/finish", access.Enter, c.addKeyFinish},
		{"POST /account/passkeys/remove", access.Enter, c.dropKey},
		{"POST /account/signout-everywhere", access.Enter, c.signOutEverywhere},
	}
}

// The names of what a session keeps.
const (
	inAccount  = "account"
	inCeremony = "ceremony" // a passkey that is being made or used
	inProvider = "provider" // a way to the organisation's sign-in and back
)

// identify finds out who makes a request.
func (c *Console) identify(next http.Handler) http.Handler {
	as := func(who access.Caller, r *http.Request) *http.Request {
		return r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	}
	d := c.o.Door
	if d == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, as(c.o.Anyone, r)) })
	}
	return d.visits(c.broken, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := d.sessions.GetString(r.Context(), inAccount)
		if id == "" {
			next.ServeHTTP(w, as(access.Caller{}, r))
			return
		}
		a, err := d.o.Store.Account(r.Context(), id)
		if err != nil && !errors.Is(err, access.ErrNoAccount) {
			c.broken(w, as(access.Caller{}, r), err)
			return
		}
		ctx, end := d.live.begin(r.Context(), id)
		defer end()
		next.ServeHTTP(w, as(a.Caller(), r.WithContext(ctx)))
	}))
}

// refuse says who may do what was asked for, or asks to sign in.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, needs access.Right) {
	who := c.who(r)
	page := r.Method == http.MethodGet || r.Method == http.MethodHead
	byScript := r.Header.Get("Sec-Fetch-Dest") == "empty"
	switch {
	case who == access.Caller{} && c.o.Door != nil && page && !byScript:
		http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	case who == access.Caller{}:
		c.page(w, r, http.StatusUnauthorized, "signin_refused.html", "You are signed out", refusal{
			Title: "You are signed out", What: "Nothing was changed. Sign in, go back to the page and do it again.", SignIn: c.o.Door != nil,
		})
	default:
		p := refusal{Title: "This is not for your role", What: sentence(access.List(access.Who(needs)) + " may " + needs.Says() + ". Nothing was changed."), Who: who}
		if c.o.Door == nil && who.Role == access.Reader().Role {
			p.What = "Nobody has signed in, so nobody knows who you are. Set sign_in in the configuration to act on these pages, or use the command line and say who you are with --by. Nothing was changed."
		}
		c.page(w, r, http.StatusForbidden, "signin_refused.html", "This is not for your role", p)
	}
}

// refusal is what the refused page says.
type refusal struct {
	Title  string
	What   string
	Who    access.Caller
	SignIn bool
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// elsewhere gives the same page at the console's own address, for a request
// that came by another name.
func (d *Door) elsewhere(r *http.Request) string {
	if d.at(r.Host) {
		return ""
	}
	return d.o.Base.Scheme + "://" + d.o.Base.Host + r.URL.RequestURI()
}

// within gives a path of this console to go to after signing in.
func within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/signin") || strings.HasPrefix(u.Path, "/signout") {
		return "/"
	}
	return next
}

type signInView struct {
	Next     string
	Provider string // what the organisation's sign-in is called
	Nobody   bool   // nobody has an account yet
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	if to := d.elsewhere(r); to != "" { // a passkey belongs to one address
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	next := within(r.URL.Query().Get("next"))
	if c.who(r).Account != "" {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	all, err := d.o.Store.Accounts(r.Context())
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := signInView{Next: next, Nobody: len(all) == 0}
	if d.o.Provider != nil {
		p.Provider = d.o.Provider.Label
	}
	c.page(w, r, http.StatusOK, "signin.html", "Sign in", p)
}

// enter signs somebody in: logged first, then with a new token, so that nobody
// who knew the old one comes in too.
func (c *Console) enter(r *http.Request, a access.Account, how string, key *access.Passkey) error {
	d, ctx := c.o.Door, r.Context()
	if err := d.o.Store.SignedIn(ctx, d.o.Now(), a, how, key); err != nil {
		return err
	}
	if err := d.sessions.RenewToken(ctx); err != nil {
		return err
	}
	for _, name := range d.sessions.Keys(ctx) {
		d.sessions.Remove(ctx, name)
	}
	d.sessions.Put(ctx, inAccount, a.ID)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	if err := d.sessions.Destroy(r.Context()); err != nil {
		c.broken(w, r, err)
		return
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
	if who := c.who(r); who.Account != "" {
		d.live.end(who.Account)
	}
}

func (c *Console) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	d, who := c.o.Door, c.who(r)
	if err := d.o.Store.DropSessions(r.Context(), who.Account); err != nil {
		c.broken(w, r, err)
		return
	}
	c.signOut(w, r)
}
