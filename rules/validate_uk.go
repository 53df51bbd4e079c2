package rules

import (
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// nino: two letters that are issued, six digits, suffix A to D (HMRC NIM39110).
func nino(v string) bool {
	c := compact(v)
	if len(c) != 9 {
		return false
	}
	if strings.ContainsRune("DFIQUV", rune(c[0])) || strings.ContainsRune("DFIQUVO", rune(c[1])) {
		return false
	}
	switch c[:2] {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ", "OO", "CR", "FY", "MW", "NC", "PP":
		return false
	}
	return isLetters(c[:2]) && isDigits(c[2:8]) && c[8] >= 'A' && c[8] <= 'D'
}

func isLetters(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(s) > 0
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

// chi: a Scottish CHI number is a date of birth, three digits and the NHS
// check digit (ISD).
func chi(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	return len(d) == 10 && mod11(d) && validDay(num(d[:2]), num(d[2:4]), 2000)
}

// hcn: a Health and Care number of Northern Ireland, 320 000 0010 to 399 999 9999.
func hcn(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	return len(d) == 10 && mod11(d) && d[0] == 3 && d[1] >= 2
}

// utr: the first of ten digits is the check of the rest (python-stdnum's
// account of HMRC's weights).
func utr(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	if len(d) != 10 || allSame(d) {
		return false
	}
	sum := 0
	for i, w := range [...]int{6, 7, 8, 9, 10, 5, 4, 3, 2} {
		sum += w * int(d[i+1])
	}
	return "21987654321"[sum%11] == '0'+d[0]
}

// driver: the sixteen characters of a GB driver number: surname padded with
// nines, decade, month (50 more for women), day, year, initials.
func driver(v string) bool {
	c := compact(v)
	if len(c) != 16 || !driverGroups(v) {
		return false
	}
	name := strings.TrimRight(c[:5], "9")
	if !isLetters(name) || !isDigits(c[5:11]) || c[14] == 0 {
		return false
	}
	month, day := int(c[6]-'0')*10+int(c[7]-'0'), int(c[8]-'0')*10+int(c[9]-'0')
	if month > 50 {
		month -= 50
	}
	for _, x := range c[11:13] {
		if x != '9' && (x < 'A' || x > 'Z') {
			return false
		}
	}
	return validDay(day, month, 2000)
}

// driverGroups reports whether the gaps of a driver number stand where people
// put them: between its parts, after every four, or after nearly every one.
// Elsewhere it is a word and a time or two: "Thurs 0530, 12 to 17s".
func driverGroups(v string) bool {
	gaps, parts, fours, initials, taken, gap := 0, true, true, false, 0, false
	for i := range len(v) {
		c := v[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			gap = taken > 0
			continue
		}
		if gap {
			gaps++
			initials = initials || taken == 11
			parts = parts && (taken == 5 || taken == 11 || initials && (taken == 13 || taken == 14))
			fours = fours && taken%4 == 0
		}
		gap = false
		taken++
	}
	return gaps == 0 || parts || fours || gaps >= 10
}

// postcode: the grammar of a UK postcode, and an area that exists.
func postcode(v string) bool {
	c := compact(v)
	if c == "GIR0AA" {
		return true
	}
	if strings.HasPrefix(c, "BFPO") {
		return isDigits(c[4:])
	}
	if len(c) < 5 || len(c) > 7 {
		return false
	}
	in, out := c[len(c)-3:], c[:len(c)-3]
	if !isDigits(in[:1]) || strings.ContainsAny(in[1:], "CIKMOV") {
		return false
	}
	area := out
	for i := 0; i < len(out); i++ {
		if out[i] >= '0' && out[i] <= '9' {
			area = out[:i]
			break
		}
	}
	return area != out && strings.Contains(postcodeAreas, " "+area+" ")
}

// address: ends in a postcode whose area exists.
func address(v string) bool {
	c := compact(v)
	for n := 5; n <= 7 && n < len(c); n++ {
		if postcode(c[len(c)-n:]) {
			return true
		}
	}
	return false
}

// postcodeAreas are the 124 areas of the Royal Mail.
const postcodeAreas = " AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX " +
	"FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW " +
	"OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR " +
	"WS WV YO ZE "

// vehicle: the marks that the DVLA issues: current, prefix, suffix and
// Northern Ireland.
func vehicle(v string) bool {
	c := compact(v)
	if len(c) < 2 || strings.ToUpper(v) != v && strings.ToLower(v) != v || strings.Contains(v, ",") { // "A499 jct" is a road
		return false
	}
	switch strings.ToUpper(c[:min(3, len(c))]) { // "FYI 13 beds are free"
	case "FYI", "INC", "INV", "MRI", "VIP", "PIN", "SIM", "API", "GIS", "FOI", "KPI", "ZIP":
		return false
	}
	switch {
	case len(c) == 7 && isLetters(c[:2]) && isDigits(c[2:4]) && isLetters(c[4:]): // AB12 CDE
		age := int(c[2]-'0')*10 + int(c[3]-'0')
		return !strings.ContainsAny(c[:2], "IQZ") && !strings.ContainsAny(c[4:], "IQ") &&
			(age >= 2 && age <= 29 || age >= 51 && age <= 79)
	case len(c) >= 5 && isLetters(c[:1]) && len(c) <= 7 && isDigits(c[1:len(c)-3]) && isLetters(c[len(c)-3:]): // A123 BCD
		return !strings.ContainsAny(c[:1], "IOUZ") && !strings.ContainsAny(c[len(c)-3:], "IQ")
	case len(c) >= 5 && len(c) <= 7 && isLetters(c[:3]) && isDigits(c[3:len(c)-1]) && isLetters(c[len(c)-1:]): // ABC 123D
		return !strings.ContainsAny(c[len(c)-1:], "IOQUZ") && !strings.ContainsAny(c[:3], "IQZ")
	}
	for n := 2; n <= 3; n++ { // AIZ 1234
		if len(c) > n && len(c) <= n+4 && isLetters(c[:n]) && isDigits(c[n:]) {
			return strings.ContainsAny(c[:n], "IZ")
		}
	}
	return false
}

// upn: a pupil's number begins with a check letter (weights 2 to 13, modulus
// 23, without I, O and S; DfE).
func upn(v string) bool {
	const letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
	c := compact(v)
	if len(c) != 13 {
		return false
	}
	sum := 0
	for i := 1; i < 13; i++ {
		x := int(c[i] - '0')
		if c[i] > '9' {
			if i != 12 {
				return false
			}
			x = strings.IndexByte(letters, c[i])
		}
		if x < 0 {
			return false
		}
		sum += x * (i + 1)
	}
	return letters[sum%23] == c[0]
}

// uln: a learner's number: weights 10 to 1, remainder 10 (HESA).
func uln(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	if len(d) != 10 || d[0] == 0 {
		return false
	}
	sum := 0
	for i := range 10 {
		sum += int(d[i]) * (10 - i)
	}
	return sum%11 == 10
}

// pnc: year, serial, and a letter that is their remainder by 23.
func pnc(v string) bool {
	const letters = "ZABCDEFGHJKLMNPQRTUVWXY"
	c := compact(strings.TrimSpace(v))
	year, _, ok := strings.Cut(v, "/")
	year = compact(year)
	if !ok || len(year) < 2 || len(c) < len(year)+2 {
		return false
	}
	last := c[len(c)-1]
	serial := strings.TrimLeft(c[len(year):len(c)-1], "0")
	if len(serial) > 7 || !isDigits(year) || serial != "" && !isDigits(serial) {
		return false
	}
	n := 0
	for _, x := range year[len(year)-2:] + strings.Repeat("0", 7-len(serial)) + serial {
		n = (n*10 + int(x-'0')) % 23
	}
	return letters[n] == last
}

// osgrid: the two letters of a 100 km square of Great Britain, and an even
// number of digits.
func osgrid(v string) bool {
	c := compact(v)
	return len(c) >= 8 && len(c)%2 == 0 && strings.IndexByte("HNSTOJ", c[0]) >= 0 && c[1] != 'I' && isDigits(c[2:])
}

// phone: a British subscriber's number by the national numbering plan, or an
// international number of plausible length. Short codes and the numbers that
// anybody may ring (080, 0300, 084, 087, 09) are not anybody's personal data.
func phone(v string) bool {
	v = strings.Replace(v, "(0)", "", 1)
	if len(v) > 7 && strings.IndexByte("/.-", v[2]) >= 0 && (strings.HasPrefix(v[3:], "19") || strings.HasPrefix(v[3:], "20")) && (v[7] < '0' || v[7] > '9') {
		return false // the end of a date, and a time of day
	}
	d := digits(v, make([]byte, 0, 20))
	international := strings.HasPrefix(strings.TrimLeft(v, "( "), "+") || len(d) > 4 && d[0] == 0 && d[1] == 0
	for international && len(d) > 0 && d[0] == 0 {
		d = d[1:]
	}
	if international && !(len(d) > 2 && d[0] == 4 && d[1] == 4) {
		return len(d) >= 8 && len(d) <= 18 && !allSame(d) && calls(d) && abroad(v)
	}
	if international {
		d = d[2:]
	}
	if len(d) > 0 && d[0] == 0 {
		d = d[1:]
	} else if !international {
		return false
	}
	return len(d) >= 9 && len(d) <= 10 && !allSame(d) && !ascending(d) && subscriber(d)
}

// calls says whether an international number begins with the code of a country.
func calls(d []byte) bool {
	code := 0
	for _, c := range d[:3] {
		if code = 10*code + int(c); callingCodes()[code] {
			return true
		}
	}
	return false
}

var callingCodes = sync.OnceValue(phonenumbers.GetSupportedCallingCodes)

// abroad asks libphonenumber whether a country has such numbers. It is dear,
// so only what has the form of an international number comes here; British
// numbers never do: the library refuses the ranges kept for drama, and takes
// any ten digits for one.
func abroad(v string) bool {
	v = strings.TrimSpace(v)
	if rest, ok := strings.CutPrefix(v, "00"); ok {
		v = "+" + rest
	}
	n, err := phonenumbers.Parse(v, "ZZ")
	return err == nil && phonenumbers.IsPossibleNumber(n)
}

// ascending says whether digits only count up, as in an example.
func ascending(d []byte) bool {
	for i := 1; i < len(d); i++ {
		if d[i] != (d[i-1]+1)%10 {
			return false
		}
	}
	return true
}

// subscriber checks a national number without its leading nought.
func subscriber(d []byte) bool {
	switch d[0] {
	case 1:
		return d[1] != 0 || len(d) == 10 // 010x is not in use for nine digits
	case 2:
		return len(d) == 10 && (d[1] == 0 || d[1] == 3 || d[1] == 4 || d[1] == 8 || d[1] == 9)
	case 3:
		return false
	case 7:
		return len(d) == 10 && d[1] != 0 && !(d[1] == 6 && d[2] != 2)
	}
	return d[0] == 5 && len(d) == 10 && (d[1] == 5 || d[1] == 6)
}
