package lab

import (
	"context"
	"crypto/cipher"
	"errors"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/binary"
)

// mostMessage bounds one message of the WebSocket.
const mostMessage = 16 << 20

// conn is one client's connection. What is sent is put in a queue, so that a
// client that does not read holds nobody up.
type conn struct {
	lab    *Lab
	ws     *websocket.Conn
	ctx    context.Context
	end    context.CancelFunc
	met    *met
	read   uint32 // frames received
	wrote  uint32
	mu     sync.Mutex
	queue  []*binary.Node
	closed bool // nothing is queued any more; what is queued is still sent
	wake   chan struct{}

	// Guarded by the lab's lock.
	device *device // nil until it has logged in
	linked *linking
	active bool // it has asked for what waits
}

// send queues a stanza.
func (c *conn) send(n binary.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.queue = append(c.queue, &n)
	}
	c.poke()
}

// hangUp ends the connection when what is queued has been sent.
func (c *conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.poke()
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// cut ends it at once, as a lost network does.
func (c *conn) cut() { c.end() }

// write sends what is queued, in order, until the connection ends.
func (c *conn) write() {
	defer c.end()
	for {
		c.mu.Lock()
		queue, closed := c.queue, c.closed
		c.queue = nil
		c.mu.Unlock()
		for _, n := range queue {
			if err := c.seal(n); err != nil {
				return
			}
		}
		if closed {
			return
		}
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *conn) seal(n *binary.Node) error {
	plain, err := binary.Marshal(*n)
	if err != nil {
		c.lab.note("a stanza of the lab's own cannot be written: " + err.Error())
		return nil
	}
	sealed := c.met.send.Seal(nil, nonce(c.wrote), plain, nil)
	c.wrote++
	return c.frame(sealed)
}

func (c *conn) frame(b []byte) error {
	out := append([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
	return c.ws.Write(c.ctx, websocket.MessageBinary, out)
}

// next reads one stanza.
func (c *conn) next(f *frames) (*binary.Node, error) {
	raw, err := f.next()
	if err != nil {
		return nil, err
	}
	plain, err := open(c.met.receive, c.read, raw)
	c.read++
	if err != nil {
		return nil, err
	}
	unpacked, err := binary.Unpack(plain)
	if err != nil {
		return nil, err
	}
	return binary.Unmarshal(unpacked)
}

func open(a cipher.AEAD, count uint32, b []byte) ([]byte, error) {
	return a.Open(nil, nonce(count), b, nil)
}

// serve is the WebSocket that clients connect to.
func (l *Lab) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // clients name the real host as origin
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(mostMessage)
	c := &conn{lab: l, ws: ws, wake: make(chan struct{}, 1)}
	c.ctx, c.end = context.WithCancel(r.Context())
	defer func() { _ = ws.CloseNow() }()
	defer c.end()
	f := &frames{more: func() ([]byte, error) { _, b, err := ws.Read(c.ctx); return b, err }}
	prologue, err := f.prologue()
	if err != nil {
		return
	}
	if c.met, err = meet(l.static, l.chain, prologue, f.next, c.frame); err != nil {
		return // a client that does not trust this lab hangs up here
	}
	var writer sync.WaitGroup
	writer.Go(c.write)
	defer writer.Wait()
	defer c.hangUp() // before waiting: deferred calls run last to first
	if !l.login(c) {
		return
	}
	defer l.left(c)
	for {
		n, err := c.next(f)
		if err != nil {
			return
		}
		if !l.deaf(c) {
			l.handle(c, n)
		}
	}
}

// frames cuts a stream into frames.
type frames struct {
	held []byte
	more func() ([]byte, error)
}

func (f *frames) need(n int) error {
	for len(f.held) < n {
		b, err := f.more()
		if err != nil {
			return err
		}
		f.held = append(f.held[:len(f.held):len(f.held)], b...)
	}
	return nil
}

func size(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func (f *frames) next() ([]byte, error) {
	if err := f.need(3); err != nil {
		return nil, err
	}
	n := size(f.held)
	if err := f.need(3 + n); err != nil {
		return nil, err
	}
	frame := f.held[3 : 3+n]
	f.held = f.held[3+n:]
	return frame, nil
}

// prologue takes the four bytes that a client begins with, and passes over
// where it would like to be routed to, which some clients say before.
func (f *frames) prologue() ([]byte, error) {
	if err := f.need(7); err != nil {
		return nil, err
	}
	if f.held[0] == 'E' && f.held[1] == 'D' {
		n := 7 + size(f.held[4:])
		if err := f.need(n + 4); err != nil {
			return nil, err
		}
		f.held = f.held[n:]
	}
	head := f.held[:4]
	if head[0] != 'W' || head[1] != 'A' || head[2] != 6 {
		return nil, errors.New("this is no client of the multi-device protocol")
	}
	f.held = f.held[4:]
	return head, nil
}
