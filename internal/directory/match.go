package directory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// Member is one member of an account as the product knows them: what the
// platform or the member proved about who they are.
type Member struct {
	Account chat.Account
	ID      chat.MemberID
	Also    []chat.MemberID // other ids of the same member there, such as WhatsApp's hidden id beside the number
	Name    string          // as the platform shows it: finds a named administrator, and matches nobody
	Bot     bool            // a bot or an app, this one included
	Guest   string          // the other organisation that an administrator confirmed them to be from

	Phone   string    // as Phone gives it; only what the platform says, never digits of an id
	PhoneAt time.Time // when it was proved to be theirs, and has been since; zero: it was not
	Email   string    // as Email gives it
	EmailAt time.Time // likewise
	Link    PersonID  // the person that they were confirmed to be
	LinkBy  string    // who confirmed it
}

// By is a way in which a member was joined to a person.
type By string

// The ways.
const (
	ByLink  By = "confirmed link"
	ByPhone By = "verified phone"
	ByEmail By = "verified email"
)

// Match joins a member to a person, and says how.
type Match struct {
	Person PersonID
	By     By // the strongest way; others agree with it

	also   By        // another way that says the same
	gone   bool      // their row is gone from the directory
	proved time.Time // when the proof was given; zero for a link
}

// Explain says how the match of a member was made, for a person to read. At
// most two characters of an identifier are in it.
func (m Match) Explain(who Member) string {
	text := ""
	for _, by := range []By{m.By, m.also} {
		where := "is"
		if m.gone {
			where = "was"
		}
		switch by {
		case ByLink:
			text += fmt.Sprintf("Confirmed by %s to be %s in the directory. ", who.LinkBy, m.Person)
		case ByPhone:
			text += fmt.Sprintf("Their %s, %s, %s in the directory for %s. ", by, lastTwo(who.Phone), where, m.Person)
		case ByEmail:
			text += fmt.Sprintf("Their %s, %s, %s in the directory for %s. ", by, lastTwo(who.Email), where, m.Person)
		}
	}
	return strings.TrimSpace(text)
}

// Doubt says why a member is joined to nobody. The names are closed.
type Doubt string

// The doubts.
const (
	NoDoubt    Doubt = ""
	Unknown    Doubt = "unknown"    // the directory has none of what is known about them
	Unverified Doubt = "unverified" // it has, but nobody proved that it is theirs
	Shared     Doubt = "shared"     // several people have that number or address
	Conflict   Doubt = "conflict"   // what is known points to different people
	Recycled   Doubt = "recycled"   // the number or address went to another person since it was proved
)

// Matched says for one member who they are, or why that is not known.
type Matched struct {
	Member *Member
	Match  Match
	Doubt  Doubt  // NoDoubt when there is a match
	Text   string // how the match was made, or the doubt; for a person to read
}

// Matches joins members to the people of a directory, in the order of members.
// Bots and guests are left out.
func Matches(s Snapshot, members []Member, before Memory) []Matched {
	ix := newIndex(s, members, before.Owners, nil)
	list := make([]Matched, 0, len(members))
	for i := range members {
		m := &members[i]
		if m.Bot || m.Guest != "" {
			continue
		}
		match, doubt := ix.match(m)
		x := Matched{Member: m, Match: match, Doubt: doubt, Text: doubtText[doubt]}
		if doubt == NoDoubt {
			x.Text = match.Explain(*m)
		}
		list = append(list, x)
	}
	return list
}

// Owner is who had an identifier when it was last seen with one person.
type Owner struct {
	Person PersonID  `json:"person"`
	Since  time.Time `json:"since,omitzero"` // when it came to them from another; zero: always, for all we know
}

// index finds people by what members have. It looks only for that, so that a
// directory of a million costs no more memory than its members.
type index struct {
	people  []Person
	at      time.Time
	byID    map[PersonID]int32
	holders map[string][]int32
	owners  map[string]Owner // as they were before
}

func newIndex(s Snapshot, members []Member, owners map[string]Owner, also []PersonID) *index {
	ix := &index{
		people: s.People, at: s.At, owners: owners,
		byID:    make(map[PersonID]int32, len(members)),
		holders: make(map[string][]int32, 2*len(members)),
	}
	for _, id := range also {
		ix.byID[id] = -1
	}
	for i := range members {
		m := &members[i]
		for _, x := range []string{m.Phone, m.Email} {
			if x != "" {
				ix.holders[x] = nil
				if o, ok := owners[x]; ok {
					ix.byID[o.Person] = -1
				}
			}
		}
		if m.Link != "" {
			ix.byID[m.Link] = -1
		}
	}
	for i := range s.People {
		p := &s.People[i]
		if _, wanted := ix.byID[p.ID]; wanted {
			ix.byID[p.ID] = int32(i)
		}
		ix.hold(p.Phones, int32(i))
		ix.hold(p.Emails, int32(i))
	}
	return ix
}

func (ix *index) hold(list []string, i int32) {
	for _, x := range list {
		h, wanted := ix.holders[x]
		if wanted && (len(h) == 0 || h[len(h)-1] != i) {
			ix.holders[x] = append(h, i)
			ix.byID[ix.people[i].ID] = i
		}
	}
}

// person gives the person with an id, if the directory has them now.
func (ix *index) person(id PersonID) (*Person, bool) {
	i, ok := ix.byID[id]
	if !ok || i < 0 {
		return nil, false
	}
	return &ix.people[i], true
}

// evidence is what one identifier says.
type evidence struct {
	match  Match
	doubt  Doubt
	shared []PersonID // everyone who has it, when several do
}

// match joins a member to one person, or says why not. All that is known must
// agree; what is not proved can raise a doubt, and never settles one.
func (ix *index) match(m *Member) (Match, Doubt) {
	list := ix.evidence(m)
	var best Match
	weak := Unknown
	for _, e := range list {
		switch {
		case e.doubt == Recycled:
			return Match{}, Recycled
		case e.doubt != NoDoubt:
			if weak == Unknown || e.doubt == Shared {
				weak = e.doubt
			}
		case best.Person == "":
			best = e.match
		case best.Person != e.match.Person:
			return Match{}, Conflict
		default:
			best.also = e.match.By
			if e.match.proved.After(best.proved) {
				best.proved = e.match.proved
			}
		}
	}
	if best.Person == "" {
		return Match{}, weak
	}
	for _, e := range list {
		if e.doubt == Unverified && e.match.Person != best.Person ||
			e.doubt == Shared && !slices.Contains(e.shared, best.Person) {
			return Match{}, Conflict
		}
	}
	return best, NoDoubt
}

func (ix *index) evidence(m *Member) []evidence {
	var list []evidence
	if m.Link != "" {
		list = append(list, evidence{match: Match{Person: m.Link, By: ByLink}})
	}
	if m.Phone != "" {
		list = ix.identifier(list, ByPhone, m.Phone, m.PhoneAt)
	}
	if m.Email != "" {
		list = ix.identifier(list, ByEmail, m.Email, m.EmailAt)
	}
	return list
}

// identifier adds what a number or an address says.
func (ix *index) identifier(list []evidence, by By, x string, proved time.Time) []evidence {
	holders := ix.holders[x]
	owner, known := ix.owners[x]
	if len(holders) == 0 {
		// The number of someone whose whole row is gone still points to them;
		// a number that was taken off a row points to nobody.
		if _, there := ix.person(owner.Person); !known || there {
			return list
		}
		return append(list, verified(Match{Person: owner.Person, By: by, proved: proved, gone: true}))
	}
	if len(holders) > 1 {
		e := evidence{doubt: Shared}
		for _, i := range holders {
			e.shared = append(e.shared, ix.people[i].ID)
		}
		return append(list, e)
	}
	p := &ix.people[holders[0]]
	since := owner.Since
	if known && owner.Person != p.ID {
		since = ix.at
	}
	if !proved.IsZero() && !since.IsZero() && !proved.After(since) {
		return append(list, evidence{doubt: Recycled})
	}
	return append(list, verified(Match{Person: p.ID, By: by, proved: proved}))
}

func verified(m Match) evidence {
	if m.proved.IsZero() {
		return evidence{match: m, doubt: Unverified}
	}
	return evidence{match: m}
}

// ownersNow gives who has each identifier of a member now, and how many went
// from one person to another.
func (ix *index) ownersNow() (now map[string]Owner, moved int) {
	now = make(map[string]Owner, len(ix.holders))
	for x, holders := range ix.holders {
		was, known := ix.owners[x]
		switch {
		case len(holders) != 1:
			if known {
				now[x] = was
			}
		case known && was.Person != ix.people[holders[0]].ID:
			moved++
			now[x] = Owner{Person: ix.people[holders[0]].ID, Since: ix.at}
		default:
			now[x] = Owner{Person: ix.people[holders[0]].ID, Since: was.Since}
		}
	}
	return now, moved
}
