package lab

import (
	"context"
	"slices"

	groups "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
)

// bundle is what a device leaves at the server, so that others can begin a
// session with it while it is away.
type bundle struct {
	registration, identity []byte
	signed                 key
	once                   []key // each is given out once
}

type key struct{ id, value, signature []byte }

// djb is the only type of key there is.
var djb = []byte{5}

func readKey(n binary.Node) key {
	return key{content(n.GetChildByTag("id")), content(n.GetChildByTag("value")), content(n.GetChildByTag("signature"))}
}

func (k key) node(tag string) binary.Node {
	children := []binary.Node{{Tag: "id", Content: k.id}, {Tag: "value", Content: k.value}}
	if k.signature != nil {
		children = append(children, binary.Node{Tag: "signature", Content: k.signature})
	}
	return node(tag, nil, children...)
}

// encryptQuery answers about keys.
func (l *Lab) encryptQuery(c *conn, n *binary.Node, first binary.Node) {
	b := &c.device.keys
	switch {
	case first.Tag == "count":
		c.answer(n, node("count", binary.Attrs{"value": len(b.once)}))
	case first.Tag == "digest" && b.identity == nil:
		c.refuse(n, 404, "item-not-found")
	case first.Tag == "digest":
		c.answer(n, node("digest", nil, binary.Node{Tag: "registration", Content: b.registration},
			binary.Node{Tag: "type", Content: djb}, binary.Node{Tag: "identity", Content: b.identity}))
	case first.Tag == "rotate":
		b.signed = readKey(first.GetChildByTag("skey"))
		c.answer(n)
	case first.Tag == "key":
		var users []binary.Node
		for _, u := range first.GetChildren() {
			users = append(users, l.giveKeys(&u))
		}
		c.answer(n, node("list", nil, users...))
	case text(n, "type") == "set":
		b.registration, b.identity = content(n.GetChildByTag("registration")), content(n.GetChildByTag("identity"))
		b.signed = readKey(n.GetChildByTag("skey"))
		list := n.GetChildByTag("list")
		for _, k := range list.GetChildren() {
			b.once = append(b.once, readKey(k))
		}
		c.answer(n)
	default:
		l.unknown(c, n)
	}
}

// giveKeys hands out what is needed to begin a session with one device; one of
// its one-time keys is used up.
func (l *Lab) giveKeys(u *binary.Node) binary.Node {
	j := jid(u, "jid")
	d := l.device(j)
	if d == nil || d.keys.identity == nil {
		return node("user", binary.Attrs{"jid": j}, node("error", binary.Attrs{"code": "404", "text": "item-not-found"}))
	}
	b := &d.keys
	children := []binary.Node{
		{Tag: "registration", Content: b.registration}, {Tag: "type", Content: djb}, {Tag: "identity", Content: b.identity}, b.signed.node("skey"),
	}
	if len(b.once) > 0 {
		children = append(children, b.once[0].node("key"))
		b.once = b.once[1:]
	}
	if d.vouched != nil {
		children = append(children, binary.Node{Tag: "device-identity", Content: d.vouched})
	}
	return node("user", binary.Attrs{"jid": j}, children...)
}

// AddAway adds somebody whose phone is off and stays off. Others encrypt for it
// with the keys that it left, so that writing to a group of such people costs
// what it costs elsewhere; what is sent to it is not kept.
func (l *Lab) AddAway(number, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, err := l.take(number, name)
	if err != nil {
		return err
	}
	signed, noise := newKeyPair(), newKeyPair()
	a.devices[0] = &device{account: a, away: true, noise: noise.public[:], keys: bundle{
		registration: []byte{0, 0, 0, 1}, identity: a.identity.public[:],
		signed: key{id: []byte{0, 0, 1}, value: signed.public[:], signature: a.identity.sign(slices.Concat(djb, signed.public[:]))},
	}}
	return nil
}

// Reinstall gives the person another phone, which has the number registered anew:
// none of the keys is what it was, and what was written to the old one is lost.
func (p *Person) Reinstall(ctx context.Context) error {
	if err := p.close(); err != nil {
		return err
	}
	p.lab.mu.Lock()
	a := p.lab.accounts[p.Number]
	p.lab.mu.Unlock()
	return p.switchOn(ctx, a)
}

// Rekey lets the person's next message to a group begin another chain of keys, as
// phones do when somebody has left the group.
func (p *Person) Rekey(ctx context.Context, group string) error {
	p.send.Lock()
	defer p.send.Unlock()
	empty := groups.NewSenderKey(store.SignalProtobufSerializer.SenderKeyRecord, store.SignalProtobufSerializer.SenderKeyState)
	return p.client.Store.SenderKeys.PutSenderKey(ctx, group, p.client.Store.GetLID().SignalAddress().String(), empty.Serialize())
}
