package csv

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
)

// A million rows against 100,000 memberships take less than 3 s and 500 MB.
// The memory is the peak of the whole process, as the system counts it, so run
// it alone: go test -run xxx -bench Million -benchtime 1x ./internal/directory/csv
func BenchmarkMillion(b *testing.B) {
	path := million(b, 1_000_000)
	s := memberships(b, 100_000)
	src := Source{Path: path, Mapping: Mapping{ID: "Key", Name: "Name", Phones: []string{"Mobile"}, Emails: []string{"Email"}, Role: "Post", Unit: "Team", Leaves: "Leaving"}}
	ctx := context.Background()
	turn := func() directory.Plan {
		snap, err := directory.Take(ctx, src, s.Now)
		if err != nil {
			b.Fatal(err)
		}
		s.Directory = snap
		plan := directory.Leavers(s)
		s.Before = plan.Memory
		s.Directory = directory.Snapshot{}
		return plan
	}
	turn() // the first one is learned
	next := s.Now
	for b.Loop() {
		next = next.Add(time.Second)
		if err := os.Chtimes(path, next, next); err != nil { // it is another list
			b.Fatal(err)
		}
		debug.FreeOSMemory() // turns are an hour apart; the runtime gives memory back in minutes
		begin := time.Now()
		plan := turn()
		took := time.Since(begin)
		if plan.Facts.People != 1_000_000 || plan.Facts.Matched != 100_000 || len(plan.Stopped) != 0 {
			b.Fatalf("%+v, %v", plan.Facts, plan.Stopped)
		}
		if took > 3*time.Second {
			b.Errorf("it took %v", took)
		}
	}
	if peak := peakMB(); peak > 0 {
		b.ReportMetric(float64(peak), "peak-MB")
		if peak > 500 {
			b.Errorf("the process took %d MB", peak)
		}
	}
}

// The short form: every member is found in a large directory.
func TestManyRows(t *testing.T) {
	s := memberships(t, 3000)
	src := Source{Path: million(t, 40_000), Mapping: Mapping{ID: "Key", Phones: []string{"Mobile"}, Leaves: "Leaving"}}
	snap, err := directory.Take(context.Background(), src, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory = snap
	if f := directory.Leavers(s).Facts; f.People != 40_000 || f.Matched != 3000 {
		t.Errorf("%+v", f)
	}
}

// million writes a directory of n people.
func million(tb testing.TB, n int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "staff.csv")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "Key,Name,Mobile,Email,Post,Team,Leaving")
	for i := range n {
		fmt.Fprintf(w, "P%07d,Siân Hughes-%d,07%09d,p%d@example.org,Warden,Team %d,\n", i, i, i, i, i%50)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// memberships is a situation of n members in chats of 500.
func memberships(tb testing.TB, n int) directory.Situation {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	s := directory.Situation{Now: now, Rules: directory.DefaultRules(zone)}
	for i := range n {
		id := chat.MemberID(fmt.Sprint("m", i))
		s.Members = append(s.Members, directory.Member{Account: "practice", ID: id, Phone: fmt.Sprintf("+447%09d", i*10), PhoneAt: now.AddDate(0, -3, 0)})
		if i%500 == 0 {
			s.Chats = append(s.Chats, directory.Chat{ID: chat.ID{Account: "practice", Local: fmt.Sprint("c", i/500)}, Kind: chat.Team})
		}
		c := &s.Chats[len(s.Chats)-1]
		c.Members = append(c.Members, directory.Membership{Member: id})
	}
	return s
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
