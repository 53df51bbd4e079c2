package directory

import (
	"strings"
	"testing"
	"time"
)

// From a whole workspace nobody is removed before two other people have said yes
// to it, and for what else has to be looked at.
func TestAnAccountEndsByTwo(t *testing.T) {
	s := world(10)
	s.Chats[0].Whole = true
	dismiss(&s, 5, "2026-11-20")
	step := Step{Chat: team, Member: "m5", Person: pid(5), Leaves: day("2026-11-20")}
	for _, c := range []struct {
		by   []string
		want string
	}{
		{nil, ""}, {[]string{"Ann"}, ""}, {[]string{"Ann", "ann "}, ""}, {[]string{"Ann", string(pid(5))}, ""}, {[]string{"Ann", "Ben"}, "m5"},
	} {
		s.Approvals = nil
		for _, by := range c.by {
			s.Approvals = append(s.Approvals, Approval{Key: step.Key(), By: by, At: s.Now.Add(-time.Minute)})
		}
		p := Leavers(s)
		if got := who(p.Removals); got != c.want {
			t.Errorf("with the yes of %q these go: %q, want %q", c.by, got, c.want)
		}
		if asked := len(p.Questions) == 1 && p.Questions[0].People == 2 && strings.Contains(p.Questions[0].Why, "two people have to look"); asked != (c.want == "") {
			t.Errorf("with the yes of %q it is asked: %+v", c.by, p.Questions)
		}
	}
	s.Chats[0].Watched = true
	if p := Leavers(s); len(p.Removals) != 0 || who(p.Would) != "m5" {
		t.Errorf("while it is watched these go: %q", who(p.Removals))
	}
}
