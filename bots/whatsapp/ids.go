package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"chaperone/internal/chat"
)

// Name is the account: there is one number.
const Name chat.Account = "whatsapp"

// chatID names a group. What people say to the bot in private is no chat.
func chatID(group types.JID) chat.ID { return chat.ID{Account: Name, Local: group.User} }

func groupJID(id chat.ID) types.JID { return types.NewJID(id.Local, types.GroupServer) }

// A person has a phone number and a hidden id (LID), and shows one or the other
// from group to group. Which of the two was seen first together with the other
// names the member for good; the book knows both.

// memberID names a member by an address, where the book knows neither yet.
func memberID(address types.JID) chat.MemberID { return chat.MemberID(address.ToNonAD().String()) }

// member is whoever has these addresses. Either may be empty.
func (b *Bot) member(ctx context.Context, one, other types.JID) (chat.MemberID, error) {
	one, other = one.ToNonAD(), other.ToNonAD()
	if other.IsEmpty() {
		other = b.otherAddress(ctx, one)
	}
	if one.Server != types.HiddenUserServer {
		one, other = other, one // the hidden id first
	}
	return b.book.member(ctx, one, other)
}

// otherAddress asks what the library has learnt.
func (b *Bot) otherAddress(ctx context.Context, j types.JID) types.JID {
	known := b.device().LIDs
	if known == nil {
		return types.EmptyJID
	}
	var other types.JID
	var err error
	if j.Server == types.HiddenUserServer {
		other, err = known.GetPNForLID(ctx, j)
	} else if j.Server == types.DefaultUserServer {
		other, err = known.GetLIDForPN(ctx, j)
	}
	if err != nil {
		return types.EmptyJID // not known
	}
	return other
}

// A message's own id is chosen by its sender, so that two senders can choose
// the same: ours has the sender behind it.

func messageID(stanza types.MessageID, sender chat.MemberID) chat.MessageID {
	return chat.MessageID(stanza + "_" + string(sender))
}

// splitMessage gives the parts; neither address has a "_".
func splitMessage(m chat.MessageID) (stanza types.MessageID, sender chat.MemberID, ok bool) {
	i := strings.LastIndexByte(string(m), '_')
	if i < 1 || i == len(m)-1 {
		return "", "", false
	}
	return types.MessageID(m[:i]), chat.MemberID(m[i+1:]), true
}

// stanzaOf is the id of the message that an effect makes. It comes from the
// effect's key, so that what is sent once more after a crash is the same
// message to whoever has it already.
func stanzaOf(key string) types.MessageID {
	sum := sha256.Sum256([]byte("chaperone\x00" + key))
	return types.MessageID("3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9])))
}
