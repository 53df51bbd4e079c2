package prompt

import (
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
)

// What is the matter of which somebody is told because of prompts of others.
// The names are those of the texts that tell it.
type What string

// The matters. But for the digest none names a person or what was found.
const (
	AboutDigest      What = "digest"      // a member's own prompts, for which a day had no room
	AboutAsked       What = "asked"       // somebody asks for help
	AboutWrong       What = "contested"   // somebody says that a prompt is wrong
	AboutDelegate    What = "delegate"    // whom the reader acts for has not answered
	AboutOpen        What = "open"        // nobody answered: to the administrators
	AboutLong        What = "long-open"   // … and to information governance
	AboutUnreachable What = "unreachable" // somebody could not be asked privately
	AboutSecret      What = "secret-seen" // the security officer hears that it happened (R1)
	AboutReport      What = "report"      // exceptional circumstances were claimed (R4)
)

// Whats lists every matter.
var Whats = []What{AboutDigest, AboutAsked, AboutWrong, AboutDelegate, AboutOpen, AboutLong, AboutUnreachable, AboutSecret, AboutReport}

// Telling is what a member is told about prompts of others, or in a digest
// about their own. What comes on the same day is told together.
type Telling struct {
	What What
	Of   []Of
}

// Of is one thing that a Telling is about.
type Of struct {
	Key      string // names it for ever: it is told of once
	Prompt   string
	Chat     chat.ID
	ChatName string
	Record   string // the number of the report
}

// Tell opens what tells a member of a matter. It reminds of nothing and lapses
// by itself.
func Tell(id string, now time.Time, in chat.ID, kind chat.Kind, member chat.MemberID, memberName string, what What) *Prompt {
	p := New(id, now, in, "", kind, member, memberName)
	p.Telling = &Telling{What: what}
	p.Items = []Item{{At: now, State: Flagged, Kind: string(what), Outcome: policy.WithRegard, Duties: []policy.Duty{policy.Ask}}}
	p.Due = now.Add(linger)
	return p
}

// Add adds something to what is told, once. It reports whether it is new.
func (p *Prompt) Add(now time.Time, of Of) bool {
	if slices.ContainsFunc(p.Telling.Of, func(x Of) bool { return x.Key == of.Key }) {
		return false
	}
	p.Telling.Of = append(p.Telling.Of, of)
	if !p.Waiting() { // there is more to be told than was when it was answered
		p.State, p.Answer, p.Closed, p.Due = Open, "", time.Time{}, now.Add(linger)
	}
	p.Version++
	return true
}

// Drop takes out of what is told whatever is settled meanwhile. What is left
// without anything ends.
func (p *Prompt) Drop(now time.Time, settled func(Of) bool) {
	n := len(p.Telling.Of)
	left := slices.DeleteFunc(slices.Clone(p.Telling.Of), settled)
	if len(left) == n {
		return
	}
	p.Version++
	if len(left) == 0 {
		if p.Waiting() {
			p.end(now, PutRight)
		}
		return
	}
	p.Telling.Of = left
}
