package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs/memdb"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"chaperone/bots/whatsapp/sessions"
)

// answerWithin is how long a person waits for the server.
const answerWithin = 30 * time.Second

// Person is somebody with a phone: an unmodified client that is device 0 of a
// number, with keys of its own. What it knows it has decrypted.
type Person struct {
	Number, Name string

	lab    *Lab
	client *whatsmeow.Client
	box    *sqlstore.Container
	send   sync.Mutex // one thing at a time; sessions.Guard

	mu    sync.Mutex
	seen  []Seen
	both  []Seen        // and what the person wrote
	wake  chan struct{} // closed and made anew when something was seen
	ready bool          // it has been connected
}

// SeenKind is a kind of thing that a person sees.
type SeenKind string

// What a person sees.
const (
	SeenText       SeenKind = "text"
	SeenEdit       SeenKind = "edit"
	SeenRevoke     SeenKind = "revoke"
	SeenReaction   SeenKind = "reaction"
	SeenUnreadable SeenKind = "unreadable"
	SeenRead       SeenKind = "read"
	SeenJoin       SeenKind = "join"
	SeenLeave      SeenKind = "leave"
	SeenGroup      SeenKind = "group" // the person is in a group now
)

// Seen is one thing that arrived on a person's phone.
type Seen struct {
	At    time.Time `json:"at"`
	Kind  SeenKind  `json:"kind"`
	Chat  string    `json:"chat"` // a group, or for a private chat the other's number or hidden id
	From  string    `json:"from"` // a number
	ID    string    `json:"id,omitempty"`
	About string    `json:"about,omitempty"` // the message that is edited, revoked, read, reacted or replied to
	Text  string    `json:"text,omitempty"`
}

// AddPerson adds somebody whose phone is on.
func (l *Lab) AddPerson(ctx context.Context, number, name string) (*Person, error) {
	l.mu.Lock()
	a, err := l.take(number, name)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p := &Person{Number: number, Name: name, lab: l, wake: make(chan struct{})}
	if err := p.switchOn(ctx, a); err != nil {
		return nil, errors.Join(err, p.close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people[number] = p
	return p, nil
}

// Person finds somebody by number; nil where there is nobody.
func (l *Lab) Person(number string) *Person {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.people[number]
}

// switchOn gives the person a phone. The library links only companions, so the
// phone's keys are put in its store as if it had registered.
func (p *Person) switchOn(ctx context.Context, a *account) error {
	name := p.lab.id("phone-" + p.Number)
	memdb.Create(name, nil)
	db, err := driver.Open("file:/"+name+"?vfs=memdb&_txlock=immediate", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA busy_timeout=10000; PRAGMA foreign_keys=ON; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF`)
	})
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(4)
	p.box = sqlstore.NewWithDB(db, "sqlite3", nil)
	if err := p.box.Upgrade(ctx); err != nil {
		return err
	}
	d := p.box.NewDevice()
	own := a.number
	d.ID, d.LID, d.PushName = &own, a.hidden, p.Name
	d.Account = &waAdv.ADVSignedDeviceIdentity{Details: []byte{}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64)}
	if err := d.Save(ctx); err != nil {
		return err
	}
	p.lab.mu.Lock()
	a.devices[0] = &device{account: a, noise: d.NoiseKey.Pub[:]}
	p.lab.mu.Unlock()
	sessions.Guard(d, &p.send)
	p.client = whatsmeow.NewClient(d, nil)
	p.client.EnableDecryptedEventBuffer = true // for the guard
	p.client.SetPreLoginHTTPClient(p.lab.clients)
	p.client.SetWebsocketHTTPClient(p.lab.clients)
	p.client.SetMediaHTTPClient(p.lab.clients)
	p.client.PreRetryCallback = p.again
	p.client.AddEventHandler(p.event)
	p.client.SetForceActiveDeliveryReceipts(true)
	return p.Connect(ctx)
}

// again answers a device that could not read what the person wrote. The library
// would do so while the phone encrypts something else.
func (p *Person) again(asked *events.Receipt, id types.MessageID, count int, m *waE2E.Message) bool {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	p.send.Lock()
	defer p.send.Unlock()
	if err := sessions.Again(ctx, p.client, asked, id, count, count > 1, m); err != nil && p.client.IsConnected() {
		p.lab.note(p.Name + " could not send a message once more: " + err.Error())
	}
	return false
}

// Connect brings the phone online, and waits until it is.
func (p *Person) Connect(ctx context.Context) error {
	p.mu.Lock()
	p.ready = false
	p.mu.Unlock()
	if err := p.client.Connect(); err != nil { // not with ctx: the connection outlives the call
		return err
	}
	return p.until(ctx, func() bool { return p.ready })
}

// Disconnect takes the phone off the network. What is sent to it waits.
func (p *Person) Disconnect() { p.client.Disconnect() }

func (p *Person) close() error {
	if p.client != nil {
		p.client.Disconnect()
	}
	if p.box != nil {
		return p.box.Close()
	}
	return nil
}

// until waits until ok, which is asked under the lock whenever something was
// seen.
func (p *Person) until(ctx context.Context, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for {
		p.mu.Lock()
		done, wake := ok(), p.wake
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("%s waited in vain: %w", p.Name, ctx.Err())
		}
	}
}

// Seen lists what arrived, in order.
func (p *Person) Seen() []Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Seen(nil), p.seen...)
}

// Wait waits until something has arrived for which ok is true, and gives the
// first.
func (p *Person) Wait(ctx context.Context, ok func(Seen) bool) (Seen, error) {
	var found Seen
	err := p.until(ctx, func() bool {
		for _, s := range p.seen {
			if ok(s) {
				found = s
				return true
			}
		}
		return false
	})
	return found, err
}

func (p *Person) saw(all ...Seen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen, p.both = append(p.seen, all...), append(p.both, all...)
	close(p.wake)
	p.wake = make(chan struct{})
}

// event notes what the client tells.
func (p *Person) event(e any) {
	switch e := e.(type) {
	case *events.Connected:
		p.mu.Lock()
		p.ready = true
		p.mu.Unlock()
		p.saw()
	case *events.Message:
		if s := p.message(e); s.Kind != SeenText || s.Text != "" {
			p.saw(s)
		}
	case *events.UndecryptableMessage:
		p.saw(Seen{At: e.Info.Timestamp, Kind: SeenUnreadable, Chat: e.Info.Chat.String(), From: p.lab.number(e.Info.Sender), ID: e.Info.ID})
	case *events.Receipt:
		if e.Type == types.ReceiptTypeRead {
			for _, id := range e.MessageIDs {
				p.saw(Seen{At: e.Timestamp, Kind: SeenRead, Chat: e.Chat.String(), From: p.lab.number(e.Sender), About: id})
			}
		}
	case *events.JoinedGroup:
		p.saw(Seen{At: time.Now(), Kind: SeenGroup, Chat: e.JID.String()})
	case *events.GroupInfo:
		for _, j := range e.Join {
			p.saw(Seen{At: e.Timestamp, Kind: SeenJoin, Chat: e.JID.String(), From: p.lab.number(j)})
		}
		for _, j := range e.Leave {
			p.saw(Seen{At: e.Timestamp, Kind: SeenLeave, Chat: e.JID.String(), From: p.lab.number(j)})
		}
	}
}

// number is the phone number behind an address.
func (l *Lab) number(j types.JID) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.account(j); a != nil {
		return a.number.User
	}
	return j.User
}

// message is what arrived; a stanza that only brings keys is nothing to see.
func (p *Person) message(e *events.Message) Seen {
	s := Seen{At: e.Info.Timestamp, Kind: SeenText, Chat: e.Info.Chat.String(), From: p.lab.number(e.Info.Sender), ID: e.Info.ID, Text: words(e.Message)}
	protocol, reaction := e.Message.GetProtocolMessage(), e.Message.GetReactionMessage()
	switch {
	case reaction != nil:
		s.Kind, s.About, s.Text = SeenReaction, reaction.GetKey().GetID(), reaction.GetText()
	case protocol.GetType() == waE2E.ProtocolMessage_REVOKE && protocol != nil:
		s.Kind, s.About = SeenRevoke, protocol.GetKey().GetID()
	case protocol.GetEditedMessage() != nil:
		s.Kind, s.About, s.Text = SeenEdit, protocol.GetKey().GetID(), words(protocol.GetEditedMessage())
	default:
		s.About = e.Message.GetExtendedTextMessage().GetContextInfo().GetStanzaID()
	}
	return s
}

// words is what somebody reads in a message.
func words(m *waE2E.Message) string {
	switch {
	case m.GetConversation() != "":
		return m.GetConversation()
	case m.GetExtendedTextMessage() != nil:
		return m.GetExtendedTextMessage().GetText()
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage().GetCaption()
	case m.GetImageMessage() != nil:
		return m.GetImageMessage().GetCaption()
	}
	for _, poll := range []*waE2E.PollCreationMessage{m.GetPollCreationMessage(), m.GetPollCreationMessageV3()} {
		if poll != nil {
			return poll.GetName()
		}
	}
	return ""
}

// plain is a message of text alone.
func plain(text string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(text)} }
