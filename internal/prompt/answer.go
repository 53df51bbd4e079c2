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
	AnswerKeepReason   = "keep-reason"   // keep the messages with the reason for what they decided (R40)
	AnswerNote         = "note"          // keep a note of the substance instead (R32)
	AnswerNotSensitive = "not-sensitive" // the sender's judgement, kept as such (R15)
	AnswerWrong        = "wrong"         // "This is wrong": stops, and goes to the named person
	AnswerNoted        = "noted"         // "I have read this": under a hold there may be nothing to do
	AnswerLooked       = "looked"        // "I have looked, and nothing is left": the end of a farewell
	AnswerExceptional  = "exceptional"   // exceptional circumstances, with the reason (R4)
	AnswerAsk          = "ask"           // "Ask someone": the person who answers hears that somebody asks; not an end
	AnswerMore         = "more"          // "Tell me more": not an end
	AnswerShow         = "show"          // of a digest: "Show me each one"
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

	StepMove    = "move"    // send it over a council system, and no more here
	StepConsent = "consent" // those in a picture agree to it (R19)

	StepReply = "reply" // answer whoever wrote from outside in another way
)

// Wish is what an answer asks the bot to do.
type Wish struct {
	File   bool             // file the covered messages, or the note, as a record
	Note   bool             // the record is the member's note, not the messages
	Reason bool             // the member's words are the reason for what the messages decided
	Claim  bool             // the record is the reason for exceptional circumstances, and is reported
	Tell   What             // somebody is told; empty: nobody
	Show   []Of             // of a digest: show these
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
	w, ends := p.wish(now, answer, record)
	p.Version++
	if !ends {
		return w, true
	}
	p.Answer = answer
	if w.File && !w.Claim {
		p.Record = record
	}
	p.end(now, Answered)
	return w, true
}

// Offers reports whether the member can give an answer now.
func (p *Prompt) Offers(answer string, can Can) bool {
	return p.Waiting() && slices.Contains(p.answers(can), answer)
}

// wish works out what an answer asks the bot to do, and whether it ends the
// prompt.
func (p *Prompt) wish(now time.Time, answer, record string) (w Wish, ends bool) {
	switch answer {
	case AnswerControl:
		p.Ticked[StepControl] = now
		return w, false
	case AnswerAsk:
		p.Asked = now
		return Wish{Tell: AboutAsked}, false
	case AnswerMore:
		p.More = true
		return w, false
	case AnswerExceptional:
		p.Claimed, p.Claim = now, record
		return Wish{File: true, Note: true, Claim: true}, !p.mustKeep()
	case AnswerKeep, AnswerKeepDelete:
		w.File = true
	case AnswerKeepReason:
		w.File, w.Reason = true, true
	case AnswerNote:
		w.File, w.Note = true, true
	case AnswerWrong:
		w.Tell = AboutWrong
	case AnswerShow:
		w.Show = p.Telling.Of
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
	return w, true
}

// WantsText reports whether an answer comes with the member's own words.
func WantsText(answer string) bool {
	return answer == AnswerNote || answer == AnswerKeepReason || answer == AnswerExceptional
}

// Can says what the bot is able to do in the prompt's chat, so that nothing is
// offered that could not be carried out.
type Can struct{ Delete bool }

// answers lists what is offered now, the expected one first. "This is wrong" is
// among them everywhere.
func (p *Prompt) answers(can Can) []string {
	switch {
	case p.Telling != nil && p.Telling.What == AboutDigest:
		return []string{AnswerShow, AnswerWrong}
	case p.Telling != nil:
		return []string{AnswerNoted, AnswerWrong}
	case p.Leaving():
		return []string{AnswerLooked, AnswerNote, AnswerWrong}
	}
	out := p.judgements(can)
	if p.mayClaim() {
		out = append(out, AnswerExceptional)
	}
	if p.Asked.IsZero() {
		out = append(out, AnswerAsk)
	}
	if !p.More {
		out = append(out, AnswerMore)
	}
	return out
}

// judgements are the answers that end a prompt, or begin it in an emergency.
func (p *Prompt) judgements(can Can) []string {
	d := p.duties()
	keep, offer, remove := slices.Contains(d, policy.Capture), slices.Contains(d, policy.Offer), slices.Contains(d, policy.Remove)
	if p.secret() {
		keep, offer = false, false
	}
	switch {
	case p.needsControl():
		return []string{AnswerControl, AnswerNotSensitive, AnswerWrong}
	case p.Kind() == "retention" && !p.Held:
		return []string{AnswerDeleted, AnswerWrong}
	case p.Held && keep:
		return []string{AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerKeepReason, AnswerNote}
	case p.Held && offer:
		return []string{AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerNoted}
	case p.Held:
		return []string{AnswerNoted, AnswerNotSensitive, AnswerWrong}
	case keep && remove && can.Delete:
		return []string{AnswerKeepDelete, AnswerNotSensitive, AnswerWrong, AnswerKeep, AnswerKeepReason, AnswerNote}
	case keep:
		return []string{AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerKeepReason, AnswerNote}
	case p.From != "":
		return received(offer, can)
	}
	out := []string{AnswerDeleted, AnswerNotSensitive, AnswerWrong}
	if can.Delete {
		out = append(out, AnswerDelete)
	}
	if offer && can.Delete {
		out = append(out, AnswerKeepDelete)
	} else if offer {
		out = append(out, AnswerKeep)
	}
	return out
}

// received are the answers of somebody who is asked about a message that is not
// theirs: only the bot could delete it.
func received(offer bool, can Can) []string {
	switch {
	case offer && can.Delete:
		return []string{AnswerKeepDelete, AnswerNotSensitive, AnswerWrong, AnswerDelete, AnswerKeep, AnswerNoted}
	case can.Delete:
		return []string{AnswerDelete, AnswerNotSensitive, AnswerWrong, AnswerNoted}
	case offer:
		return []string{AnswerKeep, AnswerNotSensitive, AnswerWrong, AnswerNoted}
	}
	return []string{AnswerNoted, AnswerNotSensitive, AnswerWrong}
}

// mayClaim reports whether exceptional circumstances may be claimed, which is
// once. Nothing excuses SECRET, or a password that others can read; and where
// the policy permits the message nothing needs an excuse.
func (p *Prompt) mayClaim() bool {
	if p.Claim != "" || p.From != "" || p.secret() || p.needsControl() {
		return false
	}
	if k := p.Kind(); k == "credential" || k == "retention" {
		return false
	}
	return slices.ContainsFunc(p.Items, func(it Item) bool {
		return it.State == Flagged && it.Outcome.Rank() >= policy.Exceptional.Rank()
	})
}

// mustKeep reports whether a record is due that nobody has asked for yet.
func (p *Prompt) mustKeep() bool {
	return p.Record == "" && !p.secret() && slices.Contains(p.duties(), policy.Capture)
}

// needsControl reports whether, in an emergency chat, the member has not yet
// said that the control room has the details. Deletion is asked for only after
// that (DESIGN invariant 11).
func (p *Prompt) needsControl() bool {
	if !p.emergency() {
		return false
	}
	_, told := p.Ticked[StepControl]
	return !told
}

// emergency reports whether a covered message may tell of somebody in danger.
func (p *Prompt) emergency() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return it.Kind == "emergency" })
}

// steps lists what the member is asked to do, in order.
func (p *Prompt) steps() []string {
	switch {
	case p.Telling != nil:
		return nil
	case p.needsControl():
		return []string{StepControl}
	case p.Leaving() && p.Held: // their copy may be the only one
		return []string{StepReview, StepHandOver}
	case p.Leaving():
		return []string{StepReview, StepHandOver, StepCopies}
	case p.Held:
		return p.heldSteps()
	case p.emergency() && p.From != "":
		return []string{StepControl, StepReply, StepMedia}
	case p.From != "":
		return []string{StepReply, StepMedia}
	case p.Kind() == "secret" && p.emergency():
		return []string{StepControl, StepMessage, StepMedia, StepBackups, StepOfficer}
	case p.Kind() == "secret":
		return []string{StepMessage, StepMedia, StepBackups, StepOfficer}
	case p.Kind() == "retention":
		return []string{StepMessage}
	}
	d := p.duties()
	keep, remove := slices.Contains(d, policy.Capture) && !p.secret(), slices.Contains(d, policy.Remove)
	var out []string
	switch p.Kind() {
	case "significant":
		out = []string{StepKeep}
		if remove { // never here: it goes on where it belongs
			out = append(out, StepMove, StepMessage)
		}
		return out
	case "drift":
		return []string{StepMove, StepKeep}
	case "care":
		return []string{StepKeep}
	case "channel", "exceptional":
		out = []string{StepMove, StepMessage, StepMedia, StepBackups}
	case "photo":
		out = []string{StepConsent, StepMessage, StepMedia, StepBackups}
	case "emergency":
		out = []string{StepControl, StepMessage, StepMedia, StepBackups, StepManager}
	case "credential":
		out = []string{StepChange, StepMessage, StepBackups}
	default:
		out = []string{StepCalm, StepMessage, StepMedia, StepBackups, StepManager}
	}
	if keep { // what must be kept is kept before it goes
		out = slices.Insert(out, slices.Index(out, StepMessage), StepKeep)
	}
	return out
}

// heldSteps are the steps that ask nobody to delete anything.
func (p *Prompt) heldSteps() []string {
	switch {
	case p.From != "" && p.emergency():
		return []string{StepControl, StepReply, StepStay}
	case p.From != "":
		return []string{StepReply, StepStay}
	}
	switch p.Kind() {
	case "emergency":
		return []string{StepControl, StepStay, StepManager}
	case "secret":
		return []string{StepStay, StepOfficer}
	case "credential":
		return []string{StepChange, StepStay}
	case "significant", "drift", "care":
		return []string{StepKeep}
	case "photo":
		return []string{StepConsent, StepStay}
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
