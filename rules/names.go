package rules

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The gazetteer: sorted lower-case words, one a line. names/README.md says
// where they come from.
var (
	//go:embed names/given.txt
	givenText string
	//go:embed names/surnames.txt
	surnameText string
	//go:embed names/words.txt
	wordText string
)

// list is one of the lists of the gazetteer.
type list int

const (
	givenNames list = iota
	surnames
	ordinaryWords
)

func (l list) lines() string { return [...]string{givenText, surnameText, wordText}[l] }

// lists are some of them, a bit each.
type lists uint8

func (l lists) has(one list) bool { return l>>one&1 == 1 }

// listed says in which lists a word is. It does not allocate.
func listed(word string) lists {
	t := gazetteer()
	return lists(t[t.find(word)] >> 2 & 7)
}

func inList(l list, word string) bool { return listed(word).has(l) }

// wordTable holds the words of all lists by their hash: for each the list from
// which it was taken, the lists that it is in, and its place in the first. A
// word whose cell is taken is in the next one that is free.
type wordTable [1 << 17]uint32

var gazetteer = sync.OnceValue(func() *wordTable {
	var t wordTable
	for _, l := range [...]list{givenNames, surnames, ordinaryWords} {
		place := 0
		for line := range strings.Lines(l.lines()) {
			i := t.find(strings.TrimSuffix(line, "\n"))
			if t[i] == 0 {
				t[i] = uint32(place)<<5 | uint32(l)
			}
			t[i] |= 1 << (2 + l)
			place += len(line)
		}
	}
	return &t
})

// find gives the cell of a word, or the one where it would be.
func (t *wordTable) find(word string) uint32 {
	for i := hashOf(word); ; i = (i + 1) % uint32(len(t)) {
		if t[i] == 0 {
			return i
		}
		lines := list(t[i] & 3).lines()[t[i]>>5:]
		if len(lines) > len(word) && lines[len(word)] == '\n' && lines[:len(word)] == word {
			return i
		}
	}
}

func hashOf(word string) uint32 {
	h := uint32(2166136261)
	for i := range len(word) {
		h = (h ^ uint32(word[i])) * 16777619
	}
	return (h ^ h>>17) & (1<<17 - 1)
}

// nameStarts is the part {given-name} of patterns: a word that may be a given
// name and nothing else that people write, its first letter large or small.
// A name is told by its first letters, as many as no ordinary word begins
// with; the check looks at the rest. An expression of all names would be long,
// one of any word would match in every message.
var nameStarts = sync.OnceValue(func() string {
	ordinary := strings.Fields(wordText)
	begins := func(letters string) bool { // an ordinary word does
		n, _ := slices.BinarySearch(ordinary, letters)
		return n < len(ordinary) && strings.HasPrefix(ordinary[n], letters)
	}
	var starts, whole []string
	for line := range strings.Lines(givenText) {
		name := strings.TrimSpace(line)
		if len(name) < 3 || strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) || inList(ordinaryWords, name) {
			continue
		}
		told := 3
		for told < len(name) && begins(name[:told]) {
			told++
		}
		switch {
		case begins(name[:told]):
			whole = append(whole, name)
		case len(starts) == 0 || starts[len(starts)-1] != name[:told]:
			starts = append(starts, name[:told])
		}
	}
	return alternatives(starts, true) + "[a-z]{0,15}|" + alternatives(whole, true)
})

// alternatives is an expression for some sorted words, beginning by beginning.
func alternatives(words []string, first bool) string {
	var all []string
	last := "" // letters that end a word and have no more behind them
	for len(words) > 0 {
		c := words[0][:1]
		var rest []string
		ends := false
		for len(words) > 0 && words[0][:1] == c {
			if word := words[0][1:]; word == "" {
				ends = true
			} else {
				rest = append(rest, word)
			}
			words = words[1:]
		}
		if len(rest) == 0 && !first {
			last += c
			continue
		}
		one := c
		if first {
			one = "[" + strings.ToUpper(c) + c + "]"
		}
		if len(rest) > 0 {
			one += alternatives(rest, false)
		}
		if ends && len(rest) > 0 {
			one = c + "(?:" + one[len(c):] + ")?"
		}
		all = append(all, one)
	}
	if last != "" {
		all = append(all, "["+last+"]")
	}
	if len(all) == 1 {
		return all[0]
	}
	return "(?:" + strings.Join(all, "|") + ")"
}

// longestWord is longer than every word of a list in this file.
const longestWord = 24

// lowerWord writes w in lower case into buf, as much as there is room for.
func lowerWord(w string, buf []byte) string {
	for i := 0; i < len(w) && len(buf) < cap(buf); i++ {
		c := w[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return string(buf)
}

func capitalised(w string) bool { return len(w) > 1 && w[0] >= 'A' && w[0] <= 'Z' }

// IsGivenName says whether a capitalised word is a given name and nothing
// else that people write.
func IsGivenName(w string) bool {
	if !capitalised(w) || len(w) < 3 || len(w) > 24 || strings.ToLower(w[1:]) != w[1:] {
		return false
	}
	low := lowerWord(w, make([]byte, 0, 24))
	in := listed(low)
	return in.has(givenNames) && !in.has(ordinaryWords)
}

// MaybeName says whether two neighbouring words may be a person's name that
// no list holds: both capitalised, neither an ordinary word nor part of a
// place's name.
func MaybeName(first, last string) bool {
	for _, w := range [...]string{first, last} {
		if len(w) < 3 || len(w) > 24 || !capitalised(w) || strings.ToLower(w[1:]) != w[1:] || placeWord(w) || day(w) {
			return false
		}
		if inList(ordinaryWords, lowerWord(w, make([]byte, 0, 24))) {
			return false
		}
	}
	return true
}

// likelyName: two or three words written as a name, none of them an ordinary
// word, or an initial and a family name.
func likelyName(v string) bool {
	words := strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == '\n' })
	if len(words) == 0 {
		return false
	}
	first, last := words[0], words[len(words)-1]
	if f := strings.TrimRight(first, "."); len(f) == 1 || strings.Contains(f, ".") || len(words) == 1 {
		if i := strings.LastIndexByte(last, '.'); i >= 0 {
			last = last[i+1:]
		}
		p := partOf(last)
		return len(last) > 3 && p.family && !p.ordinary && !placeWord(last) && !day(last)
	}
	return MaybeName(strings.ReplaceAll(first, "-", ""), strings.ReplaceAll(last, "-", ""))
}

// familyName: a word that stands before "family" or "twins" and is neither an
// ordinary one nor a place or a day.
func familyName(v string) bool {
	return len(v) > 3 && capitalised(v) && !placeWord(v) && !day(v) && !inList(ordinaryWords, lowerWord(v, make([]byte, 0, 32)))
}

func anything(string) bool { return true }

// notSensitive says whether the word that follows OFFICIAL leaves it plain.
func notSensitive(next string) bool {
	switch strings.ToUpper(next) {
	case "SENSITIVE", "SENS", "SEN", "NON", "S":
		return false
	}
	return true
}

// part sorts one word of a possible name.
type part struct{ given, family, ordinary, capital bool }

func partOf(w string) part {
	w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), ".")
	low := lowerWord(w, make([]byte, 0, 32))
	in := listed(low)
	p := part{given: in.has(givenNames), family: in.has(surnames), ordinary: in.has(ordinaryWords), capital: capitalised(w)}
	if i := strings.IndexAny(low, "-'"); i > 0 && i < len(low)-1 { // double-barrelled, O'Neil
		p.family = p.family || inList(surnames, low[i+1:]) || inList(surnames, low[:i])
		p.ordinary = false
	}
	return p
}

// personName: a given name and a family name, or a title and a family name.
// One of the two must be a name and nothing else; a street, a house or a day
// that is called after somebody is not a person.
func personName(v string) bool {
	v = strings.Trim(v, " \n,")
	i, j := strings.IndexAny(v, " \n,"), strings.LastIndexAny(v, " \n,")
	if i < 0 {
		return false
	}
	head, tail := v[:i], v[j+1:]
	if title(head) {
		return titledName(head, tail)
	}
	first := partOf(head)
	if !first.capital && (!first.given || first.ordinary) {
		return false
	}
	return first.before(partOf(tail), head, tail) && !placeWord(tail) && !placeWord(head) && !day(head) && !day(tail)
}

// before says whether two words, the first and the last, are a name by what
// lists they are in.
func (first part) before(last part, head, tail string) bool {
	switch {
	case !last.capital: // nobody took care of capitals: both have to be names and nothing else
		return first.given && !first.ordinary && last.family && !last.ordinary
	case !first.capital: // of a given name the capital is left out
		return !last.ordinary
	case first.given && !first.ordinary && last.ordinary:
		return false
	case first.given && !first.ordinary || !first.ordinary && first.capital && last.family && !last.ordinary && len(head) > 2:
		return true
	case first.given && first.ordinary: // Grace or Reg, but not Will or May
		return !last.ordinary && !last.given && (last.family || len(tail) > 4 && !beginsQuestions(head))
	}
	return false
}

// beginsQuestions reports whether a given name is more often the verb, the
// month or the order with which a sentence begins.
func beginsQuestions(w string) bool {
	switch lowerWord(w, make([]byte, 0, longestWord)) {
	case "will", "may", "can", "mark", "bill", "sue", "rob", "grant", "miles", "dale", "glen", "chase", "art", "pat", "chip", "page", "van", "skip", "drew", "wade", "sterling", "june", "april", "august",
		"lance", "ray", "guy", "dean", "summer", "autumn", "christian", "crystal", "major", "royal", "north", "general", "christmas", "easter", "saint", "angel", "king", "prince", "duke", "earl", "nick", "norm", "pierce", "trace", "brook", "forest", "marine", "sky", "island", "dawn", "hunter", "carter", "parker", "mason", "reed", "rusty", "storm", "sunny", "star":
		return true
	}
	return false
}

// titledName: what follows a title is a name unless it is an ordinary word.
func titledName(t, last string) bool {
	if placeWord(last) {
		return false
	}
	p := partOf(last)
	if !p.capital {
		return p.family && !p.ordinary && !strings.EqualFold(t, "dr") && !strings.EqualFold(t, "miss")
	}
	return p.family || p.given || !p.ordinary
}

func title(w string) bool {
	switch lowerWord(strings.TrimSuffix(w, "."), make([]byte, 0, longestWord)) {
	case "mr", "mrs", "ms", "miss", "mx", "dr", "cllr", "councillor", "prof", "professor", "sir", "dame", "lord", "lady", "rev", "reverend",
		"sgt", "sergeant", "pc", "dc", "insp", "inspector", "supt", "master", "mstr", "sister", "father", "fr", "imam", "rabbi", "canon", "judge", "nurse", "constable", "capt", "captain", "major", "baroness":
		return true
	}
	return false
}

// notPlace: what follows does not make it a place. A small "council" is the
// tenant's or the tax's.
func notPlace(next string) bool { return next == "council" || next == "day" || !placeWord(next) }

func placeWord(w string) bool {
	switch lowerWord(w, make([]byte, 0, longestWord)) {
	case "road", "rd", "street", "st", "lane", "ln", "avenue", "ave", "drive", "close", "court", "crescent", "grove", "terrace", "way", "gardens",
		"house", "hall", "suite", "room", "school", "primary", "academy", "college", "centre", "center", "library", "hospital", "surgery", "clinic",
		"church", "park", "farm", "hill", "green", "bridge", "estate", "tower", "towers", "lodge", "place", "square", "hotel", "building", "theatre",
		"stadium", "vale", "village", "town", "city", "county", "valley", "moor", "heath", "quay", "wharf", "dock", "docks", "weir", "market", "junction", "roundabout", "bay", "beach",
		"castle", "abbey", "cathedral", "museum", "gallery", "airport", "arena", "palace", "mews", "ltd", "limited", "plc", "weekly", "festival", "mill",
		"ward", "wing", "unit", "depot", "station", "university", "council", "cup", "day", "foundation", "trust", "award", "awards", "ambulance":
		return true
	}
	return false
}

func day(w string) bool {
	switch lowerWord(w, make([]byte, 0, longestWord)) {
	case "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday":
		return true
	}
	return false
}

// street: a house number and a street, where what stands between is not how a
// sentence runs: "12 people on the road" is none.
func street(v string) bool {
	for _, w := range strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return r == ' ' || r == ',' }) {
		switch w {
		case "on", "in", "at", "to", "from", "for", "with", "and", "or", "is", "are", "was", "a", "an", "this", "that", "these", "our", "my", "your", "his", "her", "their", "by", "near", "off", "down", "up", "along", "past",
			"people", "cars", "miles", "mile", "mins", "min", "minutes", "hours", "days", "am", "pm", "metres", "meters", "m", "km", "more", "no", "new", "other", "different", "main", "whole", "same", "next", "properties", "houses", "homes", "crews", "staff", "volunteers", "of", "it", "we", "you", "they", "i", "via", "each", "every",
			"jan", "january", "feb", "february", "mar", "march", "apr", "april", "jun", "june", "jul", "july", "aug", "august", "sept", "september", "sep", "oct", "october", "nov", "november", "dec", "december",
			"mon", "monday", "tue", "tues", "tuesday", "wed", "weds", "wednesday", "thu", "thur", "thurs", "thursday", "fri", "friday", "sat", "saturday", "sun", "sunday":
			return false
		}
	}
	return true
}

// IsWord says whether a word, of small letters, is an ordinary one or a name.
func IsWord(w string) bool {
	if len(w) > 32 {
		return true
	}
	low := lowerWord(w, make([]byte, 0, 32))
	return listed(low) != 0
}
