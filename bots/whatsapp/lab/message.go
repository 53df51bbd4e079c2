package lab

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// letter is a message on its way: what the sender encrypted for all, and what
// for single devices.
type letter struct {
	from   *device
	node   *binary.Node
	to     types.JID
	at     string
	all    []binary.Node             // the group's part, or what is for the one device addressed
	each   map[*device][]binary.Node // the parts for single devices
	beside []binary.Node
}

// children picks a node's children by tag.
func children(n *binary.Node, tags ...string) (out []binary.Node) {
	for _, c := range n.GetChildren() {
		if slices.Contains(tags, c.Tag) {
			out = append(out, c)
		}
	}
	return out
}

// message passes one on. The caller holds the lock.
func (l *Lab) message(c *conn, n *binary.Node) {
	m := &letter{
		from: c.device, node: n, to: jid(n, "to"), at: strconv.FormatInt(time.Now().Add(l.clock).Unix(), 10), all: children(n, "enc"), each: map[*device][]binary.Node{},
		beside: children(n, "device-identity", "meta"),
	}
	parts := n.GetChildByTag("participants")
	for _, p := range parts.GetChildren() {
		if d := l.device(jid(&p, "jid")); d != nil {
			m.each[d] = children(&p, "enc")
		}
	}
	ack := binary.Attrs{"class": "message", "id": n.Attrs["id"], "from": m.to, "t": m.at}
	hash, code := "", 0
	if m.to.Server == types.GroupServer {
		hash, code = l.toGroup(m)
	} else {
		hash, code = l.toPerson(m)
	}
	if hash != "" {
		ack["phash"] = hash
	}
	if code != 0 {
		ack["error"] = code
	}
	c.send(node("ack", ack))
}

// attrs is what a message carries on, whoever it goes to.
func (m *letter) attrs() binary.Attrs {
	a := binary.Attrs{"id": m.node.Attrs["id"], "t": m.at, "type": m.node.Attrs["type"], "notify": m.from.account.name}
	for _, name := range []string{"edit", "category"} {
		if v, ok := m.node.Attrs[name]; ok {
			a[name] = v
		}
	}
	return a
}

func (m *letter) parcel(d *device, a binary.Attrs) binary.Node {
	return node("message", a, slices.Concat(m.each[d], m.all, m.beside)...)
}

// forbidden is what the server answers to somebody who may not. What the real
// one answers is not known; clients treat every code alike.
const forbidden = 403

// toGroup passes a message on to every device of every member.
func (l *Lab) toGroup(m *letter) (hash string, code int) {
	g := l.groups[m.to]
	me := g.member(m.from.account)
	admin := me != nil && me.rank != ""
	if me == nil || (g.announce && !admin) || (text(m.node, "edit") == string(types.EditAttributeAdminRevoke) && !admin) {
		return "", forbidden
	}
	attrs := func() binary.Attrs {
		a := m.attrs()
		a["from"], a["addressing_mode"] = m.to, string(g.mode())
		if g.hidden {
			a["participant"], a["participant_pn"] = m.from.address(types.HiddenUserServer), m.from.address(types.DefaultUserServer)
		} else {
			a["participant"], a["participant_lid"] = m.from.address(types.DefaultUserServer), m.from.address(types.HiddenUserServer)
		}
		return a
	}
	if one := jid(m.node, "participant"); !one.IsEmpty() { // somebody could not decrypt it and gets it once more
		if d := l.device(one); d != nil && g.member(d.account) != nil {
			l.deliver(d, m.parcel(d, attrs()))
		}
		return "", 0
	}
	var reached []types.JID
	for _, member := range g.members {
		for _, d := range member.account.devices {
			reached = append(reached, d.address(g.server()))
			if d != m.from {
				l.deliver(d, m.parcel(d, attrs()))
			}
		}
	}
	return deviceHash(reached), 0
}

// toPerson passes a message on to the devices of a person, and to the sender's
// own others.
func (l *Lab) toPerson(m *letter) (hash string, code int) {
	to := l.account(m.to)
	if to == nil {
		return "", 404
	}
	peer := text(m.node, "category") == "peer"
	if code := l.refusal(m.from.account, to); code != 0 && to != m.from.account {
		return "", code
	}
	for d := range m.each {
		l.deliver(d, m.parcel(d, m.direct(d, peer)))
	}
	if len(m.each) == 0 && len(m.all) > 0 { // to one device: among one's own, or once more for one that could not decrypt it
		if d := to.devices[m.to.Device]; d != nil {
			l.deliver(d, m.parcel(d, m.direct(d, peer)))
		}
	}
	if to != m.from.account {
		l.wrote(m.from.account, to)
	}
	return "", 0
}

// direct is what a message between two people carries.
func (m *letter) direct(d *device, peer bool) binary.Attrs {
	a := m.attrs()
	a["from"] = m.from.address(m.to.Server)
	if m.to.Server == types.HiddenUserServer {
		a["sender_pn"], a["addressing_mode"] = m.from.account.number, string(types.AddressingModeLID)
	} else {
		a["sender_lid"] = m.from.account.hidden
	}
	if d.account == m.from.account && !peer {
		a["recipient"] = m.to.ToNonAD()
	}
	return a
}

// deviceHash lets a client see whether it wrote to the devices that are there.
func deviceHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, j := range devices {
		names[i] = j.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}
