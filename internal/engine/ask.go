package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chaperone/bots"
	"chaperone/internal/prompt"
)

// Ask is the budget that the first showing of a prompt counts against.
type Ask struct {
	Pace     prompt.Pace
	Incident bool
	Urgent   bool // it is shown in quiet hours too
}

// Allow says whether a member who was asked at these times may be asked now, or
// until when that waits.
func (a Ask) Allow(now time.Time, asked []time.Time) prompt.Wait {
	if until, quiet := a.Pace.Quiet(now); quiet && !a.Urgent {
		return prompt.Wait{Until: until}
	}
	return a.Pace.Allow(now, asked, a.Incident)
}

// PutOff is the error of a start that waits: it is quiet, or the member has been
// asked enough.
type PutOff struct{ prompt.Wait }

func (p *PutOff) Error() string { return "it waits until " + p.Until.Format(time.DateTime) }

// rise does to a prompt what the clock asks for, and gives the actions that
// follow. One that was put off comes before its member now, or in a digest. A
// reminder, and what others hear of silence, waits while it is quiet.
func (e *Engine) rise(sh *Shown, now time.Time) []Action {
	if sh.Waiting() && sh.Shown == 0 && !sh.Later.IsZero() && !sh.Busy {
		if now.Before(sh.Later) {
			sh.Due = sh.Later
			return nil
		}
		if sh.Resume(now) {
			return []Action{informing(prompt.AboutDigest, sh, "", now)}
		}
		return showings(sh, now)
	}
	if until, quiet := e.o.Pace.Quiet(now); quiet && sh.Waiting() && !sh.Urgent() {
		sh.Due = until
		return nil
	}
	if sh.Shown == 0 && sh.Busy {
		sh.Begin(now) // it is still on its way to the member
	}
	climbed := sh.Overdue(now)
	var out []Action
	for rung, what := range map[prompt.Rung]prompt.What{
		prompt.Delegate: prompt.AboutDelegate, prompt.Administrator: prompt.AboutOpen, prompt.Governance: prompt.AboutLong,
	} {
		if slices.Contains(climbed, rung) {
			out = append(out, informing(what, sh, "", now))
		}
	}
	if slices.Contains(climbed, prompt.Member) && sh.Shown > 0 {
		return append(out, Action{
			Key: fmt.Sprintf("%s/%s/%d", bots.Remind, sh.ID, sh.Version), Kind: Kind(bots.Remind), Chat: sh.Chat,
			Member: sh.Member, Message: sh.Items[0].Message, Prompt: sh.ID, Due: now,
		})
	}
	return append(out, showings(sh, now)...)
}

func showings(sh *Shown, now time.Time) []Action {
	if a, ok := showing(sh, now); ok {
		return []Action{a}
	}
	return nil
}

// follows plans what an answer brings beside records and deletions.
func (b *batch) follows(sh *Shown, wish prompt.Wish, id string) {
	if wish.Claim {
		b.claim(sh, id)
	}
	if wish.Tell != "" && sh.Telling == nil {
		b.inform(wish.Tell, sh, "")
	}
	for _, of := range wish.Show {
		b.s.Actions = append(b.s.Actions, Action{
			Key: fmt.Sprintf("%s/%s/asked-for", bots.Whisper, of.Prompt), Kind: Kind(bots.Whisper), Chat: of.Chat, Member: sh.Member,
			Prompt: of.Prompt, Due: b.now,
		})
	}
}

// unreachable follows a refusal to show a prompt for the first time: its member
// lets nobody write to them privately, or the platform offers no way. It is not
// tried again, and silence brings it before others. The chat
// has a line that names nobody, once a day, and an administrator is told
// privately (DESIGN invariant 6). Where the directory has an address a letter
// goes here too, once there is a way to send one.
func (e *Engine) unreachable(f *Finished, sh *Shown) {
	if refused := f.Outcome == Forbidden || f.Outcome == Unsupported; !refused || sh.Shown > 0 || !sh.Waiting() || sh.Leaving() || sh.Telling != nil {
		return
	}
	sh.Shut = true
	sh.Begin(f.Now)
	f.Next = append(f.Next, informing(prompt.AboutUnreachable, sh, "", f.Now), Action{
		Key:  fmt.Sprintf("%s/%s/%s", Line, sh.Chat, e.o.Pace.Day(f.Now).Format(time.DateOnly)),
		Kind: Line, Chat: sh.Chat, Due: f.Now,
	})
}

// current brings what is told up to what is still so at this moment.
func (e *Engine) current(ctx context.Context, sh *Shown) error {
	if sh.Telling.What != prompt.AboutDigest {
		return nil
	}
	settled := map[string]bool{}
	for _, of := range sh.Telling.Of {
		about, err := e.o.Store.Prompt(ctx, of.Prompt)
		if err != nil {
			return err
		}
		settled[of.Prompt] = !about.Waiting()
	}
	sh.Drop(e.o.Now(), func(of prompt.Of) bool { return settled[of.Prompt] })
	return nil
}
