package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chaperone/config"
)

const faulty = `organisation: X
listen: nowhere
colour: red
time_zone: Europe/Nowhere
bots:
  practice:
    enabled: maybe
    new_rooms: shout
chats:
  - id: flood
    kind: guild
    mode: act
  - id: practice/a
  - id: practice/a
`

func TestEveryFaultIsReportedAtOnceWithItsLine(t *testing.T) {
	_, err := config.Read("x.yaml", []byte(faulty))
	var f *config.Faults
	if !errors.As(err, &f) {
		t.Fatalf("got %v", err)
	}
	var lines []int
	for _, x := range f.List {
		lines = append(lines, x.Line)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 7, 8, 10, 11, 12, 12, 12, 14}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s\n%v", diff, err)
	}
}

func TestTheExampleIsSoundAndNamesEverySetting(t *testing.T) {
	b, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := config.Read("example.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Chats) == 0 || f.Organisation == "" || f.Contact.How == "" || f.Records.Folder == "" {
		t.Errorf("the example leaves settings out: %+v", f)
	}
}

func TestAnEmptyFileIsQuiet(t *testing.T) {
	f, err := config.Read("x.yaml", nil)
	if err != nil || !cmp.Equal(*f, config.File{}) {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("a folder was read as a configuration")
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file is answered with %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(faulty))
	f.Add([]byte("chats: [&a [*a]]"))
	f.Add([]byte("? [a]\n: b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := config.Read("x", b)
		if (file == nil) == (err == nil) {
			t.Fatalf("file %v, error %v", file, err)
		}
	})
}

func TestRetentionSchedulesAreCheckedWithTheirLine(t *testing.T) {
	const good = `retention:
  - id: keep-team
    class: routine
    chats: {kinds: [team]}
    period: 90 days
    disposal: destroy
    cron: "0 2 * * *"
    zone: Europe/London
`
	f, err := config.Read("c.yaml", []byte(good))
	if err != nil || len(f.Retention) != 1 {
		t.Fatalf("got %v (%v), want one schedule", f, err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"90 days", "90 dogs", "line 2: retention schedule \"keep-team\": period"},
		{"Europe/London", "Mars/Crater", "zone"},
		{"\"0 2 * * *\"", "\"* * * * *\"", "cron"},
		{"class: routine", "klass: routine", "klass"},
		{"    disposal: destroy\n", "", "belong together"},
	} {
		_, err := config.Read("c.yaml", []byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q the fault is %v, want %q", c.to, err, c.want)
		}
	}
}
