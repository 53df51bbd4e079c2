package console

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"chaperone/internal/access"
)

// keyholder is an account as the passkey library sees it.
type keyholder struct {
	access.Account
	keys []webauthn.Credential
}

// WebAuthnID is the number of the account.
func (h keyholder) WebAuthnID() []byte { return []byte(h.ID) }

// WebAuthnName is what the passkey is called where it is kept.
func (h keyholder) WebAuthnName() string { return h.Name }

// WebAuthnDisplayName is the same.
func (h keyholder) WebAuthnDisplayName() string { return h.Name }

// WebAuthnCredentials gives the passkeys of the account.
func (h keyholder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// ceremony is a passkey that is being made or used.
type ceremony struct {
	Purpose string               `json:"purpose"`
	Account string               `json:"account,omitempty"`
	Name    string               `json:"name,omitempty"`
	Data    webauthn.SessionData `json:"data"`
}

// What a passkey is made or used for.
const (
	toJoin   = "join"
	toEnter  = "enter"
	toAddKey = "add"
)

// largestAsk is how much a sign-in page may send.
const largestAsk = 64 << 10

// asked is what a sign-in page sends.
type asked struct {
	Secret     string          `json:"secret"` // of a link
	Name       string          `json:"name"`
	Next       string          `json:"next"`
	Credential json.RawMessage `json:"credential"`
}

// answer sends JSON to a page's script.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader has gone: nobody is left to tell
}

// goTo tells a page's script where to go.
func goTo(w http.ResponseWriter, path string) {
	answer(w, http.StatusOK, struct {
		To string `json:"to"`
	}{path})
}

// listen reads what a sign-in page sends, and reports whether it goes on.
func (c *Console) listen(w http.ResponseWriter, r *http.Request) (in asked, ok bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestAsk))
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	if err != nil {
		c.tell(w, r, http.StatusBadRequest, "The request is not understood", "Load the page again.")
		return in, false
	}
	return in, true
}

// begin starts a ceremony: it is kept in the session, and its options go to the
// browser.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, p ceremony, options any) {
	b, err := json.Marshal(p)
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	c.o.Door.sessions.Put(r.Context(), inCeremony, string(b))
	answer(w, http.StatusOK, options)
}

// took takes the ceremony out of the session: each is used once.
func (c *Console) took(r *http.Request, purpose string) (p ceremony, ok bool) {
	err := json.Unmarshal([]byte(c.o.Door.sessions.PopString(r.Context(), inCeremony)), &p)
	return p, err == nil && p.Purpose == purpose
}

// noPasskey tells that something of ours failed.
func (c *Console) noPasskey(w http.ResponseWriter, r *http.Request, err error) {
	c.o.Log.Error("signing in failed", "page", r.Pattern, "err", err)
	c.tell(w, r, http.StatusInternalServerError, "Signing in does not work now", "Load the page again; if that does not help, look at the log and run chaperone doctor.")
}

// turnAway logs that somebody was not let in, and tells them.
func (c *Console) turnAway(w http.ResponseWriter, r *http.Request, account, why, title, what string) {
	if err := c.o.Door.o.Store.NotSignedIn(r.Context(), c.o.Door.o.Now(), account, why); err != nil {
		c.noPasskey(w, r, err)
		return
	}
	c.tell(w, r, http.StatusForbidden, title, what)
}

func (c *Console) passkeyBegin(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	if !c.attempt(w, r, d.begun, d.from(r)) {
		return
	}
	options, data, err := d.keys.BeginDiscoverableLogin()
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	c.begin(w, r, ceremony{Purpose: toEnter, Data: *data}, options)
}

func (c *Console) passkeyFinish(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	in, ok := c.listen(w, r)
	if !ok || !c.attempt(w, r, d.tries, d.from(r)) {
		return
	}
	const title, again = "The passkey was not accepted", "Load the page and try again. If it was removed, ask whoever runs Chaperone for a link."
	p, ok := c.took(r, toEnter)
	parsed, err := protocol.ParseCredentialRequestResponseBytes(in.Credential)
	if !ok || err != nil {
		c.turnAway(w, r, "", "no-passkey", title, again)
		return
	}
	id := string(parsed.Response.UserHandle)
	if !c.attempt(w, r, d.tries, "account "+id) {
		return
	}
	user, used, err := d.keys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) { return c.holder(r, string(handle)) }, p.Data, parsed)
	if err != nil || used.Authenticator.CloneWarning {
		c.turnAway(w, r, id, "passkey", title, again)
		return
	}
	body, err := json.Marshal(used)
	if err == nil {
		err = c.enter(r, user.(keyholder).Account, "passkey", &access.Passkey{ID: used.ID, Body: body})
	}
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	goTo(w, within(in.Next))
}

// holder reads an account that may sign in, with its passkeys.
func (c *Console) holder(r *http.Request, id string) (keyholder, error) {
	d := c.o.Door
	a, err := d.o.Store.Account(r.Context(), id)
	if err != nil {
		return keyholder{}, err
	}
	if !a.Removed.IsZero() {
		return keyholder{}, access.ErrRemoved
	}
	h := keyholder{Account: a}
	stored, err := d.o.Store.Passkeys(r.Context(), id)
	for _, k := range stored {
		var one webauthn.Credential
		if err := json.Unmarshal(k.Body, &one); err != nil {
			return h, err
		}
		h.keys = append(h.keys, one)
	}
	return h, err
}

func (c *Console) linkPage(w http.ResponseWriter, r *http.Request) {
	if to := c.o.Door.elsewhere(r); to != "" {
		// The secret stands behind the # of the address, which the browser keeps.
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	c.page(w, r, http.StatusOK, "signin_link.html", "Make your passkey", nil)
}

// link reads the link whose secret a page sent, and reports whether it goes on.
func (c *Console) link(w http.ResponseWriter, r *http.Request) (in asked, l access.Link, ok bool) {
	d := c.o.Door
	if in, ok = c.listen(w, r); !ok || !c.attempt(w, r, d.tries, d.from(r)) {
		return in, l, false
	}
	l, err := d.o.Store.Link(r.Context(), d.o.Now(), access.Digest(in.Secret))
	if errors.Is(err, access.ErrNoLink) {
		c.turnAway(w, r, "", "link", "This link does not work",
			"It was used already, is more than an hour old, or was replaced by a newer one. Ask whoever runs Chaperone for a new link.")
		return in, l, false
	} else if err != nil {
		c.noPasskey(w, r, err)
		return in, l, false
	}
	return in, l, true
}

// linkLook says whom a link is for.
func (c *Console) linkLook(w http.ResponseWriter, r *http.Request) {
	if _, l, ok := c.link(w, r); ok {
		answer(w, http.StatusOK, struct {
			Name string `json:"name"`
			Role string `json:"role"`
		}{l.Name, l.Role.Title()})
	}
}

func (c *Console) linkBegin(w http.ResponseWriter, r *http.Request) {
	in, l, ok := c.link(w, r)
	if !ok {
		return
	}
	name := l.Name
	if name == "" {
		name = in.Name
	}
	name, err := access.Name(name)
	if err != nil {
		c.tell(w, r, http.StatusUnprocessableEntity, "That name cannot be used", sentence(err.Error())+".")
		return
	}
	d := c.o.Door
	p := ceremony{Purpose: toJoin, Account: d.o.NewID(d.o.Now()), Name: name}
	all, err := d.o.Store.Accounts(r.Context())
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	for _, a := range all {
		switch same := access.Fold(a.Name) == access.Fold(name); {
		case same && l.Name == "":
			c.taken(w, r)
			return
		case same:
			p.Account, p.Name = a.ID, a.Name
		}
	}
	c.make(w, r, p, nil)
}

func (c *Console) taken(w http.ResponseWriter, r *http.Request) {
	c.tell(w, r, http.StatusConflict, "Somebody has that name already",
		"Each name is one person's. Write your name as nobody else does, or ask for a link that is made for it.")
}

// make begins to make a passkey.
func (c *Console) make(w http.ResponseWriter, r *http.Request, p ceremony, has []webauthn.Credential) {
	h := keyholder{Account: access.Account{ID: p.Account, Name: p.Name}, keys: has}
	options, data, err := c.o.Door.keys.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(has).CredentialDescriptors()))
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	p.Data = *data
	c.begin(w, r, p, options)
}

// made verifies a new passkey, and reports whether it goes on.
func (c *Console) made(w http.ResponseWriter, r *http.Request, in asked, purpose string) (p ceremony, key access.Passkey, ok bool) {
	d := c.o.Door
	p, ok = c.took(r, purpose)
	parsed, err := protocol.ParseCredentialCreationResponseBytes(in.Credential)
	if ok && err == nil {
		var one *webauthn.Credential
		h := keyholder{Account: access.Account{ID: p.Account, Name: p.Name}}
		if one, err = d.keys.CreateCredential(h, p.Data, parsed); err == nil {
			key.ID = one.ID
			key.Body, err = json.Marshal(one)
		}
	}
	if !ok || err != nil {
		c.turnAway(w, r, p.Account, "new-passkey", "The passkey was not accepted", "Load the page and try again, or use another device.")
		return p, key, false
	}
	return p, key, true
}

func (c *Console) linkFinish(w http.ResponseWriter, r *http.Request) {
	in, _, ok := c.link(w, r)
	if !ok {
		return
	}
	p, key, ok := c.made(w, r, in, toJoin)
	if !ok {
		return
	}
	d := c.o.Door
	a, err := d.o.Store.Join(r.Context(), d.o.Now(), access.Digest(in.Secret), access.Account{ID: p.Account, Name: p.Name}, key)
	if errors.Is(err, access.ErrNameTaken) {
		c.taken(w, r)
		return
	} else if errors.Is(err, access.ErrNoLink) {
		c.turnAway(w, r, "", "link", "This link does not work", "It was used a moment ago. Ask whoever runs Chaperone for a new link.")
		return
	}
	if err == nil {
		err = c.enter(r, a, "link", nil)
	}
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	goTo(w, "/")
}
