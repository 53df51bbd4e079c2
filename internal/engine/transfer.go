package engine

import (
	"context"
	"errors"

	"chaperone/bots"
	"chaperone/internal/failpoint"
	"chaperone/internal/policy"
	"chaperone/internal/record"
	"chaperone/internal/retention"
)

// Transfer hands a message over to the archive. It destroys nothing: the
// message goes with a later run, and only once the archive has given its
// receipt (R48).
const Transfer Kind = "transfer"

// ErrNoText tells that the text of a record has not been read yet, or is kept
// no longer.
var ErrNoText = errors.New("its text is not kept here")

// transferred is the record that a message at the end of its period becomes.
func (e *Engine) transferred(r Run, i retention.Item) record.Record {
	now, s := e.o.Now(), r.Plan.Schedule
	return record.Record{
		ID: e.o.NewID(now), Account: i.Chat.Account, Chat: i.Chat.Local, ChatKind: i.Kind,
		Method: string(i.Chat.Account), CapturedBy: "chaperone", CapturedAt: now.UTC(), Form: record.Verbatim,
		Messages: []record.Message{{ID: i.ID, Sender: i.Sender, SentAt: i.At.UTC(), Revision: i.Revision}},
		Lines:    []policy.Line{{Pack: "Retention", Version: r.Date.String(), Row: s.ID, Text: s.String(), Source: s.Authority}},
	}
}

// transfer reads the message once, keeps it sealed, and files that: however
// often it is tried, the archive is given the same.
func (e *Engine) transfer(ctx context.Context, a Action) error {
	r, _, err := e.o.Store.Content(ctx, a.Record)
	if errors.Is(err, ErrNoText) {
		source, ok := e.bots[a.Chat.Account].(bots.Fetcher)
		if !ok {
			return e.finish(ctx, a, Unsupported, "")
		}
		text, err := source.Fetch(ctx, own(a.Chat), ownMessage(a.Message))
		if outcome, final := ended(err); final && outcome != Done {
			return e.finish(ctx, a, outcome, "")
		} else if err != nil {
			return err
		}
		if err := e.o.Store.Stands(ctx, a); errors.Is(err, ErrOtherwise) {
			return e.finish(ctx, a, NotNeeded, "") // what was read may be SECRET by now
		} else if err != nil {
			return err
		}
		if err := e.o.Store.Settle(ctx, Settlement{Chat: a.Chat, Now: e.o.Now(), Arrivals: []Arrival{{Record: r, Text: text}}}); err != nil {
			return err
		}
		failpoint.Hit("transfer.read")
	} else if err != nil {
		return err
	}
	return e.file(ctx, a)
}

// staged is what a run does with one message of a stage.
func (e *Engine) staged(s *Settlement, r Run, i retention.Item) {
	a := Action{
		Key: disposeKey(r, i.Chat, i.ID), Kind: Kind(bots.Delete), Chat: i.Chat, Member: i.Sender, Message: i.ID, Due: s.Now,
		Version: i.Revision,
	}
	if i.Way == retention.Transfers {
		given := e.transferred(r, i)
		a.Kind, a.Record = Transfer, given.ID
		s.Arrivals = append(s.Arrivals, Arrival{Record: given, Unread: true})
	}
	s.Actions = append(s.Actions, a)
}

// transferredBy tells what the end of a transfer is to a certificate.
func transferredBy(o Outcome) retention.Outcome {
	if o == Done {
		return retention.Transferred
	}
	return disposed(o)
}
