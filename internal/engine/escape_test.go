package engine_test

import (
	"slices"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/prompt"
)

// Ids of whatever bytes stay apart, and the platform gets its own back; a name
// of whatever bytes holds nothing up.
func TestIdsOfWhateverBytes(t *testing.T) {
	bot := newFaulty()
	start(t, bot)
	members := []chat.MemberID{"\x00", "\xff", "\xfe", "\xed\xa0\x80", "\uFDD0", "\uFDD000", "\uFFFD", "plain"} // \xed\xa0\x80 is half a surrogate pair
	where := chat.ID{Account: "faulty", Local: "r\x00\xff"}
	for _, m := range members {
		bot.events <- chat.Event{
			Key: "k" + string(m), Kind: chat.Posted, Chat: where, At: time.Now(), Member: m, Name: "Sam\x00\xff",
			Message: "m\xff" + chat.MessageID(m), Text: sensitive,
		}
	}
	prompts := func() map[chat.MemberID]bots.Effect {
		bot.mu.Lock()
		defer bot.mu.Unlock()
		out := map[chat.MemberID]bots.Effect{}
		for _, e := range bot.ledger {
			if e.Kind == bots.Whisper {
				out[e.Member] = e
			}
		}
		return out
	}
	until(t, "each member is asked", func() bool { return len(prompts()) == len(members) })
	for m, e := range prompts() {
		want := "m\xff" + chat.MessageID(m)
		if !slices.Contains(members, m) || e.Chat != where || !slices.Equal(e.Prompt.Messages, []chat.MessageID{want}) {
			t.Errorf("%q was asked in %q about %q, want %q", m, e.Chat, e.Prompt.Messages, want)
		}
		bot.events <- chat.Event{Key: "answer" + string(m), Kind: chat.Answered, Chat: where, At: time.Now(), Member: m, Prompt: e.Prompt.ID, Answer: prompt.AnswerDelete}
	}
	until(t, "each message is deleted", func() bool { return bot.count(bots.Delete) == len(members) })
	bot.mu.Lock()
	defer bot.mu.Unlock()
	deleted := map[chat.MessageID]bool{}
	for _, e := range bot.ledger {
		if e.Kind == bots.Delete {
			deleted[e.Message] = true
		}
	}
	for _, m := range members {
		if !deleted["m\xff"+chat.MessageID(m)] {
			t.Errorf("the message of %q was not deleted by its own id", m)
		}
	}
}
