package detect

import (
	"context"
	"regexp/syntax"
)

// Patterns looks for expressions alone: no checks, no context. Measurements
// use it to hold the engine against others on the same expressions.
type Patterns struct {
	l layer
	s Set
}

// CompilePatterns joins expressions.
func CompilePatterns(exprs []string) (*Patterns, error) {
	p := &Patterns{}
	var parts []*syntax.Regexp
	for _, expr := range exprs {
		re, err := parse(expr)
		if err != nil {
			return nil, err
		}
		one, part, err := compilePattern(ungrouped(re).String(), noRule)
		if err != nil {
			return nil, err
		}
		p.l.patterns, parts = append(p.l.patterns, one), append(parts, part)
	}
	p.l.union = newUnion(parts)
	p.s.scratch.New = func() any { return &scratch{next: make([]int32, len(exprs))} }
	return p, nil
}

// ungrouped takes the groups out of an expression.
func ungrouped(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	for i := range re.Sub {
		re.Sub[i] = ungrouped(re.Sub[i])
	}
	return re
}

// Count normalises a text and says how many matches there are in it of all
// expressions, the leftmost-longest ones that do not overlap.
func (p *Patterns) Count(ctx context.Context, text string) (int, error) {
	w := p.s.scratch.Get().(*scratch)
	defer p.s.scratch.Put(w)
	v := w.builder.view(text)
	defer w.builder.forget()
	if err := p.l.union.look(ctx, v.text, &w.search); err != nil || len(w.hits) == 0 {
		return 0, err
	}
	clear(w.next)
	n := 0
	for _, h := range w.hits {
		one := p.l.patterns[h.pattern]
		n += one.count(v.text, one.earliest(v.text, int(w.next[h.pattern]), int(h.end)), int(h.end)-one.least+1, &w.next[h.pattern], &w.ends, &w.spent)
	}
	return n, nil
}

// CountOf says how many matches there are of one expression in a text that is
// normalised already.
func (p *Patterns) CountOf(pattern int, text string) int {
	var next int32
	return p.l.patterns[pattern].count(text, 0, len(text), &next, &endings{}, &effort{})
}

// count counts the matches that begin in text[from:until].
func (p *pattern) count(text string, from, until int, next *int32, ends *endings, e *effort) int {
	n := 0
	for from < until {
		start, stop := p.next(text, from, until, ends, e)
		from = start
		if stop < 0 {
			break
		}
		n++
		from = stop
	}
	*next = max(*next, int32(from))
	return n
}

// Normalised gives a text as the rules read it.
func Normalised(text string) string { return normalise(text).text }
