package prompt

import (
	"slices"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
)

// The closed answers. Which of them a prompt offers depends on what it asks.
const (
	AnswerControl      = "control"       // the control room has it: a step, not an end
	AnswerDeleted      = "deleted"       // "I have deleted it"
	AnswerDelete       = "delete"        // "Delete it for me"
	AnswerKeep         = "keep"          // keep the messages as a record
	AnswerKeepDelete   = "keep-delete"   // keep them, then delete them from the chat
	AnswerNote         = "note"          // keep a note of the substance instead (R32)
	AnswerNotSensitive = "not-sensitive" // the sender's judgement, kept as such (R15)
	AnswerWrong        = "wrong"         // "This is wrong": stops, and goes to the named person
	AnswerNoted        = "noted"         // "I have read this": under a hold there may be nothing to do
	AnswerLooked       = "looked"        // "I have looked, and nothing is left": the end of a farewell
)

// The steps. Order is the policy's (S2, if you accidentally share; R26).
const (
	StepControl = "control" // life first: does the control room have it? (invariant 11)
	StepCalm    = "calm"
	StepMessage = "message"
	StepMedia   = "media"
	StepBackups = "backups"
	StepManager = "manager"
	StepChange  = "change" // change the password, key or code
	StepOfficer = "officer"
	StepKeep    = "keep"
	StepStay    = "stay" // under a hold: leave it where it is

	StepReview   = "review"   // a leaver looks back for what only they know
	StepHandOver = "handover" // … tells who takes their part
	StepCopies   = "copies"   // … and deletes the chat from their own phone
)

// Wish is what an answer asks the bot to do.
type Wish struct {
	File   bool             // file the covered messages, or the note, as a record
	Note   bool             // the record is the member's note, not the messages
	Delete []chat.MessageID // delete these, after the record is filed where both are due
}

// Give takes the member's answer. An answer that the prompt does not offer
// now, or that comes after its end, changes nothing and returns false.
func (p *Prompt) Give(now time.Time, answer, record string, can Can) (Wish, bool) {
	offered := p.answers(can)
	if p.Held && answer == AnswerKeepDelete && slices.Contains(offered, AnswerKeep) {
		offered = append(offered, answer) // given before the hold was shown: it is kept, and not deleted
	}
	if !p.Waiting() || !slices.Contains(offered, answer) {
		return Wish{}, false
	}
	if answer == AnswerControl {
		p.Tick(now, StepControl, true)
		return Wish{}, true
	}
	var w Wish
	switch answer {
	case AnswerKeep, AnswerKeepDelete:
		w.File = true
	case AnswerNote:
		w.File, w.Note = true, true
	}
	if (answer == AnswerDelete || answer == AnswerKeepDelete) && !p.Held {
		for _, it := range p.Items {
			if it.State == Flagged && slices.Contains(it.Duties, policy.Remove) {
				w.Delete = append(w.Delete, it.Message)
			}
		}
	}
	if answer == AnswerDeleted && slices.Contains(p.steps(), StepMessage) {
		p.Ticked[StepMessage] = now
	}
	p.Answer = answer
	if w.File {
		p.Record = record
	}
	p.end(now, Answered)
	p.Version++
	return w, true
}

// Can says what the bot is able to do in the prompt's chat, so that nothing is
// offered that could not be carried out.
type Can struct{ Delete bool }

// answers lists what is offered now, the expected one first.
func (p *Prompt) answers(can Can) []string {
	if p.needsControl() {
		return []string{AnswerControl, AnswerNotSensitive, AnswerWrong}
	}
	if p.Leaving() {
		return []string{AnswerLooked, AnswerNote, AnswerWrong}
	}
	d := p.duties()
	keep, offer, remove := slices.Contains(d, policy.Capture), slices.Contains(d, policy.Offer), slices.Contains(d, policy.Remove)
	if p.secret() {
		keep, offer = false, false
	}
	var out []string
	switch {
	case p.Kind() == "retention" && !p.Held:
		out = append(out, AnswerDeleted, AnswerWrong)
	case p.Held && keep:
		out = append(out, AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerNote)
	case p.Held && offer:
		out = append(out, AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerNoted)
	case p.Held:
		out = append(out, AnswerNoted, AnswerNotSensitive, AnswerWrong)
	case keep && remove && can.Delete:
		out = append(out, AnswerKeepDelete, AnswerNotSensitive, AnswerWrong, AnswerKeep, AnswerNote)
	case keep:
		out = append(out, AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerNote)
	default:
		out = append(out, AnswerDeleted, AnswerNotSensitive, AnswerWrong)
		if can.Delete {
			out = append(out, AnswerDelete)
		}
		if offer && can.Delete {
			out = append(out, AnswerKeepDelete)
		} else if offer {
			out = append(out, AnswerKeep)
		}
	}
	return out
}

// needsControl reports whether, in an emergency chat, the member has not yet
// said that the control room has the details. Deletion is asked for only after
// that (DESIGN invariant 11).
func (p *Prompt) needsControl() bool {
	if p.Kind() != "emergency" {
		return false
	}
	_, told := p.Ticked[StepControl]
	return !told
}

// steps lists what the member is asked to do, in order.
func (p *Prompt) steps() []string {
	switch {
	case p.needsControl():
		return []string{StepControl}
	case p.Leaving() && p.Held: // their copy may be the only one
		return []string{StepReview, StepHandOver}
	case p.Leaving():
		return []string{StepReview, StepHandOver, StepCopies}
	case p.Held:
		return p.heldSteps()
	case p.Kind() == "emergency":
		return []string{StepControl, StepMessage, StepMedia, StepBackups, StepManager}
	case p.Kind() == "secret":
		return []string{StepMessage, StepMedia, StepBackups, StepOfficer}
	case p.Kind() == "credential":
		return []string{StepChange, StepMessage, StepBackups}
	case p.Kind() == "significant":
		return []string{StepKeep}
	case p.Kind() == "retention":
		return []string{StepMessage}
	default:
		return []string{StepCalm, StepMessage, StepMedia, StepBackups, StepManager}
	}
}

// heldSteps are the steps that ask nobody to delete anything.
func (p *Prompt) heldSteps() []string {
	switch p.Kind() {
	case "emergency":
		return []string{StepControl, StepStay, StepManager}
	case "secret":
		return []string{StepStay, StepOfficer}
	case "credential":
		return []string{StepChange, StepStay}
	case "significant":
		return []string{StepKeep}
	case "retention":
		return []string{StepStay}
	default:
		return []string{StepCalm, StepStay, StepManager}
	}
}

// done reports whether a step is done, as told by the member or as seen by the bot.
func (p *Prompt) done(step string) bool {
	if _, told := p.Ticked[step]; told {
		return true
	}
	switch step {
	case StepMessage:
		return !slices.ContainsFunc(p.Items, func(it Item) bool {
			return it.State == Flagged && slices.Contains(it.Duties, policy.Remove)
		})
	case StepKeep:
		return p.Filed
	}
	return false
}

// ladder is how long a prompt waits before each rung.
type ladder struct{ remind, escalate, lapse time.Duration }

func (p *Prompt) ladder() ladder {
	if p.ChatKind == chat.Emergency {
		return ladder{remind: time.Hour, escalate: 4 * time.Hour, lapse: 7 * 24 * time.Hour}
	}
	return ladder{remind: 24 * time.Hour, escalate: 72 * time.Hour, lapse: 14 * 24 * time.Hour}
}

// Begin starts the ladder: its time runs from when the member is first shown
// the prompt.
func (p *Prompt) Begin(now time.Time) {
	if p.Waiting() && p.Reminded.IsZero() && !p.Leaving() {
		p.Due = now.Add(p.ladder().remind)
	}
}

// Overdue moves the prompt up the ladder as far as the clock says and reports
// whether the member is to be reminded now. A prompt reminds once. What must
// not stay in a chat escalates; anything else lapses.
func (p *Prompt) Overdue(now time.Time) (remind bool) {
	l := p.ladder()
	for p.Waiting() && !p.Due.IsZero() && !now.Before(p.Due) {
		switch {
		case p.State == Escalated, p.Leaving(): // a farewell is said once
			p.end(now, Lapsed)
		case p.Reminded.IsZero():
			p.Reminded, remind = now, true
			p.Due = p.Due.Add(l.escalate - l.remind)
		case p.mustNot():
			p.State = Escalated
			p.Due = p.Due.Add(l.lapse - l.escalate)
		default:
			p.end(now, Lapsed)
		}
		p.Version++
	}
	return remind && p.Waiting()
}

func (p *Prompt) mustNot() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool {
		return it.State == Flagged && it.Outcome == policy.MustNot
	})
}
