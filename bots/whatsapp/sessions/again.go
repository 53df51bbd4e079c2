package sessions

import (
	"context"
	"fmt"

	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// Again encrypts a message once more for the one device that asks for it with a
// receipt, and sends it. Count is how often it asked. With fresh, or where there
// is none, a session is begun anew. The caller holds the turn.
func Again(ctx context.Context, c *whatsmeow.Client, asked *events.Receipt, id types.MessageID, count int, fresh bool, m *waE2E.Message) error {
	plain, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	in := c.DangerousInternals()
	device := asked.Sender
	if device.Server == types.DefaultUserServer { // sessions stand under the hidden id, where it is known
		hidden, err := c.Store.LIDs.GetLIDForPN(ctx, device)
		if err != nil {
			return err
		}
		if !hidden.IsEmpty() {
			in.MigrateSessionStore(ctx, device, hidden)
			hidden.Device = device.Device
			device = hidden
		}
	}
	if there, err := c.Store.Sessions.HasSession(ctx, device.SignalAddress().String()); err != nil {
		return err
	} else if !there {
		fresh = true
	}
	var keys *prekey.Bundle
	if fresh {
		if keys = in.FetchPreKeysNoError(ctx, []types.JID{asked.Sender})[asked.Sender]; keys == nil {
			return fmt.Errorf("there are no keys of device %d to begin a session with", device.Device)
		}
	}
	attrs := binary.Attrs{"to": asked.Sender, "id": id, "type": kind(m), "t": asked.Timestamp.Unix()}
	switch {
	case asked.IsGroup:
		attrs["to"], attrs["participant"] = asked.Chat, asked.Sender
	case asked.IsFromMe:
		attrs["recipient"], attrs["device_fanout"] = asked.Chat, false
	default:
		attrs["device_fanout"] = false
	}
	enc := binary.Attrs{"count": count}
	if e := edit(m); e != types.EditAttributeEmpty {
		attrs["edit"], enc["decrypt-fail"] = string(e), string(events.DecryptFailHide)
	}
	sealed, identity, err := in.EncryptMessageForDevice(ctx, plain, device, keys, enc, nil)
	if err != nil {
		return err
	}
	content := []binary.Node{*sealed}
	if identity {
		content = append(content, in.MakeDeviceIdentityNode())
	}
	return in.SendNode(ctx, binary.Node{Tag: "message", Attrs: attrs, Content: content})
}

// kind is what the server is told that a message is.
func kind(m *waE2E.Message) string {
	switch {
	case m.GetReactionMessage() != nil, m.GetEncReactionMessage() != nil:
		return "reaction"
	case m.GetPollCreationMessage() != nil, m.GetPollCreationMessageV3() != nil, m.GetPollUpdateMessage() != nil:
		return "poll"
	case m.GetImageMessage() != nil, m.GetDocumentMessage() != nil, m.GetVideoMessage() != nil, m.GetAudioMessage() != nil:
		return "media"
	}
	return "text"
}

// edit is what the server is told that a message changes of another one.
func edit(m *waE2E.Message) types.EditAttribute {
	switch p := m.GetProtocolMessage(); {
	case p.GetEditedMessage() != nil:
		return types.EditAttributeMessageEdit
	case p == nil || p.GetType() != waE2E.ProtocolMessage_REVOKE:
		return types.EditAttributeEmpty
	case p.GetKey().GetFromMe():
		return types.EditAttributeSenderRevoke
	}
	return types.EditAttributeAdminRevoke
}
