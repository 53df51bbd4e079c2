package prompt

import (
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/rules"
)

// Pace says when and how often people may be asked. The zero Pace asks at any
// time and without limit.
type Pace struct {
	Zone     *time.Location // in which days and hours are counted; nil is UTC
	From, To time.Duration  // the quiet hours, as the clock shows them; the same twice: none
	Daily    int            // prompts a person a day; 0 is no limit
	Between  time.Duration  // from one prompt to the next during an incident
	Digest   time.Duration  // the time of day at which the rest of it is told
}

// DefaultPace is what an organisation gets that says nothing else.
func DefaultPace(zone *time.Location) Pace {
	return Pace{Zone: zone, From: 20 * time.Hour, To: 7 * time.Hour, Daily: 3, Between: 30 * time.Minute, Digest: 16 * time.Hour}
}

// Quiet reports whether it is quiet, and until when.
func (c Pace) Quiet(now time.Time) (until time.Time, quiet bool) {
	if c.From == c.To {
		return time.Time{}, false
	}
	// What a clock on the wall shows: since midnight other time may have passed,
	// on the days on which clocks are put forward or back.
	l := c.local(now)
	since := time.Duration(l.Hour())*time.Hour + time.Duration(l.Minute())*time.Minute + time.Duration(l.Second())*time.Second + time.Duration(l.Nanosecond())
	switch {
	case c.From < c.To:
		quiet = c.From <= since && since < c.To
	default:
		quiet = since >= c.From || since < c.To
	}
	return c.next(now, c.To), quiet
}

// Day is the moment at which now's day began.
func (c Pace) Day(now time.Time) time.Time {
	now = c.local(now)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

func (c Pace) local(t time.Time) time.Time {
	if c.Zone == nil {
		return t.UTC()
	}
	return t.In(c.Zone)
}

// next is when the clock next shows a time of day.
func (c Pace) next(now time.Time, since time.Duration) time.Time {
	l := c.local(now)
	for day := 0; ; day++ {
		h, m := int(since/time.Hour), int(since%time.Hour/time.Minute)
		if at := time.Date(l.Year(), l.Month(), l.Day()+day, h, m, 0, 0, l.Location()); at.After(now) {
			return at
		}
	}
}

// Morrow is when people can first be told about a day that is over.
func (c Pace) Morrow(now time.Time) time.Time {
	l := c.local(now)
	at := time.Date(l.Year(), l.Month(), l.Day()+1, 0, 0, 0, 0, l.Location())
	if until, quiet := c.Quiet(at); quiet {
		return until
	}
	return at
}

// Wait is until when a prompt is put off. The zero Wait is not at all.
type Wait struct {
	Until  time.Time
	Digest bool // it goes into a digest then
}

// Allow says whether a member, who was asked at these times, may be asked once
// more now, or until when that waits.
func (c Pace) Allow(now time.Time, asked []time.Time, incident bool) Wait {
	today, day := 0, c.Day(now)
	var last time.Time
	for _, at := range asked {
		if !at.Before(day) {
			today++
		}
		if at.After(last) {
			last = at
		}
	}
	switch {
	case c.Daily > 0 && today >= c.Daily:
		return Wait{Until: c.next(now, c.Digest), Digest: true}
	case incident && c.Between > 0 && now.Sub(last) < c.Between && !last.IsZero():
		return Wait{Until: last.Add(c.Between)}
	}
	return Wait{}
}

// Counts reports whether showing the prompt for the first time counts against
// its member's budget. SECRET never waits; nor does what the member asked for,
// or what tells and asks nothing.
func (p *Prompt) Counts() bool {
	return !p.secret() && !p.Leaving() && p.Telling == nil && p.Digested.IsZero()
}

// Urgent reports whether a prompt is shown, and reminds, in quiet hours too.
func (p *Prompt) Urgent() bool {
	if p.ChatKind == chat.Emergency || p.secret() || p.Leaving() {
		return true
	}
	for _, it := range p.Items {
		if it.State == Flagged && slices.ContainsFunc(it.Found, func(f Found) bool { return f.Severity == rules.Serious }) {
			return true
		}
	}
	return false
}

// PutOff lets the prompt wait before it is first shown.
func (p *Prompt) PutOff(w Wait) {
	if !p.Waiting() {
		return
	}
	p.Later, p.Spent, p.Due = w.Until, w.Digest, w.Until
	p.Version++
}

// Resume ends the wait of a prompt that was put off. digest reports that it is
// named in a digest instead of being shown.
func (p *Prompt) Resume(now time.Time) (digest bool) {
	digest = p.Spent
	p.Later, p.Spent = time.Time{}, false
	p.Due = now.Add(p.ladder().remind)
	if digest {
		p.Digested = now
	}
	p.Version++
	return digest
}

// Waits reports whether the prompt is not to be shown yet.
func (p *Prompt) Waits(now time.Time) bool {
	return p.Telling == nil && !p.secret() && (now.Before(p.Later) || !p.Digested.IsZero())
}
