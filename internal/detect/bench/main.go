// Command bench measures detection against other ways of doing the same, in
// one run, over one generated corpus, by processor time, and prints tables. It
// is a module of its own, so that the product never depends on what it is
// measured against.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

func main() {
	log.SetFlags(0)
	bytes := flag.Int("bytes", 200<<20, "size of the corpus")
	rounds := flag.Int("rounds", 5, "measured rounds, after one to warm up; the table has their median")
	out := flag.String("write", "", "write the tables to this file as well")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)

	var to io.Writer = os.Stdout
	if *out != "" {
		f, err := os.Create(*out)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		to = io.MultiWriter(os.Stdout, f)
	}
	b := &bench{rounds: *rounds, to: to}
	if err := b.run(*bytes); err != nil {
		log.Fatal(err)
	}
}

// bench holds what all measurements share.
type bench struct {
	rounds   int
	to       io.Writer
	list     []rules.Rule
	set      *detect.Set
	messages []string
	mean     float64
}

func (b *bench) run(bytes int) error {
	var err error
	if b.list, err = rules.Builtin(); err != nil {
		return err
	}
	if b.set, err = detect.Compile(b.list); err != nil {
		return err
	}
	b.messages = corpus.New(3).Messages(bytes)
	b.describe()
	for _, table := range []func() error{b.engines, b.secrets, b.lengths, b.scaling, b.phones, b.hostile} {
		if err := table(); err != nil {
			return err
		}
	}
	return nil
}

// describe says what is measured on.
func (b *bench) describe() {
	bytes, sensitive, other := 0, 0, 0
	for _, m := range b.messages {
		bytes += len(m)
		if strings.ContainsFunc(m, func(r rune) bool { return r > 127 }) {
			other++
		}
	}
	sample := b.messages[:min(len(b.messages), 50_000)]
	for _, m := range sample {
		if slices.ContainsFunc(b.scan(m), func(f rules.Finding) bool { return f.Confidence >= rules.ReportAt }) {
			sensitive++
		}
	}
	b.mean = float64(bytes) / float64(len(b.messages))
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("not known here")
	}
	busy, _, _ := strings.Cut(string(load), " ")
	fmt.Fprintf(b.to, "# Speed of detection\n\nWritten by `make bench-detect`. Ratios within one run count; absolute figures hang on the machine and on what else it does (load on %d cores when this began: %s).\n\n", runtime.NumCPU(), busy)
	fmt.Fprintf(b.to, "%d rules. %.0f MB of messages: %d, mean %.0f bytes, %.1f %% with a finding, %.1f %% not plain ASCII. %s, one core; processor time, median of %d rounds.\n",
		len(b.list), float64(bytes)/1e6, len(b.messages), b.mean, 100*float64(sensitive)/float64(len(sample)),
		100*float64(other)/float64(len(b.messages)), runtime.Version(), b.rounds)
}

func (b *bench) scan(text string) []rules.Finding {
	found, err := b.set.Scan(context.Background(), text, detect.Context{})
	if err != nil {
		log.Fatal(err)
	}
	return found
}

// engine is one way of looking, and which part of the messages it is given:
// one in share.
type engine struct {
	name  string
	share int
	scan  func(text string) int
	found int
	rates []float64 // bytes a second of processor time
}

func (e *engine) rate() float64 {
	r := slices.Sorted(slices.Values(e.rates))
	return r[len(r)/2]
}

// measure runs the engines in turn, so that what disturbs one disturbs all.
func (b *bench) measure(messages []string, engines ...*engine) {
	for round := range b.rounds + 1 {
		for _, e := range engines {
			part := messages[:max(1, len(messages)/e.share)]
			bytes, found := 0, 0
			start := cpu()
			for _, m := range part {
				bytes += len(m)
				found += e.scan(m)
			}
			spent := cpu() - start
			if round > 0 {
				e.rates = append(e.rates, float64(bytes)/max(spent.Seconds(), 1e-6))
			}
			e.found = found
		}
	}
}

// compare measures and prints a table, in times of the first engine, with the
// matches that each finds and those that like finds in the same messages.
func (b *bench) compare(title string, like *engine, engines ...*engine) {
	b.measure(b.messages, engines...)
	fmt.Fprintf(b.to, "\n%s\n\n| engine | MB/s | messages a second | ns a message | times slower | matches | of this engine's patterns there |\n|---|---:|---:|---:|---:|---:|---:|\n", title)
	for _, e := range engines {
		same := 0
		for _, m := range b.messages[:max(1, len(b.messages)/e.share)] {
			same += like.scan(m)
		}
		fmt.Fprintf(b.to, "| %s | %.1f | %.0f | %.0f | %.1f | %d | %d |\n", e.name, e.rate()/1e6, e.rate()/b.mean, b.mean/e.rate()*1e9,
			engines[0].rate()/e.rate(), e.found, same)
	}
}

// cpu is the time that the process has spent so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
