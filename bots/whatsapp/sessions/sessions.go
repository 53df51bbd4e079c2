// Package sessions keeps the encryption sessions of a linked device right where
// the library by itself does not: it lets encrypting and decrypting take turns,
// undoes what a failed attempt to decrypt did to a session, and encrypts once
// more for a device that could not read a message.
//
// The bot and the phones of its test server use it, which are clients of the
// same library. It must not know what a message says, nor keep any.
package sessions

import (
	"context"
	"fmt"
	"sync"

	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

// Guard guards the sessions of a device. Whoever encrypts holds turn meanwhile;
// decrypting then waits for it. A device has tables once the phone has vouched
// for it; guarding it again changes nothing.
func Guard(d *store.Device, turn sync.Locker) {
	if _, ok := d.Sessions.(mended); ok || d.Sessions == nil || d.EventBuffer == nil {
		return
	}
	d.Sessions = mended{d.Sessions}
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
			return fmt.Errorf("the session with %s: %w", address, err)
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
