package directorytest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"

	"chaperone/internal/chat"
	"chaperone/internal/directory"
)

const recycled = "number recycled"

// breakages are ways in which a directory goes wrong (RELIABILITY T9). Each
// gets the true table; nil leaves the text as it is written.
var breakages = []struct {
	name  string
	whose bool // it is about members rather than the file
	rows  func(t *Town, rows [][]string) [][]string
	bytes func(t *Town, file []byte) []byte
	stale time.Duration
}{
	{name: "empty", bytes: func(*Town, []byte) []byte { return nil }},
	{name: "header only", rows: func(_ *Town, r [][]string) [][]string { return r[:1] }},
	{name: "cut off at a row", rows: func(t *Town, r [][]string) [][]string { return r[:1+t.r.IntN(len(r)-1)] }},
	{name: "cut off at a byte", bytes: func(t *Town, f []byte) []byte { return f[:t.r.IntN(len(f))] }},
	{name: "last row cut", bytes: func(t *Town, f []byte) []byte { return f[:len(f)-1-t.r.IntN(60)] }},
	{name: "a third is missing", rows: func(t *Town, r [][]string) [][]string {
		return slices.DeleteFunc(r, func(x []string) bool { return &x[0] != &r[0][0] && t.r.IntN(3) == 0 })
	}},
	{name: "a few are missing", rows: func(t *Town, r [][]string) [][]string {
		at := 1 + t.r.IntN(len(r)-4)
		return slices.Delete(r, at, at+1+t.r.IntN(3))
	}},
	{name: "two columns swapped", rows: func(t *Town, r [][]string) [][]string {
		a, b := t.r.IntN(len(columns)), t.r.IntN(len(columns))
		for _, row := range r[1:] {
			row[a], row[b] = row[b], row[a]
		}
		return r
	}},
	{name: "start for leaving", rows: func(t *Town, r [][]string) [][]string {
		a, b := t.column("Start"), t.column("Leaving")
		for _, row := range r[1:] {
			row[a], row[b] = row[b], row[a]
		}
		return r
	}},
	{name: "start copied to leaving for a few", rows: func(t *Town, r [][]string) [][]string {
		for range 1 + t.r.IntN(3) {
			row := r[1+t.r.IntN(len(r)-1)]
			row[t.column("Leaving")] = row[t.column("Start")]
		}
		return r
	}},
	{name: "leaving filled down", rows: func(t *Town, r [][]string) [][]string {
		for _, row := range r[1:] {
			row[t.column("Leaving")] = t.Now.Format(time.DateOnly)
		}
		return r
	}},
	{name: "a column moved by a row", rows: func(t *Town, r [][]string) [][]string {
		c := t.r.IntN(len(columns))
		// A first leaving date in the wrong row is what a true one looks like.
		// That the column moved shows by the dates that were there before.
		if c == t.column("Leaving") && !t.datesBefore() {
			c = t.column("Key")
		}
		last := r[len(r)-1][c]
		for i := len(r) - 1; i > 1; i-- {
			r[i][c] = r[i-1][c]
		}
		r[1][c] = last
		return r
	}},
	{name: "a column sorted alone", rows: func(t *Town, r [][]string) [][]string {
		c := []int{t.column("Key"), t.column("Mobile"), t.column("Email"), t.column("Team"), t.column("Name")}[t.r.IntN(5)]
		var cells []string
		for _, row := range r[1:] {
			cells = append(cells, row[c])
		}
		t.r.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		for i, row := range r[1:] {
			row[c] = cells[i]
		}
		return r
	}},
	{name: "two keys exchanged", rows: func(t *Town, r [][]string) [][]string {
		c := t.column([]string{"Key", "Mobile"}[t.r.IntN(2)])
		a, b := 1+t.r.IntN(len(r)-1), 1+t.r.IntN(len(r)-1)
		r[a][c], r[b][c] = r[b][c], r[a][c]
		return r
	}},
	{name: "keys numbered anew", rows: func(t *Town, r [][]string) [][]string {
		for i, row := range r[1:] {
			row[t.column("Key")] = fmt.Sprint(i)
		}
		return r
	}},
	{name: "unit renamed", rows: func(t *Town, r [][]string) [][]string {
		for _, row := range r[1:] {
			row[t.column("Team")] = strings.Replace(row[t.column("Team")], "Floods", "Resilience", 1)
		}
		return r
	}},
	{name: "key twice", rows: func(t *Town, r [][]string) [][]string {
		x := slices.Clone(r[1+t.r.IntN(len(r)-1)])
		x[t.column("Leaving")] = t.Now.Format(time.DateOnly)
		return append(r, x)
	}},
	{name: "other case and width", rows: func(t *Town, r [][]string) [][]string {
		for _, row := range r[1:] {
			for _, c := range []string{"Key", "Email", "Mobile"} {
				x := &row[t.column(c)]
				*x = strings.Map(func(c rune) rune {
					if '!' <= c && c <= '~' && c != '@' && c != ';' && t.r.IntN(2) == 0 {
						return c - '!' + '！'
					}
					return c
				}, strings.ToLower(*x))
			}
		}
		return r
	}},
	{name: recycled, whose: true, rows: func(t *Town, _ [][]string) [][]string {
		// A leaver's number is with someone new, who is in the chats with it.
		for n := range t.Situation.Members {
			m := &t.Situation.Members[n]
			e := t.Real[m.ID]
			if e == nil || m.Phone == "" || e.leaves == "" || t.r.IntN(2) == 0 {
				continue
			}
			e.stands = true
			m.Link, m.Email = "", ""
			newcomer := &Employee{id: "N" + e.id, phone: e.phone, email: "new" + e.email, unit: e.unit, started: t.Now.Format(time.DateOnly)}
			switch t.r.IntN(3) {
			case 0: // both rows have it
				t.Staff = append(t.Staff, newcomer)
			case 1: // it went over
				e.phone = ""
				t.Staff = append(t.Staff, newcomer)
			default: // the directory does not know yet; the number was proved anew
				m.PhoneAt = t.Now.AddDate(0, 0, 20)
			}
		}
		return t.Rows()
	}},
	{name: "hidden ids for numbers", whose: true, rows: func(t *Town, r [][]string) [][]string {
		// A platform hides numbers, and hidden ids look like someone's number.
		for n := range t.Situation.Members {
			m := &t.Situation.Members[n]
			if t.r.IntN(2) == 0 {
				other := t.Staff[t.r.IntN(len(t.Staff))]
				digits, _ := directory.Phone(other.phone, "44")
				m.Phone, m.PhoneAt = "", time.Time{}
				m.Also = append(m.Also, chat.MemberID(digits[1:]+"@lid"))
			}
		}
		return r
	}},
	{name: "encoding damaged", bytes: func(t *Town, f []byte) []byte {
		switch t.r.IntN(4) {
		case 0:
			x, err := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().Bytes(f)
			if err != nil {
				panic(err)
			}
			return x
		case 1:
			return bytes.ReplaceAll(f, []byte("â"), []byte{0xe2})
		case 2:
			return bytes.ReplaceAll(f, []byte("â"), []byte("Ã¢"))
		default:
			for range 20 {
				if at := t.r.IntN(len(f)); f[at] >= 'A' {
					f[at] = 0x80 + byte(t.r.IntN(128))
				}
			}
			return f
		}
	}},
	{name: "other form of dates", rows: func(t *Town, r [][]string) [][]string {
		for _, row := range r[1:] {
			if d, err := time.Parse(time.DateOnly, row[t.column("Leaving")]); err == nil {
				row[t.column("Leaving")] = d.Format("02/01/2006")
			}
		}
		return r
	}},
	{name: "stale", stale: 26 * time.Hour},
}
