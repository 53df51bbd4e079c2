// Package rules is what people edit to say what Chaperone looks for: the rule
// model, its validators, and the packs of rules with the examples that prove
// them.
//
// It must not scan (internal/detect does), and nothing in it may carry the
// text that a rule matched.
package rules

// Severity orders findings for people: note, caution, serious.
type Severity string

// The severities, mildest first.
const (
	Note    Severity = "note"
	Caution Severity = "caution"
	Serious Severity = "serious"
)

// Finding is one match of one rule. It never holds the matched text.
type Finding struct {
	Rule       string   `json:"rule"`
	Category   string   `json:"category"`   // a name from the list of categories
	Start      int      `json:"start"`      // UTF-8 byte offset into the original text
	End        int      `json:"end"`        // exclusive
	Confidence float64  `json:"confidence"` // 0 to 1; under 0.5 is not reported
	Severity   Severity `json:"severity"`
	Class      Class    `json:"-"`
	Mask       string   `json:"mask"`              // the kind and at most two characters: "NHS number, ending 43"
	Because    []string `json:"because,omitempty"` // the signals, in words; never a value
	In         *In      `json:"in,omitempty"`      // the file that it was found in; nil: in the message
}

// In is where in a file that was posted something was found: numbers, never a
// name. What is 0 is not known.
type In struct {
	Kind  string `json:"kind"` // of the file, such as sheet
	File  int    `json:"file"` // its place among the files of the message, from 1
	Page  int    `json:"page,omitempty"`
	Sheet int    `json:"sheet,omitempty"`
	Slide int    `json:"slide,omitempty"`
	Row   int    `json:"row,omitempty"`
}

// Class is the kind of information that a finding is evidence of. Policy rows
// speak of classes; rules say which class they find. The names are closed.
type Class string

// The classes of information (R1-R3, R13, R14).
const (
	Secret      Class = "secret-or-above" // SECRET, TOP SECRET and the like: R1
	Marked      Class = "marked"          // additionally marked, such as OFFICIAL-SENSITIVE: R2, R3
	Official    Class = "official"        // a plain OFFICIAL marking: nothing to do by itself
	Personal    Class = "personal"        // identifies a person
	Special     Class = "special"         // health, religion, union, … of an identifiable person
	Credential  Class = "credential"      // a password, key or door code given away
	Significant Class = "significant"     // a decision or material change: R6
	Logistical  Class = "logistical"      // plainly permitted logistics: R16
	Suspicious  Class = "suspicious"      // a scam or look-alike link: R22
	Image       Class = "image-of-people" // a picture that shows people: R19
	Misdirected Class = "misdirected"     // a marking that keeps it from somebody who is there: R2
	ForRelease  Class = "for-release"     // marked FOR PUBLIC RELEASE: R14
)

// Valid reports whether c is one of the classes above.
func (c Class) Valid() bool {
	switch c {
	case Secret, Marked, Official, Personal, Special, Credential, Significant, Logistical, Suspicious, Image, Misdirected, ForRelease:
		return true
	}
	return false
}
