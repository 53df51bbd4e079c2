package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Lab is one WhatsApp on loopback.
type Lab struct {
	static   keyPair
	chain    []byte
	listener net.Listener
	server   *http.Server
	clients  *http.Client

	mu       sync.Mutex
	serial   int
	accounts map[string]*account // by number and by hidden id
	groups   map[types.JID]*group
	people   map[string]*Person  // by number
	linking  map[string]*conn    // by the reference in the QR code
	typing   map[*account]*typed // phones that wait for eight characters
	media    map[string][]byte
	phones   map[string][]byte // media that the server has no longer
	shared   map[string]shared // documents, by the ids of their messages
	refuse   map[*account]int
	cold     map[*account]int
	wrotes   map[pairing]time.Time
	clock    time.Duration // between our time and what messages are stamped with
	traffic  []Stanza
	notes    []string
}

// Stanza is something that a client sent.
type Stanza struct {
	At     time.Time `json:"at"`
	Number string    `json:"number"`
	Device uint16    `json:"device"`
	Tag    string    `json:"tag"`
	To     string    `json:"to,omitempty"`
	ID     string    `json:"id,omitempty"`
	Edit   string    `json:"edit,omitempty"`
	XML    string    `json:"xml"` // all of it; bytes as hexadecimal
}

// New starts a lab at a loopback address, such as 127.0.0.1:0.
func New(address string) (*Lab, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%q is no loopback address: a lab is for this machine alone", address)
	}
	l := &Lab{
		static: newKeyPair(), accounts: map[string]*account{}, groups: map[types.JID]*group{}, people: map[string]*Person{},
		linking: map[string]*conn{}, typing: map[*account]*typed{}, media: map[string][]byte{}, refuse: map[*account]int{}, cold: map[*account]int{}, wrotes: map[pairing]time.Time{},
	}
	if l.chain, err = certificates(l.static.public); err != nil {
		return nil, err
	}
	if l.listener, err = net.Listen("tcp", address); err != nil {
		return nil, err
	}
	l.clients = l.client()
	mux := http.NewServeMux()
	mux.HandleFunc("/ws/chat", l.serve)
	mux.HandleFunc("POST /mms/", l.upload)
	mux.HandleFunc("GET /d/", l.download)
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(l.listener) }() // ends with Close
	return l, nil
}

// Serve serves clients at a further loopback address, until Close.
func (l *Lab) Serve(ln net.Listener) error {
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("%s is no loopback address: a lab is for this machine alone", ln.Addr())
	}
	if err := l.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// URL is where clients connect to.
func (l *Lab) URL() string { return "ws://" + l.listener.Addr().String() + "/ws/chat" }

// client reaches the lab under whatever name is asked for. What is TLS
// elsewhere is in the clear on loopback.
func (l *Lab) client() *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.listener.Addr().String())
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial}}
}

// Close ends everything: people hang up, and then the server stops.
func (l *Lab) Close() error {
	l.mu.Lock()
	people := slices.Collect(maps.Values(l.people))
	l.mu.Unlock()
	var err error
	for _, p := range people {
		err = errors.Join(err, p.close())
	}
	l.mu.Lock()
	for _, a := range l.accounts {
		for _, d := range a.devices {
			if d.conn != nil {
				d.conn.cut()
			}
		}
	}
	for _, c := range l.linking {
		c.cut()
	}
	l.mu.Unlock()
	l.clients.CloseIdleConnections()
	return errors.Join(err, l.server.Close())
}

// login lets a client in, or hands out references to link it by.
func (l *Lab) login(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	hello := c.met.hello
	if hello.DevicePairingData != nil {
		l.offerLinking(c)
		return true
	}
	var d *device
	if a := l.accounts[strconv.FormatUint(hello.GetUsername(), 10)]; a != nil {
		d = a.devices[uint16(hello.GetDevice())]
	}
	if d == nil || !bytes.Equal(d.noise, c.met.static) {
		c.send(node("failure", binary.Attrs{"reason": "401", "location": "lla"}))
		return false
	}
	if old := d.conn; old != nil {
		old.send(replaced())
		old.hangUp()
	}
	d.conn, c.device, d.faults.silent = c, d, false
	c.send(node("success", binary.Attrs{"t": now(), "lid": d.address(types.HiddenUserServer), "location": "lla", "display_name": d.account.name}))
	return true
}

// left notes that a connection ended.
func (l *Lab) left(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.device != nil && c.device.conn == c {
		c.device.conn = nil
	}
	maps.DeleteFunc(l.linking, func(_ string, x *conn) bool { return x == c })
	maps.DeleteFunc(l.typing, func(_ *account, t *typed) bool { return t.conn == c })
}

// handle takes one stanza.
func (l *Lab) handle(c *conn, n *binary.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.device == nil {
		l.countersigned(c, n)
		return
	}
	if c.device.conn != c {
		return // another connection took over, and this one has been told
	}
	l.traffic = append(l.traffic, Stanza{
		At: time.Now(), Number: c.device.account.number.User, Device: c.device.index, Tag: n.Tag,
		To: jid(n, "to").String(), ID: text(n, "id"), Edit: text(n, "edit"), XML: outline(n),
	})
	switch n.Tag {
	case "iq":
		l.query(c, n)
	case "message":
		l.message(c, n)
	case "receipt":
		l.acknowledged(c.device, n)
		l.receipt(c, n)
	case "ack":
		l.acknowledged(c.device, n)
	case "presence", "chatstate", "ib": // whether somebody is there or types is nobody's business here
	default:
		l.noteLocked("a stanza that the lab does not understand: " + outline(n))
	}
}

// outline writes a stanza as XML, whole, for people and for tests that look for
// what must not be in it: bytes that are no text are hexadecimal.
func outline(n *binary.Node) string {
	var b strings.Builder
	outlineTo(&b, n)
	return b.String()
}

func outlineTo(b *strings.Builder, n *binary.Node) {
	b.WriteString("<" + n.Tag)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		fmt.Fprintf(b, " %s=%q", name, fmt.Sprint(n.Attrs[name]))
	}
	b.WriteString(">")
	for _, c := range n.GetChildren() {
		outlineTo(b, &c)
	}
	if raw := content(*n); utf8.Valid(raw) && !bytes.ContainsFunc(raw, unicode.IsControl) {
		b.Write(raw)
	} else {
		b.WriteString(hex.EncodeToString(raw))
	}
	b.WriteString("</" + n.Tag + ">")
}

func (l *Lab) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noteLocked(what)
}

func (l *Lab) noteLocked(what string) { l.notes = append(l.notes, what) }

// Notes is what clients asked for and the lab does not have. A test that ends
// with notes has found a fault of the lab, or of the client.
func (l *Lab) Notes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.notes)
}

// Traffic is every stanza that any client sent, in order, repeats included.
func (l *Lab) Traffic() []Stanza {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.traffic)
}

// Waiting counts what a device has not acknowledged; it is sent again when the
// device logs in.
func (l *Lab) Waiting(number string, index uint16) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[number]; a != nil && a.devices[index] != nil {
		return len(a.devices[index].waiting)
	}
	return 0
}

// Devices lists the devices of a number, the phone (0) included.
func (l *Lab) Devices(number string) (out []uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[number]; a != nil {
		for _, d := range a.sorted() {
			out = append(out, d.index)
		}
	}
	return out
}

// Listening reports whether a device is logged in and gets what comes.
func (l *Lab) Listening(number string, index uint16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[number]
	return a != nil && a.devices[index] != nil && a.devices[index].conn != nil && a.devices[index].conn.active
}

// AddNumber adds somebody who has a number and no phone that is on: a ghost,
// for groups of size.
func (l *Lab) AddNumber(number, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.take(number, name)
	return err
}

// take is addAccount, for a number that is a number and free.
func (l *Lab) take(number, name string) (*account, error) {
	if len(number) < 7 || len(number) > 15 || strings.Trim(number, "0123456789") != "" {
		return nil, fmt.Errorf("%q is no number: write digits alone, with the country first, such as 447700900123", number)
	}
	if l.accounts[number] != nil {
		return nil, fmt.Errorf("the number %s is taken", number)
	}
	return l.addAccount(number, name), nil
}

// everybody lists each account once.
func (l *Lab) everybody() (out []*account) {
	for user, a := range l.accounts {
		if user == a.number.User {
			out = append(out, a)
		}
	}
	return out
}

// sorted lists the devices by their numbers.
func (a *account) sorted() []*device {
	return slices.SortedFunc(maps.Values(a.devices), func(x, y *device) int { return cmp.Compare(x.index, y.index) })
}

func (a *account) allDevices(server string) (out []types.JID) {
	for _, d := range a.sorted() {
		out = append(out, d.address(server))
	}
	return out
}

func now() string { return strconv.FormatInt(time.Now().Unix(), 10) }

// id makes a new id that says what it is for.
func (l *Lab) id(what string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // the standard library's source of randomness does not fail
	return what + "-" + hex.EncodeToString(b[:])
}
