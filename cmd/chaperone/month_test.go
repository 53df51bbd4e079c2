package main_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// monthSeed is the month that is played unless CHAPERONE_SEED names another.
func monthSeed(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("CHAPERONE_SEED")
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("CHAPERONE_SEED %q is no number", s)
	}
	return n
}

// TestMonth plays a week of the month in the life of an organisation of sixty
// people; TestSoakMonth plays the whole.
func TestMonth(t *testing.T) { liveMonth(t, shortMonth) }

func TestSoakMonth(t *testing.T) {
	if os.Getenv("CHAPERONE_SOAK") == "" {
		t.Skip("set CHAPERONE_SOAK=1 for the whole month: 20,000 messages")
	}
	liveMonth(t, wholeMonth)
}

func liveMonth(t *testing.T, sz size) {
	p := planMonth(t, monthSeed(t), sz)
	f := newLife(t, p)
	began := time.Now()
	f.play()
	t.Logf("seed %d: %d messages in %d sittings, %d frames of ordinary talk, %d that deserve a prompt, %d decisions; %.0f messages a second",
		p.seed, p.messages(), len(p.sittings), p.frames[routine], p.frames[deserving], p.frames[decision], float64(p.messages())/time.Since(began).Seconds())
	score := f.score()
	f.stop(t)
	f.leaks()
	score.harm = f.harm
	score.report(t, sz.missed)
}

// tally is how a month went.
type tally struct {
	due, missed map[string][]*saying // by kind
	needless    map[*monthPerson][]*saying
	ordinary    int
	repeated    []string
	answers     map[string]int
	harm        []string
}

// score holds what the bot did against what it should have done.
func (f *life) score() tally {
	f.t.Helper()
	s := tally{due: map[string][]*saying{}, missed: map[string][]*saying{}, needless: map[*monthPerson][]*saying{}, answers: map[string]int{}}
	for _, one := range f.p.says {
		switch {
		case one.kind == routine:
			s.ordinary += len(one.texts)
			if one.prompted {
				s.needless[one.by] = append(s.needless[one.by], one)
			}
		case !one.prompted:
			s.missed[one.kind] = append(s.missed[one.kind], one)
			fallthrough
		default:
			s.due[one.kind] = append(s.due[one.kind], one)
		}
		if one.prompted && !one.asked && !f.digested(one) {
			f.harm = append(f.harm, "nobody was ever asked about "+one.frame)
		}
	}
	for _, how := range f.seen {
		s.answers[how]++
	}
	s.repeated = f.calls()
	return s
}

// digested reports whether the sender was told in a digest of a chat in which
// they said it: those whom a day asked too much.
func (f *life) digested(one *saying) bool {
	return one.by.leaves != 0 || slices.ContainsFunc(f.told[one.by], func(says string) bool {
		return strings.Contains(says, one.chat.name+" (")
	})
}

// calls goes through every call that the bot made: what it should not have
// done, and whom it asked twice.
func (f *life) calls() (repeated []string) {
	f.t.Helper()
	var all []monthCall
	f.must(f.call("GET", "/ledger", nil, &all))
	asked, covers, removed := map[string]int{}, map[string]string{}, map[string]bool{}
	asks, people := map[string]int{}, map[string]*monthPerson{}
	for _, m := range f.p.staff {
		people[m.id] = m
	}
	for _, c := range all {
		one := f.byID[c.Room+"/"+c.Message]
		who := people[c.Member]
		switch c.Effect {
		case "whisper", "revise", "remind":
			if one != nil && one.by != who {
				f.harm = append(f.harm, "a prompt about "+one.frame+" went to another than its sender")
			}
			if c.Effect != "whisper" {
				break
			}
			if asked[c.Prompt]++; asked[c.Prompt] > 1 {
				repeated = append(repeated, "asked again: "+c.Member)
			}
			if at := c.At.In(f.begun.Location()).Format(time.DateOnly); len(c.Messages) > 0 && !secretly(one) && !f.shows[who] {
				if asks[c.Member+at]++; asks[c.Member+at] == 4 {
					f.harm = append(f.harm, c.Member+" was asked more than three times on "+at)
				}
			}
			for _, id := range c.Messages {
				if other := covers[c.Room+"/"+id]; other != "" && other != c.Prompt {
					repeated = append(repeated, "in two prompts: "+f.byID[c.Room+"/"+id].frame)
				}
				covers[c.Room+"/"+id] = c.Prompt
			}
		case "delete":
			switch {
			case one == nil || !one.agreed:
				f.harm = append(f.harm, fmt.Sprintf("a message was deleted that nobody agreed to: %v", one))
			case c.Outcome == "done" && one.chat == f.p.held && f.hold.covers(c.At):
				f.harm = append(f.harm, fmt.Sprintf("a held message was deleted: %s, at %v, held from %v to %v", one.frame, c.At, f.hold.from, f.hold.to))
			}
		case "remove":
			if who == nil || who.leaves == 0 || c.At.Before(f.begun.AddDate(0, 0, who.leaves)) {
				f.harm = append(f.harm, "somebody was removed who had not left: "+c.Member)
			}
			removed[c.Member] = true
		}
	}
	for _, m := range f.p.staff {
		if m.leaves != 0 && !removed[m.id] {
			f.t.Errorf("%s left on day %d and was never removed", m.id, m.leaves)
		}
	}
	return repeated
}

func secretly(one *saying) bool {
	return one != nil && strings.Contains(strings.Join(one.texts, " "), "SECRET")
}

// leaks looks for what was said, where it must not be: in the log, and what
// was SECRET in the records.
func (f *life) leaks() {
	f.t.Helper()
	log := f.output()
	for i, one := range f.p.says {
		if one.kind == routine && i%20 != 0 {
			continue
		}
		for _, text := range append(slices.Clone(one.texts), one.values...) {
			if len(text) > 9 && strings.Contains(log, text) {
				f.harm = append(f.harm, "the log shows what was said: "+one.frame)
			}
		}
	}
	err := filepath.WalkDir(f.records(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, one := range f.p.says {
			if one.kind == deserving && secretly(one) && strings.Contains(string(b), one.texts[0]) {
				f.harm = append(f.harm, "what was SECRET was kept: "+one.frame)
			}
		}
		return err
	})
	f.must(err)
}

// report says how it went, and fails where a target was missed. All texts are
// invented, so that they can be shown.
func (s tally) report(t *testing.T, may int) {
	t.Helper()
	var due, missed int
	for _, kind := range []string{deserving, decision} {
		d, m := len(s.due[kind]), len(s.missed[kind])
		due, missed = due+d, missed+m
		t.Logf("%s: %d right of %d (%.1f %%)", kind, d-m, d, 100*float64(d-m)/float64(d))
		for _, one := range s.missed[kind] {
			t.Logf("  missed %s (%s): %q", one.frame, one.chat.kind, one.texts)
		}
	}
	n, most := 0, 0
	for _, m := range slices.SortedFunc(maps.Keys(s.needless), func(a, b *monthPerson) int { return strings.Compare(a.id, b.id) }) {
		n, most = n+len(s.needless[m]), max(most, len(s.needless[m]))
	}
	t.Logf("needless: %d on %d ordinary messages, %d of 60 people, %d at most for one", n, s.ordinary, len(s.needless), most)
	byFrame := map[string][]*saying{}
	for _, all := range s.needless {
		for _, one := range all {
			byFrame[one.frame] = append(byFrame[one.frame], one)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(byFrame), func(a, b string) int { return len(byFrame[b]) - len(byFrame[a]) }) {
		t.Logf("  needless %s x%d: %q", id, len(byFrame[id]), byFrame[id][0].texts)
	}
	t.Logf("repeated: %d; harm: %d; what people did: %v", len(s.repeated), len(s.harm), s.answers)
	if 100*missed > may*due {
		t.Errorf("%d of %d that deserve a prompt were missed: more than %d in a hundred", missed, due, may)
	}
	if most > 1 {
		t.Errorf("somebody was asked %d times in vain in a month", most)
	}
	for _, r := range s.repeated {
		t.Errorf("repeated: %s", r)
	}
	for _, h := range s.harm {
		t.Errorf("harm: %s", h)
	}
}
