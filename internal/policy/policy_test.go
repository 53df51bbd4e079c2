package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

func council(t *testing.T) []policy.Pack {
	t.Helper()
	f, err := config.Files.Open("policies/council.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := policy.ReadPack(f)
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Pack{p}
}

func found(class rules.Class, s rules.Severity, confidence float64) rules.Finding {
	return rules.Finding{Class: class, Severity: s, Confidence: confidence}
}

func TestDecide(t *testing.T) {
	personal := found(rules.Personal, rules.Serious, 0.9)
	decision := found(rules.Significant, rules.Note, 0.9)
	secret := found(rules.Secret, rules.Serious, 0.9)
	cases := []struct {
		name     string
		in       policy.Situation
		outcome  policy.Outcome
		prompt   string
		label    string
		duties   []policy.Duty
		watching bool
	}{
		{"nothing found", policy.Situation{Chat: chat.Team}, policy.Permitted, "", "clean", nil, false},
		{"logistics", policy.Situation{Chat: chat.Team, Findings: []rules.Finding{found(rules.Logistical, rules.Note, 1)}},
			policy.Permitted, "", "clean", nil, false},
		{"personal in a team chat", policy.Situation{Chat: chat.Team, Findings: []rules.Finding{personal}},
			policy.MustNot, "personal", "prompted", []policy.Duty{policy.Ask, policy.Offer, policy.Remove}, false},
		{"personal in an emergency chat", policy.Situation{Chat: chat.Emergency, Findings: []rules.Finding{personal}},
			policy.MustNot, "emergency", "prompted", []policy.Duty{policy.Ask, policy.Offer, policy.Remove}, false},
		{"a note by itself does not prompt", policy.Situation{Chat: chat.Team, Findings: []rules.Finding{found(rules.Personal, rules.Note, 0.9)}},
			policy.Permitted, "", "clean", nil, false},
		{"a doubtful finding does not prompt", policy.Situation{Chat: chat.Team, Findings: []rules.Finding{found(rules.Personal, rules.Serious, 0.49)}},
			policy.Permitted, "", "clean", nil, false},
		{"a watched chat is only counted", policy.Situation{Chat: chat.Team, Watching: true, Findings: []rules.Finding{personal}},
			policy.MustNot, "personal", "watched", []policy.Duty{policy.Ask, policy.Offer, policy.Remove}, true},
		{"a decision", policy.Situation{Chat: chat.Team, Findings: []rules.Finding{decision}},
			policy.Care, "significant", "prompted", []policy.Duty{policy.Ask, policy.Capture}, false},
		{"a decision about a person: the strictest asks, the duties join",
			policy.Situation{Chat: chat.Team, Findings: []rules.Finding{decision, personal}},
			policy.MustNot, "personal", "prompted", []policy.Duty{policy.Ask, policy.Capture, policy.Offer, policy.Remove}, false},
		{"SECRET is never kept, whatever else is due",
			policy.Situation{Chat: chat.Team, Findings: []rules.Finding{decision, personal, secret}},
			policy.MustNot, "secret", "prompted", []policy.Duty{policy.Ask, policy.Remove, policy.Report}, false},
	}
	packs := council(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := policy.Decide(packs, c.in)
			if d.Outcome != c.outcome || d.Prompt != c.prompt || d.Label() != c.label || d.Watching != c.watching {
				t.Errorf("decided %s, prompt %q, %s", d.Outcome, d.Prompt, d.Label())
			}
			if diff := cmp.Diff(c.duties, d.Duties); diff != "" {
				t.Errorf("duties (-want +got):\n%s", diff)
			}
			if d.Has(policy.Ask) && (len(d.Lines) == 0 || d.Lines[0].Source == "") {
				t.Error("a decision that asks names no policy line")
			}
		})
	}
}

func TestReadPackReportsEveryFaultAtOnce(t *testing.T) {
	_, err := policy.ReadPack(strings.NewReader(`
id: x
title: X
version: "1"
owner: o
review: "2027-01-01"
rows:
  - {id: a, when: {information: [nonsense]}, outcome: must-not, duties: [], line: l, source: s}
  - {id: a, when: {information: [personal], chat: [guild]}, outcome: sometimes, duties: [shout], line: l, source: s}
  - {id: c, when: {information: [personal], severity: grave}, outcome: must-not, duties: [prompt], line: "", source: s}
`))
	if err == nil {
		t.Fatal("a pack full of faults was read")
	}
	for _, want := range []string{`"nonsense" is no class`, "an id of its own", `"guild" is no kind`, `"sometimes" is no outcome`,
		`"shout" is no duty`, `"grave" is no severity`, "line and source are needed", "names its prompt text"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q:\n%v", want, err)
		}
	}
	if _, err := policy.ReadPack(strings.NewReader("id: x\nrowz: []\n")); err == nil || !strings.Contains(err.Error(), "rowz") {
		t.Errorf("an unknown key is answered with %v", err)
	}
}

func FuzzReadPack(f *testing.F) {
	b, err := config.Files.ReadFile("policies/council.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add("rows: [{when: {information: [personal]}}]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.ReadPack(strings.NewReader(text))
		if err != nil {
			return
		}
		policy.Decide([]policy.Pack{p}, policy.Situation{Chat: chat.Team, Findings: []rules.Finding{found(rules.Personal, rules.Serious, 1)}})
	})
}
