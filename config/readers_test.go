package config_test

import (
	"strings"
	"testing"

	"chaperone/config"
)

func TestEveryFaultOfReadersIsTold(t *testing.T) {
	_, err := config.Read("x.yaml", []byte(`
readers:
  colleagues: {domains: ["", "a b"], numbers: ["01632"]}
  organisations:
    - {name: Internal, policies: [council]}
    - {name: Weir Valley}
    - {name: Weir Valley, audience: friends, policies: [council]}
  members: {eve: Weir Valley, practice/tom: Nobody}
  devices: {practice/sam: laptop}
  roles: {Mayor: king}
  channels: {whatsapp: safe}
  higher_protection: "S1, S2"
exceptions:
  - {id: EX-1, until: soon}
  - {id: EX-2, until: 2026-12-31, chats: [flood]}
chats:
  - {id: practice/x, audience: friends}
`))
	if err == nil {
		t.Fatal("a configuration full of faults was read")
	}
	for _, want := range []string{`"" is no domain`, `"a b" is no domain`, `"01632": write the beginning`, "internal is ours", `"Weir Valley": name the packs`,
		`"friends" is no audience`, `"eve" is no member`, `"Nobody" is not one of the organisations`, `"laptop" is none of`, `"king" is none of`, `"safe" is none of`,
		"the list never stands in this file", `until "soon"`, `"flood": write account/chat`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not say %q:\n%v", want, err)
		}
	}
}
