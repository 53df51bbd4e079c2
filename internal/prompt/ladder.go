package prompt

import (
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
)

// Rung is whom silence brings a prompt to. Each rung is climbed once.
type Rung string

// The rungs, in their order. The member is reminded; the others hear that
// something is open, and not what it is about.
const (
	Member        Rung = "member"
	Delegate      Rung = "delegate" // who acts for the member (R33)
	Administrator Rung = "administrator"
	Governance    Rung = "governance"
)

// ladder is how long a prompt waits before each rung.
type ladder struct{ remind, delegate, escalate, govern, lapse time.Duration }

func (p *Prompt) ladder() ladder {
	const hour, day = time.Hour, 24 * time.Hour
	if p.ChatKind == chat.Emergency {
		return ladder{remind: hour, delegate: 2 * hour, escalate: 4 * hour, govern: day, lapse: 7 * day}
	}
	return ladder{remind: day, delegate: 2 * day, escalate: 3 * day, govern: 7 * day, lapse: 14 * day}
}

// Begin starts the ladder: its time runs from when the member is first shown
// the prompt, or could not be.
func (p *Prompt) Begin(now time.Time) {
	if p.Waiting() && p.Reminded.IsZero() && !p.Leaving() && p.Telling == nil {
		p.Due = now.Add(p.ladder().remind)
	}
}

// Overdue moves the prompt up the ladder as far as the clock says and names
// the rungs that it climbed. What must not stay in a chat is brought before
// the chat's administrators and then information governance; anything else
// lapses. What has ended climbs nowhere, so that a slip that was put right goes
// no further than its sender.
func (p *Prompt) Overdue(now time.Time) []Rung {
	l := p.ladder()
	var climbed []Rung
	for p.Waiting() && !p.Due.IsZero() && !now.Before(p.Due) {
		switch {
		case p.Leaving(), p.Telling != nil: // said once
			p.end(now, Lapsed)
		case p.State == Escalated && p.Governed.IsZero():
			p.Governed, climbed = now, append(climbed, Governance)
			p.Due = p.Due.Add(l.lapse - l.govern)
		case p.State == Escalated:
			p.end(now, Lapsed)
		case p.Reminded.IsZero():
			p.Reminded, climbed = now, append(climbed, Member)
			p.Due = p.Due.Add(l.delegate - l.remind)
		case p.Delegated.IsZero():
			p.Delegated, climbed = now, append(climbed, Delegate)
			p.Due = p.Due.Add(l.escalate - l.delegate)
		case p.mustNot():
			p.State, p.Raised, climbed = Escalated, now, append(climbed, Administrator)
			p.Due = p.Due.Add(l.govern - l.escalate)
		default:
			p.end(now, Lapsed)
		}
		p.Version++
	}
	if !p.Waiting() {
		return nil
	}
	return climbed
}

func (p *Prompt) mustNot() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool {
		return it.State == Flagged && it.Outcome == policy.MustNot && slices.Contains(it.Duties, policy.Remove)
	})
}
