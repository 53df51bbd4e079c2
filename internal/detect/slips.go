package detect

import (
	"chaperone/rules"
	"strings"
)

// slips finds the word that was meant where a word of a rule is misspelt as
// fingers do it: two letters changed places, one came twice, one is missing.
// What is a word or a name of its own is never taken for another.
type slips struct{ of map[uint32]string }

// shortest are the lengths from which a word may be misspelt, and from which
// a letter of it may be missing: in shorter ones that makes other words.
const (
	shortestSwapped = 4
	shortestMissing = 6
)

// slipsOf gives all that one slip makes of a word. The first letter stays.
func slipsOf(word string) (all []string) {
	if len(word) < shortestSwapped || strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return nil
	}
	for i := 1; i < len(word); i++ {
		if i+1 < len(word) && word[i] != word[i+1] {
			all = append(all, word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:])
		}
		if word[i] != word[i-1] {
			all = append(all, word[:i]+word[i:i+1]+word[i:])
		}
		if len(word) >= shortestMissing && i+1 < len(word) {
			all = append(all, word[:i]+word[i+1:])
		}
	}
	return all
}

// slipOf reports whether a word is another misspelt.
func slipOf(got, meant string) bool {
	n := len(got) - len(meant)
	if len(meant) < shortestSwapped || n < -1 || n > 1 || lowered[got[0]] != meant[0] || rules.IsWord(got) {
		return false
	}
	i := 1
	for i < min(len(got), len(meant)) && lowered[got[i]] == meant[i] {
		i++
	}
	rest := func(g, m int) bool { return strings.EqualFold(got[min(g, len(got)):], meant[min(m, len(meant)):]) }
	switch {
	case n == 0:
		return i+1 < len(meant) && lowered[got[i]] == meant[i+1] && lowered[got[i+1]] == meant[i] && rest(i+2, i+2)
	case n > 0:
		return i < len(got) && lowered[got[i]] == meant[i-1] && rest(i+1, i)
	}
	return len(meant) >= shortestMissing && i+1 < len(meant) && rest(i, i+1)
}

// misspelt gives the slot of the word that w, which begins no phrase, is a slip
// of.
func (x *lexicon) misspelt(w []byte, hash uint32) *slot {
	if len(w) < shortestSwapped || x.slips.of == nil {
		return nil
	}
	meant, ok := x.slips.of[hash]
	if !ok || !slipOf(string(w), meant) {
		return nil
	}
	return x.first.get(hashOf(meant))
}

// learnSlips remembers what the first words of all phrases are misspelt as,
// once they are all known.
func (x *lexicon) learnSlips() {
	x.slips.of = map[uint32]string{}
	for _, s := range x.first.slots {
		for _, e := range s.entries {
			for _, slip := range slipsOf(e.words[0]) {
				if h := hashOf(slip); x.first.get(h) == nil && !rules.IsWord(slip) {
					x.slips.of[h] = e.words[0]
					x.known.add(h)
				}
			}
		}
	}
}
