package sessions

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/store"
)

// TestLateMessagesOfAGroup gives a member each message's key before any of the
// messages, which then come in any order: all can be read. Without the guard only
// the last one can.
func TestLateMessagesOfAGroup(t *testing.T) {
	ctx, form := t.Context(), store.SignalProtobufSerializer
	const group = "120363000000000001@g.us"
	for _, guarded := range []bool{false, true} {
		from, to := newEnd(t, "447700900001", true), newEnd(t, "447700900002", guarded)
		name := protocol.NewSenderKeyName(group, from.device.ID.SignalAddress())
		sender := groups.NewGroupSessionBuilder(from.device, form)
		reader := groups.NewGroupSessionBuilder(to.device, form)
		var all [][]byte
		for n := range 20 {
			key, err := sender.Create(ctx, name)
			must(t, err)
			gift, err := protocol.NewSenderKeyDistributionMessageFromBytes(key.Serialize(), form.SenderKeyDistributionMessage)
			must(t, err)
			must(t, reader.Process(ctx, name, gift))
			m, err := groups.NewGroupCipher(sender, name, from.device).Encrypt(ctx, []byte(fmt.Sprint("message ", n)))
			must(t, err)
			all = append(all, m.(*protocol.SenderKeyMessage).SignedSerialize())
		}
		read := 0
		for _, n := range rand.Perm(len(all)) {
			m, err := protocol.NewSenderKeyMessageFromBytes(all[n], form.SenderKeyMessage)
			must(t, err)
			if got, err := groups.NewGroupCipher(reader, name, to.device).Decrypt(ctx, m); err == nil && string(got) == fmt.Sprint("message ", n) {
				read++
			}
		}
		if guarded && read != len(all) {
			t.Errorf("%d of %d messages could be read", read, len(all))
		}
		if !guarded && read != 1 {
			t.Errorf("the library reads %d of %d by itself: is the guard of use?", read, len(all))
		}
	}
}
