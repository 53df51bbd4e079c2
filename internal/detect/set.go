// Package detect finds in the text of a message what the rules describe: it
// normalises the text, finds candidates for all rules, and weighs each by its
// form, its check and its surroundings.
//
// It must not decide what is done about a finding, must not keep or log text,
// and must not say "clean" of a text that it did not read to the end.
package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Context is what is known around a message.
type Context struct {
	Before []string // earlier messages of the same sender, oldest first
	Kind   chat.Kind
	All    bool // give also what is known and never reported: logistics
}

// Set is a compiled set of rules. It is safe for concurrent use and never
// changes; to use other rules, compile another set and swap it in.
type Set struct {
	rules   []compiled
	loud    layer // everything that may be reported
	quiet   layer // logistics, known and never reported
	scratch sync.Pool

	lexicon   *lexicon
	referring *wordSet // words that go on about somebody named before
}

// layer is a group of patterns that are looked for together.
type layer struct {
	patterns []*pattern
	union    union
}

// noRule marks the pattern that belongs to no rule.
const noRule = -1

// unionStates bounds the memory of the automaton of all rules: more states are
// slower than beginning anew, since what is used of them lies apart.
const unionStates = 1 << 16

// scratch is what one scan needs and the next can use again.
type scratch struct {
	search
	next   []int32 // per pattern, the first place where a match may still begin
	found  []candidate
	scored []scored
	said   said // in the text
	before said // in the messages before
	view   view

	builder viewBuilder
	ends    endings  // of the match that is looked at
	spelled [][2]int // runs of digits in words
}

// compiled is one rule, ready to use.
type compiled struct {
	rules.Rule
	check   rules.Validator
	words   *wordSet
	also    *wordSet
	against *wordSet
	never   *wordSet
}

// Compile builds a set and proves it: each rule must find something in each of
// its hits and nothing in any of its misses. Every fault of every rule is
// reported at once.
func Compile(list []rules.Rule) (*Set, error) {
	if err := check(list); err != nil {
		return nil, err
	}
	s, err := build(list)
	if err != nil {
		return nil, err
	}
	if faults := s.prove(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

// CompileUnproved builds a set without its proof: of rules that were checked
// and proved before, and for measurements, where rules stand without those that
// their examples need.
func CompileUnproved(list []rules.Rule) (*Set, error) { return build(list) }

// Load compiles the rules of an organisation's directory and gives them too.
// Without a directory they are our own, which the tests have proved.
func Load(dir string) (*Set, []rules.Rule, error) {
	list, err := rules.LoadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	compile := Compile
	if dir == "" {
		compile = CompileUnproved
	}
	set, err := compile(list)
	return set, list, err
}

// check says what is wrong with rules before anything is built of them.
func check(list []rules.Rule) error {
	var faults []error
	seen := map[string]bool{}
	for _, r := range list {
		for _, reason := range rules.Check(r) {
			faults = append(faults, fault(r, "%s", reason))
		}
		if seen[r.ID] {
			faults = append(faults, fault(r, "this id is used twice"))
		}
		seen[r.ID] = true
	}
	return errors.Join(faults...)
}

// build compiles without checking and proving.
func build(list []rules.Rule) (*Set, error) {
	s := &Set{lexicon: newLexicon()}
	for _, r := range list {
		s.rules = append(s.rules, s.compile(r))
	}
	faults := append(s.loud.build(list, false), s.quiet.build(list, true)...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s.referring = s.lexicon.set([]string{"she", "she's", "shes", "he", "he's", "hes", "her", "his", "him", "they", "they're", "them", "their", "patient", "resident", "the lady", "the gentleman", "mae hi", "mae o", "mae e", "ganddi", "ganddo"})
	room := max(len(s.loud.patterns), len(s.quiet.patterns))
	s.lexicon.learnSlips()
	sets := len(s.lexicon.sets)
	s.scratch.New = func() any {
		return &scratch{next: make([]int32, room), said: newSaid(sets), before: newSaid(sets)}
	}
	return s, nil
}

// build joins the patterns of the rules that are quiet, or of those that are not.
func (l *layer) build(list []rules.Rule, quiet bool) []error {
	var faults []error
	var parts []*syntax.Regexp
	for i, r := range list {
		if (r.Class == rules.Logistical) != quiet {
			continue
		}
		for _, expr := range r.Patterns {
			p, part, err := compilePattern(expr, i)
			if err != nil {
				faults = append(faults, fault(r, "pattern %q: %v", expr, err))
				continue
			}
			l.patterns, parts = append(l.patterns, p), append(parts, part)
		}
	}
	if !quiet {
		words, part, err := compilePattern(spelledPattern, noRule)
		if err != nil {
			faults = append(faults, fmt.Errorf("the pattern for digits in words: %w", err))
		} else {
			l.patterns, parts = append(l.patterns, words), append(parts, part)
		}
	}
	l.union = newUnion(parts)
	return faults
}

func fault(r rules.Rule, format string, args ...any) error {
	return rules.Fault{File: r.File, Line: r.Line, Rule: r.ID, Reason: fmt.Sprintf(format, args...)}
}

func (s *Set) compile(r rules.Rule) compiled {
	c := compiled{Rule: r, check: r.Validator()}
	c.words = s.lexicon.set(r.Context.Words)
	c.also = s.lexicon.set(r.Context.Also)
	c.against = s.lexicon.set(r.Context.Against)
	c.never = s.lexicon.set(r.Context.Never)
	return c
}

// Scan finds everything in text, however unsure; callers leave out what is
// under rules.ReportAt. When it returns an error the text is not known to be
// clean, and the findings are nil.
func (s *Set) Scan(ctx context.Context, text string, c Context) ([]rules.Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("scan: the text has %d bytes, more than the %d that are read at once: split it", len(text), MaxText)
	}
	w := s.scratch.Get().(*scratch)
	w.view = w.builder.view(text)
	found, err := s.scan(ctx, &w.view, w, c)
	w.view = view{}
	w.builder.forget()
	s.scratch.Put(w)
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	return found, nil
}

// scan finds everything in a text and in the further views of it that it asks
// for.
func (s *Set) scan(ctx context.Context, v *view, w *scratch, c Context) ([]rules.Finding, error) {
	found, err := s.read(ctx, v, w, c)
	if err != nil {
		return nil, err
	}
	if runs := slices.Clone(w.spelled); len(runs) > 0 {
		sv, digits := spelled(v, runs)
		more, err := s.read(ctx, &sv, w, c)
		if err != nil {
			return nil, err
		}
		found = merge(found, more, func(f finding) bool {
			return slices.ContainsFunc(digits, func(d [2]int) bool { return f.start < d[1] && d[0] < f.end })
		})
	}
	if len(c.Before) > 0 {
		if jv, cut, ok := joined(c.Before[len(c.Before)-1], v); ok {
			more, err := s.read(ctx, &jv, w, c)
			if err != nil {
				return nil, err
			}
			found = merge(found, more, func(f finding) bool { return f.start < cut && cut < f.end })
		}
	}
	raise(found)
	return reports(found), nil
}

// read finds and weighs everything in one view of a text.
func (s *Set) read(ctx context.Context, v *view, w *scratch, c Context) ([]finding, error) {
	w.found, w.spelled = w.found[:0], w.spelled[:0]
	if err := s.candidates(ctx, &s.loud, v, w); err != nil {
		return nil, err
	}
	if c.All {
		if err := s.candidates(ctx, &s.quiet, v, w); err != nil {
			return nil, err
		}
	}
	if len(w.found) == 0 {
		return nil, nil
	}
	// Which of two equals comes first must not hang on where the automaton met them.
	slices.SortStableFunc(w.found, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.start, b.start)) })
	sc := s.scorer(v, c.Before, w)
	found := sc.weigh(w.found)
	w.scored = sc.all
	return found, nil
}

// merge adds to found those of another view that count there and lie where
// nothing surer was found.
func merge(found, more []finding, counts func(finding) bool) []finding {
	for _, m := range more {
		if !counts(m) || m.whole {
			continue
		}
		if !slices.ContainsFunc(found, func(f finding) bool {
			return !f.whole && f.Start < m.End && m.Start < f.End && f.Confidence >= m.Confidence
		}) {
			found = append(found, m)
		}
	}
	return found
}

func reports(found []finding) []rules.Finding {
	if len(found) == 0 {
		return nil
	}
	out := make([]rules.Finding, len(found))
	for i := range found {
		out[i] = found[i].Finding
	}
	return out
}

// candidate gives the longest match from start whose value is accepted. A
// value may run on into what follows it, so shorter matches are tried too.
func (s *Set) candidate(v *view, p *pattern, start, stop int, w *scratch) (candidate, bool) {
	r := &s.rules[p.rule]
	try := func(stop int) (candidate, bool) {
		c := candidate{rule: p.rule}
		c.start, c.end = p.locate(v.text, start, stop, &w.spent)
		w.spent.checks++
		return c, r.accepts(v.text, c)
	}
	c, ok := try(stop)
	if ok || r.check.Check == nil || !rules.Shortens(r.Validate) || r.check.Next == nil && !strings.ContainsAny(v.text[start:stop], "0123456789") {
		return c, ok
	}
	for n := 1; n < min(w.ends.n, len(w.ends.at)); n++ {
		if end := w.ends.last(n); end > start {
			if c, ok := try(end); ok {
				return c, true
			}
		}
	}
	return candidate{}, false
}

// accepts says whether a candidate passes the rule's check and stands where
// the rule may look.
func (r *compiled) accepts(text string, c candidate) bool {
	if r.check.Check != nil && !r.check.Check(text[c.start:c.end]) {
		return false
	}
	if r.check.Next != nil && !r.check.Next(nextWord(text[c.end:])) {
		return false
	}
	return r.Links || !inMarkup(text, c.start)
}

// nextWord gives the word that follows at once.
func nextWord(text string) string {
	text = strings.TrimPrefix(text, " ")
	n := 0
	for n < len(text) && isWordByte(text[n]) {
		n++
	}
	return text[:n]
}

// MaxText is the longest text, in bytes, that Scan reads at once.
const MaxText = 256 << 20

// candidate is one match of one pattern, before anything is weighed.
type candidate struct {
	rule       int
	start, end int // the value, in the view
}

// candidates adds to w every match whose value passes its check. For each
// place where a pattern may end, the pattern's own automaton looks for where
// it begins; each beginning is tried once.
func (s *Set) candidates(ctx context.Context, l *layer, v *view, w *scratch) error {
	if err := l.union.look(ctx, v.text, &w.search); err != nil || len(w.hits) == 0 {
		return err
	}
	clear(w.next)
	for n, h := range w.hits {
		if n%256 == 255 && ctx.Err() != nil {
			return ctx.Err()
		}
		s.locate(l, v, h, w)
	}
	return nil
}

// locate tries the beginnings from which the pattern of h may reach its end.
func (s *Set) locate(l *layer, v *view, h hit, w *scratch) {
	p := l.patterns[h.pattern]
	end := int(h.end)
	before := end - p.least + 1
	start := p.earliest(v.text, int(w.next[h.pattern]), end)
	for ; start < before; start++ {
		var stop int
		if start, stop = p.next(v.text, start, before, &w.ends, &w.spent); stop < 0 {
			break
		}
		if p.rule == noRule {
			w.spelled = append(w.spelled, [2]int{start, stop})
			start = stop - 1
			continue
		}
		if c, ok := s.candidate(v, p, start, stop, w); ok {
			w.found = append(w.found, c)
			start = stop - 1
		} else if p.open {
			start = stop - 1
		}
	}
	w.next[h.pattern] = int32(max(start, int(w.next[h.pattern])))
}
