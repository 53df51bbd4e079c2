package detect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"chaperone/rules"
)

// scorer weighs the candidates of one text.
type scorer struct {
	set    *Set
	v      *view
	before []string

	beforeRead  bool
	beforeFound []string
}

// scored is a candidate with its weight.
type scored struct {
	candidate
	confidence float64
	because    []string
}

// weigh turns candidates into findings: rules that need only words first,
// then those that lean on findings of others; then one finding for a place.
func (sc *scorer) weigh(found []candidate) []finding {
	return sc.findings(sc.resolve(sc.scoreAll(found)))
}

func (sc *scorer) scoreAll(found []candidate) []scored {
	first := make([]scored, 0, len(found))
	for _, c := range found {
		if len(sc.set.rules[c.rule].Context.Findings) == 0 {
			first = append(first, sc.score(c, nil))
		}
	}
	all := first
	for _, c := range found {
		if len(sc.set.rules[c.rule].Context.Findings) > 0 {
			all = append(all, sc.score(c, first))
		}
	}
	return all
}

func (sc *scorer) score(c candidate, others []scored) scored {
	r := &sc.set.rules[c.rule]
	out := scored{candidate: c, confidence: r.Context.Alone}
	out.because = append(out.because, "it has the form of "+article(r.Title))
	if r.Validate != "" && spread(sc.v.text[c.start:c.end]) {
		out.confidence *= 0.5
		out.because = append(out.because, "it is written spread out")
	}
	if r.check.Says != "" {
		out.because = append(out.because, r.check.Says)
	}
	if r.isMarking() && shouting(sc.v.text, c) {
		out.confidence *= 0.5
		out.because = append(out.because, "everything around it is in capitals too")
	}
	lo, hi := sc.reach(r.Context.Reach, c)
	signal, distance, near := r.words.nearest(sc.v.text, lo, hi, c.start, c.end)
	if near {
		signal = fmt.Sprintf("%q is near it", signal)
	} else if signal, distance, near = sc.beside(r, c, others, lo, hi); !near {
		signal, near = sc.earlier(r)
		distance = len(sc.v.text)
	}
	if near && len(r.Context.Also) > 0 {
		var also string
		also, _, near = r.also.nearest(sc.v.text, lo, hi, c.start, c.end)
		signal += fmt.Sprintf(", and %q", also)
	}
	if near && r.Context.With > out.confidence {
		out.confidence = r.Context.With
		out.because = append(out.because, signal)
	}
	slo, shi := sentence(sc.v.text, c.start, c.end)
	if w, d, ok := r.against.nearest(sc.v.text, slo, shi, c.start, c.end); ok && (!near || d < distance) {
		out.confidence *= 0.4
		out.because = append(out.because, fmt.Sprintf("%q speaks against it", w))
	}
	if w, _, ok := r.never.nearest(sc.v.text, slo, shi, slo, slo); ok {
		out.confidence = min(out.confidence, 0.1)
		out.because = append(out.because, fmt.Sprintf("%q rules it out", w))
	}
	return out
}

func (r *compiled) isMarking() bool {
	return r.Class == rules.Secret || r.Class == rules.Marked || r.Class == rules.Official
}

// shouting says whether the sentence around a value is in capitals too, so
// that capitals mean nothing.
func shouting(text string, c candidate) bool {
	lo, hi := sentence(text, c.start, c.end)
	small, capitals := 0, 0
	for i := lo; i < hi; i++ {
		switch b := text[i]; {
		case i >= c.start && i < c.end:
		case b >= 'a' && b <= 'z':
			small++
		case b >= 'A' && b <= 'Z':
			capitals++
		}
	}
	return capitals > 12 && capitals > 4*small
}

// phraseBefore and phraseAfter are how far a phrase reaches, in bytes.
const (
	phraseBefore = 48
	phraseAfter  = 32
)

func (sc *scorer) reach(reach rules.Reach, c candidate) (int, int) {
	switch reach {
	case rules.Phrase:
		lo, hi := sentence(sc.v.text, c.start, c.end)
		return max(lo, c.start-phraseBefore), min(hi, c.end+phraseAfter)
	case rules.Sentence:
		return sentence(sc.v.text, c.start, c.end)
	}
	return 0, len(sc.v.text)
}

// signalAt is the confidence from which a finding counts as a signal for
// another: two that are each unsure make each other likely.
const signalAt = 0.4

// beside looks for a finding of a category that the rule leans on.
func (sc *scorer) beside(r *compiled, c candidate, others []scored, lo, hi int) (signal string, distance int, ok bool) {
	if len(r.Context.Findings) == 0 {
		return "", 0, false
	}
	for _, o := range others {
		or := &sc.set.rules[o.rule]
		apart := max(c.start-o.end, o.start-c.end)
		if apart < 0 || o.confidence < signalAt || o.start < lo || o.end > hi || !slices.Contains(r.Context.Findings, or.Category) {
			continue
		}
		if !ok || apart < distance {
			signal, distance, ok = article(or.Title)+" is with it", apart, true
		}
	}
	if !ok && slices.Contains(r.Context.Findings, "person_name") && sc.givenName(c) {
		return "a given name is with it", 0, true
	}
	return signal, distance, ok
}

// givenName looks for a given name alone in the sentence of c, or for two
// words that may be a name: no finding, but enough to make what is said there
// about somebody.
func (sc *scorer) givenName(c candidate) bool {
	text := sc.v.text
	lo, hi := sentence(text, c.start, c.end)
	last, lastEnd := "", -2
	for i := lo; i < hi; {
		if !isWordByte(text[i]) {
			i++
			continue
		}
		j := i
		for j < hi && isWordByte(text[j]) {
			j++
		}
		word := strings.TrimSuffix(text[i:j], "'s")
		if (j <= c.start || i >= c.end) && !inMarkup(text, i) {
			if rules.IsGivenName(word) || lastEnd == i-1 && rules.MaybeName(last, word) {
				return true
			}
		}
		last, lastEnd = word, j
		i = j
	}
	return false
}

// earlier looks for the rule's signals in the sender's messages before.
func (sc *scorer) earlier(r *compiled) (string, bool) {
	if r.Context.Reach != rules.Sender {
		return "", false
	}
	for i := len(sc.before) - 1; i >= 0; i-- {
		v := normalise(sc.before[i])
		if w, _, ok := r.words.nearest(v.text, 0, len(v.text), len(v.text), len(v.text)); ok {
			return fmt.Sprintf("%q is in the sender's message before", w), true
		}
	}
	if len(r.Context.Findings) == 0 {
		return "", false
	}
	for _, c := range sc.foundBefore() {
		if slices.Contains(r.Context.Findings, c) {
			return strings.ReplaceAll(c, "_", " ") + " is in the sender's message before", true
		}
	}
	return "", false
}

// foundBefore gives the categories of what the sender's messages before hold,
// found once for a message.
func (sc *scorer) foundBefore() []string {
	if sc.beforeRead {
		return sc.beforeFound
	}
	sc.beforeRead = true
	for _, text := range sc.before {
		v := normalise(text)
		w := sc.set.scratch.Get().(*scratch)
		if sc.set.candidates(context.Background(), &v, w) == nil {
			inner := scorer{set: sc.set, v: &v}
			for _, f := range inner.weigh(w.found) {
				if f.Confidence >= signalAt {
					sc.beforeFound = append(sc.beforeFound, f.Category)
				}
			}
		}
		sc.set.scratch.Put(w)
	}
	return sc.beforeFound
}

// resolve leaves one finding for a place: the surest, then the longest.
func (sc *scorer) resolve(all []scored) []scored {
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.confidence, a.confidence), cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(a.start, b.start))
	})
	var kept []scored
	for _, c := range all {
		r := &sc.set.rules[c.rule]
		if !slices.ContainsFunc(kept, func(k scored) bool {
			kr := &sc.set.rules[k.rule]
			if r.Whole || kr.Whole {
				return r.Whole && kr.Whole && r.Category == kr.Category
			}
			return c.start < k.end && k.start < c.end
		}) {
			kept = append(kept, c)
		}
	}
	slices.SortStableFunc(kept, func(a, b scored) int { return cmp.Compare(a.start, b.start) })
	return kept
}

// finding is a finding with its place in the view it was found in.
type finding struct {
	rules.Finding
	start, end int
	whole      bool
}

func (sc *scorer) findings(kept []scored) []finding {
	out := make([]finding, 0, len(kept))
	for _, k := range kept {
		r := &sc.set.rules[k.rule]
		f := finding{start: k.start, end: k.end, whole: r.Whole, Finding: rules.Finding{
			Rule: r.ID, Category: r.Category, Confidence: k.confidence, Severity: r.Severity,
			Class: r.Class, Mask: mask(r.Rule, sc.v.text[k.start:k.end]), Because: k.because,
		}}
		f.Start, f.End = sc.v.original(k.start, k.end)
		if r.Whole {
			f.Start, f.End = 0, sc.v.length()
		}
		out = append(out, f)
	}
	return out
}

// mask names the kind of thing, and at most the last two characters of a
// number long enough that two of them give nothing away. Nothing of a
// credential is shown.
func mask(r rules.Rule, value string) string {
	if r.Class == rules.Credential || r.Whole {
		return r.Title
	}
	digits, tail := 0, make([]byte, 0, 2)
	for i := len(value) - 1; i >= 0; i-- {
		c := value[i]
		digit := c >= '0' && c <= '9'
		if digit {
			digits++
		}
		if len(tail) < 2 && (digit || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			tail = append(tail, c)
		}
	}
	if digits < 6 {
		return r.Title
	}
	slices.Reverse(tail)
	return r.Title + ", ending " + string(tail)
}

func article(title string) string {
	switch title[0] {
	case 'a', 'e', 'i', 'o', 'A', 'E', 'I', 'O', 'N':
		return "an " + title
	}
	return "a " + title
}
