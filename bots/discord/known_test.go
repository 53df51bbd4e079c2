package discord_test

import (
	"errors"
	"testing"

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/discord/lab"
	"chaperone/internal/chat"
)

// What is due when the program starts comes before the gateway has told of the
// servers. It waits for that: were it to fail, it would be put off for longer
// with every start, and were the chat to count as gone, it would be lost.
func TestAChatIsNotGoneBeforeItsServerIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.IntentMembers|lab.IntentContent)
	b := w.bot(t, discord.Options{})
	type answer struct {
		able bots.Abilities
		err  error
	}
	early := make(chan answer, 1)
	here := chat.ID{Account: discord.Account, Local: w.general.String()}
	go func() {
		able, err := b.Abilities(t.Context(), here)
		early <- answer{able, err}
	}()
	start(t, b)
	if got := <-early; got.err != nil || got.able[bots.Whisper].Level != bots.Yes {
		t.Errorf("before the connection stood the chat was able to do %v (%v)", got.able, got.err)
	}
	if _, err := b.Abilities(t.Context(), chat.ID{Account: discord.Account, Local: "404"}); !errors.Is(err, bots.ErrGone) {
		t.Errorf("a channel that no server has: %v", err)
	}
}

// A server that the bot was taken out of while it was not connected is not
// among those it is told of, in the same life or in the next.
func TestAServerThatWasLeftMeanwhile(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		w := newWorld(t, lab.IntentMembers|lab.IntentContent)
		r := new(running)
		b := w.bot(t, discord.Options{Memory: r, Now: quick()})
		r.start(t, b)
		until(t, "it is there", func() bool { return len(r.of(chat.Added)) == 1 })
		w.Cut(true)
		until(t, "the line is cut", func() bool { return w.Connected() == 0 })
		w.Leave(w.guild, w.app.User.ID)
		w.Forget()
		if restarted {
			r.stop()
			w.Cut(false)
			r.start(t, w.bot(t, discord.Options{Memory: r, Now: quick()}))
		} else {
			w.Cut(false)
		}
		until(t, "it knows that it is not there any more", func() bool { return len(r.of(chat.Removed)) == 1 })
	}
}
