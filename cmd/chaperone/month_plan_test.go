package main_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// What is said is ordinary, deserves a prompt, or is a decision to be kept.
const (
	routine   = "ordinary"
	deserving = "deserving"
	decision  = "decision"
)

// saying is one thing said: mostly one message, sometimes several.
type saying struct {
	n      int
	kind   string
	frame  string
	by     *monthPerson
	chat   *monthChat
	texts  []string
	values []string // what no prompt and no log may show

	ids      []string // of its messages, once they are posted
	prompted bool     // as it was decided
	asked    bool     // a prompt about it came before its sender
	agreed   bool     // somebody asked the bot to delete it
}

// sitting is a stretch of the month that is played at one moment of the clock.
type sitting struct {
	at    time.Duration // since the midnight before the first day
	day   int
	flood bool
	says  map[*monthChat][]*saying
}

// size is how long and how large a month is.
type size struct {
	days, ordinary, deserving, decisions, leavers int
	floodFrom, floodTo                            int // days, the last not included
	missed                                        int // in a hundred, at most: a week has too few to tell 4 from 5
}

// The files of frames. What "further" and "third" hold was written each
// after the rules had been mended by what those before showed, and before
// anybody looked at what they make of these.
var (
	ordinaryFiles  = []string{"ordinary.txt", "further-ordinary.txt", "third-ordinary.txt"}
	deservingFiles = []string{"deserving.txt", "further-deserving.txt", "third-deserving.txt"}
	decisionFiles  = []string{"decisions.txt", "further-decisions.txt", "third-decisions.txt"}
)

var (
	shortMonth = size{days: 7, ordinary: 3000, deserving: 60, decisions: 16, leavers: 1, floodFrom: 3, floodTo: 5, missed: 6}
	wholeMonth = size{days: 30, ordinary: 20000, deserving: 150, decisions: 40, leavers: 4, floodFrom: 15, floodTo: 22, missed: 5}
)

// monthPlan is everything that happens in a month, but for what the bot does.
type monthPlan struct {
	size
	seed     uint64
	staff    []*monthPerson
	chats    []*monthChat
	sittings []*sitting
	says     []*saying
	held     *monthChat
	frames   map[string]int // distinct frames by kind
}

func planMonth(t testing.TB, seed uint64, sz size) *monthPlan {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 60))
	words := readWords(t, "words.txt")
	p := &monthPlan{size: sz, seed: seed, frames: map[string]int{}}
	p.staff = newStaff(rng, words, 60)
	p.chats = newChats(rng, p.staff)
	p.held = p.chats[1]
	for i := range sz.leavers {
		p.staff[i*13+rng.IntN(10)].leaves = 2 + (i+1)*(sz.days-4)/(sz.leavers+1)
	}
	p.sit()
	s := &speaker{rng: rng, words: words, staff: p.staff, plain: plainSlots(), sensitive: sensitiveSlots()}
	read := func(kind string, files ...string) (all []frame) {
		for _, file := range files {
			all = append(all, readFrames(t, file)...)
		}
		p.frames[kind] = len(all)
		return all
	}
	chatter := read(routine, ordinaryFiles...)
	for range sz.ordinary {
		p.chatter(s, chatter)
	}
	p.scatter(s, deserving, read(deserving, deservingFiles...), sz.deserving)
	p.scatter(s, decision, read(decision, decisionFiles...), sz.decisions)
	return p
}

// sit lays out when things are said: five times an ordinary day, and every two
// hours, day and night, in the emergency.
func (p *monthPlan) sit() {
	usual := []time.Duration{8*time.Hour + 40*time.Minute, 11 * time.Hour, 13*time.Hour + 30*time.Minute, 16*time.Hour + 15*time.Minute, 19*time.Hour + 50*time.Minute}
	for day := range p.days {
		times, flood := usual, day >= p.floodFrom && day < p.floodTo
		if flood {
			times = nil
			for h := time.Duration(0); h < 24; h += 2 {
				times = append(times, h*time.Hour+10*time.Minute)
			}
		}
		for _, at := range times {
			p.sittings = append(p.sittings, &sitting{
				at: time.Duration(day)*24*time.Hour + at, day: day, flood: flood, says: map[*monthChat][]*saying{},
			})
		}
	}
}

// chatter adds one ordinary thing somebody says somewhere.
func (p *monthPlan) chatter(s *speaker, frames []frame) {
	at := pickOf(s.rng, p.sittings...)
	c := p.someChat(s.rng, at)
	kind := c.kind
	if at.flood && kind == "emergency" && s.rng.Float64() < 0.9 || kind == "emergency" && s.rng.Float64() < 0.2 {
		kind = "flood"
	}
	if by := p.somebody(s.rng, c, at.day); by != nil {
		f := someFrame(s.rng, frames, kind)
		p.add(s, at, s.rng.IntN(len(at.says[c])+1), &saying{kind: routine, frame: f.id, by: by, chat: c}, f)
	}
}

func someFrame(rng *rand.Rand, frames []frame, kind string) frame {
	for {
		if f := pickOf(rng, frames...); f.in(kind) {
			return f
		}
	}
}

// someChat picks a chat by how much is said there; in the emergency most is
// said in the emergency chats.
func (p *monthPlan) someChat(rng *rand.Rand, at *sitting) *monthChat {
	x := rng.Float64()
	for _, c := range p.chats {
		share := c.share
		if at.flood {
			share = map[string]float64{"team": 0.15, "emergency": 0.27, "partner": 0.1, "public": 0.06}[c.kind]
		}
		if x -= share; x < 0 {
			return c
		}
	}
	return p.chats[0]
}

// somebody picks a member who has not left, by how much they talk.
func (p *monthPlan) somebody(rng *rand.Rand, c *monthChat, day int) *monthPerson {
	sum := 0.0
	here := slices.DeleteFunc(slices.Clone(c.members), func(m *monthPerson) bool { return m.leaves != 0 && day >= m.leaves })
	for _, m := range here {
		sum += m.talks
	}
	x := rng.Float64() * sum
	for _, m := range here {
		if x -= m.talks; x < 0 {
			return m
		}
	}
	return here[0]
}

// scatter puts so many things that deserve a prompt among the ordinary ones,
// each frame as often as the others.
func (p *monthPlan) scatter(s *speaker, kind string, frames []frame, n int) {
	order := s.rng.Perm(len(frames))
	for i := 0; n > 0; i++ {
		f := frames[order[i%len(order)]]
		at := pickOf(s.rng, p.sittings...)
		c := p.someChat(s.rng, at)
		for tries := 0; !f.in(c.kind) && tries < 100; tries++ {
			c = p.someChat(s.rng, at)
		}
		by := p.somebody(s.rng, c, at.day)
		p.add(s, at, s.rng.IntN(len(at.says[c])+1), &saying{kind: kind, frame: f.id, by: by, chat: c}, f)
		n--
	}
}

func (p *monthPlan) add(s *speaker, at *sitting, place int, one *saying, f frame) {
	one.n = len(p.says)
	one.texts, one.values = s.say(f, one.by, one.kind == routine || s.rng.IntN(3) == 0)
	p.says = append(p.says, one)
	at.says[one.chat] = slices.Insert(at.says[one.chat], place, one)
}

// messages counts what is posted.
func (p *monthPlan) messages() (n int) {
	for _, one := range p.says {
		n += len(one.texts)
	}
	return n
}
