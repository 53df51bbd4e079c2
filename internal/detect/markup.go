package detect

import "strings"

// inMarkup says whether the text at start belongs to a platform's own marks:
// a mention, a channel, a custom emoji, a time stamp, or the inside of a web
// address. Their numbers are nobody's. Addresses inside mailto: and tel: are.
func inMarkup(text string, start int) bool {
	lo := start
	for lo > 0 && start-lo < markupReach && text[lo-1] != ' ' && text[lo-1] != '\n' {
		lo--
	}
	before := text[lo:start]
	if i := strings.LastIndexByte(before, '<'); i >= 0 {
		after := text[lo+i+1:]
		if !strings.Contains(before[i:], ">") && after != "" && strings.IndexByte("@#!:", after[0]) >= 0 ||
			strings.HasPrefix(after, "a:") || strings.HasPrefix(after, "t:") {
			return true
		}
	}
	if strings.HasSuffix(before, "@") { // a WhatsApp mention is the member's number
		return true
	}
	i := strings.Index(before, "://")
	if i < 0 && bareLink(before) {
		return true
	}
	return i > 0 && !strings.ContainsAny(before[i:], "|>\"")
}

// bareLink reports whether a host and a stroke stand at the end of what is
// written in one piece: "example.org/" without the scheme.
func bareLink(before string) bool {
	host, _, ok := strings.Cut(before, "/")
	if !ok || strings.Contains(host, "@") {
		return false
	}
	dot := strings.LastIndexByte(host, '.')
	if dot < 2 || len(host)-dot < 3 {
		return false
	}
	return !strings.ContainsFunc(host[dot+1:], func(r rune) bool { return r < 'a' || r > 'z' })
}

// markupReach is how far back the beginning of a link is looked for.
const markupReach = 300

// spread says whether a value is written spread out: over lines, with symbols
// between, with gaps of two and more, or in many small groups.
func spread(value string) bool {
	groups, gap, taken, digits := 1, 0, 0, 0
	odd := false
	value = strings.Trim(value, " .,-/_()!?;:*")
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case isWordByte(c):
			if gap > 0 {
				groups++
			}
			gap, taken = 0, taken+1
			if c <= '9' && c >= '0' {
				digits++
			}
		case c == '\n' || c == otherSymbol:
			odd = true
		case strings.IndexByte(" .,-/_()", c) >= 0:
			gap++
			odd = odd || gap > 2
		}
	}
	return digits >= 4 && (odd || groups > 6 && taken < 2*groups)
}
