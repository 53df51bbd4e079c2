package whatsapp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"chaperone/internal/chat"
)

// handle takes what the library tells. False means that it is not stored: the
// library then acknowledges nothing. A panic must not count as true, as it
// would in the library's own hands.
func (b *Bot) handle(e any) (stored bool) {
	s := b.session.Load()
	if s == nil {
		return !kept(e)
	}
	defer func() {
		if p := recover(); p != nil {
			stored = false
			s.end(fmt.Errorf("a %T could not be read", e))
		}
	}()
	if _, ok := e.(*events.Connected); ok {
		go b.connected(s)
		return true
	}
	if err := b.ended(e); err != nil {
		s.end(err)
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	var err error
	stored = true
	switch e := e.(type) {
	case *events.Message:
		stored, err = b.message(s, e)
	case *events.UndecryptableMessage:
		stored, err = b.unreadable(s, e)
	case *events.JoinedGroup:
		stored, err = b.joined(s, e)
	case *events.GroupInfo:
		stored, err = b.changed(s, e)
	case *events.OfflineSyncCompleted:
		s.catchUp()
	case *events.MediaRetry:
		b.mediaAgain(e)
	case *events.Receipt:
		if e.Type == types.ReceiptTypeRetry {
			stored, err = b.onceMore(s, e)
		}
	}
	if err != nil {
		s.end(fmt.Errorf("an event could not be read: %w", err))
		return false
	}
	return stored
}

// kept reports whether an event has to be stored before it is acknowledged.
func kept(e any) bool {
	switch e := e.(type) {
	case *events.Receipt:
		return e.Type == types.ReceiptTypeRetry
	case *events.Message, *events.UndecryptableMessage, *events.JoinedGroup, *events.GroupInfo:
		return true
	}
	return false
}

// message takes a message that was decrypted.
func (b *Bot) message(s *session, e *events.Message) (bool, error) {
	switch {
	case e.Info.Chat.Server == types.GroupServer:
	case e.Info.Chat.Server == types.DefaultUserServer, e.Info.Chat.Server == types.HiddenUserServer:
		if e.Info.IsFromMe {
			return true, nil
		}
		return b.private(s, e)
	default: // a status or a channel: no chat
		return true, nil
	}
	if ok, err := b.known(s, e.Info.Chat); !ok || err != nil {
		return false, err
	}
	sender, err := b.member(s.ctx, e.Info.Sender, e.Info.SenderAlt)
	if err != nil {
		return false, err
	}
	id := chatID(e.Info.Chat)
	ev, err := b.translate(s.ctx, e, chat.Event{
		Chat: id, At: e.Info.Timestamp.UTC(), Member: sender, Name: e.Info.PushName, Message: messageID(e.Info.ID, sender),
	})
	if err != nil {
		return false, err
	}
	var out []chat.Event
	if ev.Kind == chat.Missed || opaque(e.Message) {
		own := messageID(e.Info.ID, sender)
		out = append(out, chat.Event{Key: "unread/" + string(own), Kind: chat.Missed, Chat: id, At: ev.At, Since: ev.At, Message: own, Gap: chat.Undecrypted})
	}
	if ev.Kind != "" && ev.Kind != chat.Missed {
		out = append(out, ev)
	}
	if !s.take(id, out...) {
		return false, nil
	}
	switch ev.Kind {
	case chat.Posted:
		err = b.book.posted(s.ctx, id.Local, ev.Message, ev.At)
	case chat.Deleted:
		err = b.book.gone(s.ctx, id.Local, ev.Message, ev.At)
	}
	return err == nil, err
}

// translate says what a message is. Of ev the chat, the time, the sender and
// the message's own id are filled in. A message that says nothing, such as one
// that only brings keys, has no kind.
func (b *Bot) translate(ctx context.Context, e *events.Message, ev chat.Event) (chat.Event, error) {
	own := ev.Message
	m, err := b.opened(ctx, e)
	if err != nil {
		ev.Kind = chat.Missed
		return ev, ctx.Err()
	}
	if r := m.GetReactionMessage(); r != nil {
		author := ev.Member
		if !r.GetKey().GetFromMe() {
			var err error
			if author, err = b.named(ctx, r.GetKey().GetParticipant(), ev.Member); err != nil {
				return ev, err
			}
		}
		ev.Kind, ev.Key, ev.Name = chat.Reacted, "reacted/"+string(own), ""
		ev.Message, ev.Text = messageID(r.GetKey().GetID(), author), r.GetText()
		return ev, nil
	}
	if p := m.GetProtocolMessage(); p != nil {
		switch {
		case p.GetType() == waE2E.ProtocolMessage_REVOKE:
			author := ev.Member
			if e.Info.Edit == types.EditAttributeAdminRevoke { // the server has seen to it that an administrator wrote it
				var err error
				if author, err = b.named(ctx, p.GetKey().GetParticipant(), ev.Member); err != nil {
					return ev, err
				}
			}
			ev.Kind, ev.Key, ev.Name = chat.Deleted, "deleted/"+string(own), ""
			ev.Message = messageID(p.GetKey().GetID(), author)
		case p.GetEditedMessage() != nil:
			return b.edited(ctx, ev, p.GetKey().GetID(), e.Info.ID, p.GetEditedMessage())
		}
		return ev, nil
	}
	text, quoted := words(m), contextOf(m)
	if text == "" && !shows(m) {
		return ev, nil
	}
	ev.Kind, ev.Key, ev.Text, ev.Files = chat.Posted, "posted/"+string(own), text, files(m, e.Info.Sender)
	if quoted.GetStanzaID() != "" {
		author, err := b.named(ctx, quoted.GetParticipant(), ev.Member)
		if err != nil {
			return ev, err
		}
		ev.ReplyTo = messageID(quoted.GetStanzaID(), author)
	}
	return ev, nil
}

// edited says that a message reads otherwise now. Whatever message it names, it is
// one of the sender's own.
func (b *Bot) edited(ctx context.Context, ev chat.Event, of, by types.MessageID, now *waE2E.Message) (chat.Event, error) {
	own := ev.Message
	ev.Message = messageID(of, ev.Member)
	n, err := b.book.revision(ctx, ev.Chat.Local, ev.Message, by, ev.At)
	ev.Kind, ev.Key, ev.Revision, ev.Text = chat.Edited, "edited/"+string(own), n, words(now)
	ev.FilesKept = true
	return ev, err
}

// opened is a message out of its wrappers, and decrypted where it was encrypted
// once more under the secret of another message. An error: it cannot be read.
func (b *Bot) opened(ctx context.Context, e *events.Message) (*waE2E.Message, error) {
	m := bare(e.Message)
	sealed := *e
	sealed.Message = m
	switch {
	case m.GetEncCommentMessage() != nil:
		said, err := b.client().DecryptComment(ctx, &sealed)
		return bare(said), err
	case m.GetEncReactionMessage() != nil:
		r, err := b.client().DecryptReaction(ctx, &sealed)
		if r != nil && r.Key == nil {
			r.Key = m.GetEncReactionMessage().GetTargetMessageKey()
		}
		return &waE2E.Message{ReactionMessage: r}, err
	case m.GetSecretEncryptedMessage() != nil:
		of := m.GetSecretEncryptedMessage().GetTargetMessageKey()
		now, err := b.client().DecryptSecretEncryptedMessage(ctx, &sealed)
		if err != nil || now.GetProtocolMessage() != nil {
			return now, err
		}
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: of, EditedMessage: now}}, nil
	}
	return m, nil
}

// named is the member with an address as messages write it, or else somebody.
func (b *Bot) named(ctx context.Context, address string, otherwise chat.MemberID) (chat.MemberID, error) {
	j, err := types.ParseJID(address)
	if err != nil || j.User == "" {
		return otherwise, nil // the sender wrote nonsense, which harms nobody else
	}
	return b.member(ctx, j, types.EmptyJID)
}

// joined takes that the bot was added to a group.
func (b *Bot) joined(s *session, e *events.JoinedGroup) (bool, error) {
	b.remember(&e.GroupInfo, b.changesNow())
	if e.Sender == nil || b.isOwn(*e.Sender) {
		return b.enter(s, &e.GroupInfo, "")
	}
	other := types.EmptyJID
	if e.SenderPN != nil {
		other = *e.SenderPN
	}
	by, err := b.member(s.ctx, *e.Sender, other)
	if err != nil {
		return false, err
	}
	return b.enter(s, &e.GroupInfo, by)
}

// unreadable declares a gap. The library has asked the sender for the message
// once more; where it comes, it is posted under the same id.
func (b *Bot) unreadable(s *session, e *events.UndecryptableMessage) (bool, error) {
	if e.Info.Chat.Server != types.GroupServer || e.DecryptFailMode == events.DecryptFailHide && e.Info.Edit != types.EditAttributeMessageEdit {
		return true, nil // what shows nothing by itself, such as a reaction
	}
	if ok, err := b.known(s, e.Info.Chat); !ok || err != nil {
		return false, err
	}
	sender, err := b.member(s.ctx, e.Info.Sender, e.Info.SenderAlt)
	if err != nil {
		return false, err
	}
	id, at := chatID(e.Info.Chat), e.Info.Timestamp.UTC()
	message := messageID(e.Info.ID, sender)
	return s.take(id, chat.Event{
		Key: "missed/" + string(message), Kind: chat.Missed, Chat: id, At: at, Since: at, Message: message, Gap: chat.Undecrypted,
	}), nil
}

// changed takes a change of a group: who came, who left, and what is allowed.
func (b *Bot) changed(s *session, e *events.GroupInfo) (bool, error) {
	b.forget(e.JID)
	id, at := chatID(e.JID), e.Timestamp.UTC()
	for _, j := range e.Leave {
		if b.isOwn(j) {
			return b.left(s, e.JID, at)
		}
	}
	if len(e.Join)+len(e.Leave) == 0 && e.Name == nil && e.Topic == nil {
		return true, nil
	}
	if ok, err := b.known(s, e.JID); !ok || err != nil {
		return false, err
	}
	// The notification's own id is not handed over; the version of the list of
	// members, its time and the member tell one change from another.
	stamp := fmt.Sprintf("@%d/%s", at.Unix(), e.ParticipantVersionID)
	out, err := b.written(s.ctx, e)
	if err != nil {
		return false, err
	}
	for _, j := range e.Join {
		m, err := b.member(s.ctx, j, types.EmptyJID)
		if err != nil {
			return false, err
		}
		out = append(out, chat.Event{Key: "joined/" + string(m) + stamp, Kind: chat.Joined, Chat: id, At: at, Member: m, Name: b.shownName(s.ctx, j)})
	}
	for _, j := range e.Leave {
		m, err := b.member(s.ctx, j, types.EmptyJID)
		if err != nil {
			return false, err
		}
		out = append(out, chat.Event{Key: "left/" + string(m) + stamp, Kind: chat.Left, Chat: id, At: at, Member: m})
	}
	return s.take(id, out...), nil
}

// written is what somebody wrote over a group for all to read: its name, and what
// it is for. It is said there, as a message is, but nobody can delete it for them.
func (b *Bot) written(ctx context.Context, e *events.GroupInfo) (out []chat.Event, err error) {
	texts := map[string]string{}
	if e.Name != nil {
		texts["NAME"] = e.Name.Name
	}
	if e.Topic != nil {
		texts["TOPIC"] = e.Topic.Topic
	}
	for _, what := range []string{"NAME", "TOPIC"} {
		if texts[what] == "" {
			continue
		}
		ev := chat.Event{Kind: chat.Posted, Chat: chatID(e.JID), At: e.Timestamp.UTC(), Text: texts[what]}
		sum := sha256.Sum256([]byte(ev.Text)) // two bytes of it tell two changes in one second apart, and little else
		stanza := fmt.Sprintf("%s%d%x", what, ev.At.Unix(), sum[:2])
		if e.Sender == nil { // nobody can be asked about it
			out = append(out, chat.Event{Key: "unread/" + stanza, Kind: chat.Missed, Chat: ev.Chat, At: ev.At, Since: ev.At, Gap: chat.Undecrypted})
			continue
		}
		other := types.EmptyJID
		if e.SenderPN != nil {
			other = *e.SenderPN
		}
		if ev.Member, err = b.member(ctx, *e.Sender, other); err != nil {
			return nil, err
		}
		ev.Name, ev.Message = b.shownName(ctx, *e.Sender), messageID(stanza, ev.Member)
		ev.Key = "posted/" + string(ev.Message)
		out = append(out, ev)
	}
	return out, err
}

// tellOwn reports what the bot itself deleted: the server tells only others.
func (b *Bot) tellOwn(s *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := b.book.untold(s.ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		if s.take(e.Chat, e) {
			if err := b.book.told(s.ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOwn reports whether an address is the bot's own.
func (b *Bot) isOwn(j types.JID) bool {
	return j.User != "" && (j.User == b.device().GetJID().User && j.Server == types.DefaultUserServer || j.User == b.device().GetLID().User && j.Server == types.HiddenUserServer)
}

// shownName is what somebody calls themselves, as far as it is known.
func (b *Bot) shownName(ctx context.Context, j types.JID) string {
	c, err := b.device().Contacts.GetContact(ctx, j.ToNonAD())
	if err != nil {
		return ""
	}
	return c.PushName
}

// left takes the bot's own leaving.
func (b *Bot) left(s *session, group types.JID, at time.Time) (bool, error) {
	all, err := b.book.chats(s.ctx)
	if err != nil {
		return false, err
	}
	times, there := all[group.User]
	if !there {
		return true, nil
	}
	id := chatID(group)
	if !s.take(id, chat.Event{Key: fmt.Sprintf("out/%d", times), Kind: chat.Removed, Chat: id, At: at}) {
		return false, nil
	}
	err = b.book.setThere(s.ctx, id.Local, times, false)
	return err == nil, err
}
