package detect_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

// speedBytes is how much each engine reads in one round; the slow ones read a
// part of it.
const speedBytes = 24 << 20

// cpu is the time that the process has spent so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// engine is one way of looking for the rules' patterns, and how much of the
// corpus it is given.
type engine struct {
	name  string
	share int
	scan  func(text string) int
	rates []float64 // bytes a second of processor time
}

func (e *engine) round(messages []string) {
	messages = messages[:max(1, len(messages)/e.share)]
	bytes := 0
	start := cpu()
	for _, m := range messages {
		bytes += len(m)
		e.scan(m)
	}
	e.rates = append(e.rates, float64(bytes)/(cpu()-start).Seconds())
}

func (e *engine) rate() float64 {
	r := slices.Sorted(slices.Values(e.rates))
	return r[len(r)/2]
}

// keyword gives a lower-case literal that every match of an expression holds,
// or "" where there is none: the usual gate before an expression.
func keyword(re *syntax.Regexp) string {
	best := ""
	switch re.Op {
	case syntax.OpLiteral:
		return strings.ToLower(string(re.Rune))
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		for _, s := range re.Sub {
			if k := keyword(s); len(k) > len(best) {
				best = k
			}
		}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return keyword(re.Sub[0])
		}
	}
	return best
}

// keywords gives literals of which every match holds one.
func keywords(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpAlternate:
		var all []string
		for _, s := range re.Sub {
			k := keywords(s)
			if k == nil {
				return nil
			}
			all = append(all, k...)
		}
		return all
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range re.Sub {
			if s.Op == syntax.OpAlternate || s.Op == syntax.OpConcat || s.Op == syntax.OpCapture {
				if k := keywords(s); k != nil && !slices.ContainsFunc(k, func(w string) bool { return len(w) < 3 }) {
					return k
				}
			}
		}
	}
	if k := keyword(re); len(k) >= 2 {
		return []string{k}
	}
	return nil
}

// BenchmarkEngines compares, in one run over one corpus and by processor time:
// the whole scan (normalising, checks and context included), Go's regexp rule
// by rule, and keywords and digit counts as a gate before Go's regexp. The
// other two only look for patterns. Libraries that need cgo or a rule set of
// their own (Hyperscan, gitleaks) are left out.
func BenchmarkEngines(b *testing.B) {
	set := builtin(b)
	list, err := rules.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	type gated struct {
		re       *regexp.Regexp
		keywords []string
		digits   int
	}
	var all []gated
	for _, r := range list {
		if r.Class == rules.Logistical {
			continue
		}
		for _, p := range r.Patterns {
			parsed, err := syntax.Parse(p, syntax.Perl)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, gated{regexp.MustCompile(p), keywords(parsed), strings.Count(p, `\d`)})
		}
	}
	ctx := context.Background()
	engines := []*engine{
		{name: "this scan, everything included", share: 1, scan: func(text string) int {
			found, err := set.Scan(ctx, text, detect.Context{})
			if err != nil {
				b.Fatal(err)
			}
			return len(found)
		}},
		{name: "keywords and digit count, then Go regexp", share: 200, scan: func(text string) int {
			low, n, digits := strings.ToLower(text), 0, 0
			for i := range len(text) {
				if text[i] >= '0' && text[i] <= '9' {
					digits++
				}
			}
			for _, g := range all {
				if g.keywords == nil && digits < min(g.digits, 1) || g.keywords != nil && !slices.ContainsFunc(g.keywords, func(k string) bool { return strings.Contains(low, k) }) {
					continue
				}
				n += len(g.re.FindAllStringIndex(text, -1))
			}
			return n
		}},
		{name: "Go regexp rule by rule", share: 800, scan: func(text string) int {
			n := 0
			for _, g := range all {
				n += len(g.re.FindAllStringIndex(text, -1))
			}
			return n
		}},
	}
	messages := corpus.New(3).Messages(speedBytes)
	for range b.N {
		for _, e := range engines {
			e.rates = nil
		}
		for round := range 4 {
			for _, e := range engines {
				e.round(messages)
				if round == 0 {
					e.rates = nil // warm-up
				}
			}
		}
	}
	mean := float64(speedBytes) / float64(len(messages))
	ours := engines[0].rate()
	fmt.Fprintf(os.Stdout, "\n| engine (%d patterns, %d messages, mean %.0f B) | MB/s | ns a message | times slower |\n|---|---:|---:|---:|\n", len(all), len(messages), mean)
	for _, e := range engines {
		fmt.Fprintf(os.Stdout, "| %s | %.2f | %.0f | %.0f |\n", e.name, e.rate()/1e6, mean/e.rate()*1e9, ours/e.rate())
	}
	b.ReportMetric(ours/mean, "msg/s")
}
