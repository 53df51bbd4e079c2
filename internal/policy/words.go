package policy

import (
	"slices"
	"strings"
)

// Words gives the outcome as people say it.
func (o Outcome) Words() string {
	switch o {
	case Permitted:
		return "Permitted"
	case WithRegard:
		return "Permitted, with regard to security"
	case Care:
		return "Particular care"
	case Exceptional:
		return "Only in exceptional circumstances"
	case MustNot:
		return "Must not"
	}
	return string(o)
}

// Words gives the duty as people say it.
func (d Duty) Words() string {
	switch d {
	case Ask:
		return "ask the sender privately"
	case Capture:
		return "keep it as a record"
	case Offer:
		return "offer to keep it as a record"
	case Remove:
		return "ask for it to be deleted"
	case Report:
		return "tell the security officer that it happened"
	case ReportUse:
		return "tell the records team and the head of unit, where exceptional circumstances are claimed"
	case ReportAll:
		return "tell the chat’s administrators that it happened"
	case Breach:
		return "offer to open a breach record"
	}
	return string(d)
}

// spoken is each value as people say it, by condition; what is not here is said
// as it is.
var spoken = [conditions]map[string]string{
	ofInformation: {
		string(Secret): "SECRET or above", string(Special): "special category details of a person", string(Personal): "personal details",
		string(Image): "images of people", string(Credential): "passwords, keys and codes", string(Misdirected): "information whose marking keeps it from somebody here",
		string(Marked): "information with an additional marking", string(Significant): "significant information", string(Suspicious): "suspicious links",
		string(Official): "ordinary information", string(Logistical): "logistics", string(ForRelease): "information for release",
	},
	ofAudience: {
		string(Internal): "colleagues", string(Partners): "official partners", string(Customers): "customers", string(ThePublic): "the public",
		string(UnknownAudience): "people who are not known",
	},
	ofDevice: {string(Managed): "private but managed"},
	ofRole: {
		string(Minister): "ministers", string(SpecialAdviser): "special advisers", string(SeniorOfficial): "senior officials", string(AnyOfficial): "officials",
		string(Contractor): "contractors", string(NonExecutive): "non-executives", string(Expert): "independent experts",
	},
	ofState: {
		string(Normal): "on an ordinary day", string(Held): "while a hold covers the chat", string(Incident): "during an incident",
		string(Transition): "during a permitted transition", string(Outage): "during an outage",
	},
	ofChannel: {string(EndToEnd): "end-to-end encrypted", string(Other): "not end-to-end encrypted"},
	ofPerson:  {string(Ordinary): "other people", string(Higher): "people on the higher-protection list"},
}

func say(d int, value string) string {
	if words := spoken[d][value]; words != "" {
		return words
	}
	return value
}

// around is how the values of each condition stand in a sentence.
var around = [conditions][2]string{
	ofInformation: {"", ""}, ofAudience: {"read by ", ""}, ofDevice: {"by a ", " device"}, ofChat: {"in a ", " chat"},
	ofRole: {"from ", ""}, ofState: {"", ""}, ofChannel: {"on a channel that is ", ""}, ofPerson: {"from ", ""},
}

// articles mends what is put together from parts.
var articles = strings.NewReplacer(" a emergency", " an emergency", " a unknown", " an unknown")

// Words says what the condition is about: "personal details or special category
// details of a person, by a private or unknown device, in an emergency chat".
func (c Condition) Words() string {
	var parts []string
	for d, values := range c.lists() {
		if len(values) == 0 {
			continue
		}
		var said []string
		for _, v := range values {
			said = append(said, say(d, v))
		}
		parts = append(parts, around[d][0]+either(said)+around[d][1])
	}
	if len(parts) == 0 {
		return "any case"
	}
	if len(c.Information) == 0 {
		parts = slices.Insert(parts, 0, "any information")
	}
	return articles.Replace(strings.Join(parts, ", "))
}

// Words says when the row speaks.
func (r *Row) Words() string {
	if r.When.Words() == "any case" {
		return "anything else"
	}
	return r.When.Words()
}

// DutyWords says what the row's outcome brings with it.
func (r *Row) DutyWords() string {
	var said []string
	for _, d := range r.Duties {
		said = append(said, d.Words())
	}
	if len(said) == 0 {
		return "nothing is asked"
	}
	return strings.Join(said, "; ")
}

// Words tells the facts in which nothing is left open.
func (f Facts) Words() string {
	v := f.values()
	var parts []string
	for d := range v {
		if v[d] == "" {
			v[d] = closed[d].otherwise
		}
		if d == ofInformation || d == ofRole && v[d] == string(AnyOfficial) || d == ofPerson && v[d] == string(Ordinary) {
			continue
		}
		parts = append(parts, around[d][0]+say(d, v[d])+around[d][1])
	}
	return articles.Replace(strings.Join(parts, ", "))
}

func either(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return words[0]
}

// AudienceWords says who an audience is.
func AudienceWords(a Audience) string { return say(ofAudience, string(a)) }
