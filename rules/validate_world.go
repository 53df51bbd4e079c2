package rules

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func num(d []byte) int {
	n := 0
	for _, c := range d {
		n = n*10 + int(c)
	}
	return n
}

func validDay(day, month, year int) bool {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t.Day() == day
}

// card: Luhn's check digit, and a prefix of an issuer.
func card(v string) bool {
	d := digits(v, make([]byte, 0, 24))
	return issuer(d) && luhn(d) && !networkAddress(v)
}

// luhnNumber is card without the issuers: for numbers that are named as one.
func luhnNumber(v string) bool { return luhn(digits(v, make([]byte, 0, 24))) }

func luhn(d []byte) bool {
	if len(d) < 13 || len(d) > 19 || allSame(d) {
		return false
	}
	sum := 0
	for i := range d {
		x := int(d[len(d)-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// bankPair: six digits of a sort code and six to ten of an account. Whether
// the two can exist together is asked of Vocalink's table, where there is one.
func bankPair(v string) bool {
	d := digits(v, make([]byte, 0, 20))
	return len(d) >= 12 && len(d) <= 16 && !allSame(d)
}

// issuer checks the first digits and the length against the issuers' ranges.
func issuer(d []byte) bool {
	n := len(d)
	if n < 13 {
		return false
	}
	two, three, four := num(d[:2]), num(d[:3]), num(d[:4])
	switch {
	case d[0] == 4:
		return n == 13 || n == 16 || n == 18 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case two == 34, two == 37:
		return n == 15
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39:
		return n == 14 || n == 16
	case four == 6011, two == 65, three >= 644 && three <= 649, two == 62:
		return n >= 16
	case four >= 3528 && four <= 3589:
		return n >= 16
	case two == 50, two >= 56 && two <= 58, two == 63, two == 67, two == 60:
		return n >= 12
	}
	return false
}

// ibanLengths gives the length of an IBAN by country (SWIFT registry).
const ibanLengths = " AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
	"FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 " +
	"LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 " +
	"SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// iban: the country's length, and the remainder 1 by 97 (ISO 13616).
func iban(v string) bool {
	c := compact(v)
	if len(c) < 15 || !strings.Contains(ibanLengths, " "+c[:2]+strconv.Itoa(len(c))+" ") {
		return false
	}
	n := 0
	for _, x := range c[4:] + c[:4] {
		if x >= 'A' {
			n = (n*100 + int(x-'A') + 10) % 97
		} else {
			n = (n*10 + int(x-'0')) % 97
		}
	}
	return n == 1
}

// mrz: the check digits of the second line of a passport (ICAO 9303).
func mrz(v string) bool {
	lines := strings.Fields(v)
	if len(lines) == 0 {
		return false
	}
	l := strings.ToUpper(lines[len(lines)-1])
	if len(l) != 44 {
		return false
	}
	check := func(s string, digit byte) bool {
		sum := 0
		for i := 0; i < len(s); i++ {
			x := 0
			switch c := s[i]; {
			case c >= '0' && c <= '9':
				x = int(c - '0')
			case c >= 'A' && c <= 'Z':
				x = int(c-'A') + 10
			}
			sum += x * [3]int{7, 3, 1}[i%3]
		}
		return digit >= '0' && digit <= '9' && sum%10 == int(digit-'0')
	}
	return check(l[0:9], l[9]) && check(l[13:19], l[19]) && check(l[21:27], l[27])
}

// ssn: areas, groups and serials that the US administration issues.
func ssn(v string) bool {
	d := digits(v, make([]byte, 0, 12))
	if len(d) != 9 || allSame(d) {
		return false
	}
	area, group, serial := num(d[:3]), num(d[3:5]), num(d[5:])
	return area != 0 && area != 666 && group != 0 && serial != 0 && !(area == 78 && group == 5 && serial == 1120)
}

// lookAlikeHost: a web address whose host borrows the name of a body that
// people trust, without being that body's own.
func lookAlikeHost(v string) bool {
	host := v
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	if i := strings.IndexAny(host, "/?#:"); i >= 0 {
		host = host[:i]
	}
	var buf [64]byte
	read := asRead(host, buf[:0])
	for i := range read {
		for _, brand := range trustedNames[read[i]] {
			if bytes.HasPrefix(read[i:], []byte(brand)) && !ownHost(host, strings.Trim(brand, "-")) {
				return !public(host)
			}
		}
	}
	return false
}

// public says whether a host is in a domain that only public bodies have.
func public(host string) bool {
	for _, own := range [...]string{".gov.uk", ".nhs.uk", ".nhs.net", ".police.uk", ".ac.uk", ".sch.uk", ".mod.uk", ".parliament.uk", ".gov.wales", ".gov.scot"} {
		if len(host) >= len(own) && strings.EqualFold(host[len(host)-len(own):], own) || strings.EqualFold(host, own[1:]) {
			return true
		}
	}
	return false
}

// trustedNames are names that scams borrow, by their first letter.
var trustedNames = [256][]string{
	'-': {"-nhs", "-gov.", "-gov-"},
	'a': {"amazon", "apple-", "airbnb", "argos"},
	'b': {"barclays", "booking-", "britishgas", "british-gas", "binance"},
	'c': {"coinbase", "council-tax", "counciltax", "companieshouse", "companies-house", "companyhouse"},
	'd': {"dvla", "dvsa", "dpd", "dhl-", "docusign", "dropbox", "deliveroo"},
	'e': {"evri", "ebay", "edfenergy"},
	'f': {"fedex", "facebook", "firstdirect", "first-direct"},
	'g': {"gov-", "govuk", "gov.uk", "google", "gumtree"},
	'h': {"hmrc", "hmcts", "hermes", "hsbc", "halifax", "homeoffice", "home-office"},
	'i': {"icloud", "instagram", "inpost"},
	'k': {"klarna"},
	'l': {"lloyds", "linkedin"},
	'm': {"microsoft", "monzo", "metropolitanpolice", "met-police"},
	'n': {"nhs-", "nhsapp", "netflix", "natwest", "nationwide"},
	'o': {"office365", "office-365", "outlook", "onedrive", "ofgem", "octopusenergy"},
	'p': {"paypal", "parcelforce", "post-office", "postoffice"},
	'r': {"royalmail", "royal-mail", "revolut"},
	's': {"santander", "sharepoint", "studentfinance", "student-finance", "starlingbank"},
	't': {"tvlicen", "tv-licen", "tesco-", "tesco.", "trustpilot"},
	'u': {"usps", "ukvi", "ulez"},
	'v': {"vodafone", "vinted", "virginmedia", "virgin-media"},
	'y': {"yodel"},
	'w': {"whatsapp", "wa-"},
}

// ownHost says whether host is a brand's own: its name is a whole label, and
// at most two labels (com, co.uk) come after it.
func ownHost(host, brand string) bool {
	labels := strings.Split(strings.ToLower(host), ".")
	i := slices.Index(labels, brand)
	return i >= 0 && i < len(labels)-1 && i >= len(labels)-3
}

// asRead gives a host as a hurried reader takes it: 0 for o, rn for m.
func asRead(host string, out []byte) []byte {
	for i := 0; i < len(host); i++ {
		c := host[i]
		if c == 'I' && i > 0 && host[i-1] >= 'a' { // a capital among small letters, to be taken for an l
			c = 'l'
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		next := byte(0)
		if i+1 < len(host) {
			next = host[i+1]
		}
		switch {
		case c == '0':
			c = 'o'
		case c == '1':
			c = 'l'
		case c == '3':
			c = 'e'
		case c == '5':
			c = 's'
		case c == 'r' && next == 'n':
			c, i = 'm', i+1
		case c == 'v' && next == 'v':
			c, i = 'w', i+1
		}
		out = append(out, c)
	}
	return out
}

// publicIP: an address that is somebody's on the internet.
func publicIP(v string) bool {
	a, err := netip.ParseAddr(strings.Trim(v, "[]"))
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate()
}

// monthName reads the month that a word begins with, English or Welsh.
func monthName(w string) int {
	w = strings.ToLower(w)
	for m, names := range [...]string{"jan ion", "feb chw", "mar maw", "apr ebr", "may mai", "jun meh", "jul gor", "aug aws", "sep med", "oct hyd", "nov tac", "dec rha"} {
		if len(w) >= 3 && strings.Contains(" "+names+" ", " "+w[:3]+" ") {
			return m + 1
		}
	}
	return 0
}

// birthDate: a real day, not before 1900. Whether it lies in the future is not
// asked, since a rule reads no clock; two-digit years are taken as they come.
func birthDate(v string) bool {
	parts := strings.FieldsFunc(v, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var n []int
	month := 0
	for _, p := range parts {
		if m := monthName(p); m > 0 {
			month = m
			continue
		}
		p = strings.TrimRight(strings.ToLower(p), "stndrh")
		if x, err := strconv.Atoi(p); err == nil {
			n = append(n, x)
		}
	}
	if len(n) > 3 { // digits apart
		d := digits(v, make([]byte, 0, 10))
		switch {
		case month == 0 && len(d) == 8:
			return num(d[4:]) >= 1900 && num(d[4:]) < 2100 && validDay(num(d[:2]), num(d[2:4]), num(d[4:]))
		case month == 0 && len(d) == 6:
			return validDay(num(d[:2]), num(d[2:4]), 2000)
		}
		return false
	}
	switch {
	case month > 0 && len(n) == 2:
		return validDay(n[0], month, fullYear(n[1]))
	case month == 0 && len(n) == 1 && len(strings.TrimSpace(v)) == 6: // ddmmyy
		return validDay(n[0]/10000, n[0]/100%100, 2000)
	case month == 0 && len(n) == 1 && len(strings.TrimSpace(v)) == 8: // ddmmyyyy
		return n[0]%10000 >= 1900 && validDay(n[0]/1000000, n[0]/10000%100, n[0]%10000)
	case month != 0 || len(n) != 3:
		return false
	case n[0] > 1900:
		return n[0] < 2100 && validDay(n[2], n[1], n[0])
	}
	y := fullYear(n[2])
	return y >= 1900 && y < 2100 && (validDay(n[0], n[1], y) || validDay(n[1], n[0], y))
}

// fullYear reads two digits as a year that every date exists in.
func fullYear(y int) int {
	if y < 100 {
		return 2000 + y - y%4
	}
	return y
}

// passWords: words as a password, unless they are what people say who give
// none.
func passWords(v string) bool {
	switch strings.ToLower(strings.Trim(v, " .,;:!?\"'`*_")) {
	case "please", "password", "the password", "passw0rd", "secret", "a secret", "guess", "none", "nothing", "blank", "unknown", "wrong", "incorrect", "forgotten", "changed", "changeme", "expired", "on the wall", "the usual", "same as before", "friend":
		return false
	}
	return true
}

// password: what people choose as one: no plain word, no ordinary number, no
// placeholder.
func password(v string) bool {
	v = strings.TrimRight(v, ".,;:!?)\"'`*_|")
	if len(v) < 4 || len(v) > 128 {
		return false
	}
	var letters, caps, nums, marks int
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			nums++
		case r >= 'A' && r <= 'Z':
			caps++
			letters++
		case unicode.IsLetter(r):
			letters++
		default:
			marks++
		}
	}
	low := strings.ToLower(v)
	if strings.Contains(low, "://") || strings.HasPrefix(v, "<") || strings.HasPrefix(v, "@") || strings.HasPrefix(v, "#") || strings.Trim(v, "*x.X_-") == "" {
		return false
	}
	switch {
	case letters > 0 && nums > 0:
		return !ordinal(low)
	case letters > 0 && marks > 0:
		inner := strings.Trim(v, "-_.'!?")
		return strings.ContainsAny(inner, "!@$%^&*#+=_") || strings.Count(inner, "-") >= 2
	case letters > 0:
		return caps >= 2 && caps < letters && len(v) >= 8
	}
	return nums >= 4 && marks == 0
}

// strongPassword is password for a place where a word of a sentence could
// stand as well: letters with digits and more.
func strongPassword(v string) bool {
	v = strings.TrimRight(v, ".,;:!?)\"'`*_|")
	if len(v) < 7 || !password(v) {
		return false
	}
	var lowers, caps, nums, marks int
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			nums++
		case r >= 'A' && r <= 'Z':
			caps++
		case r >= 'a' && r <= 'z':
			lowers++
		default:
			marks++
		}
	}
	low := strings.ToLower(v)
	if strings.Contains(low, "ctrl") || strings.HasPrefix(low, "localhost") {
		return false
	}
	return nums > 0 && lowers+caps > 2 && (marks > 0 || caps > 0 && lowers > 0 || len(v) >= 9) && !strings.ContainsAny(v, "/<>(),=")
}

// pin: three to eight digits that are no clock time after "at" and no year of
// a date; letters may stand at either end.
func pin(v string) bool {
	d := digits(v, make([]byte, 0, 10))
	if len(d) < 3 || len(d) > 8 {
		return false
	}
	c := compact(v)
	return len(d) > 3 || len(c) == len(d) || len(c) >= 5
}

// token: a run of letters and digits that no language makes.
func token(v string) bool {
	v = strings.Trim(v, ".,;:\"'`*)(")
	if len(v) < 16 {
		return false
	}
	seen := map[byte]bool{}
	nums, letters := 0, 0
	for i := 0; i < len(v); i++ {
		seen[v[i]] = true
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			nums++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return nums > 0 && letters > 2 && len(seen) >= 8
}

// ordinal says whether a word is a number with its ending, a time or an amount:
// 4th, 10am, 2pm, 500k, 3x, v2.
func ordinal(low string) bool {
	tail := strings.TrimLeft(low, "0123456789.:,-")
	switch tail {
	case "st", "nd", "rd", "th", "am", "pm", "k", "m", "x", "mb", "gb", "days", "hrs", "h", "mins", "min", "s", "am.", "pm.", "ish":
		return true
	}
	return len(low) < 5 && strings.HasPrefix(low, "v")
}
