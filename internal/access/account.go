package access

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Account is somebody who can sign in. Its name is kept with what they do, and
// no two accounts have the same, so that two names are two people.
type Account struct {
	ID      string
	Name    string
	Role    Role
	Issuer  string // of the organisation's sign-in; empty where they never used it
	Subject string // who they are there
	Made    time.Time
	Removed time.Time // zero while they may sign in
}

// Caller is the account as somebody who asks for something. A removed account
// is nobody.
func (a Account) Caller() Caller {
	if a.ID == "" || !a.Removed.IsZero() {
		return Caller{}
	}
	return Caller{Account: a.ID, Name: a.Name, Role: a.Role}
}

// Passkey is one passkey of an account.
type Passkey struct {
	ID   []byte
	Body []byte // what verifies it
	Made time.Time
	Used time.Time
}

// Link lets one person in once, to make a passkey. Only a digest of its secret
// is stored.
type Link struct {
	Name    string // of the person it is for; empty where they say it themselves
	Role    Role
	Made    time.Time
	Expires time.Time
}

// LinkFor is how long a link can be used.
const LinkFor = time.Hour

// secretBytes is how long the secret of a link is.
const secretBytes = 32

// Secret writes random bytes as the secret of a link.
func Secret(b [secretBytes]byte) string { return base64.RawURLEncoding.EncodeToString(b[:]) }

// Digest is what is stored of the secret of a link. Looking it up tells nothing
// about a near miss.
func Digest(secret string) []byte {
	d := sha256.Sum256([]byte(secret))
	return d[:]
}

// The reasons for which somebody is not let in.
var (
	ErrNoAccount   = errors.New("there is no such account")
	ErrNoLink      = errors.New("this link was used already, has expired, or was never made")
	ErrNoPasskey   = errors.New("there is no such passkey")
	ErrLastPasskey = errors.New("this is the only way you have to sign in: add another passkey first")
	ErrNameTaken   = errors.New("an account has that name")
	ErrRemoved     = errors.New("this account was removed")
)

// longestName is how long a name may be.
const longestName = 80

// Name makes a person's name fit to be kept and shown.
func Name(s string) (string, error) {
	s = strings.Join(strings.Fields(norm.NFC.String(s)), " ")
	switch {
	case s == "":
		return "", errors.New("say the person's name: it is kept with what they do")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", errors.New("the name has characters that cannot be seen: write it again")
	case utf8.RuneCountInString(s) > longestName:
		return "", fmt.Errorf("the name is too long: write it in %d characters at most", longestName)
	case !strings.ContainsFunc(s, unicode.IsLetter):
		return "", errors.New("a name has letters: write the person's name")
	case strings.HasPrefix(strings.ToLower(s), "chaperone:"):
		return "", errors.New("that name stands for a part of Chaperone: write the person's name")
	}
	return s, nil
}

// Fold is what two spellings of one name have in common.
func Fold(name string) string {
	return cases.Fold().String(norm.NFKC.String(strings.Join(strings.Fields(name), " ")))
}
