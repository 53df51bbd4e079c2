// Package directory says who the people behind the members are, and plans the
// removal of those who have left: people, the sources they come from, the
// matching of members to them, and a pure planner.
//
// It must not read a clock, do I/O (its leaves such as csv do) or touch a
// platform. It guesses about nobody: whoever cannot be matched beyond doubt
// stays, and an administrator is told.
package directory

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// PersonID is the key of a person in the directory, such as a staff number,
// folded by Key.
type PersonID string

// Person is one person as the directory knows them.
type Person struct {
	ID        PersonID
	Name      string   // untrusted: escaped for wherever it goes
	Phones    []string // as Phone gives them
	Emails    []string // as Email gives them
	Role      string
	Unit      string
	Device    string // what they have for work, as the directory words it
	Language  string // that they want to be written to in, as the directory words it
	Started   Date   // the first day; zero where the directory does not say
	Leaves    Date   // the last day; zero for those who are not leaving
	Dismissed bool   // leaves at the beginning of the day, without grace
}

// Source is where people come from.
type Source interface {
	// People gives the whole list, or an error; never half a list.
	People(ctx context.Context) ([]Person, error)
}

// Dated is implemented by sources that know how old their list is. A source
// that does not is as fresh as its answer.
type Dated interface {
	// AsOf says when the list was made.
	AsOf(ctx context.Context) (time.Time, error)
}

// Snapshot is a whole directory at one moment.
type Snapshot struct {
	At     time.Time // when the list was made
	People []Person
}

// Take reads a snapshot. A list that was replaced while it was read is an
// error, as half of it may be the new one.
func Take(ctx context.Context, s Source, now time.Time) (Snapshot, error) {
	dated, ok := s.(Dated)
	if !ok {
		people, err := s.People(ctx)
		return Snapshot{At: now, People: people}, err
	}
	at, err := dated.AsOf(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	people, err := s.People(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	after, err := dated.AsOf(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	if !after.Equal(at) {
		return Snapshot{}, errors.New("the directory was replaced while it was being read: it is read again at the next turn")
	}
	return Snapshot{At: at, People: people}, nil
}

// Date is a day of the calendar, without a time zone. The zero Date is none.
type Date struct {
	year  int16
	month uint8
	day   uint8
}

// DateOf gives the date of t in its own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{int16(y), uint8(m), uint8(d)}
}

// ParseDate reads a date in a layout of package time.
func ParseDate(layout, s string) (Date, error) {
	t, err := time.Parse(layout, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date like %s", clip(s), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).Format(layout))
	}
	return DateOf(t), nil
}

// clip keeps an error readable.
func clip(s string) string {
	if r := []rune(s); len(r) > 30 {
		return string(r[:30]) + "…"
	}
	return s
}

// Year gives the year; 0 for no date.
func (d Date) Year() int { return int(d.year) }

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Start is the beginning of the day in a zone.
func (d Date) Start(zone *time.Location) time.Time {
	return time.Date(int(d.year), time.Month(d.month), int(d.day), 0, 0, 0, 0, zone)
}

// End is the beginning of the next day in a zone.
func (d Date) End(zone *time.Location) time.Time {
	return time.Date(int(d.year), time.Month(d.month), int(d.day)+1, 0, 0, 0, 0, zone)
}

// Before reports whether d is an earlier day than o.
func (d Date) Before(o Date) bool { return d.ordinal() < o.ordinal() }

func (d Date) ordinal() int { return int(d.year)<<9 | int(d.month)<<5 | int(d.day) }

// String gives the date as 2026-11-30, or nothing for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// MarshalText gives String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	x, err := ParseDate(time.DateOnly, string(b))
	if err == nil {
		*d = x
	}
	return err
}
