package lab

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// references is how many QR codes a client is given; it shows each for a while.
const references = 6

// linking is a device that has been scanned and has not countersigned yet.
type linking struct {
	device *device
	query  string // the id of the question that it answers
}

// offerLinking hands out references for QR codes. The caller holds the lock.
func (l *Lab) offerLinking(c *conn) {
	var refs []binary.Node
	for range references {
		ref := "2@" + l.id("ref")
		l.linking[ref] = c
		refs = append(refs, binary.Node{Tag: "ref", Content: []byte(ref)})
	}
	c.send(node("iq", binary.Attrs{"from": types.ServerJID, "id": l.id("qr"), "type": "set", "xmlns": "md"}, node("pair-device", nil, refs...)))
}

// ScanQR does what a phone does that has scanned the code: it links the client
// that shows it to the number. The client finishes by itself.
func (l *Lab) ScanQR(number, code string) error {
	code = code[strings.LastIndex(code, "#")+1:]
	parts := strings.Split(code, ",")
	if len(parts) < 4 {
		return fmt.Errorf("a QR code has four parts, and this has %d", len(parts))
	}
	identity, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return errors.New("the identity key in the QR code cannot be read")
	}
	secret, err := base64.StdEncoding.DecodeString(parts[3])
	if err != nil {
		return errors.New("the secret in the QR code cannot be read")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a, c := l.accounts[number], l.linking[parts[0]]
	if a == nil {
		return fmt.Errorf("nobody has the number %s", number)
	}
	if c == nil {
		return errors.New("the QR code is not one of this lab, or was scanned before")
	}
	delete(l.linking, parts[0])
	return l.admit(a, c, identity, secret)
}

// admit lets a client be a linked device of a number: the phone vouches for its
// identity key, under the secret that only the two know. The caller holds the lock.
func (l *Lab) admit(a *account, c *conn, identity, secret []byte) error {
	index := uint16(1)
	for a.devices[index] != nil {
		index++
	}
	signed, err := proto.Marshal(a.vouch(identity, uint32(index)))
	if err != nil {
		return err
	}
	sum := hmac.New(sha256.New, secret)
	sum.Write(signed)
	container, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: sum.Sum(nil)})
	if err != nil {
		return err
	}
	d := &device{account: a, index: index, noise: c.met.static}
	c.linked = &linking{d, l.id("pair")}
	c.send(node("iq", binary.Attrs{"from": types.ServerJID, "id": c.linked.query, "type": "set", "xmlns": "md", "t": now()}, node("pair-success", nil,
		binary.Node{Tag: "device-identity", Content: container},
		node("device", binary.Attrs{"jid": d.address(types.DefaultUserServer), "lid": d.address(types.HiddenUserServer)}),
		node("platform", binary.Attrs{"name": "android"}))))
	return nil
}

// vouch is the phone's signature under a linked device's identity key.
func (a *account) vouch(identity []byte, index uint32) *waAdv.ADVSignedDeviceIdentity {
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID: proto.Uint32(1), Timestamp: proto.Uint64(uint64(time.Now().Unix())), KeyIndex: &index,
	})
	if err != nil {
		panic(err) // three numbers
	}
	message := append(append([]byte{6, 0}, details...), identity...) // 6, 0: what the phone's signature begins with
	return &waAdv.ADVSignedDeviceIdentity{Details: details, AccountSignatureKey: a.identity.public[:], AccountSignature: a.identity.sign(message)}
}

// countersigned finishes linking: the device is there, and is told to log in.
func (l *Lab) countersigned(c *conn, n *binary.Node) {
	if reg, ok := n.GetOptionalChildByTag("link_code_companion_reg"); ok && n.Tag == "iq" {
		l.codeQuery(c, n, &reg)
		return
	}
	if c.linked == nil || n.Tag != "iq" || text(n, "id") != c.linked.query {
		return
	}
	identity, ok := n.GetOptionalChildByTag("pair-device-sign", "device-identity")
	if !ok {
		l.noteLocked("a client refused to be linked")
		return
	}
	d := c.linked.device
	d.vouched = content(identity)
	d.account.devices[d.index] = d
	c.linked = nil
	c.send(node("stream:error", binary.Attrs{"code": "515"}))
	l.devicesChanged(d)
}

// devicesChanged tells everybody else that a person has other devices now, so
// that they ask for the list before they write to the person again.
func (l *Lab) devicesChanged(changed *device) {
	a := changed.account
	for _, other := range l.everybody() {
		for _, d := range other.devices {
			if d == changed {
				continue
			}
			for _, of := range []types.JID{a.number, a.hidden} {
				l.deliver(d, node("notification", binary.Attrs{"from": of, "type": "devices", "id": l.id("n"), "t": now()},
					node("update", binary.Attrs{"device_hash": deviceHash(a.allDevices(of.Server))})))
			}
		}
	}
}
