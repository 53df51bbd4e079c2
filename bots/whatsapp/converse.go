package whatsapp

import (
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// repliesAMinute bounds what one person is answered in private. Two programs
// that answer each other would not end by themselves.
const repliesAMinute = 12

// Converse implements bots.Conversant.
func (b *Bot) Converse(answer bots.Answerer) { b.answer = answer }

// converse answers what somebody says to the bot alone, beside the events that
// come meanwhile. What is said is passed on and kept nowhere.
func (b *Bot) converse(s *session, e *events.Message, member chat.MemberID) {
	text := strings.TrimSpace(words(e.Message))
	if b.answer == nil || text == "" || !b.mayReply(member) {
		return
	}
	s.talks.Go(func() {
		replies, err := b.answer(s.ctx, bots.Private{Account: Name, Member: member, Name: e.Info.PushName, Text: text})
		if err != nil {
			b.o.Log.Warn("a question asked in private could not be answered", "account", Name, "err", err)
			return
		}
		for i, r := range replies {
			// Answered once more after a crash, it is the same message.
			id := stanzaOf(fmt.Sprintf("reply/%s/%d", messageID(e.Info.ID, member), i))
			if _, err := b.send(s.ctx, e.Info.Chat, id, &waE2E.Message{Conversation: proto.String(spoken(r))}); err != nil {
				b.o.Log.Warn("an answer in private could not be sent", "account", Name, "err", err)
				return
			}
		}
	})
}

// spoken writes a reply as a text.
func spoken(r bots.Reply) string {
	if len(r.Choices) == 0 {
		return inert(r.Text)
	}
	return inert(r.Text) + "\n\nYou can answer: " + inert(strings.Join(r.Choices, " · "))
}

func (b *Bot) mayReply(m chat.MemberID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	var recent []time.Time
	for _, at := range b.replied[m] {
		if now.Sub(at).Abs() < time.Minute {
			recent = append(recent, at)
		}
	}
	if len(recent) >= repliesAMinute {
		return false
	}
	b.replied[m] = append(recent, now)
	return true
}
