package directory

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Key folds a key of the directory, so that the same key in another case or
// another spelling of the same characters is the same person.
func Key(s string) PersonID { return PersonID(fold(s)) }

// Email folds an e-mail address for comparing.
func Email(s string) (string, error) {
	e := fold(s)
	local, domain, ok := strings.Cut(e, "@")
	if !ok || local == "" || !strings.Contains(strings.Trim(domain, "."), ".") || strings.ContainsAny(e, " \t,;<>\"()") || strings.Contains(domain, "@") {
		return "", errors.New("this is not an e-mail address")
	}
	return e, nil
}

// fold trims, puts into one form (NFKC) and folds the case. Text that is in
// that form already is not copied.
func fold(s string) string {
	s = strings.TrimSpace(s)
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	// Folding can undo the form and the form can undo folding; once more
	// after both is stable.
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

// Phone gives a telephone number in its international form, such as
// +447700900123. Numbers with a leading 0 belong to the country, whose calling
// code is given without "+". What cannot be one number is an error that says
// what to do; it never repeats the number.
func Phone(s, country string) (string, error) {
	digits, plus, err := dial(s)
	if err != nil {
		return "", err
	}
	switch {
	case plus:
	case strings.HasPrefix(digits, "00"):
		digits = digits[2:]
	case strings.HasPrefix(digits, "0"):
		digits = country + digits[1:]
	default:
		return "", errors.New("it begins with neither 0 nor +: a spreadsheet may have dropped the 0, so keep the column as text")
	}
	// "+44 (0)7700 900123" is written often, and no number goes on with 0 there.
	if strings.HasPrefix(digits, country+"0") {
		digits = country + digits[len(country)+1:]
	}
	if len(digits) < 8 || len(digits) > 15 || digits[0] == '0' {
		return "", fmt.Errorf("it has %d digits with the country, which no telephone number has", len(digits))
	}
	// Some landlines have a digit less; mobiles never.
	if strings.HasPrefix(digits, "44") && len(digits) != 12 && (len(digits) != 11 || digits[2] == '7') {
		return "", errors.New("it is shorter or longer than a number of the United Kingdom")
	}
	return "+" + digits, nil
}

// dial gives the digits of a number, and whether "+" stood before them.
func dial(s string) (digits string, plus bool, err error) {
	s = fold(s)
	if strings.ContainsAny(s, "e") && strings.ContainsAny(s, "0123456789") {
		return "", false, errors.New("it looks like 4.4E+11: a spreadsheet has rounded it, so keep the column as text")
	}
	b := make([]byte, 0, 16)
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			if len(b) == 20 {
				return "", false, errors.New("it is too long for one telephone number")
			}
			b = append(b, byte(r))
		case r == '+' && len(b) == 0 && !plus:
			plus = true
		case strings.ContainsRune(" \t-.()/\u2010\u2011\u2013\u202a\u202c\u200e", r):
		default:
			return "", false, errors.New("it has characters that no telephone number has")
		}
	}
	if len(b) == 0 {
		return "", false, errors.New("it has no digits")
	}
	return string(b), plus, nil
}

// lastTwo masks an identifier down to its last two characters.
func lastTwo(s string) string {
	r := []rune(s)
	if len(r) < 6 {
		return "masked"
	}
	return "ending " + string(r[len(r)-2:])
}
