package prompt_test

import (
	"testing"
	"time"

	"chaperone/internal/prompt"
)

// Quiet hours are what clocks on the wall show, on the days too on which they
// are put forward or back.
func TestQuietHoursAreThoseOfTheWall(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	at := func(wall string) time.Time {
		out, err := time.ParseInLocation(time.DateTime, wall+":00", london)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, day := range []string{"2026-03-29", "2026-06-10", "2026-10-25", "2026-12-01"} { // forward, summer, back, winter
		for wall, quiet := range map[string]bool{"00:10": true, "06:50": true, "07:00": false, "07:40": false, "12:00": false, "19:40": false, "20:00": true, "20:30": true} {
			now := at(day + " " + wall)
			until, is := prompt.DefaultPace(london).Quiet(now)
			if is != quiet {
				t.Errorf("%s %s: quiet is %t", day, wall, is)
			}
			if is && (until.In(london).Format("15:04") != "07:00" || until.Sub(now) > 12*time.Hour) {
				t.Errorf("%s %s: quiet until %s", day, wall, until)
			}
		}
		// Quiet hours may lie within a day, too.
		lunch := prompt.Pace{Zone: london, From: 12 * time.Hour, To: 13*time.Hour + 30*time.Minute}
		for wall, quiet := range map[string]bool{"11:50": false, "12:00": true, "13:20": true, "13:30": false} {
			if _, is := lunch.Quiet(at(day + " " + wall)); is != quiet {
				t.Errorf("%s %s: quiet at lunch is %t", day, wall, is)
			}
		}
	}
}
