package hold

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

var (
	now      = time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	rest     = chat.ID{Account: "practice", Local: "rest-centre"}
	roads    = chat.ID{Account: "practice", Local: "roads"}
	elsewise = chat.ID{Account: "slack/T01", Local: "rest-centre"}
)

func example(id string, s Scope) Hold {
	return Hold{
		ID: id, Matter: "Millbrook flood", Owner: "Nasreen Malik", Reason: "public inquiry", Scope: s,
		Review: clock.Date{Year: 2027, Month: 11, Day: 1}, Placed: now.AddDate(0, 0, -3), PlacedBy: "Helen Carrick",
	}
}

func ids(holds []Hold) string {
	var out []string
	for _, h := range holds {
		out = append(out, h.ID)
	}
	return strings.Join(out, " ")
}

func TestCovers(t *testing.T) {
	released := func(h Hold, at time.Time) Hold { h.Released = at; return h }
	holds := []Hold{
		example("chat", Scope{Chats: []chat.ID{rest}}),
		example("member", Scope{Members: []Member{{"practice", "priya"}}}),
		example("person", Scope{People: []string{"e1042"}}),
		released(example("ended", Scope{All: true}), now),
		released(example("ends-later", Scope{Chats: []chat.ID{roads}}), now.Add(time.Second)),
	}
	for _, c := range []struct {
		name string
		sub  Subject
		want string
	}{
		{"chat", Subject{Chat: rest, Member: "tom"}, "chat"},
		{"overlapping", Subject{Chat: rest, Member: "priya", Person: "e1042"}, "chat member person"},
		{"member in another chat of the account", Subject{Chat: roads, Member: "priya"}, "member ends-later"},
		{"same local id on another account is another chat", Subject{Chat: elsewise, Member: "tom"}, ""},
		{"same member id on another account is another member", Subject{Chat: elsewise, Member: "priya"}, ""},
		{"person on any account", Subject{Chat: elsewise, Member: "U7", Person: "e1042"}, "person"},
		{"unmatched member is nobody's", Subject{Chat: elsewise, Member: "U7"}, ""},
	} {
		if got := ids(Covers(holds, c.sub, now)); got != c.want {
			t.Errorf("%s: held by %q, want %q", c.name, got, c.want)
		}
	}
	if got := ids(Covers([]Hold{example("all", Scope{All: true})}, Subject{}, now)); got != "all" {
		t.Errorf("everything: held by %q", got)
	}
	if got := ids(Covers([]Hold{example("damaged", Scope{})}, Subject{Chat: roads}, now)); got != "damaged" {
		t.Errorf("a hold whose scope was lost holds %q", got)
	}
	future := example("future", Scope{All: true})
	future.Placed = now.AddDate(1, 0, 0)
	if got := ids(Covers([]Hold{future}, Subject{Chat: roads}, now)); got != "future" {
		t.Errorf("a hold placed before our clock went back holds %q", got)
	}
}

func TestUnreadableHoldsEverything(t *testing.T) {
	for name, s := range map[string]Set{"zero": {}, "failed": NewSet(nil, errors.New("disk")), "half read": NewSet([]Hold{}, errors.New("disk"))} {
		if held, err := s.Covering(Subject{Chat: roads}, now); err == nil {
			t.Errorf("%s: %v and no error", name, held)
		}
		if _, err := MayStart(s, nil, attempt("f1", "m1"), now, time.Minute); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: MayStart said %v", name, err)
		}
	}
	if held, err := NewSet(nil, nil).Covering(Subject{Chat: roads}, now); err != nil || len(held) > 0 {
		t.Errorf("no holds: %v, %v", held, err)
	}
}

func TestCheck(t *testing.T) {
	good := example("9", Scope{Chats: []chat.ID{rest}})
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, break1 := range map[string]func(*Hold){
		"needs an id":                  func(h *Hold) { h.ID = " " },
		"name the matter":              func(h *Hold) { h.Matter = "" },
		"name the person who owns it":  func(h *Hold) { h.Owner = "" },
		"say why it is placed":         func(h *Hold) { h.Reason = "" },
		"say who places it":            func(h *Hold) { h.PlacedBy = "" },
		"say when":                     func(h *Hold) { h.Placed = time.Time{} },
		"say what it covers":           func(h *Hold) { h.Scope = Scope{} },
		"names no chats":               func(h *Hold) { h.Scope.All = true },
		"a chat is named":              func(h *Hold) { h.Scope.Chats[0].Account = "" },
		"a member is named":            func(h *Hold) { h.Scope.Members = []Member{{"practice", ""}} },
		"a person is named":            func(h *Hold) { h.Scope.People = []string{""} },
		"date by which it is reviewed": func(h *Hold) { h.Review = clock.Date{} },
		"not after the day":            func(h *Hold) { h.Review = clock.DateOf(h.Placed) },
		"from a time after":            func(h *Hold) { h.Since = h.Placed.Add(1) },
		"who released it":              func(h *Hold) { h.Released = now },
		"released before it":           func(h *Hold) { h.Released = h.Placed.Add(-1) },
	} {
		h := good
		h.Scope.Chats = []chat.ID{rest}
		break1(&h)
		if err := h.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if err := (Hold{}).Check(); strings.Count(err.Error(), "\n") < 7 {
		t.Errorf("not all faults at once: %v", err)
	}
}

func TestReleaseAndRescope(t *testing.T) {
	h := example("9", Scope{Chats: []chat.ID{rest}})
	for _, c := range [][2]string{{"", "over"}, {"Nasreen Malik", ""}} {
		if _, err := h.Release(c[0], c[1], now); err == nil {
			t.Errorf("released by %q because %q", c[0], c[1])
		}
	}
	gone, err := h.Release("Nasreen Malik", "the inquiry has ended", now)
	if err != nil || gone.Active(now) || gone.Check() != nil {
		t.Fatalf("%+v: %v, %v", gone, err, gone.Check())
	}
	if _, err := gone.Release("Nasreen Malik", "again", now); err == nil {
		t.Error("released twice")
	}
	set := NewSet([]Hold{gone, h}, nil)
	if last, ok := set.LastRelease(Subject{Chat: rest}, now); !ok || last.ID != "9" {
		t.Errorf("last release: %v, %v", last, ok)
	}
	if _, ok := set.LastRelease(Subject{Chat: roads}, now); ok {
		t.Error("a release of what was never covered")
	}
	h.Since = h.Placed.AddDate(0, 0, -10)
	placed, released, err := h.Rescope("9b", Scope{Chats: []chat.ID{rest, roads}}, "Nasreen Malik", "roads too", now)
	if err != nil {
		t.Fatal(err)
	}
	if !placed.Active(now) || placed.Claims() != h.Since || placed.Matter != h.Matter || released.Active(now) || released.ID != "9" {
		t.Errorf("placed %+v, released %+v", placed, released)
	}
	for name, err := range map[string]error{
		"same id":   second(h.Rescope("9", Scope{All: true}, "Nasreen Malik", "wider", now)),
		"no reason": second(h.Rescope("9c", Scope{All: true}, "Nasreen Malik", "", now)),
		"nothing":   second(h.Rescope("9c", Scope{}, "Nasreen Malik", "narrower", now)),
		"released":  second(gone.Rescope("9c", Scope{All: true}, "Nasreen Malik", "wider", now)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second(_, _ Hold, err error) error { return err }

func TestReviewDue(t *testing.T) {
	at := func(id, d string) Hold {
		h := example(id, Scope{All: true})
		h.Review, _ = clock.ParseDate(d)
		return h
	}
	over := at("over", "2026-01-01")
	over.Released = now.Add(-time.Hour)
	holds := []Hold{at("today", "2026-11-29"), at("tomorrow", "2026-11-30"), over, at("long", "2026-02-01")}
	if d := cmp.Diff("long today", ids(ReviewDue(holds, now, time.UTC))); d != "" {
		t.Error(d)
	}
	kiritimati := time.FixedZone("far east", 14*60*60)
	if d := cmp.Diff("long today tomorrow", ids(ReviewDue(holds, now.Add(9*time.Hour), kiritimati))); d != "" {
		t.Error(d)
	}
}

func attempt(id, message string) Fence {
	return Fence{ID: id, Message: message, Subject: Subject{Chat: rest, Member: "tom"}}
}

func TestMayStart(t *testing.T) {
	open, err := MayStart(NewSet(nil, nil), nil, attempt("f1", "m1"), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := open.Close(Unknown, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		holds  []Hold
		fences []Fence
		want   Fence
		at     time.Time
		within time.Duration
		err    string
	}{
		{"free", nil, nil, attempt("f2", "m1"), now, time.Minute, ""},
		{"held", []Hold{example("9", Scope{Chats: []chat.ID{rest}})}, nil, attempt("f2", "m1"), now, time.Minute, "kept for hold 9 (Millbrook flood)"},
		{"held elsewhere", []Hold{example("9", Scope{Chats: []chat.ID{roads}})}, nil, attempt("f2", "m1"), now, time.Minute, ""},
		{"under way", nil, []Fence{open}, attempt("f2", "m1"), now, time.Minute, "under way"},
		{"another message under way", nil, []Fence{open}, attempt("f2", "m2"), now, time.Minute, ""},
		{"may still be under way", nil, []Fence{open}, attempt("f2", "m1"), open.Deadline.Add(Slack), time.Minute, "under way"},
		{"must have ended", nil, []Fence{open}, attempt("f2", "m1"), open.Deadline.Add(Slack + 1), time.Minute, ""},
		{"ended", nil, []Fence{closed}, attempt("f2", "m1"), now, time.Minute, ""},
		{"same attempt", nil, []Fence{closed}, attempt("f1", "m1"), now, time.Minute, "of its own"},
		{"no name", nil, nil, attempt("", "m1"), now, time.Minute, "names its attempt"},
		{"no message", nil, nil, attempt("f2", ""), now, time.Minute, "names its attempt"},
		{"no chat", nil, nil, Fence{ID: "f2", Message: "m1"}, now, time.Minute, "names its attempt"},
		{"no end", nil, nil, attempt("f2", "m1"), now, 0, "up to"},
		{"too long", nil, nil, attempt("f2", "m1"), now, Longest + 1, "up to"},
	} {
		f, err := MayStart(NewSet(c.holds, nil), c.fences, c.want, c.at, c.within)
		if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
		if _, may := f.MayCall(c.at); may != (c.err == "") {
			t.Errorf("%s: MayCall %v", c.name, may)
		}
	}
	if _, may := open.MayCall(open.Deadline); may {
		t.Error("a call may begin at its deadline")
	}
	if _, may := open.MayCall(now.Add(-time.Second)); may {
		t.Error("a call may begin on a clock that was set back")
	}
	if _, may := closed.MayCall(now); may {
		t.Error("a call may begin behind a closed fence")
	}
}

func TestClose(t *testing.T) {
	f := attempt("f1", "m1")
	for _, c := range []struct {
		outcomes []Outcome
		ok       bool
	}{
		{[]Outcome{Done}, true},
		{[]Outcome{NotDone, NotDone}, true},
		{[]Outcome{Unknown, Done}, true},
		{[]Outcome{Unknown, NotDone}, true},
		{[]Outcome{Done, NotDone}, false},
		{[]Outcome{Done, Unknown}, false},
		{[]Outcome{""}, false},
		{[]Outcome{"perhaps"}, false},
	} {
		var err error
		g := f
		for _, o := range c.outcomes {
			if g, err = g.Close(o, now); err != nil {
				break
			}
		}
		if (err == nil) != c.ok {
			t.Errorf("%v: %v", c.outcomes, err)
		}
	}
}

func TestWait(t *testing.T) {
	h := example("9", Scope{Chats: []chat.ID{rest}})
	h.Placed = now
	f := func(id string, opened time.Duration, o Outcome, closed time.Duration) Fence {
		x := attempt(id, "m-"+id)
		x.Opened, x.Deadline, x.Outcome = now.Add(opened), now.Add(opened+time.Minute), o
		if o != "" {
			x.Closed = now.Add(closed)
		}
		return x
	}
	other := f("other", 0, "", 0)
	other.Subject.Chat = roads
	r := Wait(h, []Fence{
		f("open", -time.Second, "", 0), f("lost", -time.Hour, "", 0), f("done", -time.Second, Done, time.Second), f("before", -time.Hour, Done, -time.Minute),
		f("failed", -time.Second, NotDone, time.Second), f("unclear", -time.Second, Unknown, time.Second), f("unclear-before", -time.Hour, Unknown, -time.Minute), other,
	}, now)
	names := func(fences []Fence) (out []string) {
		for _, f := range fences {
			out = append(out, f.ID)
		}
		return out
	}
	got := map[string][]string{"open": names(r.Open), "done": names(r.Done), "unknown": names(r.Unknown)}
	want := map[string][]string{"open": {"open"}, "done": {"done"}, "unknown": {"lost", "unclear", "unclear-before"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.Settled() || !r.Until.Equal(now.Add(59*time.Second+Slack)) {
		t.Errorf("settled %v, until %v", r.Settled(), r.Until)
	}
	if later := Wait(h, []Fence{f("open", -time.Second, "", 0)}, r.Until.Add(1)); !later.Settled() || len(later.Unknown) != 1 {
		t.Errorf("after the last deadline: %+v", later)
	}
}

// Holds overlap: releasing any of them frees nothing that another still covers.
func TestOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var holds []Hold
		left := 0
		for i := range rapid.IntRange(1, 6).Draw(t, "holds") {
			h := example(string(rune('a'+i)), Scope{Chats: []chat.ID{rest}})
			if rapid.Bool().Draw(t, "released") {
				h.Released = now.Add(-time.Duration(rapid.IntRange(0, 1000).Draw(t, "ago")))
			} else {
				left++
			}
			holds = append(holds, h)
		}
		held, err := NewSet(holds, nil).Covering(Subject{Chat: rest}, now)
		if err != nil || len(held) != left {
			t.Fatalf("%d of %d in force hold it: %v", len(held), left, err)
		}
	})
}
