package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"chaperone/config"
	"chaperone/internal/app"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
)

func TestReadersAreRead(t *testing.T) {
	list := filepath.Join(t.TempDir(), "higher.txt")
	if err := os.WriteFile(list, []byte("S10007 # asked for by the police\n\npractice/eve\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Read("x.yaml", []byte(`
bots: {practice: {enabled: true}}
policies: [cabinet-office]
time_zone: Europe/London
readers:
  colleagues: {domains: [calderwick.example]}
  organisations: [{name: Weir Valley, domains: [weir.example], policies: [emergency]}]
  devices: {S10007: corporate}
  device_words: {Work phone: managed}
  roles: {Cabinet Secretary: minister}
  channels: {practice: end-to-end}
  higher_protection: file:`+list+`
exceptions: [{id: EX-1, permits: transition, chats: [practice/x], owner: o, reason: r, from: 2026-06-01, until: 2026-06-30}]
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := fromFile(f)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Circumstances
	if got.Devices["s10007"] == "" && got.Devices["S10007"] == "" || got.Kinds["work phone"] != policy.Managed || got.Posts["cabinet secretary"] != policy.Minister ||
		got.Ratings["practice"] != policy.EndToEnd || !got.Higher["practice/eve"] || len(got.Higher) != 2 || c.PoliciesOf["Weir Valley"][0] != "emergency" {
		t.Errorf("%+v", got)
	}
	x := got.Exceptions[0]
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	if !x.Until.Equal(time.Date(2026, 7, 1, 0, 0, 0, 0, zone)) || !x.From.Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, zone)) || x.Chats[0] != (chat.ID{Account: "practice", Local: "x"}) {
		t.Errorf("the exception is %+v", x)
	}
	if err := app.Check(c); err != nil {
		t.Error(err)
	}
	c.Circumstances.Exceptions[0].Owner = ""
	if app.Check(c) == nil {
		t.Error("an exception without an owner is sound")
	}
}
