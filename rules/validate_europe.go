package rules

import "strings"

// Numbers that states of Europe give people. Each check is the published one
// of the number; ranges that were never issued are not asked for.

// weighted sums digits with weights, the last weight going on.
func weighted(d []byte, weights ...int) int {
	sum := 0
	for i, c := range d {
		sum += int(c) * weights[min(i, len(weights)-1)]
	}
	return sum
}

// exactly gives the digits of v when there are n of them and they differ.
func exactly(v string, n int) []byte {
	d := digits(v, make([]byte, 0, 20))
	if len(d) != n || allSame(d) {
		return nil
	}
	return d
}

// iso7064 is the check of ISO 7064, modulus 11,10: German and Croatian tax numbers.
func iso7064(d []byte) bool {
	p := 10
	for _, c := range d[:len(d)-1] {
		if p = (p + int(c)) % 10; p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return (11-p)%10 == int(d[len(d)-1])
}

// steuerID: eleven digits, one of the first ten twice or three times.
func steuerID(v string) bool {
	d := exactly(v, 11)
	if d == nil || d[0] == 0 {
		return false
	}
	var seen [10]int
	most := 0
	for _, c := range d[:10] {
		seen[c]++
		most = max(most, seen[c])
	}
	return (most == 2 || most == 3) && iso7064(d)
}

func oib(v string) bool {
	d := exactly(v, 11)
	return d != nil && iso7064(d)
}

// nir: sex, year, month, department, commune, serial, and 97 less the remainder.
func nir(v string) bool {
	c := compact(v)
	if len(c) != 15 || c[0] != '1' && c[0] != '2' {
		return false
	}
	corsica := 0
	if c[5] == '2' && (c[6] == 'A' || c[6] == 'B') {
		corsica = map[byte]int{'A': 1000000, 'B': 2000000}[c[6]]
		c = c[:6] + "0" + c[7:]
	}
	if !isDigits(c) {
		return false
	}
	n, key := 0, int(c[13]-'0')*10+int(c[14]-'0')
	for i := range 13 {
		n = n*10 + int(c[i]-'0')
	}
	if month := int(c[3]-'0')*10 + int(c[4]-'0'); month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	return 97-(n-corsica)%97 == key
}

// dni: a Spanish identity number, or a foreigner's that begins with X, Y or Z.
func dni(v string) bool {
	c := compact(v)
	if len(c) != 9 {
		return false
	}
	if i := strings.IndexByte("XYZ", c[0]); i >= 0 {
		c = string(rune('0'+i)) + c[1:]
	}
	if !isDigits(c[:8]) {
		return false
	}
	n := 0
	for i := range 8 {
		n = n*10 + int(c[i]-'0')
	}
	return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == c[8]
}

// codiceFiscale: surname, name, year, month letter, day (40 more for women),
// place, and a letter made from the odd and even places.
func codiceFiscale(v string) bool {
	c := compact(v)
	if len(c) != 16 || !isLetters(c[:6]) || !isDigits(c[6:8]) || !strings.ContainsRune("ABCDEHLMPRST", rune(c[8])) || !isDigits(c[9:11]) || !isLetters(c[11:12]) || !isLetters(c[15:]) {
		return false
	}
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		x := int(c[i] - '0')
		if c[i] >= 'A' {
			x = int(c[i] - 'A')
		}
		if i%2 == 0 {
			x = odd[x]
		}
		sum += x
	}
	return byte('A'+sum%26) == c[15]
}

func bsn(v string) bool {
	d := exactly(v, 9)
	return d != nil && (weighted(d[:8], 9, 8, 7, 6, 5, 4, 3, 2)-int(d[8]))%11 == 0
}

func pesel(v string) bool {
	d := exactly(v, 11)
	return d != nil && (num(d[2:4])%20 >= 1 && num(d[2:4])%20 <= 12) && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

// ppsn: seven digits and a letter, since 2013 a second letter that counts too.
func ppsn(v string) bool {
	c := compact(v)
	if len(c) != 8 && len(c) != 9 || !isDigits(c[:7]) || !isLetters(c[7:]) {
		return false
	}
	sum := weighted(digits(c[:7], make([]byte, 0, 8)), 8, 7, 6, 5, 4, 3, 2)
	if len(c) == 9 && c[8] != 'W' {
		sum += 9 * int(c[8]-'A'+1)
	}
	return "WABCDEFGHIJKLMNOPQRSTUV"[sum%23] == c[7]
}

// belgianNumber: date of birth, serial, and 97 less the remainder, with a 2
// before it for those born from 2000 on.
func belgianNumber(v string) bool {
	d := exactly(v, 11)
	if d == nil || num(d[2:4])%20 > 12 {
		return false
	}
	n, key := num(d[:9]), num(d[9:])
	return 97-n%97 == key || 97-(2_000_000_000+n)%97 == key
}

func portugueseNIF(v string) bool {
	d := exactly(v, 9)
	if d == nil || d[0] == 0 || d[0] == 4 || d[0] == 7 {
		return false
	}
	check := 11 - weighted(d[:8], 9, 8, 7, 6, 5, 4, 3, 2)%11
	return check%11%10 == int(d[8])
}

// personnummer: a date, three digits and Luhn's digit; the century may be left out.
func personnummer(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	if len(d) == 12 {
		d = d[2:]
	}
	if len(d) != 10 || allSame(d) || !validDay(num(d[4:6])%60, num(d[2:4]), 2000) {
		return false
	}
	sum := 0
	for i, c := range d {
		x := int(c)
		if i%2 == 0 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// hetu: a Finnish number: date, sign of the century, serial, and a character
// that is the remainder by 31.
func hetu(v string) bool {
	c := strings.ToUpper(strings.TrimSpace(v))
	if len(c) != 11 || !isDigits(c[:6]) || !strings.ContainsRune("+-ABCDEFUVWXY", rune(c[6])) || !isDigits(c[7:10]) {
		return false
	}
	d := digits(c[:10], make([]byte, 0, 12))
	return validDay(num(d[:2]), num(d[2:4]), 2000) && "0123456789ABCDEFHJKLMNPRSTUVWXY"[num(d[:9])%31] == c[10]
}

// norwegianNumber: date, serial, two check digits by modulus 11.
func norwegianNumber(v string) bool {
	d := exactly(v, 11)
	return d != nil && validDay(num(d[:2])%40, num(d[2:4]), 2000) &&
		(weighted(d[:9], 3, 7, 6, 1, 8, 9, 4, 5, 2)+int(d[9]))%11 == 0 && (weighted(d[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)+int(d[10]))%11 == 0
}

// danishNumber: a date and four digits; the old check is no longer kept to.
func danishNumber(v string) bool {
	d := exactly(v, 10)
	return d != nil && validDay(num(d[:2]), num(d[2:4]), 2000)
}

func austrianNumber(v string) bool {
	d := exactly(v, 10)
	return d != nil && d[0] != 0 && num(d[6:8]) <= 15 && weighted(d, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == int(d[3])
}

// ahv: a Swiss number: 756, nine digits, and the check of a bar code.
func ahv(v string) bool {
	d := exactly(v, 13)
	return d != nil && num(d[:3]) == 756 && weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0
}

func romanianCNP(v string) bool {
	d := exactly(v, 13)
	return d != nil && d[0] != 0 && validDay(num(d[5:7]), num(d[3:5]), 2000) && weighted(d[:12], 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)%11%10+boolInt(weighted(d[:12], 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)%11 == 10) == int(d[12])
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func bulgarianEGN(v string) bool {
	d := exactly(v, 10)
	return d != nil && validDay(num(d[4:6]), num(d[2:4])%20, 2000) && weighted(d[:9], 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == int(d[9])
}

// birthNumber: Czech and Slovak: date (50 more for women), and divisible by 11.
func birthNumber(v string) bool {
	d := exactly(v, 10)
	month := 0
	if d != nil {
		month = num(d[2:4]) % 50 % 20
	}
	return d != nil && validDay(num(d[4:6]), month, 2000) && num(d)%11 == 0
}

// balticNumber: Estonian and Lithuanian: century and sex, date, serial, check.
func balticNumber(v string) bool {
	d := exactly(v, 11)
	if d == nil || d[0] == 0 || d[0] > 6 || !validDay(num(d[5:7]), num(d[3:5]), 2000) {
		return false
	}
	check := weighted(d[:10], 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
	if check == 10 {
		check = weighted(d[:10], 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
	}
	return check == int(d[10])
}

// amka: Greek: date, serial, and Luhn's digit.
func amka(v string) bool {
	d := exactly(v, 11)
	if d == nil || !validDay(num(d[:2]), num(d[2:4]), 2000) {
		return false
	}
	sum := 0
	for i, c := range d {
		x := int(c)
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// vat: a British VAT number (weights 8 to 2, then modulus 97, with or without
// 55 more).
func vat(v string) bool {
	d := digits(v, make([]byte, 0, 16))
	if len(d) != 9 && len(d) != 12 || allSame(d[:9]) {
		return false
	}
	sum := weighted(d[:7], 8, 7, 6, 5, 4, 3, 2) + num(d[7:9])
	return sum%97 == 0 || (sum+55)%97 == 0
}
