package exports_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chaperone/internal/exports"
)

// layoutOf is one way in which a phone writes exports.
type layoutOf struct {
	order             string // "dmy", "mdy", "ymd"
	sep               string
	pad, longYear     bool
	bracket, seconds  bool
	half              []string // the words for the halves of the day; nil for 24 hours
	space             string   // before them
	comma             string
	marks, fileEnding string
}

func anyLayout(r *rand.Rand) layoutOf {
	l := layoutOf{
		order: pick(r, "dmy", "mdy", "ymd"), sep: pick(r, "/", ".", "-"), pad: r.IntN(2) == 0, longYear: r.IntN(2) == 0,
		bracket: r.IntN(2) == 0, comma: pick(r, ", ", " "), space: pick(r, " ", "\u202f", "\u00a0"), fileEnding: pick(r, "\n", "\r\n"),
	}
	l.seconds = l.bracket
	if l.order == "ymd" {
		l.longYear = true
	}
	if l.bracket && r.IntN(2) == 0 {
		l.marks = "\u200e"
	}
	switch r.IntN(5) {
	case 0:
		l.half = []string{"AM", "PM"}
	case 1:
		l.half = []string{"am", "pm"}
	case 2:
		l.half = []string{"a.m.", "p.m."}
	case 3:
		l.half = []string{"a. m.", "p. m."}
	}
	return l
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (l layoutOf) head(at time.Time) string {
	number := func(n int) string {
		if l.pad {
			return fmt.Sprintf("%02d", n)
		}
		return fmt.Sprint(n)
	}
	year := fmt.Sprintf("%02d", at.Year()%100)
	if l.longYear {
		year = fmt.Sprint(at.Year())
	}
	d, m := number(at.Day()), number(int(at.Month()))
	date := map[string]string{"dmy": d + l.sep + m + l.sep + year, "mdy": m + l.sep + d + l.sep + year, "ymd": year + l.sep + m + l.sep + d}[l.order]
	clock := at.Format("15:04")
	if l.seconds {
		clock = at.Format("15:04:05")
	}
	if l.half != nil {
		clock = at.Format("3:04")
		if l.seconds {
			clock = at.Format("3:04:05")
		}
		clock += l.space + l.half[at.Hour()/12]
	}
	if l.bracket {
		return "[" + date + l.comma + clock + "] "
	}
	return date + l.comma + clock + " - "
}

// said is one message as the generator knows it.
type said struct {
	at           time.Time
	sender, text string
}

func anyExport(r *rand.Rand) (string, []said) {
	l := anyLayout(r)
	at := time.Date(2019+r.IntN(7), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
	people := []string{"Sam Okafor", "Priya Nair", "+44 7700 900123", "Siân O’Dea", "Зоя", "علي", "A.B. (Control)", "Tom 🌊"}
	words := []string{"two pumps", "on the way: now", "at 10:30 - then", "tea ☕", "see https://example.org/a:b", "Ещё", "(yes)", "-", "24/11", "<Media omitted>",
		"this is not 12/12/2020 a head", "line\nbreak", "two\n\nbreaks", "IMG-20201212-WA0001.jpg (file attached)\na caption", "\u200eimage omitted", "..."}
	var lines []string
	var all []said
	for range 20 + r.IntN(40) {
		step := time.Duration(r.IntN(3*24*3600)) * time.Second
		if at = at.Add(step); !l.seconds {
			at = at.Truncate(time.Minute)
		}
		m := said{at: at, sender: pick(r, people...), text: pick(r, words...)}
		if r.IntN(12) == 0 {
			m.sender, m.text = "", pick(r, "Priya Nair added Tom", "Messages and calls are end-to-end encrypted. Tap to learn more.", "Sam Okafor left")
			lines = append(lines, l.marks+l.head(at)+m.text)
		} else {
			lines = append(lines, l.marks+l.head(at)+m.sender+": "+m.text)
		}
		all = append(all, m)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\n", l.fileEnding), all
}

// Against what was written, and against another program's reading of it: 1,000
// exports in every layout and locale that both know. Where the two mean to read
// differently stands in differences_test.go, each with its reason, and is not
// generated here.
func TestAgainstAnIndependentParser(t *testing.T) {
	const exportsMade = 1000
	r := rand.New(rand.NewPCG(2026, 11))
	dir := t.TempDir()
	var names []string
	var ours, written [][]said
	wrong := 0
	for i := range exportsMade {
		text, want := anyExport(r)
		name := filepath.Join(dir, fmt.Sprintf("%04d.txt", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []said
		for m, err := range exports.ReadFile(name, exports.Auto, nil) {
			if err == nil {
				got = append(got, said{m.At, m.Sender, m.Text})
			}
		}
		if diff := differ(want, got); diff != "" {
			if wrong++; wrong < 5 {
				t.Errorf("export %d is not read as it was written: %s\n%.300s", i, diff, text)
			}
		}
		names, ours, written = append(names, name), append(ours, got), append(written, want)
	}
	if wrong > 0 {
		t.Errorf("%d of %d exports are not read as they were written", wrong, exportsMade)
	}
	compare(t, names, ours, written)
}

// differ names the first difference between two readings.
func differ(a, b []said) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d messages against %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("message %d: %v against %v", i, a[i], b[i])
		}
	}
	return ""
}

func compare(t *testing.T, names []string, ours, written [][]said) {
	t.Helper()
	agree, differing := 0, 0
	for i, theirs := range independently(t, names) {
		if differ(ours[i], theirs) == "" {
			agree++
			continue
		}
		differing++
		if differ(ours[i], written[i]) != "" {
			t.Errorf("%s: the readers differ, and ours is not what was written", names[i])
		}
		if differing <= 12 {
			t.Logf("%s: %s", filepath.Base(names[i]), differ(ours[i], theirs))
		}
	}
	t.Logf("of %d exports both readers agree on %d; on %d the other reader differs from what was written", len(names), agree, differing)
	if agree < len(names) {
		t.Errorf("they agree on %d of %d only", agree, len(names))
	}
}
