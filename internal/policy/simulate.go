package policy

import (
	"cmp"
	"slices"
	"time"
)

// Window is how long after its first message a prompt takes in further ones of
// the same member in the same chat.
const Window = 2 * time.Minute

// Case is one message as it was found, for a change of packs to be tried on.
type Case struct {
	Chat   string
	Place  string // where it stands; never its text
	Member string
	At     time.Time
	Situation
}

// Said is what packs say about a case.
type Said struct {
	Outcome Outcome `json:"outcome"`
	Asks    bool    `json:"asks"`
	Duties  []Duty  `json:"duties,omitempty"`
	Row     string  `json:"row,omitempty"` // pack and row that decided
}

// Change is one case about which other packs say something else.
type Change struct {
	Chat  string `json:"chat"`
	Place string `json:"place"`
	Was   Said   `json:"was"`
	Now   Said   `json:"now"`
}

// Tally is what a change of packs would mean for one chat.
type Tally struct {
	Chat       string `json:"chat"`
	Messages   int    `json:"messages"`
	Changed    int    `json:"changed"`
	PromptsWas int    `json:"prompts_was"`
	PromptsNow int    `json:"prompts_now"`
}

// Simulation is the exact difference that a change of packs makes to cases.
type Simulation struct {
	Messages int      `json:"messages"`
	Chats    []Tally  `json:"chats"`
	Changes  []Change `json:"changes"`
}

// Simulate holds two sets of packs against the same cases. Prompts are counted
// as they are asked: one for the messages of a member in a chat within two
// minutes. It counts no people.
func Simulate(was, now []Pack, cases []Case) Simulation {
	s := Simulation{Messages: len(cases), Chats: []Tally{}, Changes: []Change{}}
	at := map[string]int{}
	type asker struct{ chat, member string }
	asked := map[asker][2][]time.Time{}
	for _, c := range cases {
		i, known := at[c.Chat]
		if !known {
			i = len(s.Chats)
			at[c.Chat] = i
			s.Chats = append(s.Chats, Tally{Chat: c.Chat})
		}
		t := &s.Chats[i]
		t.Messages++
		before, after := sayOf(Decide(was, c.Situation)), sayOf(Decide(now, c.Situation))
		both := asked[asker{c.Chat, c.Member}]
		for j, said := range []Said{before, after} {
			if said.Asks {
				both[j] = append(both[j], c.At)
			}
		}
		asked[asker{c.Chat, c.Member}] = both
		if before.Outcome != after.Outcome || !slices.Equal(before.Duties, after.Duties) {
			t.Changed++
			s.Changes = append(s.Changes, Change{Chat: c.Chat, Place: c.Place, Was: before, Now: after})
		}
	}
	for who, both := range asked {
		t := &s.Chats[at[who.chat]]
		t.PromptsWas += prompts(both[0])
		t.PromptsNow += prompts(both[1])
	}
	slices.SortFunc(s.Chats, func(a, b Tally) int { return cmp.Compare(a.Chat, b.Chat) })
	return s
}

func sayOf(d Decision) Said {
	said := Said{Outcome: d.Outcome, Asks: d.Has(Ask), Duties: d.Duties}
	if len(d.Lines) > 0 {
		said.Row = d.Lines[0].Pack + ", " + d.Lines[0].Row
	}
	return said
}

// prompts counts the questions that flagged messages make. Of messages without
// a time each is one.
func prompts(at []time.Time) int {
	slices.SortFunc(at, time.Time.Compare)
	n := 0
	var first time.Time
	for _, t := range at {
		if n == 0 || t.IsZero() || t.Sub(first) > Window {
			n++
			first = t
		}
	}
	return n
}
