package policy

import (
	"fmt"
	"slices"
	"strings"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Information is the kind of information that rows speak of. The names are
// closed. What is not marked and in which nothing was found is Official (R2).
type Information string

// The kinds of information, the gravest first: of two rows that are as strict
// the one about the graver asks.
const (
	Secret      Information = "secret-or-above"
	Special     Information = "special"         // health, religion, union, … of an identifiable person
	Personal    Information = "personal"        // identifies a person
	Image       Information = "image-of-people" // R19
	Credential  Information = "credential"
	Misdirected Information = "misdirected" // a marking that somebody in this chat may not read: R2
	Marked      Information = "marked"      // additionally marked, such as -SENSITIVE
	Significant Information = "significant" // a decision or a material change: R6
	Suspicious  Information = "suspicious"  // a scam or look-alike link
	Official    Information = "official"    // ordinary: nothing particular was found
	Logistical  Information = "logistical"
	ForRelease  Information = "for-release" // marked or meant for the public
)

// Audience is who reads a chat: its strictest member decides (R13).
type Audience string

// The audiences, the widest last. Unknown counts as the public.
const (
	Internal        Audience = "internal"
	Partners        Audience = "partner"
	Customers       Audience = "customer"
	ThePublic       Audience = "public"
	UnknownAudience Audience = "unknown"
)

// Device is what a message was sent from (R3, R5).
type Device string

// The devices. Unknown counts as private.
const (
	Corporate     Device = "corporate"
	Managed       Device = "managed" // privately owned, and managed by the organisation
	Private       Device = "private"
	UnknownDevice Device = "unknown"
)

// Role is a class of people for whom rows may differ (R72).
type Role string

// The classes of people. Whoever is not known to be another is an official.
const (
	Minister       Role = "minister"
	SpecialAdviser Role = "special-adviser"
	SeniorOfficial Role = "senior-official"
	AnyOfficial    Role = "official"
	Contractor     Role = "contractor"
	NonExecutive   Role = "non-executive"
	Expert         Role = "expert"
)

// State is what is going on in a chat. Of several the last named here counts:
// a hold is kept by the fence in any case, and what an outage permits it
// permits under a hold too.
type State string

// The states.
const (
	Normal     State = "normal"
	Held       State = "held"
	Incident   State = "incident"
	Transition State = "transition" // a dated permission to use the channel for a while (R54)
	Outage     State = "outage"     // the organisation's own systems are down (R53)
)

// Channel is how well a platform protects what is sent over it (R10).
type Channel string

// The ratings. What is not known to be end-to-end encrypted is Other.
const (
	EndToEnd Channel = "end-to-end"
	Other    Channel = "other"
)

// Protection says whether a person is on the higher-protection list (R11).
type Protection string

// The protections.
const (
	Ordinary Protection = "ordinary"
	Higher   Protection = "higher"
)

// Facts is one combination of the closed values.
type Facts struct {
	Information Information `yaml:"information" json:"information,omitempty"`
	Audience    Audience    `yaml:"audience" json:"audience,omitempty"`
	Device      Device      `yaml:"device" json:"device,omitempty"`
	Chat        chat.Kind   `yaml:"chat" json:"chat,omitempty"`
	Role        Role        `yaml:"role" json:"role,omitempty"`
	State       State       `yaml:"state" json:"state,omitempty"`
	Channel     Channel     `yaml:"channel" json:"channel,omitempty"`
	Person      Protection  `yaml:"person" json:"person,omitempty"`
}

// The conditions, in the order in which they are read aloud.
const (
	ofInformation = iota
	ofAudience
	ofDevice
	ofChat
	ofRole
	ofState
	ofChannel
	ofPerson
	conditions
)

// condition is one closed list of values, and what counts where none is given.
type condition struct {
	name      string
	values    []string
	otherwise string // in a situation of which it is not known
	usual     string // in an example that does not say
}

func list[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

var closed = [conditions]condition{
	ofInformation: {"information", list(Secret, Special, Personal, Image, Credential, Misdirected, Marked, Significant, Suspicious, Official, Logistical, ForRelease), string(Official), string(Official)},
	ofAudience:    {"audience", list(Internal, Partners, Customers, ThePublic, UnknownAudience), string(UnknownAudience), string(Internal)},
	ofDevice:      {"device", list(Corporate, Managed, Private, UnknownDevice), string(UnknownDevice), string(Corporate)},
	ofChat:        {"chat", list(chat.Team, chat.Emergency, chat.Partner, chat.Public, chat.Private), string(chat.Team), string(chat.Team)},
	ofRole:        {"role", list(Minister, SpecialAdviser, SeniorOfficial, AnyOfficial, Contractor, NonExecutive, Expert), string(AnyOfficial), string(AnyOfficial)},
	ofState:       {"state", list(Normal, Held, Incident, Transition, Outage), string(Normal), string(Normal)},
	ofChannel:     {"channel", list(EndToEnd, Other), string(Other), string(EndToEnd)},
	ofPerson:      {"person", list(Ordinary, Higher), string(Ordinary), string(Ordinary)},
}

func (f Facts) values() [conditions]string {
	return [conditions]string{
		string(f.Information), string(f.Audience), string(f.Device), string(f.Chat),
		string(f.Role), string(f.State), string(f.Channel), string(f.Person),
	}
}

// point is a combination as one bit of each condition. A value that is not
// known is the one that counts instead; one that does not exist is no bit.
func (f Facts) point() box {
	var b box
	for i, v := range f.values() {
		if v == "" {
			v = closed[i].otherwise
		}
		if n := slices.Index(closed[i].values, v); n >= 0 {
			b[i] = 1 << n
		}
	}
	return b
}

// Check says which of the values there are not. What is left out is not known.
func (f Facts) Check() error {
	for i, v := range f.values() {
		if v != "" && !slices.Contains(closed[i].values, v) {
			return fmt.Errorf("%q is no value of %s: write one of %s", v, closed[i].name, strings.Join(closed[i].values, ", "))
		}
	}
	return nil
}

// Later gives the state that counts of two.
func (s State) Later(t State) State {
	all := closed[ofState].values
	if slices.Index(all, string(t)) > slices.Index(all, string(s)) {
		return t
	}
	return s
}

// Wider gives the wider of two audiences; nothing known is the widest.
func (a Audience) Wider(b Audience) Audience {
	all := closed[ofAudience].values
	if slices.Index(all, string(b)) > slices.Index(all, string(a)) {
		return b
	}
	return a
}

// Valid reports whether a is one of the audiences.
func (a Audience) Valid() bool { return slices.Contains(closed[ofAudience].values, string(a)) }

// Valid reports whether d is one of the devices.
func (d Device) Valid() bool { return slices.Contains(closed[ofDevice].values, string(d)) }

// Valid reports whether r is one of the classes of people.
func (r Role) Valid() bool { return slices.Contains(closed[ofRole].values, string(r)) }

// Valid reports whether c is one of the ratings.
func (c Channel) Valid() bool { return slices.Contains(closed[ofChannel].values, string(c)) }

// gravity orders kinds of information, the gravest 0.
func (i Information) gravity() int { return slices.Index(closed[ofInformation].values, string(i)) }

// quiet reports whether nothing was found where there is only that: by itself
// it never asks anybody anything.
func (i Information) quiet() bool { return i == Official || i == Logistical || i == ForRelease }

// classes are those of findings that are evidence of the information.
func (i Information) classes() []rules.Class {
	switch i {
	case Official, Logistical:
		return nil
	case Misdirected:
		return []rules.Class{rules.Misdirected, rules.Marked}
	}
	return []rules.Class{rules.Class(i)}
}

// InformationOf tells what a finding is evidence of. A name or an address that
// by itself says little is not: ordinary talk is full of them.
func InformationOf(f rules.Finding) (Information, bool) {
	if f.Confidence < Threshold {
		return "", false
	}
	switch f.Class {
	case rules.Personal, rules.Special, rules.Credential:
		return Information(f.Class), f.Severity == rules.Caution || f.Severity == rules.Serious
	case rules.Suspicious:
		return Suspicious, f.Severity == rules.Serious
	case rules.Secret, rules.Marked, rules.Misdirected, rules.Significant, rules.Image, rules.Logistical, rules.ForRelease:
		return Information(f.Class), true
	case rules.Official:
		return Official, true
	}
	return "", false
}

// information lists what kinds of information the message holds, each once, in
// the order of gravity. Where nothing was found it is ordinary.
func (s Situation) information() []Information {
	released := slices.ContainsFunc(s.Findings, func(f rules.Finding) bool { return f.Class == rules.ForRelease })
	var all []Information
	for _, f := range s.Findings {
		info, ok := InformationOf(f)
		if released && (info == Marked || info == Official) {
			continue
		}
		if ok && !slices.Contains(all, info) {
			all = append(all, info)
		}
	}
	if len(all) > 1 { // what is ordinary besides says nothing more
		loud := slices.DeleteFunc(slices.Clone(all), Information.quiet)
		if len(loud) > 0 {
			all = loud
		}
	}
	if len(all) == 0 {
		return []Information{Official}
	}
	slices.SortFunc(all, func(a, b Information) int { return a.gravity() - b.gravity() })
	return all
}
