package slack

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A message is named by its timestamp, which is unique within its channel.

// at is the time of a timestamp; zero when it is none.
func at(ts string) time.Time {
	whole, part, _ := strings.Cut(ts, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec <= 0 || sec > 1<<40 {
		return time.Time{}
	}
	us, err := strconv.ParseInt((part + "000000")[:6], 10, 64)
	if err != nil || us < 0 {
		us = 0
	}
	return time.Unix(sec, us*1000).UTC()
}

// stamp is the timestamp of a time.
func stamp(t time.Time) string {
	us := max(t.UnixMicro(), 0)
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

// revision numbers an edit: later ones are higher.
func revision(edited string) int64 {
	if t := at(edited); !t.IsZero() {
		return t.UnixMicro()
	}
	return 1
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// readable turns Slack's way of writing a text into what its author wrote.
// Links keep their address where the label says something else, so that both
// are scanned.
func readable(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(s, "<")
		b.WriteString(entities.Replace(before))
		if !open {
			return b.String()
		}
		inner, after, closed := strings.Cut(rest, ">")
		if !closed {
			b.WriteString("<" + entities.Replace(rest))
			return b.String()
		}
		b.WriteString(control(inner))
		s = after
	}
}

// control is what stands between < and >: a mention, a channel or a link.
func control(inner string) string {
	target, label, labelled := strings.Cut(inner, "|")
	target, label = entities.Replace(target), entities.Replace(label)
	switch {
	case strings.HasPrefix(target, "@"), strings.HasPrefix(target, "#"):
		if labelled && label != "" {
			return target[:1] + strings.TrimPrefix(label, target[:1])
		}
		return target
	case strings.HasPrefix(target, "!"):
		if labelled && label != "" {
			return label
		}
		return "@" + target[1:]
	case !labelled || label == target:
		return target
	}
	if bare, ok := strings.CutPrefix(target, "mailto:"); ok && bare == label {
		return label
	}
	if _, ok := strings.CutPrefix(target, "tel:"); ok {
		return label
	}
	if strings.TrimPrefix(strings.TrimPrefix(target, "https://"), "http://") == label {
		return label
	}
	return label + " (" + target + ")"
}

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// inert makes a text into one that Slack shows as it is, without mentions.
func inert(s string) string { return escapes.Replace(s) }
