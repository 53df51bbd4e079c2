package rules

import (
	"strconv"
	"strings"
)

// Validator is a check on a value beyond its form.
type Validator struct {
	Says  string // what passing it means, in words: "its check digit fits"
	Check func(value string) bool
	Next  func(word string) bool // optional: false when the word that follows rules the value out
}

// Validators lists the checks that a rule can name.
func Validators() map[string]Validator {
	return map[string]Validator{
		"nhs":             {"its check digit fits", nhs, nil},
		"chi":             {"its check digit and date fit", chi, nil},
		"nhs-any":         {"its check digit fits", mod11Number, nil},
		"luhn":            {"its check digit fits", luhnNumber, nil},
		"hcn":             {"its check digit and range fit", hcn, nil},
		"utr":             {"its check digit fits", utr, nil},
		"nino":            {"its letters are ones that are issued", nino, nil},
		"driver":          {"its date and letters fit", driver, nil},
		"postcode":        {"its area exists", postcode, nil},
		"address":         {"its postcode's area exists", address, nil},
		"vehicle":         {"its letters and age are ones that are issued", vehicle, nil},
		"upn":             {"its check letter fits", upn, nil},
		"uln":             {"its check digit fits", uln, nil},
		"pnc":             {"its check letter fits", pnc, nil},
		"osgrid":          {"its square exists", osgrid, nil},
		"phone":           {"it is a number that a subscriber can have", phone, nil},
		"bank-pair":       {"a sort code and an account number stand together", bankPair, nil},
		"card":            {"its check digit and issuer fit", card, nil},
		"iban":            {"its country, length and check digits fit", iban, nil},
		"mrz":             {"its check digits fit", mrz, nil},
		"ssn":             {"its parts are ones that are issued", ssn, nil},
		"ip":              {"it is a public address", publicIP, nil},
		"date":            {"it is a day that exists", birthDate, nil},
		"steuer-id":       {"its check digit fits", steuerID, nil},
		"oib":             {"its check digit fits", oib, nil},
		"nir":             {"its key fits", nir, nil},
		"dni":             {"its check letter fits", dni, nil},
		"codice-fiscale":  {"its check letter fits", codiceFiscale, nil},
		"bsn":             {"its check digit fits", bsn, nil},
		"pesel":           {"its check digit and date fit", pesel, nil},
		"ppsn":            {"its check letter fits", ppsn, nil},
		"be-number":       {"its check digits fit", belgianNumber, nil},
		"pt-nif":          {"its check digit fits", portugueseNIF, nil},
		"personnummer":    {"its check digit and date fit", personnummer, nil},
		"hetu":            {"its check character and date fit", hetu, nil},
		"no-number":       {"its check digits and date fit", norwegianNumber, nil},
		"dk-number":       {"its date fits", danishNumber, nil},
		"at-number":       {"its check digit and date fit", austrianNumber, nil},
		"ahv":             {"its check digit fits", ahv, nil},
		"cnp":             {"its check digit and date fit", romanianCNP, nil},
		"egn":             {"its check digit and date fit", bulgarianEGN, nil},
		"birth-number":    {"its check and date fit", birthNumber, nil},
		"baltic-number":   {"its check digit and date fit", balticNumber, nil},
		"amka":            {"its check digit and date fit", amka, nil},
		"vat":             {"its check digits fit", vat, nil},
		"password":        {"it is made like a password", password, nil},
		"strong-password": {"it is made like a password", strongPassword, nil},
		"pass-words":      {"somebody may give it in earnest", passWords, nil},
		"pin":             {"it is made like a code", pin, nil},
		"token":           {"no language makes such a word", token, nil},
		"look-alike":      {"its address borrows a trusted name", lookAlikeHost, nil},
		"name":            {"it is made of names", personName, notPlace},
		"name-family":     {"it is no ordinary word and no place", familyName, nil},
		"name-likely":     {"it is written as a name and no ordinary word", likelyName, notPlace},
		"official":        {"no further marking follows it", anything, notSensitive},
		"street":          {"it reads as a house and a street", street, nil},
	}
}

// Shortens says whether a value that fails this check may pass it when it is
// cut short: not where the check looks at its beginning only.
func Shortens(validator string) bool { return validator != "look-alike" }

// digits returns the decimal digits of s, or as many as fit.
func digits(s string, buf []byte) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= '0' && c <= '9' && len(buf) < cap(buf) {
			buf = append(buf, c-'0')
		}
	}
	return buf
}

// compact returns the letters and digits of s, letters in upper case.
func compact(s string) string {
	out := make([]byte, 0, 32)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z':
			out = append(out, c-'a'+'A')
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			out = append(out, c)
		}
	}
	return string(out)
}

func allSame(d []byte) bool {
	for _, c := range d {
		if c != d[0] {
			return false
		}
	}
	return true
}

// nhs: ten digits, weights 10 to 2, modulus 11 (NHS Data Dictionary). Numbers
// in the ranges never issued are refused, those kept for tests are not.
func nhs(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	if len(d) != 10 || allSame(d) || !mod11(d) {
		return false
	}
	return d[0] >= 3 && d[0] != 5 && d[0] != 8
}

// mod11Number is nhs without the ranges: for numbers that are named as one.
func mod11Number(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	return len(d) == 10 && !allSame(d) && mod11(d) && !networkAddress(v)
}

// networkAddress reports whether four numbers with dots between begin v: what
// follows them is of no more use as a digit of something else.
func networkAddress(v string) bool {
	parts := strings.SplitN(strings.Trim(v, " .,-/_\n"), ".", 5)
	if len(parts) != 4 {
		return false
	}
	for i, p := range parts {
		if i == 3 {
			p, _, _ = strings.Cut(p, " ")
		}
		n, err := strconv.Atoi(p)
		if err != nil || n > 255 || len(p) > 3 {
			return false
		}
	}
	return true
}

// mod11 checks the last of ten digits against the nine before it.
func mod11(d []byte) bool {
	sum := 0
	for i := range 9 {
		sum += int(d[i]) * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check != 10 && check == int(d[9])
}
