package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const monthConfig = `organisation: Calderwick Borough Council
bots:
  practice: {enabled: true, new_rooms: act}
directory:
  file: %s
  stale_after: 2400h
  mapping: {id: Staff number, name: Full name, phones: [Mobile], leaves: Leaving date}
prompts: {daily: 3}
`

// life plays a month on the real binary.
type life struct {
	*keep
	p     *monthPlan
	begun time.Time // midnight before the first day, by the clock of the demo
	now   time.Duration
	byID  map[string]*saying // by message
	after map[*monthChat]string
	seen  map[string]string         // the prompts that somebody reacted to, and how
	shows map[*monthPerson]bool     // who asked for each thing of a digest
	told  map[*monthPerson][]string // what people were told that is about no one message
	harm  []string
	hold  heldTime
}

// heldTime is when the hold was in force.
type heldTime struct{ from, to time.Time }

// monthCall is an entry of the ledger, with what the score needs of it.
type monthCall struct {
	ledgerView
	Prompt   string   `json:"prompt"`
	Messages []string `json:"messages"`
}

func newLife(t *testing.T, p *monthPlan) *life {
	l := newLab(t, build(t, ""))
	k := &keep{lab: l, t: t, config: filepath.Join(l.dir, "chaperone.yaml")}
	f := &life{
		keep: k, p: p, byID: map[string]*saying{}, after: map[*monthChat]string{},
		seen: map[string]string{}, shows: map[*monthPerson]bool{}, told: map[*monthPerson][]string{},
	}
	k.must(os.WriteFile(k.config, fmt.Appendf(nil, monthConfig, filepath.Join(l.dir, "people.csv")), 0o600))
	f.directory()
	k.begin()
	for _, c := range p.chats {
		var members []map[string]string
		for _, m := range c.members {
			members = append(members, map[string]string{"id": m.id, "name": m.name(), "phone": m.phone})
		}
		k.must(k.call("POST", "/rooms", map[string]any{"id": c.id, "name": c.name, "kind": c.kind, "members": members}, nil))
	}
	zone, err := time.LoadLocation("Europe/London")
	k.must(err)
	today := time.Now().In(zone)
	f.begun = time.Date(today.Year(), today.Month(), today.Day()+1, 0, 0, 0, 0, zone)
	f.now = -time.Until(f.begun)
	return f
}

// directory writes the staff directory as the personnel system has it now:
// last days are known two days before.
func (f *life) directory() {
	f.t.Helper()
	var b strings.Builder
	b.WriteString("Staff number,Full name,Mobile,Leaving date\n")
	for _, m := range f.p.staff {
		leaves := ""
		if m.leaves != 0 && !f.begun.IsZero() && f.now >= time.Duration(m.leaves-2)*24*time.Hour {
			leaves = f.begun.AddDate(0, 0, m.leaves-1).Format(time.DateOnly)
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", m.key, m.name(), strings.Replace(m.phone, "+44", "0", 1), leaves)
	}
	f.must(os.WriteFile(filepath.Join(f.dir, "people.new"), []byte(b.String()), 0o600))
	f.must(os.Rename(filepath.Join(f.dir, "people.new"), filepath.Join(f.dir, "people.csv")))
}

// play goes through the month, and the days after it in which what is open ends.
func (f *life) play() {
	f.t.Helper()
	day := -1
	for i, at := range f.p.sittings {
		f.must(f.advance(at.at - f.now))
		f.now = at.at
		if at.day != day {
			day = at.day
			f.directory()
			f.holds(day)
		}
		f.sitting(at)
		f.must(f.advance(0))
		f.look()
		f.react(i)
	}
	f.must(f.advance(72 * time.Hour))
	f.look()
	for _, m := range f.p.staff {
		all, err := f.prompts(m.id)
		f.must(err)
		for _, p := range all {
			f.check(m, p)
		}
	}
}

// holds places the hold in the middle of the month, and releases it later.
func (f *life) holds(day int) {
	f.t.Helper()
	from, to := f.p.days/2, f.p.days*3/4
	switch day {
	case from:
		f.clock() // what somebody asked for before is done before
		f.command("hold", "place", "--chat", "practice/"+f.p.held.id, "--matter", "Larch Close", "--reason", "public inquiry", "--review", "2099-06-01", "--by", "Nasreen Malik")
		f.hold.from = f.clock()
	case to:
		list := f.command("hold", "list")
		f.hold.to = f.clock()
		f.command("hold", "release", strings.Fields(list)[0], "--by", "Nasreen Malik", "--why", "the inquiry has ended")
	}
}

// clock is what the demo's clock shows, once all that is due is done. It runs
// on while messages are posted, so that it is ahead of the plan.
func (f *life) clock() time.Time {
	f.t.Helper()
	var out struct {
		Now time.Time `json:"now"`
	}
	f.must(f.call("POST", "/clock", map[string]string{"advance": "0s"}, &out))
	return out.Now
}

func (h heldTime) covers(at time.Time) bool {
	return !h.from.IsZero() && !at.Before(h.from) && (h.to.IsZero() || at.Before(h.to))
}

// sitting posts what is said, all people side by side and each in their order.
func (f *life) sitting(at *sitting) {
	f.t.Helper()
	type seat struct {
		c *monthChat
		m *monthPerson
	}
	says := map[seat][]*saying{}
	for _, c := range f.p.chats {
		for _, one := range at.says[c] {
			says[seat{c, one.by}] = append(says[seat{c, one.by}], one)
		}
	}
	var all sync.WaitGroup
	faults := make(chan error, len(says))
	for _, mine := range says {
		all.Go(func() {
			for _, one := range mine {
				for _, text := range one.texts {
					id, err := f.post(one.chat.id, one.by.id, text)
					if err != nil {
						faults <- fmt.Errorf("%s: %w", one.frame, err)
						return
					}
					one.ids = append(one.ids, id)
				}
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		f.t.Fatal(err)
	}
	for _, c := range f.p.chats {
		for _, one := range at.says[c] {
			for _, id := range one.ids {
				f.byID[c.id+"/"+id] = one
			}
		}
	}
}

// look reads what was decided about the messages since the last time.
func (f *life) look() {
	f.t.Helper()
	for _, c := range f.p.chats {
		path := "/rooms/" + c.id + "/messages?limit=10000"
		if f.after[c] != "" {
			path += "&after=" + f.after[c]
		}
		for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			var all []messageView
			f.must(f.call("GET", path, nil, &all))
			if slices.ContainsFunc(all, func(m messageView) bool { return m.Decision == "pending" }) && time.Now().Before(until) {
				f.must(f.advance(0))
				continue
			}
			for _, m := range all {
				f.after[c] = m.ID
				if one := f.byID[c.id+"/"+m.ID]; one != nil && m.Decision == "prompted" {
					one.prompted = true
				} else if m.Decision == "pending" {
					f.harm = append(f.harm, "a message was never decided about: "+one.frame)
				}
			}
			break
		}
	}
}

// react lets people do with their prompts what people do.
func (f *life) react(sitting int) {
	f.t.Helper()
	for i, m := range f.p.staff {
		rng := rand.New(rand.NewPCG(f.p.seed, uint64(1000*sitting+i)))
		all, err := f.prompts(m.id)
		f.must(err)
		for _, p := range all {
			f.check(m, p)
			if p.State != "open" || f.seen[p.ID] != "" || rng.IntN(5) == 0 { // some see it later
				continue
			}
			f.seen[p.ID] = f.reaction(rng, m, p)
		}
	}
}

// check looks at a prompt for what must never be in it.
func (f *life) check(m *monthPerson, p promptView) {
	says := p.Text
	for _, s := range p.Steps {
		says += "\n" + s.Text
	}
	for _, a := range p.Answers {
		says += "\n" + a.Label
	}
	if len(p.Messages) == 0 {
		f.told[m] = append(f.told[m], says)
	}
	for _, id := range p.Messages {
		one := f.byID[p.Room+"/"+id]
		if one == nil {
			f.harm = append(f.harm, "a prompt is about a message that nobody sent")
			continue
		}
		one.asked = true
		if one.by != m {
			f.harm = append(f.harm, fmt.Sprintf("%s sees a prompt about %s of another", m.id, one.frame))
		}
		for _, v := range one.values {
			if len(v) > 4 && strings.Contains(says, v) {
				f.harm = append(f.harm, "a prompt shows what was found in "+one.frame)
			}
		}
		if one.chat == f.p.held && !f.hold.from.IsZero() && f.hold.to.IsZero() && p.State == "open" && (p.offers("delete") || p.offers("keep-delete") || p.offers("deleted")) {
			f.harm = append(f.harm, "under a hold a prompt asks to delete "+one.frame)
		}
	}
}

// reaction is what one person does with one prompt, in a word.
func (f *life) reaction(rng *rand.Rand, m *monthPerson, p promptView) string {
	f.t.Helper()
	var about []*saying
	needed := false
	for _, id := range p.Messages {
		if one := f.byID[p.Room+"/"+id]; one != nil {
			about = append(about, one)
			needed = needed || one.kind != routine
		}
	}
	ways := []string{"remove", "remove", "remove", "edit", "edit", "delete", "keep", "keep-delete", "note", "deleted", "not-sensitive", "wrong", "ignore", "ignore", "ignore"}
	switch {
	case len(about) == 0:
		ways = []string{"looked", "note", "show", "noted", "ignore"} // a farewell, a digest
	case !needed:
		ways = []string{"not-sensitive", "wrong", "ignore"}
	case slices.ContainsFunc(about, func(one *saying) bool { return one.kind == decision }):
		ways = []string{"keep", "keep", "keep", "note", "ignore", "wrong"}
	}
	if p.offers("control") && rng.IntN(4) > 0 {
		f.must(f.answer(m.id, p.ID, "control", ""))
		f.must(f.advance(0))
		now, err := f.prompts(m.id)
		f.must(err)
		for _, again := range now {
			if again.ID == p.ID {
				p = again
			}
		}
	}
	switch way := pickOf(rng, ways...); way {
	case "ignore":
		return way
	case "remove":
		for _, id := range p.Messages {
			f.must(f.remove(p.Room, id, m.id))
		}
		return way
	case "edit":
		for _, id := range p.Messages {
			f.must(f.edit(p.Room, id, m.id, pickOf(rng, "details phoned through", "sorry, have rung it in instead", "emailed it over", ".")))
		}
		return way
	default:
		if !p.offers(way) {
			return "ignore"
		}
		text := ""
		if way == "note" || way == "not-sensitive" && wantsText(p, way) || wantsText(p, way) {
			text = "Noted for the file, with the reason."
		}
		f.shows[m] = f.shows[m] || way == "show"
		for _, one := range about {
			one.agreed = one.agreed || way == "delete" || way == "keep-delete"
		}
		f.must(f.answer(m.id, p.ID, way, text))
		return way
	}
}

func wantsText(p promptView, answer string) bool {
	for _, a := range p.Answers {
		if a.ID == answer {
			return a.WantsText
		}
	}
	return false
}
