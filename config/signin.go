package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"chaperone/internal/access"
)

// SignIn says how people sign in to the console.
type SignIn struct {
	Required bool     `yaml:"required" json:"required,omitempty" jsonschema_description:"Ask for it on this machine too."`
	Proxies  []string `yaml:"proxies" json:"proxies,omitempty" jsonschema_description:"Addresses of the reverse proxies that pass requests on, such as 10.0.0.5 or 10.0.0.0/24."`
	OIDC     OIDC     `yaml:"oidc" json:"oidc,omitempty" jsonschema_description:"The organisation's own sign-in, by OpenID Connect."`
}

// OIDC is the organisation's own sign-in.
type OIDC struct {
	Label        string    `yaml:"label" json:"label,omitempty" jsonschema_description:"What it is called on the button, such as your Calderwick account."`
	Issuer       string    `yaml:"issuer" json:"issuer,omitempty" jsonschema_description:"Its address, exactly as it names itself."`
	ClientID     string    `yaml:"client_id" json:"client_id,omitempty" jsonschema_description:"What Chaperone is called there."`
	ClientSecret string    `yaml:"client_secret" json:"client_secret,omitempty" jsonschema_description:"Where the secret is: env:NAME or file:PATH."`
	Scopes       []string  `yaml:"scopes" json:"scopes,omitempty" jsonschema_description:"What is asked for besides openid and profile, such as groups."`
	Claim        string    `yaml:"claim" json:"claim,omitempty" jsonschema_description:"Which claim says what somebody is, such as roles or groups."`
	Roles        OIDCRoles `yaml:"roles" json:"roles,omitempty" jsonschema_description:"Which of its values give which role."`
}

// OIDCRoles says which values of the claim give which role.
type OIDCRoles struct {
	Administrator []string `yaml:"administrator" json:"administrator,omitempty" jsonschema_description:"Keeps it running; reads no captured text."`
	Governance    []string `yaml:"information-governance" json:"information-governance,omitempty" jsonschema_description:"Decides about records, holds and disposal."`
	Auditor       []string `yaml:"auditor" json:"auditor,omitempty" jsonschema_description:"Sees how it is and what was done; changes nothing."`
}

// ByValue gives the role of each value.
func (r OIDCRoles) ByValue() map[string]access.Role {
	out := map[string]access.Role{}
	for role, values := range map[access.Role][]string{access.Administrator: r.Administrator, access.Governance: r.Governance, access.Auditor: r.Auditor} {
		for _, v := range values {
			out[v] = role
		}
	}
	return out
}

// Set reports whether the organisation's own sign-in is used.
func (o OIDC) Set() bool { return o.Issuer != "" || o.ClientID != "" || o.Claim != "" }

// Network reads an address or a range of them.
func Network(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address: write one such as 10.0.0.5 or 10.0.0.0/24", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// PublicAddress reads where people find the console. Passkeys need a name there,
// and everything needs encryption on the way.
func PublicAddress(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	switch {
	case err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("address %q: write a whole address without a path, such as https://chaperone.example.gov.uk", s)
	case net.ParseIP(u.Hostname()) != nil:
		return nil, fmt.Errorf("address %q: passkeys need a name, not a number, such as https://chaperone.example.gov.uk", s)
	case u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "localhost"):
		return nil, fmt.Errorf("address %q: it has to begin with https://, since what people read must not cross the network in the clear", s)
	}
	return u, nil
}

// signIn checks how people sign in.
func (c *checker) signIn() {
	f := c.file
	if f.Address != "" {
		if _, err := PublicAddress(f.Address); err != nil {
			c.fault("address", "%v", err)
		}
	}
	for i, p := range f.SignIn.Proxies {
		if _, err := Network(p); err != nil {
			c.fault(fmt.Sprintf("sign_in.proxies.%d", i), "%v", err)
		}
	}
	o := f.SignIn.OIDC
	const path = "sign_in.oidc"
	if o.Issuer == "" && o.ClientID == "" && o.ClientSecret == "" && o.Claim == "" && o.Label == "" && len(o.Roles.ByValue()) == 0 {
		return
	}
	for _, x := range []struct{ name, value, say string }{
		{"label", o.Label, "what it is called on the button"},
		{"issuer", o.Issuer, "its address, exactly as it names itself"},
		{"client_id", o.ClientID, "what Chaperone is called there"},
		{"client_secret", o.ClientSecret, "where the secret is, as env:NAME or file:PATH"},
		{"claim", o.Claim, "which claim says what somebody is"},
	} {
		if x.value == "" {
			c.fault(path, "sign_in.oidc needs %s: %s", x.name, x.say)
		}
	}
	if u, err := url.Parse(o.Issuer); o.Issuer != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && !local(u.Hostname()))) {
		c.fault(path+".issuer", "issuer %q: it has to begin with https://", o.Issuer)
	}
	if s := o.ClientSecret; s != "" && !strings.HasPrefix(s, "env:") && !strings.HasPrefix(s, "file:") {
		c.fault(path+".client_secret", "client_secret: a secret never stands in this file. Write env:NAME or file:PATH, and change this secret")
	}
	c.oidcRoles(path+".roles", o.Roles)
}

func (c *checker) oidcRoles(path string, r OIDCRoles) {
	seen := map[string]string{}
	for _, x := range []struct {
		role   string
		values []string
	}{{"administrator", r.Administrator}, {"information-governance", r.Governance}, {"auditor", r.Auditor}} {
		for _, v := range x.values {
			if other := seen[v]; other != "" {
				c.fault(path+"."+x.role, "%q gives two roles, %s and %s: a person has one", v, other, x.role)
			}
			if v == "" {
				c.fault(path+"."+x.role, "a value is empty: write what the claim says")
			}
			seen[v] = x.role
		}
	}
	if len(seen) == 0 {
		c.fault(path, "sign_in.oidc needs roles: which values of the claim give which role. Without them nobody comes in")
	}
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
