package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Do implements bots.Bot. A message that it sends has an id that comes from
// the effect's key: sent once more, it is the same message.
func (b *Bot) Do(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	made, err := b.do(ctx, e)
	if e.Key != "" && (err == nil || slices.ContainsFunc(final, func(x error) bool { return errors.Is(err, x) })) {
		ended := err
		for _, x := range final {
			if errors.Is(err, x) {
				ended = x
			}
		}
		if err := b.book.done(context.WithoutCancel(ctx), e.Key, made, ended, b.o.Now()); err != nil {
			return made, err
		}
	}
	return made, err
}

// Sent implements bots.Reconciler. The server cannot be asked; the book knows
// what ended. What did not may have reached it, and is then the same message
// when it is sent again.
func (b *Bot) Sent(ctx context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	made, outcome, known, err := b.book.outcome(ctx, e.Key)
	if err != nil || !known {
		return "", false, err
	}
	return made, true, outcome
}

func (b *Bot) do(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	if !slices.Contains(bots.Kinds, e.Kind) {
		return "", bots.ErrUnsupported
	}
	if e.Chat.Account != Name {
		return "", bots.ErrGone
	}
	if err := b.connection(ctx); err != nil {
		return "", err
	}
	g, err := b.group(ctx, groupJID(e.Chat))
	if err != nil {
		return "", err
	}
	if b.able(g)[e.Kind].Level == bots.No {
		return "", bots.ErrUnsupported
	}
	if err := b.turn(e.Kind); err != nil {
		return "", err
	}
	switch e.Kind {
	case bots.Post:
		if e.Text == "" {
			return "", bots.ErrUnsupported
		}
		return b.send(ctx, g.JID, stanzaOf(e.Key), &waE2E.Message{Conversation: proto.String(e.Text)})
	case bots.Tell:
		return b.tell(ctx, g, e)
	case bots.Delete:
		return "", b.delete(ctx, g, e)
	case bots.Remove:
		return "", b.remove(ctx, g, e)
	}
	if e.Prompt == nil || e.Prompt.ID == "" {
		return "", bots.ErrUnsupported
	}
	if e.Kind == bots.Whisper {
		return b.whisper(ctx, g, e)
	}
	return b.again(ctx, e)
}

// turn keeps the pace that is set: WhatsApp restricts accounts that are faster
// than people.
func (b *Bot) turn(k bots.Kind) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	if wait := b.next.Sub(now); wait > 0 {
		return bots.Busy{After: wait}
	}
	b.next = now.Add(b.o.Pace)
	if k == bots.Remove {
		b.next = now.Add(5 * b.o.Pace)
	}
	return nil
}

// send sends a message and waits until the server has it. It is kept for a while,
// for whoever cannot read it (again.go).
func (b *Bot) send(ctx context.Context, to types.JID, id types.MessageID, m *waE2E.Message) (chat.MessageID, error) {
	body, err := proto.Marshal(m)
	if err != nil {
		return "", err
	}
	if err := b.book.sending(ctx, id, to, body, b.o.Now()); err != nil {
		return "", err
	}
	b.cipher.Lock()
	sent, err := b.client().SendMessage(ctx, to, m, whatsmeow.SendRequestExtra{ID: id, Timeout: answerWithin})
	b.cipher.Unlock()
	if err != nil {
		return "", answered(err)
	}
	own, err := b.member(ctx, b.device().GetLID(), b.device().GetJID())
	return messageID(sent.ID, own), err
}

// errCold is what WhatsApp answers to a message to somebody who never wrote to
// the number. Repeated, it costs the account.
var errCold = fmt.Errorf("WhatsApp does not let the bot write to somebody who never wrote to it: %w", bots.ErrForbidden)

// answered turns what the server answered into the errors of bots.
func answered(err error) error {
	switch {
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		var code int
		text := err.Error()
		_, _ = fmt.Sscan(text[strings.LastIndexByte(text, ' ')+1:], &code) // 0 where it is none
		switch code {
		case 463:
			return errCold
		case 429, 479:
			return bots.Busy{After: time.Minute}
		case 403, 401:
			return bots.ErrForbidden
		}
	case errors.Is(err, whatsmeow.ErrIQRateOverLimit):
		return bots.Busy{After: time.Minute}
	case errors.Is(err, whatsmeow.ErrIQForbidden), errors.Is(err, whatsmeow.ErrIQNotAuthorized), errors.Is(err, whatsmeow.ErrIQNotAllowed):
		return bots.ErrForbidden
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return bots.Busy{After: 5 * time.Second}
	}
	return err
}

// delete deletes somebody's message for everyone.
func (b *Bot) delete(ctx context.Context, g *types.GroupInfo, e bots.Effect) error {
	stanza, author, ok := splitMessage(e.Message)
	if !ok {
		return bots.ErrGone
	}
	at, gone, known, err := b.book.message(ctx, e.Chat.Local, e.Message)
	switch {
	case err != nil:
		return err
	case gone:
		return bots.ErrGone
	case !known, b.o.Now().Sub(at) > deleteWithin: // the book knows what was posted within the time
		return bots.ErrTooLate
	}
	address, err := b.addressIn(ctx, g, author)
	if err != nil {
		return err
	}
	if _, err := b.send(ctx, g.JID, stanzaOf(e.Key), b.client().BuildRevoke(g.JID, address, stanza)); err != nil {
		return err
	}
	if err := b.book.deleted(context.WithoutCancel(ctx), e.Chat.Local, e.Message, b.o.Now()); err != nil {
		return err
	}
	if s := b.session.Load(); s != nil {
		go func() {
			if err := b.tellOwn(s); err != nil {
				s.end(err)
			}
		}()
	}
	return nil
}

// addressIn is how somebody is named in a group, of those who left too.
func (b *Bot) addressIn(ctx context.Context, g *types.GroupInfo, m chat.MemberID) (types.JID, error) {
	if p, there, err := b.find(ctx, g, m); err != nil || there {
		return p.JID, err
	}
	hidden, number, err := b.book.addresses(ctx, m)
	if err != nil {
		return types.EmptyJID, err
	}
	address := number
	if g.AddressingMode == types.AddressingModeLID {
		address = hidden
	}
	if address.IsEmpty() {
		return address, bots.ErrGone
	}
	return address, nil
}

// remove takes a member out of the group.
func (b *Bot) remove(ctx context.Context, g *types.GroupInfo, e bots.Effect) error {
	p, there, err := b.find(ctx, g, e.Member)
	if err != nil {
		return err
	}
	if !there {
		return bots.ErrGone
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answers, err := b.client().UpdateGroupParticipants(ctx, g.JID, []types.JID{p.JID}, whatsmeow.ParticipantChangeRemove)
	if err != nil {
		return answered(err)
	}
	b.forget(g.JID) // the list that is held is not the group's any more
	for _, a := range answers {
		switch a.Error {
		case 0:
		case 404:
			return bots.ErrGone
		default: // such as the group's maker, whom nobody can remove
			return bots.ErrForbidden
		}
	}
	return nil
}

// whisper shows a prompt to a member in private, for the first time.
func (b *Bot) whisper(ctx context.Context, g *types.GroupInfo, e bots.Effect) (chat.MessageID, error) {
	p, there, err := b.find(ctx, g, e.Member)
	if err != nil {
		return "", err
	}
	if !there {
		return "", bots.ErrGone
	}
	old, err := b.book.shown(ctx, e.Prompt.ID)
	if err != nil {
		return "", err
	}
	if old != nil && (old.member != e.Member || old.chat != e.Chat) {
		return "", bots.ErrForbidden
	}
	if err := b.mayWrite(ctx, e.Member); err != nil {
		return "", err
	}
	address := privateOf(p)
	s := &shown{prompt: e.Prompt.ID, chat: e.Chat, member: e.Member, address: address, stanza: stanzaOf(e.Key), at: b.o.Now()}
	if err := b.number(ctx, s, e.Prompt); err != nil {
		return "", err
	}
	made, err := b.send(ctx, address, s.stanza, &waE2E.Message{Conversation: proto.String(render(e.Prompt, s.first))})
	if errors.Is(err, errCold) {
		return "", errors.Join(err, b.book.cold(context.WithoutCancel(ctx), e.Member, b.o.Now(), true))
	} else if err != nil {
		return "", err
	}
	ctx = context.WithoutCancel(ctx)
	return made, errors.Join(b.book.show(ctx, s, s.stanza), b.warmth(ctx, e.Member))
}

// tell says something to a member alone who wrote to the bot before. Nobody else
// is tried: what is told waits for no answer, and is not worth the number.
func (b *Bot) tell(ctx context.Context, g *types.GroupInfo, e bots.Effect) (chat.MessageID, error) {
	p, there, err := b.find(ctx, g, e.Member)
	if err != nil {
		return "", err
	}
	if !there {
		return "", bots.ErrGone
	}
	if c, err := b.book.contact(ctx, e.Member); err != nil {
		return "", err
	} else if c.wrote.IsZero() {
		return "", bots.ErrForbidden
	}
	return b.send(ctx, privateOf(p), stanzaOf(e.Key), &waE2E.Message{Conversation: proto.String(spoken(bots.Reply{Text: e.Text, Choices: e.Choices}))})
}

// privateOf is where a member of a group is written to alone.
func privateOf(p types.GroupParticipant) types.JID {
	if p.PhoneNumber.IsEmpty() {
		return p.JID
	}
	return p.PhoneNumber
}

// mayWrite refuses what WhatsApp refused before, and keeps to the number of
// people a day who are written to out of the blue.
func (b *Bot) mayWrite(ctx context.Context, m chat.MemberID) error {
	c, err := b.book.contact(ctx, m)
	if err != nil {
		return err
	}
	if !c.refused.IsZero() {
		return errCold // until the member writes
	}
	if !c.wrote.IsZero() || !c.cold.IsZero() {
		return nil
	}
	now := b.o.Now()
	n, first, err := b.book.coldSince(ctx, now.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	if n >= b.o.ColdADay {
		return bots.Busy{After: max(first.Add(24*time.Hour).Sub(now), time.Minute)}
	}
	return nil
}

// warmth notes that the bot has written to somebody who never wrote to it.
func (b *Bot) warmth(ctx context.Context, m chat.MemberID) error {
	c, err := b.book.contact(ctx, m)
	if err != nil || !c.wrote.IsZero() {
		return err
	}
	return b.book.cold(ctx, m, b.o.Now(), false)
}

// again brings a prompt up to date, by an edit that nobody is told of, or
// reminds of it, by a reply to it.
func (b *Bot) again(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	s, err := b.book.shown(ctx, e.Prompt.ID)
	if err != nil {
		return "", err
	}
	if s == nil {
		return "", bots.ErrGone
	}
	if s.member != e.Member || s.chat != e.Chat {
		return "", bots.ErrForbidden
	}
	id := stanzaOf(e.Key)
	if e.Kind == bots.Revise {
		if b.o.Now().Sub(s.at) > editWithin {
			if s.waiting = s.waiting && len(e.Prompt.Answers) > 0; !s.waiting {
				return "", errors.Join(bots.ErrTooLate, b.book.show(ctx, s, s.stanza))
			}
			return "", bots.ErrTooLate // the numbers mean what they meant when they were shown
		}
		if err := b.number(ctx, s, e.Prompt); err != nil {
			return "", err
		}
		made, err := b.send(ctx, s.address, id, b.client().BuildEdit(s.address, s.stanza, &waE2E.Message{Conversation: proto.String(render(e.Prompt, s.first))}))
		if err != nil {
			return "", err
		}
		return made, b.book.show(context.WithoutCancel(ctx), s, s.stanza)
	}
	if err := b.mayWrite(ctx, e.Member); err != nil {
		return "", err
	}
	if err := b.number(ctx, s, e.Prompt); err != nil {
		return "", err
	}
	made, err := b.send(ctx, s.address, id, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String(render(e.Prompt, s.first)),
		ContextInfo: &waE2E.ContextInfo{
			StanzaID: proto.String(s.stanza), Participant: proto.String(b.device().GetJID().ToNonAD().String()),
			QuotedMessage: &waE2E.Message{Conversation: proto.String(inert(e.Prompt.Title))},
		},
	}})
	if err != nil {
		return "", err
	}
	return made, b.book.show(context.WithoutCancel(ctx), s, id)
}
