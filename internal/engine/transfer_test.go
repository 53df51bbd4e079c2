package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/bots"
	"chaperone/internal/engine"
	"chaperone/internal/record"
	"chaperone/internal/retention"
)

// archive is a record system that can be out of reach.
type archive struct {
	record.Filer
	mu    sync.Mutex
	away  bool
	filed map[string]string // text by message
	times int
}

func (a *archive) File(ctx context.Context, r record.Record, files []record.File) (record.Receipt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times++
	if a.away {
		return record.Receipt{}, errors.New("the archive cannot be reached")
	}
	a.filed[string(r.Messages[0].ID)] = string(files[0].Data)
	return a.Filer.File(ctx, r, files)
}

// A message whose disposal is transfer is handed over first, and goes only
// with a later run, once the archive has given its receipt.
func TestATransferComesBeforeTheDeletion(t *testing.T) {
	bot, arch := newFaulty(), &archive{filed: map[string]string{}, away: true}
	s := monthly(t, "disposal: destroy=disposal: transfer")
	s.Class = retention.Any
	h := startAs(t, bot, fetching{bot}, []retention.Schedule{s}, func(o *engine.Options) { arch.Filer, o.Filer = o.Filer, arch })
	h.posts(t, 3)
	h.post("secret", "SECRET: the invented plan of the invented tunnel")
	until(t, "it is asked about", func() bool { return bot.count(bots.Whisper) == 1 })
	h.answer(t, "a1", "wrong")
	until(t, "it is answered", func() bool { return bot.lastShown().State == "answered" })
	until(t, "it is settled", func() bool { all, err := h.store.Messages(t.Context()); return err == nil && len(all) == 4 })
	const month = 31 * 24 * time.Hour
	if err := h.MoveClock(t.Context(), "Nasreen Malik", month, func() error { h.shift(month); return nil }); err != nil {
		t.Fatal(err)
	}
	until(t, "the archive was tried", func() bool { arch.mu.Lock(); defer arch.mu.Unlock(); return arch.times > 0 })
	if n := bot.count(bots.Delete); n != 0 {
		t.Fatalf("%d messages were deleted without the archive's receipt", n)
	}
	arch.mu.Lock()
	arch.away = false
	arch.mu.Unlock()
	h.advance(t, time.Hour)
	r := h.runs(t)[0]
	if r.State != retention.Finished || count(r.Certificate, retention.Transferred) != 3 || bot.count(bots.Delete) != 0 {
		t.Fatalf("the first run is %s (%s) with %+v, and %d were deleted", r.State, r.Why, r.Certificate, bot.count(bots.Delete))
	}
	want := map[string]string{"m1": "the text of m1", "m2": "the text of m2", "m3": "the text of m3"}
	if diff := cmp.Diff(want, arch.filed); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	h.advance(t, 24*time.Hour)
	if n := bot.count(bots.Delete); n != 3 {
		t.Errorf("%d messages were deleted by the next run, want 3", n)
	}
}
