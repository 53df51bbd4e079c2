package detect_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
)

// cpu is the time that the process has spent so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkScan(b *testing.B, messages []string) {
	set := builtin(b)
	ctx := context.Background()
	total := 0
	for _, m := range messages {
		total += len(m)
		if _, err := set.Scan(ctx, m, detect.Context{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(total / len(messages)))
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	for i := range b.N {
		if _, err := set.Scan(ctx, messages[i%len(messages)], detect.Context{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkScanMixed scans messages of which some have something to find.
func BenchmarkScanMixed(b *testing.B) { benchmarkScan(b, corpus.New(1).Messages(2<<20)) }

// BenchmarkScanClean scans one clean message.
func BenchmarkScanClean(b *testing.B) {
	benchmarkScan(b, []string{"morning all, the rota for next week is on the intranet. the pump at the lower bridge is waiting for parts, ask at reception"})
}

// BenchmarkCompile builds the set and proves every example.
func BenchmarkCompile(b *testing.B) {
	for range b.N {
		builtin(b)
	}
}
