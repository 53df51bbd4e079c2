package retention

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Own is a kind of the product's own data.
type Own string

// The product's own data that has a schedule. Records, holds, certificates,
// gaps and the audit log are not among them: they are the proof. Nor are the
// texts that wait to be decided about, which go within minutes.
const (
	Findings Own = "findings"  // what was found in a message, never the text (R53)
	Prompts  Own = "prompts"   // prompts that have ended
	UndoText Own = "undo"      // sealed texts of what a run destroyed
	SetAside Own = "set-aside" // sealed messages that could not be scanned
	Arrivals Own = "arrivals"  // that something arrived: number, time and kind
	People   Own = "people"    // members who are in no chat any more, and what was done about leavers

	Judgements Own = "judgements" // what members judged not sensitive, as keyed digests
)

// OwnPeriods says how long each kind of the product's own data is kept. A hold
// keeps longer what it covers.
type OwnPeriods map[Own]Period

// DefaultOwn is what holds where the configuration says nothing else.
func DefaultOwn() OwnPeriods {
	return OwnPeriods{Findings: {Days: 90}, Prompts: {Days: 90}, UndoText: {Days: 30}, SetAside: {Days: 14}, Arrivals: {Days: 30}, People: {Days: 90}, Judgements: {Days: 180}}
}

// Own lists the kinds, in the order in which people read them.
func (OwnPeriods) Own() []Own {
	return []Own{Findings, Prompts, UndoText, SetAside, Arrivals, People, Judgements}
}

// Says is the kind in words.
func (o Own) Says() string {
	switch o {
	case Findings:
		return "what was found in messages, without their texts"
	case Prompts:
		return "prompts that have ended"
	case UndoText:
		return "sealed texts of what a run destroyed, for undo"
	case SetAside:
		return "sealed messages that could not be scanned"
	case Arrivals:
		return "that a message arrived: its number, time and kind"
	case Judgements:
		return "what members judged not sensitive, without its text"
	case People:
		return "members who are in no chat any more, and leavers who are out"
	}
	return string(o)
}

// ReadOwn reads the periods that a configuration names, over the defaults, and
// tells everything that is wrong with them.
func ReadOwn(written map[string]string) (OwnPeriods, []string) {
	out := DefaultOwn()
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if _, known := out[Own(name)]; !known {
			wrong = append(wrong, fmt.Sprintf("%q is no kind of the product's own data: write findings, prompts, set-aside, arrivals, people or judgements", name))
			continue
		}
		if Own(name) == UndoText {
			wrong = append(wrong, "undo: it is always 30 days; chaperone retention purge gives it up for one run")
			continue
		}
		p, err := ParsePeriod(written[name])
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", name, err))
		case p.IsZero():
			wrong = append(wrong, fmt.Sprintf("%s: name a period of a day at least; these data do not stay for ever", name))
		default:
			out[Own(name)] = p
		}
	}
	return out, wrong
}

// Before is the instant before which data of a kind are over now. It moves on
// once a day, so that what goes is written down once a day.
func (o OwnPeriods) Before(kind Own, now time.Time) time.Time {
	p := o[kind]
	return now.UTC().Truncate(24*time.Hour).AddDate(-p.Years, -p.Months, -p.Days)
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
