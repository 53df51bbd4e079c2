package clock

import (
	"fmt"
	"time"
)

// Date is a date of the calendar, in a zone that its context names. The zero
// Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf gives the date that clocks in t's location show at t.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads a date written as 2027-03-28.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date; write it as 2027-03-28", shorten(s))
	}
	return DateOf(t), nil
}

// String gives the date as 2027-03-28.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Before reports whether d comes before e.
func (d Date) Before(e Date) bool { return d.wall(0, 0).Before(e.wall(0, 0)) }

// Add gives the date n days after d.
func (d Date) Add(n int) Date { return DateOf(d.wall(0, 0).AddDate(0, 0, n)) }

// MarshalText writes the date as 2027-03-28, and no date as nothing.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d = Date{}
	if len(b) > 0 {
		*d, err = ParseDate(string(b))
	}
	return err
}

// wall gives a reading of a clock on the wall, written as if in UTC.
func (d Date) wall(hour, minute int) time.Time {
	return time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC)
}
