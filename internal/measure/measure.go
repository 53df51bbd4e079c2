// Package measure works out what prompts achieve and what chats are used for:
// as counts by chat, rule, kind and hour. It is pure: facts in, counts out.
//
// It must not count, rank or name people: that the same member was asked twice
// only ever becomes a share of all prompts, and of too few nothing is said.
package measure

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
)

// Thresholds, by name.
const (
	Enough  = 5                   // so many prompts are needed before anything more is said of them …
	Several = 3                   // … of so many members: of fewer, it would be said of somebody
	Again   = 30 * 24 * time.Hour // the same kind of thing within this time is a repetition
)

// Asked is what became of one prompt.
type Asked struct {
	Chat       chat.ID
	Member     chat.MemberID // only to tell repetitions, and one from several
	Rules      []string
	Categories []string
	Opened     time.Time
	State      prompt.State
	Answer     string
	Reminded   bool
	Escalated  bool
	Right      time.Time // when it was seen to be put right; zero: it was not
}

// Of gives what became of a prompt; false where it asks about no message.
func Of(p *prompt.Prompt) (Asked, bool) {
	a := Asked{
		Chat: p.Chat, Member: p.Member, Opened: p.Opened, State: p.State, Answer: p.Answer,
		Reminded: !p.Reminded.IsZero(), Escalated: !p.Raised.IsZero() || p.State == prompt.Escalated,
	}
	flagged := false
	for _, it := range p.Items {
		flagged = flagged || (it.State == prompt.Flagged && slices.Contains(it.Duties, policy.Remove))
		for _, f := range it.Found {
			if !slices.Contains(a.Rules, f.Rule) {
				a.Rules = append(a.Rules, f.Rule)
			}
			if !slices.Contains(a.Categories, f.Category) {
				a.Categories = append(a.Categories, f.Category)
			}
		}
	}
	if p.State == prompt.PutRight || (p.State == prompt.Answered && p.Filed && !flagged) {
		a.Right = p.Closed
	}
	return a, p.Run == "" && !p.Leaving() && p.Telling == nil
}

// Counts is what became of the prompts of one chat, or one rule, or all.
type Counts struct {
	Key   string `json:"key,omitempty"` // chat or rule
	Title string `json:"title,omitempty"`
	Asked int    `json:"asked"`
	Parts *Parts `json:"parts"` // null where too few were asked
}

// Parts is what became of them.
type Parts struct {
	Answered     int  `json:"answered"`
	Right        int  `json:"put_right"` // seen by the bot: deleted, edited or kept
	NotSensitive int  `json:"not_sensitive"`
	Wrong        int  `json:"wrong"`
	Silent       int  `json:"no_answer"` // ended without an answer, and not put right
	Open         int  `json:"open"`
	Reminded     int  `json:"reminded"`
	Escalated    int  `json:"escalated"`
	MedianRight  *int `json:"median_minutes_to_right"` // null where too few were put right
	Repeated     int  `json:"repeated_per_cent"`       // of prompts: the same kind of thing, of the same member, within 30 days
	Precision    *int `json:"right_per_cent"`          // of those who said whether it was; null where too few did
}

// Effect is what prompts achieved.
type Effect struct {
	Since time.Time `json:"since"`
	All   Counts    `json:"all"`
	Chats []Counts  `json:"chats"` // those with the most prompts first
	Rules []Counts  `json:"rules"`
	Pairs []Pair    `json:"rules_in_chats"`
}

// Pair is how right a rule was in one chat, where enough people said.
type Pair struct {
	Rule      string `json:"rule"`
	Chat      string `json:"chat"`
	Title     string `json:"title,omitempty"`
	Answered  int    `json:"answered"`
	Precision int    `json:"right_per_cent"`
}

// tally gathers the prompts of one row.
type tally struct {
	all      []Asked
	repeated int
}

// Prompts works out what became of the prompts that were opened since a time.
// Earlier ones only tell repetitions.
func Prompts(since time.Time, all []Asked) Effect {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Asked) int { return a.Opened.Compare(b.Opened) })
	var total tally
	chats, rules := map[string]*tally{}, map[string]*tally{}
	pairs := map[[2]string]*tally{}
	last := map[[2]string]time.Time{} // member and kind: when they were last asked about it
	for _, a := range all {
		again := false
		for _, c := range a.Categories {
			key := [2]string{string(a.Chat.Account) + "/" + string(a.Member), c}
			if at, was := last[key]; was && a.Opened.Sub(at) <= Again {
				again = true
			}
			last[key] = a.Opened
		}
		if a.Opened.Before(since) {
			continue
		}
		total.add(a, again)
		of(chats, a.Chat.String()).add(a, again)
		for _, r := range a.Rules {
			of(rules, r).add(a, again)
			of(pairs, [2]string{r, a.Chat.String()}).add(a, again)
		}
	}
	e := Effect{Since: since, All: total.counts(""), Chats: rows(chats), Rules: rows(rules), Pairs: []Pair{}}
	for k, t := range pairs {
		if said, agreed := t.said(); said >= Enough && t.several() {
			e.Pairs = append(e.Pairs, Pair{Rule: k[0], Chat: k[1], Answered: said, Precision: percent(agreed, said)})
		}
	}
	slices.SortFunc(e.Pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Precision, b.Precision), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Chat, b.Chat))
	})
	return e
}

func of[K comparable](in map[K]*tally, key K) *tally {
	if in[key] == nil {
		in[key] = &tally{}
	}
	return in[key]
}

func rows(in map[string]*tally) []Counts {
	out := make([]Counts, 0, len(in))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		out = append(out, in[k].counts(k))
	}
	slices.SortStableFunc(out, func(a, b Counts) int { return b.Asked - a.Asked })
	return out
}

func (t *tally) add(a Asked, again bool) {
	t.all = append(t.all, a)
	if again {
		t.repeated++
	}
}

// several reports whether the prompts are of enough members.
func (t *tally) several() bool {
	members := map[string]bool{}
	for _, a := range t.all {
		members[string(a.Chat.Account)+"/"+string(a.Member)] = true
	}
	return len(members) >= Several
}

// said counts those who said whether the prompt was right, and those who agreed.
func (t *tally) said() (said, agreed int) {
	for _, a := range t.all {
		switch {
		case a.Answer == prompt.AnswerNotSensitive || a.Answer == prompt.AnswerWrong:
			said++
		case a.State == prompt.PutRight || a.State == prompt.Answered:
			said, agreed = said+1, agreed+1
		}
	}
	return said, agreed
}

func (t *tally) counts(key string) Counts {
	c := Counts{Key: key, Asked: len(t.all)}
	if c.Asked < Enough || !t.several() {
		return c
	}
	p := &Parts{Repeated: percent(t.repeated, c.Asked)}
	var right []time.Duration
	for _, a := range t.all {
		p.one(a)
		if !a.Right.IsZero() {
			right = append(right, a.Right.Sub(a.Opened))
		}
	}
	if len(right) >= Enough {
		m := median(right)
		p.MedianRight = &m
	}
	if said, agreed := t.said(); said >= Enough {
		n := percent(agreed, said)
		p.Precision = &n
	}
	c.Parts = p
	return c
}

// one adds one prompt to what became of them.
func (p *Parts) one(a Asked) {
	bump := func(is bool, n *int) {
		if is {
			*n++
		}
	}
	waits := a.State == prompt.Open || a.State == prompt.Escalated
	bump(a.Answer != "", &p.Answered)
	bump(!a.Right.IsZero(), &p.Right)
	bump(a.Answer == prompt.AnswerNotSensitive, &p.NotSensitive)
	bump(a.Answer == prompt.AnswerWrong, &p.Wrong)
	bump(!waits && a.Answer == "" && a.Right.IsZero(), &p.Silent)
	bump(waits, &p.Open)
	bump(a.Reminded, &p.Reminded)
	bump(a.Escalated, &p.Escalated)
}

// median is the middle of some times, in minutes rounded up.
func median(all []time.Duration) int {
	slices.Sort(all)
	n := len(all)
	d := (all[(n-1)/2] + all[n/2]) / 2
	return int((d + time.Minute - 1) / time.Minute)
}

func percent(n, of int) int { return (100*n + of/2) / of }
