package detect_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

// countdown is a context that ends when it has been asked so many times.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelledAtAnyMoment ends the context at every moment at which a scan
// looks at it: each time that must be an error, and never a shorter answer.
func TestCancelledAtAnyMoment(t *testing.T) {
	set := builtin(t)
	text := strings.Repeat("talk about the rota and the van. ", 5000) + strings.Repeat("room 0800 1 2 3. ", 100) + "NHS number 999 000 0123, nine nine nine oh oh oh one two three"
	whole, err := set.Scan(context.Background(), text, detect.Context{})
	if err != nil {
		t.Fatal(err)
	}
	for left := range int64(10_000) {
		ctx := &countdown{Context: context.Background()}
		ctx.left.Store(left)
		found, err := set.Scan(ctx, text, detect.Context{})
		switch {
		case err != nil && found == nil:
			continue
		case err != nil:
			t.Fatalf("cancelled at moment %d: an error and %d findings", left, len(found))
		case len(found) != len(whole):
			t.Fatalf("cancelled at moment %d: %d findings and no error, want %d", left, len(found), len(whole))
		}
		if left < 4 {
			t.Fatalf("a scan of %d bytes looks at its context %d times only", len(text), left)
		}
		return
	}
	t.Fatal("the scan never ends")
}

// TestSwappedWhileRunning scans in many goroutines while the set is exchanged
// for another and back: each answer is that of the one or the other.
func TestSwappedWhileRunning(t *testing.T) {
	list, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	all := builtin(t)
	some, err := detect.CompileUnproved(slices.DeleteFunc(slices.Clone(list), func(r rules.Rule) bool { return r.Category == "uk_nhs" || r.Category == "phone" }))
	if err != nil {
		t.Fatal(err)
	}
	texts := append(corpus.New(21).Messages(40_000), "NHS number 999 000 0123", "ring Mrs Trellis on 07700 900123")
	answer := func(set *detect.Set, text string) string {
		found, err := set.Scan(context.Background(), text, detect.Context{})
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, f := range found {
			out = append(out, f.Rule, f.Mask)
		}
		return strings.Join(out, "|")
	}
	want := map[string][2]string{}
	differ := 0
	for _, text := range texts {
		want[text] = [2]string{answer(all, text), answer(some, text)}
		if want[text][0] != want[text][1] {
			differ++
		}
	}
	if differ == 0 {
		t.Fatal("the two sets answer alike: the test shows nothing")
	}
	var current atomic.Pointer[detect.Set]
	current.Store(all)
	var scanners sync.WaitGroup
	for range 4 {
		scanners.Go(func() {
			for n, text := range texts {
				if got := answer(current.Load(), text); got != want[text][0] && got != want[text][1] {
					t.Errorf("message %d: an answer that is neither set's", n)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { scanners.Wait(); close(done) }()
	for swap := 0; ; swap++ {
		select {
		case <-done:
			return
		default:
			current.Store([]*detect.Set{some, all}[swap%2])
			time.Sleep(50 * time.Microsecond)
		}
	}
}
