package lab

import (
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// groupQuery answers about groups. The caller holds the lock.
func (l *Lab) groupQuery(c *conn, n *binary.Node, first binary.Node) {
	to, me := jid(n, "to"), c.device.account
	if to.Server == types.GroupServer && to.User == "" {
		l.groupsQuery(c, n, first)
		return
	}
	g := l.groups[to]
	m := g.member(me)
	switch {
	case g == nil:
		c.refuse(n, 404, "item-not-found")
	case m == nil:
		c.refuse(n, 403, "forbidden")
	case text(n, "type") == "get":
		l.groupGet(c, n, g, m, first)
	case m.rank == "":
		c.refuse(n, 403, "forbidden")
	case slices.Contains([]string{"add", "remove", "promote", "demote"}, first.Tag):
		l.changeMembers(c, n, g, first)
	case first.Tag == "membership_requests_action":
		l.decideRequests(c, n, g, first)
	default:
		l.groupSet(c, n, g, first)
	}
}

// groupsQuery is about no group in particular.
func (l *Lab) groupsQuery(c *conn, n *binary.Node, first binary.Node) {
	me := c.device.account
	switch first.Tag {
	case "participating":
		var all []binary.Node
		for _, g := range l.groups {
			if g.member(me) != nil {
				all = append(all, l.describe(g))
			}
		}
		c.answer(n, node("groups", nil, all...))
	case "create":
		members := []*member{{me, "superadmin"}}
		for _, p := range first.GetChildrenByTag("participant") {
			if a := l.account(jid(&p, "jid")); a != nil && a != me {
				members = append(members, &member{account: a})
			}
		}
		g := l.newGroup(text(&first, "subject"), true, members)
		c.answer(n, l.describe(g))
		l.tell(g, me, node("create", binary.Attrs{"type": "new", "key": text(&first, "key")}, l.describe(g)))
	case "invite":
		l.useInvite(c, n, text(&first, "code"))
	case "leave":
		for _, x := range first.GetChildren() {
			g := l.groups[jid(&x, "id")]
			if g.member(me) == nil {
				c.refuse(n, 404, "item-not-found")
				return
			}
			l.leave(g, me, me)
			c.answer(n, node("leave", nil, node("group", binary.Attrs{"id": g.jid})))
			return
		}
		c.refuse(n, 400, "bad-request")
	default:
		l.unknown(c, n)
	}
}

// useInvite looks at a group by its link, or joins it.
func (l *Lab) useInvite(c *conn, n *binary.Node, code string) {
	me := c.device.account
	for _, g := range l.groups {
		switch {
		case g.invite != code:
			continue
		case text(n, "type") == "get":
			c.answer(n, l.describe(g))
		case g.member(me) != nil:
			c.refuse(n, 409, "conflict")
		case g.approval:
			g.requests = append(g.requests, me)
			c.answer(n, node("membership_approval_request", binary.Attrs{"jid": g.jid}))
		default:
			c.answer(n, node("group", binary.Attrs{"jid": g.jid}))
			l.join(g, me, "invite", me)
		}
		return
	}
	c.refuse(n, 410, "gone")
}

func (l *Lab) groupGet(c *conn, n *binary.Node, g *group, m *member, first binary.Node) {
	switch {
	case first.Tag == "query":
		c.answer(n, l.describe(g))
	case first.Tag == "invite" && m.rank == "":
		c.refuse(n, 401, "not-authorized")
	case first.Tag == "invite":
		c.answer(n, node("invite", binary.Attrs{"code": g.invite}))
	case first.Tag == "membership_approval_requests":
		var all []binary.Node
		for _, a := range g.requests {
			all = append(all, node("membership_approval_request", binary.Attrs{"jid": g.address(a), "request_time": now()}))
		}
		c.answer(n, node("membership_approval_requests", nil, all...))
	default:
		l.unknown(c, n)
	}
}

// changeMembers adds, removes, promotes and demotes; each member has an answer
// of its own.
func (l *Lab) changeMembers(c *conn, n *binary.Node, g *group, first binary.Node) {
	var answers []binary.Node
	var who []*account
	for _, p := range first.GetChildrenByTag("participant") {
		j := jid(&p, "jid")
		a := l.account(j)
		code := ""
		switch m := g.member(a); {
		case a == nil, m == nil && first.Tag != "add":
			code = "404"
		case m != nil && first.Tag == "add":
			code = "409"
		case first.Tag == "remove" && m.rank == "superadmin":
			code = "406"
		default:
			who = append(who, a)
		}
		at := binary.Attrs{"jid": j}
		if code != "" {
			at["error"] = code
		}
		answers = append(answers, node("participant", at))
	}
	c.answer(n, node(first.Tag, nil, answers...))
	if len(who) == 0 {
		return
	}
	switch me := c.device.account; first.Tag {
	case "add":
		l.join(g, me, "", who...)
	case "remove":
		l.leave(g, me, who...)
	default:
		l.rank(g, me, first.Tag, who)
	}
}

// rank promotes or demotes.
func (l *Lab) rank(g *group, by *account, tag string, who []*account) {
	var entries []binary.Node
	for _, a := range who {
		m := g.member(a)
		if m.rank = "admin"; tag == "demote" {
			m.rank = ""
		}
		entries = append(entries, g.entry(a, ""))
	}
	l.tell(g, by, node(tag, g.turn(), entries...))
}

// decideRequests lets those in who asked to join, or not.
func (l *Lab) decideRequests(c *conn, n *binary.Node, g *group, first binary.Node) {
	kids := first.GetChildren()
	if len(kids) == 0 {
		c.refuse(n, 400, "bad-request")
		return
	}
	var answers []binary.Node
	var who []*account
	for _, p := range kids[0].GetChildren() {
		j := jid(&p, "jid")
		at := binary.Attrs{"jid": j}
		if i := slices.Index(g.requests, l.account(j)); i >= 0 {
			who = append(who, g.requests[i])
			g.requests = slices.Delete(g.requests, i, i+1)
		} else {
			at["error"] = "404"
		}
		answers = append(answers, node("participant", at))
	}
	c.answer(n, node("membership_requests_action", nil, node(kids[0].Tag, nil, answers...)))
	if kids[0].Tag == "approve" && len(who) > 0 {
		l.join(g, c.device.account, "", who...)
	}
}

// groupSet changes what a group is called and how it works.
func (l *Lab) groupSet(c *conn, n *binary.Node, g *group, first binary.Node) {
	me := c.device.account
	change := node(first.Tag, nil)
	switch first.Tag {
	case "subject":
		g.subject = string(content(first))
		change.Attrs = binary.Attrs{"subject": g.subject, "s_t": now(), "s_o": g.address(me)}
	case "description":
		g.about, g.aboutID = string(content(first.GetChildByTag("body"))), text(&first, "id")
		change = node("description", binary.Attrs{"id": g.aboutID}, binary.Node{Tag: "body", Content: []byte(g.about)})
	case "ephemeral":
		seconds, err := strconv.Atoi(text(&first, "expiration"))
		if err != nil || !slices.Contains([]int{86400, 604800, 7776000}, seconds) {
			c.refuse(n, 400, "bad-request")
			return
		}
		g.ephemeral = seconds
		change.Attrs = binary.Attrs{"expiration": seconds}
	case "not_ephemeral":
		g.ephemeral = 0
	case "announcement", "not_announcement":
		g.announce = first.Tag == "announcement"
		change.Attrs = binary.Attrs{"v_id": "2"}
	case "locked", "unlocked":
		g.locked = first.Tag == "locked"
	case "invite":
		g.invite = "Lab" + l.id("")[1:]
		c.answer(n, node("invite", binary.Attrs{"code": g.invite}))
		l.tell(g, me, node("invite", binary.Attrs{"code": g.invite}))
		return
	case "membership_approval_mode":
		join := first.GetChildByTag("group_join")
		g.approval = text(&join, "state") == "on"
	default:
		l.unknown(c, n)
		return
	}
	c.answer(n)
	l.tell(g, me, change)
}
