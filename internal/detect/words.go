package detect

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// wordSet finds words and phrases in a text, whatever their case. A word
// ending in * stands for all words that begin so.
type wordSet struct {
	first map[string][]phrase // by the first word, whole
	stems map[string][]phrase // by the first letters, for words ending in *
	size  int
}

type phrase struct {
	words []string // lower case; the last may end in *
	shown string
}

func newWordSet(words []string) *wordSet {
	s := &wordSet{first: map[string][]phrase{}, stems: map[string][]phrase{}, size: len(words)}
	for _, w := range words {
		p := phrase{words: strings.FieldsFunc(strings.ToLower(w), func(r rune) bool { return r == ' ' || r == '-' || r == '.' || r == '/' }), shown: w}
		if len(p.words) == 0 {
			continue
		}
		head := p.words[0]
		if stem, ok := strings.CutSuffix(head, "*"); ok {
			key := stem[:min(len(stem), stemKey)]
			s.stems[key] = append(s.stems[key], p)
			continue
		}
		s.first[head] = append(s.first[head], p)
	}
	return s
}

const stemKey = 3

// wordAt is a phrase of a set in a text.
type wordAt struct {
	start, end int
	shown      string
}

// nearest gives the phrase nearest to [at, until) among those that lie in
// text[lo:hi] and not within the value, and its distance in bytes.
func (s *wordSet) nearest(text string, lo, hi, at, until int) (shown string, distance int, ok bool) {
	if s.size == 0 {
		return "", 0, false
	}
	s.each(text, lo, hi, func(w wordAt) {
		if d := w.distance(at, until); d >= 0 && (!ok || d < distance) {
			shown, distance, ok = w.shown, d, true
		}
	})
	return shown, distance, ok
}

// distance is how far a phrase is from [at, until), or -1 where they overlap.
func (w wordAt) distance(at, until int) int {
	switch {
	case w.end <= at:
		return at - w.end
	case w.start >= until:
		return w.start - until
	}
	return -1
}

// nearestOf is nearest among phrases found before. It looks at a few to either
// side of the value: they are in order.
func nearestOf(places []wordAt, lo, hi, at, until int) (shown string, distance int, ok bool) {
	i, _ := slices.BinarySearchFunc(places, at, func(w wordAt, at int) int { return cmp.Compare(w.start, at) })
	try := func(w wordAt) {
		if w.start < lo || w.end > hi {
			return
		}
		if d := w.distance(at, until); d >= 0 && (!ok || d < distance) {
			shown, distance, ok = w.shown, d, true
		}
	}
	const few = 8
	for _, w := range places[max(0, i-few):i] {
		try(w)
	}
	for j := i; j < len(places) && (places[j].start < until || j < i+few); j++ {
		try(places[j])
	}
	return shown, distance, ok
}

// lexicon is all the word sets of a Set in one, so that a long text is read
// once for all of them.
type lexicon struct {
	sets  map[string]*wordSet // by their words
	first map[string][]entry
	stems map[string][]entry
}

// entry is a phrase of one of the sets.
type entry struct {
	phrase
	of *wordSet
}

func newLexicon() *lexicon {
	return &lexicon{map[string]*wordSet{}, map[string][]entry{}, map[string][]entry{}}
}

// set gives the set of some words.
func (x *lexicon) set(words []string) *wordSet {
	key := strings.Join(words, "\n")
	if s, ok := x.sets[key]; ok {
		return s
	}
	s := newWordSet(words)
	x.sets[key] = s
	enter := func(to map[string][]entry, from map[string][]phrase) {
		for word, phrases := range from {
			for _, p := range phrases {
				to[word] = append(to[word], entry{p, s})
			}
		}
	}
	enter(x.first, s.first)
	enter(x.stems, s.stems)
	return s
}

// around gives every phrase of every set within reach of some candidates, in
// order.
func (x *lexicon) around(text string, found []candidate) map[*wordSet][]wordAt {
	out := map[*wordSet][]wordAt{}
	done := 0
	for _, c := range slices.SortedFunc(slices.Values(found), func(a, b candidate) int { return cmp.Compare(a.start, b.start) }) {
		lo, hi := max(done, c.start-farthest), min(len(text), c.end+farthest)
		for lo > done && isWordByte(text[lo-1]) {
			lo--
		}
		if lo < hi {
			done = x.each(text, lo, hi, out)
		}
	}
	return out
}

// farthest is how far a signal can be from a value, sentences included.
const farthest = messageReach + sentenceReach

// each adds to out every phrase that begins in text[lo:hi], and gives the place
// up to which it read.
func (x *lexicon) each(text string, lo, hi int, out map[*wordSet][]wordAt) int {
	var low [48]byte
	i := lo
	for i < hi {
		if !isWordByte(text[i]) {
			i++
			continue
		}
		j := i
		for j < len(text) && isWordByte(text[j]) {
			j++
		}
		if j-i <= len(low) {
			w := lower(low[:0], text[i:j])
			try := func(entries []entry) {
				for k := range entries {
					e := &entries[k]
					if end := e.matchAt(text, i, len(text)); end >= 0 {
						out[e.of] = append(out[e.of], wordAt{i, end, e.shown})
					}
				}
			}
			try(x.first[string(w)])
			if len(w) >= stemKey {
				try(x.stems[string(w[:stemKey])])
			}
		}
		i = j
	}
	return i
}

// each calls f for every phrase of the set that lies in text[lo:hi].
func (s *wordSet) each(text string, lo, hi int, f func(wordAt)) {
	var low [48]byte
	for i := lo; i < hi; {
		if !isWordByte(text[i]) {
			i++
			continue
		}
		j := i
		for j < hi && isWordByte(text[j]) {
			j++
		}
		if j-i <= len(low) {
			w := lower(low[:0], text[i:j])
			for _, p := range s.first[string(w)] {
				if end := p.matchAt(text, i, hi); end >= 0 {
					f(wordAt{i, end, p.shown})
				}
			}
			if owner, ok := bytes.CutSuffix(w, []byte("'s")); ok {
				for _, p := range s.first[string(owner)] {
					if end := p.matchAt(text, i, hi); end >= 0 {
						f(wordAt{i, end, p.shown})
					}
				}
			}
			if len(w) >= stemKey {
				for _, p := range s.stems[string(w[:stemKey])] {
					if end := p.matchAt(text, i, hi); end >= 0 {
						f(wordAt{i, end, p.shown})
					}
				}
			}
		}
		i = j
	}
}

// matchAt gives the end of the phrase at text[i:], or -1.
func (p phrase) matchAt(text string, i, hi int) int {
	for k, w := range p.words {
		if k > 0 {
			n := 0
			for i < hi && !isWordByte(text[i]) && n < 3 {
				i, n = i+1, n+1
			}
		}
		j := i
		for j < hi && isWordByte(text[j]) {
			j++
		}
		stem, open := strings.CutSuffix(w, "*")
		if j-i == len(stem)+2 && strings.HasSuffix(text[i:j], "'s") { // the same word, and what it has or is
			open = true
		}
		if j-i < len(stem) || !open && j-i != len(stem) || !strings.EqualFold(text[i:i+len(stem)], stem) {
			return -1
		}
		i = j
	}
	return i
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '\'' || c == '&'
}

func lower(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// sentenceReach is how far a sentence may go on to either side: a bound, so
// that a text without full stops costs no more than another.
const sentenceReach = 500

// sentence gives the bounds of the sentence or line around [start, end).
func sentence(text string, start, end int) (int, int) {
	lo, hi := start, end
	for lo > 0 && start-lo < sentenceReach && !sentenceEnd(text, lo-1) {
		lo--
	}
	for hi < len(text) && hi-end < sentenceReach && !sentenceEnd(text, hi) {
		hi++
	}
	return lo, hi
}

// sentenceEnd says whether text[i] ends a sentence: a line break, or a full
// stop, question or exclamation mark before white space, except after a
// title or abbreviation such as "no." or "Mrs.".
func sentenceEnd(text string, i int) bool {
	switch text[i] {
	case '\n':
		return true
	case '!', '?':
		return i+1 >= len(text) || text[i+1] == ' ' || text[i+1] == '\n'
	case '.':
		if i+1 < len(text) && text[i+1] != ' ' && text[i+1] != '\n' {
			return false
		}
		j := i
		for j > 0 && isWordByte(text[j-1]) {
			j--
		}
		if i-j == 1 && text[j] >= 'A' { // an initial, or d.o.b.
			return false
		}
		switch strings.ToLower(text[j:i]) {
		case "no", "nos", "mr", "mrs", "ms", "dr", "st", "rd", "ave", "tel", "mob", "ref", "nat", "ins", "dob", "acc", "num", "cllr", "approx", "ext", "reg", "lic", "e.g", "rev", "prof":
			return false
		}
		return true
	}
	return false
}
