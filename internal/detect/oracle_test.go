package detect

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect/gate"
	"chaperone/rules"
)

var oracleMessages = flag.Int("oracle.messages", 1500, "messages that the engine and Go's regexp are compared on")
var oracleSeed = flag.Uint64("oracle.seed", 11, "which messages these are")

// generator writes messages out of the rules' own examples, their pieces and
// their alphabet, so that near-matches are common.
type generator struct {
	r      *rand.Rand
	pieces []string
}

func newGenerator(list []rules.Rule, seed uint64) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, 3))}
	for _, r := range list {
		for _, text := range slices.Concat(r.Examples.Hit, r.Examples.Miss) {
			v := normalise(text)
			g.pieces = append(g.pieces, strings.SplitAfter(v.text, " ")...)
		}
		for _, w := range r.Context.Words {
			g.pieces = append(g.pieces, normalise(w).text)
		}
	}
	return g
}

const alphabet = "0123456789 0123456789 -./,:=@_+()[]<>'\"\nabcdeginorstuABCDEGINORSTU\x1a"

func (g *generator) message() string {
	var b strings.Builder
	for range 1 + g.r.IntN(14) {
		switch g.r.IntN(8) {
		case 0:
			for range g.r.IntN(12) {
				b.WriteByte(alphabet[g.r.IntN(len(alphabet))])
			}
		case 1:
			p := []byte(g.pieces[g.r.IntN(len(g.pieces))])
			if len(p) > 0 {
				p[g.r.IntN(len(p))] = alphabet[g.r.IntN(len(alphabet))]
			}
			b.Write(p)
		default:
			b.WriteString(g.pieces[g.r.IntN(len(g.pieces))])
		}
		if g.r.IntN(3) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// matches gives every match of a pattern as the engine finds it: from the hits
// of the automaton of all rules, located by the pattern's own.
func matches(l *layer, text string, hits []hit, pattern int) (out [][]int) {
	next := 0
	p := l.patterns[pattern]
	for _, h := range hits {
		if int(h.pattern) != pattern {
			continue
		}
		for at := p.earliest(text, next, int(h.end)); at <= int(h.end)-p.least; {
			start, stop := p.next(text, at, int(h.end)-p.least+1, &endings{}, &effort{})
			next = max(next, start)
			if stop < 0 {
				break
			}
			out = append(out, []int{start, stop})
			at, next = stop, stop
		}
	}
	return out
}

// oracle is Go's regexp (leftmost-longest) for one or more patterns that are
// written the same.
type oracle struct {
	re       *regexp.Regexp
	gate     gate.Gate
	patterns []int
}

func oracles(t *testing.T, l *layer) (all []*oracle) {
	t.Helper()
	of := map[string]*oracle{}
	for i, p := range l.patterns {
		expr := spelledPattern
		if p.rule != noRule {
			expr = p.expr
		}
		o := of[expr]
		if o == nil {
			parsed, err := parse(expr)
			if err != nil {
				t.Fatal(err)
			}
			o = &oracle{re: regexp.MustCompile(expr), gate: gate.Of(parsed)}
			o.re.Longest()
			of[expr] = o
			all = append(all, o)
		}
		o.patterns = append(o.patterns, i)
	}
	return all
}

// TestSameAsRegexp holds the engine against Go's regexp on every pattern of
// every rule. Where a text lacks what every match must hold, regexp is not
// asked, and the engine must have found nothing; in every fiftieth text it is
// asked all the same, and so proves the gates too.
//
// The full form, 1,000,000 messages, can be run in parts side by side:
//
//	go test -run SameAsRegexp -oracle.messages 500000 -oracle.seed 1 ./internal/detect
func TestSameAsRegexp(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	l := &set.loud
	all := oracles(t, l)
	g := newGenerator(list, *oracleSeed)
	found, asked := 0, 0
	for n := range *oracleMessages {
		text := g.message()
		var s search
		if err := l.union.look(context.Background(), text, &s); err != nil {
			t.Fatal(err)
		}
		holds := gate.Read(text)
		for _, o := range all {
			var want [][]int
			open := o.gate.Open(holds)
			if open || n%50 == 0 {
				asked++
				want = o.re.FindAllStringIndex(text, -1)
				if !open && len(want) > 0 {
					t.Fatalf("pattern %s\non %q: the gate is shut, and regexp finds %v", o.re, text, want)
				}
			}
			for _, i := range o.patterns {
				got := matches(l, text, s.hits, i)
				found += len(want)
				if !slices.EqualFunc(got, want, slices.Equal[[]int]) {
					t.Fatalf("pattern %s\non %q:\nengine %v\nregexp %v", o.re, text, got, want)
				}
			}
		}
	}
	t.Logf("%d messages, %d patterns, %d matches, no difference; regexp was asked for %.0f %%",
		*oracleMessages, len(l.patterns), found, 100*float64(asked)/float64(max(1, *oracleMessages*len(all))))
}

// TestSimulationSaysTheSame holds the slower path against the remembered one.
func TestSimulationSaysTheSame(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(list, 12)
	for _, a := range set.loud.union {
		for range 200 {
			text := g.message()
			var known, made lane
			known.start(a, text, 0)
			made.start(a, text, 0)
			made.walker = a.walk(&made.m.nodes[made.row].Load().state)
			for _, l := range []*lane{&known, &made} {
				if err := l.read(context.Background(), text, len(text), &effort{}); err != nil {
					t.Fatal(err)
				}
				l.step(endOfText, &effort{})
			}
			if !slices.Equal(made.hits, known.hits) {
				t.Fatalf("%q: %v, want %v", text, made.hits, known.hits)
			}
		}
	}
}

// TestSmallMemory makes the automaton forget its states over and over, in many
// goroutines, and wants the same answers.
func TestSmallMemory(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	small, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range small.loud.union {
		a.most = 64
	}
	g := newGenerator(list, 13)
	texts := make([]string, 120)
	want := make([][]rules.Finding, len(texts))
	for i := range texts {
		texts[i] = g.message()
		if want[i], err = set.Scan(context.Background(), texts[i], Context{}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan string)
	for range 4 {
		go func() {
			for i, text := range texts {
				got, err := small.Scan(context.Background(), text, Context{})
				if err != nil || len(got) != len(want[i]) {
					done <- "a set with little memory finds something else"
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if reason := <-done; reason != "" {
			t.Error(reason)
		}
	}
}

func FuzzScan(f *testing.F) {
	list, err := rules.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	set, err := Compile(list)
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range list {
		f.Add(r.Examples.Hit[0], "")
	}
	f.Add("\xff\xfe12 34\x00", "NHS 999 000")
	f.Fuzz(func(t *testing.T, text, before string) {
		found, err := set.Scan(context.Background(), text, Context{Before: []string{before}, All: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			if x.Start < 0 || x.End > len(text) || x.Start > x.End || len(text) > 0 && x.Start == x.End {
				t.Fatalf("place %d-%d of %d", x.Start, x.End, len(text))
			}
			if x.Confidence < 0 || x.Confidence > 1 || x.Mask == "" || len(x.Because) == 0 {
				t.Fatalf("a finding without confidence, mask or reason: %s", x.Rule)
			}
		}
	})
}

func FuzzNormalise(f *testing.F) {
	f.Add("Mae’r ÄÖ４２ &amp; \xff\u200b\r\n🙂1️⃣")
	f.Fuzz(func(t *testing.T, text string) {
		v := normalise(text)
		last := 0
		for i := range len(v.text) {
			from, to := v.original(i, i+1)
			if v.text[i] >= 0x80 || from < last || to <= from || to > len(text) {
				t.Fatalf("byte %d of the view comes from %d-%d of %d", i, from, to, len(text))
			}
			last = from
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add("999 000 0123", "personal")
	f.Add("Harbour1889!", "credential")
	f.Fuzz(func(t *testing.T, value, class string) {
		m := mask(rules.Rule{Title: "thing", Class: rules.Class(class)}, value)
		shown, ok := strings.CutPrefix(m, "thing")
		shown = strings.TrimPrefix(shown, ", ending ")
		if !ok || len(shown) > 2 {
			t.Fatalf("the mask shows %d characters", len(shown))
		}
		if rules.Class(class) == rules.Credential && shown != "" {
			t.Fatal("the mask shows something of a credential")
		}
	})
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}
