package console

import "testing"

// Of few answers neither share nor parts are shown: one of them would be one
// person's.
func TestFewAnswersAreNotShown(t *testing.T) {
	for _, c := range []struct {
		a           answersView
		right, part string
		poor        bool
	}{
		{answersView{Asked: 4, Agreed: 1, NotSensitive: 3}, "too few answers", "–", false},
		{answersView{Asked: 9, Agreed: 2, Wrong: 1, Open: 6}, "too few answers", "–", false},
		{answersView{Asked: 5, Agreed: 1, NotSensitive: 4}, "20 in 100", "1", true},
		{answersView{Asked: 1500, Agreed: 1200, Wrong: 300}, "80 in 100", "1,200", false},
	} {
		if c.a.Right() != c.right || c.a.Part(c.a.Agreed) != c.part || c.a.Poor() != c.poor {
			t.Errorf("%+v: %q, %q, poor %t", c.a, c.a.Right(), c.a.Part(c.a.Agreed), c.a.Poor())
		}
	}
}
