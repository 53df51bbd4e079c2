package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"chaperone/config"
	"chaperone/internal/app"
	"chaperone/internal/directory"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
)

// circumstances reads what the conditions of policies are about: who reads the
// chats, from which device, over which channel, and what is permitted for a time.
func circumstances(f *config.File, c *app.Config) error {
	r := f.Readers
	out := engine.Circumstances{
		Own:     engine.Organisation{Name: engine.Internal, Domains: r.Colleagues.Domains, Numbers: r.Colleagues.Numbers},
		Members: r.Members, Devices: map[string]policy.Device{}, Kinds: map[string]policy.Device{}, Posts: map[string]policy.Role{},
		Higher: map[string]bool{}, Ratings: map[string]policy.Channel{},
	}
	c.PoliciesOf = map[string][]string{}
	for _, o := range r.Organisations {
		out.Organisations = append(out.Organisations, engine.Organisation{
			Name: o.Name, Audience: policy.Audience(cmp.Or(o.Audience, string(policy.Partners))), Domains: o.Domains, Numbers: o.Numbers,
		})
		c.PoliciesOf[o.Name] = o.Policies
	}
	for who, d := range r.Devices {
		out.Devices[named(who)] = policy.Device(d)
	}
	for word, d := range r.DeviceWords {
		out.Kinds[string(directory.Key(word))] = policy.Device(d)
	}
	for post, role := range r.Roles {
		out.Posts[string(directory.Key(post))] = policy.Role(role)
	}
	for platform, rating := range r.Channels {
		out.Ratings[platform] = policy.Channel(rating)
	}
	if err := higher(r.Higher, out.Higher); err != nil {
		return err
	}
	zone, err := time.LoadLocation(cmp.Or(f.TimeZone, "Europe/London"))
	if err != nil {
		return err
	}
	for _, x := range f.Exceptions {
		e := policy.Exception{ID: x.ID, Pack: x.Pack, Rows: x.Rows, State: policy.State(x.Permits), Owner: x.Owner, Reason: x.Reason}
		if e.From, e.Until, err = x.Span(zone); err == nil {
			e.Chats, err = x.In()
		}
		if err != nil {
			return fmt.Errorf("exception %q: %w", x.ID, err)
		}
		out.Exceptions = append(out.Exceptions, e)
	}
	c.Circumstances, c.Consent = out, r.Consent
	return nil
}

// named is a member as account/id, or a person by their key in the directory.
func named(who string) string {
	if strings.Contains(who, "/") {
		return who
	}
	return string(directory.Key(who))
}

// higher reads the list of people who need higher protection, one a line.
func higher(where string, into map[string]bool) error {
	name, ok := strings.CutPrefix(where, "file:")
	if !ok {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("readers.higher_protection: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if who, _, _ := strings.Cut(lines.Text(), "#"); strings.TrimSpace(who) != "" {
			into[named(strings.TrimSpace(who))] = true
		}
	}
	return lines.Err()
}
