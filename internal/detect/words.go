package detect

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// wordSet is words and phrases that are looked for in a text, whatever their
// case. A word ending in * stands for all words that begin so.
type wordSet struct {
	number int // among the sets of a lexicon
	size   int
}

type phrase struct {
	words []string // lower case; the last may end in *
	shown string
}

// wordAt is a phrase of a set in a text.
type wordAt struct {
	start, end int
	shown      string
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

// nearest gives the phrase nearest to [at, until) among those that lie in
// [lo, hi) and not within the value, the longer of two, and its distance in
// bytes. It looks at a few to either side of the value: they are in order.
func nearest(places []wordAt, lo, hi, at, until int) (shown string, distance int, ok bool) {
	if len(places) == 0 {
		return "", 0, false
	}
	length := 0
	i, _ := slices.BinarySearchFunc(places, at, func(w wordAt, at int) int { return cmp.Compare(w.start, at) })
	try := func(w wordAt) {
		if w.start < lo || w.end > hi {
			return
		}
		d := w.distance(at, until)
		if d >= 0 && (!ok || d < distance || d == distance && w.end-w.start > length) {
			shown, distance, length, ok = w.shown, d, w.end-w.start, true
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

// lexicon is all the word sets of a Set in one, so that a text is read once
// for all of them.
type lexicon struct {
	sets  map[string]*wordSet // by their words
	first entries             // by the first word of a phrase, whole
	stems entries             // by its first letters, where it ends in *
	slips slips               // by how a first word is misspelt
	known words               // the hashes that are in one of these
}

// words is a set of hashes, and of some that share their bits: a first glance
// at a word, since most that people write begin no phrase.
type words [1 << 12]uint64

func (w *words) add(hash uint32)      { w[w.place(hash)] |= 1 << (hash & 63) }
func (w *words) has(hash uint32) bool { return w[w.place(hash)]>>(hash&63)&1 == 1 }

func (*words) place(hash uint32) uint32 { return (hash>>6 ^ hash>>18) & (1<<12 - 1) }

// entry is a phrase and the sets that it is in.
type entry struct {
	phrase
	sets   []int
	second byte // what its second word begins with, if it has one
}

// entries is a table of entries by the hash of what they begin with. Two that
// have the same hash share a slot: matchAt looks at the words themselves.
type entries struct {
	slots []slot // a power of two of them, at most half of them taken
	used  int
}

type slot struct {
	hash    uint32
	entries []entry
	sets    setBits // of all its entries
}

// get gives the slot of a hash, or nil.
func (t *entries) get(hash uint32) *slot {
	if len(t.slots) == 0 {
		return nil
	}
	if s := &t.slots[t.place(hash)]; s.entries != nil {
		return s
	}
	return nil
}

// place is where a hash is, or would be put.
func (t *entries) place(hash uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	i := (hash ^ hash>>15) & mask
	for t.slots[i].entries != nil && t.slots[i].hash != hash {
		i = (i + 1) & mask
	}
	return i
}

func (t *entries) add(hash uint32, e entry) {
	if 2*t.used >= len(t.slots) {
		old := t.slots
		t.slots = make([]slot, max(64, 2*len(old)))
		for _, s := range old {
			if s.entries != nil {
				t.slots[t.place(s.hash)] = s
			}
		}
	}
	s := &t.slots[t.place(hash)]
	if s.entries == nil {
		t.used++
	}
	s.hash = hash
	for _, n := range e.sets {
		s.sets = s.sets.with(n)
	}
	for i := range s.entries {
		if have := &s.entries[i]; have.shown == e.shown {
			have.sets = append(have.sets, e.sets...)
			return
		}
	}
	s.entries = append(s.entries, e)
}

// hashed takes one more byte into a hash.
func hashed(hash uint32, c byte) uint32 { return (hash ^ uint32(c)) * 0x01000193 }

func hashOf(s string) (hash uint32) {
	for i := range len(s) {
		hash = hashed(hash, s[i])
	}
	return hash
}

func newLexicon() *lexicon {
	return &lexicon{sets: map[string]*wordSet{}}
}

// set gives the set of some words.
func (x *lexicon) set(words []string) *wordSet {
	key := strings.Join(words, "\n")
	if s, ok := x.sets[key]; ok {
		return s
	}
	s := &wordSet{number: len(x.sets), size: len(words)}
	x.sets[key] = s
	for _, w := range words {
		p := phrase{words: strings.FieldsFunc(strings.ToLower(w), func(r rune) bool { return r == ' ' || r == '-' || r == '.' || r == '/' }), shown: w}
		if len(p.words) == 0 {
			continue
		}
		e, head := entry{phrase: p, sets: []int{s.number}}, p.words[0]
		if len(p.words) > 1 {
			e.second = p.words[1][0]
		}
		if stem, ok := strings.CutSuffix(head, "*"); ok {
			root := stem[:min(len(stem), stemKey)]
			x.stems.add(hashOf(root), e)
			x.known.add(hashOf(root))
			continue
		}
		x.first.add(hashOf(head), e)
		x.known.add(hashOf(head))
	}
	return s
}

const stemKey = 3

// said is where the phrases of the sets that are asked for are in a text, as
// far as it was read.
type said struct {
	at    [][]wordAt // by the number of the set, in order
	asked []int      // by the number of the set, for how many it is asked for
	now   setBits    // those that are asked for
	ever  setBits    // and those that have been
	done  int        // up to where the text was read
}

func newSaid(sets int) said {
	return said{at: make([][]wordAt, sets), asked: make([]int, sets), now: make(setBits, sets/64+1), ever: make(setBits, sets/64+1)}
}

func (s *said) clear() {
	for i, w := range s.ever {
		for ; w != 0; w &= w - 1 {
			n := 64*i + bits.TrailingZeros64(w)
			s.at[n], s.asked[n] = s.at[n][:0], 0
		}
	}
	clear(s.now)
	clear(s.ever)
	s.done = 0
}

// ask makes reading look for the phrases of a set, for one more or one less.
func (s *said) ask(set *wordSet, more int) {
	if set.size == 0 {
		return
	}
	n := set.number
	s.asked[n] += more
	if s.asked[n] > 0 {
		s.now[n/64] |= 1 << (n % 64)
		s.ever[n/64] |= 1 << (n % 64)
	} else {
		s.now[n/64] &^= 1 << (n % 64)
	}
}

// wants says whether one of some sets is asked for.
func (s *said) wants(sets []int) bool {
	for _, n := range sets {
		if s.asked[n] > 0 {
			return true
		}
	}
	return false
}

func (s *said) add(sets []int, w wordAt) {
	for _, n := range sets {
		if s.asked[n] > 0 {
			s.at[n] = append(s.at[n], w)
		}
	}
}

// setBits holds the numbers of sets, a bit each.
type setBits []uint64

func (b setBits) with(n int) setBits {
	for len(b) <= n/64 {
		b = append(b, 0)
	}
	b[n/64] |= 1 << (n % 64)
	return b
}

func (b setBits) meets(other setBits) bool {
	for i := range min(len(b), len(other)) {
		if b[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

// read adds to out every phrase that begins in text[lo:hi] and was not read
// before.
func (x *lexicon) read(text string, lo, hi int, out *said) {
	var low [48]byte
	for lo > out.done && isWordByte(text[lo-1]) {
		lo--
	}
	i := max(lo, out.done)
	for i < hi {
		if !isWordByte(text[i]) {
			i++
			continue
		}
		var whole, root uint32
		j := i
		for ; j < len(text) && isWordByte(text[j]); j++ {
			c := lowered[text[j]]
			if j-i < len(low) {
				low[j-i] = c
			}
			if whole = hashed(whole, c); j-i == stemKey-1 {
				root = whole
			}
		}
		if n := j - i; n <= len(low) && (x.known.has(whole) || n >= stemKey && x.known.has(root) || has(low[:n])) {
			x.phrases(text, i, low[:n], whole, root, out)
		}
		i = j
	}
	out.done = max(out.done, i)
}

// phrases adds to out the phrases that begin with the word w at text[i].
func (x *lexicon) phrases(text string, i int, w []byte, whole, root uint32, out *said) {
	at := x.first.get(whole)
	if at == nil {
		at = x.misspelt(w, whole)
	}
	x.begin(at, text, i, w, out)
	if has(w) {
		x.begin(x.first.get(hashOf(string(w[:len(w)-2]))), text, i, w, out)
	}
	if len(w) >= stemKey {
		x.begin(x.stems.get(root), text, i, w, out)
	}
}

// begin adds those phrases of a slot that the word w at text[i] begins.
func (x *lexicon) begin(s *slot, text string, i int, w []byte, out *said) {
	if s == nil || !s.sets.meets(out.now) {
		return
	}
	next := i + len(w)
	for n := 0; next < len(text) && !isWordByte(text[next]) && n < 3; n++ {
		next++
	}
	second := byte(0)
	if next < len(text) {
		second = lowered[text[next]]
	}
	for k := range s.entries {
		e := &s.entries[k]
		if e.second != 0 && e.second != second && e.second != '*' || !out.wants(e.sets) {
			continue
		}
		end := i + len(w)
		if e.second != 0 || e.words[0] != string(w) && !slipOf(string(w), e.words[0]) {
			end = e.matchAt(text, i, len(text))
		}
		if end >= 0 {
			out.add(e.sets, wordAt{i, end, e.shown})
		}
	}
}

// has says whether a word ends as what belongs to somebody does, or is short for
// "has" or "is".
func has(w []byte) bool {
	n := len(w) - 2
	return n > 0 && w[n] == '\'' && w[n+1] == 's'
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
		if (j-i < len(stem) || !open && j-i != len(stem) || !strings.EqualFold(text[i:i+len(stem)], stem)) && (open || !slipOf(text[i:j], stem)) {
			return -1
		}
		i = j
	}
	return i
}

func isWordByte(c byte) bool { return lowered[c] != 0 }

// lowered holds the bytes that words are made of, in lower case.
var lowered = func() (table [256]byte) {
	for c := range table {
		switch c := byte(c); {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '\'' || c == '&':
			table[c] = c
		case c >= 'A' && c <= 'Z':
			table[c] = c + 'a' - 'A'
		}
	}
	return table
}()

// sentenceReach is how far a sentence may go on to either side: a bound, so
// that a text without full stops costs no more than another.
const sentenceReach = 500

// sentence gives the bounds of the sentence or line around [start, end).
func sentence(text string, start, end int) (int, int) {
	lo, hi := start, end
	for lo > 0 && start-lo < sentenceReach && !(stops[text[lo-1]] && sentenceEnd(text, lo-1)) {
		lo--
	}
	for hi < len(text) && hi-end < sentenceReach && !(stops[text[hi]] && sentenceEnd(text, hi)) {
		hi++
	}
	return lo, hi
}

// stops are the bytes that may end a sentence.
var stops = [256]bool{'\n': true, '!': true, '?': true, '.': true}

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
