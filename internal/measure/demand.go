package measure

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"chaperone/internal/chat"
)

// Fact is that something of a kind was found in a message.
type Fact struct {
	Chat     chat.ID
	Kind     chat.Kind
	Message  chat.MessageID
	Member   chat.MemberID // only to tell one from several
	At       time.Time
	Category string
}

// Routine are the thresholds from which the handling of personal details in a
// chat is no slip but a habit, which needs a proper home (R29).
type Routine struct {
	Days    int // on so many days at least …
	Of      int // … of the last so many
	Members int // by so many members at least
}

// DefaultRoutine is what holds where nobody says otherwise.
func DefaultRoutine() Routine { return Routine{Days: 10, Of: 30, Members: 3} }

// Trend is that a chat handles personal details as a routine. It names nobody
// and does not say how many they were.
type Trend struct {
	Chat    chat.ID  `json:"chat"`
	Quarter string   `json:"quarter"`
	Days    int      `json:"days"`
	Of      int      `json:"of"`
	Kinds   []string `json:"kinds"` // categories, the most frequent first
}

// Quarter is the calendar quarter of a time, such as 2026-Q4.
func Quarter(t time.Time) string {
	return fmt.Sprintf("%d-Q%d", t.Year(), (int(t.Month())+2)/3)
}

// Trends gives the chats that handle personal details as a routine.
func (r Routine) Trends(now time.Time, zone *time.Location, facts []Fact) []Trend {
	type chatFacts struct {
		days    map[string]bool
		members map[chat.MemberID]bool
		kinds   map[string]int
	}
	in := map[chat.ID]*chatFacts{}
	y, m, d := now.In(zone).Date()
	first := time.Date(y, m, d-r.Of+1, 0, 0, 0, 0, zone)
	for _, f := range facts {
		if !Personal(f.Category) || f.At.Before(first) || f.At.After(now) {
			continue
		}
		c := in[f.Chat]
		if c == nil {
			c = &chatFacts{map[string]bool{}, map[chat.MemberID]bool{}, map[string]int{}}
			in[f.Chat] = c
		}
		c.days[f.At.In(zone).Format(time.DateOnly)], c.members[f.Member] = true, true
		c.kinds[f.Category]++
	}
	var out []Trend
	for id, c := range in {
		if len(c.days) < r.Days || len(c.members) < r.Members {
			continue
		}
		t := Trend{Chat: id, Quarter: Quarter(now.In(zone)), Days: len(c.days), Of: r.Of, Kinds: slices.Sorted(maps.Keys(c.kinds))}
		slices.SortStableFunc(t.Kinds, func(a, b string) int { return c.kinds[b] - c.kinds[a] })
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Trend) int { return cmp.Compare(a.Chat.String(), b.Chat.String()) })
	return out
}

// Personal reports whether a category is about people.
func Personal(category string) bool {
	return slices.Contains([]string{
		"bank_account", "casualty", "child", "criminal", "dob", "email", "gov_ref", "health", "iban", "ip_address", "location", "payment_card",
		"person_name", "phone", "special_category", "uk_chi", "uk_driving_licence", "uk_nhs", "uk_nino", "uk_passport", "uk_postcode_address",
		"uk_utr", "us_ssn", "vehicle_reg", "vulnerable_person",
	}, category)
}

// Demand is what needs bring people to chats (R12): how many messages of a kind
// were there, in which kinds of chat, and at which hours.
type Demand struct {
	Since  time.Time `json:"since"`
	Topics []Topic   `json:"topics"` // the most frequent first
	Kinds  []Topic   `json:"chat_kinds"`
}

// Topic is how many messages were about something, or in a kind of chat.
type Topic struct {
	Category string         `json:"category,omitempty"`
	Title    string         `json:"title,omitempty"`
	ChatKind chat.Kind      `json:"chat_kind,omitempty"`
	N        int            `json:"messages"`
	Hours    [24]int        `json:"hours"` // by the hour of the day
	Outside  int            `json:"outside_office_hours_per_cent"`
	In       map[string]int `json:"in,omitempty"` // by kind of chat
}

// Wants works out the demand from what was found since a time. Something that
// is found twice in a message counts once.
func Wants(since time.Time, zone *time.Location, facts []Fact) Demand {
	topics, kinds := map[string]*Topic{}, map[chat.Kind]*Topic{}
	outside := map[*Topic]int{}
	type once struct {
		chat     chat.ID
		message  chat.MessageID
		category string
	}
	seen := map[once]bool{}
	for _, f := range facts {
		k := once{f.Chat, f.Message, f.Category}
		if f.At.Before(since) || seen[k] {
			continue
		}
		seen[k] = true
		at := f.At.In(zone)
		office := at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && at.Hour() >= 8 && at.Hour() < 18
		topic := topics[f.Category]
		if topic == nil {
			topic = &Topic{Category: f.Category, In: map[string]int{}}
			topics[f.Category] = topic
		}
		topic.In[string(f.Kind)]++
		count := []*Topic{topic}
		k.category = ""
		if !seen[k] { // the first thing that was found in it
			seen[k] = true
			if kinds[f.Kind] == nil {
				kinds[f.Kind] = &Topic{ChatKind: f.Kind}
			}
			count = append(count, kinds[f.Kind])
		}
		for _, t := range count {
			t.N++
			t.Hours[at.Hour()]++
			if !office {
				outside[t]++
			}
		}
	}
	return Demand{Since: since, Topics: sorted(topics, outside), Kinds: sorted(kinds, outside)}
}

func sorted[K ~string](in map[K]*Topic, outside map[*Topic]int) []Topic {
	out := make([]Topic, 0, len(in))
	for _, t := range in {
		t.Outside = percent(outside[t], t.N)
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Topic) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Category, b.Category), cmp.Compare(a.ChatKind, b.ChatKind))
	})
	return out
}
