package cli

import (
	"fmt"
	"slices"
	"time"
)

// heat is a chart of findings by day: weeks across, days down.
type heat struct {
	Cells    []heatCell
	Labels   []heatLabel
	Legend   []heatLegend
	Weeks    []heatWeek // the same as a table
	Sentence string
	Short    string // what of the period is not in it
	Silent   int    // days on which no message was read
}

// heatCell is one day. X and Width are per cent, Y pixels. Level is 0 to 4, or
// -1 where no message was read, which is not the same as nothing found.
type heatCell struct {
	X, Width float64
	Y        int
	Level    int
	Title    string
}

type heatLabel struct {
	X    float64
	Text string
}

type heatLegend struct {
	Level int
	Words string
}

// heatWeek is a row of the table: a number for each day, "–" where no message
// was read, and nothing outside the period.
type heatWeek struct {
	From string
	Days [7]string
}

const (
	heatWeeks  = 53 // at most, the last ones
	heatHeight = 17 // pixels of a day
)

// heat makes the chart from the findings of each day and the days on which
// something was read.
func (d days) heat(read map[int64]bool, first, last time.Time) heat {
	var h heat
	if len(d) == 0 {
		return h
	}
	from, until := begins(first, "week"), last.Unix()/daySeconds
	if earliest := begins(last, "week").AddDate(0, 0, -7*(heatWeeks-1)); from.Before(earliest) {
		from, first = earliest, earliest
		h.Short = fmt.Sprintf("the last %d weeks", heatWeeks)
	}
	start, begin := from.Unix()/daySeconds, first.Unix()/daySeconds
	weeks := int((until-start)/7) + 1
	step := 88 / float64(weeks)
	bounds := d.bounds(begin, until)
	h.Weeks = make([]heatWeek, weeks)
	for i := range h.Weeks {
		h.Weeks[i].From = from.AddDate(0, 0, 7*i).Format("2 January 2006")
	}
	peak, most := begin, -1
	for day := begin; day <= until; day++ {
		at, n := time.Unix(day*daySeconds, 0).UTC(), d[day][0]+d[day][1]+d[day][2]
		c := heatCell{X: 12 + step*float64((day-start)/7), Width: min(step*0.92, 6.8), Y: int((day-start)%7) * heatHeight,
			Title: at.Format("Monday 2 January 2006: ") + count(n, "finding")}
		switch {
		case n > 0:
			c.Level = level(bounds, n)
		case !read[day]:
			c.Level = -1
			c.Title = at.Format("Monday 2 January 2006: no message was read")
			h.Silent++
		}
		cell := &h.Weeks[(day-start)/7].Days[(day-start)%7]
		if *cell = thousands(int64(n)); c.Level < 0 {
			*cell = "–"
		}
		if n > most {
			peak, most = day, n
		}
		h.Cells = append(h.Cells, c)
	}
	for i := 0; i < weeks; i += (weeks + 3) / 4 {
		if x := 12 + step*float64(i); x < 86 {
			h.Labels = append(h.Labels, heatLabel{x, from.AddDate(0, 0, 7*i).Format("2 Jan")})
		}
	}
	h.Legend = legend(bounds)
	h.Sentence = fmt.Sprintf("Findings by day, %s to %s: most on %s, %s.", first.Format("2 January 2006"), last.Format("2 January 2006"),
		time.Unix(peak*daySeconds, 0).UTC().Format("Monday 2 January 2006"), thousands(int64(most)))
	if h.Silent > 0 {
		h.Sentence += fmt.Sprintf(" On %s no message was read.", count(h.Silent, "day"))
	}
	return h
}

// bounds gives the most findings that each step but the darkest stands for, so
// that a quarter of the days with findings falls on each.
func (d days) bounds(begin, until int64) []int {
	var all []int
	for day, n := range d {
		if sum := n[0] + n[1] + n[2]; sum > 0 && day >= begin && day <= until {
			all = append(all, sum)
		}
	}
	slices.Sort(all)
	var out []int
	for q := 1; q < 4 && len(all) > 0; q++ {
		if b := all[(len(all)*q-1)/4]; b < all[len(all)-1] && (len(out) == 0 || b > out[len(out)-1]) {
			out = append(out, b)
		}
	}
	return out
}

// level gives the step of a number of findings; the most stand in the darkest.
func level(bounds []int, n int) int {
	i, _ := slices.BinarySearch(bounds, n)
	return 4 - len(bounds) + i
}

func legend(bounds []int) []heatLegend {
	out := []heatLegend{{0, "none"}}
	low := 1
	for _, b := range bounds {
		words := fmt.Sprintf("%d to %d", low, b)
		if low == b {
			words = fmt.Sprint(b)
		}
		out = append(out, heatLegend{level(bounds, b), words})
		low = b + 1
	}
	return append(out, heatLegend{4, fmt.Sprintf("%d or more", low)})
}
