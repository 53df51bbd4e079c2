package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"chaperone/internal/access"
)

func as(r access.Role) access.Caller { return access.Caller{Account: "1", Name: "N", Role: r} }

func TestRolesAreKeptApart(t *testing.T) {
	changes := []access.Right{access.Hold, access.Dispose, access.Stop, access.People, access.Govern, access.Configure, access.Practise, access.Rehearse, access.Machine}
	for _, r := range changes {
		if as(access.Auditor).May(r) {
			t.Errorf("an auditor may %s", r)
		}
		if access.Reader().May(r) && r != access.Practise && r != access.Rehearse {
			t.Errorf("whoever sits at the machine may %s", r)
		}
		if (access.Caller{}).May(r) || (access.Caller{Role: "nonsense"}).May(r) {
			t.Errorf("somebody signed out may %s", r)
		}
	}
	for _, role := range []access.Role{access.Administrator, access.Auditor} {
		if as(role).May(access.ReadText) {
			t.Errorf("%s may read captured text", role)
		}
	}
	if as(access.Administrator).May(access.Hold) || as(access.Administrator).May(access.Dispose) || as(access.Governance).May(access.Configure) {
		t.Error("looking after the machine and deciding about records are one role")
	}
	if len(access.Who(access.Machine)) != 0 || access.Demo("Demo").May(access.Machine) {
		t.Error("a page may do what only the owner of the folder does")
	}
	for _, r := range access.Rights() {
		if !access.Owner("N").May(r) || r.Says() == "do this" {
			t.Errorf("the right %s is in no table", r)
		}
	}
	if as(access.Governance).May("nonsense") || access.Owner("N").May("nonsense") {
		t.Error("somebody has a right that there is not")
	}
}

func TestARefusalSaysWhoMay(t *testing.T) {
	err := as(access.Administrator).Check(access.ReadText)
	if !errors.Is(err, access.ErrRefused) || !strings.Contains(err.Error(), "only information governance may read captured text") {
		t.Errorf("it says %v", err)
	}
	if err := as(access.Auditor).Check(access.Stop); !strings.Contains(err.Error(), "only administrator and information governance may stop a run") {
		t.Errorf("it says %v", err)
	}
}

func TestARemovedAccountIsNobody(t *testing.T) {
	a := access.Account{ID: "1", Name: "N", Role: access.Governance}
	if !a.Caller().May(access.Hold) {
		t.Error("an account has not its rights")
	}
	a.Removed = a.Made.AddDate(1, 0, 0)
	if a.Caller() != (access.Caller{}) || (access.Account{Role: access.Governance}).Caller() != (access.Caller{}) {
		t.Error("a removed account, or none, is somebody")
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"  Nasreen   Malik ": "Nasreen Malik", "Siân O’Neill-Pryce": "Siân O’Neill-Pryce", "李小龍": "李小龍",
		"": "", "   ": "", "12": "", "a\u202eb": "", "a\x00b": "", "chaperone:engine": "", "a\xffb": "", "zero\u200bwidth": "", strings.Repeat("a", 81): "",
	} {
		if got, err := access.Name(in); got != want || (err == nil) == (want == "") {
			t.Errorf("%q is %q (%v), want %q", in, got, err, want)
		}
	}
	for _, same := range [][2]string{{"Nasreen Malik", "NASREEN  malik"}, {"Stra\u00dfe A", "STRASSE a"}, {"\uff21da", "ada"}, {"Sia\u0302n", "Si\u00e2n"}} {
		if access.Fold(same[0]) != access.Fold(same[1]) {
			t.Errorf("%q and %q are two people", same[0], same[1])
		}
	}
	if access.Fold("Nasreen Malik") == access.Fold("Nasreen Mali") {
		t.Error("two people are one")
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Nasreen Malik", " a ", "\u202e", "e\u0301", "\ufdfa\ufdfa", "A\u0345\u0345"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := access.Name(s)
		if err != nil {
			return
		}
		if again, err := access.Name(name); again != name || err != nil {
			t.Errorf("%q becomes %q and then %q (%v)", s, name, again, err)
		}
		if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == '\n' }) || utf8.RuneCountInString(name) > 80 {
			t.Errorf("%q became %q", s, name)
		}
		if access.Fold(name) != access.Fold(access.Fold(name)) && access.Fold(name) != access.Fold(s) {
			t.Errorf("%q does not fold to one thing", name)
		}
	})
}

func TestSecretsAreLongAndOnlyTheirDigestIsKept(t *testing.T) {
	a, b := access.Secret([32]byte{1}), access.Secret([32]byte{2})
	if len(a) != 43 || a == b || strings.Contains(string(access.Digest(a)), a) || slices.Equal(access.Digest(a), access.Digest(b)) {
		t.Errorf("%q and %q", a, b)
	}
}
