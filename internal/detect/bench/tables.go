package main

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// lengths compares short messages with one long document of the same talk, and
// counts what a clean message allocates.
func (b *bench) lengths() error {
	messages := b.messages[:max(1, min(len(b.messages), int(20e6/b.mean)))]
	document := strings.Join(messages, "\n")
	document = document[:min(len(document), 10<<20)]
	count := func(text string) int { return len(b.scan(text)) }
	short, long := &engine{share: 1, scan: count}, &engine{share: 1, scan: count}
	for range b.rounds {
		b2 := &bench{rounds: 1}
		b2.measure(messages, short)
		b2.measure([]string{document}, long)
	}
	clean := corpus.New(4).Clean()
	b.scan(clean)
	allocations := testing.AllocsPerRun(1000, func() { b.scan(clean) })
	fmt.Fprintf(b.to, "\n## Length\n\n| figure | wanted | measured |\n|---|---|---|\n")
	fmt.Fprintf(b.to, "| messages a second on one core, normalising included | ≥ 1,000,000 | %.0f |\n", short.rate()/b.mean)
	fmt.Fprintf(b.to, "| a document of %.0f MB, in times of the rate of messages | ≥ 0.7 | %.2f |\n", float64(len(document))/1e6, long.rate()/short.rate())
	fmt.Fprintf(b.to, "| allocations for a clean message | 0 | %.0f |\n", allocations)
	return nil
}

// scaling measures how much more rules cost.
func (b *bench) scaling() error {
	sample := b.messages[:max(1, min(len(b.messages), int(10e6/b.mean)))]
	fmt.Fprintf(b.to, "\n## Number of rules\n\n| rules | MB/s | ns a message | in times of the first |\n|---:|---:|---:|---:|\n")
	var engines []*engine
	sizes := []int{60, len(b.list), 600, 6000}
	for _, n := range sizes {
		set, err := detect.Compile(more(b.list, n))
		if err != nil {
			return err
		}
		one := &bench{set: set}
		engines = append(engines, &engine{share: 1, scan: func(text string) int { return len(one.scan(text)) }})
	}
	b.measure(sample, engines...)
	for i, e := range engines {
		fmt.Fprintf(b.to, "| %d | %.1f | %.0f | %.2f |\n", sizes[i], e.rate()/1e6, b.mean/e.rate()*1e9, engines[0].rate()/e.rate())
	}
	fmt.Fprintln(b.to, "\nBeyond the built-in ones: names of projects in two words, and forms of references, made up for this.")
	return nil
}

// more gives n rules: the first of the list, then made-up ones.
func more(list []rules.Rule, n int) []rules.Rule {
	out := slices.Clone(list[:min(n, len(list))])
	heads := strings.Fields("amber basalt cobalt dorsal ember falcon garnet harrier indigo jasper kestrel lantern marble nectar obsidian pewter quartz raven saffron topaz umber velvet willow xenon yarrow zephyr")
	tails := strings.Fields("anchor beacon canyon delta estuary fjord glacier haven island jetty knoll lagoon meadow narrows outcrop pinnacle quarry ridge summit tundra upland vale waterfall yard zenith bluff")
	for i := 0; len(out) < n; i++ {
		words := heads[i%len(heads)] + " " + tails[i/len(heads)%len(tails)]
		if round := i / len(heads) / len(tails); round > 0 {
			words += fmt.Sprint(" ", round+1)
		}
		expr, hit := `(?i:\b`+words+`\b)`, "notes on "+words+" are in the folder"
		if i%3 == 2 {
			code := fmt.Sprintf("%c%c%c", 'A'+i%26, 'A'+i/26%26, 'A'+i/676%26)
			expr, hit = `\bQ`+code+`-\d{4}/\d{2}\b`, "see Q"+code+"-2031/07 for that"
		}
		out = append(out, rules.Rule{ID: fmt.Sprintf("made-up-%d", i), Category: "gov_ref", Title: "reference", Class: rules.Personal, Severity: rules.Note,
			Patterns: []string{expr}, Context: rules.Context{Alone: 0.9}, Source: "made up",
			Examples: rules.Examples{Hit: []string{hit, hit + ".", "fyi " + hit}, Miss: []string{"a", "b", "c"}}})
	}
	return out
}

// phones measures what the rules for phone numbers cost beside all others,
// checks included: what a scan costs more with them than without.
func (b *bench) phones() error {
	sample := b.messages[:max(1, min(len(b.messages), int(20e6/b.mean)))]
	rest := slices.DeleteFunc(slices.Clone(b.list), func(r rules.Rule) bool { return r.Category == "phone" })
	set, err := detect.CompileUnproved(rest)
	if err != nil {
		return err
	}
	without := &bench{set: set}
	all, others := &engine{share: 1, scan: func(text string) int { return len(b.scan(text)) }}, &engine{share: 1, scan: func(text string) int { return len(without.scan(text)) }}
	b.measure(sample, all, others)
	share := 1 - all.rate()/others.rate()
	fmt.Fprintf(b.to, "\n## Phone numbers\n\n| figure | wanted | measured |\n|---|---|---|\n| share of the rules for phone numbers in the cost of all, checks included | ≤ 50 %% | %.0f %% |\n", 100*max(0, share))
	return nil
}

// hostile measures the dearest texts that are known, each as often as anything
// else: what the collector does meanwhile is no text's fault.
func (b *bench) hostile() error {
	normal := &engine{share: 1, scan: func(text string) int { return len(b.scan(text)) }}
	b.measure(b.messages[:max(1, min(len(b.messages), int(10e6/b.mean)))], normal)
	fmt.Fprintf(b.to, "\n## Hostile texts of 64 KiB, each read by a set that is new\n\n| text | ms | ns a byte | in times of ordinary talk |\n|---|---:|---:|---:|\n")
	type row struct {
		name string
		rate float64
	}
	var rows []row
	for name, text := range corpus.Hostile(64 << 10) {
		var rates []float64
		for range b.rounds {
			set, err := detect.Compile(b.list)
			if err != nil {
				return err
			}
			one := &bench{set: set}
			start := cpu()
			one.scan(text)
			rates = append(rates, float64(len(text))/(cpu()-start).Seconds())
		}
		slices.Sort(rates)
		rows = append(rows, row{name, rates[len(rates)/2]})
	}
	slices.SortFunc(rows, func(a, c row) int { return int(a.rate - c.rate) })
	for _, r := range rows[:min(len(rows), 8)] {
		fmt.Fprintf(b.to, "| %s | %.1f | %.0f | %.0f |\n", r.name, 65536/r.rate*1e3, 1e9/r.rate, normal.rate()/r.rate)
	}
	fmt.Fprintf(b.to, "\nOf %d texts the dearest; wanted: at most 100 ms, and at most 300 times ordinary talk (%.1f ns a byte).\n", len(rows), 1e9/normal.rate())
	return nil
}
