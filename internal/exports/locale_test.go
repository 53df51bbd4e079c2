package exports_test

import (
	"testing"

	"chaperone/internal/exports"
)

// The heads that phones in other languages and countries write, all of them
// for the last day of 2020 at five past nine in the evening.
func TestWhatsAppHeadsOfManyCountries(t *testing.T) {
	for country, head := range map[string]string{
		"United States":      "12/31/20, 9:05\u202fPM - ",
		"United States, iOS": "[12/31/20, 9:05:00\u202fPM] ",
		"United Kingdom":     "31/12/2020, 21:05 - ",
		"Australia":          "31/12/20, 9:05 pm - ",
		"Canada, iOS":        "[2020-12-31, 9:05:00 p.m.] ",
		"South Africa":       "2020/12/31, 21:05 - ",
		"Germany":            "31.12.20, 21:05 - ",
		"Germany, iOS":       "[31.12.20, 21:05:00] ",
		"France":             "31/12/2020 à 21:05 - ",
		"Spain":              "31/12/20, 9:05 p.\u00a0m. - ",
		"Colombia":           "31/12/2020 9:05 p.\u202fm. - ",
		"Netherlands":        "31-12-2020 21:05 - ",
		"Netherlands, iOS":   "[31-12-2020 21:05:00] ",
		"Sweden":             "2020-12-31 21:05 - ",
		"Finland":            "31.12.2020 klo 21.05 - ",
		"Denmark":            "31.12.2020 kl. 21.05 - ",
		"Italy":              "31/12/20, 21:05 - ",
		"Czechia":            "31.12.20 21:05 - ",
		"Greece":             "31/12/20, 9:05 μ.μ. - ",
		"Turkey":             "31.12.2020 21:05 - ",
		"Arabic":             "٣١\u200f/١٢\u200f/٢٠٢٠، ٩:٠٥ م - ",
		"Hindi":              "31/12/20, 9:05 अपराह्न - ",
		"China":              "2020/12/31 下午9:05 - ",
		"China, iOS":         "[2020/12/31 下午9:05:00] ",
		"Japan":              "2020/12/31 21:05 - ",
		"Korea":              "2020. 12. 31. 오후 9:05 - ",
		"Hungary":            "2020. 12. 31. 21:05 - ",
		"Thailand":           "31/12/2563 21:05 - ",
		"old iOS":            "31/12/2020, 21:05:00: ",
	} {
		ms, faults := read(t, head+"Sam Okafor: hello", exports.Auto)
		if len(ms) != 1 || len(faults) > 0 {
			t.Errorf("%s: %v, faults %v", country, ms, faults)
			continue
		}
		if got := ms[0].At.Format("2006-01-02 15:04") + "|" + ms[0].Sender + "|" + ms[0].Text; got != "2020-12-31 21:05|Sam Okafor|hello" {
			t.Errorf("%s: %s", country, got)
		}
	}
}
