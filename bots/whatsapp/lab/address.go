package lab

import (
	"strconv"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// account is a phone number with its hidden id, and the devices that speak for
// it.
type account struct {
	number, hidden types.JID
	name           string
	identity       keyPair // the phone's, which vouches for linked devices
	devices        map[uint16]*device
}

// device is the phone (0), or one linked to it.
type device struct {
	account *account
	index   uint16
	noise   []byte // the key it logs in with
	conn    *conn
	keys    bundle
	vouched []byte // the phone's signature under its identity
	waiting []*kept
	faults  faults
	away    bool // it is off and stays off: nothing is kept for it
}

// address is the device's under one of the two kinds: server is that of the
// kind.
func (d *device) address(server string) types.JID {
	j := d.account.address(server)
	j.Device = d.index
	return j
}

func (a *account) address(server string) types.JID {
	if server == types.HiddenUserServer {
		return a.hidden
	}
	return a.number
}

// account finds whoever has the address, of either kind.
func (l *Lab) account(j types.JID) *account {
	a := l.accounts[j.User]
	if a == nil || a.address(j.Server).User != j.User {
		return nil
	}
	return a
}

func (l *Lab) device(j types.JID) *device {
	if a := l.account(j); a != nil {
		return a.devices[j.Device]
	}
	return nil
}

// addAccount takes a number, in digits.
func (l *Lab) addAccount(number, name string) *account {
	l.serial++
	a := &account{
		number: types.NewJID(number, types.DefaultUserServer), name: name, identity: newKeyPair(), devices: map[uint16]*device{},
		hidden: types.NewJID(strconv.Itoa(100_000_000_000_000+l.serial), types.HiddenUserServer),
	}
	l.accounts[a.number.User], l.accounts[a.hidden.User] = a, a
	return a
}

// text is an attribute; empty where there is none.
func text(n *binary.Node, name string) string {
	s, _ := n.Attrs[name].(string)
	return s
}

// jid is an attribute that is an address; empty where there is none.
func jid(n *binary.Node, name string) types.JID {
	j, _ := n.Attrs[name].(types.JID)
	return j
}

// content is a node's bytes.
func content(n binary.Node) []byte {
	switch c := n.Content.(type) {
	case []byte:
		return c
	case string:
		return []byte(c)
	}
	return nil
}

func node(tag string, attrs binary.Attrs, children ...binary.Node) binary.Node {
	n := binary.Node{Tag: tag, Attrs: attrs}
	if len(children) > 0 {
		n.Content = children
	}
	return n
}
