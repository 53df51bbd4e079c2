package chat

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "flood-north", "Zoë 洪水", "\x00", "a\xffb", "\xed\xa0\x80", mark, mark + "00", mark + "zz", "\uFFFD"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if !utf8.ValidString(e) || strings.Contains(e, "\x00") {
			t.Errorf("%q became %q, which cannot be kept", s, e)
		}
		if back := Unescape(e); back != s {
			t.Errorf("%q became %q and came back as %q", s, e, back)
		}
		Unescape(s)
	})
}
