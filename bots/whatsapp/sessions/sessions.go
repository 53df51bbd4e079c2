// Package sessions keeps the encryption sessions of a linked device right where
// the library by itself does not: it lets encrypting and decrypting take turns,
// undoes what a failed attempt to decrypt did to a session, and encrypts once
// more for a device that could not read a message.
//
// The bot and the phones of its test server use it, which are clients of the
// same library. It must not know what a message says, nor keep any.
package sessions

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	groups "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

// Guard guards the sessions of a device. Whoever encrypts holds turn meanwhile;
// decrypting then waits for it. A device has tables once the phone has vouched
// for it; guarding it again changes nothing.
func Guard(d *store.Device, turn sync.Locker) {
	if _, ok := d.Sessions.(mended); ok || d.Sessions == nil || d.SenderKeys == nil || d.EventBuffer == nil {
		return
	}
	d.Sessions, d.SenderKeys = mended{d.Sessions}, chains{d.SenderKeys}
	d.EventBuffer = turns{d.EventBuffer, turn}
}

// turns lets a device encrypt and decrypt by turns. The library does both at
// once, and each may then undo what the other did to the state of a session: the
// next message is encrypted under a number that was used before, and its reader
// passes over it in silence.
type turns struct {
	store.EventBuffer
	turn sync.Locker
}

// DoDecryptionTxn implements store.EventBuffer.
func (t turns) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	return t.EventBuffer.DoDecryptionTxn(ctx, decrypt)
}

// mended is a table of sessions. With one device there may be several sessions:
// where both sides began one, and whenever one was begun anew. To find the one
// that a message belongs to the library tries one after the other, moves each
// on before it knows that the message fits, and stores all of them when one did:
// those that did not fit can decrypt nothing any more, and what is encrypted with
// them nobody can read. Here they stay as they were.
type mended struct{ store.SessionStore }

// PutSession implements store.SessionStore.
func (m mended) PutSession(ctx context.Context, address string, after []byte) error {
	before, err := m.GetSession(ctx, address)
	if err != nil {
		return err
	}
	if before != nil {
		if after, err = mend(before, after); err != nil {
			return fmt.Errorf("the session with a device: %w", err)
		}
	}
	return m.SessionStore.PutSession(ctx, address, after)
}

// mend is what to store: the session that was used as it is after its use, and
// every other one as it was before.
func mend(before, after []byte) ([]byte, error) {
	format := store.SignalProtobufSerializer.Session
	was, err := format.Deserialize(before)
	if err != nil {
		return nil, err
	}
	is, err := format.Deserialize(after)
	if err != nil {
		return nil, err
	}
	if len(is.PreviousStates) == 0 {
		return after, nil
	}
	untouched := map[string]*record.StateStructure{}
	for _, s := range append(was.PreviousStates, was.SessionState) {
		untouched[string(s.SenderBaseKey)] = s // which tells one session from another
	}
	had := map[string]bool{string(is.SessionState.SenderBaseKey): true}
	others := is.PreviousStates
	is.PreviousStates = nil
	for _, s := range others {
		key := string(s.SenderBaseKey)
		if had[key] { // where one is moved to the front, the library leaves another twice
			continue
		}
		had[key] = true
		if whole := untouched[key]; whole != nil {
			s = whole
		}
		is.PreviousStates = append(is.PreviousStates, s)
	}
	return format.Serialize(is), nil
}

// chains is a table of the keys with which people write to groups. A sender gives
// everybody the key as it is then, with each message; from there it moves on. The
// library takes each gift for a new chain that hides the one it has: what was
// encrypted earlier and comes later, nobody can read then, and the library passes
// over it in silence. Here a chain that is there already goes on.
type chains struct{ store.SenderKeyStore }

// farAhead is where a chain is begun anew after all: the library does not follow
// one over 2,000 messages that it has not seen.
const farAhead = 1000

// PutSenderKey implements store.SenderKeyStore.
func (c chains) PutSenderKey(ctx context.Context, group, user string, key []byte) error {
	key, err := carryOn(key)
	if err != nil {
		return fmt.Errorf("a key in a group: %w", err)
	}
	return c.SenderKeyStore.PutSenderKey(ctx, group, user, key)
}

// carryOn leaves of chains that are one chain the one that has come less far. The
// first is what was given last.
func carryOn(key []byte) ([]byte, error) {
	format := store.SignalProtobufSerializer.SenderKeyRecord
	all, err := format.Deserialize(key)
	if err != nil {
		return nil, err
	}
	var out []*groups.SenderKeyStateStructure
	for _, s := range all.SenderKeyStates {
		i := slices.IndexFunc(out, func(o *groups.SenderKeyStateStructure) bool {
			return o.KeyID == s.KeyID && bytes.Equal(o.SigningKeyPublic, s.SigningKeyPublic)
		})
		switch {
		case i < 0:
			out = append(out, s)
		case s.SenderChainKey.Iteration+farAhead > out[i].SenderChainKey.Iteration:
			out[i] = s
		}
	}
	if len(out) == len(all.SenderKeyStates) {
		return key, nil
	}
	all.SenderKeyStates = out
	return format.Serialize(all), nil
}
