package config

import (
	"time"
)

// Directory says where people come from, and how those who leave are dealt with.
type Directory struct {
	File       string            `yaml:"file" json:"file,omitempty" jsonschema_description:"CSV file that the personnel system writes, at least once a day. Empty: nobody is known to leave."`
	Mapping    Mapping           `yaml:"mapping" json:"mapping,omitempty" jsonschema_description:"Which column holds what. Try it with: chaperone leavers preview."`
	Zone       string            `yaml:"zone" json:"zone,omitempty" jsonschema_description:"In which a last day ends, such as Europe/London. Empty: time_zone."`
	Approve    bool              `yaml:"approve" json:"approve,omitempty" jsonschema_description:"Every removal waits for a named person."`
	Ahead      string            `yaml:"ahead" json:"ahead,omitempty" jsonschema_description:"How long before the end of their last day leavers are asked for a last look. Empty: 24h."`
	Grace      string            `yaml:"grace" json:"grace,omitempty" jsonschema_description:"How long at least they have for it; the dismissed have none. Empty: 24h."`
	StaleAfter string            `yaml:"stale_after" json:"stale_after,omitempty" jsonschema_description:"An older file removes nobody. Empty: 25h."`
	Protected  map[string]string `yaml:"protected" json:"protected,omitempty" jsonschema_description:"Who stays in any case, by their key in the directory, and why."`
}

// Mapping says which column of the file holds what, by the names in its first
// line.
type Mapping struct {
	ID        string   `yaml:"id" json:"id,omitempty" jsonschema_description:"The key, such as the staff number."`
	Name      string   `yaml:"name" json:"name,omitempty" jsonschema_description:"The name."`
	Phones    []string `yaml:"phones" json:"phones,omitempty" jsonschema_description:"Telephone numbers; a cell may hold several."`
	Emails    []string `yaml:"emails" json:"emails,omitempty" jsonschema_description:"E-mail addresses; a cell may hold several."`
	Role      string   `yaml:"role" json:"role,omitempty" jsonschema_description:"The post."`
	Unit      string   `yaml:"unit" json:"unit,omitempty" jsonschema_description:"The team or service."`
	Device    string   `yaml:"device" json:"device,omitempty" jsonschema_description:"What they have for work: corporate, managed, private, or words that readers.device_words explains."`
	Language  string   `yaml:"language" json:"language,omitempty" jsonschema_description:"The language that they want to be written to in: its name or code, such as Welsh or cy."`
	Started   string   `yaml:"started" json:"started,omitempty" jsonschema_description:"The first day."`
	Leaves    string   `yaml:"leaves" json:"leaves,omitempty" jsonschema_description:"The last day."`
	Dismissed string   `yaml:"dismissed" json:"dismissed,omitempty" jsonschema_description:"Yes for those who go at once."`
	Dates     string   `yaml:"dates" json:"dates,omitempty" jsonschema_description:"How dates are written, such as DD/MM/YYYY. Empty: YYYY-MM-DD."`
	Country   string   `yaml:"country" json:"country,omitempty" jsonschema_description:"Calling code of numbers that begin with 0. Empty: 44."`
	Separator string   `yaml:"separator" json:"separator,omitempty" jsonschema_description:"Between columns. Empty: found in the first line."`
}

// Length reads a length of time such as 24h; empty is the other one.
func Length(s string, otherwise time.Duration) (time.Duration, bool) {
	if s == "" {
		return otherwise, true
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0 && d <= 366*24*time.Hour
}

func (c *checker) directory() {
	d := c.file.Directory
	if d.Zone != "" {
		if _, err := time.LoadLocation(d.Zone); err != nil {
			c.fault("directory.zone", "zone %q is not known: write one such as Europe/London", d.Zone)
		}
	}
	for _, l := range []struct{ name, text string }{{"ahead", d.Ahead}, {"grace", d.Grace}, {"stale_after", d.StaleAfter}} {
		if _, ok := Length(l.text, 0); !ok {
			c.fault("directory."+l.name, "%s %q: write a length of time such as 24h, a year at most", l.name, l.text)
		}
	}
	if d.File == "" {
		return
	}
	if d.Mapping.ID == "" {
		c.fault("directory.mapping", "name the column of the key, such as the staff number: add id")
	}
	if d.Mapping.Leaves == "" {
		c.fault("directory.mapping", "name the column of the last day: add leaves")
	}
	if len(d.Mapping.Phones)+len(d.Mapping.Emails) == 0 {
		c.fault("directory.mapping", "name a column of telephone numbers or e-mail addresses: members are matched by them")
	}
}
