package chat

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// mark stands before each byte that an escaped id cannot hold as it is. It is a
// code point that Unicode keeps out of texts.
const mark = "\uFDD0"

// Escape makes an id of whatever bytes into valid UTF-8 without NUL, which is
// all that databases and JSON hold. Two ids never become the same one, and an
// ordinary id stays as it is. Within Chaperone ids are escaped; Unescape gives
// the platform its own back.
func Escape(id string) string {
	if utf8.ValidString(id) && !strings.Contains(id, "\x00") && !strings.Contains(id, mark) {
		return id
	}
	var b strings.Builder
	for rest := id; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		if (r == utf8.RuneError && n == 1) || r == 0 || rest[:n] == mark {
			for i := range n {
				b.WriteString(mark + hex.EncodeToString([]byte{rest[i]}))
			}
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return b.String()
}

// Unescape undoes Escape.
func Unescape(id string) string {
	if !strings.Contains(id, mark) {
		return id
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(id, mark)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(after) < 2 {
			b.WriteString(mark + after)
			return b.String()
		}
		c, err := hex.DecodeString(after[:2])
		if err != nil { // nothing that Escape made
			c = []byte(mark + after[:2])
		}
		b.Write(c)
		id = after[2:]
	}
}
