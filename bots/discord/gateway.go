package discord

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// The library identifies at once when Discord says that a session is not valid,
// and Discord allows a thousand identifies a day. What it writes passes a gate,
// which lets one through a minute and ends the connection of another: Run makes
// a new one when the minute is over.

const (
	identifyPause = time.Minute
	identifyLook  = 100 * time.Millisecond
)

// errTooSoon ends a connection that would identify again.
var errTooSoon = errors.New("discord: identifying waits until a minute is over")

// dialer makes the connections of the gateway.
func (b *Bot) dialer() *websocket.Dialer {
	plain, sealed := &net.Dialer{}, &tls.Dialer{Config: &tls.Config{NextProtos: []string{"http/1.1"}}}
	gated := func(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return gate{c, b}, nil
		}
	}
	return &websocket.Dialer{HandshakeTimeout: 30 * time.Second, NetDialContext: gated(plain.DialContext), NetDialTLSContext: gated(sealed.DialContext)}
}

// gate is a connection through which one identify a minute passes.
type gate struct {
	net.Conn
	b *Bot
}

// Write implements net.Conn.
func (g gate) Write(p []byte) (int, error) {
	if identifies(p) && !g.b.mayIdentify() {
		_ = g.Close() // whatever it says, the connection is over
		return 0, errTooSoon
	}
	return g.Conn.Write(p)
}

// identifies reports whether what is written is the frame of an identify. The
// library writes each frame whole.
func identifies(p []byte) bool {
	begins := []byte(`{"op":2,`)
	const masked = 1 << 7
	if len(p) < 2 || p[0] != 1<<7|websocket.TextMessage || p[1]&masked == 0 {
		return false
	}
	head := 2
	switch p[1] &^ masked {
	case 126:
		head += 2
	case 127:
		head += 8
	}
	if len(p) < head+4+len(begins) {
		return false
	}
	mask, text := p[head:head+4], bytes.Clone(p[head+4:head+4+len(begins)])
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return bytes.Equal(text, begins)
}

// mayIdentify reports whether the minute is over, and begins another if so.
func (b *Bot) mayIdentify() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	if b.pauseLeft(now) > 0 {
		b.refusedIdentify = true
		return false
	}
	b.identified, b.refusedIdentify = now, false
	return true
}

// pauseLeft is how long identifying has to wait. The caller holds the lock.
func (b *Bot) pauseLeft(now time.Time) time.Duration {
	if b.identified.IsZero() {
		return 0
	}
	return identifyPause - now.Sub(b.identified)
}

// rest waits until the bot may identify, where it is about to: at its first
// connection, and after one that was ended for it. A resume need not wait.
func (b *Bot) rest(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		waits := b.refusedIdentify && b.pauseLeft(b.o.Now()) > 0
		b.mu.Unlock()
		if !waits {
			return
		}
		sleep(ctx, identifyLook)
	}
}
