package config

import (
	"fmt"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// Readers says who reads the chats, from which organisations, on which devices.
// With nothing said every audience is unknown and every device a private one.
type Readers struct {
	Colleagues    Reach             `yaml:"colleagues" json:"colleagues,omitempty" jsonschema_description:"How our own people are known, besides the directory."`
	Organisations []Organisation    `yaml:"organisations" json:"organisations,omitempty" jsonschema_description:"Other organisations whose people are in our chats."`
	Members       map[string]string `yaml:"members" json:"members,omitempty" jsonschema_description:"The organisation of single members: account/id: its name. internal is ours."`
	Devices       map[string]string `yaml:"devices" json:"devices,omitempty" jsonschema_description:"The device of single members (account/id) or people (their key in the directory): corporate, managed or private."`
	DeviceWords   map[string]string `yaml:"device_words" json:"device_words,omitempty" jsonschema_description:"What the directory's words for devices mean, such as Work phone: corporate."`
	Roles         map[string]string `yaml:"roles" json:"roles,omitempty" jsonschema_description:"What the directory's posts are: minister, special-adviser, senior-official, official, contractor, non-executive or expert."`
	Higher        string            `yaml:"higher_protection" json:"higher_protection,omitempty" jsonschema_description:"file:PATH of the list of people who need higher protection, one key or account/id a line. Only those who may know should be able to read it."`
	Consent       string            `yaml:"photo_consent" json:"photo_consent,omitempty" jsonschema_description:"Address of the form by which people agree to a picture of them."`
	Channels      map[string]string `yaml:"channels" json:"channels,omitempty" jsonschema_description:"How well a platform protects what is sent: end-to-end or other. whatsapp is end-to-end unless you say otherwise."`
}

// Reach is how people of an organisation are recognised: by what their platform
// vouches for.
type Reach struct {
	Domains []string `yaml:"domains" json:"domains,omitempty" jsonschema_description:"Of their email addresses, such as calderwick.example."`
	Numbers []string `yaml:"numbers" json:"numbers,omitempty" jsonschema_description:"Beginnings of their telephone numbers, country code first, such as +441632."`
}

// Organisation is another organisation.
type Organisation struct {
	Name     string   `yaml:"name" json:"name" jsonschema:"required" jsonschema_description:"What it is called."`
	Audience string   `yaml:"audience" json:"audience,omitempty" jsonschema:"enum=internal,enum=partner,enum=customer,enum=public" jsonschema_description:"What its people are to us. Empty: partner."`
	Domains  []string `yaml:"domains" json:"domains,omitempty" jsonschema_description:"Of their email addresses."`
	Numbers  []string `yaml:"numbers" json:"numbers,omitempty" jsonschema_description:"Beginnings of their telephone numbers, country code first."`
	Policies []string `yaml:"policies" json:"policies,omitempty" jsonschema_description:"The packs that it adopted for its people. A partner names at least one: it may be yours."`
}

// Exception is a dated permission. It ends itself.
type Exception struct {
	ID      string   `yaml:"id" json:"id" jsonschema:"required" jsonschema_description:"Its name in explanations."`
	Pack    string   `yaml:"pack" json:"pack,omitempty" jsonschema_description:"The pack some rows of which it lets pass."`
	Rows    []string `yaml:"rows" json:"rows,omitempty" jsonschema_description:"The rows."`
	Permits string   `yaml:"permits" json:"permits,omitempty" jsonschema:"enum=transition,enum=outage" jsonschema_description:"Or: that a channel is used although a pack prohibits it, for a transition or in an outage."`
	Chats   []string `yaml:"chats" json:"chats,omitempty" jsonschema_description:"For which chats, as account/chat."`
	Owner   string   `yaml:"owner" json:"owner,omitempty" jsonschema_description:"Who answers for it."`
	Reason  string   `yaml:"reason" json:"reason,omitempty" jsonschema_description:"Why: the outcome of the risk assessment."`
	From    string   `yaml:"from" json:"from,omitempty" jsonschema_description:"Its first day, such as 2026-11-23. Empty: it stands already."`
	Until   string   `yaml:"until" json:"until,omitempty" jsonschema_description:"Its last day. It ends with it, by itself."`
}

// Span gives the moments at which the exception begins and ends.
func (x Exception) Span(zone *time.Location) (from, until time.Time, err error) {
	if x.From != "" {
		if from, err = time.ParseInLocation(time.DateOnly, x.From, zone); err != nil {
			return from, until, fmt.Errorf("from %q: write a date such as 2026-11-23", x.From)
		}
	}
	if until, err = time.ParseInLocation(time.DateOnly, x.Until, zone); err != nil {
		return from, until, fmt.Errorf("until %q: write the last day, such as 2026-12-31", x.Until)
	}
	return from, until.AddDate(0, 0, 1), nil
}

// In gives the chats that the exception is for.
func (x Exception) In() ([]chat.ID, error) {
	var out []chat.ID
	for _, c := range x.Chats {
		account, local, ok := strings.Cut(c, "/")
		if !ok || account == "" || local == "" {
			return nil, fmt.Errorf("%q: write account/chat, such as practice/flood-north", c)
		}
		out = append(out, chat.ID{Account: chat.Account(account), Local: local})
	}
	return out, nil
}

// readers checks what can be checked without the packs.
func (c *checker) readers() {
	p := c.file.Readers
	seen := map[string]bool{}
	c.reach("readers.colleagues", p.Colleagues.Domains, p.Colleagues.Numbers)
	for i, o := range p.Organisations {
		at := fmt.Sprintf("readers.organisations.%d", i)
		if o.Name == "" || strings.EqualFold(o.Name, "internal") || seen[strings.ToLower(o.Name)] {
			c.fault(at, "name %q: each organisation needs a name of its own, and internal is ours", o.Name)
		}
		seen[strings.ToLower(o.Name)] = true
		c.reach(at, o.Domains, o.Numbers)
		switch o.Audience {
		case "", "internal", "partner":
			if len(o.Policies) == 0 {
				c.fault(at, "organisation %q: name the packs that its people follow: policies. It may be yours", o.Name)
			}
		case "customer", "public":
		default:
			c.fault(at+".audience", "%q is no audience: write internal, partner, customer or public", o.Audience)
		}
	}
	for id, name := range p.Members {
		if !strings.Contains(id, "/") {
			c.fault("readers.members."+id, "%q is no member: write account/id", id)
		}
		if !strings.EqualFold(name, "internal") && !seen[strings.ToLower(name)] {
			c.fault("readers.members."+id, "%q is not one of the organisations", name)
		}
	}
	closed := func(path string, in map[string]string, values ...string) {
		for k, v := range in {
			if !strings.Contains(" "+strings.Join(values, " ")+" ", " "+v+" ") || v == "" {
				c.fault(path+"."+k, "%q is none of %s", v, strings.Join(values, ", "))
			}
		}
	}
	closed("readers.devices", p.Devices, "corporate", "managed", "private")
	closed("readers.device_words", p.DeviceWords, "corporate", "managed", "private")
	closed("readers.roles", p.Roles, "minister", "special-adviser", "senior-official", "official", "contractor", "non-executive", "expert")
	closed("readers.channels", p.Channels, "end-to-end", "other")
	if p.Higher != "" && !strings.HasPrefix(p.Higher, "file:") {
		c.fault("readers.higher_protection", "higher_protection: the list never stands in this file, which many can read. Write file:PATH")
	}
	for i, x := range c.file.Exceptions {
		at := fmt.Sprintf("exceptions.%d", i)
		if _, _, err := x.Span(time.UTC); err != nil {
			c.fault(at, "exception %q: %v", x.ID, err)
		}
		if _, err := x.In(); err != nil {
			c.fault(at+".chats", "exception %q: %v", x.ID, err)
		}
	}
}

func (c *checker) reach(at string, domains, numbers []string) {
	for _, d := range domains {
		if strings.Trim(d, "@.") == "" || strings.ContainsAny(strings.TrimPrefix(d, "@"), "@ /") {
			c.fault(at+".domains", "%q is no domain: write one such as calderwick.example", d)
		}
	}
	for _, n := range numbers {
		if len(n) < 3 || n[0] != '+' || strings.Trim(n[1:], "0123456789") != "" {
			c.fault(at+".numbers", "%q: write the beginning of a number, country code first, such as +441632", n)
		}
	}
}
