package lab

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"google.golang.org/protobuf/proto"
)

// keyPair is a Curve25519 pair.
type keyPair struct {
	private *ecdh.PrivateKey
	public  [32]byte
}

func newKeyPair() keyPair {
	p, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the standard library's source of randomness does not fail
	}
	return keyPair{p, [32]byte(p.PublicKey().Bytes())}
}

// shared is the Diffie-Hellman secret with somebody's public key.
func (k keyPair) shared(public []byte) ([]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return k.private.ECDH(p)
}

// sign makes an XEdDSA signature: Ed25519 with a Curve25519 key.
func (k keyPair) sign(message []byte) []byte {
	s := ecc.CalculateSignature(ecc.NewDjbECPrivateKey([32]byte(k.private.Bytes())), message)
	return s[:]
}

// root is the authority of every lab in this process. The client library trusts
// one root for a whole process, in a variable of its own, so there can be no
// second; it is set here, before the first client connects.
var root = sync.OnceValue(func() keyPair {
	k := newKeyPair()
	whatsmeow.WACertPubKey = k.public
	return k
})

// Root is the public key that clients of every lab in this process have to
// trust. Clients in this process do already.
func Root() [32]byte { return root().public }

// certificates is the chain that proves the server's key.
func certificates(server [32]byte) ([]byte, error) {
	now := time.Now()
	middle := newKeyPair()
	issue := func(serial, issuer uint32, key [32]byte, by keyPair) (*waCert.CertChain_NoiseCertificate, error) {
		details, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
			Serial: &serial, IssuerSerial: &issuer, Key: key[:],
			NotBefore: proto.Uint64(uint64(now.Add(-time.Hour).Unix())), NotAfter: proto.Uint64(uint64(now.AddDate(1, 0, 0).Unix())),
		})
		return &waCert.CertChain_NoiseCertificate{Details: details, Signature: by.sign(details)}, err
	}
	first, err := issue(1, 0, middle.public, root())
	if err != nil {
		return nil, err
	}
	leaf, err := issue(2, 1, server, middle)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(&waCert.CertChain{Intermediate: first, Leaf: leaf})
}

// handshake is the state of a Noise XX handshake, as the server holds it.
type handshake struct {
	hash, chain []byte
	seal        cipher.AEAD
	count       uint32
}

// The name is 28 bytes; Noise pads it to the length of a hash.
const noiseName = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

func newHandshake(prologue []byte) *handshake {
	h := &handshake{hash: []byte(noiseName), chain: []byte(noiseName), seal: gcm([]byte(noiseName))}
	h.mix(prologue)
	return h
}

func gcm(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // keys are 32 bytes here
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic(err) // the block is 16 bytes
	}
	return a
}

// nonce is a counter in the last four of twelve bytes.
func nonce(count uint32) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint32(n[8:], count)
	return n
}

func (h *handshake) mix(data []byte) {
	sum := sha256.Sum256(append(append([]byte(nil), h.hash...), data...))
	h.hash = sum[:]
}

// agree mixes a secret into the keys.
func (h *handshake) agree(k keyPair, public []byte) error {
	secret, err := k.shared(public)
	if err != nil {
		return err
	}
	a, b, err := h.keys(secret)
	h.chain, h.seal, h.count = a, gcm(b), 0
	return err
}

func (h *handshake) keys(secret []byte) (a, b []byte, err error) {
	both, err := hkdf.Key(sha256.New, secret, h.chain, "", 64)
	if err != nil {
		return make([]byte, 32), make([]byte, 32), err
	}
	return both[:32], both[32:], nil
}

func (h *handshake) encrypt(plain []byte) []byte {
	c := h.seal.Seal(nil, nonce(h.count), plain, h.hash)
	h.count++
	h.mix(c)
	return c
}

func (h *handshake) decrypt(c []byte) ([]byte, error) {
	plain, err := h.seal.Open(nil, nonce(h.count), c, h.hash)
	h.count++
	h.mix(c)
	return plain, err
}

// met is what a handshake ends with.
type met struct {
	receive, send cipher.AEAD
	static        []byte // the client's key
	hello         *waWa6.ClientPayload
}

// meet runs the server's side of the handshake over whole frames.
func meet(server keyPair, chain, prologue []byte, receive func() ([]byte, error), send func([]byte) error) (*met, error) {
	next := func(what string) (*waWa6.HandshakeMessage, error) {
		raw, err := receive()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		var m waWa6.HandshakeMessage
		if err := proto.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		return &m, nil
	}
	first, err := next("the client's first message")
	if err != nil {
		return nil, err
	}
	theirs := first.GetClientHello().GetEphemeral()
	h, ours := newHandshake(prologue), newKeyPair()
	h.mix(theirs)
	h.mix(ours.public[:])
	if err := h.agree(ours, theirs); err != nil {
		return nil, err
	}
	static := h.encrypt(server.public[:])
	if err := h.agree(server, theirs); err != nil {
		return nil, err
	}
	answer, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ours.public[:], Static: static, Payload: h.encrypt(chain),
	}})
	if err != nil {
		return nil, err
	}
	if err := send(answer); err != nil {
		return nil, err
	}
	last, err := next("the client's last message")
	if err != nil {
		return nil, err
	}
	return h.finish(ours, last.GetClientFinish())
}

// finish reads the client's key and who it says it is.
func (h *handshake) finish(ours keyPair, f *waWa6.HandshakeMessage_ClientFinish) (*met, error) {
	m := &met{hello: &waWa6.ClientPayload{}}
	var err error
	if m.static, err = h.decrypt(f.GetStatic()); err != nil {
		return nil, fmt.Errorf("the client's key: %w", err)
	}
	if err := h.agree(ours, m.static); err != nil {
		return nil, err
	}
	hello, err := h.decrypt(f.GetPayload())
	if err != nil {
		return nil, fmt.Errorf("who the client is: %w", err)
	}
	if err := proto.Unmarshal(hello, m.hello); err != nil {
		return nil, fmt.Errorf("who the client is: %w", err)
	}
	in, out, err := h.keys(nil)
	m.receive, m.send = gcm(in), gcm(out)
	return m, err
}
