package retention

import "time"

// Own is a kind of the product's own data.
type Own string

// The product's own data that has a schedule. Records, holds, certificates and
// the audit log are not among them: they are the proof.
const (
	Findings Own = "findings"
	Prompts  Own = "prompts"
	Logs     Own = "logs"
	UndoText Own = "undo"
)

// OwnPeriods gives how long each kind of the product's own data is kept where
// the configuration names no other period.
func OwnPeriods() map[Own]Period {
	return map[Own]Period{Findings: {Days: 90}, Prompts: {Days: 90}, Logs: {Days: 30}, UndoText: {Days: 30}}
}

// Expired reports whether one of the product's own data, made at an instant,
// is erased now. held is what the hold that covers it says, and where that is
// not known, it is held. An unknown kind or a blank period keeps.
func Expired(kind Own, periods map[Own]Period, made time.Time, held bool, now time.Time) bool {
	p := periods[kind]
	return !held && !p.IsZero() && !made.IsZero() && !p.After(made).After(now)
}

// Day is a date of the calendar of what is to be disposed of.
type Day struct {
	Slot time.Time // when the run comes due
	Goes int       // messages whose period is over by then, and that nothing keeps now
	Held int       // messages whose period is over by then, and that a hold keeps
}

// Calendar tells what the coming runs up to an instant will find, judged by
// what is known now. It reads the items of a plan made now.
func (p Plan) Calendar(until time.Time) []Day {
	var days []Day
	last := p.Schedule.When.Begin(p.Now)
	for {
		d, slot, ok := p.Schedule.When.Next(last)
		if !ok || slot.After(until) {
			break
		}
		days, last = append(days, Day{Slot: slot}), d
	}
	for _, i := range p.Items {
		if i.Due.IsZero() {
			continue
		}
		for n := range days {
			if days[n].Slot.Before(i.Due) {
				continue
			}
			switch {
			case i.Reason == Held || i.Reason == Unreadable:
				days[n].Held++
			case i.Reason == Running || i.Way == Goes || i.Way == Asks || i.Way == Transfers:
				days[n].Goes++
			}
			break
		}
	}
	return days
}
