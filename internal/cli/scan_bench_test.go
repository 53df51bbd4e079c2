//go:build unix

package cli

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// BenchmarkScanOfAGigabyte measures the program itself, from outside: a scan of
// one gibibyte on one core, by the processor time and the memory that the
// kernel counts. Wanted: 40 MB/s and under 150 MiB. CHAPERONE_BENCH_SCAN_MB
// makes the exports smaller.
func BenchmarkScanOfAGigabyte(b *testing.B) {
	size := int64(1 << 30)
	if s := os.Getenv("CHAPERONE_BENCH_SCAN_MB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		size = n << 20
	}
	program := filepath.Join(b.TempDir(), "chaperone")
	if out, err := exec.Command("go", "build", "-o", program, "chaperone/cmd/chaperone").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, kind := range []struct {
		name, file string
		write      func(io.Writer, int64) error
	}{{"whatsapp", "WhatsApp Chat with Flood North.txt", writeWhatsApp}, {"slack", "export.zip", writeSlack}} {
		b.Run(kind.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), kind.file)
			if err := written(path, func(w io.Writer) error { return kind.write(w, size) }); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				cmd := exec.Command(program, "scan", "--format", "csv", "--output", os.DevNull, path)
				cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
				said, err := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != 1 { // something was found, and everything was read
					b.Fatalf("the scan ended with %d (%v): %s", code, err, said)
				}
				spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				b.ReportMetric(float64(size)/1e6/spent.Seconds(), "MB/s-of-one-core")
				if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					b.ReportMetric(float64(u.Maxrss)/1024, "MiB-peak") // Linux tells it in KiB
				}
			}
		})
	}
}

// BenchmarkReport measures how long a browser takes to open a report of
// 100,000 findings. Wanted: 2 s.
func BenchmarkReport(b *testing.B) {
	report := manyFindings(b)
	ctx, _ := browse(b)
	for b.Loop() {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate("file://"+report)); err != nil {
			b.Fatal(err)
		}
		ms, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByType("navigation")[0].loadEventEnd`))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(ms, "ms-to-open")
	}
}

func written(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// chatter makes messages like those of a flood: one in twenty holds something.
func chatter(r *rand.Rand, i int) (sender, text string) {
	people := []string{"Sam Okafor", "Priya Nair", "Tom Ellery", "Mair Rowlands", "+44 7700 900123", "Siân O’Dea"}
	words := []string{"pump", "road", "hall", "water", "team", "van", "north", "gate", "sandbags", "school", "level", "shift", "coffee", "torch", "bridge", "ok", "on", "the", "way", "to", "at", "with", "and", "need", "two", "more", "is", "closed", "open", "now"}
	var b bytes.Buffer
	for n := 4 + r.IntN(18); n > 0; n-- {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	if i%20 == 0 {
		fmt.Fprintf(&b, "call me on 07700 900%03d", r.IntN(1000))
	}
	return people[r.IntN(len(people))], string(bytes.TrimSpace(b.Bytes()))
}

func writeWhatsApp(w io.Writer, size int64) error {
	r := rand.New(rand.NewPCG(4, 4))
	at := time.Date(2016, 1, 1, 8, 0, 0, 0, time.UTC)
	for i, n := 0, int64(0); n < size; i++ {
		at = at.Add(time.Duration(r.IntN(60)) * time.Second)
		sender, text := chatter(r, i)
		m, err := fmt.Fprintf(w, "%s - %s: %s\n", at.Format("02/01/2006, 15:04"), sender, text)
		if err != nil {
			return err
		}
		n += int64(m)
	}
	return nil
}

func writeSlack(out io.Writer, size int64) error {
	r := rand.New(rand.NewPCG(4, 5))
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, f := range [][2]string{{"channels.json", `[{"id":"C1","name":"flood-north"}]`}, {"users.json", `[{"id":"U1","name":"sam","profile":{"real_name":"Sam Okafor"}}]`}, {"dms.json", "[]"}, {"groups.json", "[]"}, {"mpims.json", "[]"}} {
		w, err := z.Create(f[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			return err
		}
	}
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, n := 0, int64(0); n < size; day = day.AddDate(0, 0, 1) {
		w, err := z.Create("flood-north/" + day.Format(time.DateOnly) + ".json")
		if err != nil {
			return err
		}
		for k := range 800 {
			sep := ",\n"
			if k == 0 {
				sep = "["
			}
			_, text := chatter(r, i)
			m, err := fmt.Fprintf(w, `%s{"client_msg_id":"%016x-%016x","type":"message","user":"U1","text":"%s","ts":"%d.%06d","team":"T1","user_team":"T1","source_team":"T1","user_profile":{"avatar_hash":"g%08x","image_72":"https:\/\/avatars.example\/%d.png","first_name":"Sam","real_name":"Sam Okafor","display_name":"sam","team":"T1","name":"sam","is_restricted":false,"is_ultra_restricted":false},"blocks":[{"type":"rich_text","block_id":"%x","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"%s"}]}]}]}`,
				sep, r.Uint64(), r.Uint64(), text, day.Unix()+int64(k)*100, i%1_000_000, r.Uint32(), i, r.Uint32(), text)
			if err != nil {
				return err
			}
			n, i = n+int64(m), i+1
		}
		if _, err := io.WriteString(w, "]"); err != nil {
			return err
		}
	}
	return z.Close()
}
