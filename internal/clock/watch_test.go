package clock

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func TestJumped(t *testing.T) {
	for _, c := range []struct {
		name    string
		moved   time.Duration
		elapsed time.Duration
		want    bool
	}{
		{"nothing happened", time.Minute, time.Minute, false},
		{"a day went by", 24 * time.Hour, 24 * time.Hour, false},
		{"an hour ahead is borne", time.Hour + time.Minute, time.Minute, false},
		{"over an hour ahead", time.Hour + time.Minute + 1, time.Minute, true},
		{"an hour back is borne", -time.Hour + time.Minute, time.Minute, false},
		{"over an hour back", -time.Hour + time.Minute - 1, time.Minute, true},
		{"ten years ahead", 87600 * time.Hour, time.Minute, true},
		{"stood still", 0, 2 * time.Hour, true},
	} {
		if got := Jumped(noon, noon.Add(c.moved), c.elapsed); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if !Jumped(time.Time{}, noon, 0) || !Jumped(noon, time.Time{}, 0) {
		t.Error("a clock at its beginning of time was believed")
	}
}

func TestJumpedReadsTheWallAlone(t *testing.T) {
	before := time.Now() // carries the unsettable clock
	if Jumped(before, time.Now(), 0) {
		t.Error("no time went by, and yet it jumped")
	}
}

func TestWatch(t *testing.T) {
	started := Watch{}.Restart(noon)
	asleep := started.Restart(noon.Add(60 * 24 * time.Hour))
	for _, c := range []struct {
		name   string
		w      Watch
		frozen bool
	}{
		{"never looked", Watch{}, true},
		{"first start", started, false},
		{"a minute later", started.Tick(noon.Add(time.Minute), time.Minute), false},
		{"jump ahead", started.Tick(noon.Add(2*time.Hour), time.Minute), true},
		{"jump back", started.Tick(noon.Add(-2*time.Hour), time.Minute), true},
		{"jump there and back still waits for a person", started.Tick(noon.Add(2*time.Hour), time.Minute).Tick(noon.Add(2*time.Minute), time.Minute), true},
		{"a restart forgets no jump", started.Tick(noon.Add(2*time.Hour), time.Minute).Restart(noon.Add(2 * time.Hour)), true},
		{"no platform talks a jump away", started.Tick(noon.Add(2*time.Hour), time.Minute).Witness(noon.Add(2*time.Hour), noon.Add(2*time.Hour)), true},
		{"declared", started.Declare(72*time.Hour).Tick(noon.Add(72*time.Hour+time.Minute), time.Minute), false},
		{"declared and not done", started.Declare(72*time.Hour).Tick(noon.Add(time.Minute), time.Minute), true},
		{"quick restart", started.Restart(noon.Add(time.Minute)), false},
		{"started in the past", started.Restart(noon.Add(-2 * time.Hour)), true},
		{"in the past, a platform does not help", started.Restart(noon.Add(-2*time.Hour)).Witness(noon.Add(-2*time.Hour), noon.Add(-2*time.Hour)), true},
		{"after downtime", asleep, true},
		{"after downtime, a restart does not help", asleep.Restart(noon.Add(60*24*time.Hour + time.Minute)), true},
		{"after downtime, a platform agrees", asleep.Witness(noon.Add(60*24*time.Hour+time.Second), noon.Add(60*24*time.Hour)), false},
		{"after downtime, a platform disagrees", asleep.Witness(noon.Add(time.Hour), noon.Add(60*24*time.Hour)), true},
		{"a jump while asleep is a jump", asleep.Tick(noon.Add(90*24*time.Hour), time.Minute).Witness(noon.Add(90*24*time.Hour), noon.Add(90*24*time.Hour)), true},
	} {
		err := c.w.MayDestroy()
		if (err != nil) != c.frozen {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && !errors.Is(err, ErrClock) {
			t.Errorf("%s: %v is no ErrClock", c.name, err)
		}
		if _, err := c.w.Confirm("", noon); err == nil {
			t.Errorf("%s: nobody confirmed", c.name)
		}
		sure, err := c.w.Confirm("Nasreen Malik", noon)
		if err != nil || sure.MayDestroy() != nil {
			t.Errorf("%s: confirmed by a person and still %v, %v", c.name, err, sure.MayDestroy())
		}
	}
}

// However a clock is stepped while we watch, destroying stops once it is over
// an hour away from the time that really went by, and stays stopped.
func TestWatchCatchesSmallSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Watch{}.Restart(noon)
		wall, off, jumped := noon, time.Duration(0), false
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			elapsed := time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "elapsed"))
			step := time.Duration(rapid.Int64Range(-int64(50*time.Minute), int64(50*time.Minute)).Draw(t, "step"))
			wall, off = wall.Add(elapsed+step), off+step
			w = w.Tick(wall, elapsed)
			jumped = jumped || off.Abs() > Most
			if (w.MayDestroy() != nil) != jumped {
				t.Fatalf("off by %s, ever over %s: %v; MayDestroy: %v", off, Most, jumped, w.MayDestroy())
			}
		}
	})
}
