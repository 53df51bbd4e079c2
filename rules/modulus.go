package rules

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Modulus is Vocalink's check of a sort code with an account number: which
// weights and which arithmetic each range of sort codes uses. The table is not
// part of Chaperone. An organisation that has it puts Vocalink's valacdos.txt,
// and scsubtab.txt beside it, into its rules directory; without it every pair
// may exist.
type Modulus struct {
	rows []modulusRow
	subs map[int]int // sort codes that count as another (exception 5)
}

type modulusRow struct {
	from, to  int
	method    string
	weights   [14]int
	exception int
}

// ReadModulus reads the two tables as Vocalink publishes them. The second may
// be nil. Every line that is wrong is reported.
func ReadModulus(weights, substitutions io.Reader) (*Modulus, []Fault) {
	m := &Modulus{subs: map[int]int{}}
	faults := eachLine(weights, "valacdos.txt", func(f []string) error {
		row, err := readModulusRow(f)
		if err == nil {
			m.rows = append(m.rows, row)
		}
		return err
	})
	if substitutions == nil {
		return m, faults
	}
	return m, append(faults, eachLine(substitutions, "scsubtab.txt", func(f []string) error {
		if len(f) != 2 {
			return fmt.Errorf("a line is two sort codes, not %d words", len(f))
		}
		from, err1 := sortCode(f[0])
		to, err2 := sortCode(f[1])
		if err1 != nil || err2 != nil {
			return fmt.Errorf("a line is two sort codes of six digits")
		}
		m.subs[from] = to
		return nil
	})...)
}

func eachLine(r io.Reader, file string, f func([]string) error) (faults []Fault) {
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if err := f(words); err != nil {
			faults = append(faults, Fault{File: file, Line: n, Reason: err.Error()})
		}
	}
	if err := lines.Err(); err != nil {
		faults = append(faults, Fault{File: file, Line: n + 1, Reason: err.Error()})
	}
	return faults
}

func readModulusRow(f []string) (modulusRow, error) {
	var row modulusRow
	if len(f) != 17 && len(f) != 18 {
		return row, fmt.Errorf("a line is two sort codes, a method, fourteen weights and perhaps an exception, not %d words", len(f))
	}
	var err1, err2 error
	row.from, err1 = sortCode(f[0])
	row.to, err2 = sortCode(f[1])
	if err1 != nil || err2 != nil || row.from > row.to {
		return row, fmt.Errorf("%s to %s is no range of sort codes", f[0], f[1])
	}
	if row.method = f[2]; row.method != "MOD10" && row.method != "MOD11" && row.method != "DBLAL" {
		return row, fmt.Errorf("the method is MOD10, MOD11 or DBLAL, not %q", f[2])
	}
	for i := range row.weights {
		w, err := strconv.Atoi(f[3+i])
		if err != nil {
			return row, fmt.Errorf("weight %d is no number: %q", i+1, f[3+i])
		}
		row.weights[i] = w
	}
	if len(f) == 18 {
		e, err := strconv.Atoi(f[17])
		if err != nil || e < 1 || e > 14 {
			return row, fmt.Errorf("an exception is a number from 1 to 14, not %q", f[17])
		}
		row.exception = e
	}
	return row, nil
}

func sortCode(s string) (int, error) {
	if len(s) != 6 || !isDigits(s) {
		return 0, fmt.Errorf("%q is no sort code", s)
	}
	return strconv.Atoi(s)
}

// Check says whether the sort code and account number in v can exist
// together. Digits are all that is read of v: six of the sort code, then six
// to ten of the account.
func (m *Modulus) Check(v string) bool {
	d := digits(v, make([]byte, 0, 20))
	if len(d) < 12 || len(d) > 16 {
		return false
	}
	sort, account := append([]byte(nil), d[:6]...), d[6:]
	switch len(account) {
	case 9: // the first digit belongs to the sort code
		sort[5] = account[0]
		account = account[1:]
	case 10: // some banks mean the first eight, some the last
		return m.pair(sort, account[:8]) || m.pair(sort, account[2:])
	}
	return m.pair(sort, append(make([]byte, 8-len(account), 8), account...))
}

// pair checks six and eight digits.
func (m *Modulus) pair(sort, account []byte) bool {
	code := num(sort)
	rows := m.rowsOf(code)
	if len(rows) == 0 {
		return true
	}
	// Exception 6: accounts in foreign currency are not checked.
	if rows[0].exception == 6 && account[0] >= 4 && account[0] <= 8 && account[6] == account[7] {
		return true
	}
	first := m.passes(rows[0], sort, account)
	if len(rows) == 1 {
		return first
	}
	second := rows[1]
	switch {
	case rows[0].exception == 2 && second.exception == 9, rows[0].exception == 10 && second.exception == 11, rows[0].exception == 12 && second.exception == 13:
		return first || m.passes(second, sort, account)
	case second.exception == 3 && (account[2] == 6 || account[2] == 9):
		return first
	}
	return first && m.passes(second, sort, account)
}

func (m *Modulus) rowsOf(code int) (rows []modulusRow) {
	for _, r := range m.rows {
		if r.from <= code && code <= r.to {
			rows = append(rows, r)
		}
	}
	return rows
}

// passes does one row's arithmetic, with its exception. Places 0 to 5 are the
// sort code, 6 to 13 the account, which Vocalink calls u to z and a to h.
func (m *Modulus) passes(r modulusRow, sort, account []byte) bool {
	var d [14]int
	for i := range 6 {
		d[i] = int(sort[i])
	}
	for i := range 8 {
		d[6+i] = int(account[i])
	}
	w := r.weights
	switch r.exception {
	case 2:
		if d[6] != 0 && d[12] != 9 {
			w = [14]int{0, 0, 1, 2, 5, 3, 6, 4, 8, 7, 10, 9, 3, 1}
		} else if d[6] != 0 {
			w = [14]int{8: 8, 9: 7, 10: 10, 11: 9, 12: 3, 13: 1}
		}
	case 5:
		if to, ok := m.subs[num(sort)]; ok {
			setSortCode(&d, to)
		}
		return exceptionFive(r, weigh(r.method, w, d), d)
	case 7:
		if d[12] == 9 {
			clear(w[:8])
		}
	case 8:
		setSortCode(&d, 90126)
	case 9:
		setSortCode(&d, 309634)
	case 10:
		if ab := d[6]*10 + d[7]; (ab == 9 || ab == 99) && d[12] == 9 {
			clear(w[:8])
		}
	}
	total := weigh(r.method, w, d)
	switch r.exception {
	case 1:
		total += 27
	case 4:
		return total%11 == d[12]*10+d[13]
	case 14:
		if total%11 == 0 {
			return true
		}
		if h := d[13]; h != 0 && h != 1 && h != 9 {
			return false
		}
		copy(d[7:], d[6:13])
		d[6] = 0
		return weigh(r.method, w, d)%11 == 0
	}
	if r.method == "MOD11" {
		return total%11 == 0
	}
	return total%10 == 0
}

// exceptionFive compares with a check digit instead of nought.
func exceptionFive(r modulusRow, total int, d [14]int) bool {
	if r.method == "DBLAL" {
		return (10-total%10)%10 == d[13]
	}
	rest := total % 11
	return rest != 1 && (11-rest)%11 == d[12]
}

func setSortCode(d *[14]int, code int) {
	for i := 5; i >= 0; i-- {
		d[i] = code % 10
		code /= 10
	}
}

// weigh sums the products, or for the double alternate method their digits.
func weigh(method string, w, d [14]int) int {
	total := 0
	for i := range d {
		p := w[i] * d[i]
		if method == "DBLAL" {
			p = p/100 + p/10%10 + p%10
		}
		total += p
	}
	return total
}
