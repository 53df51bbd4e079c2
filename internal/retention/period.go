package retention

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a span of the calendar. The zero Period is none, and never over.
type Period struct{ Years, Months, Days int }

// longest is the longest period that can be meant.
const longest = 200 // years

// ParsePeriod reads a period such as "90 days", "18 months" or "1 year 6
// months". Nothing is the zero Period.
func ParsePeriod(text string) (Period, error) {
	bad := fmt.Errorf("%.40q is no period; write it like 90 days, 18 months, 7 years or 1 year 6 months", text)
	words := strings.Fields(text)
	var p Period
	if len(words)%2 != 0 || len(words) > 8 {
		return Period{}, bad
	}
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.Atoi(words[i])
		if err != nil || n <= 0 || n > longest*366 || words[i][0] == '+' {
			return Period{}, bad
		}
		switch strings.TrimSuffix(words[i+1], "s") {
		case "year":
			p.Years += n
		case "month":
			p.Months += n
		case "week":
			p.Days += 7 * n
		case "day":
			p.Days += n
		default:
			return Period{}, bad
		}
	}
	if p.Years+p.Months/12+p.Days/365 > longest {
		return Period{}, fmt.Errorf("%.40q is longer than %d years; leave the period out to keep for ever", text, longest)
	}
	return p, nil
}

// IsZero reports whether p is no period.
func (p Period) IsZero() bool { return p == Period{} }

// After gives the instant at which a period that began at start is over, by
// the calendar of start's location. Where a month is too short the period ends
// in the next one: later rather than earlier.
func (p Period) After(start time.Time) time.Time {
	return start.AddDate(p.Years, p.Months, p.Days)
}

// String writes the period as ParsePeriod reads it.
func (p Period) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		unit string
	}{{p.Years, "year"}, {p.Months, "month"}, {p.Days, "day"}} {
		switch {
		case x.n == 1:
			parts = append(parts, "1 "+x.unit)
		case x.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", x.n, x.unit))
		}
	}
	return strings.Join(parts, " ")
}

// MarshalText writes the period as String does.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}
