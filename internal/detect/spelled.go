package detect

import "strings"

// spelledPattern finds runs of digits that are written in words, English or
// Welsh. It belongs to no rule: where it matches, the text is read once more
// with the words as digits.
const spelledPattern = `(?i:\b(?:double |triple )?` + digitWord + `(?:[ ,.\-]{1,3}(?:double |triple )?` + digitWord + `){3,40}\b)`

const digitWord = `(?:zero|oh|o|nought|nil|one|two|three|four|five|six|seven|eight|nine|hundred|dim|sero|un|dau|dwy|tri|tair|pedwar|pedair|pump|chwech|chwe|saith|wyth|naw|\d)`

// spelledDigit reads a word as a digit.
func spelledDigit(w string) (byte, bool) {
	if len(w) == 1 && w[0] >= '0' && w[0] <= '9' {
		return w[0], true
	}
	switch strings.ToLower(w) {
	case "zero", "oh", "o", "nought", "nil", "dim", "sero":
		return '0', true
	case "one", "un":
		return '1', true
	case "two", "dau", "dwy":
		return '2', true
	case "three", "tri", "tair":
		return '3', true
	case "four", "pedwar", "pedair":
		return '4', true
	case "five", "pump":
		return '5', true
	case "six", "chwech", "chwe":
		return '6', true
	case "seven", "saith":
		return '7', true
	case "eight", "wyth":
		return '8', true
	case "nine", "naw":
		return '9', true
	}
	return 0, false
}

// spelled gives v with the runs of digit words in it as digits, and the places
// of those digits in the result.
func spelled(v *view, runs [][2]int) (out view, digits [][2]int) {
	var b viewBuilder
	original := func(i int) (int, int) { return v.original(i, i+1) }
	at := 0
	for _, run := range runs {
		for ; at < run[0]; at++ {
			from, to := original(at)
			b.add(v.text[at], from, to)
		}
		first := len(b.text)
		times := 1
		for i := run[0]; i < run[1]; {
			if !isWordByte(v.text[i]) {
				i++
				continue
			}
			j := i
			for j < run[1] && isWordByte(v.text[j]) {
				j++
			}
			from, to := v.original(i, j)
			switch w := v.text[i:j]; strings.ToLower(w) {
			case "double":
				times = 2
			case "triple":
				times = 3
			case "hundred": // "nine hundred", as numbers are read out
				b.add('0', from, to)
				b.add('0', from, to)
			default:
				if d, ok := spelledDigit(w); ok {
					for range times {
						b.add(d, from, to)
					}
				}
				times = 1
			}
			i = j
		}
		digits = append(digits, [2]int{first, len(b.text)})
		at = run[1]
	}
	for ; at < len(v.text); at++ {
		from, to := original(at)
		b.add(v.text[at], from, to)
	}
	return b.done(v.length()), digits
}

// joined gives the end of the message before and v as one text, when a value
// may run from the one into the other, and where v begins in it. The place of
// what stands in the message before is the beginning of this one.
func joined(before string, v *view) (view, int, bool) {
	start := strings.TrimLeft(v.text, " \n.-")
	if len(start) == 0 || start[0] < '0' || start[0] > '9' || len(before) == 0 || counts(start) {
		return view{}, 0, false
	}
	prev := normalise(before[max(0, len(before)-joinReach):])
	tail := strings.TrimRight(prev.text, " \n.-")
	if tail == "" || tail[len(tail)-1] < '0' || tail[len(tail)-1] > '9' {
		return view{}, 0, false
	}
	var b viewBuilder
	for i := range len(tail) {
		b.add(tail[i], 0, 0)
	}
	b.add(' ', 0, 0)
	cut := len(b.text)
	for i := len(v.text) - len(start); i < len(v.text); i++ {
		from, to := v.original(i, i+1)
		b.add(v.text[i], from, to)
	}
	return b.done(v.length()), cut, true
}

// counts reports whether a text begins with how many of something there are,
// and not with the rest of a number: "12 pallets".
func counts(text string) bool {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	rest := strings.TrimPrefix(text[n:], " ")
	letters := 0
	for letters < len(rest) && lowered[rest[letters]] >= 'a' {
		letters++
	}
	return n < 4 && letters >= 3
}

// joinReach is how much of the message before is read with this one, in bytes.
const joinReach = 200
