package main_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// needle is one form in which a planted value could be written down.
type needle struct {
	canary string // what it stands for, in words that are no secret
	form   string
	bytes  []byte
}

// needles are all forms of one value.
func needles(canary, value string) []needle {
	var out []needle
	add := func(form string, b []byte) {
		if len(b) >= headSize {
			out = append(out, needle{canary, form, b})
		}
	}
	written := map[string]string{"raw": value, "lower case": strings.ToLower(value), "upper case": strings.ToUpper(value), "digits": digitsOf(value)}
	for form, v := range written {
		if len(v) < headSize || (len(v) < 8 && strings.Trim(v, "0123456789 -./") == "") {
			continue // so short a number stands in some time of day by chance
		}
		add(form, []byte(v))
		for order, name := range map[binary.AppendByteOrder]string{binary.LittleEndian: "UTF-16LE", binary.BigEndian: "UTF-16BE"} {
			var b []byte
			for _, u := range utf16.Encode([]rune(v)) {
				b = order.AppendUint16(b, u)
			}
			add(form+", "+name, b)
		}
		add(form+", query", []byte(url.QueryEscape(v)))
		add(form+", path", []byte(url.PathEscape(v)))
		add(form+", HTML", []byte(html.EscapeString(v)))
		add(form+", quoted", trimQuotes(strconv.Quote(v)))
		add(form+", ASCII", trimQuotes(strconv.QuoteToASCII(v)))
		if b, err := json.Marshal(v); err == nil {
			add(form+", JSON", trimQuotes(string(b)))
		}
		add(form+", hex", []byte(hex.EncodeToString([]byte(v))))
		add(form+", HEX", []byte(strings.ToUpper(hex.EncodeToString([]byte(v)))))
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for shift := range 3 {
				add(fmt.Sprintf("%s, base64 at %d", form, shift), base64At(e, v, shift))
			}
		}
		m, s1, s2 := md5.Sum([]byte(v)), sha1.Sum([]byte(v)), sha256.Sum256([]byte(v))
		for name, sum := range map[string][]byte{"MD5": m[:], "SHA-1": s1[:], "SHA-256": s2[:]} {
			add(form+", "+name, sum)
			add(form+", "+name+" hex", []byte(hex.EncodeToString(sum)))
			add(form+", "+name+" base64", []byte(base64.StdEncoding.EncodeToString(sum)))
		}
	}
	return out
}

func trimQuotes(s string) []byte { return []byte(s[1 : len(s)-1]) }

// digitsOf is the value without separators, where it is a number of some length.
func digitsOf(v string) string {
	d := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, v)
	if len(d) < 8 {
		return ""
	}
	return d
}

// base64At is the part of an encoding that does not depend on what stands
// around the value.
func base64At(e *base64.Encoding, v string, shift int) []byte {
	s := e.EncodeToString([]byte(strings.Repeat("x", shift) + v))
	s = s[[]int{0, 2, 3}[shift]:]
	if (shift+len(v))%3 != 0 {
		s = s[:len(s)-1]
	}
	return []byte(s)
}

// headSize is how many bytes of a needle the search begins with; shorter ones
// would be found by chance.
const headSize = 6

// haystack looks for many needles at once.
type haystack struct {
	heads map[[headSize]byte][]needle
	first [1 << 16]bool // by the first two bytes
}

func newHaystack(all []needle) *haystack {
	h := &haystack{heads: map[[headSize]byte][]needle{}}
	for _, n := range all {
		head := [headSize]byte(n.bytes[:headSize])
		h.heads[head] = append(h.heads[head], n)
		h.first[int(head[0])<<8|int(head[1])] = true
	}
	return h
}

// search returns every needle that is in b, once each, without its value.
func (h *haystack) search(b []byte) []string {
	var found []string
	seen := map[string]bool{}
	for at := 0; at+headSize <= len(b); at++ {
		if !h.first[int(b[at])<<8|int(b[at+1])] {
			continue
		}
		for _, n := range h.heads[[headSize]byte(b[at:at+headSize])] {
			if what := n.canary + " (" + n.form + ")"; !seen[what] && bytes.HasPrefix(b[at:], n.bytes) {
				seen[what] = true
				found = append(found, what)
			}
		}
	}
	return found
}

// TestNeedlesAreFoundInEveryForm proves that the search of the canary test can
// find what it looks for.
func TestNeedlesAreFoundInEveryForm(t *testing.T) {
	const value = `Pa"ss<w&rd Ynys-99 000-0174/é`
	all := needles("value", value)
	h := newHaystack(all)
	noise := bytes.Repeat([]byte("nothing to see here, 0123456789. "), 50)
	if got := h.search(noise); len(got) > 0 {
		t.Fatalf("found %v where there is nothing", got)
	}
	for _, n := range all {
		b := append(append(bytes.Clone(noise), n.bytes...), noise...)
		if len(h.search(b)) == 0 {
			t.Errorf("%s was not found", n.form)
		}
	}
	for shift := range 3 {
		inside := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 30+shift) + value + "and so on"))
		if len(h.search([]byte(inside))) == 0 {
			t.Errorf("not found inside a longer base64 text at %d", shift)
		}
	}
}
