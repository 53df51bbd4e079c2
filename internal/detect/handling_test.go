package detect_test

import (
	"testing"
	"time"

	"chaperone/internal/detect"
)

func TestReadHandling(t *testing.T) {
	day := func(d, h, m int) time.Time { return time.Date(2026, 11, d, h, m, 0, 0, time.UTC) }
	for text, want := range map[string]detect.Handling{
		"OFFICIAL - HMG USE ONLY: lines to take":                              {OwnOnly: true},
		"OFFICIAL-SENSITIVE - DEFRA USE ONLY note":                            {OwnOnly: true},
		"OFFICIAL-SENSITIVE RECIPIENTS ONLY":                                  {Recipients: true},
		"OFFICIAL - FOR PUBLIC RELEASE: the depot reopens":                    {Release: true},
		"OFFICIAL-SENSITIVE, once cleared FOR PUBLIC RELEASE":                 {},
		"EMBARGOED UNTIL 00:01 24 November 2026: the new depot":               {Embargoed: true, Until: day(24, 0, 1)},
		"EMBARGOED until 24/11/2026 at 09:30":                                 {Embargoed: true, Until: day(24, 9, 30)},
		"EMBARGOED TO 2026-11-24":                                             {Embargoed: true, Until: day(25, 0, 0)},
		"EMBARGOED: do not share":                                             {Embargoed: true},
		"STAFF USE ONLY is on the door":                                       {},
		"the embargo was lifted, for public release, only one bus, RECIPIENT": {},
	} {
		got := detect.ReadHandling(text, time.UTC)
		if got.Any() && got.End <= got.Start {
			t.Errorf("%q: it stands nowhere: %+v", text, got)
		}
		got.Start, got.End = 0, 0
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestPictured(t *testing.T) {
	for text, want := range map[string]bool{
		"IMG_2041.jpg the volunteers at the rest centre": true,
		"Photo of the residents in the hall":             true,
		"Here’s a pic of the crew":                       true,
		"team selfie.png":                                true,
		"IMG_2042.jpg the gauge at the bridge":           false,
		"Can somebody send me a photo of the team?":      false,
		"photos of the river at 3.4 m":                   false,
		"volunteers needed at the hall":                  false,
	} {
		if _, _, got := detect.Pictured(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzReadHandling(f *testing.F) {
	f.Add("OFFICIAL - HMG USE ONLY EMBARGOED UNTIL 00:01 24 November 2026")
	f.Add("EMBARGOED 31/02/2026 99:99 FOR PUBLIC RELEASE RECIPIENTS ONLY IMG.jpg us all")
	f.Fuzz(func(t *testing.T, text string) {
		h := detect.ReadHandling(text, time.UTC)
		if h.Start < 0 || h.End > len(text) || h.Start > h.End {
			t.Fatalf("%+v of %d bytes", h, len(text))
		}
		if a, b, ok := detect.Pictured(text); ok && (a < 0 || b > len(text) || a >= b) {
			t.Fatalf("a picture at %d to %d", a, b)
		}
	})
}
