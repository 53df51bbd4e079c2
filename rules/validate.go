package rules

// Validator is a check on a value beyond its form.
type Validator struct {
	Says  string // what passing it means, in words: "its check digit fits"
	Check func(value string) bool
}

// Validators lists the checks that a rule can name.
func Validators() map[string]Validator {
	return map[string]Validator{
		"nhs":             {"its check digit fits", nhs},
		"chi":             {"its check digit and date fit", chi},
		"hcn":             {"its check digit and range fit", hcn},
		"utr":             {"its check digit fits", utr},
		"nino":            {"its letters are ones that are issued", nino},
		"driver":          {"its date and letters fit", driver},
		"postcode":        {"its area exists", postcode},
		"address":         {"its postcode's area exists", address},
		"vehicle":         {"its letters and age are ones that are issued", vehicle},
		"upn":             {"its check letter fits", upn},
		"uln":             {"its check digit fits", uln},
		"pnc":             {"its check letter fits", pnc},
		"osgrid":          {"its square exists", osgrid},
		"phone":           {"it is a number that a subscriber can have", phone},
		"card":            {"its check digit and issuer fit", card},
		"iban":            {"its country, length and check digits fit", iban},
		"mrz":             {"its check digits fit", mrz},
		"ssn":             {"its parts are ones that are issued", ssn},
		"ip":              {"it is a public address", publicIP},
		"date":            {"it is a day that exists", birthDate},
		"password":        {"it is made like a password", password},
		"strong-password": {"it is made like a password", strongPassword},
		"token":           {"no language makes such a word", token},
		"look-alike":      {"its address borrows a trusted name", lookAlikeHost},
		"name":            {"it is made of names", personName},
		"street":          {"it reads as a house and a street", street},
	}
}

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

// mod11 checks the last of ten digits against the nine before it.
func mod11(d []byte) bool {
	sum := 0
	for i := range 9 {
		sum += int(d[i]) * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check != 10 && check == int(d[9])
}
