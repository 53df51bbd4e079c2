package breach

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"chaperone/internal/chat"
)

// Sight is how long a message stood in the chat.
type Sight struct {
	Message chat.MessageID
	From    time.Time
	Until   time.Time // zero: it stands there now
}

// Standing says on which side of the organisation's edge a member is.
type Standing string

// The standings.
const (
	Colleague Standing = "colleague" // in the staff directory
	External  Standing = "external"  // not in it, or confirmed to be from elsewhere
	Unknown   Standing = "unknown"   // there is no directory that says
)

// Presence is a stretch of time that a member was in the chat.
type Presence struct {
	Member   chat.MemberID
	Since    time.Time
	Came     bool      // they were seen coming: they were not there before
	Until    time.Time // zero: they are there now
	Standing Standing
}

// Seen is a member who could have seen it.
type Seen struct {
	Member   chat.MemberID `json:"member"`
	Standing Standing      `json:"standing"`
	Sure     bool          `json:"sure"` // else they were first seen later, and may have been there
}

// Exposure is the receipt: who could have seen what was said, and for how long,
// as counts. The sender and bots are not among them.
type Exposure struct {
	Messages   int       `json:"messages"`
	From       time.Time `json:"from,omitzero"`
	Until      time.Time `json:"until,omitzero"` // zero: some of it is visible now
	Seconds    int64     `json:"seconds"`        // during which any of it was visible
	Members    int       `json:"members"`        // who were there, of every standing
	Colleagues int       `json:"colleagues"`
	External   int       `json:"external"`
	Unknown    int       `json:"unknown"` // there is no directory that says
	Perhaps    int       `json:"perhaps"` // besides: who were first seen later, and may have been there
	Reads      *int      `json:"reads"`   // nil: the platform tells nobody who read it
}

// Visible reports whether some of it can be seen now.
func (e Exposure) Visible() bool { return e.Until.IsZero() }

// Expose works out who could have seen messages, and for how long.
func Expose(now time.Time, sender chat.MemberID, sights []Sight, all []Presence) (Exposure, []Seen) {
	e := Exposure{Messages: len(sights)}
	if len(sights) == 0 {
		return e, nil
	}
	spans := slices.Clone(sights)
	slices.SortFunc(spans, func(a, b Sight) int { return a.From.Compare(b.From) })
	e.From = spans[0].From
	last, visible := time.Time{}, false
	for i := range spans {
		s := &spans[i]
		if s.Until.IsZero() {
			visible, s.Until = true, now
		}
		if s.Until.Before(s.From) { // our clock and the platform's differ a little
			s.Until = s.From
		}
		from := s.From
		if from.Before(last) {
			from = last
		}
		if s.Until.After(from) {
			e.Seconds += int64(s.Until.Sub(from) / time.Second)
			last = s.Until
		}
		if last.Before(s.Until) {
			last = s.Until
		}
	}
	if !visible {
		e.Until = last
	}
	seen := map[chat.MemberID]Seen{}
	for _, p := range all {
		sure, perhaps := p.could(spans)
		if p.Member == sender || (!sure && !perhaps) || seen[p.Member].Sure {
			continue
		}
		seen[p.Member] = Seen{Member: p.Member, Standing: cmp.Or(p.Standing, Unknown), Sure: sure}
	}
	for _, s := range seen {
		e.count(s)
	}
	list := slices.SortedFunc(maps.Values(seen), func(a, b Seen) int { return cmp.Compare(a.Member, b.Member) })
	return e, list
}

func (e *Exposure) count(s Seen) {
	if !s.Sure {
		e.Perhaps++
		return
	}
	e.Members++
	switch s.Standing {
	case Colleague:
		e.Colleagues++
	case External:
		e.External++
	default:
		e.Unknown++
	}
}

// could reports whether a member was there while any of it stood, or may have
// been: nobody saw them come, and they were seen only afterwards.
func (p Presence) could(spans []Sight) (sure, perhaps bool) {
	for _, s := range spans {
		if !p.Until.IsZero() && !p.Until.After(s.From) {
			continue
		}
		if p.Since.Before(s.Until) || (p.Since.Equal(s.From) && s.From.Equal(s.Until)) {
			return true, false
		}
		perhaps = perhaps || !p.Came
	}
	return false, perhaps
}
