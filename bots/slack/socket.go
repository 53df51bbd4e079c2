package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
)

// The library has a client for Socket Mode too. It is not used: when a
// connection ends it drops what it has read of it by chance, so that a message
// can overtake the one before, and it decodes every block more strictly than a
// message needs.

const (
	silence   = 30 * time.Second // Slack pings more often than that
	writeMost = 10 * time.Second
	waitFirst = time.Second
	waitMost  = time.Minute
)

// listen keeps a connection and takes what comes through it, until the life or
// the token's use ends.
func (b *Bot) listen(l *life) error {
	for wait := waitFirst; ; {
		if err := b.pace.wait(l.ctx, "apps.connections.open"); err != nil {
			return err
		}
		err := b.connect(l)
		switch {
		case l.ctx.Err() != nil:
			return l.ctx.Err()
		case err == nil: // Slack asked for it, or it broke off: again at once
			wait = waitFirst
			continue
		case needsPerson(b.heed(err)):
			return fmt.Errorf("slack: %w", plain(err))
		}
		b.o.Log.Warn("Slack cannot be reached; trying again", "err", plain(err))
		sleep(l.ctx, pauseOf(outcome(err), wait))
		wait = min(2*wait, waitMost)
	}
}

// connect opens one connection and reads it to its end, which is no error once
// Slack has greeted.
func (b *Bot) connect(l *life) error {
	_, address, err := b.api.StartSocketModeContext(l.ctx)
	if err != nil {
		return err
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 30 * time.Second}
	ws, res, err := dialer.DialContext(l.ctx, address, nil)
	if res != nil && res.Body != nil {
		_ = res.Body.Close() // there is nothing in it
	}
	if err != nil {
		return err
	}
	c := &socket{ws: ws}
	defer context.AfterFunc(l.ctx, c.close)()
	defer c.close()
	ws.SetReadLimit(requestMost)
	ws.SetPingHandler(func(data string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeMost)) // a dead one shows when it is read
		return ws.SetReadDeadline(time.Now().Add(silence))
	})
	greeted := false
	for {
		if err := ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		_, frame, err := ws.ReadMessage()
		if err != nil {
			if greeted {
				return nil
			}
			return errors.New("the connection ended before Slack had greeted")
		}
		env, err := decodeEnvelope(frame)
		switch {
		case err != nil, env.Type == "":
			b.unreadable(l, "an envelope")
		case env.Type == "hello":
			greeted = true
			b.connected(l)
		case env.Type == "disconnect":
			return nil
		case env.ID != "":
			b.take(l, env.Type, env.Payload, func(said any) { c.ack(env.ID, acknowledgement(said)) })
		}
	}
}

// socket is one connection.
type socket struct {
	ws   *websocket.Conn
	mu   sync.Mutex // one writer at a time
	once sync.Once
}

func (c *socket) close() { c.once.Do(func() { _ = c.ws.Close() }) } // it is over whatever that says

// ack tells Slack that an envelope was stored. Where the connection has ended
// meanwhile it comes again and is known.
func (c *socket) ack(envelope string, said json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws.SetWriteDeadline(time.Now().Add(writeMost)) == nil {
		_ = c.ws.WriteJSON(struct {
			ID   string          `json:"envelope_id"`
			Said json.RawMessage `json:"payload,omitempty"`
		}{envelope, said}) // see above
	}
}

// needsPerson reports whether a person has to mend it before trying again can
// help.
func needsPerson(err error) bool {
	status, ok := errors.AsType[slack.StatusCodeError](err)
	return slices.Contains(refusals, word(err)) || ok && status.Code == http.StatusNotFound
}
