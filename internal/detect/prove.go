package detect

import (
	"context"
	"slices"

	"chaperone/rules"
)

// prove scans every example.
func (s *Set) prove() []error {
	var faults []error
	for i := range s.rules {
		r := &s.rules[i]
		for n, text := range r.Examples.Hit {
			if !s.hits(i, text) {
				faults = append(faults, fault(r.Rule, "its hit example %d is not found", n+1))
			}
		}
		for n, text := range r.Examples.Miss {
			if s.finds(i, text) {
				faults = append(faults, fault(r.Rule, "its miss example %d is found", n+1))
			}
		}
	}
	return faults
}

// hits says whether a rule by itself reports something in text, in a place
// where its category is reported in the end: another rule of the category may
// be surer.
func (s *Set) hits(rule int, text string) bool {
	final := s.reported(text)
	v := normalise(text)
	w := s.scratch.Get().(*scratch)
	defer s.scratch.Put(w)
	w.found = w.found[:0]
	if s.candidates(context.Background(), &s.loud, &v, w) != nil || s.candidates(context.Background(), &s.quiet, &v, w) != nil {
		return false
	}
	sc := s.scorer(&v, nil, w)
	for _, c := range sc.scoreAll(w.found) {
		if c.rule != rule || c.confidence < rules.Least(s.rules[rule].Rule) {
			continue
		}
		from, to := v.original(c.start, c.end)
		if slices.ContainsFunc(final, func(f rules.Finding) bool {
			return f.Category == s.rules[rule].Category && f.Start < to && from < f.End
		}) {
			return true
		}
	}
	return false
}

// finds says whether a rule's finding is among those reported of text.
func (s *Set) finds(rule int, text string) bool {
	return slices.ContainsFunc(s.reported(text), func(f rules.Finding) bool { return f.Rule == s.rules[rule].ID })
}

func (s *Set) reported(text string) []rules.Finding {
	found, err := s.Scan(context.Background(), text, Context{All: true})
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(found, func(f rules.Finding) bool {
		least := rules.ReportAt
		if f.Class == rules.Logistical {
			least = rules.Least(rules.Rule{Class: f.Class})
		}
		return f.Confidence < least
	})
}
