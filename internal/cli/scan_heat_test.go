package cli

import (
	"strings"
	"testing"
	"time"

	"chaperone/rules"
)

// Every day of the period has its cell, a day on which nothing was read is not
// shown as zero, and the numbers of the table add up.
func TestHeatOfDays(t *testing.T) {
	first, last := time.Date(2026, 10, 7, 9, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	d, read := days{}, map[int64]bool{}
	for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
		if at.Day() == 20 {
			continue // nothing was read
		}
		read[at.Unix()/daySeconds] = true
		for range at.Day() % 7 {
			d.add(at, rules.Caution)
		}
	}
	h := d.heat(read, first, last)
	if len(h.Cells) != 49 || h.Silent != 2 || len(h.Weeks) != 8 {
		t.Errorf("%d cells, %d silent days, %d weeks; want 49, 2 and 8", len(h.Cells), h.Silent, len(h.Weeks))
	}
	for i, c := range h.Cells {
		at := first.AddDate(0, 0, i)
		n := at.Day() % 7
		switch {
		case at.Day() == 20:
			if c.Level != -1 || !strings.Contains(c.Title, "no message was read") {
				t.Errorf("%s: %+v", at, c)
			}
		case (n == 0) != (c.Level == 0), n == 6 && c.Level != 4, c.Y != (int(at.Weekday())+6)%7*heatHeight, c.X < 12, c.X+c.Width > 100.01:
			t.Errorf("%s with %d findings: %+v", at, n, c)
		}
	}
	if w := h.Weeks[0]; w.From != "5 October 2026" || w.Days != [7]string{"", "", "0", "1", "2", "3", "4"} {
		t.Errorf("the first week: %+v", w)
	}
	if w := h.Weeks[2]; w.Days[1] != "–" {
		t.Errorf("the week of the silent day: %+v", w)
	}
	if !strings.Contains(h.Sentence, "most on Tuesday 13 October 2026, 6") || !strings.Contains(h.Sentence, "On 2 days no message was read") {
		t.Errorf("the sentence: %s", h.Sentence)
	}
}

// A long period shows its last weeks, and says so; one day is a chart too.
func TestHeatOfManyYearsAndOfOneDay(t *testing.T) {
	last := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	d := days{}
	d.add(last, rules.Serious)
	d.add(last.AddDate(-9, 0, 0), rules.Note)
	h := d.heat(map[int64]bool{}, last.AddDate(-9, 0, 0), last)
	if len(h.Weeks) != heatWeeks || h.Short == "" || len(h.Cells) > 7*heatWeeks {
		t.Errorf("%d weeks, %d cells, %q", len(h.Weeks), len(h.Cells), h.Short)
	}
	h = d.heat(map[int64]bool{}, last, last)
	if len(h.Cells) != 1 || h.Cells[0].Level != 4 || len(h.Legend) != 2 {
		t.Errorf("%+v", h)
	}
	if h := (days{}).heat(nil, time.Time{}, time.Time{}); len(h.Cells) != 0 {
		t.Errorf("nothing has %d cells", len(h.Cells))
	}
}

// Who joined and left stands in the report, by number unless names are asked
// for.
func TestScanSaysWhoJoinedAndLeft(t *testing.T) {
	dir := t.TempDir()
	chat := put(t, dir, "WhatsApp Chat with Flood North.txt", `24/11/2026, 02:14 - Priya Nair: two pumps
24/11/2026, 02:15 - Priya Nair added Tom Ellery and Mair Rowlands
24/11/2026, 02:16 - Mair Rowlands left
24/11/2026, 02:17 - Priya Nair removed Tom Ellery
24/11/2026, 02:18 - Priya Nair: call me on 07700 900123
`)
	page, _, _ := runScan(t, "", "--format", "html", chat)
	for _, want := range []string{"Person 2 and Person 3 joined", "Person 3 left or was removed", "Person 2 left or was removed"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "Mair") || strings.Contains(page, "Ellery") {
		t.Error("the page names people")
	}
	if page, _, _ = runScan(t, "", "--format", "html", "--names", chat); !strings.Contains(page, "Tom Ellery and Mair Rowlands joined") {
		t.Error("with --names the page does not name them")
	}
}

// The fingerprint of the rules is there, and follows what they say.
func TestFingerprintOfRules(t *testing.T) {
	list, err := rules.LoadDir("")
	if err != nil {
		t.Fatal(err)
	}
	was := fingerprint(list)
	if len(was) != len("c41e\u00a008d7") || was != fingerprint(list) {
		t.Errorf("fingerprint %q", was)
	}
	list[0].Title += "!"
	if fingerprint(list) == was {
		t.Error("another rule has the same fingerprint")
	}
}
