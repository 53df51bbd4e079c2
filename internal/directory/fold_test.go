package directory

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestPhone(t *testing.T) {
	for in, want := range map[string]string{
		"07700 900123": "+447700900123", "+44 7700 900123": "+447700900123", "0044 7700-900-123": "+447700900123",
		"+44 (0)7700 900123": "+447700900123", "(01632) 960001": "+441632960001", "\u202a+447700900123\u202c": "+447700900123",
		"０７７００９００１２３": "+447700900123", "+353 20 912 3456": "+353209123456",
	} {
		if got, err := Phone(in, "44"); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "7700900123", "4.477E+11", "n/a", "07700 900123 ext 4", "07700 900123 07700 900124", "+", "++447700900123", "0770090012", "+0770090012345", "077009001234"} {
		if got, err := Phone(in, "44"); err == nil {
			t.Errorf("%s: accepted as %s", in, got)
		} else if strings.Contains(err.Error(), "900123") {
			t.Errorf("%s: the error repeats it", in)
		}
	}
}

func TestKeyAndEmailFold(t *testing.T) {
	for _, s := range []string{"ab-12", "AB-12", " ＡＢ－12 ", "ab\u201312"} {
		if got := Key(s); s != "ab\u201312" && got != "ab-12" || s == "ab\u201312" && got == "ab-12" {
			t.Errorf("%q: %q", s, got)
		}
	}
	a, err1 := Email("Siân@Example.ORG")
	b, err2 := Email("sia\u0302n@example.org")
	if err1 != nil || err2 != nil || a != b {
		t.Errorf("%q %v, %q %v", a, err1, b, err2)
	}
	for _, s := range []string{"", "@example.org", "ann", "ann@", "ann@example", "ann@ex@ample.org", "ann b@example.org", "ann@."} {
		if _, err := Email(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

// The day ends at midnight of the organisation, through clock changes too.
func TestDate(t *testing.T) {
	d := day("2026-03-29") // clocks go forward at 01:00
	if got := d.End(zone).Sub(d.Start(zone)); got != 23*time.Hour {
		t.Errorf("the day of the clock change lasts %v", got)
	}
	if !day("2026-03-29").Before(day("2026-04-01")) || day("2026-04-01").Before(day("2026-04-01")) {
		t.Error("order of dates")
	}
	b, err := json.Marshal([]Date{d, {}})
	if err != nil || string(b) != `["2026-03-29",""]` {
		t.Errorf("%s, %v", b, err)
	}
	var back []Date
	if err := json.Unmarshal(b, &back); err != nil || back[0] != d || !back[1].IsZero() {
		t.Errorf("%v, %v", back, err)
	}
}
