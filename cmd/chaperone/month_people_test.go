package main_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// monthPerson is somebody of the organisation.
type monthPerson struct {
	id, first, last string
	key, phone      string // in the staff directory
	chats           []*monthChat
	style           style
	leaves          int // the day of the month that is their last; 0: they stay
	talks           float64
}

func (p *monthPerson) name() string { return p.first + " " + p.last }

// monthChat is one of the six chats.
type monthChat struct {
	id, name, kind string
	members        []*monthPerson
	share          float64 // of what is said in an ordinary week
}

// style is how somebody writes.
type style struct {
	lower    bool    // begins with a small letter, and has no time for apostrophes
	short    float64 // how often a long word is shortened
	typos    float64 // of a word
	tails    float64 // of a message: an emoji, thanks
	carefree bool    // leaves the stop out
}

var shortened = strings.NewReplacer("tomorrow", "tmrw", "please", "pls", "Please", "Pls", "thanks", "thx", "Thanks", "Thx", "people", "ppl",
	"because", "cos", "message", "msg", "meeting", "mtg", "about", "abt", " you ", " u ", " are ", " r ", "tonight", "2nite", " to be ", " 2 b ",
	"appointment", "appt", "number", "no.", "minutes", "mins", "morning", "am", "weekend", "wkend", " and ", " & ", " with ", " w/ ")

func newStyle(rng *rand.Rand) style {
	return style{
		lower: rng.Float64() < 0.35, short: pickOf(rng, 0, 0, 0.1, 0.5), typos: pickOf(rng, 0, 0.004, 0.01, 0.03),
		tails: pickOf(rng, 0, 0.05, 0.15, 0.3), carefree: rng.Float64() < 0.6,
	}
}

func pickOf[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// write spoils a text as its writer would.
func (st style) write(rng *rand.Rand, text string) string {
	if rng.Float64() < st.short {
		text = shortened.Replace(text)
	}
	if st.lower {
		text = strings.ReplaceAll(text, "'", "")
	}
	if st.carefree {
		text = strings.TrimSuffix(text, ".")
	}
	if st.typos == 0 {
		return text
	}
	words := strings.Split(text, " ")
	for i, w := range words {
		if utf8.RuneCountInString(w) > 3 && rng.Float64() < st.typos && allLetters(w) {
			words[i] = typo(rng, w)
		}
	}
	return strings.Join(words, " ")
}

func allLetters(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLower(r) })
}

// typo swaps, doubles or leaves out a letter.
func typo(rng *rand.Rand, w string) string {
	r := []rune(w)
	i := 1 + rng.IntN(len(r)-2)
	switch rng.IntN(3) {
	case 0:
		r[i], r[i+1] = r[i+1], r[i]
	case 1:
		r = slices.Insert(r, i, r[i])
	default:
		r = slices.Delete(r, i, i+1)
	}
	return string(r)
}

// lowerFirst begins a text with a small letter, unless its first word is an
// abbreviation or a number.
func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	next, _ := utf8.DecodeRuneInString(s[n:])
	if unicode.IsUpper(r) && unicode.IsLower(next) {
		return string(unicode.ToLower(r)) + s[n:]
	}
	return s
}

// newStaff makes the sixty people of the organisation.
func newStaff(rng *rand.Rand, words map[string][]string, n int) (out []*monthPerson) {
	firsts, lasts := slices.Clone(words["staff_first"]), slices.Clone(words["staff_last"])
	rng.Shuffle(len(firsts), func(i, j int) { firsts[i], firsts[j] = firsts[j], firsts[i] })
	rng.Shuffle(len(lasts), func(i, j int) { lasts[i], lasts[j] = lasts[j], lasts[i] })
	for i := range n {
		first, last := firsts[i%len(firsts)], lasts[i%len(lasts)]
		out = append(out, &monthPerson{
			id: strings.ToLower(fmt.Sprintf("%s%d", asciiOf(first), i)), first: first, last: last,
			key: fmt.Sprintf("S%05d", 20001+i), phone: fmt.Sprintf("+447700900%03d", 100+i), style: newStyle(rng), talks: 0.3 + rng.ExpFloat64(),
		})
	}
	return out
}

func asciiOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && unicode.IsLetter(r) {
			return r
		}
		return 'x'
	}, s)
}

// newChats puts people into six chats: everybody into two or three.
func newChats(rng *rand.Rand, staff []*monthPerson) []*monthChat {
	chats := []*monthChat{
		{id: "streetscene", name: "Streetscene Team", kind: "team", share: 0.32},
		{id: "housing", name: "Housing and Benefits", kind: "team", share: 0.30},
		{id: "flood-duty", name: "Flood Duty", kind: "emergency", share: 0.10},
		{id: "rest-centres", name: "Rest Centres", kind: "emergency", share: 0.08},
		{id: "resilience-partners", name: "Resilience Partners", kind: "partner", share: 0.12},
		{id: "councillors", name: "Councillors and Parishes", kind: "public", share: 0.08},
	}
	join := func(c *monthChat, p *monthPerson) {
		if !slices.Contains(c.members, p) {
			c.members, p.chats = append(c.members, p), append(p.chats, c)
		}
	}
	for i, p := range staff {
		join(chats[i%2], p)
		join(chats[2+rng.IntN(4)], p)
		if rng.IntN(3) == 0 {
			join(chats[2+rng.IntN(2)], p)
		}
	}
	return chats
}
