// Package policy turns what was found, where and in which circumstances into
// what is to be done: a Situation into a Decision, by closed tables whose rows
// an information-governance officer can read aloud.
//
// It is pure: no clock, no I/O, no randomness. It must not know a platform, a
// rule's pattern or any text of a message.
package policy

import (
	"slices"
	"strings"

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

// Rank orders outcomes by strictness, mildest 0; an unknown outcome is -1.
func (o Outcome) Rank() int { return slices.Index(outcomes, o) }

// Duty is something that an outcome brings with it.
type Duty string

// The duties that a row can bring.
const (
	Ask       Duty = "prompt"                // ask the sender privately
	Capture   Duty = "capture"               // it must be kept as a record (R19 of S0, R31)
	Offer     Duty = "offer"                 // it may be kept as a record, if the sender wants
	Remove    Duty = "delete"                // it must not stay in the chat
	Report    Duty = "report"                // the security officer is told that it happened (R1); of SECRET alone
	ReportUse Duty = "report-use"            // whoever claims exceptional circumstances is reported to the records team and the head of unit (R4)
	ReportAll Duty = "report-administrators" // the chat's administrators are told, and not who (R22)
	Breach    Duty = "breach-record"         // a breach record may be opened from the prompt (R27)
)

var duties = []Duty{Ask, Capture, Offer, Remove, Report, ReportUse, ReportAll, Breach}

// Situation is everything that a decision may depend on. What is not known
// counts as the stricter: an unknown audience as the public, an unknown device
// as a private one.
type Situation struct {
	Facts           // of the sender and the chat; Information is left empty
	Watching   bool // the chat is in watch mode: decide and count, do nothing
	Findings   []rules.Finding
	Exceptions []Exception // those in force here and now
}

// Decision is what is to be done about one message.
type Decision struct {
	Outcome  Outcome
	Duties   []Duty
	Prompt   string // which prompt text is used; empty when none is asked
	Classes  []rules.Class
	Lines    []Line   // the rows that spoke: the one that asks first, then the strictest first
	Spoke    []Spoken // every row that spoke, in the order of the packs
	Facts    Facts    // in which it was made
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

// Spoken is what one row of one pack said about one kind of information in the
// message.
type Spoken struct {
	Line
	Information Information `json:"information"`
	Outcome     Outcome     `json:"outcome"`
	Duties      []Duty      `json:"duties,omitempty"`
	Exception   string      `json:"exception,omitempty"` // the exception that let it pass
	prompt      string
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

// Decide applies the packs to a situation. Each pack says one thing about each
// kind of information in the message; the strictest outcome wins, the strictest
// row that asks names the prompt, and the duties of all are joined (R75).
// SECRET is never kept, whatever else is due (DESIGN invariant 12).
func Decide(packs []Pack, s Situation) Decision {
	d := Decision{Outcome: Permitted, Facts: s.Facts, Watching: s.Watching}
	infos := s.information()
	for _, p := range packs {
		for _, info := range infos {
			facts := s.Facts
			facts.Information = info
			row, ok := p.Find(facts)
			if !ok {
				continue // the pack is not about such chats
			}
			d.Spoke = append(d.Spoke, s.excepted(p, row, info))
		}
	}
	d.conclude()
	if slices.Contains(infos, Secret) {
		d.Duties = slices.DeleteFunc(d.Duties, func(x Duty) bool { return x == Capture || x == Offer })
	}
	return d
}

// excepted is what a row says, unless an exception lets it pass. What must be
// kept is kept all the same, and SECRET is let pass by nobody.
func (s Situation) excepted(p Pack, row *Row, info Information) Spoken {
	sp := Spoken{
		Line:        Line{Pack: p.Title, Version: p.Version, Row: row.ID, Text: row.Line, Source: strings.Join(row.Source, "; ")},
		Information: info, Outcome: row.Outcome, Duties: row.Duties, prompt: row.Prompt,
	}
	for _, x := range s.Exceptions {
		if info == Secret || !x.lifts(p.ID, row.ID) || row.Outcome.Rank() <= WithRegard.Rank() {
			continue
		}
		sp.Outcome, sp.Exception, sp.prompt, sp.Duties = WithRegard, x.ID, "", nil
		if slices.Contains(row.Duties, Capture) {
			sp.Duties, sp.prompt = []Duty{Ask, Capture}, "significant"
		}
		break
	}
	return sp
}

// conclude makes one decision of all that was said.
func (d *Decision) conclude() {
	order := slices.Clone(d.Spoke)
	slices.SortStableFunc(order, func(a, b Spoken) int {
		if x := b.Outcome.Rank() - a.Outcome.Rank(); x != 0 {
			return x
		}
		return a.Information.gravity() - b.Information.gravity()
	})
	if i := slices.IndexFunc(order, func(s Spoken) bool { return slices.Contains(s.Duties, Ask) }); i >= 0 {
		d.Prompt = order[i].prompt
		asks := order[i]
		order = slices.Insert(slices.Delete(order, i, i+1), 0, asks)
	}
	for _, s := range order {
		if s.Outcome.Rank() > d.Outcome.Rank() {
			d.Outcome = s.Outcome
		}
		d.Duties = union(d.Duties, s.Duties)
		if !slices.Contains(d.Lines, s.Line) {
			d.Lines = append(d.Lines, s.Line)
		}
		if len(s.Duties) > 0 {
			d.Classes = union(d.Classes, s.Information.classes())
		}
	}
	slices.SortFunc(d.Duties, func(a, b Duty) int { return slices.Index(duties, a) - slices.Index(duties, b) })
}

func union[T comparable](a, b []T) []T {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
