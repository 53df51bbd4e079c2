package policy

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"chaperone/internal/chat"
)

// Pack is one policy as data. Every row names the paragraph that it comes from,
// and what of the policy is no row stands under NotHere with the reason.
type Pack struct {
	ID        string    `yaml:"id"`
	Title     string    `yaml:"title"`
	Version   string    `yaml:"version"`
	Owner     string    `yaml:"owner"`
	Review    string    `yaml:"review"` // the date by which it is to be reviewed, 2006-01-02
	Source    string    `yaml:"source"`
	AppliesTo Condition `yaml:"applies_to"` // where the policy speaks at all; empty: everywhere
	Rows      []Row     `yaml:"rows"`
	Else      *Row      `yaml:"anything_else"` // the last row: whatever no other is about
	Examples  []Example `yaml:"examples"`
	NotHere   []NotHere `yaml:"not_here"`

	scope box
}

// Row is one line of a policy's table.
type Row struct {
	ID      string    `yaml:"id"`
	When    Condition `yaml:"when"`
	Outcome Outcome   `yaml:"outcome"`
	Duties  []Duty    `yaml:"duties"`
	Prompt  string    `yaml:"prompt"`
	Line    string    `yaml:"line"`
	Source  []string  `yaml:"source"` // the paragraphs and table rows that say so
	For     []string  `yaml:"for"`    // the requirements that it fulfils: R1 …

	boxes []box // what it is about; of the last row, whatever is left
}

// Condition lists named, closed values. What it does not name may be anything.
type Condition struct {
	Information []Information `yaml:"information" json:"information,omitempty"`
	Audience    []Audience    `yaml:"audience" json:"audience,omitempty"`
	Device      []Device      `yaml:"device" json:"device,omitempty"`
	Chat        []chat.Kind   `yaml:"chat" json:"chat,omitempty"`
	Role        []Role        `yaml:"role" json:"role,omitempty"`
	State       []State       `yaml:"state" json:"state,omitempty"`
	Channel     []Channel     `yaml:"channel" json:"channel,omitempty"`
	Person      []Protection  `yaml:"person" json:"person,omitempty"`
}

func (c Condition) lists() [conditions][]string {
	return [conditions][]string{
		list(c.Information...), list(c.Audience...), list(c.Device...), list(c.Chat...),
		list(c.Role...), list(c.State...), list(c.Channel...), list(c.Person...),
	}
}

// Example is a worked example: in these circumstances that row speaks. What it
// does not say is the usual: colleagues, a corporate device, a team chat.
type Example struct {
	Say     string `yaml:"say"`
	Message string `yaml:"message"` // what was written, where the rules are to find the information in it
	Facts   `yaml:",inline"`
	Row     string  `yaml:"row"`
	Outcome Outcome `yaml:"outcome"`
}

// Situation is the circumstances of the example.
func (e Example) Situation() Facts {
	v := e.values()
	for i := range v {
		if v[i] == "" {
			v[i] = closed[i].usual
		}
	}
	return factsOf(v)
}

func factsOf(v [conditions]string) Facts {
	return Facts{
		Information(v[ofInformation]), Audience(v[ofAudience]), Device(v[ofDevice]), chat.Kind(v[ofChat]),
		Role(v[ofRole]), State(v[ofState]), Channel(v[ofChannel]), Protection(v[ofPerson]),
	}
}

// NotHere says why a part of the policy is no row.
type NotHere struct {
	Source []string `yaml:"source"`
	Why    string   `yaml:"why"`
	For    []string `yaml:"for"` // the requirements that take care of it elsewhere
}

// otherwiseID names the last row where it has no name of its own.
const otherwiseID = "anything-else"

// Find gives the row that speaks of a combination; none where the pack is not
// about such chats.
func (p *Pack) Find(f Facts) (*Row, bool) {
	at := f.point()
	if !p.scope.meets(at) {
		return nil, false
	}
	for i := range p.Rows {
		if p.Rows[i].meets(at) {
			return &p.Rows[i], true
		}
	}
	return p.Else, p.Else != nil
}

func (r *Row) meets(at box) bool {
	return slices.ContainsFunc(r.boxes, func(b box) bool { return b.meets(at) })
}

// All lists the rows, the last one at the end.
func (p *Pack) All() []*Row {
	var out []*Row
	for i := range p.Rows {
		out = append(out, &p.Rows[i])
	}
	if p.Else != nil {
		out = append(out, p.Else)
	}
	return out
}

// Overdue reports whether the date by which the pack was to be reviewed is over.
func (p *Pack) Overdue(now time.Time) bool {
	by, err := time.ParseInLocation(time.DateOnly, p.Review, now.Location())
	return err == nil && !now.Before(by.AddDate(0, 0, 1))
}

// maxPack and maxRows bound a pack: it is a table that people read.
const (
	maxPack = 1 << 20
	maxRows = 100
)

// ReadPack reads one pack and reports every fault in it at once.
func ReadPack(r io.Reader) (Pack, error) {
	var p Pack
	l, err := yaml.NewLoader(io.LimitReader(r, maxPack), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		return p, err
	}
	if err := l.Load(&p); err != nil {
		return p, fmt.Errorf("policy pack: %w", err)
	}
	return p, p.check()
}

// checker collects what is wrong with a pack.
type checker struct {
	pack   *Pack
	faults []error
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("policy pack %q"+format, append([]any{c.pack.ID}, args...)...))
}

func (p *Pack) check() error {
	c := &checker{pack: p}
	if p.ID == "" || p.Title == "" || p.Version == "" || p.Owner == "" || p.Review == "" || p.Source == "" {
		c.fault(": id, title, version, owner, review and source are all needed")
	}
	if _, err := time.Parse(time.DateOnly, p.Review); p.Review != "" && err != nil {
		c.fault(": review %q is no date: write one such as 2027-03-31", p.Review)
	}
	if len(p.Rows) > maxRows {
		c.fault(" has %d rows: nobody reads more than %d aloud", len(p.Rows), maxRows)
		return errors.Join(c.faults...)
	}
	p.scope = c.box(", applies_to", p.AppliesTo)
	if p.Else != nil && p.Else.ID == "" {
		p.Else.ID = otherwiseID
	}
	seen := map[string]bool{}
	for i, r := range p.All() {
		at := fmt.Sprintf(", row %d (%s)", i+1, r.ID)
		if r.ID == "" || seen[r.ID] {
			c.fault("%s: each row needs an id of its own", at)
		}
		seen[r.ID] = true
		c.row(at, r)
		r.boxes = []box{c.box(at, r.When)}
	}
	if p.Else != nil {
		if p.Else.boxes[0] != everything() {
			c.fault(", row %s: the last row has no conditions: it is about whatever is left", p.Else.ID)
		}
		p.Else.boxes = nil
	}
	if len(c.faults) == 0 { // a value that does not exist would look uncovered too
		c.prove()
		c.safe()
		c.examples()
	}
	for i, n := range p.NotHere {
		if len(n.Source) == 0 || n.Why == "" {
			c.fault(", not_here %d: say which paragraph, and why", i+1)
		}
	}
	return errors.Join(c.faults...)
}

func (c *checker) row(at string, r *Row) {
	if r.Line == "" || len(r.Source) == 0 {
		c.fault("%s: line and source are needed: which paragraph says so?", at)
	}
	if !slices.Contains(outcomes, r.Outcome) {
		c.fault("%s: %q is no outcome (%v)", at, r.Outcome, outcomes)
	}
	for _, d := range r.Duties {
		if !slices.Contains(duties, d) {
			c.fault("%s: %q is no duty (%v)", at, d, duties)
		}
	}
	if slices.Contains(r.Duties, Ask) == (r.Prompt == "") {
		c.fault("%s: a row with the duty prompt names its prompt text, and only such a row does", at)
	}
	if !slices.Contains(r.Duties, Ask) && (slices.Contains(r.Duties, Remove) || slices.Contains(r.Duties, Offer)) {
		c.fault("%s: whoever is to delete or may keep something is asked: add the duty prompt", at)
	}
}

// box turns a condition into bits.
func (c *checker) box(at string, when Condition) box {
	b := everything()
	for i, values := range when.lists() {
		if len(values) == 0 {
			continue
		}
		b[i] = 0
		for _, v := range values {
			n := slices.Index(closed[i].values, v)
			if n < 0 {
				c.fault("%s: %q is no value of %s (%s)", at, v, closed[i].name, strings.Join(closed[i].values, ", "))
				continue
			}
			b[i] |= 1 << n
		}
	}
	return b
}

// examples runs the worked examples. Every row has one.
func (c *checker) examples() {
	shown := map[string]bool{}
	for i, e := range c.pack.Examples {
		at := fmt.Sprintf(", example %d (%s)", i+1, e.Say)
		if e.Say == "" || e.Row == "" || e.Outcome == "" {
			c.fault("%s: say, row and outcome are needed", at)
			continue
		}
		shown[e.Row] = true
		for d, v := range e.values() {
			if v != "" && !slices.Contains(closed[d].values, v) {
				c.fault("%s: %q is no value of %s (%s)", at, v, closed[d].name, strings.Join(closed[d].values, ", "))
			}
		}
		row, ok := c.pack.Find(e.Situation())
		switch {
		case !ok:
			c.fault("%s: the pack is not about such a case", at)
		case row.ID != e.Row:
			c.fault("%s: row %s speaks, and not %s", at, row.ID, e.Row)
		case row.Outcome != e.Outcome:
			c.fault("%s: row %s says %s, and not %s", at, row.ID, row.Outcome, e.Outcome)
		}
	}
	for _, r := range c.pack.All() {
		if !shown[r.ID] {
			c.fault(", row %s: no example shows it: every row has one that proves it", r.ID)
		}
	}
}
