package config_test

import (
	"errors"
	"os"
	"path/filepath"
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
