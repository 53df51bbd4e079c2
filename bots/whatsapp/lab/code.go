package lab

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Linking by eight characters. The client makes them and shows them, and sends
// the phone a key for one exchange, sealed under them. Whoever types them on
// the phone opens it; the phone answers with such a key of its own, sealed the
// same way. From the two comes a secret that the server never sees, and under it
// the two tell each other who they are. Then the phone vouches for the client as
// after a QR code.

// typed is a phone that waits for the characters, and for what comes of them.
type typed struct {
	conn    *conn
	ref     string
	wrapped []byte // the client's key, sealed under the characters
	theirs  []byte // opened
	ours    keyPair
	ended   chan error // what came of the characters
}

// sealedKey is a salt, a counter and a key, encrypted; its parts' lengths.
const saltLength, counterLength, keyLength = 32, 16, 32

// underCode encrypts a key under the characters, or decrypts it.
func underCode(code string, salt, counter, key []byte) ([]byte, error) {
	k, err := pbkdf2.Key(sha256.New, code, salt, 2<<16, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(key))
	cipher.NewCTR(block, counter).XORKeyStream(out, key)
	return out, nil
}

// codeQuery takes what a client says that wants to be linked by characters. The
// caller holds the lock.
func (l *Lab) codeQuery(c *conn, n, reg *binary.Node) {
	a := l.accounts[jid(reg, "jid").User]
	switch stage := text(reg, "stage"); {
	case a == nil:
		c.refuse(n, 404, "item-not-found")
	case l.refuse[a] != 0:
		c.refuse(n, l.refuse[a], "refused")
	case stage == "companion_hello":
		wrapped := content(reg.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub"))
		name := string(content(reg.GetChildByTag("companion_platform_display")))
		if len(wrapped) != saltLength+counterLength+keyLength || !strings.HasSuffix(name, ")") {
			c.refuse(n, 400, "bad-request")
			return
		}
		t := &typed{conn: c, ref: l.id("code"), wrapped: wrapped}
		l.typing[a] = t
		c.answer(n, node("link_code_companion_reg", nil, binary.Node{Tag: "link_code_pairing_ref", Content: []byte(t.ref)}))
	case stage == "companion_finish":
		c.answer(n)
		if t := l.typing[a]; t != nil && t.conn == c && t.ended != nil && t.ref == string(content(reg.GetChildByTag("link_code_pairing_ref"))) {
			t.ended <- l.finishCode(a, t, reg)
			t.ended = nil
		}
	default:
		c.refuse(n, 400, "bad-request")
	}
}

// TypeCode does what a phone does on which somebody types the eight characters
// that a client shows: it links the client to the number.
func (l *Lab) TypeCode(ctx context.Context, number, code string) error {
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	ended, err := l.beginCode(number, code)
	if err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(answerWithin):
		return errors.New("the client that shows the code does not answer")
	}
}

func (l *Lab) beginCode(number, code string) (<-chan error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[number]
	if a == nil {
		return nil, fmt.Errorf("nobody has the number %s", number)
	}
	t := l.typing[a]
	if t == nil {
		return nil, fmt.Errorf("no client has asked for a code for the number %s", number)
	}
	var err error
	salt, counter := t.wrapped[:saltLength], t.wrapped[saltLength:saltLength+counterLength]
	if t.theirs, err = underCode(code, salt, counter, t.wrapped[saltLength+counterLength:]); err != nil {
		return nil, err
	}
	t.ours = newKeyPair()
	answer := make([]byte, saltLength+counterLength)
	_, _ = rand.Read(answer) // the standard library's source of randomness does not fail
	key, err := underCode(code, answer[:saltLength], answer[saltLength:], t.ours.public[:])
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	t.ended = ended
	t.conn.send(node("notification", binary.Attrs{"from": types.ServerJID, "id": l.id("n"), "type": "link_code_companion_reg", "t": now()},
		node("link_code_companion_reg", binary.Attrs{"stage": "primary_hello"},
			binary.Node{Tag: "link_code_pairing_ref", Content: []byte(t.ref)},
			binary.Node{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: append(answer, key...)},
			binary.Node{Tag: "primary_identity_pub", Content: a.identity.public[:]})))
	return ended, nil
}

// finishCode opens what the client answers, which only whoever knows the
// characters can have sealed. The caller holds the lock.
func (l *Lab) finishCode(a *account, t *typed, reg *binary.Node) error {
	errWrong := errors.New("the code is wrong: type the one that is shown now")
	bundle := content(reg.GetChildByTag("link_code_pairing_wrapped_key_bundle"))
	const nonceLength = 12
	if len(bundle) < saltLength+nonceLength {
		return errWrong
	}
	secret, err := t.ours.shared(t.theirs)
	if err != nil {
		return errWrong
	}
	key, err := hkdf.Key(sha256.New, secret, bundle[:saltLength], "link_code_pairing_key_bundle_encryption_key", 32)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	plain, err := gcm.Open(nil, bundle[saltLength:saltLength+nonceLength], bundle[saltLength+nonceLength:], nil)
	if err != nil || len(plain) != 3*keyLength || !bytes.Equal(plain[keyLength:2*keyLength], a.identity.public[:]) {
		return errWrong
	}
	identity := plain[:keyLength]
	if !bytes.Equal(identity, content(reg.GetChildByTag("companion_identity_public"))) {
		return errors.New("the client names two identity keys")
	}
	between, err := a.identity.shared(identity)
	if err != nil {
		return err
	}
	vouching, err := hkdf.Key(sha256.New, append(append(secret, between...), plain[2*keyLength:]...), nil, "adv_secret", 32)
	if err != nil {
		return err
	}
	delete(l.typing, a)
	return l.admit(a, t.conn, identity, vouching)
}
