package csv

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"unicode"

	"chaperone/internal/directory"
)

// reader turns rows into people.
type reader struct {
	*table
	mapping                                                            Mapping
	list                                                               *List
	layout                                                             string
	id, name, role, unit, device, language, started, leaves, dismissed int
	phones, emails                                                     []int
	seed                                                               maphash.Seed
	keys                                                               []key
	words                                                              map[string]string // roles and units, which repeat
	spare                                                              []string          // for numbers and addresses
	faults                                                             Faults
	warnings                                                           Faults
	cells                                                              map[string]*tally
}

// key is the key of one person, short enough to sort a million of them.
type key struct {
	hash     uint64
	at, line int32 // in the list of people, in the file
}

// tally counts what is usable in a column.
type tally struct {
	filled, unusable int
	first            Fault // the first that is unusable
}

// columns finds the columns of the mapping, and reports whether it fits.
func (r *reader) columns() bool {
	used := map[int]string{}
	find := func(what, name string) int {
		if name == "" {
			return -1
		}
		at := -1
		for i, c := range r.table.columns {
			if directory.Key(c) != directory.Key(name) {
				continue
			}
			if at >= 0 {
				r.faults.add(1, name, "two columns have this name; rename one")
			}
			at = i
		}
		if at < 0 {
			r.faults.add(1, name, "there is no column of this name; there are %s", strings.Join(r.table.columns, ", "))
			return -1
		}
		if other, ok := used[at]; ok {
			r.faults.add(1, name, "it is mapped to both %s and %s", other, what)
		}
		used[at] = what
		return at
	}
	m := r.mapping
	if m.ID == "" {
		r.faults.add(0, "", "the mapping must name the column of the key, such as the staff number")
	}
	if m.Leaves == "" {
		r.faults.add(0, "", "the mapping must name the column of the leaving date")
	}
	r.id, r.name = find("id", m.ID), find("name", m.Name)
	r.role, r.unit, r.device = find("role", m.Role), find("unit", m.Unit), find("device", m.Device)
	r.language = find("language", m.Language)
	r.started, r.leaves, r.dismissed = find("started", m.Started), find("leaves", m.Leaves), find("dismissed", m.Dismissed)
	for _, name := range m.Phones {
		r.phones = append(r.phones, find("phones", name))
	}
	for _, name := range m.Emails {
		r.emails = append(r.emails, find("emails", name))
	}
	r.settings()
	r.cells = map[string]*tally{}
	for _, name := range slices.Concat(m.Phones, m.Emails) {
		r.cells[name] = &tally{}
	}
	return r.faults.Count == 0
}

// settings fills in what the mapping leaves open, and finds how dates are written.
func (r *reader) settings() {
	if r.mapping.Dates == "" {
		r.mapping.Dates = forms[0][0]
	}
	if r.mapping.Country == "" {
		r.mapping.Country = "44"
	}
	for _, f := range forms {
		if f[0] == r.mapping.Dates {
			r.layout = f[1]
		}
	}
	if r.layout == "" {
		r.faults.add(0, "", "dates cannot be written %q; choose one of %s", r.mapping.Dates, strings.Join(Forms(), ", "))
	}
}

// all reads every row. The error is of reading; what is wrong with rows is
// in the faults.
func (r *reader) all(ctx context.Context) error {
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := r.rows.Read()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, csv.ErrFieldCount):
			var f *Faults
			if errors.As(r.fault(err), &f) {
				r.faults.add(f.List[0].Line, "", "%s", f.List[0].Text)
			}
			continue
		case err != nil:
			var f *Faults
			if !errors.As(r.fault(err), &f) {
				return err
			}
			r.faults.add(f.List[0].Line, "", "%s", f.List[0].Text)
			return nil // nothing after it can be told apart
		}
		if !slices.ContainsFunc(row, func(s string) bool { return s != "" }) {
			continue
		}
		r.row(row)
	}
}

// row reads one person.
func (r *reader) row(row []string) {
	line, _ := r.rows.FieldPos(0)
	p := directory.Person{
		ID:       directory.Key(row[r.id]),
		Name:     r.text(row, r.name),
		Role:     r.word(row, r.role),
		Unit:     r.word(row, r.unit),
		Device:   r.word(row, r.device),
		Language: r.word(row, r.language),
	}
	if why := badKey(p.ID); why != "" {
		r.faults.add(line, r.mapping.ID, "%s", why)
		return
	}
	r.keys = append(r.keys, key{maphash.String(r.seed, string(p.ID)), int32(len(r.list.People)), int32(line)})
	p.Phones = r.several(row, r.phones, r.mapping.Phones, line, func(s string) (string, error) {
		return directory.Phone(s, r.mapping.Country)
	})
	p.Emails = r.several(row, r.emails, r.mapping.Emails, line, directory.Email)
	p.Started = r.date(row, r.started, r.mapping.Started, line)
	p.Leaves = r.date(row, r.leaves, r.mapping.Leaves, line)
	switch y := p.Leaves.Year(); {
	case y > 2200: // how some systems write that there is no end
		p.Leaves = directory.Date{}
	case y != 0 && y < 1980:
		r.faults.add(line, r.mapping.Leaves, "the year %d cannot be meant: an empty date may have been written as one", y)
	}
	if !p.Leaves.IsZero() && p.Leaves.Before(p.Started) {
		r.faults.add(line, r.mapping.Leaves, "the last day is before the first: the columns may be mixed up")
	}
	if r.dismissed >= 0 {
		yes, ok := yesNo(row[r.dismissed])
		if !ok {
			r.faults.add(line, r.mapping.Dismissed, "it must be yes or no, or empty")
		}
		p.Dismissed = yes
	}
	r.list.People = append(r.list.People, p)
}

func badKey(id directory.PersonID) string {
	switch {
	case id == "":
		return "the key is empty"
	case len(id) > 100:
		return "the key is longer than 100 bytes: this may be another column"
	case strings.ContainsFunc(string(id), func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }):
		return "the key has characters that no key has: the file may be damaged"
	}
	return ""
}

// text gives a cell without what could control a terminal or turn text around.
func (r *reader) text(row []string, at int) string {
	if at < 0 {
		return ""
	}
	s := strings.TrimSpace(row[at])
	if !strings.ContainsFunc(s, controls) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if controls(c) {
			return ' '
		}
		return c
	}, s)
}

func controls(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }

// word gives a cell whose value repeats in many rows, keeping one copy.
func (r *reader) word(row []string, at int) string {
	s := r.text(row, at)
	if w, ok := r.words[s]; ok {
		return w
	}
	s = strings.Clone(s)
	if len(r.words) < 10_000 {
		r.words[s] = s
	}
	return s
}

// several gives the numbers or addresses in some columns of a row.
func (r *reader) several(row []string, at []int, names []string, line int, read func(string) (string, error)) []string {
	n := len(r.spare)
	for i, column := range at {
		for cell := range strings.FieldsFuncSeq(row[column], func(c rune) bool { return c == ';' || c == '|' }) {
			if strings.TrimSpace(cell) == "" {
				continue
			}
			count := r.cells[names[i]]
			count.filled++
			x, err := read(cell)
			if err != nil {
				if count.unusable++; count.unusable == 1 {
					count.first = Fault{line, names[i], err.Error()}
				}
				r.warnings.add(line, names[i], "left out: %s", err)
				continue
			}
			if !slices.Contains(r.spare[n:], x) {
				r.spare = append(r.spare, x)
			}
		}
	}
	list := slices.Clip(r.spare[n:])
	if len(list) == 0 {
		return nil
	}
	if cap(r.spare)-len(r.spare) < 64 { // a fresh block; people keep the old one
		r.spare = make([]string, 0, 4096)
	}
	return list
}

func (r *reader) date(row []string, at int, column string, line int) directory.Date {
	if at < 0 {
		return directory.Date{}
	}
	s := strings.TrimSpace(row[at])
	if s == "" {
		return directory.Date{}
	}
	d, err := directory.ParseDate(r.layout, s)
	if err != nil {
		r.faults.add(line, column, "it is not a date written %s", r.mapping.Dates)
	}
	return d
}

func yesNo(s string) (yes, ok bool) {
	switch directory.Key(s) {
	case "yes", "y", "true", "t", "1", "x":
		return true, true
	case "", "no", "n", "false", "f", "0":
		return false, true
	}
	return false, false
}

// twice reports keys that stand in two lines.
func (r *reader) twice() {
	slices.SortFunc(r.keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.line, b.line))
	})
	first := 0
	for i, k := range r.keys {
		if r.keys[first].hash != k.hash {
			first = i
		}
		// Different keys with one hash stand among each other: look at all of them.
		for _, f := range r.keys[first:i] {
			if r.list.People[f.at].ID == r.list.People[k.at].ID {
				r.faults.add(int(k.line), r.mapping.ID, "the key stands at line %d already", f.line)
				break
			}
		}
	}
}

// whole judges the file as a whole.
func (r *reader) whole() {
	r.twice()
	if len(r.list.People) == 0 && r.faults.Count == 0 {
		r.faults.add(0, "", "there is nobody in the file")
	}
	for name, t := range r.cells {
		if t.unusable > 3 && 2*t.unusable > t.filled {
			r.faults.add(0, "", "column %q: %d of %d cells cannot be used, so this may be another column; the first is at %s",
				name, t.unusable, t.filled, t.first)
		}
	}
}
