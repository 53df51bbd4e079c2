package lab

import (
	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// receipt passes one on: to the author's devices, or where it asks for a retry
// to the one that wrote. The caller holds the lock.
func (l *Lab) receipt(c *conn, n *binary.Node) {
	kind, to := text(n, "type"), jid(n, "to")
	ack := binary.Attrs{"class": "receipt", "id": n.Attrs["id"], "from": to}
	if kind != "" {
		ack["type"] = kind
	}
	c.send(node("ack", ack))
	a := binary.Attrs{"id": n.Attrs["id"], "t": now()}
	switch kind {
	case "server-error": // a document is asked for once more
		l.again(c, n)
		return
	case "sender", "peer_msg", "hist_sync", "read-self":
		return // of one's own
	case "", "inactive": // the client was not in the foreground: a delivery all the same
	default:
		a["type"] = kind
	}
	from := c.device
	author, server := to, to.Server
	if to.Server == types.GroupServer {
		g := l.groups[to]
		if author = jid(n, "participant"); g == nil || g.member(from.account) == nil {
			return
		}
		server = g.server()
		a["from"], a["participant"] = to, from.address(server)
	} else {
		a["from"] = from.address(server)
	}
	who := l.account(author)
	if who == nil {
		return
	}
	if kind == "retry" {
		if r, ok := n.Attrs["recipient"]; ok {
			a["recipient"] = r
		}
		if d := who.devices[author.Device]; d != nil && d != from {
			l.deliver(d, binary.Node{Tag: "receipt", Attrs: a, Content: n.Content})
		}
		return
	}
	if to.Server != types.GroupServer {
		a["from"] = from.account.address(server)
	}
	for _, d := range who.devices {
		if d != from {
			l.deliver(d, binary.Node{Tag: "receipt", Attrs: a, Content: n.Content})
		}
	}
}
