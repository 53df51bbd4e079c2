// Package policy turns what was found, where and in which circumstances into
// what is to be done: a Situation into a Decision, by closed tables whose rows
// an information-governance officer can read aloud.
//
// It is pure: no clock, no I/O, no randomness. It must not know a platform, a
// rule's pattern or any text of a message.
package policy

import (
	"slices"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Threshold is the confidence under which a finding is not reported and does
// not prompt.
const Threshold = 0.5

// Outcome says how far a use of the channel is allowed (S0 table, R3). The
// names are closed.
type Outcome string

// The outcomes, mildest first.
const (
	Permitted   Outcome = "permitted"
	WithRegard  Outcome = "permitted-with-regard"
	Care        Outcome = "particular-care"
	Exceptional Outcome = "exceptional-circumstances"
	MustNot     Outcome = "must-not"
)

var outcomes = []Outcome{Permitted, WithRegard, Care, Exceptional, MustNot}

// Duty is something that an outcome brings with it.
type Duty string

// The duties that a row can bring.
const (
	Ask     Duty = "prompt"  // ask the sender privately
	Capture Duty = "capture" // it must be kept as a record (R19 of S0, R31)
	Offer   Duty = "offer"   // it may be kept as a record, if the sender wants
	Remove  Duty = "delete"  // it must not stay in the chat
	Report  Duty = "report"  // the security officer is told that it happened (R1)
)

var duties = []Duty{Ask, Capture, Offer, Remove, Report}

// Situation is everything that a decision may depend on.
type Situation struct {
	Chat     chat.Kind
	Watching bool // the chat is in watch mode: decide and count, do nothing
	Findings []rules.Finding
}

// Decision is what is to be done about one message.
type Decision struct {
	Outcome  Outcome
	Duties   []Duty
	Prompt   string // which prompt text is used; empty when none is asked
	Classes  []rules.Class
	Lines    []Line // the rows that spoke, strictest first
	Watching bool
}

// Line names a row of a pack as it stood when it was applied (R69).
type Line struct {
	Pack    string `json:"pack"`
	Version string `json:"version"`
	Row     string `json:"row"`
	Text    string `json:"text"`
	Source  string `json:"source"`
}

// Has reports whether the decision brings the duty.
func (d Decision) Has(duty Duty) bool { return slices.Contains(d.Duties, duty) }

// Acts reports whether something is to be done, rather than only counted.
func (d Decision) Acts() bool { return d.Has(Ask) && !d.Watching }

// Label is the decision in one word, as contracts and pages show it: clean,
// prompted or watched.
func (d Decision) Label() string {
	switch {
	case !d.Has(Ask):
		return "clean"
	case d.Watching:
		return "watched"
	default:
		return "prompted"
	}
}

// Decide applies the packs to a situation. Among all rows that match, the
// strictest outcome wins and its first row names the prompt; the duties of all
// matching rows are joined (R75). SECRET is never kept, whatever else is due
// (DESIGN invariant 12). With nothing found the outcome is Permitted.
func Decide(packs []Pack, s Situation) Decision {
	d := Decision{Outcome: Permitted, Watching: s.Watching}
	strictest := -1
	for _, p := range packs {
		for _, row := range p.Rows {
			if !row.matches(s) {
				continue
			}
			line := Line{Pack: p.Title, Version: p.Version, Row: row.ID, Text: row.Line, Source: row.Source}
			d.Classes = union(d.Classes, row.When.Information)
			d.Duties = union(d.Duties, row.Duties)
			if rank := slices.Index(outcomes, row.Outcome); rank > strictest {
				strictest = rank
				d.Outcome, d.Prompt = row.Outcome, row.Prompt
				d.Lines = append([]Line{line}, d.Lines...)
			} else {
				d.Lines = append(d.Lines, line)
			}
		}
	}
	if slices.Contains(d.Classes, rules.Secret) {
		d.Duties = slices.DeleteFunc(d.Duties, func(x Duty) bool { return x == Capture || x == Offer })
	}
	slices.SortFunc(d.Duties, func(a, b Duty) int { return slices.Index(duties, a) - slices.Index(duties, b) })
	return d
}

// matches reports whether any reportable finding is of a class and severity
// that the row speaks of, in a chat of a kind that it speaks of.
func (r Row) matches(s Situation) bool {
	if len(r.When.Chat) > 0 && !slices.Contains(r.When.Chat, s.Chat) {
		return false
	}
	return slices.ContainsFunc(s.Findings, func(f rules.Finding) bool {
		return f.Confidence >= Threshold &&
			slices.Contains(r.When.Information, f.Class) &&
			severity(f.Severity) >= severity(r.When.Severity)
	})
}

func severity(s rules.Severity) int {
	switch s {
	case rules.Serious:
		return 2
	case rules.Caution:
		return 1
	default:
		return 0
	}
}

func union[T comparable](a, b []T) []T {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// Rank orders outcomes by strictness, mildest 0; an unknown outcome is -1.
func (o Outcome) Rank() int { return slices.Index(outcomes, o) }
