package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// pack reads one of the packs that come with the product.
func pack(t testing.TB, name string) policy.Pack {
	t.Helper()
	f, err := config.Files.Open("policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := policy.ReadPack(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
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
		{"nothing found", policy.Situation{Facts: policy.Facts{Chat: chat.Team}}, policy.Care, "", "clean", nil, false},
		{"logistics", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{found(rules.Logistical, rules.Note, 1)}},
			policy.Care, "", "clean", nil, false},
		{"personal in a team chat", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{personal}},
			policy.MustNot, "personal", "prompted", []policy.Duty{policy.Ask, policy.Offer, policy.Remove, policy.Breach}, false},
		{"personal in an emergency chat", policy.Situation{Facts: policy.Facts{Chat: chat.Emergency}, Findings: []rules.Finding{personal}},
			policy.MustNot, "emergency", "prompted", []policy.Duty{policy.Ask, policy.Offer, policy.Remove, policy.Breach}, false},
		{"a note by itself does not prompt", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{found(rules.Personal, rules.Note, 0.9)}},
			policy.Care, "", "clean", nil, false},
		{"a doubtful finding does not prompt", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{found(rules.Personal, rules.Serious, 0.49)}},
			policy.Care, "", "clean", nil, false},
		{"a watched chat is only counted", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Watching: true, Findings: []rules.Finding{personal}},
			policy.MustNot, "personal", "watched", []policy.Duty{policy.Ask, policy.Offer, policy.Remove, policy.Breach}, true},
		{"a decision", policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{decision}},
			policy.MustNot, "significant", "prompted", []policy.Duty{policy.Ask, policy.Capture}, false},
		{"a decision in an emergency", policy.Situation{Facts: policy.Facts{Chat: chat.Emergency}, Findings: []rules.Finding{decision}},
			policy.Care, "significant", "prompted", []policy.Duty{policy.Ask, policy.Capture}, false},
		{"a decision about a person: the strictest asks, the duties join",
			policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{decision, personal}},
			policy.MustNot, "personal", "prompted", []policy.Duty{policy.Ask, policy.Capture, policy.Offer, policy.Remove, policy.Breach}, false},
		{"SECRET is never kept, whatever else is due",
			policy.Situation{Facts: policy.Facts{Chat: chat.Team}, Findings: []rules.Finding{decision, personal, secret}},
			policy.MustNot, "secret", "prompted", []policy.Duty{policy.Ask, policy.Remove, policy.Report, policy.Breach}, false},
	}
	packs := []policy.Pack{pack(t, "council"), pack(t, "emergency")}
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
