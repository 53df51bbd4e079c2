package console

import (
	"strings"
	"testing"
	"time"
)

func TestCronInWords(t *testing.T) {
	for expr, want := range map[string]string{
		"0 2 * * *":        "every day at 02:00",
		"30 14 * * 0":      "every Sunday at 14:30",
		"0 2 * * 1-5":      "every Monday to Friday at 02:00",
		"5 6 * * mon,WED":  "every Monday and Wednesday at 06:05",
		"0 3 1 * *":        "on day 1 of every month at 03:00",
		"0 3 1,15 jan,7 *": "on day 1 and 15 of January and July at 03:00",
		"0 3 * 4 *":        "every day in April at 03:00",
		"0 3 * 4 7":        "every Sunday in April at 03:00",
		"@daily":           "every day at 00:00",
		"@weekly":          "every Sunday at 00:00",
		"@monthly":         "on day 1 of every month at 00:00",
		"@yearly":          "on day 1 of January at 00:00",
		"":                 "never",
		"0 2 */2 * *":      "on the days of the cron expression 0 2 */2 * *",
		"0 2 45 * *":       "on the days of the cron expression 0 2 45 * *",
		"0 2 * * frog":     "on the days of the cron expression 0 2 * * frog",
		"what":             "on the days of the cron expression what",
	} {
		if got := cronWords(expr); got != want {
			t.Errorf("%q is %q, want %q", expr, got, want)
		}
	}
}

// FuzzCronInWords: whatever stands in a schedule, the page says something.
func FuzzCronInWords(f *testing.F) {
	f.Add("0 2 * * 1-5")
	f.Fuzz(func(t *testing.T, expr string) {
		if cronWords(expr) == "" {
			t.Errorf("%q is nothing", expr)
		}
	})
}

func TestPathsHoldAnything(t *testing.T) {
	if got := path("disposals", "a/b c?d#é", "2026-11-29"); got != "/disposals/a%2Fb%20c%3Fd%23%C3%A9/2026-11-29" {
		t.Errorf("the path is %q", got)
	}
}

func TestNumbersAsPeopleTypeThem(t *testing.T) {
	for typed, want := range map[string]int{"1,204": 1204, " 1 204 ": 1204, "1204": 1204, "0": 0, "": -1, "-3": -1, "lots": -1, "1204x": -1, "99999999999999999999": -1} {
		if got := typedNumber(typed); got != want {
			t.Errorf("%q is %d, want %d", typed, got, want)
		}
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	for _, s := range []string{"=1+1", "+44", "-3", "@SUM(A1)", "\tx", "\rx"} {
		if got := cell(s); !strings.HasPrefix(got, "'") {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := cell("practice/harbour"); got != "practice/harbour" {
		t.Errorf("a chat became %q", got)
	}
}

func TestEntriesOfTheLogInWords(t *testing.T) {
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	for want, e := range map[string]entryView{
		"Deleted a message":                                           {At: at, Act: "destroy", Object: "message", Before: "fenced", After: "done"},
		"About to delete a message: no hold covers it":                {At: at, Act: "destroy", Object: "message", Before: "present", After: "fenced"},
		"A message stayed, because a hold covers it":                  {At: at, Act: "destroy", Object: "message", After: "held"},
		"Moved the clock by 31 days, and said so before":              {At: at, Act: "clock", Object: "setting", After: "moved:744h0m0s"},
		"Confirmed that the clock is right":                           {At: at, Act: "clock", Object: "setting", After: "confirmed"},
		"Said yes to the plan of a run":                               {At: at, Act: "approve", Object: "run", After: "approved"},
		"A run ended, with its certificate":                           {At: at, Act: "destroy", Object: "run", After: "certificate:00"},
		"Placed a hold":                                               {At: at, Act: "hold", Object: "matter", After: "held"},
		"Took the log away for checking":                              {At: at, Act: "export", Object: "log", After: "exported"},
		"Remove, a member: from in to out":                            {At: at, Act: "remove", Object: "member", Before: "in", After: "out"},
		"Somebody was not let in: unknown passkey":                    {At: at, Act: "refuse", Object: "account", Ref: "unknown-passkey"},
		"The schedule keep is other than it was in the configuration": {At: at, Act: "configure", Object: "setting", Ref: "schedule:keep"},
	} {
		if got := e.Says(); got != want {
			t.Errorf("%+v is %q, want %q", e, got, want)
		}
	}
	if got := (entryView{Object: "run", Ref: "keep/team/2026-11-29"}).Link(); got != "/disposals/keep%2Fteam/2026-11-29" {
		t.Errorf("a run is at %q", got)
	}
	if got := (entryView{Actor: "person:0123456789abcdef"}).Who(); got != "A person, 01234567" {
		t.Errorf("a person is %q", got)
	}
}
