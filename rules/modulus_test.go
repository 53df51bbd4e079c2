package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chaperone/rules"
)

// table is a small table of weights made up here, one range for each kind of
// arithmetic.
const table = `
010000 019999 MOD10    0    0    0    0    0    0    1    1    1    1    1    1    1    1
020000 029999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1
030000 039999 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    1
040000 049999 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    1   1
050000 059999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    0    0   4
060000 069999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1  12
060000 069999 MOD10    0    0    0    0    0    0    1    1    1    1    1    1    1    1  13
070000 079999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1
070000 079999 MOD10    0    0    0    0    0    0    1    1    1    1    1    1    1    1   3
080000 089999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1   6
`

func TestModulus(t *testing.T) {
	m, faults := rules.ReadModulus(strings.NewReader(table), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		pair string
		want bool
		why  string
	}{
		{"01-00-00 11111111", false, "the sum is 8"},
		{"01-00-00 11111113", true, "the sum is 10"},
		{"02-00-00 10000003", true, "8 and 3 are 11"},
		{"02-00-00 10000004", false, "8 and 4 are 12"},
		{"03-00-00 00000000", false, "the digits of the sort code alone are 3"},
		{"03-00-00 00000007", true, "with 7 they are 10"},
		{"04-00-00 00000009", true, "4, 9 and the 27 of exception 1 are 40"},
		{"04-00-00 00000006", false, "4, 6 and 27 are 37"},
		{"05-00-00 10000008", true, "the remainder 8 is the last two digits"},
		{"05-00-00 10000007", false, "the remainder 8 is not 7"},
		{"06-00-00 10000003", true, "passes the first of two, and one is enough"},
		{"06-00-00 11111113", true, "passes the second of two, and one is enough"},
		{"06-00-00 10000004", false, "passes neither"},
		{"07-00-00 10000003", false, "passes the first but not the second"},
		{"07-00-00 00600010", false, "c is 6, so only the first counts, and 36 and 2 are 38"},
		{"07-00-00 00600040", true, "c is 6, so only the first counts, and 36 and 8 are 44"},
		{"08-00-00 41000011", true, "an account in foreign currency is not checked"},
		{"99-00-00 12345678", true, "no row speaks of the range"},
		{"02-00-00 0000003", false, "seven digits get a nought before them: 3"},
		{"02-00-00 12", false, "too short to be an account"},
	} {
		if got := m.Check(c.pair); got != c.want {
			t.Errorf("%s: %v, want %v: %s", c.pair, got, c.want, c.why)
		}
	}
}

func TestModulusReportsBadLines(t *testing.T) {
	_, faults := rules.ReadModulus(strings.NewReader("010000 019999 MOD12 0 0 0 0 0 0 1 1 1 1 1 1 1 1\n\nhello\n020000 010000 MOD10 0 0 0 0 0 0 1 1 1 1 1 1 1 1\n"), strings.NewReader("123456\n"))
	if len(faults) != 4 || faults[0].Line != 1 || faults[1].Line != 3 || faults[2].Line != 4 || faults[3].File != "scsubtab.txt" {
		t.Errorf("faults: %v", faults)
	}
}

// TestModulusOfVocalink runs the cases that Vocalink publishes over its own
// table, which is not carried here: CHAPERONE_VALACDOS names its directory.
func TestModulusOfVocalink(t *testing.T) {
	dir := os.Getenv("CHAPERONE_VALACDOS")
	if dir == "" {
		t.Skip("CHAPERONE_VALACDOS does not say where valacdos.txt and scsubtab.txt are")
	}
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	m, faults := rules.ReadModulus(open("valacdos.txt"), open("scsubtab.txt"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, pair := range []string{
		"089999 66374958", "107999 88837491", "202959 63748472", "871427 46238510", "872427 46238510", "871427 09123496", "871427 99123496",
		"820000 73688637", "827999 73988638", "827101 28748352", "134020 63849203", "118765 64371389", "200915 41011166", "938611 07806039",
		"938600 42368003", "938063 55065200", "772798 99345694", "086090 06774744", "309070 02355688", "309070 12345668", "309070 12345677",
		"309070 99345694", "074456 12345112", "070116 34012583", "074456 11104102", "180002 00000190",
	} {
		if !m.Check(pair) {
			t.Errorf("%s is refused, and Vocalink has it pass", pair)
		}
	}
	for _, pair := range []string{"938063 15764273", "938063 15764264", "938063 15763217", "118765 64371388", "203099 66831036", "203099 58716970", "089999 66374959", "107999 88837493"} {
		if m.Check(pair) {
			t.Errorf("%s passes, and Vocalink has it refused", pair)
		}
	}
}

// The organisation's table decides which pairs its scans report.
func TestLoadDirTakesTheTable(t *testing.T) {
	list, err := load(t, map[string]string{"valacdos.txt": table})
	if err != nil {
		t.Fatal(err)
	}
	r := find(list, "bank-account")
	if check := r.Validator().Check; check("02-00-00 10000004") || !check("02-00-00 10000003") {
		t.Error("the rule does not ask the organisation's table")
	}
	if _, err := load(t, map[string]string{"valacdos.txt": "hello"}); err == nil || !strings.Contains(err.Error(), "valacdos.txt:1") {
		t.Errorf("a broken table: %v", err)
	}
}
