package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
	"chaperone/internal/directory/csv"
	"chaperone/internal/engine"
	"chaperone/internal/store"
)

// A turn of the leavers' watch over a million rows and 100,000 memberships, with
// the store; the planner and the file alone are in internal/directory/csv. The
// memory is the peak of the whole process, as the system counts it, so run it
// alone:
//
//	go test -run xxx -bench MillionLeavers -benchtime 1x ./internal/engine
func BenchmarkMillionLeavers(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "data")
	st, err := store.Open(b.Context(), dir, dir+".key")
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	file := filepath.Join(b.TempDir(), "people.csv")
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "Key,Name,Mobile,Email,Post,Team,Leaving")
	for i := range 1_000_000 {
		fmt.Fprintf(w, "P%07d,Siân Hughes-%d,07%09d,p%d@example.org,Warden,Team %d,\n", i, i, i, i, i%50)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for c := range 200 {
		id := chat.ID{Account: "practice", Local: fmt.Sprint("c", c)}
		var seats []engine.Seat
		for m := range 500 {
			n := c*500 + m
			s := engine.Seat{Membership: directory.Membership{Member: chat.MemberID(fmt.Sprint("m", n))}}
			s.Who = directory.Member{Account: "practice", ID: s.Member, Name: fmt.Sprint("Member ", n), Phone: fmt.Sprintf("+447%09d", n*10)}
			seats = append(seats, s)
		}
		if err := st.SetRoster(b.Context(), now, now, id, seats); err != nil {
			b.Fatal(err)
		}
	}
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New(engine.Options{
		Store: st, Setting: func(chat.ID) engine.Setting { return engine.Setting{Acting: true} }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Directory: &engine.Directory{Rules: directory.DefaultRules(zone), Source: csv.Source{Path: file, Mapping: csv.Mapping{
			ID: "Key", Name: "Name", Phones: []string{"Mobile"}, Emails: []string{"Email"}, Role: "Post", Unit: "Team", Leaves: "Leaving",
		}}},
	})
	turn := func() {
		if err := e.Turn(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.ConfirmClock(b.Context(), "Nasreen Malik"); err != nil {
		b.Fatal(err)
	}
	turn() // the first one is learned, and everybody matched
	touched := now
	for b.Loop() {
		touched = touched.Add(time.Second)
		if err := os.Chtimes(file, touched, touched); err != nil { // a new file, so that what is remembered is stored anew
			b.Fatal(err)
		}
		debug.FreeOSMemory() // turns are an hour apart; the runtime gives memory back in minutes
		begin := time.Now()
		turn()
		b.ReportMetric(time.Since(begin).Seconds(), "s/turn")
	}
	peak := peakMB()
	out, err := e.Outlook(b.Context())
	if err != nil || out.Plan.Facts.People != 1_000_000 || out.Plan.Facts.Matched != 100_000 || len(out.Plan.Stopped) != 0 {
		b.Fatalf("%+v, %v, %v", out.Plan.Facts, out.Plan.Stopped, err)
	}
	b.ReportMetric(float64(peak), "peak-MB")
}

// peakMB is the most memory that the process has had, or 0 where the system
// does not say.
func peakMB() int {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb int
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				return kb >> 10
			}
		}
	}
	return 0
}
