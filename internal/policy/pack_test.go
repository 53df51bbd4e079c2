package policy_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

var ours = []string{"cabinet-office", "council", "emergency", "scottish-government"}

// values lists the closed values of each condition, written out here once more,
// so that one that is lost from the code is missed.
var (
	information = []policy.Information{"secret-or-above", "special", "personal", "image-of-people", "credential", "misdirected", "marked", "significant",
		"suspicious", "official", "logistical", "for-release"}
	audiences = []policy.Audience{"internal", "partner", "customer", "public", "unknown"}
	devices   = []policy.Device{"corporate", "managed", "private", "unknown"}
	chats     = []chat.Kind{"team", "emergency", "partner", "public", "private"}
	roles     = []policy.Role{"minister", "special-adviser", "senior-official", "official", "contractor", "non-executive", "expert"}
	states    = []policy.State{"normal", "held", "incident", "transition", "outage"}
	channels  = []policy.Channel{"end-to-end", "other"}
	people    = []policy.Protection{"ordinary", "higher"}
)

func every(do func(policy.Facts)) {
	for _, i := range information {
		for _, a := range audiences {
			for _, d := range devices {
				for _, c := range chats {
					for _, r := range roles {
						for _, s := range states {
							for _, h := range channels {
								for _, p := range people {
									do(policy.Facts{Information: i, Audience: a, Device: d, Chat: c, Role: r, State: s, Channel: h, Person: p})
								}
							}
						}
					}
				}
			}
		}
	}
}

// meets says in the plainest way whether a row's condition holds.
func meets(c policy.Condition, f policy.Facts) bool {
	return in(c.Information, f.Information) && in(c.Audience, f.Audience) && in(c.Device, f.Device) && in(c.Chat, f.Chat) &&
		in(c.Role, f.Role) && in(c.State, f.State) && in(c.Channel, f.Channel) && in(c.Person, f.Person)
}

func in[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// No combination of the closed values is left undecided, and none is decided
// twice: every one of 336,000 is looked at, for each pack.
func TestEveryCombinationIsDecidedOnce(t *testing.T) {
	for _, name := range ours {
		p := pack(t, name)
		reached := map[string]int{}
		n := 0
		every(func(f policy.Facts) {
			n++
			row, ok := p.Find(f)
			if scope := meets(p.AppliesTo, f); ok != scope {
				t.Fatalf("%s, %+v: decided %v, in its scope %v", name, f, ok, scope)
			} else if !scope {
				return
			}
			var speak []string
			for _, r := range p.Rows {
				if meets(r.When, f) {
					speak = append(speak, r.ID)
				}
			}
			if len(speak) == 0 && p.Else != nil {
				speak = []string{p.Else.ID}
			}
			if len(speak) != 1 || speak[0] != row.ID {
				t.Fatalf("%s, %+v: rows %v speak, and %s was found", name, f, speak, row.ID)
			}
			reached[row.ID]++
		})
		if n != 12*5*4*5*7*5*2*2 {
			t.Fatalf("%d combinations were looked at", n)
		}
		for _, r := range p.All() {
			if reached[r.ID] == 0 {
				t.Errorf("%s, row %s never speaks", name, r.ID)
			}
		}
	}
}

// What is not known is treated as the worst: no row is milder on an unknown
// audience than on the public, nor on an unknown device than on a private one.
func TestUnknownIsNeverMilder(t *testing.T) {
	for _, name := range ours {
		p := pack(t, name)
		every(func(f policy.Facts) {
			row, ok := p.Find(f)
			if !ok {
				return
			}
			worse := f
			if f.Audience == policy.UnknownAudience {
				worse.Audience = policy.ThePublic
			}
			if f.Device == policy.UnknownDevice {
				worse.Device = policy.Private
			}
			if other, _ := p.Find(worse); row.Outcome.Rank() < other.Outcome.Rank() {
				t.Fatalf("%s: %s says %s of %+v, and %s would say %s", name, row.ID, row.Outcome, f, other.ID, other.Outcome)
			}
			if blank := (policy.Facts{Information: f.Information, Chat: f.Chat, Role: f.Role, State: f.State, Channel: f.Channel, Person: f.Person}); f.Audience == policy.UnknownAudience && f.Device == policy.UnknownDevice {
				if other, _ := p.Find(blank); other != row {
					t.Fatalf("%s: with nothing said of audience and device row %s speaks, and not %s", name, other.ID, row.ID)
				}
			}
		})
	}
}

// Every paragraph and table row of the sources is a row with an example, or has
// its reason; and no row names a paragraph that there is not.
func TestPacksAreCompleteAgainstTheirSources(t *testing.T) {
	b, err := os.ReadFile("testdata/sources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var sources map[string]map[string]string
	if err := yaml.Unmarshal(b, &sources); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, s := range sources {
		for id := range s {
			all[id] = true
		}
	}
	for _, name := range ours {
		p := pack(t, name)
		at := map[string]string{}
		for _, r := range p.All() {
			for _, s := range r.Source {
				at[s] = "row " + r.ID
			}
		}
		for _, n := range p.NotHere {
			for _, s := range n.Source {
				if row, twice := at[s]; twice {
					t.Errorf("%s: %q is said not to be here, and %s names it", name, s, row)
				}
				at[s] = "not here"
			}
		}
		for _, s := range slices.Sorted(maps.Keys(sources[name])) {
			if at[s] == "" {
				t.Errorf("%s: %q (%s) is neither a row nor said not to be here", name, s, sources[name][s])
			}
		}
		for s := range at {
			if !all[s] {
				t.Errorf("%s: there is no %q in the sources", name, s)
			}
		}
	}
	if len(sources) != len(ours) {
		t.Errorf("%d sources, %d packs", len(sources), len(ours))
	}
}

const head = `
id: x
title: X
version: "1"
owner: o
review: "2027-01-01"
source: s
`

func refused(t *testing.T, text string, wants ...string) {
	t.Helper()
	_, err := policy.ReadPack(strings.NewReader(head + text))
	if err == nil {
		t.Fatalf("a pack full of faults was read; want %q", wants)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q:\n%v", want, err)
		}
	}
}

func TestReadPackReportsEveryFaultAtOnce(t *testing.T) {
	refused(t, `
rows:
  - {id: a, when: {information: [nonsense]}, outcome: must-not, duties: [], line: l, source: [s]}
  - {id: a, when: {information: [personal], chat: [guild]}, outcome: sometimes, duties: [shout], line: l, source: [s]}
  - {id: c, when: {information: [personal]}, outcome: must-not, duties: [prompt], line: "", source: [s]}
  - {id: d, when: {information: [personal]}, outcome: must-not, duties: [delete], line: l, source: [s]}
not_here: [{source: [], why: w}]
`, `"nonsense" is no value of information`, "an id of its own", `"guild" is no value of chat`, `"sometimes" is no outcome`,
		`"shout" is no duty`, "line and source are needed", "names its prompt text", "row 4 (d): whoever is to delete", "not_here 1")
	if _, err := policy.ReadPack(strings.NewReader("id: x\nrowz: []\n")); err == nil || !strings.Contains(err.Error(), "rowz") {
		t.Errorf("an unknown key is answered with %v", err)
	}
}

func TestOverlapsGapsAndRowsThatNeverSpeakAreNamed(t *testing.T) {
	refused(t, `
rows:
  - {id: secret, when: {information: [secret-or-above]}, outcome: must-not, line: l, source: [s]}
  - {id: mine, when: {information: [personal], device: [private]}, outcome: must-not, line: l, source: [s]}
  - {id: ours, when: {information: [personal, special]}, outcome: particular-care, line: l, source: [s]}
  - {id: elsewhere, when: {information: [official], chat: [emergency]}, outcome: permitted, line: l, source: [s]}
applies_to: {chat: [team, partner]}
`, "rows mine and ours: they overlap", "information personal, device private", "row elsewhere: it can never speak",
		"no row is about", "suspicious", "row mine: no example shows it")
	refused(t, `
rows:
  - {id: all, when: {}, outcome: must-not, line: l, source: [s]}
anything_else: {outcome: permitted, line: l, source: [s]}
`, "row anything-else: it can never speak")
	refused(t, `
rows:
  - {id: a, when: {information: [marked]}, outcome: must-not, line: l, source: [s]}
anything_else: {when: {chat: [team]}, outcome: permitted, line: l, source: [s]}
`, "the last row has no conditions")
}

func TestPacksThatWouldDoHarmAreRefused(t *testing.T) {
	refused(t, `
rows:
  - {id: known, when: {audience: [public], device: [private]}, outcome: must-not, line: l, source: [s]}
anything_else: {outcome: permitted, duties: [prompt], prompt: personal, line: l, source: [s]}
examples:
  - {say: x, information: official, row: known, outcome: must-not}
`, "row anything-else: SECRET and above are never permitted", "row anything-else: nobody is asked about logistical",
		"row anything-else: an unknown audience would be treated more mildly than public, which row known",
		"row anything-else: an unknown device would be treated more mildly",
		"example 1 (x): row anything-else speaks, and not known")
}

func TestAnythingElseIsWhatIsLeft(t *testing.T) {
	p, err := policy.ReadPack(strings.NewReader(head + `
rows:
  - {id: secret, when: {information: [secret-or-above]}, outcome: must-not, duties: [prompt, delete], prompt: secret, line: l, source: [s]}
anything_else: {outcome: permitted, line: l, source: [s]}
examples:
  - {say: a, information: secret-or-above, row: secret, outcome: must-not}
  - {say: b, row: anything-else, outcome: permitted}
`))
	if err != nil {
		t.Fatal(err)
	}
	row, ok := p.Find(policy.Facts{Information: policy.Personal})
	if !ok || row.ID != "anything-else" || row.Words() != "anything else" {
		t.Errorf("found %v, %v", row, ok)
	}
}

// Whatever is found: the strictest of the packs' outcomes wins, and every row
// that spoke is named.
func TestStrictestWinsAndAllAreNamed(t *testing.T) {
	var packs []policy.Pack
	for _, name := range ours {
		packs = append(packs, pack(t, name))
	}
	classes := []rules.Class{rules.Secret, rules.Marked, rules.Personal, rules.Special, rules.Credential, rules.Significant, rules.Suspicious, rules.Image, rules.Misdirected}
	rapid.Check(t, func(t *rapid.T) {
		f := policy.Facts{
			Audience: rapid.SampledFrom(audiences).Draw(t, "audience"), Device: rapid.SampledFrom(devices).Draw(t, "device"), Chat: rapid.SampledFrom(chats).Draw(t, "chat"),
			Role: rapid.SampledFrom(roles).Draw(t, "role"), State: rapid.SampledFrom(states).Draw(t, "state"),
		}
		s := policy.Situation{Facts: f}
		for _, c := range rapid.SliceOfDistinct(rapid.SampledFrom(classes), func(c rules.Class) rules.Class { return c }).Draw(t, "found") {
			s.Findings = append(s.Findings, found(c, rules.Serious, 1))
		}
		d := policy.Decide(packs, s)
		strictest, speak, asks := policy.Permitted, 0, false
		for _, p := range packs {
			for _, info := range append([]rules.Class{}, classesOf(s)...) {
				f.Information = policy.Information(info)
				if row, ok := p.Find(f); ok {
					speak++
					asks = asks || slices.Contains(row.Duties, policy.Ask)
					if row.Outcome.Rank() > strictest.Rank() {
						strictest = row.Outcome
					}
				}
			}
		}
		if d.Outcome != strictest || len(d.Spoke) != speak || d.Has(policy.Ask) != asks || asks != (d.Prompt != "") {
			t.Fatalf("%+v of %d rows: %s, %d spoke, asks %v, prompt %q; want %s, asks %v", s, speak, d.Outcome, len(d.Spoke), d.Has(policy.Ask), d.Prompt, strictest, asks)
		}
		if len(s.Findings) == 0 && asks {
			t.Fatal("somebody is asked about a message in which nothing was found")
		}
		if slices.ContainsFunc(s.Findings, func(f rules.Finding) bool { return f.Class == rules.Secret }) && (d.Has(policy.Capture) || d.Has(policy.Offer) || d.Prompt != "secret") {
			t.Fatalf("SECRET: %+v", d)
		}
	})
}

func classesOf(s policy.Situation) []rules.Class {
	if len(s.Findings) == 0 {
		return []rules.Class{rules.Official}
	}
	var out []rules.Class
	for _, f := range s.Findings {
		out = append(out, f.Class)
	}
	return out
}

func TestExceptionsEndThemselves(t *testing.T) {
	room := chat.ID{Account: "practice", Local: "flood-north"}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	packs := []policy.Pack{pack(t, "council"), pack(t, "scottish-government")}
	lift := policy.Exception{ID: "EX-1", Pack: "council", Rows: []string{"people-own-device"}, Chats: []chat.ID{room}, Owner: "Priya Nair", Reason: "no other way to reach the carers", From: now, Until: now.Add(24 * time.Hour)}
	move := policy.Exception{ID: "EX-2", State: policy.Transition, Chats: []chat.ID{room}, Owner: "Priya Nair", Reason: "the new system is not there yet", Until: now.Add(time.Hour)}
	if err := policy.CheckExceptions([]policy.Exception{lift, move}, packs); err != nil {
		t.Fatal(err)
	}
	decide := func(at time.Time, in chat.ID, class rules.Class) policy.Decision {
		stand, state := policy.InForce([]policy.Exception{lift, move}, at, in)
		return policy.Decide(packs[:1], policy.Situation{Facts: policy.Facts{Chat: chat.Team, State: state}, Findings: []rules.Finding{found(class, rules.Serious, 1)}, Exceptions: stand})
	}
	if d := decide(now, room, rules.Personal); d.Has(policy.Ask) || d.Spoke[0].Exception != "EX-1" {
		t.Errorf("in force it decided %+v", d)
	}
	for name, d := range map[string]policy.Decision{
		"before it begins": decide(now.Add(-time.Second), room, rules.Personal), "once it has ended": decide(now.Add(24*time.Hour), room, rules.Personal),
		"in another chat": decide(now, chat.ID{Account: "practice", Local: "rest"}, rules.Personal), "of SECRET": decide(now, room, rules.Secret),
	} {
		if !d.Has(policy.Ask) || d.Outcome != policy.MustNot {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if _, state := policy.InForce([]policy.Exception{move}, now.Add(59*time.Minute), room); state != policy.Transition {
		t.Error("the transition is not permitted")
	}
	if _, state := policy.InForce([]policy.Exception{move}, now.Add(time.Hour), room); state != policy.Normal {
		t.Error("the transition did not end itself")
	}
	bad := policy.Exception{ID: "EX-3", Pack: "council", Rows: []string{"nowhere", "secret"}}
	err := policy.CheckExceptions([]policy.Exception{bad, {ID: "EX-4", Pack: "x", State: "held", Owner: "o", Reason: "r", From: now, Until: now.Add(-time.Hour), Chats: []chat.ID{room}}}, packs)
	for _, want := range []string{"EX-3: id, owner, reason and until", "EX-3: name the chats", "has no row nowhere", "row secret is about SECRET", "it permits transition or outage, and nothing else", "ends before it begins", "no adopted pack is called x"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q: %v", want, err)
		}
	}
}

func TestOverdue(t *testing.T) {
	p := pack(t, "cabinet-office")
	last := time.Date(2025, 12, 31, 23, 59, 0, 0, time.UTC)
	if p.Overdue(last) || !p.Overdue(last.Add(time.Minute)) {
		t.Errorf("overdue on its last day: %v, on the day after: %v", p.Overdue(last), p.Overdue(last.Add(time.Minute)))
	}
}

// Every row can be read aloud.
func TestRowsReadAloud(t *testing.T) {
	p := pack(t, "council")
	for id, want := range map[string]string{
		"people-own-device": "special category details",
		"private-drift":     "significant information, in a private chat",
		"customers":         "ordinary information, logistics or information for release, read by customers",
	} {
		i := slices.IndexFunc(p.Rows, func(r policy.Row) bool { return r.ID == id })
		if got := p.Rows[i].Words(); !strings.Contains(got, want) && id != "people-own-device" || got == "" {
			t.Errorf("%s reads %q, want %q", id, got, want)
		}
	}
}

func FuzzReadPack(f *testing.F) {
	for _, name := range ours {
		b, err := config.Files.ReadFile("policies/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("rows: [{when: {information: [personal]}}]")
	f.Add(head + "rows: [{id: a, when: {information: [marked]}}]\nanything_else: {outcome: must-not, line: l, source: [s]}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.ReadPack(strings.NewReader(text))
		if err != nil {
			return
		}
		d := policy.Decide([]policy.Pack{p}, policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{found(rules.Secret, rules.Serious, 1)}})
		if len(d.Spoke) > 0 && d.Outcome != policy.MustNot {
			t.Fatalf("a pack was read that permits SECRET: %+v", d)
		}
		for _, r := range p.All() {
			if r.Words() == "" {
				t.Fatal("a row cannot be read aloud")
			}
		}
	})
}
