package slack

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// The shortcuts, by their callback ids.
const (
	captureShortcut = "capture"
	checkShortcut   = "check"
	checkCallback   = "check"
)

// draftMost is what Slack lets somebody write into a modal.
const draftMost = 3000

// ackWithin is when a person is told that what they did is not stored yet.
// Slack waits for three seconds, and does not send it again.
const ackWithin = 2400 * time.Millisecond

// What is acknowledged goes another way than calls do: a call that follows at
// once could be overtaken by it. Slack drops what is larger without a word.
const (
	afterAck    = time.Second
	answerSmall = 20_000
)

// notYet names what is said then. It goes on being tried.
const notYet = "app_not_stored"

// promptly gives the function to call once something is stored. Where that takes
// too long it is acknowledged with what late makes of the words for it, and the
// person is told.
func (b *Bot) promptly(l *life, i *interaction, late func(words string) any, ack func(any)) func() {
	var once sync.Once
	t := time.AfterFunc(ackWithin, func() {
		once.Do(func() {
			words := b.say(l.ctx, i.User.ID)(notYet, 0)
			if late != nil {
				ack(late(words))
				return
			}
			ack(nil)
			if i.Back != "" {
				_ = b.respond(l.ctx, i.Back, bots.Reply{Text: words}) // without it they see that nothing changed
			}
		})
	})
	return func() { once.Do(func() { t.Stop(); ack(nil) }) }
}

// chose takes "Capture this": the message as it now reads is to be kept. What
// becomes of it the person is told once that is known.
func (b *Bot) chose(l *life, i *interaction, ack func(any)) {
	if i.Callback != captureShortcut || i.Channel.ID == "" || i.Chosen.TS == "" {
		ack(nil)
		return
	}
	m := &i.Chosen
	ev := chat.Event{
		Key: "wanted/" + m.TS + "/" + i.User.ID + "/" + orElse(i.ActionTS, i.Trigger), Kind: chat.Wanted, Chat: b.id(i.Channel.ID), At: at(m.TS),
		Member: chat.MemberID(i.User.ID), Message: chat.MessageID(m.TS), Answer: string(author(m)), Text: m.said(), Files: m.files(),
	}
	if m.Edited != nil {
		ev.Revision = revision(m.Edited.TS)
	}
	l.work.Go(func() {
		refuse := ""
		if c, err := b.channel(l.ctx, i.Channel.ID); err != nil || !c.ours {
			refuse = "app_not_in"
		} else if b.ours(m) {
			refuse = "app_own"
		}
		if refuse != "" {
			ack(nil)
			_ = b.respond(l.ctx, i.Back, bots.Reply{Text: b.say(l.ctx, i.User.ID)(refuse, 0)}) // without it they can ask again
			return
		}
		l.lanes.Put(i.Channel.ID, []chat.Event{ev}, b.promptly(l, i, nil, ack))
	})
}

// askDraft opens the modal of "Check before I post". Where it came too late the
// person is told in their conversation: a shortcut has no other place.
func (b *Bot) askDraft(ctx context.Context, i *interaction) {
	say := b.say(ctx, i.User.ID)
	input := slack.NewPlainTextInputBlockElement(text(say("app_draft_what", 0), 150), inputAction)
	input.Multiline, input.MaxLength = true, draftMost
	view := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: checkCallback, Title: text(say("app_check", 0), modalMost), Submit: text(say("app_check_now", 0), modalMost),
		Close: text(say("app_cancel", 0), modalMost),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock(inputBlock, text(say("app_draft", 0), 2000), text(say("app_draft_once", 0), 2000), input),
		}},
	}
	if _, err := b.api.OpenViewContext(ctx, i.Trigger, view); err != nil {
		b.o.Log.Warn("Slack: the box for a draft could not be opened; its member can choose it again", "err", plain(err))
		_ = b.directly(chat.MemberID(i.User.ID), "late/"+i.Trigger)(ctx, 0, bots.Reply{Text: say("app_too_late", 0)}) // without it they see that none opened
	}
}

// checkView is the modal that shows what is said about a draft.
func checkView(say func(string, int) string, blocks []slack.Block) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: text(say("app_check", 0), modalMost), Close: text(say("app_close", 0), modalMost), Blocks: slack.Blocks{BlockSet: blocks},
	}
}

// draft answers a draft, in the modal that it was written into. Nothing of it is
// kept, so that there is nothing to wait for.
func (b *Bot) draft(l *life, i *interaction, ack func(any)) {
	draft := i.View.State.Values[inputBlock][inputAction].Value
	if draft == "" || b.answer == nil {
		ack(nil)
		return
	}
	who, say := chat.MemberID(i.User.ID), b.say(l.ctx, i.User.ID)
	show := func(blocks []slack.Block) map[string]any {
		return map[string]any{"response_action": "update", "view": checkView(say, blocks)}
	}
	moment := paragraphs(say("app_moment", 0))
	var once sync.Once
	t := time.AfterFunc(ackWithin, func() { once.Do(func() { ack(show(moment)) }) })
	l.talk(who, func() {
		replies, err := b.answer(l.ctx, bots.Private{Account: Account, Member: who, Name: b.person(l.ctx, i.User.ID).name, Text: "check " + draft})
		var blocks []slack.Block
		for _, r := range replies {
			blocks = append(blocks, paragraphs(r.Text)...)
		}
		if err != nil || len(blocks) == 0 {
			blocks = paragraphs(say("app_draft_failed", 0))
		}
		shown := false
		once.Do(func() {
			t.Stop()
			if shown = len(acknowledgement(show(blocks))) < answerSmall; shown {
				ack(show(blocks))
			} else {
				ack(show(moment))
			}
		})
		if shown {
			return
		}
		sleep(l.ctx, afterAck)
		if _, err := b.api.UpdateViewContext(l.ctx, checkView(say, blocks), "", "", i.View.ID); err != nil {
			b.o.Log.Warn("Slack: what is said about a draft could not be shown; its member can check it again", "err", plain(err))
		}
	})
}

// submitted takes a modal that was sent off.
func (b *Bot) submitted(l *life, i *interaction, ack func(any)) {
	if i.View.Callback == checkCallback {
		b.draft(l, i, ack)
		return
	}
	r, ok := readRef(i.View.Private)
	if i.View.Callback != modalCallback || !ok {
		ack(nil)
		return
	}
	ev := chat.Event{
		Key: "view/" + i.View.ID, Kind: chat.Answered, Chat: b.id(r.Chat), At: b.o.Now().UTC(), Member: chat.MemberID(i.User.ID),
		Prompt: r.Prompt, Answer: r.Answer, Text: i.View.State.Values[inputBlock][inputAction].Value,
	}
	late := func(words string) any {
		return map[string]any{"response_action": "errors", "errors": map[string]string{inputBlock: words}}
	}
	l.lanes.Put(r.Chat, []chat.Event{ev}, b.promptly(l, i, late, ack))
}

// acknowledgement writes what an envelope is acknowledged with.
func acknowledgement(said any) json.RawMessage {
	if said == nil {
		return nil
	}
	body, err := json.Marshal(said)
	if err != nil {
		return nil // texts always can be written
	}
	return body
}
