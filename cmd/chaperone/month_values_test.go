package main_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// plainSlots make what is no personal data, however much of it is numbers.
func plainSlots() map[string]func(*speaker) string {
	return map[string]func(*speaker) string{
		"first": func(s *speaker) string { return s.colleague().first },
		"staff": func(s *speaker) string { return s.colleague().name() },
		"time":  func(s *speaker) string { return clockTime(s.rng) },
		"price": func(s *speaker) string {
			return fmt.Sprintf("£%s", pickOf(s.rng, fmt.Sprint(s.rng.IntN(90)+3), fmt.Sprintf("%d.%02d", s.rng.IntN(400), s.rng.IntN(100)), fmt.Sprintf("%d,%03d", s.rng.IntN(90)+1, s.rng.IntN(1000)), fmt.Sprintf("%d.%dk", s.rng.IntN(90)+1, s.rng.IntN(10))))
		},
		"ticket": func(s *speaker) string {
			return pickOf(s.rng, "INC", "REQ", "CHG", "SR", "#", "WO-", "Job ") + digits(s.rng, 5+s.rng.IntN(4))
		},
		"order": func(s *speaker) string {
			return pickOf(s.rng, "PO", "PO ", "order ", "order no ", "ref ") + digits(s.rng, 10)
		},
		"ten":   func(s *speaker) string { return digits(s.rng, 10) },
		"nine":  func(s *speaker) string { return digits(s.rng, 9) },
		"eight": func(s *speaker) string { return digits(s.rng, 8) },
		"six":   func(s *speaker) string { return digits(s.rng, 6) },
		"four":  func(s *speaker) string { return digits(s.rng, 4) },
		"uprn":  func(s *speaker) string { return "1000" + digits(s.rng, 8) },
		"meter": func(s *speaker) string { return digits(s.rng, 5) + pickOf(s.rng, "", ".", " ") + digits(s.rng, 1) },
		"grid": func(s *speaker) string {
			return pickOf(s.rng, "SO ", "SJ", "NT ", "SH") + digits(s.rng, 3) + pickOf(s.rng, " ", "") + digits(s.rng, 3)
		},
		"office_phone": func(s *speaker) string {
			return pickOf(s.rng, "01632 960", "01632 960 ", "(01632) 960", "01632960") + digits(s.rng, 3)
		},
		"ext":        func(s *speaker) string { return digits(s.rng, 4) },
		"duty_phone": func(s *speaker) string { return pickOf(s.rng, "07700 900", "07700900") + digits(s.rng, 3) },
		"building_postcode": func(s *speaker) string {
			return pickOf(s.rng, "LD9", "HR29", "SY49", "CW99") + " " + digits(s.rng, 1) + letters(s.rng, 2)
		},
		"pool_reg": func(s *speaker) string {
			return publishedReg(s.rng)
		},
		"day": func(s *speaker) string {
			return pickOf(s.rng, "Mon", "Tues", "Weds", "Thurs", "Fri", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
		},
		"date":    func(s *speaker) string { return nearDate(s.rng) },
		"road_no": func(s *speaker) string { return pickOf(s.rng, "A", "B") + strconv.Itoa(4000+s.rng.IntN(999)) },
		"metres":  func(s *speaker) string { return fmt.Sprintf("%d.%02d", s.rng.IntN(4)+1, s.rng.IntN(100)) },
		"percent": func(s *speaker) string { return strconv.Itoa(5+s.rng.IntN(94)) + "%" },
		"year":    func(s *speaker) string { return strconv.Itoa(2015 + s.rng.IntN(14)) },
		"version": func(s *speaker) string { return fmt.Sprintf("v%d.%d", 1+s.rng.IntN(4), s.rng.IntN(12)) },
		"hex":     func(s *speaker) string { return fmt.Sprintf("%08x", s.rng.Uint32()) },
	}
}

// sensitiveSlots make what is personal data; one thing said has one value of
// each.
func sensitiveSlots() map[string]func(*speaker) string {
	return map[string]func(*speaker) string{
		"nhs":       func(s *speaker) string { return nhsNumber(s.rng) },
		"nino":      func(s *speaker) string { return insuranceNumber(s.rng) },
		"dob":       func(s *speaker) string { return birthDate(s.rng, 1932, 2004) },
		"child_dob": func(s *speaker) string { return birthDate(s.rng, 2010, 2021) },
		"rname":     func(s *speaker) string { return s.word("resident_first") + " " + s.word("resident_last") },
		"rname_b":   func(s *speaker) string { return s.word("resident_first") + " " + s.word("resident_last") },
		"rtitle": func(s *speaker) string {
			return pickOf(s.rng, "Mrs ", "Mr ", "Miss ", "Ms ", "Mrs ") + s.word("resident_last")
		},
		"rfirst": func(s *speaker) string { return s.word("resident_first") },
		"rlast":  func(s *speaker) string { return s.word("resident_last") },
		"home": func(s *speaker) string {
			return strconv.Itoa(1+s.rng.IntN(140)) + pickOf(s.rng, " ", " ", "a ", " ") + s.word("street")
		},
		"home_postcode": func(s *speaker) string {
			return pickOf(s.rng, "LD9", "HR29", "SY49", "CW99") + pickOf(s.rng, " ", " ", "") + digits(s.rng, 1) + letters(s.rng, 2)
		},
		"rphone": func(s *speaker) string { return residentPhone(s.rng) },
		"remail": func(s *speaker) string {
			return strings.ToLower(s.word("resident_first") + pickOf(s.rng, ".", "_", "") + s.word("resident_last") + pickOf(s.rng, "", "", digits(s.rng, 2)) + "@" + pickOf(s.rng, "example.com", "example.org", "mail.example.com"))
		},
		"bank": func(s *speaker) string { return bankDetails(s.rng) },
		"iban": func(s *speaker) string {
			return pickOf(s.rng, "GB82 WEST 1234 5698 7654 32", "GB29NWBK60161331926819", "GB33BUKB20201555555555")
		},
		"card": func(s *speaker) string {
			return pickOf(s.rng, "4242 4242 4242 4242", "5555555555554444", "4111 1111 1111 1111", "5105-1051-0510-5100", "4012888888881881")
		},
		"password": func(s *speaker) string { return password(s) },
		"door": func(s *speaker) string {
			return pickOf(s.rng, "C", "", "", "X") + digits(s.rng, 4) + pickOf(s.rng, "", "", "Y", "Z")
		},
		"passport": func(s *speaker) string { return digits(s.rng, 9) },
		"reg": func(s *speaker) string {
			return publishedReg(s.rng)
		},
	}
}

func (s *speaker) word(name string) string {
	var b strings.Builder
	for _, p := range s.slot(name) {
		b.WriteString(p.text)
	}
	return b.String()
}

func (s *speaker) colleague() *monthPerson { return s.staff[s.rng.IntN(len(s.staff))] }

func digits(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(rng.IntN(10))
	}
	if n > 1 && b[0] == '0' {
		b[0] = '4'
	}
	return string(b)
}

func letters(rng *rand.Rand, n int) string {
	const from = "ABDEFGHJLNPQRSTUWXYZ"
	b := make([]byte, n)
	for i := range b {
		b[i] = from[rng.IntN(len(from))]
	}
	return string(b)
}

func clockTime(rng *rand.Rand) string {
	h, m := rng.IntN(24), rng.IntN(12)*5
	h12 := (h+11)%12 + 1
	half := "am"
	if h >= 12 {
		half = "pm"
	}
	switch rng.IntN(6) {
	case 0:
		return fmt.Sprintf("%02d%02d", h, m)
	case 1:
		return fmt.Sprintf("%d%s", h12, half)
	case 2:
		return fmt.Sprintf("%d.%02d", h12, m)
	case 3:
		return fmt.Sprintf("%d.%02d%s", h12, m, half)
	default:
		return fmt.Sprintf("%02d:%02d", h, m)
	}
}

func nearDate(rng *rand.Rand) string {
	d := time.Date(2026, time.Month(1+rng.IntN(12)), 1+rng.IntN(28), 0, 0, 0, 0, time.UTC)
	return d.Format(pickOf(rng, "2/1", "02/01/2006", "2 Jan", "2 January", "Mon 2nd", "02.01.06", "2006-01-02"))
}

func birthDate(rng *rand.Rand, from, to int) string {
	d := time.Date(from+rng.IntN(to-from), time.Month(1+rng.IntN(12)), 1+rng.IntN(28), 0, 0, 0, 0, time.UTC)
	return d.Format(pickOf(rng, "02/01/2006", "2/1/06", "2 January 2006", "02-01-2006", "2.1.2006", "2 Jan 2006"))
}

// nhsNumber makes a valid number of the range that is kept for tests.
func nhsNumber(rng *rand.Rand) string {
	for {
		n := "999" + digits(rng, 6)
		if d, ok := mod11(n); ok {
			n += d
			return pickOf(rng, n, n[:3]+" "+n[3:6]+" "+n[6:], n[:3]+" "+n[3:6]+" "+n[6:], n[:3]+"-"+n[3:6]+"-"+n[6:])
		}
	}
}

// mod11 is the check digit of the health services; not every number has one.
func mod11(nine string) (string, bool) {
	sum := 0
	for i, r := range nine {
		sum += int(r-'0') * (10 - i)
	}
	d := (11 - sum%11) % 11
	return strconv.Itoa(d), d < 10
}

// insuranceNumber makes a number with a prefix that was never issued.
func insuranceNumber(rng *rand.Rand) string {
	p, n, end := pickOf(rng, "BX", "CX", "MB", "WS", "AA", "BS"), digits(rng, 6), pickOf(rng, "A", "B", "C", "D")
	switch rng.IntN(4) {
	case 0:
		return p + " " + n[:2] + " " + n[2:4] + " " + n[4:] + " " + end
	case 1:
		return strings.ToLower(p + n + end)
	default:
		return p + n + end
	}
}

func residentPhone(rng *rand.Rand) string {
	n := digits(rng, 3)
	return pickOf(rng, "07700 900"+n, "07700900"+n, "07700 900 "+n, "+44 7700 900"+n, "01632 960"+n, "01632 960 "+n, "07700-900-"+n)
}

// bankDetails are those of the published examples for checking them.
func bankDetails(rng *rand.Rand) string {
	sort := pickOf(rng, "08-99-99", "10-79-99", "20-29-59")
	account := map[string]string{"08-99-99": "66374958", "10-79-99": "88837491", "20-29-59": "63748472"}[sort]
	if rng.IntN(3) == 0 {
		sort = strings.ReplaceAll(sort, "-", pickOf(rng, "", " "))
	}
	return pickOf(rng, sort+" "+account, "sort code "+sort+" account "+account, "s/c "+sort+" a/c "+account, sort+" / "+account, "sort "+sort+"\nacc no "+account)
}

// publishedReg is one of the registrations that stand in published examples.
func publishedReg(rng *rand.Rand) string {
	return pickOf(rng, "AB51 DVL", "BD51 SMR", "BD51SMR", "AB12 CDE", "AB71 XYZ", "AB51DVL")
}

func password(s *speaker) string {
	w := s.word("password_word")
	return pickOf(s.rng, w+digits(s.rng, 2)+"!", w+digits(s.rng, 4), strings.ToLower(w)+"-"+strings.ToLower(s.word("password_word"))+digits(s.rng, 2), w+"$"+digits(s.rng, 3))
}
