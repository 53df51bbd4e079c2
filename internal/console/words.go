package console

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

// wording is what templates write dates, numbers and addresses with. All dates
// are those of the organisation's zone.
func wording(zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"date":   func(d clock.Date) string { return dated(d).Format("2 January 2006") },
		"day":    func(t time.Time) string { return t.In(zone).Format("2 January 2006") },
		"num":    func(n int) string { return number(int64(n)) },
		"count":  func(n int, one, many string) string { return counted(n, one, many) },
		"path":   path,
		"short":  retention.Short,
		"cap":    capital,
		"after":  func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) },
		"less":   func(n int) int { return n - 1 },
		"joined": func(all []string) string { return joined(all) },
	}
}

// dated is a date as a time, for formatting alone.
func dated(d clock.Date) time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// counted is a number with what it counts: "1 message", "1,204 messages".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(int64(n)) + " " + many
}

// path is an address path of segments that may hold anything.
func path(segments ...any) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(fmt.Sprint(s)))
	}
	return b.String()
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// joined lists words: "a, b and c".
func joined(all []string) string {
	switch n := len(all); n {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
}

// cronWords says in words when a cron expression comes due. The expressions
// that schedules have name one time of day; of a rarer kind it says that it is
// one.
func cronWords(expr string) string {
	f := strings.Fields(expr)
	switch strings.TrimSpace(expr) {
	case "":
		return "never"
	case "@daily", "@midnight":
		f = []string{"0", "0", "*", "*", "*"}
	case "@weekly":
		f = []string{"0", "0", "*", "*", "0"}
	case "@monthly":
		f = []string{"0", "0", "1", "*", "*"}
	case "@yearly", "@annually":
		f = []string{"0", "0", "1", "1", "*"}
	}
	otherwise := "on the days of the cron expression " + expr
	if len(f) != 5 {
		return otherwise
	}
	minute, err := strconv.Atoi(f[0])
	hour, err2 := strconv.Atoi(f[1])
	days, ok := named(f[2], 31, strconv.Itoa)
	months, ok2 := named(f[3], 12, func(n int) string { return time.Month(n).String() })
	weekdays, ok3 := named(f[4], 7, func(n int) string { return time.Weekday(n % 7).String() })
	if err != nil || err2 != nil || !ok || !ok2 || !ok3 {
		return otherwise
	}
	when := "every day"
	switch {
	case days != "":
		when = "on day " + days + " of " + or(months, "every month")
	case weekdays != "":
		when = "every " + weekdays
	}
	if days == "" && months != "" {
		when += " in " + months
	}
	return fmt.Sprintf("%s at %02d:%02d", when, hour, minute)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// named reads one field of a cron expression, a list of numbers, names and
// spans, and says it in words; nothing for every one.
func named(field string, most int, name func(int) string) (string, bool) {
	if field == "*" || field == "?" {
		return "", true
	}
	value := func(s string) (string, bool) {
		if n, err := strconv.Atoi(s); err == nil {
			return name(n), n >= 0 && n <= most
		}
		for n := range most + 1 {
			if w := name(n); len(s) == 3 && len(w) >= 3 && strings.EqualFold(s, w[:3]) {
				return w, true
			}
		}
		return "", false
	}
	var out []string
	for _, part := range strings.Split(field, ",") {
		from, to, span := strings.Cut(part, "-")
		word, ok := value(from)
		if span && ok {
			var end string
			end, ok = value(to)
			word += " to " + end
		}
		if !ok {
			return "", false
		}
		out = append(out, word)
	}
	return joined(out), true
}
