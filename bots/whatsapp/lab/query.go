package lab

import (
	"strings"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// answer answers a question.
func (c *conn) answer(n *binary.Node, children ...binary.Node) {
	from := n.Attrs["to"]
	if from == nil {
		from = types.ServerJID
	}
	c.send(node("iq", binary.Attrs{"type": "result", "id": n.Attrs["id"], "from": from}, children...))
}

func (c *conn) refuse(n *binary.Node, code int, why string) {
	c.send(node("iq", binary.Attrs{"type": "error", "id": n.Attrs["id"], "from": n.Attrs["to"]},
		node("error", binary.Attrs{"code": code, "text": why})))
}

// unknown answers a question that the lab does not understand, and remembers
// it: a test that meets one has found something that the lab lacks.
func (l *Lab) unknown(c *conn, n *binary.Node) {
	l.noteLocked("a question that the lab does not understand: " + outline(n))
	c.refuse(n, 501, "feature-not-implemented")
}

// query answers a question of a device that has logged in. The caller holds
// the lock.
func (l *Lab) query(c *conn, n *binary.Node) {
	if t := text(n, "type"); t == "result" || t == "error" {
		return
	}
	var first binary.Node
	if kids := n.GetChildren(); len(kids) > 0 {
		first = kids[0]
	}
	switch text(n, "xmlns") {
	case "w:p", "urn:xmpp:whatsapp:dirty", "w:stats", "privatestats", "status":
		c.answer(n)
	case "passive":
		c.answer(n)
		if first.Tag == "active" {
			l.flush(c)
		}
	case "encrypt":
		l.encryptQuery(c, n, first)
	case "usync":
		l.peopleQuery(c, n)
	case "w:g2":
		l.groupQuery(c, n, first)
	case "w:m":
		c.answer(n, node("media_conn", binary.Attrs{"auth": mediaAuth, "ttl": 300, "auth_ttl": 21600, "max_buckets": 12},
			node("host", binary.Attrs{"hostname": mediaHost})))
	case "w:sync:app:state":
		var collections []binary.Node
		for _, k := range first.GetChildrenByTag("collection") {
			collections = append(collections, node("collection", binary.Attrs{"name": text(&k, "name"), "version": "0", "type": "result"}))
		}
		c.answer(n, node("sync", nil, collections...))
	case "privacy":
		c.answer(n, node("privacy", nil, node("category", binary.Attrs{"name": "readreceipts", "value": "all"})))
	case "abt":
		c.answer(n, node("props", binary.Attrs{"hash": "0", "refresh": "86400"}))
	case "w":
		c.answer(n, node("props", binary.Attrs{"hash": "0"}))
	case "blocklist":
		c.answer(n, node("list", binary.Attrs{"dhash": "0"}))
	case "md":
		c.answer(n)
		if first.Tag == "remove-companion-device" {
			l.unlink(c.device)
		}
	default:
		l.unknown(c, n)
	}
}

// peopleQuery tells about people: their devices and their other address.
func (l *Lab) peopleQuery(c *conn, n *binary.Node) {
	ask := n.GetChildByTag("usync")
	list, about := ask.GetChildByTag("list"), ask.GetChildByTag("query")
	var out []binary.Node
	for _, u := range list.GetChildren() {
		j, contact := jid(&u, "jid"), string(content(u.GetChildByTag("contact")))
		if j.IsEmpty() && contact != "" {
			name, _, _ := strings.Cut(contact, "@")
			j = types.NewJID(strings.TrimPrefix(name, "+"), types.DefaultUserServer)
		}
		a := l.account(j)
		switch {
		case a != nil:
			out = append(out, node("user", binary.Attrs{"jid": j}, l.about(a, &about, contact)...))
		case contact != "":
			out = append(out, node("user", binary.Attrs{"jid": j}, binary.Node{Tag: "contact", Attrs: binary.Attrs{"type": "out"}, Content: []byte(contact)}))
		}
	}
	c.answer(n, node("usync", binary.Attrs{"sid": ask.Attrs["sid"], "mode": ask.Attrs["mode"], "index": "0", "last": "true"},
		node("result", nil), node("list", nil, out...)))
}

func (l *Lab) about(a *account, ask *binary.Node, contact string) (out []binary.Node) {
	for _, q := range ask.GetChildren() {
		switch q.Tag {
		case "devices":
			var list []binary.Node
			for _, d := range a.sorted() {
				at := binary.Attrs{"id": int(d.index)}
				if d.index > 0 {
					at["key-index"] = int(d.index) // a linked device without one is not believed
				}
				list = append(list, node("device", at))
			}
			out = append(out, node("devices", nil, node("device-list", nil, list...), node("key-index-list", binary.Attrs{"ts": now()})))
		case "lid":
			out = append(out, node("lid", binary.Attrs{"val": a.hidden}))
		case "contact":
			out = append(out, binary.Node{Tag: "contact", Attrs: binary.Attrs{"type": "in"}, Content: []byte(contact)})
		case "status", "picture", "business", "disappearing_mode": // nobody here has any
		default:
			l.noteLocked("a question about people that the lab does not understand: " + q.Tag)
		}
	}
	return out
}
