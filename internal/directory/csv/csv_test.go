package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"chaperone/internal/directory"
)

var usualMapping = Mapping{
	ID: "Staff number", Name: "Name", Phones: []string{"Mobile"}, Emails: []string{"Email"},
	Role: "Post", Unit: "Team", Started: "Start", Leaves: "Leaving date", Dismissed: "Dismissed",
}

const header = "Staff number,Name,Mobile,Email,Post,Team,Start,Leaving date,Dismissed\n"

func read(s string, m Mapping) (List, error) {
	return Read(context.Background(), strings.NewReader(s), m)
}

func date(t *testing.T, s string) directory.Date {
	t.Helper()
	d, err := directory.ParseDate(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var compareDates = cmp.Comparer(func(a, b directory.Date) bool { return a == b })

func TestRead(t *testing.T) {
	list, err := read(header+
		"A100,Siân Hughes,07700 900123; +44 1632 960001,Sian.Hughes@Example.org,Warden,Floods,2019-04-01,,\n"+
		"a101,\"Okafor, Ben\",,ben@example.org|b.okafor@example.org,,Floods,,2026-11-30,no\n"+
		"\n,,,,,,,,\n"+
		"A102,Cai\u202e Rees,+44 (0)7700 900 456,,Warden,,2020-01-01,2026-11-22,YES\n", usualMapping)
	if err != nil {
		t.Fatal(err)
	}
	want := []directory.Person{
		{ID: "a100", Name: "Siân Hughes", Phones: []string{"+447700900123", "+441632960001"}, Emails: []string{"sian.hughes@example.org"},
			Role: "Warden", Unit: "Floods", Started: date(t, "2019-04-01")},
		{ID: "a101", Name: "Okafor, Ben", Emails: []string{"ben@example.org", "b.okafor@example.org"}, Unit: "Floods", Leaves: date(t, "2026-11-30")},
		{ID: "a102", Name: "Cai  Rees", Phones: []string{"+447700900456"}, Role: "Warden",
			Started: date(t, "2020-01-01"), Leaves: date(t, "2026-11-22"), Dismissed: true},
	}
	if d := cmp.Diff(want, list.People, compareDates); d != "" {
		t.Error(d)
	}
}

// A language is read as it is written, and a usual name of its column is found.
func TestLanguage(t *testing.T) {
	m := Suggest([]string{"Staff number", "Work email", "Leaving date", "Preferred language"})
	if m.Language != "Preferred language" {
		t.Fatalf("suggested for the language: %q", m.Language)
	}
	list, err := read("Staff number,Work email,Leaving date,Preferred language\nA100,sian@example.org,, Cymraeg \nA101,ben@example.org,,\n", m)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := list.People[0].Language, list.People[1].Language; a != "Cymraeg" || b != "" {
		t.Errorf("languages %q and %q", a, b)
	}
}

// The same people come out of every encoding that spreadsheets write.
func TestEncodings(t *testing.T) {
	text := header + "A100,Siân – “Shân” Hughes,07700 900123,s@example.org,Warden,Ceredigion a’r Môr,,2026-11-30,\n"
	// Long enough that a character lies across the blocks that are read.
	for i := range 3000 {
		text += fmt.Sprintf("B%d,Gwên Ŵ%d,,,Swyddog,Tîm,,,\n", i, i)
	}
	plain, err := read(text, usualMapping)
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(text, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"UTF-8 with a mark": "\xef\xbb\xbf" + text,
		"UTF-16":            utf16,
		"UTF-8":             strings.ReplaceAll(strings.ReplaceAll(text, ",", ";"), "\n", "\r\n"),
	} {
		got, err := read(file, usualMapping)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(plain.People, got.People, compareDates); d != "" || got.Encoding != name {
			t.Errorf("%s, found %s: %s", name, got.Encoding, d)
		}
	}

	old := strings.ReplaceAll(text, "Ŵ", "W")
	plain, err = read(old, usualMapping)
	if err != nil {
		t.Fatal(err)
	}
	ansi, err := charmap.Windows1252.NewEncoder().String(old)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(ansi, usualMapping)
	if err != nil || got.Encoding != "Windows-1252" {
		t.Fatalf("%s, %v", got.Encoding, err)
	}
	if d := cmp.Diff(plain.People, got.People, compareDates); d != "" {
		t.Error(d)
	}
}

// What is refused, with the line and what to do; and no people at all.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		m    func(*Mapping)
		want []string
	}{
		"empty":            {"", nil, []string{"the file is empty"}},
		"header only":      {header, nil, []string{"there is nobody in the file"}},
		"not text":         {"PK\x03\x04\x00\x00", nil, []string{"not a text file"}},
		"unknown encoding": {header + "A\x81\xff,,,,,,,,\n", nil, []string{"neither UTF-8 nor Windows-1252"}},
		"column missing": {strings.Replace(header, "Leaving date", "Finish", 1) + "a,,,,,,,,\n", nil,
			[]string{`line 1, column "Leaving date": there is no column of this name`, "Finish"}},
		"column twice":  {strings.Replace(header, "Start", "leaving DATE", 1) + "a,,,,,,,,\n", nil, []string{"two columns have this name"}},
		"mapped twice":  {header + "a,,,,,,,,\n", func(m *Mapping) { m.Started = "Leaving date" }, []string{"mapped to both started and leaves"}},
		"no key mapped": {header + "a,,,,,,,,\n", func(m *Mapping) { m.ID = "" }, []string{"must name the column of the key"}},
		"no date mapped": {header + "a,,,,,,,,\n", func(m *Mapping) { m.Leaves = "" },
			[]string{"must name the column of the leaving date"}},
		"form of dates": {header + "a,,,,,,,,\n", func(m *Mapping) { m.Dates = "D/M/Y" }, []string{"choose one of YYYY-MM-DD, DD/MM/YYYY"}},
		"several at once": {header + "A,,,,,,,31/12/2026,\n,x,,,,,,,\na,,,,,,,,perhaps\nB,,,,,,2026-05-01,2026-04-30,\nC,,,,,,,1970-01-01,maybe\n", nil, []string{
			`line 2, column "Leaving date": it is not a date written YYYY-MM-DD`,
			`line 3, column "Staff number": the key is empty`,
			`line 4, column "Staff number": the key stands at line 2 already`,
			`line 5, column "Leaving date": the last day is before the first`,
			`line 6, column "Leaving date": the year 1970 cannot be meant`,
			`line 6, column "Dismissed": it must be yes or no`,
		}},
		"cut off within a row":  {header + "A,,,,,,,,\nB,Ann,0770", nil, []string{"line 3: it has another number of columns"}},
		"cut off within quotes": {header + "A,,,,,,,,\nB,\"Ann", nil, []string{"line 3: a quotation mark"}},
		"comma not quoted":      {header + "A,Hughes, Ann,,,,,,,\n", nil, []string{"line 2: it has another number of columns"}},
		"damaged key":           {header + "A\xef\xbf\xbdB,,,,,,,,\n", nil, []string{"the file may be damaged"}},
		"phones and emails swapped": {header + swapped(6), nil,
			[]string{`column "Mobile": 6 of 6 cells cannot be used`, `column "Email": 6 of 6 cells cannot be used`}},
	} {
		t.Run(name, func(t *testing.T) {
			m := usualMapping
			if test.m != nil {
				test.m(&m)
			}
			list, err := read(test.file, m)
			if err == nil || list.People != nil {
				t.Fatalf("accepted: %v", list.People)
			}
			for _, w := range test.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in:\n%v", w, err)
				}
			}
		})
	}
}

func swapped(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "A%d,,p%d@example.org,07700 9000%02d,,,,,\n", i, i, i)
	}
	return b.String()
}

// A number or an address that is none is left out, and said; its value is not.
func TestWarnings(t *testing.T) {
	list, err := read(header+
		"A,,7700900123,a@example.org,,,,,\nB,,4.4770E+11,,,,,,\nC,,07700 900124,see notes,,,,,\nD,,+44 7700 9001,,,,,,\n", usualMapping)
	if err != nil {
		t.Fatal(err)
	}
	if list.Left != 4 || len(list.Warnings) != 4 {
		t.Fatalf("%d left out: %v", list.Left, list.Warnings)
	}
	for i, want := range []string{"dropped the 0", "rounded it", "not an e-mail address", "shorter or longer"} {
		w := list.Warnings[i].String()
		if !strings.Contains(w, want) || strings.Contains(w, "7700") || strings.Contains(w, "notes") {
			t.Errorf("%q: %s", want, w)
		}
	}
	if len(list.People) != 4 || list.People[0].Phones != nil {
		t.Errorf("%+v", list.People)
	}
}

// Dates that systems write for "no end" are none.
func TestOpenEnd(t *testing.T) {
	m := usualMapping
	m.Dates = "DD/MM/YYYY"
	list, err := read(header+"A,,,,,,,31/12/4712,\nB,,,,,,,05/12/2026,\n", m)
	if err != nil {
		t.Fatal(err)
	}
	if !list.People[0].Leaves.IsZero() || list.People[1].Leaves != date(t, "2026-12-05") {
		t.Errorf("%v", list.People)
	}
}

func TestLookSuggestPreview(t *testing.T) {
	file := strings.NewReader("Employee Number;Full name;Work mobile;E-mail;Job title;Department;Termination date\n1;Ann;07700 900123;a@example.org;Warden;Floods;\n2;Ben;;;;;\n3;Cai;;;;;\n")
	list, sample, err := Look(file, 2)
	if err != nil || list.Separator != ";" || len(sample) != 2 || sample[1][1] != "Ben" {
		t.Fatalf("%+v, %v, %v", list, sample, err)
	}
	m := Suggest(list.Columns)
	want := Mapping{ID: "Employee Number", Name: "Full name", Phones: []string{"Work mobile"}, Emails: []string{"E-mail"},
		Role: "Job title", Unit: "Department", Leaves: "Termination date"}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	got, total, err := Preview(context.Background(), file, m, 2)
	if err != nil || total != 3 || len(got.People) != 2 {
		t.Errorf("%d, %+v, %v", total, got, err)
	}
}

func TestSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "staff.csv")
	s := Source{Path: path, Mapping: usualMapping}
	ctx := context.Background()
	if _, err := directory.Take(ctx, s, time.Now()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte(header+"A,,,,,,,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	snap, err := directory.Take(ctx, s, time.Now())
	if err != nil || !snap.At.Equal(old) || len(snap.People) != 1 {
		t.Errorf("%+v, %v", snap, err)
	}
	stop, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.People(stop); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(header + "A100,Siân,07700 900123; +44 1632 960001,S@Example.org,Warden,Floods,2019-04-01,2026-11-30,no\n"))
	f.Add([]byte("\xef\xbb\xbf" + header + "A,\"b\nc\",,,,,,,\n"))
	f.Add([]byte("\xff\xfeS\x00t\x00"))
	f.Add([]byte(header + "A,\xe9,,,,,,,\n"))
	f.Add([]byte(header + "A,\"unclosed\n"))
	f.Add([]byte(strings.ReplaceAll(header, ",", "\t") + "A\t\t\t\t\t\t\t\t\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Read(context.Background(), bytes.NewReader(data), usualMapping)
		if err != nil {
			if len(list.People) != 0 {
				t.Fatal("an error, and half a list")
			}
			var faults *Faults
			if !errors.As(err, &faults) || faults.Count == 0 || faults.List[0].Text == "" {
				t.Fatalf("an error that names no fault: %v", err)
			}
			return
		}
		seen := map[directory.PersonID]bool{}
		for _, p := range list.People {
			if p.ID == "" || seen[p.ID] || directory.Key(string(p.ID)) != p.ID || !utf8.ValidString(p.Name) {
				t.Fatalf("person %+v", p)
			}
			seen[p.ID] = true
			for _, x := range p.Phones {
				if again, err := directory.Phone(x, "44"); err != nil || again != x {
					t.Fatalf("phone %q: %q, %v", x, again, err)
				}
			}
			for _, x := range p.Emails {
				if again, err := directory.Email(x); err != nil || again != x {
					t.Fatalf("email %q: %q, %v", x, again, err)
				}
			}
		}
		// With an empty row more it is the same list.
		if list.Encoding == "UTF-8" {
			again, err := Read(context.Background(), bytes.NewReader(append(bytes.Clone(data), "\n\n"...)), usualMapping)
			if err == nil && len(again.People) != len(list.People) {
				t.Fatalf("%d people, then %d", len(list.People), len(again.People))
			}
		}
	})
}
