package rules

import (
	"regexp/syntax"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// plain writes words as texts are read: accents go, and typographic
// apostrophes are plain ones.
func plain(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == '‘' || r == '’':
			return '\''
		case r == '–' || r == '—':
			return '-'
		}
		return r
	}, norm.NFD.String(s))
}

// Kinds of neighbours, as anchors and word boundaries tell them apart.
const (
	atEdge = iota // the beginning or the end of the text
	atNewline
	atWord
	atOther
	kinds
)

const anyKind = 1<<kinds - 1

// canMatch says whether there is any text that a pattern matches, of texts as
// they are read: ASCII alone. It walks the pattern's program, and keeps of the
// text only what kind of character came last and which may come next.
func canMatch(p *syntax.Prog) bool {
	type place struct {
		pc   uint32
		prev int
		next uint8 // kinds that may follow
	}
	seen := map[place]bool{}
	todo := []place{{uint32(p.Start), atEdge, anyKind}, {uint32(p.Start), atOther, anyKind}, {uint32(p.Start), atWord, anyKind}, {uint32(p.Start), atNewline, anyKind}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at.next == 0 || seen[at] {
			continue
		}
		seen[at] = true
		in := &p.Inst[at.pc]
		switch in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, place{in.Arg, at.prev, at.next}, place{in.Out, at.prev, at.next})
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, place{in.Out, at.prev, at.next})
		case syntax.InstEmptyWidth:
			todo = append(todo, place{in.Out, at.prev, at.next & follows(syntax.EmptyOp(in.Arg), at.prev)})
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for kind, may := range runeKinds(in) {
				if may && at.next&(1<<kind) != 0 {
					todo = append(todo, place{in.Out, kind, anyKind})
				}
			}
		}
	}
	return false
}

// matchesNothing says whether a pattern matches the empty text.
func matchesNothing(p *syntax.Prog) bool {
	seen := make([]bool, len(p.Inst))
	todo := []uint32{uint32(p.Start)}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := &p.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^syntax.EmptyOpContext(-1, -1) == 0 {
				todo = append(todo, in.Out)
			}
		}
	}
	return false
}

// follows gives the kinds that may come next where an anchor holds after prev.
func follows(op syntax.EmptyOp, prev int) (next uint8) {
	stand := [kinds]rune{-1, '\n', 'a', ' '}
	for k := range kinds {
		if op&^syntax.EmptyOpContext(stand[prev], stand[k]) == 0 {
			next |= 1 << k
		}
	}
	return next
}

// runeKinds says which kinds of ASCII character an instruction takes.
func runeKinds(in *syntax.Inst) (may [kinds]bool) {
	for r := rune(0); r <= unicode.MaxASCII; r++ {
		kind := atOther
		switch {
		case r == '\n':
			kind = atNewline
		case syntax.IsWordChar(r):
			kind = atWord
		}
		if !may[kind] && in.MatchRune(r) {
			may[kind] = true
		}
	}
	return may
}
