package whatsapp

import (
	"context"
	"fmt"

	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"chaperone/bots/whatsapp/sessions"
)

// A device that cannot decrypt a message asks for it once more, some days later
// perhaps, when its owner switches it on. The library answers from memory, after
// it has told the server that the question arrived: a crash in between, or a
// restart, would lose the message. Here the answer comes from the book, and
// before that.

// mostAgain is how often one message is sent once more to one device, before
// the next connection.
const mostAgain = 5

// plea is a device that asks for a message.
type plea struct {
	device types.JID
	id     types.MessageID
}

// onceMore answers a device that could not decrypt what the bot sent. The caller
// holds the session's lock.
func (b *Bot) onceMore(s *session, asked *events.Receipt) (bool, error) {
	for _, id := range asked.MessageIDs {
		to, m, err := b.book.sent(s.ctx, id)
		if err != nil {
			return false, err
		}
		if m == nil {
			continue // it is too old, or none of the bot's
		}
		if ok, err := b.wasFor(s.ctx, asked, to); err != nil {
			return false, err
		} else if !ok {
			continue
		}
		p := plea{asked.Sender, id}
		if s.pleas[p]++; s.pleas[p] > mostAgain {
			continue
		}
		// What stands between the two may be what is broken, so a new session is
		// begun; but one for all that the device asks for at once.
		fresh := s.pleas[p] > 1 || !s.renewed[asked.Sender]
		s.renewed[asked.Sender] = true
		if err := b.sendAgain(s.ctx, asked, id, s.pleas[p], fresh, m); err != nil {
			if s.ctx.Err() != nil || !b.client().IsConnected() {
				return false, nil // it asks again when there is a connection
			}
			b.o.Log.Warn("a device could not read a message of the bot's, and it could not be sent once more", "account", Name, "err", err)
		}
	}
	return true, nil
}

// wasFor reports whether what was sent to an address was for whoever asks.
func (b *Bot) wasFor(ctx context.Context, asked *events.Receipt, to types.JID) (bool, error) {
	if asked.IsGroup || to.Server == types.GroupServer {
		return asked.Chat == to, nil
	}
	one, err := b.member(ctx, asked.Chat, types.EmptyJID)
	if err != nil {
		return false, err
	}
	other, err := b.member(ctx, to, types.EmptyJID)
	return one == other, err
}

func (b *Bot) sendAgain(ctx context.Context, asked *events.Receipt, id types.MessageID, count int, fresh bool, m *waE2E.Message) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	b.cipher.Lock()
	defer b.cipher.Unlock()
	c := b.client()
	switch {
	case asked.IsGroup: // it may lack the group's key
		key, err := groups.NewGroupSessionBuilder(c.Store, store.SignalProtobufSerializer).Create(ctx,
			protocol.NewSenderKeyName(asked.Chat.String(), c.Store.GetLID().SignalAddress()))
		if err != nil {
			return fmt.Errorf("the key of the group: %w", err)
		}
		m.SenderKeyDistributionMessage = &waE2E.SenderKeyDistributionMessage{
			GroupID: proto.String(asked.Chat.String()), AxolotlSenderKeyDistributionMessage: key.Serialize(),
		}
	case asked.IsFromMe: // another device of the bot's own number
		m = &waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{DestinationJID: proto.String(asked.Chat.String()), Message: m}}
	}
	return sessions.Again(ctx, c, asked, id, count, fresh, m)
}
