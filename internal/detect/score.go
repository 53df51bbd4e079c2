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

	found []candidate
	said  *said // the words of every set around what was found
	read  bool  // said is filled in
	old   *said // those of the messages before
	all   []scored

	from, to int // of a long text: the sentence looked at last

	beforeRead  bool
	beforeFound []int // rules
}

// scorer is one that uses the memory of w.
func (s *Set) scorer(v *view, before []string, w *scratch) scorer {
	w.said.clear()
	w.before.clear()
	return scorer{set: s, v: v, before: before, said: &w.said, old: &w.before, all: w.scored}
}

// scored is a candidate with its weight, and what weighed. The words for it
// are made only for what is given back.
type scored struct {
	candidate
	confidence float64
	signs
}

// signs are what spoke for and against a candidate.
type signs struct {
	spread, shouting bool
	lone             bool // nothing else is in the message
	near             signal
	also             string
	against          string
	never            string
}

// signal is the thing in reach that makes a candidate likely.
type signal struct {
	kind  signalKind
	shown string // the rule's own word, or the title of another rule
}

type signalKind uint8

const (
	noSignal signalKind = iota
	wordNear
	wordBefore
	findingNear
	findingBefore
	givenNameNear
)

// weigh turns candidates into findings: rules that need only words first,
// then those that lean on findings of others; then one finding for a place.
func (sc *scorer) weigh(found []candidate) []finding {
	return sc.findings(sc.resolve(sc.scoreAll(found)))
}

// floor is the confidence under which a candidate is not given back at all.
const floor = 0.2

func (sc *scorer) scoreAll(found []candidate) []scored {
	sc.found = found
	all := sc.all[:0]
	for _, c := range found {
		if len(sc.set.rules[c.rule].Context.Findings) == 0 {
			all = sc.keep(all, sc.score(c, nil))
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(a.start, b.start) })
	others := all
	for _, c := range found {
		if len(sc.set.rules[c.rule].Context.Findings) > 0 {
			all = sc.keep(all, sc.score(c, others))
		}
	}
	sc.all = all
	return all
}

func (sc *scorer) keep(all []scored, s scored) []scored {
	if s.confidence < floor {
		return all
	}
	return append(all, s)
}

func (sc *scorer) score(c candidate, others []scored) scored {
	r := &sc.set.rules[c.rule]
	text := sc.v.text
	out := scored{candidate: c, confidence: r.Context.Alone}
	if r.Validate != "" && spread(text[c.start:c.end]) {
		out.confidence *= 0.6
		out.spread = true
	}
	if r.isMarking() && shouting(text, c) {
		out.confidence *= 0.5
		out.shouting = true
	}
	if r.Context.Lone > out.confidence && len(strings.TrimSpace(text)) == c.end-c.start {
		out.confidence, out.lone = r.Context.Lone, true
	}
	distance := len(text)
	if r.Context.With > out.confidence {
		out.near, distance = sc.signal(r, c, others)
	}
	if out.near.kind != noSignal && r.also.size > 0 {
		lo, hi := sc.reach(r.Context.Reach, c)
		var ok bool
		if out.also, _, ok = sc.nearest(r.also, lo, hi, c.start, c.end); !ok {
			out.near = signal{}
		}
	}
	if out.near.kind != noSignal {
		out.confidence = r.Context.With
	}
	if out.confidence < floor || r.against.size+r.never.size == 0 {
		return out
	}
	lo, hi := sc.sentence(c)
	if w, d, ok := sc.nearest(r.against, lo, hi, c.start, c.end); ok && (out.near.kind == noSignal || d < distance) {
		out.confidence *= 0.4
		out.against = w
	}
	w, _, ok := sc.nearest(r.never, lo, hi, lo, lo)
	if !ok && r.Class == rules.Significant && hi < len(text) && text[hi] == '?' { // who asks has not decided
		w, ok = "?", true
	}
	if ok {
		out.confidence = min(out.confidence, 0.1)
		out.never = w
	}
	return out
}

// signal looks for the nearest thing in reach that makes c likely.
func (sc *scorer) signal(r *compiled, c candidate, others []scored) (signal, int) {
	if r.words.size == 0 && r.Context.Reach != rules.Sender && len(others) == 0 && !slices.Contains(r.Context.Findings, "person_name") {
		return signal{}, 0
	}
	lo, hi := sc.reach(r.Context.Reach, c)
	if w, d, ok := sc.nearest(r.words, lo, hi, c.start, c.end); ok {
		return signal{wordNear, w}, d
	}
	if s, d := sc.beside(r, c, others, lo, hi); s.kind != noSignal {
		return s, d
	}
	return sc.earlier(r, c), len(sc.v.text)
}

// because says in words what weighed.
func (sc *scorer) because(k scored) []string {
	r := &sc.set.rules[k.rule]
	out := []string{"it has the form of " + article(r.Title)}
	if r.Whole {
		out[0] = "its words tell of " + article(r.Title)
	}
	add := func(format, word string) { out = append(out, fmt.Sprintf(format, word)) }
	if r.check.Says != "" {
		out = append(out, r.check.Says)
	}
	switch k.near.kind {
	case wordNear:
		add("%q is near it", k.near.shown)
	case wordBefore:
		add("%q is in the sender's message before", k.near.shown)
	case findingNear:
		add("%s is with it", article(k.near.shown))
	case findingBefore:
		add("%s is in the sender's message before", article(k.near.shown))
	case givenNameNear:
		out = append(out, "a name is with it")
	}
	if k.also != "" {
		add("%q is there too", k.also)
	}
	if k.lone {
		out = append(out, "the message is nothing else, as an answer is")
	}
	if k.spread {
		out = append(out, "it is written spread out")
	}
	if k.shouting {
		out = append(out, "everything around it is in capitals too")
	}
	if k.against != "" {
		add("%q speaks against it", k.against)
	}
	if k.never != "" {
		add("%q rules it out", k.never)
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

// longText is the length from which the words of a rule are looked up once for
// the whole text, and not again around each candidate.
const longText = 1 << 10

// sentence gives the sentence around c. In a long text neighbours share it.
func (sc *scorer) sentence(c candidate) (int, int) {
	if len(sc.v.text) < longText {
		return sentence(sc.v.text, c.start, c.end)
	}
	if c.start < sc.from || c.end > sc.to {
		sc.from, sc.to = sentence(sc.v.text, c.start, c.end)
	}
	return sc.from, sc.to
}

// nearest gives the word of a set in text[lo:hi] that is nearest to a value.
func (sc *scorer) nearest(s *wordSet, lo, hi, at, until int) (string, int, bool) {
	if s.size == 0 {
		return "", 0, false
	}
	if !sc.read {
		sc.read = true
		sc.readWords()
	}
	return nearest(sc.said.at[s.number], lo, hi, at, until)
}

// readWords finds the words of the rules that found something as far from each
// candidate as its rule looks: in a message everywhere.
func (sc *scorer) readWords() {
	text := sc.v.text
	if len(text) < longText {
		for _, c := range sc.found {
			sc.ask(c.rule, 1)
		}
		sc.set.lexicon.read(text, 0, len(text), sc.said)
		return
	}
	// Between two edges it is the same rules that are looked for.
	type edge struct{ at, rule, more int }
	var edges []edge
	for _, c := range sc.found {
		r := &sc.set.rules[c.rule]
		lo, hi := max(0, c.start-messageReach), min(len(text), c.end+messageReach)
		switch {
		case r.words.size+r.also.size+r.against.size+r.never.size == 0 && r.Context.Reach != rules.Sender:
			continue
		case r.Context.Reach == rules.Phrase || r.Context.Reach == rules.Sentence:
			lo, hi = sc.sentence(c)
		}
		edges = append(edges, edge{lo, c.rule, 1}, edge{hi, c.rule, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	last, open := 0, 0
	for _, e := range edges {
		if open > 0 {
			sc.set.lexicon.read(text, last, e.at, sc.said)
		}
		sc.ask(e.rule, e.more)
		last, open = e.at, open+e.more
	}
}

// ask makes reading look for the words of a rule, for one candidate more or less.
func (sc *scorer) ask(rule, more int) {
	r := &sc.set.rules[rule]
	for _, s := range [...]*wordSet{r.words, r.also, r.against, r.never} {
		sc.said.ask(s, more)
	}
	if r.Context.Reach == rules.Sender {
		sc.said.ask(sc.set.referring, more)
	}
}

// messageReach is how far signals count in a text longer than messages are.
const messageReach = 600

// phraseBefore and phraseAfter are how far a phrase reaches, in bytes.
const (
	phraseBefore = 48
	phraseAfter  = 32
)

func (sc *scorer) reach(reach rules.Reach, c candidate) (int, int) {
	switch reach {
	case rules.Phrase:
		lo, hi := sc.sentence(c)
		return max(lo, c.start-phraseBefore), min(hi, c.end+phraseAfter)
	case rules.Sentence:
		return sc.sentence(c)
	}
	return max(0, c.start-messageReach), min(len(sc.v.text), c.end+messageReach)
}

// signalAt is the confidence from which a finding counts as a signal for
// another: two that are each unsure make each other likely.
const signalAt = 0.4

// beside looks for a finding of a category that the rule leans on.
func (sc *scorer) beside(r *compiled, c candidate, others []scored, lo, hi int) (signal, int) {
	if len(r.Context.Findings) == 0 {
		return signal{}, 0
	}
	var near signal
	distance := 0
	from, _ := slices.BinarySearchFunc(others, lo, func(o scored, lo int) int { return cmp.Compare(o.start, lo) })
	for _, o := range others[from:] {
		if o.start > hi {
			break
		}
		or := &sc.set.rules[o.rule]
		apart := max(c.start-o.end, o.start-c.end)
		if apart < 0 || o.confidence < signalAt || o.end > hi || !slices.Contains(r.Context.Findings, or.Category) {
			continue
		}
		if near.kind == noSignal || apart < distance {
			near, distance = signal{findingNear, or.Title}, apart
		}
	}
	if near.kind == noSignal && slices.Contains(r.Context.Findings, "person_name") && sc.givenName(c) {
		return signal{kind: givenNameNear}, 0
	}
	return near, distance
}

// givenName looks for a given name alone in the sentence of c, or for two
// words that may be a name: no finding, but enough to make what is said there
// about somebody.
func (sc *scorer) givenName(c candidate) bool {
	text := sc.v.text
	lo, hi := sc.sentence(c)
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
			if rules.IsGivenName(word) && !spokenTo(text[:hi], i, j) || lastEnd == i-1 && rules.MaybeName(last, word) {
				return true
			}
		}
		last, lastEnd = word, j
		i = j
	}
	return false
}

// spokenTo reports whether the name at text[start:end] is that of whom the
// message is for: it begins with the name, perhaps after a greeting, and a
// comma and a new thing follow, not an age or more about the same person.
func spokenTo(text string, start, end int) bool {
	if rest, ok := strings.CutPrefix(text[end:], ", "); !ok || rest == "" || rest[0] >= '0' && rest[0] <= '9' {
		return false
	} else {
		next := strings.FieldsFunc(rest[:min(len(rest), 24)], func(r rune) bool { return r == ' ' || r == ',' })
		if len(next) == 0 {
			return false
		}
		switch strings.ToLower(next[0]) {
		case "who", "whose", "aged", "age", "is", "was", "has", "had", "lives", "our", "from", "of", "son", "daughter", "wife", "husband", "in", "at":
			return false
		}
	}
	switch strings.ToLower(strings.Trim(text[:start], " @\n")) {
	case "", "hi", "hello", "hey", "hiya", "morning", "afternoon", "evening", "ok", "okay", "thanks", "sorry", "dear", "no", "yes", "oh", "right":
		return true
	}
	return false
}

// earlier looks for the rule's signals in the sender's messages before. Whom a
// message before names counts only where this one goes on about somebody.
func (sc *scorer) earlier(r *compiled, c candidate) signal {
	if r.Context.Reach != rules.Sender {
		return signal{}
	}
	if w, ok := sc.saidBefore(r.words); ok {
		return signal{wordBefore, w}
	}
	lo, hi := sc.sentence(c)
	if _, _, ok := sc.nearest(sc.set.referring, lo, hi, lo, lo); !ok || len(r.Context.Findings) == 0 {
		return signal{}
	}
	for _, o := range sc.foundBefore() {
		if or := &sc.set.rules[o]; slices.Contains(r.Context.Findings, or.Category) {
			return signal{findingBefore, or.Title}
		}
	}
	return signal{}
}

// saidBefore gives the last of the words of a set in the sender's messages
// before, which are read once for a message.
func (sc *scorer) saidBefore(s *wordSet) (string, bool) {
	if len(sc.before) == 0 || s.size == 0 {
		return "", false
	}
	if sc.old.done == 0 {
		const apart = "\n\n\n\n" // no phrase goes on over it
		text := normalise(strings.Join(sc.before, apart)).text
		for _, c := range sc.found {
			sc.old.ask(sc.set.rules[c.rule].words, 1)
		}
		sc.set.lexicon.read(text, 0, len(text), sc.old)
	}
	w, _, ok := nearest(sc.old.at[s.number], 0, sc.old.done, sc.old.done, sc.old.done)
	return w, ok
}

// foundBefore gives the rules that found something in the sender's messages
// before, looked for once for a message.
func (sc *scorer) foundBefore() []int {
	if sc.beforeRead {
		return sc.beforeFound
	}
	sc.beforeRead = true
	for _, text := range sc.before {
		v := normalise(text)
		w := sc.set.scratch.Get().(*scratch)
		w.found = w.found[:0]
		if sc.set.candidates(context.Background(), &sc.set.loud, &v, w) == nil {
			inner := sc.set.scorer(&v, nil, w)
			for _, k := range inner.scoreAll(w.found) {
				if k.confidence >= signalAt {
					sc.beforeFound = append(sc.beforeFound, k.rule)
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
	kept := all[:0]
	var taken places
	whole := map[string]bool(nil)
	for _, c := range all {
		r := &sc.set.rules[c.rule]
		switch {
		case r.Whole && whole[r.Category], !r.Whole && !taken.take(c.start, c.end):
			continue
		case r.Whole && whole == nil:
			whole = map[string]bool{}
		}
		if r.Whole {
			whole[r.Category] = true
		}
		kept = append(kept, c)
	}
	slices.SortStableFunc(kept, func(a, b scored) int { return cmp.Compare(a.start, b.start) })
	return kept
}

// places are stretches of text that do not overlap, in order.
type places [][2]int

// take adds a stretch unless it overlaps one that is there.
func (p *places) take(start, end int) bool {
	i, _ := slices.BinarySearchFunc(*p, start, func(have [2]int, start int) int { return cmp.Compare(have[0], start) })
	if i > 0 && (*p)[i-1][1] > start || i < len(*p) && (*p)[i][0] < end {
		return false
	}
	*p = slices.Insert(*p, i, [2]int{start, end})
	return true
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
			Class: r.Class, Mask: mask(r.Rule, sc.v.text[k.start:k.end]), Because: sc.because(k),
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
	if strings.HasPrefix(title, "a ") || strings.HasSuffix(title, " of a person") {
		return title
	}
	switch title[0] {
	case 'a', 'e', 'i', 'o', 'A', 'E', 'I', 'O', 'N':
		return "an " + title
	}
	return "a " + title
}
