package breach

import (
	"fmt"
	"strings"
	"time"
)

// Report is what the data protection officer is handed: facts, counts and
// decisions. It names whoever decided, nobody who could have seen it, and
// nothing that was said.
func (r Record) Report(now time.Time, zone *time.Location, kinds []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	at := func(t time.Time) string { return t.In(zone).Format("2 January 2006, 15:04") }
	line("Breach record %s", r.ID)
	line("As of %s. Facts and counts only; what was said is not in it.\n", at(now))
	line("Chat: %s (%s)", r.ChatName, r.ChatKind)
	line("What kind: %s", strings.Join(kinds, ", "))
	if r.People == nil {
		line("How many people: not counted yet")
	} else {
		line("How many people: %d", *r.People)
	}
	e := r.Exposure
	line("Messages: %d, from %s", e.Messages, at(e.From))
	line("Visible: %s", e.Visibly())
	if e.Visible() {
		line("Some of it can be seen now.")
	} else {
		line("Gone from the chat on %s. Copies that others made cannot be reached.", at(e.Until))
	}
	line("Who could have seen it: %s", e.Who())
	line("Read by: %s\n", e.Readers())
	c := r.Clock(now)
	line("Aware since: %s (opened by %s)", at(c.Aware), r.OpenedBy)
	line("72 hours end: %s", at(c.Due))
	switch d := r.Decision; {
	case d == nil:
		line("Decision: none yet")
	case d.Notify:
		line("Decision: tell the Commissioner. %s (%s, %s)", d.Reason, d.By, at(d.At))
	default:
		line("Decision: do not tell the Commissioner. %s (%s, %s)", d.Reason, d.By, at(d.At))
	}
	if t := r.Told; t != nil {
		line("The Commissioner was told on %s. Reference: %s", at(t.At), orNone(t.Reference))
		if t.Late != "" {
			line("Later than 72 hours because: %s", t.Late)
		}
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Visibly says in words for how long something could be seen.
func (e Exposure) Visibly() string {
	d := time.Duration(e.Seconds) * time.Second
	switch {
	case d < time.Minute:
		return counted(e.Seconds, "second")
	case d < 2*time.Hour:
		return counted(int64(d/time.Minute), "minute")
	case d < 72*time.Hour:
		return counted(int64(d/time.Hour), "hour")
	}
	return counted(int64(d/(24*time.Hour)), "day")
}

// Who says in words how many could have seen it.
func (e Exposure) Who() string {
	if e.Members+e.Perhaps == 0 {
		return "nobody but the sender"
	}
	out := counted(int64(e.Members), "member")
	if e.Members > 0 {
		var parts []string
		for _, p := range []struct {
			n    int
			says string
		}{{e.Colleagues, "in the staff directory"}, {e.External, "external"}, {e.Unknown, "of whom no directory says who they are"}} {
			if p.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", p.n, p.says))
			}
		}
		out += ": " + strings.Join(parts, ", ")
	}
	if e.Perhaps > 0 {
		out += fmt.Sprintf("; and perhaps %d who were first seen there later", e.Perhaps)
	}
	return out
}

// Readers says in words what the platform tells of reading.
func (e Exposure) Readers() string {
	if e.Reads == nil {
		return "not known, the platform gives no read receipts"
	}
	return counted(int64(*e.Reads), "member")
}

func counted(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
