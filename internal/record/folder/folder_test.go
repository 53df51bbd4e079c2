package folder_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/record"
	"chaperone/internal/record/folder"
)

var kept = record.Record{
	ID: "20261123-4F7K2M9QXA", Account: "practice", Chat: "flood-north", Method: "practice", CapturedBy: "dafydd",
	CapturedAt: time.Date(2026, 11, 23, 2, 12, 0, 0, time.UTC), Form: record.Verbatim,
	Messages: []record.Message{{ID: "m3", Sender: "dafydd", File: "message.txt"}},
}

var files = []record.File{{Name: "message.txt", Data: []byte("decision: close Weir Road \xff")}}

func file(t *testing.T) (*folder.Filer, record.Receipt) {
	t.Helper()
	f, err := folder.New(filepath.Join(t.TempDir(), "records"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.File(t.Context(), kept, files)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

func TestFilingAgainGivesTheFirstReceiptAndChangesNothing(t *testing.T) {
	f, first := file(t)
	second, err := f.File(t.Context(), kept, []record.File{{Name: "message.txt", Data: []byte("something else")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("receipts differ (-first +second):\n%s", diff)
	}
	m, got, err := f.Open(t.Context(), kept.ID)
	if err != nil || len(got) != 1 || string(got[0].Data) != string(files[0].Data) || m.ID != kept.ID {
		t.Errorf("the record reads %q (%v)", got, err)
	}
}

func TestAnInterruptedFilingLeavesNothingThatLooksLikeARecord(t *testing.T) {
	f, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bad := []record.File{files[0], {Name: "no/such/folder", Data: nil}}
	if _, err := f.File(t.Context(), kept, bad); err == nil {
		t.Fatal("a file that cannot be written was filed")
	}
	if _, _, err := f.Open(t.Context(), kept.ID); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("after it opening is answered with %v", err)
	}
	if _, err := f.File(t.Context(), kept, files); err != nil {
		t.Errorf("filing it afterwards: %v", err)
	}
}

func TestEveryAlterationIsSeen(t *testing.T) {
	for name, alter := range map[string]func(dir string) error{
		"message changed": func(d string) error { return os.WriteFile(filepath.Join(d, "message.txt"), []byte("other"), 0o600) },
		"message gone":    func(d string) error { return os.Remove(filepath.Join(d, "message.txt")) },
		"sums gone":       func(d string) error { return os.Remove(filepath.Join(d, "manifest.json.sha256")) },
		"manifest changed": func(d string) error {
			p := filepath.Join(d, "manifest.json")
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(p, []byte(strings.Replace(string(b), "dafydd", "priya", 1)), 0o600)
		},
		"manifest nonsense": func(d string) error { return os.WriteFile(filepath.Join(d, "manifest.json"), []byte("{"), 0o600) },
		"name that climbs": func(d string) error {
			p := filepath.Join(d, "manifest.json")
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(p, []byte(strings.Replace(string(b), `"message.txt",`, `"../../../x",`, 2)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, r := file(t)
			if err := alter(r.Where); err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.Open(t.Context(), kept.ID); !errors.Is(err, record.ErrAltered) {
				t.Errorf("opening is answered with %v, want ErrAltered", err)
			}
		})
	}
}

func TestWhatIsNoRecordNumberOpensNothing(t *testing.T) {
	f, _ := file(t)
	for _, id := range []string{"", "../x", "20261123", "20261123-", "20261123-../../etc", "20261123-4F7K2M9QXA/..", strings.Repeat("9", 300)} {
		if _, _, err := f.Open(t.Context(), id); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("%q is answered with %v", id, err)
		}
	}
}
