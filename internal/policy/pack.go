package policy

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v4"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Pack is one policy as data. Every row names the paragraph that it comes from.
type Pack struct {
	ID      string `yaml:"id"`
	Title   string `yaml:"title"`
	Version string `yaml:"version"`
	Owner   string `yaml:"owner"`
	Review  string `yaml:"review"` // the date by which it is to be reviewed, 2006-01-02
	Source  string `yaml:"source"`
	Rows    []Row  `yaml:"rows"`
}

// Row is one line of a policy's table.
type Row struct {
	ID      string    `yaml:"id"`
	When    Condition `yaml:"when"`
	Outcome Outcome   `yaml:"outcome"`
	Duties  []Duty    `yaml:"duties"`
	Prompt  string    `yaml:"prompt"`
	Line    string    `yaml:"line"`
	Source  string    `yaml:"source"`
}

// Condition lists named, closed values. A message meets it when a finding is
// of one of the classes, at least that severe, in one of the kinds of chat
// (any kind, when none is listed).
type Condition struct {
	Information []rules.Class  `yaml:"information"`
	Severity    rules.Severity `yaml:"severity"`
	Chat        []chat.Kind    `yaml:"chat"`
}

var classes = []rules.Class{
	rules.Secret, rules.Marked, rules.Official, rules.Personal, rules.Special,
	rules.Credential, rules.Significant, rules.Logistical, rules.Suspicious,
}

// ReadPack reads one pack and reports every fault in it at once.
func ReadPack(r io.Reader) (Pack, error) {
	var p Pack
	l, err := yaml.NewLoader(r, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		return p, err
	}
	if err := l.Load(&p); err != nil {
		return p, fmt.Errorf("policy pack: %w", err)
	}
	return p, p.check()
}

func (p Pack) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if p.ID == "" || p.Title == "" || p.Version == "" || p.Owner == "" || p.Review == "" {
		fault("policy pack %q: id, title, version, owner and review are all needed", p.ID)
	}
	seen := map[string]bool{}
	for i, r := range p.Rows {
		at := fmt.Sprintf("policy pack %q, row %d (%s)", p.ID, i+1, r.ID)
		if r.ID == "" || seen[r.ID] {
			fault("%s: each row needs an id of its own", at)
		}
		seen[r.ID] = true
		if r.Line == "" || r.Source == "" {
			fault("%s: line and source are needed: which paragraph says so?", at)
		}
		if len(r.When.Information) == 0 {
			fault("%s: when.information is empty, so the row can never apply", at)
		}
		for _, c := range r.When.Information {
			if !slices.Contains(classes, c) {
				fault("%s: %q is no class of information (%v)", at, c, classes)
			}
		}
		for _, k := range r.When.Chat {
			if !k.Valid() {
				fault("%s: %q is no kind of chat (team, emergency, partner, public)", at, k)
			}
		}
		if s := r.When.Severity; s != "" && s != rules.Note && s != rules.Caution && s != rules.Serious {
			fault("%s: %q is no severity (note, caution, serious)", at, s)
		}
		if !slices.Contains(outcomes, r.Outcome) {
			fault("%s: %q is no outcome (%v)", at, r.Outcome, outcomes)
		}
		for _, d := range r.Duties {
			if !slices.Contains(duties, d) {
				fault("%s: %q is no duty (%v)", at, d, duties)
			}
		}
		if slices.Contains(r.Duties, Ask) == (r.Prompt == "") {
			fault("%s: a row with the duty prompt names its prompt text, and only such a row does", at)
		}
	}
	return errors.Join(faults...)
}
