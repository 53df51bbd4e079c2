package cli

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"chaperone/rules"
)

// days counts findings for each day and severity.
type days map[int64][3]int

const (
	daySeconds = 24 * 60 * 60
	maxDays    = 20_000
)

var severityIndex = map[rules.Severity]int{rules.Serious: 0, rules.Caution: 1, rules.Note: 2}

func (d days) add(at time.Time, s rules.Severity) {
	if at.IsZero() || len(d) > maxDays {
		return
	}
	n := d[at.Unix()/daySeconds]
	n[severityIndex[s]]++
	d[at.Unix()/daySeconds] = n
}

// columns is a chart of findings over time.
type columns struct {
	Unit     string // week, month or year
	Columns  []column
	Most     int // the top of the scale
	Sentence string
}

// column is one stretch of time. Offsets and heights are pixels, X and Width
// per cent, so that text keeps its size on a phone.
type column struct {
	From     string
	N        [3]int
	Total    int
	X, Width float64
	Y, H     [3]float64
	Label    string
}

// begins gives the beginning of the stretch that a day is in.
func begins(at time.Time, unit string) time.Time {
	y, m, d := at.Date()
	switch unit {
	case "year":
		return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	case "month":
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(y, m, d-(int(at.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
}

func after(at time.Time, unit string) time.Time {
	switch unit {
	case "year":
		return at.AddDate(1, 0, 0)
	case "month":
		return at.AddDate(0, 1, 0)
	}
	return at.AddDate(0, 0, 7)
}

// Measures of the chart in pixels.
const (
	chartTop    = 10.0
	chartBottom = 160.0
)

// columns makes the chart: by week for up to a year, then by month, then by
// year.
func (d days) columns(first, last time.Time) columns {
	c := columns{Unit: "week"}
	if len(d) == 0 {
		return c
	}
	switch span := last.Sub(first); {
	case span > 5*366*24*time.Hour:
		c.Unit = "year"
	case span > 53*7*24*time.Hour:
		c.Unit = "month"
	}
	sums := map[int64][3]int{}
	for day, n := range d {
		at := begins(time.Unix(day*daySeconds, 0).UTC(), c.Unit).Unix()
		s := sums[at]
		for i := range n {
			s[i] += n[i]
		}
		sums[at] = s
	}
	from, until := begins(first, c.Unit), begins(last, c.Unit)
	for at := from; !at.After(until) && len(c.Columns) < 120; at = after(at, c.Unit) {
		n := sums[at.Unix()]
		c.Columns = append(c.Columns, column{From: at.Format("2 January 2006"), N: n, Total: n[0] + n[1] + n[2], Label: label(at, c.Unit)})
	}
	c.lay()
	return c
}

func label(at time.Time, unit string) string {
	switch unit {
	case "year":
		return at.Format("2006")
	case "month":
		return at.Format("Jan 06")
	}
	return at.Format("2 Jan")
}

// lay gives every column its place.
func (c *columns) lay() {
	low, high, peak := -1, 0, 0
	for i, col := range c.Columns {
		if low < 0 || col.Total < low {
			low = col.Total
		}
		if col.Total > high {
			high, peak = col.Total, i
		}
	}
	c.Most = nice(high)
	step := 88 / float64(len(c.Columns))
	every := (len(c.Columns) + 3) / 4
	for i := range c.Columns {
		col := &c.Columns[i]
		col.X, col.Width = 12+step*float64(i)+step/8, min(step*3/4, 8)
		at := chartBottom
		for s := range col.N {
			h := float64(col.N[s]) / float64(c.Most) * (chartBottom - chartTop)
			col.Y[s], col.H[s] = at-h, max(0, h-1)
			at -= h
		}
		if i%every != 0 || col.X > 82 { // a label does not end beyond the page
			col.Label = ""
		}
	}
	c.Sentence = fmt.Sprintf("Findings by %s, from %s: between %d and %d in a %s, most in the one that begins on %s.",
		c.Unit, c.Columns[0].From, low, high, c.Unit, c.Columns[peak].From)
}

// nice rounds the top of a scale up to a number that halves well.
func nice(n int) int {
	for scale := 1; ; scale *= 10 {
		for _, m := range []int{2, 4, 6, 8, 10} {
			if m*scale >= n {
				return m * scale
			}
		}
	}
}

// categories makes the bars, the longest first.
func (r *htmlReport) categories() []bar {
	words := categoryNames()
	var out []bar
	most := 1
	for id, n := range r.byCategory {
		out = append(out, bar{Name: cmp.Or(words[id], rules.Categories()[id], id), ID: id, N: n})
		most = max(most, n)
	}
	slices.SortFunc(out, func(a, b bar) int { return cmp.Or(b.N-a.N, strings.Compare(a.Name, b.Name)) })
	for i := range out {
		out[i].Width = 100 * float64(out[i].N) / float64(most)
	}
	return out
}

// categoryNames are short enough to stand beside a bar.
func categoryNames() map[string]string {
	return map[string]string{
		"bank_account": "Bank accounts", "casualty": "Casualties", "child": "Children", "criminal": "Offences", "decision_significant": "Decisions",
		"dob": "Dates of birth", "email": "E-mail addresses", "gov_ref": "Government references", "health": "Health", "iban": "IBANs",
		"ip_address": "IP addresses", "location": "Locations", "marking_international": "NATO and EU markings", "marking_legacy": "Old markings",
		"marking_official": "OFFICIAL", "marking_official_sensitive": "OFFICIAL-SENSITIVE", "marking_secret": "SECRET and above",
		"payment_card": "Payment cards", "person_name": "Names", "phone": "Phone numbers", "scam_link": "Scam links", "secret": "Passwords and keys",
		"special_category": "Special categories", "tlp": "Traffic Light Protocol", "uk_chi": "CHI numbers", "uk_driving_licence": "Driver numbers",
		"uk_nhs": "NHS numbers", "uk_nino": "NI numbers", "uk_passport": "Passports", "uk_postcode_address": "Addresses", "uk_utr": "Tax references",
		"us_ssn": "US social security", "vehicle_reg": "Vehicles", "vulnerable_person": "Vulnerable people",
	}
}

// chatRows lists the chats by name: nothing here is a ranking.
func (r *htmlReport) chatRows() []chatRow {
	var out []chatRow
	for _, name := range slices.Sorted(maps.Keys(r.chats)) {
		c := r.chats[name]
		row := chatRow{Name: cmp.Or(r.people.chat(name), "no name"), Messages: c.Messages, Findings: c.Findings}
		row.Spark, row.End = c.days.spark(r.last)
		out = append(out, row)
	}
	return out
}

// spark draws the last twelve weeks of a chat, 110 by 26 pixels.
func (d days) spark(last time.Time) (string, [2]float64) {
	if last.IsZero() {
		return "", [2]float64{}
	}
	var weeks [12]int
	end := begins(last, "week").Unix()/daySeconds + 7
	most := 1
	for day, n := range d {
		if w := 11 - (end-1-day)/7; w >= 0 && w < 12 {
			weeks[w] += n[0] + n[1] + n[2]
			most = max(most, weeks[w])
		}
	}
	var b strings.Builder
	var at [2]float64
	for i, n := range weeks {
		at = [2]float64{4 + float64(i)*9.2, 22 - 18*float64(n)/float64(most)}
		fmt.Fprintf(&b, "%.1f,%.1f ", at[0], at[1])
	}
	return strings.TrimSpace(b.String()), at
}

// readEarlier reads the findings of a CSV that a scan wrote.
func readEarlier(r io.Reader) (map[string]goneRow, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, errors.New("this is not the CSV of a scan")
	}
	at := map[string]int{}
	for i, name := range head {
		at[name] = i
	}
	for _, name := range []string{"key", "at", "chat", "rule", "mask", "severity"} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("this is not the CSV of a scan: it has no column %q", name)
		}
	}
	rows := map[string]goneRow{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows[row[at["key"]]] = goneRow{row[at["at"]], row[at["chat"]], row[at["rule"]], row[at["mask"]], row[at["severity"]]}
	}
}

// seen notes that a finding is there again, and reports whether it was there
// before.
func (e *earlier) seen(key string) bool {
	_, was := e.rows[key]
	delete(e.rows, key)
	if !was {
		e.unseen++
	}
	return was
}

// gone lists what was not found again, in the order of its time.
func (e *earlier) gone(most int) []goneRow {
	out := slices.SortedFunc(maps.Values(e.rows), func(a, b goneRow) int {
		return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(a.Chat, b.Chat), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Mask, b.Mask))
	})
	return out[:min(most, len(out))]
}
