package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFigures measures the real binary from outside, in one process with
// the storage of the product, and prints the table that the README shows. The
// load comes from this test, on the same machine.
//
//	go test -run '^$' -bench Figures -benchtime 1x ./cmd/chaperone
func BenchmarkFigures(b *testing.B) {
	if b.N > 1 {
		b.Skip("one run is enough")
	}
	m := &meter{b: b, binary: build(b, "")}
	m.add("machine", "", fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), runtime.GOARCH, runtime.Version()))
	m.size()
	m.start()
	m.sustained(4, 20, 40_000)
	m.paced(4, 20, 500, 20*time.Second)
	m.scan(1 << 30)
	fmt.Printf("\n%s\n", m.table())
	b.ReportMetric(0, "ns/op") // the figures are in the table
}

// meter collects figures.
type meter struct {
	b      *testing.B
	binary string
	rows   [][3]string
}

func (m *meter) add(what, wanted, measured string) {
	m.rows = append(m.rows, [3]string{what, wanted, measured})
	fmt.Printf("%s: %s (wanted: %s)\n", what, measured, wanted)
}

func (m *meter) table() string {
	var out strings.Builder
	out.WriteString("| figure | wanted | measured |\n|---|---|---|\n")
	for _, r := range m.rows {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", r[0], r[1], r[2])
	}
	return out.String()
}

func (m *meter) must(err error) {
	m.b.Helper()
	if err != nil {
		m.b.Fatal(err)
	}
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func (m *meter) size() {
	info, err := os.Stat(m.binary)
	m.must(err)
	m.add("binary", "< 60 MB", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6))
}

// start measures from the start of the process to the first prompt, on a new
// folder and on one that is there.
func (m *meter) start() {
	l := newLab(m.b, m.binary)
	for _, on := range []string{"a new folder", "a folder that is there"} {
		m.must(l.start())
		listening := time.Since(l.began)
		room := "first" + strconv.Itoa(len(m.rows))
		m.must(l.call("POST", "/rooms", roomView{ID: room, Kind: "team", Members: []memberView{{"sam", "Sam"}}}, nil))
		id, err := l.post(room, "sam", personalText(rand.New(rand.NewPCG(1, 1)), "qb"))
		m.must(err)
		for shown := false; !shown; time.Sleep(time.Millisecond) {
			all, err := l.prompts("sam")
			m.must(err)
			shown = slices.ContainsFunc(all, func(p promptView) bool { return p.Room == room && slices.Contains(p.Messages, id) })
		}
		took := time.Since(l.began)
		m.add("start to first prompt, "+on, "< 1 s", fmt.Sprintf("%d ms (listening after %d ms)", took.Milliseconds(), listening.Milliseconds()))
		m.must(l.cmd.Process.Signal(syscall.SIGTERM))
		<-l.ended
	}
}

// rooms makes rooms with as many members each.
func (m *meter) rooms(l *lab, n, members int) []string {
	var all []memberView
	for i := range members {
		all = append(all, memberView{ID: fmt.Sprintf("p%d", i), Name: fmt.Sprintf("Alex %d", i)})
	}
	var out []string
	for i := range n {
		id := fmt.Sprintf("room%d", i)
		m.must(l.call("POST", "/rooms", roomView{ID: id, Kind: []string{"team", "emergency"}[i%2], Members: all}, nil))
		out = append(out, id)
	}
	return out
}

var words = strings.Fields("the boats are tied up at slipway and hall opens early tomorrow bring torches blankets water to north road while " +
	"river keeps falling we meet behind church thanks everyone please check that your van has fuel volunteers wanted for second shift")

// ordinary is a message like most.
func ordinary(r *rand.Rand) string {
	var out []string
	for range 6 + r.IntN(18) {
		out = append(out, words[r.IntN(len(words))])
	}
	return strings.Join(out, " ")
}

// sustained posts as fast as the clients can, and waits until every message
// has its decision.
func (m *meter) sustained(clients, rooms, messages int) {
	l := newLab(m.b, m.binary)
	m.must(l.start())
	ids := m.rooms(l, rooms, 50)
	began := time.Now()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(c)))
			for i := range messages / clients {
				text := ordinary(r)
				if i%20 == 0 {
					text = personalText(r, "qc")
				}
				if _, err := l.post(ids[r.IntN(rooms)], fmt.Sprintf("p%d", r.IntN(50)), text); err != nil {
					m.b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	posted := time.Since(began)
	busy := rss(l.cmd.Process.Pid, "VmRSS:")
	for _, room := range ids {
		m.decided(l, room)
	}
	took := time.Since(began)
	m.must(l.settled(time.Minute, ids...)) // all of them, outside the measurement
	m.add(fmt.Sprintf("posted to decided, %d clients, %d rooms, 5 %% sensitive, sustained over %.0f s", clients, rooms, took.Seconds()), "≥ 2,000/s",
		fmt.Sprintf("%.0f/s (posting alone: %.0f/s)", float64(messages)/took.Seconds(), float64(messages)/posted.Seconds()))
	m.add("resident memory under that load", "< 200 MiB", fmt.Sprintf("%s (peak %s)", mib(busy), mib(rss(l.cmd.Process.Pid, "VmHWM:"))))
	m.must(l.cmd.Process.Signal(syscall.SIGTERM))
	<-l.ended
	m.must(l.err)
	cpu := l.cmd.ProcessState.UserTime() + l.cmd.ProcessState.SystemTime()
	m.add("processor time for each message, with the platform and its interface", "", (cpu / time.Duration(messages)).Round(time.Microsecond).String())
}

// decided waits until the last message of a room has its decision: a room is
// settled in order.
func (m *meter) decided(l *lab, room string) {
	for ; ; time.Sleep(2 * time.Millisecond) {
		var last []messageView
		m.must(l.call("GET", "/rooms/"+room+"/messages?limit=1", nil, &last))
		if len(last) == 1 && last[0].Decision != "pending" {
			return
		}
	}
}

// paced posts at a steady rate, whatever the answers take, and measures from
// the moment a message should have been posted to the call that whispers its
// prompt. Each prompt is for one message: nothing hides behind another.
func (m *meter) paced(clients, rooms, rate int, during time.Duration) {
	const members = 60
	l := newLab(m.b, m.binary)
	m.must(l.start())
	ids := m.rooms(l, rooms, members)
	total := int(during.Seconds()) * rate
	var mu sync.Mutex
	due := map[string]time.Time{} // by room and message
	began := time.Now().Add(100 * time.Millisecond)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(c)))
			for i := c; i < total; i += clients {
				at := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(at))
				room, member, text := ids[i%rooms], "p0", ordinary(r)
				asks := i%20 == i/20%20 // 5 %, over all rooms
				if asks {
					member, text = fmt.Sprintf("p%d", 1+i/400%(members-1)), personalText(r, "qd")
				}
				id, err := l.post(room, member, text)
				if err != nil {
					m.b.Error(err)
					return
				}
				if asks {
					mu.Lock()
					due[room+" "+id] = at
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	m.must(l.settled(time.Minute, ids...))
	ledger, err := l.ledger()
	m.must(err)
	var took []time.Duration
	for _, e := range ledger {
		if at, ok := due[e.Room+" "+e.Message]; ok && e.Effect == "whisper" {
			took = append(took, e.At.Sub(at))
		}
	}
	if len(took) < len(due)*9/10 {
		m.b.Fatalf("%d prompts for %d messages", len(took), len(due))
	}
	slices.Sort(took)
	at := func(q float64) string {
		return took[int(q*float64(len(took)-1))].Round(100 * time.Microsecond).String()
	}
	m.add(fmt.Sprintf("message to prompt at %d/s, p99 of %d", rate, len(took)), "< 250 ms",
		fmt.Sprintf("%s (median %s, worst %s)", at(0.99), at(0.5), at(1)))
	m.add("resident memory at that rate", "< 200 MiB", mib(rss(l.cmd.Process.Pid, "VmHWM:"))+" peak")
	m.must(l.cmd.Process.Signal(syscall.SIGTERM))
	<-l.ended
}

// scan measures the memory that the scan of one large file takes.
func (m *meter) scan(size int64) {
	if s := os.Getenv("CHAPERONE_BENCH_SCAN_MB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		m.must(err)
		size = n << 20
	}
	path := filepath.Join(m.b.TempDir(), "large.jsonl")
	m.must(writeLarge(path, size))
	cmd := exec.Command(m.binary, "scan", "--input", "jsonl", "--format", "jsonl", path)
	var out counter
	cmd.Stdout = &out
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		m.b.Fatalf("scan ended with %d (%v): %s", code, err, said.String())
	}
	peak := int64(-1)
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = u.Maxrss << 10 // Linux tells it in KiB
	}
	m.add("peak memory of scan on "+mib(size), "< 150 MiB",
		fmt.Sprintf("%s (%.0f MB/s, %d lines out)", mib(peak), float64(size)/1e6/took.Seconds(), out.lines))
}

// counter counts lines.
type counter struct{ lines int }

func (c *counter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

// writeLarge writes messages like those of the load test, one a line.
func writeLarge(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(4, 4))
	var block bytes.Buffer
	for i := 0; block.Len() < 8<<20; i++ {
		text := ordinary(r)
		if i%20 == 0 {
			text = personalText(r, "qe")
		}
		fmt.Fprintf(&block, "{\"id\":\"%d\",\"text\":\"%s\"}\n", i, text)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for written := int64(0); written < size; written += int64(block.Len()) {
		if _, err := w.Write(block.Bytes()); err != nil {
			return err
		}
	}
	return w.Flush()
}

// rss reads one of the kernel's figures on the memory of a process, in bytes;
// -1 where there are none.
func rss(pid int, field string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return -1
			}
			return n << 10
		}
	}
	return -1
}
