package rules

import "fmt"

// ReportAt is the confidence from which a finding is reported. Callers leave
// findings below it out unless somebody asks for all.
const ReportAt = 0.5

// Rule says what one kind of information looks like, what makes it more or
// less likely to be that, and how it is proved: a rule without a hit and a
// miss does not load.
type Rule struct {
	ID       string   `yaml:"id"`       // kebab-case, unique over all packs
	Category string   `yaml:"category"` // one of Categories
	Title    string   `yaml:"title"`    // what people call the thing: "NHS number"
	Class    Class    `yaml:"class"`
	Severity Severity `yaml:"severity"`

	// Patterns are RE2 expressions over the normalised text. {name} stands
	// for a word list or part of the pack. Where an expression has a group,
	// the first group is the value and the rest is only its surroundings.
	Patterns []string `yaml:"patterns"`

	// Validate names a check that the value must pass; empty is none.
	Validate string `yaml:"validate,omitempty"`

	// Whole makes a finding speak of the whole message, not of a place in it.
	Whole bool `yaml:"whole,omitempty"`

	// Links lets a value stand inside a web address. Otherwise the numbers of
	// addresses, mentions and custom emoji are not looked at.
	Links bool `yaml:"links,omitempty"`

	Context  Context  `yaml:"context,omitempty"`
	Examples Examples `yaml:"examples"`
	Source   string   `yaml:"source"`             // where the form is laid down
	Guidance string   `yaml:"guidance,omitempty"` // for people: why it matters, what to do instead

	// Own is the organisation's own form of the check that Validate names,
	// where its directory brings the table for one.
	Own func(value string) bool `yaml:"-"`

	// Where the rule was read, for messages about it.
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

// Validator gives the rule's check, and none where it names none.
func (r Rule) Validator() Validator {
	v := Validators()[r.Validate]
	if r.Own != nil {
		v.Check = r.Own
	}
	return v
}

// Context says how the surroundings of a value change its confidence.
type Context struct {
	// Alone is the confidence of a value with nothing around it, With its
	// confidence when a signal is in reach. Two independent signals are
	// needed for a report, so Alone is under ReportAt unless the structure
	// itself is one that ordinary talk does not produce.
	Alone float64 `yaml:"alone"`
	With  float64 `yaml:"with,omitempty"`

	// Lone is the confidence of a value that is all there is in a message, as
	// in an answer to "what is the registration?".
	Lone float64 `yaml:"lone,omitempty"`

	Words    []string `yaml:"words,omitempty"`    // signals: words in reach; a final * stands for any ending
	Findings []string `yaml:"findings,omitempty"` // signals: findings of these categories in reach
	Also     []string `yaml:"also,omitempty"`     // when given, one of these words is needed besides
	Against  []string `yaml:"against,omitempty"`  // words that speak against it, when nearer than any signal
	Never    []string `yaml:"never,omitempty"`    // words in reach that rule it out

	// Reach is how far signals count: phrase, sentence, message or sender
	// (the message and the sender's messages before it). Empty is message.
	Reach Reach `yaml:"reach,omitempty"`
}

// Reach is how far around a value its signals count.
type Reach string

// The reaches, narrowest first.
const (
	Phrase   Reach = "phrase"   // within about forty characters, in the same sentence
	Sentence Reach = "sentence" // the same sentence or line
	Message  Reach = "message"  // the same message
	Sender   Reach = "sender"   // the message and the sender's few messages before it
)

// Examples prove a rule: it finds something in every hit and nothing in any
// miss.
type Examples struct {
	Hit  []string `yaml:"hit"`
	Miss []string `yaml:"miss"`
}

// Fault is one thing that is wrong with a rule, and where.
type Fault struct {
	File   string
	Line   int
	Rule   string // empty when the fault is about the file
	Reason string
}

func (f Fault) Error() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Rule == "" {
		return where + ": " + f.Reason
	}
	return fmt.Sprintf("%s: rule %s: %s", where, f.Rule, f.Reason)
}

// Categories lists every category that a rule may name, and what it means.
func Categories() map[string]string {
	return map[string]string{
		"bank_account":               "UK sort code and account number",
		"casualty":                   "a casualty, fatality or missing person",
		"child":                      "information about an identifiable child",
		"criminal":                   "offence, arrest or conviction of an identifiable person",
		"decision_significant":       "a significant decision, approval or steer",
		"dob":                        "a date of birth",
		"email":                      "an e-mail address",
		"gov_ref":                    "a reference number that government gives a person",
		"health":                     "the health of an identifiable person",
		"iban":                       "an international bank account number",
		"ip_address":                 "a public IP or MAC address",
		"location":                   "coordinates, a grid reference or a what3words address",
		"logistics_ok":               "plainly permitted logistics; never an alert",
		"marking_international":      "a NATO or EU marking",
		"marking_legacy":             "a marking from before April 2014",
		"marking_official":           "a plain OFFICIAL marking",
		"marking_official_sensitive": "OFFICIAL-SENSITIVE, with or without more",
		"marking_secret":             "SECRET, TOP SECRET and the like",
		"payment_card":               "a payment card number",
		"person_name":                "a full name, or a title and a surname",
		"phone":                      "a subscriber's phone number",
		"scam_link":                  "a link in a phishing or scam message",
		"secret":                     "a password, key, token, PIN or door code given away",
		"special_category":           "ethnicity, religion, politics, union, sex life or immigration status of an identifiable person",
		"tlp":                        "a Traffic Light Protocol label",
		"uk_chi":                     "a Scottish CHI number",
		"uk_driving_licence":         "a driver number",
		"uk_nhs":                     "an NHS or Health and Care number",
		"uk_nino":                    "a National Insurance number",
		"uk_passport":                "a passport number",
		"uk_postcode_address":        "a postcode or an address",
		"uk_utr":                     "a Unique Taxpayer Reference",
		"us_ssn":                     "a US social security number",
		"vehicle_reg":                "a vehicle registration",
		"vulnerable_person":          "a vulnerable person who can be identified",
	}
}
