package console

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"chaperone/internal/access"
)

type accountPage struct {
	Who      access.Caller
	Passkeys []access.Passkey
	Provider string
	Only     bool // the one way that they have to sign in
	Idle     time.Duration
	Most     time.Duration
}

// account shows one's own account.
func (c *Console) account(w http.ResponseWriter, r *http.Request) {
	d, who := c.o.Door, c.who(r)
	a, err := d.o.Store.Account(r.Context(), who.Account)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	keys, err := d.o.Store.Passkeys(r.Context(), who.Account)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p := accountPage{Who: who, Passkeys: keys, Only: len(keys) == 1 && a.Subject == "", Idle: idleFor, Most: atMost}
	if a.Subject != "" && d.o.Provider != nil {
		p.Provider = d.o.Provider.Label
	}
	c.page(w, r, http.StatusOK, "signin_account.html", "Your account", p)
}

func (c *Console) addKeyBegin(w http.ResponseWriter, r *http.Request) {
	h, err := c.holder(r, c.who(r).Account)
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	c.make(w, r, ceremony{Purpose: toAddKey, Account: h.ID, Name: h.Name}, h.keys)
}

func (c *Console) addKeyFinish(w http.ResponseWriter, r *http.Request) {
	in, ok := c.listen(w, r)
	if !ok {
		return
	}
	p, key, ok := c.made(w, r, in, toAddKey)
	if !ok {
		return
	}
	d := c.o.Door
	err := access.ErrNoAccount
	if p.Account == c.who(r).Account { // who began to make it
		err = d.o.Store.AddPasskey(r.Context(), d.o.Now(), p.Account, key)
	}
	if err != nil {
		c.noPasskey(w, r, err)
		return
	}
	goTo(w, "/account")
}

// dropKey removes one of one's own passkeys.
func (c *Console) dropKey(w http.ResponseWriter, r *http.Request) {
	d := c.o.Door
	id, err := base64.RawURLEncoding.DecodeString(r.PostFormValue("passkey"))
	if err == nil {
		err = d.o.Store.DropPasskey(r.Context(), d.o.Now(), c.who(r).Account, id)
	}
	switch {
	case errors.Is(err, access.ErrNoPasskey), errors.Is(err, access.ErrLastPasskey):
		c.fail(w, r, http.StatusConflict, "The passkey was not removed", sentence(err.Error())+".")
	case err != nil:
		c.broken(w, r, err)
	default:
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	}
}
