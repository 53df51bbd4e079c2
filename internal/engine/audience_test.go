package engine

import (
	"testing"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/policy"
)

func someone(id, email, phone string, person directory.PersonID) Present {
	return Present{Member: directory.Member{Account: "practice", ID: chat.MemberID(id), Email: email, Phone: phone}, Person: person}
}

func TestTheStrictestMemberDecidesTheAudience(t *testing.T) {
	c := Circumstances{
		Own: Organisation{Domains: []string{"calderwick.example"}},
		Organisations: []Organisation{
			{Name: "Applied Flood Help", Audience: policy.Partners, Domains: []string{"floodhelp.example"}, Numbers: []string{"+4416329"}},
			{Name: "Tenants", Audience: policy.Customers},
		},
		Members: map[string]string{"practice/eve": "Tenants", "practice/kit": Internal},
	}
	sam, known := someone("sam", "Sam@Calderwick.example", "", ""), someone("tom", "", "", "S10001")
	partner, byPhone := someone("dafydd", "d@mail.floodhelp.example", "", ""), someone("aled", "", "+441632960123", "")
	eve, kit, stranger := someone("eve", "", "", ""), someone("kit", "", "", ""), someone("x", "x@notcalderwick.example", "+353155501234", "")
	guest := someone("g", "", "", "")
	guest.Guest = "Another Forum"
	bot := someone("bot", "", "", "")
	bot.Bot = true
	for _, x := range []struct {
		name    string
		present []Present
		kind    chat.Kind
		label   policy.Audience
		want    policy.Audience
	}{
		{"colleagues, by address, directory and label", []Present{sam, known, kit, bot}, chat.Team, "", policy.Internal},
		{"a partner by domain", []Present{sam, partner}, chat.Team, "", policy.Partners},
		{"a partner by number", []Present{sam, byPhone}, chat.Team, "", policy.Partners},
		{"a confirmed guest of an organisation nobody listed", []Present{sam, guest}, chat.Team, "", policy.Partners},
		{"a customer", []Present{sam, partner, eve}, chat.Team, "", policy.Customers},
		{"somebody unknown", []Present{sam, partner, stranger}, chat.Team, "", policy.UnknownAudience},
		{"somebody unknown in a chat that is labelled", []Present{sam, stranger}, chat.Team, policy.Partners, policy.Partners},
		{"a label makes nobody milder who is known", []Present{sam, eve}, chat.Team, policy.Internal, policy.Customers},
		{"nobody can be seen", nil, chat.Team, "", policy.UnknownAudience},
		{"a partner chat of colleagues", []Present{sam}, chat.Partner, "", policy.Partners},
		{"a public chat of colleagues", []Present{sam}, chat.Public, "", policy.ThePublic},
	} {
		if got := c.audience(x.present, x.kind, x.label); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
	var nobody Circumstances
	if got := nobody.audience([]Present{sam}, chat.Team, ""); got != policy.UnknownAudience {
		t.Errorf("with nothing configured: %s", got)
	}
}
