package lab

import (
	"maps"
	"slices"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// kept is a stanza that waits until its device has acknowledged it.
type kept struct{ node binary.Node }

// deliver keeps a stanza for a device and sends it when the device listens.
func (l *Lab) deliver(d *device, n binary.Node) {
	if d.away {
		return
	}
	d.waiting = append(d.waiting, &kept{n})
	if d.conn == nil || !d.conn.active {
		return
	}
	for _, out := range d.faults.pass(n) {
		d.conn.send(out)
	}
}

// flush sends what waits, in order, between the words that tell a client that
// all of it is from before.
func (l *Lab) flush(c *conn) {
	c.active = true
	waiting := c.device.waiting
	count := map[string]int{}
	for _, k := range waiting {
		count[k.node.Tag]++
	}
	c.send(node("ib", binary.Attrs{"from": types.ServerJID}, node("offline_preview", binary.Attrs{
		"count": len(waiting), "message": count["message"], "receipt": count["receipt"], "notification": count["notification"],
		"appdata": 0, "call": 0, "status": 0,
	})))
	for _, k := range waiting {
		n := k.node
		n.Attrs = maps.Clone(n.Attrs)
		n.Attrs["offline"] = "0"
		for _, out := range c.device.faults.pass(n) {
			c.send(out)
		}
	}
	c.send(node("ib", binary.Attrs{"from": types.ServerJID}, node("offline", binary.Attrs{"count": len(waiting)})))
}

// acknowledged forgets what a receipt or an ack of the device speaks of. A
// request for a retry acknowledges nothing: the client sends an ack besides.
func (l *Lab) acknowledged(d *device, n *binary.Node) {
	kind := text(n, "class")
	if n.Tag == "receipt" {
		if kind = "message"; text(n, "type") == "retry" {
			return
		}
	}
	for i, k := range d.waiting {
		if k.node.Tag == kind && text(&k.node, "id") == text(n, "id") {
			d.waiting = slices.Delete(d.waiting, i, i+1)
			return
		}
	}
}
