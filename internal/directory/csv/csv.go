// Package csv reads the staff directory from a CSV file, as every personnel
// system and spreadsheet can write one.
//
// It gives the whole list or says, line by line, what is wrong with the file.
// It must not guess: columns and the form of dates are named by the mapping,
// and a file that does not fit is refused rather than half read.
package csv

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"chaperone/internal/directory"
)

// Mapping says which column holds what, by the names in the first line.
type Mapping struct {
	ID        string   // the key, such as the staff number; needed
	Name      string   // …
	Phones    []string // each cell may hold several, divided by ; or |
	Emails    []string // likewise
	Role      string
	Unit      string
	Device    string // what they have for work: corporate, managed, private, or the organisation's own words
	Language  string // that they want to be written to in: its name or code
	Started   string // the first day
	Leaves    string // the last day
	Dismissed string // yes or no
	Dates     string // how dates are written: one of Forms; empty is YYYY-MM-DD
	Country   string // calling code of numbers that begin with 0; empty is 44
	Separator string // between columns; empty finds it in the first line
}

// forms are the ways to write a date. They are never guessed: 05/12/2026 is a
// day in May or in December.
var forms = [][2]string{
	{"YYYY-MM-DD", "2006-01-02"}, {"DD/MM/YYYY", "02/01/2006"}, {"MM/DD/YYYY", "01/02/2006"}, {"DD.MM.YYYY", "02.01.2006"},
	{"DD-MM-YYYY", "02-01-2006"}, {"DD-MMM-YYYY", "02-Jan-2006"}, {"YYYYMMDD", "20060102"},
	{"YYYY-MM-DD hh:mm:ss", "2006-01-02 15:04:05"},
}

// Forms lists the ways to write a date that a mapping can name.
func Forms() []string {
	list := make([]string, 0, len(forms))
	for _, f := range forms {
		list = append(list, f[0])
	}
	return list
}

// Fault is one thing that is wrong, and where. Its text never repeats a number
// or an address.
type Fault struct {
	Line   int    // of the file, from 1; 0 is the file as a whole
	Column string // may be empty
	Text   string
}

func (f Fault) String() string {
	switch {
	case f.Line == 0:
		return f.Text
	case f.Column == "":
		return fmt.Sprintf("line %d: %s", f.Line, f.Text)
	default:
		return fmt.Sprintf("line %d, column %q: %s", f.Line, f.Column, f.Text)
	}
}

// Faults is the error for a file that is refused: the first hundred of what is
// wrong, and how many there are.
type Faults struct {
	List  []Fault
	Count int
}

func (f *Faults) Error() string {
	var b strings.Builder
	for i, x := range f.List {
		if i == 20 {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(x.String())
	}
	if more := f.Count - min(20, len(f.List)); more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

func (f *Faults) add(line int, column, format string, args ...any) {
	f.Count++
	if len(f.List) < 100 {
		f.List = append(f.List, Fault{line, column, fmt.Sprintf(format, args...)})
	}
}

// List is what a file holds.
type List struct {
	Columns   []string // as the file names them
	Encoding  string   // for a person to read
	Separator string
	People    []directory.Person
	Warnings  []Fault // the first hundred cells that were left out: a number that is none, …
	Left      int     // how many were left out
}

// Source is a CSV file as a source of people.
type Source struct {
	Path    string
	Mapping Mapping
}

// maxSize is the greatest file that is read: several million people.
const maxSize = 1 << 30

// People reads the whole file.
func (s Source) People(ctx context.Context) ([]directory.Person, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := Read(ctx, f, s.Mapping)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return list.People, nil
}

// AsOf says when the file was last written.
func (s Source) AsOf(context.Context) (time.Time, error) {
	i, err := os.Stat(s.Path)
	if err != nil {
		return time.Time{}, err
	}
	return i.ModTime(), nil
}

// Read reads a whole file through a mapping. A file with anything wrong that
// matters gives *Faults and no people; a number or an address that is none is
// left out with a warning, as its person is then matched by nothing.
func Read(ctx context.Context, file io.ReadSeeker, m Mapping) (List, error) {
	t, err := open(file, m.Separator)
	if err != nil {
		return List{}, err
	}
	list := List{Columns: t.columns, Encoding: t.encoding, Separator: string(t.rows.Comma)}
	r := reader{table: t, mapping: m, list: &list, seed: maphash.MakeSeed(), keys: make([]key, 0, t.guess), words: map[string]string{}}
	list.People = make([]directory.Person, 0, t.guess)
	if !r.columns() {
		return List{}, &r.faults
	}
	if err := r.all(ctx); err != nil {
		return List{}, err
	}
	r.whole()
	if r.faults.Count > 0 {
		return List{}, &r.faults
	}
	list.Warnings, list.Left = r.warnings.List, r.warnings.Count
	return list, nil
}

// Look reads the first lines of a file, for someone who is to say which column
// is which.
func Look(file io.ReadSeeker, lines int) (List, [][]string, error) {
	t, err := open(file, "")
	if err != nil {
		return List{}, nil, err
	}
	t.rows.FieldsPerRecord = -1
	var sample [][]string
	for len(sample) < lines {
		row, err := t.rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return List{}, nil, t.fault(err)
		}
		sample = append(sample, slices.Clone(row))
	}
	return List{Columns: t.columns, Encoding: t.encoding, Separator: string(t.rows.Comma)}, sample, nil
}

// Preview reads a whole file and keeps the first people, for someone who is to
// say whether the mapping is right. With *Faults they see what is wrong.
func Preview(ctx context.Context, file io.ReadSeeker, m Mapping, people int) (list List, total int, err error) {
	list, err = Read(ctx, file, m)
	total = len(list.People)
	list.People = slices.Clone(list.People[:min(people, total)])
	return list, total, err
}

// usual are names that columns have in exports, folded, in the order in which
// they are tried.
var usual = map[string][]string{
	"id":        {"employee number", "employee no", "employee id", "employeeid", "staff number", "staff no", "staff id", "personnel number", "payroll number", "payroll no", "person number", "id"},
	"name":      {"full name", "display name", "displayname", "employee name", "name"},
	"phone":     {"work mobile", "mobile", "mobile phone", "mobilephone", "mobile number", "personal mobile", "telephone", "phone"},
	"email":     {"work email", "email", "e-mail", "email address", "mail", "userprincipalname"},
	"role":      {"job title", "jobtitle", "role", "post", "position", "title"},
	"unit":      {"department", "directorate", "service", "team", "unit", "cost centre"},
	"language":  {"preferred language", "language preference", "language"},
	"started":   {"start date", "hire date", "date started", "employeehiredate"},
	"leaves":    {"leaving date", "leave date", "termination date", "end date", "last day", "date left", "employeeleavedatetime"},
	"dismissed": {"dismissed", "immediate leaver"},
}

// Suggest gives a mapping for columns with usual names. A person looks at it
// before it is used.
func Suggest(columns []string) Mapping {
	find := func(what string) string {
		for _, name := range usual[what] {
			for _, c := range columns {
				if string(directory.Key(c)) == name {
					return c
				}
			}
		}
		return ""
	}
	m := Mapping{
		ID: find("id"), Name: find("name"), Role: find("role"), Unit: find("unit"), Language: find("language"),
		Started: find("started"), Leaves: find("leaves"), Dismissed: find("dismissed"),
	}
	if c := find("phone"); c != "" {
		m.Phones = []string{c}
	}
	if c := find("email"); c != "" {
		m.Emails = []string{c}
	}
	return m
}

// table is an open file: decoded, its first line read.
type table struct {
	rows     *csv.Reader
	columns  []string
	encoding string
	guess    int // of how many rows
}

// fault turns an error of the CSV reader into one that says what to do.
func (t *table) fault(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	f := &Faults{}
	switch {
	case errors.Is(p.Err, csv.ErrFieldCount):
		f.add(p.StartLine, "", "it has another number of columns than the first line: the file may be cut off, or a cell with %q in it is not in quotes", t.rows.Comma)
	case errors.Is(p.Err, csv.ErrQuote) && p.Line > p.StartLine:
		f.add(p.StartLine, "", "a quotation mark that opens here is closed wrongly at line %d", p.Line)
	case errors.Is(p.Err, csv.ErrQuote):
		f.add(p.StartLine, "", "a quotation mark is not closed or not doubled: the file may be cut off")
	default:
		f.add(p.StartLine, "", "a quotation mark stands inside a cell that is not in quotes")
	}
	return f
}
