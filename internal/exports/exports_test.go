package exports_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/exports"
)

// read gathers what a reader yields, as short lines.
func read(t testing.TB, text string, as exports.Format) (messages []exports.Message, faults []string) {
	t.Helper()
	for m, err := range exports.Read("x", strings.NewReader(text), as) {
		if err == nil {
			messages = append(messages, m)
			continue
		}
		if g := (*exports.Gap)(nil); errors.As(err, &g) {
			continue
		}
		var b *exports.Broken
		if !errors.As(err, &b) {
			t.Fatalf("an error that is neither broken nor a gap: %v", err)
		}
		faults = append(faults, err.Error())
	}
	return messages, faults
}

func short(ms []exports.Message) []string {
	var out []string
	for _, m := range ms {
		s := fmt.Sprintf("%s %s|%s|%q", m.At.Format("2006-01-02 15:04:05"), m.Kind, m.Sender, m.Text)
		if m.Edited {
			s += " edited"
		}
		if len(m.Files) > 0 {
			s += " " + strings.Join(m.Files, ",")
		}
		out = append(out, s)
	}
	return out
}

func TestWhatsAppLayouts(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"Android, day first, 24 hours": {"24/11/2026, 02:14 - Sam Okafor: on the way", "2026-11-24 02:14:00 said|Sam Okafor|\"on the way\""},
		"Android, month first, 12 hours with a narrow space": {
			"11/24/26, 2:14\u202fPM - Sam Okafor: on the way", "2026-11-24 14:14:00 said|Sam Okafor|\"on the way\""},
		"Android, lower case with dots": {"24/11/2026, 2:14 p.m. - Sam Okafor: on the way", "2026-11-24 14:14:00 said|Sam Okafor|\"on the way\""},
		"Android, midnight":             {"24/11/2026, 12:05 am - Sam Okafor: on the way", "2026-11-24 00:05:00 said|Sam Okafor|\"on the way\""},
		"Android, dots":                 {"24.11.26, 02:14 - Sam Okafor: on the way", "2026-11-24 02:14:00 said|Sam Okafor|\"on the way\""},
		"Android, year first":           {"2026-11-24, 02:14 - Sam Okafor: on the way", "2026-11-24 02:14:00 said|Sam Okafor|\"on the way\""},
		"iOS, day first":                {"[24/11/2026, 02:14:33] Sam Okafor: on the way", "2026-11-24 02:14:33 said|Sam Okafor|\"on the way\""},
		"iOS, month first, 12 hours":    {"[11/24/26, 2:14:33\u202fPM] Sam Okafor: on the way", "2026-11-24 14:14:33 said|Sam Okafor|\"on the way\""},
		"iOS, dots and marks":           {"\u200e[24.11.26, 02:14:33] Sam Okafor: \u200eimage omitted", "2026-11-24 02:14:33 media|Sam Okafor|\"\\u200eimage omitted\""},
		"iOS, attached":                 {"[24/11/2026, 02:14:33] Sam: \u200e<attached: 00000012-PHOTO.jpg>", "2026-11-24 02:14:33 media|Sam|\"\\u200e<attached: 00000012-PHOTO.jpg>\" 00000012-PHOTO.jpg"},
		"Android, attached with caption": {
			"24/11/2026, 02:14 - Sam: IMG-20261124-WA0001.jpg (file attached)\nthe hall", "2026-11-24 02:14:00 media|Sam|\"IMG-20261124-WA0001.jpg (file attached)\\nthe hall\" IMG-20261124-WA0001.jpg"},
		"media left out":        {"24/11/2026, 02:14 - Sam: <Media omitted>", "2026-11-24 02:14:00 media|Sam|\"<Media omitted>\""},
		"deleted":               {"24/11/2026, 02:14 - Sam: This message was deleted", "2026-11-24 02:14:00 deleted|Sam|\"This message was deleted\""},
		"edited":                {"24/11/2026, 02:14 - Sam: at noon <This message was edited>", "2026-11-24 02:14:00 said|Sam|\"at noon\" edited"},
		"the platform speaks":   {"24/11/2026, 02:14 - Priya Nair added Tom Ellery", "2026-11-24 02:14:00 joined||\"Priya Nair added Tom Ellery\""},
		"a subject with colons": {"24/11/2026, 02:14 - Priya changed the subject from \"a: b\" to \"c\"", "2026-11-24 02:14:00 system||\"Priya changed the subject from \\\"a: b\\\" to \\\"c\\\"\""},
		"iOS, the platform speaks": {"[24/11/2026, 02:14:33] Flood North: \u200eMessages and calls are end-to-end encrypted.",
			"2026-11-24 02:14:33 system|Flood North|\"\\u200eMessages and calls are end-to-end encrypted.\""},
		"several lines":       {"24/11/2026, 02:14 - Sam: one\n\ntwo\r\nthree", "2026-11-24 02:14:00 said|Sam|\"one\\n\\ntwo\\nthree\""},
		"a number as sender":  {"24/11/2026, 02:14 - +44 7700 900123: hello", "2026-11-24 02:14:00 said|+44 7700 900123|\"hello\""},
		"an unsaved contact":  {"[24/11/2026, 02:14:33] ~\u202fTom: hello", "2026-11-24 02:14:33 said|Tom|\"hello\""},
		"no comma":            {"24/11/2026 02:14 - Sam: hello", "2026-11-24 02:14:00 said|Sam|\"hello\""},
		"invalid UTF-8, NULs": {"24/11/2026, 02:14 - Sam: \xff\x00", "2026-11-24 02:14:00 said|Sam|\"\\xff\\x00\""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, end := range []string{"", "\n", "\r\n"} {
				ms, faults := read(t, "\ufeff"+c.in+end, exports.Auto)
				if len(faults) > 0 {
					t.Errorf("faults: %v", faults)
				}
				if diff := cmp.Diff([]string{c.want}, short(ms)); diff != "" {
					t.Errorf("ending %q (-want +got):\n%s", end, diff)
				}
			}
		})
	}
}

func TestTheOrderOfDatesIsDecidedByTheWholeFile(t *testing.T) {
	cases := map[string]struct {
		in   string
		want time.Month // of the first message
	}{
		"a day above twelve further down":                          {"03/04/2026, 10:00 - A: x\n25/04/2026, 10:00 - A: x", time.April},
		"a month-first day above twelve":                           {"03/04/2026, 10:00 - A: x\n03/25/2026, 10:00 - A: x", time.March},
		"time does not run back, month first":                      {"01/10/2026, 10:00 - A: x\n02/09/2026, 10:00 - A: x\n03/08/2026, 10:00 - A: x", time.January},
		"time does not run back, day first":                        {"10/01/2026, 10:00 - A: x\n09/02/2026, 10:00 - A: x\n08/03/2026, 10:00 - A: x", time.January},
		"a year of two digits first":                               {"20-12-30 10:00 - A: x\n20-12-31 10:00 - A: x\n21-01-02 10:00 - A: x", time.December},
		"only far into the file":                                   {"03/04/2026, 10:00 - A: x\n" + strings.Repeat("04/04/2026, 10:00 - A: two pumps on the way\n", 20_000) + "25/04/2026, 10:00 - A: x", time.April},
		"nothing tells, but it is written as in the United States": {"3/4/26, 9:05\u202fAM - A: x", time.March},
		"nothing tells: the day is first here":                     {"03/04/2026, 10:00 - A: x", time.April},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ms, _ := read(t, c.in, exports.WhatsApp)
			if got := ms[0].At.Month(); got != c.want {
				t.Errorf("the first message is of %s, want %s", got, c.want)
			}
		})
	}
}

func TestABrokenLineIsReportedAndTheRestIsRead(t *testing.T) {
	ms, faults := read(t, "hello\n24/11/2026, 02:14 - Sam: one\n31/31/2026, 02:15 - Tom: two\n24/11/2026, 02:16 - Sam: three\n", exports.WhatsApp)
	var texts []string
	for _, m := range ms {
		texts = append(texts, m.Text)
	}
	if diff := cmp.Diff([]string{"hello", "one", "two", "three"}, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if len(faults) != 2 || !strings.HasPrefix(faults[0], "x:1:") || !strings.HasPrefix(faults[1], "x:3:") {
		t.Errorf("faults: %v", faults)
	}
	ms, faults = read(t, "{\"id\":\"1\",\"text\":\"a\"}\n{\n{\"id\":3,\"text\":\"b\"}\n{\"id\":\"4\"}\n", exports.JSONL)
	if len(ms) != 2 || ms[1].ID != "3" || len(faults) != 2 {
		t.Errorf("JSON lines: %v, faults %v", ms, faults)
	}
}

func TestAHugeLineIsRefusedAndTheRestIsRead(t *testing.T) {
	huge := strings.Repeat("x", 17<<20)
	for _, as := range []exports.Format{exports.Text, exports.JSONL, exports.WhatsApp} {
		ms, faults := read(t, "{\"id\":\"1\",\"text\":\"24/11/2026, 02:14 - Sam: one\"}\n"+huge+"\n{\"id\":\"2\",\"text\":\"b\"}\n", as)
		if len(ms) < 2 || len(faults) == 0 {
			t.Errorf("%s: %d messages, faults %v", as, len(ms), faults)
		}
	}
}

const small = "\ufeff[24/11/2026, 02:14:33] Sam Okafor: one\ntwo\n\u200e[24/11/2026, 02:15:00] Tom: \u200eimage omitted\n[24/11/2026, 02:16:00] Priya: three \u2013 four\n"

// A file that ends anywhere loses nothing of what is there.
func TestTruncatedAtEveryByte(t *testing.T) {
	for n := range len(small) {
		ms, faults := read(t, small[:n], exports.WhatsApp)
		var got strings.Builder
		for _, m := range ms {
			got.WriteString(m.Text)
		}
		for _, whole := range []string{"one", "two", "image omitted", "three"} {
			if at := strings.Index(small, whole); at+len(whole) <= n && !strings.Contains(got.String(), whole) {
				t.Fatalf("cut at byte %d: %q was lost (faults %v)", n, whole, faults)
			}
		}
	}
}

func TestZip(t *testing.T) {
	name := filepath.Join(t.TempDir(), "WhatsApp Chat - Flood North.zip")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct{ name, text string }{{"00000012-PHOTO.jpg", "\xff\xd8"}, {"_chat.txt", small}} {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, f.text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for m, err := range exports.ReadFile(name, exports.Auto, nil) {
		if errors.As(err, new(*exports.Gap)) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n++; !strings.HasPrefix(m.ID, name+"!_chat.txt:") {
			t.Errorf("id %q does not say where the message is", m.ID)
		}
	}
	if n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	for cut := range 12 { // a damaged archive is an error, never a silence
		if err := os.WriteFile(name, b.Bytes()[:b.Len()*cut/12], 0o600); err != nil {
			t.Fatal(err)
		}
		heard := false
		for _, err := range exports.ReadFile(name, exports.WhatsApp, nil) {
			heard = heard || err != nil
		}
		if !heard && cut > 0 {
			t.Errorf("cut to %d twelfths: nothing was said", cut)
		}
	}
}

func TestDetect(t *testing.T) {
	cases := map[string]exports.Kind{
		`{"id":"1","text":"hello"}`:                exports.Said,
		"[24/11/2026, 02:14:33] Sam: hello":        exports.Said,
		"just some words":                          exports.Said,
		"24/11/2026, 02:14 - Sam added Tom Ellery": exports.Joined,
	}
	for in, want := range cases {
		ms, faults := read(t, in, exports.Auto)
		if len(ms) != 1 || len(faults) != 0 || ms[0].Kind != want {
			t.Errorf("%q: %v, faults %v", in, ms, faults)
		}
	}
}
