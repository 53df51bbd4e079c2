package config

import (
	"fmt"
	"strings"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/prompt"
)

// Prompts says when people may be asked, and who is told because of prompts.
type Prompts struct {
	Quiet       string `yaml:"quiet" json:"quiet,omitempty" jsonschema_description:"Hours in which nothing waits for an answer that is not serious, such as 20:00-07:00, which it is when empty; or none."`
	Daily       int    `yaml:"daily" json:"daily,omitempty" jsonschema_description:"Prompts a person a day. 0: 3. The rest of a day comes in one digest."`
	Between     string `yaml:"between" json:"between,omitempty" jsonschema_description:"From one prompt to the next during an incident. Empty: 30m."`
	Digest      string `yaml:"digest" json:"digest,omitempty" jsonschema_description:"When the digest comes. Empty: 16:00."`
	Answers     string `yaml:"answers" json:"answers,omitempty" jsonschema_description:"The member who hears that somebody asks, as account/member; chats may name their own."`
	Governance  string `yaml:"governance" json:"governance,omitempty" jsonschema_description:"The member who hears of what stays open for long, as account/member."`
	Security    string `yaml:"security" json:"security,omitempty" jsonschema_description:"The member who hears that a marking of SECRET was seen, as account/member. Empty: governance."`
	RecordsTeam string `yaml:"records_team" json:"records_team,omitempty" jsonschema_description:"The member who hears of exceptional circumstances, beside the report in the records folder, as account/member."`
	HeadOfUnit  string `yaml:"head_of_unit" json:"head_of_unit,omitempty" jsonschema_description:"Likewise."`
}

// People says who is told, or asked in another's place, in one chat. Members
// are named by the ids that the chat lists them by.
type People struct {
	Answers   string            `yaml:"answers" json:"answers,omitempty" jsonschema_description:"The member who hears that somebody asks."`
	Receives  string            `yaml:"receives" json:"receives,omitempty" jsonschema_description:"The member who is asked about what outsiders write. Empty: who answers, else an administrator."`
	Outsiders []string          `yaml:"outsiders" json:"outsiders,omitempty" jsonschema_description:"Members who are never asked themselves, such as residents."`
	Delegates map[string]string `yaml:"delegates" json:"delegates,omitempty" jsonschema_description:"Who acts for whom: the member, and the one who reminds them."`
}

// Pace is when people may be asked, or why that cannot be known.
func (p Prompts) Pace(zone *time.Location) (prompt.Pace, error) {
	c := prompt.DefaultPace(zone)
	var ok bool
	if p.Quiet == "none" {
		c.From, c.To = 0, 0
	} else if p.Quiet != "" {
		from, to, two := strings.Cut(p.Quiet, "-")
		var ok2 bool
		c.From, ok = clockTime(from)
		if c.To, ok2 = clockTime(to); !two || !ok || !ok2 || c.From == c.To {
			return c, fmt.Errorf("quiet %q: write two times of day such as 20:00-07:00, or none", p.Quiet)
		}
	}
	if p.Daily < 0 {
		return c, fmt.Errorf("daily %d: write a number of prompts, such as 3", p.Daily)
	} else if p.Daily > 0 {
		c.Daily = p.Daily
	}
	if c.Between, ok = Length(p.Between, c.Between); !ok {
		return c, fmt.Errorf("between %q: write a length of time such as 30m", p.Between)
	}
	if p.Digest != "" {
		if c.Digest, ok = clockTime(p.Digest); !ok {
			return c, fmt.Errorf("digest %q: write a time of day such as 16:00", p.Digest)
		}
	}
	return c, nil
}

func clockTime(s string) (time.Duration, bool) {
	t, err := time.Parse("15:04", strings.TrimSpace(s))
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

// Member reads account/member. The account may hold a slash, the member's id
// cannot; both are empty where nobody is named.
func Member(s string) (chat.Account, chat.MemberID, bool) {
	i := strings.LastIndexByte(s, '/')
	if s == "" || i <= 0 || i == len(s)-1 {
		return "", "", s == ""
	}
	return chat.Account(s[:i]), chat.MemberID(s[i+1:]), true
}

func (c *checker) prompts() {
	p := c.file.Prompts
	if _, err := p.Pace(nil); err != nil {
		c.fault("prompts."+strings.Fields(err.Error())[0], "prompts: %s", err)
	}
	for _, m := range []struct{ name, member string }{
		{"answers", p.Answers}, {"governance", p.Governance}, {"security", p.Security}, {"records_team", p.RecordsTeam}, {"head_of_unit", p.HeadOfUnit},
	} {
		if _, _, ok := Member(m.member); !ok {
			c.fault("prompts."+m.name, "prompts: %s %q: write account/member, such as practice/priya", m.name, m.member)
		}
	}
	for i, ch := range c.file.Chats {
		for of, to := range ch.People.Delegates {
			if of == "" || to == "" || of == to {
				c.fault(fmt.Sprintf("chats.%d.people.delegates", i), "delegates: name who acts for %q: another member", of)
			}
		}
	}
}
