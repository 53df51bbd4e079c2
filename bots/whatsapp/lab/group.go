package lab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// group is a group chat.
type group struct {
	jid              types.JID
	subject, about   string
	aboutID          string
	hidden           bool // its members are addressed by their hidden ids
	members          []*member
	ephemeral        int
	announce, locked bool
	approval         bool
	requests         []*account
	invite           string
	made             time.Time
	version          int // of the list of members
}

// member is somebody in a group; rank is "", admin or superadmin.
type member struct {
	account *account
	rank    string
}

func (g *group) member(a *account) *member {
	if g == nil {
		return nil
	}
	for _, m := range g.members {
		if m.account == a {
			return m
		}
	}
	return nil
}

func (g *group) mode() types.AddressingMode {
	if g.hidden {
		return types.AddressingModeLID
	}
	return types.AddressingModePN
}

func (g *group) server() string {
	if g.hidden {
		return types.HiddenUserServer
	}
	return types.DefaultUserServer
}

// address is how somebody is named in the group.
func (g *group) address(a *account) types.JID { return a.address(g.server()) }

// NewGroup describes a group to be made. Admins and Members are numbers; the
// first admin is who made it.
type NewGroup struct {
	Subject string   `json:"subject"`
	Hidden  bool     `json:"hidden"` // members are addressed by their hidden ids
	Admins  []string `json:"admins"`
	Members []string `json:"members"`
}

// AddGroup makes a group and tells its members.
func (l *Lab) AddGroup(n NewGroup) (types.JID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var members []*member
	for i, number := range slices.Concat(n.Admins, n.Members) {
		a := l.accounts[number]
		if a == nil {
			return types.EmptyJID, fmt.Errorf("nobody has the number %s", number)
		}
		m := &member{account: a}
		switch {
		case i == 0:
			m.rank = "superadmin"
		case i < len(n.Admins):
			m.rank = "admin"
		}
		members = append(members, m)
	}
	if len(n.Admins) == 0 {
		return types.EmptyJID, errors.New("a group has an administrator")
	}
	g := l.newGroup(n.Subject, n.Hidden, members)
	l.tell(g, members[0].account, node("create", binary.Attrs{"type": "new"}, l.describe(g)))
	return g.jid, nil
}

func (l *Lab) newGroup(subject string, hidden bool, members []*member) *group {
	l.serial++
	g := &group{
		jid: types.NewJID(fmt.Sprintf("12036300%010d", l.serial), types.GroupServer), subject: subject, hidden: hidden,
		members: members, invite: "Lab" + l.id("")[1:], made: time.Now(), version: 1,
	}
	l.groups[g.jid] = g
	return g
}

// Members lists the numbers of who is in a group.
func (l *Lab) Members(j types.JID) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.groups[j]; g != nil {
		for _, m := range g.members {
			out = append(out, m.account.number.User)
		}
	}
	return out
}

// Group is what there is to know of a group.
type Group struct {
	Group   string   `json:"group"`
	Subject string   `json:"subject"`
	Members []string `json:"members"` // their numbers
}

// Groups lists the groups in the order in which they were made.
func (l *Lab) Groups() (out []Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for j, g := range l.groups {
		one := Group{Group: j.String(), Subject: g.subject}
		for _, m := range g.members {
			one.Members = append(one.Members, m.account.number.User)
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Group) int { return strings.Compare(a.Group, b.Group) })
	return out
}

// Hidden is the hidden id of a number.
func (l *Lab) Hidden(number string) types.JID {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[number]; a != nil {
		return a.hidden
	}
	return types.EmptyJID
}

// describe is a group as clients are told of it.
func (l *Lab) describe(g *group) binary.Node {
	made, owner := strconv.FormatInt(g.made.Unix(), 10), g.address(g.owner())
	var kids []binary.Node
	if g.about != "" {
		kids = append(kids, node("description", binary.Attrs{"id": g.aboutID, "t": made, "participant": owner}, binary.Node{Tag: "body", Content: []byte(g.about)}))
	}
	if g.ephemeral > 0 {
		kids = append(kids, node("ephemeral", binary.Attrs{"expiration": g.ephemeral}))
	}
	for tag, on := range map[string]bool{"announcement": g.announce, "locked": g.locked, "membership_approval_mode": g.approval} {
		if on {
			kids = append(kids, node(tag, nil))
		}
	}
	for _, m := range g.members {
		kids = append(kids, g.entry(m.account, m.rank))
	}
	return node("group", binary.Attrs{
		"id": g.jid.User, "subject": g.subject, "s_t": made, "creation": made, "creator": owner, "s_o": owner, "addressing_mode": string(g.mode()),
		"size": len(g.members), "a_v_id": "1", "p_v_id": strconv.Itoa(g.version),
	}, kids...)
}

// owner is who made the group, or who is there longest.
func (g *group) owner() *account {
	if len(g.members) == 0 {
		return &account{}
	}
	return g.members[0].account
}

// entry is one member as clients are told.
func (g *group) entry(a *account, rank string) binary.Node {
	at := binary.Attrs{"jid": g.address(a)}
	if g.hidden {
		at["phone_number"] = a.number
	} else {
		at["lid"] = a.hidden
	}
	if rank != "" {
		at["type"] = rank
	}
	return node("participant", at)
}

// tell tells all devices of all members, and of further people, of a change
// that somebody made.
func (l *Lab) tell(g *group, by *account, change binary.Node, also ...*account) {
	var to []*account
	for _, m := range g.members {
		to = append(to, m.account)
	}
	for _, a := range also {
		if !slices.Contains(to, a) {
			to = append(to, a)
		}
	}
	id := l.id("n")
	for _, a := range to {
		for _, d := range a.sorted() {
			at := binary.Attrs{"from": g.jid, "type": "w:gp2", "id": id, "t": now(), "notify": by.name, "participant": g.address(by)}
			if g.hidden {
				at["participant_pn"] = by.number
			}
			l.deliver(d, node("notification", at, change))
		}
	}
}

// turn is the attributes of a change to the list of members, which counts them.
func (g *group) turn() binary.Attrs {
	g.version++
	return binary.Attrs{"v_id": strconv.Itoa(g.version), "prev_v_id": strconv.Itoa(g.version - 1)}
}

// join adds somebody and tells all, and leave takes somebody out.
func (l *Lab) join(g *group, by *account, reason string, who ...*account) {
	var entries []binary.Node
	for _, a := range who {
		g.members = append(g.members, &member{account: a})
		entries = append(entries, g.entry(a, ""))
	}
	at := g.turn()
	if reason != "" {
		at["reason"] = reason
	}
	var old []*account
	for _, m := range g.members {
		if !slices.Contains(who, m.account) {
			old = append(old, m.account)
		}
	}
	l.tellOnly(g, by, old, node("add", at, entries...))
	l.tellOnly(g, by, who, node("create", binary.Attrs{"reason": reason}, l.describe(g)))
}

// tellOnly is tell for some.
func (l *Lab) tellOnly(g *group, by *account, to []*account, change binary.Node) {
	some := *g
	some.members = nil
	l.tell(&some, by, change, to...)
}

func (l *Lab) leave(g *group, by *account, who ...*account) {
	var entries []binary.Node
	for _, a := range who {
		entries = append(entries, g.entry(a, ""))
	}
	g.members = slices.DeleteFunc(g.members, func(m *member) bool { return slices.Contains(who, m.account) })
	l.tell(g, by, node("remove", g.turn(), entries...), who...)
}
