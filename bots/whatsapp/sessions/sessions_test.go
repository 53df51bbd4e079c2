package sessions

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs/memdb"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"pgregory.net/rapid"
)

// quiet keeps the library under the library from writing.
type quiet struct{}

func (quiet) Debug(string, string)   {}
func (quiet) Info(string, string)    {}
func (quiet) Warning(string, string) {}
func (quiet) Error(string, string)   {}
func (quiet) Configure(string)       {}

func TestMain(m *testing.M) {
	var l logger.Loggable = quiet{}
	logger.Setup(&l)
	m.Run()
}

// end is one device, and what it knows of the other.
type end struct {
	device *store.Device
	other  *protocol.SignalAddress
}

// newEnd makes a device of its own. A device without a guard is as the library
// has it.
func newEnd(t *testing.T, name string, guarded bool) *end {
	t.Helper()
	file := fmt.Sprintf("%s-%s-%v", t.Name(), name, guarded)
	memdb.Create(file, nil)
	t.Cleanup(func() { memdb.Delete(file) })
	db, err := driver.Open("file:/"+file+"?vfs=memdb&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA foreign_keys=ON; PRAGMA synchronous=OFF`)
	})
	must(t, err)
	box := sqlstore.NewWithDB(db, "sqlite3", nil)
	t.Cleanup(func() { must(t, box.Close()) })
	must(t, box.Upgrade(t.Context()))
	d := box.NewDevice()
	own := types.NewJID(name, types.DefaultUserServer)
	d.ID = &own
	d.Account = &waAdv.ADVSignedDeviceIdentity{Details: []byte{}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64)}
	must(t, d.Save(t.Context()))
	if guarded {
		Guard(d, &sync.Mutex{})
	}
	return &end{device: d}
}

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys is what others begin a session with the device by.
func (e *end) keys(ctx context.Context) (*prekey.Bundle, error) {
	once, err := e.device.PreKeys.GenOnePreKey(ctx)
	if err != nil {
		return nil, err
	}
	signed := e.device.SignedPreKey
	public := func(k [32]byte) ecc.ECPublicKeyable { return ecc.NewDjbECPublicKey(k) }
	return prekey.NewBundle(e.device.RegistrationID, 0, optional.NewOptionalUint32(once.KeyID), signed.KeyID,
		public(*once.Pub), public(*signed.Pub), *signed.Signature, identity.NewKey(public(*e.device.IdentityKey.Pub))), nil
}

// begin begins a session with the other end.
func (e *end) begin(ctx context.Context, with *end) error {
	keys, err := with.keys(ctx)
	if err != nil {
		return err
	}
	return session.NewBuilderFromSignal(e.device, e.other, store.SignalProtobufSerializer).ProcessBundle(ctx, keys)
}

func (e *end) encrypt(ctx context.Context, text string) (protocol.CiphertextMessage, error) {
	b := session.NewBuilderFromSignal(e.device, e.other, store.SignalProtobufSerializer)
	return session.NewCipher(b, e.other).Encrypt(ctx, []byte(text))
}

func (e *end) decrypt(ctx context.Context, m protocol.CiphertextMessage) (string, error) {
	b := session.NewBuilderFromSignal(e.device, e.other, store.SignalProtobufSerializer)
	c := session.NewCipher(b, e.other)
	var text []byte
	err := e.device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) (err error) {
		form := store.SignalProtobufSerializer
		if m.Type() == protocol.PREKEY_TYPE {
			p, err := protocol.NewPreKeySignalMessageFromBytes(m.Serialize(), form.PreKeySignalMessage, form.SignalMessage)
			if err != nil {
				return err
			}
			text, err = c.DecryptMessage(ctx, p)
			return err
		}
		s, err := protocol.NewSignalMessageFromBytes(m.Serialize(), form.SignalMessage)
		if err != nil {
			return err
		}
		text, err = c.Decrypt(ctx, s)
		return err
	})
	return string(text), err
}

// TestSessionsThatCross lets two devices begin sessions with each other, again
// and again, and write while messages of the other are on their way: whatever
// the order, each reads what the other wrote. Without the guard they soon do not.
func TestSessionsThatCross(t *testing.T) {
	ends := func(guarded bool) [2]*end {
		one, two := newEnd(t, "447700900001", guarded), newEnd(t, "447700900002", guarded)
		one.other, two.other = two.device.ID.SignalAddress(), one.device.ID.SignalAddress()
		return [2]*end{one, two}
	}
	var cut bool
	play := func(rt *rapid.T, all [2]*end) error {
		ctx := context.Background()
		for _, e := range all {
			if err := e.device.Sessions.DeleteSession(ctx, e.other.String()); err != nil {
				return err
			}
		}
		for i, e := range all {
			if err := e.begin(ctx, all[1-i]); err != nil {
				return err
			}
		}
		var way [2][]protocol.CiphertextMessage // to each
		texts := [2][]string{}
		arrive := func(to int) error {
			if len(way[to]) == 0 {
				return nil
			}
			got, err := all[to].decrypt(ctx, way[to][0])
			if err == nil && got != texts[to][0] {
				err = fmt.Errorf("%q was read as %q", texts[to][0], got)
			}
			way[to], texts[to] = way[to][1:], texts[to][1:]
			return err
		}
		for n := range 20 {
			who := rapid.IntRange(0, 1).Draw(rt, "who")
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				if err := all[who].begin(ctx, all[1-who]); err != nil {
					return err
				}
			case 1, 2, 3, 4, 5:
				text := fmt.Sprint("message ", n)
				m, err := all[who].encrypt(ctx, text)
				if err != nil {
					return err
				}
				way[1-who], texts[1-who] = append(way[1-who], m), append(texts[1-who], text)
			default:
				if err := arrive(who); err != nil {
					return err
				}
			}
		}
		for to := range way {
			for len(way[to]) > 0 {
				if err := arrive(to); err != nil {
					return err
				}
			}
		}
		return nil
	}
	bare, guarded := ends(false), ends(true)
	rapid.Check(t, func(rt *rapid.T) {
		if !cut { // once is enough
			cut = play(rt, bare) != nil
		}
		if err := play(rt, guarded); err != nil {
			rt.Fatal(err)
		}
	})
	if !cut {
		t.Error("the library can do without: the guard is of no use any more")
	}
}
